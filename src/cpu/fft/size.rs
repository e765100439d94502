//! Which block sizes suit a transform, and which of them suit a problem.

use crate::geometry::Geometry;

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

    /// Multiply-adds that stand for one block: `N log2 N` butterflies there and back.
    pub fn work_per_block(&self) -> f64 {
        let samples = self.samples() as f64;
        samples * samples.log2().max(1.0)
    }
}

/// Samples per block beyond which larger blocks are not tried, unless the kernel needs them: 2^22
/// (32 MiB of half spectrum in f32), so that a long signal never needs memory beyond a few blocks.
const LARGEST_BLOCK: usize = 1 << 22;

/// A block larger than this, and many times larger than the data, is mostly the gaps of a dilated
/// kernel: it is not worth its memory (2^26 samples take about 1 GiB in `f32`).
const LARGEST_GAPS: usize = 1 << 26;

/// Candidates tried per problem; with `r` axes each axis gets the `r`-th root of it.
const CANDIDATES: f64 = 4096.0;

/// The blocks with the least work for `threads` threads, or `None` where even the smallest would
/// be out of proportion to the data, or larger than an index.
pub fn blocks(geometry: &Geometry, lanes: usize, threads: usize) -> Option<Blocks> {
    let rank = geometry.rank();
    let per_axis = (CANDIDATES.powf(1.0 / rank as f64) as usize).clamp(2, 24);
    let mut choices = Vec::with_capacity(rank);
    for axis in &geometry.axes {
        let span = axis.advance(axis.outputs() - 1) + 1;
        let reach = axis.reach();
        let whole = good_size(span.checked_add(reach)?)?;
        let mut sizes = vec![whole];
        // From the whole axis down to blocks that are hardly longer than the kernel, in even
        // ratios. An axis with one tap needs no overlap, so a single sample a block would do.
        let smallest = good_size(reach + 1)?;
        for i in 1..per_axis {
            let share = i as f64 / (per_axis - 1) as f64;
            let size = whole as f64 * (smallest as f64 / whole as f64).powf(share);
            sizes.extend(good_size((size as usize).max(reach + 1)));
        }
        sizes.dedup();
        choices.push((span, reach, sizes));
    }

    let mut best: Option<(f64, Blocks)> = None;
    let mut at = vec![0; rank];
    'all: loop {
        let size: Vec<usize> = at.iter().zip(&choices).map(|(&i, c)| c.2[i]).collect();
        if let Some(blocks) = cut(&size, &choices) {
            let rounds = blocks.total().div_ceil(lanes).div_ceil(threads.max(1));
            let mut work = blocks.work_per_block() * rounds as f64;
            if blocks.samples() > LARGEST_BLOCK {
                work *= (blocks.samples() as f64 / LARGEST_BLOCK as f64).powi(2);
            }
            if best.as_ref().is_none_or(|(least, _)| work < *least) {
                best = Some((work, blocks));
            }
        }
        for axis in (0..rank).rev() {
            at[axis] += 1;
            if at[axis] < choices[axis].2.len() {
                continue 'all;
            }
            at[axis] = 0;
        }
        break;
    }
    let data = geometry.input_len() + geometry.output_len();
    let proportionate = |blocks: &Blocks| blocks.samples() <= LARGEST_GAPS.max(16 * data);
    best.map(|(_, blocks)| blocks).filter(proportionate)
}

fn cut(size: &[usize], choices: &[(usize, usize, Vec<usize>)]) -> Option<Blocks> {
    let samples = size.iter().try_fold(1usize, |product, &n| product.checked_mul(n))?;
    if samples > isize::MAX as usize / 64 {
        return None;
    }
    let step: Vec<usize> = size.iter().zip(choices).map(|(n, (_, reach, _))| n - reach).collect();
    let count = step.iter().zip(choices).map(|(step, (span, _, _))| span.div_ceil(*step)).collect();
    Some(Blocks { size: size.into(), step, count })
}

/// The smallest length of at least `n` whose prime factors are 2, 3, 5 and at most one 7: lengths
/// that rustfft composes from its fastest butterflies.
pub fn good_size(n: usize) -> Option<usize> {
    let mut best = n.checked_next_power_of_two()?;
    for odd in [1, 3, 5, 7, 9, 15, 21, 25, 27, 35, 45, 63, 75, 81, 105, 125, 135, 175, 189, 225] {
        let twos = n.div_ceil(odd).checked_next_power_of_two()?;
        best = best.min(odd.checked_mul(twos)?);
    }
    Some(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::Edge;
    use crate::geometry::Axis;

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
            assert!(good >= n && good as f64 <= 1.15 * n as f64 + 1.0, "{n} -> {good}");
        }
    }

    #[test]
    fn long_signals_are_cut_into_small_blocks() {
        let blocks = blocks(&geometry(&[(100_000_000, 1001)]), 2, 2).expect("fits");
        assert!(blocks.samples() <= 1 << 16, "{blocks:?}");
        assert!(blocks.total() * blocks.step[0] >= 100_000_000);
    }

    #[test]
    fn a_batch_is_not_transformed_along_its_axis() {
        let blocks = blocks(&geometry(&[(64, 1), (4096, 301)]), 2, 2).expect("fits");
        assert_eq!(blocks.size[0], 1);
    }
}
