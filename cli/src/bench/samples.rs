//! Samples and taps, made anew and the same at every run.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use image::{DynamicImage, ImageBuffer, Rgb};
use ndarray::{Array2, ArrayD, Dimension, IxDyn};
use rayon::prelude::*;

use super::cases::{Data, Kernel, Taps, lengths};
use crate::decode::{self, Contents};
use crate::dtype::Value;
use crate::number::Number;

/// The most pixels of a picture that is read.
const MOST_PIXELS: u64 = 1 << 26;

/// A number from 0 up to 1 that nothing about `i` tells (Steele, Lea, Flood, "Fast splittable
/// pseudorandom number generators": `SplitMix64`).
fn random(i: u64) -> f64 {
    let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// What samples show, as levels from 0 to 1.
struct Scene {
    data: Data,
    /// Height and width.
    size: [usize; 2],
    discs: Vec<Disc>,
}

struct Disc {
    place: [f64; 2],
    radius: f64,
    colour: [f64; 3],
}

impl Scene {
    fn new(data: Data, size: [usize; 2]) -> Self {
        let disc = |disc: u64| {
            let of = |part: u64| random(1 << 50 | disc << 4 | part);
            Disc {
                place: [of(0), of(1)],
                radius: 0.02 + 0.1 * of(2),
                colour: [of(3), of(4), of(5)],
            }
        };
        Self { data, size, discs: (0..12).map(disc).collect() }
    }

    /// The level at a place; `i` is a number of its own for each sample.
    fn level(&self, [y, x]: [usize; 2], channel: usize, i: u64) -> f64 {
        /// Of the height, above and below: what 2.39:1 leaves of 16:9.
        const BAR: f64 = 0.128;
        let [height, width] = self.size;
        let [y, x] = [(y as f64 + 0.5) / height as f64, (x as f64 + 0.5) / width as f64];
        match self.data {
            Data::Noise => random(i),
            Data::Letterbox if !(BAR..1.0 - BAR).contains(&y) => 0.0,
            Data::Photograph | Data::Letterbox => self.photograph([y, x], channel, i),
            // Up to the fifth of 255 levels.
            Data::Dark => 0.02 * self.photograph([y, x], channel, i),
        }
    }

    /// A slope, waves of several lengths, discs with edges, and noise of two levels of 8 bits.
    fn photograph(&self, [y, x]: [f64; 2], channel: usize, i: u64) -> f64 {
        let shift = channel as f64;
        let mut level = 0.25 + 0.35 * y;
        for (wave, height) in [(1.0f64, 0.1), (3.0, 0.06), (11.0, 0.03), (47.0, 0.015)] {
            level += height * (wave * (7.0 * x + 2.0 * y + shift)).sin();
        }
        for disc in &self.discs {
            let [down, right] = [y - disc.place[0], x - disc.place[1]];
            if down * down + right * right < disc.radius * disc.radius {
                level = 0.5 * level + 0.5 * disc.colour[channel];
            }
        }
        (level + (random(i) - 0.5) * 4.0 / 255.0).clamp(0.0, 1.0)
    }
}

/// So many samples, made on all threads.
fn made<T: Send>(len: usize, sample: impl Fn(usize) -> T + Sync + Send) -> Result<Vec<T>> {
    let mut samples = Vec::new();
    samples.try_reserve_exact(len).with_context(|| format!("no memory for {len} samples"))?;
    samples.par_extend((0..len).into_par_iter().map(sample));
    Ok(samples)
}

/// An array; the last two of its axes are height and width.
pub fn array<A: Value>(shape: &[usize], data: Data) -> Result<ArrayD<A>> {
    let (width, rest) = shape.split_last().map_or((1, &[][..]), |(&width, rest)| (width, rest));
    let height = rest.last().copied().unwrap_or(1);
    let len = shape.iter().try_fold(1usize, |len, &n| len.checked_mul(n));
    let len = len.with_context(|| format!("more than memory has in {}", lengths(shape)))?;
    let scene = Scene::new(data, [height, width]);
    let sample = |i: usize| {
        let place = [i / width % height, i % width];
        let level = |channel: usize| scene.level(place, channel, (i as u64) << 2 | channel as u64);
        let number = match A::DTYPE {
            dtype if dtype.is_complex() => Number::Complex(level(0), level(1)),
            // All integers have levels of 7 bits.
            dtype if dtype.is_integer() => Number::Integer((127.0 * level(0)).round() as i128),
            _ => Number::Real(level(0)),
        };
        // The smallest may become 0.
        A::tap(number, 1.0).unwrap_or_default()
    };
    Ok(ArrayD::from_shape_vec(shape, made(len, sample)?)?)
}

/// A picture of 8 bits in RGB.
pub fn picture([height, width]: [usize; 2], data: Data) -> Result<DynamicImage> {
    let len = 3 * height * width;
    let scene = Scene::new(data, [height, width]);
    let sample = |i: usize| {
        let (pixel, channel) = (i / 3, i % 3);
        let place = [pixel / width, pixel % width];
        (255.0 * scene.level(place, channel, i as u64)).round() as u8
    };
    let samples = made(len, sample)?;
    let picture = ImageBuffer::<Rgb<u8>, _>::from_raw(width as u32, height as u32, samples);
    picture.map(DynamicImage::ImageRgb8).context("fewer samples than pixels")
}

/// The picture in a file.
pub fn read(path: &Path) -> Result<DynamicImage> {
    let named = || path.display().to_string();
    let picture = match decode::open(path, MOST_PIXELS).with_context(named)? {
        Contents::One(decoded) => decoded.picture,
        Contents::Tiff(mut pages) => pages.read(0).with_context(named)?.picture,
    };
    picture.straight().with_context(|| {
        format!(
            "{}: expected a picture of 8 or 16 bits, or of f32 whose alpha is straight",
            path.display()
        )
    })
}

/// The taps of a kernel: of integers whole numbers, and else a sum of 1.
pub fn taps<A: Value>(kernel: &Kernel) -> Result<ArrayD<A>> {
    let whole = A::DTYPE.is_integer();
    let values = match kernel.taps {
        Taps::FullRank => noise(&kernel.shape, whole),
        Taps::Gaussian => gaussian(&kernel.shape, whole),
    };
    let total = values.sum();
    let mut reasons = None;
    let taps = values.mapv(|value| {
        let number = match whole {
            true => Number::Integer(value as i128),
            false => Number::Real(value / total),
        };
        A::tap(number, 1.0).unwrap_or_else(|reason| {
            reasons = Some(reason);
            A::default()
        })
    });
    match reasons {
        Some(reason) => Err(anyhow!("a kernel of {}: {reason}", lengths(&kernel.shape))),
        None => Ok(taps),
    }
}

fn noise(shape: &[usize], whole: bool) -> ArrayD<f64> {
    let mut i = 1 << 60;
    ArrayD::from_shape_simple_fn(shape, || {
        i += 1;
        // One at least, so that there is something to sum up.
        if whole { 1.0 + (7.0 * random(i)).floor() } else { 0.05 + random(i) }
    })
}

fn gaussian(shape: &[usize], whole: bool) -> ArrayD<f64> {
    // Products of whole numbers stay within 7 bits.
    let largest = 127f64.powf(1.0 / shape.len().max(1) as f64).floor().max(1.0);
    let along = |n: usize| -> Vec<f64> {
        let (middle, sigma) = ((n - 1) as f64 / 2.0, n as f64 / 6.0);
        let tap = |i: usize| (-0.5 * ((i as f64 - middle) / sigma).powi(2)).exp();
        let tap = |i| if whole { (largest * tap(i)).round() } else { tap(i) };
        (0..n).map(tap).collect()
    };
    let axes: Vec<Vec<f64>> = shape.iter().map(|&n| along(n)).collect();
    ArrayD::from_shape_fn(IxDyn(shape), |at| {
        at.slice().iter().zip(&axes).map(|(&i, taps)| taps[i]).product()
    })
}

/// The taps of a kernel for pictures.
pub fn picture_taps(kernel: &Kernel) -> Result<Array2<f32>> {
    Ok(taps::<f32>(kernel)?.into_dimensionality()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use convolve::KernelFacts;
    use num_complex::Complex;

    fn kernel(shape: &[usize], taps: Taps) -> Kernel {
        Kernel { shape: shape.to_vec(), taps }
    }

    #[test]
    fn kernels_are_what_they_are_called() {
        fn terms<A: Value>(shape: &[usize], kind: Taps) -> usize {
            let taps = taps::<A>(&kernel(shape, kind)).unwrap();
            KernelFacts::of(taps.as_slice().unwrap(), shape).terms
        }
        for shape in [&[15, 15][..], &[5, 8], &[5, 5, 5]] {
            assert_eq!(terms::<f32>(shape, Taps::Gaussian), 1, "{shape:?}");
            assert_eq!(terms::<u8>(shape, Taps::Gaussian), 1, "{shape:?}");
            assert_eq!(terms::<i32>(shape, Taps::Gaussian), 1, "{shape:?}");
            assert_ne!(terms::<f64>(shape, Taps::FullRank), 1, "{shape:?}");
            assert_ne!(terms::<u8>(shape, Taps::FullRank), 1, "{shape:?}");
        }
        let sum: f64 = taps::<f64>(&kernel(&[7, 7], Taps::FullRank)).unwrap().sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn samples_fit_their_type() {
        let bytes = array::<i8>(&[40, 50], Data::Noise).unwrap();
        assert!(bytes.iter().all(|&b| b >= 0) && bytes.iter().any(|&b| b > 120));
        let complex = array::<Complex<f32>>(&[100], Data::Noise).unwrap();
        assert!(complex.iter().all(|z| z.re != z.im));
        assert_eq!(bytes, array::<i8>(&[40, 50], Data::Noise).unwrap());
    }

    #[test]
    fn pictures_show_what_they_are_called() {
        let levels = |data| picture([90, 160], data).unwrap().into_bytes();
        let letterbox = levels(Data::Letterbox);
        let row = 3 * 160;
        assert!(letterbox[..11 * row].iter().all(|&level| level == 0));
        assert!(letterbox[12 * row..77 * row].iter().any(|&level| level > 100));
        assert!(levels(Data::Dark).iter().all(|&level| level <= 5));
        let changes = |levels: &[u8]| -> u64 {
            levels.windows(4).map(|w| u64::from(w[0].abs_diff(w[3]))).sum()
        };
        let [noise, photograph] = [Data::Noise, Data::Photograph].map(levels);
        assert!(changes(&noise) > 5 * changes(&photograph));
        let brightest = photograph.iter().max().unwrap();
        let darkest = photograph.iter().min().unwrap();
        assert!(brightest - darkest > 100, "{darkest} to {brightest}");
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let error = format!("{:#}", read(Path::new("nowhere.png")).unwrap_err());
        assert!(error.contains("nowhere.png"), "{error}");
    }
}
