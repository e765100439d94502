//! One problem with its data and its exact result: the runner and the comparer.

use convolve::Method;
use convolve::bounds::Window;
use convolve::plan::Recipe;
use convolve::reference::Oracle;
use convolve::{
    Boundary, Convolver, Filter, KernelFacts, Options, PerAxis, Plan, Precision, Result, bounds,
};
use ndarray::{ArrayD, Dimension, IxDyn};

use super::{Value, Way};

/// By how much a result may exceed its error bound: not at all.
const ALLOWANCE: f64 = 1.0;

/// Input, kernel, options, and what must come out.
pub struct Subject<A: Value> {
    pub x: ArrayD<A>,
    pub k: ArrayD<A>,
    pub options: Options<A>,
    pub precision: Precision,
    pub exact: ArrayD<A::Wide>,
    /// What the error of every output is judged by.
    pub windows: ArrayD<Window>,
}

/// The error allowed to each output.
pub trait Tolerance {
    fn at(&self, output: &IxDyn) -> f64;
}

impl Tolerance for f64 {
    fn at(&self, _: &IxDyn) -> f64 {
        *self
    }
}

impl Tolerance for ArrayD<f64> {
    fn at(&self, output: &IxDyn) -> f64 {
        self[output]
    }
}

impl<A: Value> Subject<A> {
    /// A subject whose result comes from the definition.
    pub fn new(x: ArrayD<A>, k: ArrayD<A>, options: Options<A>) -> Self {
        let oracle = Oracle::new(x.view(), k.view(), &options).expect("a valid problem");
        let both = ArrayD::from_shape_fn(oracle.shape(), |o| oracle.with_window(o.slice()));
        let (exact, windows) = (both.mapv(|(exact, _)| exact), both.mapv(|(_, window)| window));
        Self { x, k, options, precision: Precision::Native, exact, windows }
    }

    /// The same in another precision.
    pub fn in_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The exact result, rounded or wrapped to the element type.
    pub fn rounded(&self) -> ArrayD<A> {
        self.exact.mapv(A::narrow)
    }

    /// The filter for one way of computing.
    pub fn filter(&self, convolver: &Convolver, (device, method): Way) -> Result<Filter<A, IxDyn>> {
        let builder = convolver.filter(&self.k).options(self.options.clone());
        let builder = builder.device(device).method(method).precision(self.precision);
        builder.for_shape(self.x.raw_dim())
    }

    /// The error allowed to each output of what a plan runs, from `convolve::bounds`; the exact result
    /// is one of `f64` arithmetic and has an error of its own.
    pub fn tolerance(&self, plan: &Plan) -> ArrayD<f64> {
        let swapped = plan.problem.swapped;
        let (data, weights) = if swapped { (&self.k, &self.x) } else { (&self.x, &self.k) };
        // What is not finite is compared in kind; the errors are those of the rest.
        let finite = |&a: &A| if a.is_finite() { a } else { A::default() };
        let weights: Vec<A> = weights.iter().map(finite).collect();
        // The caller's kernel, folded or not.
        let shape = if swapped { plan.geometry.kernel() } else { self.k.shape().to_vec() };
        let mut facts = KernelFacts::of(&weights, &shape);
        if !swapped {
            // Those of the type that is computed in.
            (facts.terms, facts.gain) = (plan.kernel.terms, plan.kernel.gain);
        }
        let constants: Vec<A> = match &self.options.boundary {
            PerAxis::All(boundary) => vec![constant(boundary)],
            PerAxis::Each(each) => each.iter().map(constant).collect(),
            other => panic!("{other:?}"),
        };
        let largest =
            data.iter().chain(&constants).map(|a| finite(a).magnitude()).fold(0.0, f64::max);
        let taps = plan.geometry.taps();
        let (recipe, _) = plan.chosen().admitted().expect("a plan chooses what is admissible");
        let dtype = plan.compute_dtype();
        self.windows.mapv(|window| {
            let bound = match (recipe.method(), recipe) {
                (Method::Direct, _) => bounds::direct(dtype, taps, window),
                (Method::Separable, _) => bounds::separable(dtype, &plan.geometry, &facts, window),
                (_, Recipe::CpuFft { blocks, .. }) => {
                    bounds::fft_output(dtype, blocks.spread(), taps, &facts, largest, window)
                }
                (Method::Fft, Recipe::Gpu(schedule)) => {
                    let spread = schedule.spread().expect("blocks are transformed");
                    bounds::fft_output(dtype, spread, taps, &facts, largest, window)
                }
                (_, Recipe::CpuCoarse { grid, .. }) => {
                    bounds::coarse(dtype, &facts, grid.bounded(&plan.geometry), largest)
                }
                (_, other) => panic!("no bound of {other}"),
            };
            let mut rounding = match dtype == A::DTYPE {
                true => 0.0,
                false => bounds::rounding(A::DTYPE, window.products),
            };
            if dtype != A::DTYPE && recipe.is_on_gpu() {
                rounding += bounds::stored(A::DTYPE, &facts);
            }
            ALLOWANCE * (bound + rounding + bounds::definition(A::DTYPE, taps, window))
        })
    }

    /// Runs `compute(x, k, options, y)` on poisoned outputs, twice, and compares.
    pub fn check(
        &self,
        tolerance: impl Tolerance,
        mut compute: impl FnMut(&ArrayD<A>, &ArrayD<A>, &Options<A>, &mut ArrayD<A>) -> Result<()>,
    ) -> Result<(), String> {
        for round in 0..2 {
            let mut y = ArrayD::from_elem(self.exact.raw_dim(), A::poison(round));
            compute(&self.x, &self.k, &self.options, &mut y).map_err(|error| error.to_string())?;
            compare(&y, &self.exact, &tolerance)?;
        }
        Ok(())
    }

    /// Checks one way of computing.
    pub fn check_way(&self, convolver: &Convolver, way: Way) -> Result<(), String> {
        let filter = self.filter(convolver, way).map_err(|error| error.to_string())?;
        assert_eq!((filter.plan().device(), filter.plan().method()), way, "forced, not chosen");
        self.check_filter(&filter)
    }

    /// Checks a filter that was made for this subject.
    pub fn check_filter(&self, filter: &Filter<A, IxDyn>) -> Result<(), String> {
        self.check(self.tolerance(filter.plan()), |x, _, _, y| filter.apply_into(x, y))
            .map_err(|error| format!("{error}\n{}", filter.plan()))
    }
}

fn constant<A: Value>(boundary: &Boundary<A>) -> A {
    match boundary {
        Boundary::Constant(value) => *value,
        _ => A::default(),
    }
}

/// An error unless shapes agree and every element is within `tolerance` of the exact one.
pub fn compare<A: Value>(
    got: &ArrayD<A>,
    exact: &ArrayD<A::Wide>,
    tolerance: &impl Tolerance,
) -> Result<(), String> {
    if got.shape() != exact.shape() {
        return Err(format!("expected shape {:?}, got {:?}", exact.shape(), got.shape()));
    }
    for (at, &value) in got.indexed_iter() {
        let tolerance = tolerance.at(&at);
        if !tolerance.is_finite() {
            return Err(format!("a tolerance of {tolerance} would accept anything"));
        }
        let error = value.error(exact[&at]);
        if error.is_nan() || error > tolerance {
            let expected = A::narrow(exact[&at]);
            return Err(format!(
                "at {:?}: expected {expected:?}, got {value:?}: off by {error:e}, {tolerance:e} allowed",
                at.slice()
            ));
        }
    }
    Ok(())
}
