//! Transforms of `f64` on the GPU, where an adapter has that: as right as those of `f32`, to nine digits beside what is
//! loud in place of three.
//!
//! Sizes are such that few shaders do: software takes a second to compile one of these.

use convolve::plan::{Gpu, Recipe};
use convolve::{Boundary, Convolver, DType, Device, Error, Filter, Method, Mode, Options, PerAxis};
use ndarray::{ArrayD, Axis, IxDyn};

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

/// Inputs and kernels for blocks of a workgroup, for such in several passes, and for slabs.
const WHOLE: ([usize; 2], [usize; 2]) = ([50, 43], [9, 8]);
const IN_PASSES: ([usize; 2], [usize; 2]) = ([40, 21], [66, 17]);
const SLABS: ([usize; 3], [usize; 3]) = ([7, 21, 20], [3, 5, 4]);

/// The shared convolver, where its GPU transforms `f64` in blocks as large as those of `f32`.
fn doubles() -> Option<&'static Convolver> {
    let convolver = gpu_with(DType::F64)?;
    let Gpu::Present(gpu) = convolver.capabilities().gpu else { return None };
    if gpu.i64 && gpu.max_workgroup_memory >= 32 << 10 && gpu.max_invocations >= 256 {
        return Some(convolver);
    }
    eprintln!("SKIPPED: the GPU has no such integers, or small workgroups");
    None
}

/// What is transformed together: log2 of rows, columns, and the values of a workgroup; and whether it is slabs.
fn block(filter: &Filter<f64, IxDyn>) -> ([u32; 2], u32, bool) {
    match filter.plan().chosen().admitted() {
        Some((Recipe::Gpu(schedule), _)) => {
            let block = schedule.block().expect("it was asked for");
            (block.bits, block.values, block.slabs)
        }
        _ => panic!("{}", filter.plan()),
    }
}

fn check(x: ArrayD<f64>, k: ArrayD<f64>, options: Options<f64>) {
    let Some(convolver) = doubles() else { return };
    let about = format!("{:?} under {:?}", x.shape(), k.shape());
    let subject = Subject::new(x, k, options);
    subject.check_way(convolver, GPU_FFT).unwrap_or_else(|error| panic!("{about}: {error}"));
}

fn random(shape: &[usize], taps: &[usize]) -> (ArrayD<f64>, ArrayD<f64>) {
    let mut random = Random::new(taps.len() as u64);
    (random.array(shape), random.array(taps))
}

/// On both sides of what one dispatch holds, and in volumes, whose planes are added up.
#[test]
fn kernels_of_every_kind_under_every_boundary() {
    let cases: [(&[usize], &[usize]); 3] =
        [(&[33, 51], &[12, 7]), (&IN_PASSES.0, &IN_PASSES.1), (&[5, 12, 13], &[7, 4, 3])];
    for (i, (shape, taps)) in cases.into_iter().enumerate() {
        for boundary in EDGES.into_iter().skip(i % 2).step_by(2) {
            let (x, k) = random(shape, taps);
            check(x, k, with!(Options::default(), boundary: of_type::<f64>(boundary).into()));
        }
    }
}

/// Where workgroups have little memory for values of 16 bytes.
#[test]
fn lines_in_small_blocks() {
    if doubles().is_none() {
        return;
    }
    let small = narrowed(Convolver::builder(), |gpu| gpu.max_workgroup_memory = 2 << 10).build();
    for (shape, taps, boundary) in [
        (&[2_001][..], &[40][..], Boundary::Reflect),
        (&[5, 100], &[1, 39], Boundary::Constant(3.0)),
    ] {
        let (x, k) = random(shape, taps);
        let (dilation, stride) = (3.into(), 4.into());
        let boundary = boundary.into();
        let options = with!(Options::default(), boundary, dilation, stride);
        let subject = Subject::new(x, k, options);
        let filter = subject.filter(&small, GPU_FFT).expect("admissible");
        assert_eq!(block(&filter), ([0, 8], 8, false));
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// An input, a kernel, and dilation and stride.
type Case = (&'static [usize], &'static [usize], [[usize; 3]; 2]);

#[test]
fn strides_gaps_channels_and_batches() {
    let cases: [Case; 5] = [
        (&[40, 41, 3], &[9, 8, 1], [[2, 2, 1], [1, 1, 1]]),
        (&[49, 40, 1], &[5, 4, 1], [[3, 1, 1], [2, 3, 1]]),
        (&[50, 45, 1], &[23, 9, 1], [[3, 2, 1], [2, 1, 1]]),
        (&[2, 40, 25], &[1, 66, 17], [[1, 1, 1], [1, 1, 1]]),
        (&[13, 20, 31], &[3, 4, 5], [[2, 1, 3], [3, 1, 2]]),
    ];
    for (shape, taps, dilation_and_stride) in cases {
        let (x, k) = random(shape, taps);
        let [dilation, stride] = dilation_and_stride.map(|of| PerAxis::Each(of.to_vec()));
        let boundary = Boundary::Mirror.into();
        check(x, k, with!(Options::default(), dilation, stride, boundary));
    }
}

/// The order of frequencies is known to the transforms and to the spectrum, which the host makes or the device.
#[test]
fn a_single_tap_moves_samples() {
    let Some(convolver) = doubles() else { return };
    for ((shape, taps), at, expected) in
        [(WHOLE, [2, 7], ([6, 6], 12, false)), (IN_PASSES, [3, 5], ([7, 6], 12, false))]
    {
        let (x, mut k) = random(&shape, &taps);
        k.fill(0.0);
        k[IxDyn(&at)] = 2.0;
        let options = with!(Options::default(), boundary: Boundary::Wrap.into());
        let subject = Subject::new(x, k, options);
        let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
        assert_eq!(block(&filter), expected);
        let y = filter.apply(&subject.x).expect("runs");
        for (to, y) in y.indexed_iter() {
            let from = [0, 1].map(|a| (to[a] + (taps[a] - 1) / 2 + shape[a] - at[a]) % shape[a]);
            let expected = 2.0 * subject.x[IxDyn(&from)];
            assert!((y - expected).abs() < 1e-14, "{taps:?} at {to:?}: {y} for {expected}");
        }
    }
}

#[test]
fn what_is_not_finite_reaches_its_own_windows_only() {
    let cases: [(&[usize], &[usize]); 3] =
        [(&WHOLE.0, &WHOLE.1), (&IN_PASSES.0, &IN_PASSES.1), (&SLABS.0, &SLABS.1)];
    for (shape, taps) in cases {
        for bad in [f64::NAN, f64::INFINITY] {
            let (mut x, mut k) = random(shape, taps);
            let middle: Vec<usize> = shape.iter().map(|n| n / 2).collect();
            x[IxDyn(&middle)] = bad;
            // 0 * NaN is NaN.
            k.iter_mut().last().into_iter().for_each(|tap| *tap = 0.0);
            check(x, k, Options::default());
        }
    }
}

/// Whether all outputs of what has no signs keep nine digits.
fn keeps_nine_digits(x: ArrayD<f64>, k: ArrayD<f64>, mode: Mode) {
    let Some(convolver) = doubles() else { return };
    let subject = Subject::new(x, k, with!(Options::default(), mode));
    let filter = subject.filter(convolver, GPU_FFT).expect("admissible");
    let y = filter.apply(&subject.x).expect("runs");
    for ((at, &y), &exact) in y.indexed_iter().zip(&subject.exact) {
        let off = (y - exact).abs();
        assert!(off <= 1e-9 * exact, "{:?} at {at:?}: {y} for {exact}", subject.x.shape());
    }
}

#[test]
fn quiet_samples_beside_loud_ones_keep_their_digits() {
    for (shape, taps) in [WHOLE, IN_PASSES] {
        let (mut x, k) = random(&shape, &taps);
        let band = |at: usize| [1e9, 1e-9, 0.0, 1.0][at / 10 % 4];
        x.indexed_iter_mut()
            .for_each(|(at, x)| *x = x.abs().max(0.1) * band(at[0]) * band(at[1] + 10));
        keeps_nine_digits(x, k.mapv(f64::abs), Mode::Same);
    }
    // Many small taps of one sign make a loud spectrum: errors drown what is quiet, though no tap is large.
    let (mut x, k) = random(&[120, 50], &IN_PASSES.1);
    x.indexed_iter_mut().for_each(|(at, x)| *x = x.abs() * if at[0] < 72 { 1e-8 } else { 1.0 });
    keeps_nine_digits(x, k.mapv(f64::abs), Mode::Valid);
    // Planes of a volume are judged each by the slabs of its own window.
    let (mut x, k) = random(&[26, 10, 12], &SLABS.1);
    let of_plane = |plane: usize| [1.0, 1e9, 1e-9, 1e-200, 0.0][plane / 6];
    x.indexed_iter_mut().for_each(|(at, x)| *x = x.abs().max(0.1) * of_plane(at[0]));
    keeps_nine_digits(x, k.mapv(|k| k.abs().max(0.1)), Mode::Same);
}

/// Loud samples under taps of zero, in the slab next to that of the large taps: no tap shows that a window is loud.
#[test]
fn taps_are_looked_at_in_their_own_slabs() {
    let mut x = random(&[10, 20, 40], &[1]).0.mapv(|x| x.abs().max(0.1));
    for plane in [3, 7] {
        x.index_axis_mut(Axis(0), plane).index_axis_mut(Axis(1), 17).fill(1e11);
    }
    let k = ArrayD::from_shape_fn(IxDyn(&[2, 2, 4]), |at| {
        f64::from(u8::from((at[0] == 0) == (at[2] == 0)))
    });
    keeps_nine_digits(x, k, Mode::Same);
}

/// Samples and taps near both ends of the type.
#[test]
fn any_scale() {
    for (samples, tap) in
        [(1e250, 1e-250), (1e-250, 1e250), (1e304, 1e-3), (1e-306, 1.0), (1.0, 1e300)]
    {
        for (shape, taps) in [WHOLE, IN_PASSES] {
            let (x, k) = random(&shape, &taps);
            check(x.mapv(|x| x * samples), k.mapv(|k| k * tap), Options::default());
        }
    }
}

/// Taps whose spectrum has no numbers are summed by other methods.
#[test]
fn taps_that_add_up_to_infinity_are_refused() {
    let Some(convolver) = doubles() else { return };
    for (shape, taps) in [WHOLE, IN_PASSES] {
        let k = random(&shape, &taps).1.mapv(|k| k.signum() * f64::MAX / 64.0);
        let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft);
        match filter.for_shape(&shape[..]) {
            Err(Error::Inadmissible { reason, .. }) => {
                assert!(reason.contains("add up to more"), "{reason}");
            }
            _ => panic!("expected a refusal"),
        }
    }
}

#[test]
fn a_filter_is_what_other_methods_say() {
    let Some(convolver) = doubles() else { return };
    let (x, k) = random(&WHOLE.0, &WHOLE.1);
    let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft);
    assert_verified(&filter.for_shape(x.raw_dim()).expect("admissible"), &x);
}

/// Transforms look at the bits of numbers.
#[test]
fn adapters_without_integers_of_as_many_bits_are_refused() {
    if doubles().is_none() {
        return;
    }
    let convolver = narrowed(Convolver::builder(), |gpu| gpu.i64 = false).build();
    let k = random(&[1], &WHOLE.1).1;
    let filter = convolver.filter(&k).device(Device::Gpu).method(Method::Fft);
    match filter.for_shape(IxDyn(&WHOLE.0)) {
        Err(Error::Inadmissible { reason, .. }) => assert!(reason.contains("64 bits"), "{reason}"),
        _ => panic!("expected a refusal"),
    }
}
