//! Methods that are tried at planning.

use convolve::{Boundary, Convolver, Method, Options};
use ndarray::ArrayD;

use crate::common::with;
use crate::common::*;

fn convolver_of_one() -> Convolver {
    Convolver::builder().calibrated(false).threads(1).gpu(false).build()
}

#[test]
fn what_was_tried_is_in_the_plan_and_the_fastest_runs() {
    let convolver = convolver_of_one();
    let kernel: ArrayD<f32> = Random::new(1).array(&[9, 9]);
    let plan = || {
        let filter = convolver.filter(&kernel).method(Method::Measured).boundary(Boundary::Wrap);
        filter.for_shape(ndarray::IxDyn(&[128, 128])).expect("valid")
    };
    let filter = plan();
    let times: Vec<f64> =
        filter.plan().candidates.iter().filter_map(|candidate| candidate.measured).collect();
    assert_eq!(times.len(), 2, "direct and FFT:\n{}", filter.plan());
    assert!(times.iter().all(|time| *time > 0.0 && time.is_finite()));
    let total = |candidate: &convolve::plan::Candidate| {
        Some(candidate.measured? + candidate.admitted()?.1.setup)
    };
    let least = filter.plan().candidates.iter().filter_map(total).fold(f64::INFINITY, f64::min);
    assert_eq!(total(filter.plan().chosen()), Some(least));
    let words = filter.plan().to_string();
    assert!(words.contains("measured") && filter.plan().reason().contains("measured"), "{words}");
    // The next filter of this kind does not try again: the same times, to the last digit.
    assert_eq!(plan().plan(), filter.plan());
    // And what runs is right.
    let x = Random::new(2).array::<f32>(&[128, 128]);
    let options = with!(Options::default(), boundary: Boundary::Wrap.into());
    let subject = Subject::new(x, kernel.clone(), options);
    subject.check_filter(&filter).expect("within the bound");
}

/// Measuring only reorders what the vetoes leave.
#[test]
fn no_method_is_tried_that_could_be_wrong() {
    let kernel: ArrayD<i64> = Random::new(3).array(&[31, 31]);
    let convolver = convolver_of_one();
    let filter = convolver.filter(&kernel).method(Method::Measured);
    let filter = filter.for_shape(ndarray::IxDyn(&[64, 64])).expect("valid");
    assert_eq!((filter.plan().device(), filter.plan().method()), CPU_DIRECT);
    let fft = filter.plan().candidates.iter().find(|candidate| candidate.method == Method::Fft);
    assert!(fft.is_some_and(|fft| fft.admitted().is_none() && fft.measured.is_none()));
}

#[test]
fn what_is_expected_to_take_far_longer_is_not_tried() {
    let convolver = convolver_of_one();
    let kernel: ArrayD<f32> = Random::new(4).array(&[127, 127]);
    let filter = convolver.filter(&kernel).method(Method::Measured);
    let filter = filter.for_shape(ndarray::IxDyn(&[300, 300])).expect("valid");
    let direct = &filter.plan().candidates[0];
    assert_eq!((direct.device, direct.method), CPU_DIRECT);
    assert!(direct.measured.is_none(), "{}", filter.plan());
    assert_eq!(filter.plan().method(), Method::Fft);
}

/// A device that was asked for is kept to.
#[cfg(feature = "gpu")]
#[test]
fn measured_on_the_gpu_alone() {
    let Some(convolver) = gpu() else { return };
    let kernel = Random::new(5).rank_one::<f32>(&[5, 5]);
    let filter = convolver.filter(&kernel).method(Method::Measured).device(GPU_DIRECT.0);
    let filter = filter.for_shape(ndarray::IxDyn(&[90, 80])).expect("valid");
    assert_eq!(filter.plan().device(), GPU_DIRECT.0);
    for candidate in &filter.plan().candidates {
        assert_eq!(candidate.measured.is_some(), candidate.device == GPU_DIRECT.0, "{candidate:?}");
    }
    assert_eq!(filter.gpu_plan().expect("resident").method(), filter.plan().method());
    let subject = Subject::new(Random::new(6).array(&[90, 80]), kernel, Options::default());
    subject.check_filter(&filter).expect("within the bound");
}
