//! The machine's own limits: multiply-adds per second of each instruction set, and copying.
//!
//! `cargo bench --bench limits`; throughput is in multiply-adds (two flops each) and in bytes, read
//! plus written. `benches/summarise.py` makes a table of the results.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

#[path = "common/limits.rs"]
mod limits;

fn peaks(criterion: &mut Criterion) {
    let elements: [(_, fn(_) -> usize); 2] =
        [("f32", limits::multiply_adds_f32), ("f64", limits::multiply_adds_f64)];
    let mut threads = vec![1, limits::all_threads()];
    threads.dedup();
    for (element, multiply_adds) in elements {
        let mut group = criterion.benchmark_group(format!("peak {element}"));
        group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
        for (name, level) in limits::levels() {
            for &threads in &threads {
                let work = multiply_adds(level) * threads;
                group.throughput(Throughput::Elements(work as u64));
                group.bench_function(BenchmarkId::new(name, threads), |bencher| {
                    limits::bench_peak(bencher, threads, || multiply_adds(level));
                });
            }
        }
        group.finish();
    }
}

fn copies(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("copy f32");
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for size in [512, 2048, 4096] {
        let samples = size * size;
        group.throughput(Throughput::Bytes(2 * size_of::<f32>() as u64 * samples as u64));
        group.bench_function(BenchmarkId::new("all threads", size), |bencher| {
            limits::bench_copy(bencher, samples);
        });
    }
    group.finish();
}

criterion_group!(benches, peaks, copies);
criterion_main!(benches);
