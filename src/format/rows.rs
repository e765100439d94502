//! Samples read and written in the type that is computed in, whatever they are stored in.
//!
//! Executors see rows of numbers. Where these are stored as such they are used in place; else they are
//! converted a row at a time, where and when it is used, so that it is in cache and no copy of the whole
//! is made.

use bytemuck::{Pod, cast_slice, cast_slice_mut, try_cast_slice, try_cast_slice_mut};
use std::any::TypeId;
use std::ops::Range;

use super::Pixels;
use super::gaps::Gaps;
use crate::element::wider::Wider;
use crate::simd::samples::{Samples, Sums};
use crate::util::threads::Cut;

/// How samples are read.
#[derive(Clone, Copy, Debug)]
pub struct Reader<C> {
    /// Bytes of one sample.
    pub(super) size: usize,
    pub(super) pixels: Pixels,
    /// What samples are, where these are the numbers that are computed with.
    pub(super) level: Option<Level>,
    /// How rows lie that have gaps between them. Samples are counted without these.
    pub(super) gaps: Option<Gaps>,
    /// Reads samples of the whole from one on, or those of a row.
    pub(super) read: fn(Pixels, &[u8], usize, &mut [C]),
}

/// How samples are written.
#[derive(Clone, Copy, Debug)]
pub struct Writer<C> {
    /// Bytes of one sample.
    pub(super) size: usize,
    /// Samples that are written together: what is written begins and ends with whole groups of them.
    pub(super) together: usize,
    pub(super) pixels: Pixels,
    /// What samples are, where the nearest ones to numbers are written.
    pub(super) level: Option<Level>,
    /// Writes the nearest values that can be stored.
    pub(super) write: fn(Pixels, &[C], &mut [u8]),
}

impl<C: Pod> Reader<C> {
    /// Of samples of this type.
    fn of<T: Pod>() -> Self
    where
        C: Wider<T>,
    {
        let read: fn(Pixels, &[u8], usize, &mut [C]) =
            |_, from, at, to| C::widen_all(&cast_slice(from)[at..][..to.len()], to);
        let (size, level) = (size_of::<T>(), level_of::<T>(Pixels::plain(1)));
        Self { size, pixels: Pixels::plain(1), level, gaps: None, read }
    }
}

impl<C: Pod> Writer<C> {
    /// Of samples of this type.
    fn of<T: Pod>() -> Self
    where
        C: Wider<T>,
    {
        let write: fn(Pixels, &[C], &mut [u8]) =
            |_, from, to| C::round_all(from, cast_slice_mut(to));
        let (size, level) = (size_of::<T>(), level_of::<T>(Pixels::plain(1)));
        Self { size, together: 1, pixels: Pixels::plain(1), level, write }
    }
}

/// Integers that mean what they say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// Of 8 bits.
    Byte,
    /// Of 16 bits.
    Word,
}

/// What samples of this type are, where they mean what they say.
pub(super) fn level_of<T: 'static>(pixels: Pixels) -> Option<Level> {
    let levels = [(TypeId::of::<u8>(), Level::Byte), (TypeId::of::<u16>(), Level::Word)];
    let level = levels.into_iter().find(|(id, _)| *id == TypeId::of::<T>());
    level.filter(|_| pixels.is_plain()).map(|(_, level)| level)
}

/// Samples that are read.
#[derive(Clone, Copy, Debug)]
pub enum Input<'x, C> {
    /// Stored in the type that is computed in.
    InPlace(&'x [C]),
    /// Stored in another one.
    Stored(&'x [u8], Reader<C>),
}

impl<'x, C: Pod> Input<'x, C> {
    /// These samples.
    pub(crate) fn of<T: Pod>(samples: &'x [T]) -> Self
    where
        C: Wider<T>,
    {
        match C::view(samples) {
            Some(samples) => Self::InPlace(samples),
            None => Self::Stored(cast_slice(samples), Reader::of::<T>()),
        }
    }

    /// The samples, where nothing is converted.
    #[inline]
    pub(crate) fn in_place(self) -> Option<&'x [C]> {
        match self {
            Self::InPlace(samples) => Some(samples),
            Self::Stored(..) => None,
        }
    }

    /// Whether samples may be as large as numbers of the type that is computed in: not where they are
    /// stored in a narrower one.
    pub(crate) fn may_be_large(self) -> bool {
        match self {
            Self::InPlace(_) => true,
            Self::Stored(_, Reader { size, .. }) => size >= size_of::<C>(),
        }
    }

    /// The samples from `at` on.
    #[inline]
    pub(crate) fn read(self, at: usize, to: &mut [C]) {
        match self {
            Self::InPlace(samples) => to.copy_from_slice(&samples[at..][..to.len()]),
            Self::Stored(bytes, Reader { pixels, gaps: None, read, .. }) => {
                read(pixels, bytes, at, to);
            }
            Self::Stored(bytes, Reader { size, pixels, gaps: Some(gaps), read, .. }) => {
                gaps.each_row(at, to, |row, at, to| read(pixels, &bytes[row * size..], at, to));
            }
        }
    }

    /// Samples of a row from `at` on, `len` of them at least, where they are stored as numbers or as levels.
    pub(crate) fn samples(self, at: usize, len: usize) -> Option<Samples<'x, C>> {
        let (bytes, Reader { size, level, gaps, .. }) = match self {
            Self::InPlace(samples) => return Some(Samples::Numbers(&samples[at..])),
            Self::Stored(bytes, reader) => (bytes, reader),
        };
        let at = gaps.map_or(at, |gaps| gaps.place(at));
        let bytes = &bytes[at * size..][..len * size];
        match level? {
            Level::Byte => Some(Samples::Bytes(bytes)),
            Level::Word => try_cast_slice(bytes).ok().map(Samples::Words),
        }
    }

    /// All samples, where they are stored as numbers or as levels, with the gaps between their rows.
    pub(crate) fn all(self) -> Option<(Samples<'x, C>, Option<Gaps>)> {
        let (bytes, Reader { level, gaps, .. }) = match self {
            Self::InPlace(samples) => return Some((Samples::Numbers(samples), None)),
            Self::Stored(bytes, reader) => (bytes, reader),
        };
        let samples = match level? {
            Level::Byte => Samples::Bytes(bytes),
            Level::Word => Samples::Words(try_cast_slice(bytes).ok()?),
        };
        Some((samples, gaps))
    }

    /// One sample.
    pub(crate) fn sample(self, at: usize) -> C {
        match self {
            Self::InPlace(samples) => samples[at],
            Self::Stored(..) => {
                let mut sample = [C::zeroed()];
                self.read(at, &mut sample);
                sample[0]
            }
        }
    }

    /// Asks for samples that will be read soon.
    pub(crate) fn prefetch(self, at: usize, len: usize) {
        match self {
            Self::InPlace(samples) => crate::simd::prefetch(samples, at, len),
            Self::Stored(bytes, Reader { size, gaps, .. }) => {
                let at = gaps.map_or(at, |gaps| gaps.place(at));
                crate::simd::prefetch(bytes, at.wrapping_mul(size), len * size);
            }
        }
    }
}

/// Samples that are written.
#[derive(Debug)]
pub enum Output<'y, C> {
    /// Stored in the type that is computed in.
    InPlace(&'y mut [C]),
    /// Stored in another one.
    Stored(&'y mut [u8], Writer<C>),
}

impl<C> Default for Output<'_, C> {
    fn default() -> Self {
        Self::InPlace(&mut [])
    }
}

impl<'y, C: Pod> Output<'y, C> {
    /// These samples.
    pub(crate) fn of<T: Pod>(samples: &'y mut [T]) -> Self
    where
        C: Wider<T>,
    {
        if C::view(&*samples).is_some() {
            return Self::InPlace(C::view_mut(samples).expect("viewed both ways"));
        }
        Self::Stored(cast_slice_mut(samples), Writer::of::<T>())
    }

    /// Samples.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::InPlace(samples) => samples.len(),
            Self::Stored(bytes, Writer { size, .. }) => bytes.len() / size,
        }
    }

    /// The samples, where nothing is converted.
    #[inline]
    pub(crate) fn in_place(&mut self) -> Option<&mut [C]> {
        match self {
            Self::InPlace(samples) => Some(samples),
            Self::Stored(..) => None,
        }
    }

    /// The samples from `at` on, where they are stored as numbers or the nearest levels are.
    #[inline]
    pub(crate) fn sums(&mut self, at: usize) -> Option<Sums<'_, C>> {
        match self {
            Self::InPlace(samples) => Some(Sums::Numbers(&mut samples[at..])),
            Self::Stored(bytes, Writer { size, level, .. }) => {
                let bytes = &mut bytes[at * *size..];
                match (*level)? {
                    Level::Byte => Some(Sums::Bytes(bytes)),
                    Level::Word => try_cast_slice_mut(bytes).ok().map(Sums::Words),
                }
            }
        }
    }

    /// Whether any of them may be written without its neighbours.
    pub(crate) fn is_apart(&self) -> bool {
        match self {
            Self::InPlace(_) => true,
            Self::Stored(_, Writer { together, .. }) => *together == 1,
        }
    }

    /// Some of them.
    #[inline]
    pub(crate) fn part(&mut self, samples: Range<usize>) -> Output<'_, C> {
        match self {
            Self::InPlace(all) => Output::InPlace(&mut all[samples]),
            Self::Stored(bytes, writer) => {
                let size = writer.size;
                let bytes = &mut bytes[samples.start * size..samples.end * size];
                Output::Stored(bytes, *writer)
            }
        }
    }

    /// Those before `at`, and the others.
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        match self {
            Self::InPlace(samples) => {
                let (before, after) = samples.split_at_mut(at);
                (Self::InPlace(before), Self::InPlace(after))
            }
            Self::Stored(bytes, writer) => {
                let (before, after) = bytes.split_at_mut(at * writer.size);
                (Self::Stored(before, writer), Self::Stored(after, writer))
            }
        }
    }

    /// Writes from `at` on.
    #[inline]
    pub(crate) fn write(&mut self, at: usize, from: &[C]) {
        match self {
            Self::InPlace(samples) => samples[at..][..from.len()].copy_from_slice(from),
            Self::Stored(bytes, Writer { size, pixels, write, .. }) => {
                write(*pixels, from, &mut bytes[at * *size..][..from.len() * *size]);
            }
        }
    }

    /// Makes all of them one value.
    pub(crate) fn fill(&mut self, value: C) {
        match self {
            Self::InPlace(samples) => samples.fill(value),
            Self::Stored(bytes, Writer { size, pixels, write, .. }) => {
                let values = [value; 64];
                for bytes in bytes.chunks_mut(values.len() * *size) {
                    write(*pixels, &values[..bytes.len() / *size], bytes);
                }
            }
        }
    }

    /// Asks for the places of samples that will be written soon.
    pub(crate) fn prefetch(&self) {
        match self {
            Self::InPlace(samples) => crate::simd::prefetch(samples, 0, samples.len()),
            Self::Stored(bytes, _) => crate::simd::prefetch(bytes, 0, bytes.len()),
        }
    }
}

impl<C: Pod + Send> Cut for Output<'_, C> {
    fn len(&self) -> usize {
        self.len()
    }

    fn cut(self, at: usize) -> (Self, Self) {
        self.split_at(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_no_writer_is_used_in_place() {
        let mut unsigned = [1u8, 255, 3];
        assert_eq!(Input::<i8>::of(&unsigned).in_place(), Some(&[1, -1, 3][..]));
        assert_eq!(Output::<i8>::of(&mut unsigned).in_place(), Some(&mut [1, -1, 3][..]));
        assert!(Input::<f32>::of(&unsigned).in_place().is_none());
        assert!(Output::<f32>::of(&mut unsigned).in_place().is_none());
    }

    #[test]
    fn parts_are_read_and_written_where_they_lie() {
        let mut bytes = [10u16, 20, 30, 40, 50];
        let input = Input::<f64>::of(&bytes);
        let mut two = [0.0; 2];
        input.read(2, &mut two);
        assert_eq!((two, input.sample(4)), ([30.0, 40.0], 50.0));
        let mut output = Output::<f64>::of(&mut bytes);
        output.part(1..4).write(1, &[1e9, -1.0]);
        let (before, mut after) = output.split_at(3);
        assert_eq!((before.len(), after.len()), (3, 2));
        after.part(1..2).fill(7.5);
        assert_eq!(bytes, [10, 20, u16::MAX, 0, 8]);
    }
}
