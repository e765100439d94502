//! What is in files: pages, frames, types of samples, alpha, and numbers.

use std::fs::File;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba};
use tiff::decoder::{Decoder, DecodingResult};

use crate::common::{Place, asset, data, npy, npy_file, split_npy};
use crate::errors::refused;

/// Width, height and samples of every page of a TIFF.
fn pages(place: &Place, name: &str) -> Vec<(u32, u32, DecodingResult)> {
    pages_of(place.file(name))
}

fn pages_of(path: impl AsRef<std::path::Path>) -> Vec<(u32, u32, DecodingResult)> {
    let mut decoder = Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).unwrap();
    let mut pages = Vec::new();
    loop {
        let (width, height) = decoder.dimensions().unwrap();
        let mut samples = DecodingResult::U8(Vec::new());
        decoder.read_image_to_buffer(&mut samples).unwrap();
        pages.push((width, height, samples));
        if !decoder.more_images() {
            return pages;
        }
        decoder.next_image().unwrap();
    }
}

fn bytes(samples: &DecodingResult) -> &[u8] {
    let DecodingResult::U8(bytes) = samples else { panic!("expected bytes") };
    bytes
}

/// Header and numbers of a .npy of `f4`.
fn floats(place: &Place, name: &str) -> (String, Vec<f32>) {
    let (header, data) = split_npy(&std::fs::read(place.file(name)).unwrap());
    let float = |b: &[u8]| f32::from_le_bytes(b.try_into().unwrap());
    (header, data.chunks_exact(4).map(float).collect())
}

#[test]
fn every_page_of_a_tiff_is_filtered() {
    let place = Place::new();
    let stack = data("stack.tif");
    assert_eq!(place.succeed(&format!("apply {stack} -k box:3 -o y.tif --device cpu")), "");
    let (x, y) = (pages_of(&stack), pages(&place, "y.tif"));
    assert_eq!((x.len(), y.len()), (5, 5));
    for ((width, height, x), (_, _, y)) in x.iter().zip(&y) {
        // A page by itself comes out the same.
        let page = GrayImage::from_raw(*width, *height, bytes(x).to_vec()).unwrap();
        page.save(place.file("page.png")).unwrap();
        place.succeed("apply page.png -k box:3 -o alone.png --device cpu");
        let alone = image::open(place.file("alone.png")).unwrap().into_luma8();
        assert_eq!(alone.as_raw(), bytes(y));
    }
    for output in ["y.png", "y.npy"] {
        let words = "5 pages: expected an output that ends in tif and has them all";
        refused(&place, &format!("apply {stack} -k box:3 -o {output} --device cpu"), words);
    }
}

#[test]
fn a_thumbnail_is_not_taken_for_the_picture() {
    let place = Place::new();
    let input = data("thumbnail_first.tif");
    for output in ["y.tif", "y.png"] {
        let said = place.succeed(&format!("apply {input} -k identity -o {output} --device cpu"));
        assert!(said.contains("left out 1 smaller copy of a page"), "{said}");
    }
    let y = pages(&place, "y.tif");
    assert_eq!(y.len(), 1);
    let whole = &pages_of(&input)[1];
    assert_eq!((y[0].0, y[0].1, bytes(&y[0].2)), (80, 60, bytes(&whole.2)));
    assert_eq!(image::open(place.file("y.png")).unwrap().width(), 80);
}

#[test]
fn animations_are_refused_with_their_number_of_frames() {
    let place = Place::new();
    for name in ["an.png", "an.webp"] {
        let arguments = format!("apply {} -k box:3 -o y.png --device cpu", data(name));
        refused(&place, &arguments, "an animation of 4 frames: expected a single picture");
    }
}

#[test]
fn a_jpeg_that_is_cut_off_is_an_error() {
    let place = Place::new();
    let photograph = image::open(asset("chelsea.png")).unwrap();
    photograph.save(place.file("whole.jpg")).unwrap();
    let whole = std::fs::read(place.file("whole.jpg")).unwrap();
    place.write("x.jpg", &whole[..whole.len() / 3]);
    let words = "x.jpg: could not be read as a picture: truncated: the file of";
    refused(&place, "apply x.jpg -k box:3 -o y.jpg --device cpu", words);
    place.succeed("apply whole.jpg -k box:3 --stride 9 -o y.jpg --device cpu");
}

#[test]
fn tiffs_of_floats_and_signed_integers_keep_their_type() {
    let place = Place::new();
    for (name, kernel) in [("grey_f32.tif", "identity"), ("grey_i16.tif", "identity")] {
        place.succeed(&format!("apply {} -k {kernel} -o y.tif --device cpu", data(name)));
        let (x, y) = (pages_of(data(name)).remove(0), pages(&place, "y.tif").remove(0));
        assert_eq!((x.0, x.1), (y.0, y.1));
        match (x.2, y.2) {
            (DecodingResult::F32(x), DecodingResult::F32(y)) => {
                assert!(x.iter().any(|x| *x < 0.0) && x.iter().any(|x| x.is_nan()));
                let same = |(x, y): (&f32, &f32)| x == y || (x.is_nan() && y.is_nan());
                assert!(x.iter().zip(&y).all(same));
            }
            (DecodingResult::I16(x), DecodingResult::I16(y)) => {
                assert!(x.iter().any(|x| *x < 0));
                assert_eq!(x, y);
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    // Rounded and saturated once, as other pictures are.
    place.write("triple.txt", "300");
    place.succeed(&format!("apply {} -k triple.txt -o y.tif --device cpu", data("grey_i16.tif")));
    let (DecodingResult::I16(x), DecodingResult::I16(y)) =
        (pages_of(data("grey_i16.tif")).remove(0).2, pages(&place, "y.tif").remove(0).2)
    else {
        panic!("other types")
    };
    let expected = |x: &i16| (300 * i32::from(*x)).clamp(-32_768, 32_767) as i16;
    assert_eq!(y, x.iter().map(expected).collect::<Vec<_>>());
    let words = "cannot keep 1 channel of i16: expected a name that ends in tif or .npy";
    let arguments = format!("apply {} -k box:3 -o y.png --device cpu", data("grey_i16.tif"));
    refused(&place, &arguments, words);
}

#[test]
fn tiffs_with_palettes_and_grey_alpha_are_pictures() {
    let place = Place::new();
    place.succeed(&format!("apply {} -k identity -o y.png --device cpu", data("palette.tif")));
    let y = image::open(place.file("y.png")).unwrap().into_rgb8();
    assert_eq!((y.dimensions(), y[(0, 0)].0), ((20, 12), [64, 64, 64]));
    place.succeed(&format!("apply {} -k identity -o y.png --device cpu", data("grey_alpha.tif")));
    place.succeed(&format!("apply {} -k identity -o y.tif --device cpu", data("grey_alpha.tif")));
    let y = image::open(place.file("y.png")).unwrap();
    let x = pages_of(data("grey_alpha.tif")).remove(0).2;
    assert_eq!(y.as_luma_alpha8().unwrap().as_raw(), bytes(&x));
    assert_eq!(bytes(&pages(&place, "y.tif")[0].2), bytes(&x));
}

#[test]
fn an_alpha_that_is_multiplied_in_is_divided_out() {
    let place = Place::new();
    let input = data("associated_alpha.tif");
    place.succeed(&format!("apply {input} -k identity -o y.png --device cpu"));
    let y = image::open(place.file("y.png")).unwrap().into_rgba8();
    let seen = y.pixels().find(|pixel| pixel.0[3] > 0).unwrap().0;
    let close = |c: usize, expected: u8| seen[c].abs_diff(expected) <= 2;
    assert!(close(0, 200) && close(1, 100) && close(2, 40), "{seen:?}");
}

#[test]
fn a_red_disk_on_transparent_green_stays_red() {
    let place = Place::new();
    place.succeed(&format!("apply {} -k gaussian:4 -o y.png --device cpu", data("disk2.png")));
    let y = image::open(place.file("y.png")).unwrap().into_rgba8();
    let x = image::open(data("disk2.png")).unwrap().into_rgba8();
    let beside: Vec<_> = y.pixels().zip(x.pixels()).filter(|(_, x)| x.0[3] == 0).collect();
    assert!(beside.iter().any(|(y, _)| y.0 == [255, 0, 0, 63]));
    for (y, _) in beside {
        let alpha = y.0[3];
        let red = if alpha == 0 { 0 } else { 255 };
        assert_eq!(y.0, [red, 0, 0, alpha]);
    }
}

#[test]
fn derivatives_of_pictures_keep_their_sign_in_arrays_and_tiffs() {
    let place = Place::new();
    let apply = |arguments: &str| {
        let bar = data("bar.png");
        place.succeed(&format!("apply {bar} -k sobel-x --device cpu {arguments}"));
    };
    let expected = [0.0, 0.0, 0.0, 1020.0, 1020.0, -1020.0, -1020.0, 0.0];
    apply("-o y.npy");
    let (header, y) = floats(&place, "y.npy");
    assert!(header.contains("'<f4'") && header.contains("(8, 8)"), "{header}");
    assert_eq!(y[..8], expected);
    apply("--dtype i16 -o y.npy");
    let (header, y) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
    assert!(header.contains("'<i2'"), "{header}");
    let y: Vec<i16> = y.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    assert_eq!(y[..8], expected.map(|v| v as i16));
    apply("--dtype i8 -o y.tif");
    let DecodingResult::I8(y) = pages(&place, "y.tif").remove(0).2 else { panic!("not i8") };
    assert_eq!(y[..8], [0, 0, 0, 127, 127, -128, -128, 0]);
    apply("--dtype f64 -o y.tif");
    let DecodingResult::F64(y) = pages(&place, "y.tif").remove(0).2 else { panic!("not f64") };
    assert_eq!(y[..8], expected.map(f64::from));
    // Channels come last; alpha is carried over.
    let rgba = ImageBuffer::from_fn(6, 5, |x, _| Rgba([10 * x as u8, 0, 200 - 10 * x as u8, 77]));
    rgba.save(place.file("rgba.png")).unwrap();
    place.succeed("apply rgba.png -k sobel-x -o y.npy --device cpu");
    let (header, y) = floats(&place, "y.npy");
    assert!(header.contains("(5, 6, 4)"), "{header}");
    assert_eq!(y[4..8], [80.0, 0.0, -80.0, 77.0]);
}

#[test]
fn arrays_of_integers_and_booleans_are_computed_in_floating_point_on_request() {
    let place = Place::new();
    let x = ndarray::arr2(&[[0u8, 200, 0], [0, 0, 0], [0, 0, 255]]).into_dyn();
    place.write("x.npy", npy("|u1", &x));
    place.succeed("apply x.npy -k box:3 -o y.npy --dtype f32 --device cpu --method direct");
    let (header, y) = floats(&place, "y.npy");
    assert!(header.contains("'<f4'") && header.contains("(3, 3)"), "{header}");
    assert!((y[0] - 200.0 / 9.0).abs() < 1e-5 && (y[4] - 455.0 / 9.0).abs() < 1e-5, "{y:?}");
    place.succeed("apply x.npy -k sobel-x -o y.npy --dtype i32 --device cpu");
    let (header, y) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
    assert!(header.contains("'<i4'"), "{header}");
    assert_eq!(y[..4], 400i32.to_le_bytes());
    place.succeed(&format!("apply {} -k box:3 -o y.npy --device cpu", data("mask_bool.npy")));
    let (header, y) = floats(&place, "y.npy");
    assert!(header.contains("'<f4'") && header.contains("(8, 8)"), "{header}");
    assert!((y[3] - 2.0 / 9.0).abs() < 1e-6 && y.iter().all(|y| (0.0..=1.0001).contains(y)));
}

#[test]
fn built_in_kernels_have_the_axes_of_an_array() {
    let place = Place::new();
    let impulse = |name: &str, shape: &[usize], at: &[usize]| {
        let mut x = ndarray::ArrayD::<f32>::zeros(shape);
        x[at] = 1.0;
        place.write(name, npy("<f4", &x));
    };
    impulse("line.npy", &[41], &[20]);
    impulse("volume.npy", &[21, 23, 25], &[10, 11, 12]);
    impulse("rgb.npy", &[31, 33, 3], &[15, 16, 1]);
    let apply = |arguments: &str| {
        let said = place.succeed(&format!("apply {arguments} -o y.npy --device cpu"));
        assert_eq!(said, "", "{arguments}");
        floats(&place, "y.npy").1
    };
    // exp(-t^2 / (2 * 2^2)) over its sum.
    let taps: Vec<f64> = (-8..=8i32).map(|t| (-f64::from(t * t) / 8.0).exp()).collect();
    let tap = |t: usize| taps[8 + t] / taps.iter().sum::<f64>();
    let close = |found: f32, expected: f64| {
        assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
    };
    let y = apply("line.npy -k gaussian:2");
    close(y[20], tap(0));
    close(y[25], tap(5));
    let y = apply("volume.npy -k gaussian:2");
    close(y[(11 * 23 + 13) * 25 + 12], tap(1) * tap(2) * tap(0));
    let y = apply("volume.npy -k gaussian:0,0,2");
    close(y[(10 * 23 + 11) * 25 + 15], tap(3));
    assert_eq!(y.iter().filter(|y| **y != 0.0).count(), 17);
    let y = apply("volume.npy -k box:1,3,5");
    close(y[(10 * 23 + 12) * 25 + 14], 1.0 / 15.0);
    let said = place.succeed("apply rgb.npy -k gaussian:2 -o y.npy --device cpu");
    assert!(said.contains("if that has channels, --channels last"), "{said}");
    // Every channel on its own.
    let y = apply("rgb.npy -k gaussian:2,0 --channels last --boundary mirror");
    close(y[(17 * 33 + 16) * 3 + 1], tap(2));
    assert_eq!(y.iter().filter(|y| **y != 0.0).count(), 17);
    assert!(y.iter().enumerate().all(|(i, y)| i % 3 == 1 || *y == 0.0));
    let y = apply("rgb.npy -k sobel-x --channels last --stride 3,1");
    assert_eq!((y.len(), y[(5 * 33 + 15) * 3 + 1]), (11 * 33 * 3, 2.0));
    // A picture's, height first.
    place.succeed(&format!("apply {} -k gaussian:0,0.5 -o y.png --device cpu", data("bar.png")));
    let y = image::open(place.file("y.png")).unwrap().into_luma8();
    assert!((0..8).all(|row| y[(3, row)] == y[(3, 0)]) && (1..255).contains(&y[(3, 0)].0[0]));
}

#[test]
fn kernels_in_double_precision_are_cast() {
    let place = Place::new();
    let (photo, kernel) = (data("photo.png"), data("gauss31_f64.npy"));
    place.succeed(&format!("apply {photo} -k {kernel} -o y.png --device cpu"));
    place.succeed(&format!("apply {photo} -k gaussian:1 -o z.png --device cpu"));
    let open = |name| image::open(place.file(name)).unwrap().into_luma8();
    let (y, z) = (open("y.png"), open("z.png"));
    // cv2.getGaussianKernel(31, 1) reaches further than ours, by less than half a level.
    assert!(y.pixels().zip(z.pixels()).all(|(y, z)| y.0[0].abs_diff(z.0[0]) <= 1));
    assert_ne!(open("y.png"), image::open(&photo).unwrap().into_luma8());
}

#[test]
fn text_kernels_from_any_system_are_read_right() {
    let place = Place::new();
    let (photo, kernel) = (data("photo.png"), data("laplace_cr.txt"));
    place.succeed(&format!("apply {photo} -k {kernel} -o y.npy --device cpu"));
    place.succeed(&format!("apply {photo} -k laplacian -o z.npy --device cpu"));
    assert_eq!(floats(&place, "y.npy"), floats(&place, "z.npy"));
    let comma = format!("apply {photo} -k {} -o y.png --device cpu", data("decimal_comma.txt"));
    refused(&place, &comma, "line 1: \"0,5\" may be one number with a decimal comma, or several");
}

#[test]
fn a_blur_leaves_nan_out_on_request() {
    let place = Place::new();
    let input = data("nan.npy");
    place.succeed(&format!("apply {input} -k gaussian:1 -o y.npy --device cpu --boundary mirror"));
    let spread = floats(&place, "y.npy").1.iter().filter(|y| y.is_nan()).count();
    let ignoring = "--ignore-nan --boundary mirror --device cpu";
    place.succeed(&format!("apply {input} -k gaussian:1 -o y.npy {ignoring}"));
    let (_, y) = floats(&place, "y.npy");
    let (_, x) = split_npy(&std::fs::read(&input).unwrap());
    let x: Vec<f32> =
        x.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
    assert!(spread > 1 && x.iter().any(|x| x.is_nan()) && y.iter().all(|y| y.is_finite()));
    // The definition.
    let weight = |t: i64| (-(t * t) as f64 / 2.0).exp();
    let mirror = |i: i64| if i < 0 { -i } else { i.min(22 - i) } as usize;
    for (i, found) in y.iter().enumerate() {
        let (row, column) = ((i / 12) as i64, (i % 12) as i64);
        let (mut sum, mut weights) = (0.0, 0.0);
        for (down, across) in (-4..=4).flat_map(|i| (-4..=4).map(move |j| (i, j))) {
            let sample = x[12 * mirror(row + down) + mirror(column + across)];
            if !sample.is_nan() {
                sum += weight(down) * weight(across) * f64::from(sample);
                weights += weight(down) * weight(across);
            }
        }
        assert!((f64::from(*found) - sum / weights).abs() < 1e-5, "{i}: {found}");
    }
    // Pictures of floating-point samples too.
    let grey = data("grey_f32.tif");
    place.succeed(&format!("apply {grey} -k gaussian:1 -o y.tif {ignoring}"));
    let DecodingResult::F32(y) = pages(&place, "y.tif").remove(0).2 else { panic!("not f32") };
    assert!(y.iter().all(|y| y.is_finite()));
}

#[test]
fn one_broken_picture_in_a_folder_is_named_and_nothing_is_written() {
    let place = Place::new();
    std::fs::create_dir(place.file("in")).unwrap();
    for name in ["in/a.png", "in/c.png"] {
        RgbImage::from_pixel(5, 4, Rgb([9; 3])).save(place.file(name)).unwrap();
    }
    place.write("in/b.png", "text");
    let words = "nothing of 3 was written: in/b.png: could not be read as a picture";
    refused(&place, "apply in -k box:3 -o out --device cpu", words);
}

#[test]
fn files_that_are_passed_over_in_a_folder_are_named() {
    let place = Place::new();
    std::fs::create_dir_all(place.file("in/deeper")).unwrap();
    GrayImage::from_pixel(5, 4, Luma([9])).save(place.file("in/a.png")).unwrap();
    place.write("in/notes.txt", "");
    place.write("in/film.gif", "");
    let said = place.succeed("apply in -k box:3 -o out --device cpu");
    let expected = "in: passed over 3, no regular files whose names end like a picture's: deeper/, \
                    film.gif, notes.txt\n";
    assert_eq!(said, expected);
    (0..40).for_each(|i| place.write(&format!("in/{i:02}.txt"), ""));
    let said = place.succeed("apply in -k box:3 -o out --device cpu");
    assert!(said.contains("passed over 43") && said.contains(" and 23 more"), "{said}");
}

#[test]
fn tiffs_of_other_kinds_are_read_or_refused() {
    use tiff::encoder::{TiffEncoder, colortype};
    let place = Place::new();
    let file = |name: &str| File::create(place.file(name)).unwrap();
    let deep = [0u32, 1 << 31, u32::MAX, 7, 1_000_000_007, 5];
    let mut encoder = TiffEncoder::new(file("u32.tif")).unwrap();
    encoder.write_image::<colortype::Gray32>(3, 2, &deep).unwrap();
    let doubles = [0.1f64, -1e300, 3.0, 1e-300, 0.0, 5.5];
    let mut encoder = TiffEncoder::new(file("f64.tif")).unwrap();
    encoder.write_image::<colortype::Gray64Float>(3, 2, &doubles).unwrap();
    let mut encoder = TiffEncoder::new(file("u64.tif")).unwrap();
    encoder.write_image::<colortype::Gray64>(3, 2, &[1u64; 6]).unwrap();
    for name in ["u32", "f64"] {
        place.succeed(&format!("apply {name}.tif -k identity -o y.tif --device cpu"));
        match pages(&place, "y.tif").remove(0).2 {
            DecodingResult::U32(y) => assert_eq!(y, deep),
            DecodingResult::F64(y) => assert_eq!(y, doubles),
            other => panic!("{other:?}"),
        }
    }
    let words = "integers of 64 bits: expected those of 8, 16 or 32 bits, or floating point";
    refused(&place, "apply u64.tif -k identity -o y.tif --device cpu", words);
    // Turned as its file says, like every picture.
    let mut encoder = TiffEncoder::new(file("turned.tif")).unwrap();
    let mut page = encoder.new_image::<colortype::Gray32Float>(3, 2).unwrap();
    page.encoder().write_tag(tiff::tags::Tag::Orientation, 6u16).unwrap();
    page.write_data(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    place.succeed("apply turned.tif -k identity -o y.npy --device cpu");
    let (header, y) = floats(&place, "y.npy");
    assert!(header.contains("(3, 2)"), "{header}");
    assert_eq!(y, [4.0, 1.0, 5.0, 2.0, 6.0, 3.0]);
    // Both orders of bytes in arrays are tested with the others; a type without a meaning is not.
    place.write("x.npy", npy_file("<M8[s]", false, &[1], &[0; 8]));
    refused(&place, "apply x.npy -k box:3 -o y.npy --device cpu", "expected b1, f2, f4");
    let float =
        DynamicImage::ImageRgb32F(ImageBuffer::from_pixel(4, 3, Rgb([0.5f32, f32::NAN, 2.0])));
    float.save(place.file("x.exr")).unwrap();
    place.succeed("apply x.exr -k box:3 -o y.exr --ignore-nan --device cpu");
    let y = image::open(place.file("y.exr")).unwrap().into_rgb32f();
    assert!(y[(1, 1)].0[0] == 0.5 && y[(1, 1)].0[1].is_nan());
}

#[test]
fn openexr_has_alpha_multiplied_in() {
    let place = Place::new();
    // A red disk on transparent black, half as opaque, and light from what is transparent.
    let pixel = |x: u32, y: u32| match (x, y) {
        (3..=8, 3..=8) => Rgba([0.5f32, 0.0, 0.0, 0.5]),
        (14, 3) => Rgba([0.0, 9.0, 0.0, 0.0]),
        _ => Rgba([0.0; 4]),
    };
    let picture = DynamicImage::ImageRgba32F(ImageBuffer::from_fn(18, 12, pixel));
    picture.save(place.file("x.exr")).unwrap();
    let open = |name| image::open(place.file(name)).unwrap().into_rgba32f();
    place.succeed("apply x.exr -k box:3 -o y.exr --device cpu");
    let y = open("y.exr");
    assert!((y[(14, 3)].0[1] - 1.0).abs() < 1e-6 && y[(14, 3)].0[3] == 0.0);
    assert!(y.pixels().all(|pixel| (pixel.0[0] - pixel.0[3]).abs() < 1e-6));
    // Through a TIFF, which says so, and back.
    place.succeed("apply x.exr -k identity -o y.tif --device cpu");
    let mut decoder = Decoder::new(File::open(place.file("y.tif")).unwrap()).unwrap();
    assert_eq!(decoder.get_tag_u16_vec(tiff::tags::Tag::ExtraSamples).unwrap(), [1]);
    place.succeed("apply y.tif -k box:3 -o z.exr --device cpu");
    let inside = |name| open(name)[(3, 3)].0;
    let (through, direct) = (inside("z.exr"), inside("y.exr"));
    assert!(
        through.iter().zip(direct).all(|(a, b)| (a - b).abs() < 1e-6),
        "{through:?} {direct:?}"
    );
}

#[test]
fn an_openexr_with_more_than_a_picture_is_refused() {
    use exr::prelude::*;
    let place = Place::new();
    let size = Vec2(6, 5);
    let channels = SpecificChannels::build()
        .with_channel("R")
        .with_channel("G")
        .with_channel("B")
        .with_channel("Z")
        .with_pixel_fn(|_| (1.0f32, 2.0f32, 3.0f32, 4.0f32));
    Image::from_channels(size, channels).write().to_file(place.file("depth.exr")).unwrap();
    let words = "channels Z: expected R, G, B and perhaps A";
    refused(&place, "apply depth.exr -k box:3 -o y.exr --device cpu", words);
    let layer = |name: &str| {
        let colours = SpecificChannels::rgb(|_| (1.0f32, 2.0f32, 3.0f32));
        Layer::new(size, LayerAttributes::named(name), Encoding::UNCOMPRESSED, colours)
    };
    let attributes = ImageAttributes::new(IntegerBounds::from_dimensions(size));
    let image = Image::empty(attributes).with_layer(layer("one")).with_layer(layer("two"));
    image.write().to_file(place.file("parts.exr")).unwrap();
    refused(&place, "apply parts.exr -k box:3 -o y.exr --device cpu", "2 parts: expected a single");
}

/// A BMP of 16,000 x 16,000 pixels, 768 MB that the disk does not hold.
fn large(place: &Place, name: &str) {
    let mut header = b"BM".to_vec();
    let word = |header: &mut Vec<u8>, value: u32| header.extend(value.to_le_bytes());
    let bytes = 16_000 * 16_000 * 3;
    [54 + bytes, 0, 54, 40, 16_000, 16_000, 1 | 24 << 16, 0, bytes, 0, 0, 0, 0]
        .into_iter()
        .for_each(|value| word(&mut header, value));
    place.write(name, header);
    let file = File::options().write(true).open(place.file(name)).unwrap();
    file.set_len(54 + u64::from(bytes)).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_picture_that_memory_does_not_hold_is_an_error_of_one_line() {
    let place = Place::new();
    large(&place, "x.bmp");
    let before = place.listing();
    let script = format!(
        "ulimit -v 600000; exec {} apply x.bmp -k box:3 -o y.png --device cpu",
        env!("CARGO_BIN_EXE_convolve")
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.args(["-c", &script]).current_dir(place.path()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{said}");
    assert!(said.contains("no memory for a picture of 16000 x 16000 pixels"), "{said}");
    assert_eq!(place.listing(), before);
    let words = "has 256000000 pixels, more than 1000000: --max-pixels 256000000 would let it in";
    let arguments = "apply x.bmp -k box:3 -o y.png --device cpu --max-pixels 1000000";
    refused(&place, arguments, words);
}
