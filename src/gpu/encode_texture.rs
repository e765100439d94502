//! Filters inside the caller's frame, on the caller's textures.

use ndarray::Ix2;
use std::sync::Arc;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::convert::{Bound, Conversion, Convert, Planes, storage_format};
use crate::gpu::passes::{Passes, Span};
use crate::gpu::texture::GpuTexture;

/// What differs between textures that need passes of their own.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct TexturesKey {
    device: u64,
    format: wgpu::TextureFormat,
}

/// A filter on textures of one format: channel by channel, in planes.
pub(crate) struct OnTextures<A> {
    passes: Arc<Passes<A>>,
    from: Convert,
    to: Convert,
    input: Channels,
    output: Channels,
}

/// Planes of equal size in one buffer, each where a binding may start.
struct Channels {
    planes: Pooled,
    count: u64,
    plane_bytes: u64,
    pitch_bytes: u64,
}

impl Filter<f32, Ix2> {
    /// Records the convolution of every channel of a picture into the caller's command encoder,
    /// from a sampled texture to a storage texture. Nothing is submitted and nothing waited for.
    ///
    /// The filter is one for arrays of `(height, width)`. The source has that size, usage
    /// `TEXTURE_BINDING` and any format whose texels are floating-point numbers to a shader; the
    /// destination has the size of the output, usage `STORAGE_BINDING`, format `Rgba8Unorm`,
    /// `Rgba16Float`, `R32Float` or `Rgba32Float`, and as many channels as the source. Each is one
    /// mip level of one layer: a texture, a view of one, or a [`GpuTexture`], which says which. Values,
    /// and a boundary's constants, are what a shader sees: 0 to 1 in the `unorm` formats, which clamp
    /// what is written. Alpha is a channel like the others: premultiplied colours blur as they should.
    ///
    /// **sRGB.** A view in an sRGB format is decoded as it is read, so the filter works in linear
    /// light, as a blur should. No sRGB format can be a storage texture: write linear values to
    /// `Rgba16Float`, or give the destination `Rgba8Unorm` with a second view in `Rgba8UnormSrgb`
    /// (through `view_formats`) and source and destination both be seen as plain `Rgba8Unorm`
    /// here; then the filter works on the encoded values, as most picture editors do.
    ///
    /// What the first call allocates later ones use again; views are best kept by the caller from
    /// frame to frame, because bind groups are kept by view.
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
        let format = destination.seen_as();
        let (.., channels) = storage_format(format)?;
        let sizes = [&self.input, &self.output].map(|dim| [dim[0], dim[1]]);
        source.check("source", sizes[0], wgpu::TextureUsages::TEXTURE_BINDING)?;
        destination.check("destination", sizes[1], wgpu::TextureUsages::STORAGE_BINDING)?;
        check_source(source.seen_as(), channels, context.device.features())?;
        self.check_length(&context, f64::from(channels) * seconds)?;
        let key = TexturesKey { device: context.id, format };
        let (input, output) = (size(&self.input), size(&self.output));
        let frame = self
            .frames
            .textures
            .get(key, |_| OnTextures::new(passes, format, channels, input, output).map(Arc::new))?;
        context.attempt_with_theirs(|| {
            let view = |texture: GpuTexture| match texture.view() {
                Ok(view) => Ok(view.clone()),
                Err(key) => self.frames.views.get(key, |key| context.guarded(|| key.make())),
            };
            let bound = frame.bind(view(source)?, view(destination)?)?;
            for texture in [source.texture, destination.texture] {
                context.check_texture(texture)?;
            }
            frame.record(encoder, &bound)
        })
    }
}

/// Width and height; textures are no larger than 32 bits can count.
fn size(dim: &Ix2) -> [u32; 2] {
    [dim[1] as u32, dim[0] as u32]
}

fn check_source(
    format: wgpu::TextureFormat,
    channels: u32,
    features: wgpu::Features,
) -> Result<()> {
    let sampled = format.sample_type(None, Some(features));
    if !matches!(sampled, Some(wgpu::TextureSampleType::Float { .. })) {
        return Err(Error::gpu_misuse(format!(
            "the source texture: expected a format of floating-point texels, got {format:?}"
        )));
    }
    if u32::from(format.components()) != channels {
        return Err(Error::gpu_misuse(format!(
            "the source texture has {} channels ({format:?}), the destination {channels}: expected \
             as many",
            format.components()
        )));
    }
    Ok(())
}

impl<A: Element> OnTextures<A> {
    fn new(
        passes: Arc<Passes<A>>,
        format: wgpu::TextureFormat,
        channels: u32,
        input: [u32; 2],
        output: [u32; 2],
    ) -> Result<Self> {
        let context = passes.context();
        let planes = |bytes: u64, what| -> Result<Channels> {
            let pitch_bytes = bytes.next_multiple_of(context.offset_alignment());
            let all = u64::from(channels) * pitch_bytes;
            let most = context.capabilities().max_binding;
            if all > most {
                return Err(Error::gpu_memory(format!(
                    "{what} needs {all} bytes, a binding here has at most {most}"
                )));
            }
            let planes = unsubmitted(context, all, what)?;
            Ok(Channels { planes, count: channels.into(), plane_bytes: bytes, pitch_bytes })
        };
        let convert = |conversion, [width, height]: [u32; 2], planes: &Channels| {
            // A binding is no larger than 32 bits can count.
            let pitch = (planes.pitch_bytes / 4) as u32;
            Convert::texture(context, conversion, Planes { width, height, pitch })
        };
        let source = planes(passes.input_bytes(), "the source's channels")?;
        let result = planes(passes.output_bytes(), "the destination's channels")?;
        Ok(Self {
            from: convert(Conversion::FromTexture { channels }, input, &source)?,
            to: convert(Conversion::ToTexture { format }, output, &result)?,
            input: source,
            output: result,
            passes,
        })
    }

    /// Binds the caller's views.
    fn bind(
        &self,
        source: wgpu::TextureView,
        destination: wgpu::TextureView,
    ) -> Result<[wgpu::BindGroup; 2]> {
        let planes = |channels: &Channels| Bound::Buffer(channels.planes.span());
        Ok([
            self.from.bind(Bound::Texture(source), planes(&self.input))?,
            self.to.bind(planes(&self.output), Bound::Texture(destination))?,
        ])
    }

    fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        [source, destination]: &[wgpu::BindGroup; 2],
    ) -> Result<()> {
        // Before anything is recorded: what cannot be bound leaves the encoder as it was.
        let channel =
            |channel| self.passes.bind(&self.input.plane(channel), &self.output.plane(channel));
        let channels = (0..self.input.count).map(channel).collect::<Result<Vec<_>>>()?;
        self.from.record_bound(encoder, source);
        channels.iter().for_each(|passes| passes.record(encoder, None));
        self.to.record_bound(encoder, destination);
        Ok(())
    }
}

impl Channels {
    fn plane(&self, channel: u64) -> Span {
        let offset = channel * self.pitch_bytes;
        Span { buffer: self.planes.buffer().clone(), offset, bytes: self.plane_bytes }
    }
}
