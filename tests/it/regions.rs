//! Some of the outputs: what they would be among all of them, at a cost that goes with them.

use convolve::plan::Recipe;
use convolve::reference::Oracle;
use convolve::{
    Boundary, Check, Convolver, Device, Error, Filter, Method, Mode, Options, Problem, Tolerance,
    filters,
};
use ndarray::{Array2, Array3, ArrayD, Axis, IxDyn, Slice, s};
use std::ops::Range;

use crate::common::cases::Case;
use crate::common::*;

/// A range of each axis: at its start, at its end, in the middle or all of it.
fn some_of(shape: &[usize], seed: u64) -> Vec<Range<usize>> {
    let mut random = Random::new(seed);
    let mut range = |&n: &usize| {
        let (start, len) = (random.below(n), random.below(n));
        match random.below(4) {
            0 => 0..start + 1,
            1 => start..n,
            2 => start..(start + 1 + len).min(n),
            _ => 0..n,
        }
    };
    shape.iter().map(&mut range).collect()
}

fn part<A: Clone>(of: &ArrayD<A>, ranges: &[Range<usize>]) -> ArrayD<A> {
    of.slice_each_axis(|axis| Slice::from(ranges[axis.axis.index()].clone())).to_owned()
}

/// The case with some of its outputs.
fn subject<A: Value>(case: &Case, seed: u64, separable: bool) -> Subject<A> {
    let Subject { x, k, options, .. } =
        if separable { case.separable_subject() } else { case.subject::<A>() };
    let whole = Oracle::new(x.view(), k.view(), &options).expect("a valid problem");
    let ranges = some_of(whole.shape(), seed);
    let expected = part(&whole.result(), &ranges);
    let subject = Subject::new(x, k, options.outputs(ranges));
    assert!(subject.rounded() == expected, "the definition: {case:?}");
    subject
}

fn check<A: Value>(every: usize, ways: &[Way], convolver: &Convolver) {
    let mut cut = 0;
    for (seed, case) in table().iter().step_by(every).enumerate() {
        for &way in ways {
            let separable = way.1 == Method::Separable;
            if separable && (case.swaps() || !(2..=4).contains(&case.long_axes())) {
                continue;
            }
            let subject = subject::<A>(case, seed as u64, separable);
            let filter = match subject.filter(convolver, way) {
                Err(Error::Inadmissible { .. }) if separable && !case.has_one_boundary() => {
                    continue;
                }
                filter => filter.unwrap_or_else(|error| panic!("{way:?} {case:?}\n{error}")),
            };
            let read = &filter.plan().problem.reads;
            cut += usize::from(read.iter().zip(&case.input).any(|(read, &n)| *read != (0..n)));
            let checked = subject.check_filter(&filter);
            checked.unwrap_or_else(|error| panic!("{way:?} {case:?}\n{error}"));
        }
    }
    assert!(cut * every > 500, "inputs were cut {cut} times");
}

#[test]
fn of_all_cases_on_the_cpu() {
    check::<f32>(1, &[CPU_DIRECT, CPU_SEPARABLE, CPU_FFT], convolver());
}

#[test]
fn of_other_types_on_the_cpu() {
    check::<f64>(7, &[CPU_DIRECT, CPU_SEPARABLE, CPU_FFT], convolver());
    check::<i16>(11, &[CPU_DIRECT], convolver());
    check::<num_complex::Complex<f32>>(11, &[CPU_DIRECT, CPU_FFT], convolver());
}

#[test]
fn of_all_cases_on_a_gpu() {
    if let Some(convolver) = gpu() {
        check::<f32>(7, &[GPU_DIRECT, GPU_SEPARABLE], convolver);
    }
}

/// What stays on the GPU is there as a whole.
#[cfg(feature = "gpu")]
#[test]
fn of_arrays_on_the_gpu() {
    let Some(convolver) = gpu() else { return };
    let gpu = convolver.gpu().expect("a GPU");
    let cases = table();
    for (seed, case) in cases.iter().filter(|case| !case.swaps()).step_by(11).enumerate() {
        for device in [Device::Auto, Device::Gpu] {
            let subject = subject::<f32>(case, seed as u64, false);
            let filter = subject.filter(convolver, (device, Method::Auto)).expect("admissible");
            let plan = filter.gpu_plan().expect("the GPU has this type");
            let checked = subject.check(subject.tolerance(&plan), |x, _, _, y| {
                filter.apply_gpu(&gpu.upload(x)?)?.download_into(y)
            });
            checked.unwrap_or_else(|error| panic!("{case:?}\n{error}\n{plan}"));
        }
    }
}

fn noise(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(row, column)| ((row * 31 + column * 57) % 255) as f32)
}

/// Blocks of transforms, in the middle and at the edges.
#[test]
fn of_long_kernels() {
    let x = noise(300, 410);
    let k = filters::disk::<f32>(17.0).expect("a kernel");
    let mut ways = vec![CPU_FFT, CPU_DIRECT];
    ways.extend(gpu().map(|_| GPU_FFT));
    for boundary in [Boundary::Mirror, Boundary::Wrap, Boundary::Constant(9.0), Boundary::Nearest] {
        let builder = convolver().filter(&k).boundary(boundary);
        let whole = builder.clone().device(Device::Cpu).for_shape(x.dim()).expect("admissible");
        let whole = whole.apply(&x).expect("runs");
        for (rows, columns) in [(0..40, 0..50), (120..121, 30..400), (250..300, 390..410)] {
            for &(device, method) in &ways {
                let builder = builder.clone().outputs([rows.clone(), columns.clone()]);
                let part = builder.device(device).method(method).for_shape(x.dim());
                let part = part.expect("admissible");
                let apart = &part.apply(&x).expect("runs")
                    - &whole.slice(s![rows.clone(), columns.clone()]);
                assert!(apart.iter().all(|apart| apart.abs() < 0.01), "{method} {boundary:?}");
            }
        }
    }
}

#[test]
fn cost_no_more_than_they_must() {
    let k = filters::disk::<f32>(30.0).expect("a kernel");
    for (boundary, first) in [(Boundary::Mirror, 0), (Boundary::Wrap, 0), (Boundary::Zero, 40_000)]
    {
        let builder = convolver().filter(&k).boundary(boundary).device(Device::Cpu);
        let one = |size: usize, first: usize| {
            let builder = builder.clone().outputs([first..first + 100, first..first + 90]);
            builder.for_shape((size, size)).expect("admissible").plan().clone()
        };
        let (small, large) = (one(800, first.min(300)), one(65_000, first));
        let read = large.geometry.input();
        assert!(read.iter().all(|&n| n <= 160), "{read:?}");
        let apart = large.cost().total() / small.cost().total();
        assert!((0.5..2.0).contains(&apart), "{apart}\n{small}\n{large}");
        assert_eq!(small.method(), large.method());
    }
}

#[test]
fn are_verified_and_checked() {
    let x = noise(90, 120);
    let (ranges, k) = ([20..60, 0..33], filters::gaussian::<f32>(2.0).expect("a kernel"));
    let builder = convolver().filter(&k).boundary(Boundary::Wrap).outputs(ranges);
    let filter = builder.for_shape(x.dim()).expect("admissible");
    let report = verified(&filter, &x);
    assert_eq!(report.outputs, 40 * 33);
    for method in [Method::Direct, Method::Separable, Method::Fft] {
        let checked = builder.clone().check(Check::Sampled(500)).method(method);
        let checked = checked.device(Device::Cpu).for_shape(x.dim()).expect("admissible");
        checked.apply(&x).expect("right");
    }
    let fault = |_: &Recipe| Some(7);
    let faulty = Convolver::builder().calibrated(false).inject_fault(fault).build();
    let faulty = faulty.filter(&k).outputs([20..60, 0..33]).device(Device::Cpu);
    let wrong = faulty.check(Check::Sampled(40 * 33)).for_shape(x.dim()).expect("admissible");
    let error = wrong.apply(&x).expect_err("a wrong output");
    assert!(matches!(error, Error::FailedCheck { ref output, .. } if output == &[0, 7]), "{error}");
}

#[test]
fn stream() {
    let k = filters::box_mean::<f32>(3).expect("a kernel").insert_axis(Axis(2));
    let frame =
        |i: usize| Array3::from_shape_fn((40, 50, 3), |(y, x, c)| (y * 5 + x * i + c) as u8);
    let mut devices = vec![Device::Cpu];
    devices.extend(gpu().map(|_| Device::Gpu));
    for device in devices {
        let builder = convolver().filter(&k).boundary(Boundary::Reflect).device(device);
        let whole: Filter<f32, _> = builder.for_shape((40, 50, 3)).expect("admissible");
        let part =
            builder.outputs([0..9, 20..50, 0..3]).for_shape((40, 50, 3)).expect("admissible");
        let expected: Vec<_> = whole.stream_of::<u8>().over((0..6).map(frame)).collect();
        let got: Vec<_> = part.stream_of::<u8>().over((0..6).map(frame)).collect();
        for (got, expected) in got.iter().zip(&expected) {
            let expected = expected.as_ref().expect("runs").slice(s![0..9, 20..50, ..]);
            assert_eq!(got.as_ref().expect("runs"), &expected, "{device}");
        }
        part.profile(&Array3::zeros((40, 50, 3))).expect("runs");
    }
}

/// A smooth kernel goes over a coarser grid there too.
#[test]
fn within_a_tolerance() {
    let x = noise(400, 500);
    let k = filters::gaussian::<f32>(20.0).expect("a kernel");
    let builder = convolver().filter(&k).boundary(Boundary::Mirror).device(Device::Cpu);
    let builder = builder.method(Method::Coarse).tolerance(Tolerance::Relative(1e-3));
    let whole = builder.for_shape(x.dim()).expect("admissible").apply(&x).expect("runs");
    let ranges = [150..330, 0..200];
    let part = builder.outputs(ranges.clone()).for_shape(x.dim()).expect("admissible");
    assert_eq!(part.plan().method(), Method::Coarse);
    let [rows, columns] = ranges;
    let apart = &part.apply(&x).expect("runs") - &whole.slice(s![rows, columns]);
    assert!(apart.iter().all(|apart| apart.abs() < 2.0 * 255.0 * 1e-3));
}

#[test]
fn that_there_are_none_of_are_refused() {
    let plain = Options::<f32>::default();
    let refused = |options: Options<f32>| {
        Problem::new(&[10, 20], &[3, 3], &options).expect_err("no such outputs")
    };
    #[allow(clippy::reversed_empty_ranges)]
    for got in [3..3, 5..2, 0..11, 10..11] {
        let error = refused(plain.clone().outputs([got.clone(), 0..20]));
        assert_eq!(error, Error::Outputs { axis: 0, outputs: 10, got: got.clone() });
        assert!(error.to_string().contains("0..10"), "{error}");
    }
    let strided = plain.clone().mode(Mode::Full).stride([1, 4]).outputs([0..12, 0..7]);
    assert_eq!(refused(strided), Error::Outputs { axis: 1, outputs: 6, got: 0..7 });
    let error = refused(plain.outputs([0..1, 0..1, 0..1]));
    assert_eq!(error, Error::PerAxis { option: "outputs", expected: 2, got: 3 });
}

#[test]
fn are_said_by_the_plan() {
    let k = Array2::<f32>::ones((5, 5));
    let builder = convolver().filter(&k).outputs([10..30, 40..100]).device(Device::Cpu);
    let filter = builder.for_shape((200, 300)).expect("admissible");
    let words = filter.plan().to_string();
    assert!(words.contains("mode same -> 20 x 60, outputs 10..30 x 40..100"), "{words}");
    assert!(words.contains("computed on 24 x 64 samples"), "{words}");
    #[cfg(feature = "serde")]
    {
        let plan: serde_json::Value = serde_json::from_str(&filter.plan().to_json()).expect("JSON");
        assert_eq!(plan["problem"]["outputs"][1]["end"], 100);
        assert_eq!(plan["problem"]["reads"][0]["start"], 8);
        assert_eq!(plan["problem"]["input"], serde_json::json!([200, 300]));
    }
}

/// The two that change places do so for some of the outputs too.
#[test]
fn of_a_kernel_that_is_longer() {
    let (x, k) = (ArrayD::from_elem(IxDyn(&[3]), 2.0f32), Random::new(3).array(&[40]));
    for correlate in [false, true] {
        let mut builder = convolver().filter(&k).mode(Mode::Valid);
        if correlate {
            builder = builder.correlate();
        }
        let whole = builder.for_shape(IxDyn(&[3])).expect("admissible").apply(&x).expect("runs");
        let part = builder.outputs(7..20).for_shape(IxDyn(&[3])).expect("admissible");
        let apart = &part.apply(&x).expect("runs") - &whole.slice(s![7..20]);
        assert!(apart.iter().all(|apart| apart.abs() < 1e-5));
    }
}
