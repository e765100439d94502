//! Sums over all taps of small squares, in unrolled code: levels are widened, slid and multiplied in registers, for as
//! many rows of sums at one time as there are rows of taps.
//!
//! Each row of samples is read once for all the sums that it is part of, and these move up by a row when it is done:
//! what has all of its taps is stored. A sum is made in the order of its taps, a row of them after the other.

use fearless_simd::Simd;

use crate::simd::folded::Folding;
pub(crate) use crate::simd::near::padding;
use crate::simd::near::{LANES, slid, slides};
use crate::simd::tile::vector_bytes;
use crate::simd::{InstructionSet, Rounded, prefetch};

/// Sums over squares of taps.
pub struct SquareJob<'a, A> {
    /// Where samples are from, and where the nearest levels to sums of them go.
    pub levels: Levels<'a>,
    /// Where each row of samples starts under the first tap of the first output, as many as [`sources`] says: where
    /// there are few rows, the first one more than once, since what is made of that is written over. As many samples
    /// follow the last ones as [`padding`] says.
    pub sources: &'a [usize],
    /// Taps, a row after the other.
    pub taps: &'a [A],
    /// Rows of taps, and taps of a row.
    pub side: usize,
    /// Samples from one tap of a row to the next.
    pub step: usize,
    /// From one output row to the next.
    pub pitch: usize,
    /// Output rows.
    pub rows: usize,
    /// Columns: at least as many as [`least_columns`] says.
    pub columns: usize,
}

/// Samples and places for sums of the same type.
#[derive(Debug)]
pub enum Levels<'a> {
    /// Of 8 bits.
    Bytes(&'a [u8], &'a mut [u8]),
    /// Of 16 bits.
    Words(&'a [u16], &'a mut [u16]),
}

/// Rows of samples for so many rows of sums under so many rows of taps: for as many rows as there are taps, less one,
/// if that is more.
pub(crate) fn sources(rows: usize, side: usize) -> usize {
    rows.max(side - 1) + side - 1
}

/// The side of a square of taps that there is such code for, with numbers of so many bytes that are so many samples apart
/// along a row: of rows of taps, and taps of a row.
pub(crate) fn side(
    [rows, taps]: [usize; 2],
    size: usize,
    step: usize,
    instructions: InstructionSet,
) -> Option<usize> {
    let has_code = rows == taps && matches!(taps, 3 | 5 | 7) && slides(instructions, size, step);
    has_code.then_some(taps)
}

/// Columns that are summed at one time under so many taps of a row.
pub(crate) fn least_columns(side: usize) -> usize {
    LANES * if side == 3 { FEW_TAPS } else { MORE_TAPS }
}

/// Vectors of sums of each row, under three taps and under more. With more of them registers do not hold what is
/// under the taps beside the sums (RGB of 8 bits under 5 x 5 and 7 x 7 taps: 2 vectors 12.6 and 23.4 ms, 4 and 3 of
/// them 13.2 and 24.8; 3840 x 2160, a prototype on one core, Zen 4, 2026-11-29).
const FEW_TAPS: usize = 4;
const MORE_TAPS: usize = 2;

/// Samples of a row from those that are summed to those that are asked for: rows are read from top to bottom.
const AHEAD: usize = 128;

/// What a job for which there is no code ends in.
#[cold]
fn no_such_code(side: usize, step: usize) -> ! {
    unreachable!("no code for {side} x {side} taps that are {step} apart is compiled for this type")
}

/// Does a job.
#[inline(always)]
pub(crate) fn run<S: Simd, A: Folding>(simd: S, job: SquareJob<'_, A>) {
    let (side, step) = (job.side, job.step);
    macro_rules! sides {
        ($STEP:literal: $($SIDE:literal, $VECTORS:expr;)*) => {$(
            if const { vector_bytes::<S>() / size_of::<A>() == LANES }
                && (side, step) == ($SIDE, $STEP)
            {
                const BEYOND: usize = (($SIDE - 1usize) * $STEP).div_ceil(LANES);
                return simd.vectorize(
                    #[inline(always)]
                    || sums::<S, A, $SIDE, $STEP, { $VECTORS }, { $VECTORS + BEYOND }>(simd, job),
                );
            }
        )*};
    }
    sides!(1: 3, FEW_TAPS; 5, MORE_TAPS; 7, MORE_TAPS;);
    sides!(3: 3, FEW_TAPS; 5, MORE_TAPS; 7, MORE_TAPS;);
    sides!(4: 3, FEW_TAPS; 5, MORE_TAPS; 7, MORE_TAPS;);
    no_such_code(side, step)
}

/// Straight code for each number below a constant.
macro_rules! each {
    ($N:expr, |$I:ident| $body:expr) => {
        const { assert!($N <= 7, "there is no code for more") };
        each!(0 1 2 3 4 5 6: $N, |$I| $body)
    };
    ($($n:literal)*: $N:expr, |$I:ident| $body:expr) => {$({
        const $I: usize = $n;
        if const { $I < $N } {
            $body
        }
    })*};
}

/// Rows of sums.
#[derive(Clone, Copy)]
struct Rows<'a> {
    /// See [`SquareJob`].
    sources: &'a [usize],
    /// From one output row to the next.
    pitch: usize,
    /// Rows, the first ones, that are written over.
    again: usize,
}

/// Sums, `V` vectors of each row at one time.
#[inline(always)]
fn sums<
    S: Simd,
    A: Folding,
    const SIDE: usize,
    const STEP: usize,
    const V: usize,
    const LEN: usize,
>(
    simd: S,
    job: SquareJob<'_, A>,
) {
    let SquareJob { levels, sources, taps, pitch, rows, columns, .. } = job;
    let rows = Rows { sources, pitch, again: sources.len() + 1 - SIDE - rows };
    // Known before any loop, so that samples stay in registers on their way to their sums.
    match levels {
        Levels::Bytes(x, y) => {
            blocks::<S, A, u8, SIDE, STEP, V, LEN>(simd, (x, y), taps, rows, columns);
        }
        Levels::Words(x, y) => {
            blocks::<S, A, u16, SIDE, STEP, V, LEN>(simd, (x, y), taps, rows, columns);
        }
    }
}

/// Blocks of columns, of which the last may compute again what the one before it has.
#[inline(always)]
fn blocks<
    S: Simd,
    A: Folding + From<L> + Rounded<L>,
    L: Copy,
    const SIDE: usize,
    const STEP: usize,
    const V: usize,
    const LEN: usize,
>(
    simd: S,
    (x, y): (&[L], &mut [L]),
    values: &[A],
    rows: Rows<'_>,
    columns: usize,
) {
    let mut taps = [[A::tap(simd, A::default()); SIDE]; SIDE];
    for (row, values) in taps.iter_mut().zip(values.chunks_exact(SIDE)) {
        for (tap, &value) in row.iter_mut().zip(values) {
            *tap = A::tap(simd, value);
        }
    }
    let mut done = 0;
    while done < columns {
        let at = done.min(columns - V * LANES);
        block::<S, A, L, SIDE, STEP, V, LEN>(simd, (x, y), &taps, rows, at);
        done = at + V * LANES;
    }
}

/// All rows of a block of columns.
#[inline(always)]
fn block<
    S: Simd,
    A: Folding + From<L> + Rounded<L>,
    L: Copy,
    const SIDE: usize,
    const STEP: usize,
    const V: usize,
    const LEN: usize,
>(
    simd: S,
    (x, y): (&[L], &mut [L]),
    taps: &[[A::Tap<S>; SIDE]; SIDE],
    Rows { sources, pitch, again }: Rows<'_>,
    at: usize,
) {
    // The oldest first: that which has the last row of taps next.
    let mut sums = [[A::zero(simd); V]; SIDE];
    let (above, others) = sources.split_at(SIDE - 1);
    let (full, below) = others.split_at(others.len() + 1 - SIDE);
    // What is not a sum of its own is written over.
    let place = |row: usize| at + row.saturating_sub(again) * pitch;
    macro_rules! add {
        ($source:expr, $rows:expr) => {
            let x = &x[$source + at..][..LEN * LANES];
            let mut window = [A::load(simd, &[A::default(); LANES]); LEN];
            each!(LEN, |VECTOR| {
                window[VECTOR] = A::of_levels(simd, &x[VECTOR * LANES..]);
            });
            add::<S, A, SIDE, STEP, V, LEN>(&mut sums, &window, taps, $rows);
            prefetch(x, AHEAD, V * LANES);
        };
    }
    macro_rules! finish {
        ($source:expr, $rows:expr, $row:expr) => {
            // Seen to be there before: a branch after sums would keep them from registers.
            let y = &mut y[place($row)..][..V * LANES];
            add!($source, $rows);
            each!(V, |VECTOR| {
                A::to_levels(simd, sums[0][VECTOR], &mut y[VECTOR * LANES..]);
            });
        };
    }
    macro_rules! next {
        () => {
            each!(SIDE - 1, |ROW| sums[ROW] = sums[ROW + 1]);
            sums[SIDE - 1] = [A::zero(simd); V];
        };
    }
    each!(SIDE - 1, |ROW| {
        add!(above[ROW], SIDE - 1 - ROW..SIDE);
        next!();
    });
    for (row, &source) in full.iter().enumerate() {
        finish!(source, 0..SIDE, row);
        next!();
    }
    each!(SIDE - 2, |ROW| {
        finish!(below[ROW], 0..SIDE - 1 - ROW, full.len() + ROW);
        next!();
    });
    finish!(below[SIDE - 2], 0..1, full.len() + SIDE - 2);
}

/// Adds a row of samples to those sums that it is part of.
#[inline(always)]
fn add<
    S: Simd,
    A: Folding,
    const SIDE: usize,
    const STEP: usize,
    const V: usize,
    const LEN: usize,
>(
    sums: &mut [[A::Sum<S>; V]; SIDE],
    window: &[A::Vector<S>; LEN],
    taps: &[[A::Tap<S>; SIDE]; SIDE],
    rows: std::ops::Range<usize>,
) {
    each!(SIDE, |TAP| {
        let (vector, lane) = (const { TAP * STEP / LANES }, const { TAP * STEP % LANES });
        each!(V, |VECTOR| {
            let samples = match lane {
                0 => window[vector + VECTOR],
                _ => slid::<S, A>(window[vector + VECTOR], window[vector + VECTOR + 1], lane),
            };
            each!(SIDE, |ROW| {
                if rows.contains(&ROW) {
                    let tap = taps[SIDE - 1 - ROW][TAP];
                    sums[ROW][VECTOR] = A::mul_add(sums[ROW][VECTOR], tap, samples);
                }
            });
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Lanes;
    use crate::simd::folded::FoldedJob;

    const COLUMNS: usize = 5 * LANES + 3;

    fn level(i: usize) -> u8 {
        (i * i * 7 % 251) as u8
    }

    #[test]
    fn sums_over_squares_are_the_definition() {
        let set = InstructionSet::detect();
        let run = f32::FOLDED.expect("folded numbers");
        for (side, step) in
            [3, 5, 7].into_iter().flat_map(|side| [1, 3, 4].map(|step| (side, step)))
        {
            if super::side([side; 2], 4, step, set).is_none() {
                continue;
            }
            // Some of the sums are beyond the levels.
            let tap = |i: usize| (i * 5 % 11) as f32 / (3 * side * side) as f32 - 0.04;
            let taps: Vec<f32> = (0..side * side).map(tap).collect();
            let width = COLUMNS + (side - 1) * step + padding(side, step);
            for rows in [1, 2, 7, 20] {
                let bytes: Vec<u8> = (0..width * (rows + side - 1)).map(level).collect();
                let words: Vec<u16> = bytes.iter().map(|&byte| 257 * u16::from(byte)).collect();
                let again = sources(rows, side) - (rows + side - 1);
                let starts: Vec<usize> =
                    (0..sources(rows, side)).map(|q| q.saturating_sub(again) * width).collect();
                let pitch = COLUMNS + 2;
                let (mut eight, mut sixteen) = (vec![3; rows * pitch], vec![3; rows * pitch]);
                for levels in
                    [Levels::Bytes(&bytes, &mut eight), Levels::Words(&words, &mut sixteen)]
                {
                    let (sources, taps, columns) = (&starts[..], &taps[..], COLUMNS);
                    run(
                        set,
                        FoldedJob::Square(SquareJob {
                            levels,
                            sources,
                            taps,
                            side,
                            step,
                            pitch,
                            rows,
                            columns,
                        }),
                    );
                }
                for (i, (&eight, &sixteen)) in eight.iter().zip(&sixteen).enumerate() {
                    let (row, column) = (i / pitch, i % pitch);
                    let about = format!("{side} taps, {step} apart, {rows} rows: {row}, {column}");
                    if column >= COLUMNS {
                        assert_eq!((eight, sixteen), (3, 3), "{about}");
                        continue;
                    }
                    let sum = |levels: &dyn Fn(usize) -> f32| {
                        let mut sum = 0f32;
                        for (tap, &value) in taps.iter().enumerate() {
                            let at = (row + tap / side) * width + column + tap % side * step;
                            sum = levels(at).mul_add(value, sum);
                        }
                        sum.round_ties_even()
                    };
                    assert_eq!(eight, sum(&|at| bytes[at].into()) as u8, "{about}");
                    assert_eq!(sixteen, sum(&|at| words[at].into()) as u16, "{about}");
                }
            }
        }
    }
}
