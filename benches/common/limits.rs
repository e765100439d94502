//! The machine's limits as criterion measures them: multiply-adds in registers, and copying.

use std::hint::black_box;

use criterion::Bencher;

#[path = "../../cli/src/bench/peak.rs"]
mod peak;

pub use peak::*;

/// Measures how long `threads` threads take for `multiply_adds`, which each of them calls.
pub fn bench_peak(
    bencher: &mut Bencher<'_>,
    threads: usize,
    multiply_adds: impl Fn() -> usize + Sync,
) {
    let work = || {
        black_box(multiply_adds());
    };
    bencher.iter_custom(|times| time_together(vec![work; threads], times));
}

/// Measures a copy of `samples` values of `f32`, a part on each thread.
pub fn bench_copy(bencher: &mut Bencher<'_>, samples: usize) {
    let source = vec![1.0f32; samples];
    let mut copy = vec![0.0f32; samples];
    let part = samples.div_ceil(all_threads());
    bencher.iter_custom(|times| {
        let parts = source.chunks(part).zip(copy.chunks_mut(part));
        let work = parts.map(|(source, copy)| {
            move || {
                copy.copy_from_slice(source);
                black_box(&mut *copy);
            }
        });
        time_together(work.collect(), times)
    });
}
