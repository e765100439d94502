//! Executors on the GPU, through wgpu.

mod bindings;
pub(crate) mod buffers;
pub(crate) mod context;
pub(crate) mod host;
pub(crate) mod params;
pub(crate) mod passes;
pub(crate) mod pipelines;
pub(crate) mod shaders;
mod staging;
mod unrolled;
mod weights;

pub use context::{Adapter, adapters};
