//! Cases worked out by hand: small enough to check on paper.

use convolve::{Boundary, Mode, Operation, Options};
use ndarray::{ArrayD, IxDyn, arr1, arr2};
use num_complex::Complex;

use crate::common::with;
use crate::common::*;

/// Every way of computing gives exactly `expected`, and so does the oracle.
fn gives<A: Value>(x: ArrayD<A>, k: ArrayD<A>, options: Options<A>, expected: ArrayD<A>) {
    let subject = Subject::new(x, k, options);
    let on_gpu = gpu().filter(|_| A::DTYPE.size() == 4 || A::DTYPE.is_complex());
    assert_eq!(subject.rounded(), expected, "the oracle");
    let ways = [Some(CPU_DIRECT), Some(CPU_FFT), on_gpu.map(|_| GPU_DIRECT)];
    for way in ways.into_iter().flatten() {
        subject.check_way(convolver(), way).unwrap_or_else(|error| panic!("{way:?}: {error}"));
    }
}

fn line(values: &[f32]) -> ArrayD<f32> {
    arr1(values).into_dyn()
}

fn mode(mode: Mode) -> Options<f32> {
    with!(Options::default(), mode)
}

const X: [f32; 5] = [1.0, 2.0, 3.0, 4.0, 5.0];

#[test]
fn each_mode_with_an_odd_kernel() {
    let k = [1.0, 10.0, 100.0];
    let full = [1.0, 12.0, 123.0, 234.0, 345.0, 450.0, 500.0];
    gives(line(&X), line(&k), mode(Mode::Full), line(&full));
    gives(line(&X), line(&k), mode(Mode::Same), line(&full[1..6]));
    gives(line(&X), line(&k), mode(Mode::Valid), line(&full[2..5]));
}

/// `same` starts at `(M - 1) / 2`, rounded down: at 1 for four taps.
#[test]
fn each_mode_with_an_even_kernel() {
    let k = [1.0, 10.0, 100.0, 1000.0];
    let full = [1.0, 12.0, 123.0, 1234.0, 2345.0, 3450.0, 4500.0, 5000.0];
    gives(line(&X), line(&k), mode(Mode::Full), line(&full));
    gives(line(&X), line(&k), mode(Mode::Same), line(&full[1..6]));
    gives(line(&X), line(&k), mode(Mode::Valid), line(&full[3..5]));
}

#[test]
fn origin_moves_the_start_of_same() {
    let k = [1.0, 10.0, 100.0, 1000.0];
    let full = [1.0, 12.0, 123.0, 1234.0, 2345.0, 3450.0, 4500.0, 5000.0];
    for origin in -1..=2isize {
        let start = (1 + origin) as usize;
        let options = with!(Options::default(), origin: origin.into());
        gives(line(&X), line(&k), options, line(&full[start..start + 5]));
    }
}

#[test]
fn stride_keeps_the_first_and_every_so_manyth() {
    let k = [1.0, 10.0, 100.0];
    let options = |mode, stride: usize| with!(self::mode(mode), stride: stride.into());
    gives(line(&X), line(&k), options(Mode::Full, 2), line(&[1.0, 123.0, 345.0, 500.0]));
    gives(line(&X), line(&k), options(Mode::Same, 2), line(&[12.0, 234.0, 450.0]));
    gives(line(&X), line(&k), options(Mode::Valid, 2), line(&[123.0, 345.0]));
    gives(line(&X), line(&k), options(Mode::Valid, 3), line(&[123.0]));
    gives(line(&X), line(&k), options(Mode::Same, 100), line(&[12.0]));
}

/// Dilation 2 makes `[1, 10]` a kernel `[1, 0, 10]`: three taps long, `same` starts at 1.
#[test]
fn dilation_puts_samples_between_the_taps() {
    let options = |mode| with!(self::mode(mode), dilation: 2.into());
    let full = [1.0, 2.0, 13.0, 24.0, 35.0, 40.0, 50.0];
    gives(line(&X), line(&[1.0, 10.0]), options(Mode::Full), line(&full));
    gives(line(&X), line(&[1.0, 10.0]), options(Mode::Same), line(&full[1..6]));
    gives(line(&X), line(&[1.0, 10.0]), options(Mode::Valid), line(&full[2..5]));
}

#[test]
fn each_boundary_past_several_periods() {
    // One tap of ten shifts the extended input into view: y[o] = x~[o + 4 - 9].
    let mut k = [0.0; 10];
    k[9] = 1.0;
    for (boundary, expected) in [
        (Boundary::Zero, [0.0, 0.0, 0.0]),
        (Boundary::Constant(7.0), [7.0, 7.0, 7.0]),
        (Boundary::Nearest, [1.0, 1.0, 1.0]),
        // ... 3 2 1 | 1 2 3 ...: positions -5, -4, -3.
        (Boundary::Reflect, [2.0, 3.0, 3.0]),
        // ... 2 3 2 | 1 2 3: period 4.
        (Boundary::Mirror, [2.0, 1.0, 2.0]),
        (Boundary::Wrap, [2.0, 3.0, 1.0]),
    ] {
        let options = with!(Options::default(), boundary: boundary.into());
        gives(line(&[1.0, 2.0, 3.0]), line(&k), options, line(&expected));
    }
}

/// Outside along both axes the later one gives the value, as when numpy.pad pads in turn.
#[test]
fn corners_take_the_constant_of_the_later_axis() {
    let mut k = ArrayD::zeros(IxDyn(&[3, 3]));
    // y[o] = x~[o - 1] on both axes.
    k[[2, 2]] = 1;
    let options = with!(
        Options::default(),
        boundary: [Boundary::Constant(10), Boundary::Constant(20)].into(),
    );
    let expected = arr2(&[[20, 10, 10], [20, 1, 2], [20, 4, 5]]).into_dyn();
    let x = arr2(&[[1i32, 2, 3], [4, 5, 6], [7, 8, 9]]).into_dyn();
    let subject = Subject::new(x.clone(), k.clone(), options.clone());
    assert_eq!(subject.rounded(), expected);
    subject.check_way(convolver(), CPU_DIRECT).expect("cpu");
    let float = |a: ArrayD<i32>| a.mapv(|v| v as f32);
    let options = with!(
        Options::default(),
        boundary: [Boundary::Constant(10.0), Boundary::Constant(20.0)].into(),
    );
    gives(float(x), float(k), options, float(expected));
}

/// `valid` with the longer kernel: convolution is symmetric, correlation reversed and conjugated.
#[test]
fn valid_swaps() {
    let k = [1.0, 2.0, 4.0, 8.0];
    gives(line(&[1.0, 10.0]), line(&k), mode(Mode::Valid), line(&[12.0, 24.0, 48.0]));
    let correlate = with!(mode(Mode::Valid), operation: Operation::Correlate);
    // scipy.signal.correlate([1, 10], [1, 2, 4, 8], "valid").
    gives(line(&[1.0, 10.0]), line(&k), correlate, line(&[84.0, 42.0, 21.0]));
}

#[test]
fn valid_swaps_complex() {
    let c = |re: f32, im: f32| Complex::new(re, im);
    let x = arr1(&[c(1.0, 1.0), c(0.0, 10.0)]).into_dyn();
    let k = arr1(&[c(1.0, 0.0), c(0.0, 2.0), c(4.0, -4.0)]).into_dyn();
    let options = |operation| with!(Options::default(), operation, mode: Mode::Valid);
    // k[1] x[0] + k[0] x[1], k[2] x[0] + k[1] x[1].
    let convolved = arr1(&[c(-2.0, 12.0), c(-12.0, 0.0)]).into_dyn();
    gives(x.clone(), k.clone(), options(Operation::Convolve), convolved);
    // conj(k[1]) x[0] + conj(k[2]) x[1], conj(k[0]) x[0] + conj(k[1]) x[1].
    let correlated = arr1(&[c(-38.0, 38.0), c(21.0, 1.0)]).into_dyn();
    gives(x, k, options(Operation::Correlate), correlated);
}

#[test]
fn correlation_does_not_reverse_and_conjugates() {
    let options = |mode| with!(self::mode(mode), operation: Operation::Correlate);
    let k = [1.0, 10.0, 100.0];
    let full = [100.0, 210.0, 321.0, 432.0, 543.0, 54.0, 5.0];
    gives(line(&X), line(&k), options(Mode::Full), line(&full));
    gives(line(&X), line(&k), options(Mode::Same), line(&full[1..6]));
    gives(line(&X), line(&k), options(Mode::Valid), line(&full[2..5]));
    let c = |re: f32, im: f32| Complex::new(re, im);
    let one = |value| arr1(&[value]).into_dyn();
    let options = with!(Options::default(), operation: Operation::Correlate);
    gives(one(c(1.0, 2.0)), one(c(0.0, 1.0)), options, one(c(2.0, -1.0)));
}

#[test]
fn arrays_without_axes_are_numbers() {
    let scalar = |value: f32| ArrayD::from_elem(IxDyn(&[]), value);
    for m in [Mode::Full, Mode::Same, Mode::Valid] {
        gives(scalar(3.0), scalar(-2.0), mode(m), scalar(-6.0));
    }
}

#[test]
fn channels_do_not_mix() {
    // 1 x 3 x 2: two channels, a kernel of two taps along the middle axis.
    let x = ArrayD::from_shape_vec(IxDyn(&[1, 3, 2]), vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
    let k = ArrayD::from_shape_vec(IxDyn(&[1, 2, 1]), vec![1.0, 100.0]);
    let expected = vec![301.0, 3010.0, 102.0, 1020.0, 203.0, 2030.0];
    let y = ArrayD::from_shape_vec(IxDyn(&[1, 3, 2]), expected);
    // `same` of two taps starts at 0: y[0] = x[0] + 100 x[-1], and x[-1] wraps to the last.
    let options = with!(Options::default(), boundary: Boundary::Wrap.into());
    gives(x.expect("6"), k.expect("2"), options, y.expect("6"));
}

#[test]
fn integers_wrap() {
    let (x, k) = (arr1(&[100i8, -100, 127]).into_dyn(), arr1(&[3i8, -128]).into_dyn());
    let full = with!(Options::default(), mode: Mode::Full);
    // 300; -300 - 12800; 381 + 12800; -16256, all modulo 256.
    let expected = arr1(&[300i32 as i8, -13100i32 as i8, 13181i32 as i8, -16256i32 as i8]);
    let subject = Subject::new(x, k, full);
    assert_eq!(subject.rounded(), expected.into_dyn());
    for way in [CPU_DIRECT, CPU_FFT] {
        subject.check_way(convolver(), way).expect("exact");
    }
}
