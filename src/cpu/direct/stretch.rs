//! A stretch of a few rows of the result: in place where its windows lie in the input, and over pieces of
//! the continued rows elsewhere.

use std::ops::Range;

use super::kept::Place;
use super::shape::{Tiles, Work};
use super::window::WindowLayout;
use super::{Call, Direct, STRETCH, Workspace};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::plan::cpu::tiles::SHORT;
use crate::problem::extension::Row;
use crate::simd::tile::ZEROS;
use crate::util::memory;

/// A few rows of the result, one tile high, and some of their columns.
pub(super) struct Stretch<'a, A> {
    pub tiles: &'a Tiles<A>,
    /// The first row, and how many: at most as many as a tile has.
    pub row: usize,
    pub rows: usize,
    pub columns: Range<usize>,
    /// Samples from one row to the next where they are written.
    pub pitch: usize,
}

impl<A: Compute> Direct<A> {
    /// Computes a stretch of the result over the rows that the workspace names.
    pub(super) fn stretch(
        &self,
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        in_place: bool,
        mut out: Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let inner = self.extension.inner();
        let columns = &stretch.columns;
        let (stored, window) = (call.x.in_place(), self.layout(call));
        let reads = stored.is_some() && in_place && inner.stride == 1;
        let mut inside = if reads { inner.interior() } else { 0..0 };
        inside = inside.start.max(columns.start)..inside.end.min(columns.end);
        // Short rows are built as a whole: one job takes less than two.
        let short = columns.len() <= window.columns.min(SHORT * Self::UNIT);
        if short || inside.len() < Self::UNIT {
            inside = columns.start..columns.start;
        }
        let edges = [columns.start..inside.start, inside.end..columns.end];
        let joined = edges[0].len() + inner.reach() + edges[1].len();
        let both = edges.iter().all(|edge| !edge.is_empty());
        if both && window.step > 0 && joined <= window.columns {
            // Both ends of the rows, one beside the other.
            self.window(call, stretch, edges, &mut out, workspace)?;
        } else {
            for edge in edges {
                for start in edge.clone().step_by(window.columns) {
                    let end = edge.end.min(start + window.columns);
                    self.window(call, stretch, [start..end, end..end], &mut out, workspace)?;
                }
            }
        }
        match stored {
            Some(x) if !inside.is_empty() => {
                self.inside(x, call, stretch, inside, &mut out, workspace)
            }
            _ => Ok(()),
        }
    }

    /// How pieces of rows are laid out.
    fn layout(&self, call: Call<'_, A>) -> &WindowLayout {
        if call.x.in_place().is_some() { &self.window } else { &self.converted }
    }

    /// Computes columns of a stretch whose windows lie in the input.
    fn inside(
        &self,
        x: &[A],
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        inside: Range<usize>,
        out: &mut Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let inner = self.extension.inner();
        let Workspace { rows, sources, ahead, zeros, out: results, .. } = workspace;
        // Under several planes of taps there is time to ask for what the next tile reads first: hardware does not
        // see short rows coming.
        let has_planes = rows.len() > stretch.tiles.tile.sources;
        let next = if has_planes { 1..1 + stretch.rows } else { 0..0 };
        ahead.clear();
        memory::reserve(ahead, next.len(), "rows of the next tile")?;
        let mut run = |columns: &Range<usize>, y: &mut [A], pitch| {
            let start = inner.start(columns.start);
            ahead.clear();
            ahead.extend(below(rows, next.clone()).map(|at| at.wrapping_add_signed(start)));
            sources.clear();
            sources.extend(rows.iter().map(|row| match row {
                Row::Stored(at) => at.wrapping_add_signed(start),
                Row::Outside(_) => ZEROS,
            }));
            stretch.tiles.run(Work {
                x,
                zeros,
                sources,
                ahead: (x, &ahead[..]),
                offsets: &self.offsets,
                step: inner.tap_step(),
                y,
                pitch,
                rows: stretch.rows,
                columns: columns.len(),
            });
        };
        if let Some(out) = out.in_place() {
            let out = &mut out[inside.start - stretch.columns.start..];
            run(&inside, out, stretch.pitch);
            return (0..stretch.rows).try_for_each(|r| {
                let piece = &mut out[r * stretch.pitch..][..inside.len()];
                self.finish(call, stretch, r, inside.start, piece)
            });
        }
        for start in inside.clone().step_by(STRETCH) {
            let columns = start..inside.end.min(start + STRETCH);
            let pitch = columns.len();
            memory::fit(results, stretch.rows * pitch, "outputs before they are stored")?;
            run(&columns, results, pitch);
            self.store(call, stretch, columns, (results, pitch), out)?;
        }
        Ok(())
    }

    /// Stores columns of a stretch.
    #[inline]
    fn store(
        &self,
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        columns: Range<usize>,
        (results, pitch): (&mut [A], usize),
        out: &mut Output<'_, A>,
    ) -> Result<()> {
        for r in 0..stretch.rows {
            let results = &mut results[r * pitch..][..columns.len()];
            self.finish(call, stretch, r, columns.start, results)?;
            out.write(r * stretch.pitch + columns.start - stretch.columns.start, results);
        }
        Ok(())
    }

    /// Lets the call have the last word on outputs of row `r` of a stretch.
    #[inline]
    fn finish(
        &self,
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        r: usize,
        column: usize,
        piece: &mut [A],
    ) -> Result<()> {
        let Some(finish) = call.finish else { return Ok(()) };
        let row = stretch.row + r * stretch.tiles.tile.spacing;
        finish(row * self.extension.inner().outputs() + column, piece)
    }

    /// Computes some columns of a stretch over pieces of extended rows: one stretch and an empty
    /// one, or two.
    fn window(
        &self,
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        stretches: [Range<usize>; 2],
        out: &mut Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { rows: found, sources, window, kept, line, out: results, zeros, .. } =
            workspace;
        let (in_place, layout) = (call.x.in_place().is_some(), self.layout(call));
        let len = layout.len;
        let [first, second] = stretches.each_ref().map(Range::len);
        if first + second == 0 {
            return Ok(());
        }
        // The second stretch starts where the windows of the first end.
        let after = first + self.extension.inner().reach();
        let columns = if second > 0 { after + second } else { first };
        let pitch = columns.next_multiple_of(Self::UNIT);
        // As many as the high tile has, which may come next: what is kept stays where it is.
        let planes = found.len() / stretch.tiles.tile.sources;
        let slots = planes * self.tiles[0].tile.sources;
        memory::fit(window, slots.saturating_mul(len), "pieces of the rows under a tile")?;
        // In place nothing is kept, and under several planes of taps reading is next to nothing.
        let kept = match !in_place && planes == 1 {
            true => Some(kept.place(found, stretches[0].start)?),
            false => None,
        };
        sources.clear();
        for (i, &row) in found.iter().enumerate() {
            if self.adds_nothing(row) {
                sources.push(ZEROS);
                continue;
            }
            let Place { slot, is_new } =
                kept.map_or(Place { slot: i, is_new: true }, |kept| kept[i]);
            sources.push(slot * len);
            if !is_new {
                continue;
            }
            let window = &mut window[slot * len..][..len];
            let mut fill = |columns: &Range<usize>, window: &mut [A]| {
                let columns = (columns.start, columns.len());
                layout.fill(&self.extension, call.x, row, columns, line, window)
            };
            fill(&stretches[0], window)?;
            if second > 0 {
                fill(&stretches[1], &mut window[after..])?;
            }
        }
        if kept.is_some() {
            self.ask_for_next(call.x, found, stretch.rows, stretches[0].start, len);
        }
        memory::fit(results, stretch.rows * pitch, "outputs at the ends of rows")?;
        stretch.tiles.run(Work {
            x: window,
            zeros,
            sources,
            ahead: (&[], &[]),
            offsets: &layout.offsets,
            step: layout.step,
            y: results,
            pitch,
            rows: stretch.rows,
            columns: pitch,
        });
        for (columns, at) in stretches.into_iter().zip([0, after]) {
            if !columns.is_empty() {
                self.store(call, stretch, columns, (&mut results[at..], pitch), out)?;
            }
        }
        Ok(())
    }

    /// Asks for what the next tile reads below these rows, while theirs is computed.
    fn ask_for_next(
        &self,
        x: Input<'_, A>,
        rows: &[Row<A>],
        more: usize,
        column: usize,
        len: usize,
    ) {
        let start = self.extension.inner().start(column).max(0);
        for row in below(rows, 1..more + 1) {
            x.prefetch(row.wrapping_add_signed(start), len);
        }
    }
}

/// Where rows below the last of some start, as far from each other as the last two; mirrored ones go the other way.
fn below<A: Copy>(rows: &[Row<A>], which: Range<usize>) -> impl Iterator<Item = usize> {
    let found = match *rows {
        [.., Row::Stored(before), Row::Stored(last)] => Some((last, last.wrapping_sub(before))),
        _ => None,
    };
    let row =
        move |row: usize| found.map(|(last, pitch)| last.wrapping_add(row.wrapping_mul(pitch)));
    which.filter_map(row)
}
