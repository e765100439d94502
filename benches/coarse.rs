//! Blurs on a coarser grid beside exact separable passes, by their width: pictures of 3840 x 2160 in bytes and in
//! `f32`, a photograph and noise, each into a result that is there.
//!
//! `cargo bench --no-default-features --features rayon,image --bench coarse`; a part of it with, say,
//! `-- 'photograph u8/60'` behind that.

use std::time::Duration;

use convolve::{Convolver, Method, Tolerance, filters};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use image::DynamicImage;

#[path = "common/pictures.rs"]
mod pictures;
#[path = "common/size.rs"]
mod size;
use pictures::{noise, photograph};
use size::sized;

const SIZE: (u32, u32) = (3840, 2160);

fn widths(criterion: &mut Criterion) {
    let convolver = Convolver::builder().gpu(false).calibrated(false).build();
    let size = (sized(SIZE.0), sized(SIZE.1));
    let pictures = [("photograph", photograph(size)), ("noise", noise(size))];
    for (name, picture) in pictures.map(|(name, picture)| (name, DynamicImage::from(picture))) {
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
