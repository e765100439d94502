//! Bytes that are moved as such, beside the same numbers in `f32`.

use super::*;
use crate::face::picture::view::PictureView;
use crate::plan::Recipe;
use crate::plan::cpu::{Order, Passing};
use crate::words::{Light, Method};

const SIZE: (u32, u32) = (701, 61);

fn colour(x: u32, y: u32) -> [u8; 3] {
    [0, 1, 2].map(|c| noise(x, y, c))
}

/// Whether the passes of a filter are over lanes that stand apart.
fn is_apart(filter: &PictureFilter) -> bool {
    let Some((Recipe::CpuSeparable { passes, .. }, _)) = filter.plan().chosen().admitted() else {
        return false;
    };
    let apart = [Order::Apart, Order::Shared];
    passes.iter().any(|pass| matches!(pass, Passing::Folded { order, .. } if apart.contains(order)))
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
            assert!(is_apart(&of_bytes), "{}", of_bytes.plan());
            let exact = of_numbers.apply(&numbers).unwrap().into_rgb32f();
            let rounded: Vec<u8> = exact.iter().map(|x| x.round_ties_even() as u8).collect();
            let about = || format!("{:?} on {threads} threads", taps.dim());
            assert!(of_bytes.apply(&bytes).unwrap().as_bytes() == rounded, "{}", about());
            assert!(of_bytes.apply(&part).unwrap().as_raw()[..] == rounded, "{}: view", about());
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
