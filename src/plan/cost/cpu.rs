//! What the methods of the CPU are expected to take.

use super::{Cost, CostModel, bytes, search};
use crate::element::DType;
use crate::plan::capabilities::{Capabilities, InstructionSet};
use crate::plan::cpu::coarse::Span;
use crate::plan::cpu::strips;
use crate::plan::cpu::tiles::{Tile, computed_columns, rate_share};
use crate::plan::cpu::{Blocks, CoarseGrid, Order, Passing, Strips, sizes};
use crate::problem::geometry::Geometry;

/// Wake-ups that another thread must be worth, at least.
const WAKES_PER_THREAD: f64 = 3.0;

/// What a sample costs in folded passes beside its multiply-adds, relative to others: it is moved to a
/// lane of its own and back. From RGB of 3840 x 2160 under 17 taps (Zen 4, 2026-11-27).
const APART: f64 = 2.2;

/// The same for a sample of the row beyond a strip, of which there are few: it takes a vector. From 481 taps
/// there.
const BEYOND: f64 = 14.0;

/// The same where samples stay in their order. From RGB of 1920 x 1080 under 3 to 25 taps (Zen 3, AVX2,
/// 2026-11-27).
const IN_ORDER: f64 = 0.8;

/// Multiply-adds of folded passes for each of others: two taps take one, where additions have units of
/// their own and registers are many. From 81 and 161 taps there, 3 to 25 in their order, and 9 to 101 taps of `f32` that slide.
fn folding(order: Order, instructions: InstructionSet) -> f64 {
    match (instructions, order) {
        (InstructionSet::Avx512, Order::Sliding) => 1.4,
        (InstructionSet::Avx512, _) => 2.0,
        (InstructionSet::Avx2, Order::InOrder) => 1.35,
        (InstructionSet::Avx2, _) => 1.15,
        (InstructionSet::Baseline, _) => 1.5,
    }
}

/// Multiply-adds that take as long as the additions of an output, where so many rows share the sums of `taps`
/// equal taps (`simd/flat.rs` counts them), and its multiplication: each has a load of its own, and some a store.
fn shared(taps: usize, rows: usize) -> f64 {
    let group = rows.min(taps).max(1);
    ADDITION * (taps as f64 / group as f64 + 3.0)
}

/// Multiply-adds for each addition of shared sums. From boxes of RGB of 8 bits, 3840 x 2160, 9 to 101 taps (Zen 3,
/// AVX2, two threads, 2026-11-28).
const ADDITION: f64 = 1.5;

/// Transforms in the time of one of a single row, which is listened to as a whole before. From 10^4 to 10^7 samples under
/// 127 taps (Zen 4, two threads, 2026-11-29).
const LISTENING: f64 = 1.3;

/// The share of the direct method's rate that passes down to a coarser grid and up again reach.
const COARSE_SHARE: f64 = 0.3;

/// What a sample of its passes costs that is read or written, relative to one between fused passes: in rows, and where
/// rows are turned over. Fitted to blurs of RGB of 512² to 3840 x 2160 samples, of 8 and 16 bits and `f32`, by factors
/// of 2 to 16 (Zen 4, AVX-512, two threads, 2026-11-29): from 0.6 to 1.7 times what they took, median 1.
const COARSE_MOVED: [f64; 2] = [0.1, 2.0];

/// How often what is turned over goes to memory and comes back, in the time of such as lies in rows (the same blurs).
const COARSE_TURNED: f64 = 4.0;

/// Beginning a pass of the coarse method, in seconds: an estimate.
const STAGE: f64 = 3e-6;

/// Finding and proving a design, in seconds.
const DESIGN: f64 = 1e-3;

impl CostModel {
    /// Threads worth waking for work that takes one of them this many seconds.
    pub fn threads(&self, capabilities: &Capabilities, seconds: f64) -> usize {
        ((seconds / (WAKES_PER_THREAD * self.cpu.wake)) as usize)
            .clamp(1, capabilities.threads.max(1))
    }

    /// The direct method on the CPU, computed in one type and stored in another, with the number of threads
    /// that suits it.
    pub fn cpu_direct(
        &self,
        dtype: DType,
        stored: DType,
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
        (threads, self.on_cpu(compute, bytes(stored, geometry), threads))
    }

    /// These passes on the CPU, for each of `terms` outer products.
    pub fn cpu_separable(
        &self,
        dtype: DType,
        stored: DType,
        geometry: &Geometry,
        terms: usize,
        passes: &[Passing],
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let samples = geometry.output_len().max(geometry.input_len()) as f64;
        let (inner, outer) = geometry.axes.split_last().expect("at least one axis");
        let folded = passes.iter().find_map(|passing| match passing {
            Passing::Folded { order, strips, .. } => Some((*order, strips)),
            _ => None,
        });
        let rate = self.direct_rate(dtype, capabilities);
        let tile = outer.last().map(|axis| match folded {
            Some((_, strips)) => strips.tile,
            None => Tile::along(axis, capabilities.instructions),
        });
        let (columns, others) = match outer.split_last() {
            Some((last, others)) => (last.taps, others.iter().map(|axis| axis.taps).sum()),
            None => (0, 0),
        };
        // Pieces filter the rows above them again.
        let again = outer.last().zip(tile).map_or(0.0, |(axis, tile)| {
            let piece =
                strips::piece(tile, axis.outputs(), capabilities.threads).min(axis.outputs());
            (axis.taps - 1) as f64 / piece as f64
        });
        let fused = (1.0 + again) * inner.taps as f64 / 0.95 + columns as f64 / 0.92;
        // The last two axes are folded; passes along others are not.
        let fused = match folded {
            Some((Order::Shared, strips)) => {
                let along = strips.along(inner, dtype, capabilities.instructions);
                (1.0 + again) * shared(inner.taps, along) + shared(columns, strips.tile.rows)
            }
            Some((order, _)) => fused / folding(order, capabilities.instructions),
            None => fused,
        };
        let per_sample = fused + others as f64 / 0.92;
        let rows = samples / inner.outputs() as f64;
        let width = dtype.size() as f64 / 4.0;
        let passes = passes.len();
        // Each pass finds its rows; a fused one has two kinds of them. (From 64² and 256² samples under 7 to 11 taps and
        // 32² under 21, Zen 4, 2026-11-29.)
        let per_row = 36.0 + 24.0 * (passes.max(1) - 1) as f64;
        // What lies beyond a strip is moved there as well.
        let beyond = |strips: &Strips| BEYOND * inner.reach() as f64 / strips.columns as f64;
        let moved = match folded {
            Some((Order::Apart | Order::Shared, strips)) => APART + beyond(strips),
            Some((Order::InOrder | Order::Sliding, _)) => IN_ORDER,
            None => 1.0,
        };
        let ring = moved * samples * width / self.cpu.ring + rows * per_row * self.cpu.row;
        let mut compute = terms as f64 * (samples * per_sample / rate + ring);
        if inner.stride > 1 {
            compute += samples * inner.stride.min(inner.taps) as f64 / self.cpu.gather;
        }
        let threads = self.threads(capabilities, compute);
        let mut cost = self.on_cpu(compute, passes as f64 * bytes(stored, geometry), threads);
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
        stored: DType,
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
        // One of several rows is listened to before a block is transformed, or all there is.
        let heard = if geometry.rank() == 1 && !dtype.is_integer() { LISTENING } else { 1.0 };
        let rounds = heard * transforms.div_ceil(threads) as f64;
        let wake = if threads > 1 { self.cpu.wake } else { 0.0 };
        let fixed = self.cpu.fft_start + wake;
        // Blocks of several axes are gathered from rows far apart, one after another: three times what
        // rows in turn take (2048² and 4096², f32 and f64, the bench `crossover`).
        let apart = if geometry.rank() > 1 { 3.0 } else { 1.0 };
        let work = rounds * block + apart * self.memory(self::bytes(stored, geometry));
        (threads, Cost { fixed, work, transfer: 0.0, setup: block * spectrum })
    }

    /// The coarse method on the CPU.
    pub fn cpu_coarse(
        &self,
        dtype: DType,
        stored: DType,
        geometry: &Geometry,
        grid: &CoarseGrid,
        capabilities: &Capabilities,
    ) -> (usize, Cost) {
        let (rate, width) = (self.direct_rate(dtype, capabilities), dtype.size() as f64 / 4.0);
        let mut samples: Vec<f64> =
            geometry.axes.iter().map(|axis| axis.samples() as f64).collect();
        let mut compute = 0.0;
        // From so many samples to so many, with so many taps each, in rows along the last axis.
        let last = samples.len() - 1;
        let turns = |id: usize| id == last && grid.turns();
        let mut turned = 0f64;
        let mut pass = |samples: &mut [f64], axis: usize, to: f64, taps: usize, turns: bool| {
            let before: f64 = samples.iter().product();
            samples[axis] = to;
            let after: f64 = samples.iter().product();
            compute += after * taps as f64 / (COARSE_SHARE * rate);
            compute += COARSE_MOVED[usize::from(turns)] * (before + after) * width / self.cpu.ring;
            if turns {
                turned = before.max(after).max(turned);
            }
            compute += STAGE + (before + after) / samples[last] * self.cpu.row;
        };
        for id in grid.down() {
            let axis = &geometry.axes[id];
            if let Some(design) = &grid.axes[id] {
                let count = Span::new(axis, design).count * axis.channels;
                pass(&mut samples, id, count as f64, design.down.len(), turns(id));
            }
        }
        for (id, axis) in geometry.axes.iter().enumerate() {
            match &grid.axes[id] {
                Some(design) => {
                    let between = Span::new(axis, design).between * axis.channels;
                    pass(&mut samples, id, between as f64, design.taps.len(), false);
                }
                None if !axis.is_identity() => {
                    pass(&mut samples, id, axis.outputs() as f64, axis.taps, false);
                }
                None => {}
            }
        }
        let ups: Vec<usize> = grid.down().collect();
        for &id in ups.iter().rev() {
            let axis = &geometry.axes[id];
            if let Some(design) = &grid.axes[id] {
                pass(&mut samples, id, axis.outputs() as f64, design.reads, turns(id));
            }
        }
        let threads = self.threads(capabilities, compute);
        let mut cost = self.on_cpu(compute, bytes(stored, geometry), threads);
        cost.work += COARSE_TURNED * self.memory(2.0 * turned * dtype.size() as f64);
        cost.fixed *= 2.0 * grid.axes.len() as f64;
        cost.setup = search(geometry, 1) + DESIGN;
        (threads, cost)
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
