//! Kernels that reach beyond the input fold into it, and compute the same.

use convolve::{Boundary, Convolver, DType, Mode, Operation, Options, filters};
use ndarray::{Array2, ArrayD, IxDyn};
use num_complex::Complex;

use crate::common::cases::of_type;
use crate::common::*;

const EDGES: [Boundary<i8>; 6] = [
    Boundary::Zero,
    Boundary::Constant(3),
    Boundary::Nearest,
    Boundary::Reflect,
    Boundary::Mirror,
    Boundary::Wrap,
];

/// Runs one problem in every way, whose folded kernel has `taps` taps.
fn check<A: Value>(input: &[usize], kernel: &[usize], options: &Options<A>, taps: &[usize]) {
    let mut random = Random::new(input.iter().chain(kernel).sum::<usize>() as u64);
    let subject = Subject::new(random.array(input), random.array(kernel), options.clone());
    let mut ways = vec![CPU_DIRECT];
    if !A::DTYPE.is_integer() {
        ways.push(CPU_FFT);
    }
    if A::DTYPE == DType::F32 {
        ways.extend(gpu().map(|_| GPU_DIRECT));
    }
    for way in ways {
        let filter = subject.filter(convolver(), way).expect("admissible");
        assert_eq!(filter.plan().geometry.kernel(), taps, "{input:?} {kernel:?} {options:?}");
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{options:?}: {error}"));
    }
}

/// Taps along an axis of `n` samples, as many as there are different ones.
fn folded(edge: Boundary<i8>, n: usize) -> usize {
    match edge {
        Boundary::Wrap => n,
        Boundary::Reflect => 2 * n,
        Boundary::Mirror => 2 * (n - 1),
        // All that meet a sample, and one for each end.
        _ => 2 * n + 1,
    }
}

#[test]
fn every_boundary() {
    for edge in EDGES {
        let taps = [folded(edge, 5), folded(edge, 7)];
        let boundary = of_type::<f32>(edge);
        let options = Options { boundary: boundary.into(), ..Options::default() };
        check(&[5, 7], &[41, 60], &options, &taps);
        let correlate = Options { operation: Operation::Correlate, ..options };
        check(&[5, 7], &[40, 61], &correlate, &taps);
        let boundary = of_type::<i32>(edge);
        let options = Options { boundary: boundary.into(), ..Options::default() };
        check(&[5, 7], &[41, 60], &options, &taps);
        let boundary = of_type::<Complex<f64>>(edge);
        let options = Options { boundary: boundary.into(), ..Options::default() };
        check(&[7], &[50], &options, &[folded(edge, 7)]);
        // One axis alone.
        let boundary = of_type::<f64>(edge);
        let options = Options { boundary: boundary.into(), ..Options::default() };
        check(&[30, 7], &[3, 50], &options, &[3, folded(edge, 7)]);
    }
}

#[test]
fn other_options() {
    let with = |mode, stride, dilation, origin| Options::<f32> {
        boundary: Boundary::Wrap.into(),
        mode,
        stride: vec![1, stride].into(),
        dilation: vec![1, dilation].into(),
        origin: vec![0, origin].into(),
        ..Options::default()
    };
    check(&[4, 9], &[1, 70], &with(Mode::Same, 2, 1, 7), &[1, 9]);
    check(&[4, 9], &[1, 70], &with(Mode::Full, 3, 1, 0), &[1, 9]);
    // Every second tap of a period of 9 meets all of it, every third a third.
    check(&[4, 9], &[1, 70], &with(Mode::Same, 1, 2, -5), &[1, 9]);
    check(&[4, 9], &[1, 70], &with(Mode::Full, 1, 3, 0), &[1, 3]);
    check(&[4, 9], &[1, 70], &with(Mode::Same, 1, 9, 0), &[1, 2]);
    check(&[4, 1], &[1, 70], &with(Mode::Same, 1, 1, 0), &[1, 2]);
    // In the corners another constant has the last word.
    let constants: Vec<Boundary<f32>> = vec![Boundary::Constant(2.0), Boundary::Constant(-3.0)];
    let options = Options { boundary: constants.into(), ..Options::default() };
    check(&[4, 5], &[30, 31], &options, &[9, 11]);
    // In full, every tap of zeros outside meets the input somewhere.
    let full = Options { mode: Mode::Full, ..Options::<f64>::default() };
    check(&[4, 5], &[30, 31], &full, &[30, 31]);
}

#[test]
fn a_wide_blur_of_a_small_picture_is_one_of_its_own_size() {
    let kernel = filters::gaussian::<f32>(60.0).expect("a kernel");
    for boundary in [Boundary::Mirror, Boundary::Zero] {
        let convolver = Convolver::builder().gpu(false).build();
        let builder = convolver.filter(&kernel).boundary(boundary);
        let filter = builder.for_shape((20, 16)).expect("admissible");
        assert!(filter.plan().geometry.taps() < 2_000, "{}", filter.plan());
        assert!(filter.plan().kernel.terms == 1, "an outer product is one still");
        let x = Random::new(3).array::<f32>(&[20, 16]);
        let x: Array2<f32> = x.into_dimensionality().expect("two axes");
        filter.verify(&x).expect("the definition, with all of the kernel");
    }
}

/// A tap of zero still meets its sample, whichever it has become a part of.
#[test]
fn what_is_not_a_number_stays_so() {
    for edge in EDGES {
        let mut x: ArrayD<f32> = ArrayD::ones(IxDyn(&[6]));
        x[[2]] = f32::NAN;
        let mut k: ArrayD<f32> = ArrayD::zeros(IxDyn(&[29]));
        k[[14]] = 1.0;
        let options = Options { boundary: of_type::<f32>(edge).into(), ..Options::default() };
        let subject = Subject::new(x, k, options);
        for way in [CPU_DIRECT, CPU_FFT] {
            subject.check_way(convolver(), way).expect("as by the definition");
        }
    }
}

#[test]
fn sums_beyond_the_type_are_not_made() {
    // 3e38 + 3e38 is no f32, but their products with small samples are.
    let x: ArrayD<f32> = ArrayD::from_elem(IxDyn(&[3]), 1e-3);
    let mut k: ArrayD<f32> = ArrayD::zeros(IxDyn(&[9]));
    (k[[1]], k[[4]]) = (3e38, 3e38);
    let options = Options { boundary: Boundary::Wrap.into(), ..Options::default() };
    let subject = Subject::new(x, k, options);
    let filter = subject.filter(convolver(), CPU_DIRECT).expect("admissible");
    assert_eq!(filter.plan().geometry.kernel(), [9]);
    subject.check_filter(&filter).expect("6e35");
}
