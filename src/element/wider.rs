//! Types that hold every value of another one: sums are made in more digits than samples are stored
//! in.

use num_complex::Complex;

use super::Element;
use super::number::Number;
use crate::error::Result;
use crate::simd::{Rounded, vectorized};
use crate::util::memory;

/// A type that holds all values of `A`.
pub trait Wider<A>: Sized {
    /// The same values.
    fn widen_all(from: &[A], to: &mut [Self]);
    /// The nearest values that there are, each rounded once.
    fn round_all(from: &[Self], to: &mut [A]);

    /// The same memory, where bits mean the same in both types.
    fn view(_: &[A]) -> Option<&[Self]> {
        None
    }
    /// The same memory, to be written to.
    fn view_mut(_: &mut [A]) -> Option<&mut [Self]> {
        None
    }
}

impl<A: Copy> Wider<A> for A {
    fn widen_all(from: &[A], to: &mut [A]) {
        to.copy_from_slice(from);
    }

    fn round_all(from: &[A], to: &mut [A]) {
        to.copy_from_slice(from);
    }

    fn view(values: &[A]) -> Option<&[A]> {
        Some(values)
    }

    fn view_mut(values: &mut [A]) -> Option<&mut [A]> {
        Some(values)
    }
}

/// Modulo a power of two an unsigned integer and the signed one of its bits are the same number.
macro_rules! twins {
    ($($unsigned:ty => $signed:ty),*) => {$(
        impl Wider<$unsigned> for $signed {
            fn widen_all(from: &[$unsigned], to: &mut [$signed]) {
                to.copy_from_slice(bytemuck::cast_slice(from));
            }

            fn round_all(from: &[$signed], to: &mut [$unsigned]) {
                to.copy_from_slice(bytemuck::cast_slice(from));
            }

            fn view(values: &[$unsigned]) -> Option<&[$signed]> {
                Some(bytemuck::cast_slice(values))
            }

            fn view_mut(values: &mut [$unsigned]) -> Option<&mut [$signed]> {
                Some(bytemuck::cast_slice_mut(values))
            }
        }
    )*};
}

twins!(u8 => i8, u16 => i16, u32 => i32, u64 => i64);

macro_rules! doubles {
    ($($single:ty => $double:ty),*) => {$(
        impl Wider<$single> for $double {
            fn widen_all(from: &[$single], to: &mut [$double]) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from.to_double();
                }
            }

            fn round_all(from: &[$double], to: &mut [$single]) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = <$single>::narrow(*from);
                }
            }
        }
    )*};
}

doubles!(f32 => f64, Complex<f32> => Complex<f64>);

/// Integers that come of sums: rounded to the nearest one (ties to even) and saturated; a NaN becomes 0.
macro_rules! levels {
    ($($level:ty => $wide:ty);* $(;)?) => {$(
        impl Wider<$level> for $wide {
            fn widen_all(from: &[$level], to: &mut [$wide]) {
                vectorized(
                    #[inline(always)]
                    || {
                        for (to, from) in to.iter_mut().zip(from) {
                            *to = <$wide>::from(*from);
                        }
                    },
                );
            }

            fn round_all(from: &[$wide], to: &mut [$level]) {
                vectorized(
                    #[inline(always)]
                    || {
                        for (to, from) in to.iter_mut().zip(from) {
                            *to = from.rounded();
                        }
                    },
                );
            }
        }

        impl Rounded<$level> for $wide {
            #[inline(always)]
            fn rounded(self) -> $level {
                // A number to which the last digit of its type is one, whatever the sign of what is added:
                // adding rounds, and the last bits are those of an integer in two's complement.
                const SHIFT: $wide = 1.5 / <$wide>::EPSILON;
                const LEAST: $wide = <$level>::MIN as $wide;
                // What is no number becomes the least one, which is 0 without a sign.
                let number = if LEAST < 0.0 && self.is_nan() { 0.0 } else { self };
                let within = number.max(LEAST).min(<$level>::MAX.into());
                (within + SHIFT).to_bits() as $level
            }
        }
    )*};
}

levels! {
    u8 => f32;
    u16 => f32;
    i8 => f32;
    i16 => f32;
    u8 => f64;
    u16 => f64;
    u32 => f64;
    i8 => f64;
    i16 => f64;
    i32 => f64;
}

/// The same values in a type that holds them.
pub(crate) fn widened<A, W: Element + Wider<A>>(values: &[A]) -> Result<Vec<W>> {
    let mut wide = memory::zeros(values.len(), "the widened kernel")?;
    W::widen_all(values, &mut wide);
    Ok(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `as` does it, which saturates and makes NaN 0.
    #[test]
    fn levels_are_rounded_to_even_and_saturated() {
        let quarters = (-1200..1200).map(|i| i as f32 / 4.0);
        let far = [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1e30, -1e30];
        let eighths = |around: i32| (-40..40).map(move |i| (8 * around + i) as f32 / 8.0);
        let ends = [i16::MIN.into(), i16::MAX.into(), u16::MAX.into()];
        let ends = ends.into_iter().flat_map(eighths);
        let values: Vec<f32> = quarters.chain(far).chain(ends).collect();
        let wide: Vec<f64> = values.iter().map(|&v| v.into()).collect();
        macro_rules! check {
            ($($level:ident)*) => {$(
                let mut levels = vec![77; values.len()];
                f32::round_all(&values, &mut levels);
                for (value, level) in values.iter().zip(&levels) {
                    assert_eq!(*level, value.round_ties_even() as $level, "{value}");
                }
                let mut from_double = vec![77; values.len()];
                f64::round_all(&wide, &mut from_double);
                assert_eq!(from_double, levels);
            )*};
        }
        check!(u8 u16 i8 i16);
        let ends = [i32::MIN, i32::MAX].map(f64::from).into_iter().chain([u32::MAX.into(), 0.0]);
        let wide: Vec<f64> =
            ends.flat_map(|end| (-9..9).map(move |i| end + f64::from(i) / 4.0)).collect();
        let (mut signed, mut unsigned) = (vec![77i32; wide.len()], vec![77u32; wide.len()]);
        f64::round_all(&wide, &mut signed);
        f64::round_all(&wide, &mut unsigned);
        for ((value, signed), unsigned) in wide.iter().zip(&signed).zip(&unsigned) {
            assert_eq!(*signed, value.round_ties_even() as i32, "{value}");
            assert_eq!(*unsigned, value.round_ties_even() as u32, "{value}");
        }
    }

    #[test]
    fn what_is_just_off_a_tie_is_rounded_once() {
        let mut level = [0u8; 2];
        f64::round_all(&[2.5f64.next_down(), 2.5f64.next_up()], &mut level);
        assert_eq!(level, [2, 3]);
        f64::round_all(&[3.5f64.next_down(), 3.5f64.next_up()], &mut level);
        assert_eq!(level, [3, 4]);
    }

    #[test]
    fn every_level_is_widened_exactly() {
        let words: Vec<u16> = (0..=u16::MAX).collect();
        let (mut single, mut double) = (vec![0f32; words.len()], vec![0f64; words.len()]);
        f32::widen_all(&words, &mut single);
        f64::widen_all(&words, &mut double);
        assert!(words.iter().zip(&single).all(|(word, wide)| f32::from(*word) == *wide));
        assert!(words.iter().zip(&double).all(|(word, wide)| f64::from(*word) == *wide));
    }
}
