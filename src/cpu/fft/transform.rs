//! Transforms of blocks of any rank: rows along the last axis, then panels of columns along the
//! others.
//!
//! At the outermost axis a panel goes forward, through the kernel's spectrum and back while it is
//! in cache; or that axis is not transformed, but summed over the kernel's taps. Rows that hold only
//! padding are not transformed, nor on the way back those that no output is read from.

use num_complex::Complex;
use rustfft::{Fft, FftDirection};
use std::sync::Arc;

use super::boxes::embed;
use super::columns;
use crate::element::transform::Real;
use crate::error::Result;
use crate::plan::cpu::{Blocks, Summed};
use crate::simd::columns::ColumnJob;
use crate::simd::transpose::Turn;
use crate::simd::vectorized;
use crate::util::memory;

/// Columns that are transformed together: eight neighbours fill the cache lines that a column
/// touches.
const PANEL: usize = 8;

/// Elements that rows and columns are padded by, lest those of a power of two share cache sets.
const PAD: usize = 8;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Transforms of blocks of one size, there and back, with the product of spectra in between.
pub(super) struct Transform<R: Real> {
    size: Vec<usize>,
    /// Elements from one row to the next.
    pitch: usize,
    /// Along each axis, forward and inverse.
    ways: Vec<[Arc<dyn Fft<R>>; 2]>,
    /// The outermost axis that is longer than one sample; the last one where none is.
    outermost: usize,
    /// Its taps, where it is not transformed.
    summed: Option<Summed>,
}

/// What one thread needs to transform one block; kept from call to call.
#[derive(Default)]
pub(super) struct Space<R> {
    block: Vec<Complex<R>>,
    panels: [Vec<Complex<R>>; 2],
    scratch: Vec<Complex<R>>,
    /// A row in the order of samples, to be filled or read.
    pub line: Vec<Complex<R>>,
}

/// The part of a block that matters, per axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Extent {
    /// Samples from the start that are not padding.
    pub used: Vec<usize>,
    /// Results from the start that outputs are read from.
    pub needed: Vec<usize>,
}

impl Extent {
    /// The least extent that holds all of these.
    pub(super) fn unite<'a>(&mut self, parts: impl Iterator<Item = &'a Self>) {
        self.used.clear();
        self.needed.clear();
        for part in parts {
            for (all, part) in [(&mut self.used, &part.used), (&mut self.needed, &part.needed)] {
                all.resize(part.len(), 0);
                all.iter_mut().zip(part).for_each(|(all, &part)| *all = part.max(*all));
            }
        }
    }
}

impl<R: Real> Transform<R> {
    /// Plans transforms of blocks of this size.
    pub(super) fn new(blocks: &Blocks) -> Self {
        let (size, summed) = (blocks.size.clone(), blocks.summed);
        let last = size.len() - 1;
        let outermost = size.iter().position(|&n| n > 1).unwrap_or(last);
        let ways = size.iter().enumerate().map(|(axis, &n)| {
            // Where there is nothing to transform, any plan will do.
            let n = if summed.is_some() && axis == outermost { 1 } else { n };
            [FftDirection::Forward, FftDirection::Inverse].map(|way| R::plan(n, way))
        });
        let ways = ways.collect();
        let pitch = if last == 0 { size[0] } else { padded(size[last]) };
        Self { size, pitch, ways, outermost, summed }
    }

    /// Bytes of the memory for one block.
    pub(super) fn space_bytes(&self) -> usize {
        let slabs = self.summed.map_or_else(|| self.slabs(&self.size), |summed| summed.held());
        (slabs * self.rows_of_slab() * self.pitch).saturating_mul(size_of::<Complex<R>>())
    }

    /// Memory for one block.
    pub(super) fn space(&self) -> Result<Space<R>> {
        let last = self.size.len() - 1;
        let slabs = self.summed.map_or_else(|| self.slabs(&self.size), |summed| summed.held());
        let rows = slabs * self.rows_of_slab();
        let longest = self.ways[..last].iter().map(|[way, _]| way.len()).max().unwrap_or(0);
        let scratch = self.ways.iter().flatten().map(|fft| fft.get_outofplace_scratch_len());
        let zeros = |len| memory::zeros(len, "a block to transform");
        Ok(Space {
            block: zeros(rows * self.pitch + LINE)?,
            panels: [zeros(PANEL * padded(longest))?, zeros(PANEL * padded(longest))?],
            scratch: zeros(scratch.max().unwrap_or(0))?,
            line: zeros(self.size[last])?,
        })
    }

    /// Transforms the line of `space`, which is used up, into one row of the block.
    pub(super) fn forward_row(&self, row: usize, space: &mut Space<R>) {
        let last = self.size.len() - 1;
        let line = &mut space.line[..self.size[last]];
        let out = &mut aligned(&mut space.block)[row * self.pitch..][..line.len()];
        self.along(last, 0, line, out, &mut space.scratch);
    }

    /// Transforms one row of the block, which is used up, back into the line of `space`.
    pub(super) fn inverse_row(&self, row: usize, space: &mut Space<R>) {
        let last = self.size.len() - 1;
        let line = &mut space.line[..self.size[last]];
        let spectrum = &mut aligned(&mut space.block)[row * self.pitch..][..line.len()];
        self.along(last, 1, spectrum, line, &mut space.scratch);
    }

    /// Slabs of a block, or of a part of it: what lies at one place of the outermost axis. Between
    /// their rows and the outermost axis, slabs are transformed one by one, while they are in cache.
    pub(super) fn slabs(&self, part: &[usize]) -> usize {
        if self.outermost == self.size.len() - 1 { 1 } else { part[self.outermost] }
    }

    /// Rows from one place of the outermost axis to the next.
    pub(super) fn rows_of_slab(&self) -> usize {
        let last = self.size.len() - 1;
        self.size[(self.outermost + 1).min(last)..last].iter().product()
    }

    /// The spectrum of a block whose slabs are transformed, in the order that [`Self::filter`]
    /// reads it, times `scale`.
    pub(super) fn spectrum(&self, scale: R, space: &mut Space<R>) -> Result<Vec<Complex<R>>> {
        if let Some(Summed { taps, .. }) = self.summed {
            return columns::weights(
                aligned(&mut space.block),
                self.rows_of_slab() * self.pitch,
                taps,
                scale,
            );
        }
        let mut spectrum = memory::room(self.size.iter().product(), "the kernel's spectrum")?;
        let n = self.size[self.outermost];
        if self.outermost == self.size.len() - 1 {
            spectrum.extend(aligned(&mut space.block)[..n].iter().map(|value| value.scale(scale)));
            return Ok(spectrum);
        }
        self.panels(self.outermost, 0, [n, n], space, |panels, columns, scratch| {
            for c in 0..columns {
                let [samples, column] = panels.each_mut().map(|panel| &mut panel[c * padded(n)..]);
                self.along(self.outermost, 0, &mut samples[..n], &mut column[..n], scratch);
                spectrum.extend(column[..n].iter().map(|value| value.scale(scale)));
            }
        });
        Ok(spectrum)
    }

    /// How much larger the mean square of a result can be than that of the samples that it is made of, as
    /// a root, under the kernel of this spectrum: the largest magnitude of a frequency, or, where slabs
    /// are summed, of all of a frequency's taps.
    pub(super) fn gain(&self, spectrum: &[Complex<R>]) -> f64 {
        let most = match self.summed {
            None => spectrum.iter().map(|k| k.norm_sqr().into()).fold(0.0, f64::max),
            Some(Summed { taps, .. }) => columns::most_energy(spectrum, taps),
        };
        let transformed: usize = self.ways.iter().map(|[way, _]| way.len()).product();
        most.sqrt() * transformed as f64
    }

    /// Takes a block whose slabs are transformed to its product with a spectrum, transformed back
    /// along the outermost axis.
    pub(super) fn filter(&self, spectrum: &[Complex<R>], extent: &Extent, space: &mut Space<R>) {
        let axis = self.outermost;
        if axis == self.size.len() - 1 {
            return vectorized(
                #[inline(always)]
                || multiply(aligned(&mut space.block), spectrum),
            );
        }
        let n = self.size[axis];
        let mut spectrum = spectrum.chunks_exact(n);
        let ends = [extent.used[axis], extent.needed[axis]];
        self.panels(axis, 0, ends, space, |panels, columns, scratch| {
            for (c, kernel) in (0..columns).zip(&mut spectrum) {
                let [samples, column] = panels.each_mut().map(|panel| &mut panel[c * padded(n)..]);
                let (samples, column) = (&mut samples[..n], &mut column[..n]);
                self.along(axis, 0, samples, column, scratch);
                vectorized(
                    #[inline(always)]
                    || multiply(column, kernel),
                );
                self.along(axis, 1, column, samples, scratch);
            }
        });
    }

    /// Replaces the first `sums` of the slabs in memory, which are transformed, by their sums over
    /// the taps of the outermost axis.
    pub(super) fn sum(&self, spectrum: &[Complex<R>], sums: usize, space: &mut Space<R>) {
        let Summed { taps, step, .. } = self.summed.expect("an axis that is summed");
        let (block, slab) = (aligned(&mut space.block), self.rows_of_slab() * self.pitch);
        R::sum(ColumnJob { block, slab, step, weights: spectrum, taps, sums });
    }

    /// Drops the first `sums` of the slabs in memory.
    pub(super) fn advance(&self, sums: usize, space: &mut Space<R>) {
        let reach = self.summed.expect("an axis that is summed").reach();
        let slab = self.rows_of_slab() * self.pitch;
        aligned(&mut space.block).copy_within(sums * slab..(sums + reach) * slab, 0);
    }

    /// Transforms a slab, whose rows are transformed, along its outer axes.
    pub(super) fn forward_slab(&self, slab: usize, used: &[usize], space: &mut Space<R>) {
        for axis in (self.outermost + 1..self.size.len() - 1).rev() {
            self.middle(axis, 0, [used[axis], self.size[axis]], slab, used, space);
        }
    }

    /// Transforms a slab back along its outer axes.
    pub(super) fn inverse_slab(&self, slab: usize, needed: &[usize], space: &mut Space<R>) {
        for axis in self.outermost + 1..self.size.len() - 1 {
            self.middle(axis, 1, [self.size[axis], needed[axis]], slab, needed, space);
        }
    }

    /// Transforms a slab along an axis that is neither the outermost nor the last: samples from
    /// `ends[0]` on are zeros, results from `ends[1]` on are not kept.
    fn middle(
        &self,
        axis: usize,
        way: usize,
        ends: [usize; 2],
        slab: usize,
        outer: &[usize],
        space: &mut Space<R>,
    ) {
        let n = self.size[axis];
        if n == 1 {
            return;
        }
        let between = self.outermost + 1..axis;
        let (outer, size) = (&outer[between.clone()], &self.size[between]);
        for part in 0..outer.iter().product() {
            let part = slab * size.iter().product::<usize>() + embed(part, outer, size);
            self.panels(axis, part, ends, space, |panels, columns, scratch| {
                for c in 0..columns {
                    let [samples, column] =
                        panels.each_mut().map(|panel| &mut panel[c * padded(n)..]);
                    self.along(axis, way, &mut samples[..n], &mut column[..n], scratch);
                }
                panels.swap(0, 1);
            });
        }
    }

    /// Calls `work` with each panel of columns along an outer axis, for all rows of the axes
    /// between it and the last, in the `part`th part of the block that is one sample long along the
    /// axes outside of it. A panel holds its columns one after the other, `ends[0]` samples each and
    /// zeros; the first `ends[1]` of what is left in the first panel go back.
    fn panels(
        &self,
        axis: usize,
        part: usize,
        [used, needed]: [usize; 2],
        space: &mut Space<R>,
        mut work: impl FnMut(&mut [Vec<Complex<R>>; 2], usize, &mut [Complex<R>]),
    ) {
        let (n, last) = (self.size[axis], self.size.len() - 1);
        let rows: usize = self.size[axis + 1..last].iter().product();
        let step = rows * self.pitch;
        let Space { block, panels, scratch, .. } = space;
        let part = &mut aligned(block)[part * n * step..][..n * step];
        for row in 0..rows {
            for first in (0..self.size[last]).step_by(PANEL) {
                let columns = PANEL.min(self.size[last] - first);
                let part = &mut part[row * self.pitch + first..];
                let (pitch, to) = (padded(n), &mut panels[0]);
                for column in to.chunks_exact_mut(pitch).take(columns) {
                    column[used..n].fill(Complex::default());
                }
                let (from_step, to_step) = (step, pitch);
                R::transpose(Turn { from: part, from_step, rows: used, columns, to, to_step });
                work(panels, columns, scratch);
                let (from, from_step, to_step) = (&panels[0], pitch, step);
                let (rows, columns) = (columns, needed);
                R::transpose(Turn { from, from_step, rows, columns, to: part, to_step });
            }
        }
    }

    fn along(
        &self,
        axis: usize,
        way: usize,
        from: &mut [Complex<R>],
        to: &mut [Complex<R>],
        scratch: &mut [Complex<R>],
    ) {
        self.ways[axis][way].process_outofplace_with_scratch(from, to, scratch);
    }
}

/// The length of a padded row or column: whole cache lines, and some more.
fn padded(n: usize) -> usize {
    n.next_multiple_of(PANEL) + PAD
}

/// The part of `block` that starts at a cache line, so that a panel touches as few as it can.
fn aligned<T>(block: &mut [T]) -> &mut [T] {
    let skip = block.as_ptr().align_offset(LINE).min(LINE);
    &mut block[skip..]
}

/// Multiplies element by element.
#[inline(always)]
fn multiply<R: Real>(values: &mut [Complex<R>], by: &[Complex<R>]) {
    for (value, by) in values.iter_mut().zip(by) {
        *value = *value * *by;
    }
}
