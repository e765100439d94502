//! What a method is expected to take: counted work over rates.
//!
//! `fixed + max(work / rate, bytes / bandwidth) + transfer`. The model's task is to order the
//! methods, so rates are those of this library's own executors, not the hardware's peaks.

use std::fmt;

use super::capabilities::{Capabilities, GpuCapabilities, GpuKind};
use super::tiling::Launch;
use crate::cpu::fft::sample;
use crate::cpu::fft::size::Blocks;
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
    /// Multiply-adds of the direct method per second on 4-byte elements with unit stride.
    pub direct: f64,
    /// The same with an inner stride, or with complex elements: nothing vectorises.
    pub direct_scalar: f64,
    /// Butterflies' shares per second, in f32: see [`Blocks::work_per_block`].
    pub fft: f64,
    /// Sharing the result out to blocks and looking at what is in them, in seconds: what a
    /// transform takes at least.
    pub fft_start: f64,
    /// Bytes per second, read and written, of all threads together.
    pub bandwidth: f64,
    /// Starting one row of taps over one row of outputs, in seconds.
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
            // `direct`, `fft` and `bandwidth` are from benches/results/executors.md, rounded: 2 cores
            // AMD EPYC (Zen 4), 2026-11-23. `fft_start` is what tiny transforms took above direct
            // sums there. The others are estimates of the same machine.
            cpu: CpuRates {
                direct: 15e9,
                direct_scalar: 0.8e9,
                fft: 4.2e9,
                fft_start: 0.6e-6,
                bandwidth: 20e9,
                row: 25e-9,
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

/// Multiply-adds below which work is not handed to another thread: about ten times the wake-up.
const WORK_PER_THREAD: f64 = 500e3;

impl CostModel {
    /// Threads worth waking for this many multiply-adds.
    pub fn threads(&self, capabilities: &Capabilities, multiply_adds: f64) -> usize {
        ((multiply_adds / WORK_PER_THREAD) as usize).clamp(1, capabilities.threads.max(1))
    }

    /// The direct method on the CPU, with the number of threads that suits it.
    pub fn cpu_direct(
        &self,
        dtype: DType,
        geometry: &Geometry,
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let multiply_adds = geometry.output_len() as f64 * geometry.taps() as f64;
        let inner = &geometry.axes[geometry.rank() - 1];
        let rate = if inner.stride > 1 || dtype.is_complex() {
            self.cpu.direct_scalar
        } else {
            self.cpu.direct * 4.0 / dtype.size() as f64
        };
        let rows = geometry.output_len() as f64 / inner.outputs() as f64
            * (geometry.taps() / inner.taps) as f64;
        let compute = multiply_adds / rate + rows * self.cpu.row;
        let threads = self.threads(capabilities, compute * self.cpu.direct);
        (threads, self.on_cpu(compute, bytes(dtype, geometry), threads))
    }

    /// One direct pass per axis on the CPU, for each of the terms.
    pub fn cpu_separable(
        &self,
        dtype: DType,
        geometry: &Geometry,
        terms: usize,
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let samples = geometry.output_len().max(geometry.input_len()) as f64;
        let taps: usize = geometry.axes.iter().map(|axis| axis.taps).sum();
        let rate = if dtype.is_complex() || geometry.axes.iter().any(|axis| axis.stride > 1) {
            self.cpu.direct_scalar
        } else {
            self.cpu.direct * 4.0 / dtype.size() as f64
        };
        let compute = samples * (terms * taps) as f64 / rate;
        let threads = self.threads(capabilities, compute * self.cpu.direct);
        let passes = geometry.axes.iter().filter(|axis| axis.taps > 1).count() as f64;
        (threads, self.on_cpu(compute, passes * bytes(dtype, geometry), threads))
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
        let block = blocks.work_per_block(bytes) * width / self.cpu.fft;
        let transforms = blocks.total().div_ceil(sample::lanes(dtype));
        let threads = self.threads(capabilities, block * transforms as f64 * self.cpu.direct);
        let threads = threads.min(transforms);
        let rounds = transforms.div_ceil(threads) as f64;
        let wake = if threads > 1 { self.cpu.wake } else { 0.0 };
        let fixed = self.cpu.fft_start + wake;
        (threads, Cost { fixed, work: rounds * block, transfer: 0.0 })
    }

    /// The direct method on a GPU, from and to host memory.
    pub fn gpu_direct(
        &self,
        dtype: DType,
        geometry: &Geometry,
        launch: &Launch,
        gpu: &GpuCapabilities,
    ) -> Cost {
        let rates = self.gpu(gpu.kind);
        let rate = if launch.is_tiled() { rates.direct } else { rates.direct_nd };
        let multiply_adds = launch.computed_outputs() as f64 * geometry.taps() as f64;
        let complex = if dtype.is_complex() { 4.0 } else { 1.0 };
        let bytes = bytes(dtype, geometry);
        Cost {
            fixed: rates.round_trip,
            work: (multiply_adds * complex / rate).max(bytes / rates.bandwidth),
            transfer: bytes / rates.bus,
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
    pub fn gpu(&self, kind: GpuKind) -> &GpuRates {
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

/// Bytes of input and output.
fn bytes(dtype: DType, geometry: &Geometry) -> f64 {
    dtype.size() as f64 * (geometry.input_len() as f64 + geometry.output_len() as f64)
}
