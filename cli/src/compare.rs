//! `--compare`: a picture beside what became of it.

use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, ImageBuffer, Pixel};

use crate::raster::collected;

/// A picture on the left, its result on the right.
pub fn beside(picture: &DynamicImage, result: &DynamicImage) -> Result<DynamicImage> {
    let [before, after] = [picture, result].map(|p| (p.width(), p.height()));
    ensure!(
        before == after,
        "--compare goes with results of the picture's size, {} x {}, got {} x {}",
        before.0,
        before.1,
        after.0,
        after.1
    );
    macro_rules! both {
        ($($pixels:ident)*) => {
            match (picture, result) {
                $((DynamicImage::$pixels(left), DynamicImage::$pixels(right)) => {
                    DynamicImage::$pixels(rows(left, right)?)
                })*
                (_, other) => bail!("pictures of type {:?} are not supported", other.color()),
            }
        };
    }
    let mut both = both!(
        ImageLuma8 ImageLumaA8 ImageRgb8 ImageRgba8
        ImageLuma16 ImageLumaA16 ImageRgb16 ImageRgba16
        ImageRgb32F ImageRgba32F
    );
    // A space that a picture has, a picture of the same type can have.
    let _ = both.set_color_space(result.color_space());
    Ok(both)
}

type Buffer<P> = ImageBuffer<P, Vec<<P as Pixel>::Subpixel>>;

fn rows<P: Pixel>(left: &Buffer<P>, right: &Buffer<P>) -> Result<Buffer<P>> {
    let width = left.width().checked_mul(2).context("--compare: too wide for a picture")?;
    let row = left.width() as usize * usize::from(P::CHANNEL_COUNT);
    let pairs = left.as_raw().chunks_exact(row).zip(right.as_raw().chunks_exact(row));
    let samples = pairs.flat_map(|(left, right)| left.iter().chain(right).copied());
    let samples = collected(2 * row * left.height() as usize, samples)?;
    ImageBuffer::from_raw(width, left.height(), samples).context("fewer samples than pixels")
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Luma, LumaA};

    #[test]
    fn both_are_there_pixel_by_pixel() {
        let of = |plus: u16| {
            ImageBuffer::from_fn(3, 2, |x, y| LumaA([(x * 10 + y) as u16 + plus, 1000]))
        };
        let [left, right] = [of(0), of(500)].map(DynamicImage::ImageLumaA16);
        let both = beside(&left, &right).unwrap();
        let both = both.as_luma_alpha16().unwrap();
        assert_eq!(both.dimensions(), (6, 2));
        assert_eq!((both[(2, 1)].0, both[(3, 0)].0), ([21, 1000], [500, 1000]));
        assert_eq!(both[(5, 1)].0, [521, 1000]);
        let small = DynamicImage::from(ImageBuffer::from_pixel(3, 1, Luma([0u8])));
        let error = beside(&left, &small).unwrap_err().to_string();
        assert!(error.contains("the picture's size, 3 x 2, got 3 x 1"), "{error}");
    }
}
