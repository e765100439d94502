//! What is done again: blocks that a transform must take in another packing, and outputs that it cannot be
//! trusted with.

use num_complex::Complex;
use std::ops::Range;

use super::block::{Block, Fft, Workspace};
use super::boxes::rows_of;
use super::doubts::Known;
use super::guard::Bearable;
use super::range::{Level, exponent_into_range};
use super::survey::Look;
use super::sweep::Packing;
use crate::cpu::direct::Direct;
use crate::element::compute::Compute;
use crate::element::transform::{MOST_PACKED, Sample};
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::util::memory;

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
        let mut levels = Self::levels(packing, workspace);
        let fit = all_fit::<A>(&levels);
        if !fit {
            for slot in packing.slots() {
                levels[slot] = Some(self.level(x, slot, workspace)?);
            }
        }
        let exponents = match levels {
            [Some(a), Some(b)] => a.partners(&b).map(Some),
            _ => levels.map(|level| level.map(|level| level.exponent)),
        };
        let better = Packing { exponents, ..packing };
        if !fit {
            return Ok(Some(better));
        }
        for slot in packing.slots().filter(|_| better != packing) {
            self.find_doubts(slot, Bearable::of(bearable), workspace)?;
            if workspace.scratch.doubts.iter().any(|doubt| doubt.known.is_none()) {
                return Ok(Some(better));
            }
        }
        Ok(None)
    }

    /// The levels of blocks that went through a transform as they are.
    pub(super) fn levels(
        packing: Packing,
        workspace: &Workspace<A>,
    ) -> [Option<Level>; MOST_PACKED] {
        let level = |slot| workspace.survey.level(A::Sample::parts(slot), 0);
        std::array::from_fn(|slot| packing.exponents[slot].map(|_| level(slot)))
    }

    /// Whether errors of all blocks are bearable, or what came out of the transform is large enough
    /// against them.
    pub(super) fn all_proven(
        &self,
        packing: Packing,
        bearable: f64,
        workspace: &mut Workspace<A>,
    ) -> bool {
        if !all_fit::<A>(&Self::levels(packing, workspace)) {
            return false;
        }
        let Workspace { parts, survey, outcomes, scratch, .. } = workspace;
        packing.slots().all(|slot| {
            let needed = &parts[slot].extent.needed;
            let bearable = Bearable::of(bearable);
            self.kernel.guard.is_proven(survey, needed, bearable, &outcomes[slot], scratch)
        })
    }

    /// The largest samples whose products with all taps have sums within the type, in any order.
    pub(super) fn summable(&self) -> f64 {
        1.0 / A::DTYPE.smallest_normal() / 4.0 / self.kernel.guard.taps
    }

    /// Computes again the outputs that are not proved by their own size, where that takes no longer than a look
    /// at all windows; false where it would.
    pub(super) fn settle(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        bearable: f64,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<bool> {
        let fit = all_fit::<A>(&Self::levels(packing, workspace));
        if !fit || workspace.survey.look != Look::Outcomes {
            return Ok(false);
        }
        let bearable = Bearable::of(bearable);
        let unproven = |slot: usize, workspace: &mut Workspace<A>| {
            let Workspace { parts, survey, outcomes, scratch, .. } = workspace;
            let (extent, outcome) = (&parts[slot].extent, &outcomes[slot]);
            let parts = A::Sample::parts(slot);
            self.kernel.guard.unproven(survey, parts, extent, bearable, outcome, scratch)
        };
        let mut found = None;
        for slot in packing.slots() {
            unproven(slot, workspace)?;
            let share = workspace.scratch.share_again();
            let many = share * self.kernel.weights.len() as f64 > products(self.instructions);
            if many || self.is_worth_doubling(share) {
                return Ok(false);
            }
            found = Some(slot);
        }
        for slot in packing.slots().rev() {
            // What was found last is still known.
            if found != Some(slot) {
                unproven(slot, workspace)?;
            }
            self.recompute(x, slot, rows, workspace)?;
        }
        Ok(true)
    }

    /// Finds what is to be computed again of the block in a slot.
    pub(super) fn find_doubts(
        &self,
        slot: usize,
        bearable: Bearable,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { parts, survey, outcomes, scratch, .. } = workspace;
        let (needed, outcome) = (&parts[slot].extent.needed, &outcomes[slot]);
        let parts = A::Sample::parts(slot);
        self.kernel.guard.doubts(survey, parts, needed, bearable, outcome, scratch)
    }

    /// Computes outputs of the block in a slot again; `rows` are those of all slots.
    pub(super) fn recompute(
        &self,
        x: Input<'_, A>,
        slot: usize,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        if workspace.scratch.is_mostly_unknown() {
            return self.leave_to_direct(x, slot, rows, workspace);
        }
        let rows = &mut rows[slot * self.rows..(slot + 1) * self.rows];
        let Workspace { parts, scratch, outer, again, .. } = workspace;
        let (part, axes) = (&parts[slot], &self.extension.geometry.axes);
        let last = axes.len() - 1;
        // The outputs of some patches along an axis, counted from the block's first.
        let outputs = |a: usize, patches: Range<usize>| -> Range<usize> {
            let (all, places) = (&part.outputs[a], self.kernel.guard.outputs(a, patches));
            let output = |place: usize| {
                axes[a].first_output_from(part.origin[a] + place).clamp(all.start, all.end)
            };
            output(places.start)..output(places.end)
        };
        for doubt in scratch.doubts.iter() {
            let columns = outputs(last, doubt.patches.clone());
            // The outputs of the doubt's rows of patches along the outer axes: they are neighbours along the
            // last of these.
            let (mut rest, mut count) = (doubt.rows.start, doubt.rows.len());
            outer.clear();
            for a in (0..last).rev() {
                let patches = self.kernel.guard.patches(a, part.extent.needed[a]);
                outer.push(outputs(a, rest % patches..rest % patches + count));
                (rest, count) = (rest / patches, 1);
            }
            outer.reverse();
            let known = match doubt.known {
                Some(Known::Zero) => A::default(),
                Some(Known::Nan) => A::from_complex(Complex::new(f64::NAN, f64::NAN)),
                None => {
                    self.directly(x, part, (outer, columns), rows, again)?;
                    continue;
                }
            };
            let first = part.outputs[last].start;
            for_each_row(axes, part, outer, 1, |_, target, _| {
                rows[target].part(columns.start - first..columns.end - first).fill(known);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Computes some outputs of a block without a transform: these columns of all rows that lie in ranges
    /// of the outer axes.
    fn directly(
        &self,
        x: Input<'_, A>,
        part: &Block,
        (outer, columns): (&[Range<usize>], Range<usize>),
        rows: &mut [Output<'_, A>],
        results: &mut Vec<A>,
    ) -> Result<()> {
        let (width, first) = (columns.len(), part.outputs[outer.len()].start);
        if width == 0 {
            return Ok(());
        }
        let (direct, tall) = (self.direct()?, self.tile.rows * self.tile.spacing);
        let most = (RESULTS / size_of::<A>() / width / tall).max(1) * tall;
        let axes = &self.extension.geometry.axes;
        for_each_row(axes, part, outer, most, |row, target, count| {
            memory::fit(results, count * width, "outputs that are computed again")?;
            direct.rows(x, row, columns.clone(), Output::InPlace(&mut results[..count * width]))?;
            for (row, results) in
                rows[target..].iter_mut().zip(results.chunks_exact(width)).take(count)
            {
                row.write(columns.start - first, results);
            }
            Ok(())
        })
    }

    /// How loud what is finite of a block is that was not transformed as it should be.
    pub(super) fn level(
        &self,
        x: Input<'_, A>,
        slot: usize,
        workspace: &mut Workspace<A>,
    ) -> Result<Level> {
        let Workspace { parts, gathered, .. } = workspace;
        let part = &parts[slot];
        let rows = rows_of(&part.extent.used);
        let mut largest = 0.0f64;
        for row in 0..rows {
            for value in self.row(x, part, row, &mut gathered[0])? {
                if value.is_finite() {
                    largest = largest.max(value.magnitude());
                }
            }
        }
        let exponent = exponent_into_range::<A::Sample>(largest);
        let mut exponents = [None; MOST_PACKED];
        exponents[slot] = Some(exponent);
        self.look(x, Packing { exponents, cleaned: true }, Look::Tiles, workspace)?;
        let parts = A::Sample::parts(slot);
        Ok(workspace.survey.level(parts, exponent))
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

    /// Computes the outputs of all blocks that have an exponent without a transform; `rows` are those of all
    /// slots.
    pub(super) fn leave_all_to_direct(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        packing.slots().try_for_each(|slot| self.leave_to_direct(x, slot, rows, workspace))
    }

    /// Computes the outputs of the block in a slot without a transform.
    pub(super) fn leave_to_direct(
        &self,
        x: Input<'_, A>,
        slot: usize,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let rows = &mut rows[slot * self.rows..(slot + 1) * self.rows];
        let Workspace { parts, again, .. } = workspace;
        let (columns, outer) = parts[slot].outputs.split_last().expect("at least one axis");
        self.directly(x, &parts[slot], (outer, columns.clone()), rows, again)
    }
}

/// Multiply-adds of the direct method, for each sample of a block, in the time that a look at its windows and
/// what comes of it take. With AVX2 they took 69 ms where direct sums of 225 taps take 25 (1 % sparse, RGB of
/// `f32`, 1920 x 1080; Zen 3, two threads, 2026-11-27), and take less where tiles are larger; with AVX-512 44 and
/// 12 (Zen 5, 2026-11-28), and of a dark photograph the most that was tried, 1600, was best.
fn products(instructions: InstructionSet) -> f64 {
    match instructions {
        InstructionSet::Avx512 => 1600.0,
        _ => 300.0,
    }
}

/// Whether blocks of these levels can be transformed as they are.
pub(super) fn all_fit<A: Compute>(levels: &[Option<Level>]) -> bool {
    let fits = |level: &Level| {
        level.largest.is_finite() && exponent_into_range::<A::Sample>(level.largest) == 0
    };
    levels.iter().flatten().all(fits)
}

/// Bytes of outputs that are computed again at one time, more or less.
const RESULTS: usize = 64 << 10;

/// Calls `work` for the rows of a block that lie in ranges of the outer axes: with one of all rows of outputs,
/// its place among the block's, and how many neighbours follow from there on, itself included, at most `most`.
fn for_each_row(
    axes: &[Axis],
    part: &Block,
    outer: &[Range<usize>],
    most: usize,
    mut work: impl FnMut(usize, usize, usize) -> Result<()>,
) -> Result<()> {
    let along = outer.last().map_or(1, Range::len);
    for flat in (0..outer.iter().map(Range::len).product()).step_by(along.max(1)) {
        let (mut rest, mut row, mut target) = (flat, 0, 0);
        let (mut row_stride, mut target_stride) = (1, 1);
        for (a, range) in outer.iter().enumerate().rev() {
            let o = range.start + rest % range.len();
            rest /= range.len();
            row += o * row_stride;
            target += (o - part.outputs[a].start) * target_stride;
            row_stride *= axes[a].outputs();
            target_stride *= part.outputs[a].len();
        }
        for r in (0..along).step_by(most) {
            work(row + r, target + r, most.min(along - r))?;
        }
    }
    Ok(())
}
