//! Whether a transform of a block can be trusted with all of its windows.
//!
//! A transform spreads an error of about `eps * sqrt(log2 N) * rms(block)` over all of its
//! samples. Windows whose own samples are that small would drown in it (scipy#22390), and a NaN or
//! an infinity would reach windows it has no business in. Such blocks are left to another method.

use super::line::Sample;

/// Digits that the smallest window must keep, as the share of it that the error may reach.
const SHARE: f64 = 1e-3;

/// One axis of the windows of a block.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Samples of the block along the axis.
    pub size: usize,
    /// Samples that outputs read; the rest is padding.
    pub used: usize,
    /// Taps of the window.
    pub taps: usize,
    /// Samples from one tap to the next.
    pub step: usize,
}

/// Whether every window of `block` keeps its digits under a transform of precision `epsilon`.
/// Windows of zeros count as kept: their results are zero up to the error bound of the method.
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
    if smallest >= least {
        return true;
    }
    scratch.clear();
    scratch.extend(block.iter().map(|sample| sample.peak()));
    let mut inner = 1;
    for window in windows.iter().rev() {
        sliding_maximum(scratch, inner, window);
        inner *= window.size;
    }
    starts(windows).all(|start| scratch[start] == 0.0 || scratch[start] >= least)
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
        [Window { size, used: size, taps, step: 1 }]
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
    fn samples_that_are_not_finite_are_not_safe() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut block = vec![1.0f32; 16];
            block[3] = bad;
            assert!(!safe(&block, 3));
        }
    }

    #[test]
    fn the_maximum_slides_along_outer_axes_too() {
        let window = Window { size: 3, used: 3, taps: 2, step: 1 };
        let mut values = vec![1.0, 5.0, 2.0, 0.0, 3.0, 1.0];
        sliding_maximum(&mut values, 2, &window);
        assert_eq!(values[..4], [2.0, 5.0, 3.0, 1.0]);
    }
}
