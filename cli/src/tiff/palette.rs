//! Pages with a palette, which the `tiff` crate reads no pixels of: it is shown a page of greys, whose
//! pixels are indices then.

use std::io::{self, Read, Seek, SeekFrom};

use anyhow::{Context, Result, bail, ensure};
use tiff::tags::ByteOrder;

use crate::raster::collected;

/// A file in which two bytes read as others.
#[derive(Debug)]
pub struct Patched<R> {
    file: R,
    position: u64,
    patch: Option<(u64, [u8; 2])>,
}

impl<R: Read + Seek> Patched<R> {
    pub fn new(file: R) -> Self {
        Self { file, position: 0, patch: None }
    }

    /// Lets the directory at this position say that its pixels are greys.
    pub fn show_greys(&mut self, directory: u64, order: ByteOrder) -> Result<()> {
        self.patch = None;
        let value = self.photometric(directory, order)?;
        const BLACK_IS_ZERO: u16 = 1;
        self.patch = Some((
            value,
            match order {
                ByteOrder::LittleEndian => BLACK_IS_ZERO.to_le_bytes(),
                ByteOrder::BigEndian => BLACK_IS_ZERO.to_be_bytes(),
            },
        ));
        Ok(())
    }

    /// Where the directory says what its pixels mean.
    fn photometric(&mut self, directory: u64, order: ByteOrder) -> Result<u64> {
        const PHOTOMETRIC: u64 = 262;
        const BIG_TIFF: u64 = 43;
        self.seek(SeekFrom::Start(2))?;
        let big = self.integer(2, order)? == BIG_TIFF;
        let (count, entry, value) = if big { (8, 20, 12) } else { (2, 12, 8) };
        self.seek(SeekFrom::Start(directory))?;
        let entries = self.integer(count, order)?;
        ensure!(entries <= u64::from(u16::MAX), "a directory of {entries} entries");
        for i in 0..entries {
            let at = directory + count as u64 + i * entry;
            self.seek(SeekFrom::Start(at))?;
            if self.integer(2, order)? == PHOTOMETRIC {
                return Ok(at + value);
            }
        }
        None.context("its directory does not say what pixels mean")
    }

    fn integer(&mut self, bytes: usize, order: ByteOrder) -> io::Result<u64> {
        let mut all = [0; 8];
        self.read_exact(&mut all[..bytes])?;
        Ok(match order {
            ByteOrder::LittleEndian => u64::from_le_bytes(all),
            ByteOrder::BigEndian => u64::from_be_bytes(all) >> (64 - 8 * bytes),
        })
    }
}

impl<R: Read> Read for Patched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if let Some((at, bytes)) = self.patch {
            for (at, byte) in (at..).zip(bytes) {
                let place = at.checked_sub(self.position).and_then(|at| usize::try_from(at).ok());
                if let Some(place) = place.filter(|&place| place < read) {
                    buffer[place] = byte;
                }
            }
        }
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Patched<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        Ok(self.position)
    }
}

/// The colours of a palette: all reds, then all greens, then all blues, of 16 bits.
pub struct Palette(Vec<u16>);

impl Palette {
    pub fn new(map: Vec<u16>) -> Result<Self> {
        ensure!(
            !map.is_empty() && map.len().is_multiple_of(3),
            "a palette of {} values",
            map.len()
        );
        Ok(Self(map))
    }

    /// The pixels of these indices, in 8 bits where the palette has no more.
    pub fn colours(&self, indices: &[u16]) -> Result<Colours> {
        let count = self.0.len() / 3;
        if let Some(index) = indices.iter().find(|&&index| usize::from(index) >= count) {
            bail!("a pixel of colour {index} in a palette of {count}");
        }
        let values = || {
            let value = |index, channel: usize| self.0[channel * count + usize::from(index)];
            indices.iter().flat_map(move |&index| [0, 1, 2].map(|channel| value(index, channel)))
        };
        // Some writers multiply 8 bits by 257, others by 256.
        let fits = |unit: u16| self.0.iter().all(|value| value % unit == 0 && value / unit <= 255);
        let len = 3 * indices.len();
        Ok(match [257, 256].into_iter().find(|&unit| fits(unit)) {
            Some(unit) => {
                Colours::Eight(collected(len, values().map(|value| (value / unit) as u8))?)
            }
            None => Colours::Sixteen(collected(len, values())?),
        })
    }
}

pub enum Colours {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}
