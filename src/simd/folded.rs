//! Sums over symmetric taps, with samples in their order or with lanes that stand far apart.
//!
//! Two samples under equal taps are added before they are multiplied: additions have units of their own
//! on many machines, where this is up to twice as fast.

use fearless_simd::Simd;

use crate::simd::apart::{self, LaneJob};
use crate::simd::flat::{self, FlatJob};
use crate::simd::near::{self, AcrossJob, AlongJob};
use crate::simd::rows::{self, RowJob};
use crate::simd::square::{self, SquareJob};
use crate::simd::tile::{has_many_registers, vector_bytes};
use crate::simd::{InstructionSet, Lanes, Rounded, prefetch};

/// Numbers whose samples are added before they are multiplied.
pub(crate) trait Folding: Lanes + From<u8> + From<u16> + Rounded<u8> + Rounded<u16> {
    /// `a + b`.
    fn plus<S: Simd>(a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a - b`.
    fn minus<S: Simd>(a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// A sum with one sample more.
    fn added<S: Simd>(sum: Self::Sum<S>, x: Self::Vector<S>) -> Self::Sum<S>;
    /// The first `count` sums, as they were stored.
    fn load_sums<S: Simd>(simd: S, from: &[Self]) -> Self::Sum<S>;
    /// A sum of samples under equal taps. Of zeros it is a zero without a sign, whatever the tap's.
    fn scaled<S: Simd>(simd: S, sum: Self::Sum<S>, tap: Self::Tap<S>) -> Self::Sum<S>;
    /// The first `count` taps, one for each lane.
    fn taps<S: Simd>(simd: S, from: &[Self]) -> Self::Tap<S>;
    /// The vector a lane on, and a sample behind it.
    fn shifted<S: Simd>(simd: S, vector: Self::Vector<S>, next: Self) -> Self::Sum<S>;
    /// The first `count` levels, as numbers.
    fn of_levels<S: Simd, L: Copy>(simd: S, from: &[L]) -> Self::Vector<S>
    where
        Self: From<L>;
    /// Writes the nearest levels to the first `count` places.
    fn to_levels<S: Simd, L>(simd: S, sum: Self::Sum<S>, to: &mut [L])
    where
        Self: Rounded<L>;
    /// Turns a square of `count` rows over: `to[j * to_step + i] = from[i * from_step + j]`.
    fn turn<S: Simd>(simd: S, from: &[Self], from_step: usize, to: &mut [Self], to_step: usize);
}

/// What is done for symmetric taps.
pub enum FoldedJob<'a, A> {
    /// Moves samples to other lanes.
    Move(LaneJob<'a, A>),
    /// Sums over taps.
    Fold(FoldJob<'a, A>),
    /// The same over a few taps along a row, of neighbours.
    Along(AlongJob<'a, A>),
    /// The same over any taps along a row of numbers.
    Row(RowJob<'a, A>),
    /// The same over a few taps across rows.
    Across(AcrossJob<'a, A>),
    /// Sums over small squares of taps, which need not be symmetric.
    Square(SquareJob<'a, A>),
    /// Sums over taps that are all the same.
    Flat(FlatJob<'a, A>),
}

/// Output rows, of which each reads, under its taps, as many rows of samples from its own one on.
pub struct FoldJob<'a, A> {
    /// Samples.
    pub x: &'a [A],
    /// Where each row of samples starts: for each plane of taps as many as all rows, or a tile if that is
    /// more, and the taps reach over.
    pub sources: &'a [usize],
    /// Of each plane.
    pub taps: &'a [Half<A>],
    /// Outputs.
    pub y: &'a mut [A],
    /// From one output row to the next.
    pub pitch: usize,
    /// Output rows.
    pub rows: usize,
    /// Columns: where there are [tiles](has_tiles) whole vectors, as all places are, and elsewhere eight vectors
    /// at least.
    pub columns: usize,
    /// Vectors before the one that is summed whose outputs are asked for, in tiles; 0 where they are in the cache.
    pub ahead: usize,
}

/// Taps that are the same, or the same with the other sign, if they are read backwards.
#[derive(Clone, Debug)]
pub struct Half<A> {
    /// The tap in the middle of an odd number of them, also where it is zero: what it meets may be NaN.
    pub middle: Option<A>,
    /// The later tap of each pair, from the middle outwards.
    pub pairs: Vec<A>,
    /// Whether the earlier one has the other sign.
    pub opposite: bool,
}

/// Output rows that are summed at one time.
pub(crate) const TILE_ROWS: usize = 8;

/// Whether the samples under a tile of rows stay in registers while taps pass over them, whole vectors:
/// there have to be many. Elsewhere wide stretches of single rows are summed, from anywhere on.
pub(crate) fn has_tiles(instructions: InstructionSet) -> bool {
    cfg!(target_arch = "aarch64") || instructions == InstructionSet::Avx512
}

/// Vectors of a stretch: as many sums as 16 registers hold beside what is added to them. (Twelve took as long.)
const STRETCH: usize = 8;

/// Samples of a lane's chunk, at least, where neighbours are so far from each other.
pub(crate) fn least_chunk(instructions: InstructionSet, step: usize) -> usize {
    if has_tiles(instructions) { TILE_ROWS * step } else { STRETCH }
}

/// Does a job.
#[inline(always)]
pub(crate) fn run<S: Simd, A: Folding>(simd: S, job: FoldedJob<'_, A>) {
    match job {
        FoldedJob::Move(job) => apart::run::<S, A>(simd, job),
        FoldedJob::Along(job) => near::along::<S, A>(simd, job),
        FoldedJob::Row(job) => rows::run::<S, A>(simd, job),
        FoldedJob::Across(job) => near::across::<S, A>(simd, job),
        FoldedJob::Square(job) => square::run::<S, A>(simd, job),
        FoldedJob::Flat(job) => flat::run::<S, A>(simd, job),
        FoldedJob::Fold(job) => {
            macro_rules! lanes {
                ($($N:literal)*) => {$(
                    if const { vector_bytes::<S>() / size_of::<A>() == $N } {
                        if const { has_many_registers::<S>() } {
                            tiles::<S, A, TILE_ROWS, $N>(simd, job);
                        } else {
                            stretches::<S, A>(simd, job);
                        }
                        return;
                    }
                )*};
            }
            lanes!(2 4 8 16);
        }
    }
}

/// Sums rows in stretches.
#[inline(always)]
fn stretches<S: Simd, A: Folding>(simd: S, mut job: FoldJob<'_, A>) {
    let (columns, span) = (job.columns, STRETCH * A::count::<S>());
    // The samples under all rows stay in the first-level cache, a stretch after the other. The last one may
    // compute again what the one before it has.
    for at in (0..columns).step_by(span) {
        let at = at.min(columns - span);
        (0..job.rows).for_each(|row| stretch(simd, &mut job, row, at));
    }
}

/// Sums a stretch of a row.
#[inline(always)]
fn stretch<S: Simd, A: Folding>(simd: S, job: &mut FoldJob<'_, A>, row: usize, at: usize) {
    let lanes = A::count::<S>();
    let per_plane = job.sources.len() / job.taps.len();
    let mut sums = [A::zero(simd); STRETCH];
    for (taps, sources) in job.taps.iter().zip(job.sources.chunks_exact(per_plane)) {
        let sources = &sources[row..];
        sums = if taps.opposite {
            pairs::<S, A, true>(simd, sums, job.x, sources, at, taps)
        } else {
            pairs::<S, A, false>(simd, sums, job.x, sources, at, taps)
        };
    }
    let y = &mut job.y[row * job.pitch + at..][..STRETCH * lanes];
    for v in 0..STRETCH {
        A::store(simd, sums[v], &mut y[v * lanes..]);
    }
}

/// Adds a plane of taps to a stretch of a row.
#[inline(always)]
fn pairs<S: Simd, A: Folding, const OPPOSITE: bool>(
    simd: S,
    mut sums: [A::Sum<S>; STRETCH],
    x: &[A],
    sources: &[usize],
    at: usize,
    taps: &Half<A>,
) -> [A::Sum<S>; STRETCH] {
    let lanes = A::count::<S>();
    let samples = |source: usize| &x[source + at..][..STRETCH * lanes];
    let (below, mut above) = sources.split_at(taps.pairs.len());
    if let Some(middle) = taps.middle {
        let (x, tap) = (samples(above[0]), A::tap(simd, middle));
        for v in 0..STRETCH {
            sums[v] = A::mul_add(sums[v], tap, A::load(simd, &x[v * lanes..]));
        }
        above = &above[1..];
    }
    for ((&low, &high), &pair) in below.iter().rev().zip(above).zip(&taps.pairs) {
        let (low, high, tap) = (samples(low), samples(high), A::tap(simd, pair));
        for v in 0..STRETCH {
            let (low, high) = (A::load(simd, &low[v * lanes..]), A::load(simd, &high[v * lanes..]));
            sums[v] = A::mul_add(sums[v], tap, folded::<S, A, OPPOSITE>(low, high));
        }
    }
    sums
}

/// Sums `R` rows at a time, of vectors of `N` numbers.
#[inline(always)]
fn tiles<S: Simd, A: Folding, const R: usize, const N: usize>(simd: S, job: FoldJob<'_, A>) {
    let FoldJob { x, sources, taps, y, pitch, rows, columns, ahead } = job;
    let columns = columns / N;
    let (x, _) = x.as_chunks::<N>();
    let per_plane = sources.len() / taps.len();
    let last = rows.max(R) - R;
    for row in (0..rows).step_by(R) {
        // The last tile may compute again what the one before it has.
        let row = row.min(last);
        for column in 0..columns {
            if ahead > 0 {
                for r in 0..R.min(rows) {
                    prefetch(y, (row + r) * pitch + (column + ahead) * N, N);
                }
            }
            let mut sums = [A::zero(simd); R];
            for (taps, sources) in taps.iter().zip(sources.chunks_exact(per_plane)) {
                let sources = &sources[row..];
                sums = if taps.opposite {
                    plane::<S, A, R, N, true>(simd, sums, x, sources, column, taps)
                } else {
                    plane::<S, A, R, N, false>(simd, sums, x, sources, column, taps)
                };
            }
            for r in 0..R {
                if r < rows {
                    A::store(simd, sums[r], &mut y[(row + r) * pitch + column * N..]);
                }
            }
        }
    }
}

/// Adds a plane of taps. The samples under a pair of taps of all rows are in registers: from one pair to
/// the next, farther from the middle, each of both windows takes in one row and leaves one out.
#[inline(always)]
fn plane<S: Simd, A: Folding, const R: usize, const N: usize, const OPPOSITE: bool>(
    simd: S,
    mut sums: [A::Sum<S>; R],
    x: &[[A; N]],
    sources: &[usize],
    column: usize,
    taps: &Half<A>,
) -> [A::Sum<S>; R] {
    let load = |source: usize| A::load(simd, &x[source / N + column]);
    let Half { middle, pairs, .. } = taps;
    let Some(first) = pairs.len().checked_sub(1) else {
        let Some(middle) = *middle else { return sums };
        let tap = A::tap(simd, middle);
        for r in 0..R {
            sums[r] = A::mul_add(sums[r], tap, load(sources[r]));
        }
        return sums;
    };
    // The windows under the innermost pair, which have most of their rows in common.
    let (below, near) = sources.split_at(first);
    let near = &near[..R + 1 + usize::from(middle.is_some())];
    let mut low = [load(near[0]); R];
    for r in 1..R {
        low[r] = load(near[r]);
    }
    let mut high = [load(near[near.len() - 1]); R];
    let between = load(near[R]);
    if let Some(middle) = *middle {
        let tap = A::tap(simd, middle);
        for r in 0..R {
            let x = if r + 1 < R { low[r + 1] } else { between };
            sums[r] = A::mul_add(sums[r], tap, x);
        }
        high[R - 2] = between;
        high[..R - 2].copy_from_slice(&low[2..]);
    } else {
        high[..R - 1].copy_from_slice(&low[1..]);
    }
    // What they take in after each pair.
    let mut next = below.iter().rev().zip(&sources[first + near.len()..]);
    let mut pairs = pairs.iter();
    // Straight code, so that rows stay in their registers while the windows turn.
    loop {
        macro_rules! turns {
            ($($turn:literal)*) => {$(
                if const { $turn < R } {
                    let Some(&pair) = pairs.next() else { return sums };
                    let tap = A::tap(simd, pair);
                    for r in 0..R {
                        let (low, high) = (low[(r + R - $turn) % R], high[(r + $turn) % R]);
                        sums[r] = A::mul_add(sums[r], tap, folded::<S, A, OPPOSITE>(low, high));
                    }
                    let Some((&below, &above)) = next.next() else { return sums };
                    low[R - 1 - $turn] = load(below);
                    high[$turn] = load(above);
                }
            )*};
        }
        turns!(0 1 2 3 4 5 6 7);
    }
}

/// Two samples under a pair of taps.
#[inline(always)]
pub(crate) fn folded<S: Simd, A: Folding, const OPPOSITE: bool>(
    low: A::Vector<S>,
    high: A::Vector<S>,
) -> A::Vector<S> {
    if OPPOSITE { A::minus(high, low) } else { A::plus(low, high) }
}
