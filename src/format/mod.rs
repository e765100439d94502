//! How samples are stored at either end of a convolution. Methods compute in one type; what lies in
//! memory is known here alone, and read and written row by row.

#[cfg_attr(
    not(feature = "image"),
    allow(dead_code, reason = "only rows of pictures have gaps between them")
)]
mod gaps;
#[cfg(feature = "image")]
pub(crate) mod pitched;
#[cfg(feature = "image")]
pub(crate) mod pixels;
pub(crate) mod rows;
#[cfg(feature = "image")]
pub(crate) mod transfer;

use bytemuck::Pod;

use crate::element::Element;
use crate::words::Alpha;
use rows::{Input, Output};

/// What samples may be stored as for a filter of `A`: as `A` itself, for `f32` also as `u8`, `u16`, `i8` and
/// `i16`, and for `f64` as these, `u32` and `i32`. Integers are exact in the filter's type, and come back
/// rounded to the nearest value (ties to even) and saturated; a NaN becomes 0.
///
/// They are converted a few rows at a time, in the loops that use them. On the GPU `u8` and `u16` travel as
/// they are for a filter of `f32`: a quarter or half of the bytes on the bus; others are converted before
/// and after it.
pub trait FrameSample<A: Element>: sealed::Sealed<A> {}

pub(crate) mod sealed {
    use super::*;

    pub trait Sealed<A: Element>: Pod + Default + Send + Sync {
        /// Whether it is `A` itself; if not, an integer.
        const IS_ELEMENT: bool;
        /// Bits of an unsigned integer that shaders read and write.
        const PACKED: Option<u32>;

        /// Exactly the same value.
        fn to_element(self) -> A;

        /// The nearest value that there is.
        fn from_element(value: A) -> Self;

        /// Samples, read in the type that `A` is computed in.
        fn read(x: &[Self]) -> Input<'_, A::Compute>;

        /// Samples, written from that type.
        fn written(y: &mut [Self]) -> Output<'_, A::Compute>;

        /// Samples, read in the type that `A` is computed in with more precision.
        fn read_high(x: &[Self]) -> Input<'_, A::Double>;

        /// Samples, written from that type.
        fn written_high(y: &mut [Self]) -> Output<'_, A::Double>;
    }
}

/// What is done with the channels of pixels as they are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    /// Channels; of two or four the last is alpha.
    pub channels: usize,
    /// What that is to the colours: where straight they are multiplied by it as they are read, and divided
    /// by it as they are written.
    pub alpha: Alpha,
    /// Whether colours are read as linear light.
    pub decoded: bool,
    /// Whether they are written as levels of it.
    pub encoded: bool,
}

impl Pixels {
    /// Channels that are filtered as they are stored.
    pub(crate) fn plain(channels: usize) -> Self {
        Self { channels, alpha: Alpha::AsChannel, decoded: false, encoded: false }
    }

    /// Whether channels are filtered as they are stored.
    fn is_plain(self) -> bool {
        self == Self::plain(self.channels)
    }
}

/// Both ends of a convolution.
pub(crate) type Ends<'f, C> = (Input<'f, C>, Output<'f, C>);

impl<A: Element> FrameSample<A> for A {}

impl<A: Element> sealed::Sealed<A> for A {
    const IS_ELEMENT: bool = true;
    const PACKED: Option<u32> = None;

    fn to_element(self) -> A {
        self
    }

    fn from_element(value: A) -> Self {
        value
    }

    fn read(x: &[A]) -> Input<'_, A::Compute> {
        Input::of(x)
    }

    fn written(y: &mut [A]) -> Output<'_, A::Compute> {
        Output::of(y)
    }

    fn read_high(x: &[A]) -> Input<'_, A::Double> {
        Input::of(x)
    }

    fn written_high(y: &mut [A]) -> Output<'_, A::Double> {
        Output::of(y)
    }
}

macro_rules! integers {
    ($($element:ident: $($t:ident $packed:expr),*;)*) => {$($(
        impl FrameSample<$element> for $t {}

        impl sealed::Sealed<$element> for $t {
            const IS_ELEMENT: bool = false;
            const PACKED: Option<u32> = $packed;

            fn to_element(self) -> $element {
                self.into()
            }

            fn from_element(value: $element) -> Self {
                // `as` saturates, and makes NaN 0.
                value.round_ties_even() as $t
            }

            fn read(x: &[Self]) -> Input<'_, $element> {
                Input::of(x)
            }

            fn written(y: &mut [Self]) -> Output<'_, $element> {
                Output::of(y)
            }

            fn read_high(x: &[Self]) -> Input<'_, f64> {
                Input::of(x)
            }

            fn written_high(y: &mut [Self]) -> Output<'_, f64> {
                Output::of(y)
            }
        }
    )*)*};
}

integers! {
    f32: u8 Some(8), u16 Some(16), i8 None, i16 None;
    f64: u8 None, u16 None, u32 None, i8 None, i16 None, i32 None;
}
