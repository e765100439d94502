//! Parts of pictures: a rectangle, a mask, and a picture beside its result; and what alpha is.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, Rgba, RgbaImage, open};
use ndarray::arr2;

use crate::common::{Place, asset, data, floats, npy};
use crate::errors::refused;

fn place() -> Place {
    let place = Place::new();
    let noise = |x: u32, y: u32, c: u32| (x * 977 + y * 4001 + c * 313 + x * y * 7) as u8;
    let rgba = RgbaImage::from_fn(60, 40, |x, y| Rgba([0, 1, 2, 3].map(|c| noise(x, y, c))));
    let picture = DynamicImage::from(rgba);
    picture.save(place.file("rgba.png")).unwrap();
    picture.to_rgb8().save(place.file("rgb.png")).unwrap();
    picture.to_rgb16().save(place.file("deep.png")).unwrap();
    let mask = GrayImage::from_fn(60, 40, |x, y| Luma([if x < 20 || y < 8 { 0 } else { 128 }]));
    mask.save(place.file("mask.png")).unwrap();
    DynamicImage::from(mask).to_luma16().save(place.file("mask16.tif")).unwrap();
    place
}

/// Samples of 8 or of 16 bits.
fn levels(bytes: &[u8], deep: bool) -> impl Iterator<Item = i32> + '_ {
    let size = if deep { 2 } else { 1 };
    bytes.chunks(size).map(move |bytes| match *bytes {
        [level] => level.into(),
        [low, high] => u16::from_ne_bytes([low, high]).into(),
        _ => unreachable!("one or two bytes"),
    })
}

#[test]
fn a_region_is_filtered_and_all_else_stays() {
    let place = place();
    for name in ["rgba.png", "rgb.png", "deep.png"] {
        for rest in ["gaussian:3", "unsharp:2,1,3", "gradient:sobel", "sobel-x --signed offset"] {
            let apply = format!("apply {name} --device cpu --kernel {rest} -o");
            place.succeed(&format!("{apply} whole.png"));
            let said = place.succeed(&format!("{apply} part.png --region 21x13+30+27 --explain"));
            assert!(said.contains("outputs 27..40 x 30..51 x 0.."), "{said}");
            let [x, whole, part] =
                [name, "whole.png", "part.png"].map(|name| open(place.file(name)).unwrap());
            assert_eq!(part.color(), x.color());
            let size = usize::from(x.color().bytes_per_pixel());
            let pixels = x.as_bytes().chunks(size).zip(whole.as_bytes().chunks(size));
            for (i, ((x, whole), part)) in pixels.zip(part.as_bytes().chunks(size)).enumerate() {
                let within = (30..51).contains(&(i % 60)) && i / 60 >= 27;
                if !within {
                    assert_eq!(part, x, "{name} {rest} {i}");
                    continue;
                }
                // Sums in another order may be rounded to the next level.
                let deep = x.len() == 6;
                assert!(
                    levels(part, deep).zip(levels(whole, deep)).all(|(a, b)| (a - b).abs() <= 1)
                );
            }
        }
    }
    // An array of the whole picture, in numbers.
    place.succeed("apply rgb.png --kernel box:5 --region 4x4+0+0 -o y.npy --device cpu");
    place.succeed("apply rgb.png --kernel box:5 --region 4x4+0+0 -o y.png --device cpu --verify");
}

#[test]
fn an_offset_is_added_where_the_kernel_is() {
    let place = place();
    // Twice the picture's levels, and 51 more.
    place.write("k.txt", "offset 51\n2\n");
    for (rest, filtered) in [
        ("--region 4x5+20+10", (20..24, 10..15, 1.0)),
        ("--mask mask.png", (20..60, 8..40, 128.0 / 255.0)),
    ] {
        place.succeed(&format!("apply rgb.png -k k.txt -o y.npy --device cpu {rest}"));
        let x = open(place.file("rgb.png")).unwrap().into_rgb8();
        let (_, y) = floats(&place, "y.npy");
        for ((column, row, x), y) in x.enumerate_pixels().zip(y.chunks_exact(3)) {
            let (columns, rows, part) = &filtered;
            let part = if columns.contains(&column) && rows.contains(&row) { *part } else { 0.0 };
            for (x, y) in x.0.map(f32::from).iter().zip(y) {
                let exact = x + part * (2.0 * x + 51.0 - x);
                assert!((y - exact).abs() < 1e-3, "{rest} {column} {row}: {y}, not {exact}");
            }
        }
    }
}

#[test]
fn a_mask_says_how_much() {
    let place = place();
    let apply = "apply rgb.png --device cpu --kernel gaussian:3 -o";
    place.succeed(&format!("{apply} whole.png"));
    place.succeed(&format!("{apply} masked.png --mask mask.png"));
    place.succeed(&format!("{apply} masked16.png --mask mask16.tif"));
    place.succeed(&format!("{apply} both.png --mask mask.png --region 25x40+0+0"));
    let read = |name: &str| open(place.file(name)).unwrap().into_rgb8();
    let [x, whole, masked, both] = ["rgb.png", "whole.png", "masked.png", "both.png"].map(read);
    assert_eq!(masked, read("masked16.png"));
    for (px, py, y) in masked.enumerate_pixels() {
        let (x, whole) = (x[(px, py)].0, whole[(px, py)].0);
        let lit = px >= 20 && py >= 8;
        if !lit {
            assert_eq!(y.0, x);
        }
        for c in 0..3 {
            let [x, whole] = [x[c], whole[c]].map(f64::from);
            let exact = if lit { x + 128.0 / 255.0 * (whole - x) } else { x };
            assert!((f64::from(y.0[c]) - exact).abs() <= 0.76, "{px} {py}");
        }
        assert_eq!(both[(px, py)], if px < 25 { *y } else { Rgb(x) });
    }
}

#[test]
fn places_that_are_none_are_refused() {
    let place = place();
    DynamicImage::new_rgb8(60, 40).save(place.file("colour.png")).unwrap();
    GrayImage::new(40, 60).save(place.file("turned.png")).unwrap();
    place.write("text.txt", "text");
    place.write("x.npy", npy("<f4", &arr2(&[[1.0f32, 2.0], [3.0, 4.0]]).into_dyn()));
    let grey = ImageBuffer::<Luma<u16>, _>::from_pixel(4, 4, Luma([7]));
    DynamicImage::ImageLuma16(grey).save(place.file("grey.png")).unwrap();
    let blur = "apply rgb.png --device cpu --kernel box:3 -o y.png";
    for (rest, words) in [
        ("--region 61x1+0+0", "region 61x1+0+0: expected a rectangle of at least a pixel within"),
        ("--region 10x10+55+0", "the picture of 60 x 40"),
        ("--region 10x10", "expected width, height, column and row as WxH+X+Y"),
        ("--region -1x2+3+4", "such as 200x100+30+40"),
        ("--region 3x3+0+0 --stride 2", "a region or a mask cannot do this: expected results of"),
        ("--mask mask.png --mode full", "picture's own size 60 x 40 (mode same, stride 1)"),
        (
            "--mask colour.png",
            "mask colour.png: expected a grey picture of 8 or 16 bits, got 8-bit RGB",
        ),
        ("--mask turned.png", "mask: expected 60 x 40 pixels, as the picture has, got 40 x 60"),
        ("--mask text.txt", "mask text.txt: could not be read as a picture"),
        ("--mask missing.png", "mask missing.png"),
        (
            "--compare --stride 2",
            "--compare goes with results of the picture's size, 60 x 40, got 30 x 20",
        ),
    ] {
        refused(&place, &format!("{blur} {rest}"), words);
    }
    for option in ["--region 1x1+0+0", "--mask mask.png", "--compare"] {
        let words = format!("{} goes with pictures", option.split(' ').next().unwrap());
        refused(&place, &format!("apply x.npy --device cpu -k box:3 -o y.npy {option}"), &words);
        let samples = data("grey_i16.tif");
        refused(
            &place,
            &format!("apply {samples} --device cpu -k box:3 -o y.tif {option}"),
            &words,
        );
    }
    refused(&place, "apply x.npy -k box:3 -o y.npy --alpha channel", "--alpha goes with pictures");
    let words = "--compare goes with results that are shown as a picture";
    refused(&place, "apply rgb.png -k box:3 -o y.npy --compare --device cpu", words);
}

#[test]
fn a_picture_stands_beside_its_result() {
    let place = place();
    for name in ["rgba", "rgb", "deep"] {
        let apply = format!("apply {name}.png --device cpu --kernel gaussian:2");
        place.succeed(&format!("{apply} -o y.png"));
        place.succeed(&format!("{apply} -o both.png --compare"));
        let [x, y, both] = [&format!("{name}.png")[..], "y.png", "both.png"]
            .map(|name| open(place.file(name)).unwrap());
        assert_eq!((both.width(), both.height(), both.color()), (120, 40, x.color()));
        assert_eq!(both.crop_imm(0, 0, 60, 40), x);
        assert_eq!(both.crop_imm(60, 0, 60, 40), y);
    }
    let input = asset("chelsea.png");
    place.succeed(&format!("apply {input} -k sharpen --compare --region 90x90+0+0 -o both.jpg"));
    assert_eq!(open(place.file("both.jpg")).unwrap().width(), 2 * 451);
}

/// White beside nothing, with colours that are multiplied by alpha.
fn edge() -> RgbaImage {
    RgbaImage::from_fn(8, 4, |x, _| if x < 4 { Rgba([255; 4]) } else { Rgba([0; 4]) })
}

#[test]
fn alpha_is_what_it_is_said_to_be() {
    let place = Place::new();
    // Straight, what is transparent is red.
    let red = RgbaImage::from_fn(8, 4, |x, _| Rgba(if x < 4 { [255; 4] } else { [255, 0, 0, 0] }));
    red.save(place.file("red.png")).unwrap();
    edge().save(place.file("edge.png")).unwrap();
    let apply = |name: &str, alpha: &str| {
        place.succeed(&format!("apply {name}.png -k box:2 -o y.png --device cpu {alpha}"));
        open(place.file("y.png")).unwrap().into_rgba8()[(4, 1)].0
    };
    let between = |pixel: [u8; 4]| pixel[3] == 128;
    let straight = apply("red", "");
    assert!(between(straight) && straight[..3] == [255; 3], "{straight:?}");
    assert_eq!(apply("red", "--alpha straight"), straight);
    assert_eq!(apply("red", "--alpha channel"), [255, 128, 128, 128]);
    // No colour beyond its alpha.
    assert_eq!(apply("red", "--alpha premultiplied"), [128; 4]);
    assert_eq!(apply("edge", "--alpha premultiplied"), [128; 4]);
    assert_eq!(apply("edge", "--alpha premultiplied --linear"), [128; 4]);
    let channel = apply("edge", "--alpha channel --linear");
    assert!(channel[0] > 180 && channel[3] == 128, "{channel:?}");
}

#[test]
fn a_tiff_keeps_its_alpha_multiplied_in() {
    use tiff::decoder::{Decoder, DecodingResult};
    use tiff::tags::Tag;
    let place = Place::new();
    let input = data("associated_alpha.tif");
    let samples = |path: std::path::PathBuf| {
        let mut decoder = Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
        let extra = decoder.get_tag_unsigned::<u16>(Tag::ExtraSamples).unwrap();
        match decoder.read_image().unwrap() {
            DecodingResult::U8(samples) => (extra, samples),
            other => panic!("{other:?}"),
        }
    };
    let before = samples(input.clone().into());
    assert_eq!(before.0, 1, "associated");
    for rest in ["-k identity", "-k gaussian:2 --region 1x1+0+0", "-k identity --linear"] {
        place.succeed(&format!("apply {input} {rest} -o y.tif --device cpu"));
        let (extra, after) = samples(place.file("y.tif"));
        assert_eq!(extra, 1);
        let changed = after.iter().zip(&before.1).filter(|(y, x)| y != x).count();
        assert!(changed <= 4 * usize::from(rest.contains("gaussian")), "{rest}: {changed}");
    }
    // Of light too.
    place.succeed(&format!("apply {input} -k gaussian:1 --linear -o y.tif --device cpu"));
    let (_, after) = samples(place.file("y.tif"));
    assert!(after.chunks(4).all(|pixel| pixel[..3].iter().all(|c| *c <= pixel[3])));
    assert_ne!(after, before.1);
}
