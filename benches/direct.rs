//! The direct method on the CPU beside the limits it runs into, all measured in one run.
//!
//! `cargo bench --bench direct`, then `python3 benches/summarise.py direct` for a table of shares of
//! the peak. f32 and f64, all threads, mode same, zero edges; with the widest instructions of this
//! machine in several sizes, with narrower ones in one. Throughput is in multiply-adds, those with
//! zeros outside of the input included, and in bytes for the copies. Runs that would take longer
//! than two seconds are left out.

use std::time::Duration;

use convolve::plan::InstructionSet;
use convolve::{Convolver, Device, Element, Method};
use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use fearless_simd::Level;
use ndarray::Array2;

#[path = "common/limits.rs"]
mod limits;
#[path = "common/size.rs"]
mod size;

const SIZES: [usize; 3] = [512, 2048, 4096];
/// The size that narrower instructions than the widest are measured in.
const NARROWER: [usize; 1] = [2048];
const KERNELS: [usize; 9] = [3, 5, 7, 9, 11, 15, 21, 31, 63];
/// A run that is expected to take longer than this, in seconds, is left out.
const LONGEST: f64 = 2.0;

/// What the library calls the instructions that [`limits::levels`] calls this.
fn instructions(level: &str) -> InstructionSet {
    match level {
        "avx512" => InstructionSet::Avx512,
        "avx2" => InstructionSet::Avx2,
        _ => InstructionSet::Baseline,
    }
}

fn direct<A: Element + From<u8>>(
    criterion: &mut Criterion,
    name: &str,
    multiply_adds: fn(Level) -> usize,
) {
    let mut sizes = &SIZES[..];
    for (level, proof) in limits::levels() {
        let convolver = Convolver::builder().instructions(instructions(level)).build();
        let mut group = criterion.benchmark_group(format!("direct {name} {level}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_secs(1));

        let threads = limits::all_threads();
        group.throughput(Throughput::Elements((multiply_adds(proof) * threads) as u64));
        group.bench_function("peak", |bencher| {
            limits::bench_peak(bencher, threads, || multiply_adds(proof));
        });
        for size in sizes.iter().copied().map(size::sized) {
            direct_of_size::<A>(&mut group, &convolver, size);
        }
        group.finish();
        sizes = &NARROWER;
    }
}

fn direct_of_size<A: Element + From<u8>>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    convolver: &Convolver,
    size: usize,
) {
    let bytes = size * size * size_of::<A>();
    group.throughput(Throughput::Bytes(2 * bytes as u64));
    group.bench_function(BenchmarkId::new("copy", size), |bencher| {
        limits::bench_copy(bencher, bytes / size_of::<f32>());
    });
    let x = Array2::from_shape_fn((size, size), |(i, j)| A::from((i * 31 + j * 17) as u8));
    let mut y = Array2::from_elem(x.dim(), A::default());
    for taps in KERNELS {
        let k = Array2::from_shape_fn((taps, taps), |(i, j)| A::from((i * 7 + j * 3) as u8));
        let filter = convolver.filter(&k).device(Device::Cpu).method(Method::Direct);
        let filter = filter.for_shape(x.dim()).expect("direct takes every problem");
        if filter.plan().cost().total() > LONGEST {
            continue;
        }
        group.throughput(Throughput::Elements((x.len() * k.len()) as u64));
        group.bench_function(BenchmarkId::new(size.to_string(), taps), |bencher| {
            bencher.iter(|| filter.apply_into(&x, &mut y).expect("a planned run"));
        });
    }
}

fn benches(criterion: &mut Criterion) {
    direct::<f32>(criterion, "f32", limits::multiply_adds_f32);
    direct::<f64>(criterion, "f64", limits::multiply_adds_f64);
}

criterion_group!(groups, benches);
criterion_main!(groups);
