//! Pictures of the `image` crate.

use ::image::{DynamicImage, ImageBuffer, Pixel};
use ndarray::{Array3, ArrayRef, Dim, Dimension, Ix2, Ix3};

use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::convolver::Convolver;
use crate::face::filter::Filter;
use crate::face::filter::profile::Profile;
use crate::format::FrameSample;
use crate::format::pixels::{Pixels, input, output};
use crate::format::transfer::Channel;
use crate::plan::Plan;
use crate::problem::boundary::Boundary;
use crate::prove::verify::Verification;
use crate::simd::vectorized;
use crate::util::memory;
use crate::words::{Alpha, Light, Signed};
use carried::Carried;
use colours::Colours;
use place::{Before, Place};
use store::{show, store, weigh};

mod carried;
mod colours;
pub(in crate::face) mod place;
mod planning;
mod store;

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
    // The same of two pictures of one type.
    ($picture:expr, $result:expr, |$buffer:ident, $into:ident| $value:expr) => {
        typed!(
            ($picture, $result), $buffer, $into, $value,
            ImageLuma8 ImageLumaA8 ImageRgb8 ImageRgba8
            ImageLuma16 ImageLumaA16 ImageRgb16 ImageRgba16
            ImageRgb32F ImageRgba32F
        )
    };
    ($pictures:expr, $buffer:ident, $into:ident, $value:expr, $($pixels:ident)*) => {
        match $pictures {
            $((DynamicImage::$pixels($buffer), DynamicImage::$pixels($into)) => $value,)*
            (other, _) => {
                return Err(Error::PixelType { got: format!("{:?}", other.color()) });
            }
        }
    };
    ($picture:expr, $buffer:ident, $value:expr, $($pixels:ident)*) => {
        match $picture {
            $(DynamicImage::$pixels($buffer) => $value,)*
            other => return Err(Error::PixelType { got: format!("{:?}", other.color()) }),
        }
    };
}

pub(crate) mod gradient;
pub(crate) mod unsharp;

/// A planned filter for pictures of one size and number of channels.
///
/// Every channel is filtered on its own, in `f32` (with [`Precision::High`](crate::Precision) in
/// `f64`). The result has the picture's colour type and colour space; in 8 and 16 bit it is rounded to
/// the nearest value (ties to even) and saturated, once, at the end. Floating-point pixels are stored as
/// they come out, rounded to `f32`.
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
    light: Light,
    /// Whether a constant outside is a level of light.
    lit_outside: bool,
    alpha: AlphaRule,
    /// Whether colours are multiplied by it already.
    premultiplied: bool,
    /// What alpha is where nothing shows through, in the pictures that this was planned for.
    opaque: f32,
    colours: Colours,
    signed: Signed,
    /// Which part of a picture is filtered, unless that is all of it.
    place: Option<Place>,
}

/// What becomes of alpha.
#[derive(Debug)]
enum AlphaRule {
    /// It is filtered like every channel, or there is none.
    Filtered,
    /// It is the weight of the colours.
    Straight {
        /// What is outside comes from inside, alpha too.
        edges_are_inside: bool,
    },
    /// It is copied.
    Carried(Box<Carried>),
}

impl PictureFilter {
    /// What will run, why, and what it should cost.
    pub fn plan(&self) -> &Plan {
        self.filter.plan()
    }

    /// Width and height of the results.
    pub fn output_size(&self) -> (u32, u32) {
        let shape = self.result_shape();
        // Checked when this was planned.
        (shape[1] as u32, shape[0] as u32)
    }

    /// How a kernel that keeps constants treats alpha. Default: [`Alpha::Straight`]. Other kernels
    /// carry alpha over; [`Alpha::Premultiplied`] says of what they filter in linear light too.
    ///
    /// ```
    /// use convolve::{Alpha, Convolver, filters};
    /// use convolve::image::{DynamicImage, Rgba, RgbaImage};
    ///
    /// // White beside nothing.
    /// let edge = |x, _| if x < 4 { Rgba([255; 4]) } else { Rgba([0; 4]) };
    /// let edge = DynamicImage::from(RgbaImage::from_fn(8, 1, edge));
    /// let blur = Convolver::new().picture_filter(&filters::box_mean(2)?).for_picture(&edge)?;
    /// let blurred = blur.alpha(Alpha::Premultiplied).apply(&edge)?.into_rgba8();
    /// assert!(blurred.pixels().any(|pixel| pixel.0 == [128; 4]));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn alpha(mut self, alpha: Alpha) -> Self {
        if let (AlphaRule::Straight { .. }, Alpha::AsChannel | Alpha::Premultiplied) =
            (&self.alpha, alpha)
        {
            self.alpha = AlphaRule::Filtered;
        }
        self.premultiplied = alpha == Alpha::Premultiplied && matches!(self.channels(), 2 | 4);
        self
    }

    /// How results below zero, such as those of derivatives, are shown in a picture. Default:
    /// [`Signed::Clip`]. What [`PictureFilter::apply_unrounded`] gives is not changed by this, and alpha
    /// never is.
    ///
    /// ```
    /// use convolve::{Convolver, Signed, filters};
    /// use image::{DynamicImage, GrayImage, Luma};
    ///
    /// let ramp = GrayImage::from_fn(9, 9, |x, _| Luma([255 - 10 * x as u8]));
    /// let ramp = DynamicImage::from(ramp);
    /// for (signed, level) in [(Signed::Clip, 0), (Signed::Absolute, 80), (Signed::MID_GREY, 48)] {
    ///     let slope = Convolver::new().picture_filter(&filters::sobel_x()?).for_picture(&ramp)?;
    ///     let shown = slope.signed(signed).apply(&ramp)?.into_luma8();
    ///     assert_eq!(shown[(4, 4)].0, [level]);
    /// }
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn signed(mut self, signed: Signed) -> Self {
        self.signed = signed;
        self
    }

    /// The filtered picture.
    ///
    /// # Errors
    /// [`Error::Shape`] where the picture has not the planned size and channels; in linear light beside a
    /// constant, [`Error::Inadmissible`] where it has not the planned depth; and those of
    /// [`Filter::apply`].
    pub fn apply(&self, picture: &DynamicImage) -> Result<DynamicImage> {
        let mut filtered: DynamicImage = typed!(picture, |p| self.filtered(p)?.into());
        keep_color_space(picture, &mut filtered);
        Ok(filtered)
    }

    /// The filtered picture, stored in one that is there: of the same type, and as large as
    /// [`PictureFilter::output_size`] says. Where many pictures are filtered that is faster: memory that
    /// is new has to be made ready by the system first.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use image::DynamicImage;
    ///
    /// let picture = DynamicImage::new_rgb8(40, 30);
    /// let blur = Convolver::new().picture_filter(&filters::gaussian(2.0)?).for_picture(&picture)?;
    /// let mut blurred = DynamicImage::new_rgb8(40, 30);
    /// for _ in 0..3 {
    ///     blur.apply_into(&picture, &mut blurred)?;
    /// }
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`]; [`Error::ResultType`] and [`Error::Shape`] where `result` is of
    /// another type or size. Only after other errors than these two may `result` hold anything.
    pub fn apply_into(&self, picture: &DynamicImage, result: &mut DynamicImage) -> Result<()> {
        let [expected, got] = [picture.color(), result.color()];
        if expected != got {
            let [expected, got] = [expected, got].map(|color| format!("{color:?}"));
            return Err(Error::ResultType { expected, got });
        }
        typed!(picture, &mut *result, |p, into| {
            let (x, y) = (self.raw(p)?, self.raw_result(into)?);
            self.compute(x, y)?;
        });
        keep_color_space(picture, result);
        Ok(())
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
        let y = typed!(picture, |p| self.numbers(self.raw(p)?)?);
        let shape = self.result_shape();
        Array3::from_shape_vec(shape, y).map_err(|_| too_large("its samples"))
    }

    /// Checks every method on every device with this picture's samples, in `f32` and before they
    /// are rounded (premultiplied, where alpha is [`Alpha::Straight`], and in linear light, where that is
    /// asked for): see [`Filter::verify`].
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
            match self.pixels(x)? {
                Some(pixels) => self.filter.profile_of(&as_light(x, pixels)?),
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
        let mut y = memory::zeros(self.result_shape().size(), "the picture's samples")?;
        self.compute(x, &mut y)?;
        let (width, height) = self.output_size();
        ImageBuffer::from_raw(width, height, y).ok_or_else(|| too_large("its samples"))
    }

    fn compute<T: FrameSample<f32> + Channel>(&self, x: &[T], y: &mut [T]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let pixels = match self.signed {
            Signed::Clip => self.pixels(x)?,
            // Shown as numbers.
            _ => None,
        };
        let carried = match &self.alpha {
            AlphaRule::Carried(carried) => Some(carried),
            _ => None,
        };
        let by_alpha = pixels.is_some_and(|pixels| pixels.premultiplied) && carried.is_some();
        let masked = self.place.as_ref().is_some_and(Place::is_masked);
        let shown = pixels.unwrap_or(Pixels::plain(self.channels()));
        self.within(x, y, shown, |before, y| {
            if self.signed != Signed::Clip || by_alpha || masked {
                return self.store_sums(x, y, shown, before);
            }
            match pixels {
                Some(pixels) => self.run(x, y, pixels)?,
                None => self.filter.run(x, y)?,
            }
            if let Some(carried) = carried {
                carried.copy(x, y, self.width(), self.channels());
            }
            Ok(())
        })
    }

    /// Stores what is shown of the sums, blended with what stands there.
    fn store_sums<T: FrameSample<f32> + Channel>(
        &self,
        x: &[T],
        y: &mut [T],
        pixels: Pixels,
        before: Before<T>,
    ) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let sums = self.unrounded(x)?;
        store::<T, T>(y, pixels, self.filter.threads(), |start, block| {
            block.copy_from_slice(&sums[start..][..block.len()]);
            show::<T>(self.signed, block, pixels.channels);
            weigh::<T>(pixels, block);
            before.blend(start, block);
        })
    }

    /// Calls `make` with the part of `y` that is filtered, and what stands in `x` there; the rest of `y`
    /// becomes what it is in `x`. `pixels` says what numbers are made.
    fn within<T: Channel, U: Channel>(
        &self,
        x: &[T],
        y: &mut [U],
        pixels: Pixels,
        make: impl FnOnce(Before<T>, &mut [U]) -> Result<()>,
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
    {
        match &self.place {
            Some(place) => place.fill(x, y, pixels, make),
            None => make(Before::all(x, pixels), y),
        }
    }

    /// The whole result, in numbers.
    fn numbers<T: FrameSample<f32> + Channel>(&self, x: &[T]) -> Result<Vec<f32>>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        if self.place.is_none() {
            return self.unrounded(x);
        }
        let pixels = self.pixels(x)?.unwrap_or(Pixels::plain(self.channels()));
        let pixels = Pixels { encoded: false, ..pixels };
        let mut y = memory::zeros(self.result_shape().size(), "the picture's samples")?;
        self.within::<T, f32>(x, &mut y, pixels, |before, y| {
            let sums = self.unrounded(x)?;
            store::<T, f32>(y, pixels, self.filter.threads(), |start, block| {
                block.copy_from_slice(&sums[start..][..block.len()]);
                weigh::<T>(pixels, block);
                before.blend(start, block);
            })
        })?;
        Ok(y)
    }

    fn unrounded<T: FrameSample<f32> + Channel>(&self, x: &[T]) -> Result<Vec<f32>>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let mut y: Vec<f32> =
            memory::zeros(self.filter.output_dim().size(), "the picture's samples")?;
        let channels = self.filter.input()[2];
        let pixels = self.pixels(x)?.unwrap_or(Pixels::plain(channels));
        self.run::<T, f32>(x, &mut y, Pixels { encoded: false, ..pixels })?;
        if let AlphaRule::Carried(carried) = &self.alpha {
            carried.copy(x, &mut y, self.width(), channels);
        }
        Ok(y)
    }

    /// The samples that the filter runs over, height x width x channels.
    fn samples(&self, picture: &DynamicImage) -> Result<Array3<f32>> {
        let samples = typed!(picture, |p| {
            let x = self.raw(p)?;
            as_light(x, self.pixels(x)?.unwrap_or(Pixels::plain(self.filter.input()[2])))?
        });
        Array3::from_shape_vec(*self.filter.input(), samples).map_err(|_| too_large("its samples"))
    }

    /// What is done with the channels of these samples, if they are not filtered as they are.
    fn pixels<T: Channel>(&self, x: &[T]) -> Result<Option<Pixels>> {
        if self.lit_outside && T::OPAQUE != self.opaque {
            let depth = |opaque| match opaque {
                u8::OPAQUE => "8 bits",
                u16::OPAQUE => "16 bits",
                _ => "floating point",
            };
            return Err(Error::Inadmissible {
                wanted: "a constant outside in linear light".into(),
                reason: format!(
                    "it was planned as a level of pictures of {}, got one of {}",
                    depth(self.opaque),
                    depth(T::OPAQUE)
                ),
            });
        }
        let channels = self.filter.input()[2];
        let weighed = match self.alpha {
            AlphaRule::Straight { edges_are_inside } => {
                !(edges_are_inside && has_one_alpha(x, channels))
            }
            _ => false,
        };
        let decoded = self.light == Light::Linear && !T::IS_LIGHT;
        // Of levels as they are, only those are no more than alpha that are filtered as that is.
        let filtered = !matches!(self.alpha, AlphaRule::Carried(_));
        let premultiplied = self.premultiplied && !T::IS_LIGHT && (decoded || filtered);
        let pixels = Pixels { channels, weighed, premultiplied, decoded, encoded: decoded };
        Ok((weighed || premultiplied || decoded).then_some(pixels))
    }

    /// Filters pixels; `y` has the units of `x`, whatever it is stored as.
    fn run<T: Channel, U: Channel>(&self, x: &[T], y: &mut [U], pixels: Pixels) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T> + Wider<U>,
    {
        let colours = self.colours.filter(pixels);
        if colours.is_none() && self.filter.run_pixels(x, y, pixels)? {
            return Ok(());
        }
        // On a GPU, where results are checked, and where one filter is not enough.
        let mut wide = as_light(x, pixels)?;
        let mut sums = memory::zeros(y.len(), "the picture's samples")?;
        self.filter.run(&wide, &mut sums)?;
        if let Some(filter) = colours {
            // Its constant has the units of the pictures that this was planned for.
            let scale = T::OPAQUE / self.opaque;
            wide.iter_mut().for_each(|x| *x *= scale);
            let mut colours = memory::zeros(sums.len(), "the picture's colours")?;
            filter.run(&wide, &mut colours)?;
            let last = pixels.channels - 1;
            let both = sums.chunks_exact_mut(last + 1).zip(colours.chunks_exact(last + 1));
            for (sums, colours) in both {
                for (sum, colour) in sums[..last].iter_mut().zip(colours) {
                    *sum = colour / scale;
                }
            }
        }
        output::<f32, T, U>(y, pixels).write(0, &sums);
        Ok(())
    }

    /// Channels, alpha among them.
    fn channels(&self) -> usize {
        self.filter.input()[2]
    }

    /// Shape of the results: the picture's where a part of that is filtered.
    fn result_shape(&self) -> Ix3 {
        if self.place.is_some() { *self.filter.input() } else { *self.filter.output() }
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
        let dim = shape(picture);
        self.filter.check_shape("input", self.filter.input(), &dim)?;
        Ok(&picture.as_raw()[..dim.size()])
    }

    /// The same for a result.
    fn raw_result<'p, P: Pixel>(
        &self,
        picture: &'p mut ImageBuffer<P, Vec<P::Subpixel>>,
    ) -> Result<&'p mut [P::Subpixel]> {
        let dim = shape(picture);
        self.filter.check_shape("output", &self.result_shape(), &dim)?;
        Ok(&mut picture.as_flat_samples_mut().samples[..dim.size()])
    }
}

/// Height, width and channels.
fn shape<P: Pixel>(picture: &ImageBuffer<P, Vec<P::Subpixel>>) -> Ix3 {
    let [height, width] = [picture.height(), picture.width()].map(|n| n as usize);
    Dim([height, width, usize::from(P::CHANNEL_COUNT)])
}

/// What the numbers of a picture mean is what those of its result mean.
fn keep_color_space(picture: &DynamicImage, result: &mut DynamicImage) {
    // A space that a picture has, a picture of the same type can have.
    let _ = result.set_color_space(picture.color_space());
}

/// Whether alpha is the same everywhere, and something: colours may be filtered as they are.
fn has_one_alpha<T: Channel>(x: &[T], channels: usize) -> bool {
    match channels {
        2 => is_last_the_same::<T, 2>(x),
        _ => is_last_the_same::<T, 4>(x),
    }
}

fn is_last_the_same<T: Channel, const N: usize>(x: &[T]) -> bool {
    // Of so many pixels no branch is made for each, for vectors.
    const PIXELS: usize = 1024;
    let (pixels, _) = x.as_chunks::<N>();
    let Some(first) = pixels.first().map(|pixel| pixel[N - 1]) else { return true };
    let same = |pixels: &[[T; N]]| {
        vectorized(
            #[inline(always)]
            || pixels.iter().fold(true, |same, pixel| same & (pixel[N - 1] == first)),
        )
    };
    // What is transparent everywhere has no colour.
    first != T::zeroed() && pixels.chunks(PIXELS).all(same)
}

/// The samples of the whole picture in the type that is computed in, with alpha multiplied in and in linear
/// light where that is so.
fn as_light<T: Channel>(x: &[T], pixels: Pixels) -> Result<Vec<f32>>
where
    f32: Wider<T>,
{
    let mut samples = memory::zeros(x.len(), "the picture's samples")?;
    input::<f32, T>(x, pixels).read(0, &mut samples);
    Ok(samples)
}

fn too_large(what: &str) -> Error {
    Error::TooLarge { what: "picture", detail: format!("{what} exceed what a picture can hold") }
}

#[cfg(test)]
mod place_tests;
#[cfg(test)]
mod signed_tests;
#[cfg(test)]
mod tests;
