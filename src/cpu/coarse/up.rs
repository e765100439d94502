//! From a coarse grid up again, along one axis.

use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::Output;
use crate::kernel::coarse::CoarseAxis;
use crate::plan::cpu::tiles::VECTOR;
use crate::simd::InstructionSet;
use crate::simd::coarse::{CoarseJob, RowsUp, WithinUp};
use crate::simd::samples::Sums;
use crate::util::memory;
use crate::util::scratch::ScratchPool;
use crate::util::threads;

use super::{TAPS, rounded};

/// The way up along an axis, of rows that lie before it and samples that lie after it.
pub(super) struct Up<A: Compute> {
    rows: usize,
    pub(super) out: usize,
    /// Samples of a position: channels, and axes after this one.
    pub(super) inner: usize,
    pub(super) factor: usize,
    pub(super) reads: usize,
    /// Taps of each phase; for positions shorter than a vector, rows of taps for samples in a row.
    pub(super) taps: Vec<A>,
    /// Samples after which rows of taps begin again; 0 where positions are long.
    period: usize,
    pub(super) instructions: InstructionSet,
    pub(super) run: for<'a> fn(InstructionSet, CoarseJob<'a, A>),
    pub(super) scratch: ScratchPool<Work<A>>,
}

/// What one thread needs; kept from call to call.
#[derive(Default)]
pub(super) struct Work<A> {
    /// Samples, repeated for each phase.
    repeated: Vec<A>,
    pub(super) out: Vec<A>,
}

/// Columns that are computed at one time: so many rows of as many phases stay in cache until they are
/// stored. Whole pixels of any number of channels that are stored together.
const COLUMNS: usize = 1536;

/// Outputs of a row that are computed at one time.
const WITHIN: usize = 4096;

pub(super) const WHAT: &str = "outputs of a coarser grid";

impl<A: Compute> Up<A> {
    pub(super) fn new(
        rows: usize,
        out: usize,
        inner: usize,
        design: &CoarseAxis,
        instructions: InstructionSet,
    ) -> Result<Self> {
        let CoarseAxis { factor, reads, .. } = *design;
        let lanes = VECTOR / size_of::<A>();
        let mut taps = rounded(&design.up)?;
        let mut period = 0;
        if inner < lanes {
            let step = factor * inner;
            period = step * lanes.div_ceil(step);
            let phases = taps;
            let row = |l| (0..period + lanes).map(move |i| i / inner % factor * reads + l);
            let rows = (0..reads).flat_map(row).map(|at| phases[at]);
            taps = memory::collected(rows, reads * (period + lanes), TAPS)?;
        }
        let bytes = size_of::<A>() * (factor * COLUMNS).max(2 * WITHIN);
        Ok(Self {
            rows,
            out,
            inner,
            factor,
            reads,
            taps,
            period,
            instructions,
            run: A::COARSE.expect("types that are designed for have such jobs"),
            scratch: ScratchPool::new(1, bytes),
        })
    }

    pub(super) fn outputs(&self) -> usize {
        self.rows * self.out * self.inner
    }

    /// Computes all outputs from the samples of the coarse grid.
    pub(super) fn run(&self, x: &[A], y: Output<'_, A>, threads: usize) -> Result<()> {
        let (block, row) = (self.factor * self.inner, self.out * self.inner);
        let between = (self.out.div_ceil(self.factor) + self.reads - 1) * self.inner;
        let cut = |index: usize| {
            let (before, within) = (index / row * row, index % row);
            before + within.next_multiple_of(block).min(row)
        };
        let most = y.len() / block.max(WITHIN);
        threads::for_each_part(y, threads, most, cut, |start, mut piece| {
            let mut work = self.scratch.take(|| Ok(Work::default()))?;
            let mut done = 0;
            while done < piece.len() {
                let (at, first) = ((start + done) / row, (start + done) % row);
                let len = (row - first).min(piece.len() - done);
                let x = &x[at * between + first / self.factor..(at + 1) * between];
                let y = piece.part(done..done + len);
                match self.period {
                    0 => self.strips(x, y, &mut work)?,
                    _ => self.within(x, y, &mut work)?,
                }
                done += len;
            }
            self.scratch.keep(work);
            Ok(())
        })
    }

    /// Positions from the first of a block on, in strips of columns.
    fn strips(&self, x: &[A], mut y: Output<'_, A>, work: &mut Work<A>) -> Result<()> {
        let (inner, factor) = (self.inner, self.factor);
        let positions = y.len() / inner;
        for from in (0..inner).step_by(COLUMNS) {
            let columns = COLUMNS.min(inner - from);
            // A vector at least: it may compute again what the strip before it has.
            let computed = columns.max(VECTOR / size_of::<A>());
            let back = computed - columns;
            for (block, first) in (0..positions).step_by(factor).enumerate() {
                let rows = factor.min(positions - first);
                let x = &x[block * inner + from - back..];
                let job = |y, pitch| {
                    let (taps, reads) = (&self.taps[..], self.reads);
                    let job =
                        RowsUp { x, step: inner, taps, reads, y, pitch, rows, columns: computed };
                    (self.run)(self.instructions, CoarseJob::Rows(job));
                };
                let at = first * inner + from - back;
                if let Some(y) = y.sums(at) {
                    job(y, inner);
                    continue;
                }
                memory::fit(&mut work.out, factor * computed, WHAT)?;
                job(Sums::Numbers(&mut work.out), computed);
                for (r, row) in work.out.chunks_exact(computed).take(rows).enumerate() {
                    y.write(at + back + r * inner, &row[back..]);
                }
            }
        }
        Ok(())
    }

    /// Positions that are shorter than a vector.
    fn within(&self, x: &[A], mut y: Output<'_, A>, work: &mut Work<A>) -> Result<()> {
        let (inner, factor, lanes) = (self.inner, self.factor, VECTOR / size_of::<A>());
        let block = factor * inner;
        let some = WITHIN.next_multiple_of(block);
        for from in (0..y.len()).step_by(some) {
            let len = some.min(y.len() - from);
            let blocks = len.div_ceil(block) + self.reads - 1;
            let computed = len.next_multiple_of(lanes);
            memory::fit(&mut work.repeated, blocks * block + lanes, WHAT)?;
            memory::fit(&mut work.out, computed, WHAT)?;
            let x = x[from / factor..].chunks_exact(inner).take(blocks);
            for (x, to) in x.zip(work.repeated.chunks_exact_mut(block)) {
                for to in to.chunks_exact_mut(inner) {
                    to.copy_from_slice(x);
                }
            }
            let job = WithinUp {
                x: &work.repeated,
                step: block,
                taps: &self.taps,
                period: self.period,
                reads: self.reads,
                y: &mut work.out,
            };
            (self.run)(self.instructions, CoarseJob::Within(job));
            y.write(from, &work.out[..len]);
        }
        Ok(())
    }
}
