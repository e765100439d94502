//! TIFF files, page after page, of any type of samples.

use std::io::{Seek, Write};

use anyhow::{Context, Result, bail, ensure};
use image::DynamicImage;
use ndarray::{Array3, ArrayView3};
use tiff::Directory;
use tiff::encoder::colortype::ColorType;
use tiff::encoder::{DirectoryEncoder, Rational, TiffEncoder, TiffKind, TiffValue};
use tiff::tags::{
    ExtraSamples, PhotometricInterpretation, ResolutionUnit, SampleFormat, Tag, Type,
};

use super::Alpha;
use crate::about::About;
use crate::about::fields::{EXIF_DIRECTORY, Field, Fields, GPS_DIRECTORY};

/// A TIFF that is being written.
pub struct Output<W: Write + Seek>(TiffEncoder<W>);

/// A type of samples that a TIFF can have.
pub trait Sample: Copy + Sized {
    /// Writes a page of so many pixels.
    fn write<W: Write + Seek>(
        encoder: &mut TiffEncoder<W>,
        size: (u32, u32),
        extra: &[ExtraSamples],
        rgb: bool,
        samples: &[Self],
        about: &About,
    ) -> Result<()>;
}

struct Grey<T>(T);
struct Rgb<T>(T);

macro_rules! samples {
    ($($sample:ident $bits:literal $format:ident),*) => {$(
        impl ColorType for Grey<$sample> {
            type Inner = $sample;
            const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::BlackIsZero;
            const BITS_PER_SAMPLE: &'static [u16] = &[$bits];
            const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::$format];
            /// Only called with a predictor, and none is used.
            fn horizontal_predict(row: &[$sample], result: &mut Vec<$sample>) {
                result.extend_from_slice(row);
            }
        }
        impl ColorType for Rgb<$sample> {
            type Inner = $sample;
            const TIFF_VALUE: PhotometricInterpretation = PhotometricInterpretation::RGB;
            const BITS_PER_SAMPLE: &'static [u16] = &[$bits; 3];
            const SAMPLE_FORMAT: &'static [SampleFormat] = &[SampleFormat::$format; 3];
            fn horizontal_predict(row: &[$sample], result: &mut Vec<$sample>) {
                result.extend_from_slice(row);
            }
        }
        impl Sample for $sample {
            fn write<W: Write + Seek>(
                encoder: &mut TiffEncoder<W>,
                size: (u32, u32),
                extra: &[ExtraSamples],
                rgb: bool,
                samples: &[Self],
                about: &About,
            ) -> Result<()> {
                match rgb {
                    true => page::<W, Rgb<$sample>>(encoder, size, extra, samples, about),
                    false => page::<W, Grey<$sample>>(encoder, size, extra, samples, about),
                }
            }
        }
    )*};
}

samples! {
    u8 8 Uint, u16 16 Uint, u32 32 Uint, i8 8 Int, i16 16 Int, i32 32 Int, f32 32 IEEEFP, f64 64 IEEEFP
}

fn page<W: Write + Seek, C: ColorType>(
    encoder: &mut TiffEncoder<W>,
    (width, height): (u32, u32),
    extra: &[ExtraSamples],
    samples: &[C::Inner],
    about: &About,
) -> Result<()>
where
    [C::Inner]: TiffValue,
{
    let fields = about.exif.as_deref().and_then(Fields::of).unwrap_or_default();
    // They stand before the page, which says where.
    let beside = [(EXIF_DIRECTORY, &fields.exif), (GPS_DIRECTORY, &fields.gps)];
    let mut directories = Vec::new();
    for (tag, fields) in beside.into_iter().filter(|(_, fields)| !fields.is_empty()) {
        let mut directory = encoder.extra_directory()?;
        put(&mut directory, fields)?;
        directories.push((tag, directory.finish_with_offsets()?.offset));
    }
    let mut page = encoder.new_image::<C>(width, height)?;
    put(page.encoder(), &fields.picture)?;
    for (tag, offset) in directories {
        page.encoder().write_tag(Tag::from_u16_exhaustive(tag), offset)?;
    }
    if !extra.is_empty() {
        page.extra_samples(extra)?;
    }
    if let Some(density) = about.density() {
        let unit = if density.absolute { ResolutionUnit::Inch } else { ResolutionUnit::None };
        page.resolution_unit(unit);
        page.x_resolution(rational(density.x));
        page.y_resolution(rational(density.y));
    }
    for (tag, content) in [(Tag::IccProfile, &about.profile), (Tag::Unknown(XMP), &about.xmp)] {
        if let Some(content) = content {
            page.encoder().write_tag(tag, content.as_slice())?;
        }
    }
    Ok(page.write_data(samples)?)
}

fn put<W: Write + Seek, K: TiffKind>(
    directory: &mut DirectoryEncoder<W, K>,
    fields: &[Field],
) -> Result<()> {
    let mut entries = Directory::empty();
    for field in fields {
        let kind = Type::from_u16(field.kind).context("a field of no kind")?;
        let entry = directory.write_entry_bytes(kind, &field.bytes)?;
        entries.extend([(Tag::from_u16_exhaustive(field.tag), entry)]);
    }
    directory.extend_from(&entries);
    Ok(())
}

const XMP: u16 = 700;

/// To four places where it is no whole number.
fn rational(value: f64) -> Rational {
    let d = if value == value.round() { 1 } else { 10_000 };
    Rational { n: (value * f64::from(d)).round() as u32, d }
}

impl<W: Write + Seek> Output<W> {
    pub fn new(file: W) -> Result<Self> {
        Ok(Self(TiffEncoder::new(file)?))
    }

    /// Writes a page of height x width x channels.
    pub fn samples<A: Sample>(
        &mut self,
        samples: &Array3<A>,
        alpha: Alpha,
        about: &About,
    ) -> Result<()> {
        let (height, width, _) = samples.dim();
        let size = (u32::try_from(width)?, u32::try_from(height)?);
        let samples = samples.as_standard_layout();
        self.page(size, samples.view(), alpha, about)
    }

    fn page<A: Sample>(
        &mut self,
        size: (u32, u32),
        samples: ArrayView3<A>,
        alpha: Alpha,
        about: &About,
    ) -> Result<()> {
        let colours = samples.dim().2 - usize::from(alpha != Alpha::None);
        let rgb = colours == 3;
        let mut extra = vec![ExtraSamples::Unspecified; if rgb { 0 } else { colours - 1 }];
        extra.extend(match alpha {
            Alpha::None => None,
            Alpha::Straight => Some(ExtraSamples::UnassociatedAlpha),
            Alpha::Premultiplied => Some(ExtraSamples::AssociatedAlpha),
        });
        ensure!(extra.len() < 1 << 15, "a TIFF with {} channels", samples.dim().2);
        let samples = samples.as_slice().expect("in standard order");
        A::write(&mut self.0, size, &extra, rgb, samples, about)
    }

    /// Writes a page with a picture; `alpha` says how its alpha is meant, if it has one.
    pub fn picture(&mut self, picture: &DynamicImage, alpha: Alpha, about: &About) -> Result<()> {
        let size = (picture.width(), picture.height());
        let shape = (size.1 as usize, size.0 as usize, picture.color().channel_count().into());
        let alpha = if picture.color().has_alpha() { alpha } else { Alpha::None };
        macro_rules! page {
            ($($pixels:ident)*) => {
                match picture {
                    $(DynamicImage::$pixels(buffer) => {
                        self.page(size, ArrayView3::from_shape(shape, buffer.as_raw())?, alpha, about)
                    })*
                    other => bail!("pictures of type {:?} are not supported", other.color()),
                }
            };
        }
        page!(
            ImageLuma8 ImageLumaA8 ImageRgb8 ImageRgba8
            ImageLuma16 ImageLumaA16 ImageRgb16 ImageRgba16
            ImageRgb32F ImageRgba32F
        )
    }
}
