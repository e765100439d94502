//! Transforms on the GPU: right over the case table, and as careful as those on the CPU.

use convolve::low_level::Block;
use convolve::plan::Recipe;
use convolve::{Boundary, Check, Convolver, Device, Error, Filter, Method, Mode, Options, filters};
use ndarray::{Array1, Array2, ArrayD, Dimension, Ix2, IxDyn};
use num_complex::Complex;

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

/// What is transformed together.
fn block<A: convolve::Element, D: Dimension>(filter: &Filter<A, D>) -> Block {
    match filter.plan().chosen().admitted() {
        Some((Recipe::Gpu(schedule), _)) => schedule.block().expect("it was asked for"),
        _ => panic!("{}", filter.plan()),
    }
}

fn fft(convolver: &Convolver, shape: [usize; 2], k: &Array2<f32>) -> Filter<f32, Ix2> {
    let filter = convolver.filter(k).device(Device::Gpu).method(Method::Fft);
    filter.for_shape((shape[0], shape[1])).expect("admissible")
}

/// Every `every`-th case of the table; those with taps on more than three axes are refused by name.
fn over_the_table<A: Value>(every: usize) {
    let Some(convolver) = gpu_with(A::DTYPE) else { return };
    let mut ran = 0;
    for case in table().iter().step_by(every) {
        let subject = case.subject::<A>();
        match subject.filter(convolver, GPU_FFT) {
            Err(Error::Inadmissible { reason, .. }) => {
                let refused = reason.contains("along a third") || reason.contains("spans");
                assert!(refused, "{case:?}: {reason}");
            }
            Err(error) => panic!("{case:?}: {error}"),
            Ok(filter) => {
                ran += 1;
                subject.check_filter(&filter).unwrap_or_else(|e| panic!("{case:?}\n{e}"));
            }
        }
    }
    assert!(ran * every > 2000, "only {ran} cases ran");
}

#[test]
fn f32_over_the_table() {
    over_the_table::<f32>(7);
}

#[test]
fn complex_over_the_table() {
    over_the_table::<Complex<f32>>(31);
}

#[cfg(feature = "f16")]
#[test]
fn half_precision_over_the_table() {
    over_the_table::<convolve::half::f16>(43);
}

/// Kernels on both sides of what one dispatch holds, under every boundary, with odd sizes.
#[test]
fn kernels_of_every_size_under_every_boundary() {
    let Some(convolver) = gpu() else { return };
    let mut seen = [0; 2];
    for (i, (shape, taps)) in [
        ([61, 130], [2, 5]),
        ([70, 45], [9, 9]),
        ([75, 91], [31, 33]),
        ([50, 83], [63, 3]),
        ([21, 40], [66, 65]),
        ([9, 70], [70, 101]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut random = Random::new(i as u64);
        let (x, k) = (random.array::<f32>(&shape), random.array::<f32>(&taps));
        for boundary in EDGES.into_iter().skip(i % 2).step_by(2) {
            let options = with!(Options::default(), boundary: of_type::<f32>(boundary).into());
            let subject = Subject::new(x.clone(), k.clone(), options);
            let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
            seen[usize::from(block(&filter).is_whole())] += 1;
            subject.check_filter(&filter).unwrap_or_else(|e| panic!("{shape:?} {taps:?} {e}"));
        }
    }
    assert!(seen.iter().all(|&n| n >= 6), "{seen:?}");
}

/// The order of frequencies is known in two places: by the transforms, and by the spectrum.
#[test]
fn a_single_tap_moves_samples() {
    let Some(convolver) = gpu() else { return };
    for (shape, taps, at) in [
        ([70, 60], [9, 12], [2, 10]),
        ([1, 3000], [1, 301], [0, 17]),
        ([90, 80], [66, 70], [3, 60]),
    ] {
        let x = Random::new(3).array::<f32>(&shape);
        let mut k = ArrayD::<f32>::zeros(IxDyn(&taps));
        k[IxDyn(&at)] = 2.0;
        let options = with!(Options::default(), boundary: Boundary::Wrap.into());
        let filter = convolver.filter(&k).options(options).device(Device::Gpu);
        let filter = filter.method(Method::Fft).for_shape(x.raw_dim()).expect("admissible");
        let y = filter.apply(&x).expect("runs");
        for (to, y) in y.indexed_iter() {
            let from = |a: usize| {
                let start = (taps[a] - 1) / 2;
                (to[a] + start + shape[a] - at[a]) % shape[a]
            };
            let expected = 2.0 * x[[from(0), from(1)]];
            assert!((y - expected).abs() < 1e-5, "{taps:?} at {to:?}: {y} for {expected}");
        }
    }
}

/// In batches, along lines, with channels, strides and gaps between taps.
#[test]
fn planes_lines_and_channels() {
    let Some(convolver) = gpu() else { return };
    let cases: [(&[usize], &[usize], usize, usize); 8] = [
        (&[9_000], &[301], 1, 1),
        (&[9_000], &[40], 3, 4),
        (&[5, 700], &[1, 51], 1, 1),
        (&[300, 7], &[41, 1], 1, 2),
        (&[3, 50, 61], &[1, 9, 8], 1, 1),
        (&[50, 61, 3], &[9, 8, 1], 1, 1),
        (&[90, 81], &[11, 10], 2, 3),
        (&[30, 40, 2], &[33, 35, 1], 2, 1),
    ];
    for (shape, taps, dilation, stride) in cases {
        let mut random = Random::new(17);
        let (x, k) = (random.array::<f32>(shape), random.array::<f32>(taps));
        let (dilation, stride) = (dilation.into(), stride.into());
        let boundary = Boundary::Mirror.into();
        let options = with!(Options::default(), dilation, stride, boundary);
        let subject = Subject::new(x, k, options);
        subject.check_way(convolver, GPU_FFT).unwrap_or_else(|e| panic!("{shape:?} {e}"));
    }
}

#[test]
fn what_is_not_finite_reaches_its_own_windows_only() {
    let Some(convolver) = gpu() else { return };
    let cases: [(&[usize], &[usize], usize); 3] = [
        (&[9_000], &[33], 4_876),
        (&[90, 110], &[7, 5], 47 * 110 + 50),
        (&[20, 30], &[66, 65], 40),
    ];
    for (shape, taps, at) in cases {
        for bad in [f32::NAN, f32::INFINITY] {
            let mut random = Random::new(5);
            let mut x: ArrayD<f32> = random.array(shape);
            x.as_slice_mut().expect("standard")[at] = bad;
            let mut k: ArrayD<f32> = random.array(taps);
            // 0 * NaN is NaN.
            k.iter_mut().last().into_iter().for_each(|tap| *tap = 0.0);
            let subject = Subject::new(x, k, Options::default());
            subject.check_way(convolver, GPU_FFT).unwrap_or_else(|e| panic!("{shape:?} {bad} {e}"));
        }
    }
    let mut x: ArrayD<Complex<f32>> = Random::new(6).array(&[70, 80]);
    x[[30, 40]].im = f32::NAN;
    let subject = Subject::new(x, Random::new(7).array(&[9, 9]), Options::default());
    subject.check_way(convolver, GPU_FFT).expect("only windows that hold it");
    let options = with!(Options::default(), boundary: Boundary::Constant(f32::NAN).into());
    let (x, k) = (Random::new(8).array(&[40, 50]), Random::new(9).array(&[5, 4]));
    Subject::new(x, k, options).check_way(convolver, GPU_FFT).expect("only at the edges");
}

/// scipy#22390: a transform's error is relative to the largest sample and drowns small outputs.
#[test]
fn quiet_samples_beside_loud_ones_keep_their_digits() {
    let Some(convolver) = gpu() else { return };
    for (shape, taps) in [([100, 140], [9, 9]), ([40, 30], [66, 70])] {
        let mut random = Random::new(13);
        let mut x = random.array::<f32>(&shape);
        let band = |at: usize| [1e6, 1e-6, 0.0, 1.0][at / 10 % 4];
        x.indexed_iter_mut()
            .for_each(|(at, x)| *x = x.abs().max(0.1) * band(at[0]) * band(at[1] + 10));
        let k = random.array::<f32>(&taps).mapv(f32::abs);
        let subject = Subject::new(x.clone(), k, Options::default());
        let y = subject.filter(convolver, GPU_FFT).expect("finite").apply(&x).expect("runs");
        for ((at, &y), &exact) in y.indexed_iter().zip(&subject.exact) {
            let off = (f64::from(y) - exact).abs();
            assert!(off <= 1e-3 * exact, "{taps:?} at {at:?}: {y} for {exact}");
        }
    }
}

#[test]
fn zeros_stay_zeros_and_nothing_becomes_negative() {
    let Some(convolver) = gpu() else { return };
    let mut x = Array2::<f32>::zeros((120, 130));
    x[[60, 30]] = 1e6;
    x[[20, 100]] = 1.0;
    let k = filters::disk::<f32>(9.0).expect("a radius");
    let y = fft(convolver, [120, 130], &k).apply(&x).expect("runs");
    let reach = k.nrows() / 2;
    for ((row, column), &y) in y.indexed_iter() {
        let near = |at: [usize; 2]| row.abs_diff(at[0]) <= reach && column.abs_diff(at[1]) <= reach;
        assert!(y >= 0.0, "{row} {column}: {y}");
        assert!(y == 0.0 || near([60, 30]) || near([20, 100]), "{row} {column}: {y}");
    }
}

/// Samples and taps near both ends of the type.
#[test]
fn any_scale() {
    let Some(convolver) = gpu() else { return };
    for (samples, tap) in
        [(1e30f32, 1e-30f32), (1e-30, 1e30), (3e37, 1e-3), (1e-37, 1.0), (1.0, 1e35)]
    {
        for taps in [[7, 6], [66, 65]] {
            let mut random = Random::new(19);
            let x = random.array::<f32>(&[50, 60]).mapv(|x| x * samples);
            let k = random.array::<f32>(&taps).mapv(|k| k * tap);
            let checked = Subject::new(x, k, Options::default()).check_way(convolver, GPU_FFT);
            checked.unwrap_or_else(|e| panic!("{samples:e} {tap:e} {taps:?} {e}"));
        }
    }
}

/// Kernels whose spectrum is made on the device, in batches and channels, with strides and gaps; some of what they
/// meet is quiet enough to drown.
fn in_several_passes<A: Value + std::ops::Mul<f32, Output = A>>() {
    let Some(convolver) = gpu_with(A::DTYPE) else { return };
    let cases: [(&[usize], &[usize], usize, usize); 4] = [
        (&[70, 80], &[66, 65], 1, 1),
        (&[75, 90], &[23, 25], 3, 2),
        (&[40, 50, 3], &[33, 35, 1], 2, 1),
        (&[3, 50, 90], &[1, 66, 70], 1, 1),
    ];
    for (shape, taps, dilation, stride) in cases {
        let mut random = Random::new(41);
        let (mut x, k) = (random.array::<A>(shape), random.array::<A>(taps));
        // The first axis that the kernel moves along.
        let row = usize::from(taps[0] == 1);
        x.indexed_iter_mut().for_each(|(at, x)| *x = *x * if at[row] < 9 { 1e-7 } else { 1.0 });
        let (dilation, stride) = (dilation.into(), stride.into());
        let options = with!(Options::default(), dilation, stride);
        let subject = Subject::new(x, k, options);
        let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
        assert!(!block(&filter).is_whole(), "{taps:?}: one dispatch");
        subject.check_filter(&filter).unwrap_or_else(|e| panic!("{shape:?} {taps:?} {e}"));
    }
}

#[test]
fn spectra_of_real_kernels_are_made_on_the_device() {
    in_several_passes::<f32>();
}

#[test]
fn spectra_of_complex_kernels_are_made_on_the_device() {
    in_several_passes::<Complex<f32>>();
}

/// Many small taps of one sign make a loud spectrum: the errors of what is loud drown what is quiet, though no tap is large.
fn many_small_taps<A: Value + std::ops::Mul<f32, Output = A>>(positive: impl Fn(A) -> A) {
    let Some(convolver) = gpu_with(A::DTYPE) else { return };
    let mut random = Random::new(43);
    let (x, k) = (random.array::<A>(&[170, 90]), random.array::<A>(&[66, 65]));
    let (mut x, k) = (x.mapv(&positive), k.mapv(&positive));
    // Windows that are quiet, in blocks that are not.
    x.indexed_iter_mut().for_each(|(at, x)| *x = *x * if at[0] < 100 { 1e-5 } else { 1.0 });
    let subject = Subject::new(x, k, with!(Options::default(), mode: Mode::Valid));
    let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
    assert!(!block(&filter).is_whole(), "one dispatch");
    subject.check_filter(&filter).expect("quiet outputs are summed");
}

#[test]
fn loud_spectra_of_real_kernels_drown_nothing() {
    many_small_taps(f32::abs);
}

#[test]
fn loud_spectra_of_complex_kernels_drown_nothing() {
    many_small_taps(|z: Complex<f32>| Complex::new(z.re.abs(), z.im.abs()));
}

/// Invocations whose outputs are all doubted, under more taps than software adapters have rounds for in one.
#[test]
fn doubts_of_whole_blocks_are_summed_to_the_end() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(47);
    for taps in [[48, 48], [66, 65]] {
        let (mut x, k) = (random.array::<f32>(&[70, 60]), random.array::<f32>(&taps));
        x[[50, 50]] = f32::NAN;
        x[[3, 4]] = f32::INFINITY;
        let subject = Subject::new(x, k, with!(Options::default(), mode: Mode::Full));
        let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{taps:?}: {error}"));
    }
}

/// A result that has become infinite is no more right for being large.
#[test]
fn samples_at_the_end_of_the_type_stay_what_they_are() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(23);
    let x = Array2::from_shape_simple_fn((64, 64), || {
        if random.below(2) == 0 { f32::MAX } else { -f32::MAX }
    });
    let mut k = Array2::<f32>::zeros((9, 9));
    k[[4, 4]] = 1.0;
    let y = fft(convolver, [64, 64], &k).apply(&x).expect("runs");
    assert!(y.iter().zip(&x).all(|(y, x)| (y / x - 1.0).abs() < 1e-5));
}

/// One long sum of so many equal taps would be off by more. Software adapters end loops, so that workgroups share the
/// outputs of an invocation, and under the larger kernel the invocations of another.
#[test]
fn second_looks_at_large_windows_keep_their_digits() {
    let Some(convolver) = gpu() else { return };
    for side in [241, 451] {
        let k = Array2::<f32>::from_elem((side, side), 1.0 / (side * side) as f32);
        let mut x = Array2::<f32>::from_elem((side + 4, side + 9), 0.1);
        // In the window of the first output alone, and loud enough to drown all others.
        x[[0, 0]] = 1e9;
        let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft).mode(Mode::Valid);
        let y = filter.for_shape(x.dim()).expect("admissible").apply(&x).expect("runs");
        for (at, &y) in y.indexed_iter().filter(|(at, _)| *at != (0, 0)) {
            assert!((y / 0.1 - 1.0).abs() < 1e-5, "{side}, {at:?}: {y}");
        }
    }
}

#[test]
fn small_limits_have_small_blocks() {
    for narrow in [
        |_: &mut convolve::plan::GpuCapabilities| {},
        |gpu: &mut convolve::plan::GpuCapabilities| gpu.max_invocations = 64,
        |gpu: &mut convolve::plan::GpuCapabilities| gpu.max_binding = 1 << 19,
    ] {
        let Some((device, queue)) = own_device(Default::default()) else { return };
        let builder = narrowed(Convolver::builder(), narrow);
        let convolver = builder.build_with_device(device, queue).expect("it has compute shaders");
        for taps in [[9, 10], [66, 70]] {
            let mut random = Random::new(23);
            let (x, k) = (random.array::<f32>(&[150, 130]), random.array::<f32>(&taps));
            let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft);
            let filter = filter.check(Check::Sampled(100)).for_shape(x.raw_dim());
            let filter = filter.expect("admissible");
            filter.apply(&x).unwrap_or_else(|e| panic!("{taps:?} {e}\n{}", filter.plan()));
        }
    }
}

/// Shaders that check every index give the same bits: no index was out of bounds.
#[test]
fn checked_shaders_give_the_same() {
    let Some(convolver) = gpu() else { return };
    let checked = Convolver::builder().calibrated(false).checked_shaders(true).build();
    for (shape, taps) in [([75, 90], [9, 10]), ([40, 50], [66, 65])] {
        let mut random = Random::new(37);
        let mut x = random.array::<f32>(&shape);
        // Some of it is summed up again.
        x.indexed_iter_mut().for_each(|(at, x)| *x *= if at[0] < 20 { 1e-7 } else { 1.0 });
        let k = random.array::<f32>(&taps);
        let run = |convolver: &Convolver| {
            let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft);
            filter.for_shape(x.raw_dim()).expect("admissible").apply(&x).expect("runs")
        };
        assert_eq!(run(&checked), run(convolver), "{taps:?}");
    }
}

/// Arrays that stay, frames, and what all methods say of each other.
#[test]
fn everywhere_that_other_methods_are() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(29);
    for taps in [[9, 10], [66, 65]] {
        let x = random.array::<f32>(&[75, 90]).into_dimensionality::<Ix2>().expect("two axes");
        let k = random.array::<f32>(&taps).into_dimensionality::<Ix2>().expect("two axes");
        let filter = fft(convolver, [75, 90], &k);
        let expected = filter.apply(&x).expect("runs");
        let gpu = convolver.gpu().expect("a GPU");
        let y = filter.apply_gpu(&gpu.upload(&x).expect("uploads")).expect("runs");
        assert_eq!(y.download().expect("downloads"), expected);
        assert_verified(&filter, &x);
        let words = filter.plan().to_string();
        assert!(words.contains("gpu fft") && words.contains("blocks of"), "{words}");
        // Levels are stored as they are, and widened by the shaders.
        let frame = x.mapv(|x| (x.abs() * 200.0) as u8);
        let mut stream = filter.stream_of::<u8>();
        assert!(stream.push(&frame).expect("runs").is_none(), "it is on its way");
        let y = stream.pop().expect("runs").expect("one frame");
        let wide = filter.apply(&frame.mapv(f32::from)).expect("runs");
        for (y, wide) in y.iter().zip(&wide) {
            let level = wide.round().clamp(0.0, 255.0);
            assert!((f32::from(*y) - level).abs() <= 1.0, "{y} for {wide}");
        }
    }
    let line = Array1::from_iter((0..5000).map(|i| (i * 37 % 101) as f32));
    let k = Array1::from_iter((0..101).map(|i| (i * 7 % 13) as f32));
    let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft).mode(Mode::Full);
    assert_verified(&filter.for_shape(line.raw_dim()).expect("admissible"), &line);
}
