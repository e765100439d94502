//! What becomes of the results of filters sample by sample, over threads.

use crate::element::Element;
use crate::error::Result;
use crate::simd::vectorized;
use crate::util::threads;

/// Samples that are computed at a time: they and what they come from stay in the first cache. Whole pixels,
/// of up to four channels.
pub(super) const BLOCK: usize = 768;

/// Samples of a piece of work for a thread.
const CHUNK: usize = 64 * BLOCK;

/// Calls `write` with blocks of `y`, and with where they start.
pub(super) fn fill<T: Send>(
    y: &mut [T],
    threads: usize,
    write: impl Fn(usize, &mut [T]) + Sync + Send,
) -> Result<()> {
    threads::for_each_chunk(y, CHUNK, threads, |chunk, y| {
        let blocks = y.chunks_mut(BLOCK).enumerate();
        blocks.for_each(|(block, y)| write(chunk * CHUNK + block * BLOCK, y));
        Ok(())
    })
}

/// Lengths of vectors, up to [`BLOCK`] of them, from their parts: the square roots of their sums of
/// squares, made in `f64`.
pub(super) fn lengths<'p, A: Element>(parts: impl Iterator<Item = &'p [A]> + Clone, y: &mut [A]) {
    let mut squares = [0.0; BLOCK];
    let squares = &mut squares[..y.len()];
    vectorized(
        #[inline(always)]
        || {
            for part in parts.clone() {
                for (sum, x) in squares.iter_mut().zip(part) {
                    *sum += real(*x) * real(*x);
                }
            }
            for (y, sum) in y.iter_mut().zip(&*squares) {
                *y = from_real(sum.sqrt());
            }
        },
    );
    // Squares that have lost digits at either end of f64's range; those of f32 cannot.
    let safe = f64::MIN_POSITIVE / f64::EPSILON..=f64::MAX;
    for (i, sum) in squares.iter().enumerate() {
        // Nothing but zeros is safe too; a sum that has vanished has parts.
        if !safe.contains(sum) && (*sum != 0.0 || parts.clone().any(|part| real(part[i]) != 0.0)) {
            y[i] = from_real(scaled_length(parts.clone().map(|part| real(part[i]))));
        }
    }
}

/// The length of a vector whose squares may be out of range.
fn scaled_length(parts: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = parts.clone().fold(0.0, |largest: f64, x| largest.max(x.abs()));
    // A NaN, which `max` passes over, is one; what is infinite or nothing need not be scaled.
    let scale = if largest.is_finite() && largest > 0.0 { largest } else { 1.0 };
    scale * parts.map(|x| (x / scale).powi(2)).sum::<f64>().sqrt()
}

/// Samples and `amount` times what a blur has taken from them, where that is more than `threshold`.
pub(super) fn sharpened<A: Element>(
    x: &[A],
    blurred: &[A],
    [amount, threshold]: [f64; 2],
    y: &mut [A],
) {
    vectorized(
        #[inline(always)]
        || {
            for ((y, x), blurred) in y.iter_mut().zip(x).zip(blurred) {
                let (sample, taken) = (real(*x), real(*x) - real(*blurred));
                let sharp = from_real(sample + amount * taken);
                // Written so that a NaN in the blur stays one.
                *y = if taken.abs() <= threshold { *x } else { sharp };
            }
        },
    );
}

#[inline(always)]
pub(super) fn real<A: Element>(value: A) -> f64 {
    value.to_complex().re
}

#[inline(always)]
pub(super) fn from_real<A: Element>(value: f64) -> A {
    A::from_complex(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_their_digits_in_all_of_the_range() {
        let cases = [
            ([3.0, 4.0], 5.0),
            ([0.0, 0.0], 0.0),
            ([3e200, -4e200], 5e200),
            ([3e-200, 4e-200], 5e-200),
            ([-5e-324, 0.0], 5e-324),
            ([f64::INFINITY, 1.0], f64::INFINITY),
            ([1e308, 1e308], 2f64.sqrt() * 1e308),
        ];
        for ([a, b], expected) in cases {
            let mut y = [f64::NAN];
            lengths([&[a][..], &[b]].into_iter(), &mut y);
            let off = (y[0] - expected).abs();
            assert!(y[0] == expected || off <= 1e-15 * expected, "{a} {b}: {} {expected}", y[0]);
        }
        for parts in [[f64::NAN, 1.0], [0.0, f64::NAN], [f64::INFINITY, f64::NAN]] {
            let mut y = [0.0];
            lengths(parts.chunks(1), &mut y);
            assert!(y[0].is_nan(), "{parts:?}");
        }
        let mut y = [0f32; 2];
        lengths([&[3e38, 3e-45][..], &[0.0, 0.0]].into_iter(), &mut y);
        assert_eq!(y, [3e38, 3e-45]);
    }

    #[test]
    fn every_sample_is_computed_once_and_knows_its_place() {
        for len in [0, 1, BLOCK, CHUNK - 1, CHUNK + 1, 3 * CHUNK + 5] {
            let mut y = vec![0; len];
            fill(&mut y, 4, |start, y| {
                assert!(y.len() <= BLOCK && start.is_multiple_of(BLOCK));
                y.iter_mut().enumerate().for_each(|(i, y)| *y += start + i + 1);
            })
            .unwrap();
            assert!(y.iter().enumerate().all(|(i, y)| *y == i + 1), "{len}");
        }
    }
}
