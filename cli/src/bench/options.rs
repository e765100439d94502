//! The options of `convolve bench`.

use std::path::PathBuf;

use clap::Args;

use crate::dtype::DType;
use crate::meaning::Shape;

const HELP: &str = "\
Every method on every device is measured in turns, in mode same, from and to host memory: the
median, the 10th and the 90th percentile of its runs, the first run with planning and a new result
(and on a GPU with the shaders that no case before it needed), and what its plan expected. Of all
times only those of one run of the command can be compared. What would take too long is left out,
and named. The limit is the least time that a copy of the samples and the multiply-adds take on this
machine, measured in the same run; of an FFT and of integers the copy alone, and data that has zeros
may need less. Results are compared before they are timed: a wrong one is not timed, and the status
is 1.

A file of --compare, --from or --peers is what --json or benches/peers has written; - is standard
input. In --compare a way is slower where the 10th percentile of its second file lies above the 90th
of the first, and with --fail-over PERCENT the status is 1 where its median is higher by more than
that too, where a way that had times has none any more, where a result has become wrong, or where no
case is in both.

Examples:
  convolve bench --quick
  convolve bench --shape 1080x1920 --kernel-shape 15x15 --dtype f32,u8
  convolve bench --json today.json --report today.html
  convolve bench --from today.json --csv today.csv
  convolve bench --compare yesterday.json today.json --fail-over 10";

/// What only makes sense where something is measured.
const MEASURING: [&str; 7] =
    ["quick", "full", "seconds", "shapes", "kernel_shapes", "dtypes", "picture"];
/// Where what has been measured goes.
const OUTPUTS: [&str; 3] = ["json", "csv", "report"];

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = HELP)]
pub struct Bench {
    /// A few cases, in 20 seconds
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// More sizes, types and data, in 10 minutes
    #[arg(long)]
    pub full: bool,
    /// Time for all of it, in seconds [default: 90]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub seconds: Option<f64>,
    /// Filter arrays of this shape, such as 1080x1920, instead of the usual cases; may be repeated
    #[arg(long = "shape", value_name = "NxN")]
    pub shapes: Vec<Shape>,
    /// Filter with kernels of this shape, such as 15x15; may be repeated
    #[arg(long = "kernel-shape", value_name = "NxN")]
    pub kernel_shapes: Vec<Shape>,
    /// Filter arrays of these types, such as f32,u8
    #[arg(long = "dtype", value_name = "T[,T...]", value_enum, value_delimiter = ',')]
    pub dtypes: Vec<DType>,
    /// Filter this picture too, in the type that it has
    #[arg(long, value_name = "FILE")]
    pub picture: Option<PathBuf>,
    /// Write what was measured as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write what was measured as a table for programs
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write what was measured as a page
    #[arg(long, value_name = "FILE.html")]
    pub report: Option<PathBuf>,
    /// Show what benches/peers has measured in that page too
    #[arg(long, value_name = "FILE.json", requires = "report")]
    pub peers: Option<PathBuf>,
    /// Measure nothing, and show what was measured before
    #[arg(long, value_name = "FILE.json", conflicts_with_all = MEASURING)]
    pub from: Option<PathBuf>,
    /// Measure nothing, and compare what was measured before and after
    #[arg(long, value_names = ["BEFORE.json", "AFTER.json"], num_args = 2)]
    #[arg(conflicts_with_all = MEASURING, conflicts_with_all = OUTPUTS, conflicts_with = "from")]
    pub compare: Option<Vec<PathBuf>>,
    /// Fail where something has become slower by more than this, in percent, or has no times any more
    #[arg(long, value_name = "PERCENT", value_parser = percent, requires = "compare")]
    pub fail_over: Option<f64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    let sane = seconds.filter(|seconds| (0.1..=1e5).contains(seconds));
    sane.ok_or_else(|| "expected a number of seconds, from 0.1 to 100000".to_string())
}

fn percent(text: &str) -> Result<f64, String> {
    let percent: Option<f64> = text.trim_end_matches('%').parse().ok();
    let sane = percent.filter(|percent| (0.0..=1e6).contains(percent));
    sane.ok_or_else(|| "expected percent, such as 10".to_string())
}

impl Bench {
    /// Time for all of it.
    pub fn time(&self) -> f64 {
        self.seconds.unwrap_or(match (self.quick, self.full) {
            (true, _) => 20.0,
            (_, true) => 600.0,
            _ => 90.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sane() {
        assert_eq!((seconds("0.1"), percent("10"), percent("2.5%")), (Ok(0.1), Ok(10.0), Ok(2.5)));
        for wrong in ["", "0", "-1", "nan", "inf", "x"] {
            assert!(seconds(wrong).is_err_and(|error| error.contains("from 0.1")), "{wrong}");
        }
        for wrong in ["", "-1", "nan", "inf", "x"] {
            assert!(percent(wrong).is_err_and(|error| error.contains("such as 10")), "{wrong}");
        }
    }
}
