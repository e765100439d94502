//! Kernels that reach beyond the input fold into it, and compute the same.

use convolve::reference::Oracle;
use convolve::{Boundary, Convolver, DType, Device, Method, Mode, Operation, Options, filters};
use ndarray::{Array2, ArrayD, IxDyn};
use num_complex::Complex;

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

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

/// Taps along an axis of `n` samples: as many as there are different ones, or where they are of both signs,
/// two for each sample that several of them meet.
fn folded(edge: Boundary<i8>, n: usize, signs: bool) -> usize {
    let twice = 1 + usize::from(signs);
    match edge {
        Boundary::Wrap => n * twice,
        Boundary::Reflect => 2 * n * twice,
        Boundary::Mirror => 2 * (n - 1) * twice,
        // All that meet a sample, and one or two for each end. What lies outside is not infinite.
        Boundary::Nearest => 2 * n - 1 + 2 * twice,
        _ => 2 * n + 1,
    }
}

#[test]
fn every_boundary() {
    for edge in EDGES {
        let taps = [folded(edge, 5, true), folded(edge, 7, true)];
        let boundary = of_type::<f32>(edge);
        let options = with!(Options::default(), boundary: boundary.into());
        check(&[5, 7], &[41, 60], &options, &taps);
        let correlate = with!(options, operation: Operation::Correlate);
        check(&[5, 7], &[40, 61], &correlate, &taps);
        let boundary = of_type::<i32>(edge);
        let options = with!(Options::default(), boundary: boundary.into());
        check(&[5, 7], &[41, 60], &options, &[folded(edge, 5, false), folded(edge, 7, false)]);
        let boundary = of_type::<Complex<f64>>(edge);
        let options = with!(Options::default(), boundary: boundary.into());
        check(&[7], &[50], &options, &[folded(edge, 7, true)]);
        // One axis alone.
        let boundary = of_type::<f64>(edge);
        let options = with!(Options::default(), boundary: boundary.into());
        check(&[30, 7], &[3, 50], &options, &[3, folded(edge, 7, true)]);
    }
}

#[test]
fn other_options() {
    let with = |mode, stride, dilation, origin| {
        let options = Options::<f64>::default().boundary(Boundary::Wrap).mode(mode);
        options.stride([1, stride]).dilation([1, dilation]).origin([0, origin])
    };
    check(&[4, 9], &[1, 70], &with(Mode::Same, 2, 1, 7), &[1, 18]);
    check(&[4, 9], &[1, 70], &with(Mode::Full, 3, 1, 0), &[1, 18]);
    // Every second tap of a period of 9 meets all of it, every third a third.
    check(&[4, 9], &[1, 70], &with(Mode::Same, 1, 2, -5), &[1, 18]);
    check(&[4, 9], &[1, 70], &with(Mode::Full, 1, 3, 0), &[1, 6]);
    check(&[4, 9], &[1, 70], &with(Mode::Same, 1, 9, 0), &[1, 2]);
    check(&[4, 1], &[1, 70], &with(Mode::Same, 1, 1, 0), &[1, 2]);
    // In the corners another constant has the last word.
    let constants: Vec<Boundary<f32>> = vec![Boundary::Constant(2.0), Boundary::Constant(-3.0)];
    let options = with!(Options::default(), boundary: constants.into());
    check(&[4, 5], &[30, 31], &options, &[9, 11]);
    // In full, every tap of zeros outside meets the input somewhere.
    let full = with!(Options::<f64>::default(), mode: Mode::Full);
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
        assert_verified(&filter, &x);
    }
}

/// What is not finite is what the definition makes of it, whatever its taps have become a part of: a tap of
/// zero makes a NaN of a NaN and of an infinity, and so do taps of both signs of one infinity.
#[test]
fn what_is_not_finite_stays_so() {
    let taps = |pattern: &[f32], len: usize| -> ArrayD<f32> {
        let taps = (0..len).map(|t| pattern[t * t % pattern.len()]).collect();
        ArrayD::from_shape_vec(IxDyn(&[len]), taps).expect("a row")
    };
    let kernels: [&[f32]; 5] = [&[0.0], &[1.0], &[0.0, 2.0], &[-1.0, 3.0], &[-1.0, 0.0, 0.5, -2.0]];
    for edge in EDGES {
        for sample in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for (n, at) in [(1, 0), (2, 1), (6, 0), (6, 2), (6, 5)] {
                for (pattern, len) in kernels.iter().flat_map(|k| [(k, 29), (k, 30)]) {
                    for dilation in [1, 2, 3] {
                        let mut x: ArrayD<f32> = ArrayD::ones(IxDyn(&[n]));
                        x[[at]] = sample;
                        let options = with!(
                            Options::default(),
                            boundary: of_type::<f32>(edge).into(),
                            mode: if len == 29 { Mode::Same } else { Mode::Full },
                            dilation: dilation.into(),
                        );
                        let subject = Subject::new(x, taps(pattern, len), options);
                        for way in [CPU_DIRECT, CPU_FFT] {
                            subject.check_way(convolver(), way).unwrap_or_else(|error| {
                                panic!("{edge:?} {n} {at} {pattern:?} {len}: {error}")
                            });
                        }
                    }
                }
            }
        }
    }
}

/// In each part of a complex number for itself, and along one axis of several after the other.
#[test]
fn infinities_in_more_than_one_part_and_axis() {
    let mut random = Random::new(23);
    for edge in EDGES {
        for shape in [[3, 40], [40, 3], [3, 2], [1, 5]] {
            let mut x: ArrayD<f32> = random.array(&shape);
            x[[shape[0] / 2, shape[1] / 2]] = f32::INFINITY;
            let mut k: ArrayD<f32> = random.array(&[13, 12]);
            k.map_inplace(|tap| *tap = if *tap > 0.5 { 0.0 } else { tap.abs() });
            let boundary: Boundary<f32> = of_type(edge);
            let options = with!(Options::default(), boundary: boundary.into());
            let subject = Subject::new(x, k, options);
            subject.check_way(convolver(), CPU_DIRECT).expect("as by the definition");
            subject.check_way(convolver(), CPU_FFT).expect("as by the definition");

            let mut x: ArrayD<Complex<f64>> = random.array(&shape);
            x[[shape[0] / 2, shape[1] / 2]].im = f64::INFINITY;
            let mut k: ArrayD<Complex<f64>> = random.array(&[13, 12]);
            k.map_inplace(|tap| tap.im = tap.im.abs());
            let boundary: Boundary<Complex<f64>> = of_type(edge);
            let options = with!(Options::default(), boundary: boundary.into());
            let subject = Subject::new(x, k, options);
            subject.check_way(convolver(), CPU_DIRECT).expect("as by the definition");
        }
    }
}

/// A blur has weights of one sign, and becomes as small as its taps allow.
#[test]
fn taps_of_one_sign_become_one() {
    let mut random = Random::new(29);
    for edge in EDGES {
        let x = random.array::<f32>(&[5, 7]);
        let k = random.array::<f32>(&[41, 60]).mapv(|tap| tap.abs() + 0.1);
        let options = with!(Options::default(), boundary: of_type::<f32>(edge).into());
        let subject = Subject::new(x, k, options);
        let filter = subject.filter(convolver(), CPU_DIRECT).expect("admissible");
        let taps = [folded(edge, 5, false), folded(edge, 7, false)];
        assert_eq!(filter.plan().geometry.kernel(), taps, "{edge:?}");
        subject.check_filter(&filter).expect("as by the definition");
    }
}

#[test]
fn sums_beyond_the_type_are_not_made() {
    // 3e38 + 3e38 is no f32, but their products with small samples are.
    let x: ArrayD<f32> = ArrayD::from_elem(IxDyn(&[3]), 1e-3);
    let mut k: ArrayD<f32> = ArrayD::zeros(IxDyn(&[9]));
    (k[[1]], k[[4]]) = (3e38, 3e38);
    let options = with!(Options::default(), boundary: Boundary::Wrap.into());
    let subject = Subject::new(x, k, options);
    let filter = subject.filter(convolver(), CPU_DIRECT).expect("admissible");
    assert_eq!(filter.plan().geometry.kernel(), [9]);
    subject.check_filter(&filter).expect("6e35");
}

/// Half of the smallest taps is no number of their type: two taps for one sample add up to their sum.
#[test]
fn the_smallest_taps_keep_their_sums() {
    let noise = |i: usize| (i * 7919 % 1009) as f64 / 1009.0;
    let array = |n: usize, of: &dyn Fn(f64) -> f64| {
        ArrayD::from_shape_fn(&[n][..], |at| of(noise(at[0] + n)) as f32)
    };
    for size in [9e-44, 3e-45, 3e-39] {
        // Where all taps meet one sample, and where several.
        let sizes = [[1, 5], [7, 16], [7, 61]];
        for ([n, taps], edge) in sizes.into_iter().flat_map(|n| EDGES.map(|edge| (n, edge))) {
            let options = with!(Options::default(), boundary: of_type::<f32>(edge).into());
            let x = array(n, &|noise| 3e35 * (0.1 + noise));
            let k = array(taps, &|noise| size * (0.5 + noise));
            let exact = Oracle::new(x.view(), k.view(), &options).expect("valid").wide();
            let filter = convolver().filter(&k).options(options).device(Device::Cpu);
            let y = filter.method(Method::Direct).for_shape(x.raw_dim()).expect("admissible");
            for (y, exact) in y.apply(&x).expect("runs").iter().zip(&exact) {
                let off = (f64::from(*y) - exact).abs();
                assert!(off <= 1e-5 * exact.abs(), "{size} {n} {taps} {edge:?}: {y} for {exact}");
            }
        }
    }
}
