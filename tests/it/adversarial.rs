//! Data that hides wrong digits: impulses under taps of many magnitudes, mosaics under taps with holes,
//! loud beside quiet, zeros. Every output is judged by its own window, under every executor.

use convolve::{Boundary, Check, Error, Options, filters};
use ndarray::{Array1, Array2, ArrayD, Dimension, IxDyn, arr1};
use num_complex::Complex;

use crate::common::with;
use crate::common::*;

const SHAPES: [(&[usize], &[usize]); 5] = [
    (&[97], &[11]),
    (&[700], &[31]),
    (&[40, 90], &[9, 11]),
    (&[70, 33], &[7, 5]),
    (&[9, 12, 14], &[3, 5, 3]),
];

/// Of a place, the shape and some noise.
type Sample = fn(&[usize], &[usize], f64) -> f64;

/// Of a distance from the middle, a place and some noise.
type Tap = fn(f64, &[usize], f64) -> f64;

const SAMPLES: [(&str, Sample); 9] = [
    ("a star", |at, n, _| if at.iter().zip(n).all(|(i, n)| *i == n / 2) { 1e9 } else { 0.0 }),
    ("stars over a faint sky", |at, _, noise| {
        if at.iter().sum::<usize>() % 29 == 7 { 1e6 } else { 1e-4 * (1.5 + noise) }
    }),
    ("a mosaic", |at, _, noise| {
        (1.5 + noise) * if at.iter().all(|i| i % 2 == 1) { 1e-6 } else { 1.0 }
    }),
    ("loud beside quiet", |at, n, noise| noise * if at[0] < n[0] / 2 { 1e6 } else { 1e-6 }),
    ("very loud beside very quiet", |at, n, _| if at[0] == n[0] / 2 { 1e28 } else { 1e-19 }),
    ("a mask", |at, n, _| f64::from(u8::from(at.iter().zip(n).all(|(i, n)| i * 3 > *n)))),
    ("one in a hundred", |_, _, noise| if noise > 0.98 { noise } else { 0.0 }),
    ("zeros", |_, _, _| 0.0),
    ("noise", |_, _, noise| noise),
];

const TAPS: [(&str, Tap); 9] = [
    ("glare", |r, _, _| if r == 0.0 { 1.0 } else { 1e-9 / r.powf(1.5) }),
    ("a point spread", |r, _, _| if r == 0.0 { 1.0 } else { 6e-6 / (r * r) }),
    ("holes", |_, at, _| if at.iter().any(|i| i % 2 == 1) { 0.0 } else { 0.25 }),
    ("flat", |_, _, _| 0.125),
    ("a disk", |r, _, _| if r <= 3.2 { 0.0625 } else { 0.0 }),
    ("a Gaussian", |r, _, _| (-r * r / 4.5).exp() / 14.0),
    ("a steep Gaussian", |r, _, _| (-r * r * 4.0).exp()),
    ("a Laplacian of a Gaussian", |r, _, _| (r * r / 4.0 - 2.0) * (-r * r / 8.0).exp()),
    ("noise", |_, _, noise| noise),
];

fn data<A: Value>(
    (n, taps): (&[usize], &[usize]),
    sample: Sample,
    tap: Tap,
) -> (ArrayD<A>, ArrayD<A>) {
    let mut random = Random::new(n.iter().sum::<usize>() as u64);
    let x =
        ArrayD::from_shape_fn(n, |at| A::from_complex(sample(at.slice(), n, random.unit()).into()));
    let k = ArrayD::from_shape_fn(taps, |at| {
        let square = |(i, n): (&usize, &usize)| (*i as f64 - (*n as f64 - 1.0) / 2.0).powi(2);
        let r = at.slice().iter().zip(taps).map(square).sum::<f64>().sqrt();
        A::from_complex(tap(r, at.slice(), random.unit()).into())
    });
    (x, k)
}

/// Checks all data under all taps by these ways, or every so-and-so-many-th of them; how often each way
/// ran.
fn every_output<A: Value>(every: usize, ways: &[Way], boundaries: &[Boundary<i8>]) -> Vec<usize> {
    let mut ran = vec![0; ways.len()];
    let convolver = if ways[0].0 == convolve::Device::Gpu { gpu() } else { Some(convolver()) };
    let Some(convolver) = convolver else { return ran };
    for (s, shape) in SHAPES.into_iter().enumerate() {
        for (i, (sample_name, sample)) in SAMPLES.into_iter().enumerate() {
            for (j, (tap_name, tap)) in TAPS.into_iter().enumerate() {
                // Coprime to the counts of samples and taps.
                let n = (s * SAMPLES.len() + i) * TAPS.len() + j;
                if !n.is_multiple_of(every) {
                    continue;
                }
                let (x, k) = data::<A>(shape, sample, tap);
                let boundary = boundaries[(s + i + j) % boundaries.len()];
                let boundary = cases::of_type::<A>(boundary).into();
                let subject = Subject::new(x, k, with!(Options::default(), boundary));
                for (way, ran) in ways.iter().zip(&mut ran) {
                    let what = || format!("{sample_name} under {tap_name}, {shape:?}, {way:?}");
                    let filter = match subject.filter(convolver, *way) {
                        Err(Error::Inadmissible { .. }) => continue,
                        filter => filter.expect("valid"),
                    };
                    subject.check_filter(&filter).unwrap_or_else(|e| panic!("{}\n{e}", what()));
                    let y = filter.apply(&subject.x).expect("runs");
                    let positive = |a: &A| a.to_complex().re >= 0.0 && a.to_complex().im == 0.0;
                    let positive = subject.x.iter().chain(&subject.k).all(positive);
                    for (y, window) in y.iter().zip(&subject.windows) {
                        let (size, re) = (y.magnitude(), y.to_complex().re);
                        // Factors have tails where those of the kernel were too small for the type.
                        let exact = way.1 != convolve::Method::Separable;
                        let nothing = window.products == 0.0 && exact;
                        assert!(!nothing || size == 0.0, "{}: {y:?}", what());
                        assert!(!positive || re >= 0.0, "{}: {y:?}", what());
                    }
                    *ran += 1;
                }
            }
        }
    }
    ran
}

const EDGES: [Boundary<i8>; 4] =
    [Boundary::Zero, Boundary::Mirror, Boundary::Wrap, Boundary::Nearest];

#[test]
fn every_output_on_the_cpu() {
    let ways = [CPU_DIRECT, CPU_FFT, CPU_SEPARABLE];
    for (every, ran) in [
        (1, every_output::<f32>(1, &ways, &EDGES)),
        (5, every_output::<f64>(5, &ways, &EDGES[1..3])),
        (7, every_output::<Complex<f32>>(7, &ways, &EDGES[2..])),
    ] {
        let all = (SHAPES.len() * SAMPLES.len() * TAPS.len()).div_ceil(every);
        assert!(ran[0] == all && ran[1] == all && ran[2] > all / 6, "{ran:?}");
    }
}

#[test]
fn every_output_on_the_gpu() {
    let ran = every_output::<f32>(2, &[GPU_DIRECT, GPU_SEPARABLE, GPU_FFT], &EDGES);
    assert!(gpu().is_none() || (ran[0] > 150 && ran[1] > 40 && ran[2] > 150), "{ran:?}");
    let ran = every_output::<Complex<f32>>(7, &[GPU_FFT], &EDGES[2..]);
    assert!(gpu().is_none() || ran[0] > 40, "{ran:?}");
}

/// Few samples are added to outputs one by one, whatever lies between taps, and so is what is not finite.
#[test]
fn few_samples_under_taps_far_apart() {
    for (n, taps, dilation) in [
        (vec![300], vec![21], vec![3]),
        (vec![60, 90], vec![9, 7], vec![2, 3]),
        (vec![12, 20, 30], vec![3, 5, 4], vec![1, 2, 3]),
    ] {
        let taps = ArrayD::from_shape_fn(taps, |at| at.slice().iter().sum::<usize>() as f32 - 3.0);
        for value in [1.0, -1e36, 1e-40, f32::NAN, f32::INFINITY] {
            let x = ArrayD::from_shape_fn(&n[..], |at| {
                if at.slice().iter().sum::<usize>() % 97 == 40 { value } else { 0.0 }
            });
            for edge in EDGES {
                let boundary = cases::of_type::<f32>(edge).into();
                let options =
                    with!(Options::default(), dilation: dilation.clone().into(), boundary);
                let subject = Subject::new(x.clone(), taps.clone(), options);
                let filter = subject.filter(convolver(), CPU_FFT).expect("valid");
                subject.check_filter(&filter).unwrap_or_else(|e| panic!("{value} {edge:?}\n{e}"));
            }
        }
    }
}

/// The round halo of a star became a cross: factors of the largest taps, and nothing else.
#[test]
fn the_halo_of_a_star_is_round() {
    let glare = |wings: f64| {
        move |at: &[usize]| {
            let r = at.iter().map(|&i| (i as f64 - 15.0).powi(2)).sum::<f64>().sqrt();
            if r == 0.0 { 1.0 } else { wings / r.powf(1.5) }
        }
    };
    let mut star = ArrayD::<f32>::zeros(IxDyn(&[64, 64]));
    star[[32, 32]] = 1e9;
    let k = ArrayD::from_shape_fn(IxDyn(&[31, 31]), |at| glare(1e-9)(at.slice()) as f32);
    let mut all: Vec<Way> = ways();
    all.extend(separable_ways());
    for way in all {
        let subject = Subject::new(star.clone(), k.clone(), Options::default());
        let Ok(filter) = subject.filter(convolver_of(way), way) else { continue };
        let y = filter.apply(&star).expect("runs");
        assert!((y[[33, 33]] - 0.594_603_6).abs() < 1e-6, "{way:?}: {}", y[[33, 33]]);
        subject.check_filter(&filter).expect("right");
    }
    // In a volume, and in double precision from 1e-17 on.
    for wings in [1e-9, 1e-17] {
        let mut star = ArrayD::<f64>::zeros(IxDyn(&[24, 24, 24]));
        star[[12, 12, 12]] = 1e9;
        let at = |at: IxDyn| glare(wings)(&at.slice().iter().map(|i| i + 12).collect::<Vec<_>>());
        let k = ArrayD::from_shape_fn(IxDyn(&[7, 7, 7]), at);
        let filter = convolver().filter(&k).check(Check::Sampled(usize::MAX));
        let filter = filter.for_shape(star.raw_dim()).expect("valid");
        filter.apply(&star).expect("every output is right");
    }
}

fn convolver_of((device, _): Way) -> &'static convolve::Convolver {
    match device {
        convolve::Device::Gpu => gpu().expect("a way of the GPU"),
        _ => convolver(),
    }
}

#[test]
fn dark_samples_under_holes_keep_their_digits() {
    let x = arr1(&[1.0f32, 1e-8, 1.0, 1e-8, 1.0, 1e-8, 1.0, 1e-8]);
    let k = arr1(&[1.0f32, 0.0, 1.0]);
    let filter = convolver().filter(&k).mode(convolve::Mode::Valid);
    let filter = filter.method(convolve::Method::Fft).for_shape(x.dim()).expect("valid");
    let y = filter.apply(&x).expect("runs");
    assert_eq!(y, arr1(&[2.0, 2e-8, 2.0, 2e-8, 2.0, 2e-8]));
}

#[test]
fn what_is_not_zero_is_not_zero_when_it_is_scaled() {
    let mut x = Array1::from_elem(17, 1e-19f32);
    x[8] = 1e28;
    let filter = convolver().filter(&arr1(&[1.0f32, 1.0])).mode(convolve::Mode::Full);
    let filter = filter.method(convolve::Method::Fft).for_shape(x.dim()).expect("valid");
    let y = filter.apply(&x).expect("runs");
    for (i, y) in y.iter().enumerate() {
        let exact = match i {
            8 | 9 => 1e28,
            0 | 17 => 1e-19,
            _ => 2e-19,
        };
        assert!((y / exact - 1.0).abs() < 1e-3, "at {i}: {y:e}");
    }
}

/// The judge counts what its own sums in `f64` are off by.
#[test]
fn tiny_problems_raise_no_alarm() {
    let mut random = Random::new(21);
    for round in 0..300 {
        let (n, taps) = (1 + random.below(4), 1 + random.below(4));
        let (x, k) = (random.array::<f64>(&[n]), random.array::<f64>(&[taps]));
        for way in [CPU_DIRECT, CPU_FFT] {
            let filter = convolver().filter(&k).device(way.0).method(way.1);
            let filter = filter.check(Check::Sampled(100)).for_shape(x.raw_dim()).expect("valid");
            filter.apply(&x).unwrap_or_else(|e| panic!("{round} {way:?}: {e}"));
        }
    }
    for round in 0..20 {
        let mut random = Random::new(round);
        let (x, k) = (random.array::<f64>(&[28, 1]), random.rank_one::<f64>(&[52, 20]));
        let filter = convolver().filter(&k).boundary(Boundary::Mirror).dilation([2, 1]);
        let filter = filter.device(convolve::Device::Cpu).method(convolve::Method::Separable);
        let filter = filter.check(Check::Sampled(1)).for_shape(x.raw_dim()).expect("rank one");
        filter.apply(&x).unwrap_or_else(|e| panic!("{round}: {e}"));
        assert_verified(&filter, &x);
    }
}

/// An error that is large for a quiet output and small for its neighbours is seen.
#[test]
fn drowned_outputs_are_caught() {
    let x = Array1::from_shape_fn(64, |i| if i < 32 { 1e6f32 } else { 1e-6 });
    let k = arr1(&[0.25f32, 0.5, 0.25]);
    let subject = Subject::new(x.into_dyn(), k.into_dyn(), Options::default());
    let filter = subject.filter(convolver(), CPU_FFT).expect("valid");
    let mut wrong = subject.rounded();
    wrong[50] += 1e-3;
    let tolerance = subject.tolerance(filter.plan());
    let verdict = subject::compare(&wrong, &subject.exact, &tolerance);
    assert!(verdict.expect_err("drowned").contains("at [50]"));
}

/// A flat area stays what it is, to a few roundings of its sums: the weights that are used add up to
/// one, in all methods.
#[test]
fn flat_areas_stay_flat() {
    for sigma in [0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0] {
        let k = filters::gaussian::<f32>(sigma).expect("a sigma");
        for level in [1.0f32, 100.0, 255.0, 65_535.0] {
            let x = Array2::from_elem((80, 90), level);
            let filter = convolver().filter(&k).boundary(Boundary::Nearest);
            let y = filter.for_shape(x.dim()).expect("valid").apply(&x).expect("runs");
            let off = y.iter().fold(0.0f32, |most, y| most.max((y / level - 1.0).abs()));

            assert!(off <= 4.0 * f32::EPSILON, "sigma {sigma}, {level}: off by {off:e}");
        }
    }
}
