//! The types that executors on the CPU compute in: those that have vectors and transforms.

use num_complex::Complex;

use super::Element;
use crate::element::transform::Sample;
use crate::simd::Lanes;

/// A type that sums are made in. Unsigned integers are the signed ones of their bits, since
/// arithmetic that wraps is the same; half precision is only stored.
pub trait Compute: Element + Lanes {
    /// The type its transforms work on.
    type Sample: Sample;

    /// Into the transform's type.
    fn to_sample(self) -> Self::Sample;
    /// From the transform's type; integers are rounded to nearest, then wrapped.
    fn from_sample(sample: Self::Sample) -> Self;
}

macro_rules! float {
    ($($t:ty),*) => {$(
        impl Compute for $t {
            type Sample = $t;
            #[inline(always)]
            fn to_sample(self) -> Self {
                self
            }
            #[inline(always)]
            fn from_sample(sample: Self) -> Self {
                sample
            }
        }
    )*};
}

macro_rules! integer {
    ($($t:ty),*) => {$(
        impl Compute for $t {
            type Sample = f64;
            #[inline(always)]
            fn to_sample(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn from_sample(sample: f64) -> Self {
                // Truncated, then corrected: rounding is a library call on most machines. What is out
                // of range is not used: its block is computed in another way.
                let whole = sample as i64;
                let rest = sample - whole as f64;
                let up = i64::from(rest >= 0.5) - i64::from(rest <= -0.5);
                whole.wrapping_add(up) as $t
            }
        }
    )*};
}

float!(f32, f64, Complex<f32>, Complex<f64>);
integer!(i8, i16, i32, i64);
