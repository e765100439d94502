//! Which block sizes suit a transform, and which of them suit a problem.

use super::sample;
use crate::element::DType;
use crate::geometry::{Axis, Geometry};

/// The samples of a block and the outputs it gives, per axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Transform lengths.
    pub size: Vec<usize>,
    /// Unstrided outputs of a block: `size - reach`.
    pub step: Vec<usize>,
    /// Blocks along each axis.
    pub count: Vec<usize>,
}

impl Blocks {
    /// Samples of one block.
    pub fn samples(&self) -> usize {
        self.size.iter().product()
    }

    /// Number of blocks.
    pub fn total(&self) -> usize {
        self.count.iter().product()
    }

    /// What a block costs beside others, in butterflies' shares: a transform of `N` samples there
    /// and back has `N log2 N` of them. `bytes` are those of a complex number.
    pub fn work_per_block(&self, bytes: usize) -> f64 {
        let logs = self.size.iter().map(|&n| weighted_log(n)).sum();
        work(self.samples() as f64, logs, self.size[self.size.len() - 1] as f64, bytes as f64)
    }
}

/// Looking at a sample, packing it, the product, writing the result: worth this many butterflies'
/// shares. This and the constants below were fitted to runs of f32 at 2048², 10^6 and 256³ with
/// various blocks: 2 cores AMD EPYC (Zen 4), 2026-11-23.
const PER_SAMPLE: f64 = 3.0;
/// Likewise for a sample along an axis: turning columns over.
const PER_AXIS: f64 = 5.0;
/// Likewise for a row: finding where it comes from and goes to.
const PER_ROW: f64 = 400.0;
/// Likewise for a block.
const PER_BLOCK: f64 = 5e3;
/// Bytes of a block that leave room for a spectrum in the second level of cache.
const NEAR_CACHE: f64 = (1 << 19) as f64;
/// Bytes of a block that, one for each thread, the last level of cache has no room for.
const FAR_CACHE: f64 = (1 << 23) as f64;

/// The transforms' own share of a sample along an axis. Long ones leave the first level of cache:
/// rustfft took 0.10 ns per butterfly's share up to 8192 samples, 0.12 at 16384, 0.20 at 2^20.
fn weighted_log(n: usize) -> f64 {
    if n == 1 {
        return 0.0;
    }
    let log = (n as f64).log2();
    log * (1.0 + 0.13 * (log - 13.0).max(0.0)) + PER_AXIS
}

fn work(samples: f64, logs: f64, row: f64, bytes: f64) -> f64 {
    let doublings = |level: f64| (samples * bytes / level).log2().max(0.0);
    let slower = 1.0 + 0.06 * doublings(NEAR_CACHE) + 0.15 * doublings(FAR_CACHE);
    (samples * (logs + PER_SAMPLE) + samples / row * PER_ROW) * slower + PER_BLOCK
}

/// Samples per block beyond which larger blocks are not tried, unless the kernel needs them: 2^22
/// (32 MiB in f32), so that a long signal never needs memory beyond a few blocks.
const LARGEST_BLOCK: usize = 1 << 22;

/// A block larger than this, and many times larger than the data, is mostly the gaps of a dilated
/// kernel: it is not worth its memory (2^26 samples take about 1 GiB in `f32`).
const LARGEST_GAPS: usize = 1 << 26;

/// Candidates tried per problem; with `r` axes each axis gets the `r`-th root of it.
const CANDIDATES: f64 = 1024.0;

/// Outputs of a block along an axis below which its reach and its rows' starts weigh too much.
const FEWEST_OUTPUTS: usize = 24;

/// One way to cut an axis.
#[derive(Clone, Copy)]
struct Cut {
    size: usize,
    step: usize,
    count: usize,
    log: f64,
}

/// The blocks with the least work for `threads` threads, or `None` where even the smallest would
/// be out of proportion to the data, or larger than an index.
pub fn blocks(geometry: &Geometry, dtype: DType, threads: usize) -> Option<Blocks> {
    let rank = geometry.rank();
    let per_axis = (CANDIDATES.powf(1.0 / rank as f64) as usize).clamp(2, 100);
    let choices: Vec<Vec<Cut>> =
        geometry.axes.iter().map(|axis| cuts(axis, per_axis)).collect::<Option<_>>()?;
    let (lanes, bytes) = (sample::lanes(dtype), sample::complex_bytes(dtype));

    let mut best: Option<(f64, Vec<usize>)> = None;
    let mut at = vec![0; rank];
    loop {
        let chosen = at.iter().zip(&choices).map(|(&i, cuts)| cuts[i]);
        let size = chosen.clone().try_fold(1usize, |size, cut| size.checked_mul(cut.size));
        if let Some(size) = size.filter(|&size| size <= isize::MAX as usize / 64) {
            let (total, logs) = chosen
                .fold((1f64, 0.0), |(total, logs), cut| (total * cut.count as f64, logs + cut.log));
            let row = choices[rank - 1][at[rank - 1]].size;
            let rounds = (total / lanes as f64).ceil() / threads.max(1) as f64;
            let mut all = rounds.ceil() * work(size as f64, logs, row as f64, bytes as f64);
            if size > LARGEST_BLOCK {
                all *= (size as f64 / LARGEST_BLOCK as f64).powi(2);
            }
            if best.as_ref().is_none_or(|(least, _)| all < *least) {
                best = Some((all, at.clone()));
            }
        }
        let Some(axis) = (0..rank).rev().find(|&a| at[a] + 1 < choices[a].len()) else { break };
        at[axis] += 1;
        at[axis + 1..].fill(0);
    }
    let (_, at) = best?;
    let chosen = at.iter().zip(&choices).map(|(&i, cuts)| cuts[i]);
    let blocks = Blocks {
        size: chosen.clone().map(|cut| cut.size).collect(),
        step: chosen.clone().map(|cut| cut.step).collect(),
        count: chosen.map(|cut| cut.count).collect(),
    };
    let data = geometry.input_len() + geometry.output_len();
    (blocks.samples() <= LARGEST_GAPS.max(16 * data)).then_some(blocks)
}

/// Ways to cut an axis into 1, 2, 3 and, in even ratios, more blocks.
fn cuts(axis: &Axis, most: usize) -> Option<Vec<Cut>> {
    let span = axis.advance(axis.outputs() - 1) + 1;
    let reach = axis.reach();
    // An axis with one tap needs no overlap, so a single sample a block will do.
    let fewest = if reach == 0 { 1 } else { FEWEST_OUTPUTS.max(reach / 4) };
    let finest = span.div_ceil(fewest) as f64;
    let ratio = finest.powf(1.0 / (most - 1) as f64);
    let mut cuts: Vec<Cut> = Vec::with_capacity(most);
    let mut wanted = 1.0f64;
    for _ in 0..most {
        let blocks = (wanted.ceil() as usize).clamp(1, finest as usize);
        let size = good_size(span.div_ceil(blocks).checked_add(reach)?)?;
        let step = size - reach;
        if cuts.last().is_none_or(|last| last.size != size) {
            let (count, log) = (span.div_ceil(step), weighted_log(size));
            cuts.push(Cut { size, step, count, log });
        }
        if blocks >= finest as usize {
            break;
        }
        wanted = (wanted * ratio).max(blocks as f64 + 1.0);
    }
    Some(cuts)
}

/// Lengths that rustfft is fast at, as odd parts and the powers of two that they need at least:
/// those than which no larger length takes less time, in f32 or f64, on a Zen 4 with AVX-512
/// (2026-11-23; lengths with several factors 5 or 7, or few 2s, take up to five times as long).
const FAST: [(usize, usize); 8] =
    [(1, 1), (3, 8), (9, 4), (27, 8), (81, 8), (5, 16), (45, 8), (7, 64)];

/// Up to here every length has a transform of its own, in one piece.
const SMALLEST: usize = 9;

/// The smallest fast length of at least `n`.
pub fn good_size(n: usize) -> Option<usize> {
    if n <= SMALLEST {
        return Some(n.max(1));
    }
    let mut best = n.checked_next_power_of_two()?;
    for (odd, least) in FAST {
        let twos = n.div_ceil(odd).checked_next_power_of_two()?.max(least);
        best = best.min(odd.checked_mul(twos)?);
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::Edge;

    fn geometry(lengths: &[(usize, usize)]) -> Geometry {
        let axes = lengths.iter().map(|&(n, taps)| {
            let (offset, edge) = (-(taps as isize / 2), Edge::Zero);
            let axis = Axis { n, lanes: 1, taps, out: n, stride: 1, dilation: 1, offset, edge };
            (axis, ())
        });
        Geometry::fold(axes).0
    }

    #[test]
    fn good_sizes_are_close_above() {
        for n in 1..5000 {
            let good = good_size(n).expect("small");
            assert!(good >= n && good as f64 <= 1.2 * n as f64 + 16.0, "{n} -> {good}");
        }
    }

    #[test]
    fn long_signals_are_cut_into_small_blocks() {
        let blocks = blocks(&geometry(&[(100_000_000, 1001)]), DType::F32, 2).expect("fits");
        assert!(blocks.samples() <= 1 << 17, "{blocks:?}");
        assert!(blocks.total() * blocks.step[0] >= 100_000_000);
    }

    #[test]
    fn a_batch_is_not_transformed_along_its_axis() {
        let blocks = blocks(&geometry(&[(64, 1), (4096, 301)]), DType::F32, 2).expect("fits");
        assert_eq!(blocks.size[0], 1);
    }
}
