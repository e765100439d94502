//! Passes from a texture of the caller's to another one: all channels at once, as neighbours.

use crate::element::DType;
use crate::error::{Error, Result};
use crate::gpu::chain::Chain;
use crate::gpu::passes::Passes;
use crate::gpu::weights::Weights;
use crate::kernel::Kernel;
use crate::plan::gpu::stored::{Stored, TexelFormat};
use crate::problem::extension::Extension;

/// What differs between textures that need passes of their own.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct TexturesKey {
    pub device: u64,
    pub format: TexelFormat,
}

/// An error where a texture is not one that this many channels are read from.
pub(crate) fn check_source(
    format: wgpu::TextureFormat,
    channels: usize,
    features: wgpu::Features,
) -> Result<()> {
    let sampled = format.sample_type(None, Some(features));
    if !matches!(sampled, Some(wgpu::TextureSampleType::Float { .. })) {
        return Err(Error::gpu_misuse(format!(
            "the source texture: expected a format of floating-point texels, got {format:?}"
        )));
    }
    if usize::from(format.components()) != channels {
        return Err(Error::gpu_misuse(format!(
            "the source texture has {} channels ({format:?}), the destination {channels}: expected \
             as many",
            format.components()
        )));
    }
    Ok(())
}

/// The method of these passes, which are those for one channel, from textures of as many channels as
/// this format has to textures of this format.
pub(crate) fn on_textures(
    passes: &Passes<f32>,
    extension: &Extension<f32>,
    kernel: &Kernel<f32>,
    format: TexelFormat,
) -> Result<Chain<f32>> {
    let (context, channels) = (passes.context(), format.channels());
    let gpu = context.capabilities();
    let stored = [Stored::Texture { channels }, Stored::StorageTexture(format)];
    let schedule = passes.schedule().interleaved(DType::F32, channels, &gpu);
    let schedules = schedule.and_then(|schedule| schedule.stored_as(stored, &gpu));
    let schedules = schedules.map_err(Error::gpu_memory)?;
    // Channels are to the weights what samples are.
    let weights = Weights::new(extension, kernel, passes.schedule().terms)?;
    Chain::new(context, &schedules, |taps| weights.upload(taps, context))
}
