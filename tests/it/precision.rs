//! High precision: the result of `f64`, rounded once.

use convolve::plan::Verdict;
use convolve::{Boundary, Convolver, Deviation, Device, Method, Mode, Options, Precision, filters};
use ndarray::{Array2, ArrayD};
use num_complex::Complex;

use crate::common::with;
use crate::common::*;

/// Large samples that cancel under neighbouring taps of one size. Products have more digits than
/// `f32`; results are multiples of 2^-13 below 2^11, which `f32` holds.
fn cancelling<A: Value>(unit: A) -> Subject<A> {
    let mut random = Random::new(5);
    let real = |value: f64| A::from_real(value).expect("a float");
    let x = ArrayD::from_shape_fn(vec![45, 90], |at| {
        let sign = if (at[0] + at[1]) % 2 == 0 { 1.0 } else { -1.0 };
        let value = sign * 2f64.powi(20) + random.below(64) as f64 / 8.0;
        A::default().mul_add(unit, real(value))
    });
    let taps = [0, 317, 91, 1000].map(|n| 1.0 + f64::from(n) / 1024.0);
    let k = ArrayD::from_shape_fn(vec![3, 8], |at| real(taps[at[1] / 2]));
    Subject::new(x, k, with!(Options::default(), mode: Mode::Valid))
}

fn differs<A: Value>(unit: A) {
    let ulp = A::DTYPE.epsilon();
    let native = cancelling(unit);
    let largest = native.rounded().iter().map(|y| y.magnitude()).fold(0.0, f64::max);
    let high = cancelling(unit).in_precision(Precision::High);
    for way in [CPU_DIRECT, CPU_SEPARABLE, CPU_FFT] {
        let run = |subject: &Subject<A>| {
            let filter = subject.filter(convolver(), way).expect("admissible");
            filter.apply(&subject.x).expect("a run")
        };
        let y = run(&native);
        let off = y.iter().zip(&native.exact).map(|(y, exact)| y.error(*exact));
        let off = off.fold(0.0, f64::max);
        assert!(off > 100.0 * ulp * largest, "{way:?}: {off}, {largest}");
        assert_eq!(run(&high), high.rounded(), "{way:?}");
    }
}

#[test]
fn what_cancels_is_rounded_correctly() {
    differs(1.0f32);
    differs(Complex::new(0.5f32, -1.0));
}

#[test]
fn other_types_do_not_change() {
    fn same<A: Value>() {
        let mut random = Random::new(9);
        let (x, k) = (random.array::<A>(&[60, 70]), random.array(&[5, 4]));
        let native = Subject::new(x, k, Options::default());
        let filter = native.filter(convolver(), CPU_DIRECT).expect("always");
        let native_y = filter.apply(&native.x).expect("a run");
        let high = native.in_precision(Precision::High);
        let other = high.filter(convolver(), CPU_DIRECT).expect("always");
        assert_eq!(filter.plan().candidates, other.plan().candidates);
        assert!(!other.plan().to_string().contains("inside"));
        assert_eq!(native_y, other.apply(&high.x).expect("a run"));
    }
    same::<f64>();
    same::<Complex<f64>>();
    same::<i16>();
    same::<u64>();
}

/// Taps of `f32` that are an outer product to the rounding of `f32` only.
#[test]
fn a_product_to_the_rounding_of_f32_is_none_in_f64() {
    let blur = filters::gaussian::<f32>(1.7).expect("a width");
    let plan = |precision| {
        let filter = convolver().filter(&blur).device(Device::Cpu).precision(precision);
        filter.for_shape((200, 300)).expect("valid").plan().clone()
    };
    let separable = |plan: &convolve::Plan| {
        let found = plan.candidates.iter().find(|candidate| candidate.method == Method::Separable);
        found.is_some_and(|candidate| matches!(candidate.verdict, Verdict::Admissible(..)))
    };
    let (native, high) = (plan(Precision::Native), plan(Precision::High));
    assert!(separable(&native) && !separable(&high), "{native}\n{high}");
    assert!(high.to_string().contains("f32 (f64 inside)"), "{high}");
    assert!(!native.to_string().contains("inside"), "{native}");
}

#[test]
fn the_gpu_has_no_high_precision() {
    let k = Array2::<f32>::ones((3, 3));
    let high = |convolver: &Convolver| convolver.filter(&k).precision(Precision::High);
    let forced = high(convolver()).device(Device::Gpu).for_shape((50, 50));
    let words = forced.expect_err("its shaders have no f64").to_string();
    assert!(words.contains("device gpu") && words.contains("precision high"), "{words}");
    let large = high(convolver()).for_shape((4096, 4096)).expect("valid");
    assert_eq!(large.plan().device(), Device::Cpu);
}

#[test]
fn every_method_is_verified_in_high_precision() {
    let mut random = Random::new(3);
    let x: ArrayD<f32> = random.array(&[80, 90]);
    for k in [random.array(&[7, 5]), random.rank_one(&[4, 6])] {
        let filter = convolver().filter(&k).boundary(Boundary::Mirror).precision(Precision::High);
        let filter = filter.for_shape(x.raw_dim()).expect("valid");
        let report = verified(&filter, &x);
        let ran = report.methods.iter().filter_map(|method| method.outcome.as_ref().ok());
        // Far below what f32 sums are allowed: no more than the rounding of the result.
        let precise = |check: &Deviation| check.from_definition.largest < 1e-6;
        assert!(ran.clone().count() > 1 && ran.clone().all(precise));
    }
}

/// In `valid` with the longer kernel the input becomes the kernel, and is widened as one.
#[test]
fn a_swapped_filter_is_as_precise() {
    let Subject { x, k, .. } = cancelling(1.0f32);
    let options = with!(Options::default(), mode: Mode::Valid);
    let swapped = Subject::new(k, x, options).in_precision(Precision::High);
    for way in [CPU_DIRECT, CPU_FFT] {
        let y = swapped.filter(convolver(), way).expect("admissible").apply(&swapped.x);
        assert_eq!(y.expect("a run"), swapped.rounded(), "{way:?}");
    }
}
