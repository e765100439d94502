//! Blurs on a coarser grid beside exact separable passes, by their width: pictures of 3840 x 2160 in bytes and in
//! `f32`, a photograph and noise, each into a result that is there.
//!
//! `cargo bench --features image --bench coarse`; a part of it with, say,
//! `cargo bench --features image --bench coarse -- 'photograph u8/60'`.

use std::time::Duration;

use convolve::{Convolver, Method, Tolerance, filters};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use image::{DynamicImage, Rgb, RgbImage};

#[path = "common/size.rs"]
mod size;
use size::sized;

const SIZE: (u32, u32) = (3840, 2160);

fn pictures() -> [(&'static str, DynamicImage); 2] {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png");
    let photograph = image::open(path).expect("the repository's picture").into_rgb8();
    let (width, height) = photograph.dimensions();
    let tiled = RgbImage::from_fn(sized(SIZE.0), sized(SIZE.1), |x, y| {
        *photograph.get_pixel(x % width, y % height)
    });
    let mut state = 1u32;
    let noise = RgbImage::from_fn(sized(SIZE.0), sized(SIZE.1), |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([state >> 24, state >> 16, state >> 8].map(|bits| bits as u8))
    });
    [("photograph", tiled.into()), ("noise", noise.into())]
}

fn widths(criterion: &mut Criterion) {
    let convolver = Convolver::builder().gpu(false).calibrated(false).build();
    for (name, picture) in pictures() {
        let wide = DynamicImage::from(picture.to_rgb32f());
        for (kind, picture) in [("u8", picture), ("f32", wide)] {
            let mut group = criterion.benchmark_group(format!("{name} {kind}"));
            group.sample_size(10).warm_up_time(Duration::from_millis(100));
            group.measurement_time(Duration::from_millis(500));
            for sigma in [2.0, 4.0, 8.0, 20.0, 60.0, 120.0] {
                let kernel = filters::gaussian::<f32>(sigma).expect("a sigma");
                for method in [Method::Separable, Method::Coarse] {
                    // A quarter of a level.
                    let tolerance = match kind {
                        "u8" => Tolerance::Levels(0.25),
                        _ => Tolerance::Relative(2e-3),
                    };
                    let filter = convolver.picture_filter(&kernel).tolerance(tolerance);
                    let Ok(filter) = filter.method(method).for_picture(&picture) else { continue };
                    let mut result = picture.clone();
                    let id = BenchmarkId::new(sigma.to_string(), method);
                    group.bench_function(id, |bencher| {
                        bencher.iter(|| filter.apply_into(&picture, &mut result).expect("runs"));
                    });
                }
            }
            group.finish();
        }
    }
}

criterion_group!(benches, widths);
criterion_main!(benches);
