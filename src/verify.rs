//! Proving an answer: every admissible method against the definition and against each other.

use ndarray::ArrayViewD;
use std::fmt;

use crate::bounds;
use crate::convolver::Convolver;
use crate::cpu::extended::{Extension, Odometer};
use crate::element::number::Wide;
use crate::element::{DType, Element};
use crate::error::Result;
use crate::geometry::Geometry;
use crate::kernel::KernelFacts;
use crate::memory;
use crate::plan::{self, Device, Method, Plan, Recipe, Verdict};
use crate::precision::Runner;
use crate::problem::Options;
use crate::reference::Oracle;

/// What [`Filter::verify`](crate::Filter::verify) found.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Outputs that were computed from the definition.
    pub sampled: usize,
    /// Outputs of the convolution, all of which the methods were compared at.
    pub outputs: usize,
    /// One entry for every method on every device.
    pub methods: Vec<Verified>,
}

/// How one method did.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// Where it ran.
    pub device: Device,
    /// What ran.
    pub method: Method,
    /// How far it was off, or why it did not run.
    pub outcome: Result<Deviation, String>,
}

/// Largest absolute differences of one method, and what they may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// From the definition in `f64`, at the sampled outputs.
    pub from_definition: f64,
    /// From the filter's own result, at all outputs.
    pub from_chosen: f64,
    /// The method's error bound.
    pub bound: f64,
    /// The sum of the bounds of this method and of the filter's own.
    pub joint_bound: f64,
    /// The largest of all differences of this method in units of what it may be: from the definition,
    /// from the filter's own result, and from the result of every other method.
    pub share: f64,
}

impl Deviation {
    /// Whether all differences are within their bounds.
    pub fn agrees(&self) -> bool {
        self.share <= 1.0
    }
}

impl Verification {
    /// Whether every method that ran is within its bound.
    pub fn agrees(&self) -> bool {
        self.ran().all(Deviation::agrees)
    }

    /// The largest of all differences in units of what it may be: above 1, a method is wrong.
    pub fn largest_share(&self) -> f64 {
        self.ran().map(|deviation| deviation.share).fold(0.0, f64::max)
    }

    fn ran(&self) -> impl Iterator<Item = &Deviation> {
        self.methods.iter().filter_map(|method| method.outcome.as_ref().ok())
    }
}

impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} of {} outputs computed from the definition, all compared between methods",
            self.sampled, self.outputs
        )?;
        for method in &self.methods {
            let name = format!("{} {}", method.device, method.method);
            match &method.outcome {
                Ok(d) => writeln!(
                    f,
                    "{name:<14} {}  off the definition by {}, off the result by {}",
                    if d.agrees() { "agrees   " } else { "DISAGREES" },
                    Share(d.from_definition, d.bound),
                    Share(d.from_chosen, d.joint_bound),
                )?,
                Err(reason) => writeln!(f, "{name:<14} not run    {reason}")?,
            }
        }
        let (ran, share) = (self.ran().count(), self.largest_share());
        if self.agrees() {
            let s = if ran == 1 { "" } else { "s" };
            write!(
                f,
                "verified: {ran} method{s} within bounds, the largest error is {share:.3} of its bound"
            )
        } else {
            write!(f, "NOT verified: a method is off by {share:.3} times what it may be")
        }
    }
}

/// An error, and how much of its bound it is.
struct Share(f64, f64);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error, bound) = *self;
        match error / bound {
            _ if error == 0.0 => write!(f, "nothing"),
            share if share < 0.01 => write!(f, "{error:.1e} (under 1 % of the bound)"),
            share if share.is_finite() => {
                write!(f, "{error:.1e} ({:.0} % of the bound)", 100.0 * share)
            }
            _ => write!(f, "{error:.1e} (the bound is {bound:.1e})"),
        }
    }
}

/// All that is needed to compute one convolution in every way.
pub(crate) struct Subject<'a, A: Element> {
    pub convolver: &'a Convolver,
    /// The plan that the filter ran, and what came out.
    pub plan: &'a Plan,
    pub own: Vec<A>,
    pub extension: &'a Extension<A>,
    pub x: &'a [A],
    pub weights: &'a [A],
    pub input: ArrayViewD<'a, A>,
    pub kernel: ArrayViewD<'a, A>,
    pub options: &'a Options<A>,
}

/// Multiplications that the definition is given for its sampled outputs.
const ORACLE_BUDGET: usize = 2_000_000;

pub(crate) fn verify<A: Element>(subject: Subject<A>) -> Result<Verification> {
    let Subject { convolver, plan, own, extension, x, weights, .. } = subject;
    let geometry = &extension.geometry;
    let precision = plan.request.precision;
    let facts = precision.facts(weights, &geometry.kernel())?;
    let capabilities = convolver.capabilities();
    let model = convolver.model().with(&capabilities.gpu);
    let everything = plan::design(&plan.problem, &facts, &capabilities, &model, plan.request)?;
    // What a window can meet.
    let largest = largest_magnitude(x.iter().chain(&extension.values));

    let outputs = geometry.output_len();
    // The definition knows no folded kernel.
    let taps = if plan.problem.swapped { geometry.taps() } else { subject.kernel.len() };
    let oracle = Oracle::new(subject.input, subject.kernel, subject.options)?;
    let sampled = (ORACLE_BUDGET / taps).clamp(64, 65_536).min(outputs);
    let samples = (0..sampled).map(|i| {
        // Evenly spread, from the very first output to the very last.
        let flat = if sampled == 1 { 0 } else { i * (outputs - 1) / (sampled - 1) };
        (flat, oracle.at(Odometer::starting_at(oracle.shape().to_vec(), flat).at()))
    });
    let samples = memory::collected(samples, sampled, "outputs of the definition")?;

    let judged = |y: Vec<A>, recipe: &Recipe| {
        let bound = bound(plan.inside(), recipe, geometry, &facts, largest);
        let bound = bound + stored(A::DTYPE, plan, recipe, &facts, largest_magnitude(&y));
        Run { y, bound }
    };
    let runs = everything
        .candidates
        .iter()
        .map(|candidate| match &candidate.verdict {
            Verdict::Vetoed(reason) => Ok(Err(reason.clone())),
            Verdict::Admissible(recipe, _) => {
                let runner = Runner::new(precision, recipe, extension, weights, convolver)?;
                // Anything that is left untouched must show.
                let mut y = memory::zeros(outputs, "the output of a method")?;
                y.fill(poison::<A>());
                runner.run(x, &mut y)?;
                Ok(Ok(judged(y, recipe)))
            }
        })
        .collect::<Result<Vec<Result<Run<A>, String>>>>()?;
    let (recipe, _) = plan.chosen().admitted().expect("a plan chooses what is admissible");
    let own = judged(own, recipe);
    let apart = |a: &Run<A>, b: &Run<A>| {
        let everywhere = a.y.iter().zip(&b.y).map(|(&a, &b)| deviation(a, b.widen()));
        everywhere.fold(0.0, f64::max)
    };
    let compare = |run: &Run<A>| {
        let at_samples = samples.iter().map(|&(flat, exact)| deviation(run.y[flat], exact));
        let from_definition = at_samples.fold(0.0, f64::max);
        let (from_chosen, joint_bound) = (apart(run, &own), run.bound + own.bound);
        let others = runs.iter().flatten().filter(|other| !std::ptr::eq(*other, run));
        let from_others = others.map(|other| share(apart(run, other), run.bound + other.bound));
        let own_shares = [share(from_definition, run.bound), share(from_chosen, joint_bound)];
        let share = from_others.chain(own_shares).fold(0.0, f64::max);
        Deviation { from_definition, from_chosen, bound: run.bound, joint_bound, share }
    };
    let methods = everything
        .candidates
        .iter()
        .zip(&runs)
        .map(|(candidate, run)| Verified {
            device: candidate.device,
            method: candidate.method,
            outcome: run.as_ref().map(compare).map_err(String::clone),
        })
        .collect();
    Ok(Verification { sampled, outputs, methods })
}

/// An error in units of its bound; nothing is within any bound.
fn share(error: f64, bound: f64) -> f64 {
    match error / bound {
        _ if error == 0.0 => 0.0,
        // Both are infinite.
        share if share.is_nan() => f64::INFINITY,
        share => share,
    }
}

/// What one method gave.
struct Run<A> {
    y: Vec<A>,
    bound: f64,
}

/// The largest finite magnitude.
fn largest_magnitude<'a, A: Element>(values: impl IntoIterator<Item = &'a A>) -> f64 {
    largest_finite(values.into_iter().map(|value| value.magnitude()))
}

/// The largest of these that is finite.
pub(crate) fn largest_finite(magnitudes: impl IntoIterator<Item = f64>) -> f64 {
    magnitudes.into_iter().filter(|magnitude| magnitude.is_finite()).fold(0.0, f64::max)
}

/// How much further a result may be off that is stored in a type of less precision, with outputs of at
/// most this magnitude.
pub(crate) fn stored(
    dtype: DType,
    plan: &Plan,
    recipe: &Recipe,
    facts: &KernelFacts,
    largest_output: f64,
) -> f64 {
    if !plan.request.precision.widens(dtype) {
        return 0.0;
    }
    let flushed = if recipe.is_on_gpu() { bounds::stored(dtype, facts) } else { 0.0 };
    bounds::rounding(dtype, largest_output) + flushed
}

/// How far a recipe may be off that is computed in `dtype`.
pub(crate) fn bound(
    dtype: DType,
    recipe: &Recipe,
    geometry: &Geometry,
    kernel: &KernelFacts,
    largest: f64,
) -> f64 {
    let direct = bounds::direct(dtype, geometry.taps(), kernel, largest);
    match recipe {
        Recipe::CpuDirect { .. } | Recipe::GpuDirect(_) => direct,
        Recipe::CpuSeparable { .. } | Recipe::GpuSeparable(_) => {
            bounds::separable(dtype, geometry, kernel, largest)
        }
        // Blocks that the transform is not trusted with are computed directly.
        Recipe::CpuFft { blocks, .. } => {
            bounds::fft(dtype, blocks.spread(), kernel, largest).max(direct)
        }
    }
}

/// `|value - exact|`; 0 where `value` is `exact` rounded, or where neither is a number.
pub(crate) fn deviation<A: Element>(value: A, exact: A::Wide) -> f64 {
    let rounded = A::narrow(exact);
    #[expect(clippy::eq_op, reason = "only NaN differs from itself, in complex numbers too")]
    let not_a_number = |a: A| a != a;
    if value == rounded || (not_a_number(value) && not_a_number(rounded)) {
        return 0.0;
    }
    let distance = value.widen().distance(exact);
    if distance.is_nan() { f64::INFINITY } else { distance }
}

/// A value that no computation leaves by accident: NaN, or 85 in an integer.
pub(crate) fn poison<A: Element>() -> A {
    let value = if A::DTYPE.is_integer() { 85.0 } else { f64::NAN };
    A::from_complex(value.into())
}
