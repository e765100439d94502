//! Frames: samples that are stored in the filter's own type, or as integers of a picture.

use bytemuck::Pod;

use crate::element::Element;

/// What the samples of frames may be for a filter of `A`: `A` itself, or for `f32` also `u8` and
/// `u16`, which are exact in `f32` and come back rounded to the nearest value (ties to even) and
/// saturated; a NaN becomes 0.
///
/// On the GPU `u8` and `u16` travel as they are and are converted there: a quarter or half of the
/// bytes on the bus.
pub trait FrameSample<A>: sealed::Sealed<A> {}

pub(crate) mod sealed {
    use super::*;

    pub trait Sealed<A>: Pod + Default + Send + Sync {
        /// Bits of an unsigned integer; `None` for `A` itself.
        const BITS: Option<u32>;

        /// Exactly the same value.
        fn to_element(self) -> A;

        /// The nearest value that there is.
        fn from_element(value: A) -> Self;
    }
}

impl<A: Element> FrameSample<A> for A {}

impl<A: Element> sealed::Sealed<A> for A {
    const BITS: Option<u32> = None;

    fn to_element(self) -> A {
        self
    }

    fn from_element(value: A) -> Self {
        value
    }
}

macro_rules! integer {
    ($($t:ident),*) => {$(
        impl FrameSample<f32> for $t {}

        impl sealed::Sealed<f32> for $t {
            const BITS: Option<u32> = Some($t::BITS);

            fn to_element(self) -> f32 {
                self.into()
            }

            fn from_element(value: f32) -> Self {
                // `as` saturates, and makes NaN 0.
                value.round_ties_even() as $t
            }
        }
    )*};
}

integer!(u8, u16);
