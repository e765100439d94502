//! Kernels, by name or from a file.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use convolve::Error;
use convolve::filters::{self, Derivatives};
use ndarray::{Array2, ArrayD, Dimension, IxDyn};

use crate::axis::Numbered;
use crate::builtin::{self, BuiltIn};
use crate::decode::{self, Contents};
use crate::dtype::Value;
use crate::formats::format;
use crate::matrix;
use crate::npy::Npy;
use crate::number::Number;
use crate::with_dtype;

/// A kernel that has not met the input's type yet, and what is done with it.
pub struct Kernel {
    /// What the caller wrote.
    name: String,
    source: Source,
    /// What all taps are multiplied with.
    scale: f64,
    pub operation: Operation,
    /// What is added to results, in levels of 8 bits.
    pub offset: f64,
    /// The axis of what is filtered along which the kernel lies.
    axis: Option<Numbered>,
}

/// What is done with a kernel.
pub enum Operation {
    Convolution,
    /// The length of the vector that the result and that of this kernel are.
    Gradient(Box<Kernel>),
    /// An unsharp mask, with the kernel as its blur.
    Unsharp {
        amount: f64,
        threshold: f64,
    },
}

enum Source {
    BuiltIn(BuiltIn),
    Taps {
        taps: Box<dyn Taps>,
        /// A text matrix of one row may also stand for an array with one axis.
        may_be_a_row: bool,
    },
}

/// An array of numbers of any type.
pub trait Taps: Send + Sync {
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
    /// A built-in kernel, an operation, a .npy, a picture, or a text matrix; all taps multiplied with
    /// `scale`.
    pub fn load(spec: &str, scale: f64) -> Result<Self> {
        let mut kernel = Self::find(spec).with_context(|| format!("kernel {spec}"))?;
        kernel.scale *= scale;
        match &mut kernel.operation {
            Operation::Convolution => {}
            Operation::Gradient(other) => other.scale *= scale,
            Operation::Unsharp { .. } => {
                ensure!(scale == 1.0, "--scale goes with kernels and gradients, got {spec}");
            }
        }
        Ok(kernel)
    }

    fn built_in(spec: &str, operation: Operation) -> Result<Self> {
        let kernel = BuiltIn::parse(spec)?.with_context(|| format!("no kernel {spec}"))?;
        let source = Source::BuiltIn(kernel);
        Ok(Self { name: spec.into(), source, scale: 1.0, operation, offset: 0.0, axis: None })
    }

    /// What is more than one kernel, if that is asked for.
    fn operation(spec: &str) -> Result<Option<Self>> {
        if let Some(derivatives) = spec.strip_prefix("gradient:") {
            let pair: Derivatives = derivatives.parse().map_err(|error| match error {
                Error::KernelText { reason, .. } => anyhow!(reason),
                error => error.into(),
            })?;
            let [right, down] = match pair {
                Derivatives::Gaussian(sigma) => {
                    ["0,1", "1,0"].map(|order| format!("gaussian-derivative:{sigma},{order}"))
                }
                Derivatives::Roberts => ["right", "left"].map(|to| format!("roberts-{to}")),
                pair => ["x", "y"].map(|axis| format!("{pair}-{axis}")),
            };
            let other = Box::new(Self::built_in(&down, Operation::Convolution)?);
            return Self::built_in(&right, Operation::Gradient(other)).map(Some);
        }
        let values: Vec<_> = spec.strip_prefix("unsharp:").unwrap_or_default().split(',').collect();
        let [sigma, amount, threshold] = values[..] else { return Ok(None) };
        let number = |text: &str| {
            let number: Option<f64> = text.trim().parse().ok();
            let number = number.filter(|number| number.is_finite());
            number.context("expected unsharp:SIGMA,AMOUNT,THRESHOLD")
        };
        let (amount, threshold) = (number(amount)?, number(threshold)?);
        let operation = Operation::Unsharp { amount, threshold };
        Self::built_in(&format!("gaussian:{}", number(sigma)?), operation).map(Some)
    }

    fn find(spec: &str) -> Result<Self> {
        let path = Path::new(spec);
        let (mut scale, mut offset) = (1.0, 0.0);
        let source = if has_extension(path, "npy") {
            Source::Taps { taps: read_taps(Npy::open(path)?)?, may_be_a_row: false }
        } else if let Some(operation) = Self::operation(spec)? {
            return Ok(Self { name: spec.into(), ..operation });
        } else if let Some(kernel) = BuiltIn::parse(spec)? {
            Source::BuiltIn(kernel)
        } else if path.exists() && format(path).is_some() {
            Source::Taps { taps: Box::new(read_picture(path)?.into_dyn()), may_be_a_row: false }
        } else if path.exists() {
            let text =
                matrix::read_text(path).context("expected a .npy, a picture or a text matrix")?;
            let (taps, said) = matrix::parse(&text)?;
            (scale, offset) = (said.scale(), said.offset());
            let may_be_a_row = taps.nrows() == 1;
            Source::Taps { taps: Box::new(taps), may_be_a_row }
        } else {
            bail!(
                "neither a kernel nor a file of this name is known: expected {}, \
                 unsharp:SIGMA,AMOUNT,THRESHOLD, gradient:NAME, or an existing file (.npy, a picture \
                 or a text matrix)",
                builtin::known()
            );
        };
        let operation = Operation::Convolution;
        Ok(Self { name: spec.into(), source, scale, operation, offset, axis: None })
    }

    /// The same along one axis of what is filtered, where one is given: it has one axis then.
    pub fn along(mut self, axis: Option<Numbered>) -> Result<Self> {
        let is_gradient = matches!(self.operation, Operation::Gradient(_));
        ensure!(
            axis.is_none() || !is_gradient,
            "--axis goes with kernels of one axis, and {} has derivatives along two",
            self.name
        );
        self.axis = axis;
        Ok(self)
    }

    /// What the caller wrote.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The kernel for an input of this type and number of axes; an error where a tap would lose
    /// more than digits.
    pub fn cast<A: Value>(&self, rank: usize) -> Result<ArrayD<A>> {
        match self.axis {
            // Before the kernel is made: it may be one that has two axes.
            Some(axis) => axis.of(rank).and_then(|_| axis.laid(self.cast_to(1)?, rank)),
            None => self.cast_to(rank),
        }
    }

    fn cast_to<A: Value>(&self, rank: usize) -> Result<ArrayD<A>> {
        let taps = match &self.source {
            Source::BuiltIn(kernel) if self.scale == 1.0 => kernel.taps(rank),
            Source::BuiltIn(kernel) => {
                kernel.taps::<f64>(rank).and_then(|taps| cast(&taps, self.scale, rank, false))
            }
            Source::Taps { taps, may_be_a_row } => cast(&**taps, self.scale, rank, *may_be_a_row),
        };
        taps.with_context(|| match A::DTYPE.is_integer() {
            true => format!(
                "kernel {} in {}, the input's type (--dtype f32 computes in floating point)",
                self.name,
                A::DTYPE
            ),
            false => format!("kernel {}", self.name),
        })
    }
}

fn cast<A: Value>(
    taps: &dyn Taps,
    scale: f64,
    rank: usize,
    may_be_a_row: bool,
) -> Result<ArrayD<A>> {
    let shape = match taps.shape() {
        [1, n] if may_be_a_row && rank == 1 => vec![*n],
        shape => shape.to_vec(),
    };
    let places = ndarray::indices(IxDyn(taps.shape()));
    let numbers = || taps.numbers().map(|tap| tap.times(scale));
    let magnitudes = numbers().filter_map(|tap| Some(tap.double().ok()?.abs()));
    let largest = magnitudes.fold(0.0, f64::max);
    let taps = numbers().zip(places).map(|(tap, place)| {
        A::tap(tap, largest).map_err(|reason| {
            anyhow!(
                "tap {:?}: {reason}, and the kernel takes the input's type, {}",
                place.slice(),
                A::DTYPE
            )
        })
    });
    let len = shape.iter().product();
    let mut cast: Vec<A> = Vec::new();
    cast.try_reserve_exact(len).with_context(|| format!("no memory for {len} taps"))?;
    for tap in taps {
        cast.push(tap?);
    }
    Ok(ArrayD::from_shape_vec(shape, cast)?)
}

/// The numbers of a file, of whatever type.
pub fn read_taps(npy: Npy) -> Result<Box<dyn Taps>> {
    fn read<A: Value>(npy: Npy) -> Result<Box<dyn Taps>> {
        Ok(Box::new(npy.read::<A>()?))
    }
    with_dtype!(npy.dtype, read(npy))
}

/// The grey levels of a picture, which sum to one.
fn read_picture(path: &Path) -> Result<Array2<f64>> {
    let contents =
        decode::open_kernel(path, MOST_PIXELS).context("could not be read as a picture")?;
    let picture = match contents {
        Contents::One(decoded) => decoded.picture,
        Contents::Tiff(mut pages) => {
            ensure!(pages.len() == 1, "expected one page, got {}", pages.len());
            pages.read(0).context("could not be read as a picture")?.picture
        }
    };
    let picture = picture.straight().context(
        "expected a picture of 8 or 16 bits, or of f32 without alpha: a .npy may have taps of any type",
    )?;
    Ok(filters::from_picture(&picture)?)
}

/// Of a kernel: as many as a built-in one may have.
const MOST_PIXELS: u64 = filters::MAX_TAPS as u64;

/// Whether the path ends so, in whatever case.
pub fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use convolve::half::f16;

    #[test]
    fn no_tap_of_a_built_in_vanishes_in_single_precision() {
        let gaussians = (1..300).map(|i| format!("gaussian:{}", f64::from(i) * 0.0125));
        let disks = (1..300).map(|i| format!("disk:{}", f64::from(i) * 0.0371));
        let motions = (0..300).map(|i| format!("motion:{},{}", 1 + i % 40, i * 3));
        for spec in gaussians.chain(disks).chain(motions) {
            Kernel::load(&spec, 1.0).unwrap().cast::<f32>(2).unwrap();
        }
    }

    #[test]
    fn more_taps_than_there_is_memory_for_are_an_error() {
        struct Huge([usize; 1]);
        impl Taps for Huge {
            fn shape(&self) -> &[usize] {
                &self.0
            }
            fn numbers(&self) -> Box<dyn Iterator<Item = Number> + '_> {
                Box::new(std::iter::empty())
            }
        }
        let error = cast::<f32>(&Huge([usize::MAX / 4]), 1.0, 1, false).unwrap_err();
        assert!(format!("{error:#}").contains("no memory for"), "{error:#}");
    }

    #[test]
    fn taps_that_vanish_beside_others_in_half_precision() {
        let blur = Kernel::load("gaussian:4", 1.0).unwrap().cast::<f16>(2).unwrap();
        assert!(blur[[0, 0]] == f16::ZERO && blur[[16, 16]].is_normal());
        assert!(f16::tap(Number::Real(1e-9), 1e-3).is_ok());
        assert!(f16::tap(Number::Real(1e-9), 1e-9).is_err());
    }
}
