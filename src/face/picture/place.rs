//! Where pictures are filtered: in a rectangle, and as much as a mask says.

use std::any::TypeId;
use std::ops::Range;

use ::image::math::Rect;
use bytemuck::cast_slice_mut;
use ndarray::{Dimension, Ix2};

use super::source::{Picture, Samples, View};
use crate::element::Element;
use crate::element::wider::Wider;
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::pointwise::BLOCK;
use crate::format::pitched::Rows;
use crate::format::pixels::{Pixels, input, output};
use crate::format::transfer::Channel;
use crate::util::memory;
use crate::words::Alpha;

impl FilterBuilder<f32, Ix2> {
    /// Filters no more than this rectangle of pictures; all other pixels stay what they are. Default: all
    /// of the picture. What lies around the rectangle is read from the picture, so that it has no seams of
    /// its own, and time goes with its size. [`FilterBuilder::outputs`] gives the rectangle alone.
    ///
    /// Holds for pictures, gradients and unsharp masks of pictures, in mode
    /// [`Same`](crate::Mode::Same) without a stride.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use convolve::image::{DynamicImage, GrayImage, Luma, math::Rect};
    ///
    /// let picture = GrayImage::from_fn(40, 30, |x, y| Luma([if (x + y) % 2 == 0 { 0 } else { 200 }]));
    /// let picture = DynamicImage::from(picture);
    /// let face = Rect { x: 10, y: 5, width: 12, height: 9 };
    /// let blur = Convolver::new().picture_filter(&filters::box_mean(7)?).region(face);
    /// let blurred = blur.for_picture(&picture)?.apply(&picture)?.into_luma8();
    /// assert_eq!(blurred[(9, 5)], picture.as_luma8().unwrap()[(9, 5)]);
    /// assert_ne!(blurred[(10, 5)], picture.as_luma8().unwrap()[(10, 5)]);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a filter is planned for pictures, [`Error::Region`] where the rectangle has no pixel or leaves
    /// the picture; [`Error::Inadmissible`] where results have another size than pictures.
    pub fn region(mut self, region: Rect) -> Self {
        self.region = Some(region);
        self
    }

    /// Blends each picture with what the filter makes of it, by a mask: `x + m (f(x) - x)`, where `m` is 0
    /// in black, 1 in white, and between them goes with the mask's levels (of `f32`, from 0 to 1). That is done
    /// before anything is rounded, in what is filtered: colours times their alpha, and light where that is
    /// asked for. With [`Signed`](crate::Signed) results it is done with what is shown.
    ///
    /// Pixels under black stay what they are, and only the rectangle around all others is filtered; within
    /// a [`FilterBuilder::region`] only what lies in both.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use convolve::image::{DynamicImage, GrayImage, Luma};
    ///
    /// let picture = GrayImage::from_fn(40, 30, |x, _| Luma([if x < 20 { 0 } else { 200 }]));
    /// let picture = DynamicImage::from(picture);
    /// let mask = GrayImage::from_fn(40, 30, |_, y| Luma([if y < 15 { 0 } else { 51 }]));
    /// let blur = Convolver::new().picture_filter(&filters::box_mean(9)?).mask(&mask);
    /// let blurred = blur.for_picture(&picture)?.apply(&picture)?.into_luma8();
    /// // A fifth of the way to 5/9 of 200.
    /// assert_eq!((blurred[(20, 14)].0, blurred[(20, 15)].0), ([200], [182]));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a filter is planned for pictures, [`Error::Mask`] where the mask is no grey picture or has
    /// another size than pictures; [`Error::Inadmissible`] where results have another size than pictures;
    /// [`Error::PixelType`]; [`Error::OutOfMemory`].
    pub fn mask(mut self, mask: &impl Picture) -> Self {
        self.mask = Some(Mask::new(mask).map(Into::into));
        self
    }
}

impl<A: Element, D: Dimension> FilterBuilder<A, D> {
    /// An error where a part of pictures was named: arrays have no such parts.
    pub(in crate::face) fn check_no_place(&self) -> Result<()> {
        let (wanted, instead) = match (self.region, &self.mask) {
            (None, None) => return Ok(()),
            (Some(_), _) => ("a region", "FilterBuilder::outputs"),
            (None, Some(_)) => ("a mask", "NanFilter::apply_weighted"),
        };
        let reason = format!("it goes with pictures (for_picture), got an array: see {instead}");
        Err(Error::Inadmissible { wanted: wanted.into(), reason })
    }
}

/// How much of a filter's result there is in each pixel.
#[derive(Debug)]
pub(in crate::face) struct Mask {
    size: [usize; 2],
    /// Of 16 bits: those of 8 are the same parts of white.
    levels: Vec<u16>,
}

/// All of the filter's result.
const WHITE: u16 = u16::MAX;

impl Mask {
    fn new(mask: &impl Picture) -> Result<Self> {
        let View { width, height, pixels, samples } = mask.to_view()?;
        if pixels.channels != 1 {
            let reason = format!("expected a grey picture, got one of {}", pixels.name());
            return Err(Error::Mask { reason });
        }
        let levels = match samples {
            Samples::U8(x) => levels(x, |level| u16::from(level) * (WHITE / u16::from(u8::MAX))),
            Samples::U16(x) => levels(x, |level| level),
            // What is no number is black.
            Samples::F32(x) => levels(x, |part| (part * f32::from(WHITE)).round() as u16),
        };
        Ok(Self { size: [height as usize, width as usize], levels: levels? })
    }

    /// The smallest part of some rows and columns that has all that is not black there.
    fn within(&self, rows: Range<usize>, columns: Range<usize>) -> [Range<usize>; 2] {
        let row = |row: usize| &self.levels[row * self.size[1]..][columns.clone()];
        let lit = |level: &u16| *level > 0;
        let mut found = [rows.end..rows.start, columns.len()..0];
        for at in rows.clone() {
            let Some(first) = row(at).iter().position(lit) else { continue };
            let last = row(at).iter().rposition(lit).unwrap_or(first);
            found[0] = found[0].start.min(at)..at + 1;
            found[1] = found[1].start.min(first)..found[1].end.max(last + 1);
        }
        if found[0].is_empty() {
            // A filter has something to do; there it does nothing.
            return [rows.start..rows.start + 1, columns.start..columns.start + 1];
        }
        let [rows, found] = found;
        [rows, columns.start + found.start..columns.start + found.end]
    }
}

fn levels<T: Copy>(mask: Rows<T>, level: impl Fn(T) -> u16) -> Result<Vec<u16>> {
    let levels = mask.rows().flatten().map(|&sample| level(sample));
    memory::collected(levels, mask.len(), "the mask")
}

/// The part of pictures that is filtered.
#[derive(Debug)]
pub(super) struct Place {
    rows: Range<usize>,
    columns: Range<usize>,
    /// Of the pictures.
    width: usize,
    channels: usize,
    /// The mask's levels in the part.
    levels: Option<Vec<u16>>,
}

impl Place {
    /// For pictures of this size; none where all of them is filtered.
    pub(super) fn new(
        builder: &FilterBuilder<f32, Ix2>,
        [height, width]: [usize; 2],
        channels: usize,
    ) -> Result<Option<Self>> {
        if builder.region.is_none() && builder.mask.is_none() {
            return Ok(None);
        }
        let mut part = [0..height, 0..width];
        if let Some(Rect { x, y, width: columns, height: rows }) = builder.region {
            let [x, y, columns, rows] = [x, y, columns, rows].map(|n| n as usize);
            if columns == 0 || rows == 0 || x + columns > width || y + rows > height {
                let region = [columns, rows, x, y];
                return Err(Error::Region { region, picture: [width, height] });
            }
            part = [y..y + rows, x..x + columns];
        }
        let mut levels = None;
        if let Some(mask) = &builder.mask {
            let mask = mask.as_ref().map_err(Error::clone)?;
            if mask.size != [height, width] {
                let [h, w] = mask.size;
                let reason = format!(
                    "expected {width} x {height} pixels, as the picture has, got {w} x {h}"
                );
                return Err(Error::Mask { reason });
            }
            part = mask.within(part[0].clone(), part[1].clone());
            let mut kept =
                memory::zeros(part[0].len() * part[1].len(), "the mask of what is filtered")?;
            for (to, row) in kept.chunks_exact_mut(part[1].len()).zip(part[0].clone()) {
                to.copy_from_slice(&mask.levels[row * width..][part[1].clone()]);
            }
            levels = Some(kept);
        }
        let [rows, columns] = part;
        Ok(Some(Self { rows, columns, width, channels, levels }))
    }

    /// The outputs that are computed.
    pub(super) fn outputs(&self) -> [Range<usize>; 3] {
        [self.rows.clone(), self.columns.clone(), 0..self.channels]
    }

    /// Whether results are blended with what was there.
    pub(super) fn is_masked(&self) -> bool {
        self.levels.is_some()
    }

    /// Fills `y` with `x`, and the part with what `make` makes of what stands there. `pixels` says what
    /// numbers are made.
    pub(super) fn fill<T: Channel, U: Channel>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        pixels: Pixels,
        make: impl FnOnce(Before<'_, T>, &mut [U]) -> Result<()>,
    ) -> Result<()>
    where
        f32: Wider<T> + Wider<U>,
    {
        let row = self.columns.len() * self.channels;
        let len = self.rows.len() * row;
        let mut part = memory::zeros(len, "the part of the result that is filtered")?;
        let columns = self.columns.start * self.channels..self.columns.end * self.channels;
        let samples = x.part(self.rows.clone(), columns);
        make(Before { samples, levels: self.levels.as_deref(), pixels }, &mut part)?;
        copy(x, y, pixels);
        for (number, (from, at)) in part.chunks_exact(row).zip(self.starts()).enumerate() {
            let to = &mut y[at..][..row];
            let Some(levels) = &self.levels else {
                to.copy_from_slice(from);
                continue;
            };
            let levels = &levels[number * self.columns.len()..];
            let pixels = to.chunks_exact_mut(self.channels).zip(from.chunks_exact(self.channels));
            for ((to, from), _) in pixels.zip(levels).filter(|(_, level)| **level > 0) {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }

    /// Where the rows of the part start.
    fn starts(&self) -> impl Iterator<Item = usize> {
        let (width, column, channels) = (self.width, self.columns.start, self.channels);
        self.rows.clone().map(move |row| (row * width + column) * channels)
    }
}

/// What stands where something else will.
#[derive(Clone, Copy)]
pub(super) struct Before<'b, T> {
    pub samples: Rows<'b, T>,
    levels: Option<&'b [u16]>,
    pixels: Pixels,
}

impl<'b, T: Channel> Before<'b, T>
where
    f32: Wider<T>,
{
    /// Of a picture that is filtered everywhere.
    pub(super) fn all(samples: Rows<'b, T>, pixels: Pixels) -> Self {
        Self { samples, levels: None, pixels }
    }

    /// Makes results, of whole pixels from `start` on, to what the mask makes of them.
    pub(super) fn blend(&self, start: usize, results: &mut [f32]) {
        let Some(levels) = self.levels else { return };
        let mut before = [0.0; BLOCK];
        let before = &mut before[..results.len()];
        input::<f32, T>(self.samples, self.pixels).read(start, before);
        let channels = self.pixels.channels;
        let pixels = results.chunks_exact_mut(channels).zip(before.chunks_exact(channels));
        for ((results, before), &level) in pixels.zip(&levels[start / channels..]) {
            // Products with 0 and 1 would change NaN, infinities and the sign of zeros.
            if level < WHITE {
                let part = f32::from(level) / f32::from(WHITE);
                for (result, before) in results.iter_mut().zip(before) {
                    *result = part * *result + (1.0 - part) * before;
                }
            }
        }
    }
}

/// Copies samples, as they are or as the numbers that they are filtered as.
fn copy<T: Channel, U: Channel>(x: Rows<T>, y: &mut [U], pixels: Pixels)
where
    f32: Wider<T> + Wider<U>,
{
    if TypeId::of::<T>() == TypeId::of::<U>() {
        return x.pack(cast_slice_mut(y));
    }
    // What would be multiplied in on the way is divided out again.
    let alpha = match pixels.alpha {
        Alpha::Straight => Alpha::AsChannel,
        stored => stored,
    };
    let pixels = Pixels { alpha, encoded: false, ..pixels };
    let mut block = [0.0; BLOCK];
    for (number, y) in y.chunks_mut(BLOCK).enumerate() {
        let block = &mut block[..y.len()];
        input::<f32, T>(x, pixels).read(number * BLOCK, block);
        output::<f32, T, U>(y, pixels).write(0, block);
    }
}
