//! Rectangles and masks, and colours that are stored multiplied by alpha.

use super::*;
use crate::words::Precision;
use ::image::math::Rect;
use ::image::{ColorType, RgbImage};

/// Some alpha is 0.
fn pictures() -> Vec<DynamicImage> {
    pictures_of(|x, y, c| if (c, x % 5) == (3, 0) { 0 } else { noise(x, y, c) })
}

const REGIONS: [Rect; 4] = [
    Rect { x: 0, y: 0, width: 20, height: 3 },
    Rect { x: 30, y: 11, width: 1, height: 1 },
    Rect { x: 25, y: 40, width: 36, height: 7 },
    Rect { x: 0, y: 0, width: 61, height: 47 },
];

fn is_in(region: Rect, x: u32, y: u32) -> bool {
    (region.x..region.x + region.width).contains(&x)
        && (region.y..region.y + region.height).contains(&y)
}

fn pixel(picture: &DynamicImage, x: u32, y: u32) -> &[u8] {
    let size = usize::from(picture.color().bytes_per_pixel());
    &picture.as_bytes()[(y * picture.width() + x) as usize * size..][..size]
}

/// Bytes as numbers in units of the brightest.
fn numbers(picture: &DynamicImage) -> Vec<f32> {
    let bytes = picture.as_bytes();
    match picture.color().bytes_per_pixel() / picture.color().channel_count() {
        1 => bytes.iter().map(|&b| f32::from(b) / 255.0).collect(),
        2 => {
            let levels = bytes.as_chunks::<2>().0.iter().map(|&b| u16::from_ne_bytes(b));
            levels.map(|level| f32::from(level) / 65_535.0).collect()
        }
        _ => bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_ne_bytes(b)).collect(),
    }
}

/// Inside what the whole picture becomes, outside what it was to the last bit.
fn check_region(picture: &DynamicImage, whole: &DynamicImage, part: &DynamicImage, region: Rect) {
    assert_eq!((part.color(), part.width()), (picture.color(), picture.width()));
    // Methods differ in the last digits, and a level where these decide.
    let most = if picture.as_bytes().len() == 61 * 47 * 16 { 1e-5 } else { 1.01 / 255.0 };
    let most = if picture.color() == ColorType::Rgb32F { 1e-5 } else { most };
    let apart = |(a, b): (&f32, &f32)| (a - b).abs();
    let channels = usize::from(picture.color().channel_count());
    let (whole, numbers) = (numbers(whole), numbers(part));
    for y in 0..47 {
        for x in 0..61 {
            if !is_in(region, x, y) {
                assert_eq!(pixel(part, x, y), pixel(picture, x, y), "{region:?}: {x} {y}");
                continue;
            }
            let at = (y * 61 + x) as usize * channels;
            let [whole, part] = [&whole, &numbers].map(|all| &all[at..at + channels]);
            let largest = whole.iter().zip(part).map(apart).fold(0.0, f32::max);
            assert!(largest <= most, "{region:?}: {x} {y}, {whole:?} {part:?}");
        }
    }
}

#[test]
fn regions_of_pictures_of_all_types() {
    for picture in pictures() {
        for (i, region) in REGIONS.into_iter().enumerate() {
            let taps = [filters::gaussian(1.7).unwrap(), filters::sobel_x().unwrap()];
            for (j, taps) in taps.into_iter().enumerate() {
                for light in [Light::AsStored, Light::Linear] {
                    let boundary = [Boundary::Mirror, Boundary::Wrap, Boundary::Constant(0.3)];
                    let builder = cpu().picture_filter(&taps).light(light);
                    let builder = builder.boundary(boundary[(i + j) % 3]);
                    let signed = [Signed::Clip, Signed::MID_GREY][j * (i % 2)];
                    let whole = builder.for_picture(&picture).unwrap().signed(signed);
                    let part = builder.region(region).for_picture(&picture).unwrap().signed(signed);
                    assert_eq!(part.output_size(), (61, 47));
                    let applied = part.apply(&picture).unwrap();
                    check_region(&picture, &whole.apply(&picture).unwrap(), &applied, region);
                    let mut into = DynamicImage::new(61, 47, picture.color());
                    part.apply_into(&picture, &mut into).unwrap();
                    assert_eq!(into, applied);
                }
            }
        }
    }
}

#[test]
fn regions_of_gradients_and_unsharp_masks() {
    for picture in pictures() {
        for region in REGIONS {
            let [right, down] = filters::Derivatives::Scharr.kernels().unwrap();
            let edges = cpu().picture_filter(&right).gradient(&down);
            let part = cpu().picture_filter(&right).region(region).gradient(&down);
            let whole = edges.for_picture(&picture).unwrap().apply(&picture).unwrap();
            let part = part.for_picture(&picture).unwrap().apply(&picture).unwrap();
            check_region(&picture, &whole, &part, region);
            let blur = cpu().picture_filter(&filters::gaussian(1.5).unwrap());
            let sharp = blur.clone().unsharp(0.8, 0.01).for_picture(&picture).unwrap();
            let part = blur.region(region).unsharp(0.8, 0.01).for_picture(&picture).unwrap();
            let whole = sharp.apply(&picture).unwrap();
            check_region(&picture, &whole, &part.apply(&picture).unwrap(), region);
        }
    }
}

#[test]
fn a_region_has_numbers_of_the_whole_picture() {
    let picture = pictures().pop().unwrap();
    let blur = cpu().picture_filter(&filters::gaussian(2.0).unwrap()).light(Light::Linear);
    let whole = blur.for_picture(&picture).unwrap().apply_unrounded(&picture).unwrap();
    let identity = cpu().picture_filter(&filters::identity().unwrap()).light(Light::Linear);
    let as_it_was = identity.for_picture(&picture).unwrap().apply_unrounded(&picture).unwrap();
    let part = blur.region(REGIONS[2]).for_picture(&picture).unwrap();
    assert!(part.verify(&picture).unwrap().agrees());
    let part = part.apply_unrounded(&picture).unwrap();
    for ((y, x, c), part) in part.indexed_iter() {
        let expected = if is_in(REGIONS[2], x as u32, y as u32) { &whole } else { &as_it_was };
        assert!((part - expected[[y, x, c]]).abs() < 1e-3, "{x} {y} {c}");
    }
}

#[test]
fn a_region_costs_what_it_is_large() {
    let blur = cpu().picture_filter(&filters::disk(20.0).unwrap());
    let region = Rect { x: 3000, y: 2000, width: 80, height: 60 };
    let part = blur.region(region).for_pictures(6000, 4000, ColorType::Rgb8).unwrap();
    assert_eq!(part.plan().geometry.input(), [100, 360]);
}

#[test]
fn regions_that_leave_the_picture_are_refused() {
    let blur = cpu().picture_filter(&filters::gaussian(1.0).unwrap());
    let refused =
        |region: Rect| blur.clone().region(region).for_pictures(20, 10, ColorType::L8).unwrap_err();
    for [width, height, x, y] in [
        [0, 1, 0, 0],
        [1, 0, 0, 0],
        [21, 1, 0, 0],
        [5, 5, 0, 6],
        [1, 1, 20, 0],
        [1, 1, u32::MAX, 0],
    ] {
        let error = refused(Rect { x, y, width, height });
        let region = [width, height, x, y].map(|n| n as usize);
        assert_eq!(error, Error::Region { region, picture: [20, 10] });
    }
    let error = refused(Rect { x: 1, y: 6, width: 5, height: 5 }).to_string();
    assert!(error.contains("5x5+1+6") && error.contains("20 x 10"), "{error}");
    let small = Rect { x: 0, y: 0, width: 2, height: 2 };
    for other in [blur.clone().mode(Mode::Full), blur.clone().stride(2)] {
        let error = other.region(small).for_pictures(20, 10, ColorType::L8).unwrap_err();
        assert!(matches!(error, Error::Inadmissible { .. }), "{error}");
    }
}

/// A mask of 8 or of 16 bits with a hole, and black at all sides.
fn mask(deep: bool) -> DynamicImage {
    let level = |x: u32, y: u32| match (x, y) {
        (8..50, 5..40) if x % 7 != 3 => [255, 100, 3, 200][((x + y) % 4) as usize],
        _ => 0u8,
    };
    let mask = GrayImage::from_fn(61, 47, |x, y| Luma([level(x, y)]));
    if deep { DynamicImage::from(mask).to_luma16().into() } else { mask.into() }
}

/// `x + m (f - x)`, of numbers in the units of the brightest, multiplied by alpha where that is so.
fn blended(x: &[f32], f: &[f32], m: f32, weighed: bool) -> Vec<f32> {
    let last = x.len() - 1;
    let alpha = x[last] + m * (f[last] - x[last]);
    let both = x.iter().zip(f).enumerate();
    both.map(|(c, (x_c, f_c))| match weighed && c < last {
        true if alpha <= 0.0 => 0.0,
        true => (x_c * x[last] + m * (f_c * f[last] - x_c * x[last])) / alpha,
        false => x_c + m * (f_c - x_c),
    })
    .collect()
}

#[test]
fn masks_blend_before_anything_is_rounded() {
    let mask = mask(false);
    let (weights, identity) = (numbers(&mask), filters::identity().unwrap());
    for picture in pictures() {
        let channels = usize::from(picture.color().channel_count());
        let opaque = if picture.as_bytes().len() == 61 * 47 * channels { 255.0 } else { 65_535.0 };
        let is_light = picture.color().bytes_per_pixel() as usize == 4 * channels;
        let opaque = if is_light { 1.0 } else { opaque };
        for taps in [filters::gaussian(2.0).unwrap(), filters::sobel_y().unwrap()] {
            for light in [Light::AsStored, Light::Linear] {
                let builder = cpu().picture_filter(&taps).light(light);
                let numbers_of = |taps| {
                    let filter = cpu().picture_filter(taps).light(light);
                    filter.for_picture(&picture).unwrap().apply_unrounded(&picture).unwrap()
                };
                let x = numbers_of(&identity) / opaque;
                let f = numbers_of(&taps) / opaque;
                let masked = builder.mask(&mask).for_picture(&picture).unwrap();
                let [y, shown] =
                    [masked.apply(&picture).unwrap(), picture.clone()].map(|p| numbers(&p));
                let sums = masked.apply_unrounded(&picture).unwrap() / opaque;
                let weighed = picture.color().has_alpha() && taps.sum() > 0.5;
                for (i, &m) in weights.iter().enumerate() {
                    let at = i * channels..(i + 1) * channels;
                    if m == 0.0 {
                        assert_eq!(y[at.clone()], shown[at], "{:?} {i}", picture.color());
                        continue;
                    }
                    let [x, f, sums] =
                        [&x, &f, &sums].map(|all| &all.as_slice().unwrap()[at.clone()]);
                    let exact = blended(x, f, m, weighed);
                    let most = if weighed && exact[channels - 1] < 0.02 { 0.01 } else { 2e-5 };
                    let apart = exact.iter().zip(sums).map(|(a, b)| (a - b).abs());
                    let apart = apart.fold(0.0, f32::max);
                    assert!(apart <= most, "{:?} {i} {m}: {exact:?} {sums:?}", picture.color());
                    // And rounded once.
                    let alpha = channels - 1;
                    for (c, exact) in sums.iter().enumerate().filter(|_| !is_light) {
                        let is_alpha = picture.color().has_alpha() && c == alpha;
                        let exact = f64::from(exact.clamp(0.0, 1.0));
                        let stored = match light {
                            Light::Linear if !is_alpha => encoded(exact),
                            _ => exact,
                        };
                        let half = 0.52 / f64::from(opaque);
                        let gone = weighed && y[at.start + alpha] == 0.0;
                        let stored = if gone { 0.0 } else { stored };
                        let apart = (f64::from(y[at.start + c]) - stored).abs();
                        assert!(apart <= half, "{:?} {i} {c}: {stored}", picture.color());
                    }
                }
            }
        }
    }
}

fn encoded(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

#[test]
fn a_white_mask_is_none_and_a_black_one_leaves_all() {
    for picture in pictures() {
        let blur = cpu().picture_filter(&filters::gaussian(2.0).unwrap());
        let whole = blur.for_picture(&picture).unwrap().apply(&picture).unwrap();
        let white = GrayImage::from_pixel(61, 47, Luma([255]));
        let all = blur.clone().mask(&white).for_picture(&picture).unwrap();
        let [all, whole] = [all.apply(&picture).unwrap(), whole].map(|p| numbers(&p));
        let apart = all.iter().zip(&whole).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart <= 1.01 / 255.0, "{:?}: {apart}", picture.color());
        let black = blur.mask(&GrayImage::new(61, 47)).for_picture(&picture).unwrap();
        assert_eq!(black.plan().problem.output[..2], [1, 1]);
        assert_eq!(black.apply(&picture).unwrap(), picture);
    }
}

#[test]
fn masks_of_8_and_16_bits_are_the_same_and_no_more_is_filtered_than_they_say() {
    let picture = pictures().pop().unwrap();
    let blur = cpu().picture_filter(&filters::gaussian(2.0).unwrap());
    let masked = [false, true].map(|deep| {
        let filter = blur.clone().mask(&mask(deep)).for_picture(&picture).unwrap();
        assert_eq!(filter.plan().problem.outputs.as_ref().unwrap()[..2], [5..40, 8..50]);
        filter.apply(&picture).unwrap()
    });
    assert_eq!(masked[0], masked[1]);
    // In a region, what lies in both.
    let region = Rect { x: 0, y: 0, width: 20, height: 47 };
    let both = blur.clone().mask(&mask(false)).region(region).for_picture(&picture).unwrap();
    assert_eq!(both.plan().problem.outputs.as_ref().unwrap()[..2], [5..40, 8..20]);
    check_region(&picture, &masked[0], &both.apply(&picture).unwrap(), region);
    // A few levels at most differ where gradients and unsharp masks are blended.
    let sharp = blur.clone().mask(&mask(false)).unsharp(1.0, 0.0).for_picture(&picture).unwrap();
    let sharp = numbers(&sharp.apply(&picture).unwrap());
    let plain = blur.unsharp(1.0, 0.0).for_picture(&picture).unwrap();
    let [plain, x] = [plain.apply(&picture).unwrap(), picture].map(|p| numbers(&p));
    for ((i, sharp), (plain, x)) in sharp.iter().enumerate().zip(plain.iter().zip(&x)) {
        let m = numbers(&mask(false))[i / 4];
        // What is saturated without a mask need not be with it.
        if (0.01..0.99).contains(plain) {
            assert!((sharp - (x + m * (plain - x))).abs() < 1.1 / 255.0, "{i}");
        }
    }
}

#[test]
fn masks_that_are_none_are_refused() {
    let blur = cpu().picture_filter(&filters::gaussian(2.0).unwrap());
    let refused = |mask: DynamicImage| {
        let error = blur.clone().mask(&mask).for_pictures(20, 10, ColorType::L8).unwrap_err();
        assert!(matches!(error, Error::Mask { .. }), "{error}");
        error.to_string()
    };
    let words = "mask: expected 20 x 10 pixels, as the picture has, got 10 x 20";
    assert_eq!(refused(DynamicImage::new_luma8(10, 20)), words);
    let words = "mask: expected a grey picture, got one of Rgb8";
    assert_eq!(refused(DynamicImage::new_rgb8(20, 10)), words);
}

#[test]
fn masks_of_floats_are_parts() {
    let picture = GrayImage::from_fn(20, 10, |x, y| Luma([noise(x, y, 0)]));
    let blur = cpu().picture_filter(&filters::gaussian(2.0).unwrap());
    let parts =
        ImageBuffer::from_fn(20, 10, |x, _| Luma([[f32::NAN, -3.0, 0.2, 7.0][x as usize % 4]]));
    let levels = GrayImage::from_fn(20, 10, |x, _| Luma([[0, 0, 51, 255][x as usize % 4]]));
    let masked = blur.clone().mask(&parts).for_picture(&picture).unwrap();
    let expected = blur.mask(&levels).for_picture(&picture).unwrap().apply(&picture).unwrap();
    assert_eq!(masked.apply(&picture).unwrap(), expected);
    assert_ne!(expected, picture);
}

#[test]
fn arrays_have_neither_regions_nor_masks() {
    let blur = cpu().picture_filter(&filters::gaussian(2.0).unwrap());
    let refused = |blur: FilterBuilder<f32, Ix2>| {
        let errors = [
            blur.for_shape((20, 10)).map(drop),
            blur.for_shape_ignoring_nan((20, 10)).map(drop),
            blur.clone().unsharp(1.0, 0.0).for_shape((20, 10)).map(drop),
        ];
        errors.map(|error| error.expect_err("a part of an array").to_string())
    };
    for error in refused(blur.clone().region(REGIONS[1])) {
        assert!(error.contains("a region") && error.contains("FilterBuilder::outputs"), "{error}");
    }
    for error in refused(blur.mask(&GrayImage::new(10, 20))) {
        assert!(error.contains("a mask") && error.contains("apply_weighted"), "{error}");
    }
}

#[test]
fn the_last_word_on_alpha_counts() {
    let blur = cpu().picture_filter(&filters::gaussian(2.0).unwrap());
    for picture in pictures().into_iter().filter(|picture| picture.color().has_alpha()) {
        let planned = || blur.for_picture(&picture).unwrap();
        let straight = planned().apply(&picture).unwrap();
        for other in [Alpha::AsChannel, Alpha::Premultiplied] {
            let back = planned().alpha(other).alpha(Alpha::Straight);
            assert_eq!(back.apply(&picture).unwrap(), straight);
            let there = planned().alpha(Alpha::Straight).alpha(other).apply(&picture).unwrap();
            assert_ne!(there, straight);
        }
    }
}

/// A picture whose colours are within their alpha, of either depth.
fn premultiplied() -> RgbaImage {
    RgbaImage::from_fn(40, 30, |x, y| {
        let alpha = if x % 6 == 0 { 0 } else { noise(x, y, 3) };
        let part = |c| (u32::from(noise(x, y, c)) * u32::from(alpha) / 255) as u8;
        Rgba([part(0), part(1), part(2), alpha])
    })
}

#[test]
fn colours_that_are_multiplied_already_are_filtered_as_they_are() {
    let stored = premultiplied();
    let picture = DynamicImage::from(stored.clone());
    let blur = cpu().picture_filter(&filters::gaussian(1.5).unwrap());
    let filter = |alpha| blur.for_picture(&picture).unwrap().alpha(alpha);
    let expected = filter(Alpha::AsChannel).apply(&picture).unwrap();
    assert_eq!(filter(Alpha::Premultiplied).apply(&picture).unwrap(), expected);
    // A kernel that overshoots makes no colour brighter than its alpha.
    let sharp = cpu().picture_filter(&filters::sharpen().unwrap());
    let channel = sharp.for_picture(&picture).unwrap().alpha(Alpha::AsChannel);
    let channel = channel.apply(&picture).unwrap().into_rgba8();
    let within = |p: &Rgba<u8>| p.0[..3].iter().all(|colour| *colour <= p.0[3]);
    assert!(!channel.pixels().all(within));
    for light in [Light::AsStored, Light::Linear] {
        for precision in [Precision::Native, Precision::High] {
            let sharp = sharp.clone().light(light).precision(precision).for_picture(&picture);
            let sharp = sharp.unwrap().alpha(Alpha::Premultiplied);
            let result = sharp.apply(&picture).unwrap().into_rgba8();
            assert!(result.pixels().all(within));
            if light == Light::AsStored {
                let clamped = |p: &Rgba<u8>| Rgba(p.0.map(|c| c.min(p.0[3])));
                assert!(result.pixels().zip(channel.pixels()).all(|(y, c)| *y == clamped(c)));
            }
        }
    }
}

/// Divided, filtered as straight colours in linear light, and multiplied again.
#[test]
fn in_linear_light_alpha_is_divided_out_and_multiplied_in_again() {
    let stored = premultiplied();
    let picture = DynamicImage::from(stored.clone());
    let straight = ImageBuffer::from_fn(40, 30, |x, y| {
        let [r, g, b, a] = stored[(x, y)].0.map(f64::from);
        let part = |c: f64| if a > 0.0 { (65_535.0 * c / a).round() as u16 } else { 0 };
        Rgba([part(r), part(g), part(b), (a * 257.0) as u16])
    });
    let straight = DynamicImage::ImageRgba16(straight);
    for taps in [filters::gaussian(1.5).unwrap(), filters::laplacian().unwrap()] {
        for device in [Device::Cpu, Device::Auto] {
            let builder = cpu().picture_filter(&taps).light(Light::Linear).device(device);
            let expected = builder.for_picture(&straight).unwrap().apply(&straight).unwrap();
            let got = builder.for_picture(&picture).unwrap().alpha(Alpha::Premultiplied);
            let got = got.apply(&picture).unwrap().into_rgba8();
            let keeps = taps.sum() > 0.5;
            for (got, expected) in got.pixels().zip(expected.into_rgba16().pixels()) {
                let [r, g, b, a] = expected.0.map(|level| f64::from(level) / 65_535.0);
                // A derivative's colours are not weighed by alpha in straight pictures.
                if keeps {
                    let exact = [r * a, g * a, b * a, a].map(|part| 255.0 * part);
                    let apart = got.0.iter().zip(exact).map(|(&y, x)| (f64::from(y) - x).abs());
                    assert!(apart.fold(0.0, f64::max) < 0.6, "{got:?} {exact:?}");
                } else {
                    assert_eq!(f64::from(got.0[3]), (255.0 * a).round());
                    assert!(got.0[..3].iter().all(|colour| *colour <= got.0[3]));
                }
            }
        }
    }
}

#[test]
fn constants_outside_are_what_is_stored() {
    let picture = DynamicImage::from(RgbaImage::from_pixel(9, 1, Rgba([100; 4])));
    let blur = cpu().picture_filter(&filters::box_mean(3).unwrap());
    for light in [Light::AsStored, Light::Linear] {
        let blur = blur.clone().boundary(Boundary::Constant(100.0)).light(light);
        let blurred = blur.for_picture(&picture).unwrap().alpha(Alpha::Premultiplied);
        assert_eq!(blurred.apply(&picture).unwrap(), picture, "{light:?}");
    }
    // Beside what is the same there is no edge, whatever becomes of alpha.
    let [right, down] = filters::Derivatives::Sobel.kernels().unwrap();
    let edges = cpu().picture_filter(&right).boundary(Boundary::Constant(100.0));
    let nothing = DynamicImage::from(RgbaImage::from_pixel(9, 1, Rgba([0, 0, 0, 100])));
    for light in [Light::AsStored, Light::Linear] {
        let edges = edges.clone().light(light);
        let lengths = edges.clone().gradient(&down).for_picture(&picture).unwrap();
        let lengths = lengths.alpha(Alpha::Premultiplied).apply(&picture).unwrap();
        let edges = edges.for_picture(&picture).unwrap().alpha(Alpha::Premultiplied);
        assert_eq!(edges.apply(&picture).unwrap(), nothing, "{light:?}");
        assert_eq!(lengths, nothing, "{light:?}");
    }
    // Without alpha there is nothing to multiply.
    let plain = DynamicImage::from(RgbImage::from_fn(9, 9, |x, y| Rgb([noise(x, y, 0); 3])));
    let filter = || blur.for_picture(&plain).unwrap();
    let premultiplied = filter().alpha(Alpha::Premultiplied).apply(&plain).unwrap();
    assert_eq!(premultiplied, filter().apply(&plain).unwrap());
}
