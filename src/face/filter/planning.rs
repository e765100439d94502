//! From a kernel, its options and a shape to a filter.

use ndarray::Dimension;
use std::sync::{Arc, OnceLock};

use super::{Fallback, Filter};
use crate::element::Element;
use crate::error::Result;
use crate::face::builder::FilterBuilder;
use crate::kernel::{Kernel, KernelFacts, fold};
use crate::machine::ScratchLease;
use crate::plan::{Plan, Request, lazy};
use crate::problem::Problem;
use crate::problem::extension::Extension;
use crate::problem::reads::Cut;
use crate::prove::check::Checker;
use crate::run::measured;
use crate::run::runner::Runner;
use crate::words::Method;

impl<A: Element, D: Dimension> Filter<A, D> {
    /// Plans for inputs of this shape, and prepares the kernel.
    pub(in crate::face) fn planned(builder: &FilterBuilder<A, D>, input: D) -> Result<Self> {
        let given = builder.kernel.clone()?;
        builder.request.check_tolerance()?;
        let allowed = builder.request.allowed();
        let whole = Problem::new(input.slice(), given.shape(), &builder.options)?;
        let (mut problem, Request { precision, method, .. }) = (whole.clone(), builder.request);
        let boundary = builder.options.boundary.resolve("boundary", problem.axes.len())?;
        // Taps are of the stored type: where sums must be more precise they cannot be folded.
        let folded = match precision.widens(A::DTYPE) {
            true => None,
            false => fold::fold(&mut problem, &boundary, &given)?,
        };
        let mut kernel = None;
        if let Some(taps) = folded {
            let found = Kernel::new(precision, taps, &problem.geometry().kernel(), allowed)?;
            // Sums of taps of both signs keep the rounding of an outer product, but not its size: what
            // is asked for by name must stay possible.
            if method == Method::Separable && !found.facts.is_separable() {
                problem = whole;
            } else {
                kernel = Some(Arc::new(found));
            }
        }
        let mut output = input.clone();
        for (axis, &n) in problem.output.iter().enumerate() {
            output[axis] = n;
        }
        let extension = Extension::new(&problem, &boundary);
        let kernel = match kernel {
            Some(folded) => folded,
            None if problem.swapped => {
                // The input will be the kernel. What is asked for by name is decided when it is there.
                let terms = usize::from(method == Method::Separable);
                let taps = problem.input.iter().product();
                let facts = KernelFacts { terms, ..KernelFacts::unknown(taps) };
                Arc::new(Kernel::unsearched(problem.canonical_kernel(&given)?, facts))
            }
            None => {
                let shape = extension.geometry.kernel();
                let key = (shape, problem.operation, precision, allowed);
                builder.known.get(key, |(shape, ..)| {
                    let taps = problem.canonical_kernel(&given)?;
                    Ok(Arc::new(Kernel::new(precision, taps, shape, allowed)?))
                })?
            }
        };
        let facts = &kernel.facts;
        let devices = builder.convolver.devices();
        let plan = builder.convolver.plan(&problem, facts, builder.request)?;
        let plan =
            measured::measured(plan, &extension, &kernel, devices, builder.convolver.times())?;
        let prepare = |plan: &Plan| match plan.chosen().admitted() {
            Some((recipe, _)) if !problem.swapped => {
                let precision = builder.request.precision;
                Runner::new(precision, recipe, &extension, &kernel, devices).map(Some)
            }
            _ => Ok(None),
        };
        let original = given.into_dyn();
        let checker = Checker::new(builder.check, &plan, &original, &builder.options)?;
        let fallback = OnceLock::new();
        let runner = match prepare(&plan) {
            Err(error) if plan.may_fall_back() && error.lets_the_cpu_take_over() => {
                let why = error.to_string();
                let plan = lazy::plan_on_cpu(&**devices, &plan, facts, &why)?;
                let runner = prepare(&plan)?;
                let _ = fallback.set(Fallback { why, plan, runner });
                None
            }
            runner => runner?,
        };
        Ok(Filter {
            fallback,
            convolver: builder.convolver.clone(),
            _scratch: ScratchLease::new(devices),
            original,
            options: builder.options.clone(),
            input,
            output,
            cut: Cut::of(&plan.problem),
            extension,
            kernel,
            plan,
            runner,
            checker,
            #[cfg(feature = "gpu")]
            resident: Default::default(),
            #[cfg(feature = "gpu")]
            frames: Default::default(),
        })
    }
}
