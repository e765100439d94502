//! Pictures of the `image` crate.

use ndarray::{Array3, ArrayRef, Ix2, Ix3};

use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::convolver::Convolver;
use crate::face::filter::Filter;
use crate::face::filter::profile::Profile;
use crate::format::pixels::{Pixels, input};
use crate::plan::Plan;
use crate::problem::boundary::Boundary;
use crate::prove::verify::Verification;
use crate::util::memory;
use crate::words::{Alpha, Light, Signed};
use carried::Carried;
use colours::Colours;
use place::Place;
use run::Run;
use source::{Picture, PictureMut, Samples, each};

mod carried;
mod colours;
mod filtering;
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

    /// Channels, alpha among them.
    fn channels(&self) -> usize {
        self.filter.input()[2]
    }
}

fn too_large(what: &str) -> Error {
    Error::TooLarge { what: "picture", detail: format!("{what} exceed what a picture can hold") }
}

#[cfg(test)]
mod tests;
