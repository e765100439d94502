//! Folded passes over samples that may be so large that they cannot be added.

use std::sync::atomic::{AtomicBool, Ordering};

use super::fused::{Fused, With};
use crate::cpu::direct::Call;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::plan::cpu::Order;
use crate::problem::extension::Extension;
use crate::simd::vectorized;
use crate::util::memory;

/// Folded passes, and those with which each sample is multiplied by itself, for inputs whose sums may
/// overflow where those of their products do not.
pub(super) struct Careful<A: Compute> {
    folded: Fused<A>,
    plain: Fused<A>,
    /// Samples of the input, and up to which size of them nothing overflows.
    samples: usize,
    largest: f64,
    /// Whether a constant outside is so large.
    outside_is_large: bool,
}

impl<A: Compute> Careful<A> {
    pub(super) fn new(
        extension: Extension<A>,
        terms: &[&[Vec<A>]],
        order: Order,
        [folded, plain]: [With; 2],
    ) -> Result<Self> {
        // Rows are added that were filtered along the last axis: two of them, or those under all taps.
        let added = match order {
            Order::Shared => terms[0].iter().map(Vec::len).max().unwrap_or(2),
            Order::InOrder | Order::Sliding | Order::Apart => 2,
        };
        let sum = |taps: &[A]| taps.iter().map(|tap| tap.magnitude()).sum::<f64>();
        let filtered = terms.iter().map(|term| sum(&term[1])).fold(1.0, f64::max);
        let largest = 1.0 / A::DTYPE.smallest_normal() / (2.0 * added as f64 * filtered);
        Ok(Self {
            outside_is_large: extension.values.iter().any(|value| is_large(*value, largest)),
            samples: extension.geometry.input_len(),
            folded: Fused::folded(extension.clone(), terms, order, folded)?,
            plain: Fused::tiled(extension, terms, plain)?,
            largest,
        })
    }

    /// Computes all outputs.
    pub(super) fn run(&self, call: Call<'_, A>, mut y: Output<'_, A>) -> Result<()> {
        // Whoever has the last word looks at what is not finite.
        if call.finish.is_some() || !(call.x.may_be_large() || self.outside_is_large) {
            return self.folded.run(call, y);
        }
        let finite = AtomicBool::new(true);
        let watch = |_: usize, piece: &mut [A]| {
            if !all_finite(piece) {
                finite.store(false, Ordering::Relaxed);
            }
            Ok(())
        };
        let all = y.len();
        self.folded.run(Call { finish: Some(&watch), ..call }, y.part(0..all))?;
        let finite = finite.load(Ordering::Relaxed);
        if !finite && (self.outside_is_large || self.may_overflow(call.x)?) {
            return self.plain.run(call, y);
        }
        Ok(())
    }

    /// Whether a sample is so large, and yet finite.
    fn may_overflow(&self, x: Input<'_, A>) -> Result<bool> {
        let any = |x: &[A]| {
            vectorized(|| x.iter().fold(false, |any, x| any | is_large(*x, self.largest)))
        };
        if let Some(x) = x.in_place() {
            return Ok(x.chunks(LOOKED_AT).any(any));
        }
        let mut read = memory::zeros(LOOKED_AT.min(self.samples), "samples that are looked at")?;
        Ok((0..self.samples).step_by(LOOKED_AT).any(|at| {
            let read = &mut read[..LOOKED_AT.min(self.samples - at)];
            x.read(at, read);
            any(read)
        }))
    }
}

/// Whether something finite is beyond this size.
fn is_large<A: Compute>(x: A, largest: f64) -> bool {
    x.is_finite() & (x.magnitude() > largest)
}

/// Samples that are looked at without a branch.
const LOOKED_AT: usize = 4096;

/// Whether nothing is infinite or NaN. All are looked at, without a branch, for vectors.
pub(super) fn all_finite<A: Compute>(piece: &[A]) -> bool {
    vectorized(|| piece.iter().fold(true, |finite, y| finite & y.is_finite()))
}
