//! What a schedule of dispatches is expected to take on a GPU.

use std::collections::HashSet;

use super::{Cost, CostModel, bytes, search};
use crate::element::DType;
use crate::plan::capabilities::{GpuCapabilities, GpuKind};
use crate::plan::gpu::depth::Depth;
use crate::plan::gpu::launch::Shader;
use crate::plan::gpu::schedule::{Schedule, Scheduled};
use crate::plan::gpu::stage::Stage;
use crate::plan::gpu::transform::{Block, BlockPass, Transform};
use crate::problem::geometry::Geometry;

impl CostModel {
    /// The dispatches of a schedule, from and to host memory.
    pub fn gpu(
        &self,
        dtype: DType,
        geometry: &Geometry,
        schedule: &Schedule,
        gpu: &GpuCapabilities,
    ) -> Cost {
        let rates = self.gpu_rates(gpu.kind);
        let (complex, width) = (complex(dtype), width(dtype));
        let work = schedule.stages().map(|stage| {
            let launch = &stage.launch;
            let rate = if launch.is_tiled() { rates.direct } else { rates.direct_nd };
            let seconds = match stage.launch.variant.shader {
                Shader::Fft(_) => stage.shares() * width / rates.fft,
                _ => stage.multiply_adds() * complex * width / rate,
            };
            seconds.max(stage.bytes() / rates.bandwidth)
        });
        let trips = if schedule.resident.is_ok() { 1 } else { schedule.parts.len() };
        let pipelines: HashSet<_> = schedule.stages().map(|stage| &stage.launch.variant).collect();
        let search = if schedule.terms > 0 { search(geometry, schedule.terms) } else { 0.0 };
        // Spectra that the host makes take less than a pipeline.
        let spectrum = |(block, depth): (Block, Depth)| -> f64 {
            let pass = |&pass: &BlockPass| {
                let shares = Transform { block, pass }.shares(0, Depth::of_kernel(depth.taps));
                rates.pipeline + shares * width / rates.fft
            };
            block.kernel_passes().iter().map(pass).sum()
        };
        Cost {
            fixed: rates.round_trip * trips as f64,
            work: work.sum(),
            transfer: self.travel(dtype, geometry, gpu.kind),
            setup: rates.pipeline * pipelines.len() as f64
                + search
                + schedule.blocks().map_or(0.0, spectrum),
        }
    }

    /// Input and output over the bus of this kind of GPU.
    pub fn travel(&self, dtype: DType, geometry: &Geometry, kind: GpuKind) -> f64 {
        bytes(dtype, geometry) / self.gpu_rates(kind).bus
    }

    /// The least that any GPU takes that may be chosen unasked, for each of so many runs from and to
    /// host memory: a problem that the CPU finishes sooner need not look for one.
    pub fn gpu_floor(&self, dtype: DType, geometry: &Geometry, runs: usize) -> f64 {
        let software = self.software_unasked.then_some(&self.software);
        let each = [&self.discrete, &self.integrated].into_iter().chain(software).map(|rates| {
            let once = rates.pipeline / runs.max(1) as f64;
            rates.round_trip + bytes(dtype, geometry) / rates.bus + once
        });
        each.fold(f64::INFINITY, f64::min)
    }

    /// How long a submission takes if no output of transforms can be trusted and each is summed directly; software
    /// waits for ever.
    pub(crate) fn longest_sums(
        &self,
        dtype: DType,
        schedule: &Schedule,
        gpu: &GpuCapabilities,
    ) -> f64 {
        if gpu.kind == GpuKind::Software {
            return 0.0;
        }
        let sums = |part: &Scheduled| part.stages.iter().map(Stage::multiply_adds).sum::<f64>();
        let parts = schedule.parts.iter().map(sums);
        let most: f64 = match schedule.resident {
            Ok(()) => parts.sum(),
            Err(_) => parts.fold(0.0, f64::max),
        };
        most * complex(dtype) * width(dtype) / self.gpu_rates(gpu.kind).direct_nd
    }
}

/// Real multiplications of one of a type.
fn complex(dtype: DType) -> f64 {
    if dtype.is_complex() { 4.0 } else { 1.0 }
}

/// How much slower arithmetic of a type is: consumers' GPUs have one unit for f64 where they have 32 for f32.
fn width(dtype: DType) -> f64 {
    if dtype == DType::F64 { 32.0 } else { 1.0 }
}
