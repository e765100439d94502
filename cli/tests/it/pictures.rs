//! Pictures, one and many.

use image::codecs::png::PngEncoder;
use image::{
    ColorType, DynamicImage, GrayImage, ImageBuffer, ImageEncoder, Luma, LumaA, Rgb, Rgb32FImage,
    RgbImage,
};

use crate::common::{Place, asset};
use crate::errors::refused;

/// The index that stands at `i` where an axis of `n` samples is mirrored about its last sample.
fn mirror(i: i64, n: i64) -> u32 {
    let i = i.abs() % (2 * (n - 1));
    i.min(2 * (n - 1) - i) as u32
}

#[test]
fn a_gaussian_on_a_photograph() {
    let place = Place::new();
    let input = asset("astronaut.png");
    place.succeed(&format!("apply {input} --kernel gaussian:4 -o y.png --device cpu"));
    let x = image::open(&input).unwrap().into_rgb8();
    let y = image::open(place.file("y.png")).unwrap();
    assert_eq!(y.color(), ColorType::Rgb8);
    let y = y.into_rgb8();
    assert_eq!(y.dimensions(), x.dimensions());

    // exp(-t^2 / (2 * 4^2)), |t| <= 16, written down independently of the library.
    let taps: Vec<f64> = (-16..=16i32).map(|t| (-f64::from(t * t) / 32.0).exp()).collect();
    let sum: f64 = taps.iter().sum();
    let (width, height) = (i64::from(x.width()), i64::from(x.height()));
    let samples = (0..40i64).map(|i| (i * 131 % width, i * 211 % height));
    for (px, py) in samples.chain([(0, 0), (511, 0), (0, 511), (511, 511), (3, 200)]) {
        let mut exact = [0.0; 3];
        for (dy, ky) in (-16..=16).zip(&taps) {
            for (dx, kx) in (-16..=16).zip(&taps) {
                let at = (mirror(px + dx, width), mirror(py + dy, height));
                let pixel = x.get_pixel(at.0, at.1).0;
                for c in 0..3 {
                    exact[c] += ky * kx / (sum * sum) * f64::from(pixel[c]);
                }
            }
        }
        let pixel = y.get_pixel(px as u32, py as u32).0;
        for c in 0..3 {
            // Half a unit from rounding; f32 adds far less than 0.01 of a unit.
            let off = (f64::from(pixel[c]) - exact[c]).abs();
            assert!(off <= 0.51, "({px}, {py}) channel {c}: {} for {}", pixel[c], exact[c]);
        }
    }
}

#[test]
fn a_wide_blur_within_a_quarter_of_a_level() {
    let place = Place::new();
    let input = asset("astronaut.png");
    let blur = format!("apply {input} --kernel gaussian:20 --device cpu");
    place.succeed(&format!("{blur} -o exact.png"));
    let said = place
        .succeed(&format!("{blur} -o y.png --tolerance 0.25-levels --method coarse --explain"));
    assert!(said.contains("cpu coarse") && said.contains("levels"), "{said}");
    let [y, exact] = ["y.png", "exact.png"].map(|name| image::open(place.file(name)).unwrap());
    let pairs = y.as_bytes().iter().zip(exact.as_bytes());
    let off: Vec<u8> = pairs.map(|(y, exact)| y.abs_diff(*exact)).collect();
    assert!(off.iter().all(|&off| off <= 1));
    assert!(off.iter().filter(|&&off| off > 0).count() < off.len() / 50);
}

#[test]
fn brightness_that_grows_to_the_right_has_a_positive_derivative() {
    let place = Place::new();
    let ramp = GrayImage::from_fn(20, 10, |x, _| Luma([10 * x as u8]));
    ramp.save(place.file("x.png")).unwrap();
    let apply = |arguments: &str| {
        place.succeed(&format!("apply x.png -o y.png --device cpu --kernel {arguments}"));
        image::open(place.file("y.png")).unwrap().into_luma8()[(9, 5)].0[0]
    };
    assert_eq!(apply("sobel-x"), 80);
    assert_eq!(apply("sobel-x --correlate"), 0);
    assert_eq!(apply("sobel-y"), 0);
    assert_eq!(apply("laplacian"), 0);
    assert_eq!(apply("sharpen"), 90);
    assert_eq!(apply("box:3"), 90);
    assert_eq!(apply("motion:5,0"), 90);
    assert_eq!(apply("disk:2.5"), 90);
    assert_eq!(apply("identity --boundary constant:7 --origin 0,0"), 90);
}

#[test]
fn colour_types_stay() {
    let place = Place::new();
    let grey = ImageBuffer::from_fn(9, 8, |x, y| Luma([(x * 7_000 + y) as u16]));
    let alpha = ImageBuffer::from_fn(9, 8, |x, y| LumaA([50u8, (x * 20 + y) as u8]));
    let float = ImageBuffer::from_fn(9, 8, |x, _| Rgb([x as f32 * 2.5, -1.0, 1e4]));
    DynamicImage::ImageLuma16(grey).save(place.file("grey.png")).unwrap();
    DynamicImage::ImageLumaA8(alpha).save(place.file("alpha.png")).unwrap();
    DynamicImage::ImageRgb32F(float).save(place.file("float.exr")).unwrap();
    for (input, output, color) in [
        ("grey.png", "grey.tiff", ColorType::L16),
        ("alpha.png", "alpha2.png", ColorType::La8),
        ("float.exr", "float2.exr", ColorType::Rgb32F),
    ] {
        place.succeed(&format!("apply {input} --kernel sobel-x -o {output} --device cpu"));
        assert_eq!(image::open(place.file(output)).unwrap().color(), color);
    }
    // A derivative would have made it transparent.
    let alpha = image::open(place.file("alpha2.png")).unwrap();
    assert_eq!(alpha.as_luma_alpha8().unwrap()[(4, 3)].0, [0, 83]);
    let float = image::open(place.file("float2.exr")).unwrap();
    assert_eq!(float.as_rgb32f().unwrap()[(4, 3)].0, [20.0, 0.0, 0.0]);
    for name in ["y.jpg", "y.bmp", "y.webp", "y.ppm", "y.tga", "y.qoi", "y.tif"] {
        let input = asset("chelsea.png");
        place.succeed(&format!("apply {input} --kernel box:3 --stride 8 -o {name} --device cpu"));
        let written = image::open(place.file(name)).unwrap();
        assert_eq!((written.width(), written.height()), (57, 38), "{name}");
    }
}

#[test]
fn pictures_are_filtered_the_way_up_that_they_are_seen() {
    let place = Place::new();
    // Exif with one entry: orientation 6, to be turned clockwise.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let lying = GrayImage::from_fn(6, 4, |x, _| Luma([40 * x as u8]));
    let mut encoder = PngEncoder::new(std::fs::File::create(place.file("x.png")).unwrap());
    encoder.set_exif_metadata(exif).unwrap();
    encoder.write_image(&lying, 6, 4, image::ExtendedColorType::L8).unwrap();
    place.succeed("apply x.png --kernel sobel-y -o y.png --device cpu");
    let seen = image::open(place.file("y.png")).unwrap().into_luma8();
    assert_eq!(seen.dimensions(), (4, 6));
    assert_eq!(seen[(2, 3)].0, [255]);
}

/// Three pictures and something else in a folder.
fn folder(place: &Place) {
    std::fs::create_dir(place.file("in")).unwrap();
    for (name, size) in [("b.png", 12), ("a.bmp", 12), ("c.PNG", 9)] {
        let picture = RgbImage::from_fn(size, 10, |x, y| Rgb([(x * y) as u8, 9, x as u8]));
        let format =
            if name == "a.bmp" { image::ImageFormat::Bmp } else { image::ImageFormat::Png };
        picture.save_with_format(place.file("in").join(name), format).unwrap();
    }
    place.write("in/notes.txt", "not a picture");
}

#[test]
fn a_folder_is_planned_once_for_each_size() {
    let place = Place::new();
    folder(&place);
    let said = place.succeed("apply in --kernel gaussian:1 -o out --device cpu --explain");
    assert_eq!(said.matches("chosen: ").count(), 2, "{said}");
    assert_eq!(said.matches("ran: ").count(), 3, "{said}");
    // What is done once is shared between as many runs as there are files.
    assert_eq!(said.matches("one of 3 runs").count(), 2, "{said}");
    let mut names: Vec<_> =
        std::fs::read_dir(place.file("out")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.bmp", "b.png", "c.PNG"]);
    // Each as if alone.
    let alone = "apply in/b.png --kernel gaussian:1 -o alone.png --device cpu --explain";
    assert!(place.succeed(alone).contains("a single run"));
    // Where bits are to be the same, how many there are makes no difference.
    let same = place.succeed(&format!("{alone} --reproducible"));
    assert!(same.contains("one of 100 runs"), "{same}");
    place.succeed("apply in/b.png --kernel gaussian:1 -o alone.png --device cpu");
    assert_eq!(
        image::open(place.file("alone.png")).unwrap(),
        image::open(place.file("out/b.png")).unwrap()
    );
}

#[test]
fn sixteen_filters_are_kept_and_no_more() {
    let place = Place::new();
    let plans = |sizes: u32| {
        let input = format!("of{sizes}");
        std::fs::create_dir(place.file(&input)).unwrap();
        // Every size comes twice, after all others.
        for i in 0..2 * sizes {
            let name = place.file(&input).join(format!("{i:02}.png"));
            RgbImage::new(9 + i % sizes, 7).save(name).unwrap();
        }
        let arguments = format!("apply {input} -k box:3 -o out{sizes} --device cpu --explain");
        place.succeed(&arguments).matches("chosen: ").count()
    };
    assert_eq!([plans(16), plans(17)], [16, 34]);
}

#[test]
fn several_files_go_to_a_folder_and_replace_what_is_there() {
    let place = Place::new();
    folder(&place);
    place.succeed("apply in/a.bmp in/b.png --kernel identity -o in --device cpu");
    place.succeed("apply in/a.bmp in/b.png --kernel identity -o in --device cpu");
    let names = std::fs::read_dir(place.file("in")).unwrap().count();
    assert_eq!(names, 4);
}

#[test]
#[cfg(unix)]
fn outputs_are_files_like_any_other() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let place = Place::new();
    folder(&place);
    place.write("reference", "");
    place.succeed("apply in/b.png --kernel identity -o y.png --device cpu");
    let mode = |name: &str| place.file(name).metadata().unwrap().permissions().mode();
    assert_eq!(mode("y.png"), mode("reference"));
    symlink(place.file("y.png"), place.file("link.png")).unwrap();
    std::fs::write(place.file("y.png"), "old").unwrap();
    place.succeed("apply in/b.png --kernel identity -o link.png --device cpu");
    assert!(place.file("link.png").is_symlink());
    assert_eq!(image::open(place.file("y.png")).unwrap().width(), 12);
}

#[test]
fn verified() {
    let place = Place::new();
    folder(&place);
    let said = place.succeed("apply in/b.png --kernel disk:1.5 -o y.png --device cpu --verify");
    assert!(said.contains("cpu direct     agrees") && said.contains("verified"), "{said}");
    let said =
        place.succeed("apply in/b.png --kernel box:3 -o y.png --precision high --explain --verify");
    assert!(said.contains("f64 inside") && said.contains("verified"), "{said}");
}

#[test]
fn a_radiance_picture_keeps_what_it_can_and_refuses_what_it_cannot() {
    let place = Place::new();
    let save = |name: &str, samples: &[f32]| {
        let pixels = samples.iter().flat_map(|&sample| [sample; 3]).collect();
        let picture = Rgb32FImage::from_raw(samples.len() as u32, 1, pixels).unwrap();
        DynamicImage::from(picture).save(place.file(name)).unwrap();
    };
    // Half the smallest sample that has an exponent, that, and more.
    let smallest = f32::from_bits(1 << 21);
    save("x.exr", &[0.0, smallest / 2.0, 1e-45, smallest, 1.5, 255.0 * 2f32.powi(119)]);
    place.succeed("apply x.exr -k identity -o y.hdr --device cpu --method direct");
    let y = image::open(place.file("y.hdr")).unwrap().into_rgb32f();
    let y: Vec<f32> = y.pixels().map(|pixel| pixel.0[1]).collect();
    assert_eq!(y, [0.0, 0.0, 0.0, smallest, 1.5, 255.0 * 2f32.powi(119)]);
    for (sample, words) in [
        (-0.5, "the format cannot keep a sample of -0.5: expected 0 to 1.7e38"),
        (f32::NAN, "the format cannot keep a sample of NaN"),
        (f32::INFINITY, "the format cannot keep a sample of inf"),
        (2f32.powi(127), "the format cannot keep a sample of 1.7014118e38"),
    ] {
        save("x.exr", &[1.0, sample]);
        let arguments = "apply x.exr -k identity --device cpu --method direct";
        refused(&place, &format!("{arguments} -o z.hdr"), words);
        place.succeed(&format!("{arguments} -o z.tif"));
        std::fs::remove_file(place.file("z.tif")).unwrap();
    }
}

#[test]
fn light_is_averaged_where_that_is_asked_for() {
    let place = Place::new();
    let checks = GrayImage::from_fn(8, 8, |x, y| Luma([if (x + y) % 2 == 0 { 0 } else { 255 }]));
    checks.save(place.file("checks.png")).unwrap();
    for (flag, level) in [("", 128), ("--linear", 188)] {
        place.succeed(&format!("apply checks.png -k box:2 {flag} --device cpu -o y.png"));
        let y = image::open(place.file("y.png")).unwrap().into_luma8();
        assert_eq!(y.get_pixel(4, 4).0, [level], "{flag}");
    }
    // Numbers are light, in the picture's units.
    place.succeed("apply checks.png -k box:2 --linear --device cpu -o y.npy");
    assert!(place.file("y.npy").exists());
    refused(&place, "apply y.npy -k box:2 --linear -o z.npy", "--linear goes with pictures");
}

#[test]
fn one_axis_of_a_picture_is_filtered() {
    let place = Place::new();
    let picture = RgbImage::from_fn(23, 17, |x, y| Rgb([x * 11, y * 13, x * y].map(|c| c as u8)));
    picture.save(place.file("x.png")).unwrap();
    place.write("across.txt", "1 2 5");
    place.write("down.txt", "1\n2\n5");
    let run = |arguments: &str| {
        place.succeed(&format!("apply x.png -o y.png --scale 1/8 --device cpu {arguments}"));
        image::open(place.file("y.png")).unwrap().into_rgb8()
    };
    let [across, down] = [run("-k across.txt"), run("-k down.txt")];
    assert_ne!(across, down);
    for (axis, expected) in [("1", &across), ("-1", &across), ("0", &down), ("-2", &down)] {
        assert_eq!(run(&format!("-k across.txt --axis {axis}")), *expected, "{axis}");
    }
    let words = "--axis: expected -2 to 1 of 2 axes, got 2";
    refused(&place, "apply x.png -k box:3 -o y.png --axis 2", words);
}
