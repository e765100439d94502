//! Two passes in one: rows filtered along the last axis wait in a ring, just as many as the pass
//! along the axis before it reads, for one strip of columns after another.

use std::ops::Range;

use super::Factors;
use crate::cpu::direct::Direct;
use crate::cpu::direct::shape::{Tiles, Work};
use crate::cpu::direct::window::Window;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::problem::extension::{Extension, Row};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::util::lines::Lines;
use crate::util::memory;
use crate::util::scratch::Pool;
use crate::util::threads;

/// The last two axes of a geometry whose other axes rest, under a sum of outer products.
pub struct Fused<A: Compute> {
    extension: Extension<A>,
    /// Along the last axis, one for each term.
    horizontal: Vec<Tiles<A>>,
    /// Where its taps lie in a stored row.
    offsets: Vec<usize>,
    /// Rows that cannot be read in place, as long as a strip.
    window: Window,
    /// Along the other, all terms at once: each is a plane of taps over its own ring.
    vertical: Tiles<A>,
    /// Columns of a strip.
    strip: usize,
    /// From one row of a ring to the next: a vector more, so that rows do not fall onto the same
    /// lines of the cache.
    pitch: usize,
    threads: usize,
    rings: Pool<Ring<A>>,
}

/// Filtered rows of one strip; kept from call to call.
struct Ring<A> {
    /// For each term as many rows as a tile reads.
    rows: Lines<A>,
    sources: Vec<usize>,
    ahead: Vec<usize>,
    window: Vec<A>,
}

/// Bytes that the rings of all terms may take: a part of the second-level cache that even small
/// machines have.
const RING_BYTES: usize = 128 << 10;

/// What the memory is for.
const TAPS: &str = "the taps of two passes";

impl<A: Compute> Fused<A> {
    pub fn new(
        extension: Extension<A>,
        terms: Vec<Factors<A>>,
        instructions: InstructionSet,
        threads: usize,
    ) -> Result<Self> {
        let inner = extension.inner().clone();
        let rows = extension.outer().last().expect("two axes").clone();
        let taps = terms.iter().flat_map(|term| term[0].iter().copied());
        let taps: Vec<A> = memory::collected(taps, terms.len() * rows.taps, TAPS)?;
        let vertical = Tiles::new(&rows, &taps, 1, false, instructions)?;
        let one = Axis::one_sample();
        let horizontal =
            terms.iter().map(|term| Tiles::new(&one, &term[1], inner.taps, true, instructions));
        let horizontal = horizontal.collect::<Result<Vec<_>>>()?;
        let row_bytes = vertical.sources * terms.len() * size_of::<A>();
        let unit = Direct::<A>::UNIT;
        let fits = (RING_BYTES / row_bytes / unit * unit).max(8 * unit);
        let strips = inner.outputs().div_ceil(fits);
        let strip = inner.outputs().div_ceil(strips).next_multiple_of(unit).min(inner.outputs());
        let pitch = strip.next_multiple_of(unit) + unit;
        let ring = pitch * vertical.sources * terms.len() * size_of::<A>();
        Ok(Self {
            extension,
            horizontal,
            offsets: memory::collected(
                (0..inner.taps).map(|t| t * inner.tap_step()),
                inner.taps,
                TAPS,
            )?,
            window: Window::by_phase(&inner, strip)?,
            vertical,
            strip,
            pitch,
            threads,
            rings: Pool::new(1, ring),
        })
    }

    /// The axis of the vertical pass.
    fn rows(&self) -> &Axis {
        &self.extension.outer()[self.extension.outer().len() - 1]
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let width = self.extension.inner().outputs();
        // Each piece filters the rows above it again: pieces are long against the taps.
        let tall = (4 * self.vertical.sources).next_multiple_of(self.vertical.rows);
        let (all, plane_rows, tile) = (y.len() / width, self.rows().outputs(), self.vertical.rows);
        let rows = tall.min(all / self.threads).max(tile);
        // Tiles add up in an order that goes with their rows: they are the same on any number of threads.
        let cut = |index: usize| threads::nearest_tile(index / width, plane_rows, tile) * width;
        threads::for_each_part(y, self.threads, all / rows, cut, |start, piece| {
            let mut ring = self.rings.take(|| self.ring())?;
            let (mut row, mut rest) = (start / width, piece);
            while !rest.is_empty() {
                let first = row % plane_rows;
                let count = (plane_rows - first).min(rest.len() / width);
                let (plane, after) = rest.split_at_mut(count * width);
                for from in (0..width).step_by(self.strip) {
                    // The last strip may compute again what the one before it has.
                    let from = from.min(width - self.strip);
                    let columns = from..from + self.strip;
                    self.strip(x, row / plane_rows, first, columns, plane, &mut ring);
                }
                (row, rest) = (row + count, after);
            }
            self.rings.keep(ring);
            Ok(())
        })
    }

    fn ring(&self) -> Result<Ring<A>> {
        let rows = self.horizontal.len() * self.vertical.sources;
        let what = "rows between two passes";
        Ok(Ring {
            rows: Lines::new(rows * self.pitch, what)?,
            sources: memory::room(rows, what)?,
            ahead: memory::room(self.vertical.rows * self.vertical.stride, what)?,
            window: memory::zeros(self.window.len, what)?,
        })
    }

    /// Computes some columns of the rows from `first` on of one plane.
    fn strip(
        &self,
        x: &[A],
        plane: usize,
        first: usize,
        columns: Range<usize>,
        out: &mut [A],
        ring: &mut Ring<A>,
    ) {
        let (inner, axis, tiles) = (self.extension.inner(), self.rows(), &self.vertical);
        let width = inner.outputs();
        let slots = tiles.sources;
        // The first row of the extended input that has not been filtered yet.
        let mut next = isize::MIN;
        for (t, out) in out.chunks_mut(tiles.rows * width).enumerate() {
            let start = axis.start(first + t * tiles.rows);
            let rows = out.len() / width;
            let needed = (slots - (tiles.rows - rows) * tiles.stride) as isize;
            for p in next.max(start)..start + needed {
                self.filter(x, plane, p, columns.clone(), ring);
            }
            next = start + needed;
            ring.sources.clear();
            for term in 0..self.horizontal.len() {
                // Where the tile has more rows than there are, the kernel reads what is there.
                let sources = (0..slots as isize).map(|q| {
                    let slot = (start + q.min(needed - 1)).rem_euclid(slots as isize) as usize;
                    (term * slots + slot) * self.pitch
                });
                ring.sources.extend(sources);
            }
            // The rows under the next tile, while this one is computed.
            ring.ahead.clear();
            ring.ahead.extend((next..next + (tiles.rows * tiles.stride) as isize).filter_map(
                |p| match self.row(plane, p) {
                    Row::Stored(at) => {
                        Some(at.wrapping_add_signed(inner.start(columns.start).max(0)))
                    }
                    Row::Outside(_) => None,
                },
            ));
            tiles.run(Work {
                x: &ring.rows,
                zeros: &[],
                sources: &ring.sources,
                ahead: (x, &ring.ahead),
                offsets: &[0],
                step: 0,
                y: &mut out[columns.start..],
                pitch: width,
                rows,
                columns: columns.len(),
            });
        }
    }

    /// The row at `p` of the extended input.
    fn row(&self, plane: usize, p: isize) -> Row<A> {
        let outer = self.extension.outer().len();
        let at = |axis: usize| if axis + 1 == outer { p } else { plane as isize };
        self.extension.row((0..outer).map(at))
    }

    /// Filters the row at `p` of the extended input into its slots of the ring.
    fn filter(&self, x: &[A], plane: usize, p: isize, columns: Range<usize>, ring: &mut Ring<A>) {
        let row = self.row(plane, p);
        let Ring { rows, window, .. } = ring;
        let slot = p.rem_euclid(self.vertical.sources as isize) as usize * self.pitch;
        let plane = self.vertical.sources * self.pitch;
        if self.extension.is_zeros(row) {
            for ring in rows.chunks_mut(plane) {
                ring[slot..][..self.strip].fill(A::default());
            }
            return;
        }
        let inner = self.extension.inner();
        let inside = match row {
            Row::Stored(_) => self.inside(&columns),
            Row::Outside(_) => columns.start..columns.start,
        };
        let mut filter = |x: &[A], source, offsets: &[usize], step, some: Range<usize>| {
            for (tiles, ring) in self.horizontal.iter().zip(rows.chunks_mut(plane)) {
                let work = Work {
                    x,
                    zeros: &[],
                    sources: &[source],
                    ahead: (&[], &[]),
                    offsets,
                    step,
                    y: &mut ring[slot + some.start - columns.start..],
                    pitch: self.pitch,
                    rows: 1,
                    columns: some.len(),
                };
                tiles.run(work);
            }
        };
        let last = if inside.end < columns.end {
            // A vector at least: it may compute again what is inside.
            inside.end.min(columns.end - Direct::<A>::UNIT)
        } else {
            columns.end
        };
        for edge in [columns.start..inside.start, last..columns.end] {
            if !edge.is_empty() {
                self.window.fill(&self.extension, x, row, edge.start, edge.len(), window);
                filter(window, 0, &self.window.offsets, self.window.step, edge);
            }
        }
        if let (Row::Stored(at), false) = (row, inside.is_empty()) {
            let source = at.wrapping_add_signed(inner.start(inside.start));
            filter(x, source, &self.offsets, inner.tap_step(), inside);
        }
    }

    /// Which columns of a strip are filtered in place: those whose windows lie in the input, but for
    /// the first of them, so that the others start whole vectors from the first of the strip.
    fn inside(&self, columns: &Range<usize>) -> Range<usize> {
        let (inner, unit) = (self.extension.inner(), Direct::<A>::UNIT);
        let interior = inner.interior();
        let before = interior.start.saturating_sub(columns.start).next_multiple_of(unit);
        let inside = columns.start + before..interior.end.min(columns.end);
        if inner.stride == 1 && inside.len() >= unit {
            inside
        } else {
            columns.start..columns.start
        }
    }
}
