//! Built-in kernels against other libraries: fixtures that fixtures/filters.py wrote down.

use convolve::filters::Named;
use convolve::{Boundary, Convolver};
use ndarray::{ArrayD, IxDyn};

struct Fixture {
    name: &'static str,
    kernel: Named,
    origin: isize,
    off: f64,
    values: ArrayD<f64>,
}

fn fixture(line: &'static str) -> Fixture {
    let fields: Vec<_> = line.split('|').map(str::trim).collect();
    let [name, kernel, origin, off, array] = fields[..] else { panic!("five fields: {line}") };
    let (shape, values) = array.split_once(':').expect("shape and values");
    let shape: Vec<usize> =
        shape.split_whitespace().map(|n| n.parse().expect("a length")).collect();
    let values = values.split_whitespace().map(|value| value.parse().expect("a value")).collect();
    Fixture {
        name,
        kernel: kernel.parse().expect("a kernel"),
        origin: origin.parse().expect("an origin"),
        off: off.parse().expect("a number"),
        values: ArrayD::from_shape_vec(IxDyn(&shape), values).expect("as many as the shape"),
    }
}

#[test]
fn built_in_kernels_as_in_other_libraries() {
    let lines = include_str!("fixtures/filters.txt").lines();
    let fixtures: Vec<_> = lines.map(fixture).collect();
    assert!(fixtures.len() > 40, "only {} fixtures", fixtures.len());
    let convolver = Convolver::builder().gpu(false).build();
    for Fixture { name, kernel, origin, off, values } in fixtures {
        let what = format!("{name} {kernel}");
        let shape = values.raw_dim();
        let mut impulse = ArrayD::<f64>::zeros(shape.clone());
        let middle: Vec<usize> = values.shape().iter().map(|n| n / 2).collect();
        impulse[&middle[..]] = 1.0;
        let taps = kernel.kernel::<f64>(values.ndim()).unwrap_or_else(|e| panic!("{what}: {e}"));
        if origin == 0 {
            assert_eq!(taps.shape(), values.shape(), "{what}");
        }
        let filter = convolver.filter(&taps).boundary(Boundary::Zero).origin(origin);
        let filter = filter.method(convolve::Method::Direct).for_shape(shape).expect("a filter");
        let y = filter.apply(&impulse).expect("a result");
        let largest = values.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let error = (&y - &values).iter().fold(0.0, |error: f64, off| error.max(off.abs()));
        assert!(error <= off * largest, "{what}: {error:e} of {largest:e}\n{y}\n{values}");
    }
}
