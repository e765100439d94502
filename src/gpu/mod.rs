//! Executors on the GPU, through wgpu.

mod array;
mod backlog;
mod bindings;
pub(crate) mod buffers;
pub(crate) mod context;
pub(crate) mod host;
pub(crate) mod params;
pub(crate) mod passes;
mod resident;
pub(crate) mod shaders;
mod staging;

pub(crate) use resident::Resident;

pub use array::{GpuArray, GpuDevice};
pub use context::{Adapter, adapters};
