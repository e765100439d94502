//! What a method or a device cannot do, and what a forced choice then says.

use crate::common::with;
use convolve::low_level::MAX_RANK;
use convolve::plan::{Candidate, Recipe};
use convolve::{Boundary, Mode};

use super::*;

/// Mesa's software drivers end all loops of a shader after 65,535 rounds, and what is summed by then is the result.
#[test]
fn software_is_not_asked_for_more_rounds_than_it_goes() {
    let software = with(with!(discrete(), kind: GpuKind::Software));
    let volume = |n: usize| problem::<f32>(&[4, 400, 400], &[2, n, n]);
    let (few, many) = (volume(160), volume(200));
    let flat = problem::<f32>(&[600, 600], &[300, 300]);
    for (problem, method, ends) in [
        (&few, Method::Direct, false),
        (&many, Method::Direct, true),
        // Tiles take sixteen taps a round.
        (&flat, Method::Direct, false),
        // What transforms leave in doubt is shared out.
        (&flat, Method::Fft, false),
    ] {
        plan(problem, &with(discrete()), Device::Gpu, method).expect("a GPU goes all rounds");
        let planned = plan(problem, &software, Device::Gpu, method);
        match ends {
            true => {
                let reason = reason(planned);
                assert!(reason.contains("rounds"), "{reason}");
            }
            false => assert!(planned.is_ok(), "{planned:?}"),
        }
    }
}

#[test]
fn forced_choices_that_cannot_be_done_name_the_reason() {
    let plain = problem::<f32>(&[100, 100], &[5, 5]);
    let gpu = with(discrete());
    let says = |result: Result<Plan>, words: &[&str]| {
        let reason = reason(result);
        for word in words {
            assert!(reason.contains(word), "{word:?} is missing in {reason:?}");
        }
    };
    says(plan(&plain, &without(), Device::Gpu, Method::Auto), &["device gpu", "no adapter"]);
    let four = problem::<f32>(&[10, 10, 10, 10], &[3, 3, 3, 3]);
    says(plan(&four, &gpu, Device::Gpu, Method::Fft), &["fft", "gpu", "two axes", "a third", "4"]);
    let deep = problem::<f32>(&[10, 100, 100], &[5, 5000, 3]);
    says(plan(&deep, &gpu, Device::Gpu, Method::Fft), &["spans 5 x 5000 x 3 samples"]);
    let long = problem::<f32>(&[100_000], &[5000]);
    says(plan(&long, &gpu, Device::Gpu, Method::Fft), &["spans 1 x 5000 samples"]);
    let whole = problem::<i32>(&[100, 100], &[5, 5]);
    says(plan(&whole, &gpu, Device::Gpu, Method::Fft), &["complex f32", "i32"]);
    let narrow = with(with!(discrete(), max_invocations: 8));
    says(plan(&plain, &narrow, Device::Gpu, Method::Fft), &["8 invocations"]);
    let double = problem::<f64>(&[100, 100], &[5, 5]);
    says(plan(&double, &gpu, Device::Gpu, Method::Direct), &["gpu", "f64"]);
    let small = with!(discrete(), max_binding: 1 << 10);
    let tall = problem::<f32>(&[100, 100], &[50, 50]);
    says(plan(&tall, &with(small), Device::Gpu, Method::Direct), &["bytes", "1024"]);
    let tiny = with!(discrete(), memory: 1 << 10);
    says(plan(&tall, &with(tiny), Device::Gpu, Method::Direct), &["buffers", "1024"]);
    let many = problem::<f32>(&[2; MAX_RANK + 1], &[2; MAX_RANK + 1]);
    says(plan(&many, &gpu, Device::Gpu, Method::Auto), &["9 axes", "8"]);

    let force = |problem: &Problem, kernel: KernelFacts, method| {
        let request = with!(Request::default(), method);
        design(problem, &kernel, &gpu, &CostModel::default(), request)
    };
    let known = KernelFacts::unknown(25);
    let bad = with!(known.clone(), finite: false);
    says(force(&plain, bad, Method::Fft), &["method fft", "finite"]);
    says(force(&plain, known.clone(), Method::Separable), &["method separable", "outer product"]);
    let integers = problem::<i64>(&[100, 100], &[5, 5]);
    let steep = with!(known.clone(), norm: 1e15);
    says(force(&integers, steep, Method::Fft), &["method fft", "i64", "exact"]);
    // It proves each block when it sees it. Named, it needs only to hold for some samples; unnamed,
    // for those of 16 bits, and it must gain more than it may cost where they are larger.
    let named = force(&integers, known.clone(), Method::Fft).expect("proved block by block");
    assert!(matches!(named.chosen().admitted(), Some((Recipe::CpuFft { proved: false, .. }, _))));
    let of = |norm: f64, taps: usize| {
        let facts = with!(KernelFacts::unknown(taps * taps), norm);
        force(&problem::<i32>(&[2000, 2000], &[taps, taps]), facts, Method::Auto)
            .expect("direct always can")
    };
    assert_eq!(of(1e3, 31).method(), Method::Fft);
    assert_eq!(of(1e9, 31).method(), Method::Direct);
    let between = of(1e3, 17);
    let cost = |method| {
        let found = between.candidates.iter().find(|candidate| candidate.method == method);
        found.and_then(Candidate::admitted).expect("admitted").1.total()
    };
    assert!(cost(Method::Fft) < cost(Method::Direct), "{between}");
    assert_eq!(between.method(), Method::Direct, "{between}");
    // Proved for narrow integers.
    let bytes = problem::<u8>(&[100, 100], &[5, 5]);
    force(&bytes, known, Method::Fft).expect("proved");
    // Different constants.
    let boundary = [Boundary::Constant(1.0), Boundary::Constant(2.0)];
    let options = with!(Options::<f32>::default(), boundary: boundary.into());
    let differ = Problem::new(&[100, 100], &[5, 5], &options).expect("valid");
    says(force(&differ, facts(&[5, 5]), Method::Separable), &["method separable", "constants"]);
}

/// The proof that a transform of integers is exact, put to its worst case: all values extreme.
#[test]
fn integers_are_transformed_only_where_they_come_out_exact() {
    for (n, taps) in [(3000, 64), (500, 500), (64, 3)] {
        let worst = |value: i16, tap: i16| {
            let (x, k) = (ndarray::ArrayD::from_elem(vec![n], value), vec![tap; taps]);
            let k = ndarray::ArrayD::from_shape_vec(vec![taps], k).expect("fits");
            Subject::new(x, k, with!(Options::default(), mode: Mode::Full))
        };
        for (value, tap) in [(i16::MIN, i16::MIN), (i16::MIN, i16::MAX), (i16::MAX, i16::MAX)] {
            let subject = worst(value, tap);
            match subject.filter(convolver(), CPU_FFT) {
                Ok(filter) => subject.check_filter(&filter).expect("proved to be exact"),
                Err(error) => assert!(matches!(error, Error::Inadmissible { .. })),
            }
        }
    }
}
