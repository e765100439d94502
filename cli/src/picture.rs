//! Pictures: files, and a filter for each size that occurs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs;
use std::io::{Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use convolve::{Boundary, PictureFilter};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding};
use image::{ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
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
                    .for_picture(&picture)?;
                self.session.explain_plan(filter.plan());
                entry.insert(filter)
            }
        };
        let filtered = self.session.timed(filter.plan(), || filter.apply(&picture))?;
        if self.session.args.verify {
            self.session.note(&filter.verify(&picture)?.to_string());
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
