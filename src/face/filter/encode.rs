//! Filters inside the caller's frame, on the caller's buffers and textures.

use ndarray::{Dimension, Ix2};
use std::sync::{Arc, OnceLock};

use super::Filter;
use crate::element::Element;
use crate::error::{Error, Result};
use crate::face::textures::TextureFilter;
use crate::format::FrameSample;
use crate::gpu::host::Host;
use crate::gpu::on_buffers::{BuffersKey, OnBuffers};
use crate::gpu::{GpuSlice, GpuTexture};
use crate::util::lru::LruCache;

/// What a filter keeps to be recorded again and again.
pub(super) struct Frames<A> {
    buffers: LruCache<BuffersKey, Arc<OnBuffers<A>>>,
    textures: OnceLock<TextureFilter>,
}

/// Layouts that are kept for one filter: a frame may use one filter in a few places.
const KEPT: usize = 8;

impl<A> Default for Frames<A> {
    fn default() -> Self {
        Self { buffers: LruCache::new(KEPT), textures: OnceLock::new() }
    }
}

impl<A: Element, D: Dimension> Filter<A, D> {
    /// Records the convolution into the caller's command encoder, from one of the caller's buffers
    /// to another. Nothing is submitted and nothing waited for.
    ///
    /// The buffers have usage `STORAGE` (and where the plan computes part by part, because a
    /// binding cannot hold the whole, perhaps `COPY_SRC` or `COPY_DST`: an error says so) and
    /// belong to the device of this filter's `Convolver`
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
        self.encode_of::<A>(encoder, source, destination)
    }

    /// [`Filter::encode`] of samples that are stored otherwise: `u8` or `u16` for a filter of `f32`, packed
    /// into the words of a buffer as they are in host memory. They are read and written by the method
    /// itself; results are rounded to the nearest value and saturated.
    ///
    /// Arrays of bytes that have gaps, or change in place, have rows of whole words of 4 bytes.
    ///
    /// ```no_run
    /// # fn frame(filter: convolve::Filter<f32, ndarray::Ix3>, encoder: &mut convolve::wgpu::CommandEncoder,
    /// #     video: convolve::wgpu::Buffer, blurred: convolve::wgpu::Buffer) -> convolve::Result<()> {
    /// // Frames of height x width x 3 bytes.
    /// filter.encode_of::<u8>(encoder, &video, &blurred)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`Filter::encode`]; [`Error::Inadmissible`] for samples that shaders have no words for.
    pub fn encode_of<'a, T: FrameSample<A>>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<GpuSlice<'a>>,
        destination: impl Into<GpuSlice<'a>>,
    ) -> Result<()> {
        if !Host::<A>::takes::<T>() {
            return Err(Error::Inadmissible {
                wanted: format!("samples of {} in buffers", std::any::type_name::<T>()),
                reason: "shaders read and write u8, u16 and the filter's own type".into(),
            });
        }
        let (source, destination) = (source.into(), destination.into());
        let (passes, seconds) = self.recorded()?;
        let context = passes.context().clone();
        context.check_shown()?;
        let key = BuffersKey {
            device: context.id,
            source: source.layout("source", self.input.slice(), size_of::<T>())?,
            destination: destination.layout("destination", self.output.slice(), size_of::<T>())?,
            in_place: source.buffer == destination.buffer,
            bits: T::PACKED,
        };
        if passes.copies() {
            source.check_usage("source", wgpu::BufferUsages::COPY_SRC)?;
            destination.check_usage("destination", wgpu::BufferUsages::COPY_DST)?;
        }
        context.check_length(self.plan.request.device, seconds)?;
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
}

impl Filter<f32, Ix2> {
    /// Records the convolution of every channel of a texture into the caller's command encoder, as
    /// [`TextureFilter::encode`] does. Textures may have any size; the method is what is best for such of
    /// the planned one.
    ///
    /// Whoever filters textures alone plans by [`FilterBuilder::for_textures`]: then nothing is prepared
    /// for arrays in host memory.
    ///
    /// # Errors
    /// Those of [`Filter::gpu_plan`] and of [`TextureFilter::encode`].
    ///
    /// [`TextureFilter::encode`]: crate::TextureFilter::encode
    /// [`FilterBuilder::for_textures`]: crate::FilterBuilder::for_textures
    pub fn encode_texture<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<()> {
        self.textures()?.encode(encoder, source, destination)
    }

    /// The same filter for textures.
    fn textures(&self) -> Result<&TextureFilter> {
        if let Some(filter) = self.frames.textures.get() {
            return Ok(filter);
        }
        self.check_unchecked()?;
        let given = self.original.clone().into_dimensionality().expect("a kernel of two axes");
        let (convolver, options) = (self.convolver.clone(), self.options.clone());
        let size = [self.input[0], self.input[1]];
        let filter = TextureFilter::new(convolver, given, options, self.plan.request, size)?;
        // Where several threads make one at a time the first is kept.
        Ok(self.frames.textures.get_or_init(|| filter))
    }
}
