//! Down and up along the last axis while others are coarse: samples are turned over, so that vectors lie along those.
//!
//! That is done a panel of rows at a time, which stays in cache: nothing is turned over as a whole.

use std::ops::Range;

use super::down::{Down, WHAT, Work, summed};
use super::up::{self, Up};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::Output;
use crate::plan::cpu::tiles::VECTOR;
use crate::problem::geometry::Axis;
use crate::simd::coarse::{CoarseJob, RowsUp};
use crate::simd::samples::{Samples, Sums};
use crate::util::{memory, threads};

/// Rows whose samples are turned over together, and nearly twice as many where few are left.
const STRIP: usize = 128;

/// Bytes of a panel of so many rows: a part of the second-level cache.
const PANEL: usize = 96 << 10;

/// Rows in strips, none of them short.
fn strips(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let strips = (rows / STRIP).max(1);
    (0..strips).map(move |i| i * STRIP..if i + 1 < strips { (i + 1) * STRIP } else { rows })
}

/// Blocks of a panel, of so many samples of a row each.
fn blocks<A>(samples: usize) -> usize {
    (PANEL / (STRIP * samples * size_of::<A>())).max(1)
}

/// Whether so many rows can be turned over in vectors, and of so many channels should: vectors may lie along these.
pub(super) fn is_worth_it<A>(rows: usize, channels: usize) -> bool {
    let lanes = VECTOR / size_of::<A>();
    rows >= lanes && channels < MANY * lanes
}

/// Vectors of channels from which on there is nothing to be gained.
const MANY: usize = 4;

impl<A: Compute> Down<A> {
    /// Outputs from one on, as many as `y` holds, in which rows of the input lie together.
    pub(super) fn turned_outputs(
        &self,
        x: &[A],
        first: usize,
        y: &mut [A],
        work: &mut Work<A>,
    ) -> Result<()> {
        let (channels, factor) = (self.axis.channels, self.axis.stride);
        let (rows, outputs) = (self.inner / channels, first..first + y.len() / self.inner);
        let (all, some) = (self.blocks(&outputs), blocks::<A>(factor * channels));
        for strip in strips(rows) {
            for start in all.clone().step_by(some) {
                let blocks = start..all.end.min(start + some);
                let positions = blocks.start * factor..blocks.end * factor;
                self.turn(x, &strip, positions, &mut work.converted)?;
                for (channel, block) in
                    (0..channels).flat_map(|channel| blocks.clone().map(move |b| (channel, b)))
                {
                    let place = |i| ((block - start) * factor + i) * channels + channel;
                    for (part, sums) in &self.parts {
                        let sums = summed(&outputs, block, *sums);
                        work.sources.clear();
                        memory::reserve(&mut work.sources, part.len(), WHAT)?;
                        work.sources.extend(part.clone().map(|i| place(i) * strip.len()));
                        if !sums.is_empty() {
                            let at = (sums.start - first) * self.inner + channel * rows;
                            let samples = Samples::Numbers(&work.converted[..]);
                            let (x, y) = ((samples, &work.sources[..]), &mut y[at + strip.start..]);
                            self.add(x, (block, part.start), sums, y, strip.len());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Turns positions of the extended input over.
    fn turn(
        &self,
        x: &[A],
        strip: &Range<usize>,
        positions: Range<usize>,
        to: &mut Vec<A>,
    ) -> Result<()> {
        let Axis { n, channels, offset, edge, .. } = self.axis;
        let (rows, row) = (strip.len(), n * channels);
        memory::fit(to, positions.len() * channels * rows, WHAT)?;
        let x = &x[strip.start * row..];
        let start = positions.start as isize + offset;
        let position = |p: usize| (start + p as isize).clamp(0, n as isize) as usize;
        let inside = position(0)..position(positions.len());
        let before = ((inside.start as isize - start) as usize).min(positions.len());
        let job = CoarseJob::Turn {
            from: &x[inside.start * channels..],
            from_step: row,
            rows,
            columns: inside.len() * channels,
            to: &mut to[before * channels * rows..],
            to_step: rows,
        };
        (self.run)(self.instructions, job);
        for p in (0..before).chain(before + inside.len()..positions.len()) {
            let source = edge.resolve(start + p as isize, n);
            for channel in 0..channels {
                let to = &mut to[(p * channels + channel) * rows..][..rows];
                match source {
                    Some(at) => {
                        for (to, x) in to.iter_mut().zip(x.chunks(row)) {
                            *to = x[at * channels + channel];
                        }
                    }
                    None => to.fill(self.outside),
                }
            }
        }
        Ok(())
    }
}

impl<A: Compute> Up<A> {
    /// Computes all outputs, in rows again, from samples of the coarse grid in which rows lie together.
    pub(super) fn run_turned(
        &self,
        x: &[A],
        y: &mut [A],
        channels: usize,
        threads: usize,
    ) -> Result<()> {
        let (rows, row, factor) = (self.inner / channels, self.out * channels, self.factor);
        let least = VECTOR / size_of::<A>();
        let cut = |index: usize| {
            let at = (index / row).next_multiple_of(least);
            if at + least > rows { rows * row } else { at * row }
        };
        let y = Output::InPlace(y);
        threads::for_each_part(y, threads, rows / least, cut, |start, piece| {
            let Output::InPlace(y) = piece else { unreachable!("cut from what is in place") };
            let mut work = self.scratch.take(|| Ok(up::Work::default()))?;
            let some = blocks::<A>(factor * channels);
            for strip in strips(y.len() / row) {
                for first in (0..self.out).step_by(some * factor) {
                    let positions = (some * factor).min(self.out - first);
                    let place = (start / row + strip.start, first / factor);
                    self.panel(x, place, (positions, channels, strip.len()), &mut work.out)?;
                    let job = CoarseJob::Turn {
                        from: &work.out,
                        from_step: strip.len(),
                        rows: positions * channels,
                        columns: strip.len(),
                        to: &mut y[strip.start * row + first * channels..],
                        to_step: row,
                    };
                    (self.run)(self.instructions, job);
                }
            }
            self.scratch.keep(work);
            Ok(())
        })
    }

    /// Positions of some rows, in which rows lie together, from the first of a block on.
    fn panel(
        &self,
        x: &[A],
        (row, block): (usize, usize),
        (positions, channels, columns): (usize, usize, usize),
        to: &mut Vec<A>,
    ) -> Result<()> {
        let rows = self.inner / channels;
        memory::fit(to, positions * channels * columns, up::WHAT)?;
        for (i, first) in (0..positions).step_by(self.factor).enumerate() {
            for channel in 0..channels {
                let job = RowsUp {
                    x: &x[(block + i) * self.inner + channel * rows + row..],
                    step: self.inner,
                    taps: &self.taps,
                    reads: self.reads,
                    y: Sums::Numbers(&mut to[(first * channels + channel) * columns..]),
                    pitch: channels * columns,
                    rows: self.factor.min(positions - first),
                    columns,
                };
                (self.run)(self.instructions, CoarseJob::Rows(job));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rows::Input;
    use crate::kernel::coarse::CoarseAxis;
    use crate::problem::boundary::Edge;
    use crate::simd::InstructionSet;

    fn turned(x: &[f32], rows: usize) -> Vec<f32> {
        let columns = x.len() / rows;
        (0..x.len()).map(|at| x[at % rows * columns + at / rows]).collect()
    }

    /// Rows of one strip, of a few, and such as threads cut; positions that are all outside too.
    #[test]
    fn panels_are_what_is_turned_over_as_a_whole() {
        let instructions = InstructionSet::detect();
        let edges = [Edge::Constant(()), Edge::Mirror, Edge::Wrap];
        for ((rows, channels), edge) in
            [(16, 3), (77, 4), (300, 1)].into_iter().flat_map(|rows| edges.map(|edge| (rows, edge)))
        {
            for (factor, n) in [(2, 90), (8, 300), (16, 9)] {
                let (out, reads) = (n / factor + 5, 3);
                let taps = 5 * factor / 2;
                let axis = Axis {
                    n,
                    channels,
                    taps,
                    out,
                    stride: factor,
                    dilation: 1,
                    offset: -3 * factor as isize,
                    edge,
                };
                let taps: Vec<f64> = (0..taps).map(|tap| (tap * 5 % 7) as f64 / 8.0).collect();
                let x: Vec<f32> = (0..rows * n * channels).map(|i| (i * i % 251) as f32).collect();
                let [of_rows, of_turned] = [false, true].map(|turned| {
                    let down = Down::new((1, rows, turned), (&axis, 2.5f32), &taps, instructions);
                    down.expect("memory").expect("positions of a vector")
                });
                let mut expected = vec![0.0; of_rows.outputs()];
                of_rows.run(Input::of(&turned(&x, rows)), &mut expected, 1).expect("memory");
                let design = CoarseAxis {
                    factor,
                    down: taps,
                    taps: vec![1.0],
                    up: (0..factor * reads).map(|i| (i * 3 % 11) as f64 / 8.0).collect(),
                    reads,
                    error: 0.0,
                    constants: 0.0,
                    gain: 1.0,
                };
                let finer = factor * (out - reads + 1) - 1;
                let up = Up::<f32>::new(1, finer, rows * channels, &design, instructions);
                let up = up.expect("memory");
                let mut all = vec![0.0; up.outputs()];
                up.run(&expected, Output::of(&mut all), 1).expect("memory");
                for threads in [1, 3] {
                    let mut y = vec![f32::NAN; of_turned.outputs()];
                    of_turned.run(Input::of(&x), &mut y, threads).expect("memory");
                    assert!(y == expected, "down: {rows} x {channels}, {edge:?}, {factor}");
                    let mut y = vec![f32::NAN; up.outputs()];
                    up.run_turned(&expected, &mut y, channels, threads).expect("memory");
                    let back = turned(&all, finer * channels);
                    assert!(y == back, "up: {rows} x {channels}, {factor}, {threads}");
                }
            }
        }
    }
}
