#![doc = include_str!("../README.md")]
#![warn(missing_docs, unreachable_pub)]

mod words;

mod error;
mod util;

mod simd;

mod element;

mod format;

mod kernel;
mod problem;

pub mod bounds;

pub mod plan;

mod cpu;
#[cfg(feature = "gpu")]
mod gpu;

mod machine;

mod run;

mod calibrate;
mod prove;

mod face;
pub mod filters;

/// What plans are lowered to: tiles, strips and blocks on the CPU, dispatches on the GPU.
///
/// For those who look into a [`Recipe`](plan::Recipe), and for tests. Anything in here may change with
/// any version.
pub mod low_level {
    pub use crate::plan::cpu::{Blocks, Passing, Strips, Summed, Tile};
    pub use crate::plan::gpu::launch::{Launch, MAX_RANK, QUAD, Shader, Types, Variant};
    pub use crate::plan::gpu::parts::{Part, Section};
    pub use crate::plan::gpu::schedule::{Place, Schedule, Scheduled, Stage, Taps};
    pub use crate::plan::passes::Pass;
}

pub use calibrate::Calibration;
pub use element::{DType, Element};
pub use error::{Error, Result};
pub use face::builder::FilterBuilder;
pub use face::convolver::{Convolver, ConvolverBuilder, convolve, correlate};
pub use face::filter::Filter;
pub use face::filter::profile::{DeviceTimes, Profile};
pub use face::normalized::NanFilter;
#[cfg(feature = "image")]
pub use face::picture::{Alpha, PictureFilter};
pub use face::stream::{Results, Stream};
pub use format::FrameSample;
#[cfg(feature = "gpu")]
pub use gpu::{Adapter, GpuArray, GpuDevice, GpuSlice, GpuTexture, adapters};
pub use kernel::KernelFacts;
pub use machine::rates::{DeviceRates, Rate};
pub use plan::Plan;
pub use plan::cost::rates::Unit;
pub use problem::boundary::{Boundary, Edge};
pub use problem::geometry::{Axis, Geometry};
pub use problem::{Options, PerAxis, Problem};
pub use prove::check::Check;
pub use prove::reference;
pub use prove::verify::{Deviation, Difference, Verification, Verified};
pub use words::{Device, Method, Mode, Operation, Precision};

#[cfg(feature = "f16")]
pub use half;
#[cfg(feature = "gpu")]
pub use wgpu;
