//! Both passes of symmetric taps over vectors whose lanes stand apart.

use crate::element::compute::Compute;
use crate::error::Result;
use crate::kernel::mirror;
use crate::plan::cpu::Strips;
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::apart::{ApartJob, FoldJob, Half};
use crate::util::memory;

use super::fused::TAPS;

/// The taps of a sum of outer products, each of which is the same read backwards, perhaps with the other
/// sign.
pub(super) struct Folded<A: Compute> {
    /// Along the last axis, one for each term.
    horizontal: Vec<Half<A>>,
    /// Along the other, all terms at once.
    vertical: Vec<Half<A>>,
    /// The vectors that rows of the horizontal pass start with: as far from each other as its taps.
    groups: Vec<usize>,
    step: usize,
    /// Outputs of a lane, and so vectors of a strip.
    chunk: usize,
    lanes: usize,
    instructions: InstructionSet,
    run: for<'a> fn(InstructionSet, ApartJob<'a, A>),
}

impl<A: Compute> Folded<A> {
    pub(super) fn new(
        inner: &Axis,
        terms: &[&[Vec<A>]],
        strips: Strips,
        instructions: InstructionSet,
    ) -> Result<Self> {
        let halves = |axis: usize| -> Result<Vec<Half<A>>> {
            terms.iter().map(|term| half(&term[axis])).collect()
        };
        let lanes = instructions.vector_bytes() / size_of::<A>();
        let (chunk, step) = (strips.columns / lanes, inner.tap_step());
        let groups = chunk / step + inner.taps - 1;
        Ok(Self {
            horizontal: halves(1)?,
            vertical: halves(0)?,
            groups: memory::collected((0..groups).map(|i| i * step), groups, TAPS)?,
            step,
            chunk,
            lanes,
            instructions,
            run: A::APART.expect("passes are folded for types that have such lanes"),
        })
    }

    /// Outer products.
    pub(super) fn terms(&self) -> usize {
        self.horizontal.len()
    }

    /// Numbers of a stretch that is spread, and of so many rows of outputs.
    pub(super) fn room(&self, rows: usize) -> [usize; 2] {
        [self.groups.len() * self.step * self.lanes, rows * self.chunk * self.lanes]
    }

    /// Filters a stretch of a row along itself, into a slot of the ring of each term.
    pub(super) fn filter<'r>(
        &self,
        stretch: &[A],
        spread: &mut [A],
        rings: impl Iterator<Item = &'r mut [A]>,
        slot: usize,
    ) where
        A: 'r,
    {
        let job = ApartJob::Spread { from: stretch, chunk: self.chunk, to: &mut *spread };
        (self.run)(self.instructions, job);
        for (taps, ring) in self.horizontal.iter().zip(rings) {
            let job = FoldJob {
                x: spread,
                sources: &self.groups,
                taps: std::slice::from_ref(taps),
                y: &mut ring[slot..],
                pitch: self.step,
                rows: self.chunk / self.step,
                columns: self.step,
            };
            (self.run)(self.instructions, ApartJob::Fold(job));
        }
    }

    /// Numbers of a vector.
    pub(super) fn lanes(&self) -> usize {
        self.lanes
    }

    /// Sums rows of the ring, each given by its first vector, to this many rows of outputs, whose lanes
    /// stand apart as well.
    pub(super) fn sum(&self, ring: &[A], sources: &[usize], to: &mut [A], rows: usize) {
        let (taps, pitch, columns) = (&self.vertical[..], self.chunk, self.chunk);
        let job = FoldJob { x: ring, sources, taps, y: to, pitch, rows, columns };
        (self.run)(self.instructions, ApartJob::Fold(job));
    }

    /// Puts a row of outputs together.
    pub(super) fn gather(&self, from: &[A], to: &mut [A]) {
        (self.run)(self.instructions, ApartJob::Gather { from, to });
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
