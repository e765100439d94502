//! One problem with its data and its exact result: the runner and the comparer.

use convolve::plan::Recipe;
use convolve::reference::Oracle;
use convolve::{
    Boundary, Convolver, DType, Filter, KernelFacts, Options, PerAxis, Plan, Precision, Result,
    bounds,
};
use ndarray::{ArrayD, IxDyn};

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
}

impl<A: Value> Subject<A> {
    /// A subject whose result comes from the definition.
    pub fn new(x: ArrayD<A>, k: ArrayD<A>, options: Options<A>) -> Self {
        let exact = Oracle::new(x.view(), k.view(), &options).expect("a valid problem").wide();
        Self { x, k, options, precision: Precision::Native, exact }
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

    /// The error allowed to what a plan runs, from `convolve::bounds`; the exact result is one of
    /// `f64` arithmetic and has an error of its own.
    pub fn tolerance(&self, plan: &Plan) -> f64 {
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
        };
        let largest =
            data.iter().chain(&constants).map(|a| finite(a).magnitude()).fold(0.0, f64::max);
        let taps = plan.geometry.taps();
        let direct = |dtype| bounds::direct(dtype, taps, &facts, largest);
        let (recipe, _) = plan.chosen().admitted().expect("a plan chooses what is admissible");
        let dtype = plan.inside();
        let bound = match recipe {
            Recipe::CpuDirect { .. } | Recipe::GpuDirect(_) => direct(dtype),
            Recipe::CpuSeparable { .. } | Recipe::GpuSeparable(_) => {
                bounds::separable(dtype, &plan.geometry, &facts, largest)
            }
            // Some blocks may have been left to the direct method.
            Recipe::CpuFft { blocks, .. } => {
                bounds::fft(dtype, blocks.spread(), &facts, largest).max(direct(dtype))
            }
        };
        let results = self.rounded().into_iter().filter(|y| y.is_finite()).map(A::magnitude);
        let mut rounding = match dtype == A::DTYPE {
            true => 0.0,
            false => bounds::rounding(A::DTYPE, results.fold(0.0, f64::max)),
        };
        if dtype != A::DTYPE && recipe.is_on_gpu() {
            rounding += bounds::stored(A::DTYPE, &facts);
        }
        let oracle = if A::DTYPE.is_integer() { 0.0 } else { direct(DType::Complex64) };
        ALLOWANCE * (bound + rounding + oracle)
    }

    /// Runs `compute(x, k, options, y)` on poisoned outputs, twice, and compares.
    pub fn check(
        &self,
        tolerance: f64,
        mut compute: impl FnMut(&ArrayD<A>, &ArrayD<A>, &Options<A>, &mut ArrayD<A>) -> Result<()>,
    ) -> Result<(), String> {
        for round in 0..2 {
            let mut y = ArrayD::from_elem(self.exact.raw_dim(), A::poison(round));
            compute(&self.x, &self.k, &self.options, &mut y).map_err(|error| error.to_string())?;
            compare(&y, &self.exact, tolerance)?;
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
    tolerance: f64,
) -> Result<(), String> {
    if got.shape() != exact.shape() {
        return Err(format!("expected shape {:?}, got {:?}", exact.shape(), got.shape()));
    }
    if !tolerance.is_finite() {
        return Err(format!("a tolerance of {tolerance} would accept anything"));
    }
    for (at, &value) in got.indexed_iter() {
        let error = value.error(exact[&at]);
        if error.is_nan() || error > tolerance {
            let expected = A::narrow(exact[&at]);
            return Err(format!(
                "at {:?}: expected {expected:?}, got {value:?}: off by {error:e}, {tolerance:e} allowed",
                at.slice_ref()
            ));
        }
    }
    Ok(())
}

trait SliceRef {
    fn slice_ref(&self) -> &[usize];
}

impl SliceRef for IxDyn {
    fn slice_ref(&self) -> &[usize] {
        ndarray::Dimension::slice(self)
    }
}
