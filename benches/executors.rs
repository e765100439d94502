//! Every executor over kernel sizes, f32, mode same, zero edges, at 512² and 2048².
//!
//! Throughput is in output samples. `cargo bench --bench executors`; a part of it with, say,
//! `cargo bench --bench executors -- 'cpu fft/2048'`. Methods that would take longer than a second
//! a run are left out.

use std::time::Duration;

use convolve::{Convolver, Device, Method};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array2;

#[path = "common/size.rs"]
mod size;
use size::sized;

const SIZES: [usize; 2] = [512, 2048];
const KERNELS: [usize; 8] = [3, 5, 7, 11, 15, 31, 63, 127];
/// A run that is expected to take longer than this is left out.
const LONGEST: f64 = 1.0;

fn executors(criterion: &mut Criterion) {
    let convolver = Convolver::new();
    for (device, method) in [
        (Device::Cpu, Method::Direct),
        (Device::Cpu, Method::Separable),
        (Device::Cpu, Method::Fft),
        (Device::Gpu, Method::Direct),
        (Device::Gpu, Method::Fft),
        (Device::Auto, Method::Auto),
    ] {
        let mut group = criterion.benchmark_group(format!("{device} {method}"));
        group.sample_size(10).warm_up_time(Duration::from_millis(200));
        group.measurement_time(Duration::from_secs(1));
        for size in SIZES.map(sized) {
            let x = Array2::from_shape_fn((size, size), |(i, j)| ((i * 31 + j * 17) % 251) as f32);
            group.throughput(Throughput::Elements(x.len() as u64));
            for taps in KERNELS {
                // A kernel of rank one only where that is what is measured.
                let rank_one = f32::from(u8::from(method != Method::Separable));
                let k = Array2::from_shape_fn((taps, taps), |(i, j)| {
                    ((i + 1) * (j + 1)) as f32 + rank_one * ((i * 7 + j * 3) % 5) as f32
                });
                let filter = convolver.filter(&k).device(device).method(method);
                let Ok(filter) = filter.for_shape(x.dim()) else {
                    // No GPU here, say; the plan's error tells when asked for by hand.
                    continue;
                };
                if filter.plan().cost().total() > LONGEST {
                    continue;
                }
                let mut y = Array2::zeros(x.dim());
                group.bench_function(BenchmarkId::new(size.to_string(), taps), |bencher| {
                    bencher.iter(|| filter.apply_into(&x, &mut y).expect("a planned run"));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(benches, executors);
criterion_main!(benches);
