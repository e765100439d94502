//! The crate ndarray-conv.

use bytemuck::Pod;
use ndarray::{Array, Ix1, Ix2, Ix3};
use ndarray_conv::{ConvExt, ConvFFTExt, ConvMode, GetProcessor, PaddingMode, get_fft_processor};
use num_complex::Complex;
use num_traits::NumAssign;
use rustfft::FftNum;

use crate::case::Case;
use crate::contender::{Contender, allocating};

/// An element and the real type that its transforms are made of.
pub trait Transformed: GetProcessor<Self::Real, Self> + NumAssign + Pod + Sync {
    type Real: FftNum + NumAssign;
}

impl Transformed for f32 {
    type Real = Self;
}

impl Transformed for f64 {
    type Real = Self;
}

impl Transformed for Complex<f32> {
    type Real = f32;
}

/// The crate's traits are implemented rank by rank: calls `$with` with arrays of the case's rank.
macro_rules! for_rank {
    ($case:expr, $with:ident) => {
        match $case.x.ndim() {
            1 => $with!($case, Ix1),
            2 => $with!($case, Ix2),
            3 => $with!($case, Ix3),
            rank => Err(format!("rank {rank} is not compared")),
        }
    };
}

macro_rules! arrays {
    ($case:expr, $rank:ty) => {{
        let of_rank = |array: &ndarray::ArrayD<_>| -> Result<Array<_, $rank>, String> {
            array.clone().into_dimensionality().map_err(|error| error.to_string())
        };
        (of_rank(&$case.x)?, of_rank(&$case.k)?)
    }};
}

/// The sum over all taps.
pub fn direct<A: NumAssign + Pod>(case: &Case<A>) -> Result<Box<dyn Contender>, String> {
    macro_rules! with {
        ($case:expr, $rank:ty) => {{
            let (x, k) = arrays!($case, $rank);
            Ok(allocating(move || {
                x.conv(&k, ConvMode::Same, PaddingMode::Zeros).map_err(|error| error.to_string())
            }))
        }};
    }
    for_rank!(case, with)
}

/// One transform of everything, with a planner that is kept.
pub fn fft<A: Transformed>(case: &Case<A>) -> Result<Box<dyn Contender>, String> {
    macro_rules! with {
        ($case:expr, $rank:ty) => {{
            let (x, k) = arrays!($case, $rank);
            let mut kept = get_fft_processor::<A::Real, A>();
            Ok(allocating(move || {
                x.conv_fft_with_processor(&k, ConvMode::Same, PaddingMode::Zeros, &mut kept)
                    .map_err(|error| error.to_string())
            }))
        }};
    }
    for_rank!(case, with)
}

/// One transform of everything, over threads.
pub fn fft_on_threads<A: Transformed>(case: &Case<A>) -> Result<Box<dyn Contender>, String> {
    macro_rules! with {
        ($case:expr, $rank:ty) => {{
            let (x, k) = arrays!($case, $rank);
            Ok(allocating(move || {
                x.conv_fft_par(&k, ConvMode::Same, PaddingMode::Zeros)
                    .map_err(|error| error.to_string())
            }))
        }};
    }
    for_rank!(case, with)
}
