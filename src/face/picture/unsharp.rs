//! Unsharp masking of pictures, with a threshold.

use ::image::{ColorType, DynamicImage, ImageBuffer, Pixel};
use ndarray::{Array3, Dimension, Ix2};

use super::store::{copy_alpha, store};
use super::{PictureFilter, keep_color_space, too_large};
use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::face::pointwise::{self, BLOCK};
use crate::face::unsharp::{UnsharpBuilder, check_same};
use crate::format::FrameSample;
use crate::format::pixels::{Pixels, input};
use crate::format::transfer::Channel;
use crate::plan::Plan;
use crate::util::memory;
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
    /// [`Error::Inadmissible`] where `amount` is no finite number or `threshold` is negative or none, and
    /// where the blurred picture has another size; those of
    /// [`FilterBuilder::for_pictures`](crate::FilterBuilder::for_pictures).
    pub fn for_picture(&self, picture: &DynamicImage) -> Result<PictureUnsharp> {
        self.for_pictures(picture.width(), picture.height(), picture.color())
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
        self.check_values()?;
        let blur = self.blur.for_pictures(width, height, color)?;
        check_same(blur.filter.input().slice(), blur.result_shape().slice())?;
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

    /// The sharpened picture.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn apply(&self, picture: &DynamicImage) -> Result<DynamicImage> {
        let mut filtered: DynamicImage = typed!(picture, |p| self.filtered(p)?.into());
        keep_color_space(picture, &mut filtered);
        Ok(filtered)
    }

    /// The same as numbers, height x width x channels, in the picture's own units, neither rounded nor
    /// saturated.
    ///
    /// # Errors
    /// Those of [`PictureFilter::apply`].
    pub fn apply_unrounded(&self, picture: &DynamicImage) -> Result<Array3<f32>> {
        let shape = self.blur.result_shape();
        let mut y = memory::zeros(shape.size(), "the picture's samples")?;
        typed!(picture, |p| self.run(self.blur.raw(p)?, &mut y, false)?);
        Array3::from_shape_vec(shape, y).map_err(|_| too_large("its samples"))
    }

    fn filtered<P: Pixel<Subpixel: FrameSample<f32> + Channel>>(
        &self,
        picture: &ImageBuffer<P, Vec<P::Subpixel>>,
    ) -> Result<ImageBuffer<P, Vec<P::Subpixel>>>
    where
        f32: Wider<P::Subpixel>,
        f64: Wider<P::Subpixel>,
    {
        let mut y = memory::zeros(self.blur.result_shape().size(), "the picture's samples")?;
        self.run(self.blur.raw(picture)?, &mut y, true)?;
        let (width, height) = self.blur.output_size();
        ImageBuffer::from_raw(width, height, y).ok_or_else(|| too_large("its samples"))
    }

    fn run<T: FrameSample<f32> + Channel, U: Channel>(
        &self,
        x: &[T],
        y: &mut [U],
        encoded: bool,
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T>,
    {
        let channels = self.blur.channels();
        let decoded = self.blur.light == Light::Linear && !T::IS_LIGHT;
        let premultiplied = self.blur.premultiplied && !T::IS_LIGHT;
        let encoded = encoded && decoded;
        let pixels = Pixels { premultiplied, decoded, encoded, ..Pixels::plain(channels) };
        self.blur.within(x, y, pixels, |before, y| {
            let blurred = self.blur.unrounded(x)?;
            store::<T, U>(y, pixels, self.blur.filter.threads(), |start, block| {
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
