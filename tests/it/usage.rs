//! One filter in use: any memory layout, many runs, many threads.

use convolve::{Boundary, Convolver, Filter, Mode};
use ndarray::{Array2, ArrayView2, Axis, Ix2, s};

use crate::common::*;

fn picture(rows: usize, columns: usize, seed: u64) -> Array2<f32> {
    let array = Random::new(seed).array::<f32>(&[rows, columns]);
    array.into_dimensionality().expect("two axes")
}

/// An outer product, so that every method is open to it.
fn kernel() -> Array2<f32> {
    Random::new(3).rank_one::<f32>(&[3, 4]).into_dimensionality().expect("two axes")
}

fn all_ways() -> Vec<Way> {
    let mut all = ways();
    all.push(CPU_SEPARABLE);
    all
}

fn filter(convolver: &Convolver, (device, method): Way, shape: (usize, usize)) -> Filter<f32, Ix2> {
    convolver
        .filter(&kernel())
        .boundary(Boundary::Mirror)
        .device(device)
        .method(method)
        .for_shape(shape)
        .expect("admissible")
}

#[test]
fn inputs_of_any_layout() {
    let base = picture(24, 30, 1);
    let row = picture(1, 13, 2);
    let views: [(&str, ArrayView2<f32>); 6] = [
        ("sliced", base.slice(s![3..14, 5..18])),
        ("with steps", base.slice(s![1..;2, ..;3])),
        ("reversed", base.slice(s![..;-1, ..;-2])),
        ("transposed", base.t()),
        ("broadcast", row.broadcast((9, 13)).expect("one row")),
        ("column of a view", base.slice(s![..;3, 4..5])),
    ];
    for (name, x) in views {
        let packed = Array2::from_shape_vec(x.dim(), x.iter().copied().collect()).expect("fits");
        for way in all_ways() {
            let filter = filter(convolver(), way, x.dim());
            let expected = filter.apply(&packed).expect("runs");
            assert_eq!(filter.apply(&x).expect("runs"), expected, "{name} {way:?}");
        }
    }
}

#[test]
fn kernels_of_any_layout() {
    let (x, k) = (picture(9, 11, 1), kernel());
    let expected = convolver().filter(&k).for_shape(x.dim()).expect("valid").apply(&x);
    let turned = k.t().as_standard_layout().into_owned();
    let again = convolver().filter(&turned.t()).for_shape(x.dim()).expect("valid").apply(&x);
    assert_eq!(again, expected);
}

#[test]
fn outputs_of_any_layout_and_their_neighbours() {
    let x = picture(12, 15, 1);
    for way in all_ways() {
        let filter = filter(convolver(), way, x.dim());
        let expected = filter.apply(&x).expect("runs");
        let mut big = Array2::from_elem((26, 34), f32::NAN);
        let mut y = big.slice_mut(s![1..25;2, 2..32;-2]);
        filter.apply_into(&x, &mut y).expect("runs");
        assert_eq!(y, expected, "{way:?}");
        let written = big.iter().filter(|y| !y.is_nan()).count();
        assert_eq!(written, expected.len(), "{way:?}: nothing beside the output is touched");
        let mut turned = Array2::from_elem((15, 12), f32::NAN);
        filter.apply_into(&x, &mut turned.view_mut().reversed_axes()).expect("runs");
        assert_eq!(turned.t(), expected, "{way:?}");
    }
}

#[test]
fn runs_do_not_remember_each_other() {
    for way in all_ways() {
        let filter = filter(convolver(), way, (40, 50));
        let mut y = Array2::from_elem((40, 50), f32::NAN);
        for seed in 0..4 {
            let mut x = picture(40, 50, seed);
            if seed == 1 {
                // The transform leaves such blocks to the direct method.
                x[[20, 20]] = f32::NAN;
            }
            let fresh = self::filter(convolver(), way, (40, 50)).apply(&x).expect("runs");
            filter.apply_into(&x, &mut y).expect("runs");
            for (a, b) in y.iter().zip(&fresh) {
                assert!(a == b || (a.is_nan() && b.is_nan()), "{way:?} run {seed}: {a} {b}");
            }
        }
    }
}

#[test]
fn threads_share_a_filter() {
    for way in all_ways() {
        let filter = filter(convolver(), way, (64, 65));
        let expected: Vec<_> =
            (0..4).map(|seed| filter.apply(&picture(64, 65, seed)).expect("runs")).collect();
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let (filter, expected) = (&filter, &expected);
                scope.spawn(move || {
                    for run in 0..6 {
                        let seed = (thread + run) % 4;
                        let y = filter.apply(&picture(64, 65, seed)).expect("runs");
                        assert_eq!(y, expected[seed as usize], "{way:?}");
                    }
                });
            }
        });
    }
}

/// Direct sums are added in one order, whoever does it. Blocks of a transform depend on the number
/// of threads, and so do its rounding errors: those results agree within the bound.
#[test]
fn the_number_of_threads_changes_nothing() {
    let x = picture(301, 203, 4);
    let on = |threads: usize, way| {
        let convolver = Convolver::builder().threads(threads).gpu(false).build();
        filter(&convolver, way, x.dim()).apply(&x).expect("runs")
    };
    for way in [CPU_DIRECT, CPU_SEPARABLE, CPU_FFT] {
        let one = on(1, way);
        for threads in [2, 3, 8, 64] {
            let many = on(threads, way);
            if way == CPU_FFT {
                let subject = Subject::new(
                    x.clone().into_dyn(),
                    kernel().into_dyn(),
                    convolve::Options::default().boundary(Boundary::Mirror),
                );
                let convolver = Convolver::builder().threads(threads).gpu(false).build();
                subject.check_way(&convolver, way).expect("within the bound");
            } else {
                assert_eq!(one, many, "{way:?} on {threads} threads");
            }
        }
    }
}

#[test]
fn verify_agrees_and_covers_every_method() {
    let x = picture(30, 40, 5);
    for mode in [Mode::Full, Mode::Same, Mode::Valid] {
        let filter = convolver().filter(&kernel()).mode(mode).for_shape(x.dim()).expect("valid");
        let report = verified(&filter, &x);
        let ran = report.methods.iter().filter(|method| method.outcome.is_ok()).count();
        assert_eq!(ran, if gpu().is_some() { 6 } else { 3 }, "{report}");
    }
}

#[test]
fn fixed_and_dynamic_ranks_agree() {
    let x = picture(13, 14, 6);
    let fixed = filter(convolver(), CPU_DIRECT, x.dim()).apply(&x).expect("runs");
    let three = x.clone().insert_axis(Axis(2));
    let filter = convolver()
        .filter(&kernel().insert_axis(Axis(2)))
        .boundary(Boundary::Mirror)
        .device(CPU_DIRECT.0)
        .method(CPU_DIRECT.1)
        .for_shape(three.dim())
        .expect("valid");
    assert_eq!(filter.output_dim(), ndarray::Dim([13, 14, 1]));
    assert_eq!(filter.apply(&three).expect("runs").remove_axis(Axis(2)), fixed);
}
