//! SciPy on pictures; scipy.rs above has its arrays.

use convolve::Boundary;
use convolve::filters::{self, Derivatives, Named};
use ndarray::{Array2, Array3, Axis, Ix3};

use super::fixture::{Case, cases, picture};
use super::ours::{Ours, cpu, filter, grey, kernel};

fn boundary(case: &Case) -> Boundary<f32> {
    match case.given::<String>("mode").as_deref() {
        None if case.function.starts_with("signal.") => Boundary::Zero,
        Some("reflect") | None => Boundary::Reflect,
        Some("mirror") => Boundary::Mirror,
        Some("nearest") => Boundary::Nearest,
        Some("constant") => Boundary::Zero,
        Some("wrap") => Boundary::Wrap,
        Some(other) => panic!("mode {other}"),
    }
}

/// Integers are cut off after each axis.
fn cut_off(case: &Case) -> Array3<f64> {
    let sigma: f64 = case.word("sigma");
    let mut x = grey().mapv(f64::from);
    for sigmas in [[sigma, 0.0], [0.0, sigma]] {
        let kernel = filters::Gaussian::per_axis(sigmas).kernel::<f64>().expect("a kernel");
        let blur = cpu().filter(&kernel).boundary(Boundary::Reflect);
        let blurred = blur.for_shape(x.dim()).expect("a plan").apply(&x).expect("a result");
        x = blurred.mapv(f64::trunc);
    }
    x.insert_axis(Axis(2))
}

/// And derivatives wrap.
fn wrapped() -> Array3<f64> {
    let slope = cpu().filter(&filters::sobel_x::<i16>().expect("a kernel"));
    let slope = slope.boundary(Boundary::Reflect).for_shape(grey().dim()).expect("a plan");
    let y = slope.apply(&grey().mapv(i16::from)).expect("a result");
    y.mapv(|y| f64::from(y as u8)).insert_axis(Axis(2))
}

/// Channels are an axis like the others.
fn across_channels(case: &Case) -> Array3<f64> {
    let name: Named = format!("gaussian:{}", case.word::<f64>("sigma")).parse().expect("a name");
    let kernel = name.kernel::<f32>(3).expect("a kernel");
    let kernel = kernel.into_dimensionality::<Ix3>().expect("three axes");
    let x = picture().mapv(f32::from);
    let blur = cpu().filter(&kernel).boundary(Boundary::Reflect);
    let y = blur.for_shape(x.dim()).expect("a plan").apply(&x).expect("a result");
    y.mapv(f64::from)
}

/// For functions that take the other of the two samples in the middle of an even kernel.
fn origin(kernel: &Array2<f32>) -> [isize; 2] {
    [kernel.nrows(), kernel.ncols()].map(|taps| isize::from(taps % 2 == 0))
}

#[test]
fn as_scipy() {
    for case in cases("ndimage.").into_iter().chain(cases("signal.")) {
        let filter = |kernel: &Array2<f32>| filter(kernel, boundary(&case));
        let taps = || kernel(&case.word::<String>("kernel"), 1.0);
        let y = match case.function {
            "ndimage.gaussian_filter" => {
                filter(&filters::gaussian(case.word("sigma")).expect("a kernel")).of(&case)
            }
            "ndimage.gaussian_filter(u8)" => cut_off(&case),
            "ndimage.gaussian_filter(rgb)" => across_channels(&case),
            "ndimage.uniform_filter" => {
                filter(&filters::box_mean(case.word("size")).expect("a kernel")).of(&case)
            }
            "ndimage.sobel" => {
                let slopes = [filters::sobel_y(), filters::sobel_x()];
                filter(slopes[case.word::<usize>("axis")].as_ref().expect("a kernel")).of(&case)
            }
            "ndimage.sobel(u8)" => wrapped(),
            "ndimage.laplace" => filter(&filters::laplacian().expect("a kernel")).of(&case),
            "ndimage.gaussian_laplace" => {
                let kernel = filters::laplacian_of_gaussian(case.word("sigma"));
                filter(&kernel.expect("a kernel")).of(&case)
            }
            "ndimage.gaussian_gradient_magnitude" => {
                let pair = Derivatives::Gaussian(case.word("sigma"));
                let [right, down] = pair.kernels().expect("kernels");
                filter(&right).gradient(&down).of(&case)
            }
            "ndimage.correlate" => filter(&taps()).correlate().of(&case),
            "ndimage.convolve" => filter(&taps()).origin(origin(&taps())).of(&case),
            "signal.correlate2d" => filter(&taps()).correlate().origin(origin(&taps())).of(&case),
            "signal.convolve2d" => filter(&taps()).of(&case),
            other => panic!("{other}"),
        };
        case.agrees(&y);
    }
}
