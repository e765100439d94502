//! Planning that starts no GPU in vain: one is looked for only where the CPU is expected to take longer
//! than any GPU's round trip and transfers, since starting one takes longer than most calls.

use super::Plan;
use super::capabilities::{Capabilities, Gpu};
use super::cost::CostModel;
use super::design::{TRIED_WITHIN, design};
use super::request::Request;
use crate::element::DType;
use crate::error::Result;
use crate::kernel::KernelFacts;
use crate::problem::Problem;
use crate::words::{Device, Method};

/// What planning may ask of a machine, and asks no sooner than it must.
pub(crate) trait Machine {
    /// What it can do, with this as its GPU.
    fn with_gpu(&self, gpu: Gpu) -> Capabilities;
    /// Looks for a GPU.
    fn look_for_gpu(&self) -> Gpu;
    /// What a request goes by where this is the GPU.
    fn model(&self, request: Request, gpu: &Gpu) -> CostModel;
    /// The same for every GPU that may turn out to be there.
    fn models_of_any_gpu(&self, request: Request) -> Vec<CostModel>;
}

/// The plan for a problem on a machine.
pub(crate) fn plan(
    machine: &impl Machine,
    problem: &Problem,
    kernel: &KernelFacts,
    request: Request,
) -> Result<Plan> {
    let designed = |gpu: Gpu| {
        let on = machine.with_gpu(gpu);
        design(problem, kernel, &on, &machine.model(request, &on.gpu), request)
    };
    if request.device != Device::Gpu && !request.resident {
        let plan = designed(Gpu::NotAsked)?;
        let (dtype, runs) = (problem.dtype, request.runs);
        let any = machine.models_of_any_gpu(request);
        let floors = any.iter().map(|gpu| gpu.gpu_floor(dtype, &plan.geometry, runs));
        let floor = floors.fold(f64::INFINITY, f64::min);
        let leeway = if request.method == Method::Measured { TRIED_WITHIN } else { 1.0 };
        if !gpu_could(problem, request) || leeway * plan.cost().total() <= floor {
            return Ok(plan);
        }
    }
    designed(machine.look_for_gpu())
}

/// Whether there is anything that a GPU could do of it.
fn gpu_could(problem: &Problem, request: Request) -> bool {
    request.device != Device::Cpu
        && request.precision.compute_dtype(problem.dtype) == problem.dtype.accumulator()
        && match request.method {
            Method::Coarse => false,
            Method::Fft => matches!(problem.dtype.accumulator(), DType::F32 | DType::Complex32),
            _ => true,
        }
}

/// A plan for where the GPU has failed, for this reason.
pub(crate) fn plan_on_cpu(
    machine: &impl Machine,
    failed: &Plan,
    kernel: &KernelFacts,
    why: &str,
) -> Result<Plan> {
    let gpu = Gpu::Absent(format!("it failed, and the CPU took over: {why}"));
    let on = machine.with_gpu(gpu);
    let model = machine.model(failed.request, &on.gpu);
    design(&failed.problem, kernel, &on, &model, failed.request)
}
