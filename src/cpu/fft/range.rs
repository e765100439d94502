//! Whether a transform of a block can be trusted with all of its windows.
//!
//! A transform spreads an error of about `eps * sqrt(log2 N) * rms(block)` over all of its
//! samples. Windows whose own samples are that small would drown in it (scipy#22390), and a NaN or
//! an infinity would reach windows it has no business in. Such blocks are left to another method.

use std::ops::Range;

use super::sample::{Real, Sample};
use super::vectorized;
use crate::element::Element;

/// Digits that the smallest window must keep, as the share of it that the error may reach.
const SHARE: f64 = 1e-3;

/// How much louder a block that shares a transform may make the error: levels of partners differ
/// by up to [`NEAR`], so the joint one is up to `sqrt(1 + 4)` times a block's own.
const PARTNER: f64 = 2.24;

/// Partners whose levels differ by more than this factor are scaled to the same power of two.
const NEAR: f64 = 2.0;

/// Which taps of an axis count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Those that are not zero lie in here.
    pub support: Range<usize>,
    /// Those that a transform can see lie in here: taps beyond are below the rounding error of the
    /// largest.
    pub visible: Range<usize>,
}

/// The windows of a block along one axis.
#[derive(Clone, Debug)]
pub struct Window {
    /// Taps of the window.
    pub taps: usize,
    /// Samples from one tap to the next.
    pub step: usize,
    /// Which of the taps count.
    pub reach: Reach,
}

impl Window {
    /// The side of tiles of which every window holds a whole one: where a window sticks out of
    /// the input by half, as at the ends under mode same, still one inside of the input.
    fn tile(&self) -> usize {
        if self.step == 1 { (self.reach.visible.len() + 3) / 4 } else { 1 }
    }
}

/// How loud a block is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// The largest magnitude, infinite where a sample is not finite.
    pub largest: f64,
    /// The sum of the squares.
    pub squares: f64,
    /// What samples are scaled by: they and their spectra then stay in range.
    pub exponent: i32,
}

impl Level {
    /// The exponents with which two blocks are packed into one transform. The error that it leaves
    /// in each is relative to the joint level: without scaling the quiet one would drown in the
    /// loud one's. Scaled by powers of two, which is exact, each is as good as alone, to a factor
    /// of [`PARTNER`].
    pub fn partners(&self, other: &Self) -> [i32; 2] {
        let (a, b) = (self.squares, other.squares);
        let near = a <= NEAR * NEAR * b && b <= NEAR * NEAR * a;
        let unscaled = self.exponent == 0 && other.exponent == 0;
        if a == 0.0 || b == 0.0 || (unscaled && near) {
            return [self.exponent, other.exponent];
        }
        [self, other].map(|level| level.exponent - (level.squares.log2() / 2.0).floor() as i32)
    }
}

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
            *tile = columns.iter().fold(*tile, |most, &value| larger(most, value));
        }
        self.columns.fill(R::default());
    }

    #[inline(always)]
    fn add_peaks<A>(&mut self, row: &[A], peak: impl Fn(&A) -> R) {
        let mut sums = [R::default(); STEP];
        let (rows, row_rest) = row.as_chunks::<STEP>();
        let (columns, columns_rest) = self.columns.as_chunks_mut::<STEP>();
        for (row, columns) in rows.iter().zip(columns) {
            for ((x, column), sum) in row.iter().zip(columns).zip(&mut sums) {
                let peak = peak(x);
                *sum = *sum + peak * peak;
                *column = larger(*column, peak);
            }
        }
        for ((x, column), sum) in row_rest.iter().zip(columns_rest).zip(&mut sums) {
            let peak = peak(x);
            *sum = *sum + peak * peak;
            *column = larger(*column, peak);
        }
        self.squares += sums.into_iter().fold(0.0, |all, sum| all + sum.into());
    }

    /// The level of the block, all of whose rows have been added.
    pub fn level(&self) -> Level {
        let largest = self.maxima.iter().fold(R::default(), |most, &value| larger(most, value));
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
            starts.extend((0..count).map(|p| {
                let seen = (p + reach.visible.start * window.step).div_ceil(side);
                [seen, (p + reach.support.start * window.step) / side]
            }));
            starts.dedup();
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

/// The larger one; the first where the second is NaN.
#[inline(always)]
fn larger<R: PartialOrd>(a: R, b: R) -> R {
    if b > a { b } else { a }
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

/// The exponent by which numbers of this magnitude must be scaled to stay in the range of
/// transforms: 0 as a rule. Sums of a block and their products with a kernel's, both of up to 2^22
/// samples, would overflow or underflow beyond it.
pub fn exponent_into_range<S: Sample>(largest: f64) -> i32 {
    if largest == 0.0 || !largest.is_finite() {
        return 0;
    }
    let exponent = largest.log2().floor() as i32;
    if exponent.abs() <= S::COMFORT { 0 } else { -exponent }
}

/// Which taps of a kernel count, per axis, for a transform of precision `epsilon`.
pub fn reach(magnitudes: &[f64], shape: &[usize], epsilon: f64) -> Vec<Reach> {
    let largest = magnitudes.iter().copied().fold(0.0, f64::max);
    let mut inner = magnitudes.len();
    shape
        .iter()
        .map(|&taps| {
            inner /= taps;
            let above = |level: f64| {
                let places = magnitudes.iter().zip(0..).filter(|(m, _)| **m > level);
                let places = places.map(|(_, flat): (_, usize)| flat / inner % taps);
                let range = places.fold(None, |range: Option<Range<usize>>, t| {
                    let range = range.unwrap_or(t..t + 1);
                    Some(range.start.min(t)..range.end.max(t + 1))
                });
                // A kernel of zeros has nothing to lose.
                range.unwrap_or(0..taps)
            };
            Reach { support: above(0.0), visible: above(epsilon * largest) }
        })
        .collect()
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
                values[i] = larger(values[i], values[i + shift]);
            }
            width = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(block: &[f32], window: &Window, tiled: bool) -> Survey<f32> {
        let mut survey = Survey::default();
        survey.start(std::slice::from_ref(window), &[block.len()], 0, tiled);
        survey.add(block);
        survey
    }

    fn safe_for(block: &[f32], taps: usize, reach: Reach) -> bool {
        let window = Window { taps, step: 1, reach };
        let [tiled, exact] = [true, false].map(|tiled| {
            let mut survey = survey(block, &window, tiled);
            let finite = survey.level().largest.is_finite();
            finite && survey.is_safe(&[window.clone()], f32::EPSILON.into(), block.len())
        });
        assert!(exact || !tiled, "tiles must not promise too much");
        exact
    }

    fn safe(block: &[f32], taps: usize) -> bool {
        safe_for(block, taps, Reach { support: 0..taps, visible: 0..taps })
    }

    #[test]
    fn windows_much_smaller_than_the_block_are_not_safe() {
        let mut block = vec![1.0f32; 64];
        assert!(safe(&block, 3));
        block[10] = 1e-6;
        assert!(safe(&block, 3), "a small sample beside large ones is in no small window");
        block[9..12].fill(1e-6);
        assert!(!safe(&block, 3));
        assert!(safe(&block, 4), "every window of four taps reaches a large sample");
        block[9..12].fill(0.0);
        assert!(safe(&block, 3), "zeros are zero whatever the method");
    }

    #[test]
    fn taps_below_the_others_rounding_error_are_not_seen() {
        let parts = |magnitudes: &[f64], shape: &[usize]| -> Vec<_> {
            let reach = reach(magnitudes, shape, 1e-7).into_iter();
            reach.map(|reach| (reach.support, reach.visible)).collect()
        };
        assert_eq!(parts(&[1e-9, 1.0, 0.5, 0.0], &[4]), [(0..3, 1..3)]);
        let plane = [0.0, 1.0, 1e-9, 1e-9, 1e-3, 0.0];
        assert_eq!(parts(&plane, &[2, 3]), [(0..2, 0..2), (0..3, 1..2)]);
        assert_eq!(parts(&[0.0, 0.0], &[2]), [(0..2, 0..2)]);
        // Signal under the first tap alone: seen, not seen, or under a tap of zero.
        let mut block = vec![0.0f32; 64];
        block[..20].fill(1.0);
        assert!(safe_for(&block, 3, Reach { support: 0..3, visible: 0..3 }));
        assert!(!safe_for(&block, 3, Reach { support: 0..3, visible: 2..3 }));
        assert!(safe_for(&block, 3, Reach { support: 2..3, visible: 2..3 }));
    }

    #[test]
    fn samples_that_are_not_finite_are_not_safe() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut block = vec![1.0f32; 16];
            block[3] = bad;
            assert!(!safe(&block, 3));
        }
    }

    #[test]
    fn extreme_magnitudes_are_scaled_into_range() {
        assert_eq!([1.0, 255.0, 1e-9, 0.0].map(exponent_into_range::<f32>), [0; 4]);
        for value in [1e37f32, -3e-44, 1e-38] {
            let exponent = exponent_into_range::<f32>(value.peak().into());
            assert!((1.0..2.0).contains(&value.scaled(exponent).abs()), "{value}");
            assert_eq!(value.scaled(exponent).scaled(-exponent), value);
        }
    }

    #[test]
    fn the_maximum_slides_along_outer_axes_too() {
        let mut values = vec![1.0, 5.0, 2.0, 0.0, 3.0, 1.0];
        sliding_maximum(&mut values, 2, 2, 6);
        assert_eq!(values[..4], [2.0, 5.0, 3.0, 1.0]);
    }
}
