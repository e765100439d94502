// The README's links lead to files of the repository. The first definition of a link holds: here are
// those for the documentation, with small pictures that need no file.
//! [in-frame]: crate::pages::in_frame
//! [in-a-frame]: crate::pages::inside_a_frame
//! [gallery]: crate::filters
//! [folder]: crate::pages::all_of_a_folder
//! [linear_light]: crate::pages::linear_light
//! [video_stream]: crate::pages::video_stream
//! [backdrop]: crate::pages::backdrop
//! [bokeh]: crate::pages::bokeh
//! [correctness]: crate::pages::correctness
//! [same-words]: crate::pages::same_words
//! [how-it-chooses]: crate::pages::how_it_chooses
//! [crossover]: crate::pages::crossover
//! [regions]: crate::pages::crossover
//! [peers]: crate::pages::peers
//! [peers-how]: crate::pages::peers
//! [gpu]: crate::pages::gpu
//! [gpu_fft]: crate::pages::gpu_fft
//! [kawase]: crate::pages::kawase
//! [executors]: crate::pages::executors
//! [pictures]: crate::pages::picture_peers
//! [coarse]: crate::pages::coarse
//! [data]: crate::pages::data
//! [folders]: crate::pages::folder
#![cfg_attr(doc, doc = include_str!("../assets/readme/in-docs.md"))]
#![doc = include_str!("../README.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]
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

/// What plans are lowered to: tiles, strips and blocks on the CPU, dispatches on the GPU.
///
/// For those who look into a [`Recipe`](plan::Recipe), and for tests. Anything in here may change with
/// any version.
pub mod low_level {
    #[cfg(feature = "gpu")]
    pub use crate::gpu::shaders::source as wgsl;
    pub use crate::kernel::coarse::{CoarseAxis, Coarsening};
    pub use crate::plan::cpu::{Blocks, CoarseGrid, Order, Passing, Strips, Summed, Tile};
    pub use crate::plan::gpu::depth::Depth;
    pub use crate::plan::gpu::launch::{Launch, MAX_RANK, QUAD, Shader, Types, Variant};
    pub use crate::plan::gpu::parts::{Part, Section};
    pub use crate::plan::gpu::schedule::{Schedule, Scheduled};
    pub use crate::plan::gpu::second_look::SecondLook;
    pub use crate::plan::gpu::stage::{Place, Stage, Taps};
    pub use crate::plan::gpu::stored::{Stored, TexelFormat, Texels};
    pub use crate::plan::gpu::transform::{Block, BlockPass, Transform};
    pub use crate::plan::passes::Pass;
}

#[cfg(all(doc, not(doctest)))]
pub mod pages;

pub use calibrate::Calibration;
pub use element::{DType, Element};
pub use error::{Error, Result};
pub use face::builder::FilterBuilder;
pub use face::convolver::{Convolver, ConvolverBuilder, convolve, correlate};
pub use face::filter::Filter;
pub use face::filter::profile::{DeviceTimes, Profile};
pub use face::gradient::{GradientBuilder, GradientFilter};
pub use face::normalized::NanFilter;
#[cfg(feature = "image")]
pub use face::picture::{
    PictureFilter,
    gradient::PictureGradient,
    source::{Picture, PictureMut, PictureSample},
    stream::PictureStream,
    unsharp::PictureUnsharp,
    view::PictureView,
};
pub use face::stream::{Results, Stream};
pub use face::template::{TemplateBuilder, TemplateFilter};
#[cfg(feature = "gpu")]
pub use face::textures::{TextureBlur, TextureCost, TextureFilter, TextureKernel};
pub use face::unsharp::{UnsharpBuilder, UnsharpFilter};
pub use format::FrameSample;
#[cfg(feature = "gpu")]
pub use gpu::{Adapter, GpuArray, GpuCounts, GpuDevice, GpuSlice, GpuTexture, adapters};
pub use kernel::{KernelFacts, builtin as filters};
pub use machine::rates::{DeviceRates, Rate};
pub use plan::Plan;
pub use plan::cost::rates::Unit;
pub use problem::boundary::{Boundary, Edge};
pub use problem::geometry::{Axis, Geometry};
pub use problem::{Options, PerAxis, Problem};
pub use prove::check::Check;
pub use prove::reference;
pub use prove::verify::{Deviation, Difference, Verification, Verified};
#[cfg(feature = "image")]
pub use words::Signed;
pub use words::{Alpha, Device, Light, Method, Mode, Operation, Precision, Tolerance};

// What stands in this library's own signatures.
#[cfg(feature = "f16")]
pub use half;
#[cfg(feature = "image")]
pub use image;
pub use ndarray;
pub use num_complex;
#[cfg(feature = "gpu")]
pub use wgpu;
