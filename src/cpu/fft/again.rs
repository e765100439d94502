//! What is done again: blocks that a transform must take in another packing, and outputs that it cannot be
//! trusted with.

use num_complex::Complex;
use std::ops::Range;

use super::block::{Block, Fft, Workspace};
use super::boxes::rows_of;
use super::doubts::{Doubts, Known};
use super::guard::Bearable;
use super::range::{Level, exponent_into_range};
use super::sweep::Packing;
use crate::cpu::direct::Direct;
use crate::element::compute::Compute;
use crate::element::transform::{MOST_PACKED, Sample};
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::problem::extension::Odometer;

impl<A: Compute> Fft<A> {
    /// Another packing of blocks that went through a transform as they are, where that could not be or
    /// leaves doubts.
    pub(super) fn better(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> Result<Option<Packing>> {
        let is_here = |&slot: &usize| packing.exponents[slot].is_some();
        let mut levels = [None; MOST_PACKED];
        for slot in (0..MOST_PACKED).filter(is_here) {
            let level = workspace.survey.level(A::Sample::parts(slot), 0);
            levels[slot] = Some(level);
        }
        let fits = |level: &Level| {
            level.largest.is_finite() && exponent_into_range::<A::Sample>(level.largest) == 0
        };
        let fit = levels.iter().flatten().all(fits);
        let mut cleaned = false;
        if !fit {
            for slot in (0..MOST_PACKED).filter(is_here) {
                let (level, finite) = self.level(x, slot, workspace)?;
                levels[slot] = Some(level);
                cleaned |= !finite;
            }
        }
        let exponents = match levels {
            [Some(a), Some(b)] => a.partners(&b).map(Some),
            _ => levels.map(|level| level.map(|level| level.exponent)),
        };
        let better = Packing { exponents, cleaned };
        if !fit {
            return Ok(Some(better));
        }
        for slot in (0..MOST_PACKED).filter(is_here).filter(|_| better != packing) {
            self.find_doubts(slot, Bearable { error: bearable, exponent: 0 }, workspace)?;
            if workspace.scratch.doubts.iter().any(|doubt| doubt.known.is_none()) {
                return Ok(Some(better));
            }
        }
        Ok(None)
    }

    /// Finds what is to be computed again of the block in a slot.
    pub(super) fn find_doubts(
        &self,
        slot: usize,
        bearable: Bearable,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { parts, survey, scratch, .. } = workspace;
        let needed = &parts[slot].extent.needed;
        self.kernel.guard.doubts(survey, A::Sample::parts(slot), needed, bearable, scratch)
    }

    /// Computes outputs of a block again.
    pub(super) fn recompute(
        &self,
        x: Input<'_, A>,
        part: &Block,
        doubts: &Doubts,
        rows: &mut [Output<'_, A>],
    ) -> Result<()> {
        let axes = &self.extension.geometry.axes;
        let last = axes.len() - 1;
        // The outputs of some patches along an axis, counted from the block's first.
        let outputs = |a: usize, patches: Range<usize>| -> Range<usize> {
            let (all, places) = (&part.outputs[a], self.kernel.guard.outputs(a, patches));
            let output = |place: usize| {
                axes[a].first_output_from(part.origin[a] + place).clamp(all.start, all.end)
            };
            output(places.start)..output(places.end)
        };
        for doubt in doubts.iter() {
            let columns = outputs(last, doubt.patches.clone());
            // The outputs of the doubt's row of patches along an outer axis.
            let outer = |axis: usize| {
                let mut rest = doubt.row;
                for a in (axis + 1..last).rev() {
                    rest /= self.kernel.guard.patches(a, part.extent.needed[a]);
                }
                let p = rest % self.kernel.guard.patches(axis, part.extent.needed[axis]);
                outputs(axis, p..p + 1)
            };
            let first = part.outputs[last].start;
            for flat in 0..(0..last).map(|a| outer(a).len()).product() {
                let (mut rest, mut row, mut target) = (flat, 0, 0);
                let (mut row_stride, mut target_stride) = (1, 1);
                for a in (0..last).rev() {
                    let (range, all) = (outer(a), &part.outputs[a]);
                    let o = range.start + rest % range.len();
                    rest /= range.len();
                    row += o * row_stride;
                    target += (o - all.start) * target_stride;
                    row_stride *= axes[a].outputs();
                    target_stride *= all.len();
                }
                let mut out = rows[target].part(columns.start - first..columns.end - first);
                match doubt.known {
                    Some(Known::Zero) => out.fill(A::default()),
                    Some(Known::Nan) => out.fill(A::from_complex(Complex::new(f64::NAN, f64::NAN))),
                    None => self.direct()?.rows(x, row, columns.clone(), out)?,
                }
            }
        }
        Ok(())
    }

    /// How loud a block is that was not transformed as it should be, and whether all of it is finite.
    pub(super) fn level(
        &self,
        x: Input<'_, A>,
        slot: usize,
        workspace: &mut Workspace<A>,
    ) -> Result<(Level, bool)> {
        let Workspace { parts, gathered, .. } = workspace;
        let part = &parts[slot];
        let rows = rows_of(&part.extent.used);
        let (mut largest, mut finite) = (0.0f64, true);
        for row in 0..rows {
            for value in self.row(x, part, row, &mut gathered[0])? {
                if value.is_finite() {
                    largest = largest.max(value.magnitude());
                } else {
                    finite = false;
                }
            }
        }
        let exponent = exponent_into_range::<A::Sample>(largest);
        let mut exponents = [None; MOST_PACKED];
        exponents[slot] = Some(exponent);
        self.look(x, Packing { exponents, cleaned: true }, false, workspace)?;
        let parts = A::Sample::parts(slot);
        let level = workspace.survey.level(parts, exponent);
        Ok((level, finite))
    }

    /// What computes without a transform. Blocks run on all threads already.
    pub(super) fn direct(&self) -> Result<&Direct<A>> {
        if let Some(direct) = self.direct.get() {
            return Ok(direct);
        }
        let extension = self.extension.clone();
        let made = Direct::new(extension, &self.kernel.weights, self.tile, self.instructions, 1)?;
        Ok(self.direct.get_or_init(|| made))
    }

    /// Computes the outputs of a block without a transform.
    pub(super) fn leave_to_direct(
        &self,
        x: Input<'_, A>,
        part: &Block,
        rows: &mut [Output<'_, A>],
    ) -> Result<()> {
        let (columns, outer) = part.outputs.split_last().expect("at least one axis");
        let axes = self.extension.outer();
        let mut at = Odometer::starting_at(outer.iter().map(Range::len).collect(), 0);
        for out in rows.iter_mut().take(outer.iter().map(Range::len).product()) {
            let row = axes
                .iter()
                .enumerate()
                .fold(0, |row, (a, axis)| row * axis.outputs() + outer[a].start + at.at()[a]);
            let len = out.len();
            self.direct()?.rows(x, row, columns.clone(), out.part(0..len))?;
            at.advance();
        }
        Ok(())
    }
}
