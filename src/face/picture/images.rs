//! Pictures of the `image` crate: what is read of them, and written.

use ::image::metadata::Cicp;
use ::image::{DynamicImage, GenericImageView, ImageBuffer, Pixel, SubImage};
use ndarray::Dimension;
use std::ops::{Deref, DerefMut};

use super::source::{
    Picture, PictureMut, PictureSample, PixelType, View, ViewMut, blank, dim, sealed,
};
use super::view::PictureView;
use crate::error::{Error, Result};

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

impl Picture for DynamicImage {}
impl PictureMut for DynamicImage {}

impl sealed::Picture for DynamicImage {
    type Owned = Self;

    fn to_view(&self) -> Result<View<'_>> {
        typed!(self, |picture| picture.to_view())
    }

    fn color_space(&self) -> Cicp {
        self.color_space()
    }

    fn blank(&self, width: u32, height: u32) -> Result<Self> {
        Ok(typed!(self, |picture| picture.blank(width, height)?.into()))
    }
}

impl sealed::PictureMut for DynamicImage {
    fn to_view_mut(&mut self) -> Result<ViewMut<'_>> {
        typed!(self, |picture| picture.to_view_mut())
    }

    fn set_color_space(&mut self, space: Cicp) {
        // A space that a picture has, a picture of the same type can have.
        let _ = self.set_color_space(space);
    }
}

impl<P, C> Picture for ImageBuffer<P, C>
where
    P: Pixel<Subpixel: PictureSample>,
    C: Deref<Target = [P::Subpixel]>,
{
}

impl<P, C> PictureMut for ImageBuffer<P, C>
where
    P: Pixel<Subpixel: PictureSample>,
    C: DerefMut<Target = [P::Subpixel]>,
{
}

impl<P, C> sealed::Picture for ImageBuffer<P, C>
where
    P: Pixel<Subpixel: PictureSample>,
    C: Deref<Target = [P::Subpixel]>,
{
    type Owned = ImageBuffer<P, Vec<P::Subpixel>>;

    fn to_view(&self) -> Result<View<'_>> {
        PictureView::from(self).view_of()
    }

    fn color_space(&self) -> Cicp {
        self.color_space()
    }

    fn blank(&self, width: u32, height: u32) -> Result<Self::Owned> {
        blank(width, height, self.color_space())
    }
}

impl<P, C> sealed::PictureMut for ImageBuffer<P, C>
where
    P: Pixel<Subpixel: PictureSample>,
    C: DerefMut<Target = [P::Subpixel]>,
{
    fn to_view_mut(&mut self) -> Result<ViewMut<'_>> {
        let (width, height) = self.dimensions();
        let pixels = PixelType::of::<P>()?;
        // The memory may be longer.
        let len = dim(width, height, pixels.channels).size();
        let all: &mut [P::Subpixel] = self;
        let samples = sealed::Sample::samples_mut(&mut all[..len]);
        Ok(ViewMut { width, height, pixels, samples })
    }

    fn set_color_space(&mut self, space: Cicp) {
        let _ = self.set_color_space(space);
    }
}

impl<P, C> Picture for SubImage<&ImageBuffer<P, C>>
where
    P: Pixel<Subpixel: PictureSample>,
    C: Deref<Target = [P::Subpixel]>,
{
}

impl<P, C> sealed::Picture for SubImage<&ImageBuffer<P, C>>
where
    P: Pixel<Subpixel: PictureSample>,
    C: Deref<Target = [P::Subpixel]>,
{
    type Owned = ImageBuffer<P, Vec<P::Subpixel>>;

    fn to_view(&self) -> Result<View<'_>> {
        let ((x, y), (width, height)) = (self.offsets(), self.dimensions());
        PictureView::from(self.inner()).cropped(x, y, width, height)?.view_of()
    }

    fn color_space(&self) -> Cicp {
        self.inner().color_space()
    }

    fn blank(&self, width: u32, height: u32) -> Result<Self::Owned> {
        blank(width, height, self.inner().color_space())
    }
}
