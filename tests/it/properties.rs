//! Laws of convolution, on random problems.

use convolve::{Boundary, Mode, Operation, Options, PerAxis};
use ndarray::{ArrayD, Axis, Slice};
use num_complex::Complex;
use proptest::prelude::*;

use crate::common::cases::of_type;
use crate::common::with;
use crate::common::*;

/// One axis: samples, taps, stride, dilation, boundary, and where in its range the origin lies.
type AxisOf = (usize, usize, usize, usize, Boundary<i8>, usize);

fn axis() -> impl Strategy<Value = AxisOf> {
    let boundary = prop_oneof![
        Just(Boundary::Zero),
        (-3i8..4).prop_map(Boundary::Constant),
        Just(Boundary::Nearest),
        Just(Boundary::Reflect),
        Just(Boundary::Mirror),
        Just(Boundary::Wrap),
    ];
    (1usize..12, 1usize..7, 1usize..4, 1usize..4, boundary, 0usize..64)
}

fn axes() -> impl Strategy<Value = Vec<AxisOf>> {
    prop::collection::vec(axis(), 1..=3)
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Full), Just(Mode::Same), Just(Mode::Valid)]
}

fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![Just(Operation::Convolve), Just(Operation::Correlate)]
}

fn shapes(axes: &[AxisOf], mode: Mode) -> (Vec<usize>, Vec<usize>) {
    // For `valid` the input grows to cover the kernel.
    let grow = |&(n, taps, _, dilation, ..): &AxisOf| {
        if mode == Mode::Valid { n + (taps - 1) * dilation } else { n }
    };
    (axes.iter().map(grow).collect(), axes.iter().map(|axis| axis.1).collect())
}

fn options<A: Value>(axes: &[AxisOf], mode: Mode, operation: Operation) -> Options<A> {
    let origin = |&(_, taps, _, dilation, _, place): &AxisOf| {
        let length = (taps - 1) * dilation + 1;
        let centre = ((length - 1) / 2) as isize;
        if mode == Mode::Same { (place % length) as isize - centre } else { 0 }
    };
    with!(
        Options::default(),
        operation,
        mode,
        boundary: PerAxis::Each(axes.iter().map(|axis| of_type(axis.4)).collect()),
        stride: PerAxis::Each(axes.iter().map(|axis| axis.2).collect()),
        dilation: PerAxis::Each(axes.iter().map(|axis| axis.3).collect()),
        origin: PerAxis::Each(axes.iter().map(origin).collect()),
    )
}

fn subject<A: Value>(axes: &[AxisOf], mode: Mode, operation: Operation, seed: u64) -> Subject<A> {
    let mut random = Random::new(seed);
    let (input, kernel) = shapes(axes, mode);
    Subject::new(random.array(&input), random.array(&kernel), options(axes, mode, operation))
}

/// Integers, so that laws hold exactly.
fn apply(x: &ArrayD<i32>, k: &ArrayD<i32>, options: &Options<i32>) -> ArrayD<i32> {
    let filter = convolver().filter(k).options(options.clone()).device(convolve::Device::Cpu);
    filter.for_shape(x.raw_dim()).expect("valid").apply(x).expect("runs")
}

fn full() -> Options<i32> {
    with!(Options::default(), mode: Mode::Full)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(160) })]

    #[test]
    fn direct_and_fft_are_the_definition(
        axes in axes(), mode in modes(), operation in operations(), seed: u64,
    ) {
        let real = subject::<f32>(&axes, mode, operation, seed);
        let complex = subject::<Complex<f64>>(&axes, mode, operation, seed);
        for way in [CPU_DIRECT, CPU_FFT] {
            prop_assert_eq!(real.check_way(convolver(), way), Ok(()));
            prop_assert_eq!(complex.check_way(convolver(), way), Ok(()));
        }
    }

    #[test]
    fn integers_are_exact(axes in axes(), mode in modes(), operation in operations(), seed: u64) {
        let wide = subject::<i64>(&axes, mode, operation, seed);
        prop_assert_eq!(wide.check_way(convolver(), CPU_DIRECT), Ok(()));
        let narrow = subject::<u8>(&axes, mode, operation, seed);
        for way in [CPU_DIRECT, CPU_FFT] {
            prop_assert_eq!(narrow.check_way(convolver(), way), Ok(()));
        }
    }

    #[test]
    fn separable_is_the_definition(
        mut axes in axes(), mode in modes(), operation in operations(), seed: u64,
    ) {
        // At least two long axes and one boundary for all, so that the method is admissible.
        axes.push(axes[0]);
        for axis in &mut axes {
            axis.0 = axis.0.min(7);
            axis.1 = axis.1.clamp(2, 4);
            axis.4 = Boundary::Reflect;
        }
        let (input, kernel) = shapes(&axes, mode);
        let mut random = Random::new(seed);
        let (x, k) = (random.array::<f32>(&input), random.rank_one(&kernel));
        let subject = Subject::new(x, k, options(&axes, mode, operation));
        prop_assert_eq!(subject.check_way(convolver(), CPU_SEPARABLE), Ok(()));
    }

    #[test]
    fn linear(axes in axes(), mode in modes(), seed: u64, factor: i32) {
        let mut zero = axes;
        zero.iter_mut().for_each(|axis| axis.4 = Boundary::Mirror);
        let (input, kernel) = shapes(&zero, mode);
        let options = options(&zero, mode, Operation::Convolve);
        let mut random = Random::new(seed);
        let (a, b, k) = (random.array(&input), random.array(&input), random.array(&kernel));
        let add = |a: &ArrayD<i32>, b: &ArrayD<i32>| {
            ndarray::Zip::from(a).and(b).map_collect(|a, b| a.wrapping_mul(factor).wrapping_add(*b))
        };
        let (ya, yb) = (apply(&a, &k, &options), apply(&b, &k, &options));
        prop_assert_eq!(apply(&add(&a, &b), &k, &options), add(&ya, &yb));
    }

    #[test]
    fn full_commutes(axes in axes(), seed: u64) {
        let (input, kernel) = shapes(&axes, Mode::Full);
        let mut random = Random::new(seed);
        let (x, k) = (random.array(&input), random.array(&kernel));
        prop_assert_eq!(apply(&x, &k, &full()), apply(&k, &x, &full()));
    }

    #[test]
    fn valid_commutes_and_swaps(axes in axes(), seed: u64) {
        let plain: Vec<_> = axes.iter().map(|a| (a.0, a.1, 1, 1, Boundary::Zero, 0)).collect();
        let (input, kernel) = shapes(&plain, Mode::Valid);
        let mut random = Random::new(seed);
        let (x, k) = (random.array(&input), random.array(&kernel));
        let valid = with!(Options::default(), mode: Mode::Valid);
        prop_assert_eq!(apply(&x, &k, &valid), apply(&k, &x, &valid));
    }

    #[test]
    fn a_unit_kernel_changes_nothing_and_a_shifted_one_shifts(n in 1usize..40, taps in 1usize..9, seed: u64) {
        let x = Random::new(seed).array::<i32>(&[n]);
        for place in 0..taps {
            let mut unit = ArrayD::zeros(vec![taps]);
            unit[[place]] = 1;
            let y = apply(&x, &unit, &full());
            prop_assert_eq!(y.slice_axis(Axis(0), (place..place + n).into()), x.view());
            prop_assert_eq!(y.iter().filter(|&&y| y != 0).count(), x.iter().filter(|&&x| x != 0).count());
        }
    }

    #[test]
    fn correlation_is_convolution_with_the_mirrored_conjugate(
        axes in axes(), mode in modes(), seed: u64,
    ) {
        let correlated = subject::<Complex<f64>>(&axes, mode, Operation::Correlate, seed);
        let mut k = correlated.k.clone();
        k.slice_each_axis_inplace(|_| Slice::new(0, None, -1));
        k.mapv_inplace(|k| k.conj());
        let options = options(&axes, mode, Operation::Convolve);
        let convolved = Subject { k, options, ..correlated };
        prop_assert_eq!(convolved.check_way(convolver(), CPU_DIRECT), Ok(()));
    }

    #[test]
    fn a_stride_is_a_slice(axes in axes(), mode in modes(), seed: u64) {
        let (input, kernel) = shapes(&axes, mode);
        let mut random = Random::new(seed);
        let (x, k) = (random.array(&input), random.array(&kernel));
        let strided = options(&axes, mode, Operation::Convolve);
        let mut every = apply(&x, &k, &with!(strided.clone(), stride: 1.into()));
        every.slice_each_axis_inplace(|axis| {
            Slice::new(0, None, axes[axis.axis.index()].2 as isize)
        });
        prop_assert_eq!(apply(&x, &k, &strided), every);
    }

    #[test]
    fn a_dilation_is_zeros_between_taps(axes in axes(), mode in modes(), seed: u64) {
        let (input, kernel) = shapes(&axes, mode);
        let mut random = Random::new(seed);
        let (x, k) = (random.array(&input), random.array::<i32>(&kernel));
        let dilated = options(&axes, mode, Operation::Convolve);
        let lengths: Vec<usize> = axes.iter().map(|axis| (axis.1 - 1) * axis.3 + 1).collect();
        let mut spread = ArrayD::zeros(lengths);
        spread
            .slice_each_axis_mut(|axis| Slice::new(0, None, axes[axis.axis.index()].3 as isize))
            .assign(&k);
        let plain = with!(dilated.clone(), dilation: 1.into());
        prop_assert_eq!(apply(&x, &k, &dilated), apply(&x, &spread, &plain));
    }
}
