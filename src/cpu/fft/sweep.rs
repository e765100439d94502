//! The way of a block: packed row by row, transformed, filtered, transformed back, and written out.

use num_complex::Complex;
use std::ops::Range;

use super::block::{Block, Fft, Real, Workspace};
use super::boxes::{embed, rows_of, within};
use super::kernel::Response;
use super::pack::pack;
use super::survey::{Look, Survey};
use super::transform::{Extent, Space};
use crate::element::compute::Compute;
use crate::element::transform::{Holds, MOST_PACKED, Real as Digits, Sample};
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::problem::extension::Row;
use crate::simd::vectorized;
use crate::util::memory;

/// How blocks that share a transform are packed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Packing {
    /// Powers of two that their samples are scaled by; none where there is no block.
    pub exponents: [Option<i32>; MOST_PACKED],
    /// Whether some samples are not finite: a look counts them as zero, as every transform does.
    pub cleaned: bool,
}

impl Packing {
    /// Those that have a block.
    pub(super) fn slots(self) -> impl DoubleEndedIterator<Item = usize> {
        (0..MOST_PACKED).filter(move |&slot| self.exponents[slot].is_some())
    }

    /// The same, each with its exponent.
    pub(super) fn blocks(self) -> impl Iterator<Item = (usize, i32)> {
        self.exponents.into_iter().enumerate().filter_map(|(slot, e)| Some((slot, e?)))
    }

    /// What of the blocks that have an exponent is read and needed, of any of them.
    fn unite<A: Compute>(&self, workspace: &mut Workspace<A>) {
        let Workspace { parts, extent, .. } = workspace;
        let here = parts.iter().zip(&self.exponents).filter(|(_, exponent)| exponent.is_some());
        extent.unite(here.map(|(part, _)| &part.extent));
    }
}

/// What a transform is made with.
pub(super) struct Through<'w, P: Digits, L> {
    pub response: &'w Response<P>,
    pub space: &'w mut Space<P>,
    /// Looks at each row of samples on its way.
    pub look: L,
}

impl<A: Compute> Fft<A> {
    /// Computes the outputs of the blocks that have an exponent, and looks at their samples on the
    /// way: what is not finite counts as zero, and is noted.
    pub(super) fn sweep(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        look: Look,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        self.start_looking(packing, look, workspace)?;
        self.ask_outputs(packing, look, workspace)?;
        let mut space = std::mem::take(&mut workspace.space);
        let look = |line: &mut [Complex<Real<A>>], survey: &mut Survey<Real<A>>| {
            survey.clean(line)?;
            survey.add(line);
            Ok(())
        };
        let way = Through { response: &self.kernel.response, space: &mut space, look };
        self.transformed(x, packing, way, rows, workspace)?;
        workspace.space = space;
        Ok(())
    }

    /// Computes the outputs of the blocks that have an exponent.
    pub(super) fn transformed<P: Holds<Real<A>>>(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        mut way: Through<'_, P, impl FnMut(&mut [Complex<P>], &mut Survey<Real<A>>) -> Result<()>>,
        rows: &mut [Output<'_, A>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Response { transform, spectrum } = way.response;
        let extent = &workspace.extent;
        let [used, needed] = [&extent.used, &extent.needed].map(|part| transform.slabs(part));
        let Some(summed) = self.blocks.summed else {
            self.forward(x, packing, 0..used, 0, &mut way, workspace)?;
            transform.filter(spectrum, &workspace.extent, way.space);
            return self.inverse(packing.exponents, 0..needed, 0, rows, &mut way, workspace);
        };
        let reach = summed.reach();
        self.forward(x, packing, 0..reach, 0, &mut way, workspace)?;
        for first in (0..needed).step_by(summed.together) {
            let sums = first..needed.min(first + summed.together);
            let next = sums.start + reach..sums.end + reach;
            self.forward(x, packing, next, first, &mut way, workspace)?;
            transform.sum(spectrum, sums.len(), way.space);
            self.inverse(packing.exponents, sums.clone(), first, rows, &mut way, workspace)?;
            transform.advance(sums.len(), way.space);
        }
        Ok(())
    }

    /// Rows of a part of a block that are looked at as one: those of a slab where slabs are summed, all
    /// where they are transformed together.
    fn slab_rows(&self, used: &[usize]) -> usize {
        let rows = rows_of(used);
        if self.blocks.summed.is_some() {
            rows / self.kernel.response.transform.slabs(used)
        } else {
            rows
        }
    }

    /// Where a row of the used part of a block comes from, and its first sample there; rows are
    /// counted in standard order.
    fn source(&self, part: &Block, row: usize) -> (Row<A>, isize) {
        let axes = &self.extension.geometry.axes;
        let last = axes.len() - 1;
        let first = |a: usize| axes[a].start(0) + part.origin[a] as isize;
        let mut inner = rows_of(&part.extent.used);
        let source = self.extension.row((0..last).map(|a| {
            inner /= part.extent.used[a];
            first(a) + (row / inner % part.extent.used[a]) as isize
        }));
        (source, first(last))
    }

    /// One row of the used part of a block.
    pub(super) fn row<'a>(
        &self,
        x: Input<'a, A>,
        part: &Block,
        row: usize,
        gathered: &'a mut Vec<A>,
    ) -> Result<&'a [A]> {
        let last = part.origin.len() - 1;
        let (used, samples) = (part.extent.used[last], self.extension.inner().samples());
        let (source, start) = self.source(part, row);
        if let (Row::Stored(at), Some(x)) = (source, x.in_place())
            && start >= 0
            && start as usize + used <= samples
        {
            return Ok(&x[at + start as usize..][..used]);
        }
        memory::fit(gathered, used, "a row of the continued input")?;
        self.extension.fill(x, source, start, gathered);
        Ok(gathered)
    }

    /// Asks for what [`Self::row`] will read.
    fn prefetch(&self, x: Input<'_, A>, part: &Block, row: usize) {
        if let (Row::Stored(at), start) = self.source(part, row) {
            x.prefetch(at.wrapping_add_signed(start), part.extent.used[part.origin.len() - 1]);
        }
    }

    /// Looks at the blocks that have an exponent without a transform.
    pub(super) fn look(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        look: Look,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        self.start_looking(packing, look, workspace)?;
        let mut line = std::mem::take(&mut workspace.space.line);
        for row in 0..rows_of(&workspace.extent.used) {
            self.pack_row(x, packing, row, &mut line, workspace)?;
            if packing.cleaned {
                workspace.survey.clean(&mut line)?;
            }
            workspace.survey.add(&line);
        }
        workspace.space.line = line;
        Ok(())
    }

    fn start_looking(
        &self,
        packing: Packing,
        look: Look,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        packing.unite(workspace);
        let Workspace { survey, extent, .. } = workspace;
        survey.start(&self.kernel.guard, &extent.used, self.slab_rows(&extent.used), look)
    }

    /// Makes ready for what outputs say, where they are asked.
    fn ask_outputs(
        &self,
        packing: Packing,
        look: Look,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { parts, outcomes, .. } = workspace;
        for (slot, outcome) in outcomes.iter_mut().enumerate() {
            match packing.exponents[slot] {
                Some(_) if look == Look::Outcomes => {
                    outcome.start(&self.kernel.guard, &parts[slot].extent.needed)?;
                }
                _ => outcome.clear(),
            }
        }
        Ok(())
    }

    /// A row in the middle of the blocks.
    pub(super) fn middle_row<'w>(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        workspace: &'w mut Workspace<A>,
    ) -> Result<&'w [Complex<Real<A>>]> {
        packing.unite(workspace);
        let row = rows_of(&workspace.extent.used) / 2;
        let mut line = std::mem::take(&mut workspace.space.line);
        self.pack_row(x, packing, row, &mut line, workspace)?;
        workspace.space.line = line;
        let used = workspace.extent.used.last().expect("at least one axis");
        Ok(&workspace.space.line[..*used])
    }

    /// Packs one row of the blocks, as long as theirs.
    fn pack_row<P: Holds<Real<A>>>(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        row: usize,
        line: &mut [Complex<P>],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { parts, extent, gathered, .. } = workspace;
        let exponents = packing.exponents;
        let outer = self.blocks.size.len() - 1;
        let used = &extent.used[..outer];
        let mut sources: [&[A]; MOST_PACKED] = [&[]; MOST_PACKED];
        for (slot, gathered) in gathered.iter_mut().enumerate() {
            if exponents[slot].is_some()
                && let Some(row) = within(row, used, &parts[slot].extent.used[..outer])
            {
                sources[slot] = self.row(x, &parts[slot], row, gathered)?;
            }
        }
        vectorized(
            #[inline(always)]
            || pack(sources, exponents.map(|e| e.unwrap_or(0)), line),
        );
        Ok(())
    }

    /// Packs slabs of the blocks that have an exponent, looks at them, and transforms them. `first`
    /// is the one that has the first place in memory.
    fn forward<P: Holds<Real<A>>>(
        &self,
        x: Input<'_, A>,
        packing: Packing,
        slabs: Range<usize>,
        first: usize,
        way: &mut Through<'_, P, impl FnMut(&mut [Complex<P>], &mut Survey<Real<A>>) -> Result<()>>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Through { response: Response { transform, .. }, space, look } = way;
        let in_slab = rows_of(&workspace.extent.used) / transform.slabs(&workspace.extent.used);
        let outer = &self.blocks.size[..self.blocks.size.len() - 1];
        let skipped = first * transform.rows_of_slab();
        for row in slabs.start * in_slab..slabs.end * in_slab {
            self.pack_row(x, packing, row, &mut space.line, workspace)?;
            look(&mut space.line, &mut workspace.survey)?;
            let Workspace { parts, extent, .. } = workspace;
            let used = &extent.used[..outer.len()];
            // While this row is transformed, the next one comes in.
            for (part, exponent) in parts.iter().zip(packing.exponents) {
                if exponent.is_some()
                    && row + 1 < slabs.end * in_slab
                    && let Some(next) = within(row + 1, used, &part.extent.used[..outer.len()])
                {
                    self.prefetch(x, part, next);
                }
            }
            transform.forward_row(embed(row, used, outer) - skipped, space);
            if (row + 1) % in_slab == 0 {
                transform.forward_slab(row / in_slab - first, &extent.used, space);
            }
        }
        Ok(())
    }

    /// Transforms slabs of results back and writes the outputs in them. `first` is the one that has
    /// the first place in memory.
    fn inverse<P: Holds<Real<A>>, L>(
        &self,
        exponents: [Option<i32>; MOST_PACKED],
        slabs: Range<usize>,
        first: usize,
        rows: &mut [Output<'_, A>],
        way: &mut Through<'_, P, L>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Through { response: Response { transform, .. }, space, .. } = way;
        let Workspace { parts, extent, out: converted, outcomes, .. } = workspace;
        let outer = &self.blocks.size[..self.blocks.size.len() - 1];
        let needed = &extent.needed[..outer.len()];
        let in_slab = rows_of(&extent.needed) / transform.slabs(&extent.needed);
        let skipped = first * transform.rows_of_slab();
        for row in slabs.start * in_slab..slabs.end * in_slab {
            if row % in_slab == 0 {
                transform.inverse_slab(row / in_slab - first, &extent.needed, space);
            }
            let mut targets = [None; MOST_PACKED];
            for (slot, target) in targets.iter_mut().enumerate() {
                if exponents[slot].is_some() {
                    *target = self.output_row(row, needed, &parts[slot]);
                }
            }
            if targets == [None; MOST_PACKED] {
                continue;
            }
            // While this row is transformed, the places of its outputs come in.
            for (slot, target) in targets.iter().enumerate() {
                if let Some(target) = target {
                    rows[slot * self.rows + target].prefetch();
                }
            }
            transform.inverse_row(embed(row, needed, outer) - skipped, space);
            for (slot, target) in targets.into_iter().enumerate() {
                if let (Some(target), Some(exponent)) = (target, exponents[slot]) {
                    if outcomes[slot].is_wanted() {
                        let Extent { needed, .. } = &parts[slot].extent;
                        let (width, outer) = needed.split_last().expect("at least one axis");
                        let row = self.kernel.guard.row_of_patches_with(target, outer);
                        let line = &space.line[..*width];
                        outcomes[slot].add(row, line, slot, 1.0f64.scaled(-self.kernel.exponent));
                    }
                    let exponent = -(exponent + self.kernel.exponent);
                    let out = &mut rows[slot * self.rows + target];
                    let unpack = |out: &mut [A]| {
                        vectorized(
                            #[inline(always)]
                            || self.unpack(&space.line, &parts[slot], slot, exponent, out),
                        );
                    };
                    match out.in_place() {
                        Some(out) => unpack(out),
                        None => {
                            memory::fit(converted, out.len(), "outputs before they are stored")?;
                            unpack(converted);
                            out.write(0, converted);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Which row of a block's outputs a row of results is, if it is one.
    fn output_row(&self, row: usize, needed: &[usize], part: &Block) -> Option<usize> {
        let (mut rest, mut target, mut inner) = (row, 0, 1);
        for (a, axis) in self.extension.outer().iter().enumerate().rev() {
            let o = axis.output_at(part.origin[a] + rest % needed[a])?;
            let range = &part.outputs[a];
            if !range.contains(&o) {
                return None;
            }
            target += (o - range.start) * inner;
            rest /= needed[a];
            inner *= range.len();
        }
        Some(target)
    }

    #[inline(always)]
    fn unpack<P: Holds<Real<A>>>(
        &self,
        line: &[Complex<P>],
        part: &Block,
        slot: usize,
        exponent: i32,
        out: &mut [A],
    ) {
        let axis = self.extension.inner();
        let last = part.origin.len() - 1;
        let result = |value| A::Sample::of_slot(P::nearest(value), slot);
        let scaled = |value| A::from_sample(result(value).scaled(exponent));
        if axis.stride > 1 {
            for (o, out) in part.outputs[last].clone().zip(out) {
                *out = scaled(line[axis.advance(o) - part.origin[last]]);
            }
        } else if exponent != 0 {
            for (&value, out) in line.iter().zip(out) {
                *out = scaled(value);
            }
        } else {
            for (&value, out) in line.iter().zip(out) {
                *out = A::from_sample(result(value));
            }
        }
    }
}
