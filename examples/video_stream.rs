//! A video through a stream: bytes in and bytes out, a few frames on their way at one time.
//!
//! `cargo run --release --features image --example video_stream -- [IN] [OUT]`
//!
//! On a GPU one frame is computed while the next one goes there and the last one comes back. On the CPU all
//! threads work on each frame as it comes.

use std::env;
use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use convolve::{Convolver, filters};
use image::{Rgb, RgbImage, imageops};

const SIZE: [u32; 2] = [320, 240];
const FRAMES: u32 = 60;

/// A camera that goes in a circle over a photograph.
struct Camera(RgbImage);

impl Camera {
    /// What a decoder gives: rows of bytes, three for each pixel.
    fn frame(&self, number: u32) -> Vec<u8> {
        let angle = std::f32::consts::TAU * number as f32 / FRAMES as f32;
        let [width, height] = SIZE;
        let room = [self.0.width() - width, self.0.height() - height];
        let [x, y] = [angle.sin(), angle.cos()].map(|along| 0.5 + 0.5 * along);
        let [x, y] = [x * room[0] as f32, y * room[1] as f32].map(|from| from as u32);
        imageops::crop_imm(&self.0, x, y, width, height).to_image().into_raw()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "assets/astronaut.png".into());
    let output = args.next().unwrap_or_else(|| env::temp_dir().join("video_stream.png"));
    let camera = Camera(image::open(input)?.into_rgb8());
    let [width, height] = SIZE;
    if camera.0.width() < width || camera.0.height() < height {
        return Err(format!("expected a picture of at least {width} x {height} pixels").into());
    }

    // Planned once for all frames.
    let blur = Convolver::new().picture_filter(&filters::gaussian(3.0)?).runs(FRAMES as usize);
    let blur = blur.for_pictures_of::<Rgb<u8>>(width, height)?;
    println!("{}", blur.plan());

    let start = Instant::now();
    let mut stream = blur.stream();
    let (mut done, mut last) = (0, None);
    for number in 0..FRAMES {
        let frame = RgbImage::from_raw(width, height, camera.frame(number));
        // The oldest frame, once as many are on their way as may be.
        if let Some(blurred) = stream.push(&frame.ok_or("three bytes for each pixel")?)? {
            (done, last) = (done + 1, Some(blurred));
        }
    }
    while let Some(blurred) = stream.pop()? {
        (done, last) = (done + 1, Some(blurred));
    }
    println!("{:.0} frames a second", f64::from(done) / start.elapsed().as_secs_f64());
    last.ok_or("there are frames")?.save(&output)?;
    println!("{}", output.display());
    Ok(())
}
