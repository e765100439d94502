//! Signed results, gradients and unsharp masks of pictures.

use super::*;
use crate::kernel::builtin::Derivatives;

/// Samples, and what is stored as 1 in units of them.
fn samples(picture: &DynamicImage) -> Vec<f32> {
    let bytes = picture.as_bytes();
    match picture.color().bytes_per_pixel() / picture.color().channel_count() {
        1 => bytes.iter().map(|&b| b.into()).collect(),
        2 => bytes.as_chunks::<2>().0.iter().map(|&b| u16::from_ne_bytes(b).into()).collect(),
        _ => bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_ne_bytes(b)).collect(),
    }
}

fn opaque(picture: &DynamicImage) -> f32 {
    match picture.color().bytes_per_pixel() / picture.color().channel_count() {
        1 => 255.0,
        2 => 65_535.0,
        _ => 1.0,
    }
}

/// As a picture stores it.
fn stored(value: f32, opaque: f32) -> f32 {
    if opaque == 1.0 { value } else { value.clamp(0.0, opaque).round_ties_even() }
}

fn check(picture: &DynamicImage, shown: &DynamicImage, numbers: &[f32], what: &str) {
    assert_eq!((shown.color(), shown.width()), (picture.color(), picture.width()), "{what}");
    let opaque = opaque(picture);
    for (i, (shown, number)) in samples(shown).iter().zip(numbers).enumerate() {
        assert_eq!(*shown, stored(*number, opaque), "{what}: sample {i} of {:?}", picture.color());
    }
}

fn is_alpha(picture: &DynamicImage, i: usize) -> bool {
    let channels = usize::from(picture.color().channel_count());
    picture.color().has_alpha() && i % channels == channels - 1
}

#[test]
fn signed_results_are_shown_as_asked() {
    for picture in pictures() {
        for kernel in [filters::sobel_x::<f32>().unwrap(), filters::gaussian(1.0).unwrap()] {
            let filter = cpu().picture_filter(&kernel).for_picture(&picture).unwrap();
            let numbers = filter.apply_unrounded(&picture).unwrap().into_raw_vec_and_offset().0;
            let mid = if opaque(&picture) == 1.0 { 0.5 } else { (opaque(&picture) / 2.0).round() };
            let ways: [(Signed, &dyn Fn(f32) -> f32); 3] = [
                (Signed::Clip, &|sum| sum),
                (Signed::Absolute, &|sum| sum.abs()),
                (Signed::MID_GREY, &|sum| sum + mid),
            ];
            let mut filter = filter;
            for (signed, shown) in ways {
                filter = filter.signed(signed);
                let expected: Vec<f32> = numbers
                    .iter()
                    .enumerate()
                    .map(|(i, &sum)| if is_alpha(&picture, i) { sum } else { shown(sum) })
                    .collect();
                let result = filter.apply(&picture).unwrap();
                if signed != Signed::Clip {
                    check(&picture, &result, &expected, &format!("{signed:?}"));
                }
                let mut into = DynamicImage::new(result.width(), result.height(), result.color());
                filter.apply_into(&picture, &mut into).unwrap();
                assert_eq!(into, result);
            }
        }
    }
    // A level of 8 bits stands for the same one.
    let zero = DynamicImage::from(GrayImage::new(5, 5));
    let filter = cpu().picture_filter(&filters::emboss().unwrap()).for_picture(&zero).unwrap();
    let shown = filter.signed(Signed::Offset(77.0 / 255.0)).apply(&zero).unwrap();
    assert!(shown.as_bytes().iter().all(|&level| level == 77));
}

#[test]
fn gradients_of_pictures_are_lengths() {
    for picture in pictures() {
        for pair in [Derivatives::Sobel, Derivatives::Roberts, Derivatives::Gaussian(1.0)] {
            let [right, down] = pair.kernels().unwrap();
            let gradient = cpu().picture_filter(&right).gradient(&down);
            let gradient = gradient.for_picture(&picture).unwrap();
            let [a, b] = [0, 1].map(|i| gradient.parts()[i].apply_unrounded(&picture).unwrap());
            let lengths: Vec<f32> =
                a.iter()
                    .zip(&b)
                    .enumerate()
                    .map(|(i, (&a, &b))| match is_alpha(&picture, i) {
                        true => a,
                        false => (f64::from(a) * f64::from(a) + f64::from(b) * f64::from(b)).sqrt()
                            as f32,
                    })
                    .collect();
            let shown = gradient.apply(&picture).unwrap();
            check(&picture, &shown, &lengths, &pair.to_string());
            let numbers = gradient.apply_unrounded(&picture).unwrap();
            assert_eq!(numbers.into_raw_vec_and_offset().0, lengths);
            // Alpha is carried over: the middle of two taps is the first.
            for (i, (shown, sample)) in samples(&shown).iter().zip(samples(&picture)).enumerate() {
                assert!(!is_alpha(&picture, i) || pair == Derivatives::Roberts || *shown == sample);
            }
        }
    }
    let ([right, down], small) =
        (Derivatives::Sobel.kernels().unwrap(), DynamicImage::new_rgb8(4, 4));
    let gradient = cpu().picture_filter(&right).gradient(&down).for_pictures(9, 9, small.color());
    let error = gradient.unwrap().apply(&small).unwrap_err();
    assert!(matches!(error, Error::Shape { what: "input", .. }), "{error}");
}

#[test]
fn unsharp_masks_leave_alpha_and_what_is_flat() {
    for picture in pictures() {
        let unit = opaque(&picture) / 255.0;
        let taps = filters::gaussian::<f32>(1.5).unwrap();
        let unsharp = cpu().picture_filter(&taps).unsharp(0.8, f64::from(20.0 * unit));
        let unsharp = unsharp.for_picture(&picture).unwrap();
        let blurred = unsharp.blur().apply_unrounded(&picture).unwrap();
        let x = samples(&picture);
        let (mut left, mut sharpened) = (0, 0);
        let expected: Vec<f32> = x
            .iter()
            .zip(&blurred)
            .enumerate()
            .map(|(i, (&x, &blurred))| {
                let taken = f64::from(x) - f64::from(blurred);
                if is_alpha(&picture, i) || taken.abs() <= f64::from(20.0 * unit) {
                    left += 1;
                    return x;
                }
                sharpened += 1;
                (f64::from(x) + 0.8 * taken) as f32
            })
            .collect();
        assert!(left > 0 && sharpened > 0);
        check(&picture, &unsharp.apply(&picture).unwrap(), &expected, "unsharp");
        let numbers = unsharp.apply_unrounded(&picture).unwrap();
        assert_eq!(numbers.into_raw_vec_and_offset().0, expected);
    }
}

#[test]
fn in_linear_light_what_is_not_sharpened_keeps_its_level() {
    let picture = pictures().remove(2);
    let taps: Array2<f32> = filters::gaussian(1.5).unwrap();
    let blur = cpu().picture_filter(&taps).light(Light::Linear);
    let same = blur.clone().unsharp(5.0, 255.0).for_picture(&picture).unwrap();
    assert_eq!(same.apply(&picture).unwrap(), picture);
    let sharp = blur.unsharp(0.5, 0.0).for_picture(&picture).unwrap().apply(&picture).unwrap();
    let one = filters::unsharp::<f32>(1.5, 0.5).unwrap();
    let one = cpu().picture_filter(&one).light(Light::Linear).for_picture(&picture).unwrap();
    let one = one.apply(&picture).unwrap();
    let off = sharp.as_bytes().iter().zip(one.as_bytes()).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(off <= Some(1), "{off:?}");
}
