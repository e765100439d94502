//! What a built-in kernel says of itself, and what all of them need: checks of their values, outer
//! products, and taps rounded to the element type.

use std::fmt;

use ndarray::{Array, Array2, ArrayD, Dimension};

use crate::element::Element;
use crate::error::Result;
use crate::kernel::builtin::{MAX_LENGTH, MAX_TAPS, parameter};
use crate::util::memory;

/// What memory is asked for.
pub(super) const TAPS: &str = "the taps of a built-in kernel";

/// More axes than any array has; NumPy's own limit.
const MAX_RANK: usize = 64;

/// A built-in kernel by its name, for command lines, menus and settings:
/// [`BUILT_IN`](super::BUILT_IN) has all of them. Its [`Display`](fmt::Display) is
/// `motion:LENGTH,DEGREES`.
///
/// ```
/// use convolve::filters::BUILT_IN;
///
/// let gaussian = BUILT_IN.iter().find(|kernel| kernel.name == "gaussian").expect("a name");
/// assert_eq!(gaussian.to_string(), "gaussian:SIGMA");
/// assert_eq!(gaussian.kernel::<f32>(&[1.0], 3)?.shape(), [9, 9, 9]);
/// assert_eq!(gaussian.kernel::<f32>(&[1.0, 0.0, 0.5], 3)?.shape(), [9, 1, 5]);
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BuiltIn {
    /// Its name.
    pub name: &'static str,
    /// The values it takes.
    pub parameters: &'static [Parameter],
    /// What it is, in a few words.
    pub meaning: &'static str,
    taps: Taps,
}

/// How the taps follow from the values.
#[derive(Clone, Copy, Debug)]
pub(super) enum Taps {
    /// For a plane, from as many values as there are parameters.
    Plane(fn(&[f64]) -> Result<Array2<f64>>),
    /// For any number of axes, from as many values as there are parameters.
    Any(fn(&[f64], usize) -> Result<ArrayD<f64>>),
    /// For any number of axes, from a value for each of them in place of the last parameter's.
    Each(fn(&[f64]) -> Result<ArrayD<f64>>),
}

/// A value that a built-in kernel takes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Parameter {
    /// Its name, in capitals.
    pub name: &'static str,
    /// The least value that makes sense. How large it may be depends on [`MAX_LENGTH`] and
    /// [`MAX_TAPS`].
    pub least: Option<f64>,
    /// Whether it is a whole number.
    pub whole: bool,
    /// For messages: "expected a length of at least 1".
    pub(super) expected: &'static str,
}

impl fmt::Display for BuiltIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        for (at, parameter) in self.parameters.iter().enumerate() {
            let separator = if at == 0 { ':' } else { ',' };
            write!(f, "{separator}{}", parameter.name)?;
        }
        Ok(())
    }
}

impl BuiltIn {
    pub(super) const fn new(
        name: &'static str,
        parameters: &'static [Parameter],
        meaning: &'static str,
        taps: Taps,
    ) -> Self {
        Self { name, parameters, meaning, taps }
    }

    /// How many axes it has; `None` where it has as many as what is filtered.
    pub fn rank(&self) -> Option<usize> {
        match self.taps {
            Taps::Plane(_) => Some(2),
            Taps::Any(_) | Taps::Each(_) => None,
        }
    }

    /// Whether its last parameter may have one value per axis instead of one for all.
    pub fn is_per_axis(&self) -> bool {
        matches!(self.taps, Taps::Each(_))
    }

    /// The kernel for an array with so many axes.
    ///
    /// # Errors
    /// [`Error::KernelParameter`](crate::Error::KernelParameter) for another number of values or
    /// axes than it takes, and as from the function of its name;
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn kernel<A: Element>(&self, values: &[f64], rank: usize) -> Result<ArrayD<A>> {
        let wrong = |reason: String| Err(parameter(self.name, reason));
        let most = self.rank().unwrap_or(MAX_RANK);
        if rank > most || self.rank().is_some_and(|wanted| rank != wanted) {
            let at_most = if self.rank().is_none() { "at most " } else { "" };
            return wrong(format!("expected an array with {at_most}{most} axes, got {rank}"));
        }
        let taken = self.parameters.len();
        let fits = values.len() == taken || self.is_per_axis() && values.len() > taken;
        if !fits {
            return wrong(format!("expected {self}, got {} values", values.len()));
        }
        let taps = match self.taps {
            Taps::Plane(taps) => taps(values)?.into_dyn(),
            Taps::Any(taps) => taps(values, rank)?,
            Taps::Each(taps) => {
                let (first, each) = values.split_at(taken - 1);
                match each {
                    [all] => taps(&[first, &vec![*all; rank]].concat())?,
                    each if each.len() == rank => taps(values)?,
                    each => {
                        let (last, got) = (self.parameters[taken - 1].name, each.len());
                        return wrong(format!(
                            "expected one {last}, or {rank} (one per axis), got {got}"
                        ));
                    }
                }
            }
        };
        rounded(self.name, taps)
    }
}

impl Parameter {
    pub(super) const fn at_least(least: f64, name: &'static str, expected: &'static str) -> Self {
        Self { name, least: Some(least), whole: false, expected }
    }

    pub(super) const fn any(name: &'static str, expected: &'static str) -> Self {
        Self { name, least: None, whole: false, expected }
    }

    /// The value, where it makes sense.
    pub(super) fn check(&self, kernel: &'static str, value: f64) -> Result<f64> {
        let is_whole = !self.whole || value.fract() == 0.0;
        if value.is_finite() && is_whole && self.least.is_none_or(|least| value >= least) {
            return Ok(value);
        }
        let least = self.least.map(|least| format!(" of at least {least}")).unwrap_or_default();
        let whole = if is_whole || !value.is_finite() { "" } else { ", without a fraction" };
        Err(parameter(kernel, format!("expected {}{least}{whole}, got {value}", self.expected)))
    }
}

/// The kernel of a plane whose taps `tap` computes, each rounded to the element type.
pub(super) fn build<A: Element>(
    kernel: &'static str,
    shape: [usize; 2],
    tap: impl Fn(usize, usize) -> f64,
) -> Result<Array2<A>> {
    let zeros = memory::zeros(check_taps(kernel, &shape)?, TAPS)?;
    let mut taps = Array2::from_shape_vec(shape, zeros).expect("the length is the shape's");
    for ((i, j), cell) in taps.indexed_iter_mut() {
        *cell = rounded_tap(kernel, tap(i, j))?;
    }
    Ok(taps)
}

/// The kernel of a plane whose taps, at so many samples up and to the right of its centre, are scaled to
/// sum to one; its lengths are odd.
pub(super) fn normalised(
    kernel: &'static str,
    shape: [usize; 2],
    tap: impl Fn(f64, f64) -> f64,
) -> Result<Array2<f64>> {
    let [middle_y, middle_x] = shape.map(|n| (n / 2) as f64);
    let taps = build::<f64>(kernel, shape, |i, j| tap(middle_y - i as f64, j as f64 - middle_x))?;
    let sum = taps.sum();
    Ok(taps / sum)
}

/// The same for a kernel of `n` x `n` taps with the symmetry of a square, from one octant: the other
/// seven are the same, to the last bit.
pub(super) fn symmetric(
    kernel: &'static str,
    n: usize,
    tap: impl Fn(f64, f64) -> f64,
) -> Result<Array2<f64>> {
    check_taps(kernel, &[n, n])?;
    let side = n / 2 + 1;
    let taps = (0..side * side).map(|at| (at / side, at % side)).map(|(i, j)| match i >= j {
        true => tap(i as f64, j as f64),
        false => 0.0,
    });
    let taps = memory::collected(taps, side * side, "a quadrant of a kernel")?;
    let octant = Array2::from_shape_vec((side, side), taps).expect("as many");
    normalised(kernel, [n, n], |y, x| {
        let (i, j) = (y.abs() as usize, x.abs() as usize);
        octant[[i.max(j), i.min(j)]]
    })
}

/// Sine and cosine of an angle in degrees: how far its direction goes up, and to the right.
pub(super) fn direction(degrees: f64) -> (f64, f64) {
    // The axes must have no slope from rounding.
    match degrees.rem_euclid(360.0) {
        0.0 => (0.0, 1.0),
        90.0 => (1.0, 0.0),
        180.0 => (0.0, -1.0),
        270.0 => (-1.0, 0.0),
        degrees => degrees.to_radians().sin_cos(),
    }
}

/// A kernel with two axes.
pub(super) fn in_the_plane(taps: ArrayD<f64>) -> Array2<f64> {
    taps.into_dimensionality().expect("one factor for each of two axes")
}

/// One tap of 1.
pub(super) fn one_tap(rank: usize) -> ArrayD<f64> {
    ArrayD::from_elem(vec![1; rank], 1.0)
}

/// The outer product of the taps along each axis.
pub(super) fn product(kernel: &'static str, factors: &[Vec<f64>]) -> Result<ArrayD<f64>> {
    let shape: Vec<usize> = factors.iter().map(Vec::len).collect();
    check_taps(kernel, &shape)?;
    let mut taps = vec![1.0];
    for factor in factors {
        let outer = taps.iter().flat_map(|tap| factor.iter().map(move |next| tap * next));
        taps = memory::collected(outer, taps.len() * factor.len(), TAPS)?;
    }
    Ok(ArrayD::from_shape_vec(shape, taps).expect("the length is the shape's"))
}

/// The taps in the element type.
pub(super) fn rounded<A: Element, D: Dimension>(
    kernel: &'static str,
    taps: Array<f64, D>,
) -> Result<Array<A, D>> {
    let mut all = memory::room(taps.len(), TAPS)?;
    for &tap in &taps {
        all.push(rounded_tap(kernel, tap)?);
    }
    Ok(Array::from_shape_vec(taps.raw_dim(), all).expect("the length is the shape's"))
}

fn rounded_tap<A: Element>(kernel: &'static str, tap: f64) -> Result<A> {
    A::from_real(tap).filter(|tap| tap.is_finite()).ok_or_else(|| {
        parameter(kernel, format!("its tap {tap} is no value of the type {}", A::DTYPE))
    })
}

/// A number of taps along an axis; in `f64`, where it cannot overflow.
pub(super) fn length(kernel: &'static str, taps: f64) -> Result<usize> {
    if (1.0..=MAX_LENGTH as f64).contains(&taps) {
        return Ok(taps as usize);
    }
    let expected = format!("expected 1 to {MAX_LENGTH} taps along an axis");
    // Nobody wants to count the digits of 1e300.
    let reason = if taps < 1e15 {
        format!("{expected}, got {taps}")
    } else {
        format!("{expected}, got {taps:e}")
    };
    Err(parameter(kernel, reason))
}

/// The number of taps of a kernel of this shape.
pub(super) fn check_taps(kernel: &'static str, shape: &[usize]) -> Result<usize> {
    let count = shape.iter().try_fold(1usize, |count, &n| count.checked_mul(n));
    count.filter(|&count| count <= MAX_TAPS).ok_or_else(|| {
        let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
        let got = lengths.join(" x ");
        parameter(kernel, format!("expected at most {MAX_TAPS} taps, got {got}"))
    })
}
