//! Unsharp masking of pictures, with a threshold.

use ::image::{ColorType, Pixel};
use ndarray::{Array3, Dimension, Ix2, Ix3};

use super::PictureFilter;
use super::run::{self, Run};
use super::source::{Picture, PictureMut, PictureSample, PixelType, View, sealed};
use super::store::{copy_alpha, store};
use crate::element::wider::Wider;
use crate::error::Result;
use crate::face::pointwise::{self, BLOCK};
use crate::face::unsharp::{UnsharpBuilder, check_same};
use crate::format::pitched::Rows;
use crate::format::pixels::{Pixels, input};
use crate::format::transfer::Channel;
use crate::plan::Plan;
use crate::words::{Alpha, Light};

impl UnsharpBuilder<f32, Ix2> {
    /// Plans for pictures of the size and the channels of this one. The threshold is in the picture's own
    /// units, 0 to 255 for instance.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use image::{DynamicImage, GrayImage, Luma};
    ///
    /// let edge = GrayImage::from_fn(20, 9, |x, _| Luma([if x < 10 { 100 } else { 140 }]));
    /// let edge = DynamicImage::from(edge);
    /// let blur = Convolver::new().picture_filter(&filters::gaussian(2.0)?);
    /// let sharp = blur.unsharp(1.0, 3.0).for_picture(&edge)?.apply(&edge)?.into_luma8();
    /// assert!(sharp[(9, 4)].0[0] < 90 && sharp[(10, 4)].0[0] > 150 && sharp[(0, 4)].0[0] == 100);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Inadmissible`](crate::Error::Inadmissible) where `amount` is no finite number or `threshold` is negative or none, and
    /// where the blurred picture has another size; those of
    /// [`FilterBuilder::for_pictures`](crate::FilterBuilder::for_pictures).
    pub fn for_picture(&self, picture: &impl Picture) -> Result<PictureUnsharp> {
        let View { width, height, pixels, .. } = sealed::Picture::to_view(picture)?;
        self.for_pixels(width, height, pixels)
    }

    /// Plans for pictures of this size and of these pixels, as
    /// [`FilterBuilder::for_pictures_of`](crate::FilterBuilder::for_pictures_of) does.
    ///
    /// # Errors
    /// Those of [`UnsharpBuilder::for_picture`].
    pub fn for_pictures_of<P: Pixel<Subpixel: PictureSample>>(
        &self,
        width: u32,
        height: u32,
    ) -> Result<PictureUnsharp> {
        self.for_pixels(width, height, PixelType::of::<P>()?)
    }

    /// Plans for pictures of this size and of the channels of this colour type.
    ///
    /// # Errors
    /// Those of [`UnsharpBuilder::for_picture`].
    pub fn for_pictures(
        &self,
        width: u32,
        height: u32,
        color: ColorType,
    ) -> Result<PictureUnsharp> {
        self.for_pixels(width, height, PixelType::of_color(color)?)
    }

    fn for_pixels(&self, width: u32, height: u32, pixels: PixelType) -> Result<PictureUnsharp> {
        self.check_values()?;
        let blur = self.blur.for_pixels(width, height, pixels)?;
        check_same(blur.filter.input().slice(), Run::output(&blur).slice())?;
        Ok(PictureUnsharp { blur, values: [self.amount, self.threshold] })
    }
}

/// A planned unsharp mask of pictures: see [`FilterBuilder::unsharp`](crate::FilterBuilder::unsharp).
/// The result is rounded to the picture's type and saturated, once.
///
/// Colours are compared with what the blur makes of them, with their alpha if it keeps constants; alpha
/// itself stays as it is. In linear light ([`FilterBuilder::light`](crate::FilterBuilder::light)) all of it
/// is done with the light, and the threshold is one of light.
///
/// Made by [`UnsharpBuilder::for_picture`].
#[derive(Debug)]
pub struct PictureUnsharp {
    blur: PictureFilter,
    /// Amount and threshold.
    values: [f64; 2],
}

impl PictureUnsharp {
    /// The filter that blurs, which can be verified and profiled.
    pub fn blur(&self) -> &PictureFilter {
        &self.blur
    }

    /// How the blur treats alpha: as [`PictureFilter::alpha`] says.
    pub fn alpha(mut self, alpha: Alpha) -> Self {
        self.blur = self.blur.alpha(alpha);
        self
    }

    /// What will run to blur.
    pub fn plan(&self) -> &Plan {
        self.blur.plan()
    }

    /// The sharpened picture, of the same type: see [`PictureFilter::apply`].
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn apply<P: Picture>(&self, picture: &P) -> Result<P::Owned> {
        run::apply(self, picture)
    }

    /// The same in a picture that is there, as [`PictureFilter::apply_into`] does.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply_into`].
    pub fn apply_into(&self, picture: &impl Picture, result: &mut impl PictureMut) -> Result<()> {
        run::apply_into(self, picture, result)
    }

    /// The same as numbers, height x width x channels, in the picture's own units, neither rounded nor
    /// saturated.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn apply_unrounded(&self, picture: &impl Picture) -> Result<Array3<f32>> {
        run::apply_unrounded(self, picture)
    }

    fn sharpened<T: sealed::Sample, U: Channel>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        encoded: bool,
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T>,
    {
        let channels = self.blur.channels();
        let decoded = self.blur.light == Light::Linear && !T::IS_LIGHT;
        let alpha = match self.blur.premultiplied && !T::IS_LIGHT {
            true => Alpha::Premultiplied,
            false => Alpha::AsChannel,
        };
        let encoded = encoded && decoded;
        let pixels = Pixels { alpha, decoded, encoded, ..Pixels::plain(channels) };
        self.blur.within(x, y, pixels, |before, y| {
            let filter = &self.blur.filter;
            let mut blurred = filter.scratch().take::<f32>(y.len(), "the blurred samples")?;
            self.blur.unrounded(x, &mut blurred)?;
            store::<T, U>(y, pixels, filter.threads(), |start, block| {
                let mut samples = [0.0; BLOCK];
                let samples = &mut samples[..block.len()];
                input::<f32, T>(before.samples, pixels).read(start, samples);
                pointwise::sharpened(samples, &blurred[start..][..block.len()], self.values, block);
                copy_alpha(samples, block, channels);
                before.blend(start, block);
            })
        })
    }
}

impl Run for PictureUnsharp {
    fn input(&self) -> &Ix3 {
        self.blur.input()
    }

    fn output(&self) -> &Ix3 {
        self.blur.output()
    }

    fn run<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [T]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        self.sharpened::<T, T>(x, y, true)
    }

    fn run_unrounded<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [f32]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        self.sharpened::<T, f32>(x, y, false)
    }
}
