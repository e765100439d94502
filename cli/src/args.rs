//! The command line.

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use crate::bench::options::Bench;
use crate::builtin;
use crate::dtype::DType;
use crate::formats;
use crate::jpeg::Subsampling;
use crate::meaning::{Meaning, Shape};
use crate::place::Region;
use crate::report;

/// Convolve pictures and arrays on the GPU or the CPU, whichever is faster.
#[derive(Debug, Parser)]
#[command(name = "convolve", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Convolve pictures, folders of pictures, or .npy arrays
    Apply(Apply),
    /// Explain what would run, without running it
    Plan(Plan),
    /// Show a kernel: its taps as text, or as a picture
    Kernel(ShowKernel),
    /// Show the CPU, the GPUs, which of them would be used, and what was measured of them
    Devices,
    /// Measure this machine, and keep the result for later plans
    Calibrate,
    /// Measure every method on every device, beside what was expected and this machine's limits
    Bench(Bench),
    /// Print a script with which a shell completes arguments
    #[command(after_help = COMPLETIONS_HELP)]
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = MAN_HELP)]
    Man {
        /// That of one of the commands, such as apply
        #[arg(value_name = "COMMAND")]
        command: Option<String>,
    },
}

const COMPLETIONS_HELP: &str = "\
Examples:
  convolve completions bash > ~/.local/share/bash-completion/completions/convolve
  convolve completions zsh > ~/.zfunc/_convolve
  convolve completions fish > ~/.config/fish/completions/convolve.fish";

const MAN_HELP: &str = "\
Examples:
  convolve man > ~/.local/share/man/man1/convolve.1
  convolve man apply > ~/.local/share/man/man1/convolve-apply.1";

/// What kernels there are.
fn kernels() -> String {
    format!(
        "Kernels:\n{}{OPERATIONS}{KERNEL_FILES}{}\n{KERNEL_AXES}",
        builtin::help(),
        builtin::of_any_rank()
    )
}

// Not after a backslash, which would take the blanks of the first line.
const OPERATIONS: &str = "  unsharp:SIGMA,AMOUNT,THRESHOLD
                         unsharp mask where that takes more than THRESHOLD, in units
                         of the samples (apply only)
  gradient:NAME          strength of edges: length of the vector of both derivatives by
                         sobel, scharr, prewitt, roberts or gaussian:SIGMA (apply only)
";

const KERNEL_FILES: &str = "  FILE.npy               an array
  FILE.png               a picture (of any format): its grey levels, which sum to 1 then
  FILE                   text: rows on lines, numbers separated by blanks, commas or
                         semicolons, # starts a comment (./NAME where NAME is a kernel
                         above); lines before the first row may be: divisor 24 or
                         scale 1/24, for all taps, and offset 128, which is added to
                         results (of a picture in levels of 8 bits, 255 being white; of
                         an array as it is)
";

const KERNEL_AXES: &str = "\
have as many axes as what is filtered: a value holds for all of them, or there is
one per axis where a kernel takes a single one, as gaussian:2,0.5 and box:3,5. The
others have two axes.
A kernel takes the input's type (f32 for pictures). Digits may be rounded, and tails
may vanish that the largest tap hides; a tap that would lose more is an error: its
fraction in an integer, its imaginary part, or all of it where it would become infinite.";

const APPLY_HELP: &str = "\
Pictures are filtered channel by channel, by default in mode same with boundary
mirror; the result is rounded and saturated once. Where the kernel sums to one, colours
count by their alpha, and alpha is filtered too; any other kernel filters colours as they
are and carries alpha over. An output's format must keep the picture's channels and their
depth (no alpha and no 16 bits in a JPEG). A picture into a .npy gives what was computed
(f32, or --dtype), height x width or height x width x channels. A TIFF has all its pages
filtered, into a TIFF; smaller copies of them are left out. Animations are refused.
A region counts from the left and the top of the picture as it is seen. Pixels outside of
it and under black of a mask stay what they are, bit for bit in formats that lose nothing; a
mask has 8 or 16 bits and the size of the pictures, and with a region holds within that.
Colours that have alpha multiplied in, as OpenEXR's have and a TIFF's may, are filtered so,
and stay so in formats that have it.
Arrays keep dtype and rank, by default in mode same with boundary zero; integers wrap;
booleans are taken as 0 and 1 in f32. All axes are filtered: --channels last leaves the
last one alone, for H x W x 3, and --axis N all but one.
Colour profile, Exif, XMP and resolution stay with a picture where the output's format has
a place for them; what has none is named. A picture on its side is turned upright. A JPEG
is compressed as its input was, with the same tables and chroma.
A file is put in its place when it is whole, or not at all. Of several files each is
filtered on its own, many at one time: those that fail are named at the end (status 2), the
others are written. - is known by its content (all but tga can be), and -o - writes to
standard output, where nothing else is printed then. Files in the outputs' places are
replaced (of a link, the file that it points to); pipes and devices are refused. In a
folder, what does not end like a picture is passed over, and named.

Examples:
  convolve apply photo.png --kernel gaussian:4 -o blurred.png
  convolve apply holiday/ --kernel sharpen -o sharp/
  convolve apply a.jpg b.jpg --kernel motion:21,30 --boundary nearest -o moved/
  convolve apply night.jpg --kernel disk:9 --linear -o out-of-focus.jpg
  convolve apply group.png --kernel box:41 --region 90x110+310+60 -o unnamed.png
  convolve apply photo.png --kernel disk:9 --linear --mask background.png -o portrait.png
  convolve apply photo.png --kernel unsharp:2,1.5 --compare -o both.png
  convolve apply photo.png --kernel sobel-x --dtype i16 -o edges.npy
  convolve apply photo.png --kernel gradient:scharr --scale 1/8 -o edges.png
  convolve apply photo.png --kernel sobel-y --scale 1/4 --signed offset -o slopes.png
  convolve apply rgb.npy --kernel gaussian:2 --channels last --dtype f32 -o y.npy
  curl -s https://example.org/a.jpg | convolve apply - --kernel gaussian:4 -o - > blurred.jpg
  convolve apply traces.npy --kernel gaussian-derivative:3,1 --axis -1 --dtype f32 -o y.npy
  convolve apply volume.npy --kernel k.npy --mode valid --explain --verify -o y.npy";

const PLAN_HELP: &str = "\
Examples:
  convolve plan --shape 2048x2048 --kernel-shape 15x15
  convolve plan --shape 2048x2048 --kernel gaussian:4 --dtype f64 --boundary wrap";

#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{APPLY_HELP}", kernels()))]
pub struct Apply {
    /// Pictures, folders of pictures, or .npy arrays; - is one of them from standard input
    #[arg(required = true, value_name = "IN")]
    pub inputs: Vec<PathBuf>,
    /// The kernel: a built-in or a file, see below
    #[arg(short, long, allow_hyphen_values = true)]
    pub kernel: String,
    /// A file; a folder for several inputs or a folder; - for standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: PathBuf,
    /// Format of standard output: png, tif, jpg, .. or npy [default: the input's]
    #[arg(long, value_name = "NAME", value_parser = output_format)]
    pub format: Option<String>,
    /// Multiply the kernel, with a number or a fraction such as 1/8
    #[arg(long, value_name = "F", default_value = "1", allow_hyphen_values = true)]
    #[arg(value_parser = factor)]
    pub scale: f64,
    /// How a picture shows results below zero
    #[arg(long, value_enum, default_value_t = Signed::Clip)]
    pub signed: Signed,
    /// Filter this rectangle of pictures alone; all other pixels stay what they are
    #[arg(long, value_name = "WxH+X+Y", allow_hyphen_values = true)]
    pub region: Option<Region>,
    /// Filter pictures as much as this grey picture says: not at all in black, wholly in white
    #[arg(long, value_name = "FILE")]
    pub mask: Option<PathBuf>,
    /// Write pictures with their results on the right
    #[arg(long)]
    pub compare: bool,
    /// What alpha is to the colours of pictures that have it, where the kernel sums to one [default: what the
    /// file says]
    #[arg(long, value_enum)]
    pub alpha: Option<Alpha>,
    #[command(flatten)]
    pub meaning: Meaning,
    /// Compute arrays in this type and write it; write results of pictures (to .npy or tif) in it
    #[arg(long, value_enum)]
    pub dtype: Option<DType>,
    /// What the last axis of an array is; channels are filtered one by one
    #[arg(long, value_enum, default_value_t = Channels::None, conflicts_with = "axis")]
    pub channels: Channels,
    /// Leave NaN out: means of the samples that are there (f32, f64; taps of at least 0)
    #[arg(long, conflicts_with_all = ["verify", "profile"])]
    pub ignore_nan: bool,
    /// Filter the light that the levels of 8-bit and 16-bit pictures stand for (sRGB), not the levels
    #[arg(long)]
    pub linear: bool,
    /// Quality of JPEGs, 1 to 100 [default: the input's; 92 where that is no JPEG]
    #[arg(long, value_name = "N", value_parser = quality)]
    pub quality: Option<u8>,
    /// Colours of JPEGs, for each pixel or for 2 or 4 together [default: as the input; 444]
    #[arg(long, value_enum)]
    pub subsampling: Option<Subsampling>,
    /// Largest picture that is read, in pixels of a page
    #[arg(long, value_name = "N", default_value_t = 1 << 28, value_parser = count::<u64>)]
    pub max_pixels: u64,
    /// Check every method on every device; status 1 where one is off by more than its bound
    #[arg(long)]
    pub verify: bool,
    /// Compute N outputs of each result again, from the definition; status 1 where one is wrong
    #[arg(long, value_name = "N", value_parser = count::<usize>)]
    pub check: Option<usize>,
    /// Print the plan, what ran and how long it took, on standard error
    #[arg(long)]
    pub explain: bool,
    /// Run twice, and print where the time of the second run went, on standard error
    #[arg(long)]
    pub profile: bool,
}

#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{PLAN_HELP}", kernels()))]
pub struct Plan {
    /// Shape of the input, as 2048x2048
    #[arg(long, value_name = "NxN")]
    pub shape: Shape,
    /// Shape of the kernel; nothing else is assumed of it
    #[arg(long, value_name = "NxN", conflicts_with = "kernel", required_unless_present = "kernel")]
    pub kernel_shape: Option<Shape>,
    /// The kernel itself, see below
    #[arg(short, long, allow_hyphen_values = true)]
    pub kernel: Option<String>,
    /// Type of the elements
    #[arg(long, value_enum, default_value_t = DType::F32)]
    pub dtype: DType,
    /// Runs between which is shared what is done once
    #[arg(long, value_name = "N", value_parser = runs)]
    pub runs: Option<u32>,
    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub meaning: Meaning,
}

const SHOW_HELP: &str = "\
Examples:
  convolve kernel unsharp:1,0.5
  convolve kernel polygon:20,6,0 -o iris.png
  convolve kernel log:2 --axes 3 -o log.npy";

#[derive(Debug, Args)]
#[command(after_help = format!("{}\n\n{SHOW_HELP}", kernels()))]
pub struct ShowKernel {
    /// The kernel: a built-in or a file, see below
    #[arg(allow_hyphen_values = true)]
    pub kernel: String,
    /// Where to write it, instead of printing it: a .npy of f64, or a picture, in which small kernels are
    /// enlarged and zero is mid-grey where taps have both signs
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Multiply the kernel, with a number or a fraction such as 1/8
    #[arg(long, value_name = "F", default_value = "1", allow_hyphen_values = true)]
    #[arg(value_parser = factor)]
    pub scale: f64,
    /// Axes of what it would filter
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = count::<u8>)]
    pub axes: u8,
}

/// `png`, or whatever else names of files end in.
fn output_format(text: &str) -> Result<String, String> {
    // `x.png` and `a/png` are names, and no ends of one.
    let bare = text.bytes().all(|b| b.is_ascii_alphanumeric());
    let name = PathBuf::from(format!("_.{text}"));
    match bare && (formats::is_array(&name) || formats::format(&name).is_some()) {
        true => Ok(text.into()),
        false => Err(format!("expected npy or {}", formats::extensions())),
    }
}

fn count<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_| "expected a whole number of at least 0".to_string())
}

fn runs(text: &str) -> Result<u32, String> {
    let runs = text.parse().ok().filter(|runs| *runs > 0);
    runs.ok_or_else(|| "expected a whole number of at least 1".to_string())
}

fn quality(text: &str) -> Result<u8, String> {
    let quality = text.parse().ok().filter(|quality| (1..=100).contains(quality));
    quality.ok_or_else(|| "expected a whole number from 1 to 100".to_string())
}

/// `0.125` or `1/8`.
fn factor(text: &str) -> Result<f64, String> {
    let (above, below) = text.split_once('/').unwrap_or((text, "1"));
    let [above, below] = [above, below].map(|part| part.trim().parse().unwrap_or(f64::NAN));
    let factor: f64 = above / below;
    let sane = factor.is_finite() && factor != 0.0;
    sane.then_some(factor).ok_or_else(|| "expected a number such as 0.125 or 1/8".to_string())
}

/// What alpha is to colours.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Alpha {
    /// Their weight: what is transparent does not count
    Straight,
    /// It is multiplied into them already, and no colour exceeds it
    Premultiplied,
    /// A channel like any other
    Channel,
}

impl From<Alpha> for convolve::Alpha {
    fn from(alpha: Alpha) -> Self {
        match alpha {
            Alpha::Straight => Self::Straight,
            Alpha::Premultiplied => Self::Premultiplied,
            Alpha::Channel => Self::AsChannel,
        }
    }
}

/// How results below zero are shown.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Signed {
    /// They are black
    Clip,
    /// Without their sign
    Absolute,
    /// Darker than mid-grey; what is above zero is brighter
    Offset,
}

/// Whether the last axis of an array has channels.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Channels {
    /// An axis like any other
    None,
    /// Channels, as of height x width x 3
    Last,
}

impl Apply {
    /// How much of each result is checked.
    pub fn check(&self) -> convolve::Check {
        self.check.map_or(convolve::Check::Nothing, convolve::Check::Sampled)
    }
}

/// The command line, or the exit status where it is wrong or asks for help.
pub fn parse() -> Result<Cli, ExitCode> {
    Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            // Fails only where nobody reads it.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
        }
        _ => {
            // The first paragraph says it all; usage and hints follow.
            let text = error.render().to_string();
            let what = text.split("\n\n").next().unwrap_or_default();
            report::fail(&format!("{} (see --help)", what.trim_start_matches("error: ")))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_lists_kernels_in_columns() {
        let help = kernels();
        let rows = || help.lines().skip(1).take_while(|line| line.starts_with("  "));
        let long = |row: &str| row.len() > 26 && !row.trim_start().contains(' ');
        assert!(rows().all(|row| long(row) || row.as_bytes()[24] == b' '), "{help}");
        assert!(rows().any(|row| row.starts_with("  disk:RADIUS            blur")), "{help}");
        assert!(rows().any(|row| row.starts_with("  FILE.npy               an array")), "{help}");
    }

    #[test]
    fn output_formats_are_ends_of_names() {
        for right in ["png", "PNG", "tiff", "npy", "jpg"] {
            assert_eq!(output_format(right), Ok(right.into()));
        }
        for wrong in ["", ".", "x.png", "a/png", "/", "../y.png", "png ", "xyz"] {
            let error = output_format(wrong).expect_err(wrong);
            assert!(error.contains("expected npy or png"), "{error}");
        }
    }

    #[test]
    fn whole_numbers() {
        assert_eq!((count("0"), runs("7"), quality("100")), (Ok(0u8), Ok(7), Ok(100)));
        let errors = [count::<u64>("x").err(), runs("0").err(), quality("101").err()];
        assert!(errors.iter().flatten().all(|error| error.starts_with("expected a whole number")));
        assert_eq!(errors.iter().flatten().count(), 3);
    }

    #[test]
    fn factors() {
        assert_eq!(factor("1/8"), Ok(0.125));
        assert_eq!(factor("-2.5"), Ok(-2.5));
        for wrong in ["", "0", "1/0", "x", "1/2/3", "nan", "inf"] {
            assert!(factor(wrong).is_err_and(|error| error.contains("1/8")), "{wrong}");
        }
    }
}
