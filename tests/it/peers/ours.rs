//! This library's side of a comparison.

use convolve::filters::TextKernel;
use convolve::{Alpha, Boundary, Convolver, FilterBuilder, GradientBuilder, UnsharpBuilder};
use image::{DynamicImage, ImageBuffer, Luma, Rgb, Rgba};
use ndarray::{Array2, Array3, Axis, Ix2, concatenate, s};

use super::fixture::{Case, picture};

/// Something that filters a case's picture, to levels where the case has levels, else to sums.
pub(super) trait Ours {
    fn of(&self, case: &Case) -> Array3<f64>;
}

macro_rules! ours {
    ($($builder:ident)*) => {$(
        impl Ours for $builder<f32, Ix2> {
            fn of(&self, case: &Case) -> Array3<f64> {
                if case.of == "grey32" {
                    let x = grey().mapv(f32::from);
                    let y = self.for_shape(x.dim()).expect("a plan").apply(&x).expect("a result");
                    return y.mapv(f64::from).insert_axis(Axis(2));
                }
                let picture = image(case.of);
                let filter = self.for_picture(&picture).expect("a plan");
                match case.levels {
                    true => levels(&filter.apply(&picture).expect("a result")),
                    false => filter.apply_unrounded(&picture).expect("a result").mapv(f64::from),
                }
            }
        }
    )*};
}

ours!(FilterBuilder GradientBuilder UnsharpBuilder);

pub(super) fn cpu() -> Convolver {
    Convolver::builder().gpu(false).build()
}

/// A convolution of pictures.
pub(super) fn filter(kernel: &Array2<f32>, boundary: Boundary<f32>) -> FilterBuilder<f32, Ix2> {
    cpu().picture_filter(kernel).boundary(boundary)
}

/// With alpha as a channel like the others.
pub(super) fn channels_apart(filter: &FilterBuilder<f32, Ix2>, case: &Case) -> Array3<f64> {
    let picture = image(case.of);
    let filter = filter.for_picture(&picture).expect("a plan").alpha(Alpha::AsChannel);
    levels(&filter.apply(&picture).expect("a result"))
}

/// Taps as the fixtures write them.
pub(super) fn kernel(text: &str, scale: f32) -> Array2<f32> {
    let rows = text.replace(';', "\n").replace(',', " ");
    rows.parse::<TextKernel>().expect("taps").kernel::<f32>().expect("numbers") / scale
}

/// The kernel of the same taps along both axes, which are scaled to sum to one.
pub(super) fn twice(taps: &[f64]) -> Array2<f32> {
    let sum: f64 = taps.iter().sum();
    let tap = |(i, j): (usize, usize)| (taps[i] * taps[j] / (sum * sum)) as f32;
    Array2::from_shape_fn((taps.len(), taps.len()), tap)
}

/// The green channel.
pub(super) fn grey() -> Array2<u8> {
    picture().index_axis_move(Axis(2), 1)
}

/// A part of the green channel, which is looked for in it.
pub(super) fn template(case: &Case) -> Array2<u8> {
    let [row, column, height, width] =
        ["row", "column", "height", "width"].map(|name| case.word::<usize>(name));
    grey().slice(s![row..row + height, column..column + width]).to_owned()
}

/// A case's picture.
pub(super) fn image(of: &str) -> DynamicImage {
    let rgb = picture();
    let size = [rgb.dim().1 as u32, rgb.dim().0 as u32];
    match of {
        "rgb8" => buffer::<Rgb<u8>>(size, rgb.into_iter().collect()).into(),
        "rgba8" => {
            let alpha = picture().slice_move(s![.., ..;-1, 1..2]);
            let rgba = concatenate![Axis(2), rgb, alpha];
            buffer::<Rgba<u8>>(size, rgba.into_iter().collect()).into()
        }
        "grey8" => buffer::<Luma<u8>>(size, grey().into_iter().collect()).into(),
        "grey16" => {
            let mixed = rgb.map_axis(Axis(2), |pixel| {
                200 * u16::from(pixel[0]) + 50 * u16::from(pixel[1]) + 5 * u16::from(pixel[2])
            });
            buffer::<Luma<u16>>(size, mixed.into_iter().collect()).into()
        }
        _ => panic!("picture {of}"),
    }
}

fn buffer<P: image::Pixel>(
    [width, height]: [u32; 2],
    samples: Vec<P::Subpixel>,
) -> ImageBuffer<P, Vec<P::Subpixel>> {
    ImageBuffer::from_raw(width, height, samples).expect("as many as the size")
}

/// The levels of a picture, height x width x channels.
pub(super) fn levels(picture: &DynamicImage) -> Array3<f64> {
    let samples: Vec<f64> = match picture {
        DynamicImage::ImageLuma16(picture) => picture.iter().map(|&level| level.into()).collect(),
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => {
            picture.as_bytes().iter().map(|&level| level.into()).collect()
        }
        _ => panic!("{:?}", picture.color()),
    };
    let [height, width] = [picture.height(), picture.width()].map(|length| length as usize);
    let channels = samples.len() / (height * width);
    Array3::from_shape_vec((height, width, channels), samples).expect("as many as the size")
}
