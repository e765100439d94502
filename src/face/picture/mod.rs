//! Pictures of the `image` crate.

use ndarray::{Array3, ArrayRef, Ix2, Ix3};

use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::convolver::Convolver;
use crate::face::filter::Filter;
use crate::face::filter::profile::Profile;
use crate::format::pixels::{Pixels, Rows, input, output};
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
use run::Run;
use source::{Picture, PictureMut, Samples, each, sealed};
use store::{show, store, weigh};

mod carried;
mod colours;
pub(crate) mod gradient;
mod images;
pub(in crate::face) mod place;
mod planning;
mod run;
pub(crate) mod source;
mod store;
pub(crate) mod stream;
pub(crate) mod unsharp;
pub(crate) mod view;

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
    /// It is filtered, and may be the weight of the colours.
    Weight {
        /// Whether it is.
        counts: bool,
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
        let shape = self.output();
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
        if let AlphaRule::Weight { counts, .. } = &mut self.alpha {
            *counts = alpha == Alpha::Straight;
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

    /// The filtered picture, of the same type: a `DynamicImage` of a `DynamicImage`, and of any other
    /// [`Picture`] an `ImageBuffer` of its pixels.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use image::{ImageBuffer, Luma, Rgb, RgbImage};
    ///
    /// let blur = Convolver::new().picture_filter(&filters::gaussian(2.0)?);
    /// let photo = RgbImage::new(40, 30);
    /// let blurred: RgbImage = blur.for_picture(&photo)?.apply(&photo)?;
    ///
    /// // Samples that somebody else holds, and types that `DynamicImage` has not.
    /// let bytes = [7u8; 40 * 30 * 3];
    /// let frame = ImageBuffer::<Rgb<u8>, &[u8]>::from_raw(40, 30, &bytes).expect("enough samples");
    /// assert_eq!(blur.for_picture(&frame)?.apply(&frame)?[(9, 9)], Rgb([7; 3]));
    /// let depth = ImageBuffer::from_pixel(40, 30, Luma([0.5f32]));
    /// assert_eq!(blur.for_picture(&depth)?.apply(&depth)?.dimensions(), (40, 30));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::PixelType`]; [`Error::Shape`] where the picture has not the planned size and channels; in
    /// linear light beside a constant, [`Error::Inadmissible`] where it has not the planned depth; and those
    /// of [`Filter::apply`].
    pub fn apply<P: Picture>(&self, picture: &P) -> Result<P::Owned> {
        run::apply(self, picture)
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
    pub fn apply_into(&self, picture: &impl Picture, result: &mut impl PictureMut) -> Result<()> {
        run::apply_into(self, picture, result)
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
    pub fn apply_unrounded(&self, picture: &impl Picture) -> Result<Array3<f32>> {
        run::apply_unrounded(self, picture)
    }

    /// Checks every method on every device with this picture's samples, in `f32` and before they
    /// are rounded (premultiplied, where alpha is [`Alpha::Straight`], and in linear light, where that is
    /// asked for): see [`Filter::verify`].
    ///
    /// # Errors
    /// Those of [`Filter::verify`].
    pub fn verify(&self, picture: &impl Picture) -> Result<Verification> {
        // What the filter runs over.
        let samples = each!(run::view(self, picture)?.samples, |x| {
            let pixels = self.pixels(x)?.unwrap_or(Pixels::plain(self.channels()));
            let mut samples = memory::zeros(x.len(), "the picture's samples")?;
            input::<f32, _>(x, pixels).read(0, &mut samples);
            samples
        });
        let samples = Array3::from_shape_vec(*self.filter.input(), samples);
        self.filter.verify(&samples.map_err(|_| too_large("its samples"))?)
    }

    /// Says where the time of a run goes, as [`Filter::profile`] does.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn profile(&self, picture: &impl Picture) -> Result<Profile> {
        each!(run::view(self, picture)?.samples, |x| match (self.pixels(x)?, x.without_gaps()) {
            (None, Some(x)) => self.filter.profile_of(x),
            (pixels, _) => {
                let mut wide =
                    self.filter.scratch().take::<f32>(x.len(), "the picture's samples")?;
                let pixels = pixels.unwrap_or(Pixels::plain(self.channels()));
                input::<f32, _>(x, pixels).read(0, &mut wide);
                self.filter.profile_of::<f32>(&wide)
            }
        })
    }

    /// Stores what is shown of the sums, blended with what stands there.
    fn store_sums<T: sealed::Sample>(
        &self,
        x: Rows<T>,
        y: &mut [T],
        pixels: Pixels,
        before: Before<T>,
    ) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let mut sums = self.filter.scratch().take(y.len(), "the picture's samples")?;
        self.unrounded(x, &mut sums)?;
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
        x: Rows<T>,
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

    /// What is filtered, as numbers.
    fn unrounded<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [f32]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let pixels = self.pixels(x)?.unwrap_or(Pixels::plain(self.channels()));
        self.filtered::<T, f32>(x, y, Pixels { encoded: false, ..pixels })?;
        if let AlphaRule::Carried(carried) = &self.alpha {
            carried.copy(x, y, self.channels());
        }
        Ok(())
    }

    /// What is done with the channels of these samples, if they are not filtered as they are.
    fn pixels<T: Channel>(&self, x: Rows<T>) -> Result<Option<Pixels>> {
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
        let channels = self.channels();
        let weighed = match self.alpha {
            AlphaRule::Weight { counts, edges_are_inside } => {
                counts && !(edges_are_inside && has_one_alpha(x, channels))
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
    fn filtered<T: Channel, U: Channel>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        pixels: Pixels,
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T> + Wider<U>,
    {
        let colours = self.colours.filter(pixels);
        if colours.is_none() && self.filter.run_pixels(x, y, pixels)? {
            return Ok(());
        }
        // On a GPU, where results are checked, and where one filter is not enough.
        let scratch = self.filter.scratch();
        let samples = |len: usize| scratch.take::<f32>(len, "the picture's samples");
        let (mut wide, mut sums) = (samples(x.len())?, samples(y.len())?);
        input::<f32, T>(x, pixels).read(0, &mut wide);
        self.filter.run::<f32>(&wide, &mut sums)?;
        if let Some(filter) = colours {
            // Its constant has the units of the pictures that this was planned for.
            let scale = T::OPAQUE / self.opaque;
            wide.iter_mut().for_each(|x| *x *= scale);
            let mut colours = scratch.take::<f32>(sums.len(), "the picture's colours")?;
            filter.run::<f32>(&wide, &mut colours)?;
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
}

impl Run for PictureFilter {
    fn input(&self) -> &Ix3 {
        self.filter.input()
    }

    /// The picture's where a part of that is filtered.
    fn output(&self) -> &Ix3 {
        if self.place.is_some() { self.filter.input() } else { self.filter.output() }
    }

    fn run<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [T]) -> Result<()>
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
            match (pixels, x.without_gaps()) {
                (None, Some(x)) => self.filter.run(x, y)?,
                _ => self.filtered(x, y, shown)?,
            }
            if let Some(carried) = carried {
                carried.copy(x, y, self.channels());
            }
            Ok(())
        })
    }

    fn run_unrounded<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [f32]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        if self.place.is_none() {
            return self.unrounded(x, y);
        }
        let pixels = self.pixels(x)?.unwrap_or(Pixels::plain(self.channels()));
        let pixels = Pixels { encoded: false, ..pixels };
        self.within::<T, f32>(x, y, pixels, |before, y| {
            let mut sums = self.filter.scratch().take::<f32>(y.len(), "the picture's samples")?;
            self.unrounded(x, &mut sums)?;
            store::<T, f32>(y, pixels, self.filter.threads(), |start, block| {
                block.copy_from_slice(&sums[start..][..block.len()]);
                weigh::<T>(pixels, block);
                before.blend(start, block);
            })
        })
    }
}

/// Whether alpha is the same everywhere, and something: colours may be filtered as they are.
fn has_one_alpha<T: Channel>(x: Rows<T>, channels: usize) -> bool {
    match channels {
        2 => is_last_the_same::<T, 2>(x),
        _ => is_last_the_same::<T, 4>(x),
    }
}

fn is_last_the_same<T: Channel, const N: usize>(x: Rows<T>) -> bool {
    // Of so many pixels no branch is made for each, for vectors.
    const PIXELS: usize = 1024;
    let all = || x.rows().flat_map(|row| row.as_chunks::<N>().0.chunks(PIXELS));
    let Some(first) = all().next().map(|pixels| pixels[0][N - 1]) else { return true };
    let same = |pixels: &[[T; N]]| {
        vectorized(
            #[inline(always)]
            || pixels.iter().fold(true, |same, pixel| same & (pixel[N - 1] == first)),
        )
    };
    // What is transparent everywhere has no colour.
    first != T::zeroed() && all().all(same)
}

fn too_large(what: &str) -> Error {
    Error::TooLarge { what: "picture", detail: format!("{what} exceed what a picture can hold") }
}

#[cfg(test)]
mod tests;
