//! What a picture shows, beside noise: photographs, letterboxes, masks, zeros, what is loud beside what is quiet.
//! A method's time should depend on shapes alone.
//!
//! `cargo bench --features image --bench data`, then `python3 benches/summarise.py data` for the table.
//! 1920 x 1080, three channels, 15 x 15 taps that are no outer product, and a Gaussian for separable passes; of `f32`
//! transforms under 63 x 63 taps too, where direct sums of what is in doubt would take longest.

use std::time::Duration;

use convolve::{Convolver, Method, filters};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use image::{DynamicImage, Rgb32FImage, RgbImage};
use ndarray::Array2;

#[path = "common/size.rs"]
mod size;
use size::sized;

const SIZE: (u32, u32) = (1920, 1080);
const TAPS: usize = 15;
const MANY_TAPS: usize = 63;

/// What is at a place, in a channel; `noise` is even between 0 and 1 there.
type Shown = fn(Place) -> f32;

struct Place {
    x: u32,
    y: u32,
    channel: usize,
    noise: f32,
    /// The photograph in `assets/`, side by side with itself.
    photograph: f32,
}

/// Whether results are samples that only floats have.
const FLOATS: bool = true;
const ANY: bool = false;

const DATA: [(&str, bool, Shown); 15] = [
    ("noise", ANY, |at| at.noise),
    ("photograph", ANY, |at| at.photograph),
    ("dark photograph", ANY, |at| at.photograph / 20.0),
    ("letterbox", ANY, |at| if (140..940).contains(&at.y) { at.photograph } else { 0.0 }),
    ("mask", ANY, |at| {
        let (x, y) = (at.x as f32 % 480.0 - 240.0, at.y as f32 % 360.0 - 180.0);
        if x.hypot(y) < 150.0 { at.photograph } else { 0.0 }
    }),
    ("zeros", ANY, |_| 0.0),
    ("one hot pixel", ANY, |at| if (at.x, at.y) == (700, 500) { 1.0 } else { 0.0 }),
    ("1 % sparse", ANY, |at| if at.noise < 0.01 { 1.0 } else { 0.0 }),
    (
        "small objects",
        ANY,
        |at| {
            if at.x % 320 < 40 && at.y % 270 < 40 { at.photograph } else { 0.0 }
        },
    ),
    ("signs", FLOATS, |at| at.noise - 0.5),
    ("loud and quiet columns", FLOATS, |at| at.noise * if at.x / 64 % 2 == 0 { 1.0 } else { 1e-6 }),
    ("loud and quiet rows", FLOATS, |at| at.noise * if at.y / 64 % 2 == 0 { 1.0 } else { 1e-6 }),
    ("night with lamps", FLOATS, |at| {
        let lamp = at.x % 310 < 20 && at.y % 270 < 20;
        (0.01 + at.photograph) * if lamp { 1e4 } else { 0.1 }
    }),
    ("subnormal samples", FLOATS, |at| if at.noise < 0.01 { 1e-40 } else { at.noise }),
    ("NaN here and there", FLOATS, |at| {
        if at.channel == 0 && at.noise < 1e-5 { f32::NAN } else { at.noise }
    }),
];

fn picture(shown: Shown, photograph: &RgbImage) -> Rgb32FImage {
    let (width, height) = photograph.dimensions();
    let mut state = 1u32;
    Rgb32FImage::from_fn(sized(SIZE.0), sized(SIZE.1), |x, y| {
        let pixel = photograph.get_pixel(x % width, y % height).0;
        image::Rgb([0, 1, 2].map(|channel| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let photograph = f32::from(pixel[channel]) / 255.0;
            shown(Place { x, y, channel, noise: (state >> 8) as f32 / 2f32.powi(24), photograph })
        }))
    })
}

fn data(criterion: &mut Criterion) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/astronaut.png");
    let photograph = image::open(path).expect("the repository's picture").into_rgb8();
    let tap = |(i, j)| (1 + (i * 7 + j * 5) % 9) as f32;
    let [general, wide] = [TAPS, MANY_TAPS].map(|taps| {
        let kernel = Array2::from_shape_fn((taps, taps), tap);
        &kernel / kernel.sum()
    });
    let gaussian = filters::gaussian::<f32>(2.0).expect("a sigma");
    let convolver = Convolver::builder().gpu(false).build();
    let ways = [
        ("direct", Method::Direct, &general),
        ("fft", Method::Fft, &general),
        ("separable", Method::Separable, &gaussian),
        ("fft of 63 x 63", Method::Fft, &wide),
    ];
    for (name, of_floats, shown) in DATA {
        let floats = DynamicImage::from(picture(shown, &photograph));
        let mut kinds = vec![("f32", floats.clone())];
        if !of_floats {
            kinds.push(("16 bits", DynamicImage::from(floats.to_rgb16())));
            kinds.push(("8 bits", DynamicImage::from(floats.to_rgb8())));
        }
        for (kind, picture) in kinds {
            let mut group = criterion.benchmark_group(format!("data of {kind}"));
            group.sample_size(10).warm_up_time(Duration::from_millis(100));
            group.measurement_time(Duration::from_millis(400));
            group.throughput(Throughput::Bytes(picture.as_bytes().len() as u64));
            let some = if kind == "f32" { ways.len() } else { ways.len() - 1 };
            for (way, method, kernel) in &ways[..some] {
                let filter = convolver.picture_filter(kernel).method(*method);
                let filter = filter.for_picture(&picture).expect("planned");
                let mut result = picture.clone();
                group.bench_function(BenchmarkId::new(name, way), |bencher| {
                    bencher
                        .iter(|| filter.apply_into(&picture, &mut result).expect("a planned run"));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, data);
criterion_main!(benches);
