//! Passes from a texture of the caller's to another one: all channels at once, as neighbours.

use crate::element::DType;
use crate::error::{Error, Result};
use crate::gpu::chain::Chain;
use crate::gpu::passes::Passes;
use crate::gpu::weights::Weights;
use crate::kernel::Kernel;
use crate::plan::gpu::stored::{Stored, TexelFormat, Texels};
use crate::problem::extension::Extension;

/// What differs between textures that need passes of their own.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct TexturesKey {
    pub device: u64,
    pub format: TexelFormat,
    /// Of the source and of the destination.
    pub texels: [Texels; 2],
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

/// An error where the colours of texels count by their alpha, which this kernel makes something else of.
fn check_keeps_constants(kernel: &Kernel<f32>) -> Result<()> {
    let sum = kernel.taps.iter().map(|&tap| f64::from(tap)).sum::<f64>();
    // Written so that a sum that is no number does not keep constants.
    if (sum - 1.0).abs() <= 1e-3 {
        return Ok(());
    }
    Err(Error::gpu_misuse(format!(
        "Alpha::Straight: expected a kernel whose taps sum to 1, got a sum of {sum}: it would make of alpha \
         something else than alpha"
    )))
}

/// The method of these passes, which are those for one channel, from textures of as many channels as
/// this format has to textures of this format.
pub(crate) fn on_textures(
    passes: &Passes<f32>,
    extension: &Extension<f32>,
    kernel: &Kernel<f32>,
    format: TexelFormat,
    [from, to]: [Texels; 2],
) -> Result<Chain<f32>> {
    if from.weighed || to.weighed {
        check_keeps_constants(kernel)?;
    }
    let (context, channels) = (passes.context(), format.channels());
    let gpu = context.capabilities();
    let stored = [Stored::Texture { channels, texels: from }, Stored::StorageTexture(format, to)];
    let schedule = passes.schedule().interleaved(DType::F32, channels, &gpu);
    let schedules = schedule.and_then(|schedule| schedule.stored_as(stored, &gpu));
    let schedules = schedules.map_err(Error::gpu_memory)?;
    // Channels are to the weights what samples are.
    let weights = Weights::new(extension, kernel, passes.schedule().terms)?;
    Chain::new(context, &schedules, |taps| weights.upload(taps, context))
}
