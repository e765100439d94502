//! The strength of a picture's edges.

use ::image::{ColorType, Pixel};
use ndarray::{Array3, Ix2, Ix3};

use super::PictureFilter;
use super::run::{self, Run};
use super::source::{Picture, PictureMut, PictureSample, PixelType, View, sealed};
use super::store::{copy_alpha, store};
use crate::element::wider::Wider;
use crate::error::Result;
use crate::face::gradient::GradientBuilder;
use crate::face::pointwise;
use crate::format::pitched::Rows;
use crate::format::pixels::Pixels;
use crate::format::transfer::Channel;
use crate::plan::Plan;
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
    /// Those of [`FilterBuilder::for_pictures`](crate::FilterBuilder::for_pictures), and [`Error::Shape`](crate::Error::Shape)
    /// where the kernels have results of different shapes.
    pub fn for_picture(&self, picture: &impl Picture) -> Result<PictureGradient> {
        let View { width, height, pixels, .. } = sealed::Picture::to_view(picture)?;
        self.for_pixels(width, height, pixels)
    }

    /// Plans for pictures of this size and of these pixels, as
    /// [`FilterBuilder::for_pictures_of`](crate::FilterBuilder::for_pictures_of) does.
    ///
    /// # Errors
    /// Those of [`GradientBuilder::for_picture`].
    pub fn for_pictures_of<P: Pixel<Subpixel: PictureSample>>(
        &self,
        width: u32,
        height: u32,
    ) -> Result<PictureGradient> {
        self.for_pixels(width, height, PixelType::of::<P>()?)
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
        self.for_pixels(width, height, PixelType::of_color(color)?)
    }

    fn for_pixels(&self, width: u32, height: u32, pixels: PixelType) -> Result<PictureGradient> {
        let parts = self.parts.iter().map(|part| part.for_pixels(width, height, pixels));
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

    /// The strength of the picture's edges, as a picture of its type: see [`PictureFilter::apply`].
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

    fn lengths<T: sealed::Sample, U: Channel>(
        &self,
        x: Rows<T>,
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
        let alpha = match first.premultiplied && decoded {
            true => Alpha::Premultiplied,
            false => Alpha::AsChannel,
        };
        let pixels = Pixels { alpha, decoded, encoded, ..Pixels::plain(channels) };
        first.within(x, y, pixels, |before, y| {
            let (scratch, len) = (first.filter.scratch(), y.len());
            let mut parts =
                scratch.take::<f32>(self.parts.len() * len, "the parts of a gradient")?;
            for (part, sums) in self.parts.iter().zip(parts.chunks_exact_mut(len)) {
                part.unrounded(x, sums)?;
            }
            store::<T, U>(y, pixels, first.filter.threads(), |start, block| {
                let here = start..start + block.len();
                pointwise::lengths(parts.chunks_exact(len).map(|part| &part[here.clone()]), block);
                copy_alpha(&parts[here.clone()], block, channels);
                before.blend(start, block);
            })
        })
    }
}

impl Run for PictureGradient {
    fn input(&self) -> &Ix3 {
        self.parts[0].input()
    }

    fn output(&self) -> &Ix3 {
        self.parts[0].output()
    }

    fn run<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [T]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        let encoded = self.parts[0].light == Light::Linear && !T::IS_LIGHT;
        self.lengths::<T, T>(x, y, encoded)
    }

    fn run_unrounded<T: sealed::Sample>(&self, x: Rows<T>, y: &mut [f32]) -> Result<()>
    where
        f32: Wider<T>,
        f64: Wider<T>,
    {
        self.lengths::<T, f32>(x, y, false)
    }
}
