//! Executors on the GPU, through wgpu.

pub(crate) mod context;
pub(crate) mod direct;
pub(crate) mod params;
pub(crate) mod shaders;

pub use context::{Adapter, adapters};
