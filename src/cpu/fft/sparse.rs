//! Blocks of which few samples are not zero: each of these is added to the outputs whose windows it lies in.

use std::ops::Range;

use super::block::{Fft, Workspace};
use super::boxes::rows_of;
use super::sweep::Packing;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::problem::extension::Odometer;
use crate::problem::geometry::Axis;
use crate::simd::vectorized;
use crate::util::memory;

impl<A: Compute> Fft<A> {
    /// Computes the outputs of all blocks that have an exponent; `rows` are those of all slots.
    pub(super) fn scatter_all(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        packing.slots().try_for_each(|slot| self.scatter(x, slot, rows, workspace))
    }

    /// Computes the outputs of the block in a slot; `rows` are those of all slots. Each is the sum of its own
    /// window's products, but for those with zeros.
    fn scatter(
        &self,
        x: Input<'_, A>,
        slot: usize,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { parts, gathered, again, places, .. } = workspace;
        let (part, axes) = (&parts[slot], &self.extension.geometry.axes);
        let (inner, outer) = axes.split_last().expect("at least one axis");
        let (needed, width) = (&part.extent.needed, part.extent.needed[outer.len()]);
        memory::fit(again, needed.iter().product(), "the outputs of a block")?;
        again.fill(A::default());
        let mut at = Odometer::starting_at(part.extent.used[..outer.len()].to_vec(), 0);
        let mut tap = Odometer::starting_at(outer.iter().map(|axis| axis.taps).collect(), 0);
        for row in 0..rows_of(&part.extent.used) {
            let samples = self.row(x, part, row, &mut gathered[0])?;
            places.clear();
            memory::reserve(places, samples.len(), "places of samples")?;
            let heard = samples.iter().enumerate().filter(|(_, sample)| **sample != A::default());
            places.extend(heard.map(|(at, _)| Place::new(at, inner, width)));
            // Once around.
            let rows_of_taps = self.kernel.weights.chunks_exact(inner.taps);
            for weights in rows_of_taps.take_while(|_| !places.is_empty()) {
                if let Some(row) = output_under(at.at(), tap.at(), outer, needed) {
                    let outputs = &mut again[row * width..][..width];
                    vectorized(
                        #[inline(always)]
                        || add(samples, places, weights, inner.tap_step(), outputs),
                    );
                }
                tap.advance();
            }
            at.advance();
        }
        let rows = &mut rows[slot * self.rows..];
        for (row, outputs) in rows.iter_mut().zip(again.chunks_exact(width)) {
            row.write(0, outputs);
        }
        Ok(())
    }
}

/// The row of outputs in whose windows a row of samples lies under a row of taps.
fn output_under(at: &[usize], tap: &[usize], outer: &[Axis], needed: &[usize]) -> Option<usize> {
    outer.iter().enumerate().try_fold(0, |row, (a, axis)| {
        let output = at[a].checked_sub(tap[a] * axis.tap_step())?;
        (output < needed[a]).then_some(row * needed[a] + output)
    })
}

/// A sample in a row that is not zero.
#[derive(Debug)]
pub(super) struct Place {
    at: usize,
    /// The taps that are over it in windows of outputs that there are.
    taps: Range<usize>,
}

impl Place {
    /// In a row over which so many outputs lie.
    fn new(at: usize, axis: &Axis, outputs: usize) -> Self {
        let step = axis.tap_step();
        let first = (at + 1).saturating_sub(outputs).div_ceil(step);
        Self { at, taps: first..axis.taps.min(at / step + 1) }
    }
}

/// Adds the products of the samples at some places with a row of taps, `step` samples apart.
#[inline(always)]
fn add<A: Compute>(samples: &[A], places: &[Place], weights: &[A], step: usize, outputs: &mut [A]) {
    for &Place { at, ref taps } in places {
        let sample = samples[at];
        for t in taps.clone() {
            let output = &mut outputs[at - t * step];
            *output = output.mul_add(weights[t], sample);
        }
    }
}
