//! Executors on the GPU, through wgpu.

mod array;
mod backlog;
pub(crate) mod buffers;
pub(crate) mod context;
mod convert;
mod encode;
mod encode_texture;
pub(crate) mod finder;
pub(crate) mod host;
mod integers;
mod layout;
pub(crate) mod params;
pub(crate) mod passes;
pub(crate) mod pipelines;
mod resident;
pub(crate) mod shaders;
mod staging;
mod texture;
pub(crate) mod timer;
mod unrolled;
mod weights;

pub(crate) use encode::Frames;
pub(crate) use resident::Resident;

use crate::recent;

pub use array::{GpuArray, GpuDevice};
pub use context::{Adapter, adapters};
pub use layout::GpuSlice;
pub use texture::GpuTexture;
