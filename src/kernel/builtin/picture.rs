//! Kernels from pictures.

use ::image::DynamicImage;
use ndarray::Array2;

use super::built_in::{TAPS, check_taps, rounded};
use super::parameter;
use crate::element::Element;
use crate::error::Result;
use crate::util::memory;

const PICTURE: &str = "picture";

/// A picture as a kernel, such as the picture of a point of light: its grey levels, scaled to sum to one. A
/// point in what is filtered becomes this picture, the right way round, about its middle (with an even
/// number of pixels, the one before it).
///
/// Colours are made grey as the `image` crate does, and count by their alpha, if they have one. Levels are
/// taken as they are, linear or not.
///
/// ```
/// use image::{DynamicImage, GrayImage, Luma};
///
/// let ring = GrayImage::from_fn(9, 9, |x, y| {
///     let r = (x as f32 - 4.0).hypot(y as f32 - 4.0);
///     Luma([if (2.5..4.0).contains(&r) { 200 } else { 0 }])
/// });
/// let kernel = convolve::filters::from_picture::<f32>(&DynamicImage::from(ring))?;
/// assert_eq!(kernel.dim(), (9, 9));
/// assert!((kernel.sum() - 1.0).abs() < 1e-6 && kernel[[4, 4]] == 0.0);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where the picture is black, has samples that
/// are not finite or below zero, or more than [`MAX_TAPS`](super::MAX_TAPS) pixels, and for integer element
/// types.
pub fn from_picture<A: Element>(picture: &DynamicImage) -> Result<Array2<A>> {
    let shape = [picture.height() as usize, picture.width() as usize];
    check_taps(PICTURE, &shape)?;
    let grey = match picture.color().has_alpha() {
        false => {
            let grey = picture.to_luma32f().into_raw();
            memory::collected(grey.iter().map(|&grey| f64::from(grey)), grey.len(), TAPS)?
        }
        true => {
            // From what stands beside its alpha, in as many digits as there are.
            let pixels = picture.to_rgba32f();
            let alpha = pixels.pixels().map(|pixel| f64::from(pixel.0[3]));
            let grey = picture.to_luma32f().into_raw();
            let len = grey.len();
            let weighed = alpha.zip(grey).map(|(alpha, grey)| alpha * f64::from(grey));
            memory::collected(weighed, len, TAPS)?
        }
    };
    let sum: f64 = grey.iter().sum();
    if let Some(wrong) = grey.iter().find(|level| !level.is_finite() || **level < 0.0) {
        let reason = format!("expected levels of at least 0, got one of {wrong}");
        return Err(parameter(PICTURE, reason));
    }
    if sum <= 0.0 {
        return Err(parameter(PICTURE, "expected something that is not black".into()));
    }
    let taps = Array2::from_shape_vec(shape, grey).expect("one grey level for each pixel");
    rounded(PICTURE, taps / sum)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::image::{ImageBuffer, LumaA, Rgb32FImage, RgbImage};

    #[test]
    fn levels_become_taps() {
        let picture = |levels: Vec<u8>| {
            DynamicImage::from(::image::GrayImage::from_raw(3, 2, levels).expect("as many"))
        };
        let kernel = from_picture::<f64>(&picture(vec![0, 1, 2, 3, 0, 4])).unwrap();
        let expected = ndarray::arr2(&[[0.0, 0.1, 0.2], [0.3, 0.0, 0.4]]);
        assert!(kernel.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-7), "{kernel}");
        let error = from_picture::<f32>(&picture(vec![0; 6])).unwrap_err().to_string();
        assert!(error.contains("not black"), "{error}");
        assert!(from_picture::<u8>(&picture(vec![1; 6])).is_err());
        let with_alpha: ImageBuffer<LumaA<u8>, _> =
            ImageBuffer::from_raw(2, 1, vec![200, 51, 100, 255]).unwrap();
        let kernel = from_picture::<f64>(&DynamicImage::ImageLumaA8(with_alpha)).unwrap();
        assert!((kernel[[0, 0]] / kernel[[0, 1]] - 0.4).abs() < 1e-6, "{kernel}");
        let grey = from_picture::<f64>(&RgbImage::from_pixel(2, 2, ::image::Rgb([9; 3])).into());
        assert_eq!(grey.unwrap(), Array2::from_elem((2, 2), 0.25));
        for wrong in [f32::NAN, -1.0, f32::INFINITY] {
            let float = Rgb32FImage::from_pixel(2, 2, ::image::Rgb([wrong; 3]));
            assert!(from_picture::<f32>(&DynamicImage::ImageRgb32F(float)).is_err(), "{wrong}");
        }
    }
}
