//! libvips.

use convolve::filters::{Derivatives, Gaussian};
use convolve::{Boundary, Signed};
use ndarray::{Array2, Array3};

use super::fixture::{Case, cases};
use super::ours::{Ours, filter, image, kernel, levels, twice};

/// Ends where the Gaussian falls below `min_ampl`. In integers its taps are twentieths.
fn gaussian(case: &Case) -> Array2<f32> {
    let sigma: f64 = case.word("sigma");
    let least = case.given("min_ampl").unwrap_or(0.2);
    let radius = (sigma * (-2.0 * f64::ln(least)).sqrt()).floor() as usize;
    match case.given::<String>("precision").as_deref() {
        Some("float") => Gaussian::new(sigma).radius(radius).kernel().expect("a kernel"),
        _ => {
            let x = |tap: usize| tap as f64 - radius as f64;
            let taps = (0..=2 * radius).map(|tap| (-0.5 * (x(tap) / sigma).powi(2)).exp());
            twice(&taps.map(|tap| (20.0 * tap).round()).collect::<Vec<_>>())
        }
    }
}

fn correlated(case: &Case) -> Array3<f64> {
    let taps = kernel(&case.word::<String>("kernel"), case.given("scale").unwrap_or(1.0));
    let filter = filter(&taps, Boundary::Nearest).correlate();
    match case.given::<usize>("offset") {
        None => filter.of(case),
        Some(128) => {
            let picture = image(case.of);
            let filter = filter.for_picture(&picture).expect("a plan").signed(Signed::MID_GREY);
            levels(&filter.apply(&picture).expect("a result"))
        }
        Some(other) => panic!("offset {other}"),
    }
}

/// The sum of both derivatives, without their signs, and not the length.
fn sum_of_slopes(case: &Case) -> Array3<f64> {
    let picture = image(case.of);
    let slopes = Derivatives::Sobel.kernels().expect("kernels").map(|kernel| {
        let slope = filter(&kernel, Boundary::Nearest).for_picture(&picture).expect("a plan");
        slope.apply_unrounded(&picture).expect("a result").mapv(f32::abs)
    });
    let [right, down] = slopes;
    (right + down).mapv(|sum| f64::from(sum.min(255.0)))
}

fn length_of_slopes(case: &Case) -> Array3<f64> {
    let [right, down] = Derivatives::Sobel.kernels().expect("kernels");
    let length = filter(&right, Boundary::Nearest).gradient(&down).of(case);
    length.mapv(|length| length.min(255.0))
}

#[test]
fn as_libvips() {
    for case in cases("vips.") {
        match (case.function, case.of) {
            ("vips.gaussblur" | "vips.premultiply.gaussblur", _) => {
                case.agrees(&filter(&gaussian(&case), Boundary::Nearest).of(&case))
            }
            ("vips.conv", _) => case.agrees(&correlated(&case)),
            // It halves and doubles them.
            ("vips.sobel", "grey8") => case.within(&sum_of_slopes(&case), 2.0, 0),
            ("vips.sobel", _) => case.agrees(&length_of_slopes(&case)),
            // It sharpens lightness, along a curve of its own: otherwise.rs has how far that is from a mask.
            ("vips.sharpen", _) => {}
            other => panic!("{other:?}"),
        }
    }
}
