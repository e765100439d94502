//! Samples that travel as integers: unpacked before a convolution's passes, packed after them.

use std::sync::Arc;

use crate::error::Result;
use crate::gpu::context::Context;
use crate::gpu::convert::{Bound, Conversion, Convert};
use crate::gpu::passes::Span;

/// The conversions for inputs and outputs of one size.
pub(super) struct Integers {
    unpack: Vec<Piece>,
    pack: Vec<Piece>,
}

/// A conversion of as many samples as a binding holds.
struct Piece {
    convert: Convert,
    /// The first sample, and how many.
    start: u64,
    len: u64,
    /// Bytes of one integer.
    integer: u64,
}

/// Pieces start at multiples of so many samples, where any device lets a binding start.
const GRAIN: u64 = 1024;

impl Integers {
    /// For inputs and outputs of so many samples, as integers of `bits` bits.
    pub(super) fn new(context: &Arc<Context>, bits: u32, input: u64, output: u64) -> Result<Self> {
        let pieces = |conversion, samples: u64| {
            let largest = context.capabilities().max_binding / size_of::<f32>() as u64;
            let largest = (largest / GRAIN * GRAIN).max(GRAIN);
            let starts = (0..samples.div_ceil(largest)).map(|i| i * largest);
            let piece = |start| {
                let len = largest.min(samples - start);
                let convert = Convert::integers(context, conversion, len)?;
                Ok(Piece { convert, start, len, integer: u64::from(bits / 8) })
            };
            starts.map(piece).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            unpack: pieces(Conversion::Unpack { bits }, input)?,
            pack: pieces(Conversion::Pack { bits }, output)?,
        })
    }

    /// Records integers to `f32`.
    pub(super) fn unpack(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: &Span,
        to: &Span,
    ) -> Result<()> {
        self.unpack.iter().try_for_each(|piece| {
            piece.convert.record(encoder, piece.integers(from), piece.floats(to))
        })
    }

    /// Records `f32` to integers.
    pub(super) fn pack(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        from: &Span,
        to: &Span,
    ) -> Result<()> {
        self.pack.iter().try_for_each(|piece| {
            piece.convert.record(encoder, piece.floats(from), piece.integers(to))
        })
    }
}

impl Piece {
    fn integers(&self, all: &Span) -> Bound {
        self.part(all, self.integer)
    }

    fn floats(&self, all: &Span) -> Bound {
        self.part(all, size_of::<f32>() as u64)
    }

    fn part(&self, all: &Span, size: u64) -> Bound {
        Bound::Buffer(Span {
            buffer: all.buffer.clone(),
            offset: all.offset + self.start * size,
            bytes: self.len * size,
        })
    }
}
