//! What is made of the results of filters: gradients, unsharp masks and templates, of pictures and of arrays
//! as large, each into a result that is there where that can be.
//!
//! `cargo bench --features image --bench made_of_filters`; a part of it with, say,
//! `cargo bench --features image --bench made_of_filters -- gradient`.

use std::time::Duration;

use convolve::filters::{self, Derivatives};
use convolve::{Boundary, Convolver};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use image::DynamicImage;
use image::imageops::crop_imm;
use ndarray::{Array2, s};

#[path = "common/pictures.rs"]
mod pictures;
#[path = "common/size.rs"]
mod size;
use pictures::{noise, photograph};
use size::sized;

const SIZE: (u32, u32) = (1920, 1080);

fn measured(criterion: &mut Criterion) {
    let size = (sized(SIZE.0), sized(SIZE.1));
    let photo = photograph(size);
    let grey = DynamicImage::from(photo.clone()).into_luma8();
    let (width, height) = (size.0 as usize, size.1 as usize);
    let x = grey.as_raw().iter().map(|&level| f32::from(level)).collect();
    let x = Array2::from_shape_vec((height, width), x).expect("as many");
    let convolver = Convolver::builder().gpu(false).build();
    let [right, down] = Derivatives::Scharr.kernels().expect("kernels");
    let gaussian = filters::gaussian(2.0).expect("a sigma");

    let group = |criterion: &mut Criterion, name: &str, bytes: usize, run: &mut dyn FnMut()| {
        let (kind, of) = name.split_once('/').expect("what is measured, and of what");
        let mut group = criterion.benchmark_group(kind);
        group.sample_size(10).warm_up_time(Duration::from_millis(100));
        group.measurement_time(Duration::from_millis(500));
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(BenchmarkId::from_parameter(of), |bencher| bencher.iter(&mut *run));
        group.finish();
    };

    let mut result = photo.clone();
    let edges = convolver.picture_filter(&right).gradient(&down).for_picture(&photo);
    let edges = edges.expect("planned");
    group(criterion, "gradient/picture", photo.len(), &mut || {
        edges.apply_into(&photo, &mut result).expect("a planned run");
    });
    let sharpen = convolver.picture_filter(&gaussian).unsharp(1.0, 4.0).for_picture(&photo);
    let sharpen = sharpen.expect("planned");
    group(criterion, "unsharp/picture", photo.len(), &mut || {
        sharpen.apply_into(&photo, &mut result).expect("a planned run");
    });
    // Where the threshold is passed nearly everywhere.
    let loud = noise(size);
    group(criterion, "unsharp/noise", loud.len(), &mut || {
        sharpen.apply_into(&loud, &mut result).expect("a planned run");
    });
    // A part of a larger picture, where it lies.
    let half = crop_imm(&photo, size.0 / 4, size.1 / 4, size.0 / 2, size.1 / 2);
    let blur = convolver.picture_filter(&gaussian).for_picture(&half).expect("planned");
    let mut part = half.to_image();
    group(criterion, "blur/part of a picture", part.len(), &mut || {
        blur.apply_into(&half, &mut part).expect("a planned run");
    });

    let mut y = x.clone();
    let builder = |kernel: &Array2<f32>| convolver.filter(kernel).boundary(Boundary::Mirror);
    let edges = builder(&right).gradient(&down).for_shape(x.dim()).expect("planned");
    group(criterion, "gradient/array", 4 * x.len(), &mut || {
        edges.apply_into(&x, &mut y).expect("a planned run");
    });
    let sharpen = builder(&gaussian).unsharp(1.0, 4.0).for_shape(x.dim()).expect("planned");
    group(criterion, "unsharp/array", 4 * x.len(), &mut || {
        sharpen.apply_into(&x, &mut y).expect("a planned run");
    });
    let bytes = x.mapv(|x| x as u8);
    let mut blurred = bytes.clone();
    let blur = builder(&gaussian).for_shape(x.dim()).expect("planned");
    group(criterion, "blur/array of bytes", bytes.len(), &mut || {
        blur.apply_of_into(&bytes, &mut blurred).expect("a planned run");
    });
    for side in [8, 32, 128] {
        let side = side.min(height / 2);
        let pattern = x.slice(s![7..7 + side, 9..9 + side]).to_owned();
        let found = convolver.template(&pattern).expect("a pattern").for_shape(x.dim());
        let found = found.expect("planned");
        group(criterion, &format!("template/{side}"), 4 * x.len(), &mut || {
            std::hint::black_box(found.apply(&x).expect("a planned run"));
        });
    }
}

criterion_group!(benches, measured);
criterion_main!(benches);
