#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod boundary;
pub mod bounds;
mod builder;
mod cache;
mod calibrate;
mod check;
mod convolver;
mod cpu;
mod element;
mod error;
mod executor;
mod filter;
pub mod filters;
mod fold;
mod frame;
mod geometry;
#[cfg(feature = "gpu")]
mod gpu;
#[cfg(feature = "image")]
mod image;
mod invented;
mod kernel;
mod low_rank;
mod machine;
mod measured;
mod memory;
mod normalized;
pub mod plan;
mod pool;
mod precision;
mod problem;
mod profile;
mod recent;
pub mod reference;
mod stream;
mod timing;
mod verify;
mod words;

#[cfg(feature = "image")]
pub use self::image::{Alpha, PictureFilter};
pub use boundary::{Boundary, Edge};
pub use builder::FilterBuilder;
pub use calibrate::Calibration;
pub use check::Check;
pub use convolver::{Convolver, ConvolverBuilder, convolve, correlate};
pub use element::{DType, Element};
pub use error::{Error, Result};
pub use filter::Filter;
pub use frame::FrameSample;
pub use geometry::{Axis, Geometry};
#[cfg(feature = "gpu")]
pub use gpu::{Adapter, GpuArray, GpuDevice, GpuSlice, GpuTexture, adapters};
pub use kernel::KernelFacts;
pub use machine::rates::{DeviceRates, Rate, Unit};
pub use normalized::NanFilter;
pub use plan::Plan;
pub use problem::{Options, PerAxis, Problem};
pub use profile::{DeviceTimes, Profile};
pub use stream::{Results, Stream};
pub use verify::{Deviation, Difference, Verification, Verified};
pub use words::{Device, Method, Mode, Operation, Precision};

#[cfg(feature = "f16")]
pub use half;
#[cfg(feature = "gpu")]
pub use wgpu;
