//! The runner and the comparer must fail where they should.

use convolve::{Boundary, Mode, Options};
use ndarray::{ArrayD, Axis, arr1};
use num_complex::Complex;

use crate::common::subject::compare;
use crate::common::with;
use crate::common::*;

fn subject<A: Value>() -> Subject<A> {
    let mut random = Random::new(7);
    let (x, k) = (random.array(&[6, 7]), random.array(&[3, 2]));
    let options = with!(Options::default(), boundary: Boundary::Reflect.into());
    Subject::new(x, k, options)
}

/// The tolerance of the direct method on the CPU.
fn tolerance<A: Value>(subject: &Subject<A>) -> ArrayD<f64> {
    let filter = subject.filter(convolver(), CPU_DIRECT).expect("always admissible");
    subject.tolerance(filter.plan())
}

/// What the runner says of a computation that spoils the right answer.
fn verdict<A: Value>(spoil: impl Fn(&mut ArrayD<A>)) -> Result<(), String> {
    let subject = subject::<A>();
    let right = subject.rounded();
    subject.check(tolerance(&subject), |_, _, _, y| {
        y.assign(&right);
        spoil(y);
        Ok(())
    })
}

fn rejects_what_is_wrong<A: Value>() {
    assert_eq!(verdict::<A>(|_| {}), Ok(()), "the right answer passes");
    for at in [[0, 0], [3, 4], [5, 6]] {
        let wrong = verdict::<A>(|y| y[&at[..]] = y[&at[..]].mul_add(A::small(1), A::small(1)));
        assert!(wrong.expect_err("wrong element").contains(&format!("at {at:?}")));
    }
    verdict::<A>(|y| y.fill(A::default())).expect_err("zeros");
    verdict::<A>(|y| y.invert_axis(Axis(0))).expect_err("swapped sides");
    verdict::<A>(|y| *y = y.clone().permuted_axes(vec![1, 0])).expect_err("another shape");
    verdict::<A>(|y| *y = y.slice_axis(Axis(0), (0..5).into()).to_owned()).expect_err("too short");
    let subject = subject::<A>();
    let untouched = subject.check(tolerance(&subject), |_, _, _, _| Ok(()));
    untouched.expect_err("untouched output");
    // One element that is left alone, as by a loop that ends too soon.
    let right = subject.rounded();
    let skipped = subject.check(tolerance(&subject), |_, _, _, y| {
        for (i, (y, right)) in y.iter_mut().zip(&right).enumerate() {
            if i != 41 {
                *y = *right;
            }
        }
        Ok(())
    });
    skipped.expect_err("skipped element");
    // An executor's error is not a pass.
    let failed = subject.check(tolerance(&subject), |_, _, _, _| {
        Err(convolve::Error::NoDevice { reason: "gone".into() })
    });
    assert_eq!(failed, Err("no GPU: gone".into()));
}

#[test]
fn wrong_results_fail_in_every_kind_of_type() {
    #[cfg(feature = "f16")]
    rejects_what_is_wrong::<convolve::half::f16>();
    rejects_what_is_wrong::<f32>();
    rejects_what_is_wrong::<f64>();
    rejects_what_is_wrong::<Complex<f32>>();
    rejects_what_is_wrong::<Complex<f64>>();
    rejects_what_is_wrong::<i8>();
    rejects_what_is_wrong::<u8>();
    rejects_what_is_wrong::<i32>();
    rejects_what_is_wrong::<u64>();
}

#[test]
fn not_a_number_and_infinity_are_not_numbers() {
    let one = |y: f64| arr1(&[y]).into_dyn();
    let check = |got: f64, exact: f64| compare(&one(got), &one(exact), &1e300);
    for (got, exact) in [
        (f64::NAN, 1.0),
        (1.0, f64::NAN),
        (f64::INFINITY, 1.0),
        (1.0, f64::INFINITY),
        (f64::NEG_INFINITY, f64::INFINITY),
        (f64::NAN, f64::INFINITY),
        (f64::INFINITY, f64::NAN),
    ] {
        assert!(check(got, exact).is_err(), "{got} passed for {exact}");
    }
    assert!(check(f64::NAN, f64::NAN).is_ok());
    assert!(check(f64::INFINITY, f64::INFINITY).is_ok());
    // Of a complex number each part counts.
    let complex = |re, im| arr1(&[Complex::new(re, im)]).into_dyn();
    let half = compare(&complex(f64::NAN, f64::NAN), &complex(f64::NAN, 1.0), &1e300);
    half.expect_err("the imaginary part is a number");
}

#[test]
fn a_tolerance_without_end_is_refused() {
    let y = arr1(&[1.0f32]).into_dyn();
    compare(&y, &y.mapv(f64::from), &f64::INFINITY).expect_err("accepts anything");
    compare(&y, &y.mapv(f64::from), &f64::NAN).expect_err("accepts nothing");
}

#[test]
fn tolerances_are_small_and_follow_the_data() {
    let at_scale = |scale: f32| {
        let subject = subject::<f32>();
        let scaled = Subject::new(&subject.x * scale, subject.k, subject.options);
        tolerance(&scaled)
    };
    let one = at_scale(1.0);
    // Six taps of at most one: 6 * 6 * eps at the most.
    let small = |one: &f64| *one > 0.0 && *one < 36.1 * f64::from(f32::EPSILON);
    assert!(one.iter().all(small), "{one:?}");
    for scale in [1e-6, 1e-3, 1e3, 1e6] {
        for (scaled, one) in at_scale(scale).iter().zip(&one) {
            let ratio = scaled / (one * f64::from(scale));
            assert!((ratio - 1.0).abs() < 1e-5, "scaled by {scale}: {ratio}");
        }
    }
    let exact = tolerance(&subject::<i32>());
    assert!(exact.iter().all(|&most| most == 0.0), "integers are exact");
}

#[test]
fn tolerances_find_an_error_of_a_thousandth() {
    for case in table().iter().step_by(101) {
        let subject = case.subject::<f32>();
        for way in [CPU_DIRECT, CPU_FFT] {
            let tolerance =
                subject.tolerance(subject.filter(convolver(), way).expect("fits").plan());
            let largest = subject.exact.iter().fold(0f64, |m, y| m.max(y.abs()));
            let spoiled = subject.exact.mapv(|y| (y * 1.001) as f32);
            // Outputs that nearly cancel are no measure of the method's relative error.
            if largest > 0.1 {
                compare(&spoiled, &subject.exact, &tolerance).expect_err("off by a thousandth");
            }
        }
    }
}

/// The oracle and the runner on a case worked out on paper.
#[test]
fn the_oracle_is_right_on_paper() {
    let (x, k) = (arr1(&[1.0, 2.0, 4.0]).into_dyn(), arr1(&[1.0, 10.0]).into_dyn());
    let options = with!(Options::default(), mode: Mode::Full);
    let subject = Subject::new(x, k, options);
    assert_eq!(subject.exact, arr1(&[1.0, 12.0, 24.0, 40.0]).into_dyn());
}
