//! Tiles and workgroups on invented limits.

use crate::common::with;
use convolve::low_level::{BlockPass, Launch, Shader, Variant};
use convolve::plan::Recipe;
use convolve::{DType, Geometry, Mode};
use num_complex::Complex;

use super::*;

#[test]
fn little_workgroup_memory_means_no_tiles() {
    let tiny = with!(discrete(), max_workgroup_memory: 64);
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
        let options = Options::<f32>::default().stride(stride);
        let problem = Problem::new(&[600, 600], &[3, 3], &options).expect("valid");
        Launch::direct(DType::F32, &problem.geometry(), &discrete()).expect("fits")
    };
    let of = |stride| {
        let Variant { shader, workgroup, .. } = strided(stride).variant;
        (shader, workgroup)
    };
    assert_eq!(of(1), (Shader::Direct2d, [16, 8]));
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
    let one = one_axis();
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
                // Outputs of one tile are not in the order of their samples where channels and a
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
    // All of it is filled, with rows that the input has.
    assert_eq!(launch.stage_rows * pitch, stage, "{}", about());
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
    // What is left of the last chunk is the same in all.
    let whole = launch.chunk[1] >= inner.taps || launch.chunk[1].is_multiple_of(unrolled);
    assert!(whole && launch.variant.rest == inner.taps % unrolled, "{}", about());
    // What the compiler is told is so.
    let staged = launch.variant.staged;
    assert!(staged.is_none_or(|rows| rows == launch.stage_rows), "{}", about());
    assert!(staged.is_none() || launch.chunk == [outer.taps, inner.taps], "{}", about());
    launch.chunk != [outer.taps, inner.taps]
}

/// The same of transforms: the outputs of a block are under it as a whole, no value is out of a workgroup's
/// memory or of what is between passes, and that fits a binding.
#[test]
fn transforms_keep_within_limits() {
    let (mut whole, mut in_passes, mut volumes, mut shares) = (0, 0, 0, 0);
    let large = |limits: &GpuCapabilities| {
        limits.max_invocations >= 64 && limits.max_workgroup_memory >= 1000
    };
    let software = invented_limits().into_iter().map(|limits| {
        // These end loops, so that what is doubted is shared out.
        let kind =
            if limits.max_workgroup_memory > 16 << 10 { GpuKind::Software } else { limits.kind };
        with!(limits, kind)
    });
    for limits in software.filter(large) {
        let every = if limits.max_groups > 100 { 3 } else { 47 };
        for (dtype, problem) in problems().into_iter().step_by(every) {
            // What is stored in f16 is transformed as f32 is; f64 has its place here.
            let (dtype, problem) = match dtype {
                DType::F16 => (DType::F64, with!(problem, dtype: DType::F64)),
                _ => (dtype, problem),
            };
            let number = if dtype == DType::F64 { 16 } else { 8 };
            let request = with!(Request::default(), device: Device::Gpu, method: Method::Fft);
            let facts = KernelFacts::unknown(problem.kernel.iter().product());
            let on = with(with!(limits.clone(), f64: true, i64: true));
            let plan = design(&problem, &facts, &on, &CostModel::default(), request);
            let Ok(plan) = plan else { continue };
            let Some((Recipe::Gpu(schedule), _)) = plan.chosen().admitted() else {
                panic!("{plan}")
            };
            for scheduled in &schedule.parts {
                for stage in &scheduled.stages {
                    let about = || format!("{dtype} {stage:?}\n{limits:?}");
                    let launch = &stage.launch;
                    let Shader::Fft(transform) = launch.variant.shader else {
                        panic!("{}", about())
                    };
                    let block = transform.block;
                    let [wide, high] = launch.variant.workgroup;
                    // Sixteen values for each invocation.
                    assert_eq!((16 * wide, high), (1 << block.values, 1), "{}", about());
                    assert!(wide <= limits.max_invocations, "{}", about());
                    assert!(wide <= limits.max_workgroup_size[0], "{}", about());
                    let bytes = launch.variant.workgroup_memory();
                    assert_eq!(bytes, (number / 2) << block.values, "{}", about());
                    assert!(bytes <= limits.max_workgroup_memory as usize, "{}", about());
                    let groups = launch.groups.map(|n| n as usize);
                    assert!(groups.iter().all(|&n| n <= limits.max_groups as usize), "{}", about());
                    let one = one_axis();
                    let [.., inner] = &stage.geometry.axes[..] else { panic!("an axis") };
                    let outer = match &stage.geometry.axes[..] {
                        [.., outer, _] => outer,
                        _ => &one,
                    };
                    for (i, axis) in [outer, inner].into_iter().enumerate() {
                        let side = 1 << block.bits[i];
                        let reach = (axis.taps - 1) * axis.dilation;
                        let under = (launch.tile[i] - 1) * axis.stride + reach + 1;
                        assert!(under <= side, "{}", about());
                        assert!(launch.tiles[i + 1] * launch.tile[i] >= axis.out, "{}", about());
                    }
                    let [slabs, outputs] = match &stage.geometry.axes[..] {
                        [.., deep, _, _] if block.slabs => {
                            volumes += 1;
                            let outputs = launch.depth.outputs;
                            // Every output is in one of the blocks along its axis.
                            let planes = deep.channels * outer.channels * inner.channels;
                            let count = launch.tiles[0] / planes;
                            assert!(count * outputs >= deep.out, "{}", about());
                            let reach = (deep.taps - 1) * deep.dilation;
                            [(outputs - 1) * deep.stride + reach + 1, outputs]
                        }
                        _ => [1, 1],
                    };
                    assert_eq!([launch.depth.slabs, launch.depth.outputs], [slabs, outputs]);
                    let packed = if dtype.is_complex() { 1 } else { 2 };
                    let blocks: usize = launch.tiles.iter().product();
                    let transforms = blocks.div_ceil(packed);
                    let values = 1usize << block.values;
                    let samples = block.samples();
                    let is_whole = !block.slabs && samples == values;
                    let rows = |n: usize| (n << block.bits[1]).div_ceil(values);
                    let all_rows = rows(1 << block.bits[0]);
                    // Few workgroups look at a slab, since a pass behind them asks for what they found of all.
                    let looks = if block.slabs { all_rows.min(8) } else { all_rows };
                    // Values and levels of rows or slabs, and sums of these; and two numbers of each invocation, and
                    // what they are judged by.
                    let left = match block.slabs {
                        true => slabs * (samples + 2 * looks) + outputs * samples,
                        false if is_whole => 0,
                        false => samples + 2 * all_rows,
                    };
                    let doubts = outputs * all_rows * (values / 16 + 3);
                    let bytes = (transforms * (left + doubts) * number) as u64;
                    assert!(bytes <= limits.max_binding, "{}", about());
                    let (expected, planes) = match transform.pass {
                        BlockPass::Whole | BlockPass::Again if is_whole => {
                            whole += 1;
                            let shared = transforms * launch.second_look.shares;
                            assert!(groups[0] * groups[1] >= shared, "{}", about());
                            shares += usize::from(launch.second_look.shares > 1);
                            continue;
                        }
                        BlockPass::Look => (looks, slabs),
                        BlockPass::Rows => (all_rows, slabs),
                        BlockPass::Columns | BlockPass::Spectra => (samples / values, slabs),
                        BlockPass::Slabs => (samples / values, outputs),
                        BlockPass::Back | BlockPass::Again => {
                            let rows = rows((launch.tile[0] - 1) * outer.stride + 1);
                            shares += usize::from(launch.second_look.shares > 1);
                            (rows, outputs * launch.second_look.shares)
                        }
                        other => panic!("{other:?}"),
                    };
                    assert_eq!(groups, [expected, transforms * planes], "{}", about());
                    in_passes += 1;
                }
            }
        }
    }
    assert!(whole > 200 && in_passes > 200 && volumes > 200, "{whole} {in_passes} {volumes}");
    assert!(shares > 20, "{shares}");
}

fn one_axis() -> convolve::Axis {
    problem::<f32>(&[1], &[1]).geometry().axes.remove(0)
}

fn invented_limits() -> Vec<GpuCapabilities> {
    let mut all = Vec::new();
    for max_workgroup_memory in [64, 1000, 4 << 10, 16 << 10, 32 << 10, 48 << 10] {
        for (max_invocations, max_workgroup_size) in
            [(1, [1, 1]), (7, [5, 3]), (64, [64, 64]), (256, [256, 256]), (1024, [1024, 1024])]
        {
            for max_groups in [3, 65_535] {
                all.push(with!(
                    discrete(),
                    max_workgroup_memory,
                    max_invocations,
                    max_workgroup_size,
                    max_groups
                ));
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
                let real = with!(Options::<f32>::default(), mode, stride, dilation);
                let problem = Problem::new(input, kernel, &real).expect("valid");
                let complex = with!(
                    Options::<Complex<f32>>::default(),
                    mode,
                    stride: real.stride,
                    dilation: real.dilation,
                );
                all.push((DType::F16, problem.clone()));
                all.push((DType::F32, problem));
                let problem = Problem::new(input, kernel, &complex).expect("valid");
                all.push((DType::Complex32, problem));
            }
        }
    }
    all
}
