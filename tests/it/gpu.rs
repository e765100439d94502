//! What only the GPU has: passes of a separable kernel, parts of what is too large, weights in uniform
//! memory, shaders with checks.

use convolve::low_level::{Schedule, Shader, Taps};
use convolve::plan::{CostModel, Gpu, GpuCapabilities, Recipe};
use convolve::wgpu::Limits;
use convolve::{Boundary, Convolver, DType, Device, Error, Method, Mode, Options, Plan, filters};
use ndarray::{Array2, ArrayD};
use num_complex::Complex;
use std::sync::OnceLock;

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

/// A convolver on a device of its own, whose planner believes in other limits.
macro_rules! convolver_with {
    ($checked:expr, $adapt:expr) => {{
        static SHARED: OnceLock<Convolver> = OnceLock::new();
        gpu().map(|_| {
            SHARED.get_or_init(|| {
                narrowed(Convolver::builder().checked_shaders($checked), $adapt).build()
            })
        })
    }};
}

fn checked() -> Option<&'static Convolver> {
    convolver_with!(true, |_| {})
}

fn uniform() -> Option<&'static Convolver> {
    convolver_with!(false, |gpu| gpu.max_uniform_weights = 16 << 10)
}

/// As little as rows of a few hundred bytes: parts are ranges of what is on the device.
fn short_bindings() -> Option<&'static Convolver> {
    convolver_with!(false, |gpu| gpu.max_binding = 640)
}

/// So little that parts travel one by one.
fn little_memory() -> Option<&'static Convolver> {
    convolver_with!(false, |gpu| gpu.max_buffer = 640)
}

fn schedule(plan: &Plan) -> &Schedule {
    match plan.chosen().admitted() {
        Some((Recipe::Gpu(schedule), _)) => schedule,
        other => panic!("{other:?}"),
    }
}

/// Every `every`-th case of the table whose kernel can be an outer product.
fn separable<A: Value>(convolver: Option<&Convolver>, every: usize) -> usize {
    let Some(convolver) = convolver else { return usize::MAX };
    let cases = table();
    let cases = cases.iter().filter(|case| (2..=4).contains(&case.long_axes()) && !case.swaps());
    let (mut ran, mut fused) = (0, 0);
    for case in cases.step_by(every) {
        let subject = case.separable_subject::<A>();
        match subject.filter(convolver, GPU_SEPARABLE) {
            Err(Error::Inadmissible { .. }) if !case.has_one_boundary() => continue,
            Err(error) => panic!("{case:?}: {error}"),
            Ok(filter) => {
                ran += 1;
                let stages = &schedule(filter.plan()).parts[0].stages;
                fused += usize::from(stages[0].launch.variant.shader == Shader::Separable2d);
                subject.check_filter(&filter).unwrap_or_else(|e| panic!("{case:?}\n{e}"));
            }
        }
    }
    assert!(fused > 0 && fused < ran, "{fused} of {ran} are fused");
    ran
}

#[test]
fn separable_f32() {
    assert!(separable::<f32>(gpu(), 7) > 200);
}

#[test]
fn separable_f64() {
    assert!(separable::<f64>(gpu_with(DType::F64), 37) > 30);
}

#[test]
fn separable_integers() {
    assert!(separable::<i32>(gpu(), 23) > 40);
    assert!(separable::<u32>(gpu(), 61) > 10);
}

#[test]
fn separable_complex() {
    assert!(separable::<Complex<f32>>(gpu(), 37) > 30);
}

/// A kernel of one column sees all columns as channels: these are an axis of their own where that stages less.
fn columns<A: Value>(input: &[usize], kernel: &[usize], stride: usize, dilation: usize) -> bool {
    let Some(convolver) = gpu() else { return true };
    let along = |of: usize| -> Vec<usize> {
        kernel.iter().map(|&taps| if taps > 1 { of } else { 1 }).collect()
    };
    let mut random = Random::new(input.iter().chain(kernel).sum::<usize>() as u64);
    let mut apart = true;
    for edge in EDGES {
        let options = with!(
            Options::<A>::default(),
            boundary: of_type::<A>(edge).into(),
            stride: along(stride).into(),
            dilation: along(dilation).into(),
        );
        let subject = Subject::new(random.array(input), random.array(kernel), options);
        let filter = subject.filter(convolver, GPU_DIRECT).expect("admissible");
        let stage = &schedule(filter.plan()).parts[0].stages[0];
        assert!(stage.launch.is_tiled(), "{}", filter.plan());
        apart &= stage.taps == Taps::Columns;
        subject
            .check_filter(&filter)
            .unwrap_or_else(|e| panic!("{edge:?} {stride} {dilation}: {e}"));
    }
    apart
}

#[test]
fn kernels_of_one_column() {
    for (stride, dilation) in [(1, 1), (2, 1), (1, 3)] {
        assert!(columns::<f32>(&[150, 320], &[40, 1], stride, dilation));
        assert!(columns::<f32>(&[90, 300], &[13, 1], stride, dilation));
        assert!(columns::<f32>(&[3, 50, 301], &[1, 20, 1], stride, dilation));
        assert!(columns::<i32>(&[40, 200, 2], &[17, 1, 1], stride, dilation));
        assert!(columns::<Complex<f32>>(&[60, 300], &[15, 1], stride, dilation));
    }
    // So few that they are better off in a line.
    assert!(!columns::<f32>(&[90, 30], &[5, 1], 1, 1) || gpu().is_none());
}

/// Columns that are too long for a tile of both passes, and those that just fit.
#[test]
fn long_separable_kernels() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(33);
    for (taps, stages) in [([33, 33], 1), ([34, 34], 2), ([70, 5], 2)] {
        let kernel = random.rank_one::<f32>(&taps);
        let subject = Subject::new(random.array(&[140, 90]), kernel, Options::default());
        let filter = subject.filter(convolver, GPU_SEPARABLE).expect("an outer product");
        assert_eq!(schedule(filter.plan()).parts[0].stages.len(), stages, "{}", filter.plan());
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{taps:?}: {error}"));
    }
}

fn direct<A: Value>(convolver: Option<&Convolver>, every: usize) {
    let Some(convolver) = convolver else { return };
    for case in table().iter().step_by(every) {
        let subject = case.subject::<A>();
        subject
            .check_way(convolver, GPU_DIRECT)
            .unwrap_or_else(|error| panic!("{case:?}\n{error}"));
    }
}

/// A GPU without the type says so, and the CPU takes what nobody insists on.
fn refused<A: Value>(adapt: fn(&mut GpuCapabilities)) {
    if gpu().is_none() {
        return;
    }
    // One that is slow enough for a GPU to be looked for.
    let mut model = CostModel::default();
    (model.cpu.direct, model.cpu.fft, model.cpu.bandwidth) = (1.0, 1.0, 1.0);
    let convolver = narrowed(Convolver::builder().cost_model(model), adapt).build();
    let (x, k) = (Random::new(1).array::<A>(&[9]), Random::new(2).array::<A>(&[3]));
    let subject = Subject::new(x, k, Options::default());
    let error = subject.filter(&convolver, GPU_DIRECT).expect_err("it has none").to_string();
    let expected = format!("has no {} in shaders", A::DTYPE);
    assert!(error.contains(&expected), "{error}");
    let any = (Device::Auto, Method::Auto);
    let plan = subject.filter(&convolver, any).expect("on the CPU").plan().clone();
    assert!(plan.device() == Device::Cpu && plan.to_string().contains(&expected), "{plan}");
}

#[test]
fn direct_f64() {
    direct::<f64>(gpu_with(DType::F64), 31);
    refused::<f64>(|gpu| gpu.f64 = false);
}

#[cfg(feature = "f16")]
#[test]
fn separable_f16() {
    assert!(separable::<convolve::half::f16>(gpu_with(DType::F16), 23) > 40);
    refused::<convolve::half::f16>(|gpu| gpu.f16 = false);
}

#[test]
fn with_checks() {
    direct::<f32>(checked(), 47);
    separable::<f32>(checked(), 61);
}

#[test]
fn weights_in_uniform_memory() {
    // Mesa's software adapter compiles shaders with uniform memory anew at every dispatch: few cases.
    direct::<f32>(uniform(), 97);
    direct::<Complex<f32>>(uniform(), 391);
    separable::<i32>(uniform(), 131);
}

fn subject<A: Value>(input: &[usize], kernel: &[usize], options: Options<A>) -> Subject<A> {
    let mut random = Random::new(input.iter().chain(kernel).sum::<usize>() as u64);
    let x = random.array(input);
    Subject::new(x, random.rank_one(kernel), options)
}

/// Checks the ways that are open to the kernel, in parts of both kinds; returns how many parts there
/// were.
fn in_parts<A: Value>(subject: &Subject<A>, ways: &[Way]) -> usize {
    let (most, kinds) = in_parts_of_some_kind(subject, ways);
    assert_eq!(kinds, ways.len(), "parts of both kinds are meant to run");
    most
}

/// Returns how many parts there were, and how often they were ranges of what is on the device.
fn in_parts_of_some_kind<A: Value>(subject: &Subject<A>, ways: &[Way]) -> (usize, usize) {
    let (mut most, mut kinds) = (0, 0);
    for convolver in [short_bindings(), little_memory()].into_iter().flatten() {
        for &way in ways {
            let filter = subject.filter(convolver, way).expect("in parts");
            let schedule = schedule(filter.plan());
            most = most.max(schedule.parts.len());
            kinds += usize::from(schedule.resident.is_ok());
            subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    (most, kinds)
}

#[test]
fn bands_and_blocks_are_the_whole() {
    if gpu().is_none() {
        return;
    }
    let both = [GPU_DIRECT, GPU_SEPARABLE];
    for (i, edge) in EDGES.into_iter().enumerate() {
        let options = |stride: usize, dilation: usize, mode| {
            with!(
                Options::default(),
                mode,
                boundary: of_type::<f32>(edge).into(),
                stride: stride.into(),
                dilation: dilation.into(),
            )
        };
        let same = || options(1, 1, Mode::Same);
        // Bands: of rows, of a line, of a batch.
        assert!(in_parts(&subject(&[61, 17], &[5, 3], same()), &both) > 6, "{edge:?}");
        assert!(in_parts(&subject(&[1_501], &[9], same()), &[GPU_DIRECT]) > 8);
        assert!(in_parts(&subject(&[5, 9, 13], &[1, 3, 2], same()), &both) > 3);
        // Blocks: rows are longer than a binding.
        assert!(in_parts(&subject(&[7, 400], &[3, 5], same()), &both) > 6);
        // What an output skips, and windows with gaps.
        assert!(in_parts(&subject(&[90, 30], &[4, 3], options(2, 1, Mode::Full)), &both) > 4);
        let dilated = options(1 + i % 2, 3, Mode::Same);
        assert!(in_parts(&subject(&[70, 21], &[3, 2], dilated), &both) > 3);
        // Lanes, and three long axes.
        assert!(in_parts(&subject(&[33, 11, 3], &[3, 4, 1], same()), &both) > 3);
        assert!(in_parts(&subject(&[11, 9, 8], &[3, 2, 3], same()), &both) > 3);
        // A reach that is longer than the axis.
        in_parts(&subject(&[3, 150], &[9, 3], same()), &both);
    }
    let wrap = with!(Options::<i32>::default(), boundary: Boundary::Wrap.into());
    assert!(in_parts(&subject(&[61, 17], &[5, 3], wrap), &both) > 6);
    let mirror = with!(Options::<Complex<f32>>::default(), boundary: Boundary::Mirror.into());
    assert!(in_parts(&subject(&[61, 17], &[5, 3], mirror), &both) > 6);
}

#[test]
fn parts_of_wide_samples() {
    if gpu_with(DType::F64).is_none() {
        return;
    }
    for (edge, stride) in EDGES.into_iter().zip([1, 1, 2].into_iter().cycle()) {
        let boundary = || of_type::<f64>(edge).into();
        let options = || with!(Options::default(), boundary: boundary(), stride: stride.into());
        let both = [GPU_DIRECT, GPU_SEPARABLE];
        assert!(in_parts(&subject(&[61, 17], &[5, 3], options()), &both) > 6, "{edge:?}");
        assert!(in_parts(&subject(&[9, 200], &[3, 5], options()), &both) > 6);
        assert!(in_parts(&subject(&[701], &[9], options()), &[GPU_DIRECT]) > 6);
        assert!(in_parts(&subject(&[3, 90], &[9, 3], options()), &both) > 1);
    }
}

/// Parts that begin and end within a word: alone they are copied whole, in one buffer only where
/// nothing has to be copied together.
#[cfg(feature = "f16")]
#[test]
fn parts_of_halves() {
    if gpu_with(DType::F16).is_none() {
        return;
    }
    let both = [GPU_DIRECT, GPU_SEPARABLE];
    for edge in EDGES {
        let boundary = || of_type::<convolve::half::f16>(edge).into();
        let options = || with!(Options::default(), boundary: boundary());
        // Bands are ranges, whatever they begin with; in `wrap` the last one has two.
        let copied = edge == Boundary::Wrap;
        let (most, kinds) = in_parts_of_some_kind(&subject(&[61, 17], &[5, 3], options()), &both);
        assert!(most > 3 && kinds == if copied { 0 } else { 2 }, "{edge:?}: {most} {kinds}");
        assert!(in_parts(&subject(&[61, 18], &[5, 3], options()), &both) > 3, "{edge:?}");
        let line = in_parts_of_some_kind(&subject(&[1_501], &[9], options()), &[GPU_DIRECT]);
        assert!(line.0 > 4, "{edge:?}");
        // Blocks are copied together row by row.
        let (most, _) = in_parts_of_some_kind(&subject(&[7, 401], &[3, 5], options()), &both);
        assert!(most > 3, "{edge:?}");
    }
}

/// Workgroups of 256 invocations with 16 KiB of memory, as every device has that WebGPU runs on.
#[test]
fn fused_passes_on_a_device_of_the_least_limits() {
    let Some((device, queue)) = own_device(Limits::default()) else { return };
    let convolver = Convolver::with_device(device, queue).expect("compute shaders");
    let Gpu::Present(capabilities) = convolver.capabilities().gpu else { panic!("it is there") };
    let defaults = Limits::default();
    assert_eq!(capabilities.max_workgroup_memory, defaults.max_compute_workgroup_storage_size);
    assert_eq!(capabilities.max_binding, defaults.max_storage_buffer_binding_size);
    assert!(!capabilities.f16 && !capabilities.f64, "features are asked for, or not there");
    fn fused<A: Value>(convolver: &Convolver, memory: usize) -> usize {
        let kernels = [[3, 3], [9, 5], [15, 15], [31, 31], [2, 63]];
        let ran = kernels.into_iter().filter(|kernel| {
            let boundary = of_type::<A>(EDGES[kernel[0] % 6]).into();
            let options = with!(Options::default(), boundary);
            let subject = subject::<A>(&[77, 90], kernel, options);
            let filter = subject.filter(convolver, GPU_SEPARABLE).expect("an outer product");
            subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
            let variant = &schedule(filter.plan()).parts[0].stages[0].launch.variant;
            assert!(variant.workgroup_memory() <= memory, "{variant:?}");
            variant.shader == Shader::Separable2d
        });
        ran.count()
    }
    let memory = capabilities.max_workgroup_memory as usize;
    assert_eq!(fused::<f32>(&convolver, memory), 5);
    assert!(fused::<Complex<f32>>(&convolver, memory) > 2);
}

#[test]
fn the_table_in_parts() {
    direct::<f32>(short_bindings(), 41);
    direct::<f32>(little_memory(), 43);
    separable::<f32>(short_bindings(), 53);
}

#[test]
fn a_sum_of_outer_products() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(3);
    let kernel = |n: usize| {
        let far = |i: usize| (i as f32 - (n as f32 - 1.0) / 2.0) / (n as f32 / 8.0);
        Array2::from_shape_fn((n, n), |(i, j)| {
            let square = far(i).powi(2) + far(j).powi(2);
            (square - 2.0) * (-square / 2.0).exp()
        })
    };
    for (n, shape, boundary) in [
        (9, [40, 37], Boundary::Constant(2.0)),
        (9, [33, 50], Boundary::Mirror),
        // Too tall for one pass.
        (79, [19, 20], Boundary::Wrap),
    ] {
        let options = with!(Options::default(), boundary: boundary.into());
        let mut x: ArrayD<f32> = random.array(&shape);
        if n < 19 {
            // Terms meet an infinity in other ways than the kernel does.
            x[[7, 8]] = f32::INFINITY;
            x[[10, 19]] = f32::NAN;
        }
        let subject = Subject::new(x, kernel(n).into_dyn(), options);
        let filter = subject.filter(convolver, GPU_SEPARABLE).expect("a few terms");
        assert!(filter.plan().kernel.terms > 1, "{}", filter.plan());
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn long_kernels_take_two_passes() {
    let Some(convolver) = gpu() else { return };
    for (kernel, boundary) in
        [([3, 101], Boundary::Reflect), ([101, 3], Boundary::Wrap), ([67, 70], Boundary::Nearest)]
    {
        let options = with!(Options::<f32>::default(), boundary: boundary.into());
        let subject = subject(&[110, 130], &kernel, options);
        let filter = subject.filter(convolver, GPU_SEPARABLE).expect("an outer product");
        assert_eq!(schedule(filter.plan()).parts[0].stages.len(), 2, "{}", filter.plan());
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A picture of 256 MiB on an adapter that binds 128 MiB, as Mesa's software adapter does.
#[test]
fn a_picture_that_no_binding_holds() {
    let Some(convolver) = gpu() else { return };
    let n = 8192;
    let x = Array2::from_shape_fn((n, n), |(i, j)| ((i * 31 + j * 17) % 251) as f32);
    let k = filters::gaussian::<f32>(0.5).expect("a width");
    let filter = convolver.filter(&k).boundary(Boundary::Mirror).device(GPU_DIRECT.0);
    let filter = filter.method(GPU_DIRECT.1).for_shape((n, n)).expect("in parts");
    let Gpu::Present(gpu) = &filter.plan().gpu else { panic!("it is there") };
    if gpu.max_binding < 256 << 20 {
        assert!(schedule(filter.plan()).parts.len() > 1, "{}", filter.plan());
    }
    let on_gpu = filter.apply(&x).expect("a run");
    let on_cpu = convolver.filter(&k).boundary(Boundary::Mirror).device(CPU_DIRECT.0);
    let on_cpu = on_cpu.for_shape((n, n)).expect("a CPU").apply(&x).expect("a run");
    let worst = on_gpu.iter().zip(&on_cpu).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-3, "off by {worst}");
    // A zip of maxima would not see a NaN.
    assert!(on_gpu.iter().all(|y| y.is_finite()));
}
