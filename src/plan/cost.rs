//! What a method is expected to take: counted work over rates.
//!
//! `fixed + work + transfer + setup / runs`, where work is arithmetic and what memory adds to it on a
//! CPU, or the longer of both on a GPU. The model's task is to order the methods, so rates are those
//! of this library's own executors, not the hardware's peaks.
//! `docs/how-it-chooses.md` is the long form.

use std::collections::HashSet;
use std::fmt;

use super::capabilities::{Capabilities, GpuCapabilities, GpuKind, InstructionSet};
use super::cpu::strips;
use super::cpu::tiles::{Tile, computed_columns, rate_share};
use super::cpu::{Blocks, sizes};
use crate::element::DType;
use crate::plan::gpu::schedule::Schedule;
use crate::problem::geometry::Geometry;
use crate::words::Seconds;

/// Expected times of one run, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Waking threads, submitting, waiting: whatever does not grow with the data.
    pub fixed: f64,
    /// Arithmetic and memory traffic: on a CPU what memory adds, on a GPU whichever takes longer.
    pub work: f64,
    /// To the device and back; nothing where the data is there already.
    pub transfer: f64,
    /// One run's share of what is done once: compiling pipelines, transforming the kernel, finding
    /// its factors. All of it is this times [`Request::runs`](super::Request::runs).
    pub setup: f64,
}

impl Cost {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.run() + self.setup
    }

    /// A run for which everything has been set up.
    pub fn run(&self) -> f64 {
        self.fixed + self.work + self.transfer
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Seconds(self.total()).fmt(f)
    }
}

/// Rates of the CPU's methods, per thread.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuRates {
    /// Multiply-adds of the direct method per second, on 4-byte elements with tiles of full height
    /// and AVX2 or wider vectors.
    pub direct: f64,
    /// Samples of 4 bytes per second that go from one pass to the next.
    pub ring: f64,
    /// Samples per second that are picked out of the input one by one, under an inner stride.
    pub gather: f64,
    /// Butterflies' shares per second, in f32: a transform of `N` samples has `N log2 N` of them.
    pub fft: f64,
    /// Sharing the result out to blocks and looking at what is in them, in seconds: what a
    /// transform takes at least.
    pub fft_start: f64,
    /// Bytes of input and output that stay in the caches from run to run: up to there, memory is as
    /// fast as the methods.
    pub cache: f64,
    /// Bytes per second beyond that, read and written, of all threads together.
    pub bandwidth: f64,
    /// Finding and starting one row of samples for one row of outputs, in seconds.
    pub row: f64,
    /// Handing work to other threads and waiting for them, in seconds.
    pub wake: f64,
}

/// Rates of one kind of GPU.
#[derive(Clone, Debug, PartialEq)]
pub struct GpuRates {
    /// Multiply-adds per second of the tiled direct shaders.
    pub direct: f64,
    /// Multiply-adds per second of the N-dimensional shader.
    pub direct_nd: f64,
    /// Bytes per second of device memory.
    pub bandwidth: f64,
    /// Bytes per second over the bus, each way.
    pub bus: f64,
    /// One submission, waited for, in seconds.
    pub round_trip: f64,
    /// Compiling one pipeline that no cache has, in seconds.
    pub pipeline: f64,
}

/// All rates.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModel {
    /// The CPU's.
    pub cpu: CpuRates,
    /// Of a GPU with memory of its own.
    pub discrete: GpuRates,
    /// Of a GPU that shares the CPU's memory.
    pub integrated: GpuRates,
    /// Of an adapter that runs on the CPU.
    pub software: GpuRates,
    /// Whether an adapter that runs on the CPU may be chosen without being asked for. As a rule it
    /// may not, whatever is expected of it: this library's own methods know the CPU better.
    pub software_unasked: bool,
}

impl Default for CostModel {
    fn default() -> Self {
        Self {
            // From benches/results/executors.md and the benches `direct` and `cases`, rounded: 2
            // cores AMD EPYC (Zen 4), 2026-11-23. `fft_start` is what tiny transforms took above
            // direct sums there. `gather` and `wake` are estimates of the same machine.
            cpu: CpuRates {
                direct: 52e9,
                ring: 7e9,
                gather: 0.7e9,
                fft: 5.8e9,
                fft_start: 0.6e-6,
                cache: 10e6,
                bandwidth: 60e9,
                row: 4e-9,
                wake: 10e-6,
            },
            // Not measured: no such device was at hand. Rates are a quarter of what the class's
            // common members do at least (10 TFLOP/s and 300 GB/s; 1 TFLOP/s and 40 GB/s), the
            // round trip is the upper end of what wgpu's users report.
            discrete: GpuRates {
                direct: 1.25e12,
                direct_nd: 0.15e12,
                bandwidth: 75e9,
                bus: 6e9,
                round_trip: 300e-6,
                pipeline: 10e-3,
            },
            integrated: GpuRates {
                direct: 0.125e12,
                direct_nd: 0.015e12,
                bandwidth: 10e9,
                bus: 5e9,
                round_trip: 300e-6,
                pipeline: 10e-3,
            },
            // `direct` and `bandwidth` are from single runs of Mesa lavapipe on the same machine, which
            // hardly gets beyond its cost per sample; the others are estimates.
            software: GpuRates {
                direct: 0.4e9,
                direct_nd: 0.05e9,
                bandwidth: 0.15e9,
                bus: 2e9,
                round_trip: 1e-3,
                pipeline: 20e-3,
            },
            software_unasked: false,
        }
    }
}

/// Taps per second of the search for outer products, for each term that is found and one more.
const SEARCH: f64 = 0.3e9;

/// Wake-ups that another thread must be worth, at least.
const WAKES_PER_THREAD: f64 = 3.0;

impl CostModel {
    /// Threads worth waking for work that takes one of them this many seconds.
    pub fn threads(&self, capabilities: &Capabilities, seconds: f64) -> usize {
        ((seconds / (WAKES_PER_THREAD * self.cpu.wake)) as usize)
            .clamp(1, capabilities.threads.max(1))
    }

    /// The direct method on the CPU, with the number of threads that suits it.
    pub fn cpu_direct(
        &self,
        dtype: DType,
        geometry: &Geometry,
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let (inner, outer) = geometry.axes.split_last().expect("at least one axis");
        let outputs = geometry.output_len() as f64;
        let rows = outputs / inner.outputs() as f64;
        let taps = geometry.taps() / inner.taps;
        let shared = outer.last().map_or(1, |axis| axis.taps.div_ceil(axis.stride));
        let rate = self.direct_rate(dtype, capabilities) * rate_share(shared, inner.taps);
        // Finding a row's own outputs costs about as much as eight rows of samples, and each further
        // plane of taps as much again.
        let planes: usize = outer.iter().rev().skip(1).map(|axis| axis.taps).product();
        let per_row = 8.0 + taps as f64 + 8.0 * (planes - 1) as f64;
        let computed = rows * computed_columns(inner) * geometry.taps() as f64;
        let mut compute = computed / rate + rows * per_row * self.cpu.row;
        if inner.stride > 1 {
            // Six rows of a tile share their samples, and taps those of their phase.
            let samples = (taps as f64 / 6.0 + 1.0) * inner.stride.min(inner.taps) as f64;
            compute += outputs * samples / self.cpu.gather;
        }
        let threads = self.threads(capabilities, compute);
        (threads, self.on_cpu(compute, bytes(dtype, geometry), threads))
    }

    /// One pass per axis on the CPU, the last two fused where they can be, for each of `terms`
    /// outer products.
    pub fn cpu_separable(
        &self,
        dtype: DType,
        geometry: &Geometry,
        terms: usize,
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let samples = geometry.output_len().max(geometry.input_len()) as f64;
        let (inner, outer) = geometry.axes.split_last().expect("at least one axis");
        let rate = self.direct_rate(dtype, capabilities);
        let columns: usize = outer.iter().map(|axis| axis.taps).sum();
        // Pieces filter the rows above them again.
        let again = outer.last().map_or(0.0, |axis| {
            let tile = Tile::along(axis, dtype, capabilities.instructions);
            let piece = strips::piece(tile, axis.outputs(), capabilities.threads);
            (axis.taps - 1) as f64 / piece as f64
        });
        let per_sample = (1.0 + again) * inner.taps as f64 / 0.95 + columns as f64 / 0.92;
        let rows = samples / inner.outputs() as f64;
        let width = dtype.size() as f64 / 4.0;
        let passes = geometry.axes.iter().filter(|axis| axis.taps > 1).count();
        let passes = passes - usize::from(strips::can_fuse(geometry));
        // Each pass finds its rows; a fused one has two kinds of them.
        let per_row = 26.0 + 24.0 * (passes.max(1) - 1) as f64;
        let ring = samples * width / self.cpu.ring + rows * per_row * self.cpu.row;
        let mut compute = terms as f64 * (samples * per_sample / rate + ring);
        if inner.stride > 1 {
            compute += samples * inner.stride.min(inner.taps) as f64 / self.cpu.gather;
        }
        let threads = self.threads(capabilities, compute);
        let mut cost = self.on_cpu(compute, passes as f64 * bytes(dtype, geometry), threads);
        cost.setup = search(geometry, terms);
        (threads, cost)
    }

    /// Multiply-adds per second of a thread in tiles of full height.
    fn direct_rate(&self, dtype: DType, capabilities: &Capabilities) -> f64 {
        // Products of bytes are made of those of two bytes; a complex product is four real ones;
        // integers have no fused multiply-add (the bench `cases`, group `types`).
        let width = 4.0 / dtype.size().max(2) as f64;
        let complex = if dtype.is_complex() { 0.5 } else { 1.0 };
        let integer = if dtype.is_integer() { 0.75 } else { 1.0 };
        let narrow = match capabilities.instructions {
            // Half the width of AVX2 or less, and no fused multiply-add.
            InstructionSet::Baseline => 0.3,
            _ => 1.0,
        };
        self.cpu.direct * width * complex * integer * narrow
    }

    /// FFT in blocks on the CPU.
    pub fn cpu_fft(
        &self,
        dtype: DType,
        geometry: &Geometry,
        blocks: &Blocks,
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let bytes = dtype.spectrum_bytes();
        // Vectors hold half as many numbers of twice the size.
        let width = bytes as f64 / 8.0;
        let block = sizes::work_per_block(blocks, bytes) * width / self.cpu.fft;
        // The kernel's way there, through memory that is touched for the first time, takes what a block
        // takes there and back: 2 to 39 ms where this says 2 to 40, for 63² and 255² taps at 2048² and
        // 511² at 4096² (Zen 4, 2026-11-23). Of an axis that is summed only the taps are transformed.
        let spectrum = match (blocks.summed, blocks.summed_axis()) {
            (Some(summed), Some(axis)) => summed.taps as f64 / blocks.size[axis] as f64,
            _ => 1.0,
        };
        let transforms = blocks.total().div_ceil(dtype.packed_blocks());
        let threads = self.threads(capabilities, block * transforms as f64);
        let threads = threads.min(transforms);
        let rounds = transforms.div_ceil(threads) as f64;
        let wake = if threads > 1 { self.cpu.wake } else { 0.0 };
        let fixed = self.cpu.fft_start + wake;
        // Blocks of several axes are gathered from rows far apart, one after another: three times what
        // rows in turn take (2048² and 4096², f32 and f64, the bench `crossover`).
        let apart = if geometry.rank() > 1 { 3.0 } else { 1.0 };
        let work = rounds * block + apart * self.memory(self::bytes(dtype, geometry));
        (threads, Cost { fixed, work, transfer: 0.0, setup: block * spectrum })
    }

    /// The dispatches of a schedule, from and to host memory.
    pub fn gpu(
        &self,
        dtype: DType,
        geometry: &Geometry,
        schedule: &Schedule,
        gpu: &GpuCapabilities,
    ) -> Cost {
        let rates = self.gpu_rates(gpu.kind);
        let complex = if dtype.is_complex() { 4.0 } else { 1.0 };
        // Consumers' GPUs have one unit for f64 where they have 32 for f32.
        let width = if dtype == DType::F64 { 32.0 } else { 1.0 };
        let work = schedule.stages().map(|stage| {
            let launch = &stage.launch;
            let rate = if launch.is_tiled() { rates.direct } else { rates.direct_nd };
            let seconds = stage.multiply_adds() * complex * width / rate;
            seconds.max(stage.bytes() / rates.bandwidth)
        });
        let trips = if schedule.resident { 1 } else { schedule.parts.len() };
        let pipelines: HashSet<_> = schedule.stages().map(|stage| &stage.launch.variant).collect();
        let search = if schedule.terms > 0 { search(geometry, schedule.terms) } else { 0.0 };
        Cost {
            fixed: rates.round_trip * trips as f64,
            work: work.sum(),
            transfer: self.travel(dtype, geometry, gpu.kind),
            setup: rates.pipeline * pipelines.len() as f64 + search,
        }
    }

    /// Input and output over the bus of this kind of GPU.
    pub fn travel(&self, dtype: DType, geometry: &Geometry, kind: GpuKind) -> f64 {
        bytes(dtype, geometry) / self.gpu_rates(kind).bus
    }

    /// Widening the input and rounding the result, in seconds, where another type is computed in.
    pub fn conversion(&self, dtype: DType, inside: DType, geometry: &Geometry) -> f64 {
        if inside == dtype {
            return 0.0;
        }
        (bytes(dtype, geometry) + bytes(inside, geometry)) / self.cpu.bandwidth
    }

    /// The rates of one kind of GPU.
    pub fn gpu_rates(&self, kind: GpuKind) -> &GpuRates {
        match kind {
            GpuKind::Discrete => &self.discrete,
            GpuKind::Integrated | GpuKind::Other => &self.integrated,
            GpuKind::Software => &self.software,
        }
    }

    pub(crate) fn gpu_rates_mut(&mut self, kind: GpuKind) -> &mut GpuRates {
        match kind {
            GpuKind::Discrete => &mut self.discrete,
            GpuKind::Integrated | GpuKind::Other => &mut self.integrated,
            GpuKind::Software => &mut self.software,
        }
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

    /// What input and output of so many bytes take beyond the caches.
    fn memory(&self, bytes: f64) -> f64 {
        (bytes - self.cpu.cache).max(0.0) / self.cpu.bandwidth
    }

    fn on_cpu(&self, compute: f64, bytes: f64, threads: usize) -> Cost {
        let fixed = if threads > 1 { self.cpu.wake } else { 0.0 };
        let work = compute / threads as f64 + self.memory(bytes);
        Cost { fixed, work, transfer: 0.0, setup: 0.0 }
    }
}

/// Looking for so many outer products.
fn search(geometry: &Geometry, terms: usize) -> f64 {
    geometry.taps() as f64 * (terms as f64 + 1.0) / SEARCH
}

/// Bytes of input and output.
fn bytes(dtype: DType, geometry: &Geometry) -> f64 {
    dtype.size() as f64 * (geometry.input_len() as f64 + geometry.output_len() as f64)
}
