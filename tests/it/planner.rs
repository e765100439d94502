//! Plans for invented devices: no GPU is needed.

use convolve::plan::{
    Candidate, Capabilities, CostModel, Gpu, GpuCapabilities, GpuKind, GpuRates, InstructionSet,
    Launch, MAX_RANK, Recipe, Request, Shader, Variant, Verdict, design,
};
use convolve::{
    Boundary, DType, Device, Element, Error, Geometry, KernelFacts, Method, Mode, Options, Plan,
    Problem, Result,
};
use num_complex::Complex;

use crate::common::*;

fn discrete() -> GpuCapabilities {
    GpuCapabilities {
        max_binding: 2 << 30,
        max_buffer: 4 << 30,
        ..GpuCapabilities::webgpu_defaults("Invented 9000", GpuKind::Discrete)
    }
}

fn with(gpu: GpuCapabilities) -> Capabilities {
    Capabilities { threads: 8, instructions: InstructionSet::Avx2, gpu: Gpu::Present(gpu) }
}

fn without() -> Capabilities {
    Capabilities {
        threads: 8,
        instructions: InstructionSet::Avx2,
        gpu: Gpu::Absent("no adapter".into()),
    }
}

fn problem<A: Element>(input: &[usize], kernel: &[usize]) -> Problem {
    Problem::new::<A>(input, kernel, &Options::default()).expect("valid")
}

/// A kernel of which nothing is known, and which is separable.
fn facts(kernel: &[usize]) -> KernelFacts {
    KernelFacts { terms: 1, ..KernelFacts::unknown(kernel.iter().product()) }
}

fn plan(problem: &Problem, on: &Capabilities, device: Device, method: Method) -> Result<Plan> {
    let request = Request { method, device, ..Request::default() };
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
fn large_work_goes_to_a_large_gpu_and_small_work_stays() {
    let large = problem::<f32>(&[8192, 8192], &[15, 15]);
    // Not separable: separable work of this size may stay.
    let dense = KernelFacts { terms: 0, ..facts(&[15, 15]) };
    // One core: two transform it sooner than a bus carries it.
    let one_core = Capabilities { threads: 1, ..with(discrete()) };
    let large = design(&large, &dense, &one_core, &CostModel::default(), Request::default());
    let large = large.expect("valid");
    assert_eq!((large.device(), large.method()), GPU_DIRECT, "{large}");
    let small = auto(&problem::<f32>(&[64, 64], &[3, 3]), &with(discrete()));
    assert_eq!(small.device(), Device::Cpu, "{small}");
    assert!(small.to_string().contains("1 thread,"), "no other thread is woken: {small}");
}

#[test]
fn a_software_adapter_is_never_chosen() {
    let software = with(GpuCapabilities { kind: GpuKind::Software, ..discrete() });
    for n in [64, 512, 4096, 10_000] {
        for taps in [1, 3, 15, 101] {
            for terms in [0, 1] {
                let problem = problem::<f32>(&[n, n], &[taps, taps]);
                let facts = KernelFacts { terms, ..facts(&[taps, taps]) };
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
    let kernel = KernelFacts { finite: false, ..KernelFacts::unknown(9) };
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
        }
    }
    for part in ["100 x 120", "3 x 3", "f32", "same", "not finite", "no adapter", "chosen"] {
        assert!(words.contains(part), "{part:?} is missing in\n{words}");
    }
}

#[test]
fn forced_choices_that_cannot_be_done_name_the_reason() {
    let plain = problem::<f32>(&[100, 100], &[5, 5]);
    let gpu = with(discrete());
    let says = |result: Result<Plan>, words: &[&str]| {
        let reason = reason(result);
        for word in words {
            assert!(reason.contains(word), "{word:?} is missing in {reason:?}");
        }
    };
    says(plan(&plain, &without(), Device::Gpu, Method::Auto), &["device gpu", "no adapter"]);
    says(plan(&plain, &gpu, Device::Gpu, Method::Fft), &["fft", "gpu"]);
    let double = problem::<f64>(&[100, 100], &[5, 5]);
    says(plan(&double, &gpu, Device::Gpu, Method::Direct), &["gpu", "f64"]);
    let small = GpuCapabilities { max_binding: 1 << 10, ..discrete() };
    let tall = problem::<f32>(&[100, 100], &[50, 50]);
    says(plan(&tall, &with(small), Device::Gpu, Method::Direct), &["bytes", "1024"]);
    let tiny = GpuCapabilities { memory: 1 << 10, ..discrete() };
    says(plan(&tall, &with(tiny), Device::Gpu, Method::Direct), &["buffers", "1024"]);
    let many = problem::<f32>(&[2; MAX_RANK + 1], &[2; MAX_RANK + 1]);
    says(plan(&many, &gpu, Device::Gpu, Method::Auto), &["9 axes", "8"]);

    let force = |problem: &Problem, kernel: KernelFacts, method| {
        let request = Request { method, ..Request::default() };
        design(problem, &kernel, &gpu, &CostModel::default(), request)
    };
    let known = KernelFacts::unknown(25);
    let bad = KernelFacts { finite: false, ..known.clone() };
    says(force(&plain, bad, Method::Fft), &["method fft", "finite"]);
    says(force(&plain, known.clone(), Method::Separable), &["method separable", "outer product"]);
    let integers = problem::<i64>(&[100, 100], &[5, 5]);
    let steep = KernelFacts { norm: 1e15, ..known.clone() };
    says(force(&integers, steep, Method::Fft), &["method fft", "i64", "exact"]);
    // It proves each block when it sees it. Named, it needs only to hold for some samples; unnamed,
    // for those of 16 bits, and it must gain more than it may cost where they are larger.
    let named = force(&integers, known.clone(), Method::Fft).expect("proved block by block");
    assert!(matches!(named.chosen().admitted(), Some((Recipe::CpuFft { proved: false, .. }, _))));
    let of = |norm: f64, taps: usize| {
        let facts = KernelFacts { norm, ..KernelFacts::unknown(taps * taps) };
        force(&problem::<i32>(&[2000, 2000], &[taps, taps]), facts, Method::Auto)
            .expect("direct always can")
    };
    assert_eq!(of(1e3, 31).method(), Method::Fft);
    assert_eq!(of(1e9, 31).method(), Method::Direct);
    let between = of(1e3, 17);
    let cost = |method| {
        let found = between.candidates.iter().find(|candidate| candidate.method == method);
        found.and_then(Candidate::admitted).expect("admitted").1.total()
    };
    assert!(cost(Method::Fft) < cost(Method::Direct), "{between}");
    assert_eq!(between.method(), Method::Direct, "{between}");
    // Proved for narrow integers.
    let bytes = problem::<u8>(&[100, 100], &[5, 5]);
    force(&bytes, known, Method::Fft).expect("proved");
    // Different constants.
    let boundary = [Boundary::Constant(1.0), Boundary::Constant(2.0)];
    let options = Options { boundary: boundary.into(), ..Options::<f32>::default() };
    let differ = Problem::new(&[100, 100], &[5, 5], &options).expect("valid");
    says(force(&differ, facts(&[5, 5]), Method::Separable), &["method separable", "constants"]);
}

/// The proof that a transform of integers is exact, put to its worst case: all values extreme.
#[test]
fn integers_are_transformed_only_where_they_come_out_exact() {
    for (n, taps) in [(3000, 64), (500, 500), (64, 3)] {
        let worst = |value: i16, tap: i16| {
            let (x, k) = (ndarray::ArrayD::from_elem(vec![n], value), vec![tap; taps]);
            let k = ndarray::ArrayD::from_shape_vec(vec![taps], k).expect("fits");
            Subject::new(x, k, Options { mode: Mode::Full, ..Options::default() })
        };
        for (value, tap) in [(i16::MIN, i16::MIN), (i16::MIN, i16::MAX), (i16::MAX, i16::MAX)] {
            let subject = worst(value, tap);
            match subject.filter(convolver(), CPU_FFT) {
                Ok(filter) => subject.check_filter(&filter).expect("proved to be exact"),
                Err(error) => assert!(matches!(error, Error::Inadmissible { .. })),
            }
        }
    }
}

#[test]
fn little_workgroup_memory_means_no_tiles() {
    let tiny = GpuCapabilities { max_workgroup_memory: 64, ..discrete() };
    for shape in [&[1000][..], &[100, 100]] {
        let kernel = vec![3; shape.len()];
        let geometry = problem::<f32>(shape, &kernel).geometry();
        let launch = Launch::direct(DType::F32, &geometry, &tiny).expect("N-D needs none");
        assert_eq!(launch.variant.shader, Shader::DirectNd);
        assert_eq!(launch.variant.workgroup_memory(), 0);
        assert!(Launch::direct(DType::F32, &geometry, &discrete()).expect("fits").is_tiled());
    }
}

/// A stride spreads a tile over more input: the tile shrinks before it is given up.
#[test]
fn strided_tiles_shrink() {
    let strided = |stride: usize| {
        let options = Options::<f32> { stride: stride.into(), ..Options::default() };
        let problem = Problem::new(&[600, 600], &[3, 3], &options).expect("valid");
        Launch::direct(DType::F32, &problem.geometry(), &discrete()).expect("fits")
    };
    let of = |stride| {
        let Variant { shader, workgroup, .. } = strided(stride).variant;
        (shader, workgroup)
    };
    assert_eq!(of(1), (Shader::Direct2d, [8, 4]));
    assert_eq!(of(2), (Shader::DirectStrided, [16, 8]));
    assert_eq!(of(4), (Shader::DirectStrided, [8, 8]));
    assert_eq!(of(50).0, Shader::DirectNd);
}

/// wgpu does not validate workgroup memory, and the shaders do not check indices: so every sum is
/// done here. What one tile and one chunk of taps read fits what is staged, and that fits the limit.
#[test]
fn launches_keep_within_limits() {
    let mut seen = std::collections::HashMap::new();
    let mut chunked = 0;
    for limits in invented_limits() {
        for (dtype, problem) in problems() {
            let geometry = problem.geometry();
            let direct = Launch::direct(dtype, &geometry, &limits).ok();
            let fused = Launch::separable(dtype, &geometry, 2, &limits);
            for launch in direct.into_iter().chain(fused) {
                *seen.entry(launch.variant.shader).or_insert(0) += 1;
                chunked += usize::from(keeps_within(&launch, &geometry, &limits));
            }
        }
    }
    let counts: Vec<_> = seen.values().copied().collect();
    assert!(counts.len() == 4 && counts.iter().all(|&n| n > 200), "{seen:?}");
    assert!(chunked > 100, "{chunked} chunked");
}

/// Whether taps are staged in chunks.
fn keeps_within(launch: &Launch, geometry: &Geometry, limits: &GpuCapabilities) -> bool {
    let about = || format!("{launch:?}\n{geometry:?}\n{limits:?}");
    let Variant { shader, workgroup: [wide, high], registers, pitch, stage, .. } = launch.variant;
    assert!(wide >= 1 && high >= 1, "{}", about());
    assert!(wide * high <= limits.max_invocations, "{}", about());
    assert!(wide <= limits.max_workgroup_size[0], "{}", about());
    assert!(high <= limits.max_workgroup_size[1], "{}", about());
    let groups = launch.groups.map(|n| n as usize);
    assert!(groups.iter().all(|&n| n <= limits.max_groups as usize), "{}", about());
    let tiles: usize = launch.tiles.iter().product();
    assert!(groups[0] * groups[1] >= tiles, "{}", about());
    assert!(launch.computed_outputs() >= geometry.output_len(), "{}", about());
    // What the shader declares is counted beside its source.
    let bytes = launch.variant.workgroup_memory();
    assert!(bytes <= limits.max_workgroup_memory as usize, "{}", about());
    if !launch.is_tiled() {
        return false;
    }
    assert!(launch.stage_rows * pitch <= stage, "{}", about());
    let one = problem::<f32>(&[1], &[1]).geometry().axes.remove(0);
    let [.., inner] = &geometry.axes[..] else { panic!("an axis") };
    let outer = match &geometry.axes[..] {
        [.., outer, _] => outer,
        _ => &one,
    };
    let [chunk_y, chunk_x] = [launch.chunk[0].min(outer.taps), launch.chunk[1].min(inner.taps)];
    assert!(chunk_y >= 1 && chunk_x >= 1, "{}", about());
    assert!(launch.tiles[1] * launch.tile[0] >= outer.outputs(), "{}", about());
    assert!(launch.tiles[2] * launch.tile[1] >= inner.outputs(), "{}", about());
    let (wide, high) = (wide as usize, high as usize);
    if shader == Shader::DirectStrided {
        assert_eq!(launch.tile, [high, 4 * wide], "{}", about());
        // The furthest that any tile reads beyond its own first sample.
        for (axis, i, chunk, staged) in
            [(outer, 0, chunk_y, launch.stage_rows), (inner, 1, chunk_x, pitch)]
        {
            let last_tap = (chunk - 1) * axis.tap_step();
            for tile in 0..launch.tiles[i + 1].min(5) {
                let first = tile * launch.tile[i];
                let last = (first + launch.tile[i]).min(axis.outputs()) - 1;
                // Outputs of one tile are not in the order of their samples where lanes and a
                // stride meet, so the last is not the furthest.
                let furthest = (first..=last).map(|o| axis.advance(o)).max().expect("one");
                let read = furthest - axis.advance(first) + last_tap;
                assert!(read < staged, "tile {tile} reads {read}: {}", about());
                let nearest = (first..=last).map(|o| axis.advance(o)).min().expect("one");
                assert!(nearest >= axis.advance(first), "{}", about());
            }
        }
        return launch.chunk != [outer.taps, inner.taps];
    }
    // Neighbouring outputs read neighbouring samples.
    assert!(outer.stride == 1 && inner.stride == 1, "{}", about());
    assert!(outer.taps == 1 || outer.tap_step() == 1, "{}", about());
    let [rows, quads] = registers;
    assert_eq!(launch.tile, [high * rows, wide * quads * 4], "{}", about());
    // A shifted window of the last tap reads the quad behind its own too.
    let last = (chunk_x - 1) * launch.variant.step;
    assert_eq!(launch.variant.step, inner.tap_step(), "{}", about());
    let furthest = (wide * quads - 1) + last / 4 + 1;
    assert!(furthest < pitch, "quad {furthest} is read: {}", about());
    if shader == Shader::Separable2d {
        assert_eq!(chunk_y, outer.taps, "{}", about());
        assert_eq!(chunk_x, inner.taps, "{}", about());
        assert!(launch.stage_rows >= 1, "{}", about());
        let between = launch.variant.between();
        assert_eq!(between, (launch.tile[0] + outer.taps - 1) * wide, "{}", about());
        return false;
    }
    let furthest = (high - 1) * rows + chunk_y + rows - 2;
    assert!(furthest < launch.stage_rows, "row {furthest} is read: {}", about());
    // Chunks begin at whole quads of weights, and straight-line code at whole quads of samples.
    let unrolled = launch.variant.unrolled;
    assert!(launch.chunk[1] >= inner.taps || launch.chunk[1].is_multiple_of(4), "{}", about());
    assert!(unrolled == inner.taps || unrolled.is_multiple_of(4), "{}", about());
    assert!(unrolled <= launch.chunk[1], "{}", about());
    launch.chunk != [outer.taps, inner.taps]
}

fn invented_limits() -> Vec<GpuCapabilities> {
    let mut all = Vec::new();
    for max_workgroup_memory in [64, 1000, 4 << 10, 16 << 10, 32 << 10, 48 << 10] {
        for (max_invocations, max_workgroup_size) in
            [(1, [1, 1]), (7, [5, 3]), (64, [64, 64]), (256, [256, 256]), (1024, [1024, 1024])]
        {
            for max_groups in [3, 65_535] {
                all.push(GpuCapabilities {
                    max_workgroup_memory,
                    max_invocations,
                    max_workgroup_size,
                    max_groups,
                    ..discrete()
                });
            }
        }
    }
    all
}

fn problems() -> Vec<(DType, Problem)> {
    let mut all = Vec::new();
    let shapes: [(&[usize], &[usize]); 8] = [
        (&[5000], &[7]),
        (&[5000], &[4001]),
        (&[300, 200], &[3, 4]),
        (&[300, 200], &[97, 89]),
        (&[40, 50, 3], &[5, 4, 1]),
        (&[6, 70, 40], &[1, 3, 3]),
        (&[400, 7], &[9, 1]),
        (&[9, 10, 11], &[2, 3, 2]),
    ];
    for (input, kernel) in shapes {
        for stride in [1, 2, 5, 1000] {
            for dilation in [1, 3, 40] {
                let mode = Mode::Same;
                let (stride, dilation) = (stride.into(), dilation.into());
                let real = Options { mode, stride, dilation, ..Options::<f32>::default() };
                let problem = Problem::new(input, kernel, &real).expect("valid");
                let complex = Options {
                    mode,
                    stride: real.stride,
                    dilation: real.dilation,
                    ..Options::<Complex<f32>>::default()
                };
                all.push((DType::F16, problem.clone()));
                all.push((DType::F32, problem));
                let problem = Problem::new(input, kernel, &complex).expect("valid");
                all.push((DType::Complex32, problem));
            }
        }
    }
    all
}

/// What is done once is shared between the runs that were announced, and can decide.
#[test]
fn few_runs_make_little_of_what_is_set_up_once() {
    let problem = problem::<f32>(&[600, 600], &[61, 61]);
    let with_runs = |runs| {
        let request = Request { runs, ..Request::default() };
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
        let request = Request { resident, ..Request::default() };
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
            let request = Request { device: way.0, method: way.1, ..Request::default() };
            design(&problem, &facts, &with(discrete()), model, request).expect("valid").cost()
        };
        let best = cost(&model, CPU_FFT).total().min(cost(&model, CPU_DIRECT).total());
        // All of the GPU's time on the bus, and just so much of it.
        model.discrete = GpuRates {
            direct: 1e30,
            direct_nd: 1e30,
            bandwidth: 1e30,
            round_trip: 0.0,
            pipeline: 0.0,
            ..model.discrete
        };
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
