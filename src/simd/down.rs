//! Sums of rows of a coarse grid, over the rows that they are made of.
//!
//! Rows of samples are many to one of sums, and each row of samples lies under the taps of a few sums. So some rows of
//! samples are read at one time, as they are stored and from end to end, for all the sums that they are part of.

use fearless_simd::Simd;

use crate::simd::MOST_LANES;
use crate::simd::folded::Folding;
use crate::simd::samples::Samples;
use crate::simd::tile::has_many_registers;

/// Some rows of samples, for the rows of sums that they are part of.
pub struct DownJob<'a, A> {
    /// Samples.
    pub x: Samples<'a, A>,
    /// Where their rows start, as many as [`ROWS`] at most.
    pub sources: &'a [usize],
    /// Taps over these rows: first those of the last sum, and `step` on those of the sum before it.
    pub taps: &'a [A],
    pub step: usize,
    /// Sums, to which samples are added; rows of them are `pitch` apart.
    pub y: &'a mut [A],
    pub pitch: usize,
    /// Rows of sums, as many as [`SUMS`] at most.
    pub sums: usize,
    /// Whether the last one begins here: it is written, whatever it was.
    pub begins: bool,
    /// Columns.
    pub columns: usize,
}

/// Rows of samples that are read at one time: hardware follows so many streams.
pub(crate) const ROWS: usize = 8;

/// Rows of sums that are made at one time.
pub(crate) const SUMS: usize = 3;

/// Does a job.
#[inline(always)]
pub(super) fn run<S: Simd, A: Folding>(simd: S, job: DownJob<'_, A>) {
    match job.x {
        Samples::Numbers(x) => of::<S, A, A>(simd, job, x, A::load),
        Samples::Bytes(x) => of::<S, A, u8>(simd, job, x, A::of_levels),
        Samples::Words(x) => of::<S, A, u16>(simd, job, x, A::of_levels),
    }
}

/// The same over samples of a type, which become numbers.
#[inline(always)]
fn of<S: Simd, A: Folding, T: Copy + Default>(
    simd: S,
    job: DownJob<'_, A>,
    x: &[T],
    load: impl Fn(S, &[T]) -> A::Vector<S>,
) {
    match job.sums {
        1 => rows::<S, A, T, 1>(simd, job, x, load),
        2 => rows::<S, A, T, 2>(simd, job, x, load),
        SUMS => rows::<S, A, T, SUMS>(simd, job, x, load),
        sums => unreachable!("{sums} sums are not made at one time"),
    }
}

#[inline(always)]
fn rows<S: Simd, A: Folding, T: Copy + Default, const N: usize>(
    simd: S,
    job: DownJob<'_, A>,
    x: &[T],
    load: impl Fn(S, &[T]) -> A::Vector<S>,
) {
    let DownJob { sources, taps, step, y, pitch, begins, columns, .. } = job;
    let count = sources.len();
    let mut rows = [&x[..0]; ROWS];
    for (row, &source) in rows.iter_mut().zip(sources) {
        *row = &x[source..][..columns];
    }
    let rows = &rows[..count];
    // By rows of sums, of which the last one has the first taps.
    let mut under = [[A::default(); ROWS]; N];
    for (row, under) in under.iter_mut().enumerate() {
        under[..count].copy_from_slice(&taps[(N - 1 - row) * step..][..count]);
    }
    let lanes = A::count::<S>();
    let mut at = 0;
    if const { has_many_registers::<S>() } {
        while at + 4 * lanes <= columns {
            some::<S, A, T, N, 4>(simd, (rows, at), &under, (&mut y[at..], pitch), begins, &load);
            at += 4 * lanes;
        }
    }
    while at + lanes <= columns {
        some::<S, A, T, N, 1>(simd, (rows, at), &under, (&mut y[at..], pitch), begins, &load);
        at += lanes;
    }
    let rest = columns - at;
    if rest == 0 {
        return;
    }
    // What is no whole vector is added up beside.
    let mut ends = [[T::default(); MOST_LANES]; ROWS];
    for (end, row) in ends.iter_mut().zip(rows) {
        end[..rest].copy_from_slice(&row[at..]);
    }
    let ends = ends.each_ref().map(|end| &end[..]);
    let mut sums = [[A::default(); MOST_LANES]; N];
    for (row, sums) in sums.iter_mut().enumerate() {
        sums[..rest].copy_from_slice(&y[row * pitch + at..][..rest]);
    }
    let to = (sums.as_flattened_mut(), MOST_LANES);
    some::<S, A, T, N, 1>(simd, (&ends[..count], 0), &under, to, begins, &load);
    for (row, sums) in sums.iter().enumerate() {
        y[row * pitch + at..][..rest].copy_from_slice(&sums[..rest]);
    }
}

/// `V` vectors of all rows, from a column on.
#[inline(always)]
fn some<S: Simd, A: Folding, T: Copy, const N: usize, const V: usize>(
    simd: S,
    (rows, at): (&[&[T]], usize),
    taps: &[[A; ROWS]; N],
    (y, pitch): (&mut [A], usize),
    begins: bool,
    load: &impl Fn(S, &[T]) -> A::Vector<S>,
) {
    let lanes = A::count::<S>();
    let mut sums = [[A::zero(simd); V]; N];
    for (row, sums) in sums.iter_mut().enumerate() {
        if row + 1 < N || !begins {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = A::load_sums(simd, &y[row * pitch + v * lanes..]);
            }
        }
    }
    for (i, row) in rows.iter().enumerate() {
        let row = &row[at..][..V * lanes];
        for v in 0..V {
            let x = load(simd, &row[v * lanes..]);
            for (sums, taps) in sums.iter_mut().zip(taps) {
                sums[v] = A::mul_add(sums[v], A::tap(simd, taps[i]), x);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (v, &sum) in sums.iter().enumerate() {
            A::store(simd, sum, &mut y[row * pitch + v * lanes..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::coarse::CoarseJob;
    use crate::simd::{InstructionSet, Lanes};

    #[test]
    fn rows_are_added_to_the_sums_that_they_are_part_of() {
        let run = f32::COARSE.expect("designed for");
        let sets = [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512];
        let width = 150;
        let bytes: Vec<u8> = (0..9 * width).map(|i| (i * i * 7 % 251) as u8).collect();
        let words: Vec<u16> = bytes.iter().map(|&byte| 3 * u16::from(byte)).collect();
        let numbers: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
        let taps: Vec<f32> = (0..3 * ROWS).map(|i| i as f32 - 4.0).collect();
        let sources: Vec<usize> = [3, 0, 7, 7, 1, 2, 8, 4].map(|row| row * width).to_vec();
        for set in sets.into_iter().filter(|&set| set <= InstructionSet::detect()) {
            for (sums, count, columns) in [(1, 1, 64), (2, 8, 131), (3, 5, 5), (3, 8, 149)] {
                for begins in [true, false] {
                    for (x, unit) in [
                        (Samples::Numbers(&numbers[..]), 1.0),
                        (Samples::Bytes(&bytes), 1.0),
                        (Samples::Words(&words), 3.0),
                    ] {
                        let (pitch, step, sources) = (columns + 1, ROWS, &sources[..count]);
                        let mut y = vec![0.25; sums * pitch];
                        let job = DownJob {
                            x,
                            sources,
                            taps: &taps,
                            step,
                            y: &mut y,
                            pitch,
                            sums,
                            begins,
                            columns,
                        };
                        run(set, CoarseJob::Down(job));
                        for (place, &y) in y.iter().enumerate() {
                            let (row, column) = (place / pitch, place % pitch);
                            let first = if begins && row + 1 == sums { 0.0 } else { 0.25 };
                            let tap = |i: usize| taps[(sums - 1 - row) * step + i];
                            let of = |i: usize| unit * tap(i) * numbers[sources[i] + column];
                            // Whole numbers, which are exact in whatever order.
                            let sum = first + (0..count).map(of).sum::<f32>();
                            let expected = if column < columns { sum } else { 0.25 };
                            assert_eq!(y, expected, "{set} {sums} {count} {row} {column}");
                        }
                    }
                }
            }
        }
    }
}
