//! What the machine can do at most: multiply-adds in registers.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use fearless_simd::{Level, dispatch, prelude::*};

/// Independent chains of multiply-adds. With the two operands they fill the 16 vector registers
/// of AVX2 and SSE2, and 14 in flight hide a latency of 7 cycles at two a cycle: that of a
/// multiplication and an addition where the two are not fused.
const CHAINS: usize = 14;
/// Multiply-adds of one chain: some 10 us of work.
const ROUNDS: usize = 4096;

/// The instruction sets of this machine, best first, that differ in their rate of multiply-adds.
#[cfg(target_arch = "x86_64")]
pub fn levels() -> Vec<(&'static str, Level)> {
    let best = Level::new();
    let levels = [
        ("avx512", best.as_avx512().map(Simd::level)),
        ("avx2", best.as_avx2().map(Simd::level)),
        ("sse2", best.as_sse2().map(Simd::level)),
    ];
    levels.into_iter().filter_map(|(name, level)| Some((name, level?))).collect()
}

/// The instruction sets of this machine, best first, that differ in their rate of multiply-adds.
#[cfg(not(target_arch = "x86_64"))]
pub fn levels() -> Vec<(&'static str, Level)> {
    vec![("best", Level::new())]
}

/// Each step needs the one before it, so the compiler can neither hoist nor drop any of them. The
/// values converge to 2: nothing overflows and nothing becomes subnormal.
#[inline(always)]
fn chains<S: Simd, V: SimdFloat<S>>(simd: S, half: V::Element, one: V::Element) -> usize {
    let (factor, term) = (V::splat(simd, half), V::splat(simd, one));
    let mut sums = [term; CHAINS];
    for _ in 0..ROUNDS {
        for sum in &mut sums {
            *sum = sum.mul_add(factor, term);
        }
    }
    black_box(sums);
    CHAINS * ROUNDS * V::LEN
}

#[inline(always)]
fn chains_f32<S: Simd>(simd: S) -> usize {
    chains::<S, S::f32s>(simd, black_box(0.5), black_box(1.0))
}

#[inline(always)]
fn chains_f64<S: Simd>(simd: S) -> usize {
    chains::<S, S::f64s>(simd, black_box(0.5), black_box(1.0))
}

/// Multiply-adds of `f32` in registers; says how many there were.
pub fn multiply_adds_f32(level: Level) -> usize {
    dispatch!(level, simd => chains_f32(simd))
}

/// Multiply-adds of `f64` in registers; says how many there were.
pub fn multiply_adds_f64(level: Level) -> usize {
    dispatch!(level, simd => chains_f64(simd))
}

/// All threads that there are.
pub fn all_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// How long it takes until each of these has been called `times` times, each on a thread of its
/// own: from the first that starts to the last that ends.
pub fn time_together<F: FnMut() + Send>(work: Vec<F>, times: u64) -> Duration {
    let barrier = Barrier::new(work.len());
    let spans: Vec<[Instant; 2]> = thread::scope(|scope| {
        let spawn = |mut work: F| {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                let start = Instant::now();
                (0..times).for_each(|_| work());
                [start, Instant::now()]
            })
        };
        let threads: Vec<_> = work.into_iter().map(spawn).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    let starts = spans.iter().map(|span| span[0]).min();
    let ends = spans.iter().map(|span| span[1]).max();
    starts.zip(ends).map_or(Duration::ZERO, |(start, end)| end - start)
}
