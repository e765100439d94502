//! Sums over taps that are all the same, of which neighbouring outputs share most.
//!
//! Outputs of neighbouring rows have all but a few samples in common. Those of a group of `g` rows under `n`
//! taps are sums of `n - g + 1` rows that all have, of the rows before these that only the first ones have, and of
//! the rows behind them that only the last ones have: `n + 2 g - 1` additions for all of them, and so two and a few
//! for each, however many taps there are.
//! Nothing is ever taken off a sum again: an output is a sum of its own window, which what is large, infinite or
//! NaN elsewhere does not reach. (The idea is van Herk's and Gil and Werman's for maxima.)

use fearless_simd::Simd;

use crate::simd::folded::Folding;

/// Output rows of whole vectors, each the sum of as many rows of samples as there are taps, from its own one on.
pub struct FlatJob<'a, A> {
    /// Samples.
    pub x: &'a [A],
    /// Where each row of samples starts: for all rows, and those that the taps reach over.
    pub sources: &'a [usize],
    /// Taps.
    pub taps: usize,
    /// Each of them.
    pub tap: A,
    /// Outputs.
    pub y: &'a mut [A],
    /// From one output row to the next.
    pub pitch: usize,
    /// Output rows.
    pub rows: usize,
    /// Columns: whole vectors.
    pub columns: usize,
}

/// Does a job.
#[inline(always)]
pub(crate) fn run<S: Simd, A: Folding>(simd: S, mut job: FlatJob<'_, A>) {
    let lanes = A::count::<S>();
    let mut at = 0;
    macro_rules! stretches {
        ($($vectors:literal)*) => {$(
            while job.columns - at >= $vectors * lanes {
                stretch::<S, A, $vectors>(simd, &mut job, at);
                at += $vectors * lanes;
            }
        )*};
    }
    stretches!(8 4 3 2 1);
}

/// Sums all rows of `V` vectors.
#[inline(always)]
fn stretch<S: Simd, A: Folding, const V: usize>(simd: S, job: &mut FlatJob<'_, A>, at: usize) {
    let (lanes, all) = (A::count::<S>(), job.taps.min(job.rows));
    let tap = A::tap(simd, job.tap);
    for row in (0..job.rows).step_by(all) {
        let rows = all.min(job.rows - row);
        let samples = |source: usize| &job.x[job.sources[row + source] + at..][..V * lanes];
        // What all have in common, and then, from the last on, one more before it for each.
        let mut sums = [A::zero(simd); V];
        for source in rows..job.taps {
            sums = added::<S, A, V>(simd, sums, samples(source));
        }
        for r in (0..rows).rev() {
            sums = added::<S, A, V>(simd, sums, samples(r));
            let y = &mut job.y[(row + r) * job.pitch + at..][..V * lanes];
            for v in 0..V {
                A::store(simd, sums[v], &mut y[v * lanes..]);
            }
        }
        // And, from the first on, one more behind it.
        let mut sums = [A::zero(simd); V];
        for r in 0..rows {
            if r > 0 {
                sums = added::<S, A, V>(simd, sums, samples(job.taps + r - 1));
            }
            let y = &mut job.y[(row + r) * job.pitch + at..][..V * lanes];
            for v in 0..V {
                let sum = A::added(sums[v], A::load(simd, &y[v * lanes..]));
                A::store(simd, A::scaled(simd, sum, tap), &mut y[v * lanes..]);
            }
        }
    }
}

/// Sums with one sample more each.
#[inline(always)]
fn added<S: Simd, A: Folding, const V: usize>(
    simd: S,
    mut sums: [A::Sum<S>; V],
    x: &[A],
) -> [A::Sum<S>; V] {
    for v in 0..V {
        sums[v] = A::added(sums[v], A::load(simd, &x[v * A::count::<S>()..]));
    }
    sums
}
