//! The kernel: a tile of output rows x vectors that stays in registers while the taps pass over it.
//!
//! Each row of samples is loaded once for all output rows of the tile that it lies under. With `R`
//! output rows and `K >= R - 1` rows of taps, the first sample rows serve only the upper output
//! rows and the last ones only the lower: sample row `q` those above a split, sample row `q + K`
//! exactly those below it. Paired so, every pass updates all `R` rows, and `K` passes make a tile.

use fearless_simd::{Simd, SimdBase};

use crate::simd::{InstructionSet, Lanes, prefetch};

/// A row of samples that is not there: zeros.
pub(crate) const ZEROS: usize = usize::MAX;

/// A stretch of columns of a few output rows.
pub struct TileJob<'a, A> {
    /// Samples.
    pub x: &'a [A],
    /// As many zeros as a tile and its taps reach over; empty where no source is `ZEROS`.
    pub zeros: &'a [A],
    /// Where each row of samples starts under the first tap of the first column: for each plane of
    /// taps, one for each row of taps and then those that the lower output rows add.
    pub sources: &'a [usize],
    /// Sources of one plane.
    pub sources_per_plane: usize,
    /// For each row of the tile, the rows of taps whose sample row serves it and none below it, from
    /// one of these to the next. As many as there are rows, and one.
    pub runs: &'a [usize],
    /// Samples that the next jobs read, and rows in them: each is fetched along with the columns here.
    pub ahead: (&'a [A], &'a [usize]),
    /// For each tap of a row, where its sample lies from that under the first tap.
    pub offsets: &'a [usize],
    /// Samples from one tap of a row to the next, where that is the same for all; else 0.
    pub step: usize,
    /// For each plane, row and column of taps: one tap for each output row of the tile.
    pub taps: &'a [A],
    /// Output rows of a tile: one of [`heights`].
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

/// Bytes of the widest vector of an instruction set.
pub(super) const fn vector_bytes<S: Simd>() -> usize {
    <S::u8s as SimdBase<S>>::LEN
}

/// Whether an instruction set has 32 vector registers, and not 16.
pub(super) const fn has_many_registers<S: Simd>() -> bool {
    cfg!(target_arch = "aarch64") || vector_bytes::<S>() == 64
}

/// Whether there are tiles of all heights, and not of few: see [`heights`].
const fn has_all_heights<S: Simd>() -> bool {
    cfg!(target_arch = "aarch64") || vector_bytes::<S>() > 16
}

/// Heights that the kernel is compiled for, and what an output costs in them relative to the
/// highest. A prototype of the kernel reached 97 and 87 % of the machine's multiply-adds with the
/// first two (Zen 4, AVX-512, 31 taps, 2026-11); the costs of the others are estimates.
const HEIGHTS: [(usize, f64); 4] = [(6, 1.0), (4, 1.1), (2, 1.6), (1, 2.1)];

/// The same where a product and a sum are two instructions at least, as in SSE2: loads, which higher
/// tiles save, are not what is waited for there.
const FEW_HEIGHTS: [(usize, f64); 2] = [(4, 1.0), (1, 1.9)];

/// The heights of tiles on an instruction set, and what an output costs in them.
pub(crate) fn heights(instructions: InstructionSet) -> &'static [(usize, f64)] {
    let wide = cfg!(target_arch = "aarch64") || instructions != InstructionSet::Baseline;
    if wide { &HEIGHTS } else { &FEW_HEIGHTS }
}

/// What a job with any other height ends in.
#[cold]
fn no_such_height(rows: usize) -> ! {
    unreachable!("no tiles of {rows} rows are compiled for this type")
}

/// Does a job with tiles as large as the instruction set's registers hold: 24 sums of 32 registers,
/// 8 to 12 of 16. The lower the tile, the more vectors a row.
///
/// Constants decide at compile time here and below: code for other instruction sets, or for heights
/// that these have no use for, is not even generated. Each height is a function of its own: the
/// compiler takes longer for one large function than for its parts.
#[inline(always)]
pub(crate) fn columns<S: Simd, A: Lanes>(simd: S, job: TileJob<'_, A>) {
    macro_rules! tiles {
        ($R:literal, $V:literal, $T:expr) => {
            simd.vectorize(
                #[inline(always)]
                || tiles::<S, A, $R, $V, { $T }>(simd, job),
            )
        };
    }
    if const { has_many_registers::<S>() } {
        if const { A::REGISTERS == 1 } {
            let (lanes, taps) = (A::count::<S>(), job.offsets.len());
            let dense = const { A::SLIDES && vector_bytes::<S>() == 64 }
                && (1..=lanes / 2).contains(&job.step);
            match job.tile_rows {
                6 => tiles!(6, 4, LOADED),
                4 if const { A::SLIDES } && dense && job.step == 1 && taps == 3 => {
                    tiles!(4, 4, 3)
                }
                4 => tiles!(4, 6, LOADED),
                2 => tiles!(2, 8, LOADED),
                // Beyond that, pairs of taps that read the same vectors are faster.
                1 if const { A::SLIDES } && dense && 2 * taps <= 3 * lanes => tiles!(1, 8, SLID),
                1 => tiles!(1, 12, LOADED),
                rows => no_such_height(rows),
            }
        } else {
            match job.tile_rows {
                6 => tiles!(6, 2, LOADED),
                4 => tiles!(4, 3, LOADED),
                2 => tiles!(2, 4, LOADED),
                1 => tiles!(1, 6, LOADED),
                rows => no_such_height(rows),
            }
        }
    } else if const { A::REGISTERS == 1 } {
        match job.tile_rows {
            6 if const { has_all_heights::<S>() } => tiles!(6, 2, LOADED),
            4 => tiles!(4, 2, LOADED),
            2 if const { has_all_heights::<S>() } => tiles!(2, 4, LOADED),
            1 => tiles!(1, 8, LOADED),
            rows => no_such_height(rows),
        }
    } else {
        match job.tile_rows {
            6 if const { has_all_heights::<S>() } => tiles!(6, 1, LOADED),
            4 => tiles!(4, 1, LOADED),
            2 if const { has_all_heights::<S>() } => tiles!(2, 2, LOADED),
            1 => tiles!(1, 4, LOADED),
            rows => no_such_height(rows),
        }
    }
}

/// How a row of taps finds its samples, a parameter `T` of what follows: each tap loads its own.
const LOADED: usize = 0;
/// Every other tap shares vectors that are loaded once, and slides over them. Any other number: each does, of exactly that
/// many taps, one sample apart.
const SLID: usize = usize::MAX;

/// Vectors of a tile of one row where fewer than usual are left.
const SHORT: usize = 4;

/// Does a job with tiles of `R` rows x `V` vectors, and the last columns with single vectors, of one row with short
/// tiles.
#[inline(always)]
fn tiles<S: Simd, A: Lanes, const R: usize, const V: usize, const T: usize>(
    simd: S,
    mut job: TileJob<'_, A>,
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
            // One tap in a row is worth straight code, and so are three in a small tile.
            match job.offsets.len() {
                1 if const { R > 1 && T == LOADED } => {
                    tile::<S, A, R, V, 1, T>(simd, &mut job, at);
                }
                3 if const { R == 4 && V <= 2 } => {
                    tile::<S, A, R, V, 3, T>(simd, &mut job, at);
                }
                _ => tile::<S, A, R, V, 0, T>(simd, &mut job, at),
            }
            done = at + V * lanes;
        } else if const { R == 1 && V > SHORT } && columns >= SHORT * lanes {
            // A single row of a single vector would wait for each sum: no less than for those of some.
            let at = done.min(columns - SHORT * lanes);
            tile::<S, A, R, SHORT, 0, T>(simd, &mut job, at);
            done = at + SHORT * lanes;
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
    job: &mut TileJob<'_, A>,
    at: usize,
) {
    let row_taps = if K > 0 { K } else { job.offsets.len() };
    let runs = &job.runs[..=R];
    let (taps, _) = job.taps.as_chunks::<R>();
    let mut taps = taps.chunks_exact(row_taps);
    let (next, span) = (at + V * A::count::<S>(), V * A::count::<S>());
    let (ahead, mut rows_ahead) = (job.ahead.0, job.ahead.1.iter());
    // Short rows of taps leave no time to ask for what comes next.
    let slow = row_taps > 3;
    let asks = slow && job.ahead.1.is_empty();
    let fetches = const { R > 1 } && (slow || !job.ahead.1.is_empty());
    let mut sums = [[A::zero(simd); V]; R];
    for sources in job.sources.chunks_exact(job.sources_per_plane) {
        let (upper, lower) = sources.split_at(runs[R]);
        // Straight code, so that the sums stay where they are.
        macro_rules! passes {
            ($($H:literal)*) => {$(
                if const { $H <= R } {
                    if fetches {
                        // A row that is not there does no harm.
                        prefetch(job.y, ($H - 1) * job.pitch + next, span);
                        if let Some(&row) = rows_ahead.next() {
                            prefetch(ahead, row + at, span);
                        }
                    }
                    // The last of them read the upper samples alone.
                    let lower = if const { $H < R } { lower } else { upper };
                    let run = runs[$H - 1]..runs[$H];
                    let sources = upper[run.clone()].iter().zip(&lower[run]);
                    for ((&upper, &lower), taps) in sources.zip(&mut taps) {
                        let sources = [upper, lower];
                        pass::<S, A, $H, R, V, K, T>(simd, &mut sums, job, sources, at, taps, asks);
                    }
                }
            )*};
        }
        passes!(1 2 3 4 5 6);
    }
    for &row in rows_ahead {
        prefetch(ahead, row + at, span);
    }
    for (r, sums) in sums.iter().enumerate().take(job.rows) {
        let lanes = A::count::<S>();
        let y = &mut job.y[r * job.pitch + at..][..V * lanes];
        for (sum, y) in sums.iter().zip(y.chunks_exact_mut(lanes)) {
            A::store(simd, *sum, y);
        }
    }
}

/// Adds a row of taps to all output rows of a tile: those above `H` read the first of two rows of
/// samples, the others the second.
#[inline(always)]
fn pass<
    S: Simd,
    A: Lanes,
    const H: usize,
    const R: usize,
    const V: usize,
    const K: usize,
    const T: usize,
>(
    simd: S,
    sums: &mut [[A::Sum<S>; V]; R],
    job: &TileJob<'_, A>,
    [upper, lower]: [usize; 2],
    at: usize,
    taps: &[[A; R]],
    asks: bool,
) {
    let lanes = A::count::<S>();
    let offsets = &job.offsets[..if K > 0 { K } else { taps.len() }];
    let samples = |source| if source == ZEROS { job.zeros } else { &job.x[source + at..] };
    if const { H < R } && asks && lower != ZEROS {
        // This tile has the line of the last sample under it, the next one needs as many more.
        let line = 64 / size_of::<A>();
        let last = at + V * lanes - 1 + offsets[offsets.len() - 1];
        prefetch(job.x, lower + last + line, V * lanes);
    }
    let upper = samples(upper);
    let lower = if const { H < R } { samples(lower) } else { upper };
    // Taps from one to another that reads the same samples for the vector before.
    if const { R == 1 && V > 1 && T == LOADED } && job.step > 0 && lanes % job.step == 0 {
        let turn = lanes / job.step;
        if turn < offsets.len() {
            return row::<S, A, R, V>(simd, sums, upper, offsets, taps, turn);
        }
    }
    if const { T != LOADED } {
        // The last vector is loaded whole.
        let reach = (offsets[offsets.len() - 1] / lanes + V + 1) * lanes;
        if upper.len() >= reach && lower.len() >= reach {
            slide::<S, A, 0, H, R, V, T>(simd, sums, upper, job.step, taps);
            if const { H < R } {
                slide::<S, A, H, R, R, V, T>(simd, sums, lower, job.step, taps);
            }
            return;
        }
    }
    // Where nothing is left to be checked for each tap.
    if const { K == 0 && V > 1 } && job.step == 1 {
        let len = V * lanes + offsets.len() - 1;
        let windows = upper[..len].windows(V * lanes).zip(lower[..len].windows(V * lanes));
        for ((upper, lower), taps) in windows.zip(taps) {
            add::<S, A, 0, H, R, V>(simd, sums, upper, taps);
            if const { H < R } {
                add::<S, A, H, R, R, V>(simd, sums, lower, taps);
            }
        }
        return;
    }
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

/// Whether the samples that are so many behind a vector are loaded from there and do not slide: about half of those under
/// taps that are 1, 2, 3 or 4 samples apart. Multiply-adds and slides share a unit, which loads have no need of. (15 taps a
/// vector: 2.1 cycles a tap if all slide, 1.7 if all are loaded, 1.4 so; Zen 4, one thread, 2026-11-30.)
const fn is_loaded(shift: usize) -> bool {
    shift.count_ones() % 2 == 1
}

/// Adds a row of taps, `step` samples apart, to each of the rows `FROM..TO`, with samples that are
/// loaded once for all taps that slide: nearly every vector that starts anywhere lies in two lines of the cache,
/// and takes as long to load as two. (Gauss 7 x 7 and 15 x 15 at 64 x 2048: 75 to 61 us and 137 to
/// 112 us, with rings that start on a line. 3 x 3 direct: 43 to 36 us. Zen 4, one thread, 2026-11-23.)
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
                if const { $shift < T && $shift < vector_bytes::<S>() / size_of::<A>() }
                    && (T != SLID || tap < taps.len() && tap * step == base + $shift)
                {
                    let loads = const { T == SLID && is_loaded($shift) };
                    let from = if loads { &samples[$shift..][..V * lanes] } else { samples };
                    for v in 0..V {
                        let far = if v + 1 < V { x[v + 1] } else { end };
                        let x = match loads {
                            true => A::load(simd, &from[v * lanes..]),
                            false => A::slide::<S, $shift>(x[v], far),
                        };
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
