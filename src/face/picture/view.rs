//! Pictures that can be read and written, whatever holds their samples.

use ::image::metadata::Cicp;
use ::image::{ColorType, DynamicImage, GenericImageView, ImageBuffer, Pixel, SubImage};
use ndarray::{Dim, Dimension, Ix3};
use std::ops::{Deref, DerefMut};

use super::too_large;
use crate::error::{Error, Result};
use crate::format::FrameSample;
use crate::format::gaps::Rows;
use crate::format::transfer::Channel;
use crate::util::memory;

/// A picture that can be filtered: a [`DynamicImage`] of 8 or 16 bits or of `f32`; an [`ImageBuffer`] of such
/// samples over any container (`RgbImage`, or one over `&[u8]`); a [`SubImage`] of one
/// (`image::imageops::crop_imm`); a [`PictureView`] of samples whose rows may have gaps between them.
///
/// Pixels have one to four channels, of which the last of two and of four is alpha.
pub trait Picture: sealed::Picture {}

/// A picture that results can be stored in: a [`DynamicImage`], or an [`ImageBuffer`] over any container that
/// can be written to.
pub trait PictureMut: sealed::PictureMut {}

/// What the channels of pictures may be: `u8`, `u16` and `f32`.
pub trait PictureSample: sealed::Sample {}

pub(crate) mod sealed {
    use super::*;

    pub trait Picture {
        /// A picture of the same type that has memory of its own.
        type Owned: super::PictureMut;

        fn to_view(&self) -> Result<View<'_>>;
        fn color_space(&self) -> Cicp;
        /// A picture of the same type and colour space, all zeros.
        fn blank(&self, width: u32, height: u32) -> Result<Self::Owned>;
    }

    pub trait PictureMut {
        fn to_view_mut(&mut self) -> Result<ViewMut<'_>>;
        fn set_color_space(&mut self, space: Cicp);
    }

    pub trait Sample: FrameSample<f32> + Channel {
        fn samples(rows: Rows<'_, Self>) -> Samples<'_>;
        fn samples_mut(samples: &mut [Self]) -> SamplesMut<'_>;
    }

    /// Samples of a picture, and what they are.
    #[derive(Clone, Copy, Debug)]
    pub struct View<'p> {
        pub(crate) width: u32,
        pub(crate) height: u32,
        pub(crate) pixels: PixelType,
        pub(crate) samples: Samples<'p>,
    }

    /// Samples of a picture that is written, row by row.
    #[derive(Debug)]
    pub struct ViewMut<'p> {
        pub(crate) width: u32,
        pub(crate) height: u32,
        pub(crate) pixels: PixelType,
        pub(crate) samples: SamplesMut<'p>,
    }

    #[derive(Clone, Copy, Debug)]
    pub enum Samples<'p> {
        U8(Rows<'p, u8>),
        U16(Rows<'p, u16>),
        F32(Rows<'p, f32>),
    }

    #[derive(Debug)]
    pub enum SamplesMut<'p> {
        U8(&'p mut [u8]),
        U16(&'p mut [u16]),
        F32(&'p mut [f32]),
    }
}

pub(crate) use sealed::{Samples, SamplesMut, View, ViewMut};

/// Of which pixels a picture consists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PixelType {
    pub(crate) channels: usize,
    /// What alpha is where nothing shows through, which tells the type of the samples.
    pub(crate) opaque: f32,
}

/// Evaluates an expression with the samples of a picture, whatever they are stored as.
macro_rules! each {
    ($samples:expr, |$x:ident| $value:expr) => {
        match $samples {
            Samples::U8($x) => $value,
            Samples::U16($x) => $value,
            Samples::F32($x) => $value,
        }
    };
}
pub(super) use each;

impl PixelType {
    /// Of these pixels.
    pub(super) fn of<P: Pixel<Subpixel: PictureSample>>() -> Result<Self> {
        let pixels =
            Self { channels: P::CHANNEL_COUNT.into(), opaque: <P::Subpixel as Channel>::OPAQUE };
        match pixels.channels {
            1..=4 => Ok(pixels),
            channels => Err(Error::PixelType { got: format!("{channels} channels") }),
        }
    }

    /// Of a colour type.
    pub(super) fn of_color(color: ColorType) -> Result<Self> {
        use ColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgb32F, Rgba8, Rgba16, Rgba32F};
        let opaque = match color {
            L8 | La8 | Rgb8 | Rgba8 => u8::OPAQUE,
            L16 | La16 | Rgb16 | Rgba16 => u16::OPAQUE,
            Rgb32F | Rgba32F => f32::OPAQUE,
            other => return Err(Error::PixelType { got: format!("{other:?}") }),
        };
        Ok(Self { channels: color.channel_count().into(), opaque })
    }

    pub(super) fn has_alpha(self) -> bool {
        matches!(self.channels, 2 | 4)
    }

    /// As `image` calls it.
    pub(super) fn name(self) -> String {
        let channels = ["", "L", "La", "Rgb", "Rgba"][self.channels];
        let depth = match self.opaque {
            u8::OPAQUE => "8",
            u16::OPAQUE => "16",
            _ => "32F",
        };
        format!("{channels}{depth}")
    }
}

impl View<'_> {
    /// Height, width and channels.
    pub(super) fn dim(&self) -> Ix3 {
        dim(self.width, self.height, self.pixels.channels)
    }
}

impl ViewMut<'_> {
    /// Height, width and channels.
    pub(super) fn dim(&self) -> Ix3 {
        dim(self.width, self.height, self.pixels.channels)
    }
}

fn dim(width: u32, height: u32, channels: usize) -> Ix3 {
    Dim([height as usize, width as usize, channels])
}

macro_rules! samples {
    ($($sample:ty: $name:ident),*) => {$(
        impl PictureSample for $sample {}

        impl sealed::Sample for $sample {
            fn samples(rows: Rows<'_, Self>) -> Samples<'_> {
                Samples::$name(rows)
            }

            fn samples_mut(samples: &mut [Self]) -> SamplesMut<'_> {
                SamplesMut::$name(samples)
            }
        }
    )*};
}

samples!(u8: U8, u16: U16, f32: F32);

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

/// A picture of zeros.
fn blank<P: Pixel<Subpixel: PictureSample>>(
    width: u32,
    height: u32,
    space: Cicp,
) -> Result<ImageBuffer<P, Vec<P::Subpixel>>> {
    let len = dim(width, height, P::CHANNEL_COUNT.into()).size();
    let samples = memory::zeros(len, "the picture's samples")?;
    let picture = ImageBuffer::from_raw(width, height, samples);
    let mut picture = picture.ok_or_else(|| too_large("its samples"))?;
    let _ = picture.set_color_space(space);
    Ok(picture)
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
        let first = y as usize * self.pitch + x as usize * usize::from(P::CHANNEL_COUNT);
        // Of nothing there is no first sample.
        let samples = self.samples.get(first..).unwrap_or_default();
        Ok(Self { samples, width, height, ..self })
    }

    /// Width and height.
    pub fn dimensions(&self) -> (u32, u32) {
        (self.width, self.height)
    }

    fn view_of(self) -> Result<View<'p>> {
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
