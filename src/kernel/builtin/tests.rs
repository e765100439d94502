//! Built-in kernels against numbers computed by hand or by SciPy.

use super::*;
use crate::error::Result;
use approx::assert_abs_diff_eq;
use ndarray::{Array2, ArrayD, Axis, arr2};

/// Rounding errors of kernels computed in `f64`, whose taps are at most one.
const ROUNDING: f64 = 1e-12;

#[test]
fn gaussian_has_scipys_taps() {
    // scipy 1.17, scipy.ndimage._filters._gaussian_kernel1d(1.0, 0, 4).
    let scipy = [
        1.338_306_246_147_176_6e-4,
        4.431_861_620_031_266e-3,
        5.399_112_742_070_441e-2,
        2.419_714_456_566_005_2e-1,
        3.989_434_693_560_978e-1,
    ];
    let kernel = gaussian::<f64>(1.0).unwrap();
    assert_eq!(kernel.dim(), (9, 9));
    for i in 0..9usize {
        for j in 0..9usize {
            let expected = scipy[4 - i.abs_diff(4)] * scipy[4 - j.abs_diff(4)];
            assert_abs_diff_eq!(kernel[[i, j]], expected, epsilon = ROUNDING);
        }
    }
    // The second moment is close to the variance.
    let row = gaussian::<f64>(3.0).unwrap().sum_axis(Axis(0));
    let moment: f64 = row.iter().zip(-12..).map(|(tap, x)| tap * f64::from(x * x)).sum();
    assert_abs_diff_eq!(moment, 9.0, epsilon = 0.02);
}

#[test]
fn gaussian_radius_follows_scipy() {
    let length = |sigma| gaussian::<f32>(sigma).unwrap().dim().0;
    assert_eq!([0.0, 1e-15, 0.1, 0.124, 0.125, 2.0, 2.2].map(length), [1, 1, 1, 1, 3, 17, 19]);
    let kernel = Gaussian::per_axis([1.0, 0.0]).truncate(2.0).kernel::<f64>().unwrap();
    assert_eq!(kernel.dim(), (5, 1));
    assert_abs_diff_eq!(kernel.sum(), 1.0, epsilon = ROUNDING);
    assert_eq!(Gaussian::new(9.0).radius(1).kernel::<f64>().unwrap().dim(), (3, 3));
}

#[test]
fn disk_covers_its_area() {
    // Square (1, 0): the area of the unit disk right of x = 0.5 with |y| <= 0.5, that is
    // 2 * (integral of sqrt(1 - t^2) from cos(30 deg) to 1 + 0.5 * (cos(30 deg) - 0.5)).
    let root = 0.75f64.sqrt();
    let beyond = 0.5 * (std::f64::consts::PI / 6.0 - 0.5 * root);
    let side = 2.0 * (beyond + 0.5 * (root - 0.5));
    let corner = (std::f64::consts::PI - 1.0 - 4.0 * side) / 4.0;
    let pi = std::f64::consts::PI;
    let expected = arr2(&[[corner, side, corner], [side, 1.0, side], [corner, side, corner]]);
    let kernel = disk::<f64>(1.0).unwrap();
    for (tap, area) in kernel.iter().zip(&expected) {
        assert_abs_diff_eq!(*tap, area / pi, epsilon = ROUNDING);
    }

    for r in [0.75, 1.5, 2.0, 7.3, 50.25] {
        let kernel = disk::<f64>(r).unwrap();
        let middle = kernel.dim().0 / 2;
        assert_abs_diff_eq!(kernel.sum(), 1.0, epsilon = ROUNDING);
        // The scale is the area: the centre is covered whole.
        assert_abs_diff_eq!(kernel[[middle, middle]] * pi * r * r, 1.0, epsilon = ROUNDING);
        assert_eq!(kernel, kernel.t());
    }
    assert_eq!(disk::<f32>(0.0).unwrap(), arr2(&[[1.0]]));
    assert_eq!(disk::<f32>(0.5).unwrap().dim(), (1, 1));
    assert_eq!(disk::<f32>(0.51).unwrap().dim(), (3, 3));
}

#[test]
fn motion_is_a_line() {
    let third = 1.0f32 / 3.0;
    assert_eq!(motion::<f32>(3.0, 0.0).unwrap(), arr2(&[[third; 3]]));
    assert_eq!(motion::<f32>(3.0, -90.0).unwrap(), arr2(&[[third]; 3]));
    assert_eq!(motion::<f32>(3.0, 180.0).unwrap(), arr2(&[[third; 3]]));
    assert_eq!(motion::<f32>(1.0, 30.0).unwrap(), arr2(&[[1.0]]));
    // Up to the right: the heavy taps are in the upper right and lower left.
    let slant = motion::<f64>(9.0, 45.0).unwrap();
    let n = slant.dim().0;
    assert_eq!(slant.dim(), (7, 7));
    assert_abs_diff_eq!(slant.sum(), 1.0, epsilon = ROUNDING);
    assert!(slant[[1, n - 2]] > 0.09 && slant[[1, 1]] == 0.0, "{slant}");
    // Distance from the point (0, 1) to the diagonal is sqrt(1/2).
    let ratio = slant[[n / 2, n / 2 + 1]] / slant[[n / 2, n / 2]];
    assert_abs_diff_eq!(ratio, 1.0 - 0.5f64.sqrt(), epsilon = ROUNDING);
}

#[test]
fn a_polygon_covers_its_area() {
    for (blades, angle) in [(3, 0.0), (4, 0.0), (5, 90.0), (6, 13.0), (8, 22.5), (400, 1.0)] {
        for r in [0.2, 0.75, 1.5, 7.3, 31.0] {
            let kernel = polygon::<f64>(r, blades, angle).unwrap();
            assert_abs_diff_eq!(kernel.sum(), 1.0, epsilon = ROUNDING);
            let (rows, columns) = kernel.dim();
            assert!(rows % 2 == 1 && columns % 2 == 1);
            let middle = kernel[[rows / 2, columns / 2]];
            let corner = std::f64::consts::TAU / blades as f64;
            let area = 0.5 * blades as f64 * corner.sin() * r * r;
            // The scale is the area, where the centre is covered whole.
            if r * (corner / 2.0).cos() > 0.5f64.sqrt() {
                assert_abs_diff_eq!(middle * area, 1.0, epsilon = 1e-11);
            }
            // The centre of mass is the centre, as far as samples show it.
            let moment: f64 = kernel
                .indexed_iter()
                .map(|((i, _), tap)| tap * (i as f64 - (rows / 2) as f64))
                .sum();
            assert_abs_diff_eq!(moment, 0.0, epsilon = 0.02);
        }
    }
    // The more corners, the rounder.
    let (round, nearly) = (disk::<f64>(9.0).unwrap(), polygon::<f64>(9.0, 1000, 0.0).unwrap());
    assert!(round.iter().zip(&nearly).all(|(a, b)| (a - b).abs() < 1e-6));
    // One corner points up.
    let triangle = polygon::<f64>(8.0, 3, 90.0).unwrap();
    let rows = triangle.sum_axis(Axis(1));
    assert!(rows[1] < rows[5] && rows[5] < rows[11] && rows[14] == 0.0, "{rows}");
}

#[test]
fn smooth_kernels_have_the_moments_that_they_should() {
    let variance = |kernel: Array2<f64>, axis: usize| {
        let row = kernel.sum_axis(Axis(1 - axis));
        let middle = (row.len() / 2) as f64;
        row.indexed_iter().map(|(i, tap)| tap * (i as f64 - middle).powi(2)).sum::<f64>()
    };
    for n in [1, 3, 5, 21] {
        let expected = (n as f64 - 1.0) / 4.0;
        assert_abs_diff_eq!(variance(binomial(n).unwrap(), 0), expected, epsilon = ROUNDING);
    }
    assert_eq!(binomial::<f64>(4).unwrap().row(0).to_vec(), [1.0, 3.0, 3.0, 1.0].map(|c| c / 64.0));
    // Of two boxes of n samples: 2 (n^2 - 1) / 12.
    for n in [1.0, 2.0, 3.0, 8.0] {
        assert_abs_diff_eq!(variance(tent(n).unwrap(), 1), (n * n - 1.0) / 6.0, epsilon = 1e-11);
    }
    assert_eq!(tent::<f64>(2.5).unwrap().dim(), (5, 5));
    let aslant = |axis| variance(gaussian_rotated([4.0, 2.0], 30.0).unwrap(), axis);
    // Along an axis: 16 cos^2 + 4 sin^2 of the angle to it.
    assert_abs_diff_eq!(aslant(1), 13.0, epsilon = 0.05);
    assert_abs_diff_eq!(aslant(0), 7.0, epsilon = 0.05);
    // It rises to the right.
    let kernel = gaussian_rotated::<f64>([4.0, 2.0], 30.0).unwrap();
    let (rows, columns) = kernel.dim();
    assert!(kernel[[rows / 2 - 2, columns / 2 + 3]] > kernel[[rows / 2 + 2, columns / 2 + 3]]);
    let straight = gaussian_rotated::<f64>([2.0, 1.0], 90.0).unwrap();
    let expected = Gaussian::per_axis([2.0, 1.0]).kernel::<f64>().unwrap();
    assert!(straight.iter().zip(&expected).all(|(a, b)| (a - b).abs() < ROUNDING));
}

#[test]
fn sharpening_and_differences_of_gaussians() {
    for (sigma, amount) in [(0.0, 1.0), (1.0, 0.0), (1.5, 0.8), (3.0, -0.5)] {
        assert_abs_diff_eq!(unsharp::<f64>(sigma, amount).unwrap().sum(), 1.0, epsilon = ROUNDING);
    }
    assert_eq!(unsharp::<f64>(0.0, 3.0).unwrap(), arr2(&[[1.0]]));
    let blur = gaussian::<f64>(1.5).unwrap();
    let sharp = unsharp::<f64>(1.5, 2.0).unwrap();
    assert_abs_diff_eq!(sharp[[0, 3]], -2.0 * blur[[0, 3]], epsilon = ROUNDING);
    assert_abs_diff_eq!(sharp[[6, 6]], 3.0 - 2.0 * blur[[6, 6]], epsilon = ROUNDING);
    let difference = difference_of_gaussians::<f64>(1.0, 2.0).unwrap();
    let turned = difference_of_gaussians::<f64>(2.0, 1.0).unwrap();
    assert_eq!(difference, -turned);
    assert_eq!(difference.dim(), (17, 17));
    assert_abs_diff_eq!(difference.sum(), 0.0, epsilon = ROUNDING);
}

#[test]
fn constants_keep_brightness_or_remove_it() {
    let sum = |kernel: Result<Array2<i8>>| kernel.unwrap().sum();
    assert_eq!([sum(sobel_x()), sum(sobel_y()), sum(laplacian())], [0; 3]);
    assert_eq!([sum(sharpen()), sum(emboss()), sum(identity())], [1; 3]);
    let derivatives =
        [scharr_x(), scharr_y(), prewitt_x(), prewitt_y(), roberts_right(), roberts_left()];
    assert_eq!(derivatives.map(sum), [0; 6]);
    assert_eq!(sobel_x::<i32>().unwrap(), sobel_y::<i32>().unwrap().t());
    assert_eq!(scharr_x::<i32>().unwrap(), scharr_y::<i32>().unwrap().t());
    assert_eq!(prewitt_x::<i32>().unwrap(), prewitt_y::<i32>().unwrap().t());
}

#[test]
fn senseless_parameters_are_errors() {
    let errors = [
        gaussian::<f32>(-1.0).err(),
        gaussian::<f32>(f64::NAN).err(),
        gaussian::<f32>(f64::INFINITY).err(),
        gaussian::<f32>(1e300).err(),
        gaussian::<f32>(2000.0).err(),
        Gaussian::new(1.0).truncate(-1.0).kernel::<f32>().err(),
        Gaussian::new(1.0).radius(usize::MAX).kernel::<f32>().err(),
        box_mean::<f32>(0).err(),
        box_mean::<f32>(usize::MAX).err(),
        box_mean::<u8>(3).err(),
        disk::<f32>(-0.1).err(),
        disk::<f32>(f64::NAN).err(),
        disk::<f32>(1e9).err(),
        motion::<f32>(0.5, 0.0).err(),
        motion::<f32>(f64::NAN, 0.0).err(),
        motion::<f32>(5.0, f64::INFINITY).err(),
        motion::<f32>(20_000.0, 45.0).err(),
        motion::<f32>(1e300, 0.0).err(),
        sobel_x::<u16>().err(),
        tent::<f32>(0.9).err(),
        tent::<f32>(1e300).err(),
        binomial::<f32>(0).err(),
        binomial::<f32>(1024).err(),
        polygon::<f32>(5.0, 2, 0.0).err(),
        polygon::<f32>(5.0, 1001, 0.0).err(),
        polygon::<f32>(1e9, 6, 0.0).err(),
        polygon::<f32>(f64::NAN, 6, 0.0).err(),
        polygon::<f32>(5.0, 6, f64::NAN).err(),
        gaussian_rotated::<f32>([1.0, 0.1], 0.0).err(),
        gaussian_rotated::<f32>([1e9, 1.0], 0.0).err(),
        airy::<f32>(-1.0).err(),
        airy::<f32>(1e9).err(),
        moffat::<f32>(1.0, 0.9).err(),
        moffat::<f32>(1e9, 1.0).err(),
        unsharp::<f32>(1.0, f64::INFINITY).err(),
        unsharp::<f32>(-1.0, 1.0).err(),
        gaussian_derivative::<f32>(1.0, [17, 0]).err(),
        gaussian_derivative::<f32>(0.1, [0, 1]).err(),
        gaussian_derivative::<i32>(1.0, [0, 1]).err(),
        laplacian_of_gaussian::<f32>(0.4).err(),
        difference_of_gaussians::<f32>(1.0, f64::NAN).err(),
        gabor::<f32>(1.0, 1.9, 0.0, 0.0).err(),
        gabor::<f32>(1.0, 4.0, f64::NAN, 0.0).err(),
        gabor::<f32>(1.0, 4.0, 0.0, f64::NAN).err(),
    ];
    for (i, error) in errors.iter().enumerate() {
        assert!(matches!(error, Some(Error::KernelParameter { .. })), "{i}: {error:?}");
    }
    assert_eq!(motion::<f32>(32_769.0, 0.0).unwrap().dim(), (1, MAX_LENGTH));
}

#[test]
fn the_table_of_kernels_is_the_list_of_them() {
    let values = |parameter: &Parameter| match parameter.least {
        Some(least) if parameter.whole => format!("{} whole, at least {least}", parameter.name),
        Some(least) => format!("{} at least {least}", parameter.name),
        None => parameter.name.to_string(),
    };
    let row = |kernel: &BuiltIn| {
        let axes = kernel.rank().map_or("any".into(), |rank| rank.to_string());
        let values: Vec<_> = kernel.parameters.iter().map(values).collect();
        let values = values.join(", ");
        format!("//! | `{kernel}` | {axes} | {values} | {} |", kernel.meaning)
            .replace("|  |", "| |")
    };
    let expected: Vec<_> = BUILT_IN.iter().map(row).collect();
    let table: Vec<_> =
        include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | `")).collect();
    assert_eq!(table, expected);
}

fn built_in(name: &str) -> BuiltIn {
    *BUILT_IN.iter().find(|kernel| kernel.name == name).expect("a name")
}

#[test]
fn a_name_gives_the_kernel_of_its_function() {
    let kernels: Vec<(_, &[f64], Result<Array2<f32>>)> = vec![
        ("gaussian", &[1.5], gaussian(1.5)),
        ("gaussian", &[1.5, 1.5], gaussian(1.5)),
        ("gaussian", &[2.0, 0.5], Gaussian::per_axis([2.0, 0.5]).kernel()),
        ("box", &[3.0], box_mean(3)),
        ("disk", &[2.5], disk(2.5)),
        ("motion", &[9.0, 30.0], motion(9.0, 30.0)),
        ("sobel-x", &[], sobel_x()),
        ("sobel-y", &[], sobel_y()),
        ("laplacian", &[], laplacian()),
        ("tent", &[2.5], tent(2.5)),
        ("binomial", &[5.0], binomial(5)),
        ("polygon", &[6.5, 5.0, 18.0], polygon(6.5, 5, 18.0)),
        ("gaussian-rotated", &[3.0, 1.0, 30.0], gaussian_rotated([3.0, 1.0], 30.0)),
        ("airy", &[4.0], airy(4.0)),
        ("moffat", &[2.0, 3.0], moffat(2.0, 3.0)),
        ("unsharp", &[1.5, 0.5], unsharp(1.5, 0.5)),
        ("scharr-x", &[], scharr_x()),
        ("scharr-y", &[], scharr_y()),
        ("prewitt-x", &[], prewitt_x()),
        ("prewitt-y", &[], prewitt_y()),
        ("roberts-right", &[], roberts_right()),
        ("roberts-left", &[], roberts_left()),
        ("gaussian-derivative", &[1.5, 2.0, 1.0], gaussian_derivative(1.5, [2, 1])),
        ("log", &[1.5], laplacian_of_gaussian(1.5)),
        ("log", &[1.5, 1.5], laplacian_of_gaussian(1.5)),
        ("dog", &[1.0, 2.5], difference_of_gaussians(1.0, 2.5)),
        ("gabor", &[2.0, 5.0, 30.0, 45.0], gabor(2.0, 5.0, 30.0, 45.0)),
        ("gaussian-derivative", &[1.5, 1.0], gaussian_derivative(1.5, [1, 1])),
        ("sharpen", &[], sharpen()),
        ("emboss", &[], emboss()),
        ("identity", &[], identity()),
    ];
    let without: Vec<_> = BUILT_IN
        .iter()
        .filter(|kernel| !kernels.iter().any(|(name, ..)| *name == kernel.name))
        .map(|kernel| kernel.name)
        .collect();
    assert!(without.is_empty(), "{without:?}");
    for (name, values, kernel) in kernels {
        let named = built_in(name).kernel::<f32>(values, 2).unwrap();
        assert_eq!(named, kernel.unwrap().into_dyn(), "{name}");
    }
}

#[test]
fn kernels_have_the_axes_of_what_they_filter() {
    let taps = |name, values: &[f64], rank| built_in(name).kernel::<f64>(values, rank).unwrap();
    let line = taps("gaussian", &[2.0], 1);
    assert_eq!(line.shape(), [17]);
    let volume = taps("gaussian", &[2.0, 0.0, 0.5], 3);
    assert_eq!(volume.shape(), [17, 1, 5]);
    assert_eq!(volume[[3, 0, 1]], line[3] * taps("gaussian", &[0.5], 1)[1]);
    let box_of_three = ArrayD::from_elem(vec![2, 4, 1], 0.125);
    assert_eq!(taps("box", &[2.0, 4.0, 1.0], 3), box_of_three);
    assert_eq!(taps("identity", &[], 3), ArrayD::from_elem(vec![1; 3], 1.0));
    assert_eq!(taps("laplacian", &[], 1).into_raw_vec_and_offset().0, [1.0, -2.0, 1.0]);
    assert_eq!(taps("sharpen", &[], 1).into_raw_vec_and_offset().0, [-1.0, 3.0, -1.0]);
    let second = taps("laplacian", &[], 3);
    assert_eq!((second[[1, 1, 1]], second[[1, 1, 0]], second[[0, 1, 0]]), (-6.0, 1.0, 0.0));
    assert_eq!((second.sum(), taps("sharpen", &[], 3).sum()), (0.0, 1.0));
    // SciPy: gaussian_filter1d(order=1), and gaussian_filter(order=(0, 0, 1)).
    let slope = taps("gaussian-derivative", &[2.0, 1.0], 1);
    let ramp: f64 = slope.iter().zip(-8..).map(|(tap, at)| -tap * f64::from(at)).sum();
    assert!(slope.len() == 17 && (ramp - 1.0).abs() < 2e-3, "{ramp}");
    let volume = taps("gaussian-derivative", &[2.0, 0.0, 0.0, 1.0], 3);
    assert_eq!(volume.shape(), [17; 3]);
    assert_abs_diff_eq!(volume[[8, 8, 5]], line[8] * line[8] * slope[5], epsilon = ROUNDING);
    assert_eq!(taps("gaussian", &[2.0], 0), ArrayD::from_elem(vec![], 1.0));
}

#[test]
fn values_and_axes_that_a_kernel_does_not_take_are_errors() {
    let error = |name, values: &[f64], rank| {
        built_in(name).kernel::<f32>(values, rank).unwrap_err().to_string()
    };
    let per_axis = "gaussian: expected one SIGMA, or 3 (one per axis), got 2";
    assert_eq!(error("gaussian", &[1.0, 2.0], 3), per_axis);
    let orders = "gaussian-derivative: expected one ORDER, or 3 (one per axis), got 2";
    assert_eq!(error("gaussian-derivative", &[2.0, 0.0, 1.0], 3), orders);
    assert_eq!(error("sobel-x", &[], 3), "sobel-x: expected an array with 2 axes, got 3");
    assert_eq!(error("motion", &[1.0], 2), "motion: expected motion:LENGTH,DEGREES, got 1 values");
    assert!(error("identity", &[], usize::MAX).contains("expected an array with at most 64 axes"));
    assert!(error("gaussian", &[100.0], 3).contains("taps, got 801 x 801 x 801"));
    assert!(error("box", &[0.0], 1).contains("expected a length of at least 1, got 0"));
    assert!(error("box", &[1e9], 1).contains("expected 1 to 32769 taps"));
    for (name, values) in [
        ("box", &[2.5][..]),
        ("binomial", &[4.5]),
        ("polygon", &[6.0, 5.5, 0.0]),
        ("gaussian-derivative", &[1.0, 1.5, 0.0]),
    ] {
        assert!(error(name, values, 2).contains(", without a fraction, got"), "{name}");
    }
    assert!(error("unsharp", &[1.0, 1e300], 2).contains("is no value of the type f32"));
    assert!(error("motion", &[0.0, 0.0], 2).contains("expected a length of at least 1, got 0"));
    assert!(error("motion", &[1.0, f64::NAN], 2).contains("expected an angle in degrees, got NaN"));
}

#[test]
fn the_least_value_of_a_parameter_is_the_least_that_makes_sense() {
    for kernel in BUILT_IN {
        let least = |parameter: &Parameter| parameter.least.unwrap_or(-1e3);
        let values: Vec<f64> = kernel.parameters.iter().map(least).collect();
        kernel.kernel::<f32>(&values, 2).unwrap();
        for (at, parameter) in kernel.parameters.iter().enumerate() {
            let below = parameter.least.map(|least| least - 1e-3);
            for wrong in below.into_iter().chain([f64::NAN, f64::INFINITY]) {
                let mut values = values.clone();
                values[at] = wrong;
                let error = kernel.kernel::<f32>(&values, 2).err();
                assert!(matches!(error, Some(Error::KernelParameter { .. })), "{kernel} {wrong}");
            }
        }
    }
}
