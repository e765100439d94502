//! Filters inside the caller's frame, on the caller's textures.

use ndarray::{Dimension, Ix2};
use std::sync::Arc;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::filter::Filter;
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::convert::{Bound, Conversion, Convert, Planes, storage_format};
use crate::gpu::passes::{Passes, Span};

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
    /// `Rgba16Float`, `R32Float` or `Rgba32Float`, and as many channels as the source. Both views
    /// show one layer, and their texture's first mip level. Values, and a boundary's constants,
    /// are what a shader sees: 0 to 1 in the `unorm` formats, which clamp what is written. Alpha is
    /// a channel like the others: premultiplied colours blur as they should.
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
    /// Those of [`Filter::gpu_plan`]; [`Error::Gpu`] where a texture's size, format or usage is
    /// another one, and where the device is lost.
    pub fn encode_texture(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: &wgpu::TextureView,
        destination: &wgpu::TextureView,
    ) -> Result<()> {
        let passes = self.passes()?;
        let context = passes.context().clone();
        let format = destination.texture().format();
        let (.., channels) = storage_format(format)?;
        check("source", source.texture(), &self.input, wgpu::TextureUsages::TEXTURE_BINDING)?;
        let usage = wgpu::TextureUsages::STORAGE_BINDING;
        check("destination", destination.texture(), &self.output, usage)?;
        check_source(source.texture().format(), channels, context.device.features())?;
        let key = TexturesKey { device: context.id, format };
        let (input, output) = (size(&self.input), size(&self.output));
        let frame = self
            .frames
            .textures
            .get(key, |_| OnTextures::new(passes, format, channels, input, output).map(Arc::new))?;
        context.attempt(|| frame.record(encoder, source, destination))
    }
}

/// Width and height; textures are no larger than 32 bits can count.
fn size(dim: &Ix2) -> [u32; 2] {
    [dim[1] as u32, dim[0] as u32]
}

fn check(what: &str, texture: &wgpu::Texture, dim: &Ix2, usage: wgpu::TextureUsages) -> Result<()> {
    let error = |reason: String| Err(Error::Gpu(format!("the {what} texture: {reason}")));
    if texture.dimension() != wgpu::TextureDimension::D2 || texture.sample_count() != 1 {
        let (dimension, samples) = (texture.dimension(), texture.sample_count());
        return error(format!(
            "expected 2 dimensions and 1 sample per texel, got {dimension:?} and {samples}"
        ));
    }
    let (width, height) = (texture.width() as usize, texture.height() as usize);
    if [height, width] != dim.slice() {
        let [h, w] = [dim[0], dim[1]];
        return error(format!(
            "expected {w} x {h} texels (width x height), got {width} x {height}"
        ));
    }
    if !texture.usage().contains(usage) {
        let name = usage.iter_names().map(|(name, _)| name).collect::<String>();
        return error(format!("expected usage {name}, got {:?}", texture.usage()));
    }
    Ok(())
}

fn check_source(
    format: wgpu::TextureFormat,
    channels: u32,
    features: wgpu::Features,
) -> Result<()> {
    let sampled = format.sample_type(None, Some(features));
    if !matches!(sampled, Some(wgpu::TextureSampleType::Float { .. })) {
        return Err(Error::Gpu(format!(
            "the source texture: expected a format of floating-point texels, got {format:?}"
        )));
    }
    if u32::from(format.components()) != channels {
        return Err(Error::Gpu(format!(
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
                return Err(Error::Gpu(format!(
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

    fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: &wgpu::TextureView,
        destination: &wgpu::TextureView,
    ) -> Result<()> {
        let (source, destination) = (source.clone(), destination.clone());
        let planes = Bound::Buffer(self.input.planes.span());
        self.from.record(encoder, Bound::Texture(source), planes)?;
        for channel in 0..self.input.count {
            let (input, output) = (self.input.plane(channel), self.output.plane(channel));
            self.passes.record(encoder, &input, &output, None)?;
        }
        let planes = Bound::Buffer(self.output.planes.span());
        self.to.record(encoder, planes, Bound::Texture(destination))
    }
}

impl Channels {
    fn plane(&self, channel: u64) -> Span {
        let offset = channel * self.pitch_bytes;
        Span { buffer: self.planes.buffer().clone(), offset, bytes: self.plane_bytes }
    }
}
