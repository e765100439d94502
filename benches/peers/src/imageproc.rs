//! The crate imageproc, on pictures of `f32`. It correlates, and continues pictures as our
//! `Boundary::Nearest` does: edges cannot be compared.

use image::{ImageBuffer, Luma, Pixel, Rgb};
use imageproc::filter::{filter_parallel, separable_filter};
use imageproc::kernel::Kernel;

use crate::case::Case;
use crate::contender::{Contender, allocating};

type Picture<P> = ImageBuffer<P, Vec<f32>>;

/// The sum over all taps, over threads.
pub fn filter(case: &Case<f32>) -> Result<Box<dyn Contender>, String> {
    match case.x.shape() {
        [_, _] => filter_pixels::<Luma<f32>>(case),
        [_, _, 3] => filter_pixels::<Rgb<f32>>(case),
        shape => Err(format!("no picture has shape {shape:?}")),
    }
}

fn filter_pixels<P>(case: &Case<f32>) -> Result<Box<dyn Contender>, String>
where
    P: Pixel<Subpixel = f32> + Send + Sync + 'static,
{
    let picture = picture::<P>(case)?;
    let (height, width) = (case.k.shape()[0] as u32, case.k.shape()[1] as u32);
    let mut reversed: Vec<f32> = case.k.iter().copied().collect();
    reversed.reverse();
    Ok(allocating(move || {
        let kernel = Kernel::new(&reversed, width, height);
        let result: Picture<P> = filter_parallel(&picture, kernel, |sum: f32| sum);
        Ok(result)
    }))
}

/// Two passes with the factors of a square kernel, which must be an outer product.
pub fn separable(case: &Case<f32>) -> Result<Box<dyn Contender>, String> {
    let (&[_, _], &[height, width]) = (case.x.shape(), case.k.shape()) else {
        return Err("not a plane".into());
    };
    if height != width {
        return Err(format!("takes square kernels only, not {height} x {width}"));
    }
    let picture = picture::<Luma<f32>>(case)?;
    let largest = (0..height * width)
        .map(|i| (i / width, i % width))
        .max_by(|&(a, b), &(c, d)| case.k[[a, b]].abs().total_cmp(&case.k[[c, d]].abs()))
        .ok_or("an empty kernel")?;
    let across: Vec<f32> = (0..width).rev().map(|j| case.k[[largest.0, j]]).collect();
    let scale = case.k[[largest.0, largest.1]];
    let down: Vec<f32> = (0..height).rev().map(|i| case.k[[i, largest.1]] / scale).collect();
    Ok(allocating(move || Ok(separable_filter(&picture, &across, &down))))
}

fn picture<P: Pixel<Subpixel = f32>>(case: &Case<f32>) -> Result<Picture<P>, String> {
    let (height, width) = (case.x.shape()[0] as u32, case.x.shape()[1] as u32);
    ImageBuffer::from_raw(width, height, case.x.iter().copied().collect())
        .ok_or_else(|| "the picture's size is not its shape's".into())
}
