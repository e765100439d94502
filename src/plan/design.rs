//! From a problem to a plan: vetoes first, then cost.

use super::capabilities::{Capabilities, Gpu, GpuCapabilities};
use super::cost::{Cost, CostModel};
use super::schedule::Schedule;
use super::{Candidate, Device, Method, Plan, Recipe, Verdict};
use crate::bounds;
use crate::cpu::fft::size;
use crate::cpu::separable::{WIDEST, can_fuse};
use crate::element::DType;
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::kernel::KernelFacts;
use crate::precision::Precision;
use crate::problem::Problem;

/// What the caller insists on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub device: Device,
    /// How precisely.
    pub precision: Precision,
}

impl Request {
    fn allows(&self, device: Device, method: Method) -> bool {
        (self.device == Device::Auto || self.device == device)
            && (self.method == Method::Auto || self.method == method)
    }
}

/// Work moves off the CPU only for a gain of more than this share, so that noise in the model does
/// not move it back and forth.
const GAIN_TO_LEAVE_CPU: f64 = 0.15;

/// Chooses. The same arguments give the same plan.
///
/// # Errors
/// [`Error::Inadmissible`] where what the request insists on cannot do the problem: a forced
/// choice never falls back. `Auto` always finds the CPU's direct method.
pub fn design(
    problem: &Problem,
    kernel: &KernelFacts,
    capabilities: &Capabilities,
    model: &CostModel,
    request: Request,
) -> Result<Plan> {
    let geometry = problem.geometry();
    let dtype = request.precision.inside(problem.dtype);
    let judge = Judge { problem, dtype, geometry: &geometry, kernel, capabilities, model, request };
    let candidates = vec![
        judge.candidate(Device::Cpu, Method::Direct, judge.cpu_direct()),
        judge.candidate(Device::Cpu, Method::Separable, judge.cpu_separable()),
        judge.candidate(Device::Cpu, Method::Fft, judge.cpu_fft()),
        judge.candidate(Device::Gpu, Method::Direct, judge.gpu_direct()),
        judge.candidate(Device::Gpu, Method::Separable, judge.gpu_separable()),
    ];
    let chosen = choose(&candidates, request)?;
    Ok(Plan {
        problem: problem.clone(),
        geometry,
        kernel: kernel.clone(),
        request,
        gpu: capabilities.gpu.clone(),
        candidates,
        chosen,
    })
}

fn choose(candidates: &[Candidate], request: Request) -> Result<usize> {
    let handicapped = |candidate: &Candidate| {
        let (_, cost) = candidate.admitted()?;
        let handicap = if candidate.device == Device::Gpu { 1.0 - GAIN_TO_LEAVE_CPU } else { 1.0 };
        Some(cost.total() / handicap)
    };
    let allowed = |candidate: &Candidate| request.allows(candidate.device, candidate.method);
    let best = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| allowed(candidate))
        .filter_map(|(i, candidate)| Some((i, handicapped(candidate)?)))
        .min_by(|(_, a), (_, b)| a.total_cmp(b));
    if let Some((i, _)) = best {
        return Ok(i);
    }
    let mut reasons: Vec<String> = Vec::new();
    for candidate in candidates.iter().filter(|candidate| allowed(candidate)) {
        if let Verdict::Vetoed(reason) = &candidate.verdict
            && !reasons.contains(reason)
        {
            reasons.push(reason.clone());
        }
    }
    if reasons.is_empty() {
        reasons.push(format!("the {} has no {} method", request.device, request.method));
    }
    let wanted = match (request.device, request.method) {
        (device, Method::Auto) => format!("device {device}"),
        (Device::Auto, method) => format!("method {method}"),
        (device, method) => format!("method {method} on device {device}"),
    };
    Err(Error::Inadmissible { wanted, reason: reasons.join("; ") })
}

/// What the candidates are judged by.
struct Judge<'a> {
    problem: &'a Problem,
    /// The type that is computed in.
    dtype: DType,
    geometry: &'a Geometry,
    kernel: &'a KernelFacts,
    capabilities: &'a Capabilities,
    model: &'a CostModel,
    request: Request,
}

impl Judge<'_> {
    fn candidate(
        &self,
        device: Device,
        method: Method,
        verdict: Result<(Recipe, Cost), String>,
    ) -> Candidate {
        let verdict = match verdict {
            Ok((recipe, mut cost)) => {
                // Shaders widen what they load.
                if device == Device::Cpu {
                    let stored = self.problem.dtype;
                    cost.work += self.model.conversion(stored, self.dtype, self.geometry);
                }
                Verdict::Admissible(recipe, cost)
            }
            Err(reason) => Verdict::Vetoed(reason),
        };
        Candidate { device, method, verdict }
    }

    fn cpu_direct(&self) -> Result<(Recipe, Cost), String> {
        let (threads, cost) = self.model.cpu_direct(self.dtype, self.geometry, self.capabilities);
        Ok((Recipe::CpuDirect { threads, instructions: self.capabilities.instructions }, cost))
    }

    fn cpu_separable(&self) -> Result<(Recipe, Cost), String> {
        let terms = self.kernel.terms;
        self.separates()?;
        if terms > 1 && !can_fuse(self.geometry) {
            return Err(format!(
                "the kernel is a sum of {terms} outer products, whose passes add up only where rows \
                 have at least {WIDEST} outputs and neither dilation nor lanes"
            ));
        }
        let (threads, cost) =
            self.model.cpu_separable(self.dtype, self.geometry, terms, self.capabilities);
        let instructions = self.capabilities.instructions;
        Ok((Recipe::CpuSeparable { terms, threads, instructions }, cost))
    }

    fn cpu_fft(&self) -> Result<(Recipe, Cost), String> {
        let dtype = self.dtype;
        if !self.kernel.finite {
            return Err("the kernel has taps that are not finite".into());
        }
        let blocks = size::blocks(self.geometry, dtype, self.capabilities.threads)
            .ok_or("a block that holds the dilated kernel would not fit into memory")?;
        if let Some(largest) = dtype.largest_integer() {
            let exact = |largest| bounds::fft_is_exact(blocks.spread(), self.kernel, largest);
            // Asked for by name, the method proves each block by the samples that are in it, and
            // leaves to the direct method what it cannot prove.
            let by_name = self.request.method == Method::Fft && exact(1.0);
            if !exact(largest) && !by_name {
                return Err(format!(
                    "its rounding error is not proved to leave every {dtype} exact"
                ));
            }
        }
        let (threads, cost) = self.model.cpu_fft(dtype, &blocks, self.capabilities);
        Ok((Recipe::CpuFft { blocks, threads }, cost))
    }

    fn gpu_direct(&self) -> Result<(Recipe, Cost), String> {
        let gpu = self.gpu()?;
        let schedule = Schedule::direct(self.problem.dtype, self.geometry, gpu)?;
        let cost = self.model.gpu(self.problem.dtype, self.geometry, &schedule, gpu);
        Ok((Recipe::GpuDirect(schedule), cost))
    }

    fn gpu_separable(&self) -> Result<(Recipe, Cost), String> {
        let gpu = self.gpu()?;
        let KernelFacts { terms, keeps_signs, .. } = *self.kernel;
        self.separates()?;
        // Where passes could end in another infinity than the kernel does, or overflow, the direct
        // method has the last word.
        let repair = !self.dtype.is_integer() && (terms > 1 || !keeps_signs);
        let dtype = self.problem.dtype;
        let schedule = Schedule::separable(dtype, self.geometry, terms, repair, gpu)?;
        let cost = self.model.gpu(dtype, self.geometry, &schedule, gpu);
        Ok((Recipe::GpuSeparable(schedule), cost))
    }

    /// The GPU, where there is one that has the type.
    fn gpu(&self) -> Result<&GpuCapabilities, String> {
        let dtype = self.problem.dtype;
        if self.dtype != dtype.summed_in() {
            let (precision, inside) = (self.request.precision, self.dtype);
            return Err(format!("the shaders have no {inside}, which precision {precision} needs"));
        }
        let gpu = match &self.capabilities.gpu {
            Gpu::Present(gpu) => gpu,
            Gpu::Absent(reason) => return Err(reason.clone()),
            Gpu::NotAsked => return Err("not looked for: it could not be faster here".into()),
        };
        match gpu.supports(dtype) {
            true => Ok(gpu),
            false if matches!(dtype, DType::F16 | DType::F64) => {
                Err(format!("{} has no {dtype} in shaders", gpu.name))
            }
            false => Err(format!("the shaders have no {dtype}")),
        }
    }

    /// What passes along the axes need on any device.
    fn separates(&self) -> Result<(), String> {
        if !self.kernel.is_separable() {
            return Err("the kernel is not an outer product of vectors on two or more axes, \
                        nor a sum of a few"
                .into());
        }
        if !self.problem.constants_agree {
            return Err("the boundary has different constants on different axes".into());
        }
        Ok(())
    }
}
