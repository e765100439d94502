//! What a method is expected to take: counted work over rates.
//!
//! `fixed + max(work / rate, bytes / bandwidth) + transfer`. The model's task is to order the
//! methods, so rates are those of this library's own executors, not the hardware's peaks.

use std::fmt;

use super::capabilities::{Capabilities, GpuCapabilities, GpuKind, InstructionSet};
use super::schedule::Schedule;
use crate::cpu::fft::blocks::Blocks;
use crate::cpu::fft::{sample, size};
use crate::cpu::separable;
use crate::element::DType;
use crate::geometry::Geometry;

/// Expected times of one run on host data, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Waking threads, submitting, waiting: whatever does not grow with the data.
    pub fixed: f64,
    /// Arithmetic and memory traffic, whichever takes longer.
    pub work: f64,
    /// To the device and back.
    pub transfer: f64,
}

impl Cost {
    /// All of it.
    pub fn total(&self) -> f64 {
        self.fixed + self.work + self.transfer
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Seconds(self.total()).fmt(f)
    }
}

/// A time with a unit that suits it.
pub struct Seconds(pub f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            t if t < 1e-3 => write!(f, "{:.1} us", t * 1e6),
            t if t < 1.0 => write!(f, "{:.2} ms", t * 1e3),
            t => write!(f, "{t:.2} s"),
        }
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
    /// Bytes per second, read and written, of all threads together.
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
}

impl Default for CostModel {
    fn default() -> Self {
        Self {
            // From benches/results/executors.md and the benches `direct` and `cases`, rounded: 2
            // cores AMD EPYC (Zen 4), 2026-11-23. `fft_start` is what tiny transforms took above
            // direct sums there. `gather` and `wake` are estimates of the same machine.
            cpu: CpuRates {
                direct: 52e9,
                ring: 3.3e9,
                gather: 0.7e9,
                fft: 5.2e9,
                fft_start: 0.6e-6,
                bandwidth: 35e9,
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
            },
            integrated: GpuRates {
                direct: 0.125e12,
                direct_nd: 0.015e12,
                bandwidth: 10e9,
                bus: 5e9,
                round_trip: 300e-6,
            },
            // `direct` and `bandwidth` are from single runs of Mesa lavapipe on the same machine, which
            // hardly gets beyond its cost per sample; the others are estimates.
            software: GpuRates {
                direct: 0.4e9,
                direct_nd: 0.05e9,
                bandwidth: 0.15e9,
                bus: 2e9,
                round_trip: 1e-3,
            },
        }
    }
}

/// Seconds of work below which it is not handed to another thread: some three times the wake-up.
const WORK_PER_THREAD: f64 = 30e-6;

impl CostModel {
    /// Threads worth waking for work that takes one of them this many seconds.
    pub fn threads(&self, capabilities: &Capabilities, seconds: f64) -> usize {
        ((seconds / WORK_PER_THREAD) as usize).clamp(1, capabilities.threads.max(1))
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
        let rate = self.direct_rate(dtype, capabilities) * tile_share(shared, inner.taps);
        // Finding a row's own outputs costs about as much as eight rows of samples.
        let mut compute =
            outputs * geometry.taps() as f64 / rate + rows * (8.0 + taps as f64) * self.cpu.row;
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
        // Rows of the ring are computed one by one, which takes more than the columns.
        let along = 0.78 * tile_share(1, inner.taps).min(0.75);
        let columns: usize = outer.iter().map(|axis| axis.taps).sum();
        let per_sample = inner.taps as f64 / along + columns as f64 / 0.8;
        let rows = samples / inner.outputs() as f64;
        let width = dtype.size() as f64 / 4.0;
        let ring = samples * width / self.cpu.ring + rows * 26.0 * self.cpu.row;
        let mut compute = terms as f64 * (samples * per_sample / rate + ring);
        if inner.stride > 1 {
            compute += samples * inner.stride.min(inner.taps) as f64 / self.cpu.gather;
        }
        let threads = self.threads(capabilities, compute);
        let passes = geometry.axes.iter().filter(|axis| axis.taps > 1).count();
        let passes = passes - usize::from(separable::can_fuse(geometry));
        (threads, self.on_cpu(compute, passes as f64 * bytes(dtype, geometry), threads))
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
        blocks: &Blocks,
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let bytes = sample::complex_bytes(dtype);
        // Vectors hold half as many numbers of twice the size.
        let width = bytes as f64 / 8.0;
        let block = size::work_per_block(blocks, bytes) * width / self.cpu.fft;
        let transforms = blocks.total().div_ceil(sample::lanes(dtype));
        let threads = self.threads(capabilities, block * transforms as f64);
        let threads = threads.min(transforms);
        let rounds = transforms.div_ceil(threads) as f64;
        let wake = if threads > 1 { self.cpu.wake } else { 0.0 };
        let fixed = self.cpu.fft_start + wake;
        (threads, Cost { fixed, work: rounds * block, transfer: 0.0 })
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
        Cost {
            fixed: rates.round_trip * trips as f64,
            work: work.sum(),
            transfer: bytes(dtype, geometry) / rates.bus,
        }
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

    /// The least that any GPU takes: a problem that the CPU finishes sooner need not look for one.
    pub fn gpu_floor(&self, dtype: DType, geometry: &Geometry) -> f64 {
        [&self.discrete, &self.integrated]
            .map(|rates| rates.round_trip + bytes(dtype, geometry) / rates.bus)
            .into_iter()
            .fold(f64::INFINITY, f64::min)
    }

    fn on_cpu(&self, compute: f64, bytes: f64, threads: usize) -> Cost {
        let fixed = if threads > 1 { self.cpu.wake } else { 0.0 };
        let work = (compute / threads as f64).max(bytes / self.cpu.bandwidth);
        Cost { fixed, work, transfer: 0.0 }
    }
}

/// The share of the full rate that tiles reach whose rows share samples under this many rows of
/// taps, of `inner` taps each. Estimates but for a single row of 11 and of 101 taps (0.4 and 0.97 of
/// `direct`, benches/results/peers.md) and three rows (the bench `direct`).
fn tile_share(rows_of_taps: usize, inner: usize) -> f64 {
    match rows_of_taps {
        // Pairs of taps share their samples in rows that are longer than a vector.
        1 if inner > 16 => 0.95,
        1 => 0.45,
        2 => 0.6,
        3 | 4 => 0.85,
        _ => 1.0,
    }
}

/// Bytes of input and output.
fn bytes(dtype: DType, geometry: &Geometry) -> f64 {
    dtype.size() as f64 * (geometry.input_len() as f64 + geometry.output_len() as f64)
}
