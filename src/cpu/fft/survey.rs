//! A look at a block before it is transformed: how loud it is, and whether any of its windows is so
//! quiet that it would drown.
//!
//! Most blocks are cleared by the maxima of tiles, of which every window holds a whole one; the
//! others are looked at sample by sample.

use num_complex::Complex;
use std::ops::Range;

use super::range::{Level, PARTNER, SHARE, Window};
use super::sample::Real;
use super::vectorized;
use crate::bounds::Spread;
use crate::error::Result;
use crate::memory;

/// A look at a block before it is transformed; memory is kept from block to block.
///
/// It looks at rows that are packed already, real and imaginary parts side by side: those are two
/// blocks of real numbers, or the parts of one of complex numbers.
#[derive(Debug, Default)]
pub struct Survey<R> {
    /// Samples and tiles per axis, and the tiles' sides.
    used: Vec<usize>,
    tiles: Vec<usize>,
    sides: Vec<usize>,
    /// Rows seen, in standard order.
    row: usize,
    /// The largest of each column since the last tile was complete.
    columns: Vec<[R; 2]>,
    /// The largest of each tile.
    maxima: Vec<[R; 2]>,
    squares: [f64; 2],
    /// Rows that are summed together, at most.
    group: usize,
    /// The squares in the last and in this group of as many rows, and the most in two neighbours.
    groups: [[f64; 2]; 2],
    loudest: [f64; 2],
    seen: Vec<R>,
    all: Vec<R>,
    /// Per axis, for windows that differ in their tiles: the first tile that is under visible taps
    /// as a whole, and the first that is under any tap that is not zero.
    starts: Vec<Vec<[usize; 2]>>,
}

/// The parts of packed samples that belong to a block: the `lane`th, or both of complex numbers.
pub type Parts = Range<usize>;

/// Samples in one step of [`look`]'s loop: enough for its sums not to wait for each other.
const STEP: usize = 16;

/// Samples in one step of [`largest`]'s loop: tiles are small.
const FOLD: usize = 8;

impl<R: Real> Survey<R> {
    /// Starts on a block of which `used` samples are read, in tiles or sample by sample. What becomes
    /// of one output stands in up to `group` neighbouring rows.
    pub fn start(
        &mut self,
        windows: &[Window],
        used: &[usize],
        tiled: bool,
        group: usize,
    ) -> Result<()> {
        self.used.clear();
        self.used.extend_from_slice(used);
        self.sides.clear();
        self.sides.extend(windows.iter().map(|w| if tiled { w.tile() } else { 1 }));
        self.tiles.clear();
        self.tiles.extend(used.iter().zip(&self.sides).map(|(used, side)| used.div_ceil(*side)));
        let (what, tiles) = ("a look at a block", self.tiles.iter().product());
        self.columns.clear();
        memory::fit(&mut self.columns, used[used.len() - 1], what)?;
        self.columns.fill(Default::default());
        memory::fit(&mut self.maxima, tiles, what)?;
        self.maxima.fill(Default::default());
        for maxima in [&mut self.seen, &mut self.all] {
            maxima.clear();
            memory::reserve(maxima, tiles, what)?;
        }
        (self.row, self.squares, self.group) = (0, [0.0; 2], group);
        (self.groups, self.loudest) = Default::default();
        Ok(())
    }

    /// The next row, perhaps with padding at its end.
    pub fn add(&mut self, row: &[Complex<R>]) {
        let last = self.used.len() - 1;
        let row = bytemuck::cast_slice(&row[..self.used[last]]);
        let squares = vectorized(
            #[inline(always)]
            || look(row, &mut self.columns),
        );
        if self.row.is_multiple_of(self.group) {
            self.groups = [self.groups[1], [0.0; 2]];
        }
        for (part, squares) in squares.into_iter().enumerate() {
            self.squares[part] += squares.into();
            self.groups[1][part] += squares.into();
            let both = self.groups[0][part] + self.groups[1][part];
            self.loudest[part] = both.max(self.loudest[part]);
        }
        self.row += 1;
        let in_tile = if last == 0 { 0 } else { self.row % self.used[last - 1] };
        if last > 0 && in_tile != 0 && !in_tile.is_multiple_of(self.sides[last - 1]) {
            return;
        }
        // Where the tiles of this row are.
        let (mut rest, mut place, mut inner) = (self.row - 1, 0, self.tiles[last]);
        for axis in (0..last).rev() {
            place += rest % self.used[axis] / self.sides[axis] * inner;
            rest /= self.used[axis];
            inner *= self.tiles[axis];
        }
        let side = self.sides[last];
        let tiles = &mut self.maxima[place..place + self.tiles[last]];
        vectorized(
            #[inline(always)]
            || {
                if side >= FOLD {
                    for (tile, columns) in tiles.iter_mut().zip(self.columns.chunks(side)) {
                        *tile = larger(*tile, &largest(columns));
                    }
                    return;
                }
                let parts: &mut [R] = bytemuck::cast_slice_mut(&mut self.columns);
                let stretch = parts.len();
                sliding_maximum(parts, side, 2, stretch);
                for (tile, columns) in tiles.iter_mut().zip(self.columns.iter().step_by(side)) {
                    *tile = larger(*tile, columns);
                }
            },
        );
        self.columns.fill(Default::default());
    }

    /// The level of a block, all of whose rows have been added.
    pub fn level(&self, parts: Parts, exponent: i32) -> Level {
        let largest = largest(&self.maxima);
        let largest =
            largest[parts.clone()].iter().fold(0.0, |most: f64, &part| most.max(part.into()));
        let all: f64 = self.squares[parts.clone()].iter().sum();
        let squares = self.loudest[parts].iter().sum();
        // Maxima pass over a NaN, sums do not.
        let largest = if all.is_nan() { f64::INFINITY } else { largest };
        Level { largest, squares, exponent }
    }

    /// Whether every window of a block, of which `used` samples are read, keeps its digits under
    /// transforms in precision `epsilon`. Windows of zeros count as kept: their
    /// results are zero up to the error bound of the method. Windows in which only taps that a
    /// transform cannot see meet any signal are lost. Samples are finite. Sample by sample the
    /// answer is exact; from tiles, a no may be wrong.
    pub fn is_safe(
        &mut self,
        parts: Parts,
        windows: &[Window],
        used: &[usize],
        epsilon: f64,
        spread: Spread,
    ) -> bool {
        let squares: f64 = self.loudest[parts.clone()].iter().sum();
        let error = epsilon * (spread.depth() * squares / spread.samples()).sqrt();
        let least = PARTNER * error / SHARE;
        let step = |w: usize, side: usize| if side == 1 { windows[w].step } else { 1 };
        let of_parts = |tile: &[R; 2]| {
            let parts = tile[parts.clone()].iter();
            parts.fold(R::default(), |most, &part| if part > most { part } else { most })
        };

        // Tiles side by side under the visible taps, wherever a window starts.
        let under = |a: usize| (windows[a].reach.visible.len() + 1) / self.sides[a] - 1;
        let ends = |a: usize| if step(a, self.sides[a]) == 1 { under(a) - 1 } else { 0 };
        if self.is_loud(parts.clone(), ends, least) {
            return true;
        }
        self.starts.resize_with(windows.len(), Vec::new);
        for (a, (window, starts)) in windows.iter().zip(&mut self.starts).enumerate() {
            let (side, reach) = (self.sides[a], &window.reach);
            let count = used[a] - (window.taps - 1) * window.step;
            starts.clear();
            let [seen, any] = [&reach.visible, &reach.support].map(|r| r.start * window.step);
            let mut p = 0;
            while p < count {
                let tiles = [(p + seen).div_ceil(side), (p + any) / side];
                starts.push(tiles);
                // The next window that has others.
                p = (tiles[0] * side + 1 - seen).min((tiles[1] + 1) * side - any);
            }
        }
        self.seen.clear();
        self.seen.extend(self.maxima.iter().map(of_parts));
        vectorized(
            #[inline(always)]
            || slide(&mut self.seen, &self.tiles, |a| (under(a), step(a, self.sides[a]))),
        );
        if self.each_start(|seen, _| self.seen[seen].into() >= least) {
            return true;
        }
        self.all.clear();
        self.all.extend(self.maxima.iter().map(of_parts));
        vectorized(
            #[inline(always)]
            || {
                slide(&mut self.all, &self.tiles, |a| {
                    let side = self.sides[a];
                    ((windows[a].reach.support.len() + 2 * side - 2) / side, step(a, side))
                })
            },
        );
        self.each_start(|seen, all| {
            self.seen[seen].into() >= least || self.all[all] == R::default()
        })
    }

    /// Whether all tiles reach `least`, but for up to `ends` at both ends of an axis: then no window
    /// needs a closer look that holds one more than that.
    fn is_loud(&self, parts: Parts, ends: impl Fn(usize) -> usize, least: f64) -> bool {
        let between = |a: usize| self.tiles[a].saturating_sub(2 * ends(a));
        let last = self.tiles.len() - 1;
        let rows: usize = (0..last).map(between).product();
        rows * between(last) > 0
            && (0..rows).all(|flat| {
                let (mut rest, mut first, mut stride) = (flat, ends(last), self.tiles[last]);
                for a in (0..last).rev() {
                    first += (ends(a) + rest % between(a)) * stride;
                    rest /= between(a);
                    stride *= self.tiles[a];
                }
                let lowest = vectorized(
                    #[inline(always)]
                    || lowest(&self.maxima[first..first + between(last)]),
                );
                lowest[parts.clone()].iter().any(|&tile| tile.into() >= least)
            })
    }

    /// Whether all windows fulfil `kept`, given the first tiles under their taps.
    fn each_start(&self, kept: impl Fn(usize, usize) -> bool) -> bool {
        let (inner, outer) = self.starts.split_last().expect("at least one axis");
        let width = self.tiles[outer.len()];
        let rows: usize = outer.iter().map(Vec::len).product();
        (0..rows).all(|flat| {
            let (mut rest, mut first, mut stride) = (flat, [0, 0], width);
            for (starts, tiles) in outer.iter().zip(&self.tiles).rev() {
                let [seen, all] = starts[rest % starts.len()];
                first = [first[0] + seen * stride, first[1] + all * stride];
                rest /= starts.len();
                stride *= tiles;
            }
            inner.iter().all(|[seen, all]| kept(first[0] + seen, first[1] + all))
        })
    }
}

/// The larger of each part; the first where the other is NaN.
#[inline(always)]
fn larger<R: Real>(most: [R; 2], values: &[R; 2]) -> [R; 2] {
    [0, 1].map(|part| if values[part] > most[part] { values[part] } else { most[part] })
}

/// The largest of each part.
#[inline(always)]
fn largest<R: Real>(values: &[[R; 2]]) -> [R; 2] {
    if values.len() < FOLD {
        return values.iter().fold([R::default(); 2], larger);
    }
    let mut most = [[R::default(); 2]; FOLD];
    let (steps, rest) = values.as_chunks::<FOLD>();
    for values in steps {
        for i in 0..FOLD {
            most[i] = larger(most[i], &values[i]);
        }
    }
    most.iter().chain(rest).fold([R::default(); 2], larger)
}

/// The smallest of each part.
#[inline(always)]
fn lowest<R: Real>(values: &[[R; 2]]) -> [R; 2] {
    let least = |a: [R; 2], b: &[R; 2]| {
        [0, 1].map(|part| if b[part] < a[part] { b[part] } else { a[part] })
    };
    let mut low = [values[0]; FOLD];
    let (steps, rest) = values.as_chunks::<FOLD>();
    for values in steps {
        for i in 0..FOLD {
            low[i] = least(low[i], &values[i]);
        }
    }
    low.iter().chain(rest).fold(values[0], least)
}

/// Raises the columns' maxima to the magnitudes in a row; returns the sums of their squares.
#[inline(always)]
fn look<R: Real>(row: &[[R; 2]], columns: &mut [[R; 2]]) -> [R; 2] {
    let mut sums = [[R::default(); 2]; STEP];
    let (steps, rest) = row.as_chunks::<STEP>();
    let (column_steps, column_rest) = columns.as_chunks_mut::<STEP>();
    for (values, columns) in steps.iter().zip(column_steps) {
        // Stored as a whole: single places would become masked stores, which some machines are
        // slow at.
        let mut most = *columns;
        for i in 0..STEP {
            for part in 0..2 {
                let value = values[i][part].magnitude();
                most[i][part] = if value > most[i][part] { value } else { most[i][part] };
                sums[i][part] = sums[i][part] + value * value;
            }
        }
        *columns = most;
    }
    for ((values, column), sum) in rest.iter().zip(column_rest).zip(&mut sums) {
        let values = values.map(R::magnitude);
        *column = larger(*column, &values);
        *sum = [0, 1].map(|part| sum[part] + values[part] * values[part]);
    }
    sums.into_iter().fold([R::default(); 2], |all, sum| [all[0] + sum[0], all[1] + sum[1]])
}

/// Replaces each value by the maximum over as many along each axis, and so far apart, as `part`
/// says.
#[inline(always)]
fn slide<R: Real>(values: &mut [R], shape: &[usize], part: impl Fn(usize) -> (usize, usize)) {
    let mut inner = 1;
    for (a, &n) in shape.iter().enumerate().rev() {
        let (taps, step) = part(a);
        sliding_maximum(values, taps, step * inner, n * inner);
        inner *= n;
    }
}

/// Replaces each sample by the maximum over `taps` samples, `step` apart, from there on, within
/// stretches of `stretch` samples; towards their ends, over as many as there are. Maxima over 1, 2,
/// 4, ... taps are joined, the last two overlapping.
#[inline(always)]
fn sliding_maximum<R: Real>(values: &mut [R], taps: usize, step: usize, stretch: usize) {
    for values in values.chunks_exact_mut(stretch) {
        let mut width = 1;
        while width < taps {
            let next = (2 * width).min(taps);
            let shift = (next - width) * step;
            let mut at = 0;
            while at + shift + FOLD <= values.len() {
                let ahead: [R; FOLD] = *values[at + shift..].first_chunk().expect("that many");
                let here = values[at..].first_chunk_mut::<FOLD>().expect("that many");
                for i in 0..FOLD {
                    here[i] = here[i].larger(ahead[i]);
                }
                at += FOLD;
            }
            for i in at..values.len().saturating_sub(shift) {
                values[i] = values[i].larger(values[i + shift]);
            }
            width = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_slides_along_outer_axes_too() {
        let mut values = vec![1.0, 5.0, 2.0, 0.0, 3.0, 1.0];
        sliding_maximum(&mut values, 2, 2, 6);
        assert_eq!(values[..4], [2.0, 5.0, 3.0, 1.0]);
    }
}
