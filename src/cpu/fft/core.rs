//! What of a kernel bounds its windows from below.

use std::ops::Range;

use crate::error::Result;
use crate::util::memory;

/// A box of taps, and how large they are at least, but for a few.
///
/// With `holes` of its taps below `least`, `A = sum |x|` and `Q = sum |x|^2`
/// over any part of it, a window's `sum |k| |x|` is at least `least * (A - sqrt(holes * Q))`: of the
/// samples, no more than `holes` lie under smaller taps, and `m` samples add up to
/// `sqrt(m * Q)` at most (Cauchy and Schwarz).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Core {
    /// The box.
    pub taps: Vec<Range<usize>>,
    /// What its taps are at least, with fewer and more exceptions.
    pub levels: Vec<Level>,
}

/// A magnitude that all taps of a box but a few reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
    /// The magnitude.
    pub least: f64,
    /// Taps that do not reach it.
    pub holes: usize,
}

/// Shares of a kernel's sum that boxes leave out at both ends of each axis. The last one leaves the
/// middle alone of a kernel that is nearly an impulse.
const TRIMS: [f64; 6] = [0.0, 1.0 / 64.0, 1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 7.0 / 16.0];

/// Shares of a box that may be holes.
const HOLES: [f64; 7] = [0.0, 1.0 / 256.0, 1.0 / 64.0, 1.0 / 16.0, 1.0 / 8.0, 1.0 / 4.0, 3.0 / 8.0];

/// Bits of an `f64` below those that magnitudes are counted by: four bins an octave.
const BIN: u32 = 50;

impl Core {
    /// The best one for evenly spread samples, of a kernel of these magnitudes.
    ///
    /// `covered` says how many places of a range of taps along an axis are counted together whatever
    /// the window.
    pub(super) fn of(
        magnitudes: &[f64],
        shape: &[usize],
        covered: impl Fn(usize, &Range<usize>) -> usize,
    ) -> Result<Self> {
        let sums = marginals(magnitudes, shape)?;
        let mut best: Option<(f64, Self)> = None;
        for trim in TRIMS {
            let taps: Vec<_> = sums.iter().map(|sums| trimmed(sums, trim)).collect();
            if best.as_ref().is_some_and(|(_, core)| core.taps == taps) {
                continue;
            }
            let bins = Bins::new(magnitudes, shape, &taps)?;
            let n: usize = taps.iter().enumerate().map(|(a, range)| covered(a, range)).product();
            let mut levels: Vec<Level> = HOLES.iter().map(|&share| bins.quantile(share)).collect();
            levels.dedup();
            // Samples that are uniform in -1 .. 1.
            let score = |level: &Level| {
                let holes = (level.holes.min(n) as f64 * n as f64 / 3.0).sqrt();
                level.least * (0.5 * n as f64 - holes)
            };
            let score = levels.iter().map(score).fold(0.0, f64::max);
            if best.as_ref().is_none_or(|(most, _)| score > *most) {
                best = Some((score, Self { taps, levels }));
            }
        }
        Ok(best.expect("there are trims").1)
    }
}

/// The sums of magnitudes at each place along each axis.
fn marginals(magnitudes: &[f64], shape: &[usize]) -> Result<Vec<Vec<f64>>> {
    let mut inner = magnitudes.len();
    let along = |&taps: &usize| {
        inner /= taps;
        let mut sums: Vec<f64> = memory::zeros(taps, "sums of taps")?;
        for (flat, part) in magnitudes.chunks_exact(inner).enumerate() {
            sums[flat % taps] += part.iter().sum::<f64>();
        }
        Ok(sums)
    };
    shape.iter().map(along).collect()
}

/// What is left of an axis without a share of the sum at both ends; at least one place.
fn trimmed(sums: &[f64], share: f64) -> Range<usize> {
    let cut = share * sums.iter().sum::<f64>();
    let ends = |sums: &mut dyn Iterator<Item = &f64>| {
        let mut left = cut;
        sums.take_while(|&&sum| {
            left -= sum;
            left >= 0.0
        })
        .count()
    };
    let (first, last) = (ends(&mut sums.iter()), ends(&mut sums.iter().rev()));
    let first = first.min(sums.len() - 1);
    first..(sums.len() - last).max(first + 1)
}

/// How many taps of a box are of about which magnitude.
struct Bins {
    counts: Vec<u32>,
    all: usize,
}

impl Bins {
    fn new(magnitudes: &[f64], shape: &[usize], taps: &[Range<usize>]) -> Result<Self> {
        let bins = (f64::INFINITY.to_bits() >> BIN) as usize + 1;
        let mut counts: Vec<u32> = memory::zeros(bins, "a count of taps")?;
        let (inner, outer) = taps.split_last().expect("at least one axis");
        let width = shape[outer.len()];
        let rows: usize = outer.iter().map(Range::len).product();
        for row in 0..rows {
            let (mut rest, mut flat, mut stride) = (row, 0, width);
            for (range, taps) in outer.iter().zip(shape).rev() {
                flat += (range.start + rest % range.len()) * stride;
                rest /= range.len();
                stride *= taps;
            }
            for magnitude in &magnitudes[flat + inner.start..flat + inner.end] {
                let count = &mut counts[(magnitude.to_bits() >> BIN) as usize];
                *count = count.saturating_add(1);
            }
        }
        Ok(Self { counts, all: rows * inner.len() })
    }

    /// The largest magnitude that all taps but a share of them reach, and how many do not.
    fn quantile(&self, share: f64) -> Level {
        let most = (share * self.all as f64) as usize;
        let mut holes = 0;
        for (bin, &count) in self.counts.iter().enumerate() {
            let count = count as usize;
            if holes + count > most {
                return Level { least: f64::from_bits((bin as u64) << BIN), holes };
            }
            holes += count;
        }
        Level { least: 0.0, holes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn core(magnitudes: &[f64]) -> Core {
        Core::of(magnitudes, &[magnitudes.len()], |_, range| range.len()).expect("memory")
    }

    #[test]
    fn even_taps_are_all_of_a_core() {
        let Core { taps, levels } = core(&[0.25; 9]);
        assert_eq!((&taps[0], &levels[..]), (&(0..9), &[Level { least: 0.25, holes: 0 }][..]));
    }

    #[test]
    fn small_tails_are_none_of_it() {
        let mut tails = [1e-9; 31];
        tails[15] = 1.0;
        let Core { taps, levels } = core(&tails);
        assert_eq!((&taps[0], &levels[..]), (&(15..16), &[Level { least: 1.0, holes: 0 }][..]));
    }

    #[test]
    fn a_few_small_taps_are_holes() {
        let mut holes = [1.0; 64];
        holes[20] = 0.0;
        holes[40] = 1e-3;
        let Core { taps, levels } = core(&holes);
        assert_eq!((&taps[0], levels[0]), (&(0..64), Level { least: 0.0, holes: 0 }));
        assert!(levels.contains(&Level { least: 1.0, holes: 2 }), "{levels:?}");
    }

    #[test]
    fn zeros_have_nothing_to_lose() {
        assert_eq!(core(&[0.0; 5]).levels, [Level { least: 0.0, holes: 0 }]);
    }

    #[test]
    fn planes_are_cut_along_both_axes() {
        let mut plane = vec![1e-6; 20 * 30];
        for i in 5..15 {
            plane[i * 30 + 10..i * 30 + 20].fill(1.0);
        }
        let found = Core::of(&plane, &[20, 30], |_, range| range.len()).expect("memory");
        assert_eq!(found.levels, [Level { least: 1.0, holes: 0 }]);
        let inside = |range: &Range<usize>, box_: Range<usize>| {
            range.start >= box_.start && range.end <= box_.end && range.len() >= 8
        };
        assert!(inside(&found.taps[0], 5..15) && inside(&found.taps[1], 10..20), "{found:?}");
    }
}
