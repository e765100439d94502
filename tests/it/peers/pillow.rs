//! Pillow.

use convolve::Boundary;
use ndarray::{Array2, Array3, s};

use super::fixture::{Case, cases};
use super::ours::{Ours, channels_apart, filter, image, kernel, levels, twice};

/// A box with a part of a sample at either end.
fn extended_box(radius: f64) -> Vec<f64> {
    let whole = radius.floor();
    let mut taps = vec![1.0; 2 * whole as usize + 1];
    if radius > whole {
        taps.insert(0, radius - whole);
        taps.push(radius - whole);
    }
    taps
}

/// The radius of three boxes whose variances add up to that of a Gaussian (Gwosdek et al., Theoretical
/// Foundations of Gaussian Convolution by Extended Box Filtering, 2011).
fn radius_of_three(sigma: f64) -> f64 {
    let variance = sigma * sigma / 3.0;
    let whole = (((12.0 * variance + 1.0).sqrt() - 1.0) / 2.0).floor();
    let next = whole + 1.0;
    let part = (2.0 * whole + 1.0) * (whole * next - 3.0 * variance);
    whole + part / (6.0 * (variance - next * next))
}

/// It rounds after each of them.
fn three_boxes(case: &Case) -> Array3<f64> {
    let taps = twice(&extended_box(radius_of_three(case.word("radius"))));
    let mut picture = image(case.of);
    for _ in 0..3 {
        let mean = filter(&taps, Boundary::Nearest).for_picture(&picture).expect("a plan");
        picture = mean.apply(&picture).expect("a result");
    }
    levels(&picture)
}

/// Rows are upside down, weights are divided by their sum, and what the kernel does not reach wholly inside
/// stays as it is.
fn correlated(case: &Case) -> Array3<f64> {
    let taps = kernel(&case.word::<String>("kernel"), 1.0);
    let taps: Array2<f32> = &taps.slice(s![..;-1, ..]) / taps.sum();
    let mut y = filter(&taps, Boundary::Nearest).correlate().of(case);
    let reach = taps.nrows() / 2;
    let (rows, columns, _) = y.dim();
    let x = levels(&image(case.of));
    for ((row, column, channel), y) in y.indexed_iter_mut() {
        let inside =
            (reach..rows - reach).contains(&row) && (reach..columns - reach).contains(&column);
        if !inside {
            *y = x[[row, column, channel]];
        }
    }
    y
}

/// Three boxes as one kernel, which is the same where no edge is near.
fn sharpened(case: &Case) -> (Array3<f64>, usize) {
    let once = extended_box(radius_of_three(case.word("radius")));
    let thrice = along(&along(&once, &once), &once);
    let amount = case.word::<f64>("percent") / 100.0;
    let blur = filter(&twice(&thrice), Boundary::Nearest);
    (blur.unsharp(amount, case.word("threshold")).of(case), thrice.len() / 2)
}

fn along(a: &[f64], b: &[f64]) -> Vec<f64> {
    let [a, b] = [a, b].map(ndarray::ArrayView1::from);
    convolve::convolve(&a, &b, convolve::Mode::Full).expect("taps").to_vec()
}

#[test]
fn as_pillow() {
    for case in cases("PIL.") {
        match case.function {
            "PIL.BoxBlur" => {
                let taps = twice(&extended_box(case.word("radius")));
                let mean = filter(&taps, Boundary::Nearest);
                case.agrees(&match case.of {
                    "rgba8" => channels_apart(&mean, &case),
                    _ => mean.of(&case),
                });
            }
            // It rounds six times where this rounds three times.
            "PIL.GaussianBlur" => case.within(&three_boxes(&case), 2.0, 0),
            "PIL.Kernel" => case.agrees(&correlated(&case)),
            "PIL.UnsharpMask" => {
                let (y, margin) = sharpened(&case);
                // A level, and the two by which the blurs differ.
                case.within(&y, 3.0, margin);
            }
            other => panic!("{other}"),
        }
    }
}
