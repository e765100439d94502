//! Samples of height x width x channels, of types that pictures of the `image` crate cannot have.

use anyhow::{Context, Result};
use convolve::Element;
use image::metadata::Orientation;
use ndarray::{Array2, Array3, Axis, s};

use crate::dtype::{DType, Value};

/// Channels without alpha.
#[derive(Clone, Debug, PartialEq)]
pub enum Raster {
    I8(Array3<i8>),
    I16(Array3<i16>),
    I32(Array3<i32>),
    U8(Array3<u8>),
    U16(Array3<u16>),
    U32(Array3<u32>),
    F32(Array3<f32>),
    F64(Array3<f64>),
}

/// Evaluates an expression with the samples of a raster, of whatever type.
#[macro_export]
macro_rules! with_samples {
    ($raster:expr, |$samples:ident| $value:expr) => {{
        use $crate::raster::Raster::*;
        match $raster {
            I8($samples) => $value,
            I16($samples) => $value,
            I32($samples) => $value,
            U8($samples) => $value,
            U16($samples) => $value,
            U32($samples) => $value,
            F32($samples) => $value,
            F64($samples) => $value,
        }
    }};
}

impl Raster {
    pub fn dim(&self) -> (usize, usize, usize) {
        with_samples!(self, |samples| samples.dim())
    }

    pub fn dtype(&self) -> DType {
        match self {
            Self::I8(_) => DType::I8,
            Self::I16(_) => DType::I16,
            Self::I32(_) => DType::I32,
            Self::U8(_) => DType::U8,
            Self::U16(_) => DType::U16,
            Self::U32(_) => DType::U32,
            Self::F32(_) => DType::F32,
            Self::F64(_) => DType::F64,
        }
    }

    /// The way up that it should be seen.
    pub fn oriented(self, orientation: Orientation) -> Self {
        match self {
            Self::I8(samples) => Self::I8(turned(samples, orientation)),
            Self::I16(samples) => Self::I16(turned(samples, orientation)),
            Self::I32(samples) => Self::I32(turned(samples, orientation)),
            Self::U8(samples) => Self::U8(turned(samples, orientation)),
            Self::U16(samples) => Self::U16(turned(samples, orientation)),
            Self::U32(samples) => Self::U32(turned(samples, orientation)),
            Self::F32(samples) => Self::F32(turned(samples, orientation)),
            Self::F64(samples) => Self::F64(turned(samples, orientation)),
        }
    }
}

/// The rows and columns in another order; samples stay where they are in memory.
fn turned<A>(mut samples: Array3<A>, orientation: Orientation) -> Array3<A> {
    use Orientation::*;
    if matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH) {
        samples.swap_axes(0, 1);
    }
    if matches!(orientation, FlipVertical | Rotate180 | Rotate270 | Rotate270FlipH) {
        samples.invert_axis(Axis(0));
    }
    if matches!(orientation, FlipHorizontal | Rotate180 | Rotate90 | Rotate270FlipH) {
        samples.invert_axis(Axis(1));
    }
    samples
}

/// A channel in the type that is computed in, which holds its samples exactly.
pub fn channel<A: Value, C: Value>(samples: &Array3<A>, channel: usize) -> Result<Array2<C>> {
    let samples = samples.slice(s![.., .., channel]);
    let mut converted: Vec<C> = allocate(samples.len())?;
    for (to, &from) in converted.iter_mut().zip(samples) {
        *to = C::from_complex(real(from).into());
    }
    Ok(Array2::from_shape_vec(samples.raw_dim(), converted)?)
}

/// Samples as a type stores them.
pub fn stored_in<C: Value, A: Value>(samples: &Array3<C>) -> Result<Array3<A>> {
    let mut converted: Vec<A> = allocate(samples.len())?;
    converted.iter_mut().zip(samples).for_each(|(to, &from)| *to = stored(real(from)));
    Ok(Array3::from_shape_vec(samples.raw_dim(), converted)?)
}

/// Memory for so many samples, or an error where there is none.
pub fn allocate<A: Value>(len: usize) -> Result<Vec<A>> {
    collected(len, std::iter::repeat_n(A::default(), len))
}

/// So many values, or an error where there is no memory for them.
pub fn collected<T>(len: usize, values: impl Iterator<Item = T>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    all.try_reserve_exact(len).with_context(|| format!("no memory for {len} samples"))?;
    all.extend(values);
    Ok(all)
}

/// What a type of samples is called.
pub fn name<A: Value>(_: &Array3<A>) -> String {
    A::DTYPE.to_string()
}

/// The brightest sample: the largest integer, or one.
pub fn white<A: Value>(_: &Array3<A>) -> f64 {
    // The largest one saturates.
    if A::DTYPE.is_integer() { real(stored::<A>(f64::MAX)) } else { 1.0 }
}

/// A number as a type stores it: rounded to the nearest integer and saturated, where it has no
/// fractions; NaN is 0 then.
pub fn stored<A: Element>(value: f64) -> A {
    let value = if A::DTYPE.is_integer() { value.round_ties_even() } else { value };
    A::from_complex(value.into())
}

/// The number that a real sample is.
pub fn real<A: Element>(sample: A) -> f64 {
    sample.to_complex().re
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{DynamicImage, GrayImage, Luma};

    #[test]
    fn orientations_are_those_of_pictures() {
        let picture = GrayImage::from_fn(3, 2, |x, y| Luma([(10 * x + y) as u8]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut expected = DynamicImage::from(picture.clone());
            expected.apply_orientation(orientation);
            let samples = Array3::from_shape_fn((2, 3, 1), |(y, x, _)| (10 * x + y) as u8);
            let turned = turned(samples, orientation);
            let (height, width, _) = turned.dim();
            assert_eq!((width as u32, height as u32), (expected.width(), expected.height()));
            let turned: Vec<u8> = turned.iter().copied().collect();
            assert_eq!(turned, expected.as_bytes(), "{exif}");
        }
    }

    #[test]
    fn integers_are_rounded_and_saturated_once() {
        let bytes = [-1.0, 0.5, 1.5, 254.6, 1e9, f64::NAN].map(stored::<u8>);
        assert_eq!(bytes, [0, 0, 2, 255, 255, 0]);
        assert_eq!([-0.5, -1.5, -1e9].map(stored::<i16>), [0, -2, i16::MIN]);
        assert_eq!(stored::<f32>(-0.5), -0.5);
        assert_eq!(white(&Array3::<u16>::zeros((0, 0, 0))), 65_535.0);
        assert_eq!(white(&Array3::<i8>::zeros((0, 0, 0))), 127.0);
        assert_eq!(white(&Array3::<f32>::zeros((0, 0, 0))), 1.0);
    }
}
