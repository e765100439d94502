//! What transforms on the device multiply with: twiddles and the spectrum of a kernel, in the order that
//! invocations read them, and what results are judged by.
//!
//! Made in `f64` on the host, once for each kernel, and rounded once.

use num_complex::Complex;
use rustfft::FftDirection;
use std::f64::consts::PI;

use crate::bounds::{Gain, Samples, Spread, of_transforms, share};
use crate::element::Element;
use crate::element::transform::Real;
use crate::error::Result;
use crate::gpu::fft::{PROBES, Sections, multiplies, numbers_of_quad, table_quads, writes};
use crate::gpu::registers::{Layout, scattered};
use crate::plan::gpu::launch::QUAD;
use crate::plan::gpu::transform::{Block, BlockPass, Transform};
use crate::problem::geometry::Axis;
use crate::util::memory;

/// More than the rounding of what is summed up on the device.
const ENOUGH: f64 = 1.01;

const WHAT: &str = "the spectrum for the GPU";

/// Along both axes taps, how many positions lie from one to the next, and the samples that are transformed.
struct Grid {
    taps: [usize; 2],
    dilation: [usize; 2],
    size: [usize; 2],
}

/// What all passes over blocks of one size know of a kernel.
pub(super) struct Spectrum {
    block: Block,
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
        Ok(Self { block, grid, values, loudest })
    }

    /// The largest magnitude of a value.
    #[cfg(test)]
    pub(super) fn loudest(&self) -> f64 {
        self.loudest
    }
}

/// What a pass needs of the kernel `taps` besides the kernel itself, in whole quads.
pub(super) fn constants<A: Element>(
    pass: BlockPass,
    spectrum: &Spectrum,
    taps: &[A],
) -> Result<Vec<A>> {
    let Spectrum { block, grid, values, loudest } = spectrum;
    let (block, loudest) = (*block, *loudest);
    let transform = &Transform { block, pass };
    let numbers = numbers_of_quad(A::DTYPE);
    let sections = Sections::new(transform, numbers);
    let quads = sections.taps - sections.head;
    let mut all = memory::room(QUAD * quads, WHAT)?;
    // Between one and two, whatever the scale of the taps.
    let exponent = if loudest > 0.0 { loudest.log2().floor() as i32 } else { 0 };
    let scale = 2f64.powi(-exponent);
    let largest = taps.iter().map(|tap| tap.magnitude()).fold(0.0, f64::max);
    let gain = Gain { mean: loudest * scale, largest: largest * scale };
    let need = |squares: f64, largest: f64| {
        let spread = Spread::of(block.transformed());
        let epsilon = f64::from(f32::EPSILON);
        let error = of_transforms(epsilon, spread, Samples { squares, largest }, gain);
        ENOUGH * error / share(epsilon)
    };
    let head = [Complex::new(need(1.0, 0.0), need(0.0, 1.0)), Complex::from(f64::from(exponent))];
    push(&mut all, head);
    if writes(transform.pass) {
        probes(&mut all, grid, taps);
    }
    twiddles(&mut all, transform, numbers);
    if multiplies(transform.pass) {
        let scale = scale / block.transformed() as f64;
        in_order(&mut all, transform, numbers, |[row, column]| {
            scale * values[row % grid.size[0] * grid.size[1] + column]
        });
    }
    debug_assert_eq!(all.len(), QUAD * quads);
    Ok(all)
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

/// The largest taps, largest first: magnitude, row and column.
fn probes<A: Element>(all: &mut Vec<A>, grid: &Grid, taps: &[A]) {
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
            Some(i) => (magnitude(i), [i / grid.taps[1], i % grid.taps[1]]),
            None => (0.0, [0, 0]),
        };
        push(all, [tap.into(), Complex::new(at[0] as f64, at[1] as f64)]);
    }
}

/// For each table, each group of powers and each rest `r`: `W^(k r)` of the group's powers `k`.
fn twiddles<A: Element>(all: &mut Vec<A>, transform: &Transform, numbers: usize) {
    for (split, radix) in Layout::of(transform).twiddles() {
        let rests = 1usize << (split - radix);
        for group in 0..table_quads((split, radix), numbers) / rests {
            for r in 0..rests {
                let power = |i: usize| {
                    let turns = ((group * numbers + i + 1) * r) as f64 / (1u64 << split) as f64;
                    Complex::from_polar(1.0, -2.0 * PI * turns)
                };
                push(all, (0..numbers).map(power));
            }
        }
    }
}

/// What `of` says of the row's and the column's frequency of every value, as invocations read it.
fn in_order<A: Element>(
    all: &mut Vec<A>,
    transform: &Transform,
    numbers: usize,
    of: impl Fn([usize; 2]) -> Complex<f64>,
) {
    let block = transform.block;
    let layout = Layout::of(transform);
    let last = layout.steps.last().expect("at least one step");
    let own = match transform.pass {
        BlockPass::Columns => block.column_bits_of_group(),
        _ => block.bits[1],
    };
    let rows = Transform { pass: BlockPass::Rows, ..*transform };
    let rows = Layout::of(&rows);
    let slots = rows.slots();
    let frequency = |group: usize, position: usize| {
        let [row, column] = layout.frequency(position);
        match transform.pass {
            BlockPass::Columns => {
                // Columns are where the pass over rows has left them.
                let slot = group << own | column;
                let column = scattered(slot, slots.iter().map(|&bit| Some(bit)));
                [row, rows.frequency(column)[1]]
            }
            _ => [row, column],
        }
    };
    let invocations = transform.invocations() as usize;
    let registers = 1usize << last.registers.len();
    for group in 0..1 << (block.bits[1] - own) {
        for first in (0..registers).step_by(numbers) {
            for invocation in 0..invocations {
                let of_invocation =
                    scattered(invocation, last.invocations.iter().map(|&bit| Some(bit)));
                let value = |register: usize| {
                    let of_register =
                        scattered(register, last.registers.iter().map(|&bit| Some(bit)));
                    of(frequency(group, of_invocation | of_register))
                };
                push(all, (first..first + numbers).map(value));
            }
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
        for (bits, lines, pass) in [
            ([6, 6], false, BlockPass::Whole),
            ([0, 12], true, BlockPass::Whole),
            ([7, 8], false, BlockPass::Columns),
        ] {
            let transform = Transform { block: Block { bits, lines, values: 12 }, pass };
            let taps: [f32; 1] = [2.0];
            let spectrum = Spectrum::new(transform.block, [&axis(1), &axis(1)], &taps);
            let all = constants(pass, &spectrum.expect("memory"), &taps).expect("memory");
            let sections = Sections::new(&transform, 2);
            assert_eq!(all.len(), QUAD * (sections.taps - sections.head));
            let spectrum = &all[QUAD * (sections.spectrum - sections.head)..];
            let flat = 1.0 / transform.block.transformed() as f32;
            assert_eq!(spectrum.len(), 2 * transform.block.samples());
            assert!(spectrum.chunks(2).all(|value| value == [flat, 0.0]), "{transform:?}");
            // Scaled by what the tap is above one.
            assert_eq!(all[2], 1.0);
        }
    }

    #[test]
    fn the_largest_taps_come_first() {
        let grid = Grid { taps: [10, 30], dilation: [1, 1], size: [64, 64] };
        let taps: Vec<f32> = (0..300).map(|i| ((i * 71 % 300) as f32 - 150.0) / 150.0).collect();
        let mut all: Vec<f32> = Vec::new();
        probes(&mut all, &grid, &taps);
        let found: Vec<f32> = all.chunks(QUAD).map(|probe| probe[0]).collect();
        let mut sorted: Vec<f32> = taps.iter().map(|tap| tap.abs()).collect();
        sorted.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(found, sorted[..PROBES]);
        for probe in all.chunks(QUAD) {
            assert_eq!(taps[probe[2] as usize * 30 + probe[3] as usize].abs(), probe[0]);
        }
    }
}
