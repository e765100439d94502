//! What transforms owe to each block alone, although two of them share one; and their memory.

use convolve::plan::Recipe;
use convolve::{Boundary, Convolver, Device, Filter, KernelFacts, Method, Mode, Precision, bounds};
use ndarray::{Array, Array1, Array2, Dimension, Ix1};
use num_complex::{Complex, Complex32};

use crate::common::*;

fn fft<D: Dimension>(shape: D, k: &Array<f32, D>, mode: Mode) -> Filter<f32, D> {
    let filter = Convolver::builder().threads(1).build().filter(k);
    let filter = filter.mode(mode).device(Device::Cpu).method(Method::Fft);
    filter.for_shape(shape).expect("admissible")
}

#[test]
fn later_calls_do_not_allocate() {
    let mut random = Random::new(1);
    let mut run = |method, shape: &[usize], taps: &[usize], boundary, precision| {
        let (x, k) = (random.array::<f32>(shape), random.rank_one(taps));
        let filter = Convolver::builder().threads(1).build().filter(&k).boundary(boundary);
        let filter = filter.device(Device::Cpu).method(method).precision(precision);
        let filter = filter.for_shape(x.raw_dim()).expect("admissible");
        let mut y = x.clone();
        let mut counts = [0; 4];
        for count in &mut counts {
            let before = allocations();
            filter.apply_into(&x, &mut y).expect("a run");
            *count = allocations() - before;
        }
        assert!(counts[0] > 0, "the count counts");
        assert_eq!(counts[2..], [0, 0], "{}", filter.plan());
    };
    for precision in [Precision::Native, Precision::High] {
        for boundary in [Boundary::Zero, Boundary::Mirror, Boundary::Constant(1.0)] {
            run(Method::Fft, &[300, 400], &[31, 17], boundary, precision);
            run(Method::Direct, &[64, 64], &[3, 3], boundary, precision);
            run(Method::Direct, &[50, 300], &[7, 9], boundary, precision);
            run(Method::Direct, &[9, 20, 90], &[3, 4, 5], boundary, precision);
            run(Method::Separable, &[64, 64], &[3, 3], boundary, precision);
            run(Method::Separable, &[50, 300], &[7, 9], boundary, precision);
            run(Method::Separable, &[9, 20, 90], &[3, 4, 5], boundary, precision);
        }
        run(Method::Fft, &[1, 30_000], &[1, 301], Boundary::Zero, precision);
        run(Method::Fft, &[40, 700], &[1, 101], Boundary::Zero, precision);
    }
}

/// A filter of two blocks or more, the samples that the first block reads, and its size.
fn two_blocks(k: &Array1<f32>) -> (Filter<f32, Ix1>, usize, usize) {
    let filter = fft(Ix1(200_000), k, Mode::Valid);
    let Some((Recipe::CpuFft { blocks, .. }, _)) = filter.plan().chosen().admitted() else {
        panic!("{}", filter.plan());
    };
    assert!(blocks.count[0] > 1, "{}", filter.plan());
    let (step, size) = (blocks.step[0], blocks.size[0]);
    (filter, step + k.len() - 1, size)
}

/// The largest error of the outputs `from..to`, against sums in f64.
fn error(x: &Array1<f32>, k: &Array1<f32>, y: &Array1<f32>, from: usize, to: usize) -> f64 {
    let exact = |o: usize| -> f64 {
        let terms = k.iter().rev().zip(x.iter().skip(o));
        terms.map(|(k, x)| f64::from(*k) * f64::from(*x)).sum()
    };
    (from..to).step_by(7).map(|o| (exact(o) - f64::from(y[o])).abs()).fold(0.0, f64::max)
}

#[test]
fn what_is_quiet_keeps_its_digits_where_nothing_has_a_sign() {
    // There outputs tell of their windows by themselves: those that are small must not.
    let mut random = Random::new(11);
    let cases: [(&[usize], &[usize]); 4] = [
        (&[180, 260, 3], &[15, 15, 1]),
        (&[400, 500], &[31, 33]),
        (&[40, 60, 70], &[5, 9, 11]),
        (&[60_000], &[301]),
    ];
    for (shape, taps) in cases {
        for along in 0..shape.len() {
            let band = |at: usize| [1.0, 1e-6, 0.0, 1e-3][at * 8 / shape[along].max(8) % 4];
            let mut x = random.array::<f32>(shape);
            x.indexed_iter_mut().for_each(|(at, x)| *x = x.abs() * band(at[along]));
            let k = random.array::<f32>(taps).mapv(f32::abs);
            let y = fft(x.raw_dim(), &k, Mode::Same).apply(&x).expect("a run");
            let direct = Convolver::builder().gpu(false).build().filter(&k.mapv(f64::from));
            let direct = direct.mode(Mode::Same).method(Method::Direct);
            let direct = direct.for_shape(x.raw_dim()).expect("always");
            let exact = direct.apply(&x.mapv(f64::from)).expect("a run");
            for (at, &exact) in exact.indexed_iter() {
                let off = (f64::from(y[&at]) - exact).abs();
                assert!(off <= 1.1e-3 * exact, "{shape:?} by {along}: {at:?} {} {exact}", y[&at]);
            }
        }
    }
}

#[test]
fn a_quiet_block_is_as_exact_beside_a_loud_one() {
    let k = Array1::from_shape_fn(1001, |i| ((i * 37 % 19) as f32 - 9.0) / 10.0);
    let facts = KernelFacts::of(k.as_slice().expect("standard"), &[k.len()]);
    let (filter, read, size) = two_blocks(&k);
    let noise = |i: usize| ((i * 7919 % 1009) as f32 - 504.0) / 504.0;
    for loud in [1e3f32, 1e6, 1e12, 1e25] {
        let (quiet, outputs) = (1e-3, read - k.len() + 1);
        let x = Array1::from_shape_fn(200_000, |i| noise(i) * if i < read { quiet } else { loud });
        let y = filter.apply(&x).expect("a run");
        let least =
            bounds::fft(convolve::DType::F32, bounds::Spread::of(size), &facts, quiet.into());
        let found = error(&x, &k, &y, 0, outputs);
        assert!(found <= least, "{loud}: {found} > {least}\n{}", filter.plan());
        let most = bounds::fft(convolve::DType::F32, bounds::Spread::of(size), &facts, loud.into());
        assert!(error(&x, &k, &y, outputs, y.len()) <= most, "{loud}");
    }
}

#[test]
fn a_block_that_is_not_finite_leaves_its_partner_alone() {
    let k = Array1::from_shape_fn(1001, |i| ((i * 37 % 19) as f32 - 9.0) / 10.0);
    let facts = KernelFacts::of(k.as_slice().expect("standard"), &[k.len()]);
    let (filter, read, size) = two_blocks(&k);
    let mut x = Array1::from_shape_fn(200_000, |i| ((i * 7919 % 1009) as f32 - 504.0) / 504.0);
    let bound = bounds::fft(convolve::DType::F32, bounds::Spread::of(size), &facts, 1.0);
    for at in [read + 10, read - 1000] {
        let finite = std::mem::replace(&mut x[at], f32::NAN);
        let y = filter.apply(&x).expect("a run");
        let windows = at - (k.len() - 1)..at + 1;
        for (o, y) in y.iter().enumerate() {
            assert_eq!(y.is_nan(), windows.contains(&o), "{o}");
        }
        assert!(error(&x, &k, &y, 0, windows.start) <= bound);
        assert!(error(&x, &k, &y, windows.end, y.len()) <= bound);
        x[at] = finite;
    }
}

/// Lamps here and there in what is a hundred million times as dark, beside what is black and what is darker still.
fn night(shape: [usize; 2], unit: f64) -> Array2<f64> {
    Array2::from_shape_fn(shape, |(row, column)| {
        let texture = 0.5 + ((row * 7919 + column * 104_729) % 10_007) as f64 / 10_007.0;
        unit * texture
            * match (row, column) {
                (_, ..30) => 0.0,
                (250.., 400..) => 1e-14,
                _ if row % 75 < 4 && column % 190 < 4 => 1e6,
                _ => 0.01,
            }
    })
}

#[test]
fn what_is_dark_keeps_its_digits_beside_lamps() {
    let shape = [300, 500];
    let share = bounds::share(f32::EPSILON.into());
    let taps = Array2::from_shape_fn([25, 27], |(i, j)| {
        let (row, column) = (i as f64 - 12.0, j as f64 - 13.0);
        (1.0 + row * row + column * column).recip() * if (i + j) % 5 == 0 { -0.3 } else { 1.0 }
    });
    let filter = |k: &Array2<f64>, stride| {
        let convolver = Convolver::builder().threads(2).gpu(false).build();
        let filter = convolver.filter(k).mode(Mode::Same).stride(stride).method(Method::Direct);
        filter.for_shape(shape).expect("admissible")
    };
    // Of usual size, and so small that they are scaled before they are transformed.
    for (unit, stride, signs) in
        [(1.0, 1, true), (1.0, 1, false), (1e-17, 1, true), (1.0, 2, false)]
    {
        let k = if signs { taps.clone() } else { taps.mapv(f64::abs) };
        let k = k.mapv(|tap| tap as f32);
        let x = night(shape, unit).mapv(|sample| sample as f32);
        let (wide, magnitudes) = (k.mapv(f64::from), k.mapv(|tap| f64::from(tap.abs())));
        let samples = x.mapv(f64::from);
        let exact = filter(&wide, stride).apply(&samples).expect("runs");
        let windows = filter(&magnitudes, stride).apply(&samples).expect("runs");
        let run = |threads| {
            let convolver = Convolver::builder().threads(threads).gpu(false).build();
            let filter = convolver.filter(&k).mode(Mode::Same).stride(stride);
            let filter = filter.method(Method::Fft).reproducible(true).for_shape(shape);
            filter.expect("admissible").apply(&x).expect("runs")
        };
        let y = run(1);
        let about = format!("{unit}, stride {stride}, signs: {signs}");
        for ((at, y), window) in y.indexed_iter().zip(&windows) {
            let error = (f64::from(*y) - exact[at]).abs();
            let most = share * window + f64::from(f32::MIN_POSITIVE);
            assert!(error <= most, "{about}, {at:?}: {y}, {} in {window}", exact[at]);
            assert!(*window > 0.0 || y.to_bits() == 0, "{about}, {at:?}: {y}");
        }
        assert_eq!(run(3), y, "{about}");
        // A complex block has a transform of its own.
        let turn = Complex32::new(0.6, -0.8);
        let filter = Convolver::builder().threads(1).gpu(false).build();
        let filter = filter.filter(&k.mapv(Complex32::from)).mode(Mode::Same).stride(stride);
        let filter = filter.method(Method::Fft).for_shape(shape).expect("admissible");
        let turned = filter.apply(&x.mapv(|x| turn * x)).expect("runs");
        for ((at, y), window) in turned.indexed_iter().zip(&windows) {
            let Complex { re, im } = y / turn;
            let error = (f64::from(re) - exact[at]).hypot(im.into());
            let most = 1.5 * share * window + f64::from(f32::MIN_POSITIVE);
            assert!(error <= most, "{about}, complex, {at:?}: {y}, {}", exact[at]);
        }
    }
}
