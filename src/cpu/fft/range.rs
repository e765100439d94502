//! How loud blocks are, what error that leaves, and the powers of two that keep them in range.

use crate::element::transform::Sample;

/// Partners whose levels differ by more than this factor are scaled to the same power of two, where
/// that leaves fewer doubts.
const NEAR: f64 = 2.0;

/// How loud a block is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Level {
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
    /// loud one's. Scaled by powers of two, which is exact, each is nearly as good as alone.
    pub(super) fn partners(&self, other: &Self) -> [i32; 2] {
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
pub(super) fn exponent_into_range<S: Sample>(largest: f64) -> i32 {
    if largest == 0.0 || !largest.is_finite() {
        return 0;
    }
    let exponent = largest.log2().floor() as i32;
    if exponent.abs() <= S::SAFE_EXPONENT { 0 } else { -exponent }
}

#[cfg(test)]
mod tests {
    use super::*;

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
