//! Sizes and values at the edge of what the types hold.

use convolve::reference::Oracle;
use convolve::{
    Boundary, Check, Convolver, Device, Element, Error, Method, Mode, Options, Precision,
};
use ndarray::{Array, Array1, Array2, Dimension, arr1, arr2};

use crate::common::convolver;
use crate::common::with;

/// Taps a billion samples apart must not cost the memory of the gap between them.
#[test]
fn taps_far_apart_are_read_one_by_one() {
    let x = Array1::from_shape_fn(50, |i| i as f32 - 20.0);
    let k = arr1(&[1.0f32, 2.0, 3.0]);
    for boundary in [Boundary::Wrap, Boundary::Reflect, Boundary::Constant(2.0)] {
        let options =
            with!(Options::default(), boundary: boundary.into(), dilation: 1_000_000_007.into());
        let filter = Convolver::new().filter(&k).options(options.clone()).device(Device::Cpu);
        let y = filter.clone().for_shape(x.dim()).expect("a valid problem").apply(&x);
        let oracle = Oracle::new(x.view().into_dyn(), k.view().into_dyn(), &options);
        let expected = oracle.expect("a valid problem").result();
        assert_eq!(y.expect("a run").into_dyn(), expected);
        let fft = filter.method(Method::Fft).for_shape(x.dim());
        assert!(fft.is_err_and(|error| error.to_string().contains("memory")));
    }
}

/// Asked for by name, the FFT takes any integers and stays exact: blocks that it cannot prove are
/// computed directly.
#[test]
fn an_fft_of_integers_proves_each_block() {
    let k = Array2::from_shape_fn((9, 9), |(i, j)| (i * 31 + j * 17) as i64 % 19 - 9);
    let mut x = Array2::from_shape_fn((200, 300), |(i, j)| ((i * 7919 + j * 104_729) % 256) as i64);
    x[[50, 60]] = i64::MAX;
    x[[150, 20]] = i64::MIN;
    let filter = Convolver::new().filter(&k).device(Device::Cpu);
    let fft = filter.clone().method(Method::Fft).for_shape(x.dim()).expect("named");
    let direct = filter.method(Method::Direct).for_shape(x.dim()).expect("always");
    assert_eq!(fft.apply(&x).expect("a run"), direct.apply(&x).expect("a run"));
    crate::common::assert_verified(&fft, &x);
}

/// Every method on the CPU, each checked against the definition by `verify`, which also checks the
/// GPU's where there is one.
fn verified<A: Element, D: Dimension>(x: &Array<A, D>, k: &Array<A, D>, boundary: Boundary<A>) {
    for method in [Method::Auto, Method::Direct, Method::Separable, Method::Fft] {
        let filter = convolver().filter(k).boundary(boundary).device(Device::Cpu).method(method);
        if let Ok(filter) = filter.for_shape(x.raw_dim()) {
            let y = filter.apply(x).expect("a run");
            assert!(y.iter().all(|y| y.is_finite()), "{}", filter.plan());
            crate::common::assert_verified(&filter, x);
        }
    }
}

/// A factor of such a kernel can be one beyond its type.
#[test]
fn separable_kernels_of_the_smallest_integers() {
    let x = |i: (usize, usize)| (4 * i.0 + i.1 + 1) as i8;
    let shape = (4, 4);
    verified(&Array2::from_shape_fn(shape, x), &arr2(&[[i8::MIN; 2]; 2]), Boundary::Wrap);
    let x = |i| i32::from(x(i));
    verified(&Array2::from_shape_fn(shape, x), &arr2(&[[i32::MIN; 2]; 2]), Boundary::Wrap);
    let x = |i| i64::from(x(i));
    verified(&Array2::from_shape_fn(shape, x), &arr2(&[[i64::MIN; 2]; 2]), Boundary::Wrap);
}

/// Sums inside a transform or between two passes must not overflow where the result does not.
#[test]
fn samples_near_the_largest_float() {
    let uneven = Array2::from_shape_fn((21, 21), |(i, j)| 1.0 + ((i * 7 + j * 3) % 5) as f32);
    let mean = &uneven / uneven.sum();
    verified(&Array2::from_elem((150, 130), 1e37f32), &mean, Boundary::Nearest);
    let square = Array2::from_elem((9, 9), 1.0f32 / 81.0);
    verified(&Array2::from_elem((20, 20), 3.3e38), &square, Boundary::Nearest);
    let large = Array1::from_shape_fn(3000, |i| if i % 2 == 0 { 1e-3f64 } else { 2e-3 });
    let steep = Array1::from_shape_fn(101, |i| if i % 2 == 0 { 1e307 } else { -1e307 });
    verified(&large, &steep, Boundary::Zero);
}

/// Finite samples, finite results, and sums on the way to them that no `f32` holds: what comes out is
/// up to the method. Checks say so, and what they are documented to advise helps.
#[test]
fn sums_that_overflow_on_the_way_are_reported() {
    let x = Array2::from_elem((40, 50), 3e38f32);
    let k = Array2::from_shape_fn((4, 3), |(i, _)| [1.0, 1.0, -1.0, -1.0][i]);
    let filter = |method: Method| {
        let filter = convolver().filter(&k).boundary(Boundary::Wrap).check(Check::Sampled(8));
        filter.device(Device::Cpu).method(method)
    };
    let planned = |method| filter(method).for_shape(x.dim()).expect("admissible");
    for method in [Method::Direct, Method::Separable] {
        let infinite = planned(method).apply(&x);
        assert!(matches!(infinite, Err(Error::FailedCheck { .. })), "{infinite:?}");
        let apart = planned(method).verify(&x).expect("runs");
        assert!(!apart.agrees(), "{apart}");
    }
    // A transform is scaled, and right.
    assert!(planned(Method::Fft).apply(&x).expect("right").iter().all(|y| y.is_finite()));
    assert!(!planned(Method::Fft).verify(&x).expect("runs").agrees(), "but the others are not");

    for method in [Method::Direct, Method::Separable, Method::Fft] {
        crate::common::assert_verified(&planned(method), &(&x / 1024.0));
        let wider = filter(method).precision(Precision::High).for_shape(x.dim());
        crate::common::assert_verified(&wider.expect("admissible"), &x);
    }
    verified(&x.mapv(f64::from), &k.mapv(f64::from), Boundary::Wrap);
}

/// Nor must a small kernel vanish in a transform's scale.
#[test]
fn taps_near_the_smallest_float() {
    let x = Array1::from_shape_fn(3000, |i| 1e25f32 * (1.0 + (i % 7) as f32));
    for scale in [1e-38, 1e-39, 1e-41] {
        let k = Array1::from_shape_fn(101, |i| scale * (1.0 + (i % 5) as f32));
        verified(&x, &k, Boundary::Mirror);
    }
    verified(&(&x * 1e-45), &Array1::from_elem(11, 1e-20), Boundary::Zero);
}

/// Windows of zeros give zeros beside the smallest samples, and beside large ones under the smallest taps.
#[test]
fn zeros_beside_what_is_scaled_to_the_ends_of_the_type() {
    let x = Array1::from_shape_fn(3000, |i| if i < 1000 { 1.0 + (i % 7) as f64 } else { 0.0 });
    let k = Array1::from_shape_fn(101, |i| 1.0 + (i % 5) as f64);
    for (samples, taps) in [(5e-324, 1e153), (1e76, 5e-324), (1e-322, 1e70), (1e304, 1e-322)] {
        let (x, k) = (&x * samples, &k * taps);
        for stride in [1, 2] {
            let filter = convolver().filter(&k).device(Device::Cpu).method(Method::Fft);
            let filter = filter.stride(stride).for_shape(x.dim()).expect("admissible");
            let y = filter.apply(&x).expect("runs");
            let first = 1050_usize.div_ceil(stride);
            assert!(y.iter().skip(first).all(|y| *y == 0.0), "{samples} {taps} {stride}");
            assert!(y.iter().take(first).all(|y| *y > 0.0), "{samples} {taps} {stride}");
        }
    }
}

/// Two outputs far apart must not cost the memory between them.
#[test]
fn strides_and_dilations_beyond_memory() {
    let x = Array1::from_shape_fn(10, |i| i as f32 + 1.0);
    let far = 1usize << 36;
    let options = with!(
        Options::<f32>::default(),
        mode: Mode::Full,
        stride: far.into(),
        dilation: far.into(),
    );
    let filter = convolver().filter(&arr1(&[2.0, 3.0])).options(options).device(Device::Cpu);
    let y = filter.for_shape(x.dim()).expect("a valid problem").apply(&x).expect("a run");
    assert_eq!(y, arr1(&[2.0, 3.0]));
}

#[test]
fn taps_beyond_memory_of_one_axis() {
    let x = Array2::from_shape_fn((10, 100), |(i, j)| (i * 7 + j * 3 % 11) as f32);
    let k = Array2::from_shape_fn((3, 3), |(i, j)| ((i + 1) * (j + 2)) as f32);
    for dilation in [[1, 1usize << 36], [1usize << 36, 1]] {
        for boundary in [Boundary::Zero, Boundary::Constant(2.0), Boundary::Wrap] {
            for method in [Method::Direct, Method::Separable] {
                let filter = convolver().filter(&k).dilation(dilation).boundary(boundary);
                let filter = filter.device(Device::Cpu).method(method).for_shape(x.dim());
                crate::common::assert_verified(&filter.expect("a valid problem"), &x);
            }
        }
    }
}

#[test]
fn strides_and_dilations_beyond_all_rows() {
    let dilated = |d: usize, stride: usize, x: &Array2<f32>, k: &Array2<f32>| {
        let filter = convolver().filter(k).mode(Mode::Full).device(Device::Cpu);
        let filter = filter.method(Method::Direct).dilation([d, 1]).stride([stride, 1]);
        filter.for_shape(x.dim()).expect("a valid problem").apply(x).expect("a run")
    };
    let y = dilated(1 << 50, (1 << 49) + 1, &Array2::ones((2, 2)), &Array2::ones((2, 16383)));
    // Rows of 1, 2, ..., 2, 1 and of zeros, as far apart as the input is not.
    assert_eq!((y.nrows(), y.ncols(), y[[0, 0]], y[[0, 16383]]), (2, 16384, 1.0, 1.0));
    assert!(y.row(0).iter().skip(1).take(16382).all(|&y| y == 2.0));
    assert!(y.row(1).iter().all(|&y| y == 0.0));
    // Two rows of outputs; the first reads the first tap of each column.
    let d = (1usize << 51) + 1;
    let k = Array2::from_shape_fn((127, 2), |(t, _)| t as f32 + 1.0);
    let y = dilated(d, 126 * d - 2, &Array2::ones((3, 3)), &k);
    assert_eq!(y.column(0).to_vec(), [1.0, 0.0]);
}

/// In `valid` with the longer kernel the input is what is factored.
#[test]
fn a_swapped_filter_factors_its_input() {
    let k = Array2::from_shape_fn((9, 9), |(i, j)| (i * 5 + j * j) as f32);
    let filter = convolver().filter(&k).mode(Mode::Valid).device(Device::Cpu);
    let filter = filter.method(Method::Separable).for_shape((3, 3)).expect("asked for by name");
    crate::common::assert_verified(&filter, &Array2::ones((3, 3)));
    let uneven = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]]);
    assert!(filter.apply(&uneven).is_err());
}
