//! What alpha does, and light.

use super::*;
use crate::prove::check::Check;
use crate::words::{Method, Precision};
use ::image::{ColorType, Pixel, RgbImage};

#[test]
fn alpha_is_filtered_by_a_blur_and_carried_by_a_derivative() {
    let picture = ImageBuffer::from_fn(8, 6, |x, y| LumaA([9u8, (30 * x + y) as u8]));
    let picture = DynamicImage::ImageLumaA8(picture);
    let alpha = |builder: FilterBuilder<f32, Ix2>| {
        let filtered = builder.for_picture(&picture).unwrap().apply(&picture).unwrap();
        filtered.as_luma_alpha8().unwrap().clone()
    };
    let blurred = alpha(cpu().picture_filter(&filters::box_mean(3).unwrap()));
    assert_eq!(blurred[(0, 0)].0, [9, 21]);
    let sobel = filters::sobel_x::<f32>().unwrap();
    let edges = alpha(cpu().picture_filter(&sobel));
    assert!(edges.enumerate_pixels().all(|(x, y, p)| p.0 == [0, (30 * x + y) as u8]));
    let half = alpha(cpu().picture_filter(&sobel).stride([2, 3]).origin([0, 1]));
    assert_eq!(half.dimensions(), (3, 3));
    assert_eq!(half[(1, 2)].0[1], 30 * 4 + 4);
    let inside = alpha(cpu().picture_filter(&sobel).mode(Mode::Valid).correlate());
    assert_eq!(inside.dimensions(), (6, 4));
    assert_eq!(inside[(0, 0)].0[1], 31);
    let outside = [Boundary::Constant(7.0), Boundary::Constant(8.0)];
    let full = alpha(cpu().picture_filter(&sobel).mode(Mode::Full).boundary(outside));
    assert_eq!([full[(0, 0)].0[1], full[(3, 0)].0[1], full[(1, 1)].0[1]], [8, 7, 0]);
}

/// A red disk on transparent green, as (colour, alpha) of `T`.
fn disk<T>(red: [T; 4], green: [T; 4]) -> ImageBuffer<Rgba<T>, Vec<T>>
where
    T: ::image::Primitive,
    Rgba<T>: Pixel<Subpixel = T>,
{
    ImageBuffer::from_fn(40, 36, |x, y| {
        let inside = (f64::from(x) - 10.0).hypot(f64::from(y) - 9.0) < 6.0;
        Rgba(if inside { red } else { green })
    })
}

#[test]
fn colours_of_transparent_pixels_do_not_show() {
    let pictures: [DynamicImage; 3] = [
        disk([255u8, 0, 0, 255], [0, 255, 0, 0]).into(),
        disk([65_535u16, 0, 0, 65_535], [0, 65_535, 0, 0]).into(),
        disk([1.0f32, 0.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0]).into(),
    ];
    let kernels = [filters::gaussian(2.0).unwrap(), filters::disk(3.0).unwrap()];
    for (picture, kernel) in pictures.iter().flat_map(|p| kernels.iter().map(move |k| (p, k))) {
        let filter = cpu().picture_filter(kernel).for_picture(picture).unwrap();
        let y = filter.apply(picture).unwrap();
        let (mut partly, mut clear) = (0, 0);
        for pixel in y.to_rgba32f().pixels() {
            let [red, green, blue, alpha] = pixel.0;
            assert!((0.0..1.00001).contains(&alpha) && [green, blue] == [0.0; 2], "{pixel:?}");
            // One level of 8 bits of alpha leaves no digits to its colour.
            assert!(alpha < 0.02 || (red - 1.0).abs() < 1e-3, "{pixel:?}");
            partly += usize::from(alpha > 0.1 && alpha < 0.9);
            clear += usize::from(alpha == 0.0 && red == 0.0);
        }
        assert!(partly > 50 && clear > 5, "{partly} {clear}");
        let channels = cpu().picture_filter(kernel).for_picture(picture).unwrap();
        let y = channels.alpha(Alpha::AsChannel).apply(picture).unwrap().to_rgba32f();
        assert!(y.pixels().any(|p| p.0[1] > 0.1 && p.0[3] > 0.1), "green shows");
    }
}

#[test]
fn straight_alpha_is_the_mean_of_colours_by_alpha() {
    let value = |x: u32, y: u32, c: u32| ((x * 37 + y * 91 + c * 53 + x * y) % 251) as f32;
    let picture = ImageBuffer::from_fn(7, 6, |x, y| Rgba([0, 1, 2, 3].map(|c| value(x, y, c))));
    let picture = DynamicImage::ImageRgba32F(picture);
    let kernel = kernel([[0.1, 0.2, 0.1], [0.05, 0.1, 0.05], [0.2, 0.1, 0.1]]);
    let edges = [Boundary::Mirror, Boundary::Zero, Boundary::Constant(77.0)];
    for edge in edges {
        let filter = cpu().picture_filter(&kernel).boundary(edge).for_picture(&picture).unwrap();
        let y = filter.apply(&picture).unwrap().to_rgba32f();
        let at = |x: isize, y: isize, c: u32| match (
            edge.edge().resolve(x, 7),
            edge.edge().resolve(y, 6),
        ) {
            (Some(x), Some(y)) => value(x as u32, y as u32, c),
            _ => edge.value(),
        };
        for (px, py, pixel) in y.enumerate_pixels() {
            let mut sums = [0.0f64; 4];
            for ((i, j), tap) in kernel.indexed_iter() {
                let (x, y) = (px as isize + 1 - j as isize, py as isize + 1 - i as isize);
                let alpha = f64::from(at(x, y, 3));
                (0..3).for_each(|c| {
                    sums[c] += f64::from(*tap) * alpha * f64::from(at(x, y, c as u32));
                });
                sums[3] += f64::from(*tap) * alpha;
            }
            for c in 0..4 {
                let expected = if c < 3 { sums[c] / sums[3] } else { sums[3] };
                let off = (f64::from(pixel.0[c]) - expected).abs();
                assert!(off <= 1e-3, "{edge:?} {px} {py} {c}: {} {expected}", pixel.0[c]);
            }
        }
    }
}

#[test]
fn opaque_pictures_are_filtered_as_those_without_alpha() {
    let rgb = ImageBuffer::from_fn(19, 14, |x, y| Rgb([x * 13, y * 17, x * y].map(|v| v as u8)));
    let rgb = DynamicImage::ImageRgb8(rgb);
    let rgba = DynamicImage::ImageRgba8(rgb.to_rgba8());
    for kernel in [filters::gaussian(1.3), filters::disk(2.2), filters::sharpen()] {
        let filter = cpu().picture_filter(&kernel.unwrap());
        let plain = filter.clone().for_picture(&rgb).unwrap().apply(&rgb).unwrap();
        let opaque = filter.for_picture(&rgba).unwrap().apply(&rgba).unwrap();
        assert_eq!(opaque.to_rgb8(), plain.to_rgb8());
        assert!(opaque.to_rgba8().pixels().all(|p| p.0[3] == 255));
    }
    // A filter does not depend on the depth of the picture that it was planned for.
    let deep = DynamicImage::ImageRgba16(disk([9_000u16, 0, 0, 60_000], [0, 9_000, 0, 0]));
    let size = (deep.width(), deep.height());
    let [planned, other] = [ColorType::Rgba16, ColorType::Rgba8].map(|color| {
        let blur = cpu().picture_filter(&filters::gaussian(1.0).unwrap());
        let blur = blur.boundary(Boundary::Constant(300.0)).for_pictures(size.0, size.1, color);
        blur.unwrap().apply(&deep).unwrap().to_rgba16()
    });
    let close = |(a, b): (&u16, &u16)| a.abs_diff(*b) <= 1;
    assert!(planned.as_raw().iter().zip(other.as_raw()).all(close));
    // Past the edge nothing is there: the picture fades, and keeps its colours.
    let white = DynamicImage::ImageRgba8(ImageBuffer::from_pixel(9, 9, Rgba([255; 4])));
    let blur = cpu().picture_filter(&filters::box_mean(3).unwrap()).boundary(Boundary::Zero);
    let faded = blur.for_picture(&white).unwrap().apply(&white).unwrap().to_rgba8();
    assert_eq!([faded[(0, 0)].0, faded[(4, 4)].0], [[255, 255, 255, 113], [255; 4]]);
}

#[test]
fn one_tap_keeps_the_colours_of_transparent_pixels() {
    let picture = DynamicImage::from(disk([255u8, 0, 0, 255], [0, 255, 0, 0]));
    let filter = cpu().picture_filter(&filters::identity().unwrap()).for_picture(&picture);
    assert_eq!(filter.unwrap().apply(&picture).unwrap(), picture);
}

/// Every method reads and writes pixels with alpha in pieces; what comes out is what comes out of the
/// whole with alpha multiplied in.
#[test]
fn every_method_weighs_colours_by_alpha() {
    let mut state = 1u32;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % below
    };
    let blur = filters::gaussian::<f32>(1.3).unwrap();
    let any = Array2::from_shape_fn((5, 4), |(y, x)| (1 + (7 * y + 5 * x) % 9) as f32);
    let any = &any / any.sum();
    let tall = Array2::from_elem((9, 1), 1.0 / 9.0f32);
    for (width, height) in [(1, 1), (5, 3), (37, 29), (301, 70), (64, 300)] {
        for kernel in [&blur, &any, &tall] {
            for method in [Method::Direct, Method::Separable, Method::Fft] {
                let edge = [Boundary::Mirror, Boundary::Zero, Boundary::Wrap][random(3) as usize];
                let stride = 1 + random(2) as usize;
                let precision = [Precision::Native, Precision::High][random(2) as usize];
                let planned = |picture: &DynamicImage| {
                    let filter = cpu().picture_filter(kernel).boundary(edge).stride(stride);
                    filter.method(method).precision(precision).for_picture(picture)
                };
                let rgba = ImageBuffer::from_fn(width, height, |_, _| {
                    let transparent = random(3) == 0;
                    let alpha = if transparent { 0 } else { random(256) };
                    Rgba([random(256), random(256), random(256), alpha].map(|c| c as u8))
                });
                let picture = DynamicImage::from(rgba.clone());
                let filter = match planned(&picture) {
                    Ok(filter) => filter,
                    Err(Error::Inadmissible { .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                // Multiplied and divided here, and filtered as floating-point channels.
                let multiplied = ImageBuffer::from_fn(width, height, |x, y| {
                    let [r, g, b, a] = rgba[(x, y)].0.map(f32::from);
                    Rgba([r * (a / 255.0), g * (a / 255.0), b * (a / 255.0), a])
                });
                let multiplied = DynamicImage::from(multiplied);
                let whole = planned(&multiplied).unwrap().alpha(Alpha::AsChannel);
                let whole = whole.apply(&multiplied).unwrap().into_rgba32f();
                let result = filter.apply(&picture).unwrap().into_rgba8();
                for (x, y, pixel) in result.enumerate_pixels() {
                    let [r, g, b, a] = whole[(x, y)].0;
                    let expected = if a < 0.499 {
                        [0.0; 4]
                    } else {
                        [r * 255.0 / a, g * 255.0 / a, b * 255.0 / a, a]
                    };
                    if (a - 0.5).abs() < 1e-3 {
                        continue;
                    }
                    for (got, expected) in pixel.0.into_iter().zip(expected) {
                        let off = (f32::from(got) - expected).abs();
                        let (w, h) = (width, height);
                        assert!(
                            off < 0.52,
                            "{w} x {h}, {method}: {pixel:?}, {expected} at {x} {y}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn linear_light_is_what_is_averaged() {
    let mean = filters::box_mean::<f32>(2).unwrap();
    let apply = |picture: DynamicImage, boundary: Boundary<f32>| {
        let builder = cpu().picture_filter(&mean).boundary(boundary).light(Light::Linear);
        builder.for_picture(&picture).unwrap().apply(&picture).unwrap()
    };
    // Half black and half white is half the light, level 188, in both depths and beside any alpha.
    let checks = |x: u32, y: u32| if (x + y).is_multiple_of(2) { 0 } else { 255u8 };
    let rgb = RgbImage::from_fn(9, 6, |x, y| Rgb([checks(x, y), 77, 255 - checks(x, y)]));
    let rgb = DynamicImage::from(rgb);
    let blurred = apply(rgb.clone(), Boundary::Reflect).to_rgb8();
    assert_eq!(blurred[(4, 4)].0, [188, 77, 188]);
    let deep = apply(DynamicImage::from(rgb.to_rgb16()), Boundary::Reflect).to_rgb16();
    assert_eq!(deep[(4, 4)].0.map(|c| c / 257), [187, 77, 187]);
    let mut cut_out = rgb.to_rgba8();
    cut_out.pixels_mut().for_each(|pixel| pixel.0[3] = pixel.0[0]);
    let cut_out = apply(cut_out.into(), Boundary::Reflect).to_rgba8();
    // Only white red counts, and alpha is no light.
    assert_eq!(cut_out[(4, 4)].0, [255, 77, 0, 128]);
    // A constant outside is a level, of the colours and of alpha.
    for picture in [rgb.clone(), rgb.to_rgba8().into()] {
        let level = apply(picture, Boundary::Constant(77.0)).to_rgb8();
        assert_eq!(level[(0, 0)].0[1], 77);
    }
    // Floating-point pixels are light, and numbers are light.
    let float = DynamicImage::from(rgb.to_rgb32f());
    let light = apply(float.clone(), Boundary::Reflect).to_rgb32f();
    assert_eq!(light[(4, 4)].0[0], 0.5);
    let filter = cpu().picture_filter(&mean).light(Light::Linear).for_picture(&rgb).unwrap();
    let numbers = filter.apply_unrounded(&rgb).unwrap();
    assert!((numbers[[4, 4, 0]] - 127.5).abs() < 1e-3);
    assert!(filter.verify(&rgb).unwrap().agrees());
}

#[test]
fn linear_light_is_the_same_on_every_way() {
    let picture = ImageBuffer::from_fn(61, 40, |x, y| {
        Rgba([x * 4, y * 6, x * y, 255 - (x * 7 + y * 3) % 256].map(|v| v as u8))
    });
    let picture = DynamicImage::from(picture);
    let blur = filters::gaussian::<f32>(1.2).unwrap();
    for (boundary, alpha) in [
        (Boundary::Mirror, Alpha::Straight),
        (Boundary::Constant(50.0), Alpha::Straight),
        (Boundary::Constant(50.0), Alpha::AsChannel),
        (Boundary::Zero, Alpha::AsChannel),
    ] {
        let builder = cpu().picture_filter(&blur).boundary(boundary).light(Light::Linear);
        let plain = builder.clone().for_picture(&picture).unwrap().alpha(alpha);
        // Results that are checked go another way.
        let checked = builder.check(Check::Sampled(50)).for_picture(&picture).unwrap();
        let checked = checked.alpha(alpha).apply(&picture).unwrap();
        assert_eq!(plain.apply(&picture).unwrap(), checked, "{boundary:?} {alpha:?}");
    }
}

#[test]
fn light_goes_with_the_picture_and_not_with_what_was_planned_for() {
    let mean = filters::box_mean::<f32>(2).unwrap();
    let rgb = RgbImage::from_fn(9, 6, |x, y| Rgb([((x + y) % 2 * 255) as u8; 3]));
    let rgb = DynamicImage::from(rgb);
    let blur = cpu().picture_filter(&mean).boundary(Boundary::Reflect).light(Light::Linear);
    for color in [ColorType::Rgb8, ColorType::Rgb16, ColorType::Rgb32F] {
        let blur = blur.for_pictures(9, 6, color).unwrap();
        assert_eq!(blur.apply(&rgb).unwrap().to_rgb8()[(4, 4)].0, [188; 3]);
    }
    // A constant is a level of one depth.
    let constant = blur.clone().boundary(Boundary::Constant(99.0));
    for color in [ColorType::Rgb16, ColorType::Rgb32F] {
        let error = constant.for_pictures(9, 6, color).unwrap().apply(&rgb).expect_err("8 bits");
        assert!(error.to_string().contains("got one of 8 bits"), "{error}");
    }
    // One tap alone: the channels are in no axis of their own.
    let one = Array2::from_elem((1, 1), 1.0f32);
    for (width, height) in [(2, 3), (3, 3), (5, 7), (64, 33)] {
        let rgba = ImageBuffer::from_fn(width, height, |x, y| {
            Rgba([x * 37, y * 91, x * y, 255 - x * 3 - y].map(|v| v as u8))
        });
        let grey = ImageBuffer::from_fn(width, height, |x, y| {
            LumaA([x * 37 + y * 91, 255 - x * 3 - y].map(|v| v as u8))
        });
        for picture in [DynamicImage::from(rgba), DynamicImage::ImageLumaA8(grey)] {
            for method in [Method::Direct, Method::Fft] {
                let same = cpu().picture_filter(&one).light(Light::Linear).method(method);
                let same = same.for_picture(&picture).unwrap().apply(&picture).unwrap();
                assert_eq!(same, picture, "{width} x {height} {method}");
            }
        }
    }
}

/// Alpha that is so small that it has no reciprocal in `f32`.
#[test]
fn colours_under_tiny_alpha_stay_numbers() {
    let mut picture = ImageBuffer::from_pixel(9, 7, Rgba([0.0f32; 4]));
    picture.put_pixel(4, 3, Rgba([1.0, 0.5, 0.0, 1e-39]));
    let picture = DynamicImage::ImageRgba32F(picture);
    let blur = filters::gaussian::<f32>(0.8).unwrap();
    let blurred = cpu().picture_filter(&blur).for_picture(&picture).unwrap();
    let blurred = blurred.apply(&picture).unwrap().into_rgba32f();
    assert!(blurred.iter().all(|x| x.is_finite()), "{blurred:?}");
    let Rgba([red, green, blue, alpha]) = blurred[(4, 3)];
    assert!(alpha > 0.0 && blue == 0.0);
    // Numbers that small have few digits.
    assert!((red - 1.0).abs() < 1e-3 && (green - 0.5).abs() < 1e-3, "{red} {green}");
}
