//! Results that are checked as they come, and a planted fault that must be noticed.

use convolve::plan::Recipe;
use convolve::{Boundary, Check, Convolver, ConvolverBuilder, Error, Filter, FrameSample, Options};
use ndarray::{Array2, ArrayD, Dimension, Ix2, IxDyn};
use num_complex::Complex;

use crate::common::with;
use crate::common::*;

fn picture<A: Value>(rows: usize, columns: usize, seed: u64) -> Array2<A> {
    let array = Random::new(seed).array(&[rows, columns]);
    array.into_dimensionality::<Ix2>().expect("two axes")
}

/// A kernel that every method can do.
fn kernel<A: Value>() -> Array2<A> {
    Random::new(1).rank_one(&[3, 4]).into_dimensionality::<Ix2>().expect("two axes")
}

fn faulty(fault: fn(&Recipe) -> Option<usize>) -> Convolver {
    Convolver::builder().calibrated(false).inject_fault(fault).build()
}

fn checked<A: Value>(
    convolver: &Convolver,
    (device, method): Way,
    check: Check,
    shape: (usize, usize),
) -> Filter<A, Ix2> {
    let filter = convolver.filter(&kernel::<A>()).boundary(Boundary::Mirror).check(check);
    filter.device(device).method(method).for_shape(shape).expect("admissible")
}

fn all_ways() -> Vec<Way> {
    let mut all = vec![CPU_DIRECT, CPU_SEPARABLE, CPU_FFT];
    all.extend(gpu().map(|_| [GPU_DIRECT, GPU_SEPARABLE]).into_iter().flatten());
    all
}

/// What the definition says at the place that the error names.
fn assert_names(error: Error, way: Way, at: [usize; 2]) {
    let words = error.to_string();
    let Error::FailedCheck { device, method, output, value, expected, off, bound } = error else {
        panic!("expected a failed check, got {words}");
    };
    assert_eq!(((device, method), &output[..]), (way, &at[..]), "{words}");
    assert!(value != expected && off > bound && bound >= 0.0, "{words}");
    for part in [&value, &expected, &format!("{at:?}"), &way.1.to_string()] {
        assert!(words.contains(part.as_str()), "{part} is missing in {words}");
    }
}

#[test]
fn a_wrong_first_or_last_output_is_noticed_at_once() {
    fn first(_: &Recipe) -> Option<usize> {
        Some(0)
    }
    fn last(_: &Recipe) -> Option<usize> {
        Some(17 * 23 - 1)
    }
    let x = picture::<f32>(17, 23, 2);
    for (fault, at) in [(first as fn(&Recipe) -> _, [0, 0]), (last, [16, 22])] {
        let convolver = faulty(fault);
        for way in all_ways() {
            let filter = checked(&convolver, way, Check::Sampled(0), x.dim());
            assert_names(filter.apply(&x).expect_err("it is wrong"), way, at);
            let mut y = Array2::zeros(x.dim());
            assert_names(filter.apply_into(&x, &mut y).expect_err("it is wrong"), way, at);
            // Nobody asked.
            let unchecked = checked(&convolver, way, Check::Nothing, x.dim());
            assert!(unchecked.apply(&x).is_ok());
            // Without the fault there is nothing to notice.
            let sound = checked(convolver_of_all(), way, Check::Sampled(9), x.dim());
            assert!(sound.apply(&x).is_ok());
        }
    }
}

fn convolver_of_all() -> &'static Convolver {
    gpu().unwrap_or_else(convolver)
}

/// Every call looks elsewhere.
#[test]
fn a_wrong_output_anywhere_is_noticed_in_the_end() {
    fn middle(_: &Recipe) -> Option<usize> {
        Some(7 * 23 + 11)
    }
    let convolver = faulty(middle);
    let x = picture::<i32>(17, 23, 3);
    let filter = checked(&convolver, CPU_DIRECT, Check::Sampled(4), x.dim());
    let calls = (1..=17 * 23).find(|_| match filter.apply(&x) {
        Ok(_) => false,
        Err(error) => {
            assert_names(error, CPU_DIRECT, [7, 11]);
            true
        }
    });
    assert!(calls.is_some_and(|calls| calls > 1), "after {calls:?} calls");
    // The same calls look at the same outputs.
    let again = checked(&convolver, CPU_DIRECT, Check::Sampled(4), x.dim());
    let count = (1..).find(|_| again.apply(&x).is_err());
    assert_eq!(count, calls);
}

/// A fault of one method at an output that the definition is not asked about shows between methods.
#[test]
fn verify_notices_one_wrong_output_of_one_method() {
    fn fft(recipe: &Recipe) -> Option<usize> {
        matches!(recipe, Recipe::CpuFft { .. }).then_some(3)
    }
    let convolver = faulty(fft);
    let x = picture::<f32>(300, 300, 4);
    // The filter's own method is another one, or the faulty one.
    for way in [CPU_DIRECT, CPU_FFT] {
        let filter = checked(&convolver, way, Check::Nothing, x.dim());
        let report = filter.verify(&x).expect("runs");
        assert!(!report.agrees() && report.largest_share() > 1.0, "{report}");
        assert!(report.sampled < report.outputs, "not every output is sampled: {report}");
        for method in &report.methods {
            let Ok(deviation) = &method.outcome else { continue };
            // All others are far from this one, and it is far from all others.
            assert!(deviation.share > 1.0, "{report}");
            assert!(deviation.from_definition.share <= 1.0, "not sampled there: {report}");
            let is_fft = (method.device, method.method) == CPU_FFT;
            let is_own = (method.device, method.method) == way;
            let from_own = deviation.from_chosen.share > 1.0;
            assert_eq!(from_own, is_fft != (way == CPU_FFT) && !is_own, "{report}");
        }
        assert!(report.to_string().contains("NOT verified"), "{report}");
    }
    let sound = checked(convolver_of_all(), CPU_DIRECT, Check::Nothing, x.dim());
    let report = verified(&sound, &x);
    assert!((0.0..=1.0).contains(&report.largest_share()) && report.largest_share() > 0.0);
    assert!(report.to_string().contains("of its bound"), "{report}");
}

/// What is right is never called wrong: in every type, mode, boundary and method.
fn no_false_alarm<A: Value>(every: usize, ways: &[Way]) {
    let mut ran = 0;
    for case in table().iter().step_by(every) {
        let subject = case.subject::<A>();
        for &(device, method) in ways {
            let filter = convolver().filter(&subject.k).options(subject.options.clone());
            let filter = filter.device(device).method(method).check(Check::Sampled(5));
            let Ok(filter) = filter.for_shape(subject.x.raw_dim()) else { continue };
            for _ in 0..3 {
                match filter.apply(&subject.x) {
                    Ok(_) => ran += 1,
                    // The input of a swapped filter may be what no transform is exact for.
                    Err(Error::Inadmissible { .. }) => {}
                    Err(error) => panic!("{case:?} {device} {method}: {error}"),
                }
            }
        }
    }
    assert!(ran > 100, "{ran} runs");
}

#[test]
fn what_is_right_passes() {
    let cpu = [CPU_DIRECT, CPU_FFT];
    no_false_alarm::<f32>(11, &cpu);
    no_false_alarm::<f64>(13, &cpu);
    no_false_alarm::<Complex<f32>>(17, &cpu);
    no_false_alarm::<i16>(19, &cpu);
    no_false_alarm::<u64>(23, &[CPU_DIRECT]);
    if gpu().is_some() {
        no_false_alarm::<f32>(29, &[GPU_DIRECT]);
    }
}

/// NaN and infinity are compared in kind.
#[test]
fn what_is_not_finite_is_no_fault() {
    let mut x = picture::<f32>(40, 50, 5);
    (x[[0, 0]], x[[20, 20]], x[[39, 49]]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    for way in all_ways() {
        let filter = checked(convolver_of_all(), way, Check::Sampled(400), x.dim());
        filter.apply(&x).unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }
    // Every output, where a type is widened too.
    let kernel = kernel::<f32>();
    let filter = convolver_of_all().filter(&kernel).precision(convolve::Precision::High);
    let filter = filter.check(Check::Sampled(usize::MAX)).for_shape(x.dim()).expect("admissible");
    filter.apply(&x).expect("right everywhere");
}

/// Frames of bytes are checked as they are: rounded and saturated.
fn frames<T: FrameSample<f32>>(
    builder: ConvolverBuilder,
    way: Way,
    frames: &[ArrayD<T>],
) -> Result<usize, Error> {
    let convolver = builder.build();
    let kernel = kernel::<f32>().into_dyn() / 4.0;
    let filter = convolver.filter(&kernel).device(way.0).method(way.1).check(Check::Sampled(50));
    let filter = filter.for_shape(IxDyn(frames[0].shape())).expect("admissible");
    let results = filter.stream_of::<T>().over(frames.to_vec());
    results.collect::<Result<Vec<_>, _>>().map(|results| results.len())
}

#[test]
fn streams_are_checked() {
    fn first(_: &Recipe) -> Option<usize> {
        Some(0)
    }
    let mut ways = vec![CPU_DIRECT, CPU_FFT];
    ways.extend(gpu().map(|_| GPU_DIRECT));
    let bytes: Vec<ArrayD<u8>> = (0..5).map(|seed| Random::new(seed).array(&[30, 31])).collect();
    let floats: Vec<ArrayD<f32>> = (0..5).map(|seed| Random::new(seed).array(&[30, 31])).collect();
    for way in ways {
        let sound = || Convolver::builder().calibrated(false);
        assert_eq!(frames(sound(), way, &bytes), Ok(5), "{way:?}");
        assert_eq!(frames(sound(), way, &floats), Ok(5), "{way:?}");
        for result in [
            frames(sound().inject_fault(first), way, &bytes),
            frames(sound().inject_fault(first), way, &floats),
        ] {
            assert!(matches!(result, Err(Error::FailedCheck { .. })), "{way:?}: {result:?}");
        }
    }
}

/// Where the input is the kernel, the definition has the two in their places.
#[test]
fn swapped_filters_are_checked() {
    fn first(_: &Recipe) -> Option<usize> {
        Some(0)
    }
    let (x, k) = (picture::<f64>(3, 4, 6).into_dyn(), picture::<f64>(12, 13, 7).into_dyn());
    let options = with!(Options::default(), mode: convolve::Mode::Valid);
    let apply = |convolver: &Convolver| {
        let filter = convolver.filter(&k).options(options.clone()).check(Check::Sampled(20));
        filter.for_shape(x.raw_dim()).expect("valid").apply(&x)
    };
    assert_eq!(apply(convolver()).expect("right").raw_dim().slice(), [10, 10]);
    assert!(matches!(apply(&faulty(first)), Err(Error::FailedCheck { .. })));
}

/// What stays on the GPU cannot be checked, and is not left unchecked silently.
#[cfg(feature = "gpu")]
#[test]
fn results_on_the_gpu_are_refused() {
    let Some(convolver) = gpu() else { return };
    let x = picture::<f32>(20, 20, 8);
    let filter = checked(convolver, GPU_DIRECT, Check::Sampled(1), x.dim());
    let on_gpu = convolver.gpu().expect("a GPU").upload(&x).expect("fits");
    let error = filter.apply_gpu(&on_gpu).expect_err("not in host memory");
    assert!(matches!(error, Error::Inadmissible { .. }) && error.to_string().contains("check"));
}
