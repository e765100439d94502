//! Transforms of blocks of any rank: rows along the last axis, then panels of columns along the
//! others.
//!
//! At the outermost axis a panel goes forward, through the kernel's spectrum and back while it is
//! in cache. Rows that hold only padding are not transformed, nor on the way back those that no
//! output is read from.

use num_complex::Complex;
use rustfft::{Fft, FftDirection};
use std::sync::Arc;

use super::boxes::embed;
use super::sample::Real;
use super::vectorized;

/// Columns that are transformed together: eight neighbours fill the cache lines that a column
/// touches.
const PANEL: usize = 8;

/// Elements that rows and columns are padded by, lest those of a power of two share cache sets.
const PAD: usize = 8;

/// Bytes of a cache line.
const LINE: usize = 64;

/// Transforms of blocks of one size, there and back, with the product of spectra in between.
pub struct Transform<R: Real> {
    size: Vec<usize>,
    /// Elements from one row to the next.
    pitch: usize,
    /// Along each axis, forward and inverse.
    ways: Vec<[Arc<dyn Fft<R>>; 2]>,
    /// The outermost axis that is longer than one sample; the last one where none is.
    outermost: usize,
}

/// What one thread needs to transform one block; kept from call to call.
pub struct Space<R> {
    block: Vec<Complex<R>>,
    panels: [Vec<Complex<R>>; 2],
    scratch: Vec<Complex<R>>,
    /// A row in the order of samples, to be filled or read.
    pub line: Vec<Complex<R>>,
}

/// The part of a block that matters, per axis.
#[derive(Clone, Debug, Default)]
pub struct Extent {
    /// Samples from the start that are not padding.
    pub used: Vec<usize>,
    /// Results from the start that outputs are read from.
    pub needed: Vec<usize>,
}

impl Extent {
    /// The least extent that holds all of these.
    pub fn unite<'a>(&mut self, parts: impl Iterator<Item = &'a Self>) {
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
    /// Plans transforms of this size.
    pub fn new(size: &[usize]) -> Self {
        let last = size.len() - 1;
        let ways = size
            .iter()
            .map(|&n| [FftDirection::Forward, FftDirection::Inverse].map(|way| R::plan(n, way)))
            .collect();
        let pitch = if last == 0 { size[0] } else { padded(size[last]) };
        let outermost = size.iter().position(|&n| n > 1).unwrap_or(last);
        Self { size: size.into(), pitch, ways, outermost }
    }

    /// Memory for one block.
    pub fn space(&self) -> Space<R> {
        let last = self.size.len() - 1;
        let rows: usize = self.size[..last].iter().product();
        let longest = self.size[..last].iter().copied().max().unwrap_or(0);
        let scratch = self.ways.iter().flatten().map(|fft| fft.get_outofplace_scratch_len());
        let zeros = |len| vec![Complex::default(); len];
        Space {
            block: zeros(rows * self.pitch + LINE),
            panels: [PANEL, PANEL].map(|columns| zeros(columns * padded(longest))),
            scratch: zeros(scratch.max().unwrap_or(0)),
            line: zeros(self.size[last]),
        }
    }

    /// Transforms `space.line`, which is used up, into one row of the block.
    pub fn forward_row(&self, row: usize, space: &mut Space<R>) {
        let block = aligned(&mut space.block);
        let out = &mut block[row * self.pitch..][..space.line.len()];
        self.along(self.size.len() - 1, 0, &mut space.line, out, &mut space.scratch);
    }

    /// Transforms one row of the block, which is used up, back into `space.line`.
    pub fn inverse_row(&self, row: usize, space: &mut Space<R>) {
        let block = aligned(&mut space.block);
        let spectrum = &mut block[row * self.pitch..][..space.line.len()];
        self.along(self.size.len() - 1, 1, spectrum, &mut space.line, &mut space.scratch);
    }

    /// The spectrum of a block whose rows are transformed, in the order that [`Self::filter`]
    /// reads it, times `scale`.
    pub fn spectrum(&self, scale: R, space: &mut Space<R>) -> Vec<Complex<R>> {
        self.forward_middle(&self.size, space);
        let mut spectrum = Vec::with_capacity(self.size.iter().product());
        let n = self.size[self.outermost];
        if self.outermost == self.size.len() - 1 {
            spectrum.extend(aligned(&mut space.block)[..n].iter().map(|value| value.scale(scale)));
            return spectrum;
        }
        self.panels(self.outermost, n, n, &self.size, space, |panels, columns, scratch| {
            for c in 0..columns {
                let [samples, column] = panels.each_mut().map(|panel| &mut panel[c * padded(n)..]);
                self.along(self.outermost, 0, &mut samples[..n], &mut column[..n], scratch);
                spectrum.extend(column[..n].iter().map(|value| value.scale(scale)));
            }
        });
        spectrum
    }

    /// Takes a block whose rows are transformed to its product with a spectrum, all axes but the
    /// last transformed back.
    pub fn filter(&self, spectrum: &[Complex<R>], extent: &Extent, space: &mut Space<R>) {
        let (axis, last) = (self.outermost, self.size.len() - 1);
        if axis == last {
            return vectorized(
                #[inline(always)]
                || multiply(aligned(&mut space.block), spectrum),
            );
        }
        self.forward_middle(&extent.used, space);
        let n = self.size[axis];
        let mut spectrum = spectrum.chunks_exact(n);
        let (used, needed) = (extent.used[axis], extent.needed[axis]);
        self.panels(axis, used, needed, &extent.used, space, |panels, columns, scratch| {
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
        for axis in axis + 1..last {
            self.middle(axis, 1, self.size[axis], extent.needed[axis], &extent.needed, space);
        }
    }

    fn forward_middle(&self, used: &[usize], space: &mut Space<R>) {
        for axis in (self.outermost + 1..self.size.len() - 1).rev() {
            self.middle(axis, 0, used[axis], self.size[axis], used, space);
        }
    }

    /// Transforms along an axis that is neither the outermost nor the last: samples from `from` on
    /// are zeros, results from `to` on are not kept.
    fn middle(
        &self,
        axis: usize,
        way: usize,
        from: usize,
        to: usize,
        outer: &[usize],
        space: &mut Space<R>,
    ) {
        let n = self.size[axis];
        if n == 1 {
            return;
        }
        self.panels(axis, from, to, outer, space, |panels, columns, scratch| {
            for c in 0..columns {
                let [samples, column] = panels.each_mut().map(|panel| &mut panel[c * padded(n)..]);
                let (samples, column) = (&mut samples[..n], &mut column[..n]);
                self.along(axis, way, samples, column, scratch);
                samples[..to].copy_from_slice(&column[..to]);
            }
        });
    }

    /// Calls `work` with each panel of columns along an outer axis, for all rows of the axes
    /// between it and the last, and those within `outer` of the axes outside of it. A panel holds
    /// its columns one after the other; what is left in the first panel goes back.
    fn panels(
        &self,
        axis: usize,
        from: usize,
        to: usize,
        outer: &[usize],
        space: &mut Space<R>,
        mut work: impl FnMut(&mut [Vec<Complex<R>>; 2], usize, &mut [Complex<R>]),
    ) {
        let (n, last) = (self.size[axis], self.size.len() - 1);
        let rows: usize = self.size[axis + 1..last].iter().product();
        let step = rows * self.pitch;
        let (outer, size) = (&outer[..axis], &self.size[..axis]);
        let Space { block, panels, scratch, .. } = space;
        let block = aligned(block);
        for slab in 0..outer.iter().product() {
            let slab = &mut block[embed(slab, outer, size) * n * step..][..n * step];
            for row in 0..rows {
                for first in (0..self.size[last]).step_by(PANEL) {
                    let columns = PANEL.min(self.size[last] - first);
                    let first = row * self.pitch + first;
                    let slab = &mut slab[first..];
                    vectorized(
                        #[inline(always)]
                        || gather(slab, step, n, from, columns, &mut panels[0]),
                    );
                    work(panels, columns, scratch);
                    vectorized(
                        #[inline(always)]
                        || scatter(&panels[0], n, to, columns, slab, step),
                    );
                }
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

/// Copies columns out of rows that lie `step` apart; beyond the first `used` rows, zeros.
#[inline(always)]
fn gather<R: Real>(
    rows: &[Complex<R>],
    step: usize,
    n: usize,
    used: usize,
    columns: usize,
    panel: &mut [Complex<R>],
) {
    let pitch = padded(n);
    for c in 0..columns {
        panel[c * pitch + used..c * pitch + n].fill(Complex::default());
    }
    if columns < PANEL {
        for (i, row) in rows.chunks(step).take(used).enumerate() {
            for (c, value) in row[..columns].iter().enumerate() {
                panel[c * pitch + i] = *value;
            }
        }
        return;
    }
    let mut columns = panel.chunks_exact_mut(pitch).map(|column| &mut column[..used]);
    let mut columns: [&mut [Complex<R>]; PANEL] =
        std::array::from_fn(|_| columns.next().expect("a whole panel"));
    for (i, row) in rows.chunks(step).take(used).enumerate() {
        let row: &[Complex<R>; PANEL] = row.first_chunk().expect("a whole panel");
        for (value, column) in row.iter().zip(&mut columns) {
            column[i] = *value;
        }
    }
}

/// Copies the first `needed` samples of the columns back to rows that lie `step` apart.
#[inline(always)]
fn scatter<R: Real>(
    panel: &[Complex<R>],
    n: usize,
    needed: usize,
    columns: usize,
    rows: &mut [Complex<R>],
    step: usize,
) {
    let pitch = padded(n);
    if columns < PANEL {
        for (i, row) in rows.chunks_mut(step).take(needed).enumerate() {
            for (c, value) in row[..columns].iter_mut().enumerate() {
                *value = panel[c * pitch + i];
            }
        }
        return;
    }
    let mut columns = panel.chunks_exact(pitch).map(|column| &column[..needed]);
    let columns: [&[Complex<R>]; PANEL] =
        std::array::from_fn(|_| columns.next().expect("a whole panel"));
    for (i, row) in rows.chunks_mut(step).take(needed).enumerate() {
        let row: &mut [Complex<R>; PANEL] = row.first_chunk_mut().expect("a whole panel");
        for (value, column) in row.iter_mut().zip(columns) {
            *value = column[i];
        }
    }
}

/// Multiplies element by element.
#[inline(always)]
fn multiply<R: Real>(values: &mut [Complex<R>], by: &[Complex<R>]) {
    for (value, by) in values.iter_mut().zip(by) {
        *value = *value * *by;
    }
}
