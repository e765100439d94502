//! [`Method::Measured`](crate::Method::Measured): what the vetoes left, timed at planning.

use std::sync::Arc;
use std::time::Instant;

use crate::calibration::fastest;
use crate::convolver::Convolver;
use crate::cpu::extended::Extension;
use crate::element::Element;
use crate::error::Result;
use crate::invented::invented;
use crate::memory;
use crate::plan::{Candidate, Method, Plan, Recipe, Request};
use crate::precision::Runner;
use crate::problem::Problem;
use crate::recent::Recent;

/// Seconds of a run of each candidate that was timed.
pub(crate) type Times = Arc<[Option<f64>]>;

/// What was timed last, by all that could make a difference. Kernels that differ in their taps alone
/// share it.
pub(crate) type Known = Recent<(Problem, Request, Vec<Candidate>), Times>;

/// Problems that a convolver keeps the times of.
pub(crate) const MOST: usize = 64;

/// The plan with what was measured, and the fastest of it; untouched where nothing was asked for or
/// nothing could be timed.
pub(crate) fn measured<A: Element>(
    plan: Plan,
    extension: &Extension<A>,
    weights: &[A],
    convolver: &Convolver,
) -> Result<Plan> {
    if plan.request.method != Method::Measured || plan.problem.swapped {
        return Ok(plan);
    }
    let unasked = convolver.model().with(&plan.gpu).software_unasked;
    let worth = plan.worth_measuring(unasked);
    if worth.iter().filter(|&&worth| worth).count() < 2 {
        return Ok(plan);
    }
    let key = (plan.problem.clone(), plan.request, plan.candidates.clone());
    let times = convolver.known_times().get(key, |_| {
        let mut times = vec![None; worth.len()];
        for (i, candidate) in plan.candidates.iter().enumerate().filter(|&(i, _)| worth[i]) {
            if let Some((recipe, _)) = candidate.admitted() {
                // What fails here fails again where it is chosen, and is dealt with there.
                times[i] = time(&plan, recipe, extension, weights, convolver).ok();
            }
        }
        Ok(times.into())
    })?;
    Ok(plan.with_times(&times, unasked))
}

/// Seconds of the fastest of a few runs.
fn time<A: Element>(
    plan: &Plan,
    recipe: &Recipe,
    extension: &Extension<A>,
    weights: &[A],
    convolver: &Convolver,
) -> Result<f64> {
    let runner = Runner::new(plan.request.precision, recipe, extension, weights, convolver)?;
    let geometry = &extension.geometry;
    let mut x: Vec<A> = memory::zeros(geometry.input_len(), "samples to time a method with")?;
    let mut y: Vec<A> =
        memory::zeros(geometry.output_len(), "the output of a method that is timed")?;
    x.iter_mut().zip(invented(geometry.input_len())).for_each(|(x, invented)| *x = invented);
    fastest(|| {
        let start = Instant::now();
        runner.run(&x, &mut y, 0.0)?;
        Ok(start.elapsed())
    })
}
