//! What a PNG has besides its pixels, and writing one with that.

use std::borrow::Cow;
use std::io::{BufRead, Seek, SeekFrom, Write};

use anyhow::{Result, bail};
use image::DynamicImage;
use png::text_metadata::{ITXtChunk, TEXtChunk, ZTXtChunk};
use png::{
    BitDepth, ColorType, Compression, Encoder, Filter, Info, PixelDimensions, ScaledFloat,
    SourceChromaticities, SrgbRenderingIntent, Unit,
};

use super::{About, Density};
use crate::raster;
use crate::report;

/// What says how colours are meant, and text.
#[derive(Clone, Debug, Default)]
pub struct Chunks {
    srgb: Option<SrgbRenderingIntent>,
    gamma: Option<ScaledFloat>,
    chromaticities: Option<SourceChromaticities>,
    code_points: Option<[u8; 4]>,
    text: Vec<TEXtChunk>,
    compressed_text: Vec<ZTXtChunk>,
    international_text: Vec<ITXtChunk>,
}

const XMP: &str = "XML:com.adobe.xmp";

impl Chunks {
    /// Reads what stands before the picture; nothing of what is not sound, which is the decoder's to say.
    pub fn read(file: impl BufRead + Seek) -> (Self, Option<Density>) {
        let Ok(reader) = png::Decoder::new(file).read_info() else { return Default::default() };
        let info = reader.info();
        let density = info.pixel_dims.and_then(|dims| {
            let (x, y) = (f64::from(dims.xppu), f64::from(dims.yppu));
            match dims.unit {
                _ if x == 0.0 || y == 0.0 => None,
                Unit::Meter => Some(Density::per_centimetre(x / 100.0, y / 100.0)),
                Unit::Unspecified => Some(Density::of_aspect(x, y)),
            }
        });
        let points = info.coding_independent_code_points.as_ref();
        let chunks = Self {
            srgb: info.srgb,
            gamma: info.gama_chunk,
            chromaticities: info.chrm_chunk,
            code_points: points.map(|points| {
                [
                    points.color_primaries,
                    points.transfer_function,
                    points.matrix_coefficients,
                    points.is_video_full_range_image.into(),
                ]
            }),
            text: info.uncompressed_latin1_text.clone(),
            compressed_text: info.compressed_latin1_text.clone(),
            international_text: info
                .utf8_text
                .iter()
                .filter(|text| text.keyword != XMP)
                .cloned()
                .collect(),
        };
        (chunks, density)
    }

    /// In words, what stands behind the picture, where it is not looked for.
    pub fn behind(mut file: impl BufRead + Seek) -> Option<String> {
        let (mut is_behind, mut text, mut exif) = (false, false, false);
        file.seek(SeekFrom::Start(8)).ok()?;
        let mut head = [0; 8];
        while file.read_exact(&mut head).is_ok() {
            match &head[4..] {
                b"IDAT" => is_behind = true,
                b"tEXt" | b"zTXt" | b"iTXt" => text |= is_behind,
                b"eXIf" => exif |= is_behind,
                b"IEND" => break,
                _ => {}
            }
            let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
            // With its checksum.
            file.seek_relative(i64::from(len) + 4).ok()?;
        }
        let what = [(text, "text"), (exif, "Exif")].into_iter().filter(|(found, _)| *found);
        let what = report::listed(what.map(|(_, what)| what.to_string()), "and");
        (!what.is_empty()).then(|| format!("left out its {what} behind the picture"))
    }

    pub fn is_srgb(&self) -> bool {
        self.srgb.is_some()
    }

    pub fn gamma(&self) -> Option<f64> {
        let gamma = f64::from(self.gamma?.into_value());
        (gamma > 0.0).then_some(gamma)
    }

    /// Primaries, transfer, matrix and range, as cICP has them.
    pub fn code_points(&self) -> Option<[u8; 4]> {
        self.code_points
    }

    /// Whether it says of levels what they mean, and something else than sRGB.
    pub fn has_curve(&self) -> bool {
        self.srgb.is_none() && (self.gamma.is_some() || self.code_points.is_some())
    }

    pub fn has_text(&self) -> bool {
        !(self.text.is_empty()
            && self.compressed_text.is_empty()
            && self.international_text.is_empty())
    }
}

/// Writes a picture of 8 or 16 bits, with what belongs to it.
pub fn write(file: &mut impl Write, picture: &DynamicImage, about: &About) -> Result<()> {
    let (color, depth) = match picture {
        DynamicImage::ImageLuma8(_) => (ColorType::Grayscale, BitDepth::Eight),
        DynamicImage::ImageLumaA8(_) => (ColorType::GrayscaleAlpha, BitDepth::Eight),
        DynamicImage::ImageRgb8(_) => (ColorType::Rgb, BitDepth::Eight),
        DynamicImage::ImageRgba8(_) => (ColorType::Rgba, BitDepth::Eight),
        DynamicImage::ImageLuma16(_) => (ColorType::Grayscale, BitDepth::Sixteen),
        DynamicImage::ImageLumaA16(_) => (ColorType::GrayscaleAlpha, BitDepth::Sixteen),
        DynamicImage::ImageRgb16(_) => (ColorType::Rgb, BitDepth::Sixteen),
        DynamicImage::ImageRgba16(_) => (ColorType::Rgba, BitDepth::Sixteen),
        other => bail!("a PNG has samples of 8 or 16 bits, got {:?}", other.color()),
    };
    let mut info = Info::with_size(picture.width(), picture.height());
    info.color_type = color;
    info.bit_depth = depth;
    let chunks = &about.png;
    info.srgb = chunks.srgb;
    info.source_gamma = chunks.gamma;
    info.source_chromaticities = chunks.chromaticities;
    info.icc_profile = about.profile.as_deref().map(Cow::Borrowed);
    info.exif_metadata = about.exif.as_deref().map(Cow::Borrowed);
    info.pixel_dims = about.density().and_then(dimensions);
    info.uncompressed_latin1_text = chunks.text.clone();
    info.compressed_latin1_text = chunks.compressed_text.clone();
    info.utf8_text = chunks.international_text.clone();
    if let Some(xmp) = about.xmp.as_deref().and_then(|xmp| std::str::from_utf8(xmp).ok()) {
        info.utf8_text.push(ITXtChunk::new(XMP, xmp));
    }
    let mut encoder = Encoder::with_info(file, info)?;
    // What `image` takes.
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Adaptive);
    let mut writer = encoder.write_header()?;
    if let Some(points) = &chunks.code_points {
        writer.write_chunk(png::chunk::ChunkType(*b"cICP"), points)?;
    }
    match depth {
        // The order of bytes in a PNG.
        BitDepth::Sixteen => {
            let (samples, _) = picture.as_bytes().as_chunks::<2>();
            let samples =
                samples.iter().flat_map(|&sample| u16::from_ne_bytes(sample).to_be_bytes());
            writer.write_image_data(&raster::collected(picture.as_bytes().len(), samples)?)?;
        }
        _ => writer.write_image_data(picture.as_bytes())?,
    }
    writer.finish()?;
    Ok(())
}

fn dimensions(density: Density) -> Option<PixelDimensions> {
    let ((x, y), unit) = match density.absolute {
        true => (density.per_metre(), Unit::Meter),
        false => ((density.x, density.y), Unit::Unspecified),
    };
    let [x, y] = [x, y].map(f64::round);
    let fits = [x, y].iter().all(|value| (1.0..=f64::from(i32::MAX)).contains(value));
    fits.then_some(PixelDimensions { xppu: x as u32, yppu: y as u32, unit })
}
