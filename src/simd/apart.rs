//! Lanes that stand far apart: a stretch of a row is cut into as many chunks as a vector has lanes, and vector
//! `j` holds sample `j` of each chunk.
//!
//! A shift along the row is then another vector, and both passes of a separable kernel are the same sum over whole
//! vectors. In their own order samples need not be moved, but vectors under most taps along a row lie in two lines of
//! the cache.

use fearless_simd::{Simd, prelude::*, u8x16};

use crate::simd::folded::Folding;
use crate::simd::tile::has_many_registers;

/// Samples that are moved to other lanes.
pub enum LaneJob<'a, A> {
    /// Spreads `from`, a stretch of a row, over vectors: `chunk` of them, and as many more as the
    /// stretch has samples beyond a chunk for each lane.
    Spread { from: &'a [A], chunk: usize, to: &'a mut [A] },
    /// The same of bytes, at least [`SQUARE`] of them in a chunk.
    SpreadBytes { from: &'a [u8], chunk: usize, to: &'a mut [A] },
    /// Puts vectors together again, to a stretch of a row.
    Gather { from: &'a [A], to: &'a mut [A] },
    /// The same, to the nearest bytes; at least [`SQUARE`] of them for each lane.
    GatherBytes { from: &'a [A], to: &'a mut [u8] },
}

/// Does a job.
#[inline(always)]
pub(crate) fn run<S: Simd, A: Folding>(simd: S, job: LaneJob<'_, A>) {
    match job {
        LaneJob::Spread { from, chunk, to } => spread::<S, A>(simd, from, chunk, to),
        LaneJob::SpreadBytes { from, chunk, to } => spread_bytes::<S, A>(simd, from, chunk, to),
        LaneJob::Gather { from, to } => gather::<S, A>(simd, from, to),
        LaneJob::GatherBytes { from, to } => gather_bytes::<S, A>(simd, from, to),
    }
}

#[inline(always)]
fn spread<S: Simd, A: Folding>(simd: S, from: &[A], chunk: usize, to: &mut [A]) {
    let lanes = A::count::<S>();
    // Behind a chunk comes the next one: the same vectors, a lane on. Where that takes longer than turning these
    // over too (30 % of a box of 101 taps with AVX2), they are.
    let beyond = from.len() - lanes * chunk;
    let turned = chunk + if const { has_many_registers::<S>() } { 0 } else { beyond };
    for at in (0..turned).step_by(lanes) {
        // The last square may turn over again what the one before it has.
        let at = at.min(turned - lanes);
        A::turn(simd, &from[at..], chunk, &mut to[at * lanes..], lanes);
    }
    shift(simd, chunk, turned, from[turned + (lanes - 1) * chunk..].iter().copied(), to);
}

/// Makes the vectors from `turned` on of those a chunk before them, and of a sample each.
#[inline(always)]
fn shift<S: Simd, A: Folding>(
    simd: S,
    chunk: usize,
    turned: usize,
    samples: impl Iterator<Item = A>,
    to: &mut [A],
) {
    let lanes = A::count::<S>();
    for (i, sample) in (turned..).zip(samples) {
        let next = A::shifted(simd, A::load(simd, &to[(i - chunk) * lanes..]), sample);
        A::store(simd, next, &mut to[i * lanes..]);
    }
}

/// Bytes of a vector, and samples of each lane that are turned over together.
pub(crate) const SQUARE: usize = 16;

/// The most lanes that bytes are turned over for.
const MOST_LANES: usize = 16;

/// Turns bytes while they are bytes: in less than half of the time that it takes as numbers.
#[inline(always)]
fn spread_bytes<S: Simd, A: Folding>(simd: S, from: &[u8], chunk: usize, to: &mut [A]) {
    let lanes = A::count::<S>();
    let beyond = from.len() - lanes * chunk;
    let turned = chunk + if const { has_many_registers::<S>() } { 0 } else { beyond };
    for at in (0..turned).step_by(SQUARE) {
        // The last square may turn over again what the one before it has.
        let at = at.min(turned - SQUARE);
        let mut rows = [u8x16::splat(simd, 0); MOST_LANES];
        for lane in 0..lanes {
            rows[lane] = u8x16::from_slice(simd, &from[at + lane * chunk..][..SQUARE]);
        }
        // Samples lie lane by lane; the bits of a lane's number become the lowest ones.
        let rows = rotated(rows, lanes, lanes.ilog2());
        let mut square = [0; SQUARE * MOST_LANES];
        for (row, square) in rows.iter().zip(square.chunks_exact_mut(SQUARE)).take(lanes) {
            row.store_slice(square);
        }
        let to = &mut to[at * lanes..][..SQUARE * lanes];
        for (to, &byte) in to.iter_mut().zip(&square) {
            *to = byte.into();
        }
    }
    let samples = from[turned + (lanes - 1) * chunk..].iter().map(|&byte| A::from(byte));
    shift(simd, chunk, turned, samples, to);
}

/// Rounds numbers to bytes, and then turns these over.
#[inline(always)]
fn gather_bytes<S: Simd, A: Folding>(simd: S, from: &[A], to: &mut [u8]) {
    let lanes = A::count::<S>();
    let chunk = to.len() / lanes;
    for at in (0..chunk).step_by(SQUARE) {
        let at = at.min(chunk - SQUARE);
        let mut square = [0; SQUARE * MOST_LANES];
        for (byte, &number) in square.iter_mut().zip(&from[at * lanes..][..SQUARE * lanes]) {
            *byte = number.rounded();
        }
        let mut rows = [u8x16::splat(simd, 0); MOST_LANES];
        for lane in 0..lanes {
            rows[lane] = u8x16::from_slice(simd, &square[lane * SQUARE..][..SQUARE]);
        }
        // Lanes lie sample by sample; the bits of a sample's number become the lowest ones.
        let rows = rotated(rows, lanes, SQUARE.ilog2());
        for lane in 0..lanes {
            rows[lane].store_slice(&mut to[at + lane * chunk..][..SQUARE]);
        }
    }
}

/// Bytes of so many vectors elsewhere: where a byte is becomes another number, whose highest bit takes the lowest
/// place, and so on for so many `bits`.
#[inline(always)]
fn rotated<S: Simd>(
    mut rows: [u8x16<S>; MOST_LANES],
    count: usize,
    bits: u32,
) -> [u8x16<S>; MOST_LANES] {
    for _ in 0..bits {
        let halves = rows;
        for i in 0..count / 2 {
            rows[2 * i] = halves[i].zip_low(halves[i + count / 2]);
            rows[2 * i + 1] = halves[i].zip_high(halves[i + count / 2]);
        }
    }
    rows
}

#[inline(always)]
fn gather<S: Simd, A: Folding>(simd: S, from: &[A], to: &mut [A]) {
    let lanes = A::count::<S>();
    let chunk = to.len() / lanes;
    for at in (0..chunk).step_by(lanes) {
        let at = at.min(chunk - lanes);
        A::turn(simd, &from[at * lanes..], lanes, &mut to[at..], chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::wider::Wider;
    use crate::simd::InstructionSet;
    use crate::simd::folded::FoldedJob;

    fn bytes_move_as_numbers_do<A: Folding + Wider<u8> + Default + PartialEq + std::fmt::Debug>() {
        let run = A::FOLDED.expect("folded numbers");
        let all = [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512];
        for set in all.into_iter().filter(|set| *set <= InstructionSet::detect()) {
            let lanes = set.vector_bytes() / size_of::<A>();
            for (chunk, beyond) in [(16, 0), (16, 5), (23, 40), (48, 6), (160, 18)] {
                let bytes: Vec<u8> =
                    (0..lanes * chunk + beyond).map(|i| (i * i % 251) as u8).collect();
                let mut numbers = vec![A::default(); bytes.len()];
                A::widen_all(&bytes, &mut numbers);
                let mut expected = vec![A::default(); (chunk + beyond) * lanes];
                let mut spread = expected.clone();
                let run = |job: LaneJob<'_, A>| run(set, FoldedJob::Move(job));
                run(LaneJob::Spread { from: &numbers, chunk, to: &mut expected });
                run(LaneJob::SpreadBytes { from: &bytes, chunk, to: &mut spread });
                assert_eq!(spread, expected, "{set} {chunk} {beyond}");
                let mut gathered = vec![0; lanes * chunk];
                run(LaneJob::GatherBytes { from: &spread, to: &mut gathered });
                assert_eq!(gathered, bytes[..lanes * chunk], "{set} {chunk} {beyond}");
            }
        }
    }

    #[test]
    fn bytes_move_as_numbers() {
        bytes_move_as_numbers_do::<f32>();
        bytes_move_as_numbers_do::<f64>();
    }
}
