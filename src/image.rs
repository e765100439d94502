//! Pictures of the `image` crate.

use ::image::{ColorType, DynamicImage, ImageBuffer, Pixel};
use ndarray::{Array3, ArrayRef, Axis, Dim, Dimension, Ix2, Ix3};

use crate::boundary::Boundary;
use crate::builder::FilterBuilder;
use crate::convolver::Convolver;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::frame::FrameSample;
use crate::frame::sealed::Sealed;
use crate::memory;
use crate::plan::Plan;
use crate::problem::{Mode, Operation, Options, PerAxis, Problem};
use crate::profile::Profile;
use crate::verify::Verification;

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
    pub fn for_picture(self, picture: &DynamicImage) -> Result<PictureFilter> {
        self.for_pictures(picture.width(), picture.height(), picture.color())
    }

    /// Plans for pictures of this size and of the channels of this colour type.
    ///
    /// # Errors
    /// [`Error::PixelType`]; [`Error::TooLarge`] where mode `valid` meets a kernel that is longer
    /// than the picture on an axis (a picture and a kernel never change places); and those of
    /// [`FilterBuilder::for_shape`], whose shapes are `[height, width, channels]`.
    pub fn for_pictures(self, width: u32, height: u32, color: ColorType) -> Result<PictureFilter> {
        let channels = channels(color)?;
        let alpha = color.has_alpha().then(|| channels - 1);
        // Written so that a sum that is no number does not keep constants.
        let given = self.kernel?;
        let keeps_constants =
            (given.iter().map(|&tap| f64::from(tap)).sum::<f64>() - 1.0).abs() <= 1e-3;
        let options = with_channels(&self.options)?;
        let outside =
            [0, 1].map(|axis| self.options.boundary.resolve("boundary", 2).map(|b| b[axis]));
        check_valid(&self.options, [height as usize, width as usize], given.dim())?;
        let kernel = given.insert_axis(Axis(2));
        let shape = [height as usize, width as usize, channels];
        let problem = Problem::new(&shape, kernel.shape(), &options)?;
        let mut builder = FilterBuilder::new(self.convolver, Ok(kernel)).options(options);
        (builder.request, builder.check) = (self.request, self.check);
        let filter = builder.for_shape(shape)?;
        let output = filter.output_dim();
        if [output[0], output[1]].iter().any(|&n| u32::try_from(n).is_err()) {
            return Err(too_large(&format!("{} x {} pixels", output[1], output[0])));
        }
        let carried = match alpha {
            Some(channel) if !keeps_constants => {
                let [down, across] = outside;
                Some(Carried::new(channel, &problem, [down?, across?]))
            }
            _ => None,
        };
        Ok(PictureFilter { filter, carried })
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
/// Alpha is filtered like every channel where the kernel keeps constants (its taps sum to 1, within
/// 1e-3). Any other kernel, a derivative for instance, would make the picture transparent; then
/// alpha is carried over instead, from where the kernel's middle tap stands.
///
/// Made by [`FilterBuilder::for_picture`].
#[derive(Debug)]
pub struct PictureFilter {
    filter: Filter<f32, Ix3>,
    carried: Option<Carried>,
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

    /// Checks every method on every device with this picture's samples, in `f32` and before they
    /// are rounded: see [`Filter::verify`].
    ///
    /// # Errors
    /// Those of [`Filter::verify`].
    pub fn verify(&self, picture: &DynamicImage) -> Result<Verification> {
        self.filter.verify(&typed!(picture, |p| samples(p)?))
    }

    /// Says where the time of a run goes, as [`Filter::profile`] does.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn profile(&self, picture: &DynamicImage) -> Result<Profile> {
        typed!(picture, |p| self.filter.profile_of(self.raw(p)?))
    }

    fn filtered<P: Pixel<Subpixel: FrameSample<f32>>>(
        &self,
        picture: &ImageBuffer<P, Vec<P::Subpixel>>,
    ) -> Result<ImageBuffer<P, Vec<P::Subpixel>>> {
        let x = self.raw(picture)?;
        let mut y = memory::zeros(self.filter.output_dim().size(), "the picture's samples")?;
        // Integers go to the GPU as they are.
        self.filter.run(x, &mut y)?;
        if let Some(carried) = &self.carried {
            let channels = usize::from(P::CHANNEL_COUNT);
            carried.copy(x, &mut y, picture.width() as usize, channels);
        }
        let (width, height) = self.output_size();
        ImageBuffer::from_raw(width, height, y).ok_or_else(|| too_large("its samples"))
    }

    /// The samples of a picture of the planned size; an ImageBuffer's memory may be longer.
    fn raw<'p, P: Pixel>(
        &self,
        picture: &'p ImageBuffer<P, Vec<P::Subpixel>>,
    ) -> Result<&'p [P::Subpixel]> {
        let size = [picture.height() as usize, picture.width() as usize];
        let dim = Dim([size[0], size[1], usize::from(P::CHANNEL_COUNT)]);
        self.filter.check_shape("input", &self.filter.input, &dim)?;
        Ok(&picture.as_raw()[..dim.size()])
    }
}

/// Height x width x channels.
fn samples<P: Pixel<Subpixel: FrameSample<f32>>>(
    picture: &ImageBuffer<P, Vec<P::Subpixel>>,
) -> Result<Array3<f32>> {
    let channels = usize::from(P::CHANNEL_COUNT);
    let shape = (picture.height() as usize, picture.width() as usize, channels);
    let len: usize = shape.0 * shape.1 * shape.2;
    let mut all: Vec<f32> = Vec::new();
    let bytes = len.saturating_mul(size_of::<f32>());
    all.try_reserve_exact(len)
        .map_err(|_| Error::OutOfMemory { what: "the picture's samples", bytes })?;
    // An ImageBuffer's memory may be longer than its picture.
    all.extend(picture.as_raw().iter().take(len).map(|&sample| sample.to_element()));
    Array3::from_shape_vec(shape, all).map_err(|_| too_large("its samples"))
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
