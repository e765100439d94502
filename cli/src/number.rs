//! A number as it stands in a file or on the command line, before it has an element type.

use std::str::FromStr;

use convolve::half::f16;
use convolve::{Element, Error, filters};

/// A number that has lost nothing yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Any value of any integer type: a magnitude of at most 2^64.
    Integer(i128),
    Real(f64),
    Complex(f64, f64),
}

impl std::fmt::Display for Number {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(value) => write!(f, "{value}"),
            // Written out, these have hundreds of digits.
            Self::Real(value) if *value != 0.0 && !(1e-5..1e16).contains(&value.abs()) => {
                write!(f, "{value:e}")
            }
            Self::Real(value) => write!(f, "{value}"),
            Self::Complex(re, im) => write!(f, "{re}{im:+}j"),
        }
    }
}

impl FromStr for Number {
    type Err = String;

    /// As [`filters::Number`] reads it.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<filters::Number>() {
            Ok(number) => Ok(number.into()),
            Err(Error::KernelText { reason, .. }) => Err(reason),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl From<filters::Number> for Number {
    fn from(number: filters::Number) -> Self {
        match (number.integer(), number.value()) {
            (Some(value), _) => Self::Integer(value),
            (None, value) if value.im == 0.0 => Self::Real(value.re),
            (None, value) => Self::Complex(value.re, value.im),
        }
    }
}

impl Number {
    /// The real number that this is, or why it is none.
    fn real_part(self) -> Result<Self, String> {
        match self {
            Self::Complex(re, 0.0) => Ok(Self::Real(re)),
            Self::Complex(..) => Err(format!("{self} has an imaginary part")),
            real => Ok(real),
        }
    }

    /// The integer that this is, or why it is none.
    pub fn integer(self) -> Result<i128, String> {
        match self.real_part()? {
            Self::Integer(value) => Ok(value),
            // Beyond 2^127 the cast saturates, which is beyond every element type all the same.
            Self::Real(value) if value.fract() == 0.0 => Ok(value as i128),
            _ => Err(format!("{self} is not a whole number")),
        }
    }

    /// As `f64`; an integer only exactly.
    pub fn double(self) -> Result<f64, String> {
        match self.real_part()? {
            Self::Integer(value) if (value as f64) as i128 == value => Ok(value as f64),
            Self::Real(value) => Ok(value),
            _ => Err(format!("{self} is not exact in f64")),
        }
    }

    /// As `f32`: rounded, but an integer only exactly, a finite number only to a finite one and
    /// none but zero to zero.
    pub fn single(self) -> Result<f32, String> {
        match self.real_part()? {
            Self::Integer(value) if (value as f32) as i128 == value => Ok(value as f32),
            Self::Real(value) if value != 0.0 && value as f32 == 0.0 => {
                Err(format!("{self} would become 0 in f32"))
            }
            Self::Real(value) if (value as f32).is_finite() == value.is_finite() => {
                Ok(value as f32)
            }
            Self::Real(_) => Err(format!("{self} is out of the range of f32")),
            _ => Err(format!("{self} is not exact in f32")),
        }
    }

    /// As `f16`: as with [`Number::single`].
    pub fn half(self) -> Result<f16, String> {
        let (value, whole) = (self.double()?, matches!(self, Self::Integer(_)));
        let half: f16 = rounded(value);
        if half.is_infinite() && value.is_finite() {
            return Err(format!("{self} is out of the range of f16"));
        }
        if whole && half.to_f64() != value {
            return Err(format!("{self} is not exact in f16"));
        }
        if value != 0.0 && half == f16::ZERO {
            return Err(format!("{self} would become 0 in f16"));
        }
        Ok(half)
    }

    /// Multiplied with a factor; an integer with 1 stays one.
    pub fn times(self, factor: f64) -> Self {
        match self {
            same if factor == 1.0 => same,
            Self::Integer(value) => Self::Real(value as f64 * factor),
            Self::Real(value) => Self::Real(value * factor),
            Self::Complex(re, im) => Self::Complex(re * factor, im * factor),
        }
    }

    /// Real and imaginary part, one by one.
    pub fn parts(self) -> (Self, Self) {
        match self {
            Self::Complex(re, im) => (Self::Real(re), Self::Real(im)),
            real => (real, Self::Integer(0)),
        }
    }
}

/// Rounded once, which `f16::from_f64` does not on every machine.
fn rounded<A: Element>(value: f64) -> A {
    A::from_complex(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers() {
        let cases = [
            ("3", Number::Integer(3)),
            ("+4", Number::Integer(4)),
            ("18446744073709551615", Number::Integer(u64::MAX.into())),
            ("-0.5", Number::Real(-0.5)),
            ("1e-3", Number::Real(1e-3)),
            ("1+2j", Number::Complex(1.0, 2.0)),
            ("-1e-3-2e+1j", Number::Complex(-1e-3, -20.0)),
            ("-2.5j", Number::Complex(0.0, -2.5)),
            ("j", Number::Complex(0.0, 1.0)),
            ("3-i", Number::Complex(3.0, -1.0)),
        ];
        for (text, number) in cases {
            assert_eq!(text.parse(), Ok(number), "{text}");
        }
        for text in
            ["", "nan", "inf", "-infinity", "1e999", "1+", "1+2", "x", "nanj", "1 2", "1+-j2"]
        {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }

    #[test]
    fn casts_lose_nothing_but_digits() {
        assert_eq!(Number::Real(3.0).integer(), Ok(3));
        assert_eq!(Number::Complex(2.0, 0.0).integer(), Ok(2));
        assert!(Number::Real(0.5).integer().is_err());
        assert!(Number::Real(f64::NAN).integer().is_err());
        assert!(Number::Complex(2.0, 1.0).double().is_err());
        assert_eq!(Number::Integer(1 << 53).double(), Ok(9_007_199_254_740_992.0));
        assert!(Number::Integer((1 << 53) + 1).double().is_err());
        assert!(Number::Integer(u64::MAX.into()).double().is_err());
        assert_eq!(Number::Integer(1 << 24).single(), Ok(16_777_216.0));
        assert!(Number::Integer((1 << 24) + 1).single().is_err());
        assert_eq!(Number::Real(0.1).single(), Ok(0.1));
        assert!(Number::Real(1e39).single().is_err());
        assert!(Number::Real(-1e-46).single().is_err());
        assert_eq!(Number::Real(1e-45).single(), Ok(f32::from_bits(1)));
        assert_eq!(Number::Real(0.0).single(), Ok(0.0));
        assert_eq!(Number::Real(0.1).half(), Ok(f16::from_f32(0.1)));
        assert_eq!(Number::Integer(2048).half(), Ok(f16::from_f32(2048.0)));
        assert!(Number::Integer(2049).half().is_err());
        assert!(Number::Real(65520.0).half().is_err());
        assert!(Number::Integer(1 << 64).half().is_err());
        assert!(Number::Real(1e-8).half().is_err());
        assert!(Number::Complex(1.0, 2.0).half().is_err());
        assert!(Number::Real(f64::INFINITY).single().is_ok_and(f32::is_infinite));
    }
}
