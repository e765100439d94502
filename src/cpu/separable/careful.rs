//! Folded passes over samples that may be so large that two of them cannot be added.

use std::sync::atomic::{AtomicBool, Ordering};

use super::fused::{Fused, With};
use crate::cpu::direct::Call;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::problem::extension::Extension;
use crate::simd::vectorized;

/// Folded passes, and those with which each sample is multiplied by itself, for inputs whose sums may
/// overflow where those of their products do not.
pub(super) struct Careful<A: Compute> {
    folded: Fused<A>,
    plain: Fused<A>,
    /// Samples up to which nothing overflows.
    largest: f64,
}

impl<A: Compute> Careful<A> {
    pub(super) fn new(
        extension: Extension<A>,
        terms: &[&[Vec<A>]],
        [folded, plain]: [With; 2],
    ) -> Result<Self> {
        // Two rows are added that were filtered along the last axis.
        let sum = |taps: &[A]| taps.iter().map(|tap| tap.magnitude()).sum::<f64>();
        let filtered = terms.iter().map(|term| sum(&term[1])).fold(1.0, f64::max);
        Ok(Self {
            folded: Fused::folded(extension.clone(), terms, folded)?,
            plain: Fused::tiled(extension, terms, plain)?,
            largest: 1.0 / A::DTYPE.smallest_normal() / (4.0 * filtered),
        })
    }

    /// Computes all outputs.
    pub(super) fn run(&self, call: Call<'_, A>, mut y: Output<'_, A>) -> Result<()> {
        // Whoever has the last word looks at what is not finite. Integers of 8 and 16 bits are small.
        let (Input::InPlace(x), None) = (call.x, call.finish) else {
            return self.folded.run(call, y);
        };
        let finite = AtomicBool::new(true);
        let watch = |_: usize, piece: &mut [A]| {
            if !all_finite(piece) {
                finite.store(false, Ordering::Relaxed);
            }
            Ok(())
        };
        let all = y.len();
        self.folded.run(Call { finish: Some(&watch), ..call }, y.part(0..all))?;
        if !finite.load(Ordering::Relaxed) && self.may_overflow(x) {
            return self.plain.run(call, y);
        }
        Ok(())
    }

    /// Whether a sample is so large, and yet finite.
    fn may_overflow(&self, x: &[A]) -> bool {
        let is_large = |x: &A| x.is_finite() & (x.magnitude() > self.largest);
        let any = |x: &[A]| x.iter().fold(false, |any, x| any | is_large(x));
        x.chunks(LOOKED_AT).any(|x| vectorized(|| any(x)))
    }
}

/// Samples that are looked at without a branch.
const LOOKED_AT: usize = 4096;

/// Whether nothing is infinite or NaN. All are looked at, without a branch, for vectors.
pub(super) fn all_finite<A: Compute>(piece: &[A]) -> bool {
    vectorized(|| piece.iter().fold(true, |finite, y| finite & y.is_finite()))
}
