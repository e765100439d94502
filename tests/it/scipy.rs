//! Against SciPy and NumPy: fixtures that fixtures/make.py wrote down.

use convolve::{
    Boundary, Convolver, DType, KernelFacts, Mode, Operation, Options, PerAxis, bounds, correlate,
};
use ndarray::{ArrayD, IxDyn};
use num_complex::Complex;
use std::str::FromStr;

use crate::common::cases::of_type;
use crate::common::subject::compare;
use crate::common::with;
use crate::common::*;

struct Fixture {
    name: String,
    kind: String,
    options: Options<i8>,
    x: ArrayD<Complex<f64>>,
    k: ArrayD<Complex<f64>>,
    y: ArrayD<Complex<f64>>,
}

fn fixtures() -> Vec<Fixture> {
    let lines: Vec<&str> = include_str!("fixtures/fixtures.txt").lines().collect();
    let fixtures: Vec<_> = lines.chunks_exact(4).map(fixture).collect();
    assert_eq!(4 * fixtures.len(), lines.len());
    assert!(fixtures.len() > 400, "only {} fixtures", fixtures.len());
    fixtures
}

fn fixture(lines: &[&str]) -> Fixture {
    let fields: Vec<&str> = lines[0].split('|').map(str::trim).collect();
    let [name, meaning, boundaries, stride, dilation, origin, kind] = fields[..] else {
        panic!("a header has seven fields: {:?}", lines[0])
    };
    let (operation, mode) = meaning.split_once(' ').expect("operation and mode");
    let boundary = |name: &str| match name.split_once(':') {
        Some((_, value)) => Boundary::Constant(value.parse().expect("a constant")),
        None => match name {
            "zero" => Boundary::Zero,
            "nearest" => Boundary::Nearest,
            "reflect" => Boundary::Reflect,
            "mirror" => Boundary::Mirror,
            "wrap" => Boundary::Wrap,
            _ => panic!("boundary {name}"),
        },
    };
    let options = with!(Options::default(), operation: match operation {
            "convolve" => Operation::Convolve,
            "correlate" => Operation::Correlate,
            _ => panic!("operation {operation}"),
        }, mode: match mode {
            "full" => Mode::Full,
            "same" => Mode::Same,
            "valid" => Mode::Valid,
            _ => panic!("mode {mode}"),
        }, boundary: PerAxis::Each(boundaries.split_whitespace().map(boundary).collect()), stride: PerAxis::Each(numbers(stride)), dilation: PerAxis::Each(numbers(dilation)), origin: PerAxis::Each(numbers(origin)));
    let array = |line: &str| {
        let (shape, values) = line.split_once(':').expect("shape and values");
        let values: Vec<f64> = numbers(values);
        let values = match kind {
            "complex" => values.chunks_exact(2).map(|v| Complex::new(v[0], v[1])).collect(),
            _ => values.into_iter().map(Complex::from).collect::<Vec<_>>(),
        };
        ArrayD::from_shape_vec(IxDyn(&numbers(&shape[1..])), values).expect("as many as the shape")
    };
    Fixture {
        name: name.into(),
        kind: kind.into(),
        options,
        x: array(lines[1]),
        k: array(lines[2]),
        y: array(lines[3]),
    }
}

fn numbers<T: FromStr>(text: &str) -> Vec<T> {
    let parse = |word: &str| word.parse().unwrap_or_else(|_| panic!("{word} is no number"));
    text.split_whitespace().map(parse).collect()
}

impl Fixture {
    /// With SciPy's result as the exact one; `wide` takes it into the oracle's type.
    fn subject<A: Value>(&self, wide: impl Fn(Complex<f64>) -> A::Wide) -> Subject<A> {
        // SciPy's constants are real.
        let boundary = |&boundary: &Boundary<i8>| match boundary {
            Boundary::Constant(v) => Boundary::Constant(A::from_complex(f64::from(v).into())),
            other => of_type(other),
        };
        let PerAxis::Each(each) = &self.options.boundary else { panic!("one per axis") };
        let options = with!(
            Options::default(),
            operation: self.options.operation,
            mode: self.options.mode,
            boundary: PerAxis::Each(each.iter().map(boundary).collect()),
            stride: self.options.stride.clone(),
            dilation: self.options.dilation.clone(),
            origin: self.options.origin.clone(),
        );
        let [x, k] = [&self.x, &self.k].map(|values| values.mapv(A::from_complex));
        Subject { exact: self.y.mapv(wide), ..Subject::new(x, k, options) }
    }

    fn check<A: Value>(
        &self,
        convolver: &Convolver,
        way: Way,
        wide: impl Fn(Complex<f64>) -> A::Wide,
    ) {
        let subject = self.subject::<A>(wide);
        let what = || format!("{} {way:?} {:?}", self.name, self.options);
        let filter = subject.filter(convolver, way).unwrap_or_else(|e| panic!("{} {e}", what()));
        let mut tolerance = subject.tolerance(filter.plan());
        if self.name == "signal.oaconvolve" {
            // SciPy's blocks have an error too; none is longer than the whole result.
            let facts = &filter.plan().kernel;
            let samples = 4 * (self.x.len() + self.k.len());
            tolerance += bounds::fft(convolve::DType::F64, bounds::Spread::of(samples), facts, 9.0);
        }
        subject
            .check(tolerance, |x, _, _, y| filter.apply_into(x, y))
            .unwrap_or_else(|error| panic!("{}\n{error}", what()));
    }
}

#[test]
fn cpu_as_scipy() {
    for fixture in fixtures() {
        for way in [CPU_DIRECT, CPU_FFT] {
            match &*fixture.kind {
                "complex" => {
                    fixture.check::<Complex<f64>>(convolver(), way, |y| y);
                    fixture.check::<Complex<f32>>(convolver(), way, |y| y);
                }
                "real" => {
                    fixture.check::<f64>(convolver(), way, |y| y.re);
                    fixture.check::<f32>(convolver(), way, |y| y.re);
                }
                _ => {
                    fixture.check::<i32>(convolver(), CPU_DIRECT, |y| wrapping(y.re));
                    fixture.check::<i64>(convolver(), CPU_DIRECT, |y| wrapping(y.re));
                    fixture.check::<i16>(convolver(), way, |y| wrapping(y.re));
                    fixture.check::<i8>(convolver(), way, |y| wrapping(y.re));
                }
            }
        }
    }
}

#[test]
fn gpu_as_scipy() {
    let Some(convolver) = gpu() else { return };
    for fixture in fixtures() {
        match &*fixture.kind {
            "complex" => fixture.check::<Complex<f32>>(convolver, GPU_DIRECT, |y| y),
            "real" => fixture.check::<f32>(convolver, GPU_DIRECT, |y| y.re),
            _ => fixture.check::<i32>(convolver, GPU_DIRECT, |y| wrapping(y.re)),
        }
    }
}

/// The definition itself agrees with SciPy.
#[test]
fn oracle_as_scipy() {
    for fixture in fixtures() {
        let given = fixture.subject::<Complex<f64>>(|y| y);
        let name = &fixture.name;
        let oracle = Subject::new(given.x, given.k, given.options).exact;
        assert_eq!(oracle.shape(), fixture.y.shape(), "{name}");
        let error = (&oracle - &fixture.y).iter().map(|d| d.norm()).fold(0.0, f64::max);
        // Integers, exact in f64, except for the transforms of oaconvolve.
        let allowed = if name == "signal.oaconvolve" { 1e-11 } else { 0.0 };
        assert!(error <= allowed, "{name}: {error:e}");
    }
}

#[test]
fn the_one_line_functions_as_scipy() {
    let mut ran = 0;
    for fixture in fixtures().iter().filter(|f| f.kind == "complex") {
        let (x, k, mode) = (&fixture.x, &fixture.k, fixture.options.mode);
        let y = match fixture.options.operation {
            Operation::Convolve => convolve::convolve(x, k, mode),
            Operation::Correlate => correlate(x, k, mode),
            other => panic!("{other}"),
        };
        // A transform may be chosen; its block is hardly longer than input and kernel together.
        let block: usize = x.shape().iter().zip(k.shape()).map(|(n, m)| 2 * (n + m)).product();
        let facts = KernelFacts::of(k.as_slice().expect("packed"), k.shape());
        let largest = x.iter().map(|x| x.norm()).fold(0.0, f64::max);
        let allowed = bounds::fft(DType::Complex64, bounds::Spread::of(block), &facts, largest);
        compare(&y.expect("valid"), &fixture.y, &allowed).expect(&fixture.name);
        ran += 1;
    }
    assert!(ran > 50);
}

fn wrapping(value: f64) -> std::num::Wrapping<i64> {
    std::num::Wrapping(value as i64)
}
