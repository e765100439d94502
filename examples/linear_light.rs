//! Lights of a city out of focus: in linear light, as a lens does it, beside levels as they are stored.
//!
//! `cargo run --release --features image --example linear_light -- [IN] [OUT]`
//!
//! Levels are spaced as eyes see: the mean of a bright light and the night around it, taken of levels, is
//! far darker than the light of both together.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve::{Convolver, Light, filters};
use image::{DynamicImage, GenericImage, GenericImageView, RgbImage};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "assets/astronaut.png".into());
    let output = args.next().unwrap_or_else(|| env::temp_dir().join("linear_light.png"));

    let photo = image::open(input)?.into_rgb8();
    let picture = DynamicImage::from(with_lights(photo));
    // An iris with a radius of 9 pixels.
    let lens = Convolver::new().picture_filter(&filters::disk(9.0)?);
    let [stored, linear] = [Light::AsStored, Light::Linear].map(|light| {
        let filter = lens.clone().light(light).for_picture(&picture)?;
        filter.apply(&picture)
    });
    let (stored, linear) = (stored?, linear?);

    // In the middle of a light: what is left of it.
    let (x, y) = light(0, picture.width(), picture.height());
    let [by_levels, by_light] = [&stored, &linear].map(|blurred| blurred.get_pixel(x, y).0[1]);
    println!("a light has level {by_levels} where levels are blurred, {by_light} where light is");

    let mut both = RgbImage::new(2 * picture.width(), picture.height());
    both.copy_from(&stored.into_rgb8(), 0, 0)?;
    both.copy_from(&linear.into_rgb8(), picture.width(), 0)?;
    both.save(&output)?;
    println!("{}: levels on the left, light on the right", output.display());
    Ok(())
}

/// The photograph at night: dark, with lights.
fn with_lights(mut photo: RgbImage) -> RgbImage {
    let (width, height) = photo.dimensions();
    for pixel in photo.pixels_mut() {
        pixel.0 = pixel.0.map(|level| level / 6);
    }
    for number in 0..40 {
        let (x, y) = light(number, width, height);
        for (dx, dy) in (0..16).map(|i| (i % 4, i / 4)) {
            let (x, y) = ((x + dx).saturating_sub(2), (y + dy).saturating_sub(2));
            if x < width && y < height {
                photo[(x, y)].0 = [255, 244, 214];
            }
        }
    }
    photo
}

/// Where a light is: spread over the picture, by multiples of two irrational numbers.
fn light(number: u32, width: u32, height: u32) -> (u32, u32) {
    let place =
        |step: f64, of: u32| ((0.5 + step * f64::from(number)).fract() * f64::from(of)) as u32;
    (place(0.754_878, width), place(0.569_840, height))
}
