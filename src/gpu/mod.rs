//! Executors on the GPU, through wgpu.

mod adapter;
mod array;
mod backlog;
pub(crate) mod buffers;
mod butterflies;
pub(crate) mod chain;
pub(crate) mod context;
mod copy_rows;
mod counts;
pub(crate) mod drawn;
pub(crate) mod end;
mod fft;
pub(crate) mod finder;
pub(crate) mod host;
mod layout;
pub(crate) mod on_buffers;
pub(crate) mod on_textures;
pub(crate) mod params;
pub(crate) mod passes;
pub(crate) mod pipelines;
mod recorded;
mod registers;
mod scratch;
pub(crate) mod shaders;
mod slots;
mod spectrum;
mod staging;
pub(crate) mod texture;
pub(crate) mod timer;
mod unrolled;
mod weights;

pub use adapter::{Adapter, adapters};
pub use array::{GpuArray, GpuDevice};
pub use counts::GpuCounts;
pub use layout::GpuSlice;
pub use texture::GpuTexture;
