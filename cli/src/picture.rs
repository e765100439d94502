//! Pictures: from files to files, with a filter for each size that occurs.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use convolve::{Boundary, Light};
use image::{ColorType, DynamicImage, Rgba32FImage};
use ndarray::{Array2, Array3, Dim, Ix2, s};

use crate::about::{About, curve_unlike_srgb};
use crate::apply::Session;
use crate::args::Signed;
use crate::compare::beside;
use crate::decode::{self, Contents, Decoded, Picture, divide_alpha_out};
use crate::dtype::{DType, Value};
use crate::finished::{Filtered, Finished, check_dtype};
use crate::formats::{
    self, check_format, check_raster_format, in_words, is_array, is_exr, is_tiff,
};
use crate::jobs::Job;
use crate::kernel::Kernel;
use crate::operation::{self, PicturePlanned};
use crate::output::{self, Unfinished};
use crate::place::check_no_picture;
use crate::raster::{self, Raster};
use crate::report;
use crate::room::Taken;
use crate::standard;
use crate::tiff;
use crate::with_samples;

/// Filters that are kept: for the sizes and types that came last. A folder of photographs has a few, by
/// the cameras and the ways up that these were held.
const MOST_FILTERS: usize = 16;

/// Filters pictures; plans once for all pictures of a size and type.
pub struct Pictures<'a> {
    session: &'a Session<'a>,
    /// Taps of the kernel, once the first picture has asked for them.
    kernel: OnceLock<Array2<f32>>,
    /// The one used last stands at the front. Whoever plans one holds it.
    filters: Mutex<VecDeque<(Key, Slot)>>,
}

/// A filter, once it is planned.
type Slot = Arc<Mutex<Option<Arc<Planned>>>>;

/// What a filter is planned for.
#[derive(Clone, Copy, PartialEq)]
enum Key {
    Picture(u32, u32, ColorType, tiff::Alpha),
    Plane(usize, usize, DType),
}

enum Planned {
    Picture(PicturePlanned),
    Single(Plane<f32>),
    Double(Plane<f64>),
}

/// A filter of one channel.
type Plane<A> = operation::Planned<A, Ix2>;

impl<'a> Pictures<'a> {
    pub fn new(session: &'a Session<'a>) -> Self {
        Self { session, kernel: OnceLock::new(), filters: Mutex::default() }
    }

    /// An error where no picture can be filtered with the kernel.
    pub fn check_kernel(&self) -> Result<()> {
        self.kernel().map(drop)
    }

    fn kernel(&self) -> Result<&Array2<f32>> {
        if let Some(kernel) = self.kernel.get() {
            return Ok(kernel);
        }
        let kernel = kernel_of(self.session)?;
        Ok(self.kernel.get_or_init(|| kernel))
    }

    /// Filters the picture in a file, or all its pages.
    pub fn run(&self, job: &Job) -> Result<()> {
        let args = self.session.args;
        let (input, output) = (job.input.as_path(), job.output.as_path());
        check_dtype(output, args.dtype)?;
        let contents = decode::open(job.source(), args.max_pixels)
            .context("could not be read as a picture")?;
        let mut pages = match contents {
            Contents::One(decoded) => {
                let smaller = decoded.smaller;
                if smaller > 0 {
                    let s = if smaller == 1 { "" } else { "s" };
                    let text =
                        format!("left out {smaller} smaller picture{s} after the first (previews)");
                    self.session.remark(input, text);
                }
                return self.one(*decoded, input, output);
            }
            Contents::Tiff(pages) => pages,
        };
        let count = pages.len();
        ensure!(
            count == 1 || is_tiff(output),
            "{count} pages: expected an output that ends in tif and has them all, got {}",
            standard::named(output)
        );
        if pages.smaller_copies > 0 {
            let copies = pages.smaller_copies;
            let s = if copies == 1 { "y" } else { "ies" };
            self.session
                .remark(input, format!("left out {copies} smaller cop{s} of a page (thumbnails)"));
        }
        let mut page = |number| pages.read(number).context("could not be read as a picture");
        if !is_tiff(output) {
            return self.one(page(0)?, input, output);
        }
        let mut file = Unfinished::start(output)?;
        let mut written =
            tiff::Output::new(file.writer()).with_context(|| standard::named(output))?;
        for number in 0..count {
            let (finished, about, _room) = self.finished(page(number)?, input, output)?;
            let page = finished.write_page(&mut written, &about);
            page.with_context(|| standard::named(output))?;
        }
        file.finish()
    }

    /// Filters the only picture of a file.
    fn one(&self, decoded: Decoded, input: &Path, output: &Path) -> Result<()> {
        let (finished, about, _room) = self.finished(decoded, input, output)?;
        output::write(output, |file| finished.write(file, output, &about))
    }

    /// Filters a picture, and says what becomes of what its file says besides.
    fn finished(
        &self,
        decoded: Decoded,
        input: &Path,
        output: &Path,
    ) -> Result<(Finished, About, Taken)> {
        let Decoded { picture, mut about, room, .. } = decoded;
        let args = self.session.args;
        if let (true, Some(curve)) = (args.linear, curve_unlike_srgb(&about)) {
            self.session.remark(
                input,
                format!(
                    "--linear takes levels by the curve of sRGB, its levels are said to be {curve}"
                ),
            );
        }
        let finished = self.finish(picture, output)?;
        if let Some(space) = about.take_foreign_profile() {
            let what = if space.is_empty() { "colour".into() } else { space };
            let text = format!("left out its {what} profile: what is filtered and written is RGB");
            self.session.remark(input, text);
        }
        about.take_inseparable_exif(output);
        // Numbers have none of it.
        if !is_array(output) {
            about.remarks.drain(..).for_each(|text| self.session.remark(input, text));
        }
        if let Some(lost) = about.lost(output) {
            self.session.remark(input, lost);
        }
        let (width, height) = finished.size()?;
        about.filtered(width, height);
        about.style = Some(formats::style(about.style, args.quality, args.subsampling));
        Ok((finished, about, room))
    }

    /// Filters one picture.
    fn finish(&self, picture: Picture, output: &Path) -> Result<Finished> {
        let args = self.session.args;
        let picture = match picture {
            // Only floating-point samples can be NaN.
            Picture::Image(DynamicImage::ImageRgb32F(pixels)) if args.ignore_nan => {
                check_no_picture(args, "--ignore-nan")?;
                let shape = (pixels.height() as usize, pixels.width() as usize, 3);
                Picture::Raster(Raster::F32(Array3::from_shape_vec(shape, pixels.into_raw())?))
            }
            picture => picture,
        };
        match picture {
            Picture::Image(picture) => self.image(&picture, tiff::Alpha::Straight, output),
            Picture::Premultiplied(picture) => {
                self.image(&picture, tiff::Alpha::Premultiplied, output)
            }
            Picture::Raster(raster) => self.raster(&raster, output),
        }
    }

    fn image(&self, picture: &DynamicImage, alpha: tiff::Alpha, output: &Path) -> Result<Finished> {
        let session = self.session;
        let args = session.args;
        let color = picture.color();
        let as_numbers = is_array(output) || args.dtype.is_some();
        ensure!(
            !args.ignore_nan || color != ColorType::Rgba32F,
            "--ignore-nan goes with floating-point samples without alpha, got {}",
            in_words(color)
        );
        ensure!(
            !as_numbers || args.signed == Signed::Clip,
            "--signed goes with results that are shown as a picture, got numbers, which keep their sign"
        );
        ensure!(
            !as_numbers || !args.compare,
            "--compare goes with results that are shown as a picture, got numbers"
        );
        if !as_numbers {
            check_format(output, color)?;
        }
        let key = Key::Picture(picture.width(), picture.height(), color, alpha);
        let planned = self.planned(key, |kernel| {
            let options = args.meaning.options(Boundary::Mirror, 2)?;
            let light = if args.linear { Light::Linear } else { Light::AsStored };
            let filter = session.convolver.picture_filter(kernel).options(options).light(light);
            let alpha = match (args.alpha, alpha) {
                (Some(asked), _) => asked.into(),
                (None, tiff::Alpha::Premultiplied) => convolve::Alpha::Premultiplied,
                (None, _) => convolve::Alpha::Straight,
            };
            let filter = session.placed(session.planned(filter));
            let planned = PicturePlanned::new(session, filter, picture, alpha, taps_of)?;
            Ok(Planned::Picture(planned))
        })?;
        let Planned::Picture(filter) = &*planned else { bail!("a filter for other pictures") };
        let mut filtered = match as_numbers {
            true => {
                let mut sums = session.timed(filter.plan(), || filter.apply_unrounded(picture))?;
                let offset = (session.kernel.offset / 255.0 * white(color)) as f32;
                if offset != 0.0 {
                    let colours = sums.dim().2 - usize::from(color.has_alpha());
                    let mut sums = sums.slice_mut(s![.., .., ..colours]);
                    for ((row, column, _), sum) in sums.indexed_iter_mut() {
                        *sum += offset * session.share(column, row);
                    }
                }
                Filtered::Single(sums)
            }
            false => Filtered::Picture(session.timed(filter.plan(), || filter.apply(picture))?),
        };
        for filter in filter.filters() {
            if args.verify {
                session.note(&report::agreed(filter.verify(picture)?)?.to_string());
            }
            if args.profile {
                session.note(&filter.profile(picture)?.to_string());
            }
        }
        if let (true, Filtered::Picture(result)) = (args.compare, &filtered) {
            filtered = Filtered::Picture(beside(picture, result)?);
        }
        if let Filtered::Picture(result) = &mut filtered {
            match result {
                DynamicImage::ImageRgba32F(pixels)
                    if is_exr(output) && alpha == tiff::Alpha::Straight =>
                {
                    multiply_alpha_in(pixels);
                }
                result if !is_tiff(output) && alpha == tiff::Alpha::Premultiplied => {
                    divide_alpha_out(result);
                }
                _ => {}
            }
        }
        let dtype = args.dtype.unwrap_or(DType::F32);
        let alpha = if color.has_alpha() { alpha } else { tiff::Alpha::None };
        Ok(Finished { filtered, dtype, alpha })
    }

    fn raster(&self, raster: &Raster, output: &Path) -> Result<Finished> {
        let own = raster.dtype();
        let (height, width, channels) = raster.dim();
        let code = with_samples!(raster, |samples| raster::name(samples));
        let s = if channels == 1 { "" } else { "s" };
        check_no_picture(self.session.args, &format!("{channels} channel{s} of {code}"))?;
        if !is_array(output) && !is_tiff(output) {
            check_raster_format(output, raster)?;
        }
        // What holds all samples exactly.
        let computed = match own {
            DType::I32 | DType::U32 | DType::F64 => DType::F64,
            _ => DType::F32,
        };
        let session = self.session;
        ensure!(
            !session.args.linear || matches!(own, DType::F16 | DType::F32 | DType::F64),
            "--linear goes with samples of u8, u16 and floating point, got {}",
            code
        );
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
        Ok(Finished { filtered, dtype, alpha: tiff::Alpha::None })
    }

    /// Filters channel by channel.
    fn planes<A: Value>(
        &self,
        plane: &Plane<A>,
        raster: &Raster,
        channels: usize,
    ) -> Result<Array3<A>> {
        let session = self.session;
        let offset =
            session.kernel.offset / 255.0 * with_samples!(raster, |samples| raster::white(samples));
        let (mut result, mut shape) = (Vec::new(), (0, 0, channels));
        for number in 0..channels {
            let x = with_samples!(raster, |samples| raster::channel::<_, A>(samples, number)?);
            let y = plane.run(session, &x, A::from_complex(offset.into()))?;
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
        &self,
        key: Key,
        plan: impl FnOnce(&Array2<f32>) -> Result<Planned>,
    ) -> Result<Arc<Planned>> {
        let slot = self.slot(key);
        // Others that want the same one wait until it is there.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(planned) = &*slot {
            return Ok(planned.clone());
        }
        let planned = Arc::new(plan(self.kernel()?)?);
        self.session.explain_plan(planned.plan());
        *slot = Some(planned.clone());
        Ok(planned)
    }

    fn slot(&self, key: Key) -> Slot {
        let mut filters = self.filters.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = filters.iter().position(|(other, _)| *other == key);
        let slot = match kept.and_then(|at| filters.remove(at)) {
            Some((_, slot)) => slot,
            None => {
                filters.truncate(MOST_FILTERS - 1);
                Slot::default()
            }
        };
        filters.push_front((key, slot.clone()));
        slot
    }
}

impl Planned {
    fn plan(&self) -> &convolve::Plan {
        match self {
            Self::Picture(filter) => filter.plan(),
            Self::Single(plane) => plane.plan(),
            Self::Double(plane) => plane.plan(),
        }
    }
}

/// The level that is brightest in a picture of this type.
fn white(color: ColorType) -> f64 {
    match color.bytes_per_pixel() / color.channel_count() {
        1 => u8::MAX.into(),
        2 => u16::MAX.into(),
        _ => 1.0,
    }
}

/// As OpenEXR has it.
fn multiply_alpha_in(pixels: &mut Rgba32FImage) {
    for pixel in pixels.pixels_mut() {
        let [red, green, blue, alpha] = pixel.0;
        pixel.0 = [red * alpha, green * alpha, blue * alpha, alpha];
    }
}

/// A filter of one channel, with the meaning of a picture's.
fn plane<A: Value>(
    session: &Session,
    kernel: &Array2<A>,
    size: (usize, usize),
) -> Result<Plane<A>> {
    let options = session.args.meaning.options(Boundary::Mirror, 2)?;
    let filter = session.planned(session.convolver.filter(kernel).options(options));
    Plane::new(session, filter, Dim([size.0, size.1]), taps_of)
}

fn kernel_of<A: Value>(session: &Session) -> Result<Array2<A>> {
    taps_of(&session.kernel)
}

fn taps_of<A: Value>(kernel: &Kernel) -> Result<Array2<A>> {
    let name = kernel.name();
    let taps = kernel.cast::<A>(2)?;
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
