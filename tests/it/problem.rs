//! What is refused, and in which words: wrong input is an error that says what was expected.

use convolve::{Boundary, Convolver, Error, Mode, Options, PerAxis, Problem, convolve, correlate};
use ndarray::{Array1, Array2, ArrayD, IxDyn, arr1};

use crate::common::with;
use crate::common::*;

fn refused(input: &[usize], kernel: &[usize], options: &Options<f32>) -> Error {
    Problem::new(input, kernel, options).expect_err("not a valid problem")
}

/// The error, and words that its message has to have.
fn says(error: &Error, words: &[&str]) {
    let message = error.to_string();
    for word in words {
        assert!(message.contains(word), "{word:?} is missing in {message:?}");
    }
}

#[test]
fn empty_arrays() {
    let plain = Options::default();
    let error = refused(&[3, 0], &[1, 1], &plain);
    assert_eq!(error, Error::Empty { what: "input", shape: vec![3, 0] });
    says(&error, &["input", "[3, 0]", "at least one"]);
    let error = refused(&[3], &[0], &plain);
    assert_eq!(error, Error::Empty { what: "kernel", shape: vec![0] });
    let none = Array1::<f32>::zeros(0);
    for mode in [Mode::Full, Mode::Same, Mode::Valid] {
        assert!(matches!(convolve(&none, &arr1(&[1.0]), mode), Err(Error::Empty { .. })));
        assert!(matches!(correlate(&arr1(&[1.0]), &none, mode), Err(Error::Empty { .. })));
    }
}

#[test]
fn ranks_that_differ() {
    let error = refused(&[3, 4], &[3], &Options::default());
    assert_eq!(error, Error::RankMismatch { input: vec![3, 4], kernel: vec![3] });
    says(&error, &["[3, 4]", "2 axes", "[3]", "1"]);
    let (x, k) = (ArrayD::<f32>::ones(vec![3, 4]), ArrayD::<f32>::ones(vec![3]));
    assert!(matches!(convolve(&x, &k, Mode::Same), Err(Error::RankMismatch { .. })));
}

#[test]
fn options_for_another_number_of_axes() {
    let check = |option: &'static str, options: Options<f32>| {
        let error = refused(&[5, 6], &[3, 3], &options);
        assert_eq!(error, Error::PerAxis { option, expected: 2, got: 3 });
        says(&error, &[option, "2", "3"]);
    };
    check("stride", with!(Options::default(), stride: [1, 1, 1].into()));
    check("dilation", with!(Options::default(), dilation: vec![1, 1, 1].into()));
    check("origin", with!(Options::default(), origin: [0, 0, 0].into()));
    check("boundary", with!(Options::default(), boundary: [Boundary::Wrap; 3].into()));
}

#[test]
fn steps_of_zero() {
    let error = refused(&[5, 6], &[3, 3], &with!(Options::default(), stride: [1, 0].into()));
    assert_eq!(error, Error::ZeroStep { option: "stride", axis: 1 });
    says(&error, &["stride", "axis 1", "at least 1", "0"]);
    let options = with!(Options::default(), dilation: 0.into());
    let error = refused(&[5, 6], &[3, 3], &options);
    assert_eq!(error, Error::ZeroStep { option: "dilation", axis: 0 });
}

#[test]
fn origins() {
    let origin = |origin: isize| with!(Options::default(), origin: origin.into());
    for (taps, lowest, highest) in [(1, 0, 0), (4, -1, 2), (5, -2, 2)] {
        for got in [lowest, highest] {
            Problem::new::<f32>(&[9], &[taps], &origin(got)).expect("on the kernel");
        }
        for got in [lowest - 1, highest + 1, isize::MAX, isize::MIN] {
            let error = refused(&[9], &[taps], &origin(got));
            assert_eq!(error, Error::Origin { axis: 0, length: taps, lowest, highest, got });
            says(&error, &["axis 0", &lowest.to_string(), &highest.to_string(), &got.to_string()]);
        }
    }
    for mode in [Mode::Full, Mode::Valid] {
        let error = refused(&[9], &[3], &with!(origin(1), mode));
        assert_eq!(error, Error::OriginNeedsSame { mode });
        says(&error, &["origin", "same", &mode.to_string()]);
    }
}

#[test]
fn valid_fits_one_way_or_the_other() {
    let valid = with!(Options::default(), mode: Mode::Valid);
    let error = refused(&[4, 9], &[6, 2], &valid);
    assert_eq!(error, Error::ValidDoesNotFit { input: vec![4, 9], kernel: vec![6, 2] });
    says(&error, &["[4, 9]", "[6, 2]"]);
    // Dilation makes the kernel longer.
    let error = refused(&[4, 9], &[2, 2], &with!(valid.clone(), dilation: [4, 1].into()));
    assert_eq!(error, Error::ValidDoesNotFit { input: vec![4, 9], kernel: vec![5, 2] });

    let swapped = Problem::new(&[3, 2], &[6, 2], &valid).expect("they change places");
    assert!(swapped.swapped);
    assert_eq!(swapped.output, [4, 1]);
    for (option, options) in [
        ("a stride", with!(valid.clone(), stride: [2, 1].into())),
        ("a dilation", with!(valid.clone(), dilation: [1, 2].into())),
        ("a boundary", with!(valid.clone(), boundary: Boundary::Nearest.into())),
        ("a boundary", with!(valid.clone(), boundary: Boundary::Constant(1.0).into())),
    ] {
        let error = refused(&[3, 1], &[6, 2], &options);
        says(&error, &["valid", option, "[3, 1]", "[6, 2]"]);
        assert!(matches!(error, Error::ValidCannotSwap { option: found, .. } if found == option));
    }
    // A constant of zero is the boundary that stands anyway.
    let zero = with!(valid, boundary: Boundary::Constant(0.0).into());
    Problem::new(&[3], &[6], &zero).expect("nothing in the way");
}

#[test]
fn sizes_beyond_memory() {
    let plain = Options::<f32>::default();
    let error = refused(&[usize::MAX, 2], &[1, 1], &plain);
    says(&error, &["input", "too large", "f32"]);
    let error = refused(&[isize::MAX as usize], &[1], &plain);
    assert!(matches!(error, Error::TooLarge { what: "input", .. }));
    let error = refused(&[3], &[usize::MAX / 2], &plain);
    assert!(matches!(error, Error::TooLarge { what: "kernel", .. }));
    // Input and kernel fit, the effective kernel or the output do not.
    for step in [usize::MAX, usize::MAX / 2, isize::MAX as usize, isize::MAX as usize / 8] {
        for mode in [Mode::Full, Mode::Same, Mode::Valid] {
            let options = with!(Options::default(), mode, dilation: step.into());
            let error = refused(&[5, 5], &[3, 3], &options);
            says(&error, &["effective kernel", "too large", &step.to_string()]);
        }
    }
    let full = with!(Options::default(), mode: Mode::Full, dilation: (1usize << 35).into());
    let error = refused(&[5, 5], &[3, 3], &full);
    assert!(matches!(error, Error::TooLarge { what: "output", .. }), "{error}");
}

/// Steps that are never taken do no harm, however long.
#[test]
fn extreme_steps_without_effect_are_fine() {
    let mut random = Random::new(3);
    for step in [usize::MAX, usize::MAX / 2, isize::MAX as usize, 1 << 40] {
        for mode in [Mode::Full, Mode::Same, Mode::Valid] {
            let options = with!(
                Options::default(),
                mode,
                stride: step.into(),
                dilation: PerAxis::Each(vec![1, step]),
                boundary: Boundary::Mirror.into(),
            );
            let subject =
                Subject::<f32>::new(random.array(&[5, 4]), random.array(&[3, 1]), options);
            assert_eq!(subject.exact.shape(), [1, 1]);
            for way in ways() {
                subject.check_way(convolver(), way).unwrap_or_else(|e| panic!("{step} {mode} {e}"));
            }
        }
    }
}

/// A shape that nobody has the memory for is planned, or refused, without a panic and without
/// taking the memory.
#[test]
fn huge_shapes_do_not_panic() {
    let convolver = Convolver::builder().gpu(false).build();
    for n in [1usize << 30, 1 << 40, 1 << 50, 1 << 58, 1 << 62, usize::MAX] {
        let kernel = Array2::<f32>::ones((3, 3));
        for shape in [(n, 1), (1, n), (n, n)] {
            match convolver.filter(&kernel).boundary(Boundary::Wrap).for_shape(shape) {
                Ok(filter) => assert_eq!(filter.plan().problem.input, [shape.0, shape.1]),
                Err(error) => assert!(
                    matches!(error, Error::TooLarge { .. } | Error::OutOfMemory { .. }),
                    "{shape:?}: {error}"
                ),
            }
        }
    }
}

/// The output of a broadcast input may be far larger than any memory: an error, not an abort.
#[test]
fn outputs_beyond_memory_are_an_error() {
    let kernel = Array2::<f32>::ones((1, 1));
    let convolver = Convolver::builder().gpu(false).build();
    let row = Array2::<f32>::ones((1, 1 << 12));
    let x = row.broadcast((1 << 44, 1 << 12)).expect("rows repeat");
    match convolver.filter(&kernel).for_shape(x.raw_dim()).and_then(|filter| filter.apply(&x)) {
        Err(Error::OutOfMemory { bytes, .. }) => assert_eq!(bytes, 1 << 58),
        Err(Error::TooLarge { .. }) => {}
        other => panic!("{:?}", other.map(|y| y.dim())),
    }
}

#[test]
fn arrays_of_another_shape() {
    let filter = convolver()
        .filter(&ArrayD::<f32>::ones(IxDyn(&[3, 3])))
        .mode(Mode::Full)
        .for_shape(IxDyn(&[4, 5]))
        .expect("valid");
    let (right, wrong) = (ArrayD::ones(IxDyn(&[4, 5])), ArrayD::ones(IxDyn(&[5, 4])));
    let shape = |what, expected: &[usize], got: &[usize]| Error::Shape {
        what,
        expected: expected.into(),
        got: got.into(),
    };
    let error = filter.apply(&wrong).expect_err("transposed");
    assert_eq!(error, shape("input", &[4, 5], &[5, 4]));
    says(&error, &["input", "expected", "[4, 5]", "got", "[5, 4]"]);
    // Another rank with as many samples.
    let flat = ArrayD::ones(IxDyn(&[20]));
    assert_eq!(filter.apply(&flat).expect_err("flat"), shape("input", &[4, 5], &[20]));
    let mut y = ArrayD::zeros(IxDyn(&[4, 5]));
    let error = filter.apply_into(&right, &mut y).expect_err("not the full size");
    assert_eq!(error, shape("output", &[6, 7], &[4, 5]));
    assert!(filter.verify(&wrong).is_err());
}
