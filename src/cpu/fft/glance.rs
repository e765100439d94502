//! A glance at blocks before they are transformed: how they are looked at on their way, and whether they had better
//! take another.

use bytemuck::cast_slice;
use num_complex::Complex;

use super::again::all_fit;
use super::block::{Fft, Workspace};
use super::guard::Bearable;
use super::outcome::SEGMENT;
use super::steps::joined;
use super::survey::Look;
use super::sweep::Packing;
use crate::element::compute::Compute;
use crate::element::transform::{MOST_PACKED, Real, Sample};
use crate::error::Result;
use crate::format::rows::Input;
use crate::simd::vectorized;

/// Products of single samples and taps, for each sample of a block, in the time of its transform alone, and of a
/// transform with the looks after it and what is computed again. (2.2 of them take 8.9 ms, none 4.7; a transform takes
/// 7.0, and 15 where it leaves doubts everywhere. RGB of `f32`, 1920 x 1080, AVX-512, Zen 5, two threads, 2026-11-28.)
const SCATTERED: [f64; 2] = [1.2, 5.5];

/// Where more of the segments are heard, silence is nowhere at a stretch, and little that comes out is proved.
const EVERYWHERE: f64 = 0.25;

/// Products of the direct method in the same time (225 take as long as 0.9 transforms with AVX-512, Zen 5, and 1.4
/// with AVX2, Zen 3; RGB of `f32`, 1920 x 1080).
const TRANSFORMED: f64 = 200.0;

/// Samples that are so much quieter than others may leave their outputs without a proof.
const QUIET: f64 = 1.0 / 64.0;

/// The share of a row that is quiet from which on all samples are looked at first.
const SUSPICIOUS: f64 = 0.2;

/// What a row in the middle of blocks shows.
pub(super) struct Glance {
    /// How closely to look on the way into a transform.
    pub look: Look,
    /// Whether a transform may be for nothing.
    pub is_uneven: bool,
}

/// A way to the outputs of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Transform,
    /// All products.
    Direct,
    /// The products of what is not zero.
    Scatter,
    /// A transform of twice the digits.
    Doubled,
}

impl<A: Compute> Fft<A> {
    /// Looks at one row. Where neither samples nor taps have signs what comes out of a transform tells, as a rule,
    /// that nothing is quiet; with a stride that is too little.
    pub(super) fn glance(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<Glance> {
        if A::DTYPE.is_integer() || bearable > 0.0 {
            return Ok(Glance { look: Look::Loudness, is_uneven: false });
        }
        let taps = self.kernel.weights.len();
        let row = self.middle_row(x, packing, workspace)?;
        let Told { heard, has_signs, is_partly_quiet } = told(row);
        let tells = self.kernel.unsigned && self.is_dense() && !has_signs;
        let look = if tells { Look::Outcomes } else { Look::Tiles };
        // There may be fewer elsewhere.
        let is_sparse =
            self.is_dense() && (heard * taps) as f64 <= 2.0 * SCATTERED[1] * (2 * row.len()) as f64;
        Ok(Glance { look, is_uneven: is_sparse || is_partly_quiet })
    }

    /// Whether no sample is passed over.
    fn is_dense(&self) -> bool {
        self.extension.geometry.axes.iter().all(|axis| axis.stride == 1)
    }

    /// The quickest way for blocks, after a look at all of their samples.
    pub(super) fn quickest(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        workspace: &mut Workspace<A>,
    ) -> Result<Way> {
        self.look(x, packing, Look::Samples, workspace)?;
        let taps = self.kernel.weights.len() as f64;
        let samples = MOST_PACKED * workspace.extent.used.iter().product::<usize>();
        let survey = &workspace.survey;
        let products = survey.heard as f64 * taps / samples as f64;
        let most = SCATTERED[usize::from(survey.silence.heard_share() > EVERYWHERE)];
        if self.is_dense() && survey.is_at_most(self.summable()) && products <= most {
            return Ok(Way::Scatter);
        }
        // What comes out of a transform without a proof takes direct sums, sooner or later.
        if !all_fit::<A>(&Self::levels(packing, workspace)) {
            return Ok(Way::Transform);
        }
        let Workspace { parts, survey, scratch, .. } = workspace;
        let proved = packing.slots().map(|slot| {
            let (extent, parts) = (&parts[slot].extent, A::Sample::parts(slot));
            1.0 - self.kernel.guard.unprovable(survey, parts, extent, Bearable::default(), scratch)
        });
        // The most of a block.
        let proved = proved.fold(0.0, f64::max);
        Ok(match proved < 1.0 && proved * taps <= TRANSFORMED {
            _ if self.is_worth_doubling(1.0 - proved) => Way::Doubled,
            true => Way::Direct,
            false => Way::Transform,
        })
    }
}

/// What samples of a row have to tell.
struct Told {
    /// How many of them are not zero.
    heard: usize,
    /// Whether any has a sign.
    has_signs: bool,
    /// Whether a good part of the row is quiet beside the rest, but not silent.
    is_partly_quiet: bool,
}

/// Listens to a row, which is a whole block where there is one axis.
fn told<R: Real>(row: &[Complex<R>]) -> Told {
    let samples: &[R] = cast_slice(row);
    vectorized(
        #[inline(always)]
        || {
            let (largest, least) = extremes(samples);
            let zero = R::default();
            let loud: f64 = largest.larger(zero - least).into() * QUIET;
            let (mut heard, mut quiet) = (0, 0);
            for segment in samples.chunks(2 * SEGMENT) {
                // As wide as samples of single precision, so that vectors have as many.
                let count = |value: &R| u32::from(*value != zero);
                heard += segment.iter().map(count).sum::<u32>() as usize;
                let (largest, least) = extremes(segment);
                let most: f64 = largest.larger(zero - least).into();
                quiet += usize::from((f64::MIN_POSITIVE..loud).contains(&most));
            }
            let segments = row.len().div_ceil(SEGMENT);
            let is_partly_quiet = quiet as f64 > SUSPICIOUS * segments as f64;
            Told { heard, has_signs: least < zero, is_partly_quiet }
        },
    )
}

/// The largest of some numbers, at least 0, and the smallest, at most 0. NaN is neither.
#[inline(always)]
fn extremes<R: Real>(samples: &[R]) -> (R, R) {
    const STEP: usize = 16;
    let larger = |a: R, b: R| if b > a { b } else { a };
    let smaller = |a: R, b: R| if b < a { b } else { a };
    let [mut largest, mut least] = [[R::default(); STEP]; 2];
    let (steps, rest) = samples.as_chunks::<STEP>();
    for values in steps {
        for i in 0..STEP {
            largest[i] = larger(largest[i], values[i]);
            least[i] = smaller(least[i], values[i]);
        }
    }
    for (i, &value) in rest.iter().enumerate() {
        largest[i] = larger(largest[i], value);
        least[i] = smaller(least[i], value);
    }
    (joined(largest, larger), joined(least, smaller))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(samples: &[f32]) -> Told {
        let row: Vec<_> = samples.iter().map(|&x| Complex::new(x, 1.5 * x)).collect();
        told(&row)
    }

    #[test]
    fn a_row_tells_what_is_heard_and_what_has_a_sign() {
        for len in 0..200usize {
            let mut samples: Vec<f32> = (0..len).map(|i| (i % 3) as f32).collect();
            let there = of(&samples);
            let expected = 2 * samples.iter().filter(|&&x| x != 0.0).count();
            assert_eq!((there.heard, there.has_signs), (expected, false), "{len}");
            for at in [0, len / 2, len.saturating_sub(1)] {
                let Some(sample) = samples.get_mut(at) else { continue };
                let before = std::mem::replace(sample, -1e-30);
                assert!(of(&samples).has_signs, "{at} of {len}");
                samples[at] = f32::NAN;
                assert!(!of(&samples).has_signs, "{at} of {len}");
                samples[at] = before;
            }
        }
    }

    #[test]
    fn quiet_is_a_part_that_is_not_silent() {
        let row = |quiet: f32, share: usize| -> Vec<f32> {
            let sample = |i: usize| if i / SEGMENT % 10 < share { quiet } else { -100.0 };
            (0..40 * SEGMENT + 7).map(sample).collect()
        };
        assert!(of(&row(1.0, 3)).is_partly_quiet && of(&row(-1.0, 9)).is_partly_quiet);
        assert!(!of(&row(1.0, 1)).is_partly_quiet, "too few");
        assert!(!of(&row(2.0, 5)).is_partly_quiet, "not quiet");
        assert!(!of(&row(0.0, 5)).is_partly_quiet, "silent");
    }
}
