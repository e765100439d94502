//! Where an array is in a buffer of the caller's.

use crate::error::{Error, Result};

/// An array in a buffer of the caller's: from an offset on, in standard (row-major) order, and
/// perhaps with rows farther apart than they are long.
///
/// A `&wgpu::Buffer` is one with the array at its start and no gaps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GpuSlice<'a> {
    pub(crate) buffer: &'a wgpu::Buffer,
    offset: u64,
    pitch: Option<Pitch>,
}

/// The distance between neighbours along one axis.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Pitch {
    /// Counted from the first axis, or the last but one.
    axis: Option<usize>,
    elements: usize,
}

impl<'a> From<&'a wgpu::Buffer> for GpuSlice<'a> {
    fn from(buffer: &'a wgpu::Buffer) -> Self {
        Self::new(buffer)
    }
}

impl<'a> GpuSlice<'a> {
    /// The array at the start of a buffer.
    pub fn new(buffer: &'a wgpu::Buffer) -> Self {
        Self { buffer, offset: 0, pitch: None }
    }

    /// The array starts at this byte, a multiple of 4 and of the element's size. What is also a
    /// multiple of the device's `min_storage_buffer_offset_alignment` (256 by default), and has no
    /// gaps, is read and written in place; anything else is copied on the device.
    pub fn offset(self, bytes: u64) -> Self {
        Self { offset: bytes, ..self }
    }

    /// Rows along the last axis start this many elements apart. Default: as many as a row has.
    pub fn row_pitch(self, elements: usize) -> Self {
        Self { pitch: Some(Pitch { axis: None, elements }), ..self }
    }

    /// Neighbours along `axis` (0 is the first) are this many elements apart: axes behind it have
    /// no gaps, and those before it are multiples. The rows of an H x W x C picture, for instance,
    /// are `pitch(0, ..)` apart.
    pub fn pitch(self, axis: usize, elements: usize) -> Self {
        Self { pitch: Some(Pitch { axis: Some(axis), elements }), ..self }
    }

    /// An error where the buffer may not be used so.
    pub(crate) fn check_usage(&self, what: &str, expected: wgpu::BufferUsages) -> Result<()> {
        let got = self.buffer.usage();
        if got.contains(expected) {
            return Ok(());
        }
        let expected = expected.iter_names().map(|(name, _)| name).collect::<String>();
        Err(Error::gpu_misuse(format!("the {what} buffer: expected usage {expected}, got {got:?}")))
    }

    /// The layout of an array of this shape, checked against the buffer; `what` names it in errors.
    pub(crate) fn layout(&self, what: &str, shape: &[usize], element: usize) -> Result<Layout> {
        let error = |reason: String| Error::gpu_misuse(format!("the {what} buffer: {reason}"));
        let rank = shape.len();
        let len: usize = shape.iter().product();
        let (row, pitch) = match self.pitch {
            None => (len, len),
            // One row, or none: a pitch separates nothing.
            Some(Pitch { axis: None, .. }) if rank < 2 => (len, len),
            Some(Pitch { axis, elements }) => {
                let axis = axis.unwrap_or(rank.saturating_sub(2));
                let behind = shape.get(axis + 1..).filter(|_| axis < rank);
                let behind = behind.ok_or_else(|| {
                    error(format!("it has a pitch on axis {axis} of an array of {rank} axes"))
                })?;
                (behind.iter().product(), elements)
            }
        };
        if pitch < row {
            return Err(error(format!("rows of {row} elements cannot start {pitch} apart")));
        }
        let rows = len / row;
        let pitch = if rows == 1 { row } else { pitch };
        if !self.offset.is_multiple_of(element.max(4) as u64) {
            let (multiple, got) = (element.max(4), self.offset);
            return Err(error(format!(
                "expected an offset that is a multiple of {multiple}, got {got}"
            )));
        }
        let extent = (rows as u64 - 1)
            .checked_mul(pitch as u64)
            .and_then(|elements| elements.checked_add(row as u64)?.checked_mul(element as u64));
        let end = extent.and_then(|extent| extent.checked_add(self.offset));
        let size = self.buffer.size();
        // Shaders read whole words.
        let end = end.and_then(|end| end.checked_next_multiple_of(4)).filter(|&end| end <= size);
        let (Some(extent), Some(_)) = (extent, end) else {
            let from = self.offset;
            return Err(error(format!(
                "{rows} rows of {row} elements, {pitch} apart and from byte {from} on, exceed its \
                 {size} bytes"
            )));
        };
        self.check_usage(what, wgpu::BufferUsages::STORAGE)?;
        let bytes = |elements: usize| (elements * element) as u64;
        let (rows, row_bytes, pitch_bytes) = (rows as u64, bytes(row), bytes(pitch));
        Ok(Layout { offset: self.offset, extent, rows, row_bytes, pitch_bytes })
    }
}

/// A checked layout, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    /// Of the first byte.
    pub offset: u64,
    /// From the first byte to the last.
    pub extent: u64,
    pub rows: u64,
    pub row_bytes: u64,
    pub pitch_bytes: u64,
}

impl Layout {
    /// Whether shaders can have the array in place.
    pub(crate) fn is_dense(&self, alignment: u64) -> bool {
        self.row_bytes == self.pitch_bytes && self.offset.is_multiple_of(alignment)
    }
}
