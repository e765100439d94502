//! Built-in kernels against numbers computed by hand or by SciPy.

use super::*;
use approx::assert_abs_diff_eq;
use ndarray::{Axis, arr2};

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
fn constants_keep_brightness_or_remove_it() {
    let sum = |kernel: Result<Array2<i8>>| kernel.unwrap().sum();
    assert_eq!([sum(sobel_x()), sum(sobel_y()), sum(laplacian())], [0; 3]);
    assert_eq!([sum(sharpen()), sum(emboss()), sum(identity())], [1; 3]);
    assert_eq!(sobel_x::<i32>().unwrap(), sobel_y::<i32>().unwrap().t());
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
        ("sharpen", &[], sharpen()),
        ("emboss", &[], emboss()),
        ("identity", &[], identity()),
    ];
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
    assert_eq!(taps("gaussian", &[2.0], 0), ArrayD::from_elem(vec![], 1.0));
}

#[test]
fn values_and_axes_that_a_kernel_does_not_take_are_errors() {
    let error = |name, values: &[f64], rank| {
        built_in(name).kernel::<f32>(values, rank).unwrap_err().to_string()
    };
    let per_axis = "gaussian: expected one value, or 3 (one per axis), got 2";
    assert_eq!(error("gaussian", &[1.0, 2.0], 3), per_axis);
    assert_eq!(error("sobel-x", &[], 3), "sobel-x: expected an array with 2 axes, got 3");
    assert_eq!(error("motion", &[1.0], 2), "motion: expected motion:LENGTH,DEGREES, got 1 values");
    assert!(error("identity", &[], usize::MAX).contains("expected an array with at most 64 axes"));
    assert!(error("gaussian", &[100.0], 3).contains("taps, got 801 x 801 x 801"));
    assert!(error("box", &[0.0], 1).contains("expected 1 to 32769 taps"));
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
