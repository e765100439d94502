//! NaN, infinities and large ranges: an output depends on its own window only.

use convolve::{Boundary, Device, Error, Method, Mode, Options};
use ndarray::{Array1, Array2, ArrayD, Zip, arr1, arr2, s};
use num_complex::Complex;

use crate::common::with;
use crate::common::*;

/// Replaces some samples by what is not finite.
fn spoiled<A: Value>(x: &ArrayD<A>, bad: &[(usize, A)]) -> ArrayD<A> {
    let mut x = x.clone();
    for &(at, value) in bad {
        x.as_slice_mut().expect("standard layout")[at] = value;
    }
    x
}

fn check<A: Value>(shape: &[usize], taps: &[usize], bad: &[(usize, A)], ways: &[Way]) {
    for boundary in [Boundary::Zero, Boundary::Wrap, Boundary::Mirror] {
        let mut random = Random::new(5);
        let x = spoiled(&random.array(shape), bad);
        let mut k: ArrayD<A> = random.rank_one(taps);
        // A tap of zero: 0 * NaN is NaN.
        k.iter_mut().last().into_iter().for_each(|tap| *tap = A::default());
        let k = if ways[0].1 == Method::Separable { random.rank_one(taps) } else { k };
        let options = with!(Options::default(), boundary: boundary.into());
        let subject = Subject::new(x, k, options);
        for &way in ways {
            subject.check_way(convolver(), way).unwrap_or_else(|e| panic!("{way:?} {shape:?} {e}"));
        }
    }
}

const BAD: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

#[test]
fn what_is_not_finite_reaches_its_own_windows_only() {
    // One block, and many.
    for (n, taps, at) in [(40, 5, 17), (5_000, 33, 2_876), (5_000, 33, 0)] {
        for bad in BAD {
            check(&[n], &[taps], &[(at, bad)], &ways());
            check(&[n], &[taps], &[(at, f64::from(bad))], &[CPU_DIRECT, CPU_FFT]);
        }
    }
    for bad in BAD {
        check(&[19, 23], &[4, 3], &[(200, bad)], &ways());
        check(&[90, 110], &[5, 5], &[(47 * 110 + 50, bad)], &[CPU_DIRECT, CPU_FFT]);
        check(&[19, 23], &[4, 3], &[(200, bad)], &separable_ways());
    }
    // Infinities that meet.
    let both = [(100, f32::INFINITY), (103, f32::NEG_INFINITY)];
    check(&[400], &[9], &both, &ways());
    check(&[19, 23], &[4, 3], &[(200, f32::INFINITY), (223, f32::INFINITY)], &separable_ways());
}

/// More taps than blocks are left to direct sums for: where outputs tell how loud windows are, and where they do not.
#[test]
fn what_is_not_finite_under_many_taps() {
    let places = |bad| [(0, bad), (97 * 170 + 33, bad), (130 * 170 + 169, bad)];
    for (bad, has_signs) in BAD.into_iter().flat_map(|bad| [true, false].map(|s| (bad, s))) {
        let mut random = Random::new(5);
        let mut any = |shape: &[usize]| {
            let values = random.array::<f32>(shape);
            if has_signs { values } else { values.mapv(|value| value.abs() + 1e-3) }
        };
        let (mut x, k) = (spoiled(&any(&[140, 170]), &places(bad)), any(&[17, 19]));
        // What is finite may be quiet.
        x.slice_mut(s![..40, ..]).mapv_inplace(|value| value * 1e-4);
        let options = with!(Options::default(), boundary: Boundary::Mirror.into());
        let subject = Subject::new(x.clone(), k.clone(), options);
        subject.check_way(convolver(), CPU_FFT).unwrap_or_else(|e| panic!("{bad} {has_signs} {e}"));
        let [x, k] = [x, k].map(|array| array.mapv(f64::from));
        let options = with!(Options::default(), boundary: Boundary::Mirror.into());
        let subject = Subject::new(x, k, options);
        subject.check_way(convolver(), CPU_FFT).unwrap_or_else(|e| panic!("{bad} {has_signs} {e}"));
    }
}

/// Direct sums of the largest samples overflow on the way, where a transform's do not: they are made beside the
/// windows of the NaN, and nowhere else.
#[test]
fn a_nan_among_the_largest_samples() {
    const BESIDE: usize = 16;
    for taps in [9, 19] {
        let sign = |(i, j): (usize, usize)| match (2 * i + 1).cmp(&taps) {
            std::cmp::Ordering::Less => 1.0f32,
            std::cmp::Ordering::Equal if j % 2 == 0 => 1.0,
            _ => -1.0,
        };
        let k = Array2::from_shape_fn((taps, taps), sign);
        let x = Array2::from_shape_fn((150, 64), |(i, j)| 2e38 + (7 * i + j) as f32 * 1e33);
        let filter = convolver().filter(&k).device(Device::Cpu).method(Method::Fft);
        let filter = filter.for_shape(x.dim()).expect("admissible");
        let without = filter.apply(&x).expect("runs");
        for bad in BAD {
            let mut x = x.clone();
            x[[70, 30]] = bad;
            let with = filter.apply(&x).expect("runs");
            for ((place, a), b) in without.indexed_iter().zip(&with) {
                let apart = place.0.abs_diff(70).max(place.1.abs_diff(30));
                if apart > taps / 2 + BESIDE {
                    assert_eq!(a.is_finite(), b.is_finite(), "{taps} {bad} {place:?}");
                } else if apart <= taps / 2 {
                    assert!(!b.is_finite(), "{taps} {bad} {place:?}");
                }
            }
        }
    }
}

#[test]
fn a_complex_part_that_is_not_finite() {
    let bad = Complex::new(1.0f32, f32::NAN);
    check(&[300], &[7], &[(150, bad)], &ways());
    let bad = Complex::new(f64::INFINITY, 0.5);
    check(&[300], &[7], &[(150, bad)], &[CPU_DIRECT, CPU_FFT]);
}

/// Everything but the windows that hold the NaN is what it is without it, bit for bit in the
/// direct methods and within the bound in transforms.
#[test]
fn a_nan_changes_nothing_elsewhere() {
    let mut random = Random::new(9);
    let (x, k) = (random.array::<f32>(&[20_000]), random.array::<f32>(&[51]));
    for way in ways() {
        let clean = Subject::new(x.clone(), k.clone(), Options::default());
        let filter = clean.filter(convolver(), way).expect("admissible");
        let without = filter.apply(&x).expect("runs");
        let with = filter.apply(&spoiled(&x, &[(12_345, f32::NAN)])).expect("runs");
        let tolerance = 2.0 * clean.tolerance(filter.plan());
        for (i, (a, b)) in without.iter().zip(&with).enumerate() {
            let holds = (12_345 - 25..=12_345 + 25).contains(&i);
            assert_eq!(b.is_nan(), holds, "{way:?} {i}");
            let off = f64::from((a - b).abs());
            assert!(holds || off <= tolerance[i], "{way:?} {i}: {a} {b}");
        }
    }
}

#[test]
fn a_boundary_that_is_not_finite() {
    let mut random = Random::new(9);
    let (x, k) = (random.array::<f32>(&[30, 20]), random.array::<f32>(&[3, 4]));
    for value in BAD {
        let options = with!(Options::default(), boundary: Boundary::Constant(value).into());
        let subject = Subject::new(x.clone(), k.clone(), options);
        for way in ways() {
            subject.check_way(convolver(), way).unwrap_or_else(|e| panic!("{way:?} {value} {e}"));
        }
    }
}

#[test]
fn kernels_that_are_not_finite() {
    let mut random = Random::new(11);
    // Lanes, and rows that lie outside as a whole.
    let shapes: [(&[usize], &[usize], usize); 2] =
        [(&[600, 4], &[101, 1], 40), (&[40, 30], &[9, 3], 1)];
    for (bad, (input, taps, at)) in BAD.into_iter().flat_map(|bad| shapes.map(|s| (bad, s))) {
        let x = random.array::<f32>(input);
        let k = spoiled(&random.array(taps), &[(at, bad)]);
        let subject = Subject::new(x, k, Options::default());
        // 0 * NaN is NaN: the zeros outside count where the kernel is not finite.
        assert!(subject.rounded().iter().any(|y| !y.is_finite()));
        let error = subject.filter(convolver(), CPU_FFT).expect_err("a transform spreads it");
        assert!(matches!(&error, Error::Inadmissible { wanted, reason }
            if wanted.contains("fft") && reason.contains("not finite")));
        let any = (Device::Auto, Method::Auto);
        subject.check_filter(&subject.filter(convolver(), any).expect("direct")).expect("auto");
        for way in ways().into_iter().filter(|way| way.1 != Method::Fft) {
            subject.check_way(convolver(), way).unwrap_or_else(|e| panic!("{way:?} {bad} {e}"));
        }
    }
}

/// scipy#22390: a transform's error is relative to the largest sample and drowns small outputs.
#[test]
fn small_outputs_beside_large_ones() {
    let mut a = vec![0.0f64; 10_000];
    a.extend((0..10).map(|i| 10f64.powi(9 * i)));
    let a = arr1(&a).into_dyn();
    let filter = convolver().filter(&a).mode(Mode::Full).device(Device::Cpu).method(Method::Fft);
    let y = filter.for_shape(a.raw_dim()).expect("finite").apply(&a).expect("runs");
    for m in 0..=18 {
        // All pairs i + j = m of 0 .. 10.
        let exact = f64::from((m + 1).min(19 - m)) * 10f64.powi(9 * m);
        let got = y[20_000 + m as usize];
        assert!((got - exact).abs() <= 1e-9 * exact, "at {m}: {got:e} for {exact:e}");
    }
}

#[test]
fn silence_beside_noise_keeps_its_digits() {
    let mut random = Random::new(13);
    for n in [600, 10_000] {
        let mut x = random.array::<f32>(&[n]);
        for (i, x) in x.iter_mut().enumerate() {
            *x = x.abs().max(0.1) * if i < n / 2 { 1e6 } else { 1e-6 };
        }
        let k = random.array::<f32>(&[31]).mapv(f32::abs);
        let subject = Subject::new(x.clone(), k, Options::default());
        let filter = subject.filter(convolver(), CPU_FFT).expect("finite");
        let y = filter.apply(&x).expect("runs");
        for (i, (&y, &exact)) in y.iter().zip(&subject.exact).enumerate() {
            let error = (f64::from(y) - exact).abs();
            assert!(error <= 1e-3 * exact, "at {i} of {n}: {y} for {exact}");
        }
    }
}

#[test]
fn an_infinity_ends_the_same_under_every_method() {
    // Taps in the corners underflow to zero, which their factors do not.
    let wide = Array1::from_iter((-12..=12).map(|i: i32| (-f64::from(i * i) / 2.0).exp() as f32));
    let k = Array2::from_shape_fn((25, 25), |(i, j)| wide[i] * wide[j]);
    let mut x = Array2::<f32>::zeros((100, 100));
    x[[50, 50]] = f32::INFINITY;
    let run = |method| {
        let filter = convolver().filter(&k).device(Device::Cpu).method(method);
        filter.for_shape(x.dim()).expect("admissible").apply(&x).expect("a run")
    };
    let (direct, separable) = (run(Method::Direct), run(Method::Separable));
    assert!(direct.iter().any(|y| y.is_nan()) && direct.iter().any(|y| *y == f32::INFINITY));
    let same = |a: &f32, b: &f32| a == b || (a.is_nan() && b.is_nan());
    assert!(Zip::from(&direct).and(&separable).all(same));

    let k = arr2(&[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]).mapv(|re: f32| Complex::new(re, 0.0));
    let mut x = Array2::from_elem((80, 80), Complex::new(1.0f32, 0.0));
    x[[40, 40]].re = f32::INFINITY;
    let run = |method| {
        let filter = convolver().filter(&k).device(Device::Cpu).method(method);
        filter.for_shape(x.dim()).expect("admissible").apply(&x).expect("a run")[[40, 40]]
    };
    let (direct, separable) = (run(Method::Direct), run(Method::Separable));
    assert_eq!(direct.re.to_bits(), separable.re.to_bits());
    assert!(direct.im.is_nan() && separable.im.is_nan());
}

/// Windows full of NaN, with infinities among them, under kernels of several tiles and of one.
#[test]
fn many_samples_that_are_not_finite() {
    let mut random = Random::new(41);
    for (shape, taps, dilation, stride) in [
        (vec![2_000], vec![150], 1, 1),
        (vec![1_500], vec![40], 3, 2),
        (vec![70, 80], vec![15, 17], 1, 1),
        (vec![50, 60], vec![7, 6], 2, 3),
        (vec![12, 20, 16], vec![5, 9, 4], 1, 1),
        // Too many taps to leave whole blocks to direct sums.
        (vec![1_800], vec![350], 1, 1),
        (vec![70, 120], vec![21, 17], 1, 2),
    ] {
        for (every, kinds) in [(300, &BAD[..]), (30, &BAD[..1]), (1, &BAD[..1])] {
            let mut bad: Vec<(usize, f32)> = Vec::new();
            let len: usize = shape.iter().product();
            for at in (len / 3..2 * len / 3).step_by(every) {
                bad.push((at, kinds[at % kinds.len()]));
            }
            let x = spoiled(&random.array::<f32>(&shape), &bad);
            let options = with!(
                Options::default(),
                dilation: dilation.into(),
                stride: stride.into(),
                boundary: Boundary::Mirror.into(),
            );
            let subject = Subject::new(x, random.array(&taps), options);
            subject.check_way(convolver(), CPU_FFT).unwrap_or_else(|e| panic!("{shape:?} {e}"));

            let bad: Vec<_> = bad.iter().map(|&(at, bad)| (at, Complex::new(0.5, bad))).collect();
            let x = spoiled(&random.array::<Complex<f32>>(&shape), &bad);
            let subject = Subject::new(x, random.array(&taps), Options::default());
            subject.check_way(convolver(), CPU_FFT).unwrap_or_else(|e| panic!("{shape:?} {e}"));
        }
    }
}

#[test]
fn a_part_beyond_the_type_says_nothing_of_the_other() {
    let mut random = Random::new(43);
    let mut x: ArrayD<Complex<f32>> = random.array(&[100]);
    x[[50]] = Complex::new(3e38, 0.25);
    let k = random.array::<Complex<f32>>(&[9]).mapv(|tap| Complex::new(1.0 + tap.re.abs(), 0.0));
    let subject = Subject::new(x.clone(), k.clone(), Options::default());
    subject.check_way(convolver(), CPU_DIRECT).expect("as by the definition");
    let filter = convolver().filter(&k).device(Device::Cpu).method(Method::Direct);
    let filter =
        filter.check(convolve::Check::Sampled(1000)).for_shape(x.raw_dim()).expect("valid");
    let y = filter.apply(&x).expect("right, where it is beyond the type, too");
    assert!(y.iter().any(|y| y.re.is_infinite() && y.im.is_finite()));
    assert_verified(&filter, &x);
}
