//! [`Method::Measured`](crate::Method::Measured): what the vetoes left, timed at planning.

use std::sync::Arc;
use std::time::Instant;

use crate::element::Element;
use crate::element::synthetic::synthetic;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::machine::Devices;
use crate::plan::{Candidate, Plan, Recipe, Request};
use crate::problem::Problem;
use crate::problem::extension::Extension;
use crate::run::runner::Runner;
use crate::util::lru::LruCache;
use crate::util::memory;
use crate::util::timing::fastest;
use crate::words::Method;

/// Seconds of a run of each candidate that was timed.
pub(crate) type Times = Arc<[Option<f64>]>;

/// What was timed last, by all that could make a difference. Kernels that differ in their taps alone
/// share it.
pub(crate) type Known = LruCache<(Problem, Request, Vec<Candidate>), Times>;

/// Problems that a convolver keeps the times of.
pub(crate) const MOST: usize = 64;

/// The plan with what was measured, and the fastest of it; untouched where nothing was asked for or
/// nothing could be timed.
pub(crate) fn measured<A: Element>(
    plan: Plan,
    extension: &Extension<A>,
    kernel: &Kernel<A>,
    devices: &Devices,
    known: &Known,
) -> Result<Plan> {
    if plan.request.method != Method::Measured || plan.problem.swapped {
        return Ok(plan);
    }
    let unasked = devices.model().with(&plan.gpu).software_unasked;
    let worth = plan.worth_measuring(unasked);
    if worth.iter().filter(|&&worth| worth).count() < 2 {
        return Ok(plan);
    }
    let key = (plan.problem.clone(), plan.request, plan.candidates.clone());
    let times = known.get(key, |_| {
        let mut times = vec![None; worth.len()];
        for (i, candidate) in plan.candidates.iter().enumerate().filter(|&(i, _)| worth[i]) {
            if let Some((recipe, _)) = candidate.admitted() {
                times[i] = match time(&plan, recipe, extension, kernel, devices) {
                    Ok(seconds) => Some(seconds),
                    // It fails again where it is chosen, and is dealt with there.
                    Err(error) if error.lets_the_cpu_take_over() => None,
                    Err(Error::OutOfMemory { .. }) => None,
                    Err(error) => return Err(error),
                };
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
    kernel: &Kernel<A>,
    devices: &Devices,
) -> Result<f64> {
    let runner = Runner::new(plan.request.precision, recipe, extension, kernel, devices)?;
    let geometry = &extension.geometry;
    let mut x: Vec<A> = memory::zeros(geometry.input_len(), "samples to time a method with")?;
    let mut y: Vec<A> =
        memory::zeros(geometry.output_len(), "the output of a method that is timed")?;
    x.iter_mut().zip(synthetic(geometry.input_len())).for_each(|(x, synthetic)| *x = synthetic);
    fastest(|| {
        let start = Instant::now();
        runner.run(&x, &mut y)?;
        Ok(start.elapsed())
    })
}
