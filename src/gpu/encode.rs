//! Filters inside the caller's frame, on the caller's buffers.

use ndarray::Dimension;
use std::sync::Arc;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::gpu::GpuSlice;
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::context::Context;
use crate::gpu::convert::{Bound, Convert, Rows};
use crate::gpu::encode_texture::{OnTextures, TexturesKey};
use crate::gpu::layout::Layout;
use crate::gpu::passes::{Passes, Span};
use crate::gpu::recent::Recent;

/// What a filter keeps to be recorded again and again.
pub struct Frames<A> {
    buffers: Recent<BuffersKey, Arc<OnBuffers<A>>>,
    pub(crate) textures: Recent<TexturesKey, Arc<OnTextures<A>>>,
}

/// Layouts that are kept for one filter: a frame may use one filter in a few places.
const KEPT: usize = 8;

impl<A> Default for Frames<A> {
    fn default() -> Self {
        Self { buffers: Recent::new(KEPT), textures: Recent::new(KEPT) }
    }
}

/// Layouts; arrays that differ in their buffers alone share one entry.
#[derive(Clone, Copy, PartialEq)]
struct BuffersKey {
    device: u64,
    source: Layout,
    destination: Layout,
    in_place: bool,
}

/// A filter on arrays of one layout.
struct OnBuffers<A> {
    passes: Arc<Passes<A>>,
    gather: Option<Packed>,
    scatter: Option<Packed>,
}

/// A buffer of our own, without gaps, and the copy between it and the caller's.
struct Packed {
    copy: Convert,
    packed: Pooled,
    /// The caller's range, from where the device lets a binding start.
    offset: u64,
    bytes: u64,
}

impl<A: Element, D: Dimension> Filter<A, D> {
    /// Records the convolution into the caller's command encoder, from one of the caller's buffers
    /// to another. Nothing is submitted and nothing waited for.
    ///
    /// The buffers have usage `STORAGE` (and where the plan computes part by part, because a binding
    /// cannot hold the whole, perhaps `COPY_SRC` or `COPY_DST`: an error says so) and belong to the device of this filter's `Convolver`
    /// ([`Convolver::with_device`](crate::Convolver::with_device)), as does the encoder. They hold
    /// arrays of the planned shapes: see [`GpuSlice`] for offsets and pitches. Source and
    /// destination may be one buffer; then the result is put together elsewhere first.
    ///
    /// What the first call allocates (pipelines, bind groups, buffers where an array has to be
    /// copied) later ones use again. What is recorded may be submitted from any thread and in any
    /// order, also when the filter is gone.
    ///
    /// ```no_run
    /// # fn frame(device: convolve::wgpu::Device, queue: convolve::wgpu::Queue,
    /// #     picture: convolve::wgpu::Buffer, result: convolve::wgpu::Buffer) -> convolve::Result<()> {
    /// use convolve::{Convolver, GpuSlice, filters};
    ///
    /// let convolver = Convolver::with_device(device.clone(), queue.clone())?;
    /// let blur = convolver.filter(&filters::gaussian::<f32>(2.0)?).for_shape((1080, 1920))?;
    ///
    /// let mut encoder = device.create_command_encoder(&Default::default());
    /// // Rows of the picture start 2048 elements apart.
    /// blur.encode(&mut encoder, GpuSlice::new(&picture).row_pitch(2048), &result)?;
    /// queue.submit([encoder.finish()]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Filter::gpu_plan`]; [`Error::Gpu`] where a buffer is too small, has another
    /// usage or a layout that cannot be, and where the device is lost.
    pub fn encode<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<GpuSlice<'a>>,
        destination: impl Into<GpuSlice<'a>>,
    ) -> Result<()> {
        let (source, destination) = (source.into(), destination.into());
        let passes = self.passes()?;
        let context = passes.context().clone();
        let key = BuffersKey {
            device: context.id,
            source: source.layout("source", self.input.slice(), size_of::<A>())?,
            destination: destination.layout("destination", self.output.slice(), size_of::<A>())?,
            in_place: source.buffer == destination.buffer,
        };
        if passes.copies() {
            source.check_usage("source", wgpu::BufferUsages::COPY_SRC)?;
            destination.check_usage("destination", wgpu::BufferUsages::COPY_DST)?;
        }
        let frame =
            self.frames.buffers.get(key, |key| OnBuffers::new(passes, key).map(Arc::new))?;
        context.attempt(|| frame.record(encoder, &key, source.buffer, destination.buffer))
    }
}

impl<A: Element> OnBuffers<A> {
    fn new(passes: Arc<Passes<A>>, key: &BuffersKey) -> Result<Self> {
        let context = passes.context();
        let alignment = context.offset_alignment();
        let gather = (!key.source.is_dense(alignment))
            .then(|| Packed::new::<A>(context, &key.source, true))
            .transpose()?;
        let scatter = (key.in_place || !key.destination.is_dense(alignment))
            .then(|| Packed::new::<A>(context, &key.destination, false))
            .transpose()?;
        Ok(Self { gather, scatter, passes })
    }

    fn record(
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
        if let Some(gather) = &self.gather {
            let theirs = Bound::Buffer(gather.theirs(source));
            gather.copy.record(encoder, theirs, Bound::Buffer(input.clone()))?;
        }
        self.passes.record(encoder, &input, &output, None)?;
        if let Some(scatter) = &self.scatter {
            let theirs = Bound::Buffer(scatter.theirs(destination));
            scatter.copy.record(encoder, Bound::Buffer(output), theirs)?;
        }
        Ok(())
    }
}

impl Packed {
    /// For an array in the caller's buffer that has to be copied, from there or to there.
    fn new<A>(context: &Arc<Context>, theirs: &Layout, gathers: bool) -> Result<Self> {
        let offset = theirs.offset / context.offset_alignment() * context.offset_alignment();
        let bytes = theirs.offset + theirs.extent - offset;
        let most = context.capabilities().max_binding;
        if bytes > most {
            return Err(Error::Gpu(format!(
                "an array with gaps spans {bytes} bytes of a buffer, a binding here at most {most}"
            )));
        }
        // Offsets are whole words, rows whole elements; a binding is no larger than 32 bits can count.
        let word = size_of::<A>().min(4) as u64;
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
        let copy = Convert::rows(context, rows, word < 4)?;
        let dense = theirs.rows * theirs.row_bytes;
        let packed = unsubmitted(context, dense, "a copy of the caller's array")?;
        Ok(Self { copy, packed, offset, bytes })
    }

    fn theirs(&self, buffer: &wgpu::Buffer) -> Span {
        Span { buffer: buffer.clone(), offset: self.offset, bytes: self.bytes }
    }
}
