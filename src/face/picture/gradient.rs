//! The strength of a picture's edges.

use ::image::{ColorType, DynamicImage, ImageBuffer, Pixel};
use ndarray::{Array3, Dimension, Ix2};

use super::store::{copy_alpha, store};
use super::{PictureFilter, keep_color_space, too_large};
use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::face::gradient::GradientBuilder;
use crate::face::pointwise;
use crate::format::FrameSample;
use crate::format::pixels::Pixels;
use crate::format::transfer::Channel;
use crate::plan::Plan;
use crate::util::memory;
use crate::words::{Alpha, Light};

impl GradientBuilder<f32, Ix2> {
    /// Plans for pictures of the size and the channels of this one.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use image::{DynamicImage, GrayImage, Luma};
    ///
    /// let [right, down] = filters::Derivatives::Prewitt.kernels()?;
    /// let edge = GrayImage::from_fn(9, 9, |x, _| Luma([if x < 4 { 60 } else { 20 }]));
    /// let edge = DynamicImage::from(edge);
    /// let edges = Convolver::new().picture_filter(&right).gradient(&down).for_picture(&edge)?;
    /// // Downhill is as good as uphill.
    /// assert_eq!(edges.apply(&edge)?.into_luma8()[(4, 4)].0, [120]);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`FilterBuilder::for_pictures`](crate::FilterBuilder::for_pictures), and [`Error::Shape`]
    /// where the kernels have results of different shapes.
    pub fn for_picture(&self, picture: &DynamicImage) -> Result<PictureGradient> {
        self.for_pictures(picture.width(), picture.height(), picture.color())
    }

    /// Plans for pictures of this size and of the channels of this colour type.
    ///
    /// # Errors
    /// Those of [`GradientBuilder::for_picture`].
    pub fn for_pictures(
        &self,
        width: u32,
        height: u32,
        color: ColorType,
    ) -> Result<PictureGradient> {
        let parts = self.parts.iter().map(|part| part.for_pictures(width, height, color));
        let parts: Vec<_> = parts.collect::<Result<_>>()?;
        let first = &parts[0].filter;
        for part in &parts[1..] {
            first.check_shape("result", first.output(), part.filter.output())?;
        }
        Ok(PictureGradient { parts })
    }
}

/// A planned gradient of pictures: the length of the vector that the derivatives of each colour channel
/// are, rounded to the picture's type and saturated, once.
///
/// Alpha is what it is in the result of the first kernel: it is carried over, as derivatives keep no
/// constants. In linear light ([`FilterBuilder::light`](crate::FilterBuilder::light)) it is the gradient of
/// the light, encoded as light is.
///
/// Made by [`GradientBuilder::for_picture`].
#[derive(Debug)]
pub struct PictureGradient {
    parts: Vec<PictureFilter>,
}

impl PictureGradient {
    /// The filters whose results are the parts of the vector, which can be verified and profiled.
    pub fn parts(&self) -> &[PictureFilter] {
        &self.parts
    }

    /// Whether alpha is multiplied into colours: as [`PictureFilter::alpha`] says.
    pub fn alpha(mut self, alpha: Alpha) -> Self {
        self.parts = self.parts.into_iter().map(|part| part.alpha(alpha)).collect();
        self
    }

    /// What will run for the first part.
    pub fn plan(&self) -> &Plan {
        self.parts[0].plan()
    }

    /// Width and height of the results.
    pub fn output_size(&self) -> (u32, u32) {
        self.parts[0].output_size()
    }

    /// The strength of the picture's edges, as a picture of its type.
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
        let shape = self.parts[0].result_shape();
        let mut y = memory::zeros(shape.size(), "the picture's samples")?;
        typed!(picture, |p| self.run(self.parts[0].raw(p)?, &mut y, false)?);
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
        let first = &self.parts[0];
        let mut y = memory::zeros(first.result_shape().size(), "the picture's samples")?;
        let encoded = first.light == Light::Linear && !P::Subpixel::IS_LIGHT;
        self.run(first.raw(picture)?, &mut y, encoded)?;
        let (width, height) = self.output_size();
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
        let first = &self.parts[0];
        let channels = first.channels();
        let decoded = first.light == Light::Linear && !T::IS_LIGHT;
        let premultiplied = first.premultiplied && decoded;
        let pixels = Pixels { premultiplied, decoded, encoded, ..Pixels::plain(channels) };
        first.within(x, y, pixels, |before, y| {
            let parts = self.parts.iter().map(|part| part.unrounded(x));
            let parts: Vec<_> = parts.collect::<Result<_>>()?;
            store::<T, U>(y, pixels, first.filter.threads(), |start, block| {
                let of: Vec<_> = parts.iter().map(|part| &part[start..][..block.len()]).collect();
                pointwise::lengths(&of, block);
                copy_alpha(of[0], block, channels);
                before.blend(start, block);
            })
        })
    }
}
