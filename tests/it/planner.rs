//! Plans for invented devices: no GPU is needed.

mod choice;
mod launches;
mod vetoes;

use convolve::plan::{
    Capabilities, CostModel, Gpu, GpuCapabilities, GpuKind, InstructionSet, Request, Verdict,
    design,
};
use convolve::{Device, Element, Error, KernelFacts, Method, Options, Plan, Problem, Result};

use crate::common::with;
use crate::common::*;

fn discrete() -> GpuCapabilities {
    with!(
        GpuCapabilities::webgpu_defaults("Invented 9000", GpuKind::Discrete),
        max_binding: 2 << 30,
        max_buffer: 4 << 30,
    )
}

fn with(gpu: GpuCapabilities) -> Capabilities {
    Capabilities::new(8, InstructionSet::Avx2, Gpu::Present(gpu))
}

fn without() -> Capabilities {
    Capabilities::new(8, InstructionSet::Avx2, Gpu::Absent("no adapter".into()))
}

fn problem<A: Element>(input: &[usize], kernel: &[usize]) -> Problem {
    Problem::new::<A>(input, kernel, &Options::default()).expect("valid")
}

/// A kernel of which nothing is known, and which is separable.
fn facts(kernel: &[usize]) -> KernelFacts {
    with!(KernelFacts::unknown(kernel.iter().product()), terms: 1)
}

fn plan(problem: &Problem, on: &Capabilities, device: Device, method: Method) -> Result<Plan> {
    let request = with!(Request::default(), method, device);
    design(problem, &facts(&problem.kernel), on, &CostModel::default(), request)
}

fn auto(problem: &Problem, on: &Capabilities) -> Plan {
    plan(problem, on, Device::Auto, Method::Auto).expect("the CPU's direct method is left")
}

fn reason(result: Result<Plan>) -> String {
    match result {
        Err(Error::Inadmissible { wanted, reason }) => format!("{wanted}: {reason}"),
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn equal_arguments_give_equal_plans() {
    for case in table().iter().step_by(37) {
        let problem = Problem::new::<f32>(&case.input, &case.kernel, &case.options());
        let problem = problem.expect("valid");
        let (a, b) = (auto(&problem, &with(discrete())), auto(&problem, &with(discrete())));
        assert_eq!(a, b);
        assert_eq!(a.to_string(), b.to_string());
    }
}

#[test]
fn a_plan_in_words_names_every_candidate_and_reason() {
    let kernel = with!(KernelFacts::unknown(9), finite: false);
    let problem = problem::<f32>(&[100, 120], &[3, 3]);
    let request = Request::default();
    let plan =
        design(&problem, &kernel, &without(), &CostModel::default(), request).expect("valid");
    let words = plan.to_string();
    for candidate in &plan.candidates {
        assert!(words.contains(&format!("{} {}", candidate.device, candidate.method)), "{words}");
        match &candidate.verdict {
            Verdict::Vetoed(reason) => assert!(words.contains(reason.as_str()), "{words}"),
            Verdict::Admissible(recipe, cost) => {
                assert!(words.contains(&recipe.to_string()), "{words}");
                assert!(words.contains(&cost.to_string()), "{words}");
            }
            other => panic!("{other:?}"),
        }
    }
    for part in ["100 x 120", "3 x 3", "f32", "same", "not finite", "no adapter", "chosen"] {
        assert!(words.contains(part), "{part:?} is missing in\n{words}");
    }
}
