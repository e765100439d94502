//! What a method is expected to take: counted work over rates.
//!
//! `fixed + work + transfer + setup / runs`, where work is arithmetic and what memory adds to it on a
//! CPU, or the longer of both on a GPU. The model's task is to order the methods, so rates are those
//! of this library's own executors, not the hardware's peaks.
//! `docs/how-it-chooses.md` is the long form.

mod cpu;
mod gpu;
pub(crate) mod rates;

use std::fmt;

use super::capabilities::GpuKind;
use crate::element::DType;
use crate::problem::geometry::Geometry;
use crate::util::memory;
use crate::words::Seconds;
pub use rates::{CpuRates, GpuRates};

/// Expected times of one run, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Cost {
    /// Waking threads, submitting, waiting: whatever does not grow with the data.
    pub fixed: f64,
    /// Arithmetic and memory traffic: on a CPU what memory adds, on a GPU whichever takes longer.
    pub work: f64,
    /// To the device and back; nothing where the data is there already.
    pub transfer: f64,
    /// One run's share of what is done once: compiling pipelines, transforming the kernel, finding
    /// its factors, and finding memory for the first result. All of it is this times
    /// [`Request::runs`](super::Request::runs).
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

/// All rates.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CostModel {
    /// The CPU's.
    pub cpu: CpuRates,
    /// Of a GPU with memory of its own.
    pub discrete: GpuRates,
    /// Of a GPU that shares the CPU's memory.
    pub integrated: GpuRates,
    /// Of an adapter that runs on the CPU.
    pub software: GpuRates,
    /// Whether an adapter that runs on the CPU may be chosen without being asked for. By default it
    /// may not, whatever is expected of it: this library's own methods know the CPU better.
    pub software_unasked: bool,
}

impl Default for CostModel {
    fn default() -> Self {
        Self {
            cpu: CpuRates::SHIPPED,
            discrete: GpuRates::DISCRETE,
            integrated: GpuRates::INTEGRATED,
            software: GpuRates::SOFTWARE,
            software_unasked: false,
        }
    }
}

/// How much faster memory is found in huge pages: 3 to 5 times for 8 to 50 MB (Zen 5, one and two threads, Linux 6.18,
/// 2026-11-28).
const HUGE: f64 = 4.0;

/// Taps per second of the search for outer products, for each term that is found and one more.
const SEARCH: f64 = 0.3e9;

impl CostModel {
    /// Widening the input and rounding the result, in seconds, where another type is computed in.
    pub fn conversion(&self, dtype: DType, compute: DType, geometry: &Geometry) -> f64 {
        if compute == dtype {
            return 0.0;
        }
        (bytes(dtype, geometry) + bytes(compute, geometry)) / self.cpu.bandwidth
    }

    /// Finding memory for a result, in seconds.
    pub fn first_touch(&self, dtype: DType, geometry: &Geometry) -> f64 {
        let bytes = geometry.output_len() * dtype.size();
        let share = if memory::has_huge_pages(bytes) { 1.0 / HUGE } else { 1.0 };
        bytes as f64 * share / self.cpu.fresh
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
}

/// Looking for so many outer products.
fn search(geometry: &Geometry, terms: usize) -> f64 {
    geometry.taps() as f64 * (terms as f64 + 1.0) / SEARCH
}

/// Bytes of input and output.
fn bytes(dtype: DType, geometry: &Geometry) -> f64 {
    dtype.size() as f64 * (geometry.input_len() as f64 + geometry.output_len() as f64)
}
