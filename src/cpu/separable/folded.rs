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
    /// Where both passes are unrolled.
    near: Option<Near>,
    instructions: InstructionSet,
    run: for<'a> fn(InstructionSet, FoldedJob<'a, A>),
}

/// Neighbours of a row that are summed a few vectors at a time.
#[derive(Clone, Copy)]
struct Near {
    /// Samples from one tap to the next.
    step: usize,
    /// Samples that are read behind those under the taps.
    padding: usize,
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
        let step_along = inner.tap_step();
        let near = match terms {
            [term] if order == Order::InOrder => {
                let lens = [term[0].len(), term[1].len()];
                near::has_code(instructions, size_of::<A>(), lens, step_along)
                    .then(|| Near { step: step_along, padding: near::padding(lens[1], step_along) })
            }
            _ => None,
        };
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
            Samples::Bytes(_) => self.near.is_some() || self.moves_bytes(),
            Samples::Words(_) => self.near.is_some(),
        }
    }

    /// Whether sums are rounded as they are stored there.
    pub(super) fn writes(&self, y: &Sums<'_, A>) -> bool {
        match y {
            Sums::Numbers(_) => false,
            Sums::Bytes(_) => self.near.is_some() || self.moves_bytes(),
            Sums::Words(_) => self.near.is_some(),
        }
    }

    /// Whether bytes are moved as such to lanes that stand apart, and back.
    fn moves_bytes(&self) -> bool {
        self.spread.is_some() && self.columns / self.lanes >= SQUARE
    }

    /// The taps across rows, where all rows under them are in registers at one time.
    fn across(&self) -> Option<&Half<A>> {
        match (&self.vertical, self.near) {
            (Taps::Mirrored(terms), Some(_)) => terms.first(),
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
                    FoldedJob::Fold(FoldJob { x, sources, taps, y, pitch, rows, columns })
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
        at: usize,
        columns: usize,
    ) where
        A: 'r,
    {
        let (Some(Near { step, .. }), Taps::Mirrored(terms)) = (self.near, &self.horizontal) else {
            unreachable!("neighbours share nothing")
        };
        for (taps, ring) in terms.iter().zip(rings) {
            self.run(FoldedJob::Along(AlongJob { x, taps, step, y: &mut ring[at..][..columns] }));
        }
    }

    /// Sums rows of the ring, each given by where it starts, to this many rows of outputs `pitch` apart.
    /// `sums` is room for them.
    pub(super) fn sum(
        &self,
        (x, sources): (&[A], &[usize]),
        sums: &mut [A],
        (y, pitch, rows): (Sums<'_, A>, usize, usize),
    ) {
        let columns = self.columns;
        if let Some(taps) = self.across() {
            self.run(FoldedJob::Across(AcrossJob { x, sources, taps, y, pitch, rows, columns }));
            return;
        }
        let y = match y {
            Sums::Numbers(y) if self.is_in_order() => {
                return self.fold((x, sources), (y, pitch, rows));
            }
            y => y,
        };
        // Lanes that stand apart are written to many places, which nothing else sees coming.
        (0..rows).for_each(|row| y.prefetch(row * pitch, columns));
        self.fold((x, sources), (sums, columns, rows));
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
    fn fold(&self, (x, sources): (&[A], &[usize]), (y, pitch, rows): (&mut [A], usize, usize)) {
        let columns = self.columns;
        self.run(match &self.vertical {
            Taps::Mirrored(taps) => {
                FoldedJob::Fold(FoldJob { x, sources, taps, y, pitch, rows, columns })
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
