//! Pictures that can be read and written, whatever holds their samples.

use ::image::metadata::Cicp;
use ::image::{ColorType, ImageBuffer, Pixel};
use ndarray::{Dim, Dimension, Ix3};

use super::too_large;
use crate::error::{Error, Result};
use crate::format::FrameSample;
use crate::format::pitched::Rows;
use crate::format::transfer::Channel;
use crate::util::memory;

/// A picture that can be filtered: a [`DynamicImage`] of 8 or 16 bits or of `f32`; an [`ImageBuffer`] of such
/// samples over any container (an `RgbImage`, or one over `&[u8]`); a [`SubImage`] of one, as
/// `image::imageops::crop_imm` gives it; a [`PictureView`] of samples whose rows may have gaps between them.
///
/// Pixels have one to four channels, of which the last of two and of four is alpha.
///
/// [`DynamicImage`]: ::image::DynamicImage
/// [`SubImage`]: ::image::SubImage
/// [`PictureView`]: crate::PictureView
pub trait Picture: sealed::Picture {}

/// A picture that results can be stored in: a [`DynamicImage`](::image::DynamicImage), or an [`ImageBuffer`]
/// over any container that can be written to.
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

pub(super) fn dim(width: u32, height: u32, channels: usize) -> Ix3 {
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

/// A picture of zeros.
pub(super) fn blank<P: Pixel<Subpixel: PictureSample>>(
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
