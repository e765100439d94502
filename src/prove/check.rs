//! Checking results as they come: a few outputs of every call, computed again from the definition.

use ndarray::{ArrayRef, ArrayView, IxDyn};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bounds::{self, Window};
use crate::element::Element;
use crate::error::{Error, Result};
use crate::format::FrameSample;
use crate::plan::{Plan, Recipe};
use crate::problem::Options;
use crate::problem::extension::Odometer;
use crate::problem::geometry::Geometry;
use crate::prove::reference::{Definition, Oracle};
use crate::prove::verify;
use crate::util::memory;
use crate::words::Method;

/// How much of a filter's results is checked: see [`FilterBuilder::check`](crate::FilterBuilder::check).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Check {
    /// Nothing.
    #[default]
    Nothing,
    /// The first and the last output of every call and so many others, which are others in the next
    /// call. Half of them lie at seams, where blocks or tiles of the method meet. All outputs where
    /// there are no more than that.
    Sampled(usize),
}

/// What a filter needs to check its results.
pub(crate) struct Checker<A: Element> {
    /// None where every input is the kernel.
    definition: Option<Definition<A>>,
    samples: u64,
    calls: AtomicU64,
}

/// One result and all that is known of it.
pub(crate) struct ResultToCheck<'a, A: Element, T> {
    pub plan: &'a Plan,
    /// The largest magnitude that stands outside.
    pub outside: f64,
    pub x: &'a [T],
    pub y: &'a [T],
    pub original: &'a ArrayRef<A, IxDyn>,
    pub options: &'a Options<A>,
}

impl<A: Element> Checker<A> {
    /// None where nothing is checked.
    pub(crate) fn new(
        check: Check,
        plan: &Plan,
        kernel: &ArrayRef<A, IxDyn>,
        options: &Options<A>,
    ) -> Result<Option<Self>> {
        let Check::Sampled(samples) = check else { return Ok(None) };
        let definition = match plan.problem.swapped {
            true => None,
            false => Some(Definition::new(&plan.problem.input, &kernel.view(), options)?),
        };
        Ok(Some(Self { definition, samples: samples as u64, calls: AtomicU64::new(0) }))
    }

    /// An error where an output is off by more than its bound.
    pub(crate) fn check<T: FrameSample<A>>(&self, result: &ResultToCheck<A, T>) -> Result<()> {
        let ResultToCheck { plan, x, y, .. } = *result;
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let first = call.wrapping_mul(self.samples);
        // As many as there are outputs: each of them, once.
        let all = self.samples >= y.len() as u64;
        let ends = [0, y.len() - 1].into_iter().filter(|_| !all);
        let flats = ends.chain((0..self.samples.min(y.len() as u64)).map(|i| {
            if all {
                return i as usize;
            }
            let place = spread(first.wrapping_add(i), y.len());
            if i % 2 == 0 { place } else { at_seam(place, i / 2, plan) }
        }));
        let shape = &plan.problem.output;
        // The definition knows no folded kernel.
        let terms = if plan.problem.swapped { x.len() } else { result.original.len() };
        if let Some(definition) = &self.definition {
            // A transform's errors come from everywhere, and those of a coarser grid from beside the
            // window; those of sums from the window alone.
            let far = match (plan.method(), recipe(plan)) {
                (Method::Fft, _) | (_, Recipe::CpuCoarse { .. }) => {
                    let all = x.iter().map(|x| x.to_element().magnitude());
                    verify::largest_finite(all).max(result.outside)
                }
                _ => 0.0,
            };
            let sample = |at: usize| x[at].to_element();
            for place in flats {
                let at = Odometer::starting_at(shape.clone(), place);
                let (exact, window) = definition.with_window(sample, at.at());
                compare(plan, at.at(), y[place], exact, window, terms, far)?;
            }
            return Ok(());
        }
        // The definition has the two in their places.
        let len = x.len();
        let x: Vec<A> = memory::collected(x.iter().map(|x| x.to_element()), len, "the input")?;
        let view = ArrayView::from_shape(IxDyn(&plan.problem.input), &x).expect("planned");
        let oracle = Oracle::new(view, result.original.view(), result.options)?;
        let largest = verify::largest_finite(result.original.iter().map(|a| a.magnitude()));
        for place in flats {
            let at = Odometer::starting_at(shape.clone(), place);
            let (exact, window) = oracle.with_window(at.at());
            compare(plan, at.at(), y[place], exact, window, terms, largest)?;
        }
        Ok(())
    }
}

fn recipe(plan: &Plan) -> &Recipe {
    plan.chosen().admitted().expect("a plan chooses what is admissible").0
}

/// The `i`-th of a sequence that is spread evenly however much of it is taken: multiples of the golden
/// ratio, without their integers.
fn spread(i: u64, len: usize) -> usize {
    let fraction = (i.wrapping_add(1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((u128::from(fraction) * len as u128) >> 64) as usize
}

/// The nearest output on one side or the other of where the method's blocks or tiles meet.
fn at_seam(place: usize, side: u64, plan: &Plan) -> usize {
    let geometry = &plan.geometry;
    let output = geometry.output();
    let steps = steps(recipe(plan), geometry);
    let mut at = Odometer::starting_at(output.clone(), place).at().to_vec();
    for (axis, step) in steps.into_iter().enumerate().filter(|&(_, step)| step > 1) {
        let seam = (at[axis] + step / 2) / step * step;
        at[axis] = seam.saturating_sub((side % 2) as usize).min(output[axis] - 1);
    }
    flat(&at, &output)
}

/// Outputs from seam to seam along each axis; 1 where there are none that a caller could know of.
fn steps(recipe: &Recipe, geometry: &Geometry) -> Vec<usize> {
    let axes = &geometry.axes;
    let mut steps = vec![1; axes.len()];
    match recipe {
        Recipe::CpuFft { blocks, .. } => {
            for (axis, step) in steps.iter_mut().enumerate() {
                *step = axes[axis].first_output_from(blocks.step[axis]).max(1);
            }
        }
        Recipe::Gpu(schedule) => {
            let launch = schedule.stages().next().map(|stage| &stage.launch);
            if let Some(launch) = launch.filter(|launch| launch.is_tiled()) {
                let transformed = launch.variant.shader.transform().is_some();
                let tiles = axes.iter().rev().zip(launch.tile.iter().rev());
                for (step, (axis, &tile)) in steps.iter_mut().rev().zip(tiles) {
                    // Blocks of transforms have positions, all others samples.
                    *step = if transformed { tile * axis.channels } else { tile };
                }
            }
        }
        Recipe::CpuCoarse { grid, .. } => {
            for (step, axis) in steps.iter_mut().zip(&grid.axes) {
                *step = axis.as_ref().map_or(1, |axis| axis.factor);
            }
        }
        Recipe::CpuDirect { .. } | Recipe::CpuSeparable { .. } => {}
    }
    steps
}

fn flat(at: &[usize], shape: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |flat, (i, n)| flat * n + i)
}

/// Levels by which results that are rounded to whole ones may be off, where no method is allowed more.
const NEAR_A_TIE: f64 = 1.0 / 32.0;

fn compare<A: Element, T: FrameSample<A>>(
    plan: &Plan,
    at: &[usize],
    value: T,
    exact: A::Wide,
    window: Window,
    terms: usize,
    largest: f64,
) -> Result<()> {
    let element = A::narrow(exact);
    // What is not finite must be just that.
    let magnitude = if element.is_finite() { element.magnitude() } else { 0.0 };
    let (recipe, facts) = (recipe(plan), &plan.kernel);
    let bound = verify::bound(plan.compute_dtype(), recipe, &plan.geometry, facts, largest, window)
        + verify::stored(A::DTYPE, plan, recipe, facts, magnitude)
        + bounds::definition(A::DTYPE, terms, window);
    let agrees = match T::IS_ELEMENT {
        true => verify::deviation(value.to_element(), exact) <= bound,
        // Rounded and saturated: what is within the bound is rounded to something in between.
        false => {
            let unseen = match recipe {
                Recipe::CpuFft { .. } => bounds::LEVEL,
                _ => NEAR_A_TIE,
            };
            let slack = bound.max(unseen) + bounds::rounding(A::DTYPE, magnitude);
            let [low, high] = [-slack, slack].map(|off| {
                let end = A::from_complex(element.to_complex() + off);
                T::from_element(end).to_element().to_complex().re
            });
            (low..=high).contains(&value.to_element().to_complex().re)
        }
    };
    if agrees {
        return Ok(());
    }
    Err(Error::FailedCheck {
        device: plan.device(),
        method: plan.method(),
        output: at.to_vec(),
        value: format!("{:?}", value.to_element()),
        expected: format!("{:?}", T::from_element(element).to_element()),
        off: verify::deviation(value.to_element(), exact),
        bound,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_output_has_its_turn() {
        for len in [1, 2, 7, 64, 1000] {
            let seen: HashSet<usize> = (0..4 * len as u64).map(|i| spread(i, len)).collect();
            assert_eq!(seen.len(), len);
        }
    }
}
