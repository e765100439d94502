//! Bytes that are moved as such, beside the same numbers in `f32`.

use super::*;
use crate::face::picture::view::PictureView;
use crate::plan::InstructionSet;
use crate::plan::Recipe;
use crate::plan::cpu::{Order, Passing};
use crate::problem::boundary::Boundary;
use crate::words::{Light, Method};

const SIZE: (u32, u32) = (701, 61);

fn colour(x: u32, y: u32) -> [u8; 3] {
    [0, 1, 2].map(|c| noise(x, y, c))
}

/// Whether the passes of a filter are in one of these orders.
fn is_in(filter: &PictureFilter, orders: &[Order]) -> bool {
    let Some((Recipe::CpuSeparable { passes, .. }, _)) = filter.plan().chosen().admitted() else {
        return false;
    };
    let mut passes = passes.iter();
    passes.any(|pass| matches!(pass, Passing::Folded { order, .. } if orders.contains(order)))
}

/// Strips that stick out, edges, rows that lie farther from each other, and pieces of several threads.
#[test]
fn results_are_those_of_the_same_numbers() {
    let bytes = ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| Rgb(colour(x, y)));
    let numbers = ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| Rgb(colour(x, y).map(f32::from)));
    let (bytes, numbers) = (DynamicImage::from(bytes), DynamicImage::from(numbers));
    let larger = ImageBuffer::from_fn(SIZE.0 + 20, SIZE.1 + 9, |x, y| {
        let inside = x.checked_sub(7).zip(y.checked_sub(4));
        Rgb(inside.map_or([255; 3], |(x, y)| colour(x, y)))
    });
    let part = PictureView::from(&larger).cropped(7, 4, SIZE.0, SIZE.1).unwrap();
    let gaussian = filters::gaussian::<f32>(12.0).unwrap();
    // Of some results that are beyond all levels.
    let loud = &gaussian * 1.7;
    let flat = Array2::from_elem((41, 41), 1.0 / 1681.0);
    for taps in [gaussian, loud, flat] {
        for threads in [1, 3] {
            let cpu = Convolver::builder().gpu(false).threads(threads).build();
            let filter = |picture: &DynamicImage| {
                let builder = cpu.picture_filter(&taps).method(Method::Separable);
                builder.for_picture(picture).unwrap()
            };
            let (of_bytes, of_numbers) = (filter(&bytes), filter(&numbers));
            assert!(is_in(&of_bytes, &[Order::Apart, Order::Shared]), "{}", of_bytes.plan());
            let exact = of_numbers.apply(&numbers).unwrap().into_rgb32f();
            let rounded: Vec<u8> = exact.iter().map(|x| x.round_ties_even() as u8).collect();
            let about = || format!("{:?} on {threads} threads", taps.dim());
            assert!(of_bytes.apply(&bytes).unwrap().as_bytes() == rounded, "{}", about());
            assert!(of_bytes.apply(&part).unwrap().as_raw()[..] == rounded, "{}: view", about());
        }
    }
}

/// Levels under few taps, beside sums in `f64`: every boundary, rows of all lengths, kernels of other shapes, one
/// whose sides differ in sign and one of several terms.
#[test]
fn few_taps_round_to_the_nearest_levels() {
    let gaussian = filters::gaussian::<f32>(0.8).unwrap();
    let outer = |rows: &[f32], columns: &[f32]| {
        Array2::from_shape_fn((rows.len(), columns.len()), |(y, x)| rows[y] * columns[x])
    };
    let long = [0.01, 0.03, 0.05, 0.08, 0.1, 0.13, 0.2, 0.13, 0.1, 0.08, 0.05, 0.03, 0.01];
    let wide = outer(&[0.25, 0.5, 0.25], &long);
    let tall = wide.t().to_owned();
    let sobel = outer(&[0.5, 1.0, 0.5], &[-1.0, 0.0, 1.0]);
    let both = &gaussian * 1.5 - outer(&[0.1; 7], &[0.1, 0.1, 0.2, 0.0, 0.2, 0.1, 0.1]);
    // The first four are unrolled where vectors have 16 numbers.
    let kernels = [(gaussian, true), (wide, true), (tall, true), (sobel, true), (both, false)];
    let boundaries = [
        Boundary::Mirror,
        Boundary::Reflect,
        Boundary::Nearest,
        Boundary::Wrap,
        Boundary::Zero,
        Boundary::Constant(77.0),
    ];
    for (i, (width, height)) in [(64, 20), (65, 9), (100, 17), (701, 31)].into_iter().enumerate() {
        let grey = ImageBuffer::from_fn(width, height, |x, y| Luma([noise(x, y, 0)]));
        let colours = ImageBuffer::from_fn(width, height, |x, y| Rgb(colour(x, y)));
        for picture in [DynamicImage::from(grey), DynamicImage::from(colours)] {
            for (kernel, boundary) in kernels.iter().zip(boundaries.iter().cycle().skip(i)) {
                few_taps(&picture, kernel, *boundary, 1 + i % 2);
            }
        }
    }
}

fn few_taps(
    picture: &DynamicImage,
    (taps, is_unrolled): &(Array2<f32>, bool),
    boundary: Boundary<f32>,
    threads: usize,
) {
    let cpu = Convolver::builder().gpu(false).threads(threads).build();
    let filter = |picture: &DynamicImage| {
        let builder = cpu.picture_filter(taps).method(Method::Separable).boundary(boundary);
        let filter = builder.for_picture(picture).unwrap();
        if *is_unrolled && InstructionSet::detect() == InstructionSet::Avx512 {
            assert!(is_in(&filter, &[Order::InOrder]), "{}", filter.plan());
        }
        filter
    };
    let of_bytes = filter(picture);
    let bytes = of_bytes.apply(picture).unwrap();
    let words = match picture.color().channel_count() {
        1 => DynamicImage::from(picture.to_luma16()),
        _ => DynamicImage::from(picture.to_rgb16()),
    };
    let of_words = filter(&words);
    let words = of_words.apply(&words).unwrap();
    let words: &[u16] = bytemuck::cast_slice(words.as_bytes());
    // A view of a part, where rows have gaps between them.
    if let DynamicImage::ImageRgb8(picture) = picture {
        let larger = ImageBuffer::from_fn(picture.width() + 9, picture.height() + 5, |x, y| {
            let inside = x.checked_sub(4).zip(y.checked_sub(3));
            let inside = inside.filter(|&(x, y)| x < picture.width() && y < picture.height());
            inside.map_or(Rgb([255; 3]), |(x, y)| picture[(x, y)])
        });
        let part = PictureView::from(&larger).cropped(4, 3, picture.width(), picture.height());
        assert!(of_bytes.apply(&part.unwrap()).unwrap().as_raw()[..] == *bytes.as_bytes());
    }
    let channels = usize::from(picture.color().channel_count());
    let size = (picture.height() as usize, picture.width() as usize);
    // Each tap of both passes rounds once.
    let roundings = f64::from(f32::EPSILON) * (taps.nrows() + taps.ncols()) as f64;
    let off = 255.0 * roundings * taps.iter().map(|tap| f64::from(tap.abs())).sum::<f64>();
    for channel in 0..channels {
        let samples = picture.as_bytes().iter().skip(channel).step_by(channels);
        let x = Array2::from_shape_vec(size, samples.map(|&x| f64::from(x)).collect()).unwrap();
        let exact = cpu.filter(&taps.mapv(f64::from)).method(Method::Direct);
        let value = f64::from(boundary.value());
        let exact = exact.boundary(boundary.edge().with(value)).for_shape(size).unwrap();
        let exact = exact.apply(&x).unwrap();
        for (i, exact) in exact.into_iter().enumerate() {
            let at = channels * i + channel;
            let about = format!("{size:?} x {channels}, {:?}, {boundary:?}: {i}", taps.dim());
            let byte = f64::from(bytes.as_bytes()[at]);
            let apart = (byte - exact.clamp(0.0, 255.0)).abs();
            assert!(apart <= 0.5 + off, "{about}: {byte}, {exact}");
            // What is constant outside is so many levels of either depth.
            if matches!(boundary, Boundary::Constant(_)) {
                continue;
            }
            let (word, exact) = (f64::from(words[at]), 257.0 * exact);
            let apart = (word - exact.clamp(0.0, 65535.0)).abs();
            assert!(apart <= 0.5 + 257.0 * off, "{about}: {word}, {exact}");
        }
    }
}

/// Bytes that stand for something else are no numbers.
#[test]
fn light_is_not_moved_as_bytes() {
    let bytes = ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| Rgb(colour(x, y)));
    let bytes = DynamicImage::from(bytes);
    let gaussian = filters::gaussian::<f32>(12.0).unwrap();
    let [separable, direct] = [Method::Separable, Method::Direct].map(|method| {
        let builder = cpu().picture_filter(&gaussian).light(Light::Linear).method(method);
        builder.for_picture(&bytes).unwrap().apply(&bytes).unwrap()
    });
    let pairs = separable.as_bytes().iter().zip(direct.as_bytes());
    assert!(pairs.map(|(a, b)| a.abs_diff(*b)).max() <= Some(1));
}
