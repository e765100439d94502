//! Half precision: a type that samples are stored in, and that nothing is computed in.

use half::f16;
use half::slice::HalfFloatSliceExt;
use num_complex::Complex;

use super::number::Number;
use super::wider::Wider;
use super::{DType, Element};

impl Element for f16 {
    const DTYPE: DType = DType::F16;
}

impl Number for f16 {
    type Wide = f64;
    type Summed = f32;
    type Compute = f32;
    type Double = f64;

    fn mul_add(self, w: Self, x: Self) -> Self {
        Self::from_f32(self.to_f32() + w.to_f32() * x.to_f32())
    }
    fn conj(self) -> Self {
        self
    }
    fn is_finite(self) -> bool {
        self.is_finite()
    }
    fn magnitude(self) -> f64 {
        self.to_f64().abs()
    }
    fn widen(self) -> f64 {
        self.to_f64()
    }
    fn narrow(wide: f64) -> Self {
        Self::from_f32(to_odd(wide))
    }
    fn to_double(self) -> f64 {
        self.to_f64()
    }
    fn to_complex(self) -> Complex<f64> {
        self.to_f64().into()
    }
    fn from_complex(value: Complex<f64>) -> Self {
        Self::narrow(value.re)
    }
    fn from_integer(value: i64) -> Self {
        // Whatever `f64` cannot hold exactly is infinite in `f16`.
        Self::narrow(value as f64)
    }
    fn from_real(value: f64) -> Option<Self> {
        Some(Self::narrow(value))
    }
}

impl Wider<f16> for f32 {
    fn widen_all(from: &[f16], to: &mut [f32]) {
        from.convert_to_f32_slice(to);
    }

    fn round_all(from: &[f32], to: &mut [f16]) {
        to.convert_from_f32_slice(from);
    }
}

impl Wider<f16> for f64 {
    fn widen_all(from: &[f16], to: &mut [f64]) {
        from.convert_to_f64_slice(to);
    }

    fn round_all(from: &[f64], to: &mut [f16]) {
        const PIECE: usize = 256;
        let mut odd = [0.0; PIECE];
        for (from, to) in from.chunks(PIECE).zip(to.chunks_mut(PIECE)) {
            let odd = &mut odd[..from.len()];
            for (odd, from) in odd.iter_mut().zip(from) {
                *odd = to_odd(*from);
            }
            to.convert_from_f32_slice(odd);
        }
    }
}

/// Towards zero, with the last bit set where anything was lost: what is rounded to `f16` from there
/// is rounded correctly, which it would not be from the nearest `f32` (Boldo and Melquiond, Emulation
/// of FMA and correctly rounded sums, 2008). `f16::from_f64` goes through the nearest one on x86.
fn to_odd(value: f64) -> f32 {
    let near = value as f32;
    let back = f64::from(near);
    if back == value || value.is_nan() {
        return near;
    }
    let below = near.to_bits() - u32::from(back.abs() > value.abs());
    f32::from_bits(below | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Halfway between two neighbours, and a little to both sides of it: by as little as `f64` has.
    #[test]
    fn doubles_are_rounded_once() {
        for bits in 0..0x7bff_u16 {
            let (low, high) = (f16::from_bits(bits), f16::from_bits(bits + 1));
            let middle = (low.to_f64() + high.to_f64()) / 2.0;
            let even = if bits % 2 == 0 { low } else { high };
            for sign in [1.0, -1.0] {
                let round = |value: f64| f16::from_f64_const(sign) * f16::narrow(sign * value);
                assert_eq!(round(middle), even);
                assert_eq!(round(f64::from_bits(middle.to_bits() - 1)), low);
                assert_eq!(round(f64::from_bits(middle.to_bits() + 1)), high);
                assert_eq!(round(low.to_f64()), low);
            }
        }
        let overflow = f16::MAX.to_f64() + 16.0;
        assert_eq!(f16::narrow(overflow), f16::INFINITY);
        assert_eq!(f16::narrow(f64::from_bits(overflow.to_bits() - 1)), f16::MAX);
        assert_eq!(f16::narrow(f64::MAX), f16::INFINITY);
        assert_eq!(f16::narrow(f64::NEG_INFINITY), f16::NEG_INFINITY);
        assert_eq!(f16::narrow(f64::MIN_POSITIVE).to_bits(), 0);
        assert!(f16::narrow(f64::NAN).is_nan());
    }

    #[test]
    fn slices_are_converted_as_their_elements() {
        let values: Vec<f64> = (0..1001).map(|i| (f64::from(i) - 500.0) * 1.000_37e-3).collect();
        let mut rounded = vec![f16::NAN; values.len()];
        f64::round_all(&values, &mut rounded);
        assert!(rounded.iter().zip(&values).all(|(half, &value)| *half == f16::narrow(value)));
        let (mut single, mut double) = (vec![0f32; 1001], vec![0f64; 1001]);
        f32::widen_all(&rounded, &mut single);
        f64::widen_all(&rounded, &mut double);
        assert!(rounded.iter().zip(&single).all(|(half, &value)| half.to_f32() == value));
        assert!(rounded.iter().zip(&double).all(|(half, &value)| half.to_f64() == value));
        let mut back = vec![f16::NAN; 1001];
        f32::round_all(&single, &mut back);
        assert_eq!(back, rounded);
    }
}
