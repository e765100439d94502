//! Smooth kernels on coarser grids, within a tolerance.

use convolve::low_level::CoarseGrid;
use convolve::plan::{Recipe, Verdict};
use convolve::{
    Boundary, Convolver, Element, Error, Filter, Method, Mode, Options, Plan, Tolerance, filters,
};
use ndarray::{Array1, Array2, ArrayD, Dimension, IxDyn};

use crate::common::cases::{EDGES, of_type};
use crate::common::with;
use crate::common::*;

mod plans;

fn cpu(threads: usize) -> Convolver {
    Convolver::builder().gpu(false).calibrated(false).threads(threads).build()
}

/// A Gaussian that is cut at so many sigma, and adds up to one.
fn gaussian(sigma: f64, cut: f64) -> Vec<f64> {
    let radius = (cut * sigma + 0.5) as i32;
    let taps: Vec<f64> =
        (-radius..=radius).map(|i| (-0.5 * (f64::from(i) / sigma).powi(2)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    taps.iter().map(|tap| tap / sum).collect()
}

/// An outer product of these.
fn product<A: Element>(factors: &[Vec<f64>]) -> ArrayD<A> {
    let shape: Vec<usize> = factors.iter().map(Vec::len).collect();
    ArrayD::from_shape_fn(shape, |at| {
        let tap: f64 = factors.iter().enumerate().map(|(axis, taps)| taps[at[axis]]).product();
        A::from_complex(tap.into())
    })
}

/// Which grid a plan runs over.
fn grid(plan: &Plan) -> &CoarseGrid {
    match plan.chosen().admitted() {
        Some((Recipe::CpuCoarse { grid, .. }, _)) => grid,
        _ => panic!("{plan}"),
    }
}

/// A filter on a coarser grid.
fn coarse<A: Value>(
    kernel: &ArrayD<A>,
    options: Options<A>,
    tolerance: f64,
    shape: &[usize],
) -> Filter<A, IxDyn> {
    let builder = cpu(2).filter(kernel).options(options).method(Method::Coarse);
    let builder = builder.tolerance(Tolerance::Relative(tolerance));
    builder.for_shape(IxDyn(shape)).unwrap_or_else(|error| panic!("{shape:?}: {error}"))
}

fn stays_within<A: Value>(shapes: &[(&[usize], &[f64])], cut: f64, tolerance: f64) {
    let mut random = Random::new(3);
    for (i, &(shape, sigmas)) in shapes.iter().enumerate() {
        let factors: Vec<Vec<f64>> = sigmas
            .iter()
            .map(|&sigma| if sigma > 0.0 { gaussian(sigma, cut) } else { vec![1.0] })
            .collect();
        let kernel = product::<A>(&factors);
        // Every mode with every boundary, and with every shape: half of the boundaries of each, by turns.
        for (j, boundary) in EDGES.into_iter().enumerate().skip(i % 2).step_by(2) {
            let mode = [Mode::Same, Mode::Full, Mode::Valid][(i + j) % 3];
            let mut options =
                with!(Options::default(), boundary: of_type::<A>(boundary).into(), mode);
            if mode == Mode::Same {
                options.origin =
                    factors.iter().map(|taps| taps.len() as isize / 5).collect::<Vec<_>>().into();
            }
            let filter = coarse(&kernel, options, tolerance, shape);
            assert!(grid(filter.plan()).error <= tolerance, "{}", filter.plan());
            assert_verified(&filter, &random.array::<A>(shape));
        }
    }
}

#[test]
fn every_boundary_and_mode_stays_within_what_was_proved() {
    let shapes: &[(&[usize], &[f64])] = &[
        (&[400], &[9.0]),
        (&[140], &[7.0]),
        (&[150, 3], &[8.0, 0.0]),
        (&[5, 170], &[0.0, 8.0]),
        (&[90, 110], &[5.0, 6.0]),
        (&[75, 80, 3], &[5.0, 5.0, 0.0]),
        (&[4, 80, 70], &[0.0, 5.0, 5.0]),
    ];
    stays_within::<f32>(shapes, 4.0, 5e-3);
    stays_within::<f64>(&shapes[1..5], 6.0, 1e-4);
    // Three axes, and taps between them and before them that stay what they are.
    let shapes: &[(&[usize], &[f64])] =
        &[(&[34, 31, 35], &[3.0, 3.0, 3.0]), (&[9, 38, 40], &[1.0, 3.0, 3.0])];
    stays_within::<f32>(shapes, 4.0, 1e-2);
}

#[test]
fn axes_that_are_short_or_not_smooth_stay_what_they_are() {
    let smooth = gaussian(8.0, 4.0);
    let rough = vec![0.5, -0.25, 0.75];
    for (factors, shape, factor) in [
        (vec![smooth.clone(), rough.clone()], vec![200, 40], [true, false]),
        (vec![rough, smooth.clone()], vec![40, 200], [false, true]),
        (vec![smooth.clone(), smooth.clone()], vec![150, 5], [true, false]),
        (vec![smooth.clone(), smooth], vec![5, 150], [false, true]),
    ] {
        let kernel = product::<f32>(&factors);
        let options = with!(Options::default(), boundary: Boundary::Constant(2.0).into());
        let filter = coarse(&kernel, options, 1e-2, &shape);
        let found: Vec<bool> = grid(filter.plan()).axes.iter().map(Option::is_some).collect();
        assert_eq!(found, factor, "{}", filter.plan());
        assert_verified(&filter, &Random::new(9).array::<f32>(&shape));
    }
}

/// What an output is off by for its worst input, which is its taps' signs, is what was proved.
#[test]
fn the_worst_input_attains_what_was_proved() {
    for (taps, tolerance) in [
        (gaussian(8.0, 4.0), 2e-3),
        (gaussian(6.0, 6.0), 1e-4),
        // Neither symmetric nor of one sign, and an even number of them.
        (
            (0..90)
                .map(|i| {
                    f64::from(i).powi(3) * (-f64::from(i) / 8.0).exp() * (f64::from(i) / 16.0).cos()
                })
                .collect(),
            0.05,
        ),
    ] {
        let n = 3 * taps.len();
        let kernel = product::<f64>(std::slice::from_ref(&taps));
        let filter = coarse(&kernel, Options::default(), tolerance, &[n]);
        let grid = grid(filter.plan());
        let design = grid.axes[0].as_deref().expect("coarse");
        let direct =
            cpu(1).filter(&kernel).method(Method::Direct).for_shape(IxDyn(&[n])).expect("any");
        // What each sample adds to each output of a period, and is off by.
        let middle = n / 2 / design.factor * design.factor;
        let mut off = vec![vec![0.0; n]; design.factor];
        for i in 0..n {
            let mut x = ArrayD::zeros(IxDyn(&[n]));
            x[i] = 1.0;
            let [y, exact] = [&filter, &direct].map(|filter| filter.apply(&x).expect("runs"));
            for (p, off) in off.iter_mut().enumerate() {
                off[i] = y[middle + p] - exact[middle + p];
            }
        }
        let sum: f64 = taps.iter().map(|tap| tap.abs()).sum();
        let errors = off.iter().map(|off| off.iter().map(|off| off.abs()).sum::<f64>());
        let (worst, error) = errors.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).expect("phases");
        assert!((error / sum - grid.error).abs() < 1e-9, "{error} {}", filter.plan());
        let x = Array1::from_iter(off[worst].iter().map(|off| off.signum())).into_dyn();
        let [y, exact] =
            [&filter, &direct].map(|filter| filter.apply(&x).expect("runs")[middle + worst]);
        assert!((y - exact - error).abs() < 1e-9, "{y} {exact} {error}");
    }
}

#[test]
fn what_is_not_finite_is_what_the_definition_gives() {
    let kernel = product::<f32>(&[gaussian(6.0, 4.0), gaussian(5.0, 4.0)]);
    let shape = [120, 130];
    let clean = Random::new(4).array::<f32>(&shape);
    let bad = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -3e38];
    for (i, boundary) in EDGES.into_iter().enumerate() {
        let options = with!(Options::default(), boundary: of_type::<f32>(boundary).into());
        let direct = cpu(2).filter(&kernel).options(options.clone()).method(Method::Direct);
        let direct = direct.for_shape(IxDyn(&shape)).expect("any");
        let filter = coarse(&kernel, options, 5e-3, &shape);
        for value in bad {
            let mut x = clean.clone();
            x[[(i * 23) % 120, (i * 37 + 1) % 130]] = value;
            let [y, exact] = [&filter, &direct].map(|filter| filter.apply(&x).expect("runs"));
            let largest = if value.is_finite() { value.abs() } else { 3.0 };
            for (at, &exact) in exact.indexed_iter() {
                let y = y[&at];
                match exact.is_finite() {
                    true => assert!((y - exact).abs() <= 5e-3 * largest, "{at:?} {y} {exact}"),
                    false => {
                        assert!(y == exact || (y.is_nan() && exact.is_nan()), "{at:?} {y} {exact}")
                    }
                }
            }
        }
    }
    // Outside, too.
    let options = with!(Options::default(), boundary: Boundary::Constant(f32::INFINITY).into());
    let y = coarse(&kernel, options, 5e-3, &shape).apply(&clean).expect("runs");
    assert_eq!(y.iter().filter(|y| y.is_finite()).count(), (120 - 48) * (130 - 40));
}

#[test]
fn what_stands_outside_of_axes_that_are_not_coarse_counts() {
    // Taps on the coarse grid have both signs, between which an infinity would be lost.
    let hump: Vec<f64> =
        (-40..=40).map(|i| (1.0 - (f64::from(i) / 41.0).powi(2)).powi(2)).collect();
    let kernel = product::<f32>(&[vec![0.25, 0.5, 0.25], hump]);
    let x = Random::new(9).array::<f32>(&[40, 200]);
    for value in [f32::INFINITY, f32::NAN, 3e38] {
        let boundary = [Boundary::Constant(value), Boundary::Nearest];
        let options = with!(Options::default(), boundary: boundary.into());
        let filter = coarse(&kernel, options.clone(), 8e-3, &[40, 200]);
        let direct = cpu(1).filter(&kernel).options(options).method(Method::Separable);
        let direct = direct.for_shape(IxDyn(&[40, 200])).expect("an outer product");
        let [y, exact] = [&filter, &direct].map(|filter| filter.apply(&x).expect("runs"));
        for (y, exact) in y.iter().zip(&exact) {
            assert!(y == exact || (y.is_nan() && exact.is_nan()), "{value}: {y}, not {exact}");
        }
    }
}

#[test]
fn nothing_is_proved_of_taps_that_are_too_large() {
    let taps = (-48..=48).map(|i| f64::from(i) / 8.0 * (-0.5 * (f64::from(i) / 8.0).powi(2)).exp());
    let kernel = product::<f32>(&[taps.map(|tap| 3e38 * tap).collect()]);
    let builder = cpu(1).filter(&kernel).tolerance(Tolerance::Relative(1e-3));
    let filter = builder.for_shape(IxDyn(&[4000])).expect("the direct method at least");
    let y = filter.apply(&ArrayD::zeros(IxDyn(&[4000]))).expect("runs");
    assert!(y.iter().all(|&y| y == 0.0), "{}", filter.plan());
}

#[test]
fn the_last_samples_of_the_widest_windows_count() {
    // Taps on the coarse grid may reach less far than the kernel: what is not finite there counts.
    for mode in [Mode::Valid, Mode::Same, Mode::Full] {
        let kernel = product::<f64>(&[gaussian(8.0, 6.0)]);
        let options = with!(Options::default(), mode);
        let filter = coarse(&kernel, options.clone(), 5e-3, &[333]);
        let direct = cpu(1).filter(&kernel).options(options).method(Method::Direct);
        let direct = direct.for_shape(IxDyn(&[333])).expect("any");
        for at in [0, 1, 331, 332] {
            let mut x = Random::new(8).array::<f64>(&[333]);
            x[at] = f64::NAN;
            let [y, exact] = [&filter, &direct].map(|filter| filter.apply(&x).expect("runs"));
            let nans = |y: &ArrayD<f64>| y.iter().map(|y| y.is_nan()).collect::<Vec<_>>();
            assert_eq!(nans(&y), nans(&exact), "{mode} {at}");
        }
    }
}

#[cfg(feature = "image")]
#[test]
fn pictures_stay_within_levels() {
    use image::{DynamicImage, ImageBuffer, Luma, Rgb, Rgba};
    let mut random = Random::new(6);
    let mut noise = move |x: u32| {
        (if (x / 40).is_multiple_of(2) { 0.0 } else { 0.7 }) + 0.15 * (random.unit() + 1.0)
    };
    let pictures: Vec<DynamicImage> = vec![
        ImageBuffer::from_fn(200, 150, |x, _| Rgb([(); 3].map(|()| (255.0 * noise(x)) as u8)))
            .into(),
        ImageBuffer::from_fn(200, 150, |x, _| Luma([(65535.0 * noise(x)) as u16])).into(),
        ImageBuffer::from_fn(200, 150, |x, y| {
            let level = (255.0 * noise(x)) as u8;
            Rgba([level, 255 - level, 7, if y < 60 { 255 } else { 128 + level / 4 }])
        })
        .into(),
    ];
    let kernel = filters::gaussian::<f32>(9.0).expect("a blur");
    let boundaries = [Boundary::Mirror, Boundary::Constant(300.0), Boundary::Zero];
    for (i, (picture, levels)) in pictures.iter().zip([0.25, 30.0, 0.25]).enumerate() {
        for boundary in [boundaries[i], boundaries[(i + 1) % 3]] {
            let builder = cpu(2).picture_filter(&kernel).boundary(boundary);
            let exact = builder.clone().method(Method::Separable);
            let exact = exact.for_picture(picture).expect("planned");
            let builder = builder.tolerance(Tolerance::Levels(levels)).method(Method::Coarse);
            let filter = builder.for_picture(picture).expect("within levels");
            let proved = grid(filter.plan()).proved;
            assert!(proved <= levels && proved > 0.0, "{}", filter.plan());
            let [y, exact] =
                [&filter, &exact].map(|filter| filter.apply_unrounded(picture).expect("runs"));
            // Divided by an alpha of a half at least.
            let alpha = if picture.color().has_alpha() { 4.0 } else { 1.0 };
            for (y, exact) in y.iter().zip(&exact) {
                let rounding = 2e-5 * f64::from(exact.abs());
                assert!(f64::from((y - exact).abs()) <= alpha * proved + rounding, "{y} {exact}");
            }
            let mut result = filter.apply(picture).expect("runs");
            filter.apply_into(picture, &mut result).expect("runs");
            let report = filter.verify(picture).expect("runs");
            assert!(report.agrees(), "{report}");
        }
        let linear = cpu(2).picture_filter(&kernel).light(convolve::Light::Linear);
        let plan = linear.tolerance(Tolerance::Levels(12.92 * levels)).method(Method::Coarse);
        let plan = plan.for_picture(picture).expect("within levels");
        assert!(grid(plan.plan()).proved <= levels, "{}", plan.plan());
    }
}

#[test]
fn frames_and_one_thread_give_the_same() {
    let kernel = product::<f32>(&[gaussian(8.0, 4.0), gaussian(8.0, 4.0), vec![1.0]]);
    let shape = IxDyn(&[140, 150, 3]);
    let frame = ArrayD::from_shape_fn(shape.clone(), |at| (at[0] * 7 + at[1] * 31 * at[2]) as u8);
    let mut results = Vec::new();
    for threads in [1, 2, 5] {
        let builder = cpu(threads).filter(&kernel).tolerance(Tolerance::Relative(2e-3));
        let filter = builder.method(Method::Coarse).reproducible(true).for_shape(shape.clone());
        let filter = filter.expect("smooth");
        let wide = filter.apply(&frame.mapv(f32::from)).expect("runs");
        let mut stream = filter.stream_of::<u8>();
        let result = stream.push(&frame).expect("runs").expect("on the CPU");
        assert_eq!(result, wide.mapv(|y| y.round_ties_even() as u8));
        results.push(wide);
    }
    assert!(results.iter().all(|result| *result == results[0]));
}
