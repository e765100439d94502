//! Smooth kernels as narrower ones on a coarser grid, and the proof of how far that is off.
//!
//! ```text
//! u[m] = sum_j g[j] x~[f m + j]      down: filtered, every f-th sample kept
//! v[m] = sum_i c[i] u[m + i]         the kernel, on the coarse grid
//! y[f m + p] = sum_l W[p, l] v[m + l]  up again: one row of taps for each phase p
//! ```
//!
//! That is linear, and the same from one `f`-th output to the next: output `n` is a sum over `x~` with
//! taps `h_p`, `p = n mod f`. So no output is off by more than `max_p sum |h_p - k|` times the largest
//! sample, which is computed from the taps as they are used, and some input attains it.

mod design;
mod prototypes;

use std::sync::Arc;

use super::Factors;
use crate::element::{DType, Element};
use crate::error::Result;
use crate::util::memory;
use crate::words::Tolerance;

/// Taps of one size for one factor, which are the same read backwards.
struct Prototype {
    /// Taps in steps of the coarse grid, twice over.
    halves: usize,
    factor: usize,
    /// Those behind the middle.
    taps: &'static [f32],
}

/// How the taps of one axis become narrower ones on a coarser grid.
///
/// Places are counted from the tap in the middle (of an even number, the first behind it).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CoarseAxis {
    /// Samples from one of the coarse grid to the next; even.
    pub factor: usize,
    /// Taps that are passed over before samples are left out.
    pub down: Vec<f64>,
    /// Taps on the coarse grid, an odd number of them.
    pub taps: Vec<f64>,
    /// Taps of each of `factor` phases, one phase after the other.
    pub up: Vec<f64>,
    /// Taps of a phase.
    pub reads: usize,
    /// The largest error, in units of `max |x| * sum |k|`.
    pub error: f64,
    /// The largest error of a constant input, in the same units.
    pub constants: f64,
    /// What all taps together multiply magnitudes by, in units of `sum |k|`: rounding errors grow with it.
    pub gain: f64,
}

impl CoarseAxis {
    /// The place of the first tap of `down` for the coarse sample 0.
    pub(crate) fn first_down(&self) -> isize {
        let (len, factor) = (self.down.len() as isize, self.factor as isize);
        if self.reads.is_multiple_of(2) { -len / 2 } else { (factor - len) / 2 }
    }

    /// The first coarse sample that the outputs from 0 on read: with an odd number of them the middle one
    /// lies in the middle of its outputs, else two lie about the first.
    pub(crate) fn first_read(&self) -> isize {
        let reads = self.reads as isize;
        if self.reads.is_multiple_of(2) { 1 - reads / 2 } else { -(reads / 2) }
    }

    /// Taps of the coarse grid on either side of the middle one.
    pub(crate) fn radius(&self) -> usize {
        self.taps.len() / 2
    }

    /// The same, where each output, of whatever phase, reads all samples under so many taps of the kernel, and
    /// shows what is not finite among them: with zeros at both ends of the taps on the coarse grid.
    #[cfg(feature = "gpu")]
    pub(crate) fn covering(&self, taps: usize) -> Self {
        let (factor, middle) = (self.factor as isize, (taps / 2) as isize);
        let (first, radius) = (self.first_down(), self.radius() as isize);
        let from = |radius: isize| first + factor * (self.first_read() - radius);
        let end = |radius: isize| {
            let last = self.first_read() + self.reads as isize - 1 + radius;
            factor * last + first + self.down.len() as isize - (factor - 1)
        };
        let reaches =
            |&radius: &isize| from(radius) <= -middle && end(radius) >= taps as isize - middle;
        let wider = (radius..).find(reaches).unwrap_or(radius);
        let zeros = || std::iter::repeat_n(0.0, (wider - radius) as usize);
        let taps = zeros().chain(self.taps.iter().copied()).chain(zeros()).collect();
        Self { taps, ..self.clone() }
    }

    /// Roundings on the way from a sample to an output.
    pub(crate) fn roundings(&self) -> usize {
        self.down.len() + self.taps.len() + self.reads
    }
}

/// What is allowed: a tolerance, and between what samples lie.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Allowed {
    pub tolerance: Tolerance,
    /// The levels of a picture, and what stands outside of it.
    pub samples: Option<[f64; 2]>,
}

impl Allowed {
    /// What an error comes to in the tolerance's unit, of a kernel with this `sum |k|`: given is the largest
    /// error and that of constants, both in units of `max |x| * sum |k|`.
    pub(crate) fn comes_to(&self, sum: f64, error: f64, constants: f64) -> f64 {
        match (self.tolerance, self.samples) {
            // What is in the middle is a constant, and the rest is half as large.
            (Tolerance::Levels(_), Some([low, high])) => {
                sum * (error * (high - low) + constants * (high + low).abs()) / 2.0
            }
            (Tolerance::Levels(_), None) => f64::INFINITY,
            (Tolerance::Relative(_), _) => error,
        }
    }

    fn most(&self) -> f64 {
        match self.tolerance {
            Tolerance::Relative(most) | Tolerance::Levels(most) => most,
        }
    }
}

/// What became of a kernel under a tolerance.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Coarsening {
    /// No tolerance was given.
    #[default]
    NotAsked,
    /// Nothing is proved to stay within it, and why.
    Refused(String),
    /// For each folded axis a design, where there is one; all together are within the tolerance, and so are
    /// any of them.
    Designed(Vec<Option<Arc<CoarseAxis>>>),
}

/// The error of several axes from those of each: taps multiply, and so do their errors.
pub(crate) fn together(errors: impl Iterator<Item = f64>) -> f64 {
    errors.map(f64::ln_1p).sum::<f64>().exp_m1()
}

/// Designs for a kernel with this `sum |k|`, from its one outer product. What was found for taps much like
/// these is tried first.
pub(crate) fn coarsen<A: Element>(
    factors: &Factors<A>,
    sum: f64,
    allowed: Allowed,
    like: Option<&CoarseAxis>,
) -> Result<Coarsening> {
    let dtype = A::DTYPE;
    if dtype.is_integer() || dtype.is_complex() {
        return Ok(Coarsening::Refused(format!(
            "{dtype} samples are not filtered on coarser grids"
        )));
    }
    let long = factors.iter().filter(|taps| taps.len() > 1).count();
    let all = |one: f64| together((0..long).map(|_| one));
    let accepts = |error: f64, constants: f64| {
        allowed.comes_to(sum, all(error), all(constants)) <= allowed.most()
    };
    // What one axis may be off by, constants apart.
    let each = (allowed.most() / allowed.comes_to(sum, 1.0, 0.0)).ln_1p() / long.max(1) as f64;
    let wanted = design::Wanted { most: each.exp_m1(), accepts: &accepts, planes: long > 1 };
    let round = |tap: f64| if dtype == DType::F64 { tap } else { f64::from(tap as f32) };
    let (mut designs, mut closest) = (Vec::<Option<Arc<CoarseAxis>>>::new(), f64::INFINITY);
    for (number, taps) in factors.iter().enumerate() {
        if let Some(same) = factors[..number].iter().position(|other| other == taps) {
            designs.push(designs[same].clone());
            continue;
        }
        let real = taps.iter().map(|tap| tap.to_complex().re);
        let taps = memory::collected(real, taps.len(), design::WHAT)?;
        designs.push(match design::search(&taps, &wanted, &round, like)? {
            Ok(design) => Some(Arc::new(design)),
            Err(off) => {
                closest = closest.min(off);
                None
            }
        });
    }
    if designs.iter().any(Option::is_some) {
        return Ok(Coarsening::Designed(designs));
    }
    let mut reason = format!("no coarser grid is proved to stay within {}", allowed.tolerance);
    reason += &match closest.is_finite() {
        true => format!(": the closest is off by {closest:.1e} of max |x| * sum |k| along an axis"),
        false => ": the kernel is too narrow, or too steep at its ends".to_string(),
    };
    Ok(Coarsening::Refused(reason))
}
