//! What transforms on the device multiply with: twiddles and the spectrum of a kernel, in the order that
//! invocations read them, and what results are judged by.
//!
//! Made once for each kernel. Spectra of blocks of a workgroup are made in `f64` on the host, and rounded once: that
//! takes a millisecond, which is less than two more shaders take to compile. Those of larger blocks, up to 16 million
//! values, are made on the device, in two passes that nobody waits for: the host took 28 ms for 512 x 512 and 870 for
//! 2048 x 2048 (2026-11-29, Intel Xeon, one thread).

use num_complex::Complex;
use rustfft::FftDirection;
use std::collections::HashMap;
use std::f64::consts::PI;
use std::time::Duration;

use crate::bounds::{Gain, Loudness, of_transforms, share};
use crate::element::Element;
use crate::element::transform::Real;
use crate::error::Result;
use crate::gpu::buffers::Role;
use crate::gpu::context::Context;
use crate::gpu::end::{End, Span};
use crate::gpu::fft::{Sections, multiplies, numbers_of_quad, sums, table_quads, tables, writes};
use crate::gpu::params::{Params, Starts};
use crate::gpu::passes::SLOWEST;
use crate::gpu::recorded::Bindings;
use crate::gpu::registers::{Layout, scattered};
use crate::plan::gpu::launch::{Launch, QUAD};
use crate::plan::gpu::transform::{Block, BlockPass, PROBES, Transform};
use crate::problem::geometry::{Axis, Geometry};
use crate::util::memory;

/// More than the rounding of what is summed up on the device.
const ENOUGH: f64 = 1.01;

const WHAT: &str = "the spectrum for the GPU";
const BETWEEN: &str = "the spectrum between two passes";

/// Along both axes taps, how many positions lie from one to the next, and the samples that are transformed.
struct Grid {
    taps: [usize; 2],
    dilation: [usize; 2],
    size: [usize; 2],
}

/// A kernel's spectrum, made on the host.
pub(super) struct Spectrum {
    grid: Grid,
    values: Vec<Complex<f64>>,
    /// The largest magnitude of a value.
    loudest: f64,
}

impl Spectrum {
    /// Of the kernel `taps` along these axes.
    pub(super) fn new<A: Element>(
        block: Block,
        [outer, inner]: [&Axis; 2],
        taps: &[A],
    ) -> Result<Self> {
        let rows = if block.lines { 1 } else { 1 << block.bits[0] };
        let grid = Grid {
            taps: [outer.taps, inner.taps],
            dilation: [outer.dilation, inner.dilation],
            size: [rows, 1 << block.bits[1]],
        };
        let values = spectrum(&grid, taps)?;
        let loudest = values.iter().map(|value| value.norm_sqr()).fold(0.0, f64::max).sqrt();
        Ok(Self { grid, values, loudest })
    }

    /// The largest magnitude of a value.
    #[cfg(test)]
    pub(super) fn loudest(&self) -> f64 {
        self.loudest
    }
}

/// What a pass needs of the kernel `taps`, `plane` of them along the last two axes, besides the kernel itself, in whole
/// quads. Of blocks in several passes the spectrum, and how loud it is, are made on the device ([`on_device`]).
pub(super) fn constants<A: Element>(
    transform: &Transform,
    spectrum: Option<&Spectrum>,
    taps: &[A],
    plane: [usize; 2],
) -> Result<Vec<A>> {
    let numbers = numbers_of_quad(A::DTYPE);
    let sections = Sections::new(transform, numbers);
    let quads = if spectrum.is_some() { sections.taps } else { sections.spectrum } - sections.head;
    let mut all = memory::room(QUAD * quads, WHAT)?;
    // No value of a spectrum is above the sum, which is finite; scaled so, it is below two.
    let sum: f64 = taps.iter().map(|tap| tap.magnitude()).sum();
    let exponent = if sum > 0.0 { sum.log2().floor() as i32 } else { 0 };
    let scale = 2f64.powi(-exponent);
    let loudest = spectrum.map_or(0.0, |spectrum| spectrum.loudest * scale);
    // The errors of equal slabs may meet, as those of a single loud tap do.
    let largest = |slab: &[A]| slab.iter().map(|tap| tap.magnitude()).fold(0.0, f64::max);
    let slabs = taps.chunks(plane.iter().product());
    let gain = Gain { mean: 1.0, largest: slabs.clone().map(largest).sum::<f64>() * scale };
    let need = |squares: f64, largest: f64| {
        let spread = transform.block.spread(slabs.len());
        let epsilon = A::DTYPE.epsilon();
        let error = of_transforms(epsilon, spread, Loudness { squares, largest }, gain);
        ENOUGH * error / share(epsilon)
    };
    let needs = Complex::new(need(1.0, 0.0), need(0.0, 1.0));
    push(&mut all, [needs, Complex::new(exponent.into(), loudest)]);
    if sums(transform.pass) {
        probes(&mut all, plane, taps);
    }
    twiddles(&mut all, transform, numbers);
    if let Some(Spectrum { grid, values, .. }) = spectrum.filter(|_| multiplies(transform.pass)) {
        let scale = scale / transform.block.transformed() as f64;
        in_order(&mut all, transform, numbers, |[row, column]| {
            scale * values[row % grid.size[0] * grid.size[1] + column]
        });
    }
    debug_assert_eq!(all.len(), QUAD * quads);
    Ok(all)
}

/// The weights of all passes over blocks of this size, whose spectrum is made on the device.
///
/// `weights` are those of a pass as the host knows them: all, but the spectrum and how loud it is. To be called
/// where wgpu's errors are caught.
pub(super) fn on_device<A: Element>(
    context: &Context,
    block: Block,
    geometry: &Geometry,
    weights: impl Fn(BlockPass) -> Result<Vec<u8>>,
) -> Result<HashMap<BlockPass, wgpu::Buffer>> {
    let usage = wgpu::BufferUsages::STORAGE;
    let sections = |pass| Sections::new(&Transform { block, pass }, numbers_of_quad(A::DTYPE));
    let quad = (QUAD * size_of::<A>()) as u64;
    let slabs = match &geometry.axes[..] {
        [.., outer, inner] => geometry.taps() / (outer.taps * inner.taps),
        _ => 1,
    };
    let mut made = HashMap::new();
    for &pass in block.passes() {
        let bytes = weights(pass)?;
        let buffer = match multiplies(pass) {
            true => {
                let Sections { spectrum, taps, .. } = sections(pass);
                let size = quad * (spectrum + slabs * (taps - spectrum)) as u64;
                let buffer =
                    context.empty("convolve kernel", size, usage | wgpu::BufferUsages::COPY_DST)?;
                context.guarded(|| context.queue.write_buffer(&buffer, 0, &bytes))?;
                buffer
            }
            false => context.constant("convolve kernel", &bytes, usage)?,
        };
        made.insert(pass, buffer);
    }
    let loudest = context.empty(
        "convolve spectrum",
        size_of::<u32>() as u64,
        usage | wgpu::BufferUsages::COPY_SRC,
    )?;
    let between = context.take(
        Role::Storage,
        (A::DTYPE.spectrum_bytes() * slabs * block.samples()) as u64,
        BETWEEN,
    )?;
    let between = End::Buffer(between.span());
    let multiplying = block.passes().iter().find(|pass| multiplies(**pass));
    let multiplying = multiplying.expect("some pass multiplies by the spectrum");
    let spectrum = End::from(&Span::whole(&made[multiplying]));
    let level = End::from(&Span::whole(&loudest));
    let mut encoder = context.device.create_command_encoder(&Default::default());
    let mut shares = 0.0;
    for (pass, from, to, besides) in [
        (BlockPass::KernelRows, None, &between, None),
        (BlockPass::KernelColumns, Some(&between), &spectrum, Some(&level)),
    ] {
        let launch = Launch::of_kernel(A::DTYPE, Transform { block, pass }, slabs);
        let params = Params::new(geometry, &launch, Starts::default(), &[]);
        let params = context.constant("convolve parameters", bytemuck::bytes_of(&params), usage)?;
        let weights = context.constant("convolve kernel", &weights(pass)?, usage)?;
        let bindings = Bindings {
            params: &params,
            from,
            weights: Some((&weights, weights.size())),
            to,
            besides,
        };
        let group = bindings.bind(context, &context.pipelines.layout(&launch.variant)?)?;
        let mut recorded = encoder.begin_compute_pass(&Default::default());
        recorded.set_pipeline(&context.pipelines.get(&launch.variant)?);
        recorded.set_bind_group(0, &group, &[0, 0]);
        recorded.dispatch_workgroups(launch.groups[0], launch.groups[1], 1);
        shares += Transform { block, pass }.shares(0, launch.depth);
    }
    // Behind the exponent, as the imaginary part of the head's second number: its upper 32 bits, the others being
    // zeros.
    let parts: u64 = if A::DTYPE.is_complex() { QUAD as u64 + 1 } else { 3 };
    let part = A::DTYPE.spectrum_bytes() as u64 / 2;
    let behind = (parts + 1) * part - loudest.size();
    for &pass in block.passes().iter().filter(|pass| writes(**pass)) {
        let at = quad * sections(pass).head as u64 + behind;
        encoder.copy_buffer_to_buffer(&loudest, 0, &made[&pass], at, Some(loudest.size()));
    }
    context.submit(encoder, Duration::from_secs_f64(shares / SLOWEST));
    Ok(made)
}

/// Complex numbers, filled up to whole quads.
fn push<A: Element>(all: &mut Vec<A>, numbers: impl IntoIterator<Item = Complex<f64>>) {
    for number in numbers {
        all.push(A::from_complex(number));
        if !A::DTYPE.is_complex() {
            all.push(A::from_complex(number.im.into()));
        }
    }
    all.resize(all.len().next_multiple_of(QUAD), A::default());
}

/// The largest taps, largest first: magnitude and slab, row and column.
fn probes<A: Element>(all: &mut Vec<A>, [rows, row]: [usize; 2], taps: &[A]) {
    let magnitude = |&i: &usize| taps[i].magnitude();
    let mut largest: Vec<usize> = Vec::with_capacity(PROBES + 1);
    for i in 0..taps.len() {
        let is_full = largest.len() == PROBES;
        if is_full && magnitude(&largest[PROBES - 1]) >= magnitude(&i) {
            continue;
        }
        let at = largest.partition_point(|other| magnitude(other) >= magnitude(&i));
        largest.insert(at, i);
        largest.truncate(PROBES);
    }
    for i in 0..PROBES {
        let (tap, at) = match largest.get(i) {
            Some(i) => (magnitude(i), [i / row / rows, i / row % rows, i % row]),
            None => (0.0, [0; 3]),
        };
        let [slab, row, column] = at.map(|at| at as f64);
        push(all, [Complex::new(tap, slab), Complex::new(row, column)]);
    }
}

/// For each table, each group of powers and each rest `r`: `W^(k r)` of the group's powers `k`.
fn twiddles<A: Element>(all: &mut Vec<A>, transform: &Transform, numbers: usize) {
    for (split, radix) in tables(transform) {
        let rests = 1usize << (split - radix);
        for group in 0..table_quads((split, radix), numbers) / rests {
            for r in 0..rests {
                let power = |i: usize| {
                    root(-(((group * numbers + i + 1) * r) as f64) / (1u64 << split) as f64)
                };
                push(all, (0..numbers).map(power));
            }
        }
    }
}

/// The number of magnitude one at so many turns, correct to the last bit or nearly: of an angle of several radians
/// the rounding would be more than that of `f64`'s sine.
pub(super) fn root(turns: f64) -> Complex<f64> {
    let quarters = (4.0 * turns).round();
    let (sine, cosine) = (2.0 * PI * (turns - quarters / 4.0)).sin_cos();
    match quarters.rem_euclid(4.0) {
        1.0 => Complex::new(-sine, cosine),
        2.0 => Complex::new(-cosine, -sine),
        3.0 => Complex::new(sine, -cosine),
        _ => Complex::new(cosine, sine),
    }
}

/// What `of` says of the row's and the column's frequency of every value, as invocations read it.
fn in_order<A: Element>(
    all: &mut Vec<A>,
    transform: &Transform,
    numbers: usize,
    of: impl Fn([usize; 2]) -> Complex<f64>,
) {
    let layout = Layout::of(transform);
    let last = layout.steps.last().expect("at least one step");
    let position =
        |number: usize, bits: &[u32]| scattered(number, bits.iter().map(|&bit| Some(bit)));
    for first in (0..1usize << last.registers.len()).step_by(numbers) {
        for invocation in 0..transform.invocations() as usize {
            let of_invocation = position(invocation, &last.invocations);
            let value = |register: usize| {
                of(layout.frequency(of_invocation | position(register, &last.registers)))
            };
            push(all, (first..first + numbers).map(value));
        }
    }
}

/// The spectrum of the taps, frequency by frequency.
///
/// `y[p] = sum over t of w[t] * x[p + t * dilation]` is a convolution with `w` reversed about 0.
fn spectrum<A: Element>(grid: &Grid, taps: &[A]) -> Result<Vec<Complex<f64>>> {
    let [rows, columns] = grid.size;
    let place = |axis: usize, tap: usize| {
        let size = grid.size[axis];
        (size - tap * grid.dilation[axis] % size) % size
    };
    let mut all: Vec<Complex<f64>> = memory::zeros(rows * columns, WHAT)?;
    let along = f64::plan(columns, FftDirection::Forward);
    let scratch = along.get_inplace_scratch_len();
    let mut scratch = memory::zeros(scratch, WHAT)?;
    for (tap_row, taps) in taps.chunks_exact(grid.taps[1]).enumerate() {
        let row = &mut all[place(0, tap_row) * columns..][..columns];
        for (tap, value) in taps.iter().enumerate() {
            row[place(1, tap)] = value.to_complex();
        }
        along.process_with_scratch(row, &mut scratch);
    }
    if rows > 1 {
        let along = f64::plan(rows, FftDirection::Forward);
        let mut scratch = memory::zeros(along.get_inplace_scratch_len(), WHAT)?;
        let mut line: Vec<Complex<f64>> = memory::zeros(rows, WHAT)?;
        for column in 0..columns {
            for (row, value) in line.iter_mut().enumerate() {
                *value = all[row * columns + column];
            }
            along.process_with_scratch(&mut line, &mut scratch);
            for (row, value) in line.iter().enumerate() {
                all[row * columns + column] = *value;
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(taps: usize) -> Axis {
        Axis { n: 100, out: 100, taps, ..Axis::one_sample() }
    }

    #[test]
    fn a_kernel_of_one_tap_has_a_flat_spectrum() {
        for (bits, lines) in [([6, 6], false), ([4, 8], false), ([0, 12], true)] {
            let block = Block { bits, lines, slabs: false, values: 12 };
            let transform = Transform { block, pass: BlockPass::Whole };
            let taps: [f32; 1] = [2.0];
            let spectrum = Spectrum::new(block, [&axis(1), &axis(1)], &taps).expect("memory");
            let all = constants(&transform, Some(&spectrum), &taps, [1, 1]).expect("memory");
            let sections = Sections::new(&transform, 2);
            assert_eq!(all.len(), QUAD * (sections.taps - sections.head));
            let spectrum = &all[QUAD * (sections.spectrum - sections.head)..];
            let flat = 1.0 / transform.block.transformed() as f32;
            assert_eq!(spectrum.len(), 2 * transform.block.samples());
            assert!(spectrum.chunks(2).all(|value| value == [flat, 0.0]), "{transform:?}");
            // Scaled by what the tap is above one, and as loud as one.
            assert_eq!(all[2..4], [1.0, 1.0]);
        }
    }

    #[test]
    fn the_largest_taps_come_first() {
        let taps: Vec<f32> = (0..300).map(|i| ((i * 71 % 300) as f32 - 150.0) / 150.0).collect();
        let mut all: Vec<f32> = Vec::new();
        probes(&mut all, [5, 30], &taps);
        let found: Vec<f32> = all.chunks(QUAD).map(|probe| probe[0]).collect();
        let mut sorted: Vec<f32> = taps.iter().map(|tap| tap.abs()).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(found, sorted[..PROBES]);
        for probe in all.chunks(QUAD) {
            let [slab, row, column] = [probe[1], probe[2], probe[3]].map(|at| at as usize);
            assert!(slab < 2 && row < 5 && column < 30, "{probe:?}");
            assert_eq!(taps[(slab * 5 + row) * 30 + column].abs(), probe[0]);
        }
    }
}
