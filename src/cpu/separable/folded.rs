//! Both passes of symmetric taps, over samples in their order or over vectors whose lanes stand apart.

use crate::element::compute::Compute;
use crate::error::Result;
use crate::kernel::mirror;
use crate::plan::cpu::{Order, Strips};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::apart::{ApartJob, FoldJob, Half, SQUARE, has_tiles};
use crate::simd::flat::FlatJob;
use crate::util::memory;

use super::fused::TAPS;

/// The taps of a sum of outer products, each of which is the same read backwards, perhaps with the other
/// sign.
pub(super) struct Folded<A: Compute> {
    /// Along the last axis.
    horizontal: Taps<A>,
    /// Where the samples under its taps lie; where tiles of rows are summed, so many of these start so far
    /// from each other, and so on.
    sources: Vec<usize>,
    rows: usize,
    step: usize,
    /// Along the other, all terms at once.
    vertical: Taps<A>,
    /// Columns of a strip.
    columns: usize,
    /// Samples of a stretch that are read for a strip, where they are moved to lanes that stand apart.
    spread: Option<usize>,
    lanes: usize,
    instructions: InstructionSet,
    run: for<'a> fn(InstructionSet, ApartJob<'a, A>),
}

/// Samples under the outputs of a strip.
#[derive(Clone, Copy)]
pub(super) enum Stretch<'x, A> {
    /// As numbers.
    Numbers(&'x [A]),
    /// As they are stored.
    Bytes(&'x [u8]),
}

/// Taps along an axis.
enum Taps<A> {
    /// Of each term.
    Mirrored(Vec<Half<A>>),
    /// Of the only one, so many of one size.
    Flat(usize, A),
}

impl<A: Compute> Folded<A> {
    pub(super) fn new(
        inner: &Axis,
        terms: &[&[Vec<A>]],
        (strips, order): (Strips, Order),
        instructions: InstructionSet,
    ) -> Result<Self> {
        let taps = |axis: usize| -> Result<Taps<A>> {
            if order == Order::Shared {
                let factor = &terms[0][axis];
                return Ok(Taps::Flat(factor.len(), factor[0]));
            }
            let halves = terms.iter().map(|term| half(&term[axis]));
            Ok(Taps::Mirrored(halves.collect::<Result<_>>()?))
        };
        let lanes = instructions.vector_bytes() / size_of::<A>();
        let apart = order != Order::InOrder;
        // A shift along the row is one to other vectors, or inside of them.
        let step = inner.tap_step() * if apart { lanes } else { 1 };
        let rows = match order == Order::Shared || has_tiles(instructions) {
            true => strips.columns / step,
            false => 1,
        };
        let sources = rows + inner.taps - 1;
        Ok(Self {
            horizontal: taps(1)?,
            vertical: taps(0)?,
            sources: memory::collected((0..sources).map(|i| i * step), sources, TAPS)?,
            rows,
            step,
            columns: strips.columns,
            spread: apart.then_some((inner.taps - 1) * step + strips.columns),
            lanes,
            instructions,
            run: A::APART.expect("passes are folded for types that have such lanes"),
        })
    }

    /// Outer products.
    pub(super) fn terms(&self) -> usize {
        match &self.horizontal {
            Taps::Mirrored(terms) => terms.len(),
            Taps::Flat(..) => 1,
        }
    }

    /// Whether outputs are summed in their order, to where they are stored.
    pub(super) fn is_in_order(&self) -> bool {
        self.spread.is_none()
    }

    /// Numbers of a stretch that is spread, and of so many rows of outputs.
    pub(super) fn room(&self, rows: usize) -> [usize; 2] {
        self.spread.map_or([0; 2], |spread| [spread, rows * self.columns])
    }

    /// Whether bytes are moved as such to lanes that stand apart, and back.
    pub(super) fn moves_bytes(&self) -> bool {
        self.spread.is_some() && self.columns / self.lanes >= SQUARE
    }

    /// Filters a stretch of a row along itself, into a slot of the ring of each term.
    pub(super) fn filter<'r>(
        &self,
        stretch: Stretch<'_, A>,
        spread: &mut [A],
        rings: impl Iterator<Item = &'r mut [A]>,
        slot: usize,
    ) where
        A: 'r,
    {
        let (chunk, to) = (self.columns / self.lanes, &mut *spread);
        let x = match stretch {
            Stretch::Numbers(x) if self.is_in_order() => x,
            Stretch::Numbers(from) => {
                self.run(ApartJob::Spread { from, chunk, to });
                spread
            }
            Stretch::Bytes(from) => {
                self.run(ApartJob::SpreadBytes { from, chunk, to });
                spread
            }
        };
        let (sources, rows) = (&self.sources[..], self.rows);
        for (term, ring) in rings.enumerate() {
            let (pitch, columns) = (self.step, self.columns / rows);
            let y = &mut ring[slot..];
            self.run(match &self.horizontal {
                Taps::Mirrored(terms) => {
                    let taps = std::slice::from_ref(&terms[term]);
                    ApartJob::Fold(FoldJob { x, sources, taps, y, pitch, rows, columns })
                }
                &Taps::Flat(taps, tap) => {
                    ApartJob::Flat(FlatJob { x, sources, taps, tap, y, pitch, rows, columns })
                }
            });
        }
    }

    /// Sums rows of the ring, each given by where it starts, to this many rows of outputs `pitch` apart.
    /// `sums` is room for them.
    pub(super) fn sum(
        &self,
        x: (&[A], &[usize]),
        sums: &mut [A],
        (y, pitch, rows): (&mut [A], usize, usize),
    ) {
        let columns = self.columns;
        if self.is_in_order() {
            return self.fold(x, (y, pitch, rows));
        }
        self.fold(x, (sums, columns, rows));
        for (from, to) in sums.chunks_exact(columns).zip(y.chunks_mut(pitch)).take(rows) {
            let job = ApartJob::Gather { from, to: &mut to[..columns] };
            self.run(job);
        }
    }

    /// The same, rounded to the nearest bytes.
    pub(super) fn sum_to_bytes(
        &self,
        x: (&[A], &[usize]),
        sums: &mut [A],
        (y, pitch, rows): (&mut [u8], usize, usize),
    ) {
        let columns = self.columns;
        self.fold(x, (sums, columns, rows));
        for (from, to) in sums.chunks_exact(columns).zip(y.chunks_mut(pitch)).take(rows) {
            let job = ApartJob::GatherBytes { from, to: &mut to[..columns] };
            self.run(job);
        }
    }

    /// Sums in the order that vectors have.
    fn fold(&self, (x, sources): (&[A], &[usize]), (y, pitch, rows): (&mut [A], usize, usize)) {
        let columns = self.columns;
        self.run(match &self.vertical {
            Taps::Mirrored(taps) => {
                ApartJob::Fold(FoldJob { x, sources, taps, y, pitch, rows, columns })
            }
            &Taps::Flat(taps, tap) => {
                ApartJob::Flat(FlatJob { x, sources, taps, tap, y, pitch, rows, columns })
            }
        });
    }

    fn run(&self, job: ApartJob<'_, A>) {
        (self.run)(self.instructions, job);
    }
}

/// A factor that is the same read backwards, perhaps with the other sign.
fn half<A: Compute>(factor: &[A]) -> Result<Half<A>> {
    let opposite = mirror(factor).expect("only such passes are folded");
    let count = factor.len() / 2;
    let (before, pairs) = factor.split_at(factor.len() - count);
    let middle = if factor.len() % 2 == 1 { before.last().copied() } else { None };
    Ok(Half { middle, pairs: memory::copied(pairs, TAPS)?, opposite })
}
