//! Pictures of 3840 x 2160 as their users have them: a photograph, noise, a cut-out, 16 bits, linear light;
//! blurs and general kernels, each with a fresh result and into one that is there.
//!
//! `cargo bench --features image --bench pictures`; a part of it with, say,
//! `cargo bench --features image --bench pictures -- 'photograph/gaussian'`.

use std::time::Duration;

use convolve::{Convolver, Light, filters};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use image::{DynamicImage, ImageBuffer, Rgb};
use ndarray::Array2;

#[path = "common/pictures.rs"]
mod pictures;
#[path = "common/size.rs"]
mod size;
use pictures::{noise, photograph};
use size::sized;

const SIZE: (u32, u32) = (3840, 2160);

/// Opaque and more or less transparent squares.
fn cut_out(size: (u32, u32)) -> DynamicImage {
    let mut picture = DynamicImage::from(photograph(size)).into_rgba8();
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        pixel.0[3] = if (x / 200 + y / 200) % 2 == 0 { 255 } else { (x % 256) as u8 };
    }
    picture.into()
}

fn measured(criterion: &mut Criterion) {
    let size = (sized(SIZE.0), sized(SIZE.1));
    let deep: ImageBuffer<Rgb<u16>, _> = DynamicImage::from(photograph(size)).into_rgb16();
    let all: [(&str, DynamicImage, Light); 5] = [
        ("photograph", photograph(size).into(), Light::AsStored),
        ("noise", noise(size).into(), Light::AsStored),
        ("cut-out", cut_out(size), Light::AsStored),
        ("16 bits", deep.into(), Light::AsStored),
        ("linear light", photograph(size).into(), Light::Linear),
    ];
    let gaussian = |sigma: f64| filters::gaussian::<f32>(sigma).expect("a sigma");
    let blurs = [0.8, 2.0, 5.0, 10.0].map(|sigma| (format!("gaussian {sigma}"), gaussian(sigma)));
    let general = [3usize, 5, 7, 15].map(|taps| {
        // No outer product.
        let tap = |(i, j)| (1 + (i * 7 + j * 5) % 9) as f32;
        let kernel = Array2::from_shape_fn((taps, taps), tap);
        let sum = kernel.sum();
        (format!("general {taps}"), kernel / sum)
    });
    let kernels: Vec<(String, Array2<f32>)> = blurs.into_iter().chain(general).collect();
    let convolver = Convolver::builder().gpu(false).build();
    for (name, picture, light) in all {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10).warm_up_time(Duration::from_millis(100));
        group.measurement_time(Duration::from_millis(500));
        group.throughput(Throughput::Bytes(picture.as_bytes().len() as u64));
        for (name, kernel) in &kernels {
            let filter = convolver.picture_filter(kernel).light(light);
            let filter = filter.for_picture(&picture).expect("planned");
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| filter.apply(&picture).expect("a planned run"));
            });
            let mut result = picture.clone();
            group.bench_function(BenchmarkId::new(name, "into"), |bencher| {
                bencher.iter(|| filter.apply_into(&picture, &mut result).expect("a planned run"));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, measured);
criterion_main!(benches);
