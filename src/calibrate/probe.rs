//! A convolution that is prepared to be timed.

use crate::element::synthetic::synthetic;
use crate::error::Result;
use crate::kernel::Kernel;
use crate::machine::Devices;
use crate::plan::{Capabilities, CostModel, Plan, Recipe, Request, design};
use crate::problem::boundary::Boundary;
use crate::problem::extension::Extension;
use crate::problem::{Options, Problem};
use crate::run::runner::Runner;
use crate::util::memory;

/// A plan with its executor, and samples for it.
pub(super) struct Prepared {
    pub plan: Plan,
    pub runner: Runner<f32>,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
}

impl Prepared {
    /// Plans for these capabilities alone, whatever else there is, and on the shipped model, so that
    /// what is timed is the same time and again.
    pub(super) fn new(
        (input, taps): (&[usize], &[usize]),
        weights: Vec<f32>,
        options: &Options<f32>,
        request: Request,
        on: &Capabilities,
        devices: &Devices,
    ) -> Result<Self> {
        let problem = Problem::new(input, taps, options)?;
        let extension = Extension::new(&problem, &vec![Boundary::Zero; input.len()]);
        let kernel = Kernel::new(request.precision, weights, &extension.geometry.kernel(), None)?;
        let plan = design(&problem, &kernel.facts, on, &CostModel::default(), request)?;
        let runner = Runner::new(request.precision, recipe(&plan), &extension, &kernel, devices)?;
        let x = samples(extension.geometry.input_len())?;
        let y = memory::zeros(extension.geometry.output_len(), "the output of a probe")?;
        Ok(Self { plan, runner, x, y })
    }

    /// What runs.
    pub(super) fn recipe(&self) -> &Recipe {
        recipe(&self.plan)
    }

    /// Runs once.
    pub(super) fn run(&mut self) -> Result<()> {
        self.runner.run(&self.x, &mut self.y)
    }
}

fn recipe(plan: &Plan) -> &Recipe {
    plan.chosen().admitted().expect("a plan chooses what is admissible").0
}

/// So many samples or taps.
pub(super) fn samples(len: usize) -> Result<Vec<f32>> {
    memory::collected(synthetic(len), len, "samples to time a method with")
}
