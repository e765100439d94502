//! Pictures against a loop over their pixels.

mod alpha;
mod buffers;
mod bytes;
mod place;
mod signed;

use super::*;
use crate::error::Error;
use crate::kernel::builtin as filters;
use crate::words::{Device, Mode};
use ::image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, Rgba, RgbaImage};
use ndarray::{Array2, arr2};

fn cpu() -> Convolver {
    Convolver::builder().gpu(false).build()
}

fn noise(x: u32, y: u32, c: u32) -> u8 {
    ((x * 977 + y * 4001 + c * 313 + x * y * 7) % 256) as u8
}

/// Of all types, large enough for several blocks; with alpha that varies.
fn pictures() -> Vec<DynamicImage> {
    pictures_of(noise)
}

/// The same of these samples, of which a place and a channel are known.
fn pictures_of(sample: impl Fn(u32, u32, u32) -> u8) -> Vec<DynamicImage> {
    let picture = RgbaImage::from_fn(61, 47, |x, y| Rgba([0, 1, 2, 3].map(|c| sample(x, y, c))));
    let picture = DynamicImage::from(picture);
    vec![
        picture.to_luma8().into(),
        picture.to_luma_alpha8().into(),
        picture.to_rgb8().into(),
        picture.to_luma16().into(),
        picture.to_luma_alpha16().into(),
        picture.to_rgb16().into(),
        picture.to_rgba16().into(),
        picture.to_rgb32f().into(),
        picture.to_rgba32f().into(),
        picture,
    ]
}

fn ramp() -> DynamicImage {
    GrayImage::from_fn(7, 5, |x, y| Luma([(20 * x + 3 * y) as u8])).into()
}

fn kernel(taps: [[f32; 3]; 3]) -> Array2<f32> {
    arr2(&taps)
}

#[test]
fn rounds_and_saturates_once() {
    let picture: DynamicImage = GrayImage::from_raw(4, 1, vec![10, 200, 255, 3]).unwrap().into();
    let apply = |taps: &[[f32; 3]; 1]| {
        cpu().picture_filter(&arr2(taps)).for_picture(&picture)?.apply(&picture)
    };
    // Intermediate sums beyond 255 must survive: 2 * 255 - 200 - 3 = 307 saturates, and
    // halved it is 153.5, a tie, which goes to even.
    let sharp = apply(&[[-1.0, 2.0, -1.0]]).unwrap();
    assert_eq!(sharp.as_bytes(), [0, 135, 255, 0]);
    let half = apply(&[[-0.5, 1.0, -0.5]]).unwrap();
    assert_eq!(half.as_bytes(), [0, 68, 154, 0]);
}

#[test]
fn a_result_is_stored_where_it_is_to_be() {
    let taps = filters::gaussian::<f32>(1.3).unwrap();
    // A kernel that keeps constants, and one that has alpha carried over.
    for taps in [taps, filters::sobel_x().unwrap()] {
        for picture in &pictures() {
            for mode in [Mode::Same, Mode::Full] {
                let filter = cpu().picture_filter(&taps).mode(mode).for_picture(picture).unwrap();
                let expected = filter.apply(picture).unwrap();
                let mut result =
                    DynamicImage::new(expected.width(), expected.height(), picture.color());
                let place = result.as_bytes().as_ptr();
                filter.apply_into(picture, &mut result).unwrap();
                assert_eq!((&result, result.as_bytes().as_ptr()), (&expected, place));
            }
        }
    }
}

#[test]
fn a_result_that_does_not_fit_is_left_as_it_is() {
    let picture = ramp();
    let blur = kernel([[1.0; 3]; 3]);
    let blur = cpu().picture_filter(&blur).mode(Mode::Full).for_picture(&picture).unwrap();
    let before = DynamicImage::new_rgb8(9, 7);
    let mut other = before.clone();
    let error = blur.apply_into(&picture, &mut other).unwrap_err();
    assert!(matches!(error, Error::ResultType { .. }), "{error}");
    let words = "the result is a picture of type L8, and was to be stored in one of type Rgb8";
    assert_eq!((error.to_string(), &other), (words.into(), &before));
    let mut small = DynamicImage::new_luma8(7, 5);
    let error = blur.apply_into(&picture, &mut small).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "output", .. }), "{error}");
    assert_eq!(small, DynamicImage::new_luma8(7, 5));
    let error = blur.apply_into(&DynamicImage::new_luma8(9, 7), &mut small).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "input", .. }), "{error}");
}

#[test]
fn mirrors_unless_told_otherwise() {
    let picture = ramp();
    let left = kernel([[0.0; 3], [0.0, 0.0, 1.0], [0.0; 3]]);
    let shifted = cpu().picture_filter(&left).for_picture(&picture).unwrap();
    let shifted = shifted.apply(&picture).unwrap().into_luma8();
    // A convolution with a tap on the right reads one to the left: column 0 sees column 1.
    assert_eq!((shifted[(0, 0)].0, shifted[(6, 2)].0), ([20], [106]));
    let constant = cpu().picture_filter(&left).boundary([Boundary::Zero, Boundary::Constant(77.0)]);
    let constant = constant.for_picture(&picture).unwrap().apply(&picture).unwrap();
    assert_eq!(constant.into_luma8()[(0, 3)].0, [77]);
}

#[test]
fn channels_do_not_mix_and_types_stay() {
    let taps = filters::gaussian::<f32>(0.6).unwrap();
    let value = |x: u32, y: u32, c: u32| (x * 977 + y * 4001 + c * 313) % 60_000;
    let rgb = ImageBuffer::from_fn(9, 8, |x, y| Rgb([0, 1, 2].map(|c| value(x, y, c) as u16)));
    let blurred = cpu().picture_filter(&taps).for_picture(&rgb).unwrap();
    assert_eq!(blurred.plan().problem.input, [8, 9, 3]);
    let blurred = blurred.apply(&DynamicImage::ImageRgb16(rgb)).unwrap();
    let DynamicImage::ImageRgb16(blurred) = blurred else { panic!("{:?}", blurred.color()) };
    for c in 0..3 {
        let grey: ImageBuffer<Luma<u16>, _> =
            ImageBuffer::from_fn(9, 8, |x, y| Luma([value(x, y, c) as u16]));
        let grey = DynamicImage::ImageLuma16(grey);
        let alone = cpu().picture_filter(&taps).for_picture(&grey).unwrap().apply(&grey).unwrap();
        for (x, y, pixel) in alone.into_luma16().enumerate_pixels() {
            let together = blurred[(x, y)].0[c as usize];
            assert!(pixel.0[0].abs_diff(together) <= 1, "{x} {y} {c}");
        }
    }
}

#[test]
fn float_pixels_are_left_as_they_come_out() {
    let picture = ImageBuffer::from_pixel(3, 3, Rgb([-2.5f32, 1e6, 0.25]));
    let picture = DynamicImage::ImageRgb32F(picture);
    let double = arr2(&[[2.0f32]]);
    let doubled = cpu().picture_filter(&double).for_picture(&picture).unwrap();
    let doubled = doubled.apply(&picture).unwrap();
    assert_eq!(doubled.as_rgb32f().unwrap()[(1, 1)].0, [-5.0, 2e6, 0.5]);
}

#[test]
fn results_that_are_not_rounded_keep_sign_and_fraction() {
    let picture: DynamicImage = GrayImage::from_raw(4, 1, vec![10, 200, 255, 3]).unwrap().into();
    let filter = cpu().picture_filter(&arr2(&[[-0.5, 1.0, -0.5]])).for_picture(&picture);
    let y = filter.unwrap().apply_unrounded(&picture).unwrap();
    assert_eq!(y.into_raw_vec_and_offset().0, [-190.0, 67.5, 153.5, -252.0]);
    let alpha = DynamicImage::from(ImageBuffer::from_pixel(5, 4, LumaA([9u8, 77])));
    let sobel = cpu().picture_filter(&filters::sobel_x().unwrap()).for_picture(&alpha).unwrap();
    let y = sobel.apply_unrounded(&alpha).unwrap();
    assert_eq!((y.dim(), y[[1, 2, 0]], y[[1, 2, 1]]), ((4, 5, 2), 0.0, 77.0));
    let blur = cpu().picture_filter(&filters::box_mean(3).unwrap()).for_picture(&alpha).unwrap();
    let y = blur.apply_unrounded(&alpha).unwrap();
    assert!((y[[1, 2, 0]] - 9.0).abs() < 1e-5 && (y[[1, 2, 1]] - 77.0).abs() < 1e-4);
}

#[test]
fn wrong_pictures_and_options_are_errors() {
    let rgba = ImageBuffer::from_pixel(7, 5, Rgba([1u8; 4]));
    let filter = || cpu().picture_filter(&filters::gaussian(0.5).unwrap());
    let planned = filter().for_picture(&ramp()).unwrap();
    assert!(matches!(planned.apply(&rgba), Err(Error::Shape { .. })));
    let three = filter().stride([1, 2, 1]).for_picture(&ramp());
    assert!(matches!(three, Err(Error::PerAxis { expected: 2, got: 3, .. })), "{three:?}");
    let empty = filter().for_picture(&GrayImage::new(0, 4));
    assert!(matches!(empty, Err(Error::Empty { .. })), "{empty:?}");
}

#[test]
fn valid_needs_a_picture_that_covers_the_kernel() {
    // 7 wide, 5 high, in grey and in colour; with a boundary of zero a grey picture and its
    // kernel could change places.
    let valid = |rows, columns, dilation: [usize; 2], picture: &DynamicImage| {
        let ones = Array2::<f32>::ones((rows, columns));
        let filter = cpu().picture_filter(&ones).boundary(Boundary::Zero).mode(Mode::Valid);
        filter.dilation(dilation).for_picture(picture).map(|filter| filter.output_size())
    };
    for picture in [ramp(), ramp().into_rgb8().into(), ramp().into_luma_alpha16().into()] {
        assert_eq!(valid(5, 7, [1, 1], &picture), Ok((1, 1)));
        assert_eq!(valid(3, 4, [2, 2], &picture), Ok((1, 1)));
        for (rows, columns) in [(9, 9), (6, 2), (2, 8)] {
            let said = valid(rows, columns, [1, 1], &picture).unwrap_err().to_string();
            let sizes = format!("a picture of 5 x 7 and a kernel of {rows} x {columns} (");
            assert!(said.contains(&sizes), "{said}");
        }
        let said = valid(4, 4, [2, 1], &picture).unwrap_err().to_string();
        assert!(said.contains("a dilated kernel of 7 x 4 (height x width)"), "{said}");
        let zero = valid(9, 9, [1, 0], &picture);
        assert!(matches!(zero, Err(Error::ZeroStep { .. })), "{zero:?}");
    }
}

#[test]
fn verifies_on_the_samples() {
    let filter = cpu().picture_filter(&filters::disk(2.0).unwrap()).device(Device::Cpu);
    let report = filter.for_picture(&ramp()).unwrap().verify(&ramp()).unwrap();
    assert!(report.agrees(), "{report}");
    assert!(report.agrees() && report.outputs == 35, "{report}");
}
