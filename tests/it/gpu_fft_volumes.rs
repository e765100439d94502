//! Kernels with taps along three axes in the GPU's transforms, which join two of them and add up along the outermost one.

use convolve::{Boundary, Convolver, Device, Filter, Method, Mode, Options, PerAxis};
use ndarray::{Array3, ArrayD, Axis, IxDyn};
use num_complex::Complex;

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

/// A filter for a subject, which adds up slabs.
fn in_slabs<A: Value>(subject: &Subject<A>, convolver: &Convolver) -> Filter<A, IxDyn> {
    let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
    assert!(filter.plan().to_string().contains("; then sums of "), "{}", filter.plan());
    filter
}

fn check<A: Value>(x: ArrayD<A>, k: ArrayD<A>, options: Options<A>) {
    let Some(convolver) = gpu_with(A::DTYPE) else { return };
    let about = format!("{:?} under {:?}", x.shape(), k.shape());
    let subject = Subject::new(x, k, options);
    let filter = in_slabs(&subject, convolver);
    subject.check_filter(&filter).unwrap_or_else(|error| panic!("{about}: {error}"));
}

#[test]
fn kernels_of_many_sizes() {
    let cases: [([usize; 3], [usize; 3], Mode); 8] = [
        ([5, 20, 30], [3, 3, 3], Mode::Same),
        ([7, 33, 41], [5, 17, 17], Mode::Same),
        ([11, 50, 61], [9, 40, 40], Mode::Valid),
        // Several blocks, and odd counts of them.
        ([4, 140, 150], [2, 5, 4], Mode::Same),
        ([3, 21, 300], [3, 2, 90], Mode::Same),
        ([9, 2, 40], [4, 2, 9], Mode::Full),
        ([1, 30, 20], [3, 4, 5], Mode::Full),
        ([40, 9, 10], [17, 3, 2], Mode::Same),
    ];
    for (i, (shape, taps, mode)) in cases.into_iter().enumerate() {
        let mut random = Random::new(i as u64);
        let (x, k) = (random.array::<f32>(&shape), random.array(&taps));
        check(x, k, with!(Options::default(), mode));
    }
}

/// Along the outermost axis, where some reach farther than it is long, with other values outside of the others.
#[test]
fn every_boundary_along_the_outermost_axis() {
    for (i, boundary) in EDGES.into_iter().enumerate() {
        for (deep, taps) in [(6, 4), (2, 7)] {
            let mut random = Random::new(i as u64);
            let (x, k) = (random.array::<f32>(&[deep, 12, 13]), random.array(&[taps, 4, 3]));
            let each = vec![boundary, Boundary::Constant(2), EDGES[(i + 1) % 6]];
            let each = each.into_iter().map(of_type::<f32>).collect();
            check(x, k, with!(Options::default(), boundary: PerAxis::Each(each)));
        }
    }
}

fn strides_and_gaps<A: Value>() {
    for (shape, taps, stride, dilation) in [
        (vec![12, 20, 31], vec![3, 4, 5], [2, 1, 1], [1, 1, 1]),
        (vec![13, 20, 31], vec![3, 4, 5], [3, 2, 4], [2, 3, 1]),
        (vec![9, 22, 24], vec![3, 5, 4], [1, 2, 1], [4, 1, 5]),
    ] {
        let mut random = Random::new(taps[2] as u64);
        let (x, k) = (random.array::<A>(&shape), random.array(&taps));
        let [stride, dilation] = [stride, dilation].map(|of| PerAxis::Each(of.to_vec()));
        let boundary = Boundary::Mirror.into();
        check(x, k, with!(Options::default(), stride, dilation, boundary));
    }
}

#[test]
fn strides_and_gaps_of_real_samples() {
    strides_and_gaps::<f32>();
}

#[test]
fn strides_and_gaps_of_complex_samples() {
    strides_and_gaps::<Complex<f32>>();
}

/// Volumes side by side, and channels along each of the axes.
#[test]
fn batches_and_channels() {
    let cases: [(&[usize], &[usize]); 4] = [
        (&[3, 7, 20, 21], &[1, 3, 4, 5]),
        (&[7, 3, 20, 21], &[3, 1, 4, 5]),
        (&[7, 20, 3, 21], &[3, 4, 1, 5]),
        (&[7, 20, 21, 3], &[3, 4, 5, 1]),
    ];
    for (i, (shape, taps)) in cases.into_iter().enumerate() {
        let mut random = Random::new(i as u64);
        let boundary = of_type::<f32>(EDGES[i + 1]).into();
        let (x, k) = (random.array::<f32>(shape), random.array(taps));
        check(x, k, with!(Options::default(), boundary));
    }
}

/// The order of slabs and of frequencies is known in two places: by the passes over samples, and by the spectrum.
#[test]
fn a_single_tap_moves_samples() {
    let Some(convolver) = gpu() else { return };
    let (shape, taps, at) = ([9, 20, 30], [5, 4, 6], [3, 1, 4]);
    let x = Random::new(3).array::<f32>(&shape);
    let mut k = ArrayD::<f32>::zeros(IxDyn(&taps));
    k[IxDyn(&at)] = 2.0;
    let options = with!(Options::default(), boundary: Boundary::Wrap.into());
    let subject = Subject::new(x, k, options);
    let y = in_slabs(&subject, convolver).apply(&subject.x).expect("runs");
    for (to, y) in y.indexed_iter() {
        let from = [0, 1, 2].map(|a| (to[a] + (taps[a] - 1) / 2 + shape[a] - at[a]) % shape[a]);
        let expected = 2.0 * subject.x[IxDyn(&from)];
        assert!((y - expected).abs() < 1e-5, "{to:?}: {y} for {expected}");
    }
}

#[test]
fn what_is_not_finite_reaches_its_own_windows_only() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut random = Random::new(5);
        let (mut x, mut k) = (random.array::<f32>(&[12, 20, 30]), random.array(&[3, 5, 4]));
        x[IxDyn(&[4, 7, 20])] = bad;
        // 0 * NaN is NaN.
        k[IxDyn(&[1, 2, 3])] = 0.0;
        check(x, k, Options::default());
    }
    let mut random = Random::new(6);
    let (mut x, k) = (random.array::<Complex<f32>>(&[6, 15, 14]), random.array(&[3, 4, 3]));
    x[IxDyn(&[5, 3, 2])].im = f32::NAN;
    check(x, k, Options::default());
    let (x, k) = (random.array::<f32>(&[6, 15, 14]), random.array(&[3, 4, 3]));
    let boundary = Boundary::Constant(f32::NAN).into();
    check(x, k, with!(Options::default(), boundary));
}

/// How a volume's planes are judged: each output by the slabs of its own window.
#[test]
fn quiet_planes_beside_loud_ones_keep_their_digits() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(13);
    let mut x = random.array::<f32>(&[26, 20, 30]);
    let band = |plane: usize| [1.0, 1e6, 1e-6, 1e-30, 0.0][plane / 6];
    x.indexed_iter_mut().for_each(|(at, x)| *x = x.abs().max(0.1) * band(at[0]));
    let k = random.array::<f32>(&[3, 5, 4]).mapv(|tap| tap.abs().max(0.1));
    let subject = Subject::new(x, k, Options::default());
    let y = in_slabs(&subject, convolver).apply(&subject.x).expect("runs");
    for ((at, &y), &exact) in y.indexed_iter().zip(&subject.exact) {
        let off = (f64::from(y) - exact).abs();
        assert!(off <= 1e-3 * exact, "{at:?}: {y} for {exact}");
    }
    // Near both ends of the type, where values must be scaled.
    for (samples, tap) in [(1e30, 1e-30), (3e37, 1e-3), (1e-37, 1.0), (1.0, 1e35)] {
        let mut random = Random::new(19);
        let x = random.array::<f32>(&[7, 12, 13]).mapv(|x| x * samples);
        let k = random.array::<f32>(&[3, 4, 5]).mapv(|k| k * tap);
        check(x, k, Options::default());
    }
}

/// Loud samples under taps of zero, in the slab next to that of the large taps: no tap shows that a window is loud.
#[test]
fn taps_are_looked_at_in_their_own_slabs() {
    let Some(convolver) = gpu() else { return };
    let mut random = Random::new(31);
    let mut x = random.array::<f32>(&[10, 20, 40]).mapv(|x| x.abs().max(0.1));
    for plane in [3, 7] {
        x.index_axis_mut(Axis(0), plane).index_axis_mut(Axis(1), 17).fill(1e7);
    }
    let k = ArrayD::from_shape_fn(IxDyn(&[2, 2, 4]), |at| {
        f32::from(u8::from((at[0] == 0) == (at[2] == 0)))
    });
    let subject = Subject::new(x, k, Options::default());
    let y = in_slabs(&subject, convolver).apply(&subject.x).expect("runs");
    for ((at, &y), &exact) in y.indexed_iter().zip(&subject.exact) {
        let off = (f64::from(y) - exact).abs();
        assert!(off <= 1e-3 * exact, "{at:?}: {y} for {exact}");
    }
}

/// Many small taps of one sign make a loud spectrum: errors drown what is quiet, though no tap is large.
#[test]
fn loud_spectra_drown_nothing() {
    let mut random = Random::new(43);
    let (x, k) = (random.array::<f32>(&[8, 60, 50]), random.array::<f32>(&[5, 20, 20]));
    let (mut x, k) = (x.mapv(f32::abs), k.mapv(f32::abs));
    x.indexed_iter_mut().for_each(|(at, x)| *x *= if at[1] < 30 { 1e-5 } else { 1.0 });
    check(x, k, with!(Options::default(), mode: Mode::Valid));
}

/// Where a loud slab and one with a NaN share a transform with what is quiet: partners are of both halves of a volume.
#[test]
fn partners_know_of_each_other() {
    let mut random = Random::new(17);
    let (mut x, k) = (random.array::<f32>(&[16, 16, 18]), random.array(&[3, 5, 4]));
    x.indexed_iter_mut().for_each(|(at, x)| *x *= if at[0] < 8 { 1e6 } else { 1e-2 });
    x[IxDyn(&[5, 8, 9])] = f32::NAN;
    check(x, k, Options::default());
}

/// Bindings that hold some slabs at a time, and workgroups of a quarter of the invocations.
#[test]
fn small_limits_go_in_parts() {
    let narrow = |gpu: &mut convolve::plan::GpuCapabilities| {
        gpu.max_binding = 3 << 18;
        gpu.max_invocations = 64;
    };
    let Some((device, queue)) = own_device(Default::default()) else { return };
    let builder = narrowed(Convolver::builder(), narrow);
    let convolver = builder.build_with_device(device, queue).expect("it has compute shaders");
    let mut random = Random::new(23);
    let (x, k) = (random.array::<f32>(&[40, 60, 50]), random.array::<f32>(&[3, 4, 5]));
    let options = with!(Options::default(), boundary: Boundary::Wrap.into());
    let subject = Subject::new(x, k, options);
    let filter = in_slabs(&subject, &convolver);
    let words = filter.plan().to_string();
    assert!(words.contains(" ranges: ") || words.contains(" parts: "), "{words}");
    subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
}

/// Slabs of sixteen times what a workgroup holds: eight look at each, and what they find is joined. Planes are zeros,
/// quiet and loud by halves, and one has a NaN.
#[test]
fn what_several_workgroups_find_of_a_slab_is_joined() {
    if gpu().is_none() {
        return;
    }
    let small = narrowed(Convolver::builder(), |gpu| gpu.max_invocations = 16).build();
    let mut random = Random::new(53);
    let mut x = random.array::<f32>(&[12, 44, 50]).mapv(|x| x.abs().max(0.1));
    x.indexed_iter_mut().for_each(|(at, x)| {
        let halves = [[1.0, 1e-7], [1e-7, 1e6], [0.0, 1.0]][at[0] / 4];
        *x *= halves[usize::from(at[1] >= 24)];
    });
    x[IxDyn(&[10, 40, 9])] = f32::NAN;
    let k = random.array::<f32>(&[3, 5, 4]).mapv(|tap| tap.abs().max(0.1));
    let subject = Subject::new(x, k, Options::default());
    let filter = in_slabs(&subject, &small);
    subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
    let y = filter.apply(&subject.x).expect("runs");
    for ((at, &y), &exact) in y.indexed_iter().zip(&subject.exact) {
        let off = (f64::from(y) - exact).abs();
        assert!(exact.is_nan() || off <= 1e-3 * exact, "{at:?}: {y} for {exact}");
    }
}

/// Shaders that check every index give the same bits, and a filter is what others say that it is.
#[test]
fn checked_shaders_and_other_methods_agree() {
    let Some(convolver) = gpu() else { return };
    let checked = Convolver::builder().calibrated(false).checked_shaders(true).build();
    let mut random = Random::new(37);
    let mut x = Array3::<f32>::from_shape_simple_fn((10, 20, 24), || random.unit() as f32);
    // Some of it is summed up again.
    x.indexed_iter_mut().for_each(|(at, x)| *x *= if at.1 < 9 { 1e-7 } else { 1.0 });
    let k = Array3::<f32>::from_shape_simple_fn((4, 5, 3), || random.unit() as f32);
    let filter = |convolver: &Convolver| {
        let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft);
        filter.for_shape(x.dim()).expect("admissible")
    };
    let [one, other] =
        [convolver, &checked].map(|convolver| filter(convolver).apply(&x).expect("runs"));
    assert_eq!(one, other);
    assert_verified(&filter(convolver), &x);
}
