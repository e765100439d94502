//! Inputs, and which contenders there are for their types.

use bytemuck::{Pod, Zeroable};
use convolve::Element;
use ndarray::ArrayD;
use num_complex::Complex;

use crate::contender::Contender;
#[cfg(feature = "gpu")]
use crate::gpu;
use crate::{imageproc, ndarray_conv, ours, pictures};

/// An input and a kernel.
pub struct Case<A> {
    pub x: ArrayD<A>,
    pub k: ArrayD<A>,
}

/// A case of any type.
pub trait AnyCase {
    /// The contender of this name, for instance `ours:auto` or `ndarray-conv:fft`.
    fn contender(&self, name: &str) -> Result<Box<dyn Contender>, String>;
}

impl<A: Compared> AnyCase for Case<A> {
    fn contender(&self, name: &str) -> Result<Box<dyn Contender>, String> {
        match name.split_once(':') {
            Some(("ours", method)) => ours::contender(self, method),
            #[cfg(feature = "gpu")]
            Some(("gpu", way)) => gpu::contender(self, way),
            #[cfg(not(feature = "gpu"))]
            Some(("gpu", _)) => Err("this build has no GPU support (feature `gpu`)".into()),
            Some((library, way)) => A::peer(self, library, way),
            None => Err(format!("{name:?} is not LIBRARY:WAY")),
        }
    }
}

/// An element and the other libraries that take it.
pub trait Compared: Element + Pod {
    /// Another library's contender.
    fn peer(case: &Case<Self>, library: &str, way: &str) -> Result<Box<dyn Contender>, String>;
}

fn absent(library: &str, way: &str) -> Result<Box<dyn Contender>, String> {
    Err(format!("{library} has no {way} for this type"))
}

impl Compared for f32 {
    fn peer(case: &Case<Self>, library: &str, way: &str) -> Result<Box<dyn Contender>, String> {
        match (library, way) {
            ("ndarray-conv", "direct") => ndarray_conv::direct(case),
            ("ndarray-conv", "fft") => ndarray_conv::fft(case),
            ("ndarray-conv", "fft on threads") => ndarray_conv::fft_on_threads(case),
            ("imageproc", "filter") => imageproc::filter(case),
            ("imageproc", "separable") => imageproc::separable(case),
            _ => absent(library, way),
        }
    }
}

/// Types whose transforms ndarray-conv has, and whose pixels imageproc has not.
macro_rules! with_transforms {
    ($($element:ty),*) => {$(
        impl Compared for $element {
            fn peer(
                case: &Case<Self>,
                library: &str,
                way: &str,
            ) -> Result<Box<dyn Contender>, String> {
                match (library, way) {
                    ("ndarray-conv", "direct") => ndarray_conv::direct(case),
                    ("ndarray-conv", "fft") => ndarray_conv::fft(case),
                    ("ndarray-conv", "fft on threads") => ndarray_conv::fft_on_threads(case),
                    _ => absent(library, way),
                }
            }
        }
    )*};
}
with_transforms!(f64, Complex<f32>);

macro_rules! integers {
    ($($element:ty),*) => {$(
        impl Compared for $element {
            fn peer(
                case: &Case<Self>,
                library: &str,
                way: &str,
            ) -> Result<Box<dyn Contender>, String> {
                match (library, way) {
                    ("ndarray-conv", "direct") => ndarray_conv::direct(case),
                    _ => absent(library, way),
                }
            }
        }
    )*};
}
integers!(i16, i32, u8);

/// A file of raw samples and their shape, as `2048,2048`.
type Source<'a> = (&'a str, &'a str);

/// Reads an input and a kernel, the type of which has NumPy's name.
pub fn read(dtype: &str, x: Source<'_>, k: Source<'_>) -> Result<Box<dyn AnyCase>, String> {
    match dtype {
        "float32" => case::<f32>(x, k),
        "float64" => case::<f64>(x, k),
        "complex64" => case::<Complex<f32>>(x, k),
        "int16" => case::<i16>(x, k),
        "int32" => case::<i32>(x, k),
        "uint8" => case::<u8>(x, k),
        _ => Err(format!("no contender takes {dtype}")),
    }
}

/// Reads a picture and a kernel of `f32`.
pub fn read_picture(
    dtype: &str,
    x: Source<'_>,
    k: Source<'_>,
    sigma: Option<f64>,
) -> Result<Box<dyn AnyCase>, String> {
    match dtype {
        "uint8" => pictures::case::<u8>(array(x)?, array(k)?, sigma),
        "uint16" => pictures::case::<u16>(array(x)?, array(k)?, sigma),
        _ => Err(format!("no picture has samples of {dtype}")),
    }
}

fn case<A: Compared>(x: Source<'_>, k: Source<'_>) -> Result<Box<dyn AnyCase>, String> {
    Ok(Box::new(Case::<A> { x: array(x)?, k: array(k)? }))
}

fn array<A: Pod + Zeroable>((file, shape): Source<'_>) -> Result<ArrayD<A>, String> {
    let bytes = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let shape: Vec<usize> = shape
        .split(',')
        .map(|n| n.parse().map_err(|_| format!("{shape:?} is not a shape")))
        .collect::<Result<_, _>>()?;
    let samples = bytemuck::pod_collect_to_vec(&bytes);
    ArrayD::from_shape_vec(shape, samples).map_err(|error| format!("{file}: {error}"))
}
