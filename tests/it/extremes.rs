//! Sizes and values at the edge of what the types hold.

use convolve::reference::Oracle;
use convolve::{Boundary, Convolver, Device, Method, Options};
use ndarray::{Array1, Array2, arr1};

/// Taps a billion samples apart must not cost the memory of the gap between them.
#[test]
fn taps_far_apart_are_read_one_by_one() {
    let x = Array1::from_shape_fn(50, |i| i as f32 - 20.0);
    let k = arr1(&[1.0f32, 2.0, 3.0]);
    for boundary in [Boundary::Wrap, Boundary::Reflect, Boundary::Constant(2.0)] {
        let options = Options {
            boundary: boundary.into(),
            dilation: 1_000_000_007.into(),
            ..Options::default()
        };
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
    assert!(fft.verify(&x).is_ok());
}
