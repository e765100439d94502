//! Pictures of the `image` crate.

use ::image::{ColorType, DynamicImage, ImageBuffer, Pixel};
use ndarray::{Array3, ArrayRef, Axis, Ix2, Ix3, s};

use crate::boundary::Boundary;
use crate::convolver::Convolver;
use crate::error::{Error, Result};
use crate::filter::{Filter, FilterBuilder};
use crate::plan::Plan;
use crate::problem::{Mode, Operation, Options, PerAxis};
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
        let keeps_constants =
            (self.kernel.iter().map(|&tap| f64::from(tap)).sum::<f64>() - 1.0).abs() <= 1e-3;
        let options = with_channels(&self.options)?;
        let outside =
            [0, 1].map(|axis| self.options.boundary.resolve("boundary", 2).map(|b| b[axis]));
        check_valid(&self.options, [height as usize, width as usize], self.kernel.dim())?;
        let kernel = self.kernel.insert_axis(Axis(2));
        let filter = FilterBuilder::new(self.convolver, kernel)
            .options(options)
            .method(self.request.method)
            .device(self.request.device)
            .for_shape((height as usize, width as usize, channels))?;
        let output = filter.output_dim();
        if [output[0], output[1]].iter().any(|&n| u32::try_from(n).is_err()) {
            return Err(too_large(&format!("{} x {} pixels", output[1], output[0])));
        }
        let carried = match alpha {
            Some(channel) if !keeps_constants => {
                let [down, across] = outside;
                Some(Carried::new(channel, filter.plan(), [down?, across?]))
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
/// Every channel is filtered on its own, in `f32`. The result has the picture's colour type and
/// colour space; in 8 and 16 bit it is rounded to the nearest value (ties to even) and saturated,
/// once, at the end. Floating-point pixels are stored as they come out.
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

    fn filtered<P: Pixel<Subpixel: Sample>>(
        &self,
        picture: &ImageBuffer<P, Vec<P::Subpixel>>,
    ) -> Result<ImageBuffer<P, Vec<P::Subpixel>>> {
        let x = samples(picture)?;
        let mut y = self.filter.apply(&x)?;
        if let Some(carried) = &self.carried {
            carried.copy(&x, &mut y);
        }
        let (width, height) = self.output_size();
        let y: Vec<P::Subpixel> = y.iter().map(|&value| Sample::from_f32(value)).collect();
        ImageBuffer::from_raw(width, height, y).ok_or_else(|| too_large("its samples"))
    }
}

/// Height x width x channels.
fn samples<P: Pixel<Subpixel: Sample>>(
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
    all.extend(picture.as_raw().iter().take(len).map(|&sample| Sample::to_f32(sample)));
    Array3::from_shape_vec(shape, all).map_err(|_| too_large("its samples"))
}

fn too_large(what: &str) -> Error {
    Error::TooLarge { what: "picture", detail: format!("{what} exceed what a picture can hold") }
}

/// A channel's value: exact in `f32`, and back rounded and saturated.
trait Sample: Copy {
    fn to_f32(self) -> f32;
    fn from_f32(value: f32) -> Self;
}

macro_rules! integer_sample {
    ($($t:ident),*) => {$(
        impl Sample for $t {
            fn to_f32(self) -> f32 {
                self.into()
            }
            fn from_f32(value: f32) -> Self {
                // `as` saturates, and makes NaN 0.
                value.round_ties_even() as $t
            }
        }
    )*};
}

integer_sample!(u8, u16);

impl Sample for f32 {
    fn to_f32(self) -> f32 {
        self
    }
    fn from_f32(value: f32) -> Self {
        value
    }
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
    fn new(channel: usize, plan: &Plan, boundary: [Boundary<f32>; 2]) -> Self {
        let problem = &plan.problem;
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

    fn copy(&self, x: &Array3<f32>, y: &mut Array3<f32>) {
        let x = x.slice(s![.., .., self.channel]);
        let mut y = y.slice_mut(s![.., .., self.channel]);
        for ((i, j), y) in y.indexed_iter_mut() {
            // Where both axes are outside the later one has the last word, as everywhere.
            *y = match (self.rows[i], self.columns[j]) {
                (Ok(row), Ok(column)) => x[[row, column]],
                (_, Err(outside)) | (Err(outside), Ok(_)) => outside,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filters;
    use crate::plan::Device;
    use ::image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
    use ndarray::{Array2, arr2};

    fn cpu() -> Convolver {
        Convolver::builder().gpu(false).build()
    }

    fn ramp() -> DynamicImage {
        GrayImage::from_fn(7, 5, |x, y| Luma([(20 * x + 3 * y) as u8])).into()
    }

    fn kernel(taps: [[f32; 3]; 3]) -> Array2<f32> {
        arr2(&taps)
    }

    #[test]
    fn rounds_and_saturates_once() {
        let picture: DynamicImage =
            GrayImage::from_raw(4, 1, vec![10, 200, 255, 3]).unwrap().into();
        let apply = |taps: &[[f32; 3]; 1]| {
            cpu().picture_filter(&arr2(taps)).for_picture(&picture)?.apply(&picture)
        };
        // Intermediate sums beyond 255 must survive: 2 * 255 - 200 - 3 = 307 saturates, and
        // halved it is 153.5, a tie, which goes to even.
        let sharp = apply(&[[-1.0, 2.0, -1.0]]).unwrap();
        assert_eq!(sharp.as_bytes(), [0, 135, 255, 0]);
        let half = apply(&[[-0.5, 1.0, -0.5]]).unwrap();
        assert_eq!(half.as_bytes(), [0, 68, 154, 0]);
    }

    #[test]
    fn mirrors_unless_told_otherwise() {
        let picture = ramp();
        let left = kernel([[0.0; 3], [0.0, 0.0, 1.0], [0.0; 3]]);
        let shifted = cpu().picture_filter(&left).for_picture(&picture).unwrap();
        let shifted = shifted.apply(&picture).unwrap().into_luma8();
        // A convolution with a tap on the right reads one to the left: column 0 sees column 1.
        assert_eq!((shifted[(0, 0)].0, shifted[(6, 2)].0), ([20], [106]));
        let constant =
            cpu().picture_filter(&left).boundary([Boundary::Zero, Boundary::Constant(77.0)]);
        let constant = constant.for_picture(&picture).unwrap().apply(&picture).unwrap();
        assert_eq!(constant.into_luma8()[(0, 3)].0, [77]);
    }

    #[test]
    fn channels_do_not_mix_and_types_stay() {
        let taps = filters::gaussian::<f32>(0.6).unwrap();
        let value = |x: u32, y: u32, c: u32| (x * 977 + y * 4001 + c * 313) % 60_000;
        let rgb = ImageBuffer::from_fn(9, 8, |x, y| Rgb([0, 1, 2].map(|c| value(x, y, c) as u16)));
        let blurred = cpu().picture_filter(&taps).for_picture(&rgb.clone().into()).unwrap();
        assert_eq!(blurred.plan().problem.input, [8, 9, 3]);
        let blurred = blurred.apply(&DynamicImage::ImageRgb16(rgb)).unwrap();
        let DynamicImage::ImageRgb16(blurred) = blurred else { panic!("{:?}", blurred.color()) };
        for c in 0..3 {
            let grey: ImageBuffer<Luma<u16>, _> =
                ImageBuffer::from_fn(9, 8, |x, y| Luma([value(x, y, c) as u16]));
            let grey = DynamicImage::ImageLuma16(grey);
            let alone =
                cpu().picture_filter(&taps).for_picture(&grey).unwrap().apply(&grey).unwrap();
            for (x, y, pixel) in alone.into_luma16().enumerate_pixels() {
                let together = blurred[(x, y)].0[c as usize];
                assert!(pixel.0[0].abs_diff(together) <= 1, "{x} {y} {c}");
            }
        }
    }

    #[test]
    fn float_pixels_are_left_as_they_come_out() {
        let picture = ImageBuffer::from_pixel(3, 3, Rgb([-2.5f32, 1e6, 0.25]));
        let picture = DynamicImage::ImageRgb32F(picture);
        let double = arr2(&[[2.0f32]]);
        let doubled = cpu().picture_filter(&double).for_picture(&picture).unwrap();
        let doubled = doubled.apply(&picture).unwrap();
        assert_eq!(doubled.as_rgb32f().unwrap()[(1, 1)].0, [-5.0, 2e6, 0.5]);
    }

    #[test]
    fn alpha_is_filtered_by_a_blur_and_carried_by_a_derivative() {
        let picture = ImageBuffer::from_fn(8, 6, |x, y| LumaA([9u8, (30 * x + y) as u8]));
        let picture = DynamicImage::ImageLumaA8(picture);
        let alpha = |builder: FilterBuilder<f32, Ix2>| {
            let filtered = builder.for_picture(&picture).unwrap().apply(&picture).unwrap();
            filtered.as_luma_alpha8().unwrap().clone()
        };
        let blurred = alpha(cpu().picture_filter(&filters::box_mean(3).unwrap()));
        assert_eq!(blurred[(0, 0)].0, [9, 21]);
        let sobel = filters::sobel_x::<f32>().unwrap();
        let edges = alpha(cpu().picture_filter(&sobel));
        assert!(edges.enumerate_pixels().all(|(x, y, p)| p.0 == [0, (30 * x + y) as u8]));
        let half = alpha(cpu().picture_filter(&sobel).stride([2, 3]).origin([0, 1]));
        assert_eq!(half.dimensions(), (3, 3));
        assert_eq!(half[(1, 2)].0[1], 30 * 4 + 4);
        let inside = alpha(cpu().picture_filter(&sobel).mode(Mode::Valid).correlate());
        assert_eq!(inside.dimensions(), (6, 4));
        assert_eq!(inside[(0, 0)].0[1], 31);
        let outside = [Boundary::Constant(7.0), Boundary::Constant(8.0)];
        let full = alpha(cpu().picture_filter(&sobel).mode(Mode::Full).boundary(outside));
        assert_eq!([full[(0, 0)].0[1], full[(3, 0)].0[1], full[(1, 1)].0[1]], [8, 7, 0]);
    }

    #[test]
    fn wrong_pictures_and_options_are_errors() {
        let rgba = ImageBuffer::from_pixel(7, 5, Rgba([1u8; 4]));
        let filter = || cpu().picture_filter(&filters::gaussian(0.5).unwrap());
        let planned = filter().for_picture(&ramp()).unwrap();
        assert!(matches!(planned.apply(&rgba.into()), Err(Error::Shape { .. })));
        let three = filter().stride([1, 2, 1]).for_picture(&ramp());
        assert!(matches!(three, Err(Error::PerAxis { expected: 2, got: 3, .. })), "{three:?}");
        let empty = filter().for_picture(&GrayImage::new(0, 4).into());
        assert!(matches!(empty, Err(Error::Empty { .. })), "{empty:?}");
    }

    #[test]
    fn valid_needs_a_picture_that_covers_the_kernel() {
        // 7 wide, 5 high, in grey and in colour; with a boundary of zero a grey picture and its
        // kernel could change places.
        let valid = |rows, columns, dilation: [usize; 2], picture: &DynamicImage| {
            let ones = Array2::<f32>::ones((rows, columns));
            let filter = cpu().picture_filter(&ones).boundary(Boundary::Zero).mode(Mode::Valid);
            filter.dilation(dilation).for_picture(picture).map(|filter| filter.output_size())
        };
        for picture in [ramp(), ramp().into_rgb8().into(), ramp().into_luma_alpha16().into()] {
            assert_eq!(valid(5, 7, [1, 1], &picture), Ok((1, 1)));
            assert_eq!(valid(3, 4, [2, 2], &picture), Ok((1, 1)));
            for (rows, columns) in [(9, 9), (6, 2), (2, 8)] {
                let said = valid(rows, columns, [1, 1], &picture).unwrap_err().to_string();
                let sizes = format!("a picture of 5 x 7 and a kernel of {rows} x {columns} (");
                assert!(said.contains(&sizes), "{said}");
            }
            let said = valid(4, 4, [2, 1], &picture).unwrap_err().to_string();
            assert!(said.contains("a dilated kernel of 7 x 4 (height x width)"), "{said}");
            let zero = valid(9, 9, [1, 0], &picture);
            assert!(matches!(zero, Err(Error::ZeroStep { .. })), "{zero:?}");
        }
    }

    #[test]
    fn verifies_on_the_samples() {
        let filter = cpu().picture_filter(&filters::disk(2.0).unwrap()).device(Device::Cpu);
        let report = filter.for_picture(&ramp()).unwrap().verify(&ramp()).unwrap();
        assert!(report.agrees() && report.outputs == 35, "{report}");
    }
}
