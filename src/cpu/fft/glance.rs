//! A glance at blocks before they are transformed: how they are looked at on their way, and whether they had better
//! take another.

use num_complex::Complex;

use super::again::all_fit;
use super::block::{Fft, Workspace};
use super::guard::Bearable;
use super::outcome::SEGMENT;
use super::survey::Look;
use super::sweep::Packing;
use crate::element::compute::Compute;
use crate::element::transform::{MOST_PACKED, Real, Sample};
use crate::error::Result;
use crate::format::rows::Input;

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
        let tells = self.kernel.unsigned && self.is_dense() && !has_signs(row);
        let look = if tells { Look::Outcomes } else { Look::Tiles };
        // There may be fewer elsewhere.
        let is_sparse = self.is_dense()
            && (heard(row) * taps) as f64 <= 2.0 * SCATTERED[1] * (2 * row.len()) as f64;
        Ok(Glance { look, is_uneven: is_sparse || is_partly_quiet(row) })
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
        let mut proved = packing.slots().map(|slot| {
            let (extent, parts) = (&parts[slot].extent, A::Sample::parts(slot));
            1.0 - self.kernel.guard.unprovable(survey, parts, extent, Bearable::default(), scratch)
        });
        let direct = proved.all(|share| share < 1.0 && share * taps <= TRANSFORMED);
        Ok(if direct { Way::Direct } else { Way::Transform })
    }
}

/// Whether any sample has a sign.
fn has_signs<R: Real>(row: &[Complex<R>]) -> bool {
    let zero = R::default();
    row.iter().any(|value| value.re < zero || value.im < zero)
}

/// Samples that are not zero.
fn heard<R: Real>(row: &[Complex<R>]) -> usize {
    let heard = |value: &R| usize::from(*value != R::default());
    row.iter().map(|value| heard(&value.re) + heard(&value.im)).sum()
}

/// Whether a good part of a row is quiet beside the rest, but not silent.
fn is_partly_quiet<R: Real>(row: &[Complex<R>]) -> bool {
    let most = |values: &[Complex<R>]| {
        let larger = |most: R, value: &Complex<R>| {
            most.larger(value.re.magnitude()).larger(value.im.magnitude())
        };
        let most: f64 = values.iter().fold(R::default(), larger).into();
        most
    };
    let loud = most(row) * QUIET;
    let quiet = |segment: &&[Complex<R>]| (f64::MIN_POSITIVE..loud).contains(&most(segment));
    let segments = row.len().div_ceil(SEGMENT);
    row.chunks(SEGMENT).filter(quiet).count() as f64 > SUSPICIOUS * segments as f64
}
