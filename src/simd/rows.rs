//! Sums along a row of numbers under symmetric taps, of any number of them.
//!
//! Of each pair of taps one finds its samples in vectors that are loaded once and slide under it, the other loads them
//! from anywhere: nearly every such vector lies in two lines of the cache and takes as long to load as two, and vectors
//! that slide take the units of multiply-adds. Half of each keeps both busy.

use fearless_simd::Simd;

use crate::simd::folded::{Folding, Half, folded};
use crate::simd::tile::vector_bytes;
use crate::simd::{InstructionSet, prefetch};

/// Sums along a row.
pub struct RowJob<'a, A> {
    /// From the sample under the first tap of the first output on, with as many behind the last as [`padding`] says.
    pub x: &'a [A],
    /// Taps.
    pub taps: &'a Half<A>,
    /// Samples from one tap to the next, no more than half a vector.
    pub step: usize,
    /// Outputs: a vector at least.
    pub y: &'a mut [A],
    /// A later row, and where its samples under the first column lie: they are asked for a tile at a time, since more at
    /// one time would keep what is read now waiting. Empty where nothing is asked for.
    pub ahead: (&'a [A], usize),
}

/// Whether there is code for numbers of so many bytes under taps that are so many samples apart.
pub(crate) fn has_code(instructions: InstructionSet, size: usize, step: usize) -> bool {
    let bytes = instructions.vector_bytes();
    bytes == 64 && (1..=bytes / size / 2).contains(&step)
}

/// Samples behind those under the taps that are read, for so many taps that are so many samples apart, in vectors of
/// `lanes`: what slides is read whole.
pub(crate) fn padding(taps: usize, step: usize, lanes: usize) -> usize {
    let Some(innermost) = (taps / 2).checked_sub(1) else { return 0 };
    (innermost * step / lanes * lanes + lanes).saturating_sub((taps - 1) * step)
}

/// Vectors of a tile, and where fewer are left: single ones would wait for each sum.
const TILE: usize = 8;
const SHORT: usize = 4;

/// Sums along a row.
#[inline(always)]
pub(crate) fn run<S: Simd, A: Folding>(simd: S, job: RowJob<'_, A>) {
    if const { vector_bytes::<S>() == 64 } {
        simd.vectorize(
            #[inline(always)]
            || match job.taps.opposite {
                true => row::<S, A, true>(simd, job),
                false => row::<S, A, false>(simd, job),
            },
        );
    } else {
        no_such_code()
    }
}

/// What a job for which there is no code ends in.
#[cold]
fn no_such_code() -> ! {
    unreachable!("rows slide in vectors of 64 bytes")
}

#[inline(always)]
fn row<S: Simd, A: Folding, const OPPOSITE: bool>(simd: S, mut job: RowJob<'_, A>) {
    let (columns, lanes) = (job.y.len(), A::count::<S>());
    let mut done = 0;
    while done < columns {
        let left = columns - done;
        // The last tile may compute again what the one before it has.
        if 2 * left > TILE * lanes && columns >= TILE * lanes {
            let at = done.min(columns - TILE * lanes);
            tile::<S, A, TILE, OPPOSITE>(simd, &mut job, at);
            done = at + TILE * lanes;
        } else if columns >= SHORT * lanes {
            let at = done.min(columns - SHORT * lanes);
            tile::<S, A, SHORT, OPPOSITE>(simd, &mut job, at);
            done = at + SHORT * lanes;
        } else {
            let at = done.min(columns - lanes);
            tile::<S, A, 1, OPPOSITE>(simd, &mut job, at);
            done = at + lanes;
        }
    }
}

/// One tile of `V` vectors, from column `at` on.
#[inline(always)]
fn tile<S: Simd, A: Folding, const V: usize, const OPPOSITE: bool>(
    simd: S,
    job: &mut RowJob<'_, A>,
    at: usize,
) {
    let (lanes, step) = (A::count::<S>(), job.step);
    if let (later @ [_, ..], from) = job.ahead {
        prefetch(later, from + at, V * lanes);
    }
    let Half { middle, pairs, .. } = job.taps;
    let samples = &job.x[at..];
    let mut sums = [A::zero(simd); V];
    // Where the tap that is next finds its samples, from the middle to the first one, as other orders sum.
    let (mut middle, mut low) = (*middle, pairs.len() * step);
    let far = (2 * pairs.len() + usize::from(middle.is_some())).saturating_sub(1) * step;
    let mut base = pairs.len().saturating_sub(1) * step / lanes * lanes;
    // The one in the middle slides as well if it is in the same vectors as its neighbour.
    if (pairs.is_empty() || low >= base + lanes)
        && let Some(tap) = middle.take()
    {
        let (x, tap) = (&samples[low..][..V * lanes], A::tap(simd, tap));
        for v in 0..V {
            sums[v] = A::mul_add(sums[v], tap, A::load(simd, &x[v * lanes..]));
        }
    }
    if middle.is_none() {
        low = low.wrapping_sub(step);
    }
    let mut pairs = pairs.iter();
    let mut next = pairs.next();
    while next.is_some() {
        let near = &samples[base..][..(V + 1) * lanes];
        let mut x = [A::load(simd, near); V];
        for v in 1..V {
            x[v] = A::load(simd, &near[v * lanes..]);
        }
        let end = A::load(simd, &near[V * lanes..]);
        macro_rules! shift {
            ($($shift:literal)*) => {$(
                if const { $shift < vector_bytes::<S>() / size_of::<A>() } && low == base + $shift {
                    let slid = |v: usize| {
                        A::slide::<S, $shift>(x[v], if v + 1 < V { x[v + 1] } else { end })
                    };
                    if let Some(tap) = middle.take() {
                        let tap = A::tap(simd, tap);
                        for v in 0..V {
                            sums[v] = A::mul_add(sums[v], tap, slid(v));
                        }
                        low = low.wrapping_sub(step);
                    } else if let Some(pair) = next {
                        let tap = A::tap(simd, *pair);
                        let high = &samples[far - low..][..V * lanes];
                        for v in 0..V {
                            let high = A::load(simd, &high[v * lanes..]);
                            let both = folded::<S, A, OPPOSITE>(slid(v), high);
                            sums[v] = A::mul_add(sums[v], tap, both);
                        }
                        (next, low) = (pairs.next(), low.wrapping_sub(step));
                    }
                }
            )*};
        }
        shift!(15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0);
        base = base.saturating_sub(lanes);
    }
    let y = &mut job.y[at..][..V * lanes];
    for v in 0..V {
        A::store(simd, sums[v], &mut y[v * lanes..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Lanes;
    use crate::simd::folded::FoldedJob;

    /// Whole numbers, whose sums are exact in any order.
    fn sample(i: usize) -> i32 {
        (i * i % 61) as i32 - 30
    }

    /// So many taps, from the first on, which are the same read backwards, perhaps with the other sign.
    fn taps(count: usize, opposite: bool) -> Vec<i32> {
        let tap = |i: usize| {
            let from_middle = (2 * i + 1) as i32 - count as i32;
            let sign = if opposite { from_middle.signum() } else { 1 };
            sign * (from_middle.abs() % 7 + 1)
        };
        (0..count).map(tap).collect()
    }

    macro_rules! is_the_definition {
        ($number:ty) => {
            let (set, run) = (InstructionSet::detect(), <$number>::FOLDED.expect("folded numbers"));
            let lanes = set.vector_bytes() / size_of::<$number>();
            let counts = (1..=20).chain([31, 32, 33, 34, 47, 64, 65]);
            let cases = counts.flat_map(|count| [(count, false), (count, true)]);
            for (step, (count, opposite)) in
                (1..=lanes / 2).flat_map(|step| cases.clone().map(move |case| (step, case)))
            {
                if !has_code(set, size_of::<$number>(), step) {
                    continue;
                }
                let all = taps(count, opposite);
                let (before, pairs) = all.split_at(count.div_ceil(2));
                let pairs = pairs.iter().map(|&tap| tap as $number).collect();
                let middle = before.last().filter(|_| count % 2 == 1).map(|&tap| tap as $number);
                let half = &Half { middle, pairs, opposite };
                for columns in [lanes, 3 * lanes + 1, 9 * lanes, 13 * lanes - 1] {
                    // Not one sample more than is promised.
                    let len = columns + (count - 1) * step + padding(count, step, lanes);
                    let x: Vec<$number> = (0..len).map(|i| sample(i) as $number).collect();
                    let sum = |i: usize| {
                        let products = all.iter().enumerate();
                        products.map(|(t, tap)| tap * sample(i + t * step)).sum::<i32>() as $number
                    };
                    let expected: Vec<$number> = (0..columns).map(sum).collect();
                    let mut y = vec![<$number>::NAN; columns];
                    let job = RowJob { x: &x, taps: half, step, y: &mut y, ahead: (&x, 1) };
                    run(set, FoldedJob::Row(job));
                    assert_eq!(
                        y, expected,
                        "{count} taps, {step} apart, opposite: {opposite}, {columns} columns"
                    );
                }
            }
        };
    }

    #[test]
    fn sums_along_a_row_are_the_definition() {
        is_the_definition!(f32);
        is_the_definition!(f64);
    }
}
