//! Symmetric kernels, whose samples are added under equal taps before they are multiplied.

use convolve::low_level::{Order, Passing};
use convolve::plan::{InstructionSet, Recipe};
use convolve::{Boundary, Convolver, Filter, Method, Mode, Options, PerAxis, filters};
use ndarray::{Array1, Array2, ArrayD, Axis, Ix2, IxDyn};

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

mod boxes;

/// Those of this machine, from the narrowest on.
fn sets() -> Vec<InstructionSet> {
    let all = [InstructionSet::Baseline, InstructionSet::Avx2, InstructionSet::Avx512];
    all.into_iter().filter(|&set| set <= InstructionSet::detect()).collect()
}

fn convolver(set: InstructionSet, threads: usize) -> Convolver {
    Convolver::builder().gpu(false).calibrated(false).threads(threads).instructions(set).build()
}

/// Passes that are folded, of those of a filter.
fn folded<A: convolve::Element, D: ndarray::Dimension>(filter: &Filter<A, D>) -> usize {
    let Some((Recipe::CpuSeparable { passes, .. }, _)) = filter.plan().chosen().admitted() else {
        panic!("{}", filter.plan());
    };
    passes.iter().filter(|passing| matches!(passing, Passing::Folded { .. })).count()
}

/// The order of the samples of its last two axes, if they are folded.
fn order<A: convolve::Element, D: ndarray::Dimension>(filter: &Filter<A, D>) -> Option<Order> {
    let Some((Recipe::CpuSeparable { passes, .. }, _)) = filter.plan().chosen().admitted() else {
        panic!("{}", filter.plan());
    };
    passes.iter().find_map(|passing| match passing {
        Passing::Folded { order, .. } => Some(*order),
        _ => None,
    })
}

/// Whether single rows are summed, which then stay in their order under not too many taps.
fn sums_rows(set: InstructionSet) -> bool {
    cfg!(not(target_arch = "aarch64")) && set != InstructionSet::Avx512
}

/// Taps that are the same read backwards, or with the other sign; products of two of them are exact.
fn factor<A: Value>(random: &mut Random, taps: usize, sign: i64) -> Array1<A> {
    let mut factor = Array1::from_shape_simple_fn(taps, || {
        A::from_integer(random.below(30) as i64 - if sign > 0 { 0 } else { 15 })
    });
    for t in 0..taps / 2 {
        factor[taps - 1 - t] = A::default().mul_add(A::from_integer(sign), factor[t]);
    }
    if sign < 0 && taps % 2 == 1 {
        factor[taps / 2] = A::default();
    }
    factor
}

fn product<A: Value>(rows: &Array1<A>, columns: &Array1<A>) -> Array2<A> {
    let at = |(i, j)| A::default().mul_add(rows[i], columns[j]);
    Array2::from_shape_fn((rows.len(), columns.len()), at)
}

/// Direct sums in `f64`, which are the definition's, and those of magnitudes.
fn sums<A: Value + Into<f64>>(
    (x, k, options): (&ArrayD<A>, &ArrayD<A>, &Options<A>),
) -> [ArrayD<f64>; 2] {
    let direct = convolver(InstructionSet::detect(), 2);
    let sums = |of: fn(f64) -> f64| {
        let [x, k] = [x, k].map(|values| values.mapv(|value| of(value.into())));
        let boundary = match &options.boundary {
            PerAxis::All(Boundary::Constant(value)) => Boundary::Constant(of((*value).into())),
            PerAxis::All(Boundary::Zero) => Boundary::Zero,
            PerAxis::All(Boundary::Nearest) => Boundary::Nearest,
            PerAxis::All(Boundary::Reflect) => Boundary::Reflect,
            PerAxis::All(Boundary::Mirror) => Boundary::Mirror,
            PerAxis::All(Boundary::Wrap) => Boundary::Wrap,
            other => panic!("{other:?}"),
        };
        let filter = direct.filter(&k).boundary(boundary).mode(options.mode);
        let filter = filter.dilation(options.dilation.clone()).method(Method::Direct);
        filter.for_shape(x.raw_dim()).and_then(|filter| filter.apply(&x)).expect("direct sums")
    };
    [sums(|value| value), sums(f64::abs)]
}

/// Checks what a filter with so many taps gives against direct sums.
fn check<A: Value + Into<f64>>(
    filter: &Filter<A, IxDyn>,
    x: &ArrayD<A>,
    taps: &[usize],
    [exact, bounds]: &[ArrayD<f64>; 2],
) {
    let y = filter.apply(x).expect("runs");
    assert_eq!(y.shape(), exact.shape());
    // Of passes, and of direct sums that are no more exact.
    let direct = (taps.iter().product::<usize>() as f64).sqrt();
    let roundings = taps.iter().sum::<usize>() as f64 + direct;
    for (at, &y) in y.indexed_iter() {
        let (exact, bound) = (exact[&at], bounds[&at]);
        let error = (y.into() - exact).abs();
        let most = 2.0 * A::DTYPE.epsilon() * roundings * bound;
        assert!(error <= most, "{at:?}: {y:?} for {exact}, off by {error:e} of {most:e}");
    }
}

/// Pictures of some strips and of ragged ones, with channels, dilated, in every mode, by taps of every
/// symmetry and parity. One in `every` of the boundaries, by turns.
fn folds<A: Value + Into<f64>>(sets: &[InstructionSet], every: usize) {
    let mut random = Random::new(11);
    let mut checked = 0;
    for (number, (shape, taps, dilation)) in [
        (vec![44, 530], vec![24, 25], 1),
        (vec![27, 300], vec![25, 22], 1),
        (vec![31, 301, 3], vec![25, 24], 1),
        (vec![32, 140, 4], vec![30, 21], 1),
        (vec![3, 26, 300, 3], vec![3, 24, 25], 1),
        (vec![32, 605, 3], vec![30, 31], 2),
        // Lanes apart, with 16 registers and with 32.
        (vec![16, 500, 3], vec![4, 65], 1),
        (vec![34, 130, 12], vec![65, 8], 1),
    ]
    .into_iter()
    .enumerate()
    {
        let spatial = taps.len();
        for (i, boundary) in EDGES.into_iter().enumerate().skip(number % every).step_by(every) {
            let [vertical, horizontal] = [i, i / 2].map(|i| if i % 2 == 0 { 1 } else { -1 });
            let rows = factor(&mut random, taps[spatial - 2], vertical);
            let columns = factor(&mut random, taps[spatial - 1], horizontal);
            let mut k = product(&rows, &columns).into_dyn();
            if spatial == 3 {
                let depth: ArrayD<A> = random.array(&[taps[0], 1, 1]);
                k = ArrayD::from_shape_fn(taps.clone(), |at| {
                    A::default().mul_add(depth[[at[0], 0, 0]], k[[at[1], at[2]]])
                });
            }
            if shape.len() > spatial {
                k = k.insert_axis(Axis(spatial));
            }
            let third = if shape[0] > 40 { Mode::Valid } else { Mode::Same };
            let mut options = with!(
                Options::default(),
                boundary: of_type::<A>(boundary).into(),
                mode: [Mode::Same, Mode::Full, third][i % 3],
            );
            if dilation > 1 {
                options.dilation = vec![1, dilation, 1].into();
            }
            let x = random.array::<A>(&shape);
            let expected = sums((&x, &k, &options));
            for &set in sets {
                let filter = convolver(set, 1 + i % 2).filter(&k).options(options.clone());
                let filter = filter.method(Method::Separable).for_shape(x.raw_dim());
                let filter = filter.expect("an outer product");
                checked += folded(&filter);
                if set == InstructionSet::Avx512 {
                    let channels = if shape.len() > spatial { shape[spatial] } else { 1 };
                    let expected = match dilation * channels <= 32 / size_of::<A>() {
                        true => Order::Sliding,
                        false => Order::Apart,
                    };
                    assert_eq!(order(&filter), Some(expected), "{}", filter.plan());
                }
                check(&filter, &x, k.shape(), &expected);
            }
        }
    }
    assert_eq!(checked, 8 * 6 / every * sets.len());
}

#[test]
fn folded_passes_are_the_definition() {
    folds::<f32>(&sets(), 1);
}

#[test]
fn folded_passes_are_the_definition_in_double_precision() {
    folds::<f64>(&sets(), 2);
}

#[test]
fn sums_of_symmetric_products_are_folded() {
    let mut random = Random::new(3);
    let wide = filters::gaussian::<f32>(3.0).expect("a sigma");
    let mut k = &wide * -0.5;
    let narrow = filters::gaussian::<f32>(2.0).expect("a sigma");
    let at = (wide.nrows() - narrow.nrows()) / 2;
    let mut middle = k.slice_mut(ndarray::s![at..at + narrow.nrows(), at..at + narrow.ncols()]);
    middle += &narrow;
    let options = with!(Options::default(), boundary: Boundary::Mirror.into());
    let subject = Subject::new(random.array::<f32>(&[20, 300]), k.into_dyn(), options);
    for set in sets() {
        let filter = subject.filter(&convolver(set, 2), CPU_SEPARABLE).expect("some products");
        let Some((Recipe::CpuSeparable { terms, .. }, _)) = filter.plan().chosen().admitted()
        else {
            panic!("{}", filter.plan());
        };
        assert!(*terms > 1 && folded(&filter) == 1, "{set}: {terms} terms");
        subject.check_filter(&filter).unwrap_or_else(|error| panic!("{set}\n{error}"));
    }
}

/// A few taps, down to two, over rows of every width that stretches begin to differ at.
#[test]
fn few_taps_are_folded_over_rows_of_any_width() {
    let mut random = Random::new(17);
    for taps in [[2, 3], [3, 2], [4, 5], [7, 7]] {
        let signs = [1, if taps[1] % 2 == 0 { -1 } else { 1 }];
        let [rows, columns] =
            [0, 1].map(|axis| factor::<f32>(&mut random, taps[axis], signs[axis]));
        let k = product(&rows, &columns).into_dyn();
        for width in (64..76).chain([95, 96, 97, 127, 129, 260]) {
            for (i, boundary) in EDGES.into_iter().enumerate() {
                let options = with!(Options::default(), boundary: of_type::<f32>(boundary).into());
                let x = random.array::<f32>(&[9 + i, width]);
                let expected = sums((&x, &k, &options));
                for set in sets().into_iter().filter(|&set| sums_rows(set)) {
                    let filter = convolver(set, 1).filter(&k).options(options.clone());
                    let filter = filter.method(Method::Separable).for_shape(x.raw_dim());
                    let filter = filter.expect("an outer product");
                    assert_eq!(folded(&filter), 1, "{set} {taps:?} {width}");
                    check(&filter, &x, k.shape(), &expected);
                }
            }
        }
    }
}

/// Rows that samples slide along, down to two taps, at every width that strips begin to differ at and with any number
/// of samples from tap to tap.
fn slides<A: Value + Into<f64>>(lanes: usize) {
    let mut random = Random::new(23);
    let set = InstructionSet::detect();
    if set != InstructionSet::Avx512 {
        return;
    }
    let mut slid = 0;
    for (number, taps) in [[20, 2], [19, 3], [16, 4], [13, 7], [15, 8], [5, 16]].iter().enumerate()
    {
        let sign = |axis: usize| if (number + axis).is_multiple_of(2) { 1 } else { -1 };
        let [rows, columns] = [0, 1].map(|axis| factor::<A>(&mut random, taps[axis], sign(axis)));
        let k = product(&rows, &columns);
        for (turn, width) in (64..=80_usize).step_by(3).chain([95, 97, 111, 129, 300]).enumerate() {
            for step in [1, 2, 3, lanes / 2] {
                let i = (turn + number + step) % EDGES.len();
                let options = with!(
                    Options::default(),
                    boundary: of_type::<A>(EDGES[i]).into(),
                    mode: [Mode::Same, Mode::Full][turn % 2],
                );
                let shape = [22, width.div_ceil(step), step];
                let x = random.array::<A>(&shape);
                let k = k.clone().insert_axis(Axis(2)).into_dyn();
                let expected = sums((&x, &k, &options));
                let filter = convolver(set, 1 + i % 2).filter(&k).options(options);
                let filter = filter.method(Method::Separable).for_shape(x.raw_dim());
                let filter = filter.expect("an outer product");
                slid += usize::from(order(&filter) == Some(Order::Sliding));
                check(&filter, &x, k.shape(), &expected);
            }
        }
    }
    // But for widths of which two strips would compute too much twice.
    assert!(slid > 180, "{slid}");
}

#[test]
fn samples_slide_along_rows_of_any_width() {
    slides::<f32>(16);
    slides::<f64>(8);
}

fn gaussian(convolver: &Convolver, method: Method) -> Filter<f32, Ix2> {
    let kernel = filters::gaussian::<f32>(6.0).expect("a sigma");
    let filter = convolver.filter(&kernel).boundary(Boundary::Nearest).method(method);
    filter.for_shape((90, 512)).expect("admissible")
}

/// A constant outside may be as large as a sample.
#[test]
fn constants_too_large_to_be_added_are_averaged() {
    let kernel = filters::gaussian::<f32>(6.0).expect("a sigma");
    let x = Array2::<f32>::zeros((90, 512));
    for set in sets() {
        let blurred = |method| {
            let filter = convolver(set, 2).filter(&kernel).boundary(Boundary::Constant(3e38));
            let filter = filter.method(method).for_shape(x.dim()).expect("admissible");
            assert!(method == Method::Direct || folded(&filter) == 1, "{set}");
            filter.apply(&x).expect("runs")
        };
        let (y, expected) = (blurred(Method::Separable), blurred(Method::Direct));
        for (at, &expected) in expected.indexed_iter() {
            let error = (y[at] - expected).abs();
            assert!(error <= 1e-4 * 3e38, "{set} {at:?}: {} for {expected}", y[at]);
        }
    }
}

/// Two samples of this size have no sum, and an average all the same.
#[test]
fn samples_too_large_to_be_added_are_averaged() {
    for set in sets() {
        let convolver = convolver(set, 2);
        let [folds, direct] =
            [Method::Separable, Method::Direct].map(|method| gaussian(&convolver, method));
        assert_eq!(folded(&folds), 1, "{set}");
        let mut x = Array2::<f32>::from_elem((90, 512), 3e38);
        let y = folds.apply(&x).expect("runs");
        assert!(y.iter().all(|&y| (y / 3e38 - 1.0).abs() < 1e-4), "{set}: {y}");
        // Beside what is no number, which stays in its windows.
        x[[40, 100]] = f32::NAN;
        x[[10, 400]] = f32::INFINITY;
        let (y, expected) = (folds.apply(&x).expect("runs"), direct.apply(&x).expect("runs"));
        for (at, &expected) in expected.indexed_iter() {
            let same = y[at] == expected
                || (y[at].is_nan() && expected.is_nan())
                || (y[at] / expected - 1.0).abs() < 1e-4;
            assert!(same, "{set} {at:?}: {} for {expected}", y[at]);
        }
    }
}

/// The same through pixels that are weighed by their alpha as they are read.
#[cfg(feature = "image")]
#[test]
fn pixels_too_large_to_be_added_are_averaged() {
    use image::{DynamicImage, Rgba, Rgba32FImage};
    // Alpha that differs: then pixels are weighed.
    let colour = [3e38f32, 3e37, 1.0];
    let picture = DynamicImage::from(Rgba32FImage::from_fn(300, 90, |x, _| {
        Rgba([colour[0], colour[1], colour[2], 1.0 - (x % 2) as f32 / 8.0])
    }));
    let kernel = filters::gaussian::<f32>(9.0).expect("a sigma");
    for set in sets() {
        let filter = convolver(set, 2).picture_filter(&kernel).boundary(Boundary::Nearest);
        let filter = filter.method(Method::Separable).for_picture(&picture).expect("admissible");
        let blurred = filter.apply(&picture).expect("runs").into_rgba32f();
        for (got, wanted) in blurred.pixels().flat_map(|got| got.0.into_iter().zip(colour)) {
            assert!((got / wanted - 1.0).abs() < 1e-4, "{set}: {got} for {wanted}");
        }
    }
}

/// Zero taps see what is no number, too.
#[test]
fn what_is_not_finite_stays_in_its_windows() {
    let mut random = Random::new(5);
    // The second with lanes apart where samples slide in the first.
    for (shape, taps) in [(vec![40, 300], [25, 23]), (vec![34, 130, 12], [65, 8])] {
        let [rows, columns] = taps.map(|taps| factor::<f32>(&mut random, taps, -1));
        let mut k = product(&rows, &columns).into_dyn();
        let mut x = random.array::<f32>(&shape);
        let len = x.len();
        let all = x.as_slice_mut().expect("one after another");
        all[len * 3 / 4 + 150] = f32::NAN;
        all[len * 19 / 20 + 20] = f32::NEG_INFINITY;
        if shape.len() > 2 {
            k = k.insert_axis(Axis(2));
        }
        let subject = Subject::new(x, k, Options::default());
        for set in sets() {
            let filter = subject.filter(&convolver(set, 1), CPU_SEPARABLE).expect("a product");
            assert_eq!(folded(&filter), 1, "{set}");
            subject.check_filter(&filter).unwrap_or_else(|error| panic!("{set}\n{error}"));
        }
    }
}

#[test]
fn what_is_folded() {
    let shape = |kernel: &Array2<f32>, set, input: &[usize]| {
        let convolver = convolver(set, 2);
        let mut k = kernel.clone().into_dyn();
        while k.ndim() < input.len() {
            k = k.insert_axis(Axis(2));
        }
        let filter = convolver.filter(&k).method(Method::Separable).for_shape(IxDyn(input));
        folded(&filter.expect("admissible")) == 1
    };
    let [narrow, middle, wide] =
        [0.7, 3.0, 9.0].map(|sigma| filters::gaussian::<f32>(sigma).expect("a sigma"));
    let mut lopsided = wide.clone();
    lopsided.row_mut(0).fill(0.0);
    for set in sets() {
        assert!(shape(&wide, set, &[2000, 2000, 3]));
        assert!(shape(&middle, set, &[2000, 2000, 3]));
        assert_eq!(shape(&narrow, set, &[2000, 2000, 3]), sums_rows(set));
        assert!(!shape(&lopsided, set, &[2000, 2000]));
        // Taps that share their vectors make up for what folding gains.
        assert_eq!(shape(&wide, set, &[2000, 2000]), set != InstructionSet::Avx2);
        // No room for a chunk in every lane; with AVX-512 samples slide.
        assert_eq!(shape(&wide, set, &[2000, 120]), set != InstructionSet::Avx2);
    }
}
