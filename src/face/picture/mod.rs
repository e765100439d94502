//! Pictures of the `image` crate.

use ::image::{ColorType, DynamicImage, ImageBuffer, Pixel};
use ndarray::{Array3, ArrayRef, Axis, Dim, Dimension, Ix2, Ix3};

use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::convolver::Convolver;
use crate::face::filter::Filter;
use crate::face::filter::profile::Profile;
use crate::format::FrameSample;
use crate::format::alpha::Channel;
use crate::plan::Plan;
use crate::problem::boundary::Boundary;
use crate::problem::{Options, PerAxis, Problem};
use crate::prove::verify::Verification;
use crate::util::memory;
use crate::words::{Mode, Operation};
use alpha::StraightAlpha;

mod alpha;

pub use alpha::Alpha;

impl Convolver {
    /// A filter for pictures: mode `same`, and pictures continue past their edges by
    /// [`Boundary::Mirror`], so that edges are not darkened. Options have one value per axis of
    /// the picture, height first; boundary constants are in the picture's own units (0 to 255,
    /// 0 to 65,535, or what the floating-point pixels mean).
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use image::{DynamicImage, Rgb, RgbImage};
    ///
    /// let picture: DynamicImage = RgbImage::from_pixel(40, 30, Rgb([200, 100, 0])).into();
    /// let blur = Convolver::new().picture_filter(&filters::gaussian(2.0)?).for_picture(&picture)?;
    /// assert_eq!(blur.apply(&picture)?, picture);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn picture_filter(&self, kernel: &ArrayRef<f32, Ix2>) -> FilterBuilder<f32, Ix2> {
        self.filter(kernel).boundary(Boundary::Mirror)
    }
}

impl FilterBuilder<f32, Ix2> {
    /// Plans for pictures of the size and the channels of this one.
    ///
    /// # Errors
    /// Those of [`FilterBuilder::for_pictures`].
    pub fn for_picture(&self, picture: &DynamicImage) -> Result<PictureFilter> {
        self.for_pictures(picture.width(), picture.height(), picture.color())
    }

    /// Plans for pictures of this size and of the channels of this colour type.
    ///
    /// # Errors
    /// [`Error::PixelType`]; [`Error::TooLarge`] where mode `valid` meets a kernel that is longer
    /// than the picture on an axis (a picture and a kernel never change places); and those of
    /// [`FilterBuilder::for_shape`], whose shapes are `[height, width, channels]`.
    pub fn for_pictures(&self, width: u32, height: u32, color: ColorType) -> Result<PictureFilter> {
        let channels = channels(color)?;
        // Written so that a sum that is no number does not keep constants.
        let given = self.kernel.clone()?;
        let keeps_constants =
            (given.iter().map(|&tap| f64::from(tap)).sum::<f64>() - 1.0).abs() <= 1e-3;
        // Where each output is one pixel there is no mean for alpha to weigh.
        let mixes_pixels = given.iter().filter(|tap| **tap != 0.0).count() > 1;
        let options = with_channels(&self.options)?;
        check_valid(&self.options, [height as usize, width as usize], given.dim())?;
        let kernel = given.insert_axis(Axis(2));
        let shape = (height as usize, width as usize, channels);
        let problem = Problem::new(&[shape.0, shape.1, shape.2], kernel.shape(), &options)?;
        let mut builder = FilterBuilder::new(self.convolver.clone(), Ok(kernel)).options(options);
        (builder.request, builder.check) = (self.request, self.check);
        // The taps are the same ones in the same order.
        builder.known = self.known.clone();
        let filter = builder.for_shape(shape)?;
        let output = filter.output_dim();
        if [output[0], output[1]].iter().any(|&n| u32::try_from(n).is_err()) {
            return Err(too_large(&format!("{} x {} pixels", output[1], output[0])));
        }
        let alpha = match (color.has_alpha(), keeps_constants) {
            (false, _) => AlphaRule::Filtered,
            (true, false) => {
                let edges = self.options.boundary.resolve("boundary", 2)?;
                let carried = Carried::new(channels - 1, &problem, [edges[0], edges[1]]);
                AlphaRule::Carried(carried)
            }
            (true, true) if mixes_pixels => {
                let straight = StraightAlpha::new(builder, shape, opaque(color))?;
                AlphaRule::Straight(Box::new(straight))
            }
            (true, true) => AlphaRule::Filtered,
        };
        Ok(PictureFilter { filter, alpha })
    }
}

/// The options of two axes, for three: every channel is filtered on its own.
fn with_channels(options: &Options<f32>) -> Result<Options<f32>> {
    fn and<T: Clone>(given: &PerAxis<T>, option: &'static str, channels: T) -> Result<PerAxis<T>> {
        let mut each = given.resolve(option, 2)?;
        each.push(channels);
        Ok(each.into())
    }
    Ok(Options {
        operation: options.operation,
        mode: options.mode,
        boundary: and(&options.boundary, "boundary", Boundary::Zero)?,
        stride: and(&options.stride, "stride", 1)?,
        dilation: and(&options.dilation, "dilation", 1)?,
        origin: and(&options.origin, "origin", 0)?,
    })
}

/// Checks that mode `valid` has a picture that covers the kernel: the two do not change places.
/// What is wrong in every mode is left to others.
fn check_valid(options: &Options<f32>, picture: [usize; 2], kernel: (usize, usize)) -> Result<()> {
    let dilation = options.dilation.resolve("dilation", 2)?;
    let taps = [kernel.0, kernel.1];
    let length = |axis: usize| {
        let gaps: usize = taps[axis].saturating_sub(1);
        gaps.saturating_mul(dilation[axis]).saturating_add(1)
    };
    let lengths = [length(0), length(1)];
    let wrong_anyway = [picture, taps].concat().contains(&0) || dilation.contains(&0);
    if options.mode != Mode::Valid || wrong_anyway || (0..2).all(|i| lengths[i] <= picture[i]) {
        return Ok(());
    }
    let ([h, w], [m, n]) = (picture, lengths);
    let dilated = if lengths == taps { "" } else { "dilated " };
    let detail = format!(
        "mode valid needs a picture at least as large as the {dilated}kernel, got a picture of \
         {h} x {w} and a {dilated}kernel of {m} x {n} (height x width)"
    );
    Err(Error::TooLarge { what: "kernel", detail })
}

fn channels(color: ColorType) -> Result<usize> {
    use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgb32F, Rgba8, Rgba16, Rgba32F};
    match color {
        L8 | L16 | La8 | La16 | Rgb8 | Rgb16 | Rgb32F | Rgba8 | Rgba16 | Rgba32F => {
            Ok(color.channel_count().into())
        }
        other => Err(Error::PixelType { got: format!("{other:?}") }),
    }
}

/// Evaluates an expression with the buffer of a picture, whatever its pixels are; returns
/// [`Error::PixelType`] from the function around it where they are not supported.
macro_rules! typed {
    ($picture:expr, |$buffer:ident| $value:expr) => {
        typed!(
            $picture, $buffer, $value,
            ImageLuma8 ImageLumaA8 ImageRgb8 ImageRgba8
            ImageLuma16 ImageLumaA16 ImageRgb16 ImageRgba16
            ImageRgb32F ImageRgba32F
        )
    };
    ($picture:expr, $buffer:ident, $value:expr, $($pixels:ident)*) => {
        match $picture {
            $(DynamicImage::$pixels($buffer) => $value,)*
            other => return Err(Error::PixelType { got: format!("{:?}", other.color()) }),
        }
    };
}

/// A planned filter for pictures of one size and number of channels.
///
/// Every channel is filtered on its own, in `f32` (with [`Precision::High`](crate::Precision) in
/// `f64`, and rounded to `f32`). The result has the picture's colour type and colour space; in 8 and
/// 16 bit it is rounded to the nearest value (ties to even) and saturated, once, at the end.
/// Floating-point pixels are stored as they come out.
///
/// A kernel keeps constants where its taps sum to 1, within 1e-3. Then alpha is filtered too, and the
/// colours of a picture with alpha count by it ([`Alpha::Straight`]). Any other kernel, a derivative
/// for instance, would make the picture transparent: then every colour channel is filtered as it is,
/// and alpha is carried over from where the kernel's middle tap stands.
///
/// Made by [`FilterBuilder::for_picture`].
#[derive(Debug)]
pub struct PictureFilter {
    filter: Filter<f32, Ix3>,
    alpha: AlphaRule,
}

/// What becomes of alpha.
#[derive(Debug)]
enum AlphaRule {
    /// It is filtered like every channel, or there is none.
    Filtered,
    /// It is the weight of the colours.
    Straight(Box<StraightAlpha>),
    /// It is copied.
    Carried(Carried),
}

impl PictureFilter {
    /// What will run, why, and what it should cost.
    pub fn plan(&self) -> &Plan {
        self.filter.plan()
    }

    /// Width and height of the results.
    pub fn output_size(&self) -> (u32, u32) {
        let shape = self.filter.output_dim();
        // Checked when this was planned.
        (shape[1] as u32, shape[0] as u32)
    }

    /// How a kernel that keeps constants treats alpha. Default: [`Alpha::Straight`]. Other kernels
    /// carry alpha over, and are not changed by this.
    pub fn alpha(mut self, alpha: Alpha) -> Self {
        if let (AlphaRule::Straight(_), Alpha::AsChannel) = (&self.alpha, alpha) {
            self.alpha = AlphaRule::Filtered;
        }
        self
    }

    /// The filtered picture.
    ///
    /// # Errors
    /// [`Error::Shape`] where the picture has not the planned size and channels, and those of
    /// [`Filter::apply`].
    pub fn apply(&self, picture: &DynamicImage) -> Result<DynamicImage> {
        let mut filtered: DynamicImage = typed!(picture, |p| self.filtered(p)?.into());
        // A space that a picture has, a picture of the same type can have.
        let _ = filtered.set_color_space(picture.color_space());
        Ok(filtered)
    }

    /// The filtered picture as numbers, height x width x channels, in the picture's own units (0 to
    /// 255, for instance), but neither rounded nor saturated: derivatives keep their sign.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use image::{DynamicImage, GrayImage, Luma};
    ///
    /// let ramp = GrayImage::from_fn(9, 9, |x, _| Luma([255 - 10 * x as u8]));
    /// let ramp = DynamicImage::from(ramp);
    /// let slope = Convolver::new().picture_filter(&filters::sobel_x()?).for_picture(&ramp)?;
    /// assert_eq!(slope.apply_unrounded(&ramp)?[[4, 4, 0]], -80.0);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn apply_unrounded(&self, picture: &DynamicImage) -> Result<Array3<f32>> {
        let y = typed!(picture, |p| self.unrounded(self.raw(p)?)?);
        let shape = self.filter.output_dim();
        Array3::from_shape_vec(shape, y).map_err(|_| too_large("its samples"))
    }

    /// Checks every method on every device with this picture's samples, in `f32` and before they
    /// are rounded (premultiplied, where alpha is [`Alpha::Straight`]): see [`Filter::verify`].
    ///
    /// # Errors
    /// Those of [`Filter::verify`].
    pub fn verify(&self, picture: &DynamicImage) -> Result<Verification> {
        self.filter.verify(&self.samples(picture)?)
    }

    /// Says where the time of a run goes, as [`Filter::profile`] does.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn profile(&self, picture: &DynamicImage) -> Result<Profile> {
        typed!(picture, |p| {
            let x = self.raw(p)?;
            match self.straight(x) {
                Some(straight) => self.filter.profile_of(&straight.premultiplied(x)?),
                None => self.filter.profile_of(x),
            }
        })
    }

    fn filtered<P: Pixel<Subpixel: FrameSample<f32> + Channel>>(
        &self,
        picture: &ImageBuffer<P, Vec<P::Subpixel>>,
    ) -> Result<ImageBuffer<P, Vec<P::Subpixel>>>
    where
        f32: Wider<P::Subpixel>,
        f64: Wider<P::Subpixel>,
    {
        let x = self.raw(picture)?;
        let mut y = memory::zeros(self.filter.output_dim().size(), "the picture's samples")?;
        match self.straight(x) {
            Some(straight) => straight.run(&self.filter, x, &mut y)?,
            None => self.filter.run(x, &mut y)?,
        }
        if let AlphaRule::Carried(carried) = &self.alpha {
            carried.copy(x, &mut y, self.width(), usize::from(P::CHANNEL_COUNT));
        }
        let (width, height) = self.output_size();
        ImageBuffer::from_raw(width, height, y).ok_or_else(|| too_large("its samples"))
    }

    fn unrounded<T: FrameSample<f32> + Channel>(&self, x: &[T]) -> Result<Vec<f32>>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let mut y: Vec<f32> =
            memory::zeros(self.filter.output_dim().size(), "the picture's samples")?;
        if let Some(straight) = self.straight(x) {
            straight.run::<T, f32>(&self.filter, x, &mut y)?;
            return Ok(y);
        }
        let x = alpha::as_floats(x)?;
        self.filter.run(&x, &mut y)?;
        if let AlphaRule::Carried(carried) = &self.alpha {
            carried.copy(&x, &mut y, self.width(), self.filter.input()[2]);
        }
        Ok(y)
    }

    /// The samples that the filter runs over, height x width x channels.
    fn samples(&self, picture: &DynamicImage) -> Result<Array3<f32>> {
        let samples = typed!(picture, |p| {
            let x = self.raw(p)?;
            match self.straight(x) {
                Some(straight) => straight.premultiplied(x)?,
                None => alpha::as_floats(x)?,
            }
        });
        Array3::from_shape_vec(*self.filter.input(), samples).map_err(|_| too_large("its samples"))
    }

    /// How alpha weighs the colours of these samples, if it does.
    fn straight<T: Channel>(&self, x: &[T]) -> Option<&StraightAlpha> {
        match &self.alpha {
            AlphaRule::Straight(straight) if !straight.changes_nothing(x) => Some(straight),
            _ => None,
        }
    }

    /// Width of the input.
    fn width(&self) -> usize {
        self.filter.input()[1]
    }

    /// The samples of a picture of the planned size; an ImageBuffer's memory may be longer.
    fn raw<'p, P: Pixel>(
        &self,
        picture: &'p ImageBuffer<P, Vec<P::Subpixel>>,
    ) -> Result<&'p [P::Subpixel]> {
        let size = [picture.height() as usize, picture.width() as usize];
        let dim = Dim([size[0], size[1], usize::from(P::CHANNEL_COUNT)]);
        self.filter.check_shape("input", self.filter.input(), &dim)?;
        Ok(&picture.as_raw()[..dim.size()])
    }
}

/// What alpha is where nothing shows through.
fn opaque(color: ColorType) -> f32 {
    match color.bytes_per_pixel() / color.channel_count() {
        1 => u8::MAX.into(),
        2 => u16::MAX.into(),
        _ => 1.0,
    }
}

fn too_large(what: &str) -> Error {
    Error::TooLarge { what: "picture", detail: format!("{what} exceed what a picture can hold") }
}

/// A channel that is copied and not filtered: for each output row and column, the input's row or
/// column under the middle tap, or what stands outside.
#[derive(Debug)]
struct Carried {
    channel: usize,
    rows: Vec<Result<usize, f32>>,
    columns: Vec<Result<usize, f32>>,
}

impl Carried {
    /// For a problem whose kernel is not folded: it has a middle.
    fn new(channel: usize, problem: &Problem, boundary: [Boundary<f32>; 2]) -> Self {
        let [rows, columns] = [0, 1].map(|i| {
            let axis = &problem.axes[i];
            let middle = (axis.taps - 1) / 2;
            // The canonical form has a convolution's kernel in reverse.
            let tap = match problem.operation {
                Operation::Convolve => axis.taps - 1 - middle,
                Operation::Correlate => middle,
            };
            let position = |o: usize| {
                let p = (o * axis.stride + tap * axis.dilation) as isize + axis.offset;
                boundary[i].edge().resolve(p, axis.n).ok_or(boundary[i].value())
            };
            (0..axis.out).map(position).collect()
        });
        Self { channel, rows, columns }
    }

    /// Between pictures of so many channels, of which the input is so wide.
    fn copy<T: FrameSample<f32>>(&self, x: &[T], y: &mut [T], width: usize, channels: usize) {
        for (&row, y) in self.rows.iter().zip(y.chunks_exact_mut(self.columns.len() * channels)) {
            for (&column, y) in self.columns.iter().zip(y.chunks_exact_mut(channels)) {
                // Where both axes are outside the later one has the last word, as everywhere.
                y[self.channel] = match (row, column) {
                    (Ok(row), Ok(column)) => x[(row * width + column) * channels + self.channel],
                    (_, Err(outside)) | (Err(outside), Ok(_)) => T::from_element(outside),
                };
            }
        }
    }
}

#[cfg(test)]
mod tests;
