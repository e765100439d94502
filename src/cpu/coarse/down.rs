//! Down to a coarse grid along one axis: samples are passed over, and most positions left out.

use std::ops::Range;

use super::{TAPS, rounded};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::plan::cpu::tiles::VECTOR;
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::coarse::CoarseJob;
use crate::simd::down::{DownJob, ROWS, SUMS};
use crate::simd::samples::Samples;
use crate::util::scratch::ScratchPool;
use crate::util::{memory, threads};

/// The way down along an axis, of rows that lie before it and samples that lie after it.
///
/// A block is as many positions as lie from one output to the next. It is read once, for all outputs that it is part
/// of, whose sums wait where they will stand.
pub(super) struct Down<A: Compute> {
    rows: usize,
    pub(super) axis: Axis,
    /// The value outside, where the axis has one.
    pub(super) outside: A,
    /// Samples of a position: channels, and axes after this one.
    pub(super) inner: usize,
    /// Whether positions of the input do not lie together: see [`super::turned`].
    turned: bool,
    taps: Vec<A>,
    /// Positions of a block, and of how many outputs they are part.
    pub(super) parts: Vec<(Range<usize>, usize)>,
    pub(super) instructions: InstructionSet,
    pub(super) run: for<'a> fn(InstructionSet, CoarseJob<'a, A>),
    scratch: ScratchPool<Work<A>>,
}

/// What one thread needs; kept from call to call.
#[derive(Default)]
pub(super) struct Work<A> {
    /// Where positions start.
    pub(super) sources: Vec<usize>,
    /// Positions that are stored in another way than as numbers or levels, as numbers.
    pub(super) converted: Vec<A>,
    /// A position outside.
    outside: Vec<A>,
}

/// Columns that are passed over at one time: so many sums of a few outputs stay in cache, and hardware sees a row
/// coming. Whole pixels of any number of channels that are read together.
const COLUMNS: usize = 6144;

/// Outputs that are worth a thread: where it begins, it reads positions that others read too.
const LEAST: usize = 8;

pub(super) const WHAT: &str = "positions above a coarser grid";

impl<A: Compute> Down<A> {
    /// None where a position is shorter than a vector.
    pub(super) fn new(
        (rows, inner, turned): (usize, usize, bool),
        (axis, outside): (&Axis, A),
        taps: &[f64],
        instructions: InstructionSet,
    ) -> Result<Option<Self>> {
        let inner = inner * axis.channels;
        if inner < VECTOR / size_of::<A>() {
            return Ok(None);
        }
        let (factor, sums) = (axis.stride, axis.taps.div_ceil(axis.stride));
        // The last of the outputs that a block is part of may end within it.
        let ends = axis.taps - (sums - 1) * factor;
        let mut parts = memory::room(factor.div_ceil(ROWS) + 1, TAPS)?;
        for (within, sums) in [(0..ends, sums), (ends..factor, sums - 1)] {
            let part = |start| (start..within.end.min(start + ROWS), sums);
            parts.extend(within.clone().step_by(ROWS).map(part));
        }
        parts.retain(|&(_, sums)| sums > 0);
        let bytes = size_of::<A>() * (ROWS + 1) * COLUMNS.min(inner);
        Ok(Some(Self {
            rows,
            axis: axis.clone(),
            outside,
            inner,
            turned,
            taps: rounded(taps)?,
            parts,
            instructions,
            run: A::COARSE.expect("types that are designed for have such jobs"),
            scratch: ScratchPool::new(1, bytes),
        }))
    }

    pub(super) fn outputs(&self) -> usize {
        self.rows * self.axis.out * self.inner
    }

    /// Computes all outputs.
    pub(super) fn run(&self, x: Input<'_, A>, y: &mut [A], threads: usize) -> Result<()> {
        let (inner, out) = (self.inner, self.axis.out);
        let cut = |index: usize| index.next_multiple_of(inner);
        let most = self.rows * out / LEAST;
        threads::for_each_part(Output::InPlace(y), threads, most, cut, |start, piece| {
            let Output::InPlace(y) = piece else { unreachable!("cut from what is in place") };
            let mut work = self.scratch.take(|| Ok(Work::default()))?;
            let mut done = 0;
            while done < y.len() {
                let output = (start + done) / inner;
                let (row, first) = (output / out, output % out);
                let len = ((out - first) * inner).min(y.len() - done);
                self.outputs_of(x, row, first, &mut y[done..done + len], &mut work)?;
                done += len;
            }
            self.scratch.keep(work);
            Ok(())
        })
    }

    /// Outputs from one on, as many as `y` holds, of a row.
    fn outputs_of(
        &self,
        x: Input<'_, A>,
        row: usize,
        first: usize,
        y: &mut [A],
        work: &mut Work<A>,
    ) -> Result<()> {
        if self.turned {
            let x = x.in_place().expect("only the input is stored");
            return self.turned_outputs(x, first, y, work);
        }
        let outputs = first..first + y.len() / self.inner;
        for from in (0..self.inner).step_by(COLUMNS) {
            let columns = from..self.inner.min(from + COLUMNS);
            for block in self.blocks(&outputs) {
                for (part, sums) in &self.parts {
                    let sums = summed(&outputs, block, *sums);
                    if !sums.is_empty() {
                        let y = &mut y[(sums.start - first) * self.inner + from..];
                        self.part(x, (row, block, part.clone()), &columns, sums, y, work)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Blocks that these outputs are made of.
    pub(super) fn blocks(&self, outputs: &Range<usize>) -> Range<usize> {
        outputs.start..outputs.end + self.axis.taps.div_ceil(self.axis.stride) - 1
    }

    /// Adds columns of positions of a block to the outputs that they are part of.
    fn part(
        &self,
        x: Input<'_, A>,
        (row, block, part): (usize, usize, Range<usize>),
        columns: &Range<usize>,
        outputs: Range<usize>,
        y: &mut [A],
        work: &mut Work<A>,
    ) -> Result<()> {
        let Axis { n, stride: factor, offset, edge, .. } = self.axis;
        let place = |i: usize| {
            let position = edge.resolve((block * factor + i) as isize + offset, n)?;
            Some((row * n + position) * self.inner + columns.start)
        };
        let mut at = part.start;
        while at < part.end {
            // Positions that are stored, or such as are not.
            let is_stored = place(at).is_some();
            let end = (at..part.end).find(|&i| place(i).is_some() != is_stored).unwrap_or(part.end);
            work.sources.clear();
            memory::reserve(&mut work.sources, end - at, WHAT)?;
            let samples = if is_stored {
                work.sources.extend((at..end).filter_map(place));
                stored(x, columns.len(), &mut work.sources, &mut work.converted)?
            } else {
                work.sources.extend((at..end).map(|_| 0));
                memory::fit(&mut work.outside, columns.len(), WHAT)?;
                work.outside.fill(self.outside);
                Samples::Numbers(&work.outside[..])
            };
            self.add((samples, &work.sources), (block, at), outputs.clone(), y, columns.len());
            at = end;
        }
        Ok(())
    }

    /// Adds positions of a block, from one of it on, to the outputs that they are part of.
    pub(super) fn add(
        &self,
        (x, sources): (Samples<'_, A>, &[usize]),
        (block, at): (usize, usize),
        outputs: Range<usize>,
        y: &mut [A],
        columns: usize,
    ) {
        // The last ones first, whose taps come first.
        let (first, mut left) = (outputs.start, outputs);
        while let Some(last) = left.next_back() {
            left.end = last.saturating_sub(SUMS - 1).max(left.start);
            let job = DownJob {
                x,
                sources,
                taps: &self.taps[(block - last) * self.axis.stride + at..],
                step: self.axis.stride,
                y: &mut y[(left.end - first) * self.inner..],
                pitch: self.inner,
                sums: last + 1 - left.end,
                begins: last == block && at == 0,
                columns,
            };
            (self.run)(self.instructions, CoarseJob::Down(job));
        }
    }
}

/// Those of some outputs that positions of a block are part of, which are part of so many at most.
pub(super) fn summed(outputs: &Range<usize>, block: usize, sums: usize) -> Range<usize> {
    outputs.start.max((block + 1).saturating_sub(sums))..outputs.end.min(block + 1)
}

/// Samples of positions that start at `sources`, and where they start there.
fn stored<'x, A: Compute>(
    x: Input<'x, A>,
    len: usize,
    sources: &mut [usize],
    converted: &'x mut Vec<A>,
) -> Result<Samples<'x, A>> {
    if let Some((samples, gaps)) = x.all() {
        if let Some(gaps) = gaps {
            sources.iter_mut().for_each(|source| *source = gaps.place(*source));
        }
        return Ok(samples);
    }
    memory::fit(converted, sources.len() * len, WHAT)?;
    for ((i, source), to) in sources.iter_mut().enumerate().zip(converted.chunks_exact_mut(len)) {
        x.read(*source, to);
        *source = i * len;
    }
    Ok(Samples::Numbers(converted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::direct::Direct;
    use crate::plan::cpu::Tile;
    use crate::problem::boundary::Edge;
    use crate::problem::extension::Extension;
    use crate::problem::geometry::Geometry;

    const EDGES: [Edge; 6] =
        [Edge::Zero, Edge::Constant(()), Edge::Nearest, Edge::Reflect, Edge::Mirror, Edge::Wrap];

    /// The sums of direct ones with strides, in the same order, to the last bit: of few positions and many, of channels,
    /// from numbers, bytes, words and what is converted first.
    #[test]
    fn sums_are_those_of_direct_passes() {
        let instructions = InstructionSet::detect();
        let (rows, outside) = (2, 3.5f32);
        for (i, edge) in EDGES.into_iter().enumerate() {
            for (factor, taps, n, out) in
                [(2, 12, 40, 25), (4, 14, 7, 12), (16, 40, 300, 21), (24, 36, 50, 4), (6, 5, 30, 5)]
            {
                let (channels, inner) = ([1, 3][i % 2], 19 + i);
                let axis =
                    Axis { n, channels, taps, out, stride: factor, dilation: 1, offset: -11, edge };
                let taps: Vec<f64> = (0..taps).map(|tap| (tap * 5 % 7) as f64 / 8.0).collect();
                let samples = rows * n * channels * inner;
                let bytes: Vec<u8> = (0..samples).map(|at| (at * at % 251) as u8).collect();
                let words: Vec<u16> = bytes.iter().map(|&byte| byte.into()).collect();
                let signed: Vec<i16> = bytes.iter().map(|&byte| byte.into()).collect();
                let numbers: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
                let flat = |n| Axis { n, out: n, ..Axis::one_sample() };
                let axes = vec![flat(rows), axis.clone(), flat(inner)];
                let extension =
                    Extension { geometry: Geometry { axes }, values: vec![0.0, outside, 0.0] };
                let tile = Tile::of(&extension.geometry, instructions);
                let weights: Vec<f32> = rounded(&taps).expect("memory");
                let direct =
                    Direct::new(extension, &weights, tile, instructions, 1).expect("memory");
                let down = Down::new((rows, inner, false), (&axis, outside), &taps, instructions);
                let down = down.expect("memory").expect("positions of a vector");
                let mut expected = vec![0.0; down.outputs()];
                let y = Output::of(&mut expected);
                direct.run(Input::of(&numbers).into(), y).expect("memory");
                let inputs: [Input<'_, f32>; 4] =
                    [Input::of(&numbers), Input::of(&bytes), Input::of(&words), Input::of(&signed)];
                for (kind, x) in inputs.into_iter().enumerate() {
                    for threads in [1, 3] {
                        let mut y = vec![f32::NAN; down.outputs()];
                        down.run(x, &mut y, threads).expect("memory");
                        assert!(y == expected, "{edge:?} by {factor}, kind {kind}, {threads}");
                    }
                }
            }
        }
    }
}
