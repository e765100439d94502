//! Pictures that lie in memory of others.

use ::image::metadata::Cicp;
use ::image::{ImageBuffer, Pixel};
use std::ops::Deref;

use super::source::{Picture, PictureSample, PixelType, View, blank, sealed};
use crate::error::{Error, Result};
use crate::format::pitched::Rows;

/// Pixels in memory that belongs to others, row after row, with or without gaps between the rows: a
/// rectangle of a larger picture, or a frame whose rows are padded. Nothing is copied.
///
/// ```
/// use convolve::{Convolver, PictureView, filters};
/// use image::{GrayImage, Luma};
///
/// // Frames of 30 x 20 pixels, whose rows take 32 bytes.
/// let memory = vec![100u8; 32 * 20];
/// let frame = PictureView::<Luma<u8>>::new(&memory, 30, 20, 32)?;
/// let blur = Convolver::new().picture_filter(&filters::gaussian(2.0)?).for_picture(&frame)?;
/// let blurred: GrayImage = blur.apply(&frame)?;
/// assert_eq!(blurred, GrayImage::from_pixel(30, 20, Luma([100])));
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Debug)]
pub struct PictureView<'p, P: Pixel> {
    samples: &'p [P::Subpixel],
    width: u32,
    height: u32,
    pitch: usize,
    space: Cicp,
}

impl<P: Pixel> Clone for PictureView<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Pixel> Copy for PictureView<'_, P> {}

impl<'p, P: Pixel<Subpixel: PictureSample>> PictureView<'p, P> {
    /// So many columns and rows. A row starts `pitch` samples (not bytes, and not pixels) after the one
    /// before it; behind the last one there may be nothing.
    ///
    /// # Errors
    /// [`Error::Pitch`] where `pitch` is less than a row or `samples` ends before the picture does;
    /// [`Error::PixelType`] for pixels of more than four channels.
    pub fn new(samples: &'p [P::Subpixel], width: u32, height: u32, pitch: usize) -> Result<Self> {
        let row = (width as usize).saturating_mul(PixelType::of::<P>()?.channels);
        let before = (height as usize).saturating_sub(1).checked_mul(pitch);
        let end = before.and_then(|before| before.checked_add(row));
        match end {
            Some(end) if pitch >= row && (end <= samples.len() || height == 0) => {
                Ok(Self { samples, width, height, pitch, space: Cicp::SRGB })
            }
            _ => Err(Error::Pitch { width, height, row, pitch, samples: samples.len() }),
        }
    }

    /// A rectangle of it, from `x` pixels from the left and `y` from the top on.
    ///
    /// ```
    /// use convolve::{Convolver, PictureView, filters};
    /// use image::RgbImage;
    ///
    /// let photo = RgbImage::new(640, 480);
    /// let face = PictureView::from(&photo).cropped(200, 100, 120, 160)?;
    /// let blur = Convolver::new().picture_filter(&filters::gaussian(8.0)?).for_picture(&face)?;
    /// assert_eq!(blur.apply(&face)?.dimensions(), (120, 160));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::TooLarge`] where it does not lie within the picture.
    pub fn cropped(self, x: u32, y: u32, width: u32, height: u32) -> Result<Self> {
        let fits = |start: u32, length: u32, of: u32| {
            start.checked_add(length).is_some_and(|end| end <= of)
        };
        if !fits(x, width, self.width) || !fits(y, height, self.height) {
            let detail = format!(
                "expected one within {} x {} pixels, got {width} x {height} from {x}, {y} on",
                self.width, self.height
            );
            return Err(Error::TooLarge { what: "rectangle", detail });
        }
        let column = x as usize * usize::from(P::CHANNEL_COUNT);
        let first = (y as usize).checked_mul(self.pitch).and_then(|row| row.checked_add(column));
        // Of nothing there is no first sample.
        let samples = first.and_then(|first| self.samples.get(first..)).unwrap_or_default();
        Ok(Self { samples, width, height, ..self })
    }

    /// Width and height.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    pub(super) fn view_of(self) -> Result<View<'p>> {
        let Self { samples, width, height, pitch, .. } = self;
        let pixels = PixelType::of::<P>()?;
        let row = width as usize * pixels.channels;
        // An empty picture, of which no row is there.
        let rows = if row == 0 { 0 } else { height as usize };
        let samples = sealed::Sample::samples(Rows::new(samples, rows, row, pitch));
        Ok(View { width, height, pixels, samples })
    }
}

impl<'p, P, C> From<&'p ImageBuffer<P, C>> for PictureView<'p, P>
where
    P: Pixel<Subpixel: PictureSample>,
    C: Deref<Target = [P::Subpixel]>,
{
    fn from(picture: &'p ImageBuffer<P, C>) -> Self {
        let (width, height) = picture.dimensions();
        let pitch = width as usize * usize::from(P::CHANNEL_COUNT);
        Self { samples: picture, width, height, pitch, space: picture.color_space() }
    }
}

impl<P: Pixel<Subpixel: PictureSample>> Picture for PictureView<'_, P> {}

impl<P: Pixel<Subpixel: PictureSample>> sealed::Picture for PictureView<'_, P> {
    type Owned = ImageBuffer<P, Vec<P::Subpixel>>;

    fn to_view(&self) -> Result<View<'_>> {
        self.view_of()
    }

    fn color_space(&self) -> Cicp {
        self.space
    }

    fn blank(&self, width: u32, height: u32) -> Result<Self::Owned> {
        blank(width, height, self.space)
    }
}
