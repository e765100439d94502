//! From a problem to a plan: of what the methods could do, what the least time is expected of.

use super::capabilities::{Capabilities, Gpu};
use super::cost::CostModel;
use super::judge::Judge;
use super::request::Request;
use super::{Candidate, Plan, Recipe, Verdict};
use crate::error::{Error, Result};
use crate::kernel::KernelFacts;
use crate::problem::Problem;
use crate::words::{Device, Method};

/// Threads that a reproducible plan is made for: as many as most machines have.
const COMMON_THREADS: usize = 8;

/// Work moves away from where its data is only for a gain of more than this share, so that noise in
/// the model does not move it back and forth.
const GAIN_TO_MOVE: f64 = 0.15;

/// A transform that is exact only for usual samples must gain more than this share: others cost the
/// look at them, and then the direct method.
const GAIN_TO_TRUST_SAMPLES: f64 = 0.3;

/// Chooses. The same arguments give the same plan.
///
/// # Errors
/// [`Error::Inadmissible`] where what the request insists on cannot do the problem: a forced
/// choice never falls back. `Auto` always finds the CPU's direct method. [`Error::Tolerance`].
pub fn design(
    problem: &Problem,
    kernel: &KernelFacts,
    capabilities: &Capabilities,
    model: &CostModel,
    request: Request,
) -> Result<Plan> {
    if request.reproducible && request.method == Method::Measured {
        return Err(Error::Inadmissible {
            wanted: "method measured".into(),
            reason: "the clock would choose, and results must be reproducible: expected another method, \
                     or no `reproducible`"
                .into(),
        });
    }
    request.check_tolerance()?;
    let geometry = problem.geometry();
    let dtype = request.precision.compute_dtype(problem.dtype);
    // One number for all: what is decided and how work is cut does not go with that of this machine.
    let threads = capabilities.threads;
    let common = Capabilities { threads: COMMON_THREADS, ..capabilities.clone() };
    let capabilities = if request.reproducible { &common } else { capabilities };
    let judge = Judge { problem, dtype, geometry: &geometry, kernel, capabilities, model, request };
    let candidates: Vec<_> =
        judge.candidates().map(|candidate| candidate.on_at_most(threads)).into();
    let chosen = choose(&candidates, request, &capabilities.gpu, model.software_unasked)?;
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

/// Whether the GPU is one that is only used where it is asked for, or where nothing else is left.
pub(super) fn is_last_resort(request: Request, gpu: &Gpu, software_unasked: bool) -> bool {
    gpu.is_software() && !software_unasked && !request.resident
}

/// How many times as long as the best of them a method may be expected to take that is tried.
pub(super) const TRIED_WITHIN: f64 = 5.0;

impl Plan {
    /// Which candidates are worth trying.
    pub(crate) fn worth_measuring(&self, software_unasked: bool) -> Vec<bool> {
        let last_resort = is_last_resort(self.request, &self.gpu, software_unasked)
            && self.request.device == Device::Auto;
        let time = |candidate: &Candidate| {
            let allowed = self.request.allows(candidate.device, candidate.method)
                && !(last_resort && candidate.device == Device::Gpu);
            candidate.admitted().filter(|_| allowed).map(|(_, cost)| cost.total())
        };
        let best = self.candidates.iter().filter_map(time).fold(f64::INFINITY, f64::min);
        let worth = |candidate| time(candidate).is_some_and(|time| time <= TRIED_WITHIN * best);
        self.candidates.iter().map(worth).collect()
    }

    /// The plan with what was measured, and the choice that follows from it.
    pub(crate) fn with_times(mut self, times: &[Option<f64>], software_unasked: bool) -> Self {
        for (candidate, time) in self.candidates.iter_mut().zip(times) {
            candidate.measured = *time;
        }
        // What was chosen before is still there, should nothing else be.
        if let Ok(chosen) = choose(&self.candidates, self.request, &self.gpu, software_unasked) {
            self.chosen = chosen;
        }
        self
    }
}

fn choose(
    candidates: &[Candidate],
    request: Request,
    gpu: &Gpu,
    software_unasked: bool,
) -> Result<usize> {
    let home = if request.resident { Device::Gpu } else { Device::Cpu };
    let last_resort = is_last_resort(request, gpu, software_unasked);
    let measured = candidates.iter().any(|candidate| candidate.measured.is_some());
    // What is not to be chosen unasked comes after all others.
    let handicapped = |candidate: &Candidate| {
        let (recipe, cost) = candidate.admitted()?;
        let time = match measured {
            true => candidate.measured? + cost.setup,
            false => cost.total(),
        };
        let gain = match recipe {
            Recipe::Gpu(schedule) if schedule.block().is_some() => GAIN_TO_TRUST_SAMPLES,
            _ if candidate.device != home => GAIN_TO_MOVE,
            Recipe::CpuFft { proved: false, .. } => GAIN_TO_TRUST_SAMPLES,
            _ => 0.0,
        };
        Some((last_resort && candidate.device == Device::Gpu, time / (1.0 - gain)))
    };
    let allowed = |candidate: &Candidate| request.allows(candidate.device, candidate.method);
    let best = candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| allowed(candidate))
        .filter_map(|(i, candidate)| Some((i, handicapped(candidate)?)))
        .min_by(|(_, (last_a, a)), (_, (last_b, b))| last_a.cmp(last_b).then(a.total_cmp(b)));
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
        (device, Method::Auto | Method::Measured) => format!("device {device}"),
        (Device::Auto, method) => format!("method {method}"),
        (device, method) => format!("method {method} on device {device}"),
    };
    Err(Error::Inadmissible { wanted, reason: reasons.join("; ") })
}
