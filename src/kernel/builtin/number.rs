//! Numbers as text, before they have an element type.

use num_complex::Complex;
use std::fmt;
use std::str::FromStr;

use crate::element::{DType, Element};
use crate::error::{Error, Result};

/// A finite number that was read from a text: `3`, `-0.5`, `1e-3`, `1+2j` or `j`. Integers stay exact.
///
/// ```
/// use convolve::filters::Number;
///
/// let number: Number = "18446744073709551615".parse()?;
/// assert_eq!(number.integer(), Some(u64::MAX.into()));
/// let number: Number = "1e-3-2j".parse()?;
/// assert_eq!((number.value().re, number.value().im), (1e-3, -2.0));
/// assert!("nan".parse::<Number>().is_err());
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// From a text, [`Error::KernelText`] for what is no finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(Written);

/// As it was written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Written {
    /// Any value of any integer type: a magnitude of at most 2^64.
    Integer(i128),
    Real(f64),
    Complex(Complex<f64>),
}

impl Number {
    /// The integer that it was written as, without a point or an exponent.
    pub fn integer(self) -> Option<i128> {
        match self.0 {
            Written::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// Its value; integers beyond 2^53 are rounded.
    pub fn value(self) -> Complex<f64> {
        match self.0 {
            Written::Integer(value) => (value as f64).into(),
            Written::Real(value) => value.into(),
            Written::Complex(value) => value,
        }
    }

    /// This number times a factor, where the type has it.
    pub(super) fn tap<A: Element>(self, scale: f64) -> Option<A> {
        let tap: Option<A> = match self.0 {
            Written::Integer(value) if scale == 1.0 && A::DTYPE.is_integer() => {
                // Of unsigned types `from_integer` takes the bits.
                let tap = A::from_integer(value as i64);
                let bits = 8 * A::DTYPE.size() as u32;
                let is_unsigned =
                    matches!(A::DTYPE, DType::U8 | DType::U16 | DType::U32 | DType::U64);
                let range = match is_unsigned {
                    true => 0..1i128 << bits,
                    false => -(1i128 << (bits - 1))..1i128 << (bits - 1),
                };
                range.contains(&value).then_some(tap)
            }
            Written::Integer(value) => A::from_real(value as f64 * scale),
            Written::Real(value) => A::from_real(value * scale),
            Written::Complex(value) if A::DTYPE.is_complex() => {
                Some(A::from_complex(value * scale))
            }
            Written::Complex(value) if value.im == 0.0 => A::from_real(value.re * scale),
            Written::Complex(_) => None,
        };
        tap.filter(|tap| tap.is_finite())
    }
}

impl FromStr for Number {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::KernelText {
            text: text.into(),
            reason: format!("expected a finite number such as 3, -0.5, 1e-3 or 1+2j, got {text:?}"),
        };
        if let Ok(value) = text.parse::<i128>()
            && value.unsigned_abs() <= 1 << 64
        {
            return Ok(Self(Written::Integer(value)));
        }
        let real = |text: &str| text.parse().ok().filter(|value: &f64| value.is_finite());
        let Some(parts) = text.strip_suffix(['j', 'i']) else {
            return real(text).map(|value| Self(Written::Real(value))).ok_or_else(wrong);
        };
        // The sign between the parts is the last one that is not an exponent's.
        let split = parts
            .char_indices()
            .rfind(|&(at, c)| matches!(c, '+' | '-') && !parts[..at].ends_with(['e', 'E']))
            .map_or(0, |(at, _)| at);
        let (re, im) = parts.split_at(split);
        let re = if re.is_empty() { Some(0.0) } else { real(re) };
        let im = match im {
            "" | "+" => Some(1.0),
            "-" => Some(-1.0),
            im => real(im),
        };
        let value = re.zip(im).map(|(re, im)| Complex::new(re, im));
        value.map(|value| Self(Written::Complex(value))).ok_or_else(wrong)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Written::Integer(value) => write!(f, "{value}"),
            // Written out, these have hundreds of digits.
            Written::Real(value) if value != 0.0 && !(1e-5..1e16).contains(&value.abs()) => {
                write!(f, "{value:e}")
            }
            Written::Real(value) => write!(f, "{value}"),
            Written::Complex(value) => write!(f, "{}{:+}j", value.re, value.im),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_and_printed() {
        let cases = [
            ("3", Written::Integer(3), "3"),
            ("+4", Written::Integer(4), "4"),
            ("18446744073709551616", Written::Integer(1 << 64), "18446744073709551616"),
            ("-0.5", Written::Real(-0.5), "-0.5"),
            ("1e-3", Written::Real(1e-3), "0.001"),
            ("1e300", Written::Real(1e300), "1e300"),
            ("1+2j", Written::Complex(Complex::new(1.0, 2.0)), "1+2j"),
            ("-1e-3-2e+1j", Written::Complex(Complex::new(-1e-3, -20.0)), "-0.001-20j"),
            ("-2.5j", Written::Complex(Complex::new(0.0, -2.5)), "0-2.5j"),
            ("j", Written::Complex(Complex::new(0.0, 1.0)), "0+1j"),
            ("3-i", Written::Complex(Complex::new(3.0, -1.0)), "3-1j"),
        ];
        for (text, written, printed) in cases {
            assert_eq!(text.parse(), Ok(Number(written)), "{text}");
            assert_eq!(Number(written).to_string(), printed);
        }
        for text in
            ["", "nan", "inf", "-infinity", "1e999", "1+", "1+2", "x", "nanj", "1 2", "1+-j2"]
        {
            assert!(text.parse::<Number>().is_err(), "{text}");
        }
    }
}
