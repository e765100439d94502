//! Whether a transform of a block can be trusted with all of its windows.
//!
//! A transform spreads an error of about `eps * sqrt(log2 N) * rms(block)` over all of its
//! samples. Windows whose own samples are that small would drown in it (scipy#22390), and a NaN or
//! an infinity would reach windows it has no business in. Such blocks are left to another method.

use std::ops::Range;

use super::sample::Sample;

/// Digits that the smallest window must keep, as the share of it that the error may reach.
pub const SHARE: f64 = 1e-3;

/// How much louder a block that shares a transform may make the error: levels of partners differ
/// by up to [`NEAR`], so the joint one is up to `sqrt(1 + 4)` times a block's own.
pub const PARTNER: f64 = 2.24;

/// Partners whose levels differ by more than this factor are scaled to the same power of two.
const NEAR: f64 = 2.0;

/// Which taps of an axis count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Those that are not zero lie in here.
    pub support: Range<usize>,
    /// Those that a transform can see lie in here: taps beyond are below the rounding error of the
    /// largest.
    pub visible: Range<usize>,
}

/// The windows of a block along one axis.
#[derive(Clone, Debug)]
pub struct Window {
    /// Taps of the window.
    pub taps: usize,
    /// Samples from one tap to the next.
    pub step: usize,
    /// Which of the taps count.
    pub reach: Reach,
}

impl Window {
    /// The side of tiles of which every window holds a whole one: where a window sticks out of
    /// the input by half, as at the ends under mode same, still one inside of the input.
    pub fn tile(&self) -> usize {
        if self.step == 1 { self.reach.visible.len().div_ceil(4) } else { 1 }
    }
}

/// How loud a block is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The largest magnitude, infinite where a sample is not finite.
    pub largest: f64,
    /// The sum of the squares, at most, of what becomes of one output: of the whole block, or of the
    /// rows that are summed.
    pub squares: f64,
    /// What samples are scaled by: they and their spectra then stay in range.
    pub exponent: i32,
}

impl Level {
    /// The exponents with which two blocks are packed into one transform. The error that it leaves
    /// in each is relative to the joint level: without scaling the quiet one would drown in the
    /// loud one's. Scaled by powers of two, which is exact, each is as good as alone, to a factor
    /// of [`PARTNER`].
    pub fn partners(&self, other: &Self) -> [i32; 2] {
        let (a, b) = (self.squares, other.squares);
        let near = a <= NEAR * NEAR * b && b <= NEAR * NEAR * a;
        let unscaled = self.exponent == 0 && other.exponent == 0;
        if a == 0.0 || b == 0.0 || (unscaled && near) {
            return [self.exponent, other.exponent];
        }
        [self, other].map(|level| level.exponent - (level.squares.log2() / 2.0).floor() as i32)
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

#[cfg(test)]
mod tests {
    use num_complex::Complex;

    use super::super::survey::Survey;
    use super::*;
    use crate::bounds::Spread;

    fn survey(block: &[f32], window: &Window, tiled: bool) -> Survey<f32> {
        let mut survey = Survey::default();
        survey.start(std::slice::from_ref(window), &[block.len()], tiled, 1).expect("memory");
        let row: Vec<_> = block.iter().map(|&x| Complex::new(x, 0.0)).collect();
        survey.add(&row);
        survey
    }

    fn safe_for(block: &[f32], taps: usize, reach: Reach) -> bool {
        let window = Window { taps, step: 1, reach };
        let [tiled, exact] = [true, false].map(|tiled| {
            let mut survey = survey(block, &window, tiled);
            let (epsilon, n) = (f32::EPSILON.into(), block.len());
            let spread = Spread::of(n);
            let finite = survey.level(0..1, 0).largest.is_finite();
            finite && survey.is_safe(0..1, std::slice::from_ref(&window), &[n], epsilon, spread)
        });
        assert!(exact || !tiled, "tiles must not promise too much");
        exact
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
    fn partners_are_as_loud_where_they_are_loudest() {
        // Two rows of each block are summed. One has the same noise everywhere, the other as much in
        // all, but in two of its rows.
        let window =
            |taps| Window { taps, step: 1, reach: Reach { support: 0..taps, visible: 0..taps } };
        let windows = [window(2), window(2)];
        let mut survey = Survey::<f32>::default();
        survey.start(&windows, &[32, 8], true, 2).expect("memory");
        for row in 0..32 {
            let burst = if row / 2 == 7 { 4.0 } else { 0.0 };
            survey.add(&[Complex::new(1.0, burst); 8]);
        }
        let [even, burst] = [0, 1].map(|part| survey.level(part..part + 1, 0));
        assert!(burst.squares >= 4.0 * even.squares, "{even:?} {burst:?}");
        assert_ne!(even.partners(&burst), [0, 0]);
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
            let exponent = exponent_into_range::<f32>(value.abs().into());
            assert!((1.0..2.0).contains(&value.scaled(exponent).abs()), "{value}");
            assert_eq!(value.scaled(exponent).scaled(-exponent), value);
        }
    }
}
