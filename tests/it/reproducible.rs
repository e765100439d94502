//! The same bits on any number of threads, where that is asked for.

use convolve::{Boundary, Convolver, Device, Method};
use ndarray::{Array2, ArrayD};
use num_complex::Complex;

use crate::common::*;

/// Runs in a pool of so many threads.
fn on<T: Send>(threads: usize, run: impl FnOnce(&Convolver) -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    pool.install(|| run(&Convolver::builder().threads(threads).calibrated(false).build()))
}

fn same_bits<A: Value>(shapes: &[(&[usize], &[usize])]) {
    let mut random = Random::new(31);
    for (n, taps) in shapes {
        let (x, k) = (random.array::<A>(n), random.rank_one::<A>(taps));
        for method in [Method::Direct, Method::Separable, Method::Fft, Method::Auto] {
            let run = |convolver: &Convolver| -> Option<(Method, ArrayD<A>)> {
                let filter = convolver.filter(&k).boundary(Boundary::Mirror).reproducible(true);
                let filter =
                    filter.device(Device::Cpu).method(method).for_shape(x.raw_dim()).ok()?;
                Some((filter.plan().method(), filter.apply(&x).expect("runs")))
            };
            let one = on(1, run);
            assert!(one.is_some() || method == Method::Separable, "{n:?} {method}");
            for threads in [2, 3, 4, 8, 16] {
                assert!(on(threads, run) == one, "{n:?} {taps:?} {method} on {threads} threads");
            }
        }
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    same_bits::<f32>(&[
        (&[100_003], &[101]),
        (&[3, 5000], &[3, 5]),
        (&[37, 41], &[5, 7]),
        (&[301, 257], &[9, 11]),
        (&[600, 700], &[31, 31]),
        (&[5, 83, 91], &[1, 7, 3]),
        (&[31, 40, 50], &[3, 5, 3]),
        (&[50, 60, 3], &[7, 7, 1]),
    ]);
    same_bits::<f64>(&[(&[301, 257], &[9, 11]), (&[7, 900], &[5, 5])]);
    same_bits::<Complex<f32>>(&[(&[123, 257], &[9, 5])]);
}

/// Without it, bits may go with the number of threads, where few rows are cut anywhere; values do not.
#[test]
fn without_it_only_rounding_differs() {
    let mut random = Random::new(5);
    let (x, k) = (random.array::<f32>(&[60, 300]), random.array::<f32>(&[15, 15]));
    let run = |convolver: &Convolver| {
        let filter = convolver.filter(&k).device(Device::Cpu).method(Method::Direct);
        filter.for_shape(x.raw_dim()).expect("valid").apply(&x).expect("runs")
    };
    let (one, many) = (on(1, run), on(8, run));
    let off = one.iter().zip(&many).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(off < 1e-4, "{off}");
}

#[test]
fn what_is_chosen_does_not_go_with_the_threads() {
    let k = Array2::<f32>::from_elem((17, 17), 1.0 / 289.0);
    let chosen = |threads: usize| {
        on(threads, |convolver| {
            let filter = convolver.filter(&k).reproducible(true).device(Device::Cpu);
            let filter = filter.for_shape((700, 900)).expect("valid");
            (filter.plan().method(), filter.plan().cost())
        })
    };
    assert_eq!(chosen(1), chosen(16));
}

#[test]
fn the_clock_chooses_nothing_that_must_be_the_same() {
    let kernel: ArrayD<f32> = Random::new(3).array(&[5, 5]);
    let filter = Convolver::new().filter(&kernel).reproducible(true).method(Method::Measured);
    let error = filter.for_shape(ndarray::IxDyn(&[40, 40])).expect_err("no choice by the clock");
    assert!(error.to_string().contains("reproducible"), "{error}");
}
