//! Two passes in one: rows filtered along the last axis wait in a ring, just as many as the pass
//! along the axis before it reads, for one strip of columns after another.

mod along;

use std::ops::Range;

use crate::cpu::direct::Call;
use crate::cpu::direct::shape::{Tiles, Work};
use crate::cpu::direct::window::WindowLayout;
use crate::cpu::separable::folded::Folded;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::plan::cpu::strips::piece;
use crate::plan::cpu::{Order, Strips, Tile};
use crate::problem::extension::{Extension, Row};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::samples::Sums;
use crate::util::lines::Lines;
use crate::util::memory;
use crate::util::scratch::ScratchPool;
use crate::util::threads;

/// The last two axes of a geometry whose other axes rest, under a sum of outer products.
pub(super) struct Fused<A: Compute> {
    extension: Extension<A>,
    passes: Passes<A>,
    /// Where the taps along the last axis lie in a stored row.
    offsets: Vec<usize>,
    /// Rows that cannot be read in place, as long as a strip.
    window: WindowLayout,
    strips: Strips,
    threads: usize,
    rings: ScratchPool<Ring<A>>,
}

/// How passes are made: in which strips, with which instructions, on how many threads.
pub(super) type With = (Strips, InstructionSet, usize);

/// How both passes are summed.
enum Passes<A: Compute> {
    Tiled(Tiled<A>),
    Folded(Folded<A>),
}

/// With the tiles of the direct method.
struct Tiled<A> {
    /// Along the last axis, one for each term.
    horizontal: Vec<Tiles<A>>,
    /// Along the other, all terms at once: each is a plane of taps over its own ring.
    vertical: Tiles<A>,
}

/// Filtered rows of one strip; kept from call to call.
struct Ring<A> {
    /// For each term as many rows as a tile reads.
    rows: Lines<A>,
    sources: Vec<usize>,
    ahead: Vec<usize>,
    window: Vec<A>,
    /// Samples under a strip at an end of a row, as bytes.
    bytes: Vec<u8>,
    /// A row that is read for it.
    line: Vec<A>,
    /// A window whose lanes stand apart, and rows of such outputs.
    apart: [Lines<A>; 2],
    /// Outputs, where they are stored in another type.
    out: Vec<A>,
}

/// Rows that are asked for before the one that is filtered, where that is folded or converted: more would push
/// each other out of the cache (bytes under 7 to 11 taps take 8 to 10 % longer if a whole tile's are asked for at one time;
/// Zen 5, two threads, 2026-11-28).
const AHEAD: isize = 2;

/// What the memory is for.
pub(super) const TAPS: &str = "the taps of two passes";

impl<A: Compute> Fused<A> {
    /// Passes in the tiles of the direct method.
    pub(super) fn tiled(
        extension: Extension<A>,
        terms: &[&[Vec<A>]],
        (strips, instructions, threads): With,
    ) -> Result<Self> {
        let inner = extension.inner().clone();
        let rows = extension.outer().last().expect("two axes").clone();
        let taps = terms.iter().flat_map(|term| term[0].iter().copied());
        let taps: Vec<A> = memory::collected(taps, terms.len() * rows.taps, TAPS)?;
        let vertical = Tiles::new(strips.tile, &taps, [rows.taps, 1], instructions)?;
        let single = Tile::single(&Axis::one_sample());
        let horizontal =
            terms.iter().map(|term| Tiles::new(single, &term[1], [1, inner.taps], instructions));
        let horizontal = horizontal.collect::<Result<Vec<_>>>()?;
        let tiled = Tiled { horizontal, vertical };
        Self::new(extension, Passes::Tiled(tiled), terms.len(), strips, threads)
    }

    /// Passes whose samples are added under equal taps before they are multiplied.
    pub(super) fn folded(
        extension: Extension<A>,
        terms: &[&[Vec<A>]],
        order: Order,
        (strips, instructions, threads): With,
    ) -> Result<Self> {
        let folded = Folded::new(extension.inner(), terms, (strips, order), instructions)?;
        Self::new(extension, Passes::Folded(folded), terms.len(), strips, threads)
    }

    fn new(
        extension: Extension<A>,
        passes: Passes<A>,
        terms: usize,
        strips: Strips,
        threads: usize,
    ) -> Result<Self> {
        let apart: usize = match &passes {
            Passes::Tiled(_) => 0,
            Passes::Folded(folded) => folded.room(strips.tile.rows).iter().sum(),
        };
        let ring = (strips.pitch * strips.tile.sources * terms + apart) * size_of::<A>();
        let inner = extension.inner();
        let offsets = (0..inner.taps).map(|t| t * inner.tap_step());
        Ok(Self {
            offsets: memory::collected(offsets, inner.taps, TAPS)?,
            window: WindowLayout::by_phase(inner, strips.columns)?,
            extension,
            passes,
            strips,
            threads,
            rings: ScratchPool::new(1, ring),
        })
    }

    /// Outer products.
    fn terms(&self) -> usize {
        match &self.passes {
            Passes::Tiled(tiled) => tiled.horizontal.len(),
            Passes::Folded(folded) => folded.terms(),
        }
    }

    /// Whether rows of neighbours are folded, a few vectors at a time.
    fn is_near(&self) -> bool {
        matches!(&self.passes, Passes::Folded(folded) if folded.padding().is_some())
    }

    /// Samples behind a window that may be read.
    fn padding(&self) -> usize {
        match &self.passes {
            Passes::Tiled(_) => 0,
            Passes::Folded(folded) => folded.padding().unwrap_or(0),
        }
    }

    /// Whether lanes are neighbours.
    fn is_in_order(&self) -> bool {
        match &self.passes {
            Passes::Tiled(_) => true,
            Passes::Folded(folded) => folded.is_in_order(),
        }
    }

    /// The axis of the vertical pass.
    fn rows(&self) -> &Axis {
        &self.extension.outer()[self.extension.outer().len() - 1]
    }

    /// Computes all outputs.
    pub(super) fn run(&self, call: Call<'_, A>, y: Output<'_, A>) -> Result<()> {
        let width = self.extension.inner().outputs();
        let (all, plane_rows, tile) =
            (y.len() / width, self.rows().outputs(), self.strips.tile.rows);
        let rows = piece(self.strips.tile, all, self.threads);
        // Tiles add up in an order that goes with their rows: they are the same on any number of threads.
        let cut = |index: usize| threads::nearest_tile(index / width, plane_rows, tile) * width;
        threads::for_each_part(y, self.threads, all / rows, cut, |start, mut piece| {
            let mut ring = self.rings.take(|| self.ring())?;
            let (start, end) = (start / width, (start + piece.len()) / width);
            let mut row = start;
            while row < end {
                let count = (plane_rows - row % plane_rows).min(end - row);
                let mut plane = piece.part((row - start) * width..(row - start + count) * width);
                for from in (0..width).step_by(self.strips.columns) {
                    let columns = if self.is_in_order() {
                        // The last strip may compute again what the one before it has.
                        let from = from.min(width - self.strips.columns);
                        from..from + self.strips.columns
                    } else {
                        // It may stick out, and only what is there is stored.
                        from..width.min(from + self.strips.columns)
                    };
                    self.strip(call, row, columns, &mut plane, &mut ring)?;
                }
                row += count;
            }
            self.rings.keep(ring);
            Ok(())
        })
    }

    fn ring(&self) -> Result<Ring<A>> {
        let rows = self.terms() * self.strips.tile.sources;
        let what = "rows between two passes";
        let apart = match &self.passes {
            Passes::Tiled(_) => [0; 2],
            Passes::Folded(folded) => folded.room(self.strips.tile.rows),
        };
        let [spread, sums] = apart.map(|len| Lines::new(len, what));
        Ok(Ring {
            apart: [spread?, sums?],
            rows: Lines::new(rows * self.strips.pitch, what)?,
            sources: memory::room(rows, what)?,
            ahead: memory::room(self.strips.tile.rows * self.strips.tile.stride, what)?,
            window: memory::zeros(self.window.len + self.padding(), what)?,
            bytes: Vec::new(),
            line: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Computes some columns of rows of one plane, from `row` of all on.
    fn strip(
        &self,
        call: Call<'_, A>,
        row: usize,
        columns: Range<usize>,
        out: &mut Output<'_, A>,
        ring: &mut Ring<A>,
    ) -> Result<()> {
        let (inner, axis, tile) = (self.extension.inner(), self.rows(), self.strips.tile);
        let (width, pitch) = (inner.outputs(), self.strips.pitch);
        let (plane, first) = (row / axis.outputs(), row % axis.outputs());
        let slots = tile.sources;
        // Elsewhere tiles ask for rows that come later.
        let row_by_row = match self.passes {
            Passes::Tiled(_) => call.x.in_place().is_none(),
            Passes::Folded(_) => !self.asks_by_tile(call.x),
        };
        // The first row of the extended input that has not been filtered yet.
        let mut next = isize::MIN;
        let count = out.len() / width;
        for done in (0..count).step_by(tile.rows) {
            let start = axis.start(first + done);
            let rows = tile.rows.min(count - done);
            let needed = (slots - (tile.rows - rows) * tile.stride) as isize;
            for p in next.max(start)..start + needed {
                if row_by_row {
                    self.ask_for(call.x, plane, p + AHEAD, &columns);
                }
                let ahead = self.ahead(call.x, plane, p + AHEAD);
                self.filter(call.x, plane, p, columns.clone(), ahead, ring)?;
            }
            next = start + needed;
            ring.sources.clear();
            for term in 0..self.terms() {
                // Where the tile has more rows than there are, the kernel reads what is there.
                let sources = (0..slots as isize).map(|q| {
                    let slot = (start + q.min(needed - 1)).rem_euclid(slots as isize) as usize;
                    (term * slots + slot) * pitch
                });
                ring.sources.extend(sources);
            }
            let at = |r: usize| (done + r) * width + columns.start;
            if let (Passes::Folded(folded), None) = (&self.passes, call.finish)
                && columns.len() == self.strips.columns
                && let Some(y) = out.sums(at(0))
                && folded.writes(&y)
            {
                (next..next + AHEAD).for_each(|p| self.ask_for(call.x, plane, p, &columns));
                let [_, sums] = &mut ring.apart;
                folded.sum((&ring.rows, &ring.sources), sums, (y, width, rows), true);
                continue;
            }
            let finish = |r: usize, piece: &mut [A]| match call.finish {
                Some(finish) => finish(row * width + at(r), piece),
                None => Ok(()),
            };
            // Lanes that stand apart are put together first.
            let mut in_place = out.in_place().filter(|_| self.is_in_order());
            let stored = in_place.is_some();
            let (y, y_pitch) = match &mut in_place {
                Some(out) => (&mut out[at(0)..], width),
                None => {
                    memory::fit(
                        &mut ring.out,
                        tile.rows * pitch,
                        "outputs before they are stored",
                    )?;
                    (&mut ring.out[..], pitch)
                }
            };
            match &self.passes {
                Passes::Tiled(tiled) => {
                    // The rows under the next tile, while this one is computed.
                    let rows_ahead = next..next + (tile.rows * tile.stride) as isize;
                    let ahead = match call.x.in_place() {
                        Some(x) => {
                            let stored = |p| self.stored(plane, p, &columns);
                            ring.ahead.clear();
                            ring.ahead.extend(rows_ahead.filter_map(stored));
                            (x, &ring.ahead[..])
                        }
                        None => {
                            (next..next + AHEAD)
                                .for_each(|p| self.ask_for(call.x, plane, p, &columns));
                            (&[][..], &[][..])
                        }
                    };
                    tiled.vertical.run(Work {
                        x: &ring.rows,
                        zeros: &[],
                        sources: &ring.sources,
                        ahead,
                        offsets: &[0],
                        step: 0,
                        y,
                        pitch: y_pitch,
                        rows,
                        columns: columns.len(),
                    });
                }
                Passes::Folded(folded) => {
                    if row_by_row {
                        (next..next + AHEAD).for_each(|p| self.ask_for(call.x, plane, p, &columns));
                    }
                    let [_, sums] = &mut ring.apart;
                    let y = Sums::Numbers(y);
                    let x = (&ring.rows[..], &ring.sources[..]);
                    folded.sum(x, sums, (y, y_pitch, rows), stored);
                }
            }
            if let Some(out) = in_place {
                for r in 0..rows {
                    finish(r, &mut out[at(r)..][..columns.len()])?;
                }
                continue;
            }
            for (r, results) in ring.out.chunks_exact_mut(pitch).enumerate().take(rows) {
                let results = &mut results[..columns.len()];
                finish(r, results)?;
                out.write(at(r), results);
            }
        }
        Ok(())
    }

    /// Whether samples slide along rows.
    fn slides(&self) -> bool {
        matches!(&self.passes, Passes::Folded(folded) if folded.slides())
    }

    /// Whether the tiles of a row that is filtered ask for a later one.
    fn asks_by_tile(&self, x: Input<'_, A>) -> bool {
        self.slides() && x.in_place().is_some()
    }

    /// Where the samples of a row lie, for tiles that ask for them.
    fn ahead<'x>(&self, x: Input<'x, A>, plane: usize, p: isize) -> (&'x [A], usize) {
        let Some(x) = x.in_place().filter(|_| self.slides()) else { return (&[], 0) };
        match self.row(plane, p) {
            Row::Stored(at) => (x, at),
            Row::Outside(_) => (&[], 0),
        }
    }

    /// Asks for the samples of a row under these columns.
    fn ask_for(&self, x: Input<'_, A>, plane: usize, p: isize, columns: &Range<usize>) {
        if let Some(at) = self.stored(plane, p, columns) {
            x.prefetch(at, columns.len());
        }
    }

    /// Where the samples of a row lie under these columns, if it is a stored one.
    fn stored(&self, plane: usize, p: isize, columns: &Range<usize>) -> Option<usize> {
        let start = self.extension.inner().start(columns.start).max(0);
        match self.row(plane, p) {
            Row::Stored(at) => Some(at.wrapping_add_signed(start)),
            Row::Outside(_) => None,
        }
    }

    /// The row at `p` of the extended input.
    fn row(&self, plane: usize, p: isize) -> Row<A> {
        let outer = self.extension.outer().len();
        let at = |axis: usize| if axis + 1 == outer { p } else { plane as isize };
        self.extension.row((0..outer).map(at))
    }
}
