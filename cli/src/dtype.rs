//! Element types at run time, and from there to the library's generic ones.

use clap::ValueEnum;
use convolve::Element;
use convolve::half::f16;
use num_complex::Complex;

use crate::number::Number;

/// The element types that files may have, by the names that NumPy and Rust give them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DType {
    #[value(name = "f16", alias = "float16")]
    F16,
    #[value(name = "f32", alias = "float32")]
    F32,
    #[value(name = "f64", alias = "float64")]
    F64,
    #[value(name = "c64", alias = "complex64")]
    C64,
    #[value(name = "c128", alias = "complex128")]
    C128,
    #[value(name = "i8", alias = "int8")]
    I8,
    #[value(name = "i16", alias = "int16")]
    I16,
    #[value(name = "i32", alias = "int32")]
    I32,
    #[value(name = "i64", alias = "int64")]
    I64,
    #[value(name = "u8", alias = "uint8")]
    U8,
    #[value(name = "u16", alias = "uint16")]
    U16,
    #[value(name = "u32", alias = "uint32")]
    U32,
    #[value(name = "u64", alias = "uint64")]
    U64,
}

/// Calls a function that is generic over the element type with the one a [`DType`] names; types in
/// brackets follow that one.
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $call:ident $([$($more:ty),*])? ($($argument:expr),* $(,)?)) => {{
        use num_complex::Complex;
        use $crate::dtype::DType::*;
        match $dtype {
            F16 => $call::<convolve::half::f16$($(, $more)*)?>($($argument),*),
            F32 => $call::<f32$($(, $more)*)?>($($argument),*),
            F64 => $call::<f64$($(, $more)*)?>($($argument),*),
            C64 => $call::<Complex<f32>$($(, $more)*)?>($($argument),*),
            C128 => $call::<Complex<f64>$($(, $more)*)?>($($argument),*),
            I8 => $call::<i8$($(, $more)*)?>($($argument),*),
            I16 => $call::<i16$($(, $more)*)?>($($argument),*),
            I32 => $call::<i32$($(, $more)*)?>($($argument),*),
            I64 => $call::<i64$($(, $more)*)?>($($argument),*),
            U8 => $call::<u8$($(, $more)*)?>($($argument),*),
            U16 => $call::<u16$($(, $more)*)?>($($argument),*),
            U32 => $call::<u32$($(, $more)*)?>($($argument),*),
            U64 => $call::<u64$($(, $more)*)?>($($argument),*),
        }
    }};
}

/// An element type that files may have.
pub trait Value: Element {
    /// Its code in a .npy file, without the byte order.
    const CODE: &'static str;
    /// Parts of one element: two of a complex number.
    const PARTS: usize = 1;

    /// The number that this is; always exact.
    fn number(self) -> Number;
    /// This number, or why this type cannot hold it.
    fn exactly(number: Number) -> Result<Self, String>;
    /// The same for a tap of a kernel whose largest one has this magnitude: one so much smaller may
    /// become 0. The tails of a Gaussian do, and no sum of its taps could tell.
    fn tap(number: Number, largest: f64) -> Result<Self, String> {
        let negligible = Self::DTYPE.epsilon() * largest;
        let vanishes = |part: Number| {
            part.double().is_ok_and(|value| value != 0.0 && value.abs() < negligible)
                && Self::exactly(part).is_err()
        };
        Self::exactly(number).or_else(|reason| match number {
            Number::Real(_) if vanishes(number) => Ok(Self::default()),
            Number::Complex(re, im) => {
                let [re, im] = [re, im].map(|part| match vanishes(Number::Real(part)) {
                    true => 0.0,
                    false => part,
                });
                Self::exactly(Number::Complex(re, im))
            }
            _ => Err(reason),
        })
    }
}

macro_rules! values {
    (integers: $($integer:ident $integer_code:literal),*; reals: $($real:ident $code:literal $cast:ident $complex_code:literal),*) => {
        $(impl Value for $integer {
            const CODE: &'static str = $integer_code;
            fn number(self) -> Number {
                Number::Integer(self.into())
            }
            fn exactly(number: Number) -> Result<Self, String> {
                let out_of_range = |_| format!("{number} is out of the range of {}", Self::DTYPE);
                number.integer()?.try_into().map_err(out_of_range)
            }
        })*
        $(impl Value for $real {
            const CODE: &'static str = $code;
            fn number(self) -> Number {
                Number::Real(self.into())
            }
            fn exactly(number: Number) -> Result<Self, String> {
                number.$cast()
            }
        }
        impl Value for Complex<$real> {
            const CODE: &'static str = $complex_code;
            const PARTS: usize = 2;
            fn number(self) -> Number {
                Number::Complex(self.re.into(), self.im.into())
            }
            fn exactly(number: Number) -> Result<Self, String> {
                let (re, im) = number.parts();
                Ok(Self::new(re.$cast()?, im.$cast()?))
            }
        })*
    };
}

impl Value for f16 {
    const CODE: &'static str = "f2";
    fn number(self) -> Number {
        Number::Real(self.into())
    }
    fn exactly(number: Number) -> Result<Self, String> {
        number.half()
    }
}

values! {
    integers: i8 "i1", i16 "i2", i32 "i4", i64 "i8", u8 "u1", u16 "u2", u32 "u4", u64 "u8";
    reals: f32 "f4" single "c8", f64 "f8" double "c16"
}

impl DType {
    /// The type of this code in a .npy file.
    pub fn from_code(code: &str) -> Option<Self> {
        fn is<A: Value>(code: &str) -> bool {
            A::CODE == code
        }
        Self::value_variants().iter().copied().find(|&dtype| with_dtype!(dtype, is(code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn casts_to_the_ends_of_the_range() {
        assert_eq!(u64::exactly(Number::Integer(u64::MAX.into())), Ok(u64::MAX));
        assert!(i64::exactly(Number::Integer(u64::MAX.into())).is_err());
        assert!(u8::exactly(Number::Real(256.0)).is_err());
        assert!(u8::exactly(Number::Integer(-1)).is_err());
        assert_eq!(i8::exactly(Number::Real(-128.0)), Ok(-128));
        assert!(i64::exactly(Number::Real(f64::MAX)).is_err());
        assert_eq!(Complex::<f32>::exactly(Number::Integer(3)), Ok(Complex::new(3.0, 0.0)));
        assert!(Complex::<f32>::exactly(Number::Complex(0.0, 1e300)).is_err());
    }

    #[test]
    fn codes_are_numpys() {
        assert_eq!(DType::from_code("c16"), Some(DType::C128));
        assert_eq!(DType::from_code("i8"), Some(DType::I64));
        assert_eq!(DType::from_code("f2"), Some(DType::F16));
        assert_eq!(DType::from_code("f3"), None);
    }
}
