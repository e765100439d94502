//! Pictures that are measured.

use image::{Rgb, RgbImage};

/// The photograph in `assets/`, side by side with itself.
pub fn photograph((width, height): (u32, u32)) -> RgbImage {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png");
    let photograph = image::open(path).expect("the repository's picture").into_rgb8();
    let (w, h) = photograph.dimensions();
    RgbImage::from_fn(width, height, |x, y| *photograph.get_pixel(x % w, y % h))
}

/// Every level as often as every other.
pub fn noise((width, height): (u32, u32)) -> RgbImage {
    let mut state = 1u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([state >> 24, state >> 16, state >> 8].map(|bits| bits as u8))
    })
}
