//! Kernels, by name or from a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use convolve::filters;
use ndarray::{Array2, ArrayD, Dimension, IxDyn};

use crate::dtype::Value;
use crate::npy::Npy;
use crate::number::Number;
use crate::with_dtype;

/// A kernel that has not met the input's type yet.
pub struct Kernel {
    /// What the caller wrote.
    name: String,
    taps: Box<dyn Taps>,
    /// A text matrix of one row may also stand for an array with one axis.
    may_be_a_row: bool,
}

/// An array of numbers of any type.
trait Taps {
    fn shape(&self) -> &[usize];
    fn numbers(&self) -> Box<dyn Iterator<Item = Number> + '_>;
}

impl<A: Value> Taps for ArrayD<A> {
    fn shape(&self) -> &[usize] {
        ArrayD::shape(self)
    }
    fn numbers(&self) -> Box<dyn Iterator<Item = Number> + '_> {
        Box::new(self.iter().map(|tap| tap.number()))
    }
}

impl Taps for Array2<Number> {
    fn shape(&self) -> &[usize] {
        Array2::shape(self)
    }
    fn numbers(&self) -> Box<dyn Iterator<Item = Number> + '_> {
        Box::new(self.iter().copied())
    }
}

impl Kernel {
    /// A built-in kernel, a .npy, or a text matrix.
    pub fn load(spec: &str) -> Result<Self> {
        Self::find(spec).with_context(|| format!("kernel {spec}"))
    }

    fn find(spec: &str) -> Result<Self> {
        let path = Path::new(spec);
        let mut may_be_a_row = false;
        let taps: Box<dyn Taps> = if has_extension(path, "npy") {
            let npy = Npy::open(path)?;
            with_dtype!(npy.dtype, read_taps(npy))?
        } else if let Some(kernel) = built_in(spec)? {
            Box::new(kernel.into_dyn())
        } else if path.exists() {
            let text = read_text(path).context("expected a .npy or a text matrix")?;
            let matrix = parse_matrix(&text)?;
            may_be_a_row = matrix.nrows() == 1;
            Box::new(matrix)
        } else {
            bail!(
                "neither a kernel nor a file of this name is known: expected {KNOWN}, or an \
                 existing file (.npy or a text matrix)"
            );
        };
        Ok(Self { name: spec.into(), taps, may_be_a_row })
    }

    /// What the caller wrote.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel for an input of this type and number of axes; an error where a tap would lose
    /// more than digits.
    pub fn cast<A: Value>(&self, rank: usize) -> Result<ArrayD<A>> {
        let shape = match self.taps.shape() {
            [1, n] if self.may_be_a_row && rank == 1 => vec![*n],
            shape => shape.to_vec(),
        };
        let places = ndarray::indices(IxDyn(self.taps.shape()));
        let magnitudes = self.taps.numbers().filter_map(|tap| Some(tap.double().ok()?.abs()));
        let largest = magnitudes.fold(0.0, f64::max);
        let taps = self.taps.numbers().zip(places).map(|(tap, place)| {
            A::tap(tap, largest).map_err(|reason| {
                anyhow!(
                    "kernel {}, tap {:?}: {reason}, and the kernel takes the input's type, {}",
                    self.name,
                    place.slice(),
                    A::DTYPE
                )
            })
        });
        Ok(ArrayD::from_shape_vec(shape, taps.collect::<Result<_>>()?)?)
    }
}

fn read_taps<A: Value>(npy: Npy) -> Result<Box<dyn Taps>> {
    Ok(Box::new(npy.read::<A>()?))
}

/// Whether the path ends so, in whatever case.
pub fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

const KNOWN: &str = "gaussian:SIGMA, box:N, disk:RADIUS, motion:LENGTH,DEGREES, sobel-x, sobel-y, \
                     laplacian, sharpen, emboss or identity";

/// The built-in kernel of this name, if there is one.
fn built_in(spec: &str) -> Result<Option<Array2<f64>>> {
    let (name, given) = match spec.split_once(':') {
        Some((name, given)) => (name, given.split(',').collect()),
        None => (spec, Vec::new()),
    };
    let wanted = match name {
        "gaussian" => "gaussian:SIGMA",
        "box" => "box:N",
        "disk" => "disk:RADIUS",
        "motion" => "motion:LENGTH,DEGREES",
        "sobel-x" | "sobel-y" | "laplacian" | "sharpen" | "emboss" | "identity" => name,
        _ => return Ok(None),
    };
    let wrong = || anyhow!("expected {wanted}");
    let real = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
    let kernel = match (name, given.as_slice()) {
        ("gaussian", [sigma]) => filters::gaussian(real(sigma)?),
        ("box", [n]) => filters::box_mean(n.trim().parse().map_err(|_| wrong())?),
        ("disk", [radius]) => filters::disk(real(radius)?),
        ("motion", [length, angle]) => filters::motion(real(length)?, real(angle)?),
        ("sobel-x", []) => filters::sobel_x(),
        ("sobel-y", []) => filters::sobel_y(),
        ("laplacian", []) => filters::laplacian(),
        ("sharpen", []) => filters::sharpen(),
        ("emboss", []) => filters::emboss(),
        ("identity", []) => filters::identity(),
        _ => return Err(wrong()),
    };
    Ok(Some(kernel?))
}

/// Longer texts are no matrices that anybody wrote: a device may have no end.
const LONGEST_TEXT: u64 = 16 << 20;

fn read_text(path: &Path) -> Result<String> {
    let mut text = String::new();
    // One byte more, to tell whether that is all. Any pipe will do, such as a shell's <(command).
    File::open(path)?.take(LONGEST_TEXT + 1).read_to_string(&mut text)?;
    ensure!(
        text.len() as u64 <= LONGEST_TEXT,
        "a text of more than {} MiB is too long",
        LONGEST_TEXT >> 20
    );
    Ok(text)
}

/// Rows on lines; numbers separated by blanks, commas or semicolons; `#` starts a comment.
fn parse_matrix(text: &str) -> Result<Array2<Number>> {
    let mut taps = Vec::new();
    // Some editors start a text with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut rows, mut columns, mut first) = (0, 0, 0);
    for (line, at) in text.lines().zip(1..) {
        let line = line.split('#').next().unwrap_or_default();
        let before = taps.len();
        let items = line.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
        for item in items.filter(|item| !item.is_empty()) {
            let tap: Number = item.parse().map_err(|error| anyhow!("line {at}: {error}"))?;
            taps.push(tap);
        }
        let found = taps.len() - before;
        match found {
            0 => continue,
            _ if rows == 0 => (columns, first) = (found, at),
            _ if found != columns => bail!(
                "line {at} has {found} numbers, but line {first} has {columns}: \
                 expected rows of equal length"
            ),
            _ => {}
        }
        rows += 1;
    }
    if rows == 0 {
        bail!("expected a matrix of numbers, found none");
    }
    Ok(Array2::from_shape_vec((rows, columns), taps)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use convolve::half::f16;

    #[test]
    fn text_matrices() {
        let matrix = parse_matrix("# a\n1, 2;3\n\n 4\t5 -6e0 # end\n").unwrap();
        let numbers: Vec<f64> = matrix.iter().map(|tap| tap.double().unwrap()).collect();
        assert_eq!((matrix.dim(), numbers), ((2, 3), vec![1.0, 2.0, 3.0, 4.0, 5.0, -6.0]));
        let error = |text| format!("{:#}", parse_matrix(text).unwrap_err());
        assert!(error("1 2\n\n3\n").contains("line 3 has 1 numbers, but line 1 has 2"));
        assert!(error("1 2\n3 nan\n").contains("line 2"));
        assert!(error("# nothing\n").contains("found none"));
    }

    #[test]
    fn no_tap_of_a_built_in_vanishes_in_single_precision() {
        let gaussians = (1..300).map(|i| format!("gaussian:{}", f64::from(i) * 0.0125));
        let disks = (1..300).map(|i| format!("disk:{}", f64::from(i) * 0.0371));
        let motions = (0..300).map(|i| format!("motion:{},{}", 1 + i % 40, i * 3));
        for spec in gaussians.chain(disks).chain(motions) {
            Kernel::load(&spec).unwrap().cast::<f32>(2).unwrap();
        }
    }

    #[test]
    fn taps_that_vanish_beside_others_in_half_precision() {
        let blur = Kernel::load("gaussian:4").unwrap().cast::<f16>(2).unwrap();
        assert!(blur[[0, 0]] == f16::ZERO && blur[[16, 16]].is_normal());
        assert!(f16::tap(Number::Real(1e-9), 1e-3).is_ok());
        assert!(f16::tap(Number::Real(1e-9), 1e-9).is_err());
    }

    #[test]
    fn built_ins() {
        assert_eq!(built_in("box:2").unwrap().unwrap(), Array2::from_elem((2, 2), 0.25));
        assert_eq!(built_in("motion:3,90").unwrap().unwrap().dim(), (3, 1));
        assert!(built_in("nonesuch").unwrap().is_none());
        for spec in [
            "gaussian",
            "gaussian:",
            "gaussian:1,2",
            "box:2.5",
            "box:-1",
            "motion:3",
            "sobel-x:1",
            "gaussian:-1",
            "gaussian:1e9",
            "disk:nan",
        ] {
            assert!(built_in(spec).is_err(), "{spec}");
        }
    }
}
