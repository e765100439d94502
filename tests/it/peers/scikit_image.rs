//! scikit-image.

use convolve::Boundary;
use convolve::filters::{self, Derivatives, Gaussian};
use ndarray::{Array2, Array3, Axis};
use std::f32::consts::SQRT_2;

use super::fixture::{Case, cases};
use super::ours::{Ours, cpu, filter, grey, template};

/// Derivatives are divided by the sum of the weights across, and lengths by the square root of two.
fn length(case: &Case, derivatives: Derivatives, weights: f32) -> Array3<f64> {
    let kernels = derivatives.kernels::<f32>().expect("kernels");
    let [right, down] = kernels.map(|kernel| kernel / (weights * SQRT_2));
    filter(&right, Boundary::Reflect).gradient(&down).of(case)
}

fn found(case: &Case) -> Array3<f64> {
    let found = cpu().template(&template(case)).expect("a template");
    let found = if case.word::<String>("pad_input") == "True" { found.same() } else { found };
    let found = found.for_shape(grey().dim()).expect("a plan");
    found.apply(&grey()).expect("a result").insert_axis(Axis(2))
}

fn blurred(case: &Case) -> Array3<f64> {
    let kernel = Gaussian::new(case.word("sigma")).truncate(case.given("truncate").unwrap_or(4.0));
    let boundary = match case.given::<String>("mode").as_deref() {
        Some("nearest") | None => Boundary::Nearest,
        Some("mirror") => Boundary::Mirror,
        Some(other) => panic!("mode {other}"),
    };
    filter(&kernel.kernel().expect("a kernel"), boundary).of(case)
}

#[test]
fn as_scikit_image() {
    let reflected = |kernel: Array2<f32>| filter(&kernel, Boundary::Reflect);
    for case in cases("skimage.") {
        let y = match case.function {
            "skimage.gaussian" => blurred(&case),
            "skimage.sobel" => length(&case, Derivatives::Sobel, 4.0),
            "skimage.scharr" => length(&case, Derivatives::Scharr, 16.0),
            "skimage.prewitt" => length(&case, Derivatives::Prewitt, 3.0),
            "skimage.sobel_v" => reflected(filters::sobel_x().expect("a kernel") / 4.0).of(&case),
            "skimage.sobel_h" => reflected(filters::sobel_y().expect("a kernel") / 4.0).of(&case),
            "skimage.laplace" => {
                reflected(-filters::laplacian::<f32>().expect("a kernel")).of(&case)
            }
            "skimage.unsharp_mask" => {
                let blur = reflected(filters::gaussian(case.word("radius")).expect("a kernel"));
                blur.unsharp(case.word("amount"), 0.0).of(&case)
            }
            "skimage.match_template" => found(&case),
            other => panic!("{other}"),
        };
        case.agrees(&y);
    }
}
