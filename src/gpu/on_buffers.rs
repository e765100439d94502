//! Passes over arrays in buffers of the caller's: in place, or through a copy without gaps.

use std::sync::Arc;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::chain::Chain;
use crate::gpu::context::Context;
use crate::gpu::copy_rows::{CopyRows, Rows};
use crate::gpu::end::{End, Span};
use crate::gpu::layout::Layout;
use crate::gpu::passes::Passes;
use crate::plan::gpu::stored::Stored;

/// Layouts; arrays that differ in their buffers alone share one entry.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct BuffersKey {
    pub device: u64,
    pub source: Layout,
    pub destination: Layout,
    pub in_place: bool,
    /// Of samples that are packed integers.
    pub bits: Option<u32>,
}

/// Passes over arrays of one layout.
pub(crate) struct OnBuffers<A> {
    passes: Arc<Passes<A>>,
    /// In their place, where samples are packed.
    packed: Option<Chain<A>>,
    gather: Option<Packed>,
    scatter: Option<Packed>,
}

/// A buffer of our own, without gaps, and the copy between it and the caller's.
struct Packed {
    copy: CopyRows,
    packed: Pooled,
    /// The caller's range, from where the device lets a binding start.
    offset: u64,
    bytes: u64,
}

impl<A: Element> OnBuffers<A> {
    pub(crate) fn new(passes: Arc<Passes<A>>, key: &BuffersKey) -> Result<Self> {
        let context = passes.context();
        let alignment = context.offset_alignment();
        // Packed samples are copied by whole words.
        let word = if key.bits.is_some() { 4 } else { size_of::<A>().min(4) as u64 };
        let gather = (!key.source.is_dense(alignment))
            .then(|| Packed::new(context, "source", &key.source, word, true))
            .transpose()?;
        let scatter = (key.in_place || !key.destination.is_dense(alignment))
            .then(|| Packed::new(context, "destination", &key.destination, word, false))
            .transpose()?;
        let chain = |bits| Chain::stored_as(&passes, [Stored::Packed { bits }; 2]);
        let packed = key.bits.map(chain).transpose()?;
        Ok(Self { packed, gather, scatter, passes })
    }

    /// Records them. To be called where wgpu's errors are caught.
    pub(crate) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        key: &BuffersKey,
        source: &wgpu::Buffer,
        destination: &wgpu::Buffer,
    ) -> Result<()> {
        let span = |buffer: &wgpu::Buffer, layout: &Layout, packed: &Option<Packed>| match packed {
            Some(packed) => packed.packed.span(),
            None => Span { buffer: buffer.clone(), offset: layout.offset, bytes: layout.extent },
        };
        let input = span(source, &key.source, &self.gather);
        let output = span(destination, &key.destination, &self.scatter);
        // Before anything is recorded: what cannot be bound leaves the encoder as it was.
        let gather = self.gather.as_ref().map(|gather| {
            Ok((&gather.copy, gather.copy.bind(gather.theirs(source), input.clone())?))
        });
        let scatter = self.scatter.as_ref().map(|scatter| {
            Ok((&scatter.copy, scatter.copy.bind(output.clone(), scatter.theirs(destination))?))
        });
        let (gather, scatter) = (gather.transpose()?, scatter.transpose()?);
        let (input, output) = (End::Buffer(input), End::Buffer(output));
        let passes = match &self.packed {
            Some(packed) => packed.bind(&input, &output)?,
            None => self.passes.bind(&input, &output)?,
        };
        if let Some((copy, bound)) = &gather {
            copy.record(encoder, bound);
        }
        passes.record(encoder, None);
        if let Some((copy, bound)) = &scatter {
            copy.record(encoder, bound);
        }
        Ok(())
    }
}

impl Packed {
    /// For an array in the caller's buffer that has to be copied, from there or to there.
    fn new(
        context: &Arc<Context>,
        what: &str,
        theirs: &Layout,
        word: u64,
        gathers: bool,
    ) -> Result<Self> {
        let Layout { row_bytes, pitch_bytes, .. } = *theirs;
        if ![row_bytes, pitch_bytes].iter().all(|bytes| bytes.is_multiple_of(word)) {
            return Err(Error::gpu_misuse(format!(
                "the {what} buffer: an array that is copied because of its gaps, its offset or its place \
                 has rows of whole words of {word} bytes, got rows of {row_bytes} bytes, {pitch_bytes} apart"
            )));
        }
        let offset = theirs.offset / context.offset_alignment() * context.offset_alignment();
        let bytes = theirs.offset + theirs.extent - offset;
        let most = context.capabilities().max_binding;
        if bytes > most {
            return Err(Error::gpu_memory(format!(
                "an array with gaps spans {bytes} bytes of a buffer, a binding here at most {most}"
            )));
        }
        // Offsets are whole words; a binding is no larger than 32 bits can count.
        let words = |bytes: u64| (bytes / word) as u32;
        let (pitch, start) = (words(theirs.pitch_bytes), words(theirs.offset - offset));
        let (rows, row) = (theirs.rows as u32, words(theirs.row_bytes));
        let rows = if gathers {
            Rows {
                rows,
                words: row,
                source_start: start,
                source_pitch: pitch,
                target_start: 0,
                target_pitch: row,
            }
        } else {
            Rows {
                rows,
                words: row,
                source_start: 0,
                source_pitch: row,
                target_start: start,
                target_pitch: pitch,
            }
        };
        let copy = CopyRows::new(context, rows, word < 4)?;
        let dense = theirs.rows * theirs.row_bytes;
        let packed = unsubmitted(context, dense, "a copy of the caller's array")?;
        Ok(Self { copy, packed, offset, bytes })
    }

    fn theirs(&self, buffer: &wgpu::Buffer) -> Span {
        Span { buffer: buffer.clone(), offset: self.offset, bytes: self.bytes }
    }
}
