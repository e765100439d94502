//! Which of the admissible candidates is chosen: what counts, and how much.

use crate::common::with;
use convolve::DType;
use convolve::plan::Candidate;

use super::*;

#[test]
fn large_work_goes_to_a_large_gpu_and_small_work_stays() {
    let large = problem::<f32>(&[8192, 8192], &[15, 15]);
    // Not separable: separable work of this size may stay.
    let dense = with!(facts(&[15, 15]), terms: 0);
    // One core: two transform it sooner than a bus carries it.
    let one_core = with!(with(discrete()), threads: 1);
    let large = design(&large, &dense, &one_core, &CostModel::default(), Request::default());
    let large = large.expect("valid");
    assert_eq!((large.device(), large.method()), GPU_DIRECT, "{large}");
    let few = problem::<f32>(&[8192, 8192], &[5, 5]);
    let dense = with!(facts(&[5, 5]), terms: 0);
    let resident = with!(Request::default(), resident: true);
    let few = design(&few, &dense, &one_core, &CostModel::default(), resident);
    let few = few.expect("valid");
    assert_eq!((few.device(), few.method()), GPU_DIRECT, "{few}");
    let many = problem::<f32>(&[4096, 4096], &[31, 31]);
    let dense = with!(facts(&[31, 31]), terms: 0);
    let many = design(&many, &dense, &one_core, &CostModel::default(), resident);
    let many = many.expect("valid");
    assert_eq!((many.device(), many.method()), GPU_FFT, "{many}");
    // Should samples be such that all of it is summed directly, a driver may not wait for so much.
    let most = problem::<f32>(&[4096, 4096], &[255, 255]);
    let dense = with!(facts(&[255, 255]), terms: 0);
    let plan = |request| design(&most, &dense, &one_core, &CostModel::default(), request);
    let free = plan(resident).expect("valid");
    assert_ne!((free.device(), free.method()), GPU_FFT, "{free}");
    let asked = plan(with!(resident, method: Method::Fft)).expect("as asked");
    assert_eq!((asked.device(), asked.method()), GPU_FFT, "{asked}");
    let small = auto(&problem::<f32>(&[64, 64], &[3, 3]), &with(discrete()));
    assert_eq!(small.device(), Device::Cpu, "{small}");
    assert!(small.to_string().contains("1 thread,"), "no other thread is woken: {small}");
}

#[test]
fn bytes_take_less_of_the_memory() {
    let large = problem::<f32>(&[8192, 8192], &[15, 15]);
    let dense = with!(facts(&[15, 15]), terms: 0);
    let machine = with!(with(discrete()), threads: 2);
    let cost = |stored, method| {
        let request = with!(Request::default(), stored, method, device: Device::Cpu);
        let plan = design(&large, &dense, &machine, &CostModel::default(), request);
        plan.expect("valid").cost()
    };
    for method in [Method::Direct, Method::Fft] {
        let [bytes, words, floats] =
            [Some(DType::U8), Some(DType::U16), None].map(|stored| cost(stored, method));
        assert!(bytes.work < words.work && words.work < floats.work, "{method}");
        assert!(bytes.setup < floats.setup, "the result's memory is less too: {method}");
    }
}

#[test]
fn a_software_adapter_is_never_chosen() {
    let software = with(with!(discrete(), kind: GpuKind::Software));
    for n in [64, 512, 4096, 10_000] {
        for taps in [1, 3, 15, 101] {
            for terms in [0, 1] {
                let problem = problem::<f32>(&[n, n], &[taps, taps]);
                let facts = with!(facts(&[taps, taps]), terms);
                let model = CostModel::default();
                let plan = design(&problem, &facts, &software, &model, Request::default());
                let plan = plan.expect("valid");
                assert_eq!(plan.device(), Device::Cpu, "{plan}");
            }
        }
    }
    // Unless it is asked for.
    let problem = problem::<f32>(&[64, 64], &[3, 3]);
    let forced = plan(&problem, &software, Device::Gpu, Method::Auto).expect("admissible");
    assert_eq!((forced.device(), forced.method()), GPU_DIRECT);
}

/// What is done once is shared between the runs that were announced, and can decide.
#[test]
fn few_runs_make_little_of_what_is_set_up_once() {
    let problem = problem::<f32>(&[600, 600], &[61, 61]);
    let with_runs = |runs| {
        let request = with!(Request::default(), runs);
        let facts = KernelFacts::unknown(61 * 61);
        design(&problem, &facts, &with(discrete()), &CostModel::default(), request).expect("valid")
    };
    let plans = [1, 10, 1000].map(with_runs);
    let setups = plans.each_ref().map(|plan| {
        let costs = plan.candidates.iter().filter_map(|candidate| candidate.admitted());
        costs.map(|(_, cost)| cost.setup).collect::<Vec<_>>()
    });
    for (few, many) in [(&setups[0], &setups[1]), (&setups[1], &setups[2])] {
        assert!(few.iter().zip(many).all(|(few, many)| few >= many), "{setups:?}");
    }
    let run = |plan: &Plan, way: Way| {
        let found = plan.candidates.iter().find(|found| (found.device, found.method) == way);
        *found.and_then(Candidate::admitted).expect("admissible").1
    };
    for way in [CPU_FFT, GPU_DIRECT] {
        let [once, _, often] = plans.each_ref().map(|plan| run(plan, way));
        assert_eq!(once.run(), often.run(), "a run is the same run");
        assert!((once.setup / often.setup - 1000.0).abs() < 1e-6, "{once:?} {often:?}");
        assert!(once.total() > often.total() && once.setup > 0.0, "{once:?} {often:?}");
    }
    // A single run does not wait for shaders to be compiled.
    assert_eq!(plans[0].device(), Device::Cpu, "{}", plans[0]);
}

/// What is on the GPU already is computed there sooner: no transfers count, and the CPU pays them.
#[test]
fn data_on_the_gpu_counts_no_transfers() {
    let problem = problem::<f32>(&[2048, 2048], &[3, 3]);
    let plan = |resident| {
        let request = with!(Request::default(), resident);
        let dense = KernelFacts::unknown(9);
        design(&problem, &dense, &with(discrete()), &CostModel::default(), request).expect("valid")
    };
    let (travels, stays) = (plan(false), plan(true));
    assert_eq!(travels.device(), Device::Cpu, "{travels}");
    assert_eq!(stays.device(), Device::Gpu, "{stays}");
    for (plan, device) in [(travels, Device::Gpu), (stays, Device::Cpu)] {
        for candidate in &plan.candidates {
            if let Some((_, cost)) = candidate.admitted() {
                assert_eq!(cost.transfer > 0.0, candidate.device == device, "{plan}");
            }
        }
    }
}

/// Work leaves the CPU for a gain of more than 15 %, and for no less.
#[test]
fn a_small_gain_moves_nothing() {
    let problem = problem::<f32>(&[4096, 4096], &[31, 31]);
    let on_gpu = |gain: f64| {
        let mut model = CostModel::default();
        let facts = KernelFacts::unknown(31 * 31);
        let cost = |model: &CostModel, way: Way| {
            let request = with!(Request::default(), device: way.0, method: way.1);
            design(&problem, &facts, &with(discrete()), model, request).expect("valid").cost()
        };
        let best = cost(&model, CPU_FFT).total().min(cost(&model, CPU_DIRECT).total());
        // All of the GPU's time on the bus, and just so much of it.
        model.discrete = with!(
            model.discrete,
            direct: 1e30,
            direct_nd: 1e30,
            fft: 1e30,
            bandwidth: 1e30,
            round_trip: 0.0,
            pipeline: 0.0,
        );
        model.discrete.bus *= cost(&model, GPU_DIRECT).total() / (best * (1.0 - gain));
        let request = Request::default();
        design(&problem, &facts, &with(discrete()), &model, request).expect("valid")
    };
    for gain in [-0.5, 0.0, 0.14] {
        assert_eq!(on_gpu(gain).device(), Device::Cpu, "{gain}: {}", on_gpu(gain));
    }
    for gain in [0.16, 0.5] {
        assert_eq!(on_gpu(gain).device(), Device::Gpu, "{gain}: {}", on_gpu(gain));
    }
}

/// Slabs are transformed once, however many of the kernel's they meet.
#[test]
fn volumes_are_transformed_where_that_is_less() {
    let one_core = with!(with(discrete()), threads: 1);
    let resident = with!(Request::default(), resident: true);
    let chosen = |input: &[usize], kernel: &[usize]| {
        let dense = with!(facts(kernel), terms: 0);
        let problem = problem::<f32>(input, kernel);
        design(&problem, &dense, &one_core, &CostModel::default(), resident).expect("valid")
    };
    for (input, kernel, method) in [
        ([128, 256, 256], [2, 2, 2], GPU_DIRECT),
        ([128, 256, 256], [5, 9, 9], GPU_FFT),
        ([64, 256, 256], [7, 21, 21], GPU_FFT),
    ] {
        let plan = chosen(&input, &kernel);
        assert_eq!((plan.device(), plan.method()), method, "{plan}");
    }
    // What is between passes exceeds a binding, and is cut along the outermost axis.
    let large = problem::<f32>(&[1000, 512, 512], &[15, 31, 31]);
    let plan = plan(&large, &with(discrete()), Device::Gpu, Method::Fft).expect("in parts");
    assert!(plan.to_string().contains(" parts: 6 passes, "), "{plan}");
}
