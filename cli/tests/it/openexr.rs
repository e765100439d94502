//! OpenEXR: alpha, channels, parts.

use std::fs::File;

use image::{DynamicImage, ImageBuffer, Rgba};
use tiff::decoder::Decoder;

use crate::common::Place;
use crate::errors::refused;

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
