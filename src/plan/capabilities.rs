//! What devices can do, as plain numbers: tests invent them, executors read them off the hardware.

use std::path::PathBuf;

use crate::element::DType;
pub use crate::simd::InstructionSet;
use crate::util::disk;

/// What the planner knows of this machine.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Threads that the CPU's methods may use.
    pub threads: usize,
    /// Vector instructions that its direct and separable methods use.
    pub instructions: InstructionSet,
    /// The GPU.
    pub gpu: Gpu,
}

impl Capabilities {
    /// Those of a machine with so many threads, these vector instructions and this GPU.
    pub fn new(threads: usize, instructions: InstructionSet, gpu: Gpu) -> Self {
        Self { threads, instructions, gpu }
    }
}

/// Whether there is a GPU.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Gpu {
    /// There is one.
    Present(GpuCapabilities),
    /// There is none, and why.
    Absent(String),
    /// Nobody looked: the CPU would be done before a GPU had started.
    NotAsked,
}

impl Gpu {
    /// Whether it is one that runs on the CPU.
    pub(crate) fn is_software(&self) -> bool {
        matches!(self, Self::Present(gpu) if gpu.kind == GpuKind::Software)
    }
}

/// Kind of an adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GpuKind {
    /// A card with memory of its own, behind a bus.
    Discrete,
    /// Shares the memory with the CPU.
    Integrated,
    /// Anything else that is not known to be software.
    Other,
    /// Runs on the CPU (lavapipe, SwiftShader, WARP).
    Software,
}

/// Limits of an adapter, in wgpu's terms.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GpuCapabilities {
    /// The adapter's name.
    pub name: String,
    /// The graphics interface that drives it.
    pub backend: String,
    /// Driver and its version, as far as it says.
    pub driver: String,
    /// What it is.
    pub kind: GpuKind,
    /// Largest binding of a storage buffer, in bytes.
    pub max_binding: u64,
    /// Largest buffer, in bytes.
    pub max_buffer: u64,
    /// Memory of a workgroup, in bytes.
    pub max_workgroup_memory: u32,
    /// Invocations of a workgroup.
    pub max_invocations: u32,
    /// Workgroup size along x and y.
    pub max_workgroup_size: [u32; 2],
    /// Workgroups along one dimension of a dispatch.
    pub max_groups: u32,
    /// Storage buffers that one shader can have.
    pub max_storage_buffers: u32,
    /// The most weights, in bytes, that are worth keeping in uniform memory: the largest binding of a
    /// uniform buffer, or 0 on software adapters.
    pub max_uniform_weights: u64,
    /// Offsets of storage bindings are multiples of this many bytes.
    pub offset_alignment: u32,
    /// Whether buffers can hold `f16`.
    pub f16: bool,
    /// Whether shaders can compute in `f64`.
    pub f64: bool,
    /// Whether shaders have integers of 64 bits: transforms in `f64` look at the bits of numbers.
    pub i64: bool,
    /// Memory that all buffers together may take, in bytes: not a limit of the adapter, which wgpu
    /// does not tell, but the caller's
    /// ([`ConvolverBuilder::gpu_memory`](crate::ConvolverBuilder::gpu_memory)).
    pub memory: u64,
}

/// [`GpuCapabilities::memory`] where nobody says more: what a small card of today has.
pub(crate) const DEFAULT_MEMORY: u64 = 4 << 30;

impl GpuCapabilities {
    /// WebGPU's default limits, which every adapter has at least.
    pub fn webgpu_defaults(name: &str, kind: GpuKind) -> Self {
        Self {
            name: name.into(),
            backend: "any".into(),
            driver: String::new(),
            kind,
            max_binding: 128 << 20,
            max_buffer: 256 << 20,
            max_workgroup_memory: 16 << 10,
            max_invocations: 256,
            max_workgroup_size: [256, 256],
            max_groups: 65_535,
            max_storage_buffers: 8,
            max_uniform_weights: if kind == GpuKind::Software { 0 } else { 64 << 10 },
            offset_alignment: 256,
            f16: false,
            f64: false,
            i64: false,
            memory: DEFAULT_MEMORY,
        }
    }

    /// Why samples that are computed in this type cannot be transformed.
    pub(crate) fn check_transforms(&self, accumulator: DType) -> Result<(), String> {
        match accumulator {
            DType::F32 | DType::Complex32 => Ok(()),
            DType::F64 if self.i64 => Ok(()),
            DType::F64 => Err(format!(
                "{} has no integers of 64 bits in shaders, and transforms in f64 look at the bits of numbers",
                self.name
            )),
            _ => Err(format!("the shaders transform f32, f64 and complex f32, not {accumulator}")),
        }
    }

    /// Types that the shaders are written for.
    pub fn supports(&self, dtype: DType) -> bool {
        match dtype {
            DType::F32 | DType::I32 | DType::U32 | DType::Complex32 => true,
            DType::F16 => self.f16,
            DType::F64 => self.f64,
            _ => false,
        }
    }
}

/// What the caller of a [`Convolver`](crate::Convolver) says of the GPU.
#[derive(Clone, Debug)]
pub(crate) struct GpuSettings {
    /// [`GpuCapabilities::memory`].
    pub memory: u64,
    /// Whether shaders check every index and count every loop.
    pub checked_shaders: bool,
    /// Whether every shader has a line that no compiler takes.
    pub shader_fault: bool,
    /// Changes what the planner is told of the device.
    pub adapt: Option<fn(&mut GpuCapabilities)>,
    /// Where compiled pipelines are kept.
    pub cache: Option<PathBuf>,
}

impl Default for GpuSettings {
    fn default() -> Self {
        Self {
            memory: DEFAULT_MEMORY,
            checked_shaders: false,
            shader_fault: false,
            adapt: None,
            cache: disk::directory(),
        }
    }
}
