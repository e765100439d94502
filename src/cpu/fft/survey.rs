//! A look at a block before it is transformed: how loud it is, and whether any of its windows is so
//! quiet that it would drown.
//!
//! Most blocks are cleared by the maxima of tiles, of which every window holds a whole one; the
//! others are looked at sample by sample.

use super::range::{Level, PARTNER, SHARE, Window};
use super::sample::{Real, Sample};
use super::vectorized;
use crate::element::Element;

/// A look at a block before it is transformed; memory is kept from block to block.
#[derive(Debug, Default)]
pub struct Survey<R> {
    /// Samples and tiles per axis, and the tiles' sides.
    used: Vec<usize>,
    tiles: Vec<usize>,
    sides: Vec<usize>,
    exponent: i32,
    /// Rows seen, in standard order.
    row: usize,
    /// The magnitudes of a row.
    peaks: Vec<R>,
    /// The largest of each column since the last tile was complete.
    columns: Vec<R>,
    /// The largest of each tile.
    maxima: Vec<R>,
    squares: f64,
    seen: Vec<R>,
    all: Vec<R>,
    /// Per axis, for windows that differ in their tiles: the first tile that is under visible taps
    /// as a whole, and the first that is under any tap that is not zero.
    starts: Vec<Vec<[usize; 2]>>,
}

/// Numbers in one step of [`Survey::add`]'s loop: enough for its sums not to wait for each other.
const STEP: usize = 16;

impl<R: Real> Survey<R> {
    /// Starts on a block of which `used` samples are read, to be multiplied by `2^exponent`: in
    /// tiles, or sample by sample.
    pub fn start(&mut self, windows: &[Window], used: &[usize], exponent: i32, tiled: bool) {
        self.used.clear();
        self.used.extend_from_slice(used);
        self.sides.clear();
        self.sides.extend(windows.iter().map(|w| if tiled { w.tile() } else { 1 }));
        self.tiles.clear();
        self.tiles.extend(used.iter().zip(&self.sides).map(|(used, side)| used.div_ceil(*side)));
        self.columns.clear();
        self.columns.resize(used[used.len() - 1], R::default());
        self.peaks.resize(used[used.len() - 1], R::default());
        self.maxima.clear();
        self.maxima.resize(self.tiles.iter().product(), R::default());
        (self.exponent, self.row, self.squares) = (exponent, 0, 0.0);
    }

    /// The next row.
    pub fn add<A: Element>(&mut self, row: &[A])
    where
        A::Sample: Sample<Real = R>,
    {
        if self.exponent == 0 {
            vectorized(
                #[inline(always)]
                || self.add_peaks(row, |x| x.to_sample().peak()),
            );
        } else {
            let exponent = self.exponent;
            self.add_peaks(row, |x| x.to_sample().scaled(exponent).peak());
        }
        self.row += 1;
        let last = self.used.len() - 1;
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
        for (tile, columns) in tiles.iter_mut().zip(self.columns.chunks(side)) {
            *tile = columns.iter().fold(*tile, |most, &value| most.larger(value));
        }
        self.columns.fill(R::default());
    }

    #[inline(always)]
    fn add_peaks<A>(&mut self, row: &[A], peak: impl Fn(&A) -> R) {
        // One loop for each thing, over what is in the first level of cache: together they would
        // not vectorise.
        let peaks = &mut self.peaks[..row.len()];
        for (x, to) in row.iter().zip(&mut *peaks) {
            *to = peak(x);
        }
        for (column, &peak) in self.columns.iter_mut().zip(&*peaks) {
            // A comparison instead would become masked stores, which some machines are slow at.
            *column = column.larger(peak);
        }
        let mut sums = [R::default(); STEP];
        let (chunks, rest) = peaks.as_chunks::<STEP>();
        for peaks in chunks {
            for (sum, &peak) in sums.iter_mut().zip(peaks) {
                *sum = *sum + peak * peak;
            }
        }
        for (sum, &peak) in sums.iter_mut().zip(rest) {
            *sum = *sum + peak * peak;
        }
        self.squares += sums.into_iter().fold(0.0, |all, sum| all + sum.into());
    }

    /// The level of the block, all of whose rows have been added.
    pub fn level(&self) -> Level {
        let largest = self.maxima.iter().fold(R::default(), |most, &value| most.larger(value));
        let (squares, exponent) = (self.squares, self.exponent);
        // Maxima pass over a NaN, sums do not.
        let largest = if squares.is_nan() { f64::INFINITY } else { largest.into() };
        Level { largest, squares, exponent }
    }

    /// Whether every window keeps its digits under a transform of `samples` samples in precision
    /// `epsilon`. Windows of zeros count as kept: their results are zero up to the error bound of
    /// the method. Windows in which only taps that a transform cannot see meet any signal are
    /// lost. Samples are finite. Sample by sample the answer is exact; from tiles, a no may be
    /// wrong.
    pub fn is_safe(&mut self, windows: &[Window], epsilon: f64, samples: usize) -> bool {
        let samples = samples as f64;
        let error = epsilon * samples.log2().max(1.0).sqrt() * (self.squares / samples).sqrt();
        let least = PARTNER * error / SHARE;
        let step = |w: usize, side: usize| if side == 1 { windows[w].step } else { 1 };

        self.starts.resize_with(windows.len(), Vec::new);
        for (a, (window, starts)) in windows.iter().zip(&mut self.starts).enumerate() {
            let (side, reach) = (self.sides[a], &window.reach);
            let count = self.used[a] - (window.taps - 1) * window.step;
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
        // Tiles that lie wholly under the visible taps, wherever a window starts.
        self.seen.clone_from(&self.maxima);
        slide(&mut self.seen, &self.tiles, |a| {
            let side = self.sides[a];
            ((windows[a].reach.visible.len() + 1) / side - 1, step(a, side))
        });
        if self.each_start(|seen, _| self.seen[seen].into() >= least) {
            return true;
        }
        self.all.clone_from(&self.maxima);
        slide(&mut self.all, &self.tiles, |a| {
            let side = self.sides[a];
            ((windows[a].reach.support.len() + 2 * side - 2) / side, step(a, side))
        });
        self.each_start(|seen, all| {
            self.seen[seen].into() >= least || self.all[all] == R::default()
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

/// Replaces each value by the maximum over as many along each axis, and so far apart, as `part`
/// says.
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
fn sliding_maximum<R: Real>(values: &mut [R], taps: usize, step: usize, stretch: usize) {
    for values in values.chunks_exact_mut(stretch) {
        let mut width = 1;
        while width < taps {
            let next = (2 * width).min(taps);
            let shift = (next - width) * step;
            for i in 0..values.len().saturating_sub(shift) {
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
