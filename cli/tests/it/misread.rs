//! Files that decoders take for something else: errors, and no pictures that look like one.

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};

use crate::common::Place;
use crate::errors::refused;

/// A TIFF of 4 x 3 pixels: 24 bytes of samples, and these tags besides those of every file, with values
/// of 16 bits.
fn tiff(tags: &[(u16, &[u16])]) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let mut all: Vec<(u16, u16, Vec<u8>)> = tags
        .iter()
        .map(|(tag, values)| (*tag, SHORT, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    for (tag, value) in [(256, 4u32), (257, 3), (273, 8), (278, 3), (279, 24)] {
        all.push((tag, LONG, value.to_le_bytes().into()));
    }
    all.sort();
    let directory = 8 + 24;
    let mut file = b"II\x2a\0".to_vec();
    file.extend(u32::to_le_bytes(directory));
    file.extend(0..24);
    file.extend(u16::to_le_bytes(all.len() as u16));
    let mut behind = Vec::new();
    let after = directory + 2 + 12 * all.len() as u32 + 4;
    for (tag, kind, value) in all {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        let count = value.len() as u32 / if kind == SHORT { 2 } else { 4 };
        file.extend(count.to_le_bytes());
        match value.len() {
            0..=4 => file.extend([&value[..], &[0; 4][value.len()..]].concat()),
            _ => {
                file.extend((after + behind.len() as u32).to_le_bytes());
                behind.extend(value);
            }
        }
    }
    file.extend([0; 4]);
    file.extend(behind);
    file
}

/// The tags of bits and samples of a pixel, what they mean, and compression.
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const PHOTOMETRIC: u16 = 262;
const FILL_ORDER: u16 = 266;
const SAMPLES: u16 = 277;
const COLOR_MAP: u16 = 320;
const EXTRA_SAMPLES: u16 = 338;
const SAMPLE_FORMAT: u16 = 339;

fn tiff_refused(place: &Place, tags: &[(u16, &[u16])], words: &str) {
    place.write("x.tif", tiff(tags));
    for output in ["y.tif", "y.npy"] {
        let arguments = format!("apply x.tif -k identity -o {output} --device cpu");
        refused(
            place,
            &arguments,
            &format!("x.tif: could not be read as a picture: a TIFF: {words}"),
        );
    }
}

#[test]
fn the_tiffs_of_these_tests_are_read_but_for_what_they_test() {
    let place = Place::new();
    let grey_alpha: &[(u16, &[u16])] =
        &[(BITS, &[8, 8]), (PHOTOMETRIC, &[1]), (SAMPLES, &[2]), (EXTRA_SAMPLES, &[2])];
    place.write("grey_alpha.tif", tiff(grey_alpha));
    place.write("inverted.tif", tiff(&[(BITS, &[16]), (PHOTOMETRIC, &[0]), (FILL_ORDER, &[1])]));
    let map = [7u16; 768];
    place.write("palette.tif", tiff(&[(BITS, &[8]), (PHOTOMETRIC, &[3]), (COLOR_MAP, &map)]));
    for name in ["grey_alpha.tif", "inverted.tif", "palette.tif"] {
        place.succeed(&format!("apply {name} -k identity -o y.tif --device cpu"));
    }
}

#[test]
fn a_palette_with_alpha_is_an_error() {
    let map = [7u16; 768];
    let tags: &[(u16, &[u16])] = &[
        (BITS, &[8, 8]),
        (PHOTOMETRIC, &[3]),
        (SAMPLES, &[2]),
        (COLOR_MAP, &map),
        (EXTRA_SAMPLES, &[2]),
    ];
    tiff_refused(&Place::new(), tags, "a palette with 2 samples a pixel: expected one");
}

#[test]
fn grey_with_alpha_compressed_as_jpeg_is_an_error() {
    let tags: &[(u16, &[u16])] = &[
        (BITS, &[8, 8]),
        (COMPRESSION, &[7]),
        (PHOTOMETRIC, &[1]),
        (SAMPLES, &[2]),
        (EXTRA_SAMPLES, &[2]),
    ];
    tiff_refused(&Place::new(), tags, "2 samples a pixel compressed as JPEG: expected 1, 3 or 4");
}

#[test]
fn bits_that_fill_bytes_from_the_lowest_are_an_error() {
    let place = Place::new();
    for bits in [1, 8] {
        let tags: &[(u16, &[u16])] = &[(BITS, &[bits]), (PHOTOMETRIC, &[1]), (FILL_ORDER, &[2])];
        tiff_refused(&place, tags, "FillOrder 2: expected 1");
    }
}

#[test]
fn inverted_floats_and_signed_integers_are_an_error() {
    let place = Place::new();
    for (bits, format) in [(16, 2), (16, 3), (8, 2)] {
        let tags: &[(u16, &[u16])] =
            &[(BITS, &[bits]), (PHOTOMETRIC, &[0]), (SAMPLE_FORMAT, &[format])];
        tiff_refused(&place, tags, "samples of which 0 is white (WhiteIsZero) that are floating");
    }
}

#[test]
fn several_pictures_in_a_jpeg_or_a_pgm_are_an_error_and_previews_are_not() {
    let place = Place::new();
    let picture = |side: u32, name: &str| {
        let picture = GrayImage::from_fn(side, side, |x, y| Luma([(x * 9 + y) as u8]));
        picture.save(place.file(name)).unwrap();
        std::fs::read(place.file(name)).unwrap()
    };
    let (whole, preview) = (picture(16, "whole.jpg"), picture(8, "preview.jpg"));
    for between in [&b""[..], &[0; 7]] {
        place.write("x.jpg", [&whole[..], between, &preview, between, &whole].concat());
        let words = "x.jpg: could not be read as a picture: several pictures, one after another";
        refused(&place, "apply x.jpg -k identity -o y.png --device cpu", words);
        place.write("x.jpg", [&whole[..], between, &preview, between].concat());
        let said = place.succeed("apply x.jpg -k identity -o y.png --device cpu");
        assert!(said.contains("left out 1 smaller picture after the first (previews)"), "{said}");
    }
    place.write("x.jpg", [&whole[..], b"trailing"].concat());
    assert_eq!(place.succeed("apply x.jpg -k identity -o y.png --device cpu"), "");
    let plain = picture(8, "plain.pgm");
    for between in ["", "\n", " \r\n"] {
        place.write("x.pgm", [&plain[..], between.as_bytes(), &plain].concat());
        let words = "several pictures, one after another: expected one";
        refused(&place, "apply x.pgm -k identity -o y.png --device cpu", words);
    }
}

#[test]
fn a_picture_that_is_cut_off_is_called_truncated() {
    let place = Place::new();
    let picture = DynamicImage::from(RgbImage::from_fn(31, 29, |x, y| {
        Rgb([(x * y * 7) as u8, (x * 5) as u8, (x ^ y) as u8])
    }));
    for name in ["x.png", "x.tif", "x.bmp", "x.webp", "x.ppm", "x.tga", "x.jpg", "x.qoi"] {
        picture.save(place.file(name)).unwrap();
        let whole = std::fs::read(place.file(name)).unwrap();
        for part in [5, 7, 9] {
            place.write(name, &whole[..whole.len() * part / 10]);
            let arguments = format!("apply {name} -k identity -o y.png --device cpu");
            refused(&place, &arguments, "truncated: ");
        }
    }
}
