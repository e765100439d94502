//! How samples are stored at either end of a dispatch. Only the `load` and `store` of a shader know it,
//! which stand in front of its method.

use crate::element::DType;
use crate::plan::gpu::launch::{Launch, Variant};

/// How samples are stored that a dispatch reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stored {
    /// Numbers of a type in a buffer.
    Elements(DType),
    /// Unsigned integers of 8 or 16 bits, packed into the words of a buffer. Results are rounded to
    /// nearest (ties to even) and saturated; what is not a number becomes 0.
    Packed {
        /// Of one sample.
        bits: u32,
    },
    /// A sampled texture, its texels row by row: what a shader sees of their channels. Only read.
    Texture {
        /// One or four.
        channels: usize,
        /// What they mean.
        texels: Texels,
    },
    /// A storage texture, and what its texels mean. Only written.
    StorageTexture(TexelFormat, Texels),
}

/// What the channels of texels mean: the last of four is alpha. What is filtered is light, and colours times
/// their alpha.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Texels {
    /// Colours have not been multiplied by their alpha yet, and count by it.
    pub weighed: bool,
    /// Colours have been multiplied by their alpha, after they were encoded.
    pub premultiplied: bool,
    /// Colours are levels along the curve of sRGB.
    pub encoded: bool,
    /// They are drawn to a format whose channels are within 0 and 1, and so is what they are divided by.
    pub bounded: bool,
}

/// Formats of textures that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TexelFormat {
    /// Four channels of 8 bits, 0 to 1.
    Rgba8Unorm,
    /// The same in another order, where a device stores to it.
    Bgra8Unorm,
    /// Four channels of half precision.
    Rgba16Float,
    /// One channel.
    R32Float,
    /// Four channels.
    Rgba32Float,
}

impl TexelFormat {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Rgba8Unorm, Self::Bgra8Unorm, Self::Rgba16Float, Self::R32Float, Self::Rgba32Float];

    /// Its name in WGSL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rgba8Unorm => "rgba8unorm",
            Self::Bgra8Unorm => "bgra8unorm",
            Self::Rgba16Float => "rgba16float",
            Self::R32Float => "r32float",
            Self::Rgba32Float => "rgba32float",
        }
    }

    /// What 1 is stored as where a channel is an integer, 0 where it is not.
    pub fn levels(self) -> f32 {
        if matches!(self, Self::Rgba8Unorm | Self::Bgra8Unorm) { 255.0 } else { 0.0 }
    }

    /// Whether channels are numbers of half precision.
    pub fn is_half(self) -> bool {
        self == Self::Rgba16Float
    }

    /// Samples of a texel.
    pub fn channels(self) -> usize {
        if self == Self::R32Float { 1 } else { 4 }
    }
}

impl From<DType> for Stored {
    fn from(dtype: DType) -> Self {
        Self::Elements(dtype)
    }
}

impl Stored {
    /// Bytes of so many samples; of textures, as they are when they are read.
    pub fn bytes(self, samples: usize) -> usize {
        samples.saturating_mul(match self {
            Self::Elements(dtype) => dtype.size(),
            Self::Packed { bits } => bits as usize / 8,
            Self::Texture { .. } | Self::StorageTexture(..) => DType::F32.size(),
        })
    }

    /// Neighbours that are one texel; 1 in buffers.
    pub fn channels(self) -> usize {
        match self {
            Self::Elements(_) | Self::Packed { .. } => 1,
            Self::Texture { channels, .. } => channels,
            Self::StorageTexture(format, _) => format.channels(),
        }
    }

    /// Whether it is a texture, which is bound as a whole.
    pub fn is_texture(self) -> bool {
        matches!(self, Self::Texture { .. } | Self::StorageTexture(..))
    }

    /// Whether this launch can read it. Launches that take samples one by one would fetch a texel once
    /// for each of its channels.
    pub(super) fn is_read_by(self, launch: &Launch) -> bool {
        self.channels() == 1 || launch.variant.shader.takes_quads()
    }

    /// Whether this launch, whose rows have so many outputs, can write it: a texel only whole.
    pub(super) fn is_written_by(self, launch: &Launch, row: usize) -> bool {
        self.has_store(&launch.variant) && row.is_multiple_of(self.channels())
    }

    /// Whether a shader of this kind can write it. What is packed or a texture cannot be added to or
    /// looked at.
    pub(crate) fn has_store(self, variant: &Variant) -> bool {
        match self {
            Self::Elements(_) => true,
            _ if variant.accumulate || variant.repair => false,
            _ => self.channels() == 1 || variant.shader.takes_quads(),
        }
    }
}
