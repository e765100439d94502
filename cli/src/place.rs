//! Where pictures are filtered: in a rectangle, and as much as a mask says.

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use image::DynamicImage;
use image::math::Rect;

use crate::args::Apply;
use crate::decode::{self, Contents, Picture};
use crate::formats::in_words;
use crate::{raster, with_samples};

/// A rectangle, as `200x100+30+40`: its size, and the column and the row where it starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region(pub Rect);

impl Region {
    /// Whether a pixel is in it.
    pub fn has(self, column: usize, row: usize) -> bool {
        let Self(Rect { x, y, width, height }) = self;
        let within = |at: usize, start: u32, length: u32| {
            at.checked_sub(start as usize).is_some_and(|at| at < length as usize)
        };
        within(column, x, width) && within(row, y, height)
    }
}

impl FromStr for Region {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = || {
            let (size, place) = text.split_once('+')?;
            let (width, height) = size.split_once('x')?;
            let (x, y) = place.split_once('+')?;
            let number = |digits: &str| {
                // A sign is none of them.
                digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
            };
            let [width, height, x, y] = [width, height, x, y].map(number);
            Some(Rect { x: x?, y: y?, width: width?, height: height? })
        };
        let named = numbers().filter(|rect| rect.width > 0 && rect.height > 0);
        named.map(Self).ok_or_else(|| {
            "expected width, height, column and row as WxH+X+Y, such as 200x100+30+40".to_string()
        })
    }
}

/// The mask in a file.
pub fn read_mask(path: &Path, pixels: u64) -> Result<DynamicImage> {
    let named = || format!("mask {}", path.display());
    mask(path, pixels).with_context(named)
}

fn mask(path: &Path, pixels: u64) -> Result<DynamicImage> {
    let contents = decode::open(path, pixels).context("could not be read as a picture")?;
    let picture = match contents {
        Contents::One(decoded) => decoded.picture,
        Contents::Tiff(mut pages) => {
            ensure!(pages.len() == 1, "expected one page, got {}", pages.len());
            pages.read(0).context("could not be read as a picture")?.picture
        }
    };
    const EXPECTED: &str = "expected a grey picture of 8 or 16 bits";
    match picture {
        Picture::Image(mask @ (DynamicImage::ImageLuma8(_) | DynamicImage::ImageLuma16(_))) => {
            Ok(mask)
        }
        Picture::Image(other) | Picture::Premultiplied(other) => {
            bail!("{EXPECTED}, got {}", in_words(other.color()))
        }
        Picture::Raster(samples) => {
            let code = with_samples!(&samples, |samples| raster::name(samples));
            bail!("{EXPECTED}, got samples of {code}")
        }
    }
}

/// How much of a pixel a mask leaves to the filter, from 0 to 1.
pub fn share(mask: &DynamicImage, column: usize, row: usize) -> f32 {
    let [column, row] = [column as u32, row as u32];
    match mask {
        DynamicImage::ImageLuma16(mask) => f32::from(mask[(column, row)].0[0]) / 65535.0,
        DynamicImage::ImageLuma8(mask) => f32::from(mask[(column, row)].0[0]) / 255.0,
        _ => 1.0,
    }
}

/// An error where an option is given that goes with pictures alone.
pub fn check_no_picture(args: &Apply, got: &str) -> Result<()> {
    let given = [
        ("--region", args.region.is_some()),
        ("--mask", args.mask.is_some()),
        ("--compare", args.compare),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => {
            bail!("{option} goes with pictures of 8 or 16 bits, or of f32 in RGB, got {got}")
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions() {
        let region = Rect { x: 30, y: 40, width: 200, height: 100 };
        assert_eq!("200x100+30+40".parse(), Ok(Region(region)));
        for wrong in [
            "",
            "200x100",
            "200x100+30",
            "200x100-30+40",
            "0x1+0+0",
            "1x0+0+0",
            "1x1++1+1",
            "1x1+1+-1",
            "x+1+1",
            "1.5x2+0+0",
            "99999999999x1+0+0",
            "1x1+1+1+1",
        ] {
            let error = wrong.parse::<Region>().expect_err(wrong);
            assert!(error.contains("WxH+X+Y"), "{error}");
        }
    }
}
