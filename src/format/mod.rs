//! How samples are stored at either end of a convolution. Methods compute in one type; what lies in
//! memory is known here alone, and read and written row by row.

#[cfg(feature = "image")]
pub(crate) mod pixels;
pub(crate) mod rows;
#[cfg(feature = "image")]
pub(crate) mod transfer;

use bytemuck::Pod;

use crate::element::Element;
use crate::element::number::Number;
use crate::element::wider::Wider;
use rows::{Input, Output};

/// What the samples of frames may be for a filter of `A`: `A` itself, or for `f32` also `u8` and
/// `u16`, which are exact in `f32` and come back rounded to the nearest value (ties to even) and
/// saturated; a NaN becomes 0.
///
/// `u8` and `u16` are converted a few rows at a time, in the loops that use them; on the GPU they travel
/// as they are: a quarter or half of the bytes on the bus.
pub trait FrameSample<A: Element>: sealed::Sealed<A> {}

pub(crate) mod sealed {
    use super::*;

    pub trait Sealed<A: Element>: Pod + Default + Send + Sync {
        /// Bits of an unsigned integer; `None` for `A` itself.
        const BITS: Option<u32>;

        /// Exactly the same value.
        fn to_element(self) -> A;

        /// The nearest value that there is.
        fn from_element(value: A) -> Self;

        /// Frames, read and written in the type that `A` is computed in.
        fn native<'f>(x: &'f [Self], y: &'f mut [Self]) -> Ends<'f, A::Compute>;

        /// Frames, read and written in the type that `A` is computed in with more precision.
        fn double<'f>(x: &'f [Self], y: &'f mut [Self]) -> Ends<'f, A::Double>;
    }
}

/// What is done with the channels of pixels as they are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pixels {
    /// Channels; of two or four the last is alpha.
    pub channels: usize,
    /// Whether colours are multiplied by alpha, and divided by it.
    pub weighed: bool,
    /// Whether they are stored multiplied by it.
    pub premultiplied: bool,
    /// Whether colours are read as linear light.
    pub decoded: bool,
    /// Whether they are written as levels of it.
    pub encoded: bool,
}

impl Pixels {
    /// Channels that are filtered as they are stored.
    pub(crate) fn plain(channels: usize) -> Self {
        Self { channels, weighed: false, premultiplied: false, decoded: false, encoded: false }
    }
}

/// Both ends of a convolution.
pub(crate) type Ends<'f, C> = (Input<'f, C>, Output<'f, C>);

/// Both ends of a convolution in a type that holds what is stored.
fn ends<'f, T: Pod, C: Pod + Wider<T>>(x: &'f [T], y: &'f mut [T]) -> Ends<'f, C> {
    (Input::of(x), Output::of(y))
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

    fn native<'f>(x: &'f [A], y: &'f mut [A]) -> Ends<'f, A::Compute> {
        ends(x, y)
    }

    fn double<'f>(x: &'f [A], y: &'f mut [A]) -> Ends<'f, A::Double> {
        ends(x, y)
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

            fn native<'f>(x: &'f [Self], y: &'f mut [Self]) -> Ends<'f, f32> {
                ends(x, y)
            }

            fn double<'f>(x: &'f [Self], y: &'f mut [Self]) -> Ends<'f, <f32 as Number>::Double> {
                ends(x, y)
            }
        }
    )*};
}

integer!(u8, u16);
