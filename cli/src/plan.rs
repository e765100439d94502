//! `convolve plan`.

use anyhow::{Result, ensure};
use convolve::plan::{MANY_RUNS, Request};
use convolve::{Boundary, Convolver, KernelFacts, Problem};
use ndarray::{ArrayD, IxDyn};

use crate::args::Plan;
use crate::dtype::Value;
use crate::kernel::{Kernel, Operation};
use crate::number::Number;
use crate::{report, with_dtype};

pub fn run(args: &Plan) -> Result<()> {
    report::print(&with_dtype!(args.dtype, typed(args))?)
}

fn typed<A: Value>(args: &Plan) -> Result<String> {
    let meaning = &args.meaning;
    let options = meaning.options(Boundary::<A>::Zero, args.shape.0.len())?;
    let mut request = Request::default();
    request.method = meaning.method.into();
    request.device = meaning.device.into();
    request.precision = meaning.precision.into();
    request.reproducible = meaning.reproducible;
    request.tolerance = meaning.tolerance;
    request.runs = args.runs.map_or(MANY_RUNS, |runs| runs as usize);
    let convolver = Convolver::new();
    let shape = &args.shape.0;
    if let Some(spec) = &args.kernel {
        let kernel = Kernel::load(spec, 1.0)?.along(meaning.axis())?;
        ensure!(
            matches!(kernel.operation, Operation::Convolution),
            "kernel {spec}: a plan is one of a single kernel: expected gaussian:SIGMA or sobel-x, for \
             instance (apply --explain prints those of operations)"
        );
        let mut filter = convolver
            .filter(&kernel.cast::<A>(shape.len())?)
            .options(options)
            .method(request.method)
            .device(request.device)
            .precision(request.precision)
            .reproducible(request.reproducible)
            .runs(request.runs);
        if let Some(tolerance) = request.tolerance {
            filter = filter.tolerance(tolerance);
        }
        return Ok(printed(args, filter.for_shape(IxDyn(shape))?.plan()));
    }
    let kernel = args.kernel_shape.as_ref().map_or(&[][..], |shape| &shape.0);
    let kernel = match meaning.axis() {
        Some(axis) => axis.shape(kernel, shape.len())?,
        None => kernel.to_vec(),
    };
    let problem = Problem::new(shape, &kernel, &options)?;
    let facts = KernelFacts::unknown(problem.geometry().taps());
    if request.method == convolve::Method::Measured {
        let most = 1 << 28;
        ensure!(facts.sum <= f64::from(most), "a kernel to measure with has at most {most} taps");
        // Nothing can be timed without taps. These are no outer product.
        let mut i = 0;
        let taps = ArrayD::from_shape_simple_fn(kernel.as_slice(), || {
            i += 1;
            A::exactly(Number::Integer(((i * 2_654_435_761 % (1 << 32)) >> 16) % 7))
                .unwrap_or_default()
        });
        let filter = convolver.filter(&taps).options(options).method(request.method);
        let filter = filter.device(request.device).precision(request.precision);
        let filter = filter.reproducible(request.reproducible);
        let filter = filter.runs(request.runs).for_shape(IxDyn(shape))?;
        return Ok(printed(args, filter.plan()));
    }
    Ok(printed(args, &convolver.plan(&problem, &facts, request)?))
}

fn printed(args: &Plan, plan: &convolve::Plan) -> String {
    if args.json { plan.to_json() } else { plan.to_string() }
}
