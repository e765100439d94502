//! What is in files: frames, cut-off files, types of samples, gaps, and sizes.

use std::fs::File;

use image::{ImageBuffer, Rgba};
use tiff::decoder::DecodingResult;

use crate::common::{Place, asset, data, floats, npy, pages, split_npy};
use crate::errors::refused;

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
