//! Pictures: files, and a filter for each size that occurs.

use std::collections::VecDeque;
use std::io::{Cursor, Seek, Write};
use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use convolve::{Boundary, Filter, NanFilter, PictureFilter};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::pnm::{PnmEncoder, PnmSubtype, SampleEncoding};
use image::{ColorType, DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma};
use ndarray::{Array2, Array3, Axis, Ix2};

use crate::apply::Session;
use crate::decode::{self, Contents, Picture};
use crate::dtype::{DType, Value};
use crate::kernel::has_extension;
use crate::npy;
use crate::output::Outputs;
use crate::raster::{self, Raster};
use crate::tiff;
use crate::{with_dtype, with_samples};

/// What picture files may end in, for messages.
pub const EXTENSIONS: &str =
    "png, jpg, tif, exr, bmp, webp, pnm (pbm, pgm, ppm, pam), tga, hdr or qoi";

/// The format that a file's name says, if it is one that is read and written.
pub fn format(path: &Path) -> Option<ImageFormat> {
    let format = ImageFormat::from_extension(path.extension()?)?;
    (format.reading_enabled() && format.writing_enabled()).then_some(format)
}

/// Filters that are kept: for the sizes and types that came last.
const MOST_FILTERS: usize = 4;

/// Filters pictures; plans once for pictures of the same size and type that follow each other.
pub struct Pictures<'a> {
    session: &'a Session<'a>,
    /// Taps of the kernel, once the first picture has asked for them.
    kernel: Option<Array2<f32>>,
    /// The one used last stands at the end.
    filters: VecDeque<(Key, Rc<Planned>)>,
}

/// What a filter is planned for.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Picture(u32, u32, ColorType),
    Plane(usize, usize, DType),
}

enum Planned {
    Picture(PictureFilter),
    Single(Plane<f32>),
    Double(Plane<f64>),
}

/// A filter of one channel.
enum Plane<A: Value> {
    Plain(Filter<A, Ix2>),
    WithoutNan(NanFilter<A, Ix2>),
}

/// What comes out, and what is to be written.
enum Filtered {
    /// As the picture that went in.
    Picture(DynamicImage),
    /// As it was computed: height x width x channels, in the units of what went in.
    Single(Array3<f32>),
    Double(Array3<f64>),
}

/// A result that has its type.
struct Finished {
    filtered: Filtered,
    /// The type that samples are stored in, where they are not a picture.
    dtype: DType,
    alpha: bool,
}

impl<'a> Pictures<'a> {
    pub fn new(session: &'a Session<'a>) -> Self {
        Self { session, kernel: None, filters: VecDeque::new() }
    }

    /// Filters the picture in a file, or all its pages.
    pub fn run(&mut self, input: &Path, output: &Path, outputs: &mut Outputs) -> Result<()> {
        let args = self.session.args;
        check_dtype(output, args.dtype)?;
        let contents =
            decode::open(input, args.max_pixels).context("could not be read as a picture")?;
        let mut pages = match contents {
            Contents::One(picture) => {
                let finished = self.finish(picture, output)?;
                return outputs.write(output, |file| finished.write(file, output));
            }
            Contents::Tiff(pages) => pages,
        };
        let count = pages.len();
        ensure!(
            count == 1 || is_tiff(output),
            "{count} pages: expected an output that ends in tif and has them all, got {}",
            output.display()
        );
        if pages.smaller_copies > 0 {
            let copies = pages.smaller_copies;
            let s = if copies == 1 { "y" } else { "ies" };
            self.session.note(&format!(
                "{}: left out {copies} smaller cop{s} of a page (thumbnails)",
                input.display()
            ));
        }
        let mut page = |number| -> Result<Finished> {
            let picture = pages.read(number).context("could not be read as a picture")?;
            self.finish(picture, output)
        };
        if !is_tiff(output) {
            let finished = page(0)?;
            return outputs.write(output, |file| finished.write(file, output));
        }
        let mut file = outputs.start(output)?;
        let mut pages =
            tiff::Output::new(file.writer()).with_context(|| output.display().to_string())?;
        for number in 0..count {
            let finished = page(number)?;
            finished.write_page(&mut pages).with_context(|| output.display().to_string())?;
        }
        drop(pages);
        outputs.finish(file)
    }

    /// Filters one picture.
    fn finish(&mut self, picture: Picture, output: &Path) -> Result<Finished> {
        let args = self.session.args;
        let picture = match picture {
            // Only floating-point samples can be NaN.
            Picture::Image(DynamicImage::ImageRgb32F(pixels)) if args.ignore_nan => {
                let shape = (pixels.height() as usize, pixels.width() as usize, 3);
                Picture::Raster(Raster::F32(Array3::from_shape_vec(shape, pixels.into_raw())?))
            }
            picture => picture,
        };
        match picture {
            Picture::Image(picture) => self.image(&picture, output),
            Picture::Raster(raster) => self.raster(&raster, output),
        }
    }

    fn image(&mut self, picture: &DynamicImage, output: &Path) -> Result<Finished> {
        let session = self.session;
        let args = session.args;
        let color = picture.color();
        let as_numbers = is_array(output) || args.dtype.is_some();
        ensure!(
            !args.ignore_nan || color != ColorType::Rgba32F,
            "--ignore-nan goes with floating-point samples without alpha, got {}",
            in_words(color)
        );
        if !as_numbers {
            check_format(output, color)?;
        }
        let key = Key::Picture(picture.width(), picture.height(), color);
        let planned = self.planned(key, |kernel| {
            let options = args.meaning.options(Boundary::Mirror)?;
            let filter = session.convolver.picture_filter(kernel).options(options);
            Ok(Planned::Picture(session.planned(filter).for_picture(picture)?))
        })?;
        let Planned::Picture(filter) = &*planned else { bail!("a filter for other pictures") };
        let filtered = match as_numbers {
            true => {
                Filtered::Single(session.timed(filter.plan(), || filter.apply_unrounded(picture))?)
            }
            false => Filtered::Picture(session.timed(filter.plan(), || filter.apply(picture))?),
        };
        if args.verify {
            session.note(&filter.verify(picture)?.to_string());
        }
        if args.profile {
            session.note(&filter.profile(picture)?.to_string());
        }
        let dtype = args.dtype.unwrap_or(DType::F32);
        Ok(Finished { filtered, dtype, alpha: color.has_alpha() })
    }

    fn raster(&mut self, raster: &Raster, output: &Path) -> Result<Finished> {
        let own = raster.dtype();
        let (height, width, channels) = raster.dim();
        if !is_array(output) && !is_tiff(output) {
            check_raster_format(output, raster)?;
        }
        // What holds all samples exactly.
        let computed = match own {
            DType::I32 | DType::U32 | DType::F64 => DType::F64,
            _ => DType::F32,
        };
        let session = self.session;
        let key = Key::Plane(height, width, computed);
        let planned = self.planned(key, |kernel| {
            Ok(match computed {
                DType::F64 => {
                    Planned::Double(plane(session, &kernel_of(session)?, (height, width))?)
                }
                _ => Planned::Single(plane(session, kernel, (height, width))?),
            })
        })?;
        let filtered = match &*planned {
            Planned::Single(plane) => Filtered::Single(self.planes(plane, raster, channels)?),
            Planned::Double(plane) => Filtered::Double(self.planes(plane, raster, channels)?),
            Planned::Picture(_) => bail!("a filter for other pictures"),
        };
        let as_is = if is_array(output) { computed } else { own };
        let dtype = session.args.dtype.unwrap_or(as_is);
        Ok(Finished { filtered, dtype, alpha: false })
    }

    /// Filters channel by channel.
    fn planes<A: Value>(
        &self,
        plane: &Plane<A>,
        raster: &Raster,
        channels: usize,
    ) -> Result<Array3<A>> {
        let session = self.session;
        let (mut result, mut shape) = (Vec::new(), (0, 0, channels));
        for number in 0..channels {
            let x = with_samples!(raster, |samples| raster::channel::<_, A>(samples, number)?);
            let y = match plane {
                Plane::Plain(filter) => session.timed(filter.plan(), || filter.apply(&x))?,
                Plane::WithoutNan(filter) => session.timed(filter.plan(), || filter.apply(&x))?,
            };
            if let Plane::Plain(filter) = plane {
                if session.args.verify {
                    session.note(&filter.verify(&x)?.to_string());
                }
                if session.args.profile {
                    session.note(&filter.profile(&x)?.to_string());
                }
            }
            if number == 0 {
                shape = (y.nrows(), y.ncols(), channels);
                result = raster::allocate(y.len() * channels)?;
            }
            let cells = result.iter_mut().skip(number).step_by(channels);
            cells.zip(&y).for_each(|(cell, sample)| *cell = *sample);
        }
        Ok(Array3::from_shape_vec(shape, result)?)
    }

    /// The filter of a key: one of those that were used last, or a new one.
    fn planned(
        &mut self,
        key: Key,
        plan: impl FnOnce(&Array2<f32>) -> Result<Planned>,
    ) -> Result<Rc<Planned>> {
        let kept = self.filters.iter().position(|(other, _)| *other == key);
        let planned = match kept.and_then(|at| self.filters.remove(at)) {
            Some((_, planned)) => planned,
            None => {
                // Before a new one is made: the largest filter sets how much memory is needed.
                self.filters.truncate(MOST_FILTERS - 1);
                let kernel = match &mut self.kernel {
                    Some(kernel) => kernel,
                    none => none.insert(kernel_of(self.session)?),
                };
                let planned = plan(kernel)?;
                self.session.explain_plan(planned.plan());
                Rc::new(planned)
            }
        };
        self.filters.push_front((key, planned.clone()));
        Ok(planned)
    }
}

impl Planned {
    fn plan(&self) -> &convolve::Plan {
        match self {
            Self::Picture(filter) => filter.plan(),
            Self::Single(Plane::Plain(filter)) => filter.plan(),
            Self::Single(Plane::WithoutNan(filter)) => filter.plan(),
            Self::Double(Plane::Plain(filter)) => filter.plan(),
            Self::Double(Plane::WithoutNan(filter)) => filter.plan(),
        }
    }
}

/// A filter of one channel, with the meaning of a picture's.
fn plane<A: Value>(
    session: &Session,
    kernel: &Array2<A>,
    size: (usize, usize),
) -> Result<Plane<A>> {
    let options = session.args.meaning.options(Boundary::Mirror)?;
    let filter = session.planned(session.convolver.filter(kernel).options(options));
    Ok(match session.args.ignore_nan {
        true => Plane::WithoutNan(filter.for_shape_ignoring_nan(size)?),
        false => Plane::Plain(filter.for_shape(size)?),
    })
}

fn kernel_of<A: Value>(session: &Session) -> Result<Array2<A>> {
    let name = session.kernel.name();
    let taps = session.kernel.cast::<A>(2)?;
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

impl Finished {
    /// Writes a file with one picture.
    fn write(&self, file: &mut (impl Write + Seek), path: &Path) -> Result<()> {
        match &self.filtered {
            _ if is_tiff(path) => self.write_page(&mut tiff::Output::new(file)?),
            Filtered::Picture(picture) => write(file, path, picture),
            Filtered::Single(samples) if is_array(path) => self.write_array(file, samples),
            Filtered::Double(samples) if is_array(path) => self.write_array(file, samples),
            Filtered::Single(samples) => write(file, path, &picture_of(samples)?),
            Filtered::Double(_) => bail!("expected a name that ends in tif or .npy"),
        }
    }

    /// As an array: height x width for greys, else height x width x channels.
    fn write_array<C: Value, F: Write>(&self, file: &mut F, samples: &Array3<C>) -> Result<()> {
        fn stored<A: Value, C: Value, F: Write>(file: &mut F, samples: &Array3<C>) -> Result<()> {
            let stored = raster::stored_in::<C, A>(samples)?;
            let array = match stored.dim().2 {
                1 => stored.index_axis_move(Axis(2), 0).into_dyn(),
                _ => stored.into_dyn(),
            };
            npy::write(file, &array)
        }
        with_dtype!(self.dtype, stored[C, F](file, samples))
    }

    fn write_page<W: Write + Seek>(&self, pages: &mut tiff::Output<W>) -> Result<()> {
        match &self.filtered {
            Filtered::Picture(picture) => pages.picture(picture),
            Filtered::Single(samples) => self.write_samples(pages, samples),
            Filtered::Double(samples) => self.write_samples(pages, samples),
        }
    }

    fn write_samples<W: Write + Seek, C: Value>(
        &self,
        pages: &mut tiff::Output<W>,
        samples: &Array3<C>,
    ) -> Result<()> {
        fn page<A: Value + tiff::Sample, C: Value, W: Write + Seek>(
            pages: &mut tiff::Output<W>,
            samples: &Array3<C>,
            alpha: bool,
        ) -> Result<()> {
            pages.samples(&raster::stored_in::<C, A>(samples)?, alpha)
        }
        match self.dtype {
            DType::I8 => page::<i8, C, W>(pages, samples, self.alpha),
            DType::I16 => page::<i16, C, W>(pages, samples, self.alpha),
            DType::I32 => page::<i32, C, W>(pages, samples, self.alpha),
            DType::U8 => page::<u8, C, W>(pages, samples, self.alpha),
            DType::U16 => page::<u16, C, W>(pages, samples, self.alpha),
            DType::U32 => page::<u32, C, W>(pages, samples, self.alpha),
            DType::F32 => page::<f32, C, W>(pages, samples, self.alpha),
            DType::F64 => page::<f64, C, W>(pages, samples, self.alpha),
            _ => bail!("{TIFF_TYPES}"),
        }
    }
}

const TIFF_TYPES: &str = "a TIFF has samples of i8, i16, i32, u8, u16, u32, f32 or f64";

/// Three channels of floating point, which other formats than TIFF have too.
fn picture_of(samples: &Array3<f32>) -> Result<DynamicImage> {
    let (height, width, _) = samples.dim();
    let buffer = samples.iter().copied().collect();
    let picture = ImageBuffer::from_raw(u32::try_from(width)?, u32::try_from(height)?, buffer);
    picture.map(DynamicImage::ImageRgb32F).context("expected three channels")
}

fn is_tiff(path: &Path) -> bool {
    format(path) == Some(ImageFormat::Tiff)
}

fn is_array(path: &Path) -> bool {
    has_extension(path, "npy")
}

/// Checks that the output can have samples of the type that was asked for.
fn check_dtype(output: &Path, dtype: Option<DType>) -> Result<()> {
    let Some(dtype) = dtype else { return Ok(()) };
    ensure!(
        is_array(output) || is_tiff(output),
        "--dtype says how results are stored in a .npy or a TIFF: expected an output that ends in \
         .npy or tif, got {}",
        output.display()
    );
    use DType::{C64, C128, F16, I64, U64};
    let in_tiff = !matches!(dtype, C64 | C128 | F16 | I64 | U64);
    ensure!(is_array(output) || in_tiff, "--dtype: {TIFF_TYPES}");
    Ok(())
}

/// Checks that the output can have samples that no picture of another format has.
fn check_raster_format(output: &Path, raster: &Raster) -> Result<()> {
    let (_, _, channels) = raster.dim();
    if let (Raster::F32(_), 3) = (raster, channels) {
        return check_format(output, ColorType::Rgb32F);
    }
    let s = if channels == 1 { "" } else { "s" };
    let code = with_samples!(raster, |samples| raster::name(samples));
    bail!(
        "the format of {} cannot keep {channels} channel{s} of {code}: expected a name that ends in \
         tif or .npy",
        output.display()
    )
}

/// One extension for each kind of file that is written, the most usual first.
pub const WRITTEN: [&str; 12] =
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
    // Ours have every type.
    if is_tiff(path) {
        return true;
    }
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
pub fn write(file: &mut (impl Write + Seek), path: &Path, picture: &DynamicImage) -> Result<()> {
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
        (Some(ImageFormat::Tiff), _) => tiff::Output::new(file)?.picture(picture)?,
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
