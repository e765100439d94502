//! `convolve kernel`: a kernel to look at.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, GrayImage, Luma};
use ndarray::{ArrayD, ArrayView2, Ix2};

use crate::about::About;
use crate::args::ShowKernel;
use crate::formats::{self, check_format, extensions, is_array};
use crate::jobs::{check_parent, check_place};
use crate::kernel::{Kernel, Operation};
use crate::leftovers;
use crate::npy;
use crate::output;
use crate::report;

/// Pixels of the longer side of a picture, at least: small kernels are enlarged.
const SIDE: usize = 128;

/// The most taps that are printed.
const MOST_PRINTED: usize = 1 << 20;

pub fn run(args: &ShowKernel) -> Result<()> {
    let kernel = Kernel::load(&args.kernel, args.scale)?;
    ensure!(
        matches!(kernel.operation, Operation::Convolution),
        "kernel {}: expected one kernel, such as gaussian:SIGMA or sobel-x, got an operation",
        args.kernel
    );
    let taps = kernel.cast::<f64>(usize::from(args.axes))?;
    match &args.output {
        None => report::print(text(&args.kernel, &taps, kernel.offset)?.trim_end()),
        Some(output) => write(&taps, output),
    }
}

fn write(taps: &ArrayD<f64>, output: &Path) -> Result<()> {
    check_parent(output)?;
    check_place(output)?;
    leftovers::remove_on_signals()?;
    if is_array(output) {
        return output::write(output, |file| npy::write(file, taps));
    }
    ensure!(
        formats::format(output).is_some(),
        "{}: expected a name that ends in npy, {}",
        output.display(),
        extensions()
    );
    ensure!(
        taps.iter().all(|tap| tap.is_finite()),
        "expected finite taps for a picture, or an output that ends in npy"
    );
    let picture = DynamicImage::from(picture(plane(taps)?)?);
    check_format(output, picture.color())?;
    output::write(output, |file| formats::write(file, output, &picture, &About::default()))
}

/// Taps of one or two axes, in rows.
fn plane(taps: &ArrayD<f64>) -> Result<ArrayView2<'_, f64>> {
    match *taps.shape() {
        [_, _] => Ok(taps.view().into_dimensionality::<Ix2>()?),
        [n] => Ok(taps.view().into_shape_with_order((1, n))?),
        _ => bail!("{} axes: expected 1 or 2 to show, or an output that ends in npy", taps.ndim()),
    }
}

/// As `--kernel` reads it again, to the last digit.
fn text(name: &str, taps: &ArrayD<f64>, offset: f64) -> Result<String> {
    let rows = plane(taps)?;
    ensure!(
        taps.len() <= MOST_PRINTED,
        "{} taps are too many to print: expected an output (-o kernel.npy)",
        taps.len()
    );
    let (down, right) = rows.dim();
    let mut text = format!("# {name}: {down} x {right} taps, sum {:.6}\n", rows.sum() + 0.0);
    if offset != 0.0 {
        writeln!(text, "offset {offset}")?;
    }
    let cells: Vec<String> = rows.iter().map(number).collect();
    let width = cells.iter().map(String::len).max().unwrap_or_default();
    for row in cells.chunks(right) {
        let row: Vec<String> = row.iter().map(|cell| format!("{cell:>width$}")).collect();
        writeln!(text, "{}", row.join(" ").trim_end())?;
    }
    Ok(text)
}

/// With all its digits, and no more zeros than can be read.
fn number(tap: &f64) -> String {
    match tap.abs() {
        0.0 => "0".into(),
        1e-4..1e16 => tap.to_string(),
        _ => format!("{tap:e}"),
    }
}

/// Black where a tap is zero and white where it is largest; of taps of both signs, zero is mid-grey. Each tap
/// is a square.
fn picture(taps: ArrayView2<f64>) -> Result<GrayImage> {
    let largest = taps.iter().fold(0.0, |largest: f64, tap| largest.max(tap.abs()));
    let signed = taps.iter().any(|tap| *tap < 0.0);
    let level = |tap: f64| match largest {
        0.0 => 0,
        _ if signed => (127.5 + 127.5 * tap / largest).round() as u8,
        _ => (255.0 * tap / largest).round() as u8,
    };
    let (rows, columns) = taps.dim();
    let square = SIDE.div_ceil(rows.max(columns)).max(1);
    let size = |n: usize| u32::try_from(n * square).context("too large for a picture");
    Ok(GrayImage::from_fn(size(columns)?, size(rows)?, |x, y| {
        let [i, j] = [y, x].map(|at| at as usize / square);
        Luma([level(taps[[i, j]])])
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_printed_as_they_are_read() {
        for spec in ["gaussian:0.7", "sobel-x", "log:1", "moffat:1,1.5", "motion:4,20"] {
            let taps = Kernel::load(spec, 1.0).unwrap().cast::<f64>(2).unwrap();
            let text = text(spec, &taps, 0.0).unwrap();
            assert!(text.starts_with(&format!("# {spec}: ")), "{text}");
            let (again, _) = crate::matrix::parse(&text).unwrap();
            let again = again.mapv(|tap| tap.double().unwrap()).into_dyn();
            assert_eq!(again, taps, "{text}");
        }
        let line = ArrayD::from_shape_vec(vec![3], vec![0.25, -0.5, 1e-20]).unwrap();
        let expected = "# x: 1 x 3 taps, sum -0.250000\noffset 128\n 0.25  -0.5 1e-20\n";
        assert_eq!(text("x", &line, 128.0).unwrap(), expected);
        assert!(text("x", &ArrayD::zeros(vec![2, 2, 2]), 0.0).is_err());
    }

    #[test]
    fn taps_are_squares_of_grey() {
        let taps = |taps: [f64; 2]| ArrayD::from_shape_vec(vec![1, 2], taps.to_vec()).unwrap();
        let shown = |of: [f64; 2]| picture(plane(&taps(of)).unwrap()).unwrap();
        let levels = |of| [shown(of)[(0, 0)].0[0], shown(of)[(127, 63)].0[0]];
        assert_eq!(shown([0.5, 1.0]).dimensions(), (128, 64));
        assert_eq!(levels([0.5, 1.0]), [128, 255]);
        assert_eq!(levels([-1.0, 0.0]), [0, 128]);
        assert_eq!(levels([0.0, 0.0]), [0, 0]);
    }
}
