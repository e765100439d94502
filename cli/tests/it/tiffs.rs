//! TIFFs: pages, types of samples, palettes, alpha.

use std::fs::File;

use image::{DynamicImage, GrayImage, ImageBuffer, Rgb};
use tiff::decoder::DecodingResult;

use crate::common::{Place, bytes, data, floats, npy_file, pages, pages_of};
use crate::errors::refused;

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
