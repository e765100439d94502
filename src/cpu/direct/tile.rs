//! The kernel: a tile of output rows x vectors that stays in registers while the taps pass over it.
//!
//! Each row of samples is loaded once for all output rows of the tile that it lies under. With `R`
//! output rows and `K >= R - 1` rows of taps, the first sample rows serve only the upper output
//! rows and the last ones only the lower: sample row `q` those above a split, sample row `q + K`
//! exactly those below it. Paired so, every pass updates all `R` rows, and `K` passes make a tile.

use fearless_simd::{Simd, SimdBase};

use crate::cpu::simd::{Lanes, prefetch};

/// A row of samples that is not there: zeros.
pub const ZEROS: usize = usize::MAX;

/// A stretch of columns of a few output rows.
pub struct Job<'a, A> {
    /// Samples.
    pub x: &'a [A],
    /// As many zeros as a tile and its taps reach over; empty where no source is `ZEROS`.
    pub zeros: &'a [A],
    /// Where each row of samples starts under the first tap of the first column: for each plane of
    /// taps, one for each row of taps and then those that the lower output rows add.
    pub sources: &'a [usize],
    /// Sources of one plane.
    pub sources_per_plane: usize,
    /// For each row of taps, how many output rows of the tile its sample row serves.
    pub splits: &'a [usize],
    /// Samples that the next jobs read, and rows in them: each is fetched along with the columns here.
    pub ahead: (&'a [A], &'a [usize]),
    /// For each tap of a row, where its sample lies from that under the first tap.
    pub offsets: &'a [usize],
    /// Samples from one tap of a row to the next, where that is the same for all; else 0.
    pub step: usize,
    /// For each plane, row and column of taps: one tap for each output row of the tile.
    pub taps: &'a [A],
    /// Output rows of a tile: 1, 2, 4 or 6.
    pub tile_rows: usize,
    /// Outputs; row `r` starts at `r * pitch`.
    pub y: &'a mut [A],
    /// From one output row to the next.
    pub pitch: usize,
    /// Output rows, at most `tile_rows`.
    pub rows: usize,
    /// Columns, at least a vector.
    pub columns: usize,
}

/// Does a job with tiles as large as the instruction set's registers hold: 24 sums of 32 registers,
/// 8 to 12 of 16. The lower the tile, the more vectors a row.
///
/// Constants decide at compile time here and below: code for other instruction sets is not even
/// generated.
#[inline(always)]
pub fn columns<S: Simd, A: Lanes>(simd: S, job: Job<'_, A>) {
    if const { cfg!(target_arch = "aarch64") || <S::u8s as SimdBase<S>>::LEN == 64 } {
        if const { A::REGISTERS == 1 } {
            let (lanes, taps) = (A::count::<S>(), job.offsets.len());
            let dense = A::slides::<S>() && (1..=lanes / 2).contains(&job.step);
            match job.tile_rows {
                6 => tiles::<S, A, 6, 4, LOADED>(simd, job),
                4 if dense && job.step == 1 && taps == 3 => tiles::<S, A, 4, 4, 3>(simd, job),
                4 => tiles::<S, A, 4, 6, LOADED>(simd, job),
                2 => tiles::<S, A, 2, 8, LOADED>(simd, job),
                // Beyond that, pairs of taps that read the same vectors are faster.
                _ if dense && 2 * taps <= 3 * lanes => tiles::<S, A, 1, 8, SLID>(simd, job),
                _ => tiles::<S, A, 1, 12, LOADED>(simd, job),
            }
        } else {
            match job.tile_rows {
                6 => tiles::<S, A, 6, 2, LOADED>(simd, job),
                4 => tiles::<S, A, 4, 3, LOADED>(simd, job),
                2 => tiles::<S, A, 2, 4, LOADED>(simd, job),
                _ => tiles::<S, A, 1, 6, LOADED>(simd, job),
            }
        }
    } else if const { A::REGISTERS == 1 } {
        match job.tile_rows {
            6 => tiles::<S, A, 6, 2, LOADED>(simd, job),
            4 => tiles::<S, A, 4, 2, LOADED>(simd, job),
            2 => tiles::<S, A, 2, 4, LOADED>(simd, job),
            _ => tiles::<S, A, 1, 8, LOADED>(simd, job),
        }
    } else {
        match job.tile_rows {
            6 => tiles::<S, A, 6, 1, LOADED>(simd, job),
            4 => tiles::<S, A, 4, 1, LOADED>(simd, job),
            2 => tiles::<S, A, 2, 2, LOADED>(simd, job),
            _ => tiles::<S, A, 1, 4, LOADED>(simd, job),
        }
    }
}

/// How a row of taps finds its samples, a parameter `T` of what follows: each tap loads its own.
const LOADED: usize = 0;
/// Taps share vectors that are loaded once, and slide over them. Any other number: the same, for
/// exactly that many taps, one sample apart.
const SLID: usize = usize::MAX;

/// Vectors of a tile of one row where fewer than usual are left.
const SHORT: usize = 4;

/// Does a job with tiles of `R` rows x `V` vectors, and the last columns with single vectors.
#[inline(always)]
fn tiles<S: Simd, A: Lanes, const R: usize, const V: usize, const T: usize>(
    simd: S,
    mut job: Job<'_, A>,
) {
    let columns = job.columns;
    let lanes = A::count::<S>();
    let mut done = 0;
    while done < columns {
        // From the second tile on, stores fill whole lines of the cache: the first one is cut short.
        // Not where sums depend on which tile they are in.
        if done == V * lanes && (R > 1 || T != LOADED) {
            let vector = lanes * size_of::<A>();
            done -= job.y[done..].as_ptr() as usize % vector / size_of::<A>();
        }
        let left = columns - done;
        if left >= V * lanes || (left * 2 > V * lanes && columns >= V * lanes) {
            // The last tile may compute again what the one before it has.
            let at = done.min(columns - V * lanes);
            // Three taps in a row are worth straight code.
            match job.offsets.len() {
                3 if const { R == 4 && T == LOADED } => {
                    tile::<S, A, R, V, 3, T>(simd, &mut job, at);
                }
                _ => tile::<S, A, R, V, 0, T>(simd, &mut job, at),
            }
            done = at + V * lanes;
        } else if const { R == 1 && V > SHORT } && left >= SHORT * lanes {
            // A single row of a single vector would wait for each sum.
            tile::<S, A, R, SHORT, 0, T>(simd, &mut job, done);
            done += SHORT * lanes;
        } else {
            let at = done.min(columns - lanes);
            tile::<S, A, R, 1, 0, LOADED>(simd, &mut job, at);
            done += lanes;
        }
    }
}

/// One tile, from column `at` on. `K` taps a row where `K` is not 0.
#[inline(always)]
fn tile<S: Simd, A: Lanes, const R: usize, const V: usize, const K: usize, const T: usize>(
    simd: S,
    job: &mut Job<'_, A>,
    at: usize,
) {
    let lanes = A::count::<S>();
    let row_taps = if K > 0 { K } else { job.offsets.len() };
    let offsets = &job.offsets[..row_taps];
    let (taps, _) = job.taps.as_chunks::<R>();
    let mut taps = taps.chunks_exact(row_taps);
    let (x, zeros) = (job.x, job.zeros);
    let mut sums = [[A::zero(simd); V]; R];
    // Taps from one to another that reads the same samples for the vector before.
    let turn = if job.step > 0 && lanes % job.step == 0 { lanes / job.step } else { usize::MAX };
    for sources in job.sources.chunks_exact(job.sources_per_plane) {
        let lower = &sources[job.splits.len()..];
        for (q, (&split, taps)) in job.splits.iter().zip(&mut taps).enumerate() {
            let upper = samples(x, zeros, sources[q], at);
            if const { R == 1 && V > 1 && T == LOADED } && turn < row_taps {
                row::<S, A, R, V>(simd, &mut sums, upper, offsets, taps, turn);
                continue;
            }
            // Short rows of taps leave no time to ask.
            let (ahead, rows) = job.ahead;
            if const { R > 1 } && (row_taps > 3 || !rows.is_empty()) {
                let next = at + V * lanes;
                for &row in rows.iter().skip(q).step_by(job.splits.len()) {
                    prefetch(ahead, row + at, V * lanes);
                }
                if rows.is_empty() && split < R && lower[q] != ZEROS {
                    prefetch(x, lower[q] + next, V * lanes);
                }
                for r in (q..job.rows).step_by(job.splits.len()) {
                    prefetch(job.y, r * job.pitch + next, V * lanes);
                }
            }
            let lower = if split < R { samples(x, zeros, lower[q], at) } else { upper };
            // The last vector is loaded whole.
            let reach = (offsets[row_taps - 1] / lanes + V + 1) * lanes;
            let slid = T != LOADED && upper.len() >= reach && lower.len() >= reach;
            macro_rules! split_at {
                ($H:literal) => {
                    if slid {
                        slid_pass::<S, A, $H, R, V, T>(
                            simd, &mut sums, upper, lower, job.step, taps,
                        );
                    } else {
                        pass::<S, A, $H, R, V>(simd, &mut sums, upper, lower, offsets, taps);
                    }
                };
            }
            match split {
                1 => split_at!(1),
                2 if const { R >= 2 } => split_at!(2),
                3 if const { R >= 3 } => split_at!(3),
                4 if const { R >= 4 } => split_at!(4),
                5 if const { R >= 5 } => split_at!(5),
                6 if const { R >= 6 } => split_at!(6),
                _ => unreachable!("a split lies within the tile"),
            }
        }
    }
    for (r, sums) in sums.iter().enumerate().take(job.rows) {
        let y = &mut job.y[r * job.pitch + at..][..V * lanes];
        for (sum, y) in sums.iter().zip(y.chunks_exact_mut(lanes)) {
            A::store(*sum, y);
        }
    }
}

/// A row of samples from column `at` on.
#[inline(always)]
fn samples<'a, A>(x: &'a [A], zeros: &'a [A], source: usize, at: usize) -> &'a [A] {
    if source == ZEROS { zeros } else { &x[source + at..] }
}

/// Adds a row of taps to all output rows of a tile: those above `H` read `upper`, the others
/// `lower`.
#[inline(always)]
fn pass<S: Simd, A: Lanes, const H: usize, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[A::Sum<S>; V]; R],
    upper: &[A],
    lower: &[A],
    offsets: &[usize],
    taps: &[[A; R]],
) {
    for (&offset, taps) in offsets.iter().zip(taps) {
        add::<S, A, 0, H, R, V>(simd, sums, &upper[offset..], taps);
        if const { H < R } {
            add::<S, A, H, R, R, V>(simd, sums, &lower[offset..], taps);
        }
    }
}

/// Adds a row of taps to a tile of one row. A tap reads, for one vector of outputs, the samples that
/// the tap `turn` places on reads for the vector before: the two go together, so that a vector of
/// samples is loaded once for both. Loads, not multiply-adds, are what a single row is limited by.
#[inline(always)]
fn row<S: Simd, A: Lanes, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[A::Sum<S>; V]; R],
    samples: &[A],
    offsets: &[usize],
    taps: &[[A; R]],
    turn: usize,
) {
    let lanes = A::count::<S>();
    for (offsets, taps) in offsets.chunks(2 * turn).zip(taps.chunks(2 * turn)) {
        let pairs = taps.len().saturating_sub(turn);
        let (near, far) = taps.split_at(taps.len() - pairs);
        for ((&offset, near), far) in offsets.iter().zip(near).zip(far) {
            let (near, far) = (A::tap(simd, near[0]), A::tap(simd, far[0]));
            let samples = &samples[offset..][..(V + 1) * lanes];
            let mut x = A::load(simd, samples);
            for v in 0..V {
                let next = A::load(simd, &samples[(v + 1) * lanes..]);
                sums[0][v] = A::mul_add(A::mul_add(sums[0][v], near, x), far, next);
                x = next;
            }
        }
        for (&offset, near) in offsets[pairs..].iter().zip(&near[pairs..]) {
            add::<S, A, 0, 1, R, V>(simd, sums, &samples[offset..], near);
        }
    }
}

/// [`pass`] with samples that are loaded once for all taps: nearly every vector that starts anywhere
/// lies in two lines of the cache, and takes as long to load as two. (Gauss 7 x 7 and 15 x 15 at
/// 64 x 2048: 75 to 61 us and 137 to 112 us, with rings that start on a line. 3 x 3 direct: 43 to
/// 36 us. Zen 4, one thread, 2026-11-23.)
#[inline(always)]
fn slid_pass<S: Simd, A: Lanes, const H: usize, const R: usize, const V: usize, const T: usize>(
    simd: S,
    sums: &mut [[A::Sum<S>; V]; R],
    upper: &[A],
    lower: &[A],
    step: usize,
    taps: &[[A; R]],
) {
    slide::<S, A, 0, H, R, V, T>(simd, sums, upper, step, taps);
    if const { H < R } {
        slide::<S, A, H, R, R, V, T>(simd, sums, lower, step, taps);
    }
}

/// Adds a row of taps, `step` samples apart, to each of the rows `FROM..TO`.
#[inline(always)]
fn slide<
    S: Simd,
    A: Lanes,
    const FROM: usize,
    const TO: usize,
    const R: usize,
    const V: usize,
    const T: usize,
>(
    simd: S,
    sums: &mut [[A::Sum<S>; V]; R],
    samples: &[A],
    step: usize,
    taps: &[[A; R]],
) {
    let lanes = A::count::<S>();
    let (mut tap, mut base) = (0, 0);
    while tap < taps.len() {
        let samples = &samples[base..][..(V + 1) * lanes];
        let mut x = [A::load(simd, samples); V];
        for v in 1..V {
            x[v] = A::load(simd, &samples[v * lanes..]);
        }
        let end = A::load(simd, &samples[V * lanes..]);
        macro_rules! shift {
            ($($shift:literal)*) => {$(
                let here = if T == SLID {
                    $shift < lanes && tap < taps.len() && tap * step == base + $shift
                } else {
                    $shift < T
                };
                if here {
                    for v in 0..V {
                        let far = if v + 1 < V { x[v + 1] } else { end };
                        let x = A::slide::<S, $shift>(x[v], far);
                        for r in FROM..TO {
                            let tap = A::tap(simd, taps[tap][r]);
                            sums[r][v] = A::mul_add(sums[r][v], tap, x);
                        }
                    }
                    tap += 1;
                }
            )*};
        }
        shift!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
        base += lanes;
    }
}

/// Adds one tap, times the samples from its own on, to each of the rows `FROM..TO`.
#[inline(always)]
fn add<S: Simd, A: Lanes, const FROM: usize, const TO: usize, const R: usize, const V: usize>(
    simd: S,
    sums: &mut [[A::Sum<S>; V]; R],
    samples: &[A],
    taps: &[A; R],
) {
    let lanes = A::count::<S>();
    let samples = &samples[..V * lanes];
    // `array::from_fn` would not always be inlined, and the vectors go through memory.
    let mut x = [A::load(simd, samples); V];
    for v in 1..V {
        x[v] = A::load(simd, &samples[v * lanes..]);
    }
    for r in FROM..TO {
        let tap = A::tap(simd, taps[r]);
        for v in 0..V {
            sums[r][v] = A::mul_add(sums[r][v], tap, x[v]);
        }
    }
}
