//! The types that can be convolved, and the arithmetic each of them means.

use bytemuck::Pod;
use num_complex::Complex;
use std::fmt::{self, Debug, Display};
use std::num::Wrapping;

use crate::words::Precision;
use compute::Compute;
use wider::Wider;

pub(crate) mod compute;
#[cfg(feature = "f16")]
mod half;
pub(crate) mod synthetic;
pub(crate) mod transform;
pub(crate) mod wider;

/// A type that can be convolved: `f32`, `f64`, `Complex<f32>`, `Complex<f64>`, `i8` to `i64`,
/// `u8` to `u64`, and with the feature `f16` also `half::f16`.
///
/// The output has the input's type. Integers are exact in wrapping arithmetic of that type. `f16` is
/// what samples, taps and results are stored in; sums are made in `f32`, and each is rounded once.
pub trait Element: number::Number {
    /// The type's name as data.
    const DTYPE: DType;
}

/// The name of an element type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
#[non_exhaustive]
pub enum DType {
    F16,
    F32,
    F64,
    Complex32,
    Complex64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl DType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::F16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::Complex32 | Self::I64 | Self::U64 => 8,
            Self::Complex64 => 16,
        }
    }

    /// The type that sums are made in: its own, but `f32` for `f16`. See also
    /// [`Precision`](crate::Precision).
    pub fn accumulator(self) -> Self {
        match self {
            Self::F16 => Self::F32,
            other => other,
        }
    }

    /// Blocks that one transform holds: two of real numbers, as its real and its imaginary part.
    pub(crate) fn packed_blocks(self) -> usize {
        if self.is_complex() { 1 } else { 2 }
    }

    /// Bytes of the complex numbers that transforms of this type work on.
    pub(crate) fn spectrum_bytes(self) -> usize {
        if matches!(self, Self::F32 | Self::Complex32) { 8 } else { 16 }
    }

    /// Whether arithmetic is exact and wraps.
    pub fn is_integer(self) -> bool {
        self.largest_integer().is_some()
    }

    /// Whether elements are complex numbers.
    pub fn is_complex(self) -> bool {
        matches!(self, Self::Complex32 | Self::Complex64)
    }

    /// The distance from 1 to the next number, of the type or of its parts; 0 for integers.
    pub fn epsilon(self) -> f64 {
        match self {
            Self::F16 => 2f64.powi(-10),
            Self::F32 | Self::Complex32 => f64::from(f32::EPSILON),
            Self::F64 | Self::Complex64 => f64::EPSILON,
            _ => 0.0,
        }
    }

    /// The smallest positive number with all its digits; 0 for integers.
    pub fn smallest_normal(self) -> f64 {
        match self {
            Self::F16 => 2f64.powi(-14),
            Self::F32 | Self::Complex32 => f64::from(f32::MIN_POSITIVE),
            Self::F64 | Self::Complex64 => f64::MIN_POSITIVE,
            _ => 0.0,
        }
    }

    /// The largest magnitude an integer type holds; `None` for the others.
    pub fn largest_integer(self) -> Option<f64> {
        let bits = match self {
            Self::I8 => 7,
            Self::U8 => 8,
            Self::I16 => 15,
            Self::U16 => 16,
            Self::I32 => 31,
            Self::U32 => 32,
            Self::I64 => 63,
            Self::U64 => 64,
            _ => return None,
        };
        Some(2f64.powi(bits))
    }
}

impl Precision {
    /// The type that convolutions of this type are computed in.
    pub fn compute_dtype(self, dtype: DType) -> DType {
        match (self, dtype) {
            (Self::High, DType::F16 | DType::F32) => DType::F64,
            (Self::High, DType::Complex32) => DType::Complex64,
            _ => dtype.accumulator(),
        }
    }

    /// Whether convolutions of this type are computed in another one.
    pub fn widens(self, dtype: DType) -> bool {
        self.compute_dtype(dtype) != dtype
    }
}

impl Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "f16",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Complex32 => "complex f32",
            Self::Complex64 => "complex f64",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
        })
    }
}

pub(crate) mod number {
    use super::{Complex, Compute, Debug, Element, Pod, Wider};

    /// What is asked of a type that samples are stored in. Not nameable from outside, which seals `Element`.
    pub trait Number: Pod + Default + PartialEq + Debug + Send + Sync {
        /// The type the oracle computes in: `f64`, `Complex<f64>`, or wrapping integers.
        type Wide: Wide;
        /// The type whose values sums have, which kernels are judged in.
        type Summed: Element + Wider<Self>;
        /// The type that executors on the CPU compute in: `Summed`, or an integer of the same bits.
        type Compute: Compute + Wider<Self> + Wider<Self::Summed>;
        /// The type that they compute in with [`Precision::High`](crate::Precision::High).
        type Double: Compute + Wider<Self>;

        /// `self + w * x`, wrapping for integers.
        fn mul_add(self, w: Self, x: Self) -> Self;
        /// The complex conjugate; the number itself where there is nothing to conjugate.
        fn conj(self) -> Self;
        /// False where a part is NaN or infinite.
        fn is_finite(self) -> bool;
        /// The absolute value, as far as `f64` holds it.
        fn magnitude(self) -> f64;

        /// Into the oracle's type, exactly.
        fn widen(self) -> Self::Wide;
        /// From the oracle's type: rounded, or wrapped.
        fn narrow(wide: Self::Wide) -> Self;
        /// Into the type of more precision, exactly.
        fn to_double(self) -> Self::Double;
        /// Into a complex number; integers beyond 2^53 are rounded.
        fn to_complex(self) -> Complex<f64>;
        /// From a complex number: its real part where the type is real, cast as `as` does.
        fn from_complex(value: Complex<f64>) -> Self;
        /// From an integer: wrapped where the type is one.
        fn from_integer(value: i64) -> Self;
        /// From a real number: rounded, or `None` where an integer type cannot hold it exactly.
        fn from_real(value: f64) -> Option<Self>;
    }

    /// The oracle's arithmetic.
    pub trait Wide: Copy + Default + Send + Sync {
        fn mul_add(self, w: Self, x: Self) -> Self;
        /// `|self - exact|`, in which a part counts 0 that is `rounded`'s, or where neither is a number.
        fn deviation(self, rounded: Self, exact: Self) -> f64;
    }
}

use number::{Number, Wide};

impl Wide for f64 {
    fn mul_add(self, w: Self, x: Self) -> Self {
        self + w * x
    }
    fn deviation(self, rounded: Self, exact: Self) -> f64 {
        if self == rounded || (self.is_nan() && rounded.is_nan()) {
            return 0.0;
        }
        let off = (self - exact).abs();
        if off.is_nan() { f64::INFINITY } else { off }
    }
}

impl Wide for Complex<f64> {
    fn mul_add(self, w: Self, x: Self) -> Self {
        self + w * x
    }
    fn deviation(self, rounded: Self, exact: Self) -> f64 {
        let re = self.re.deviation(rounded.re, exact.re);
        re.hypot(self.im.deviation(rounded.im, exact.im))
    }
}

/// Arithmetic modulo 2^64 is arithmetic modulo every smaller power of two, signed or not.
impl Wide for Wrapping<i64> {
    fn mul_add(self, w: Self, x: Self) -> Self {
        self + w * x
    }
    fn deviation(self, rounded: Self, exact: Self) -> f64 {
        if self == rounded { 0.0 } else { (self - exact).0.unsigned_abs() as f64 }
    }
}

macro_rules! real {
    ($($t:ident $dtype:ident),*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
        }
        impl Number for $t {
            type Wide = f64;
            type Summed = $t;
            type Compute = $t;
            type Double = f64;
            #[inline(always)]
            fn mul_add(self, w: Self, x: Self) -> Self {
                self + w * x
            }
            fn conj(self) -> Self {
                self
            }
            fn is_finite(self) -> bool {
                self.is_finite()
            }
            fn magnitude(self) -> f64 {
                f64::from(self).abs()
            }
            fn widen(self) -> f64 {
                self.into()
            }
            fn narrow(wide: f64) -> Self {
                wide as $t
            }
            #[inline(always)]
            fn to_double(self) -> f64 {
                self.into()
            }
            fn to_complex(self) -> Complex<f64> {
                (self as f64).into()
            }
            fn from_complex(value: Complex<f64>) -> Self {
                value.re as $t
            }
            fn from_integer(value: i64) -> Self {
                value as $t
            }
            fn from_real(value: f64) -> Option<Self> {
                Some(value as $t)
            }
        }
    )*};
}

macro_rules! complex {
    ($($t:ident $dtype:ident),*) => {$(
        impl Element for Complex<$t> {
            const DTYPE: DType = DType::$dtype;
        }
        impl Number for Complex<$t> {
            type Wide = Complex<f64>;
            type Summed = Complex<$t>;
            type Compute = Complex<$t>;
            type Double = Complex<f64>;
            #[inline(always)]
            fn mul_add(self, w: Self, x: Self) -> Self {
                self + w * x
            }
            fn conj(self) -> Self {
                Complex::conj(&self)
            }
            fn is_finite(self) -> bool {
                Complex::is_finite(self)
            }
            fn magnitude(self) -> f64 {
                f64::from(self.re).hypot(f64::from(self.im))
            }
            fn widen(self) -> Complex<f64> {
                Complex::new(self.re.into(), self.im.into())
            }
            fn narrow(wide: Complex<f64>) -> Self {
                Complex::new(wide.re as $t, wide.im as $t)
            }
            #[inline(always)]
            fn to_double(self) -> Complex<f64> {
                Complex::new(self.re.into(), self.im.into())
            }
            fn to_complex(self) -> Complex<f64> {
                self.widen()
            }
            fn from_complex(value: Complex<f64>) -> Self {
                Self::narrow(value)
            }
            fn from_integer(value: i64) -> Self {
                Self::new(value as $t, 0.0)
            }
            fn from_real(value: f64) -> Option<Self> {
                Some(Complex::new(value as $t, 0.0))
            }
        }
    )*};
}

macro_rules! integer {
    ($($t:ident $dtype:ident $signed:ident),*) => {$(
        impl Element for $t {
            const DTYPE: DType = DType::$dtype;
        }
        impl Number for $t {
            type Wide = Wrapping<i64>;
            type Summed = $t;
            type Compute = $signed;
            type Double = $signed;
            #[inline(always)]
            fn mul_add(self, w: Self, x: Self) -> Self {
                self.wrapping_add(w.wrapping_mul(x))
            }
            fn conj(self) -> Self {
                self
            }
            fn is_finite(self) -> bool {
                true
            }
            fn magnitude(self) -> f64 {
                (self as f64).abs()
            }
            fn widen(self) -> Wrapping<i64> {
                Wrapping(self as i64)
            }
            fn narrow(wide: Wrapping<i64>) -> Self {
                wide.0 as $t
            }
            fn to_double(self) -> $signed {
                self as $signed
            }
            fn to_complex(self) -> Complex<f64> {
                (self as f64).into()
            }
            fn from_complex(value: Complex<f64>) -> Self {
                value.re as $t
            }
            fn from_integer(value: i64) -> Self {
                value as $t
            }
            fn from_real(value: f64) -> Option<Self> {
                let cast = value as $t;
                // `as` saturates: 2^64 as u64 reads back as 2^64 in f64, so the top is excluded.
                (cast as f64 == value && value < <$t>::MAX as f64 + 1.0).then_some(cast)
            }
        }
    )*};
}

real!(f32 F32, f64 F64);
complex!(f32 Complex32, f64 Complex64);
integer!(i8 I8 i8, i16 I16 i16, i32 I32 i32, i64 I64 i64);
integer!(u8 U8 i8, u16 U16 i16, u32 U32 i32, u64 U64 i64);
