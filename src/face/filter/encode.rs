//! Filters inside the caller's frame, on the caller's buffers and textures.

use ndarray::{Dimension, Ix2};
use std::sync::Arc;

use super::Filter;
use crate::element::Element;
use crate::error::{Error, Result};
use crate::gpu::chain::Chain;
use crate::gpu::context::Context;
use crate::gpu::end::End;
use crate::gpu::on_buffers::{BuffersKey, OnBuffers};
use crate::gpu::on_textures::{TexturesKey, check_source, on_textures};
use crate::gpu::texture::{ViewKey, texel_format};
use crate::gpu::{GpuSlice, GpuTexture};
use crate::plan::GpuKind;
use crate::util::lru::LruCache;
use crate::words::Device;

/// What a filter keeps to be recorded again and again.
pub(super) struct Frames<A> {
    buffers: LruCache<BuffersKey, Arc<OnBuffers<A>>>,
    textures: LruCache<TexturesKey, Arc<Chain<A>>>,
    /// Views of our own of the caller's textures.
    views: LruCache<ViewKey, wgpu::TextureView>,
}

/// Layouts that are kept for one filter: a frame may use one filter in a few places.
const KEPT: usize = 8;

impl<A> Default for Frames<A> {
    fn default() -> Self {
        let (buffers, textures, views) =
            (LruCache::new(KEPT), LruCache::new(KEPT), LruCache::new(KEPT));
        Self { buffers, textures, views }
    }
}

/// Seconds beyond which work is not recorded unless the GPU was asked for by name. Drivers reset a
/// device that is busy with one submission for about two seconds (Windows: `TdrDelay`), and the
/// caller's whole frame goes with it. What is expected of a GPU is cautious: it may be a quarter.
const LONGEST: f64 = 2.0;

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

impl Filter<f32, Ix2> {
    /// Records the convolution of every channel of a picture into the caller's command encoder,
    /// from a sampled texture to a storage texture. Nothing is submitted and nothing waited for.
    ///
    /// The filter is one for arrays of `(height, width)`. The source has that size, usage
    /// `TEXTURE_BINDING` and any format whose texels are floating-point numbers to a shader; the
    /// destination is another texture, or another level or layer of it, has the size of the output, usage `STORAGE_BINDING`, format `Rgba8Unorm`,
    /// `Rgba16Float`, `R32Float` or `Rgba32Float`, and as many channels as the source. Each is one
    /// mip level of one layer: a texture, a view of one, or a [`GpuTexture`], which says which. Values,
    /// and a boundary's constants, are what a shader sees: 0 to 1 in the `unorm` formats, which clamp
    /// what is written.
    ///
    /// **Alpha and light.** Alpha is a channel like the others, so premultiplied colours blur as they should.
    /// [`GpuTexture::alpha`] says of either texture that its colours are straight: they are multiplied as they
    /// are read, and divided as they are written. A view in an sRGB format is decoded as it is read, so the
    /// filter works in linear light, as a blur should. No sRGB format can be a storage texture: write linear
    /// values to `Rgba16Float`, or levels to `Rgba8Unorm`, encoded by [`GpuTexture::light`], perhaps with a
    /// second view in `Rgba8UnormSrgb` (through `view_formats`, which OpenGL has not). With neither the filter
    /// works on the numbers that are stored, as most picture editors do. A boundary's constants are what is
    /// filtered: light, times alpha.
    ///
    /// What the first call allocates later ones use again; views are best kept by the caller from
    /// frame to frame, because bind groups are kept by view. The last 16 that were recorded, and with
    /// them their textures, stay until others take their place or the filter goes.
    ///
    /// # Errors
    /// Those of [`Filter::gpu_plan`]; [`Error::GpuMisuse`] where a texture's size, format or
    /// usage is another one, or where it is on another device (whose handler of uncaptured errors hears
    /// of it too, and panics unless the application has set one); [`Error::DeviceLost`];
    /// [`Error::Inadmissible`] where the work is too long for one submission. All as in
    /// [`Filter::encode`].
    pub fn encode_texture<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<()> {
        let (source, destination) = (source.into(), destination.into());
        let (passes, seconds) = self.recorded()?;
        let context = passes.context().clone();
        context.check_shown()?;
        let format = texel_format(destination.seen_as())?;
        let channels = format.channels();
        let sizes = [&self.input, &self.output].map(|dim| [dim[0], dim[1]]);
        let [sampled, stored] =
            [wgpu::TextureUsages::TEXTURE_BINDING, wgpu::TextureUsages::STORAGE_BINDING];
        source.check("source", &context, sizes[0], sampled)?;
        destination.check("destination", &context, sizes[1], stored)?;
        if source.is(&destination) {
            let reason = "source and destination are the same level and layer of one texture: expected \
                          two, since no texture is sampled and stored to at the same time";
            return Err(Error::gpu_misuse(reason));
        }
        check_source(source.seen_as(), channels, context.device.features())?;
        self.check_length(&context, channels as f64 * seconds)?;
        let texels = [source.texels(), destination.texels()];
        let key = TexturesKey { device: context.id, format, texels };
        let frame = self.frames.textures.get(key, |_| {
            let (extension, kernel) = self.on_gpu()?;
            on_textures(&passes, extension, kernel, format, texels).map(Arc::new)
        })?;
        context.attempt_with_theirs(|| {
            let view = |texture: GpuTexture, usage| match texture.view(usage) {
                Ok(view) => Ok(End::Texture(view.clone())),
                Err(key) => {
                    let made = self.frames.views.get(key, |key| context.guarded(|| key.make()));
                    made.map(End::Texture)
                }
            };
            let bound = frame.bind(&view(source, sampled)?, &view(destination, stored)?)?;
            for texture in [source.texture, destination.texture] {
                context.check_texture(texture)?;
            }
            bound.record(encoder, None);
            Ok(())
        })
    }
}
