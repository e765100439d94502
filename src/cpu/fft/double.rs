//! Transforms of twice the digits, for blocks that leave many outputs in doubt: where what is dark and what is bright
//! are a million times apart, direct sums of all that is dark may take a hundred times as long.

use super::block::{Fft, Real, Workspace};
use super::guard::Bearable;
use super::kernel::{Double, Response};
use super::sweep::{Packing, Through};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};

/// Multiply-adds of the direct method, for each sample of a block, in the time of its transform with twice the digits and
/// the looks at it. (A night of 1080 x 1920 with lamps, 127 x 127 taps: 350 ms in direct sums, 35 so, where noise takes 8. A
/// dark photograph in RGB, 21 x 21 and 31 x 31: 42 and 72 ms in direct sums, 78 and 92 so. Zen 4, AVX-512, two threads,
/// 2026-11-29.)
const DOUBLED: f64 = 1000.0;

impl<A: Compute> Fft<A> {
    /// Whether direct sums of so large a share of the outputs take longer than a transform with twice the digits.
    pub(super) fn is_worth_doubling(&self, share: f64) -> bool {
        // A transform computes what strides pass over too.
        let stride: usize = self.extension.geometry.axes.iter().map(|axis| axis.stride).product();
        let products = share * self.kernel.weights.len() as f64 / stride as f64;
        let has_double = !A::DTYPE.is_integer() && size_of::<Double<A>>() > size_of::<Real<A>>();
        has_double && products > DOUBLED
    }

    /// Computes blocks of finite samples, which went through a transform in this packing, again with twice the digits if
    /// they leave so much in doubt; false where they do not.
    pub(super) fn double_doubts(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        bearable: f64,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<bool> {
        if !self.leaves_too_much(packing, bearable, workspace)? {
            return Ok(false);
        }
        if workspace.survey.look < self.closest() {
            self.look(x, packing, self.closest(), workspace)?;
            if !self.leaves_too_much(packing, bearable, workspace)? {
                return Ok(false);
            }
        }
        self.double(x, packing, bearable, rows, workspace)
    }

    /// Whether any block leaves so much in doubt, by the look that was taken.
    fn leaves_too_much(
        &self,
        packing: Packing,
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<bool> {
        if !self.is_worth_doubling(1.0) {
            return Ok(false);
        }
        for (slot, exponent) in packing.blocks() {
            let bearable = Bearable { exponent, ..Bearable::of(bearable) };
            self.find_doubts(slot, bearable, workspace)?;
            if self.is_worth_doubling(workspace.scratch.share_again()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Computes blocks of finite samples, of which the survey has the closest look in this packing, with twice the
    /// digits; what these are too few for without a transform. False where there is no memory for it.
    pub(super) fn double(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        bearable: f64,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<bool> {
        let Ok(response) = self.doubled() else { return Ok(false) };
        let space = workspace.double.take().map_or_else(|| response.transform.space(), Ok);
        let Ok(mut space) = space else { return Ok(false) };
        workspace.outcomes.iter_mut().for_each(|outcome| outcome.clear());
        let way = Through { response, space: &mut space, look: |_: &mut [_], _: &mut _| Ok(()) };
        self.transformed(x, packing, way, rows, workspace)?;
        workspace.double = Some(space);
        for (slot, exponent) in packing.blocks() {
            let bearable = Bearable { exponent, doubled: true, ..Bearable::of(bearable) };
            self.find_doubts(slot, bearable, workspace)?;
            self.recompute(x, slot, rows, workspace)?;
        }
        Ok(true)
    }

    /// The response of twice the digits, made when it is first needed.
    fn doubled(&self) -> Result<&Response<Double<A>>> {
        if let Some(response) = self.doubled.get() {
            return Ok(response);
        }
        let made = self.kernel.doubled(&self.extension)?;
        Ok(self.doubled.get_or_init(|| made))
    }
}
