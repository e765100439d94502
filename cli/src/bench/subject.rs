//! A case as what it is: an array of some type, or a picture, with a kernel. What measures knows neither.

use convolve::bounds::{self, Spread, Window};
use convolve::plan::{Plan, Recipe};
use convolve::{Check, Convolver, DType, Device, Filter, Method, PictureFilter, Profile};
use image::DynamicImage;
use ndarray::{Array2, ArrayD, IxDyn};

use crate::dtype::Value;
use crate::number::Number;

/// What is asked of a plan.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub device: Device,
    pub method: Method,
    pub check: Check,
}

/// Samples with a kernel.
pub trait Subject {
    type Filter;
    type Output;
    fn filter(&self, convolver: &Convolver, wanted: Wanted) -> convolve::Result<Self::Filter>;
    fn plan<'f>(&self, filter: &'f Self::Filter) -> &'f Plan;
    fn apply(&self, filter: &Self::Filter) -> convolve::Result<Self::Output>;
    fn apply_into(&self, filter: &Self::Filter, y: &mut Self::Output) -> convolve::Result<()>;
    fn profile(&self, filter: &Self::Filter) -> convolve::Result<Profile>;
    /// The largest difference of two results; infinite where one of the two is no number.
    fn apart(&self, a: &Self::Output, b: &Self::Output) -> f64;
    /// How far a plan's result may be off the right one.
    fn bound(&self, plan: &Plan) -> f64;
    /// Bytes of the input, and as many of the output.
    fn bytes(&self) -> usize;
}

pub struct Arrays<A> {
    pub x: ArrayD<A>,
    pub kernel: ArrayD<A>,
}

impl<A: Value> Subject for Arrays<A> {
    type Filter = Filter<A, IxDyn>;
    type Output = ArrayD<A>;

    fn filter(&self, convolver: &Convolver, wanted: Wanted) -> convolve::Result<Self::Filter> {
        let Wanted { device, method, check } = wanted;
        let filter = convolver.filter(&self.kernel).device(device).method(method).check(check);
        filter.for_shape(self.x.raw_dim())
    }

    fn plan<'f>(&self, filter: &'f Self::Filter) -> &'f Plan {
        filter.plan()
    }

    fn apply(&self, filter: &Self::Filter) -> convolve::Result<ArrayD<A>> {
        filter.apply(&self.x)
    }

    fn apply_into(&self, filter: &Self::Filter, y: &mut ArrayD<A>) -> convolve::Result<()> {
        filter.apply_into(&self.x, y)
    }

    fn profile(&self, filter: &Self::Filter) -> convolve::Result<Profile> {
        filter.profile(&self.x)
    }

    fn apart(&self, a: &ArrayD<A>, b: &ArrayD<A>) -> f64 {
        let pairs = a.iter().zip(b).map(|(a, b)| difference(a.number(), b.number()));
        pairs.fold(0.0, f64::max)
    }

    fn bound(&self, plan: &Plan) -> f64 {
        if A::DTYPE.is_integer() {
            return 0.0;
        }
        let magnitude = |x: &A| {
            let (re, im) = parts(x.number());
            re.hypot(im)
        };
        let largest = self.x.iter().map(magnitude).fold(0.0, f64::max);
        sums(plan, largest) + stored(A::DTYPE, plan, largest)
    }

    fn bytes(&self) -> usize {
        self.x.len() * size_of::<A>()
    }
}

pub struct Pictures<'p> {
    pub picture: &'p DynamicImage,
    pub kernel: Array2<f32>,
}

impl Pictures<'_> {
    /// Samples of 8 and 16 bits are levels.
    fn is_in_levels(&self) -> bool {
        self.picture.as_rgb32f().is_none() && self.picture.as_rgba32f().is_none()
    }
}

impl Subject for Pictures<'_> {
    type Filter = PictureFilter;
    type Output = DynamicImage;

    fn filter(&self, convolver: &Convolver, wanted: Wanted) -> convolve::Result<PictureFilter> {
        let Wanted { device, method, check } = wanted;
        let filter = convolver.picture_filter(&self.kernel).device(device).method(method);
        filter.check(check).for_picture(self.picture)
    }

    fn plan<'f>(&self, filter: &'f PictureFilter) -> &'f Plan {
        filter.plan()
    }

    fn apply(&self, filter: &PictureFilter) -> convolve::Result<DynamicImage> {
        filter.apply(self.picture)
    }

    fn apply_into(&self, filter: &PictureFilter, y: &mut DynamicImage) -> convolve::Result<()> {
        filter.apply_into(self.picture, y)
    }

    fn profile(&self, filter: &PictureFilter) -> convolve::Result<Profile> {
        filter.profile(self.picture)
    }

    /// Where there is alpha, of the colours with it multiplied in: what is transparent has any colour.
    fn apart(&self, a: &DynamicImage, b: &DynamicImage) -> f64 {
        let channels = usize::from(self.picture.color().channel_count());
        let [a, b] = [levels(a), levels(b)];
        let pixels = a.chunks_exact(channels).zip(b.chunks_exact(channels));
        let largest = white(self.picture);
        let apart = |(a, b): (&[f64], &[f64])| {
            let weight = |pixel: &[f64], at: usize| match pixel.len() {
                n @ (2 | 4) if at + 1 < n => pixel[n - 1] / largest,
                _ => 1.0,
            };
            let both = (0..channels).map(|at| {
                let [a, b] = [a, b].map(|pixel| Number::Real(pixel[at] * weight(pixel, at)));
                difference(a, b)
            });
            both.fold(0.0, f64::max)
        };
        pixels.map(apart).fold(0.0, f64::max)
    }

    /// In levels, half a one for rounding. Of colours that alpha has been divided out of and multiplied
    /// in again, both of them are off.
    fn bound(&self, plan: &Plan) -> f64 {
        let largest = levels(self.picture).into_iter().fold(0.0, |largest, x| x.abs().max(largest));
        let alpha = if self.picture.color().has_alpha() { 2.0 } else { 1.0 };
        if !self.is_in_levels() {
            return alpha * sums(plan, largest);
        }
        let sums = match plan.method() {
            Method::Fft => bounds::LEVEL,
            _ => sums(plan, largest),
        };
        alpha * (0.5 + sums)
    }

    fn bytes(&self) -> usize {
        self.picture.as_bytes().len()
    }
}

/// The brightest sample.
fn white(picture: &DynamicImage) -> f64 {
    match picture.color().bytes_per_pixel() / picture.color().channel_count() {
        1 => 255.0,
        2 => 65535.0,
        _ => 1.0,
    }
}

/// All samples of a picture, as numbers.
fn levels(picture: &DynamicImage) -> Vec<f64> {
    let bytes = picture.as_bytes();
    match picture.color().bytes_per_pixel() / picture.color().channel_count() {
        1 => bytes.iter().map(|&b| f64::from(b)).collect(),
        2 => bytes.chunks_exact(2).map(|b| f64::from(u16::from_ne_bytes([b[0], b[1]]))).collect(),
        _ => {
            let sample = |b: &[u8]| f64::from(f32::from_ne_bytes([b[0], b[1], b[2], b[3]]));
            bytes.chunks_exact(4).map(sample).collect()
        }
    }
}

fn difference(a: Number, b: Number) -> f64 {
    let apart = match (a, b) {
        (Number::Integer(a), Number::Integer(b)) => return a.abs_diff(b) as f64,
        (Number::Complex(..), _) | (_, Number::Complex(..)) => {
            let [(a, i), (b, j)] = [a, b].map(parts);
            (a - b).hypot(i - j)
        }
        _ => (parts(a).0 - parts(b).0).abs(),
    };
    if apart.is_nan() { f64::INFINITY } else { apart }
}

fn parts(number: Number) -> (f64, f64) {
    match number {
        Number::Integer(value) => (value as f64, 0.0),
        Number::Real(value) => (value, 0.0),
        Number::Complex(re, im) => (re, im),
    }
}

/// What the sums of a plan may be off by at any output, with samples of at most `largest`.
fn sums(plan: &Plan, largest: f64) -> f64 {
    let (facts, geometry, dtype) = (&plan.kernel, &plan.geometry, plan.compute_dtype());
    // The worst one: all taps over the largest sample.
    let mut window = Window::default();
    window.add(facts.sum, largest);
    let Some((recipe, _)) = plan.chosen().admitted() else { return 0.0 };
    let taps = geometry.taps();
    let fft = |spread, terms| bounds::fft_output(dtype, spread, terms, facts, largest, window);
    match (recipe.method(), recipe) {
        (Method::Separable, _) => bounds::separable(dtype, geometry, facts, window),
        (_, Recipe::CpuFft { blocks, .. }) => fft(blocks.spread(), taps),
        (Method::Fft, Recipe::Gpu(schedule)) => {
            let transformed = schedule.block().map_or(1, |block| block.transformed());
            fft(Spread::of(transformed), geometry.axes.iter().map(|axis| axis.taps).sum())
        }
        _ => bounds::direct(dtype, taps, window),
    }
}

/// What is lost where results are stored in a type of less precision than they are computed in.
fn stored(dtype: DType, plan: &Plan, largest: f64) -> f64 {
    match plan.compute_dtype() == dtype {
        true => 0.0,
        false => {
            bounds::rounding(dtype, plan.kernel.sum * largest) + bounds::stored(dtype, &plan.kernel)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Rgba};
    use ndarray::arr1;

    #[test]
    fn differences_are_seen_in_every_type() {
        let of = |x: &[f32]| arr1(x).into_dyn();
        let arrays = Arrays { x: of(&[1.0]), kernel: of(&[1.0]) };
        assert_eq!(arrays.apart(&of(&[1.0, 2.0, 3.0]), &of(&[1.0, 2.5, 3.25])), 0.5);
        assert_eq!(arrays.apart(&of(&[1.0]), &of(&[f32::NAN])), f64::INFINITY);
        let [a, b] = [u64::MAX, u64::MAX - 1].map(|value| arr1(&[value]).into_dyn());
        let arrays = Arrays { x: a.clone(), kernel: a.clone() };
        assert_eq!(arrays.apart(&a, &b), 1.0);
        let of = |pixel| DynamicImage::ImageRgba8(ImageBuffer::from_pixel(2, 1, Rgba(pixel)));
        let picture = of([9, 9, 9, 255]);
        let pictures = Pictures { picture: &picture, kernel: Array2::zeros((1, 1)) };
        assert_eq!(pictures.apart(&picture, &of([9, 6, 9, 255])), 3.0);
        assert_eq!(pictures.apart(&of([9, 9, 9, 0]), &of([200, 9, 9, 0])), 0.0);
        assert_eq!(pictures.apart(&of([9, 9, 9, 1]), &of([9, 9, 9, 3])), 2.0);
    }
}
