//! How far results are apart where the same word is taken for the same thing: the numbers that
//! `docs/peers.md` has.

use convolve::Boundary::{Mirror, Nearest, Reflect};
use convolve::filters::{self, Derivatives};
use ndarray::Array2;

use super::fixture::cases;
use super::ours::{Ours, filter, kernel};

const RAMP: &str = "0,1,2;3,4,5;6,7,8";

/// A function with these arguments, and what has the same name here, are so many levels apart. A level
/// more or less is another rounding.
fn apart(function: &str, words: &str, ours: impl Ours, levels: f64) {
    let cases = cases(function);
    let mut cases = cases.iter().filter(|case| case.function == function);
    let case = cases.find(|case| case.words == words);
    let case = case.unwrap_or_else(|| panic!("{function} with {words}"));
    let (off, _) = case.largest_difference(&ours.of(case), 0);
    assert!((off - levels).abs() <= 1.0, "{}: {off} apart, not {levels}", case.name());
}

fn gaussian(sigma: f64) -> Array2<f32> {
    filters::gaussian(sigma).expect("a kernel")
}

#[test]
fn a_gaussian_may_be_another_one() {
    apart("cv2.GaussianBlur", "ksize=0 sigmaX=3.3", filter(&gaussian(3.3), Mirror), 1.0);
    apart("PIL.GaussianBlur", "radius=2", filter(&gaussian(2.0), Nearest), 14.0);
    apart("vips.gaussblur", "sigma=2", filter(&gaussian(2.0), Nearest), 9.0);
    apart("magick.-blur", "sigma=0.5", filter(&gaussian(0.5), Nearest), 8.0);
    apart("magick.-blur", "sigma=2", filter(&gaussian(2.0), Nearest), 1.0);
}

#[test]
fn a_type_or_an_axis_may_be_another_one() {
    let blur = |sigma| filter(&gaussian(sigma), Reflect);
    apart("ndimage.gaussian_filter(u8)", "sigma=2", blur(2.0), 2.0);
    apart("ndimage.gaussian_filter(rgb)", "sigma=1", blur(1.0), 12.0);
}

#[test]
fn an_edge_may_be_another_one() {
    let blur = filter(&gaussian(2.0), Mirror);
    apart("ndimage.gaussian_filter", "sigma=2 mode=reflect", blur, 18.0);
    let mean = filter(&filters::box_mean(5).expect("a kernel"), Mirror);
    apart("PIL.BoxBlur", "radius=2", mean, 33.0);
}

#[test]
fn a_kernel_may_be_the_other_way_round() {
    let ramp = kernel(RAMP, 36.0);
    let words = |rest: &str| format!("kernel={RAMP}{rest}");
    let in_opencv = words(" scale=36 borderType=REFLECT_101");
    apart("cv2.filter2D", &in_opencv, filter(&ramp, Mirror), 93.0);
    apart("PIL.Kernel", &words(""), filter(&ramp, Nearest).correlate(), 96.0);
    let in_vips = words(" precision=integer scale=36");
    apart("vips.conv", &in_vips, filter(&ramp, Nearest), 93.0);
    apart("magick.-convolve", &words(""), filter(&ramp, Nearest), 93.0);
}

#[test]
fn edges_and_sharpness_may_be_measured_otherwise() {
    let [right, down] = Derivatives::Sobel.kernels().expect("kernels");
    apart("vips.sobel", "", filter(&right, Nearest).gradient(&down), 57.0);
    let sharp = filter(&gaussian(1.0), Nearest).unsharp(1.0, 0.0);
    apart("vips.sharpen", "sigma=1", sharp, 19.0);
}
