//! Kernels that are a sum of a few outer products, through the fused passes.

use convolve::plan::{Capabilities, CostModel, Gpu, InstructionSet, Recipe, Request, design};
use convolve::{
    Boundary, Device, Error, KernelFacts, Method, Mode, Options, Plan, Precision, Problem,
};
use ndarray::{Array2, ArrayD, Dimension};
use num_complex::Complex;

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

/// A Laplacian of a Gaussian as long as the kernel: a sum of two outer products.
fn log<A: Value>(shape: &[usize]) -> ArrayD<A> {
    ArrayD::from_shape_fn(shape, |at| {
        let squares = shape.iter().enumerate().map(|(axis, &taps)| {
            let z = (at[axis] as f64 - (taps as f64 - 1.0) / 2.0) / (taps as f64 / 7.0);
            if taps > 1 { z * z } else { 0.0 }
        });
        let r: f64 = squares.sum();
        let tap = A::from_real((r - 2.0) * (-r / 2.0).exp()).expect("a float");
        A::default().mul_add(A::small(1), tap)
    })
}

fn terms(plan: &Plan) -> usize {
    match plan.chosen().admitted() {
        Some((Recipe::CpuSeparable { terms, .. }, _)) => *terms,
        _ => 0,
    }
}

fn check<A: Value>(input: &[usize], kernel: &[usize], options: &Options<A>) {
    let x = Random::new(input.len() as u64).array(input);
    let subject = Subject::new(x, log(kernel), options.clone());
    let filter = subject.filter(convolver(), CPU_SEPARABLE).expect("admissible");
    assert_eq!(terms(filter.plan()), 2, "{}", filter.plan());
    subject.check_filter(&filter).unwrap_or_else(|error| panic!("{options:?}\n{error}"));
}

/// Every `every`-th of all combinations.
fn as_defined<A: Value>(every: usize) {
    let mut cases: Vec<(&[usize], &[usize], Options<A>)> = Vec::new();
    for boundary in EDGES {
        let boundary = of_type::<A>(boundary);
        for mode in [Mode::Full, Mode::Same, Mode::Valid] {
            for stride in [[1, 1], [2, 1], [3, 1], [1, 2]] {
                for dilation in [[1, 1], [1, 2]] {
                    let options = with!(
                        Options::default(),
                        mode,
                        boundary: boundary.into(),
                        stride: stride.into(),
                        dilation: dilation.into(),
                    );
                    cases.push((&[13, 139], &[9, 7], options));
                }
            }
            let options = with!(Options::default(), mode, boundary: boundary.into());
            cases.push((&[11, 111], &[8, 6], options.clone()));
            // A batch, channels, and a kernel that is higher than the input.
            cases.push((&[3, 9, 81], &[1, 7, 6], options.clone()));
            cases.push((&[9, 31, 3], &[5, 7, 1], options.clone()));
            if mode != Mode::Valid {
                cases.push((&[9, 70], &[15, 5], options));
            }
        }
    }
    for (input, kernel, options) in cases.iter().step_by(every) {
        check(input, kernel, options);
    }
}

#[test]
fn sums_are_as_defined() {
    // Coprime to the combinations for each boundary and mode.
    as_defined::<f32>(1);
    as_defined::<f64>(5);
    as_defined::<Complex<f32>>(7);
}

#[test]
fn a_correlation_and_high_precision() {
    let x = Random::new(1).array::<f32>(&[30, 90]);
    // Halves and whole numbers: a sum of two products without any rounding.
    let k = ArrayD::from_shape_fn(vec![7, 6], |at| {
        let [a, b] = [at[0] as f32, at[1] as f32];
        (a - 2.5) * (b * b - 1.5) + (a * a - 7.0) * (2.0 - b)
    });
    let options = with!(Options::default(), operation: convolve::Operation::Correlate);
    for precision in [Precision::Native, Precision::High] {
        let subject = Subject::new(x.clone(), k.clone(), options.clone()).in_precision(precision);
        let filter = subject.filter(convolver(), CPU_SEPARABLE).expect("admissible");
        assert_eq!(terms(filter.plan()), 2, "{}", filter.plan());
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
        assert_verified(&filter, &x);
    }
}

/// The terms' signs differ, so an infinity would become NaN in their sum.
#[test]
fn what_is_not_finite_is_as_defined() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        // Two constants that are no numbers do not agree.
        let outside = if bad.is_nan() { Boundary::Nearest } else { Boundary::Constant(bad) };
        for boundary in [Boundary::Zero, Boundary::Mirror, outside] {
            let mut x = Random::new(4).array::<f32>(&[40, 100]);
            x[[17, 3]] = bad;
            x[[18, 80]] = bad;
            x[[39, 99]] = -bad;
            let options = with!(Options::default(), boundary: boundary.into());
            let subject = Subject::new(x, log(&[9, 7]), options);
            assert!(subject.rounded().iter().any(|y| !y.is_finite()));
            subject.check_way(convolver(), CPU_SEPARABLE).unwrap_or_else(|e| panic!("{bad} {e}"));
        }
    }
}

#[test]
fn terms_larger_than_the_kernel_do_not_overflow() {
    let k = log::<f32>(&[9, 9]);
    let k = &k / (1.001 * k.mapv(f32::abs).sum());
    // Positive where the middle of the kernel is negative: the largest sum there is.
    let x = ArrayD::from_shape_fn(vec![90, 90], |at| {
        let inside = at.slice().iter().all(|&i| (42..47).contains(&i));
        if inside { -f32::MAX } else { f32::MAX }
    });
    let filter = convolver().filter(&k).device(Device::Cpu).method(Method::Separable);
    let filter = filter.for_shape(x.raw_dim()).expect("admissible");
    assert_eq!(terms(filter.plan()), 2);
    assert!(filter.apply(&x).expect("a run").iter().all(|y| y.is_finite()));
}

#[test]
fn what_cannot_be_added_up_is_refused_with_the_reason() {
    let refused = |input: &[usize], kernel: &[usize], dilation: usize| {
        let options = with!(Options::default(), dilation: dilation.into());
        let subject = Subject::new(ArrayD::<f32>::ones(input), log(kernel), options);
        match subject.filter(convolver(), CPU_SEPARABLE) {
            Err(Error::Inadmissible { reason, .. }) => reason,
            other => panic!("expected a refusal, got {other:?}"),
        }
    };
    // Narrow, and with a dilation of the rows.
    assert!(refused(&[90, 50], &[9, 9], 1).contains("2 outer products"));
    assert!(refused(&[90, 150], &[9, 9], 2).contains("2 outer products"));
    // Integers are exact in one term only.
    let cross = Array2::from_shape_fn((9, 9), |(i, j)| i32::from(i == 4 || j == 4));
    let filter = convolver().filter(&cross).device(Device::Cpu).method(Method::Separable);
    assert!(filter.for_shape((200, 200)).is_err());
}

#[test]
fn a_laplacian_of_a_gaussian_runs_in_two_terms() {
    let kernel = log::<f32>(&[31, 31]);
    let facts = KernelFacts::of(kernel.as_slice().expect("standard"), &[31, 31]);
    assert_eq!(facts.terms, 2);
    assert!(facts.gain > 1.0 && facts.gain < 1e3, "{facts:?}");
    let problem = Problem::new::<f32>(&[2048, 2048], &[31, 31], &Options::default());
    let problem = problem.expect("valid");
    let model = CostModel::default();
    // By name: transforms take about as long.
    let request = with!(Request::default(), method: Method::Separable);
    let plan = |terms, threads| {
        let facts = with!(facts.clone(), terms);
        let gpu = Gpu::Absent("no adapter".into());
        let machine = Capabilities::new(threads, InstructionSet::Avx2, gpu);
        let plan = design(&problem, &facts, &machine, &model, request);
        plan.expect("valid")
    };
    for threads in [1, 2] {
        let two = plan(2, threads);
        let cost = |method| {
            let candidate = two.candidates.iter().find(|c| c.method == method);
            let (_, cost) = candidate.and_then(|c| c.admitted()).expect("admissible");
            cost.total()
        };
        assert!(cost(Method::Separable) < cost(Method::Direct) / 4.0, "{two}");
        assert!(cost(Method::Separable) < cost(Method::Fft) * 1.5, "{two}");
        assert!(two.to_string().contains("2 terms, "), "{two}");
        let one = plan(1, threads);
        assert!(one.cost().total() < two.cost().total() && !one.to_string().contains("terms"));
    }
}
