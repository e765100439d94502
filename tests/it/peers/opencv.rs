//! OpenCV.

use convolve::Boundary;
use convolve::filters::{self, Gaussian};
use ndarray::{Array2, Axis};

use super::fixture::{Case, cases};
use super::ours::{Ours, channels_apart, cpu, filter, grey, kernel, template, twice};

fn border(case: &Case) -> Boundary<f32> {
    match case.given::<String>("borderType").as_deref() {
        Some("REFLECT_101") | None => Boundary::Mirror,
        Some("REFLECT") => Boundary::Reflect,
        Some("REPLICATE") => Boundary::Nearest,
        Some("CONSTANT") => Boundary::Zero,
        Some("WRAP") => Boundary::Wrap,
        Some(other) => panic!("border {other}"),
    }
}

/// A `ksize` of 0 reaches three standard deviations in 8 bits, four in other types. A `sigmaX` of 0 is made
/// of `ksize`, of which small ones have a table.
fn gaussian(case: &Case) -> Array2<f32> {
    let (ksize, right) = (case.word::<usize>("ksize"), case.word::<f64>("sigmaX"));
    let down = case.given("sigmaY").unwrap_or(right);
    let reach = if case.of.ends_with("8") { 3.0 } else { 4.0 };
    let of_sigma = |sigma: f64| (sigma * reach * 2.0 + 1.0).round_ties_even() as usize | 1;
    let kernel = match (ksize, right) {
        (3 | 5, 0.0) => return filters::binomial(ksize).expect("a kernel"),
        (7, 0.0) => return twice(&[2., 7., 14., 18., 14., 7., 2.]),
        (9, 0.0) => return twice(&[4., 13., 30., 51., 60., 51., 30., 13., 4.]),
        (ksize, 0.0) => {
            Gaussian::new(0.3 * ((ksize as f64 - 1.0) * 0.5 - 1.0) + 0.8).radius(ksize / 2)
        }
        (0, sigma) => Gaussian::new(sigma).radius(of_sigma(sigma) / 2),
        (ksize, right) => Gaussian::per_axis([down, right]).radius(ksize / 2),
    };
    kernel.kernel().expect("a kernel")
}

fn mean(case: &Case) -> Array2<f32> {
    let [height, width] = ["height", "width"].map(|name| case.word::<usize>(name));
    Array2::from_elem((height, width), 1.0 / (height * width) as f32)
}

/// Derivatives correlate: as kernels of a convolution they are reversed.
fn sobel(case: &Case) -> Array2<f32> {
    let of_words = [case.word("dx"), case.word("dy"), case.given("ksize").unwrap_or(3)];
    match of_words {
        [1, 0, 3] => filters::sobel_x().expect("a kernel"),
        [0, 1, 3] => filters::sobel_y().expect("a kernel"),
        [1, 0, 1] => kernel("1,0,-1", 1.0),
        [1, 0, 5] => kernel("1,2,0,-2,-1;4,8,0,-8,-4;6,12,0,-12,-6;4,8,0,-8,-4;1,2,0,-2,-1", 1.0),
        other => panic!("sobel {other:?}"),
    }
}

fn scharr(case: &Case) -> Array2<f32> {
    match case.word("dx") {
        1 => filters::scharr_x().expect("a kernel"),
        _ => filters::scharr_y().expect("a kernel"),
    }
}

fn laplacian(case: &Case) -> Array2<f32> {
    match case.word("ksize") {
        1 => filters::laplacian().expect("a kernel"),
        _ => kernel("2,0,2;0,-8,0;2,0,2", 1.0),
    }
}

#[test]
fn as_opencv() {
    for case in cases("cv2.") {
        let filter = |kernel: &Array2<f32>| filter(kernel, border(&case));
        let y = match case.function {
            "cv2.GaussianBlur" if case.of == "rgba8" => {
                channels_apart(&filter(&gaussian(&case)), &case)
            }
            "cv2.GaussianBlur" => filter(&gaussian(&case)).of(&case),
            "cv2.blur" => filter(&mean(&case)).of(&case),
            "cv2.filter2D" => {
                let taps =
                    kernel(&case.word::<String>("kernel"), case.given("scale").unwrap_or(1.0));
                filter(&taps).correlate().of(&case)
            }
            "cv2.Sobel" => filter(&sobel(&case)).of(&case),
            "cv2.magnitude(Sobel)" => {
                let [right, down] = filters::Derivatives::Sobel.kernels().expect("kernels");
                filter(&right).gradient(&down).of(&case)
            }
            "cv2.Scharr" => filter(&scharr(&case)).of(&case),
            "cv2.Laplacian" => filter(&laplacian(&case)).of(&case),
            "cv2.boxFilter(normalize=False)" => filter(&Array2::ones((3, 3))).of(&case),
            "cv2.pyrDown" => filter(&filters::binomial(5).expect("a kernel")).stride(2).of(&case),
            "cv2.matchTemplate" => {
                let found = cpu().template(&template(&case)).expect("a template");
                let found = found.for_shape(grey().dim()).expect("a plan");
                let y = found.apply(&grey()).expect("a result").insert_axis(Axis(2));
                // It computes in f32.
                case.within(&y, 1e-4, 0);
                continue;
            }
            other => panic!("{other}"),
        };
        case.agrees(&y);
    }
}
