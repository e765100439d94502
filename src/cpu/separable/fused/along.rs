//! Rows filtered along themselves: in place where their windows lie in the input, and over pieces of the continued
//! rows elsewhere.

use std::ops::Range;

use super::{Fused, Passes, Ring};
use crate::cpu::direct::Direct;
use crate::cpu::direct::shape::Work;
use crate::cpu::direct::window::WindowLayout;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::Input;
use crate::problem::extension::Row;
use crate::simd::samples::Samples;
use crate::util::memory;

impl<A: Compute> Fused<A> {
    /// Filters the row at `p` of the extended input into its slots of the ring. `ahead` is where a later one lies,
    /// which is asked for meanwhile.
    pub(super) fn filter(
        &self,
        x: Input<'_, A>,
        plane: usize,
        p: isize,
        columns: Range<usize>,
        ahead: (&[A], usize),
        ring: &mut Ring<A>,
    ) -> Result<()> {
        let row = self.row(plane, p);
        let Ring { rows, window, bytes, line, apart: [spread, _], .. } = ring;
        let slot = p.rem_euclid(self.strips.tile.sources as isize) as usize * self.strips.pitch;
        let plane = self.strips.tile.sources * self.strips.pitch;
        if self.extension.is_zeros(row) {
            for ring in rows.chunks_exact_mut(plane) {
                ring[slot..][..self.strips.columns].fill(A::default());
            }
            return Ok(());
        }
        let inner = self.extension.inner();
        if let Passes::Folded(folded) = &self.passes
            && !self.is_near()
        {
            let stretch = self.stretch(x, row, &columns, (window, bytes, line))?;
            folded.filter(stretch, spread, rows.chunks_exact_mut(plane), slot);
            return Ok(());
        }
        let stored = match row {
            Row::Stored(at) => self.stored_samples(x, at, inner.samples()),
            Row::Outside(_) => None,
        };
        let inside = match stored {
            Some(_) => self.inside(&columns),
            None => columns.start..columns.start,
        };
        let last = if inside.end < columns.end {
            // A vector at least: it may compute again what is inside.
            inside.end.min(columns.end - Direct::<A>::UNIT)
        } else {
            columns.end
        };
        for edge in [columns.start..inside.start, last..columns.end] {
            if !edge.is_empty() {
                let some = (edge.start, edge.len());
                self.window.fill(&self.extension, x, row, some, line, window)?;
                let WindowLayout { offsets, step, .. } = &self.window;
                let to = (slot + edge.start - columns.start, edge.len());
                self.along(
                    Samples::Numbers(window),
                    (offsets, *step),
                    rows.chunks_exact_mut(plane),
                    to,
                    (&[], 0),
                );
            }
        }
        if let (Some(stored), false) = (stored, inside.is_empty()) {
            let start = inner.start(inside.start) as usize;
            let x = stored.starting_at(start);
            let to = (slot + inside.start - columns.start, inside.len());
            let ahead = (ahead.0, ahead.1 + start);
            let taps = (&self.offsets[..], inner.tap_step());
            self.along(x, taps, rows.chunks_exact_mut(plane), to, ahead);
        }
        Ok(())
    }

    /// All samples under a strip, where they are stored or copied to memory.
    fn stretch<'x>(
        &self,
        x: Input<'x, A>,
        row: Row<A>,
        columns: &Range<usize>,
        (window, bytes, line): (&'x mut [A], &'x mut Vec<u8>, &mut Vec<A>),
    ) -> Result<Samples<'x, A>> {
        let (inner, len) = (self.extension.inner(), self.window.len);
        let start = inner.start(columns.start);
        if let Row::Stored(at) = row
            && let Some(row) = self.stored_samples(x, at, inner.samples())
        {
            if start >= 0 && start as usize + len <= inner.samples() {
                return Ok(row.starting_at(start as usize).first(len));
            }
            if let Samples::Bytes(row) = row {
                memory::fit(bytes, len, "a row of the continued input")?;
                if self.extension.fill_levels(row, start, bytes) {
                    return Ok(Samples::Bytes(bytes));
                }
            }
        }
        let all = (columns.start, self.strips.columns);
        self.window.fill(&self.extension, x, row, all, line, window)?;
        Ok(Samples::Numbers(&window[..len]))
    }

    /// Samples from `at` on, `len` of them at least, if they are summed as they are stored.
    fn stored_samples<'x>(&self, x: Input<'x, A>, at: usize, len: usize) -> Option<Samples<'x, A>> {
        let samples = x.samples(at, len)?;
        let takes = match &self.passes {
            Passes::Tiled(_) => matches!(samples, Samples::Numbers(_)),
            Passes::Folded(folded) => folded.reads(samples),
        };
        takes.then_some(samples)
    }

    /// Filters samples along themselves, whose taps lie at these places, to so many columns of the ring of each term
    /// from one on.
    fn along<'r>(
        &self,
        x: Samples<'_, A>,
        (offsets, step): (&[usize], usize),
        rings: impl Iterator<Item = &'r mut [A]>,
        (at, columns): (usize, usize),
        ahead: (&[A], usize),
    ) where
        A: 'r,
    {
        let tiled = match &self.passes {
            Passes::Folded(folded) => return folded.filter_near(x, rings, (at, columns), ahead),
            Passes::Tiled(tiled) => tiled,
        };
        let Samples::Numbers(x) = x else { unreachable!("asked before") };
        for (tiles, ring) in tiled.horizontal.iter().zip(rings) {
            tiles.run(Work {
                x,
                zeros: &[],
                sources: &[0],
                ahead: (&[], &[]),
                offsets,
                step,
                y: &mut ring[at..],
                pitch: self.strips.pitch,
                rows: 1,
                columns,
            });
        }
    }

    /// Which columns of a strip are filtered in place: those whose windows lie in the input, but for
    /// the first of them, so that the others start whole vectors from the first of the strip. Neighbours that are
    /// folded are whole vectors, of which some read a few samples more.
    fn inside(&self, columns: &Range<usize>) -> Range<usize> {
        let (inner, unit) = (self.extension.inner(), Direct::<A>::UNIT);
        let interior = inner.interior();
        let before = interior.start.saturating_sub(columns.start).next_multiple_of(unit);
        let mut inside = columns.start + before..interior.end.min(columns.end);
        if self.is_near() {
            inside.end = interior.end.saturating_sub(self.padding()).min(columns.end);
            inside.end -= inside.len() % unit;
        }
        if inner.stride == 1 && inside.len() >= unit {
            inside
        } else {
            columns.start..columns.start
        }
    }
}
