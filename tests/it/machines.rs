//! What is chosen on machines that nobody has here, and what must hold on all of them.

use convolve::plan::{
    Candidate, Capabilities, CostModel, Gpu, GpuKind, GpuRates, Request, Verdict, design,
};
use convolve::{DType, Device, Element, KernelFacts, Method, Options, Plan, Problem};

use crate::common::machines::machines;
use crate::common::with;
use crate::common::*;

/// Fixed here, so that choices do not move with what the library is shipped with.
fn model() -> CostModel {
    let discrete = with!(
        CostModel::default().discrete,
        direct: 1.25e12,
        direct_nd: 0.15e12,
        fft: 0.25e12,
        bandwidth: 75e9,
        bus: 6e9,
        round_trip: 300e-6,
        pipeline: 10e-3,
    );
    let integrated = with!(
        discrete.clone(),
        direct: 0.125e12,
        direct_nd: 0.015e12,
        fft: 0.03e12,
        bandwidth: 10e9,
        bus: 5e9
    );
    let software = with!(
        discrete.clone(),
        direct: 0.4e9,
        direct_nd: 0.05e9,
        fft: 0.06e9,
        bandwidth: 0.15e9,
        bus: 2e9,
        round_trip: 1e-3,
    );
    let cpu = with!(
        CostModel::default().cpu,
        direct: 52e9,
        ring: 7e9,
        gather: 0.7e9,
        fft: 5.8e9,
        fft_start: 0.6e-6,
        cache: 10e6,
        bandwidth: 60e9,
        fresh: 3.2e9,
        row: 4e-9,
        wake: 10e-6,
    );
    with!(CostModel::default(), cpu, discrete, integrated, software, software_unasked: false)
}

/// A problem, by name, and whether its kernel is an outer product.
struct Case {
    name: &'static str,
    problem: Problem,
    terms: usize,
}

fn case<A: Element>(name: &'static str, input: &[usize], kernel: &[usize], terms: usize) -> Case {
    let problem = Problem::new::<A>(input, kernel, &Options::default()).expect("valid");
    Case { name, problem, terms }
}

fn cases() -> Vec<Case> {
    vec![
        case::<f32>("icon", &[64, 64], &[3, 3], 0),
        case::<f32>("photo", &[2048, 2048], &[21, 21], 0),
        case::<f32>("blur", &[4096, 4096], &[31, 31], 1),
        case::<f32>("large", &[8192, 8192], &[63, 63], 0),
        case::<f32>("volume", &[160, 160, 160], &[7, 7, 7], 0),
        case::<f32>("line", &[1 << 22], &[301], 0),
        case::<f64>("double", &[2048, 2048], &[9, 9], 0),
        case::<i32>("integers", &[4096, 4096], &[9, 9], 0),
    ]
}

impl Case {
    fn plan(&self, on: &Capabilities, model: &CostModel, request: Request) -> Plan {
        let taps = self.problem.geometry().taps();
        let facts = with!(KernelFacts::unknown(taps), terms: self.terms);
        design(&self.problem, &facts, on, model, request).expect("the CPU's direct method is left")
    }

    fn auto(&self, on: &Capabilities) -> Plan {
        self.plan(on, &model(), Request::default())
    }

    fn resident(&self, on: &Capabilities) -> Plan {
        self.plan(on, &model(), with!(Request::default(), resident: true))
    }
}

fn way(plan: &Plan) -> Way {
    (plan.device(), plan.method())
}

fn kind(on: &Capabilities) -> Option<GpuKind> {
    match &on.gpu {
        Gpu::Present(gpu) => Some(gpu.kind),
        _ => None,
    }
}

/// For each machine what is chosen for data in host memory, in the order of the cases, and why.
#[test]
fn every_machine_has_its_choices() {
    let (direct, separable, fft) = (CPU_DIRECT, CPU_SEPARABLE, CPU_FFT);
    // Few taps are summed, many are transformed, outer products go in passes.
    let plain = [direct, fft, separable, fft, fft, fft, direct, direct];
    // One core is slower than a bus: all that has few enough taps goes to the GPU, in parts if need be;
    // doubles only where it has them, and 63 x 63 taps are better transformed, which the GPU is not trusted with for
    // so many samples at one time. Fused passes are about as fast as the bus, which is no reason to leave.
    let carried = [direct, GPU_DIRECT, separable, fft, GPU_FFT, GPU_DIRECT, direct, GPU_DIRECT];
    // In small parts it is.
    let in_parts =
        [direct, GPU_DIRECT, separable, GPU_FFT, GPU_FFT, GPU_DIRECT, direct, GPU_DIRECT];
    // Where few slabs of a volume fit a binding, transforms take more parts than they are worth.
    let bound = [direct, GPU_DIRECT, separable, fft, GPU_DIRECT, GPU_DIRECT, direct, GPU_DIRECT];
    // Memory is what is left of all else, and blocks of transforms read it out of turn.
    let wide = [direct, direct, separable, fft, direct, fft, direct, direct];
    let expected = |name: &str| match name {
        "no GPU, 128 cores" | "discrete, 128 cores" => wide,
        // Sums suffer from narrow vectors, transforms less.
        "narrow CPU" => [direct, fft, fft, fft, fft, fft, fft, fft],
        "discrete, one core" | "WebGPU's defaults" | "16 KiB for a workgroup" => carried,
        "small bindings" => bound,
        "64 MiB of memory" => in_parts,
        // A GPU that shares the memory must still be copied to, and is a tenth as fast.
        "integrated, one core" | "virtual" => plain,
        // The rest: as without a GPU, because the bus alone takes longer than two cores or more, because
        // the adapter is one of software, or because it is so small that each part is a round trip.
        _ => plain,
    };
    let mut wrong = String::new();
    for (name, on) in machines() {
        for (case, expected) in cases().iter().zip(expected(name)) {
            let plan = case.auto(&on);
            if way(&plan) != expected {
                wrong += &format!("{name}, {}: {expected:?} expected\n{plan}\n\n", case.name);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Data that is on the GPU stays there where that has the type, unless taps are so many that a
/// transform on the CPU is worth the way there and back.
#[test]
fn being_there_already_moves_the_crossover_down() {
    let mut moved = 0;
    for (name, on) in machines().into_iter().filter(|(_, on)| kind(on).is_some()) {
        for case in cases() {
            let (travels, stays) = (case.auto(&on), case.resident(&on));
            let about = format!("{name}, {}:\n{travels}\n{stays}", case.name);
            if travels.device() == Device::Gpu {
                assert_eq!(stays.device(), Device::Gpu, "{about}");
                assert!(stays.cost().total() < travels.cost().total(), "{about}");
            }
            moved += usize::from(travels.device() == Device::Cpu && stays.device() == Device::Gpu);
        }
    }
    assert!(moved > 20, "{moved} choices moved to where the data is");
}

#[test]
fn software_is_never_chosen_unasked_however_fast_it_is_said_to_be() {
    let mut model = model();
    model.software = with!(model.discrete.clone(), round_trip: 0.0, pipeline: 0.0);
    (model.software.direct, model.software.bandwidth, model.software.bus) = (1e18, 1e18, 1e18);
    for (name, on) in machines().into_iter().filter(|(_, on)| kind(on) == Some(GpuKind::Software)) {
        for case in cases() {
            let plan = case.plan(&on, &model, Request::default());
            assert_eq!(plan.device(), Device::Cpu, "{name}, {}:\n{plan}", case.name);
            let asked = with!(Request::default(), device: Device::Gpu);
            if case.problem.dtype != DType::F64 {
                assert_eq!(case.plan(&on, &model, asked).device(), Device::Gpu);
            }
        }
    }
    // Where someone says that it may, it is.
    model.software_unasked = true;
    let (_, on) = machines().into_iter().find(|(name, _)| *name == "software").expect("listed");
    let photo = &cases()[1];
    assert_eq!(photo.plan(&on, &model, Request::default()).device(), Device::Gpu);
}

fn cost(plan: &Plan, wanted: Way) -> Option<f64> {
    let found = plan.candidates.iter().find(|found| (found.device, found.method) == wanted)?;
    Some(found.admitted()?.1.total())
}

#[test]
fn more_threads_never_make_it_slower() {
    for case in cases() {
        for wanted in [CPU_DIRECT, CPU_SEPARABLE] {
            let mut before = f64::INFINITY;
            for threads in [1, 2, 3, 4, 8, 16, 64, 128] {
                let (_, on) = machines().swap_remove(0);
                let plan = case.auto(&with!(on, threads));
                let Some(time) = cost(&plan, wanted) else { continue };
                assert!(time <= before, "{}, {threads} threads: {time} > {before}", case.name);
                before = time;
            }
        }
    }
}

/// What a device cannot do is out whatever it costs, and the plan says why.
#[test]
fn what_cannot_be_is_out_on_every_machine() {
    let mut model = model();
    model.discrete = with!(model.discrete, direct: 1e18, round_trip: 0.0);
    let double = &cases()[6];
    for (name, on) in machines() {
        let has_f64 = matches!(&on.gpu, Gpu::Present(gpu) if gpu.f64);
        let plan = double.plan(&on, &model, Request::default());
        let out = |found: &&Candidate| found.device == Device::Gpu;
        for found in plan.candidates.iter().filter(out) {
            match &found.verdict {
                Verdict::Vetoed(reason) => assert!(!reason.is_empty()),
                Verdict::Admissible(..) => assert!(has_f64, "{name}:\n{plan}"),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn a_slow_bus_keeps_work_on_the_cpu() {
    let (_, on) = machines().into_iter().find(|(name, _)| *name == "discrete, one core").unwrap();
    let photo = &cases()[1];
    assert_eq!(photo.auto(&on).device(), Device::Gpu);
    for change in [
        (|rates| rates.bus = 1e8) as fn(&mut GpuRates),
        |rates| rates.round_trip = 0.1,
        |rates| rates.pipeline = 10.0,
    ] {
        let mut model = model();
        change(&mut model.discrete);
        let plan = photo.plan(&on, &model, Request::default());
        assert_eq!(plan.device(), Device::Cpu, "{plan}");
    }
}

/// Small limits mean more parts, and never a part that is too large for them.
#[test]
fn small_devices_compute_part_by_part() {
    for (name, on) in machines() {
        let Gpu::Present(gpu) = &on.gpu else { continue };
        for case in cases() {
            let request = with!(Request::default(), device: Device::Gpu, method: Method::Direct);
            let taps = case.problem.geometry().taps();
            let facts = KernelFacts::unknown(taps);
            let Ok(plan) = design(&case.problem, &facts, &on, &model(), request) else { continue };
            let Some((convolve::plan::Recipe::Gpu(schedule), _)) = plan.chosen().admitted() else {
                panic!("{name}: {plan}")
            };
            let size = case.problem.dtype.size() as u64;
            for stage in schedule.stages() {
                let lens = [stage.geometry.input_len(), stage.geometry.output_len()];
                let fits = lens.iter().all(|&len| len as u64 * size <= gpu.max_binding);
                assert!(fits, "{name}, {}: {lens:?}", case.name);
            }
        }
    }
}

#[test]
fn plans_are_the_same_time_and_again() {
    for (name, on) in machines() {
        for case in cases() {
            let (one, two) = (case.auto(&on), case.auto(&on));
            assert_eq!(one, two, "{name}, {}", case.name);
            assert_eq!(one.to_string(), two.to_string());
            #[cfg(feature = "serde")]
            assert_eq!(one.to_json(), two.to_json());
        }
    }
}

/// The table's columns are as wide in every line.
#[test]
fn a_plan_in_words_is_a_table() {
    for (name, on) in machines() {
        for case in cases() {
            let words = case.auto(&on).to_string();
            let header = words.lines().find(|line| line.contains("one of 100 runs"));
            let header = header.unwrap_or_else(|| panic!("no header: {words}"));
            let end = |word: &str| header.find(word).map(|at| at + word.len());
            let ends: Vec<usize> = ["total", "work", "fixed", "transfer", "setup"]
                .into_iter()
                .filter_map(end)
                .collect();
            assert!(ends.len() >= 2, "{name}:\n{words}");
            let rows = words.lines().skip_while(|line| *line != header).skip(1);
            let rows: Vec<&str> = rows.take_while(|line| !line.starts_with("chosen")).collect();
            assert_eq!(rows.len(), 7, "{words}");
            for row in rows.iter().filter(|row| !row[18..].trim_start().starts_with("-  ")) {
                for &end in &ends {
                    let (before, after) = (&row[end - 1..end], &row[end..end + 1]);
                    assert!(before != " " && after == " ", "{name}, {}:\n{words}", case.name);
                }
            }
        }
    }
}

#[cfg(feature = "serde")]
#[test]
fn a_plan_as_json_has_all_that_is_documented() {
    use serde_json::{Value, json};
    let (_, on) = machines().into_iter().find(|(name, _)| *name == "discrete, one core").unwrap();
    let plan = cases()[1].auto(&on);
    let value: Value = serde_json::from_str(&plan.to_json()).expect("JSON");
    let keys = |value: &Value| {
        let keys = value.as_object().expect("an object").keys().cloned();
        keys.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(&value), "candidates chosen geometry gpu kernel problem request");
    assert_eq!(
        value["problem"],
        json!({
            "operation": "convolve", "dtype": "f32", "compute_dtype": "f32", "mode": "same",
            "input": [2048, 2048], "kernel": [21, 21], "output": [2048, 2048], "swapped": false,
            "outputs": null, "reads": [{"start": 0, "end": 2048}, {"start": 0, "end": 2048}],
        })
    );
    assert_eq!(
        value["request"],
        json!({
            "method": "auto", "device": "auto", "precision": "native", "runs": 100,
            "resident": false, "reproducible": false, "tolerance": null, "stored": null,
        })
    );
    assert_eq!(keys(&value["geometry"]), "edges input kernel output");
    assert_eq!(value["kernel"], json!({ "finite": true, "terms": 0 }));
    assert_eq!(keys(&value["gpu"]), "backend driver kind name");
    assert_eq!(value["gpu"]["kind"], "discrete");
    assert_eq!(value["chosen"]["device"], "gpu");
    assert_eq!(value["chosen"]["method"], "direct");
    assert_eq!(value["chosen"]["reason"], plan.reason());
    let candidates = value["candidates"].as_array().expect("a list");
    assert_eq!(candidates.len(), plan.candidates.len());
    for (json, candidate) in candidates.iter().zip(&plan.candidates) {
        let all = "admissible chosen coarse device measured_seconds method recipe seconds veto";
        assert_eq!(keys(json), all);
        assert_eq!(json["device"], candidate.device.to_string());
        match &candidate.verdict {
            Verdict::Admissible(recipe, cost) => {
                assert_eq!(json["recipe"], recipe.to_string());
                assert_eq!(json["seconds"]["total"].as_f64(), Some(cost.total()));
                assert_eq!(keys(&json["seconds"]), "fixed setup total transfer work");
                assert!(json["veto"].is_null() && json["admissible"] == true);
            }
            Verdict::Vetoed(reason) => {
                assert_eq!(json["veto"], reason.as_str());
                assert!(json["seconds"].is_null() && json["admissible"] == false);
            }
            other => panic!("{other:?}"),
        }
    }
    let chosen = candidates.iter().filter(|json| json["chosen"] == true).count();
    assert_eq!(chosen, 1);
    let (_, without) = machines().swap_remove(0);
    let value: Value = serde_json::from_str(&cases()[1].auto(&without).to_json()).expect("JSON");
    assert_eq!(value["gpu"], json!({ "absent": "no adapter" }));
}
