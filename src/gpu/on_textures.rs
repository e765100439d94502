//! Passes over the channels of the caller's textures, one after the other, in planes.

use std::sync::Arc;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::convert::{Bound, Conversion, Convert, Planes};
use crate::gpu::passes::{Passes, Span};

/// What differs between textures that need passes of their own.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct TexturesKey {
    pub device: u64,
    pub format: wgpu::TextureFormat,
}

/// Passes over textures of one format: channel by channel, in planes.
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

/// An error where a texture is not one that this many channels are read from.
pub(crate) fn check_source(
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
    pub(crate) fn new(
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
    pub(crate) fn bind(
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

    /// Records them. To be called where wgpu's errors are caught.
    pub(crate) fn record(
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
