//! Transforms of twice the digits, for blocks that leave many outputs in doubt: where what is dark and what is bright
//! are a million times apart, direct sums of all that is dark may take a hundred times as long.

use super::again::all_fit;
use super::block::{Fft, Real, Workspace};
use super::guard::Bearable;
use super::kernel::Double;
use super::sweep::{Packing, Through};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};

/// Multiply-adds of the direct method, for each sample of a block, in the time of its transform with twice the digits.
/// (A night of 1080 x 1920 with lamps, 127 x 127 taps: 350 ms in direct sums, 33 so, of which transforms take 24; with a
/// quarter of this number 33 too. Zen 4, AVX-512, two threads, 2026-11-29.)
const DOUBLED: f64 = 400.0;

impl<A: Compute> Fft<A> {
    /// Whether there are more digits than those of its transforms.
    pub(super) fn has_double() -> bool {
        !A::DTYPE.is_integer() && size_of::<Double<A>>() > size_of::<Real<A>>()
    }

    /// Whether direct sums of so large a share of the outputs take longer than a transform with twice the digits.
    pub(super) fn is_worth_doubling(&self, share: f64) -> bool {
        Self::has_double() && share * self.kernel.weights.len() as f64 > DOUBLED
    }

    /// Whether blocks that went through a transform as they are leave so much in doubt, after a look at their tiles.
    pub(super) fn is_better_doubled(
        &self,
        packing: Packing,
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<bool> {
        if !self.is_worth_doubling(1.0) || !all_fit::<A>(&Self::levels(packing, workspace)) {
            return Ok(false);
        }
        for slot in packing.slots() {
            self.find_doubts(slot, Bearable::of(bearable), workspace)?;
            if self.is_worth_doubling(workspace.scratch.unknown()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Computes blocks of finite samples, of which the survey has the closest look, with twice the digits. What these are
    /// too few for is computed without a transform.
    pub(super) fn doubled(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        bearable: f64,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let doubled = self.kernel.doubled(&self.extension)?;
        let mut space = doubled.spaces.take(|| doubled.response.transform.space())?;
        workspace.outcomes.iter_mut().for_each(|outcome| outcome.clear());
        let way = Through {
            response: &doubled.response,
            space: &mut space,
            look: |_: &mut [_], _: &mut _| Ok(()),
        };
        self.transformed(x, packing, way, rows, workspace)?;
        doubled.spaces.keep(space);
        let bearable = Bearable { doubled: true, ..Bearable::of(bearable) };
        for slot in packing.slots() {
            self.find_doubts(slot, bearable, workspace)?;
            self.recompute(x, slot, rows, workspace)?;
        }
        Ok(())
    }
}
