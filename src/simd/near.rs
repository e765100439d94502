//! Sums over few symmetric taps of neighbours, in unrolled code: from samples to sums all is in registers, also where
//! these are stored in 8 or 16 bits.
//!
//! Along a row what lies under a tap is made of two vectors that are there already: nearly every vector that starts
//! anywhere lies in two lines of the cache, and takes as long to load as two. Across rows the samples under all
//! taps of eight outputs are there at one time.

use fearless_simd::Simd;

use crate::simd::folded::{Folding, Half, TILE_ROWS, folded};
use crate::simd::samples::{Samples, Sums};
use crate::simd::tile::vector_bytes;
use crate::simd::{InstructionSet, Lanes};

/// Sums along a row.
pub struct AlongJob<'a, A> {
    /// From the sample under the first tap of the first output on, with as many behind the last as [`padding`] says.
    pub x: Samples<'a, A>,
    /// Taps, with one in the middle.
    pub taps: &'a Half<A>,
    /// Samples from one tap to the next.
    pub step: usize,
    /// Outputs: whole vectors.
    pub y: &'a mut [A],
}

/// Sums across rows.
pub struct AcrossJob<'a, A> {
    /// Samples.
    pub x: &'a [A],
    /// Where each row of samples starts, as many as a tile and the taps reach over.
    pub sources: &'a [usize],
    /// Taps, with one in the middle.
    pub taps: &'a Half<A>,
    /// Outputs.
    pub y: Sums<'a, A>,
    /// From one output row to the next.
    pub pitch: usize,
    /// Output rows, at most those of a tile.
    pub rows: usize,
    /// Columns: whole vectors.
    pub columns: usize,
}

/// Pairs of taps that there is unrolled code for.
pub(crate) const MOST_PAIRS: usize = 6;

/// Samples of a vector that there is such code for.
pub(super) const LANES: usize = 16;

/// Whether there is such code for numbers of so many bytes under so many taps along both axes, which are so many
/// samples apart along a row.
pub(crate) fn has_code(
    instructions: InstructionSet,
    size: usize,
    taps: [usize; 2],
    step: usize,
) -> bool {
    let has_pairs = |taps: usize| taps % 2 == 1 && (1..=MOST_PAIRS).contains(&(taps / 2));
    slides(instructions, size, step) && taps.into_iter().all(has_pairs)
}

/// Whether vectors of numbers of so many bytes slide over neighbours that are so many samples apart.
pub(super) fn slides(instructions: InstructionSet, size: usize, step: usize) -> bool {
    instructions.vector_bytes() / size == LANES && matches!(step, 1 | 3 | 4)
}

/// Samples behind those under the taps that are read, for so many taps that are so many samples apart: vectors are
/// read whole.
pub(crate) fn padding(taps: usize, step: usize) -> usize {
    let reach = (taps - 1) * step;
    reach.next_multiple_of(LANES) - reach
}

/// What a job for which there is no code ends in.
#[cold]
fn no_such_code(pairs: usize, step: usize) -> ! {
    unreachable!(
        "no code for {pairs} pairs of taps that are {step} apart is compiled for this type"
    )
}

/// Vectors of outputs whose samples are in registers at one time.
const VECTORS: usize = 4;

/// Sums along a row.
#[inline(always)]
pub(crate) fn along<S: Simd, A: Folding>(simd: S, job: AlongJob<'_, A>) {
    let (pairs, step) = (job.taps.pairs.len(), job.step);
    macro_rules! pairs {
        ($STEP:literal: $($PAIRS:literal)*) => {$(
            if const { vector_bytes::<S>() / size_of::<A>() == LANES }
                && (pairs, step) == ($PAIRS, $STEP)
            {
                const BEYOND: usize = (2usize * $PAIRS * $STEP).div_ceil(LANES);
                return simd.vectorize(
                    #[inline(always)]
                    || match job.taps.opposite {
                        true => row::<S, A, $STEP, $PAIRS, { BEYOND + VECTORS }, true>(simd, job),
                        false => row::<S, A, $STEP, $PAIRS, { BEYOND + VECTORS }, false>(simd, job),
                    },
                );
            }
        )*};
    }
    pairs!(1: 1 2 3 4 5 6);
    pairs!(3: 1 2 3 4 5 6);
    pairs!(4: 1 2 3 4 5 6);
    no_such_code(pairs, step)
}

/// Sums along a row. Of each stretch `LEN` vectors of samples are in registers.
#[inline(always)]
fn row<
    S: Simd,
    A: Folding,
    const STEP: usize,
    const PAIRS: usize,
    const LEN: usize,
    const OPPOSITE: bool,
>(
    simd: S,
    job: AlongJob<'_, A>,
) {
    let AlongJob { x, taps, y, .. } = job;
    let (y, _) = y.as_chunks_mut::<LANES>();
    let taps = taps_of::<S, A, PAIRS>(simd, taps);
    let before = LEN - VECTORS;
    let mut window = [A::load(simd, &[A::default(); LANES]); LEN];
    for (v, samples) in window.iter_mut().enumerate().take(before) {
        *samples = loaded(simd, x, v);
    }
    let mut done = 0;
    let (stretches, rest) = y.as_chunks_mut::<VECTORS>();
    for y in stretches {
        for v in 0..VECTORS {
            window[before + v] = loaded(simd, x, done + before + v);
        }
        for (v, y) in y.iter_mut().enumerate() {
            let sum = sum::<S, A, STEP, PAIRS, LEN, OPPOSITE>(simd, &window, v, &taps);
            A::store(simd, sum, y);
        }
        for v in 0..before {
            window[v] = window[v + VECTORS];
        }
        done += VECTORS;
    }
    for y in rest {
        window[before] = loaded(simd, x, done + before);
        let sum = sum::<S, A, STEP, PAIRS, LEN, OPPOSITE>(simd, &window, 0, &taps);
        A::store(simd, sum, y);
        for v in 0..before {
            window[v] = window[v + 1];
        }
        done += 1;
    }
}

/// A vector of samples.
#[inline(always)]
fn loaded<S: Simd, A: Folding>(simd: S, x: Samples<'_, A>, vector: usize) -> A::Vector<S> {
    match x {
        Samples::Numbers(x) => A::load(simd, &x[vector * LANES..]),
        Samples::Bytes(x) => A::of_levels(simd, &x[vector * LANES..]),
        Samples::Words(x) => A::of_levels(simd, &x[vector * LANES..]),
    }
}

/// The sums of the samples from vector `at` of a window on.
#[inline(always)]
fn sum<
    S: Simd,
    A: Folding,
    const STEP: usize,
    const PAIRS: usize,
    const LEN: usize,
    const OPPOSITE: bool,
>(
    simd: S,
    window: &[A::Vector<S>; LEN],
    at: usize,
    taps: &Taps<S, A, PAIRS>,
) -> A::Sum<S> {
    symmetric::<S, A, PAIRS, OPPOSITE>(
        simd,
        #[inline(always)]
        |tap| {
            let (vector, lane) = (at + tap * STEP / LANES, tap * STEP % LANES);
            match lane {
                0 => window[vector],
                _ => slid::<S, A>(window[vector], window[vector + 1], lane),
            }
        },
        taps,
    )
}

/// The samples from `lane` on of two vectors, one after the other.
#[inline(always)]
pub(super) fn slid<S: Simd, A: Folding>(
    near: A::Vector<S>,
    far: A::Vector<S>,
    lane: usize,
) -> A::Vector<S> {
    macro_rules! slide {
        ($($LANE:literal)*) => {
            match lane {
                0 => near,
                $($LANE => A::slide::<S, $LANE>(near, far),)*
                _ => far,
            }
        };
    }
    slide!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
}

/// The tap in the middle, and the later one of each pair, ready to be multiplied with.
type Taps<S, A, const PAIRS: usize> = (<A as Lanes>::Tap<S>, [<A as Lanes>::Tap<S>; PAIRS]);

#[inline(always)]
fn taps_of<S: Simd, A: Folding, const PAIRS: usize>(simd: S, taps: &Half<A>) -> Taps<S, A, PAIRS> {
    let middle = A::tap(simd, taps.middle.expect("asked before"));
    let mut pairs = [middle; PAIRS];
    for (tap, &pair) in pairs.iter_mut().zip(&taps.pairs) {
        *tap = A::tap(simd, pair);
    }
    (middle, pairs)
}

/// A sum over taps, of which `sample` has what is under each. As [`folded`](super::folded) sums, from the middle outwards.
#[inline(always)]
fn symmetric<S: Simd, A: Folding, const PAIRS: usize, const OPPOSITE: bool>(
    simd: S,
    sample: impl Fn(usize) -> A::Vector<S>,
    (middle, pairs): &Taps<S, A, PAIRS>,
) -> A::Sum<S> {
    let mut sum = A::mul_add(A::zero(simd), *middle, sample(PAIRS));
    // Unrolled: samples are where they are when this is compiled.
    macro_rules! pairs {
        ($($PAIR:literal)*) => {$(
            if const { $PAIR <= PAIRS } {
                let (low, high) = (sample(PAIRS.saturating_sub($PAIR)), sample(PAIRS + $PAIR));
                sum = A::mul_add(sum, pairs[$PAIR - 1], folded::<S, A, OPPOSITE>(low, high));
            }
        )*};
    }
    pairs!(1 2 3 4 5 6);
    sum
}

/// Sums across rows.
#[inline(always)]
pub(crate) fn across<S: Simd, A: Folding>(simd: S, job: AcrossJob<'_, A>) {
    let pairs = job.taps.pairs.len();
    macro_rules! pairs {
        ($($PAIRS:literal)*) => {$(
            if const { vector_bytes::<S>() / size_of::<A>() == LANES } && pairs == $PAIRS {
                return simd.vectorize(
                    #[inline(always)]
                    || match job.taps.opposite {
                        true => rows::<S, A, $PAIRS, { TILE_ROWS + 2 * $PAIRS }, true>(simd, job),
                        false => rows::<S, A, $PAIRS, { TILE_ROWS + 2 * $PAIRS }, false>(simd, job),
                    },
                );
            }
        )*};
    }
    pairs!(1 2 3 4 5 6);
    no_such_code(pairs, 1)
}

/// Sums across `LEN` rows of samples.
#[inline(always)]
fn rows<S: Simd, A: Folding, const PAIRS: usize, const LEN: usize, const OPPOSITE: bool>(
    simd: S,
    job: AcrossJob<'_, A>,
) {
    let AcrossJob { x, sources, taps, y, pitch, rows, columns } = job;
    let (from, size) = ((x, sources, taps), (rows, columns));
    macro_rules! tile {
        ($y:ident, $put:ident) => {
            tile::<S, A, PAIRS, LEN, OPPOSITE>(
                simd,
                from,
                size,
                #[inline(always)]
                |row, column, sum| A::$put(simd, sum, &mut $y[row * pitch + column..]),
            )
        };
    }
    match y {
        Sums::Numbers(y) => tile!(y, store),
        Sums::Bytes(y) => tile!(y, to_levels),
        Sums::Words(y) => tile!(y, to_levels),
    }
}

/// Sums a tile of rows, of which each sum is put where it belongs.
#[inline(always)]
fn tile<S: Simd, A: Folding, const PAIRS: usize, const LEN: usize, const OPPOSITE: bool>(
    simd: S,
    (x, sources, taps): (&[A], &[usize], &Half<A>),
    (rows, columns): (usize, usize),
    mut put: impl FnMut(usize, usize, A::Sum<S>),
) {
    let taps = taps_of::<S, A, PAIRS>(simd, taps);
    let vectors = columns / LANES;
    let mut samples: [&[[A; LANES]]; LEN] = [&[]; LEN];
    for (samples, &source) in samples.iter_mut().zip(sources) {
        *samples = &x[source..].as_chunks().0[..vectors];
    }
    for vector in 0..vectors {
        let mut window = [A::load(simd, &[A::default(); LANES]); LEN];
        for (window, samples) in window.iter_mut().zip(&samples) {
            *window = A::load(simd, &samples[vector]);
        }
        macro_rules! rows {
            ($($ROW:literal)*) => {$(
                if $ROW < rows {
                    let sum = symmetric::<S, A, PAIRS, OPPOSITE>(
                        simd,
                        #[inline(always)]
                        |tap| window[$ROW + tap],
                        &taps,
                    );
                    put($ROW, vector * LANES, sum);
                }
            )*};
        }
        rows!(0 1 2 3 4 5 6 7);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::folded::{FoldJob, FoldedJob};

    const COLUMNS: usize = 7 * LANES;

    fn half(pairs: usize, opposite: bool) -> Half<f32> {
        let middle = Some(if opposite { 0.0 } else { 0.625 });
        Half { middle, pairs: (1..=pairs).map(|i| 0.3 / i as f32).collect(), opposite }
    }

    fn level(i: usize) -> u8 {
        (i * i % 251) as u8
    }

    /// A vector of outputs after the other, by the definition.
    fn expected(taps: &Half<f32>, sample: impl Fn(usize, usize) -> u8) -> Vec<f32> {
        let pairs = taps.pairs.len();
        let sum = |i: usize| {
            let mut sum = f32::from(sample(i, pairs)).mul_add(taps.middle.unwrap(), 0.0);
            for (pair, tap) in (1..).zip(&taps.pairs) {
                let [low, high] = [pairs - pair, pairs + pair].map(|tap| f32::from(sample(i, tap)));
                let both = if taps.opposite { high - low } else { low + high };
                sum = both.mul_add(*tap, sum);
            }
            sum
        };
        (0..COLUMNS).map(sum).collect()
    }

    #[test]
    fn sums_along_a_row_are_the_definition() {
        let set = InstructionSet::detect();
        let run = f32::FOLDED.expect("folded numbers");
        for (step, pairs, opposite) in cases(&[1, 3, 4]) {
            if !has_code(set, 4, [2 * pairs + 1; 2], step) {
                continue;
            }
            let taps = &half(pairs, opposite);
            let expected = expected(taps, |i, tap| level(i + tap * step));
            let len = COLUMNS + 2 * pairs * step + padding(2 * pairs + 1, step);
            let bytes: Vec<u8> = (0..len).map(level).collect();
            let words: Vec<u16> = bytes.iter().map(|&byte| byte.into()).collect();
            let numbers: Vec<f32> = bytes.iter().map(|&byte| byte.into()).collect();
            for x in [Samples::Numbers(&numbers), Samples::Bytes(&bytes), Samples::Words(&words)] {
                let mut y = vec![f32::NAN; COLUMNS];
                run(set, FoldedJob::Along(AlongJob { x, taps, step, y: &mut y }));
                assert_eq!(y, expected, "{pairs} pairs, {step} apart, opposite: {opposite}");
            }
        }
    }

    #[test]
    fn sums_across_rows_are_those_of_tiles() {
        let set = InstructionSet::detect();
        let run = f32::FOLDED.expect("folded numbers");
        for ((_, pairs, opposite), rows) in cases(&[1]).flat_map(|case| [(case, 8), (case, 5)]) {
            if !has_code(set, 4, [2 * pairs + 1; 2], 1) {
                continue;
            }
            let (taps, pitch, columns) = (&half(pairs, opposite), COLUMNS + 3, COLUMNS);
            let x: Vec<f32> = (0..COLUMNS * 20).map(|i| level(i).into()).collect();
            let sources: Vec<usize> = (0..TILE_ROWS + 2 * pairs).map(|i| i * COLUMNS).collect();
            let (x, sources) = (&x[..], &sources[..]);
            let mut expected = vec![7.0; 8 * pitch];
            let (mut numbers, mut bytes) = (expected.clone(), vec![7; 8 * pitch]);
            let mut words = vec![7; 8 * pitch];
            let every = std::slice::from_ref(taps);
            let y = &mut expected;
            let job = FoldJob { x, sources, taps: every, y, pitch, rows, columns, ahead: 0 };
            run(set, FoldedJob::Fold(job));
            for y in [Sums::Numbers(&mut numbers), Sums::Bytes(&mut bytes), Sums::Words(&mut words)]
            {
                run(
                    set,
                    FoldedJob::Across(AcrossJob { x, sources, taps, y, pitch, rows, columns }),
                );
            }
            let levels: Vec<u8> = expected.iter().map(|x| x.round_ties_even() as u8).collect();
            let about = format!("{pairs} pairs, {rows} rows, opposite: {opposite}");
            assert_eq!(numbers, expected, "{about}");
            assert_eq!(bytes, levels, "{about}");
            let levels: Vec<u16> = expected.iter().map(|x| x.round_ties_even() as u16).collect();
            assert_eq!(words, levels, "{about}");
        }
    }

    fn cases(steps: &[usize]) -> impl Iterator<Item = (usize, usize, bool)> {
        let pairs = |step| (1..=MOST_PAIRS).map(move |pairs| (step, pairs));
        let all = steps.iter().copied().flat_map(pairs);
        all.flat_map(|(step, pairs)| [(step, pairs, false), (step, pairs, true)])
    }
}
