//! Both passes of symmetric taps, over samples in their order or over vectors whose lanes stand apart.

use crate::element::compute::Compute;
use crate::error::Result;
use crate::kernel::mirror;
use crate::plan::cpu::{Order, Strips};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::apart::{LaneJob, SQUARE};
use crate::simd::flat::FlatJob;
use crate::simd::folded::{FoldJob, FoldedJob, Half, has_tiles};
use crate::simd::near::{self, AcrossJob, AlongJob};
use crate::simd::rows::{self, RowJob};
use crate::simd::samples::{Samples, Sums};
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
    /// Where neighbours are summed a few vectors at a time.
    near: Option<Near>,
    instructions: InstructionSet,
    run: for<'a> fn(InstructionSet, FoldedJob<'a, A>),
}

/// Neighbours of a row that are summed a few vectors at a time.
#[derive(Clone, Copy)]
struct Near {
    /// Whether there is unrolled code for both passes, which takes levels.
    unrolled: bool,
    /// Samples from one tap to the next.
    step: usize,
    /// Samples that are read behind those under the taps.
    padding: usize,
}

impl Near {
    /// For so many outer products with so many taps along both axes, `step` samples from each other along a row of numbers of so many bytes; if
    /// neighbours are summed so in this order.
    fn new(
        order: Order,
        (terms, taps): (usize, [usize; 2]),
        step: usize,
        (instructions, size): (InstructionSet, usize),
    ) -> Option<Self> {
        let has_code = terms == 1 && near::has_code(instructions, size, taps, step);
        let unrolled = order == Order::InOrder && has_code;
        let padding = match order {
            Order::InOrder if unrolled => near::padding(taps[1], step),
            Order::Sliding => rows::padding(taps[1], step, instructions.vector_bytes() / size),
            _ => return None,
        };
        Some(Self { unrolled, step, padding })
    }
}

/// Vectors from the one that is summed to those whose outputs are asked for, where samples slide. RGB of `f32` under 15
/// taps takes 12.1 ms with 4 to 32 of them, and 13.9 where outputs are asked for while the rows before them are filtered,
/// a tile at a time: memory is kept busier in one pass than it can be, and rests in the other (3840 x 2160, Zen 4, two
/// threads, 2026-11-30).
const AHEAD: usize = 8;

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
        let size = size_of::<A>();
        let lanes = instructions.vector_bytes() / size;
        let apart = matches!(order, Order::Apart | Order::Shared);
        // A shift along the row is one to other vectors, or inside of them.
        let step = inner.tap_step() * if apart { lanes } else { 1 };
        let rows = match order == Order::Shared || has_tiles(instructions) {
            true => strips.columns / step,
            false => 1,
        };
        let counts = [terms[0][0].len(), terms[0][1].len()];
        let near = Near::new(order, (terms.len(), counts), inner.tap_step(), (instructions, size));
        // Neighbours are found without.
        let sources = if near.is_some() { 0 } else { rows + inner.taps - 1 };
        Ok(Self {
            horizontal: taps(1)?,
            vertical: taps(0)?,
            sources: memory::collected((0..sources).map(|i| i * step), sources, TAPS)?,
            rows,
            step,
            columns: strips.columns,
            spread: apart.then_some((inner.taps - 1) * step + strips.columns),
            lanes,
            near,
            instructions,
            run: A::FOLDED.expect("passes are folded for types that have such lanes"),
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

    /// Where rows of neighbours are summed a few vectors at a time: samples that are read behind those under the taps.
    pub(super) fn padding(&self) -> Option<usize> {
        self.near.map(|near| near.padding)
    }

    /// Numbers of a stretch that is spread, and of so many rows of outputs.
    pub(super) fn room(&self, rows: usize) -> [usize; 2] {
        self.spread.map_or([0; 2], |spread| [spread, rows * self.columns])
    }

    /// Whether rows are read where they are that are stored so.
    pub(super) fn reads(&self, x: Samples<'_, A>) -> bool {
        match x {
            Samples::Numbers(_) => true,
            Samples::Bytes(_) => self.is_unrolled() || self.moves_bytes(),
            Samples::Words(_) => self.is_unrolled(),
        }
    }

    /// Whether sums are rounded as they are stored there.
    pub(super) fn writes(&self, y: &Sums<'_, A>) -> bool {
        match y {
            Sums::Numbers(_) => false,
            Sums::Bytes(_) => self.is_unrolled() || self.moves_bytes(),
            Sums::Words(_) => self.is_unrolled(),
        }
    }

    /// Whether bytes are moved as such to lanes that stand apart, and back.
    fn moves_bytes(&self) -> bool {
        self.spread.is_some() && self.columns / self.lanes >= SQUARE
    }

    /// Whether numbers slide under the taps along a row.
    pub(super) fn slides(&self) -> bool {
        self.near.is_some_and(|near| !near.unrolled)
    }

    /// Whether few taps are summed in unrolled code, from levels and to levels.
    fn is_unrolled(&self) -> bool {
        self.near.is_some_and(|near| near.unrolled)
    }

    /// The taps across rows, where all rows under them are in registers at one time.
    fn across(&self) -> Option<&Half<A>> {
        match (&self.vertical, self.near) {
            (Taps::Mirrored(terms), Some(Near { unrolled: true, .. })) => terms.first(),
            _ => None,
        }
    }

    /// Filters a stretch of a row along itself, into a slot of the ring of each term.
    pub(super) fn filter<'r>(
        &self,
        stretch: Samples<'_, A>,
        spread: &mut [A],
        rings: impl Iterator<Item = &'r mut [A]>,
        slot: usize,
    ) where
        A: 'r,
    {
        let (chunk, to) = (self.columns / self.lanes, &mut *spread);
        let x = match stretch {
            Samples::Numbers(x) if self.is_in_order() => x,
            Samples::Numbers(from) => {
                self.run(FoldedJob::Move(LaneJob::Spread { from, chunk, to }));
                spread
            }
            Samples::Bytes(from) => {
                self.run(FoldedJob::Move(LaneJob::SpreadBytes { from, chunk, to }));
                spread
            }
            Samples::Words(_) => unreachable!("asked before"),
        };
        let (sources, rows) = (&self.sources[..], self.rows);
        for (term, ring) in rings.enumerate() {
            let (pitch, columns) = (self.step, self.columns / rows);
            let y = &mut ring[slot..];
            self.run(match &self.horizontal {
                Taps::Mirrored(terms) => {
                    let taps = std::slice::from_ref(&terms[term]);
                    FoldedJob::Fold(FoldJob { x, sources, taps, y, pitch, rows, columns, ahead: 0 })
                }
                &Taps::Flat(taps, tap) => {
                    FoldedJob::Flat(FlatJob { x, sources, taps, tap, y, pitch, rows, columns })
                }
            });
        }
    }

    /// Filters neighbours of a row along itself, to `columns` places of the ring of each term from `at` on.
    pub(super) fn filter_near<'r>(
        &self,
        x: Samples<'_, A>,
        rings: impl Iterator<Item = &'r mut [A]>,
        (at, columns): (usize, usize),
        ahead: (&[A], usize),
    ) where
        A: 'r,
    {
        let (Some(Near { step, .. }), Taps::Mirrored(terms)) = (self.near, &self.horizontal) else {
            unreachable!("neighbours share nothing")
        };
        for (taps, ring) in terms.iter().zip(rings) {
            let y = &mut ring[at..][..columns];
            self.run(match x {
                Samples::Numbers(x) if self.slides() => {
                    FoldedJob::Row(RowJob { x, taps, step, y, ahead })
                }
                x => FoldedJob::Along(AlongJob { x, taps, step, y }),
            });
        }
    }

    /// Sums rows of the ring, each given by where it starts, to this many rows of outputs `pitch` apart, which may not be
    /// in the cache if they are `stored`. `sums` is room for them.
    pub(super) fn sum(
        &self,
        (x, sources): (&[A], &[usize]),
        sums: &mut [A],
        (y, pitch, rows): (Sums<'_, A>, usize, usize),
        stored: bool,
    ) {
        let columns = self.columns;
        if let Some(taps) = self.across() {
            self.run(FoldedJob::Across(AcrossJob { x, sources, taps, y, pitch, rows, columns }));
            return;
        }
        let y = match y {
            Sums::Numbers(y) if self.is_in_order() => {
                let ahead = if stored && self.slides() { AHEAD } else { 0 };
                return self.fold((x, sources), (y, pitch, rows), ahead);
            }
            y => y,
        };
        // Lanes that stand apart are written to many places, which nothing else sees coming.
        (0..rows).for_each(|row| y.prefetch(row * pitch, columns));
        self.fold((x, sources), (sums, columns, rows), 0);
        let sums = sums.chunks_exact(columns).take(rows);
        match y {
            Sums::Numbers(y) => sums.zip(y.chunks_mut(pitch)).for_each(|(from, to)| {
                let to = &mut to[..columns];
                self.run(FoldedJob::Move(LaneJob::Gather { from, to }));
            }),
            Sums::Bytes(y) => sums.zip(y.chunks_mut(pitch)).for_each(|(from, to)| {
                let to = &mut to[..columns];
                self.run(FoldedJob::Move(LaneJob::GatherBytes { from, to }));
            }),
            Sums::Words(_) => unreachable!("asked before"),
        }
    }

    /// Sums in the order that vectors have.
    fn fold(
        &self,
        (x, sources): (&[A], &[usize]),
        (y, pitch, rows): (&mut [A], usize, usize),
        ahead: usize,
    ) {
        let columns = self.columns;
        self.run(match &self.vertical {
            Taps::Mirrored(taps) => {
                FoldedJob::Fold(FoldJob { x, sources, taps, y, pitch, rows, columns, ahead })
            }
            &Taps::Flat(taps, tap) => {
                FoldedJob::Flat(FlatJob { x, sources, taps, tap, y, pitch, rows, columns })
            }
        });
    }

    fn run(&self, job: FoldedJob<'_, A>) {
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
