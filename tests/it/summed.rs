//! Transforms whose outermost axis is summed tap by tap: which problems get them, and that they
//! mean the same.

use convolve::plan::Recipe;
use convolve::{Boundary, Convolver, Mode, Options, Plan};
use num_complex::Complex;

use crate::common::cases::of_type;
use crate::common::with;
use crate::common::*;

/// The taps that are summed.
fn summed(plan: &Plan) -> Option<usize> {
    match plan.chosen().admitted() {
        Some((Recipe::CpuFft { blocks, .. }, _)) => blocks.summed.map(|summed| summed.taps),
        other => panic!("{other:?}"),
    }
}

fn check<A: Value>(input: &[usize], kernel: &[usize], wanted: Option<usize>, options: Options<A>) {
    let mut random = Random::new(input.iter().chain(kernel).sum::<usize>() as u64);
    let subject = Subject::<A>::new(random.array(input), random.array(kernel), options);
    let convolver = Convolver::builder().threads(2).build();
    let filter = subject.filter(&convolver, CPU_FFT).expect("admissible");
    assert_eq!(summed(filter.plan()), wanted, "{}", filter.plan());
    assert_eq!(filter.plan().to_string().contains("taps summed"), wanted.is_some());
    subject.check_filter(&filter).unwrap_or_else(|error| panic!("{input:?} {kernel:?} {error}"));
}

#[test]
fn few_taps_are_summed_and_many_are_not() {
    check::<f32>(&[120, 200], &[9, 9], Some(9), Options::default());
    check::<f64>(&[101, 131], &[16, 10], Some(16), Options::default());
    check::<Complex<f32>>(&[90, 119], &[8, 9], Some(8), Options::default());
    check::<Complex<f64>>(&[90, 119], &[2, 9], Some(2), Options::default());
    check::<i16>(&[90, 150], &[7, 5], Some(7), Options::default());
    check::<f32>(&[90, 64, 3], &[5, 4, 1], Some(5), Options::default());
    // A batch, a volume, and four axes.
    check::<f32>(&[3, 90, 100], &[1, 7, 5], Some(7), Options::default());
    check::<f32>(&[40, 30, 50], &[5, 4, 6], Some(5), Options::default());
    check::<f64>(&[4, 20, 12, 40], &[2, 5, 3, 3], Some(2), Options::default());
    check::<f32>(&[2, 40, 20, 40], &[1, 5, 3, 3], Some(5), Options::default());
    // The only axis, too many taps, and an axis that only lies outside.
    check::<f32>(&[5_000], &[31], None, Options::default());
    check::<f32>(&[200, 130], &[129, 3], None, Options::default());
    check::<f32>(&[10, 4_000], &[1, 31], None, Options::default());
}

#[test]
fn summed_axes_know_every_boundary_mode_stride_and_dilation() {
    for (boundary, mode) in [
        (Boundary::Zero, Mode::Full),
        (Boundary::Constant(3), Mode::Same),
        (Boundary::Nearest, Mode::Same),
        (Boundary::Reflect, Mode::Full),
        (Boundary::Mirror, Mode::Same),
        (Boundary::Wrap, Mode::Valid),
    ] {
        for (stride, dilation) in [(1, 1), (2, 1), (1, 3), (3, 2)] {
            let options = with!(
                Options::default(),
                mode,
                boundary: of_type::<f32>(boundary).into(),
                stride: stride.into(),
                dilation: dilation.into(),
            );
            check::<f32>(&[90, 110], &[7, 6], Some(7), options);
        }
    }
}

#[test]
fn what_is_not_finite_stays_in_its_windows() {
    for bad in [f32::NAN, f32::INFINITY] {
        for at in [[0, 0], [60, 109], [130, 80]] {
            let mut random = Random::new(9);
            let (mut x, k) = (random.array::<f32>(&[131, 170]), random.array(&[9, 7]));
            x[at.as_slice()] = bad;
            let subject = Subject::new(x, k, Options::default());
            let filter = subject.filter(convolver(), CPU_FFT).expect("admissible");
            assert_eq!(summed(filter.plan()), Some(9), "{}", filter.plan());
            subject.check_filter(&filter).unwrap_or_else(|error| panic!("{bad} {at:?} {error}"));
        }
    }
}

/// A summed output hears of its own rows only, but its row of transforms from far away: quiet
/// regions beside and below loud ones keep their digits.
#[test]
fn quiet_regions_keep_their_digits() {
    for quiet in [1e-3f32, 1e-6, 1e-12, 1e-30] {
        for across in [false, true] {
            let mut random = Random::new(17);
            let mut x = random.array::<f32>(&[130, 150]);
            for (at, x) in x.indexed_iter_mut() {
                let loud = if across { at[1] < 75 } else { at[0] < 65 };
                *x = x.abs().max(0.1) * if loud { 1.0 } else { quiet };
            }
            let k = random.array::<f32>(&[9, 11]).mapv(|k| k.abs().max(0.1));
            let subject = Subject::new(x.clone(), k, Options::default());
            let filter = subject.filter(convolver(), CPU_FFT).expect("admissible");
            assert_eq!(summed(filter.plan()), Some(9), "{}", filter.plan());
            let y = filter.apply(&x).expect("runs");
            for ((at, &y), &exact) in y.indexed_iter().zip(&subject.exact) {
                let error = (f64::from(y) - exact).abs();
                assert!(error <= 1e-3 * exact, "{quiet} {across} at {at:?}: {y} for {exact}");
            }
        }
    }
}
