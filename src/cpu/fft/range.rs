//! Whether a transform of a block can be trusted with all of its windows.
//!
//! A transform spreads an error of about `eps * sqrt(log2 N) * rms(block)` over all of its
//! samples. Windows whose own samples are that small would drown in it (scipy#22390), and a NaN or
//! an infinity would reach windows it has no business in. Such blocks are left to another method.

use std::ops::Range;

use super::line::Sample;

/// Digits that the smallest window must keep, as the share of it that the error may reach.
const SHARE: f64 = 1e-3;

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
    /// The taps that a transform can see: those beyond are below the rounding error of the others.
    pub visible: Range<usize>,
}

/// Whether every window of `block` keeps its digits under a transform of precision `epsilon`.
/// Windows of zeros count as kept: their results are zero up to the error bound of the method.
/// Windows in which only taps that a transform cannot see meet any signal are lost.
pub fn is_safe<S: Sample>(
    block: &[S],
    windows: &[Window],
    epsilon: f64,
    scratch: &mut Vec<f64>,
) -> bool {
    let (mut squares, mut smallest) = (0f64, f64::INFINITY);
    for sample in block {
        let peak = sample.peak();
        squares += peak * peak;
        if peak < smallest && peak > 0.0 {
            smallest = peak;
        }
    }
    // The sum is not finite if a sample is not, or if its square is beyond f64's range.
    if !squares.is_finite() {
        return false;
    }
    let samples = block.len() as f64;
    let error = epsilon * samples.log2().max(1.0).sqrt() * (squares / samples).sqrt();
    let least = error / SHARE;
    let all_visible = windows.iter().all(|window| window.visible == (0..window.taps));
    if smallest >= least && all_visible {
        return true;
    }
    scratch.clear();
    scratch.extend(block.iter().map(|sample| sample.peak()));
    if all_visible {
        slide(scratch, windows);
        return starts(windows).all(|start| scratch[start] == 0.0 || scratch[start] >= least);
    }
    let mut seen = scratch.clone();
    let parts: Vec<Window> =
        windows.iter().map(|w| Window { taps: w.visible.len(), ..w.clone() }).collect();
    slide(&mut seen, &parts);
    slide(scratch, windows);
    let first = windows.iter().fold(0, |first, w| first * w.size + w.visible.start * w.step);
    starts(windows).all(|start| scratch[start] == 0.0 || seen[start + first] >= least)
}

/// Replaces each sample by the maximum over the window that starts there.
fn slide(values: &mut [f64], windows: &[Window]) {
    let mut inner = 1;
    for window in windows.iter().rev() {
        sliding_maximum(values, inner, window);
        inner *= window.size;
    }
}

/// Per axis the range of taps that holds all of more than `epsilon` times the largest.
pub fn visible(magnitudes: &[f64], shape: &[usize], epsilon: f64) -> Vec<Range<usize>> {
    let largest = magnitudes.iter().copied().fold(0.0, f64::max);
    let mut inner = magnitudes.len();
    shape
        .iter()
        .map(|&taps| {
            inner /= taps;
            let seen = magnitudes.iter().enumerate().filter(|(_, m)| **m > epsilon * largest);
            let places = seen.map(|(flat, _)| flat / inner % taps);
            places.fold(None, |range: Option<Range<usize>>, t| {
                let range = range.unwrap_or(t..t + 1);
                Some(range.start.min(t)..range.end.max(t + 1))
            })
        })
        // A kernel of zeros has nothing to lose.
        .zip(shape)
        .map(|(range, &taps)| range.unwrap_or(0..taps))
        .collect()
}

/// Replaces each sample by the maximum over the taps that start there, along the axis whose
/// samples are `inner` apart, for all starts whose window ends within `used`. Maxima over 1, 2,
/// 4, ... taps are joined, the last two overlapping.
fn sliding_maximum(values: &mut [f64], inner: usize, window: &Window) {
    for values in values.chunks_exact_mut(window.size * inner) {
        let mut width = 1;
        while width < window.taps {
            let next = (2 * width).min(window.taps);
            let shift = (next - width) * window.step * inner;
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

    fn windows(size: usize, taps: usize) -> [Window; 1] {
        [Window { size, used: size, taps, step: 1, visible: 0..taps }]
    }

    fn safe(block: &[f32], taps: usize) -> bool {
        is_safe(block, &windows(block.len(), taps), f64::from(f32::EPSILON), &mut Vec::new())
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
        assert_eq!(visible(&[1e-9, 1.0, 0.5, 0.0], &[4], 1e-7)[0], 1..3);
        assert_eq!(visible(&[0.0, 1.0, 1e-9, 1e-9, 1e-3, 0.0], &[2, 3], 1e-7), [0..2, 1..2]);
        assert_eq!(visible(&[0.0, 0.0], &[2], 1e-7)[0], 0..2);
        // Signal under the first tap alone, which is not seen.
        let mut block = vec![0.0f32; 64];
        block[..20].fill(1.0);
        let window = |visible| [Window { size: 64, used: 64, taps: 3, step: 1, visible }];
        let safe = |visible| is_safe(&block, &window(visible), 1e-7, &mut Vec::new());
        assert!(safe(0..3));
        assert!(!safe(2..3));
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
    fn the_maximum_slides_along_outer_axes_too() {
        let window = Window { size: 3, used: 3, taps: 2, step: 1, visible: 0..2 };
        let mut values = vec![1.0, 5.0, 2.0, 0.0, 3.0, 1.0];
        sliding_maximum(&mut values, 2, &window);
        assert_eq!(values[..4], [2.0, 5.0, 3.0, 1.0]);
    }
}
