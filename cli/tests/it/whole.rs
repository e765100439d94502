//! Files whole: what they have besides pixels, and how they were compressed.

use std::fs::File;
use std::io::BufReader;
use std::sync::LazyLock;

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, ImageDecoder, ImageReader, Luma, Rgb, RgbImage};
use moxcms::ColorProfile;
use tiff::decoder::ifd::Value;
use tiff::tags::Tag;

use crate::common::{Place, asset};
use crate::errors::refused;

/// Exif of little-endian order: to be turned clockwise, 240 per inch, a maker, and an exposure time and a
/// size in a directory of its own.
fn exif() -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    let mut directory = |entries: &[(u16, u16, u32, u32)]| {
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, kind, count, value) in entries {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.extend([0; 4]);
    };
    // 8 + 2 + 12 * 6 + 4 = 86, and 86 + 2 + 12 * 3 + 4 = 128.
    let maker = u32::from_le_bytes(*b"Oak\0");
    directory(&[
        (0x10f, 2, 4, maker),
        (0x112, 3, 1, 6),
        (0x11a, 5, 1, 128),
        (0x11b, 5, 1, 128),
        (0x128, 3, 1, 2),
        (0x8769, 4, 1, 86),
    ]);
    directory(&[(0x829a, 5, 1, 136), (0xa002, 4, 1, 6), (0xa003, 4, 1, 4)]);
    bytes.extend([240u32, 1, 1, 125].map(u32::to_le_bytes).concat());
    bytes
}

fn profile() -> Vec<u8> {
    // It has the time in it.
    static ONCE: LazyLock<Vec<u8>> =
        LazyLock::new(|| ColorProfile::new_display_p3().encode().unwrap());
    ONCE.clone()
}

/// A PNG with all of it; grows brighter to the right as its rows stand.
fn write_png(place: &Place, name: &str, density: Option<u32>) {
    let mut info = png::Info::with_size(6, 4);
    info.color_type = png::ColorType::Rgb;
    info.icc_profile = Some(profile().into());
    info.exif_metadata = Some(exif().into());
    info.pixel_dims =
        density.map(|xppu| png::PixelDimensions { xppu, yppu: xppu, unit: png::Unit::Meter });
    let encoder = png::Encoder::with_info(File::create(place.file(name)).unwrap(), info).unwrap();
    let pixels = RgbImage::from_fn(6, 4, |x, _| Rgb([40 * x as u8; 3]));
    encoder.write_header().unwrap().write_image_data(pixels.as_raw()).unwrap();
}

/// Profile, Exif and pixels per inch of a file, read by other code than the command's.
fn found(place: &Place, name: &str) -> (Option<Vec<u8>>, Option<Vec<u8>>, Option<u32>) {
    let path = place.file(name);
    let bytes = std::fs::read(&path).unwrap();
    if name.ends_with("tif") {
        let mut tiff = tiff::decoder::Decoder::new(File::open(path).unwrap()).unwrap();
        let profile = tiff.get_tag_u8_vec(Tag::IccProfile).ok();
        assert_eq!(tiff.get_tag_unsigned::<u16>(Tag::ResolutionUnit).unwrap(), 2);
        let density = match tiff.get_tag(Tag::XResolution).unwrap() {
            Value::Rational(numerator, denominator) => numerator / denominator,
            other => panic!("{other:?}"),
        };
        let at =
            tiff.find_tag(Tag::ExifDirectory).unwrap().map(|at| at.into_ifd_pointer().unwrap());
        let directory = at.map(|at| tiff.read_directory(at).unwrap());
        let time = directory.and_then(|directory| {
            let time = tiff.read_directory_tags(&directory).find_tag(Tag::Unknown(0x829a)).unwrap();
            time.map(|time| format!("{time:?}").into_bytes())
        });
        assert_eq!(tiff.get_tag_ascii_string(Tag::Make).unwrap(), "Oak");
        return (profile, time, Some(density));
    }
    let mut decoder = ImageReader::open(&path).unwrap().into_decoder().unwrap();
    let density = match name.rsplit('.').next().unwrap() {
        "jpg" => Some(u16::from_be_bytes([bytes[14], bytes[15]]).into()).filter(|_| bytes[13] == 1),
        "png" => {
            let png = png::Decoder::new(BufReader::new(File::open(&path).unwrap()));
            let dims = png.read_info().unwrap().info().pixel_dims;
            dims.map(|dims| (f64::from(dims.xppu) * 0.0254).round() as u32)
        }
        _ => None,
    };
    (decoder.icc_profile().unwrap(), decoder.exif_metadata().unwrap(), density)
}

#[test]
fn profile_exif_and_resolution_go_from_every_format_to_every_other() {
    let place = Place::new();
    write_png(&place, "x.png", Some(11_811));
    let kinds = ["png", "jpg", "tif", "webp"];
    for from in kinds {
        let said = place.succeed(&format!("apply x.png -k identity -o from.{from} --device cpu"));
        assert!(!said.contains("no place for"), "{from}: {said}");
        for to in kinds {
            let name = format!("{from}-to.{to}");
            let said = place.succeed(&format!("apply from.{from} -k box:1 -o {name} --device cpu"));
            assert_eq!(said, "", "{name}");
            // It was turned once, and says so: nothing turns it again.
            let picture = image::open(place.file(&name)).unwrap();
            assert_eq!((picture.width(), picture.height()), (4, 6), "{name}");
            let (profile_found, exif, density) = found(&place, &name);
            assert_eq!(profile_found, Some(profile()), "{name}");
            let exif = exif.expect(&name);
            match to {
                "tif" => assert!(String::from_utf8(exif).unwrap().contains("125"), "{name}"),
                _ => {
                    let upright = Some(Orientation::NoTransforms);
                    let said = Orientation::from_exif_chunk(&exif);
                    assert!(said.is_none() || said == upright, "{name}: {said:?}");
                    assert!(exif.windows(4).any(|bytes| bytes == b"Oak\0"), "{name}");
                    let time = [1u32, 125].map(u32::to_le_bytes).concat();
                    assert!(exif.windows(8).any(|bytes| bytes == time), "{name}");
                }
            }
            // A WebP has none but Exif's.
            if to != "webp" {
                let expected = if from == "webp" { 240 } else { 300 };
                assert_eq!(density, Some(expected), "{name}");
            }
        }
    }
}

#[test]
fn what_a_format_has_no_place_for_is_named() {
    let place = Place::new();
    write_png(&place, "x.png", None);
    let said = place.succeed("apply x.png -k identity -o y.bmp --device cpu");
    let expected =
        "x.png: left out its colour profile and Exif: a .bmp file has no place for that\n";
    assert_eq!(said, expected);
    // Several files with the same remark share it.
    std::fs::create_dir(place.file("in")).unwrap();
    for name in ["in/a.png", "in/b.png"] {
        write_png(&place, name, None);
    }
    assert_eq!(place.succeed("apply in -k identity -o out --device cpu"), "");
    // Numbers are no picture.
    assert_eq!(place.succeed("apply x.png -k identity -o y.npy --device cpu"), "");
}

#[test]
fn the_resolution_of_a_bmp_stays() {
    let place = Place::new();
    RgbImage::new(5, 4).save(place.file("x.bmp")).unwrap();
    let mut bytes = std::fs::read(place.file("x.bmp")).unwrap();
    bytes[38..46].copy_from_slice(&[11_811u32, 5_906].map(u32::to_le_bytes).concat());
    place.write("x.bmp", bytes);
    place.succeed("apply x.bmp -k box:3 -o y.bmp --device cpu");
    let y = std::fs::read(place.file("y.bmp")).unwrap();
    assert_eq!(y[38..46], [11_811u32, 5_906].map(u32::to_le_bytes).concat());
    assert_eq!(image::open(place.file("y.bmp")).unwrap().width(), 5);
}

/// Steps of luma, and how many pixels share a sample of chroma, of a JPEG with one table a segment.
fn compression(place: &Place, name: &str) -> (Vec<u8>, [u8; 2]) {
    let bytes = std::fs::read(place.file(name)).unwrap();
    let find = |marker: [u8; 2]| bytes.windows(2).position(|window| window == marker).unwrap();
    let (table, frame) = (find([0xff, 0xdb]), find([0xff, 0xc0]));
    let sampling = bytes[frame + 11];
    (bytes[table + 5..table + 69].to_vec(), [sampling >> 4, sampling & 15])
}

#[test]
fn a_jpeg_is_compressed_as_its_input_was() {
    let place = Place::new();
    let x = image::open(asset("chelsea.png")).unwrap().into_rgb8();
    let mut size = 0;
    for (quality, chroma, sampling) in
        [(35, "420", [2, 2]), (75, "422", [2, 1]), (90, "444", [1, 1]), (100, "420", [2, 2])]
    {
        x.save(place.file("x.png")).unwrap();
        let made = format!("--quality {quality} --subsampling {chroma}");
        place.succeed(&format!("apply x.png -k identity {made} -o x.jpg --device cpu"));
        place.succeed("apply x.jpg -k identity -o y.jpg --device cpu");
        assert_eq!(compression(&place, "y.jpg"), compression(&place, "x.jpg"), "{quality}");
        assert_eq!(compression(&place, "y.jpg").1, sampling, "{quality}");
        let grows = std::fs::metadata(place.file("y.jpg")).unwrap().len();
        assert!(grows > size, "{quality}");
        size = grows;
        // One is changed, and the other stays.
        place.succeed("apply x.jpg -k identity --quality 50 -o y.jpg --device cpu");
        let (steps, kept) = compression(&place, "y.jpg");
        assert_eq!((steps[0], steps[1], kept), (16, 11, sampling), "{quality}");
        place.succeed("apply x.jpg -k identity --subsampling 444 -o y.jpg --device cpu");
        let (steps, changed) = compression(&place, "y.jpg");
        assert_eq!((steps, changed), (compression(&place, "x.jpg").0, [1, 1]), "{quality}");
    }
    // Of a picture that was no JPEG: 92, and all colours.
    place.succeed("apply x.png -k identity -o y.jpg --device cpu");
    let (steps, sampling) = compression(&place, "y.jpg");
    assert_eq!((steps[0], sampling), (3, [1, 1]));
    let y = image::open(place.file("y.jpg")).unwrap().into_rgb8();
    let off: u64 = y.iter().zip(x.iter()).map(|(y, x)| u64::from(y.abs_diff(*x))).sum();
    assert!(off < 3 * u64::from(x.width() * x.height()) * 2, "{off}");
}

#[test]
fn palettes_and_few_bits_are_read_as_what_they_mean() {
    let place = Place::new();
    let write = |name: &str, color, depth, palette: Option<&[u8]>, data: &[u8]| {
        let mut encoder = png::Encoder::new(File::create(place.file(name)).unwrap(), 4, 2);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if let Some(palette) = palette {
            encoder.set_palette(palette.to_vec());
            encoder.set_trns(vec![255, 255, 255, 0]);
        }
        encoder.write_header().unwrap().write_image_data(data).unwrap();
    };
    let palette = [10, 20, 30, 40, 50, 60, 70, 80, 90, 255, 255, 255];
    write("p.png", png::ColorType::Indexed, png::BitDepth::Two, Some(&palette), &[0b00011011; 2]);
    write("g.png", png::ColorType::Grayscale, png::BitDepth::Four, None, &[0x0f, 0x5a, 0x0f, 0x5a]);
    place.succeed("apply p.png -k identity -o y.png --device cpu");
    let DynamicImage::ImageRgba8(y) = image::open(place.file("y.png")).unwrap() else {
        panic!("a palette with a transparent colour");
    };
    assert_eq!((y[(1, 0)].0, y[(3, 1)].0[3]), ([40, 50, 60, 255], 0));
    place.succeed("apply g.png -k identity -o y.png --device cpu");
    let DynamicImage::ImageLuma8(y) = image::open(place.file("y.png")).unwrap() else {
        panic!("grey");
    };
    assert_eq!(y.as_raw()[..4], [0, 255, 85, 170]);
}

#[test]
fn linear_light_by_another_curve_is_remarked_on() {
    let place = Place::new();
    let x = GrayImage::from_fn(9, 9, |x, _| Luma([25 * x as u8]));
    let gamma = |name: &str, value: Option<u32>| {
        let mut encoder = png::Encoder::new(File::create(place.file(name)).unwrap(), 9, 9);
        encoder.set_color(png::ColorType::Grayscale);
        if let Some(value) = value {
            encoder.set_source_gamma(png::ScaledFloat::from_scaled(value));
        }
        encoder.write_header().unwrap().write_image_data(x.as_raw()).unwrap();
    };
    for (name, value, words) in [
        ("none.png", None, ""),
        ("usual.png", Some(45_455), ""),
        ("light.png", Some(100_000), "its levels are said to be gamma 1.00 (gAMA)"),
        ("mac.png", Some(55_556), "its levels are said to be gamma 1.80 (gAMA)"),
    ] {
        gamma(name, value);
        let said =
            place.succeed(&format!("apply {name} -k box:3 --linear -o y-{name} --device cpu"));
        assert!(said.contains(words) && said.is_empty() == words.is_empty(), "{name}: {said}");
        // It stays with the picture.
        let file = File::open(place.file(&format!("y-{name}"))).unwrap();
        let kept = png::Decoder::new(BufReader::new(file)).read_info().unwrap().info().gama_chunk;
        assert_eq!(kept.map(png::ScaledFloat::into_scaled), value, "{name}");
        assert_eq!(place.succeed(&format!("apply {name} -k box:3 -o y.png --device cpu")), "");
    }
    // Display P3 has the curve of sRGB.
    write_png(&place, "p3.png", None);
    assert_eq!(place.succeed("apply p3.png -k box:3 --linear -o y.png --device cpu"), "");
}

#[test]
fn a_jpeg_of_inks_becomes_rgb_and_loses_the_profile_of_its_inks() {
    let place = Place::new();
    let mut encoder = jpeg_encoder::Encoder::new_file(place.file("x.jpg"), 95).unwrap();
    encoder.add_icc_profile(&[&[0; 16], &b"CMYK"[..], &[0; 108]].concat()).unwrap();
    // All of cyan, and nothing else.
    let inks = [255, 0, 0, 0].repeat(16 * 16);
    encoder.encode(&inks, 16, 16, jpeg_encoder::ColorType::Cmyk).unwrap();
    let said = place.succeed("apply x.jpg -k box:3 -o y.jpg --device cpu");
    assert_eq!(said, "x.jpg: left out its CMYK profile: what is filtered and written is RGB\n");
    let y = image::open(place.file("y.jpg")).unwrap().into_rgb8();
    let [red, green, blue] = y[(8, 8)].0;
    assert!(red < 5 && green > 250 && blue > 250, "{:?}", y[(8, 8)]);
    assert_eq!(found(&place, "y.jpg").0, None);
}

#[test]
fn what_is_not_sound_besides_pixels_is_left_out() {
    let place = Place::new();
    write_png(&place, "x.png", Some(11_811));
    place.succeed("apply x.png -k identity -o whole.tif --device cpu");
    let whole = std::fs::read(place.file("whole.tif")).unwrap();
    // Tag, kind and count.
    for (name, tag, kind) in [("resolution", 282u16, 5u16), ("colour profile", 34_675, 1)] {
        let entry = [tag.to_le_bytes(), kind.to_le_bytes()].concat();
        let at = whole.windows(4).position(|bytes| bytes == entry).expect(name);
        let mut wrong = whole.clone();
        wrong[at + 8..at + 12].copy_from_slice(&u32::MAX.to_le_bytes());
        place.write("x.tif", wrong);
        let said = place.succeed("apply x.tif -k identity -o y.tif --device cpu");
        assert_eq!(said, format!("x.tif: left out its {name}, which is not sound\n"));
    }
}

#[test]
fn text_behind_the_picture_of_a_png_is_remarked_on() {
    let place = Place::new();
    let mut encoder = png::Encoder::new(File::create(place.file("x.png")).unwrap(), 4, 4);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[7; 16]).unwrap();
    writer.write_chunk(png::chunk::ChunkType(*b"tEXt"), b"Title\0x").unwrap();
    writer.finish().unwrap();
    let said = place.succeed("apply x.png -k identity -o y.png --device cpu");
    assert_eq!(said, "x.png: left out its text behind the picture\n");
}

#[test]
fn xmp_that_turned_nothing_stays() {
    let place = Place::new();
    let mut encoder = jpeg_encoder::Encoder::new_file(place.file("x.jpg"), 95).unwrap();
    let xmp = b"http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation=\"6\"/>";
    encoder.add_app_segment(1, xmp.to_vec()).unwrap();
    encoder.encode(&[9; 16 * 8], 16, 8, jpeg_encoder::ColorType::Luma).unwrap();
    place.succeed("apply x.jpg -k identity -o y.jpg --device cpu");
    let y = std::fs::read(place.file("y.jpg")).unwrap();
    assert!(y.windows(22).any(|bytes| bytes == b"tiff:Orientation=\"6\"/>"[..22].as_ref()));
    assert_eq!(image::open(place.file("y.jpg")).unwrap().width(), 16);
}

#[test]
fn animated_gifs_are_refused() {
    let place = Place::new();
    place.write("x.gif", b"GIF89a");
    refused(
        &place,
        "apply x.gif -k box:3 -o y.png --device cpu",
        "x.gif: expected a name that ends",
    );
    place.write("x.png", b"GIF89a\x01\0\x01\0\0\0\0;");
    let words = "x.png: could not be read as a picture";
    refused(&place, "apply x.png -k box:3 -o y.png --device cpu", words);
}
