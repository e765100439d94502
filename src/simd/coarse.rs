//! Coarse grids: up again from them, and matrices turned over.

use fearless_simd::Simd;

use crate::simd::down::{self, DownJob};
use crate::simd::folded::Folding;
use crate::simd::samples::Sums;

/// What is done for a coarse grid.
pub enum CoarseJob<'a, A> {
    /// From rows of samples to fewer rows of sums.
    Down(DownJob<'a, A>),
    /// From rows up to more rows.
    Rows(RowsUp<'a, A>),
    /// From samples up to more samples in a row.
    Within(WithinUp<'a, A>),
    /// `from[i * from_step + j]` becomes `to[j * to_step + i]`.
    Turn {
        from: &'a [A],
        from_step: usize,
        rows: usize,
        columns: usize,
        to: &'a mut [A],
        to_step: usize,
    },
}

/// As many output rows as there are phases, each of a few rows of samples.
pub struct RowsUp<'a, A> {
    /// Samples; rows are `step` apart.
    pub x: &'a [A],
    pub step: usize,
    /// The taps of a phase, one phase after the other.
    pub taps: &'a [A],
    /// Rows of samples: taps of a phase.
    pub reads: usize,
    /// Outputs; rows are `pitch` apart.
    pub y: Sums<'a, A>,
    pub pitch: usize,
    /// Output rows, as many as phases or fewer.
    pub rows: usize,
    /// Columns, at least a vector.
    pub columns: usize,
}

/// A stretch of a row whose samples are repeated, once for each phase.
pub struct WithinUp<'a, A> {
    /// Samples, a vector more than outputs and steps.
    pub x: &'a [A],
    /// From the sample under one tap to that under the next.
    pub step: usize,
    /// Taps: rows of `period` and a vector more, which begin again after `period`.
    pub taps: &'a [A],
    pub period: usize,
    pub reads: usize,
    /// Outputs, with room for a whole last vector.
    pub y: &'a mut [A],
}

/// Does a job.
#[inline(always)]
pub(crate) fn run<S: Simd, A: Folding>(simd: S, job: CoarseJob<'_, A>) {
    match job {
        CoarseJob::Down(job) => down::run(simd, job),
        CoarseJob::Rows(job) => match job.reads {
            2 => rows_up::<S, A, 2>(simd, job),
            3 => rows_up::<S, A, 3>(simd, job),
            4 => rows_up::<S, A, 4>(simd, job),
            5 => rows_up::<S, A, 5>(simd, job),
            6 => rows_up::<S, A, 6>(simd, job),
            reads => unreachable!("phases of {reads} taps are not designed"),
        },
        CoarseJob::Within(job) => within_up(simd, job),
        CoarseJob::Turn { from, from_step, rows, columns, to, to_step } => {
            turn::<S, A>(simd, (from, from_step), [rows, columns], (to, to_step));
        }
    }
}

/// Vectors of a row that are computed at one time: with those of six rows they stay in 16 registers.
const VECTORS: usize = 2;

#[inline(always)]
fn rows_up<S: Simd, A: Folding, const N: usize>(simd: S, job: RowsUp<'_, A>) {
    let RowsUp { x, step, taps, y, pitch, rows, columns, .. } = job;
    let (taps, to) = (&taps[..rows * N], (pitch, columns));
    match y {
        Sums::Numbers(y) => rows_up_to::<S, A, A, N>(simd, (x, step), taps, (y, to), A::store),
        Sums::Bytes(y) => rows_up_to::<S, A, u8, N>(simd, (x, step), taps, (y, to), A::to_levels),
        Sums::Words(y) => rows_up_to::<S, A, u16, N>(simd, (x, step), taps, (y, to), A::to_levels),
    }
}

/// The same to places of one type, of so many columns, which rows lie so far apart in.
#[inline(always)]
fn rows_up_to<S: Simd, A: Folding, T, const N: usize>(
    simd: S,
    (x, step): (&[A], usize),
    taps: &[A],
    (y, (pitch, columns)): (&mut [T], (usize, usize)),
    store: impl Fn(S, A::Sum<S>, &mut [T]),
) {
    let lanes = A::count::<S>();
    let mut at = 0;
    while at + VECTORS * lanes <= columns {
        let to = (&mut y[at..], pitch);
        some_up::<S, A, T, N, VECTORS>(simd, (&x[at..], step), taps, to, &store);
        at += VECTORS * lanes;
    }
    while at < columns {
        // The last vector may compute again what the one before it has.
        let from = at.min(columns - lanes);
        let to = (&mut y[from..], pitch);
        some_up::<S, A, T, N, 1>(simd, (&x[from..], step), taps, to, &store);
        at = from + lanes;
    }
}

/// `V` vectors of all rows.
#[inline(always)]
fn some_up<S: Simd, A: Folding, T, const N: usize, const V: usize>(
    simd: S,
    (samples, step): (&[A], usize),
    taps: &[A],
    (y, pitch): (&mut [T], usize),
    store: &impl Fn(S, A::Sum<S>, &mut [T]),
) {
    let lanes = A::count::<S>();
    let load = |l: usize, v: usize| A::load(simd, &samples[l * step + v * lanes..]);
    let mut x = [[load(0, 0); V]; N];
    for (l, x) in x.iter_mut().enumerate() {
        for (v, x) in x.iter_mut().enumerate() {
            *x = load(l, v);
        }
    }
    for (row, taps) in taps.chunks_exact(N).enumerate() {
        let mut sums = [A::zero(simd); V];
        for l in 0..N {
            let tap = A::tap(simd, taps[l]);
            for v in 0..V {
                sums[v] = A::mul_add(sums[v], tap, x[l][v]);
            }
        }
        let y = &mut y[row * pitch..];
        for v in 0..V {
            store(simd, sums[v], &mut y[v * lanes..]);
        }
    }
}

#[inline(always)]
fn within_up<S: Simd, A: Folding>(simd: S, job: WithinUp<'_, A>) {
    let WithinUp { x, step, taps, period, reads, y } = job;
    let lanes = A::count::<S>();
    let pitch = taps.len() / reads;
    let mut phase = 0;
    for at in (0..y.len() / lanes).map(|i| i * lanes) {
        let mut sum = A::zero(simd);
        for l in 0..reads {
            let tap = A::taps(simd, &taps[l * pitch + phase..]);
            sum = A::mul_add(sum, tap, A::load(simd, &x[at + l * step..]));
        }
        A::store(simd, sum, &mut y[at..]);
        phase += lanes;
        if phase >= period {
            phase -= period;
        }
    }
}

#[inline(always)]
fn turn<S: Simd, A: Folding>(
    simd: S,
    (from, from_step): (&[A], usize),
    [rows, columns]: [usize; 2],
    (to, to_step): (&mut [A], usize),
) {
    let side = A::count::<S>();
    if rows.min(columns) < side {
        for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
            to[j * to_step + i] = from[i * from_step + j];
        }
        return;
    }
    // The last squares may turn over again what those before them have.
    for i in (0..rows).step_by(side).map(|i| i.min(rows - side)) {
        for j in (0..columns).step_by(side).map(|j| j.min(columns - side)) {
            let (from, to) = (&from[i * from_step + j..], &mut to[j * to_step + i..]);
            A::turn(simd, from, from_step, to, to_step);
        }
    }
}
