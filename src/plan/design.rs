//! From a problem to a plan: vetoes first, then cost.

use super::capabilities::{Capabilities, Gpu, GpuCapabilities};
use super::cost::{Cost, CostModel};
use super::cpu::strips::{WIDEST, can_fuse};
use super::cpu::{CoarseGrid, Passing, Tile, sizes};
use crate::bounds;
use crate::element::DType;
use crate::error::{Error, Result};
use crate::kernel::KernelFacts;
use crate::kernel::coarse::{Allowed, Coarsening};
use crate::plan::gpu::launch::Launch;
use crate::plan::gpu::schedule::Schedule;
use crate::plan::{Candidate, Plan, Recipe, Verdict};
use crate::problem::Problem;
use crate::problem::geometry::Geometry;
use crate::words::{Device, Method, Precision, Seconds, Tolerance};

/// What the caller insists on, and what for.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where.
    pub device: Device,
    /// How precisely.
    pub precision: Precision,
    /// How often the plan will run: what is done once is shared between so many runs.
    pub runs: usize,
    /// Whether input and output are on the GPU: then it is the CPU that they travel to and from.
    pub resident: bool,
    /// Whether the plan, and the bits of its results, are to be those of any number of threads: see
    /// [`FilterBuilder::reproducible`](crate::FilterBuilder::reproducible).
    pub reproducible: bool,
    /// The largest error of an output that is accepted, where one is: see
    /// [`FilterBuilder::tolerance`](crate::FilterBuilder::tolerance).
    pub tolerance: Option<Tolerance>,
    /// Between what the samples of a picture of levels lie, and what stands outside of it.
    pub levels: Option<[f64; 2]>,
    /// What samples are stored in, where that is not the kernel's type: bytes of a picture.
    pub stored: Option<DType>,
}

/// Runs of a filter of which nobody said how often it will run: whoever plans once has many inputs,
/// and the first of them should not wait for long either. A choice, not a measurement.
pub const MANY_RUNS: usize = 100;

impl Default for Request {
    fn default() -> Self {
        Self {
            method: Method::Auto,
            device: Device::Auto,
            precision: Precision::Native,
            runs: MANY_RUNS,
            resident: false,
            reproducible: false,
            tolerance: None,
            levels: None,
            stored: None,
        }
    }
}

impl Request {
    fn allows(&self, device: Device, method: Method) -> bool {
        (self.device == Device::Auto || self.device == device)
            && (matches!(self.method, Method::Auto | Method::Measured) || self.method == method)
    }

    /// What kernels are searched for.
    pub(crate) fn allowed(&self) -> Option<Allowed> {
        self.tolerance.map(|tolerance| Allowed { tolerance, samples: self.levels })
    }

    /// Checks the tolerance.
    ///
    /// # Errors
    /// [`Error::Tolerance`].
    pub(crate) fn check_tolerance(&self) -> Result<()> {
        let error = |expected| {
            let got = self.tolerance.map(|tolerance| format!("{tolerance:?}"));
            Err(Error::Tolerance { expected, got: got.unwrap_or_default() })
        };
        match (self.tolerance, self.levels) {
            (Some(Tolerance::Relative(most)), _) if !(most > 0.0 && most <= 1.0) => {
                error("a share of max |x| * sum |k| above 0 and up to 1, such as Relative(1e-5)")
            }
            (Some(Tolerance::Levels(most)), _) if !(most > 0.0 && most.is_finite()) => {
                error("a number of levels above 0, such as Levels(0.25)")
            }
            (Some(Tolerance::Levels(_)), None) => error(
                "Relative for what is not a picture of 8 or 16 bits: a level of these is 1/255 or 1/65535",
            ),
            _ => Ok(()),
        }
    }
}

/// Threads that a reproducible plan is made for: as many as most machines have.
const COMMON_THREADS: usize = 8;

/// Work moves away from where its data is only for a gain of more than this share, so that noise in
/// the model does not move it back and forth.
const GAIN_TO_MOVE: f64 = 0.15;

/// A transform that is exact only for usual samples must gain more than this share: others cost the
/// look at them, and then the direct method.
const GAIN_TO_TRUST_SAMPLES: f64 = 0.3;

/// Seconds of direct sums that one submission may come to where nobody has asked for it: drivers take a device
/// that is busy for two for hung.
const LONGEST_SUMS: f64 = 0.5;

/// What integers of 32 and 64 bits seldom exceed: samples of 16 bits.
const USUAL_INTEGER: f64 = 65_535.0;

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
    let candidates = [
        judge.candidate(Device::Cpu, Method::Direct, judge.cpu_direct()),
        judge.candidate(Device::Cpu, Method::Separable, judge.cpu_separable()),
        judge.candidate(Device::Cpu, Method::Fft, judge.cpu_fft()),
        judge.candidate(Device::Cpu, Method::Coarse, judge.cpu_coarse()),
        judge.candidate(Device::Gpu, Method::Direct, judge.gpu_direct()),
        judge.candidate(Device::Gpu, Method::Separable, judge.gpu_separable()),
        judge.candidate(Device::Gpu, Method::Fft, judge.gpu_fft()),
    ];
    let candidates: Vec<_> = candidates.map(|candidate| candidate.on_at_most(threads)).into();
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
                if !self.request.resident {
                    cost.setup += self.model.first_touch(self.stored(), self.geometry);
                }
                cost.setup /= self.request.runs.max(1) as f64;
                self.travel(device, &mut cost);
                Verdict::Admissible(recipe, cost)
            }
            Err(reason) => Verdict::Vetoed(reason),
        };
        Candidate { device, method, verdict, measured: None }
    }

    /// Data that is on the GPU travels to the CPU instead.
    fn travel(&self, device: Device, cost: &mut Cost) {
        if !self.request.resident {
            return;
        }
        cost.transfer = 0.0;
        if let (Device::Cpu, Gpu::Present(gpu)) = (device, &self.capabilities.gpu) {
            cost.transfer = self.model.travel(self.problem.dtype, self.geometry, gpu.kind);
            cost.fixed += self.model.gpu_rates(gpu.kind).round_trip;
        }
    }

    /// What samples are stored in.
    fn stored(&self) -> DType {
        self.request.stored.unwrap_or(self.problem.dtype)
    }

    fn cpu_direct(&self) -> Result<(Recipe, Cost), String> {
        let (dtype, stored) = (self.dtype, self.stored());
        let (threads, cost) =
            self.model.cpu_direct(dtype, stored, self.geometry, self.capabilities);
        let (instructions, by_shape) = (self.capabilities.instructions, self.request.reproducible);
        let tile = self.tile();
        Ok((Recipe::CpuDirect { tile, threads, instructions, by_shape }, cost))
    }

    fn cpu_separable(&self) -> Result<(Recipe, Cost), String> {
        let terms = self.kernel.terms;
        self.separates()?;
        if terms > 1 && !can_fuse(self.geometry) {
            return Err(format!(
                "the kernel is a sum of {terms} outer products, whose passes add up only where rows \
                 have at least {WIDEST} outputs and neither dilation nor channels"
            ));
        }
        let (instructions, by_shape) = (self.capabilities.instructions, self.request.reproducible);
        let dtypes = [self.dtype, self.stored()];
        let passes = Passing::all(self.geometry, self.kernel, dtypes, instructions);
        let (dtype, stored, geometry) = (self.dtype, self.stored(), self.geometry);
        let (threads, cost) =
            self.model.cpu_separable(dtype, stored, geometry, terms, &passes, self.capabilities);
        let tile = self.tile();
        Ok((Recipe::CpuSeparable { terms, passes, tile, threads, instructions, by_shape }, cost))
    }

    /// Of what is computed directly on the CPU.
    fn tile(&self) -> Tile {
        Tile::of(self.geometry, self.capabilities.instructions)
    }

    fn cpu_fft(&self) -> Result<(Recipe, Cost), String> {
        let dtype = self.dtype;
        if !self.kernel.finite {
            return Err("the kernel has taps that are not finite".into());
        }
        let blocks = sizes::blocks(self.geometry, dtype, self.capabilities.threads)
            .ok_or("a block that holds the dilated kernel would not fit into memory")?;
        let exact = |largest| bounds::fft_is_exact(blocks.spread(), self.kernel, largest);
        let proved = dtype.largest_integer().is_none_or(exact);
        // Each block is proved by the samples that are in it, and left to the direct method where it
        // is not: that pays where usual samples can be proved. Asked for by name, some suffice.
        let usual = if self.request.method == Method::Fft { 1.0 } else { USUAL_INTEGER };
        if !proved && !exact(usual) {
            return Err(format!(
                "its rounding error is not proved to leave {dtype} samples up to {usual} exact"
            ));
        }
        let (threads, cost) =
            self.model.cpu_fft(dtype, self.stored(), self.geometry, &blocks, self.capabilities);
        let (tile, instructions) = (self.tile(), self.capabilities.instructions);
        Ok((Recipe::CpuFft { blocks, proved, tile, threads, instructions }, cost))
    }

    fn cpu_coarse(&self) -> Result<(Recipe, Cost), String> {
        let Some(allowed) = self.request.allowed() else {
            return Err("no tolerance was given".into());
        };
        let dtype = self.dtype;
        if !matches!(dtype, DType::F32 | DType::F64) {
            let why = if dtype.is_integer() { "are exact" } else { "have no such passes" };
            return Err(format!("{dtype} sums {why}, whatever is tolerated"));
        }
        if self.geometry.axes.iter().any(|axis| axis.stride > 1 || axis.dilation > 1) {
            return Err("strides and dilations are not passed over on coarser grids".into());
        }
        if !self.problem.constants_agree {
            return Err("the boundary has different constants on different axes".into());
        }
        let designs = match &self.kernel.coarse {
            Coarsening::Designed(designs) if designs.len() == self.geometry.rank() => designs,
            Coarsening::Refused(reason) => return Err(reason.clone()),
            _ => return Err("the kernel's taps are not known".into()),
        };
        let comes_to = |error, constants| allowed.comes_to(self.kernel.sum, error, constants);
        let grid = CoarseGrid::new(self.geometry, designs, allowed.tolerance, comes_to);
        let grid = grid.ok_or("no axis is long beside the samples of its coarser grid")?;
        let exact = self.cpu_separable().or_else(|_| self.cpu_direct());
        let (exact, _) = exact.expect("the direct method does everything");
        let (threads, cost) =
            self.model.cpu_coarse(dtype, self.stored(), self.geometry, &grid, self.capabilities);
        let (instructions, by_shape) = (self.capabilities.instructions, self.request.reproducible);
        let exact = Box::new(exact);
        Ok((Recipe::CpuCoarse { grid, exact, threads, instructions, by_shape }, cost))
    }

    fn gpu_direct(&self) -> Result<(Recipe, Cost), String> {
        let gpu = self.gpu()?;
        let schedule = Schedule::direct(self.problem.dtype, self.geometry, gpu)?;
        let cost = self.model.gpu(self.problem.dtype, self.geometry, &schedule, gpu);
        Ok((Recipe::Gpu(schedule), cost))
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
        Ok((Recipe::Gpu(schedule), cost))
    }

    /// In blocks that take the least time.
    fn gpu_fft(&self) -> Result<(Recipe, Cost), String> {
        let gpu = self.gpu()?;
        let dtype = self.problem.dtype;
        gpu.check_transforms(self.dtype)?;
        if !self.kernel.finite {
            return Err("the kernel has taps that are not finite".into());
        }
        // No value of a spectrum is larger: scaled by it, all are numbers.
        if !self.kernel.sum.is_finite() {
            return Err(format!("the taps add up to more than {dtype} has numbers for"));
        }
        let (mut best, mut reason): (Option<(Schedule, Cost)>, _) = (None, String::new());
        for block in Launch::blocks(dtype, self.geometry, gpu)? {
            let schedule = match Schedule::fft(dtype, self.geometry, block, gpu) {
                Ok(schedule) => schedule,
                Err(why) => {
                    reason = why;
                    continue;
                }
            };
            let cost = self.model.gpu(dtype, self.geometry, &schedule, gpu);
            if best.as_ref().is_none_or(|(_, least)| cost.total() < least.total()) {
                best = Some((schedule, cost));
            }
        }
        let (schedule, cost) = best.ok_or(reason)?;
        let request = self.request;
        let asked =
            request.method == Method::Fft && (request.device == Device::Gpu || request.resident);
        let longest = self.model.longest_sums(dtype, &schedule, gpu);
        if !asked && longest > LONGEST_SUMS {
            return Err(format!(
                "should samples be such that no transform can be trusted, direct sums take {} of one submission, which \
                 a driver may not wait for: expected both device and method to be asked for",
                Seconds(longest)
            ));
        }
        Ok((Recipe::Gpu(schedule), cost))
    }

    /// The GPU, where there is one that has the type.
    fn gpu(&self) -> Result<&GpuCapabilities, String> {
        let dtype = self.problem.dtype;
        if self.dtype != dtype.accumulator() {
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
