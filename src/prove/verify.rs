//! Proving an answer: every admissible method against the definition and against each other.

use ndarray::ArrayViewD;
use std::fmt;

use crate::bounds::{self, Window};
use crate::cpu::direct::Direct;
use crate::element::compute::Compute;
use crate::element::number::Wide;
use crate::element::{DType, Element};
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::kernel::{Kernel, KernelFacts};
use crate::machine::Devices;
use crate::plan;
use crate::plan::cpu::Tile;
use crate::plan::{Plan, Recipe, Verdict};
use crate::problem::Options;
use crate::problem::extension::{Extension, Odometer};
use crate::problem::geometry::Geometry;
use crate::prove::reference::Oracle;
use crate::run::runner::Runner;
use crate::simd::InstructionSet;
use crate::util::memory;
use crate::util::threads;
use crate::words::{Device, Method};

/// What [`Filter::verify`](crate::Filter::verify) found: an answer, whether methods agree or not.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "whether the methods agree is what `agrees` says"]
#[non_exhaustive]
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
#[non_exhaustive]
pub struct Verified {
    /// Where it ran.
    pub device: Device,
    /// What ran.
    pub method: Method,
    /// How far it was off, or why it did not run.
    pub outcome: Result<Deviation, String>,
}

/// The largest differences of one method, absolute and in units of what they may be. Each output has
/// a bound of its own, which goes with what is in its window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Deviation {
    /// From the definition in `f64`, at the sampled outputs.
    pub from_definition: Difference,
    /// From the filter's own result, at all outputs.
    pub from_chosen: Difference,
    /// The largest of all differences of this method in units of what it may be: from the definition,
    /// from the filter's own result, and from the result of every other method.
    pub share: f64,
}

/// How far two results are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The largest absolute difference.
    pub largest: f64,
    /// The largest difference in units of what it may be, at its own output.
    pub share: f64,
}

impl Difference {
    /// Counts one output's difference, and what it may be.
    fn add(&mut self, difference: f64, bound: f64) {
        self.largest = self.largest.max(difference);
        self.share = self.share.max(share(difference, bound));
    }
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
                    d.from_definition,
                    d.from_chosen,
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

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { largest, share } = *self;
        match share {
            _ if largest == 0.0 => write!(f, "nothing"),
            share if share < 0.01 => write!(f, "{largest:.1e} (under 1 % of the bound)"),
            share if share.is_finite() => {
                write!(f, "{largest:.1e} (up to {:.0} % of the bound)", 100.0 * share)
            }
            _ => write!(f, "{largest:.1e} (where nothing may be)"),
        }
    }
}

/// All that is needed to compute one convolution in every way.
pub(crate) struct Subject<'a, A: Element> {
    pub devices: &'a Devices,
    /// The plan that the filter ran, and what came out.
    pub plan: &'a Plan,
    pub own: Vec<A>,
    pub extension: &'a Extension<A>,
    pub x: &'a [A],
    pub weights: &'a Kernel<A>,
    pub input: ArrayViewD<'a, A>,
    pub kernel: ArrayViewD<'a, A>,
    pub options: &'a Options<A>,
}

/// Multiplications that the definition is given for its sampled outputs.
const ORACLE_BUDGET: usize = 2_000_000;

pub(crate) fn verify<A: Element>(subject: Subject<A>) -> Result<Verification> {
    let Subject { devices, plan, own, extension, x, weights, .. } = subject;
    let geometry = &extension.geometry;
    let precision = plan.request.precision;
    let facts = &weights.facts;
    let capabilities = devices.capabilities();
    let model = devices.model().with(&capabilities.gpu);
    let everything = plan::design(&plan.problem, facts, &capabilities, &model, plan.request)?;
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
    let windows = Windows::new(extension, x, &weights.taps, facts, largest)?;

    let judged = |y: Vec<A>, recipe: &Recipe| {
        let bound = |flat: usize| {
            let window = windows.at(flat);
            bound(plan.compute_dtype(), recipe, geometry, facts, largest, window)
                + stored(A::DTYPE, plan, recipe, facts, window.products)
        };
        let bounds = memory::collected((0..outputs).map(bound), outputs, "bounds of a method")?;
        Ok(Run { y, bounds })
    };
    let runs = everything
        .candidates
        .iter()
        .map(|candidate| match &candidate.verdict {
            Verdict::Vetoed(reason) => Ok(Err(reason.clone())),
            Verdict::Admissible(recipe, _) => {
                let runner = Runner::new(precision, recipe, extension, weights, devices)?;
                // Anything that is left untouched must show.
                let mut y = memory::zeros(outputs, "the output of a method")?;
                y.fill(poison::<A>());
                runner.run(x, &mut y)?;
                Ok(Ok(judged(y, recipe)?))
            }
        })
        .collect::<Result<Vec<Result<Run<A>, String>>>>()?;
    let (recipe, _) = plan.chosen().admitted().expect("a plan chooses what is admissible");
    let own = judged(own, recipe)?;
    let apart = |a: &Run<A>, b: &Run<A>| {
        let mut all = Difference::default();
        for (flat, (&a_y, &b_y)) in a.y.iter().zip(&b.y).enumerate() {
            all.add(deviation(a_y, b_y.widen()), a.bounds[flat] + b.bounds[flat]);
        }
        all
    };
    let compare = |run: &Run<A>| {
        let mut from_definition = Difference::default();
        for &(flat, exact) in &samples {
            let own = bounds::definition(A::DTYPE, taps, windows.at(flat));
            from_definition.add(deviation(run.y[flat], exact), run.bounds[flat] + own);
        }
        let from_chosen = apart(run, &own);
        let others = runs.iter().flatten().filter(|other| !std::ptr::eq(*other, run));
        let others = others.map(|other| apart(run, other).share);
        let share = others.chain([from_definition.share, from_chosen.share]).fold(0.0, f64::max);
        Deviation { from_definition, from_chosen, share }
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

/// What one method gave, and how far each of it may be off.
struct Run<A> {
    y: Vec<A>,
    bounds: Vec<f64>,
}

/// What every output is judged by.
struct Windows<D> {
    /// `sum |k_t| |x_t|`; empty for integers, whose outputs are exact.
    products: Vec<D>,
    taps: f64,
    largest: f64,
}

impl<D: Compute> Windows<D> {
    fn new<A: Element<Double = D>>(
        extension: &Extension<A>,
        x: &[A],
        weights: &[A],
        facts: &KernelFacts,
        largest: f64,
    ) -> Result<Self> {
        let mut products = Vec::new();
        if !A::DTYPE.is_integer() {
            let what = "what errors are judged by";
            let magnitude = |value: &A| {
                D::from_complex(if value.is_finite() { value.magnitude() } else { 0.0 }.into())
            };
            let magnitudes =
                |values: &[A]| memory::collected(values.iter().map(magnitude), values.len(), what);
            let geometry = extension.geometry.clone();
            let extension = Extension { geometry, values: magnitudes(&extension.values)? };
            products = memory::zeros(extension.geometry.output_len(), what)?;
            let (instructions, threads) = (InstructionSet::detect(), threads::available());
            let tile = Tile::of(&extension.geometry, instructions);
            let weights = magnitudes(weights)?;
            let direct = Direct::new(extension, &weights, tile, instructions, threads)?;
            let magnitudes = magnitudes(x)?;
            direct.run(Input::InPlace(&magnitudes).into(), Output::InPlace(&mut products))?;
        }
        Ok(Self { products, taps: facts.sum, largest })
    }

    fn at(&self, flat: usize) -> Window {
        let products = self.products.get(flat).map_or(0.0, |products| products.magnitude());
        Window { taps: self.taps, products, largest: self.largest }
    }
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

/// How far an output may be off that a recipe computes in `dtype`, with inputs of at most `largest`.
pub(crate) fn bound(
    dtype: DType,
    recipe: &Recipe,
    geometry: &Geometry,
    kernel: &KernelFacts,
    largest: f64,
    window: Window,
) -> f64 {
    let taps = geometry.taps();
    match (recipe.method(), recipe) {
        (Method::Direct, _) => bounds::direct(dtype, taps, window),
        (Method::Separable, _) => bounds::separable(dtype, geometry, kernel, window),
        (_, Recipe::CpuFft { blocks, .. }) => {
            bounds::fft_output(dtype, blocks.spread(), taps, kernel, largest, window)
        }
        (Method::Fft, Recipe::Gpu(schedule)) => {
            let spread = schedule.spread().expect("blocks are transformed");
            // What is summed directly is a sum of sums of rows.
            let terms = geometry.axes.iter().map(|axis| axis.taps).sum();
            bounds::fft_output(dtype, spread, terms, kernel, largest, window)
        }
        (_, Recipe::CpuCoarse { grid, .. }) => {
            bounds::coarse(dtype, kernel, grid.bounded(geometry), largest)
        }
        (method, _) => unreachable!("no bound is known for {method}"),
    }
}

/// `|value - exact|`, in which a part counts 0 that is `exact`'s rounded, or where neither is a number:
/// what is beyond the type is infinite, and says nothing of the other part.
pub(crate) fn deviation<A: Element>(value: A, exact: A::Wide) -> f64 {
    value.widen().deviation(A::narrow(exact).widen(), exact)
}

/// A value that no computation leaves by accident: NaN, or 85 in an integer.
pub(crate) fn poison<A: Element>() -> A {
    let value = if A::DTYPE.is_integer() { 85.0 } else { f64::NAN };
    A::from_complex(value.into())
}
