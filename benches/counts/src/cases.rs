//! The cases: what is prepared without being counted, and what is counted.

use std::hint::black_box;

use convolve::filters::{self, Named};
use convolve::plan::InstructionSet;
use convolve::{Boundary, Convolver, Element, Light, Method, Mode, Tolerance};
use image::{DynamicImage, RgbImage};
use ndarray::{Array1, Array2, Axis};

/// What is counted; returns a sample of the result.
pub type Run = Box<dyn FnMut() -> f64>;

pub struct Case {
    pub name: &'static str,
    /// What a first call sets up is counted too.
    pub first: bool,
    pub prepare: fn() -> Run,
}

const fn again(name: &'static str, prepare: fn() -> Run) -> Case {
    Case { name, first: false, prepare }
}

const fn first(name: &'static str, prepare: fn() -> Run) -> Case {
    Case { name, first: true, prepare }
}

pub const CASES: &[Case] = &[
    again("direct-f32-3x3", || array(noise(512), noise(3), Method::Direct)),
    again("direct-f32-7x7", || array(noise(512), noise(7), Method::Direct)),
    again("direct-f32-15x15", || array(noise(512), noise(15), Method::Direct)),
    again("direct-i32-5x5", || array(integers(512), integers(5), Method::Direct)),
    again("separable-f32-15x15", || array(noise(512), gaussian(15), Method::Separable)),
    again("fft-f32-31x31", || array(noise(512), noise(31), Method::Fft)),
    again("edges-f32-9x9", edges),
    again("picture-u8-gaussian", || picture(&sigma(2.0), Method::Separable, Light::AsStored)),
    again("picture-u8-3x3", || picture(&noise(3), Method::Direct, Light::AsStored)),
    again("picture-u8-coarse", || picture(&sigma(20.0), Method::Coarse, Light::AsStored)),
    again("picture-u8-linear-light", || picture(&sigma(2.0), Method::Separable, Light::Linear)),
    first("plan", plan),
    first("first-call", first_call),
    first("kernel-by-name", kernel_by_name),
];

/// The same on every machine.
fn convolver() -> Convolver {
    let builder = Convolver::builder().threads(1).instructions(InstructionSet::Avx2);
    builder.gpu(false).calibrated(false).build()
}

/// Samples without a pattern, from 0 to 1.
fn noise(side: usize) -> Array2<f32> {
    let mut state = 1_u32;
    Array2::from_shape_simple_fn((side, side), || {
        // A linear congruential generator: Numerical Recipes' constants.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    })
}

fn integers(side: usize) -> Array2<i32> {
    noise(side).mapv(|sample| (sample * 1000.0) as i32)
}

/// A Gaussian whose ends are at three sigma.
fn gaussian(taps: usize) -> Array2<f32> {
    let line = Array1::from_shape_fn(taps, |tap| {
        let offset = (tap as f32 - (taps / 2) as f32) * 6.0 / taps as f32;
        (-offset * offset / 2.0).exp()
    });
    &line.view().insert_axis(Axis(1)) * &line.view().insert_axis(Axis(0))
}

fn sigma(sigma: f64) -> Array2<f32> {
    filters::gaussian(sigma).expect("a sigma above zero")
}

/// What stands in the middle.
fn middle<A: Element>(y: &Array2<A>) -> A {
    y[[y.nrows() / 2, y.ncols() / 2]]
}

/// From an array into one that is there.
fn array<A: Element + Into<f64>>(x: Array2<A>, k: Array2<A>, method: Method) -> Run {
    let filter = convolver().filter(&k).method(method).for_shape(x.dim());
    let filter = filter.expect("a method that takes this problem");
    let mut y = x.clone();
    Box::new(move || {
        filter.apply_into(&x, &mut y).expect("a planned run");
        middle(&y).into()
    })
}

/// As many outputs near an edge as elsewhere, and edges that have to be looked up.
fn edges() -> Run {
    let (x, k) = (noise(24), noise(9));
    let builder = convolver().filter(&k).boundary(Boundary::Mirror).method(Method::Direct);
    let filter = builder.for_shape(x.dim()).expect("direct takes every problem");
    let mut y = x.clone();
    Box::new(move || {
        filter.apply_into(&x, &mut y).expect("a planned run");
        middle(&y).into()
    })
}

/// From a picture into one that is there.
fn picture(k: &Array2<f32>, method: Method, light: Light) -> Run {
    let samples = noise(384).mapv(|sample| (sample * 256.0) as u8);
    let x = RgbImage::from_fn(384, 256, |column, row| {
        image::Rgb([0, 1, 2].map(|channel| samples[[(row + channel) as usize, column as usize]]))
    });
    let x = DynamicImage::from(x);
    let builder = convolver().picture_filter(k).boundary(Boundary::Mirror);
    // The exact methods keep more than this.
    let builder = builder.tolerance(Tolerance::Levels(0.25)).method(method).light(light);
    let filter = builder.for_picture(&x).expect("a method that takes this picture");
    let mut y = x.clone();
    Box::new(move || {
        filter.apply_into(&x, &mut y).expect("a planned run");
        y.as_bytes()[y.as_bytes().len() / 2].into()
    })
}

/// Facts of a kernel, candidates, costs, and what is prepared once.
fn plan() -> Run {
    let (convolver, k) = (convolver(), noise(7));
    Box::new(move || {
        let filter = convolver.filter(&k).boundary(Boundary::Reflect).for_shape((2160, 3840));
        filter.expect("a plan").plan().cost().total()
    })
}

/// `convolve(&x, &k, Mode::Same)`, but for what it reads of the machine.
fn first_call() -> Run {
    let (x, k) = (noise(64), noise(5));
    Box::new(move || {
        let filter = convolver().filter(&k).mode(Mode::Same).runs(1).for_shape(x.dim());
        middle(&filter.expect("a plan").apply(&x).expect("a planned run")).into()
    })
}

/// As the command reads it.
fn kernel_by_name() -> Run {
    Box::new(|| {
        let kernel: Named = black_box("gaussian:4").parse().expect("a built-in kernel");
        let taps = kernel.kernel::<f32>(2).expect("a sigma above zero");
        taps.sum().into()
    })
}
