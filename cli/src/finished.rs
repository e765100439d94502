//! Results that wait to be written: pictures, or numbers as they were computed.

use std::io::{Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use image::{DynamicImage, ImageBuffer};
use ndarray::{Array3, Axis};

use crate::about::About;
use crate::dtype::{DType, Value};
use crate::formats::{is_array, is_tiff, write};
use crate::tiff::{self, Alpha};
use crate::{npy, raster, standard, with_dtype};

/// What comes out, and what is to be written.
pub enum Filtered {
    /// As the picture that went in.
    Picture(DynamicImage),
    /// As it was computed: height x width x channels, in the units of what went in.
    Single(Array3<f32>),
    Double(Array3<f64>),
}

/// A result that has its type.
pub struct Finished {
    pub filtered: Filtered,
    /// The type that samples are stored in, where they are not a picture.
    pub dtype: DType,
    pub alpha: Alpha,
}

impl Finished {
    /// Width and height.
    pub fn size(&self) -> Result<(u32, u32)> {
        let of = |(height, width, _)| Ok((u32::try_from(width)?, u32::try_from(height)?));
        match &self.filtered {
            Filtered::Picture(picture) => Ok((picture.width(), picture.height())),
            Filtered::Single(samples) => of(samples.dim()),
            Filtered::Double(samples) => of(samples.dim()),
        }
    }

    /// Writes a file with one picture.
    pub fn write(&self, file: &mut (impl Write + Seek), path: &Path, about: &About) -> Result<()> {
        match &self.filtered {
            _ if is_tiff(path) => self.write_page(&mut tiff::Output::new(file)?, about),
            Filtered::Picture(picture) => write(file, path, picture, about),
            Filtered::Single(samples) if is_array(path) => self.write_array(file, samples),
            Filtered::Double(samples) if is_array(path) => self.write_array(file, samples),
            Filtered::Single(samples) => write(file, path, &picture_of(samples)?, about),
            Filtered::Double(_) => bail!("expected a name that ends in tif or .npy"),
        }
    }

    /// As an array: height x width for greys, else height x width x channels.
    fn write_array<C: Value, F: Write>(&self, file: &mut F, samples: &Array3<C>) -> Result<()> {
        fn stored<A: Value, C: Value, F: Write>(file: &mut F, samples: &Array3<C>) -> Result<()> {
            let stored = raster::stored_in::<C, A>(samples)?;
            let array = match stored.dim().2 {
                1 => stored.index_axis_move(Axis(2), 0).into_dyn(),
                _ => stored.into_dyn(),
            };
            npy::write(file, &array)
        }
        with_dtype!(self.dtype, stored[C, F](file, samples))
    }

    pub fn write_page<W: Write + Seek>(
        &self,
        pages: &mut tiff::Output<W>,
        about: &About,
    ) -> Result<()> {
        match &self.filtered {
            Filtered::Picture(picture) => pages.picture(picture, self.alpha, about),
            Filtered::Single(samples) => self.write_samples(pages, samples, about),
            Filtered::Double(samples) => self.write_samples(pages, samples, about),
        }
    }

    fn write_samples<W: Write + Seek, C: Value>(
        &self,
        pages: &mut tiff::Output<W>,
        samples: &Array3<C>,
        about: &About,
    ) -> Result<()> {
        fn page<A: Value + tiff::Sample, C: Value, W: Write + Seek>(
            pages: &mut tiff::Output<W>,
            samples: &Array3<C>,
            alpha: Alpha,
            about: &About,
        ) -> Result<()> {
            pages.samples(&raster::stored_in::<C, A>(samples)?, alpha, about)
        }
        match self.dtype {
            DType::I8 => page::<i8, C, W>(pages, samples, self.alpha, about),
            DType::I16 => page::<i16, C, W>(pages, samples, self.alpha, about),
            DType::I32 => page::<i32, C, W>(pages, samples, self.alpha, about),
            DType::U8 => page::<u8, C, W>(pages, samples, self.alpha, about),
            DType::U16 => page::<u16, C, W>(pages, samples, self.alpha, about),
            DType::U32 => page::<u32, C, W>(pages, samples, self.alpha, about),
            DType::F32 => page::<f32, C, W>(pages, samples, self.alpha, about),
            DType::F64 => page::<f64, C, W>(pages, samples, self.alpha, about),
            _ => bail!("{TIFF_TYPES}"),
        }
    }
}

const TIFF_TYPES: &str = "a TIFF has samples of i8, i16, i32, u8, u16, u32, f32 or f64";

/// Three channels of floating point, which other formats than TIFF have too.
fn picture_of(samples: &Array3<f32>) -> Result<DynamicImage> {
    let (height, width, _) = samples.dim();
    let buffer = raster::collected(samples.len(), samples.iter().copied())?;
    let picture = ImageBuffer::from_raw(u32::try_from(width)?, u32::try_from(height)?, buffer);
    picture.map(DynamicImage::ImageRgb32F).context("expected three channels")
}

/// Checks that the output can have samples of the type that was asked for.
pub fn check_dtype(output: &Path, dtype: Option<DType>) -> Result<()> {
    let Some(dtype) = dtype else { return Ok(()) };
    ensure!(
        is_array(output) || is_tiff(output),
        "--dtype says how results are stored in a .npy or a TIFF: expected an output that ends in \
         .npy or tif, got {}",
        standard::named(output)
    );
    use DType::{C64, C128, F16, I64, U64};
    let in_tiff = !matches!(dtype, C64 | C128 | F16 | I64 | U64);
    ensure!(is_array(output) || in_tiff, "--dtype: {TIFF_TYPES}");
    Ok(())
}
