//! `convolve plan`.

use anyhow::Result;
use convolve::plan::{MANY_RUNS, Request};
use convolve::{Boundary, Convolver, KernelFacts, Problem};
use ndarray::IxDyn;

use crate::args::Plan;
use crate::dtype::Value;
use crate::kernel::Kernel;
use crate::{report, with_dtype};

pub fn run(args: &Plan) -> Result<()> {
    report::print(&with_dtype!(args.dtype, typed(args))?)
}

fn typed<A: Value>(args: &Plan) -> Result<String> {
    let meaning = &args.meaning;
    let options = meaning.options(Boundary::<A>::Zero)?;
    let request = Request {
        method: meaning.method.into(),
        device: meaning.device.into(),
        precision: meaning.precision.into(),
        runs: args.runs.map_or(MANY_RUNS, |runs| runs as usize),
        ..Request::default()
    };
    let convolver = Convolver::new();
    let shape = &args.shape.0;
    if let Some(spec) = &args.kernel {
        let filter = convolver
            .filter(&Kernel::load(spec)?.cast::<A>(shape.len())?)
            .options(options)
            .method(request.method)
            .device(request.device)
            .precision(request.precision)
            .runs(request.runs)
            .for_shape(IxDyn(shape))?;
        return Ok(printed(args, filter.plan()));
    }
    let kernel = args.kernel_shape.as_ref().map_or(&[][..], |shape| &shape.0);
    let problem = Problem::new(shape, kernel, &options)?;
    let facts = KernelFacts::unknown(problem.geometry().taps());
    Ok(printed(args, &convolver.plan(&problem, &facts, request)?))
}

fn printed(args: &Plan, plan: &convolve::Plan) -> String {
    if args.json { plan.to_json() } else { plan.to_string() }
}
