//! Problems that are cut up: transforms of many blocks, dispatches of many tiles, kernels that are
//! staged in chunks, and devices with no more than WebGPU's default limits.

use convolve::plan::Recipe;
use convolve::{Boundary, Convolver, Mode, Operation, Options, Plan};
use num_complex::Complex;

use crate::common::cases::of_type;
use crate::common::with;
use crate::common::*;

fn subject<A: Value>(input: &[usize], kernel: &[usize], options: Options<A>) -> Subject<A> {
    let mut random = Random::new(input.iter().chain(kernel).sum::<usize>() as u64);
    let (x, k) = (random.array(input), random.array(kernel));
    Subject::new(x, k, options)
}

fn blocks(plan: &Plan) -> usize {
    match plan.chosen().admitted() {
        Some((Recipe::CpuFft { blocks, .. }, _)) => blocks.total(),
        other => panic!("{other:?}"),
    }
}

fn fft_in_blocks<A: Value>(input: &[usize], kernel: &[usize], options: Options<A>) {
    let subject = subject(input, kernel, options);
    // The more threads, the more blocks: not what this machine happens to have.
    let convolver = Convolver::builder().threads(8).build();
    let filter = subject.filter(&convolver, CPU_FFT).expect("admissible");
    assert!(blocks(filter.plan()) > 3, "meant to be many blocks:\n{}", filter.plan());
    subject.check_filter(&filter).unwrap_or_else(|error| panic!("{input:?} {kernel:?} {error}"));
}

fn options<A: Value>(
    boundary: Boundary<i8>,
    mode: Mode,
    stride: usize,
    dilation: usize,
) -> Options<A> {
    with!(
        Options::default(),
        mode,
        boundary: of_type::<A>(boundary).into(),
        stride: stride.into(),
        dilation: dilation.into(),
    )
}

#[test]
fn fft_in_many_blocks() {
    for (boundary, stride) in [(Boundary::Zero, 1), (Boundary::Reflect, 2), (Boundary::Wrap, 3)] {
        let options = |mode, stride, dilation| options(boundary, mode, stride, dilation);
        fft_in_blocks::<f32>(&[9_001], &[33], options(Mode::Same, stride, 1));
        fft_in_blocks::<f32>(&[300, 500], &[9, 9], options(Mode::Same, stride, 1));
        fft_in_blocks::<f32>(&[200, 300], &[3, 4], options(Mode::Valid, 4 - stride, 3));
        fft_in_blocks::<f32>(&[60, 70, 3], &[5, 4, 1], options(Mode::Same, 1, 1));
        let correlate = with!(options(Mode::Same, 2, 1), operation: Operation::Correlate);
        fft_in_blocks::<f32>(&[7_000], &[40], correlate);
    }
    fft_in_blocks::<f64>(&[9_001], &[12], options(Boundary::Mirror, Mode::Full, 2, 3));
    fft_in_blocks::<i8>(&[150, 200], &[5, 4], options(Boundary::Nearest, Mode::Full, 2, 2));
    fft_in_blocks::<Complex<f32>>(&[30_001], &[33], Options::default());
    fft_in_blocks::<f64>(&[6, 3_000], &[1, 21], Options::default());
    fft_in_blocks::<f64>(&[30, 28, 26], &[3, 3, 2], Options::default());
}

#[cfg(feature = "gpu")]
mod on_gpu {
    use super::*;
    use convolve::{Convolver, wgpu};
    use convolve::{
        low_level::{Launch, Shader},
        plan::Gpu,
    };
    use std::sync::OnceLock;

    fn launch(plan: &Plan) -> &Launch {
        match plan.chosen().admitted() {
            Some((Recipe::Gpu(schedule), _)) => match &schedule.parts[0].stages[..] {
                [stage] => &stage.launch,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// A device with WebGPU's default limits, and so few workgroups along a dimension that a
    /// dispatch needs both.
    fn limited() -> Option<&'static Convolver> {
        static LIMITED: OnceLock<Convolver> = OnceLock::new();
        gpu()?;
        Some(LIMITED.get_or_init(|| {
            let limits = wgpu::Limits {
                max_compute_workgroups_per_dimension: 11,
                ..wgpu::Limits::default()
            };
            let (device, queue) = own_device(limits).expect("there is a GPU");
            Convolver::with_device(device, queue).expect("it has compute shaders")
        }))
    }

    #[test]
    fn a_limited_device_runs_the_table() {
        let Some(convolver) = limited() else { return };
        let Gpu::Present(gpu) = convolver.capabilities().gpu else { panic!("given") };
        assert_eq!(gpu.max_workgroup_memory, 16 << 10);
        assert_eq!(gpu.max_invocations, 256);
        for case in table().iter().step_by(13) {
            let subject = case.subject::<f32>();
            subject
                .check_way(convolver, GPU_DIRECT)
                .unwrap_or_else(|error| panic!("{case:?} {error}"));
        }
    }

    /// Runs on both devices. With 32 KiB of workgroup memory, as Mesa's software adapter has, the
    /// launch must be of the kind that the case is for.
    fn runs<A: Value>(
        input: &[usize],
        kernel: &[usize],
        options: Options<A>,
        meant: impl Fn(&Launch) -> bool,
    ) {
        let subject = subject(input, kernel, options);
        for convolver in [gpu(), limited()].into_iter().flatten() {
            let filter = subject.filter(convolver, GPU_DIRECT).expect("admissible");
            if let Gpu::Present(gpu) = &filter.plan().gpu
                && gpu.max_workgroup_memory == 32 << 10
            {
                assert!(meant(launch(filter.plan())), "not what was meant:\n{}", filter.plan());
            }
            subject.check_filter(&filter).unwrap_or_else(|e| panic!("{input:?} {kernel:?} {e}"));
        }
    }

    fn tiles(launch: &Launch) -> usize {
        launch.tiles.iter().product()
    }

    fn chunked(launch: &Launch, kernel: [usize; 2]) -> bool {
        launch.is_tiled() && launch.chunk != kernel
    }

    fn edges<A: Value>() -> [Options<A>; 3] {
        [Boundary::Mirror, Boundary::Wrap, Boundary::Constant(A::small(2))]
            .map(|boundary| with!(Options::default(), boundary: boundary.into()))
    }

    #[test]
    fn many_tiles() {
        for options in edges::<f32>() {
            runs(&[30_003], &[7], options.clone(), |l| tiles(l) > 11);
            runs(&[5_003], &[8], with!(options.clone(), stride: 3.into()), |l| tiles(l) > 1);
            runs(&[131, 157], &[5, 4], options.clone(), |l| tiles(l) > 8);
            let both = with!(options.clone(), stride: [2, 3].into(), dilation: [3, 2].into());
            runs(&[131, 157], &[4, 5], both, |l| tiles(l) > 2);
            runs(&[3, 70, 45], &[1, 3, 4], options.clone(), |l| l.tiles[0] == 3);
        }
        for options in edges::<i32>() {
            runs(&[70, 50, 3], &[3, 4, 1], options.clone(), |l| {
                l.variant.shader == Shader::Direct2d && tiles(l) > 8
            });
            let strided = with!(options.clone(), stride: [3, 2, 1].into());
            runs(&[70, 50, 3], &[3, 4, 1], strided, |l| l.variant.shader == Shader::DirectStrided);
            runs(&[700, 3], &[6, 1], with!(options, stride: [2, 1].into()), |l| {
                l.variant.shader == Shader::DirectStrided
            });
        }
        runs(&[131, 57], &[5, 4], edges::<Complex<f32>>()[0].clone(), |l| tiles(l) > 4);
    }

    #[test]
    fn kernels_in_chunks() {
        let same = || with!(Options::<f32>::default(), boundary: Boundary::Reflect.into());
        runs(&[1_500], &[20_000], same(), |l| chunked(l, [1, 20_000]));
        runs(&[40, 37], &[97, 89], same(), |l| chunked(l, [97, 89]));
        let far = with!(same(), dilation: [1, 61].into());
        runs(&[50, 60], &[7, 31], far, |l| chunked(l, [7, 31]));
        let far = with!(same(), dilation: [61, 1].into());
        runs(&[53, 50], &[31, 7], far, |l| chunked(l, [31, 7]));
        let wide = with!(same(), stride: 5.into());
        runs(&[9_000], &[5_001], wide, |l| chunked(l, [1, 5_001]));
    }

    #[test]
    fn without_tiles() {
        let options = |boundary: [Boundary<f32>; 3]| {
            with!(
                Options::default(),
                boundary: boundary.into(),
                stride: [1, 2, 1].into(),
                dilation: [2, 1, 1].into(),
            )
        };
        for boundary in [
            [Boundary::Constant(1.0), Boundary::Constant(2.0), Boundary::Constant(3.0)],
            [Boundary::Wrap, Boundary::Mirror, Boundary::Reflect],
        ] {
            runs(&[20, 19, 18], &[3, 4, 2], options(boundary), |l| {
                l.variant.shader == Shader::DirectNd
            });
        }
        // A stride that no workgroup memory can span.
        let strided = with!(Options::<f32>::default(), stride: [1, 2_000].into());
        runs(&[3, 40_000], &[2, 3], strided, |l| l.variant.shader == Shader::DirectNd);
    }
}
