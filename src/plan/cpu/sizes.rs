//! Which block sizes suit a transform, and which of them suit a problem.

use super::blocks::{Blocks, Summed, TILE};
use crate::element::DType;
use crate::problem::geometry::{Axis, Geometry};
use crate::util::gcd;

/// What a block costs beside others, in butterflies' shares: a transform of `N` samples there and
/// back has `N log2 N` of them. `bytes` are those of a complex number.
pub(crate) fn work_per_block(blocks: &Blocks, bytes: usize) -> f64 {
    let last = blocks.size.len() - 1;
    let cut = |a: usize| match blocks.summed {
        Some(summed) if blocks.summed_axis() == Some(a) => {
            Cut::summed(blocks.size[a], blocks.step[a], blocks.count[a], summed)
        }
        _ => Cut::transformed(blocks.size[a], blocks.step[a], blocks.count[a], a < last),
    };
    work((0..=last).map(cut), bytes)
}

/// Looking at a sample, packing it, writing the result, and what it waits for memory: worth this
/// many butterflies' shares. This and the constants below were fitted to runs of f32 at 2048², 10^6
/// and 256³ with various blocks: 2 cores AMD EPYC (Zen 4), 2026-11-23.
const PER_SAMPLE: f64 = 11.0;
/// Likewise for a sample along an axis other than the last: turning columns over, and the product.
const PER_TURN: f64 = 2.0;
/// Likewise for a tap of an axis that is summed.
const PER_TAP: f64 = 0.32;
/// Likewise for a slab that is moved to the front, per slab that is summed (an estimate).
const PER_COPY: f64 = 1.0;
/// Likewise for a row: finding where it comes from and goes to.
const PER_ROW: f64 = 1200.0;
/// Likewise for a block.
const PER_BLOCK: f64 = 1.5e4;
/// Bytes of a block that the second level of cache has room for, or nearly.
const NEAR_CACHE: f64 = (1 << 21) as f64;
/// Bytes of a block that, one for each thread, the last level of cache has no room for.
const FAR_CACHE: f64 = (1 << 23) as f64;

/// What rustfft takes for a butterfly's share at lengths below 2048 that are not like the others, in
/// hundredths of what it takes at most lengths from there to 8192: 0.096 ns for f32, twice that for
/// f64 (median of 15; Zen 4, one thread, rustfft 6.4.1, 2026-11-23).
const RATES: [(usize, u8); 26] = [
    (16, 200),
    (24, 190),
    (32, 115),
    (36, 145),
    (48, 90),
    (64, 80),
    (72, 105),
    (80, 115),
    (96, 115),
    (128, 75),
    (144, 112),
    (192, 90),
    (256, 72),
    (288, 90),
    (320, 92),
    (360, 92),
    (384, 88),
    (432, 86),
    (512, 80),
    (576, 88),
    (640, 90),
    (720, 120),
    (768, 86),
    (864, 84),
    (1152, 88),
    (1280, 90),
];

/// The transforms' own share of a sample along an axis. Long ones leave the first level of cache:
/// rustfft took 0.12 ns per butterfly's share at 16384 samples, 0.20 at 2^20.
fn weighted_log(n: usize) -> f64 {
    let log = (n as f64).log2();
    let rate = RATES.binary_search_by_key(&n, |&(n, _)| n);
    let rate = rate.map_or(1.0, |i| f64::from(RATES[i].1) / 100.0);
    log * rate * (1.0 + 0.13 * (log - 13.0).max(0.0))
}

fn work(cuts: impl Iterator<Item = Cut>, bytes: usize) -> f64 {
    let (mut samples, mut held, mut shares, mut row) = (1.0, 1.0, PER_SAMPLE, 1.0);
    for cut in cuts {
        row = cut.size as f64;
        samples *= row;
        held *= cut.held as f64;
        shares += cut.shares;
    }
    let doublings = |level: f64| (held * bytes as f64 / level).log2().max(0.0);
    let slower = 1.0 + 0.06 * doublings(NEAR_CACHE) + 0.15 * doublings(FAR_CACHE);
    (samples * shares + samples / row * PER_ROW) * slower + PER_BLOCK
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

/// Taps beyond which an axis is always transformed.
const MOST_SUMMED: usize = 128;

/// Outputs of a block along an axis that is summed: a longer one saves little, and is lost as a whole
/// where a sample is not finite. Many taps need more.
const LONGEST_SUMMED: usize = 512;

/// One way to cut an axis.
#[derive(Clone, Copy)]
struct Cut {
    size: usize,
    step: usize,
    count: usize,
    /// Of the `size` samples, those that are in memory at a time.
    held: usize,
    /// Work per sample.
    shares: f64,
}

impl Cut {
    fn transformed(size: usize, step: usize, count: usize, turned: bool) -> Self {
        let turn = if turned { PER_TURN } else { 0.0 };
        let shares = if size == 1 { 0.0 } else { weighted_log(size) + turn };
        Self { size, step, count, held: size, shares }
    }

    fn summed(size: usize, step: usize, count: usize, summed: Summed) -> Self {
        let copies = summed.reach() as f64 / summed.together as f64;
        let shares = (summed.taps as f64 * PER_TAP + copies * PER_COPY) * step as f64 / size as f64;
        Self { size, step, count, held: summed.held(), shares }
    }
}

/// The blocks with the least work for `threads` threads, or `None` where even the smallest would
/// be out of proportion to the data, or larger than an index.
pub(crate) fn blocks(geometry: &Geometry, dtype: DType, threads: usize) -> Option<Blocks> {
    let axes = &geometry.axes;
    let last = axes.len() - 1;
    let most = (CANDIDATES.powf(1.0 / axes.len() as f64) as usize).clamp(2, 100);
    let transformed: Vec<Vec<Cut>> = axes
        .iter()
        .enumerate()
        .map(|(a, axis)| cuts(axis, most, a < last))
        .collect::<Option<_>>()?;
    // What a thread holds: more would be out of proportion.
    let most_held = LARGEST_GAPS.max(16 * (geometry.input_len() + geometry.output_len()));
    let best = |choices: &[Vec<Cut>]| cheapest(choices, most_held, dtype, threads);
    let outermost = axes.iter().position(|axis| axis.taps > 1);
    let summed = outermost.filter(|&a| a < last && axes[a].taps <= MOST_SUMMED).and_then(|a| {
        // Axes outside of it have one tap: a sample a block.
        let single = |axis: &Axis| vec![Cut::transformed(1, 1, span(axis), true)];
        let outer = axes[..a].iter().map(single);
        let choices = outer.chain([summed_cuts(&axes[a])]);
        let choices: Vec<_> = choices.chain(transformed[a + 1..].iter().cloned()).collect();
        let (work, mut blocks) = best(&choices)?;
        blocks.summed = Some(Summed::new(axes[a].taps, axes[a].tap_step(), blocks.step[a]));
        Some((work, blocks))
    });
    let transformed = best(&transformed);
    let both = [transformed, summed].into_iter().flatten();
    both.min_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, blocks)| blocks)
}

/// Those of the ways to cut each axis that make the least work, and how much.
fn cheapest(
    choices: &[Vec<Cut>],
    most_held: usize,
    dtype: DType,
    threads: usize,
) -> Option<(f64, Blocks)> {
    let (packed, bytes) = (dtype.packed_blocks(), dtype.spectrum_bytes());
    let mut best: Option<(f64, Vec<usize>)> = None;
    let mut at = vec![0; choices.len()];
    loop {
        let chosen = at.iter().zip(choices).map(|(&i, cuts)| cuts[i]);
        let held = chosen.clone().try_fold(1usize, |held, cut| held.checked_mul(cut.held));
        if let Some(held) = held.filter(|&held| held <= most_held.min(isize::MAX as usize / 64)) {
            let total: f64 = chosen.clone().map(|cut| cut.count as f64).product();
            let rounds = (total / packed as f64).ceil() / threads.max(1) as f64;
            let mut all = rounds.ceil() * work(chosen, bytes);
            if held > LARGEST_BLOCK {
                all *= (held as f64 / LARGEST_BLOCK as f64).powi(2);
            }
            if best.as_ref().is_none_or(|(least, _)| all < *least) {
                best = Some((all, at.clone()));
            }
        }
        let Some(axis) = (0..at.len()).rev().find(|&a| at[a] + 1 < choices[a].len()) else { break };
        at[axis] += 1;
        at[axis + 1..].fill(0);
    }
    let (work, at) = best?;
    let chosen = at.iter().zip(choices).map(|(&i, cuts)| cuts[i]);
    let blocks = Blocks {
        size: chosen.clone().map(|cut| cut.size).collect(),
        step: chosen.clone().map(|cut| cut.step).collect(),
        count: chosen.map(|cut| cut.count).collect(),
        summed: None,
    };
    Some((work, blocks))
}

/// Unstrided outputs of an axis.
fn span(axis: &Axis) -> usize {
    axis.advance(axis.outputs() - 1) + 1
}

/// Ways to cut an axis that is summed, whose blocks may have any length: in steps of whole tiles.
fn summed_cuts(axis: &Axis) -> Vec<Cut> {
    let (span, reach) = (span(axis), axis.reach());
    let longest = span.min(reach.saturating_mul(4).max(LONGEST_SUMMED));
    let steps = std::iter::successors(Some(2 * TILE), |step| Some(step * 9 / 8));
    let steps = steps.take_while(|&step| step < longest).chain([longest]).map(|step| {
        let blocks = span.div_ceil(step);
        span.div_ceil(blocks).next_multiple_of(TILE).min(span)
    });
    let mut cuts: Vec<Cut> = Vec::new();
    for step in steps {
        if cuts.last().is_none_or(|last| last.step < step) {
            let summed = Summed::new(axis.taps, axis.tap_step(), step);
            cuts.push(Cut::summed(step + reach, step, span.div_ceil(step), summed));
        }
    }
    cuts
}

/// Ways to cut an axis into 1, 2, 3 and, in even ratios, more blocks.
fn cuts(axis: &Axis, most: usize, turned: bool) -> Option<Vec<Cut>> {
    let span = span(axis);
    let reach = axis.reach();
    // Pixels of 2 or 4 channels are not cut: alpha and colours may have to be written together. An
    // innermost axis that passes its samples through has taken the channels in.
    let whole = if !turned && axis.is_identity() { axis.samples() } else { axis.channels };
    let together = gcd(whole, 4);
    // An axis with one tap needs no overlap, so a single sample a block will do.
    let fewest = if reach == 0 { 1 } else { FEWEST_OUTPUTS.max(reach / 4) };
    let finest = span.div_ceil(fewest) as f64;
    let ratio = finest.powf(1.0 / (most - 1) as f64);
    let mut cuts: Vec<Cut> = Vec::with_capacity(most);
    let mut wanted = 1.0f64;
    for _ in 0..most {
        let blocks = (wanted.ceil() as usize).clamp(1, finest as usize);
        let outputs = span.div_ceil(blocks).checked_next_multiple_of(together)?;
        let size = good_size(outputs.checked_add(reach)?)?;
        let step = (size - reach) / together * together;
        if cuts.last().is_none_or(|last| last.size != size) {
            cuts.push(Cut::transformed(size, step, span.div_ceil(step), turned));
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
pub(crate) fn good_size(n: usize) -> Option<usize> {
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
    use crate::problem::boundary::Edge;

    fn geometry(lengths: &[(usize, usize)]) -> Geometry {
        let axes = lengths.iter().map(|&(n, taps)| {
            let (offset, edge) = (-(taps as isize / 2), Edge::Zero);
            let axis = Axis { n, channels: 1, taps, out: n, stride: 1, dilation: 1, offset, edge };
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
    fn taps_far_apart_are_not_moved_time_and_again() {
        // Channels of an axis that is not there: each tap of the outermost axis is 256 slabs away.
        let mut far = geometry(&[(120, 60), (1000, 40)]);
        far.axes[0].channels = 256;
        let wide = blocks(&far, DType::F32, 2).expect("fits");
        if let Some(summed) = wide.summed {
            assert!(2 * summed.together >= summed.reach().min(2 * wide.step[0]), "{wide:?}");
        }
        // And where few outputs are needed, no more slabs are held than those take.
        let mut gaps = geometry(&[(1000, 3), (1000, 3)]);
        gaps.axes[1].dilation = 300_000;
        let gaps = blocks(&gaps, DType::F32, 1).expect("a few rows at a time fit");
        let held = gaps.summed.map_or(gaps.size[0], |summed| summed.held());
        assert!(held * gaps.size[1] <= LARGEST_GAPS, "{gaps:?}");
    }

    #[test]
    fn a_batch_is_not_transformed_along_its_axis() {
        let blocks = blocks(&geometry(&[(64, 1), (4096, 301)]), DType::F32, 2).expect("fits");
        assert_eq!(blocks.size[0], 1);
    }
}
