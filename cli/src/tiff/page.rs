//! Pictures of the samples that were decoded of a page.

use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, ImageBuffer};
use ndarray::Array3;
use tiff::ColorType;
use tiff::decoder::DecodingResult;

use super::Alpha;
use super::palette::{Colours, Palette};
use crate::decode::Picture;
use crate::raster::{Raster, collected};

/// What decoded samples are.
pub(super) struct Page {
    pub width: u32,
    pub height: u32,
    pub color: ColorType,
    pub extra: Vec<Alpha>,
    /// Planes that stand one after another.
    pub planes: usize,
}

impl Page {
    /// A picture of indices.
    pub fn with_palette(&mut self, palette: &Palette, samples: DecodingResult) -> Result<Picture> {
        let indices = match samples {
            DecodingResult::U8(packed) => self.unpacked(&packed, self.color.bit_depth())?,
            DecodingResult::U16(indices) => indices,
            _ => bail!("a palette for pixels that are no unsigned integers"),
        };
        let indices = palette.colours(&indices)?;
        let (width, height) = (self.width, self.height);
        let buffer = match indices {
            Colours::Eight(colours) => {
                ImageBuffer::from_raw(width, height, colours).map(DynamicImage::ImageRgb8)
            }
            Colours::Sixteen(colours) => {
                ImageBuffer::from_raw(width, height, colours).map(DynamicImage::ImageRgb16)
            }
        };
        buffer.map(Picture::Image).context("fewer pixels than its size")
    }

    /// Greys of a few bits as bytes from 0 to 255.
    pub fn bytes(&mut self, samples: DecodingResult) -> Result<DecodingResult> {
        let (ColorType::Gray(bits), DecodingResult::U8(packed)) = (self.color, samples) else {
            bail!("samples of {} bits: expected 8, 16, 32 or 64", self.color.bit_depth());
        };
        let largest = (1u16 << bits) - 1;
        let greys = self.unpacked(&packed, bits)?;
        let bytes = greys.iter().map(|grey| (grey * 255 / largest) as u8);
        self.color = ColorType::Gray(8);
        Ok(DecodingResult::U8(collected(greys.len(), bytes)?))
    }

    /// Values of at most 8 bits, whose rows start with a byte each.
    fn unpacked(&self, packed: &[u8], bits: u8) -> Result<Vec<u16>> {
        ensure!((1..=8).contains(&bits), "pixels of {bits} bits: expected 1 to 8");
        let (width, bits) = (self.width as usize, usize::from(bits));
        let value = |row: &[u8], x: usize| {
            let at = x * bits;
            let two = u16::from_be_bytes([row[at / 8], *row.get(at / 8 + 1).unwrap_or(&0)]);
            two >> (16 - bits - at % 8) & ((1 << bits) - 1)
        };
        let rows = packed.chunks_exact((width * bits).div_ceil(8));
        let values = rows.flat_map(|row| (0..width).map(move |x| value(row, x)));
        collected(width * self.height as usize, values)
    }

    /// A picture of colours, or samples that no picture can have.
    pub fn picture(&self, samples: DecodingResult) -> Result<Picture> {
        use DecodingResult as D;
        match samples {
            D::U8(samples) => self.of_bytes(samples),
            D::U16(samples) => self.of_words(samples),
            D::F32(samples) => self.of_floats(samples),
            // No other format has these: they are kept as what holds them exactly.
            D::F16(samples) => {
                self.of_floats(collected(samples.len(), samples.into_iter().map(f32::from))?)
            }
            D::I8(samples) => self.raster(samples).map(Raster::I8).map(Picture::Raster),
            D::I16(samples) => self.raster(samples).map(Raster::I16).map(Picture::Raster),
            D::I32(samples) => self.raster(samples).map(Raster::I32).map(Picture::Raster),
            D::U32(samples) => self.raster(samples).map(Raster::U32).map(Picture::Raster),
            D::F64(samples) => self.raster(samples).map(Raster::F64).map(Picture::Raster),
            D::U64(_) | D::I64(_) => {
                bail!("integers of 64 bits: expected those of 8, 16 or 32 bits, or floating point")
            }
        }
    }

    fn of_bytes(&self, samples: Vec<u8>) -> Result<Picture> {
        let alpha = self.alpha();
        let samples = self.interleaved(samples)?;
        match (self.color, alpha) {
            (ColorType::Gray(_), _) => self.image(samples, DynamicImage::ImageLuma8),
            (ColorType::RGB(_), _) => self.image(samples, DynamicImage::ImageRgb8),
            (ColorType::RGBA(_), _) => self.image(samples, DynamicImage::ImageRgba8),
            (
                ColorType::Multiband { num_samples: 2, .. },
                Alpha::Straight | Alpha::Premultiplied,
            ) => self.image(samples, DynamicImage::ImageLumaA8),
            (ColorType::CMYK(_), _) => {
                let colours = samples.chunks_exact(4).flat_map(|cmyk| {
                    let light = 1.0 - f32::from(cmyk[3]) / 255.0;
                    [0, 1, 2].map(|c| ((255.0 - f32::from(cmyk[c])) * light).round() as u8)
                });
                self.image(collected(samples.len() / 4 * 3, colours)?, DynamicImage::ImageRgb8)
            }
            _ => Ok(Picture::Raster(Raster::U8(self.channels(samples)?))),
        }
    }

    fn of_words(&self, samples: Vec<u16>) -> Result<Picture> {
        let alpha = self.alpha();
        let samples = self.interleaved(samples)?;
        match (self.color, alpha) {
            (ColorType::Gray(16), _) => self.image(samples, DynamicImage::ImageLuma16),
            (ColorType::RGB(16), _) => self.image(samples, DynamicImage::ImageRgb16),
            (ColorType::RGBA(16), _) => self.image(samples, DynamicImage::ImageRgba16),
            (
                ColorType::Multiband { bit_depth: 16, num_samples: 2 },
                Alpha::Straight | Alpha::Premultiplied,
            ) => self.image(samples, DynamicImage::ImageLumaA16),
            (ColorType::CMYK(16), _) => {
                let colours = samples.chunks_exact(4).flat_map(|cmyk| {
                    let light = 1.0 - f32::from(cmyk[3]) / 65_535.0;
                    [0, 1, 2].map(|c| ((65_535.0 - f32::from(cmyk[c])) * light).round() as u16)
                });
                self.image(collected(samples.len() / 4 * 3, colours)?, DynamicImage::ImageRgb16)
            }
            _ => Ok(Picture::Raster(Raster::U16(self.channels(samples)?))),
        }
    }

    fn of_floats(&self, samples: Vec<f32>) -> Result<Picture> {
        let samples = self.interleaved(samples)?;
        match self.color {
            ColorType::RGB(_) => self.image(samples, DynamicImage::ImageRgb32F),
            ColorType::RGBA(_) => self.image(samples, DynamicImage::ImageRgba32F),
            _ => Ok(Picture::Raster(Raster::F32(self.channels(samples)?))),
        }
    }

    /// What the channel after the colours is.
    fn alpha(&self) -> Alpha {
        match (self.color, self.extra.as_slice()) {
            // Some writers do not say that their fourth sample is alpha.
            (ColorType::RGBA(_), []) => Alpha::Straight,
            (_, [alpha, ..]) => *alpha,
            _ => Alpha::None,
        }
    }

    fn image<P: image::Pixel>(
        &self,
        samples: Vec<P::Subpixel>,
        image: impl FnOnce(ImageBuffer<P, Vec<P::Subpixel>>) -> DynamicImage,
    ) -> Result<Picture> {
        let buffer = ImageBuffer::from_raw(self.width, self.height, samples);
        let picture = image(buffer.context("fewer pixels than its size")?);
        Ok(match (self.alpha(), picture.color().has_alpha()) {
            (Alpha::Premultiplied, true) => Picture::Premultiplied(picture),
            _ => Picture::Image(picture),
        })
    }

    fn raster<A: Copy>(&self, samples: Vec<A>) -> Result<Array3<A>> {
        self.channels(self.interleaved(samples)?)
    }

    /// Channels without alpha.
    fn channels<A>(&self, samples: Vec<A>) -> Result<Array3<A>> {
        let supported = matches!(
            self.color,
            ColorType::Gray(_) | ColorType::RGB(_) | ColorType::Multiband { .. }
        );
        ensure!(
            supported && !self.extra.iter().any(|&extra| extra != Alpha::None),
            "{:?} with {} bits: expected RGB or grey, with alpha only in 8 or 16 bits, or RGB of \
             32-bit floating point",
            self.color,
            8 * size_of::<A>(),
        );
        let shape = (self.height as usize, self.width as usize, self.color.num_samples().into());
        Ok(Array3::from_shape_vec(shape, samples)?)
    }

    /// Samples of a pixel side by side.
    fn interleaved<A: Copy>(&self, samples: Vec<A>) -> Result<Vec<A>> {
        if self.planes <= 1 {
            return Ok(samples);
        }
        let pixels = self.width as usize * self.height as usize;
        ensure!(samples.len() == self.planes * pixels, "planes of different sizes");
        let side_by_side = (0..pixels).flat_map(|pixel| {
            let samples = &samples;
            (0..self.planes).map(move |plane| samples[plane * pixels + pixel])
        });
        collected(samples.len(), side_by_side)
    }
}
