//! Formats of picture files: what their names say, and what they keep.

use std::io::{Cursor, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Result, bail};
use image::codecs::hdr::HdrEncoder;
use image::codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding};
use image::{ColorType, DynamicImage, GrayImage, ImageFormat, Luma, Rgb, Rgb32FImage};
use jpeg_encoder::SamplingFactor;

use crate::about::{About, png};
use crate::jpeg;
use crate::kernel::has_extension;
use crate::raster::{self, Raster};
use crate::report;
use crate::standard;
use crate::{tiff, with_samples};

/// One extension for each kind of file that is written, the most usual first.
pub const WRITTEN: [&str; 12] =
    ["png", "tif", "jpg", "webp", "bmp", "tga", "qoi", "pgm", "ppm", "pam", "exr", "hdr"];

/// What picture files may end in, for messages. Of the same kinds as those that are written are `pnm`,
/// whichever of its four it holds, and `pbm`, which keeps black and white alone.
pub fn extensions() -> String {
    report::listed(WRITTEN.iter().chain(&["pbm", "pnm"]).map(ToString::to_string), "or")
}

/// The format that a file's name says, if it is one that is read and written.
pub fn format(path: &Path) -> Option<ImageFormat> {
    let format = ImageFormat::from_extension(path.extension()?)?;
    (format.reading_enabled() && format.writing_enabled()).then_some(format)
}

pub fn is_tiff(path: &Path) -> bool {
    format(path) == Some(ImageFormat::Tiff)
}

pub fn is_jpeg(path: &Path) -> bool {
    format(path) == Some(ImageFormat::Jpeg)
}

pub fn is_exr(path: &Path) -> bool {
    format(path) == Some(ImageFormat::OpenExr)
}

pub fn is_array(path: &Path) -> bool {
    has_extension(path, "npy")
}

/// Checks that the output can have samples that no picture of another format has.
pub fn check_raster_format(output: &Path, raster: &Raster) -> Result<()> {
    let (_, _, channels) = raster.dim();
    if let (Raster::F32(_), 3) = (raster, channels) {
        return check_format(output, ColorType::Rgb32F);
    }
    let s = if channels == 1 { "" } else { "s" };
    let code = with_samples!(raster, |samples| raster::name(samples));
    bail!(
        "the format of {} cannot keep {channels} channel{s} of {code}: expected a name that ends in \
         tif or .npy",
        standard::named(output)
    )
}

/// Checks that the format that the output's name says keeps the channels and the depth of pictures
/// of this type.
pub fn check_format(output: &Path, color: ColorType) -> Result<()> {
    if keeps(output, color) {
        return Ok(());
    }
    let able =
        WRITTEN.iter().filter(|extension| keeps(&Path::new("_").with_extension(extension), color));
    let able: Vec<&str> = able.copied().collect();
    bail!(
        "the format of {} cannot keep {}: expected a name that ends in {}",
        standard::named(output),
        in_words(color),
        able.join(", ")
    )
}

/// Whether a picture of this type, written and read again, has its channels and their depth. Some
/// encoders convert what they cannot write, and say nothing.
fn keeps(path: &Path, color: ColorType) -> bool {
    // Ours have every type.
    if is_tiff(path) {
        return true;
    }
    let mut file = Cursor::new(Vec::new());
    let Some(format) = format(path) else { return false };
    // Not black, which even formats of black and white have.
    let grey = DynamicImage::ImageLuma8(GrayImage::from_pixel(1, 1, Luma([100])));
    if write(&mut file, path, &in_type(grey, color), &About::default()).is_err() {
        return false;
    }
    let Ok(found) = image::load_from_memory_with_format(file.get_ref(), format) else {
        return false;
    };
    let found = found.color();
    let depth = |color: ColorType| color.bytes_per_pixel() / color.channel_count();
    (found.has_alpha() || !color.has_alpha())
        && (found.has_color() || !color.has_color())
        && depth(found) >= depth(color)
}

fn in_type(picture: DynamicImage, color: ColorType) -> DynamicImage {
    match color {
        ColorType::La8 => picture.into_luma_alpha8().into(),
        ColorType::Rgb8 => picture.into_rgb8().into(),
        ColorType::Rgba8 => picture.into_rgba8().into(),
        ColorType::L16 => picture.into_luma16().into(),
        ColorType::La16 => picture.into_luma_alpha16().into(),
        ColorType::Rgb16 => picture.into_rgb16().into(),
        ColorType::Rgba16 => picture.into_rgba16().into(),
        ColorType::Rgb32F => picture.into_rgb32f().into(),
        ColorType::Rgba32F => picture.into_rgba32f().into(),
        _ => picture,
    }
}

/// `16-bit RGB with alpha`.
pub fn in_words(color: ColorType) -> String {
    let bits = 8 * u16::from(color.bytes_per_pixel() / color.channel_count());
    let channels = if color.has_color() { "RGB" } else { "grey" };
    let alpha = if color.has_alpha() { " with alpha" } else { "" };
    format!("{bits}-bit {channels}{alpha}")
}

/// JPEG's quality where the input has none: the usual default, 75, would show more than many filters do.
const JPEG_QUALITY: u8 = 92;

/// How a JPEG is compressed: as the input was, but for what the caller says.
pub fn style(
    input: Option<jpeg::Style>,
    quality: Option<u8>,
    subsampling: Option<jpeg::Subsampling>,
) -> jpeg::Style {
    let kept = input.as_ref().map_or(SamplingFactor::F_1_1, |style| style.sampling);
    let sampling = subsampling.map_or(kept, SamplingFactor::from);
    match (quality, input) {
        (None, Some(input)) => jpeg::Style { sampling, ..input },
        (quality, _) => jpeg::Style::of(quality.unwrap_or(JPEG_QUALITY), sampling),
    }
}

/// Writes a picture in the format that its name says, with what its file said of it and the format has
/// a place for.
pub fn write(
    file: &mut (impl Write + Seek),
    path: &Path,
    picture: &DynamicImage,
    about: &About,
) -> Result<()> {
    let encoding = SampleEncoding::Binary;
    let subtype = [
        ("pbm", PnmSubtype::Bitmap(encoding)),
        ("pgm", PnmSubtype::Graymap(encoding)),
        ("ppm", PnmSubtype::Pixmap(encoding)),
        ("pam", PnmSubtype::ArbitraryMap),
    ]
    .into_iter()
    .find(|(extension, _)| has_extension(path, extension));
    match (format(path), subtype) {
        (Some(ImageFormat::Jpeg), _) => {
            let style = style(about.style.clone(), None, None);
            jpeg::write(file, picture, &style, &about.jpeg_head()?)?;
        }
        (Some(ImageFormat::Png), _) => png::write(file, picture, about)?,
        (Some(ImageFormat::WebP), _) => write_webp(file, picture, about)?,
        (Some(ImageFormat::Bmp), _) => {
            picture.write_to(&mut *file, ImageFormat::Bmp)?;
            if let Some(density) = about.density().filter(|density| density.absolute) {
                let (x, y) = density.per_metre();
                file.seek(SeekFrom::Start(38))?;
                file.write_all(&[x, y].map(|value| (value.round() as i32).to_le_bytes()).concat())?;
                file.seek(SeekFrom::End(0))?;
            }
        }
        (_, Some((_, subtype))) => {
            picture.write_with_encoder(PnmEncoder::new(file).with_subtype(subtype))?;
        }
        (Some(ImageFormat::Tiff), _) => {
            tiff::Output::new(file)?.picture(picture, tiff::Alpha::Straight, about)?
        }
        (Some(ImageFormat::Hdr), None) => match picture {
            DynamicImage::ImageRgb32F(picture) => write_hdr(file, picture)?,
            other => other.write_to(file, ImageFormat::Hdr)?,
        },
        (Some(format), None) => picture.write_to(file, format)?,
        (None, None) => bail!("expected a name that ends in {}", extensions()),
    }
    Ok(())
}

/// Writes a WebP, which this encoder does without loss.
fn write_webp(file: &mut impl Write, picture: &DynamicImage, about: &About) -> Result<()> {
    use image_webp::ColorType::{L8, La8, Rgb8, Rgba8};
    let color = match picture {
        DynamicImage::ImageLuma8(_) => L8,
        DynamicImage::ImageLumaA8(_) => La8,
        DynamicImage::ImageRgb8(_) => Rgb8,
        DynamicImage::ImageRgba8(_) => Rgba8,
        other => bail!("a WebP has samples of 8 bits, got {:?}", other.color()),
    };
    let (width, height) = (picture.width(), picture.height());
    if width.max(height) > 16_383 {
        bail!("a WebP has at most 16383 x 16383 pixels, got {width} x {height}");
    }
    let mut encoder = image_webp::WebPEncoder::new(file);
    if let Some(profile) = &about.profile {
        encoder.set_icc_profile(profile.clone());
    }
    if let Some(exif) = &about.exif {
        encoder.set_exif_metadata(exif.clone());
    }
    if let Some(xmp) = &about.xmp {
        encoder.set_xmp_metadata(xmp.clone());
    }
    Ok(encoder.encode(picture.as_bytes(), width, height, color)?)
}

/// Writes a Radiance picture. Its encoder wraps exponents around where they leave their byte.
fn write_hdr(file: &mut impl Write, picture: &Rgb32FImage) -> Result<()> {
    // 255 / 256 of 2^127, and 2^-128: the largest mantissa, and the smallest exponent that is not
    // that of 0.
    const LARGEST: f32 = 255.0 * (1u128 << 119) as f32;
    const SMALLEST: f32 = f32::from_bits(1 << 21);
    let lost = picture.as_raw().iter().find(|sample| !(0.0..=LARGEST).contains(*sample));
    if let Some(sample) = lost {
        bail!(
            "the format cannot keep a sample of {sample:?}: expected 0 to {LARGEST:.1e}, or a name \
             that ends in tif or exr"
        );
    }
    // The largest sample of a pixel gives its exponent.
    let kept = |pixel: &Rgb<f32>| match pixel.0.iter().any(|&sample| sample >= SMALLEST) {
        true => *pixel,
        false => Rgb([0.0; 3]),
    };
    let (width, height) = picture.dimensions();
    let pixels = raster::collected(picture.len() / 3, picture.pixels().map(kept))?;
    Ok(HdrEncoder::new(file).encode(&pixels, width as usize, height as usize)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_keep_what_they_can() {
        use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgb32F, Rgba8, Rgba16, Rgba32F};
        let kept = |color| {
            let keeps = |name: &&str| keeps(&Path::new("_").with_extension(name), color);
            WRITTEN.iter().copied().filter(keeps).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(kept(L8), "png tif jpg webp bmp tga pgm pam");
        assert_eq!(kept(La8), "png tif webp tga pam");
        assert_eq!(kept(Rgb8), "png tif jpg webp bmp tga qoi ppm pam");
        assert_eq!(kept(Rgba8), "png tif webp bmp tga qoi pam");
        assert_eq!(kept(L16), "png tif pam");
        assert_eq!(kept(La16), "png tif");
        assert_eq!(kept(Rgb16), "png tif pam");
        assert_eq!(kept(Rgba16), "png tif pam");
        assert_eq!(kept(Rgb32F), "tif exr hdr");
        assert_eq!(kept(Rgba32F), "tif exr");
        // Black and white has no grey.
        assert!(!keeps(Path::new("_.pbm"), L8));
    }
}
