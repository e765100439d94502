//! Whether a transform of a block can be trusted with all of its windows.
//!
//! A transform spreads an error of about `eps * sqrt(log2 N) * rms(block)` over all of its
//! samples. Windows whose own samples are that small would drown in it (scipy#22390), and a NaN or
//! an infinity would reach windows it has no business in. Such blocks are left to another method.

use std::ops::Range;

use super::line::Sample;

/// Digits that the smallest window must keep, as the share of it that the error may reach.
const SHARE: f64 = 1e-3;

/// Which taps of an axis count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Those that are not zero lie in here.
    pub support: Range<usize>,
    /// Those that a transform can see lie in here: taps beyond are below the rounding error of the
    /// largest.
    pub visible: Range<usize>,
}

/// One axis of the windows of a block.
#[derive(Clone, Debug)]
pub struct Window {
    /// Samples of the block along the axis.
    pub size: usize,
    /// Samples that outputs read; the rest is padding.
    pub used: usize,
    /// Taps of the window.
    pub taps: usize,
    /// Samples from one tap to the next.
    pub step: usize,
    /// Which of the taps count.
    pub reach: Reach,
}

/// How large the samples of a block are.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// The largest magnitude, infinite where a sample is not finite.
    pub largest: f64,
    /// The smallest magnitude that is not zero.
    smallest: f64,
    /// The sum of the squares.
    squares: f64,
}

impl Levels {
    /// The levels of a block.
    pub fn of<S: Sample>(block: &[S]) -> Self {
        let (mut largest, mut smallest, mut squares) = (0f64, f64::INFINITY, 0f64);
        let mut finite = true;
        for sample in block {
            let peak = sample.peak();
            finite &= peak.is_finite();
            squares += peak * peak;
            largest = largest.max(peak);
            if peak < smallest && peak > 0.0 {
                smallest = peak;
            }
        }
        if !finite {
            largest = f64::INFINITY;
        }
        Self { largest, smallest, squares }
    }
}

/// The exponent by which numbers of this magnitude must be scaled to stay in the range of
/// transforms: 0 as a rule. Sums of a block and their products with a kernel's, both of up to 2^22
/// samples, would overflow or underflow beyond it.
pub fn exponent_into_range<S: Sample>(largest: f64) -> i32 {
    if largest == 0.0 || !largest.is_finite() {
        return 0;
    }
    let exponent = largest.log2().floor() as i32;
    if exponent.abs() <= S::COMFORT { 0 } else { -exponent }
}

/// Whether every window of `block` keeps its digits under a transform of precision `epsilon`.
/// Windows of zeros count as kept: their results are zero up to the error bound of the method.
/// Windows in which only taps that a transform cannot see meet any signal are lost. Samples are
/// finite.
pub fn is_safe<S: Sample>(
    block: &[S],
    levels: &Levels,
    windows: &[Window],
    epsilon: f64,
    scratch: &mut [Vec<f64>; 2],
) -> bool {
    let Levels { smallest, squares, .. } = *levels;
    let samples = block.len() as f64;
    let error = epsilon * samples.log2().max(1.0).sqrt() * (squares / samples).sqrt();
    let least = error / SHARE;
    let all_visible = windows.iter().all(|window| window.reach.visible == window.reach.support);
    if smallest >= least && all_visible {
        return true;
    }
    let [all, seen] = scratch;
    let first = maxima(block, windows, |reach| &reach.support, all);
    let kept = |level: f64, seen: f64| level == 0.0 || seen >= least;
    if all_visible {
        return starts(windows).all(|start| kept(all[start + first], all[start + first]));
    }
    let first_seen = maxima(block, windows, |reach| &reach.visible, seen);
    starts(windows).all(|start| kept(all[start + first], seen[start + first_seen]))
}

/// The largest sample under a part of the taps of every window, and how far from a window's start
/// its value stands in `values`.
fn maxima<S: Sample>(
    block: &[S],
    windows: &[Window],
    part: impl Fn(&Reach) -> &Range<usize>,
    values: &mut Vec<f64>,
) -> usize {
    values.clear();
    values.extend(block.iter().map(|sample| sample.peak()));
    let (mut inner, mut first) = (1, 0);
    for window in windows.iter().rev() {
        let part = part(&window.reach);
        sliding_maximum(values, part.len(), window.step * inner, window.size * inner);
        first += part.start * window.step * inner;
        inner *= window.size;
    }
    first
}

/// Which taps of a kernel count, per axis, for a transform of precision `epsilon`.
pub fn reach(magnitudes: &[f64], shape: &[usize], epsilon: f64) -> Vec<Reach> {
    let largest = magnitudes.iter().copied().fold(0.0, f64::max);
    let mut inner = magnitudes.len();
    shape
        .iter()
        .map(|&taps| {
            inner /= taps;
            let above = |level: f64| {
                let places = magnitudes.iter().zip(0..).filter(|(m, _)| **m > level);
                let places = places.map(|(_, flat): (_, usize)| flat / inner % taps);
                let range = places.fold(None, |range: Option<Range<usize>>, t| {
                    let range = range.unwrap_or(t..t + 1);
                    Some(range.start.min(t)..range.end.max(t + 1))
                });
                // A kernel of zeros has nothing to lose.
                range.unwrap_or(0..taps)
            };
            Reach { support: above(0.0), visible: above(epsilon * largest) }
        })
        .collect()
}

/// Replaces each sample by the maximum over `taps` samples, `step` apart, from there on, within
/// stretches of `stretch` samples; towards their ends, over as many as there are. Maxima over 1, 2,
/// 4, ... taps are joined, the last two overlapping.
fn sliding_maximum(values: &mut [f64], taps: usize, step: usize, stretch: usize) {
    for values in values.chunks_exact_mut(stretch) {
        let mut width = 1;
        while width < taps {
            let next = (2 * width).min(taps);
            let shift = (next - width) * step;
            for i in 0..values.len().saturating_sub(shift) {
                values[i] = values[i].max(values[i + shift]);
            }
            width = next;
        }
    }
}

/// The flat indices of all window starts of a block.
fn starts(windows: &[Window]) -> impl Iterator<Item = usize> + '_ {
    let counts: Vec<usize> = windows.iter().map(|w| w.used - (w.taps - 1) * w.step).collect();
    let total: usize = counts.iter().product();
    (0..total).map(move |flat| {
        let (mut rest, mut index, mut inner) = (flat, 0, 1);
        for (window, count) in windows.iter().zip(&counts).rev() {
            index += rest % count * inner;
            rest /= count;
            inner *= window.size;
        }
        index
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe_for(block: &[f32], taps: usize, reach: Reach) -> bool {
        let window = Window { size: block.len(), used: block.len(), taps, step: 1, reach };
        let levels = Levels::of(block);
        let epsilon = f64::from(f32::EPSILON);
        levels.largest.is_finite()
            && is_safe(block, &levels, &[window], epsilon, &mut Default::default())
    }

    fn safe(block: &[f32], taps: usize) -> bool {
        safe_for(block, taps, Reach { support: 0..taps, visible: 0..taps })
    }

    #[test]
    fn windows_much_smaller_than_the_block_are_not_safe() {
        let mut block = vec![1.0f32; 64];
        assert!(safe(&block, 3));
        block[10] = 1e-6;
        assert!(safe(&block, 3), "a small sample beside large ones is in no small window");
        block[9..12].fill(1e-6);
        assert!(!safe(&block, 3));
        assert!(safe(&block, 4), "every window of four taps reaches a large sample");
        block[9..12].fill(0.0);
        assert!(safe(&block, 3), "zeros are zero whatever the method");
    }

    #[test]
    fn taps_below_the_others_rounding_error_are_not_seen() {
        let parts = |magnitudes: &[f64], shape: &[usize]| -> Vec<_> {
            let reach = reach(magnitudes, shape, 1e-7).into_iter();
            reach.map(|reach| (reach.support, reach.visible)).collect()
        };
        assert_eq!(parts(&[1e-9, 1.0, 0.5, 0.0], &[4]), [(0..3, 1..3)]);
        let plane = [0.0, 1.0, 1e-9, 1e-9, 1e-3, 0.0];
        assert_eq!(parts(&plane, &[2, 3]), [(0..2, 0..2), (0..3, 1..2)]);
        assert_eq!(parts(&[0.0, 0.0], &[2]), [(0..2, 0..2)]);
        // Signal under the first tap alone: seen, not seen, or under a tap of zero.
        let mut block = vec![0.0f32; 64];
        block[..20].fill(1.0);
        assert!(safe_for(&block, 3, Reach { support: 0..3, visible: 0..3 }));
        assert!(!safe_for(&block, 3, Reach { support: 0..3, visible: 2..3 }));
        assert!(safe_for(&block, 3, Reach { support: 2..3, visible: 2..3 }));
    }

    #[test]
    fn samples_that_are_not_finite_are_not_safe() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut block = vec![1.0f32; 16];
            block[3] = bad;
            assert!(!safe(&block, 3));
        }
    }

    #[test]
    fn extreme_magnitudes_are_scaled_into_range() {
        assert_eq!([1.0, 255.0, 1e-9, 0.0].map(exponent_into_range::<f32>), [0; 4]);
        for value in [1e37f32, -3e-44, 1e-38] {
            let exponent = exponent_into_range::<f32>(value.peak());
            assert!((1.0..2.0).contains(&value.scaled(exponent).abs()), "{value}");
            assert_eq!(value.scaled(exponent).scaled(-exponent), value);
        }
    }

    #[test]
    fn the_maximum_slides_along_outer_axes_too() {
        let mut values = vec![1.0, 5.0, 2.0, 0.0, 3.0, 1.0];
        sliding_maximum(&mut values, 2, 2, 6);
        assert_eq!(values[..4], [2.0, 5.0, 3.0, 1.0]);
    }
}
