//! Types that hold every value of another one: sums are made in more digits than samples are stored
//! in.

use num_complex::Complex;

use super::Element;
use super::number::Number;
use crate::error::Result;
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

/// The same values in a type that holds them.
pub(crate) fn widened<A, W: Element + Wider<A>>(values: &[A]) -> Result<Vec<W>> {
    let mut wide = memory::zeros(values.len(), "the widened kernel")?;
    W::widen_all(values, &mut wide);
    Ok(wide)
}
