//! Kernels by name, as arrays and as text.

use crate::common::{Place, data, floats, npy};
use crate::errors::refused;

#[test]
fn built_in_kernels_have_the_axes_of_an_array() {
    let place = Place::new();
    let impulse = |name: &str, shape: &[usize], at: &[usize]| {
        let mut x = ndarray::ArrayD::<f32>::zeros(shape);
        x[at] = 1.0;
        place.write(name, npy("<f4", &x));
    };
    impulse("line.npy", &[41], &[20]);
    impulse("volume.npy", &[21, 23, 25], &[10, 11, 12]);
    impulse("rgb.npy", &[31, 33, 3], &[15, 16, 1]);
    let apply = |arguments: &str| {
        let said = place.succeed(&format!("apply {arguments} -o y.npy --device cpu"));
        assert_eq!(said, "", "{arguments}");
        floats(&place, "y.npy").1
    };
    // exp(-t^2 / (2 * 2^2)) over its sum.
    let taps: Vec<f64> = (-8..=8i32).map(|t| (-f64::from(t * t) / 8.0).exp()).collect();
    let tap = |t: usize| taps[8 + t] / taps.iter().sum::<f64>();
    let close = |found: f32, expected: f64| {
        assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
    };
    let y = apply("line.npy -k gaussian:2");
    close(y[20], tap(0));
    close(y[25], tap(5));
    let y = apply("volume.npy -k gaussian:2");
    close(y[(11 * 23 + 13) * 25 + 12], tap(1) * tap(2) * tap(0));
    let y = apply("volume.npy -k gaussian:0,0,2");
    close(y[(10 * 23 + 11) * 25 + 15], tap(3));
    assert_eq!(y.iter().filter(|y| **y != 0.0).count(), 17);
    let y = apply("volume.npy -k box:1,3,5");
    close(y[(10 * 23 + 12) * 25 + 14], 1.0 / 15.0);
    let said = place.succeed("apply rgb.npy -k gaussian:2 -o y.npy --device cpu");
    assert!(said.contains("if that has channels, --channels last"), "{said}");
    // Every channel on its own.
    let y = apply("rgb.npy -k gaussian:2,0 --channels last --boundary mirror");
    close(y[(17 * 33 + 16) * 3 + 1], tap(2));
    assert_eq!(y.iter().filter(|y| **y != 0.0).count(), 17);
    assert!(y.iter().enumerate().all(|(i, y)| i % 3 == 1 || *y == 0.0));
    let y = apply("rgb.npy -k sobel-x --channels last --stride 3,1");
    assert_eq!((y.len(), y[(5 * 33 + 15) * 3 + 1]), (11 * 33 * 3, 2.0));
    // A picture's, height first.
    place.succeed(&format!("apply {} -k gaussian:0,0.5 -o y.png --device cpu", data("bar.png")));
    let y = image::open(place.file("y.png")).unwrap().into_luma8();
    assert!((0..8).all(|row| y[(3, row)] == y[(3, 0)]) && (1..255).contains(&y[(3, 0)].0[0]));
}

#[test]
fn kernels_in_double_precision_are_cast() {
    let place = Place::new();
    let (photo, kernel) = (data("photo.png"), data("gauss31_f64.npy"));
    place.succeed(&format!("apply {photo} -k {kernel} -o y.png --device cpu"));
    place.succeed(&format!("apply {photo} -k gaussian:1 -o z.png --device cpu"));
    let open = |name| image::open(place.file(name)).unwrap().into_luma8();
    let (y, z) = (open("y.png"), open("z.png"));
    // cv2.getGaussianKernel(31, 1) reaches further than ours, by less than half a level.
    assert!(y.pixels().zip(z.pixels()).all(|(y, z)| y.0[0].abs_diff(z.0[0]) <= 1));
    assert_ne!(open("y.png"), image::open(&photo).unwrap().into_luma8());
}

#[test]
fn text_kernels_from_any_system_are_read_right() {
    let place = Place::new();
    let (photo, kernel) = (data("photo.png"), data("laplace_cr.txt"));
    place.succeed(&format!("apply {photo} -k {kernel} -o y.npy --device cpu"));
    place.succeed(&format!("apply {photo} -k laplacian -o z.npy --device cpu"));
    assert_eq!(floats(&place, "y.npy"), floats(&place, "z.npy"));
    let comma = format!("apply {photo} -k {} -o y.png --device cpu", data("decimal_comma.txt"));
    refused(&place, &comma, "line 1: \"0,5\" may be one number with a decimal comma, or several");
}
