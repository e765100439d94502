//! ImageMagick.

use convolve::Boundary;
use convolve::filters;
use ndarray::Array2;

use super::fixture::{Case, cases};
use super::ours::{Ours, filter, kernel, twice};

/// `-virtual-pixel`.
fn edge(case: &Case) -> Boundary<f32> {
    match case.given::<String>("edge").as_deref() {
        Some("edge") | None => Boundary::Nearest,
        Some("mirror") => Boundary::Reflect,
        Some("tile") => Boundary::Wrap,
        Some("black") => Boundary::Zero,
        Some(other) => panic!("edge {other}"),
    }
}

/// Every tap is the sum of three samples of the Gaussian, a third of a sample apart.
fn of_thirds(sigma: f64) -> Array2<f32> {
    let radius = (4.0 * sigma) as i32 + 2;
    let third = |third: i32| (-0.5 * (f64::from(third) / 3.0 / sigma).powi(2)).exp();
    let taps = (-radius..=radius).map(|tap| (3 * tap - 1..=3 * tap + 1).map(third).sum());
    twice(&taps.collect::<Vec<f64>>())
}

#[test]
fn as_imagemagick() {
    for case in cases("magick.") {
        let filter = |kernel: &Array2<f32>| filter(kernel, edge(&case));
        let taps = || kernel(&case.word::<String>("kernel"), 36.0);
        let y = match case.function {
            "magick.-blur" => filter(&of_thirds(case.word("sigma"))).of(&case),
            "magick.-gaussian-blur" => {
                filter(&filters::gaussian(case.word("sigma")).expect("a kernel")).of(&case)
            }
            // Correlates, and divides by the sum of the weights.
            "magick.-convolve" => filter(&taps()).correlate().of(&case),
            // Convolves.
            "magick.-morphology" => filter(&taps()).of(&case),
            "magick.-unsharp" => {
                let blur = filter(&of_thirds(case.word("sigma")));
                // A part of half of the range.
                let threshold = case.word::<f64>("threshold") * 255.0 / 2.0;
                blur.unsharp(case.word("amount"), threshold).of(&case)
            }
            other => panic!("{other}"),
        };
        case.agrees(&y);
    }
}
