//! What each method could do with a problem, and what it would cost; or why it cannot.

use super::capabilities::{Capabilities, Gpu, GpuCapabilities};
use super::cost::{Cost, CostModel};
use super::cpu::strips::{WIDEST, can_fuse};
use super::cpu::{CoarseGrid, Passing, Tile, sizes};
use super::gpu::launch::Launch;
use super::gpu::schedule::Schedule;
use super::request::Request;
use super::{Candidate, Recipe, Verdict};
use crate::bounds;
use crate::element::DType;
use crate::kernel::KernelFacts;
use crate::kernel::coarse::Coarsening;
use crate::problem::Problem;
use crate::problem::geometry::Geometry;
use crate::words::{Device, Method, Seconds};

/// Seconds of direct sums that one submission may come to where nobody has asked for it: drivers take a device
/// that is busy for two for hung.
const LONGEST_SUMS: f64 = 0.5;

/// The share of the direct sums of `f32` that transforms are expected to leave: between noise, which leaves none, and
/// photographs, which left 0.6 and 0.5 under 13 x 13 and 15 x 15 taps, dark ones all (1080 x 1920, Zen 4, 2026-11-29).
const DOUBTED: f64 = 0.25;

/// Taps up to which that is counted: under more, transforms are ahead of direct sums by far.
const DOUBTED_TAPS: usize = 400;

/// What integers of 32 and 64 bits seldom exceed: samples of 16 bits.
const USUAL_INTEGER: f64 = 65_535.0;

/// What the candidates are judged by.
pub(super) struct Judge<'a> {
    pub problem: &'a Problem,
    /// The type that is computed in.
    pub dtype: DType,
    pub geometry: &'a Geometry,
    pub kernel: &'a KernelFacts,
    pub capabilities: &'a Capabilities,
    pub model: &'a CostModel,
    pub request: Request,
}

impl Judge<'_> {
    /// One for each method of each device.
    pub(super) fn candidates(&self) -> [Candidate; 7] {
        [
            self.candidate(Device::Cpu, Method::Direct, self.cpu_direct()),
            self.candidate(Device::Cpu, Method::Separable, self.cpu_separable()),
            self.candidate(Device::Cpu, Method::Fft, self.cpu_fft()),
            self.candidate(Device::Cpu, Method::Coarse, self.cpu_coarse()),
            self.candidate(Device::Gpu, Method::Direct, self.gpu_direct()),
            self.candidate(Device::Gpu, Method::Separable, self.gpu_separable()),
            self.candidate(Device::Gpu, Method::Fft, self.gpu_fft()),
        ]
    }

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
        let (threads, mut cost) =
            self.model.cpu_fft(dtype, self.stored(), self.geometry, &blocks, self.capabilities);
        cost.work += self.doubts();
        let (tile, instructions) = (self.tile(), self.capabilities.instructions);
        Ok((Recipe::CpuFft { blocks, proved, tile, threads, instructions }, cost))
    }

    /// What transforms of `f32` are expected to leave to direct sums, in seconds. Results of whole levels need none, and
    /// signals along one axis are no pictures.
    fn doubts(&self) -> f64 {
        let is_single = matches!(self.dtype, DType::F32 | DType::Complex32);
        let is_signal = self.geometry.rank() == 1;
        if is_signal
            || !is_single
            || self.stored() != self.dtype
            || self.geometry.taps() > DOUBTED_TAPS
        {
            return 0.0;
        }
        let (dtype, geometry) = (self.dtype, self.geometry);
        DOUBTED * self.model.cpu_direct(dtype, dtype, geometry, self.capabilities).1.work
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
