//! Overlap-save of one geometry with a kept spectrum.

use num_complex::Complex;
use rustfft::num_traits::FromPrimitive;
use rustfft::{FftDirection, FftPlanner};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::line::{Line, Sample};
use super::range::{Levels, Reach, Window, exponent_into_range, is_safe, reach};
use super::size::Blocks;
use crate::bounds;
use crate::cpu::direct::Direct;
use crate::cpu::extended::{Extension, Odometer};
use crate::cpu::simd::InstructionSet;
use crate::cpu::threads;
use crate::element::Element;
use crate::element::number::Number;
use crate::geometry::Axis;
use crate::kernel::KernelFacts;

type Real<A> = <<A as Number>::Sample as Sample>::Real;

/// FFT convolution of one geometry with fixed weights.
pub struct Fft<A: Element> {
    extension: Extension<A>,
    blocks: Blocks,
    transform: Transform<A::Sample>,
    /// Of the kernel, with the transforms' scale divided out.
    spectrum: Vec<Complex<Real<A>>>,
    kernel: KernelFacts,
    /// The kernel was scaled by this power of two, to keep its spectrum in range.
    exponent: i32,
    /// Which taps count along each axis.
    reach: Vec<Reach>,
    /// Computes the blocks that a transform cannot be trusted with.
    direct: Direct<A>,
    threads: usize,
    workspaces: Mutex<Vec<Workspace<A>>>,
}

/// What one thread needs for one block; kept from call to call.
struct Workspace<A: Element> {
    row: Vec<A>,
    samples: Vec<A::Sample>,
    spectrum: Vec<Complex<Real<A>>>,
    scratch: Vec<Complex<Real<A>>>,
    peaks: [Vec<f64>; 2],
}

/// The outputs of one block, and where they lie in the result.
struct Part<'y, A> {
    /// Index of the block along each axis.
    block: Vec<usize>,
    /// Output samples of the block along each axis.
    outputs: Vec<Range<usize>>,
    /// The rows of those outputs, in standard order.
    rows: Vec<&'y mut [A]>,
}

impl<A: Element> Fft<A> {
    /// Transforms the kernel.
    pub fn new(extension: Extension<A>, weights: Vec<A>, blocks: Blocks, threads: usize) -> Self {
        let transform = Transform::new(&blocks.size);
        let kernel = KernelFacts::of(&weights, &extension.geometry.kernel());
        let exponent = exponent_into_range::<A::Sample>(kernel.max);
        let mut samples = vec![A::Sample::default(); blocks.samples()];
        // y[p] = sum over t of w[t] * x[p + t * step] is a convolution with w reversed about 0.
        let axes = &extension.geometry.axes;
        let mut tap = Odometer::starting_at(extension.geometry.kernel(), 0);
        for &w in &weights {
            let place = tap
                .at()
                .iter()
                .zip(axes)
                .zip(&blocks.size)
                .fold(0, |place, ((&t, axis), &size)| {
                    place * size + (size - t * axis.tap_step()) % size
                });
            samples[place] = w.to_sample().scaled(exponent);
            tap.advance();
        }
        let mut spectrum = vec![Complex::default(); transform.spectrum_len()];
        let mut scratch = vec![Complex::default(); transform.scratch_len()];
        transform.forward(&mut samples, &mut spectrum, &mut scratch);
        let scale = Real::<A>::from_f64(1.0 / blocks.samples() as f64).expect("a float");
        spectrum.iter_mut().for_each(|value| *value = value.scale(scale));
        let magnitudes: Vec<f64> = weights.iter().map(|w| w.magnitude()).collect();
        let reach = reach(&magnitudes, &extension.geometry.kernel(), A::DTYPE.epsilon());
        // Blocks run on all threads already.
        let direct = Direct::new(extension.clone(), &weights, InstructionSet::detect(), 1);
        let workspaces = Mutex::new(Vec::new());
        Self {
            extension,
            blocks,
            transform,
            spectrum,
            kernel,
            exponent,
            reach,
            direct,
            threads,
            workspaces,
        }
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) {
        let parts = self.parts(y);
        threads::for_each(parts, self.threads, |part| {
            let mut workspace = self.lock().pop().unwrap_or_else(|| self.workspace());
            self.block(x, part, &mut workspace);
            self.lock().push(workspace);
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Workspace<A>>> {
        // A workspace is overwritten by whoever takes it, so one left by a panic does no harm.
        self.workspaces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn workspace(&self) -> Workspace<A> {
        Workspace {
            row: vec![A::default(); self.blocks.size[self.blocks.size.len() - 1]],
            samples: vec![A::Sample::default(); self.blocks.samples()],
            spectrum: vec![Complex::default(); self.transform.spectrum_len()],
            scratch: vec![Complex::default(); self.transform.scratch_len()],
            peaks: Default::default(),
        }
    }

    /// Shares the result out: each row of outputs to the blocks that it runs through.
    fn parts<'y>(&self, y: &'y mut [A]) -> Vec<Part<'y, A>> {
        let axes = &self.extension.geometry.axes;
        let ranges: Vec<Vec<Range<usize>>> = axes
            .iter()
            .enumerate()
            .map(|(a, axis)| {
                (0..self.blocks.count[a])
                    .map(|b| outputs_between(axis, b * self.blocks.step[a], self.blocks.step[a]))
                    .collect()
            })
            .collect();
        let mut parts: Vec<Part<A>> = Vec::with_capacity(self.blocks.total());
        let mut at = Odometer::starting_at(self.blocks.count.clone(), 0);
        for _ in 0..self.blocks.total() {
            let block = at.at().to_vec();
            let outputs: Vec<_> = block.iter().zip(&ranges).map(|(&b, r)| r[b].clone()).collect();
            let rows = outputs[..outputs.len() - 1].iter().map(ExactSizeIterator::len).product();
            parts.push(Part { block, outputs, rows: Vec::with_capacity(rows) });
            at.advance();
        }
        // Rows come in standard order, so each block receives its own rows in standard order.
        let (inner, outer) = ranges.split_last().expect("at least one axis");
        let mut output =
            Odometer::starting_at(self.extension.outer().iter().map(Axis::outputs).collect(), 0);
        for mut row in y.chunks_exact_mut(self.extension.inner().outputs()) {
            let first = output.at().iter().zip(outer).zip(&self.blocks.count).fold(
                0,
                |first, ((&o, ranges), count)| {
                    first * count + ranges.partition_point(|range| range.end <= o)
                },
            ) * inner.len();
            for (b, range) in inner.iter().enumerate() {
                let (piece, rest) = row.split_at_mut(range.len());
                parts[first + b].rows.push(piece);
                row = rest;
            }
            output.advance();
        }
        // A stride longer than a block leaves blocks without outputs.
        parts.retain(|part| part.outputs.iter().all(|range| !range.is_empty()));
        parts
    }

    fn block(&self, x: &[A], part: Part<A>, workspace: &mut Workspace<A>) {
        let Workspace { row, samples, spectrum, scratch, peaks } = workspace;
        let axes = &self.extension.geometry.axes;
        let origin: Vec<usize> =
            part.block.iter().zip(&self.blocks.step).map(|(b, step)| b * step).collect();
        let windows: Vec<Window> = axes
            .iter()
            .enumerate()
            .map(|(a, axis)| Window {
                size: self.blocks.size[a],
                used: axis.advance(part.outputs[a].end - 1) - origin[a] + axis.reach() + 1,
                taps: axis.taps,
                step: axis.tap_step(),
                reach: self.reach[a].clone(),
            })
            .collect();

        self.pack(x, &origin, &windows, row, samples);
        let mut levels = Levels::of(samples);
        let mut exponent = 0;
        let trusted = if A::DTYPE.is_integer() {
            bounds::fft_is_exact(samples.len(), &self.kernel, levels.largest)
        } else {
            exponent = exponent_into_range::<A::Sample>(levels.largest);
            if exponent != 0 {
                samples.iter_mut().for_each(|sample| *sample = sample.scaled(exponent));
                levels = Levels::of(samples);
            }
            levels.largest.is_finite()
                && is_safe(samples, &levels, &windows, A::DTYPE.epsilon(), peaks)
        };
        if !trusted {
            return self.leave_to_direct(x, part);
        }
        self.transform.forward(samples, spectrum, scratch);
        for (value, kernel) in spectrum.iter_mut().zip(&self.spectrum) {
            *value = *value * *kernel;
        }
        self.transform.inverse(spectrum, samples, scratch);
        let exponent = -(exponent + self.exponent);
        if exponent != 0 {
            samples.iter_mut().for_each(|sample| *sample = sample.scaled(exponent));
        }

        let (inner, outer) = axes.split_last().expect("at least one axis");
        let columns = part.outputs[outer.len()].clone();
        let width = self.blocks.size[outer.len()];
        let counts = part.outputs[..outer.len()].iter().map(ExactSizeIterator::len).collect();
        let mut at = Odometer::starting_at(counts, 0);
        for out in part.rows {
            let row = outer.iter().enumerate().fold(0, |row, (a, axis)| {
                let o = part.outputs[a].start + at.at()[a];
                row * self.blocks.size[a] + axis.advance(o) - origin[a]
            });
            let samples = &samples[row * width..(row + 1) * width];
            for (o, out) in columns.clone().zip(out) {
                *out = A::from_sample(samples[inner.advance(o) - origin[outer.len()]]);
            }
            at.advance();
        }
    }

    /// Fills `samples` with the block of the extended input, as far as its outputs read it, and
    /// with zeros beyond.
    fn pack(
        &self,
        x: &[A],
        origin: &[usize],
        windows: &[Window],
        row: &mut [A],
        samples: &mut [A::Sample],
    ) {
        let (inner, outer) = self.extension.geometry.axes.split_last().expect("at least one axis");
        let last = outer.len();
        let first = |axis: &Axis, a: usize| axis.start(0) + origin[a] as isize;
        let row = &mut row[..windows[last].used];
        let mut at = Odometer::starting_at(self.blocks.size[..last].to_vec(), 0);
        for samples in samples.chunks_exact_mut(self.blocks.size[last]) {
            if at.at().iter().zip(windows).all(|(&i, window)| i < window.used) {
                let source = self.extension.row(
                    outer.iter().enumerate().map(|(a, axis)| first(axis, a) + at.at()[a] as isize),
                );
                self.extension.fill(x, source, first(inner, last), row);
                for (sample, &x) in samples.iter_mut().zip(&*row) {
                    *sample = x.to_sample();
                }
                samples[row.len()..].fill(A::Sample::default());
            } else {
                samples.fill(A::Sample::default());
            }
            at.advance();
        }
    }

    fn leave_to_direct(&self, x: &[A], part: Part<A>) {
        let (columns, outer) = part.outputs.split_last().expect("at least one axis");
        let axes = self.extension.outer();
        let counts = outer.iter().map(ExactSizeIterator::len).collect();
        let mut at = Odometer::starting_at(counts, 0);
        for out in part.rows {
            let row = axes
                .iter()
                .enumerate()
                .fold(0, |row, (a, axis)| row * axis.outputs() + outer[a].start + at.at()[a]);
            self.direct.rows(x, row, columns.clone(), out);
            at.advance();
        }
    }
}

/// The output samples whose unstrided place lies in `start..start + len`.
fn outputs_between(axis: &Axis, start: usize, len: usize) -> Range<usize> {
    let first_from = |place: usize| {
        let (mut low, mut high) = (0, axis.outputs());
        while low < high {
            let middle = (low + high) / 2;
            if axis.advance(middle) < place { low = middle + 1 } else { high = middle }
        }
        low
    };
    first_from(start)..first_from(start + len)
}

/// An N-dimensional transform: rows along the last axis, then columns along the others.
struct Transform<S: Sample> {
    /// Of the spectrum.
    shape: Vec<usize>,
    line: Box<dyn Line<S>>,
    columns: Vec<[Arc<dyn rustfft::Fft<S::Real>>; 2]>,
}

/// Columns that are transformed together: eight neighbours fill the cache lines that a column
/// touches.
const PANEL: usize = 8;

impl<S: Sample> Transform<S> {
    fn new(size: &[usize]) -> Self {
        let (&inner, outer) = size.split_last().expect("at least one axis");
        let line = S::line(inner);
        let mut planner = FftPlanner::new();
        let columns = outer
            .iter()
            .map(|&n| {
                [FftDirection::Forward, FftDirection::Inverse].map(|way| planner.plan_fft(n, way))
            })
            .collect();
        let mut shape = outer.to_vec();
        shape.push(line.spectrum_len());
        Self { shape, line, columns }
    }

    fn spectrum_len(&self) -> usize {
        self.shape.iter().product()
    }

    fn scratch_len(&self) -> usize {
        let columns = self
            .columns
            .iter()
            .flatten()
            .map(|fft| PANEL * fft.len() + fft.get_inplace_scratch_len());
        columns.max().unwrap_or(0).max(self.line.scratch_len())
    }

    fn forward(
        &self,
        samples: &mut [S],
        spectrum: &mut [Complex<S::Real>],
        scratch: &mut [Complex<S::Real>],
    ) {
        let (inner, rows) = (self.line.spectrum_len(), self.rows());
        let lengths = samples.chunks_exact_mut(samples.len() / rows);
        for (row, spectrum) in lengths.zip(spectrum.chunks_exact_mut(inner)) {
            self.line.forward(row, spectrum, scratch);
        }
        for axis in (0..self.columns.len()).rev() {
            self.along(axis, FftDirection::Forward, spectrum, scratch);
        }
    }

    fn inverse(
        &self,
        spectrum: &mut [Complex<S::Real>],
        samples: &mut [S],
        scratch: &mut [Complex<S::Real>],
    ) {
        for axis in 0..self.columns.len() {
            self.along(axis, FftDirection::Inverse, spectrum, scratch);
        }
        let (inner, rows) = (self.line.spectrum_len(), self.rows());
        let lengths = samples.chunks_exact_mut(samples.len() / rows);
        for (row, spectrum) in lengths.zip(spectrum.chunks_exact_mut(inner)) {
            self.line.inverse(spectrum, row, scratch);
        }
    }

    fn rows(&self) -> usize {
        self.shape[..self.columns.len()].iter().product()
    }

    /// Transforms along an outer axis, a panel of neighbouring columns at a time.
    fn along(
        &self,
        axis: usize,
        way: FftDirection,
        spectrum: &mut [Complex<S::Real>],
        scratch: &mut [Complex<S::Real>],
    ) {
        let n = self.shape[axis];
        if n == 1 {
            return;
        }
        let fft = &self.columns[axis][usize::from(way == FftDirection::Inverse)];
        let step: usize = self.shape[axis + 1..].iter().product();
        let (panel, scratch) = scratch.split_at_mut(PANEL * n);
        for slab in spectrum.chunks_exact_mut(n * step) {
            for first in (0..step).step_by(PANEL) {
                let width = PANEL.min(step - first);
                for (i, row) in slab.chunks_exact(step).enumerate() {
                    for (c, value) in row[first..first + width].iter().enumerate() {
                        panel[c * n + i] = *value;
                    }
                }
                fft.process_with_scratch(&mut panel[..width * n], scratch);
                for (i, row) in slab.chunks_exact_mut(step).enumerate() {
                    for (c, value) in row[first..first + width].iter_mut().enumerate() {
                        *value = panel[c * n + i];
                    }
                }
            }
        }
    }
}
