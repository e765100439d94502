//! Pictures of every kind that can be read: what comes out does not depend on what holds the samples.

use super::*;
use crate::face::picture::source::PictureSample;
use crate::face::picture::view::PictureView;
use crate::kernel::builtin::Derivatives;
use crate::prove::check::Check;
use crate::words::{Light, Method, Signed, Tolerance};
use ::image::{Pixel, RgbImage, imageops};
use ndarray::Axis;

/// A picture within a larger one whose other samples are not those of the picture, and its view.
fn in_a_larger_one<P: Pixel<Subpixel: PictureSample>>(
    picture: &ImageBuffer<P, Vec<P::Subpixel>>,
    other: P,
) -> ImageBuffer<P, Vec<P::Subpixel>> {
    let (width, height) = picture.dimensions();
    ImageBuffer::from_fn(width + 7, height + 5, |x, y| match (x.checked_sub(3), y.checked_sub(4)) {
        (Some(x), Some(y)) if x < width && y < height => *picture.get_pixel(x, y),
        _ => other,
    })
}

/// Checks that every way of holding these samples gives the same results.
fn check<P>(picture: &ImageBuffer<P, Vec<P::Subpixel>>, other: P)
where
    P: Pixel<Subpixel: PictureSample + PartialEq> + PartialEq + std::fmt::Debug,
{
    let (width, height) = picture.dimensions();
    let large = in_a_larger_one(picture, other);
    let view = PictureView::from(&large).cropped(3, 4, width, height).unwrap();
    let part = imageops::crop_imm(&large, 3, 4, width, height);
    let borrowed =
        ImageBuffer::<P, &[P::Subpixel]>::from_raw(width, height, picture.as_raw()).unwrap();
    let kernels = [filters::gaussian::<f32>(1.3).unwrap(), filters::sobel_x().unwrap()];
    for kernel in &kernels {
        for method in [Method::Direct, Method::Separable, Method::Fft] {
            for light in [Light::AsStored, Light::Linear] {
                let builder = cpu().picture_filter(kernel).method(method).light(light);
                let filter = builder.for_picture(picture).unwrap();
                let expected = filter.apply(picture).unwrap();
                let what = format!("{method} {light:?} {:?}", expected.get_pixel(0, 0));
                assert!(filter.apply(&view).unwrap() == expected, "{what}");
                assert!(filter.apply(&part).unwrap() == expected, "{what}");
                assert!(filter.apply(&borrowed).unwrap() == expected, "{what}");
                let mut result = picture.clone();
                filter.apply_into(&view, &mut result).unwrap();
                assert!(result == expected, "{what}");
                let mut samples = vec![P::Subpixel::default(); picture.as_raw().len() + 9];
                let mut into =
                    ImageBuffer::<P, _>::from_raw(width, height, &mut samples[..]).unwrap();
                filter.apply_into(&borrowed, &mut into).unwrap();
                assert!(into.pixels().eq(expected.pixels()), "{what}");
                let numbers = filter.apply_unrounded(picture).unwrap();
                assert_eq!(filter.apply_unrounded(&view).unwrap(), numbers, "{what}");
                assert!(filter.verify(&view).unwrap().agrees(), "{what}");
                let again = builder.for_pictures_of::<P>(width, height).unwrap();
                let again = again.signed(Signed::Absolute);
                assert!(again.apply(&view).unwrap() == again.apply(picture).unwrap(), "{what}");
                assert!(filter.profile(&view).is_ok());
                // Results that are checked go another way.
                let checked = builder.check(Check::Sampled(9)).for_picture(&view).unwrap();
                assert!(checked.apply(&view).unwrap() == checked.apply(picture).unwrap(), "{what}");
            }
        }
    }
    let [right, down] = Derivatives::Sobel.kernels().unwrap();
    let gradient = cpu().picture_filter(&right).gradient(&down).for_picture(&view).unwrap();
    let expected = gradient.apply(picture).unwrap();
    assert!(gradient.apply(&view).unwrap() == expected);
    let mut result = picture.clone();
    gradient.apply_into(&view, &mut result).unwrap();
    assert!(result == expected);
    let unsharp = cpu().picture_filter(&kernels[0]).unsharp(0.7, 0.0).for_picture(&view).unwrap();
    let expected = unsharp.apply(picture).unwrap();
    unsharp.apply_into(&view, &mut result).unwrap();
    assert!(result == expected && unsharp.apply(&part).unwrap() == expected);
}

#[test]
fn what_holds_the_samples_does_not_matter() {
    for picture in pictures() {
        match picture {
            DynamicImage::ImageLuma8(picture) => check(&picture, Luma([255])),
            DynamicImage::ImageLumaA8(picture) => check(&picture, LumaA([9, 1])),
            DynamicImage::ImageRgb8(picture) => check(&picture, Rgb([255, 1, 9])),
            DynamicImage::ImageRgba8(picture) => check(&picture, Rgba([255, 1, 9, 0])),
            DynamicImage::ImageRgb16(picture) => check(&picture, Rgb([65_535, 1, 9])),
            DynamicImage::ImageRgb32F(picture) => check(&picture, Rgb([f32::NAN; 3])),
            DynamicImage::ImageRgba32F(picture) => check(&picture, Rgba([f32::NAN; 4])),
            _ => {}
        }
    }
}

/// `DynamicImage` has no such pictures.
/// Rows with gaps between them, which are read as they are stored.
#[test]
fn what_holds_the_samples_does_not_matter_to_coarser_grids() {
    let picture = RgbImage::from_fn(150, 90, |x, y| ::image::Rgb([x, y, x * y].map(|v| v as u8)));
    let large = in_a_larger_one(&picture, ::image::Rgb([9; 3]));
    let view = PictureView::from(&large).cropped(3, 4, 150, 90).unwrap();
    let kernel = filters::gaussian::<f32>(8.0).unwrap();
    let builder = cpu().picture_filter(&kernel).tolerance(Tolerance::Levels(0.5));
    let filter = builder.method(Method::Coarse).for_picture(&picture).unwrap();
    assert!(filter.apply(&view).unwrap() == filter.apply(&picture).unwrap());
    assert!(filter.verify(&view).unwrap().agrees());
}

#[test]
fn greys_in_floating_point_are_arrays() {
    let picture = ImageBuffer::from_fn(31, 22, |x, y| Luma([f32::from(noise(x, y, 0)) / 7.0]));
    check(&picture, Luma([f32::NAN]));
    let kernel = filters::gaussian::<f32>(1.1).unwrap();
    let blurred = cpu().picture_filter(&kernel).for_picture(&picture).unwrap();
    let blurred = blurred.apply(&picture).unwrap();
    let x = Array2::from_shape_vec((22, 31), picture.into_raw()).unwrap();
    let filter = cpu().filter(&kernel).boundary(Boundary::Mirror).for_shape((22, 31)).unwrap();
    let expected = filter.apply(&x).unwrap();
    let off = blurred.as_raw().iter().zip(&expected).map(|(a, b)| (a - b).abs());
    assert!(off.fold(0.0, f32::max) < 1e-5);
}

#[test]
fn views_that_are_no_pictures_are_errors() {
    let samples = [0u8; 100];
    let view = PictureView::<Rgb<u8>>::new(&samples, 4, 5, 20).unwrap();
    assert_eq!(view.dimensions(), (4, 5));
    // The last row needs no gap behind it.
    assert!(PictureView::<Rgb<u8>>::new(&samples[..92], 4, 5, 20).is_ok());
    for (len, pitch) in [(91, 20), (100, 11), (100, usize::MAX)] {
        let error = PictureView::<Rgb<u8>>::new(&samples[..len], 4, 5, pitch).unwrap_err();
        assert!(matches!(error, Error::Pitch { row: 12, .. }), "{error}");
        assert!(error.to_string().contains(&format!("a pitch of {pitch} and {len} samples")));
    }
    for (x, y, width, height) in [(1, 0, 4, 5), (0, 1, 4, 5), (u32::MAX, 0, 2, 2)] {
        let error = view.cropped(x, y, width, height).unwrap_err().to_string();
        assert!(error.contains("expected one within 4 x 5 pixels"), "{error}");
    }
    // A pitch that no row follows may be any.
    let pixel = PictureView::<Rgb<u8>>::new(&samples, 1, 1, usize::MAX).unwrap();
    assert_eq!(pixel.cropped(1, 1, 0, 0).unwrap().dimensions(), (0, 0));
    let picture = RgbImage::new(8, 8);
    let outside = ::image::SubImage::new(&picture, 4, 4, 5, 4);
    let filter = cpu().picture_filter(&filters::identity().unwrap());
    assert!(matches!(filter.for_picture(&outside), Err(Error::TooLarge { .. })));
    let none = view.cropped(4, 5, 0, 0).unwrap();
    assert!(matches!(filter.for_picture(&none), Err(Error::Empty { .. })));
    let planned = filter.for_picture(&picture).unwrap();
    let mut deep = DynamicImage::new_rgb16(8, 8);
    let error = planned.apply_into(&picture, &mut deep).unwrap_err();
    assert!(matches!(error, Error::ResultType { .. }), "{error}");
    assert!(matches!(planned.apply(&view), Err(Error::Shape { what: "input", .. })));
}

#[test]
fn colour_spaces_stay() {
    use ::image::metadata::Cicp;
    let mut picture = RgbImage::new(8, 8);
    picture.set_color_space(Cicp::DISPLAY_P3).unwrap();
    let blur =
        cpu().picture_filter(&filters::gaussian(1.0).unwrap()).for_picture(&picture).unwrap();
    let whole = PictureView::from(&picture).cropped(0, 0, 8, 8).unwrap();
    let mut into = DynamicImage::new_rgb8(8, 8);
    blur.apply_into(&whole, &mut into).unwrap();
    let spaces =
        [blur.apply(&picture).unwrap().color_space(), blur.apply(&whole).unwrap().color_space()];
    assert_eq!((spaces, into.color_space()), ([Cicp::DISPLAY_P3; 2], Cicp::DISPLAY_P3));
}

#[test]
fn one_row_of_a_larger_picture_is_read_as_an_array() {
    let picture = RgbImage::from_fn(40, 9, |x, y| Rgb([0, 1, 2].map(|c| noise(x, y, c))));
    let view = PictureView::from(&picture).cropped(5, 3, 30, 1).unwrap();
    let blur = cpu().picture_filter(&arr2(&[[0.25f32, 0.5, 0.25]])).for_picture(&view).unwrap();
    let row = blur.apply(&view).unwrap();
    let numbers = blur.apply_unrounded(&view).unwrap();
    assert_eq!(row.dimensions(), (30, 1));
    let red = |x: u32| f32::from(noise(x, 3, 0));
    let exact = 0.25 * red(9) + 0.5 * red(10) + 0.25 * red(11);
    assert_eq!(numbers.index_axis(Axis(0), 0)[[5, 0]], exact);
    assert_eq!(row[(5, 0)].0[0], exact.round_ties_even() as u8);
}
