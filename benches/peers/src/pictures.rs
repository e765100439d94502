//! Pictures of 8 and of 16 bits, three channels, edges mirrored: this library, `image` and libblur.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use bytemuck::Pod;
use convolve::{Boundary, Convolver, PictureFilter};
use image::{DynamicImage, ImageBuffer};
use libblur::{
    BlurImage, BlurImageMut, ConvolutionMode, EdgeMode, EdgeMode2D, FastBlurChannels,
    GaussianBlurParams, KernelShape, Scalar, ThreadingPolicy,
};
use ndarray::{Array2, ArrayD, Ix2};

use crate::case::AnyCase;
use crate::contender::{Contender, allocating};
use crate::peak;

/// Samples and size.
#[derive(Clone)]
struct Picture<T> {
    samples: Vec<T>,
    width: u32,
    height: u32,
}

/// A picture, and a kernel that may be a Gaussian.
pub struct PictureCase<T: Level> {
    x: Picture<T>,
    k: Array2<f32>,
    sigma: Option<f64>,
}

/// Samples, and what other libraries have for them.
pub trait Level: Pod + Default + Debug {
    /// As this library and `image` take it.
    fn dynamic(samples: Vec<Self>, width: u32, height: u32) -> Option<DynamicImage>;
    /// A Gaussian by libblur, whose taps lie in `params`.
    fn blur(
        x: &BlurImage<'_, Self>,
        y: &mut BlurImageMut<'_, Self>,
        params: GaussianBlurParams,
        mode: ConvolutionMode,
    ) -> Result<(), String>;
    /// All taps by libblur.
    fn filter(
        x: &BlurImage<'_, Self>,
        y: &mut BlurImageMut<'_, Self>,
        taps: &[f32],
        shape: KernelShape,
    ) -> Result<(), String>;
}

const EDGES: EdgeMode2D = EdgeMode2D::new(EdgeMode::Reflect101);
const THREADS: ThreadingPolicy = ThreadingPolicy::Adaptive;

macro_rules! levels {
    ($($level:ty, $dynamic:ident, $blur:ident);*) => {$(
        impl Level for $level {
            fn dynamic(samples: Vec<Self>, width: u32, height: u32) -> Option<DynamicImage> {
                ImageBuffer::from_raw(width, height, samples).map(DynamicImage::$dynamic)
            }

            fn blur(
                x: &BlurImage<'_, Self>,
                y: &mut BlurImageMut<'_, Self>,
                params: GaussianBlurParams,
                mode: ConvolutionMode,
            ) -> Result<(), String> {
                libblur::$blur(x, y, params, EDGES, THREADS, mode).map_err(|error| format!("{error:?}"))
            }

            fn filter(
                x: &BlurImage<'_, Self>,
                y: &mut BlurImageMut<'_, Self>,
                taps: &[f32],
                shape: KernelShape,
            ) -> Result<(), String> {
                libblur::filter_2d_rgb(x, y, taps, shape, EDGES, Scalar::default(), THREADS)
                    .map_err(|error| format!("{error:?}"))
            }
        }
    )*};
}
levels!(u8, ImageRgb8, gaussian_blur; u16, ImageRgb16, gaussian_blur_u16);

/// A case of a picture of this shape and a kernel.
pub fn case<T: Level>(
    x: ArrayD<T>,
    k: ArrayD<f32>,
    sigma: Option<f64>,
) -> Result<Box<dyn AnyCase>, String> {
    let &[height, width, 3] = x.shape() else {
        return Err(format!("no picture has shape {:?}", x.shape()));
    };
    let samples = x.into_raw_vec_and_offset().0;
    let x = Picture { samples, width: width as u32, height: height as u32 };
    let k = k.into_dimensionality::<Ix2>().map_err(|error| error.to_string())?;
    Ok(Box::new(PictureCase { x, k, sigma }))
}

impl<T: Level> AnyCase for PictureCase<T> {
    fn contender(&self, name: &str) -> Result<Box<dyn Contender>, String> {
        let (x, sigma) = (self.x.clone(), self.sigma.ok_or("no Gaussian"));
        let dynamic = || {
            let Picture { samples, width, height } = self.x.clone();
            T::dynamic(samples, width, height).ok_or("the picture's size is not its shape's")
        };
        Ok(match name {
            "ours:into" | "ours:fresh" => {
                let picture = dynamic()?;
                let filter = Convolver::builder()
                    .gpu(false)
                    .build()
                    .picture_filter(&self.k)
                    .boundary(Boundary::Mirror)
                    .for_picture(&picture)
                    .map_err(|error| error.to_string())?;
                let (y, fresh) = (picture.clone(), name == "ours:fresh");
                Box::new(Ours { filter, x: picture, y, fresh })
            }
            "image:blur" => {
                let (x, sigma) = (dynamic()?, sigma? as f32);
                allocating(move || Ok(Bytes(x.blur(sigma).into_bytes())))
            }
            "image:fast_blur" => {
                let (x, sigma) = (dynamic()?, sigma? as f32);
                allocating(move || Ok(Bytes(x.fast_blur(sigma).into_bytes())))
            }
            "libblur:exact" | "libblur:fixed point" => {
                let params = GaussianBlurParams::new(self.k.ncols() as u32, sigma?);
                let exact = name == "libblur:exact";
                Box::new(Blurred::new(x, move |x, y| {
                    let mode =
                        if exact { ConvolutionMode::Exact } else { ConvolutionMode::FixedPoint };
                    T::blur(x, y, params, mode)
                }))
            }
            "libblur:filter_2d" => {
                // It correlates.
                let mut taps: Vec<f32> = self.k.iter().copied().collect();
                taps.reverse();
                let (width, height) = (self.k.ncols(), self.k.nrows());
                Box::new(Blurred::new(x, move |x, y| {
                    T::filter(x, y, &taps, KernelShape::new(width, height))
                }))
            }
            "limit:multiply-adds" => Box::new(Peak::new(x.samples)?),
            _ => return Err(format!("no contender {name:?} for pictures")),
        })
    }
}

/// Samples as bytes.
struct Bytes(Vec<u8>);

impl crate::contender::Samples for Bytes {
    fn samples(&self) -> Vec<u8> {
        self.0.clone()
    }
}

/// This library, into a picture that is there or into a fresh one.
struct Ours {
    filter: PictureFilter,
    x: DynamicImage,
    y: DynamicImage,
    fresh: bool,
}

impl Contender for Ours {
    fn note(&self) -> String {
        self.filter.plan().method().to_string()
    }

    fn run(&mut self) -> Result<Duration, String> {
        let start = Instant::now();
        if self.fresh {
            self.y = self.filter.apply(&self.x).map_err(|error| error.to_string())?;
        } else {
            let done = self.filter.apply_into(&self.x, &mut self.y);
            done.map_err(|error| error.to_string())?;
        }
        Ok(start.elapsed())
    }

    fn result(&self) -> Vec<u8> {
        self.y.as_bytes().to_vec()
    }
}

/// libblur, into a picture that is there.
struct Blurred<T, Call> {
    x: Picture<T>,
    y: Vec<T>,
    call: Call,
}

impl<T: Level, Call> Blurred<T, Call>
where
    Call: FnMut(&BlurImage<'_, T>, &mut BlurImageMut<'_, T>) -> Result<(), String>,
{
    fn new(x: Picture<T>, call: Call) -> Self {
        let y = vec![T::zeroed(); x.samples.len()];
        Self { x, y, call }
    }
}

impl<T: Level, Call> Contender for Blurred<T, Call>
where
    Call: FnMut(&BlurImage<'_, T>, &mut BlurImageMut<'_, T>) -> Result<(), String>,
{
    fn note(&self) -> String {
        String::new()
    }

    fn run(&mut self) -> Result<Duration, String> {
        let (width, height) = (self.x.width, self.x.height);
        let channels = FastBlurChannels::Channels3;
        let x = BlurImage::borrow(&self.x.samples, width, height, channels);
        let mut y = BlurImageMut::borrow(&mut self.y, width, height, channels);
        let start = Instant::now();
        (self.call)(&x, &mut y)?;
        Ok(start.elapsed())
    }

    fn result(&self) -> Vec<u8> {
        bytemuck::cast_slice(&self.y).to_vec()
    }
}

/// Multiply-adds of `f32` in registers, on as many threads as the others have: no sum of products is
/// quicker.
struct Peak<T> {
    samples: Vec<T>,
    level: fearless_simd::Level,
    threads: usize,
}

/// Calls of [`peak::multiply_adds_f32`] in a run, which takes about a millisecond.
const CALLS: u64 = 100;

impl<T: Level> Peak<T> {
    fn new(samples: Vec<T>) -> Result<Self, String> {
        let (_, level) = peak::levels().into_iter().next().ok_or("no instructions are known")?;
        // As the script sets it for this library.
        let threads = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok());
        Ok(Self { samples, level, threads: threads.unwrap_or_else(peak::all_threads) })
    }
}

impl<T: Level> Contender for Peak<T> {
    fn note(&self) -> String {
        let each = peak::multiply_adds_f32(self.level) as u64;
        (each * CALLS * self.threads as u64).to_string()
    }

    fn run(&mut self) -> Result<Duration, String> {
        let level = self.level;
        let work = move || {
            std::hint::black_box(peak::multiply_adds_f32(level));
        };
        Ok(peak::time_together(vec![work; self.threads], CALLS))
    }

    fn result(&self) -> Vec<u8> {
        bytemuck::cast_slice(&self.samples).to_vec()
    }
}
