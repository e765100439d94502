//! Samples that are not stored in the type that is computed in: what comes out is what comes out of the
//! same numbers in that type, rounded once.

use convolve::{Boundary, Convolver, Device, Error, Filter, FrameSample, Method, Precision};
use ndarray::{Array2, ArrayD, Dimension, IxDyn};

use crate::common::cases::Case;
use crate::common::*;

/// How far a result may be from where the sum lies: half a level, and what sums in another order may be
/// off by.
const HALF: f64 = 0.5 + 2e-3;

/// Checks frames of integers against the filter's own results of the same numbers.
fn check<T, D>(filter: &Filter<f32, D>, random: &mut Random, largest: f64, what: &str)
where
    T: FrameSample<f32> + Value + Into<f64> + Into<f32>,
    D: Dimension,
{
    let plan = filter.plan();
    let frame = random.array::<T>(&plan.problem.input);
    let frame = frame.into_dimensionality::<D>().expect("the planned rank");
    let exact = filter.apply(&frame.mapv(Into::into)).expect("runs");
    let mut stream = filter.stream_of::<T>();
    let pushed = stream.push(&frame).expect("runs");
    let result = pushed.or_else(|| stream.pop().expect("runs")).expect("a result");
    for (at, (&got, &exact)) in result.iter().zip(&exact).enumerate() {
        let (got, exact): (f64, f64) = (got.into(), exact.into());
        let exact = if exact.is_nan() { 0.0 } else { exact.clamp(0.0, largest) };
        assert!((got - exact).abs() <= HALF, "{what}: {got}, {exact} at {at}\n{plan}");
    }
}

fn check_both<D: Dimension>(filter: &Filter<f32, D>, random: &mut Random, what: &str) {
    check::<u8, D>(filter, random, 255.0, what);
    check::<u16, D>(filter, random, 65_535.0, what);
}

#[test]
fn integers_are_read_and_written_by_every_method() {
    let cases: Vec<Case> = table();
    let mut ran = [0; 2];
    for (i, case) in cases.iter().enumerate().filter(|(_, case)| !case.swaps()) {
        let mut random = Random::new(i as u64);
        // Small taps: sums that round, and some that saturate.
        let kernel = random.array::<u8>(&case.kernel).mapv(|tap| f32::from(tap) / 512.0 - 0.1);
        let taps = kernel.len() as f32;
        let outer = random.rank_one::<f32>(&case.kernel).mapv(|tap| tap / 4.0);
        let kernels = [(kernel / taps.sqrt(), 0), (outer, 1)];
        for (kernel, kind) in kernels {
            for method in [Method::Direct, Method::Separable, Method::Fft] {
                let builder = convolver().filter(&kernel).options(case.options());
                let precision = [Precision::Native, Precision::High][i % 2];
                let builder = builder.device(Device::Cpu).method(method).precision(precision);
                match builder.for_shape(IxDyn(&case.input)) {
                    Ok(filter) => {
                        check_both(&filter, &mut random, &format!("{case:?} {method}"));
                        ran[kind] += 1;
                    }
                    Err(Error::Inadmissible { .. }) => {}
                    Err(error) => panic!("{case:?} {error}"),
                }
            }
        }
    }
    assert!(ran.iter().all(|&ran| ran > cases.len()), "{ran:?}");
}

/// Rows that are converted in several strips, and transformed in several blocks.
#[test]
fn long_rows_are_converted_in_strips() {
    let mut random = Random::new(5);
    let cpu = Convolver::builder().gpu(false).build();
    for (shape, kernel) in [
        ((23, 9_001, 3), random.array::<f32>(&[3, 3, 1])),
        ((40, 2_500, 1), random.array::<f32>(&[15, 15, 1])),
        ((400, 700, 4), random.rank_one::<f32>(&[9, 9, 1])),
        ((1, 70_000, 2), random.array::<f32>(&[1, 33, 1])),
        ((3_000, 5, 2), random.rank_one::<f32>(&[21, 2, 1])),
    ] {
        let kernel = kernel / 200.0f32;
        for method in [Method::Direct, Method::Separable, Method::Fft] {
            for stride in [[1, 1, 1], [2, 3, 1]] {
                let builder = cpu.filter(&kernel).method(method).boundary(Boundary::Reflect);
                let filter = match builder.stride(stride).for_shape(IxDyn(&shape_of(shape))) {
                    Ok(filter) => filter,
                    Err(Error::Inadmissible { .. }) => continue,
                    Err(error) => panic!("{error}"),
                };
                check_both(&filter, &mut random, &format!("{shape:?} {method} {stride:?}"));
            }
        }
    }
}

fn shape_of((rows, columns, channels): (usize, usize, usize)) -> [usize; 3] {
    [rows, columns, channels]
}

/// Terms of a sum may be infinite where the sum is not: that is seen before a result is a level.
#[test]
fn what_is_outside_may_be_infinite() {
    let smooth = Array2::from_shape_fn((9, 9), |(y, x)| {
        let (y, x) = (y as f32 - 4.0, x as f32 - 4.0);
        (-(x * x + y * y) / 8.0).exp() - 0.4 * (-(x * x + y * y) / 3.0).exp()
    });
    for value in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
        for method in [Method::Direct, Method::Separable, Method::Fft] {
            let builder = convolver().filter(&smooth).boundary(Boundary::Constant(value));
            let builder = builder.device(Device::Cpu).method(method);
            let filter = match builder.for_shape((70, 90)) {
                Ok(filter) => filter,
                Err(Error::Inadmissible { .. }) => continue,
                Err(error) => panic!("{error}"),
            };
            check_both(&filter, &mut Random::new(1), &format!("{value} {method}"));
        }
    }
}

#[test]
fn arrays_of_one_byte_are_still_wrapped() {
    let x = ArrayD::from_elem(IxDyn(&[4, 4]), 200u8);
    let k = ArrayD::from_elem(IxDyn(&[1, 1]), 2u8);
    let filter = convolver().filter(&k).for_shape(x.raw_dim()).expect("planned");
    assert!(filter.apply(&x).expect("runs").iter().all(|&y| y == 144));
}
