//! Pictures: files, and a filter for each size that occurs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{Cursor, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use convolve::{Boundary, PictureFilter};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding};
use image::{
    ColorType, DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, Luma,
};
use ndarray::{Array2, Ix2};

use crate::apply::Session;
use crate::kernel::has_extension;
use crate::output::Outputs;

/// What picture files may end in, for messages.
pub const EXTENSIONS: &str =
    "png, jpg, tif, exr, bmp, webp, pnm (pbm, pgm, ppm, pam), tga, hdr or qoi";

/// The format that a file's name says, if it is one that is read and written.
pub fn format(path: &Path) -> Option<ImageFormat> {
    let format = ImageFormat::from_extension(path.extension()?)?;
    (format.reading_enabled() && format.writing_enabled()).then_some(format)
}

/// Filters pictures; plans once for each size and colour type.
pub struct Pictures<'a> {
    session: &'a Session<'a>,
    /// Taps of the kernel, once the first picture has asked for them.
    kernel: Option<Array2<f32>>,
    filters: HashMap<(u32, u32, ColorType), PictureFilter>,
}

impl<'a> Pictures<'a> {
    pub fn new(session: &'a Session<'a>) -> Self {
        Self { session, kernel: None, filters: HashMap::new() }
    }

    /// Filters one picture.
    pub fn run(&mut self, input: &Path, output: &Path, outputs: &mut Outputs) -> Result<()> {
        let picture = read(input).context("could not be read as a picture")?;
        check_format(output, picture.color())?;
        let key = (picture.width(), picture.height(), picture.color());
        let filter = match self.filters.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let kernel = match &mut self.kernel {
                    Some(kernel) => kernel,
                    none => none.insert(kernel(self.session)?),
                };
                let meaning = &self.session.args.meaning;
                let filter = self
                    .session
                    .convolver
                    .picture_filter(kernel)
                    .options(meaning.options(Boundary::Mirror)?)
                    .method(meaning.method.into())
                    .device(meaning.device.into())
                    .precision(meaning.precision.into())
                    .check(self.session.args.check())
                    .for_picture(&picture)?;
                self.session.explain_plan(filter.plan());
                entry.insert(filter)
            }
        };
        let filtered = self.session.timed(filter.plan(), || filter.apply(&picture))?;
        if self.session.args.verify {
            self.session.note(&filter.verify(&picture)?.to_string());
        }
        if self.session.args.profile {
            self.session.note(&filter.profile(&picture)?.to_string());
        }
        outputs.write(output, |file| write(file, output, &filtered))
    }
}

fn kernel(session: &Session) -> Result<Array2<f32>> {
    let name = session.kernel.name();
    let taps = session.kernel.cast::<f32>(2)?;
    ensure!(taps.iter().all(|tap| tap.is_finite()), "kernel {name}: expected finite taps");
    let shape = taps.shape().to_vec();
    match taps.into_dimensionality::<Ix2>() {
        Ok(taps) => Ok(taps),
        Err(_) => {
            let axes = shape.len();
            bail!("kernel {name} has {axes} axes (shape {shape:?}): a picture needs one with 2")
        }
    }
}

/// Reads a picture, the way up that its file says it should be seen.
fn read(path: &Path) -> Result<DynamicImage> {
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    // A file of a few bytes must not claim all memory, but a large file may be a large picture:
    // no format here packs more than some thousand bytes into one.
    let most = fs::metadata(path)?.len().saturating_mul(2048).max(512 << 20);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    ensure!(
        decoder.total_bytes() <= most,
        "a picture of {width} x {height} pixels does not fit into a file of this size"
    );
    // The decoder's own allocation of this size would abort where it fails.
    Vec::<u8>::new()
        .try_reserve_exact(usize::try_from(decoder.total_bytes())?)
        .with_context(|| format!("no memory for a picture of {width} x {height} pixels"))?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// One extension for each kind of file that is written, the most usual first.
const WRITTEN: [&str; 12] =
    ["png", "tif", "jpg", "webp", "bmp", "tga", "qoi", "pgm", "ppm", "pam", "exr", "hdr"];

/// Checks that the format that the output's name says keeps the channels and the depth of pictures
/// of this type.
fn check_format(output: &Path, color: ColorType) -> Result<()> {
    if keeps(output, color) {
        return Ok(());
    }
    let able =
        WRITTEN.iter().filter(|extension| keeps(&Path::new("_").with_extension(extension), color));
    let able: Vec<&str> = able.copied().collect();
    bail!(
        "the format of {} cannot keep {}: expected a name that ends in {}",
        output.display(),
        in_words(color),
        able.join(", ")
    )
}

/// Whether a picture of this type, written and read again, has its channels and their depth. Some
/// encoders convert what they cannot write, and say nothing.
fn keeps(path: &Path, color: ColorType) -> bool {
    let mut file = Cursor::new(Vec::new());
    let Some(format) = format(path) else { return false };
    // Not black, which even formats of black and white have.
    let grey = DynamicImage::ImageLuma8(GrayImage::from_pixel(1, 1, Luma([100])));
    if write(&mut file, path, &in_type(grey, color)).is_err() {
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
fn in_words(color: ColorType) -> String {
    let bits = 8 * u16::from(color.bytes_per_pixel() / color.channel_count());
    let channels = if color.has_color() { "RGB" } else { "grey" };
    let alpha = if color.has_alpha() { " with alpha" } else { "" };
    format!("{bits}-bit {channels}{alpha}")
}

/// JPEG's quality: the usual default, 75, would show more than many filters do.
const JPEG_QUALITY: u8 = 92;

/// Writes a picture in the format that its name says.
fn write(file: &mut (impl Write + Seek), path: &Path, picture: &DynamicImage) -> Result<()> {
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
            picture.write_with_encoder(JpegEncoder::new_with_quality(file, JPEG_QUALITY))?;
        }
        (_, Some((_, subtype))) => {
            picture.write_with_encoder(PnmEncoder::new(file).with_subtype(subtype))?;
        }
        (Some(format), None) => picture.write_to(file, format)?,
        (None, None) => bail!("expected a name that ends in {EXTENSIONS}"),
    }
    Ok(())
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
        assert_eq!(kept(La8), "png webp tga pam");
        assert_eq!(kept(Rgb8), "png tif jpg webp bmp tga qoi ppm pam");
        assert_eq!(kept(Rgba8), "png tif webp bmp tga qoi pam");
        assert_eq!(kept(L16), "png tif pam");
        assert_eq!(kept(La16), "png");
        assert_eq!(kept(Rgb16), "png tif pam");
        assert_eq!(kept(Rgba16), "png tif pam");
        assert_eq!(kept(Rgb32F), "tif exr hdr");
        assert_eq!(kept(Rgba32F), "tif exr");
        // Black and white has no grey.
        assert!(!keeps(Path::new("_.pbm"), L8));
    }
}
