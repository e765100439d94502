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
use crate::gpu::texture::ViewKey;
use crate::plan::GpuKind;
use crate::words::Device;

/// What a filter keeps to be recorded again and again.
pub struct Frames<A> {
    buffers: Recent<BuffersKey, Arc<OnBuffers<A>>>,
    pub(crate) textures: Recent<TexturesKey, Arc<OnTextures<A>>>,
    /// Views of our own of the caller's textures.
    pub(crate) views: Recent<ViewKey, wgpu::TextureView>,
}

/// Layouts that are kept for one filter: a frame may use one filter in a few places.
const KEPT: usize = 8;

impl<A> Default for Frames<A> {
    fn default() -> Self {
        let (buffers, textures, views) = (Recent::new(KEPT), Recent::new(KEPT), Recent::new(KEPT));
        Self { buffers, textures, views }
    }
}

/// Seconds beyond which work is not recorded unless the GPU was asked for by name. Drivers reset a
/// device that is busy with one submission for about two seconds (Windows: `TdrDelay`), and the
/// caller's whole frame goes with it. What is expected of a GPU is cautious: it may be a quarter.
const LONGEST: f64 = 2.0;

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
    /// **Another device.** A convolver that looks for a device by itself has one of its own, which an
    /// application's encoder is never on: then this is an error, unless the encoder was made on
    /// [`GpuDevice::device`](crate::GpuDevice::device). Buffers and textures of another device of the
    /// same `wgpu::Instance` are an error here, too. Of encoders wgpu does not tell: one of another
    /// device is an error of its own when it is finished.
    ///
    /// # Errors
    /// Those of [`Filter::gpu_plan`]; [`Error::GpuMisuse`] where a buffer is too small, has
    /// another usage or a layout that cannot be, or is on another device; [`Error::DeviceLost`];
    /// [`Error::Inadmissible`] where the work is expected to take more than two seconds, after which
    /// drivers reset a GPU, on one that is no software and was not asked for by name
    /// ([`Device::Gpu`](crate::Device::Gpu)). Nothing of an error is in the encoder, and none waits.
    pub fn encode<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<GpuSlice<'a>>,
        destination: impl Into<GpuSlice<'a>>,
    ) -> Result<()> {
        let (source, destination) = (source.into(), destination.into());
        let (passes, seconds) = self.recorded()?;
        let context = passes.context().clone();
        context.check_shown()?;
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
        self.check_length(&context, seconds)?;
        let copies = passes.copies();
        let frame =
            self.frames.buffers.get(key, |key| OnBuffers::new(passes, key).map(Arc::new))?;
        context.attempt_with_theirs(|| {
            if copies {
                context.check_buffers([source.buffer, destination.buffer])?;
            }
            frame.record(encoder, &key, source.buffer, destination.buffer)
        })
    }

    /// An error where recorded work of so many seconds might cost the caller the device.
    pub(crate) fn check_length(&self, context: &Context, seconds: f64) -> Result<()> {
        let forced = self.plan.request.device == Device::Gpu;
        let gpu = context.capabilities();
        if forced || gpu.kind == GpuKind::Software || seconds <= LONGEST {
            return Ok(());
        }
        Err(Error::Inadmissible {
            wanted: "recording into an encoder".into(),
            reason: format!(
                "expected to take {seconds:.1} s on {}, and drivers reset a GPU that is busy with one \
                 submission for about {LONGEST} s: insist with Device::Gpu, or cut the work up",
                gpu.name
            ),
        })
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
        // Before anything is recorded: what cannot be bound leaves the encoder as it was.
        let gather = self.gather.as_ref().map(|gather| {
            let theirs = Bound::Buffer(gather.theirs(source));
            Ok((&gather.copy, gather.copy.bind(theirs, Bound::Buffer(input.clone()))?))
        });
        let scatter = self.scatter.as_ref().map(|scatter| {
            let theirs = Bound::Buffer(scatter.theirs(destination));
            Ok((&scatter.copy, scatter.copy.bind(Bound::Buffer(output.clone()), theirs)?))
        });
        let (gather, scatter) = (gather.transpose()?, scatter.transpose()?);
        let passes = self.passes.bind(&input, &output)?;
        if let Some((copy, bound)) = &gather {
            copy.record_bound(encoder, bound);
        }
        passes.record(encoder, None);
        if let Some((copy, bound)) = &scatter {
            copy.record_bound(encoder, bound);
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
            return Err(Error::gpu_memory(format!(
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
