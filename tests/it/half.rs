//! Half precision: stored in `f16`, computed in `f32`, rounded once, on every device.

use convolve::half::f16;
use convolve::{Boundary, Mode, Options, Precision, filters};
use ndarray::{Array1, ArrayD, Axis, arr1};

use crate::common::with;
use crate::common::*;

/// The ways that are open to any kernel.
fn ways() -> Vec<Way> {
    let mut ways = vec![CPU_DIRECT, CPU_FFT];
    ways.extend(gpu_with(convolve::DType::F16).map(|_| GPU_DIRECT));
    ways
}

fn separable_ways() -> Vec<Way> {
    let mut ways = vec![CPU_SEPARABLE];
    ways.extend(gpu_with(convolve::DType::F16).map(|_| GPU_SEPARABLE));
    ways
}

fn halves(values: &[f64]) -> ArrayD<f16> {
    arr1(values).mapv(f16::from_f64).into_dyn()
}

fn results(subject: &Subject<f16>, ways: &[Way]) -> Vec<(Way, ArrayD<f16>)> {
    let run = |&way: &Way| {
        let filter = subject.filter(convolver(), way).expect("admissible");
        (way, filter.apply(&subject.x).expect("a run"))
    };
    ways.iter().map(run).collect()
}

/// Every number there is, times one: what is rounded is an `f16` already, and comes back. A GPU may
/// take subnormal numbers for zero.
#[test]
fn every_number_comes_back() {
    let all = Array1::from_iter((0..=u16::MAX).map(f16::from_bits)).into_dyn();
    let subject = Subject::new(all.clone(), halves(&[1.0]), Options::default());
    for (way, y) in results(&subject, &[&[CPU_DIRECT], &ways()[2..]].concat()) {
        for (x, y) in all.iter().zip(&y) {
            let flushed = way == GPU_DIRECT && !x.is_normal() && *y == f16::ZERO;
            let same = x == y || (x.is_nan() && y.is_nan());
            assert!(same || (flushed && x.is_finite()), "{way:?}: {x:?} {y:?}");
        }
    }
}

/// Sums that `f32` holds are rounded as IEEE 754 says: to nearest, ties to even, and to infinity from
/// halfway beyond the largest number on.
#[test]
fn sums_are_rounded_to_nearest_and_once() {
    let cases = [
        // Neighbours of 2048 are 2 apart, those of 4096 are 4.
        ([2048.0, 1.0], 2048.0),
        ([2050.0, 1.0], 2052.0),
        ([2048.0, 3.0], 2052.0),
        ([4096.0, 2.0], 4096.0),
        ([-4100.0, -2.0], -4104.0),
        ([4096.0, 2.002], 4100.0),
        ([0.5, 2f64.powi(-12)], 0.5),
        ([0.5, 3.0 * 2f64.powi(-12)], 0.5 + 2f64.powi(-10)),
        ([65504.0, 15.99], 65504.0),
        ([65504.0, 16.0], f64::INFINITY),
        ([-65504.0, -16.0], f64::NEG_INFINITY),
        ([65504.0, 65504.0], f64::INFINITY),
        ([f64::INFINITY, f64::NEG_INFINITY], f64::NAN),
        ([f64::NAN, 1.0], f64::NAN),
    ];
    let x: Vec<f64> = cases.iter().flat_map(|(pair, _)| *pair).collect();
    let options = with!(Options::default(), mode: Mode::Valid, stride: 2.into());
    let subject = Subject::new(halves(&x), halves(&[1.0, 1.0]), options);
    // A transform is off by a little, which decides where there is a tie.
    for (way, y) in results(&subject, &[&[CPU_DIRECT], &ways()[2..]].concat()) {
        for ((pair, expected), y) in cases.iter().zip(&y) {
            let same = f64::from(*y) == *expected || (y.is_nan() && expected.is_nan());
            assert!(same, "{way:?}: {pair:?} gave {y}");
        }
    }
    // Ties between neighbours that have not all their digits. A transform is off by a little.
    let small = Array1::from_iter((0..2000).map(|i| f16::from_bits(i + 1024))).into_dyn();
    let subject = Subject::new(small, halves(&[2f64.powi(-4)]), Options::default());
    for (way, y) in results(&subject, &[&[CPU_DIRECT], &ways()[2..]].concat()) {
        if y.iter().all(|y| *y == f16::ZERO || y.is_normal()) {
            assert_eq!(way, GPU_DIRECT, "only a GPU may take subnormal results for zero");
        } else {
            assert_eq!(y, subject.rounded(), "{way:?}");
        }
    }
}

/// A sum beyond the range of `f16` is none beyond that of `f32`, and what is between two passes is
/// not rounded.
#[test]
fn nothing_is_rounded_before_the_end() {
    let mut random = Random::new(2);
    let x = random.array::<f16>(&[37, 41]).mapv(|x| f16::from_f32(x.to_f32().abs() * 60_000.0));
    let signs = Array1::from_shape_fn(8, |i| if i % 2 == 0 { 1.0 } else { -0.96875 });
    let column = signs.mapv(f16::from_f64).into_dyn().insert_axis(Axis(1));
    let k = &column * &Array1::from_elem(6, f16::ONE).insert_axis(Axis(0));
    let options = with!(Options::default(), boundary: Boundary::Wrap.into());
    let subject = Subject::new(x, k.into_dyn(), options);
    for way in [ways(), separable_ways()].concat() {
        subject.check_way(convolver(), way).unwrap_or_else(|error| panic!("{way:?}\n{error}"));
    }
    // With a taller kernel the passes of the GPU go through a buffer.
    let column = Array1::from_shape_fn(150, |i| if i % 2 == 0 { 1.0 } else { -1.0 });
    let column = column.mapv(f16::from_f64).into_dyn().insert_axis(Axis(1));
    let k = &column * &Array1::from_elem(6, f16::ONE).insert_axis(Axis(0));
    let subject = Subject::new(subject.x, k.into_dyn(), subject.options);
    for way in separable_ways() {
        subject.check_way(convolver(), way).unwrap_or_else(|error| panic!("{way:?}\n{error}"));
    }
}

/// The result of `f64`, rounded once: also where `f32` is halfway between two of `f16` and `f64` is
/// not.
#[test]
fn high_precision_is_rounded_once() {
    let x = halves(&[2048.0, 1.0, 2f64.powi(-20)]);
    let options = with!(Options::default(), mode: Mode::Valid);
    let native = Subject::new(x, halves(&[1.0; 3]), options);
    let run = |subject: &Subject<f16>| results(subject, &[CPU_DIRECT])[0].1[[0]];
    assert_eq!(run(&native), f16::from_f64(2048.0));
    let high = native.in_precision(Precision::High);
    assert_eq!(run(&high), f16::from_f64(2050.0));
    let error = high.filter(convolver(), GPU_DIRECT).expect_err("no f64 there").to_string();
    assert!(error.contains("f64") || error.contains("no adapter"), "{error}");
}

/// Plans name both types, and all methods agree, on kernels with two terms too, which the GPU adds up
/// in `f32` or not at all.
#[test]
fn methods_are_verified_and_plans_explained() {
    let mut random = Random::new(8);
    let two_terms = |taps: [usize; 2]| {
        let [a, b] = [0; 2].map(|_| random.rank_one::<f32>(&taps));
        (a + b.mapv(|b| b * 0.25)).mapv(f16::from_f32)
    };
    let kernels: Vec<ArrayD<f16>> = [[5, 9], [90, 70]].map(two_terms).into();
    let blur = filters::gaussian::<f16>(1.0).expect("a width").into_dyn();
    for k in kernels.into_iter().chain([blur]) {
        let x = random.array::<f16>(&[95, 101]);
        let filter = convolver().filter(&k).boundary(Boundary::Mirror).for_shape(x.raw_dim());
        let filter = filter.expect("admissible");
        let words = filter.plan().to_string();
        assert!(words.contains("f16 (f32 inside)"), "{words}");
        let report = verified(&filter, &x);
        assert!(report.agrees(), "{report}");
        assert!(report.methods.iter().filter(|method| method.outcome.is_ok()).count() > 1);
    }
}

#[test]
fn frames_of_halves() {
    let mut random = Random::new(4);
    let k = random.array::<f16>(&[3, 3]);
    let frames: Vec<ArrayD<f16>> = (0..5).map(|_| random.array(&[7, 9])).collect();
    for (device, method) in ways() {
        let filter = convolver().filter(&k).device(device).method(method);
        let filter = filter.for_shape(frames[0].raw_dim()).expect("admissible");
        for (x, y) in frames.iter().zip(filter.stream().over(frames.clone())) {
            assert_eq!(y.expect("runs"), filter.apply(x).expect("runs"));
        }
    }
}
