//! Kernels by name, as arrays and as text.

use std::fs::File;

use crate::common::{Place, data, floats, npy};
use crate::errors::refused;
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::Gray8;

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

/// A grey picture.
fn grey(place: &Place, name: &str, size: (u32, u32), level: impl Fn(u32, u32) -> u8) {
    let picture = image::GrayImage::from_fn(size.0, size.1, |x, y| image::Luma([level(x, y)]));
    picture.save(place.file(name)).expect("a picture");
}

fn levels(place: &Place, name: &str) -> image::GrayImage {
    let picture = image::open(place.file(name)).expect("a picture");
    assert_eq!(picture.color(), image::ColorType::L8);
    picture.into_luma8()
}

#[test]
fn signed_results_are_shown_as_asked() {
    let place = Place::new();
    grey(&place, "x.png", (9, 9), |x, y| (90 - 10 * x + 3 * y) as u8);
    for (options, level) in [
        ("", 0),
        ("--signed clip", 0),
        ("--signed absolute", 80),
        ("--signed offset", 48),
        ("--signed offset --scale 1/8", 118),
        ("--signed absolute --scale 0.5", 40),
        ("--scale -1/8", 10),
    ] {
        place.succeed(&format!("apply x.png -k sobel-x {options} -o y.png --device cpu"));
        assert_eq!(levels(&place, "y.png")[(4, 4)].0, [level], "{options}");
    }
    place.succeed("apply x.png -k sobel-x --scale 1/8 -o y.npy --device cpu");
    assert_eq!(floats(&place, "y.npy").1[4 * 9 + 4], -10.0);
    place.write("x.npy", npy("<f4", &ndarray::Array2::from_elem((5, 5), 1f32).into_dyn()));
    let words = "--signed goes with pictures";
    refused(&place, "apply x.npy -k sobel-x --signed absolute -o y.npy", words);
    refused(
        &place,
        "apply x.png -k gradient:sobel --signed offset -o y.png",
        "--signed goes with single kernels, got gradient:sobel",
    );
    refused(
        &place,
        "apply x.png -k sobel-x --scale 0 -o y.png",
        "expected a number such as 0.125 or 1/8",
    );
}

#[test]
fn gradients_are_lengths_of_vectors() {
    let place = Place::new();
    grey(&place, "x.png", (9, 9), |x, y| (120 - 3 * x + 4 * y) as u8);
    for (name, level) in
        [("sobel", 40), ("scharr", 160), ("prewitt", 30), ("roberts", 7), ("gaussian:1", 5)]
    {
        let arguments = format!("apply x.png -k gradient:{name} -o y.png --device cpu --verify");
        let said = place.succeed(&arguments);
        // Of both kernels.
        assert_eq!(said.matches("verified").count(), 2, "{said}");
        assert_eq!(levels(&place, "y.png")[(4, 4)].0, [level], "{name}");
    }
    place.succeed("apply x.png -k gradient:scharr --scale 1/32 -o y.png --device cpu");
    assert_eq!(levels(&place, "y.png")[(4, 4)].0, [5]);
    let ramp = |(i, j, c): (usize, usize, usize)| [0.0, 3.0, 6.0][c] * i as f64 + 4.0 * j as f64;
    place.write("x.npy", npy("<f8", &ndarray::Array3::from_shape_fn((8, 8, 3), ramp).into_dyn()));
    place.succeed(
        "apply x.npy -k gradient:sobel --channels last --boundary nearest --dtype f32 -o y.npy",
    );
    let y = floats(&place, "y.npy").1;
    assert_eq!(y[(4 * 8 + 4) * 3..][..2], [32.0, 40.0]);
    let apply =
        |rest: &str, words: &str| refused(&place, &format!("apply x.npy {rest} -o y.npy"), words);
    apply("-k gradient:sobel", "this kernel has 2 axes, and what is filtered has 3");
    apply(
        "-k gradient:canny",
        "expected derivatives: sobel, scharr, prewitt, roberts or gaussian:SIGMA",
    );
    apply("-k gradient:sobel --channels last --ignore-nan", "--ignore-nan goes with kernels");
    apply("-k gradient:sobel --channels last --dtype i32", "it needs f32 or f64, got i32");
    refused(&place, "plan --shape 9x9 --kernel gradient:sobel", "a plan is one of a single kernel");
}

#[test]
fn unsharp_masks_have_a_threshold() {
    let place = Place::new();
    grey(&place, "x.png", (30, 9), |x, _| if x < 15 { 100 + (x % 2) as u8 } else { 160 });
    place.succeed("apply x.png -k unsharp:2,0.5 -o all.png --device cpu");
    place.succeed("apply x.png -k unsharp:2,0.5,0 -o none.png --device cpu");
    assert_eq!(levels(&place, "all.png"), levels(&place, "none.png"));
    place.succeed("apply x.png -k unsharp:2,2,3 -o some.png --device cpu --verify");
    let (x, y) = (levels(&place, "x.png"), levels(&place, "some.png"));
    assert_eq!(y[(3, 4)], x[(3, 4)]);
    assert!(y[(14, 4)].0[0] < 80 && y[(15, 4)].0[0] > 180);
    let apply = |kernel: &str, words: &str| {
        refused(&place, &format!("apply x.png -k {kernel} -o y.png"), words);
    };
    apply("unsharp:2,1,x", "expected unsharp:SIGMA,AMOUNT,THRESHOLD");
    apply("unsharp:2,1,-1", "expected a threshold of at least 0, got -1");
    apply("unsharp:2", "expected unsharp:SIGMA,AMOUNT");
    apply("unsharp:2,1,1 --scale 2", "--scale goes with kernels and gradients");
    apply("unsharp:2,1,1 --mode full", "expected a blur of the input's own shape");
}

#[test]
fn a_picture_may_be_a_kernel() {
    let place = Place::new();
    // An L, so that its direction shows: 3 pixels of 200 and one of 100.
    grey(&place, "l.png", (5, 5), |x, y| match (x, y) {
        (1, 1) | (1, 2) | (1, 3) => 200,
        (3, 3) => 100,
        _ => 0,
    });
    grey(&place, "point.png", (11, 11), |x, y| if (x, y) == (5, 5) { 210 } else { 0 });
    place.succeed("apply point.png -k l.png -o y.png --device cpu");
    let y = levels(&place, "y.png");
    let points = [(4, 4, 60), (4, 5, 60), (4, 6, 60), (6, 6, 30)];
    let expected = image::GrayImage::from_fn(11, 11, |x, y| {
        let point = points.iter().find(|(column, row, _)| (*column, *row) == (x, y));
        image::Luma([point.map_or(0, |(.., level)| *level)])
    });
    assert_eq!(y, expected);
    grey(&place, "black.png", (3, 3), |_, _| 0);
    refused(
        &place,
        "apply point.png -k black.png -o z.png",
        "expected something that is not black",
    );
    place.write("cut.png", &std::fs::read(place.file("l.png")).expect("a file")[..40]);
    refused(&place, "apply point.png -k cut.png -o z.png", "could not be read as a picture");
    let mut pages = TiffEncoder::new(File::create(place.file("two.tif")).unwrap()).unwrap();
    for _ in 0..2 {
        pages.write_image::<Gray8>(2, 2, &[1; 4]).unwrap();
    }
    refused(&place, "apply point.png -k two.tif -o z.png", "expected one page, got 2");
}

#[test]
fn texts_may_scale_their_taps_and_add_to_results() {
    let place = Place::new();
    grey(&place, "x.png", (9, 9), |_, _| 96);
    place.write("mean.txt", "# a mean\ndivisor 24\n1 2 1\n2 12 2\n1 2 1\n");
    place.write("mean2.txt", "scale: 1/24\n1 2 1\n2 12 2\n1 2 1\n");
    for text in ["mean.txt", "mean2.txt"] {
        place.succeed(&format!("apply x.png -k {text} -o y.png --device cpu"));
        assert!(levels(&place, "y.png").pixels().all(|level| level.0 == [96]), "{text}");
    }
    place.write("emboss.txt", "offset 128\n-2 -1 0\n-1 0 1\n0 1 2\n");
    place.succeed("apply x.png -k emboss.txt -o y.png --device cpu");
    assert!(levels(&place, "y.png").pixels().all(|level| level.0 == [128]));
    place.write("x.npy", npy("<i4", &ndarray::Array2::from_elem((5, 5), 7i32).into_dyn()));
    place.succeed("apply x.npy -k emboss.txt --boundary nearest --dtype f32 -o y.npy --device cpu");
    assert!(floats(&place, "y.npy").1.iter().all(|y| *y == 128.0));
    refused(
        &place,
        "apply x.png -k emboss.txt --signed offset -o y.png",
        "has an offset of its own, 128",
    );
    refused(&place, "apply x.npy -k mean.txt -o y.npy", "is not a whole number");
    // As numbers too: of 16 bits, and of a float whose white is one.
    place.succeed("apply x.png -k emboss.txt -o y.npy --device cpu");
    assert!(floats(&place, "y.npy").1.iter().all(|y| *y == 128.0));
    image::DynamicImage::new_luma16(9, 9).save(place.file("x16.png")).unwrap();
    place.succeed("apply x16.png -k emboss.txt -o y.npy --device cpu");
    assert!(floats(&place, "y.npy").1.iter().all(|y| *y == 32_896.0));
    image::DynamicImage::new_rgb32f(9, 9).save(place.file("x.tif")).unwrap();
    place.write("grey.txt", "offset 51\n1\n");
    for more in ["", "--ignore-nan"] {
        place.succeed(&format!("apply x.tif -k grey.txt -o y.npy --device cpu {more}"));
        assert!(floats(&place, "y.npy").1.iter().all(|y| (y - 0.2).abs() < 1e-6), "{more}");
    }
    let words = "got numbers, which keep their sign";
    refused(&place, "apply x.png -k sobel-x --signed offset -o z.npy", words);
    place.write("half.txt", "offset 0.5\n1\n");
    refused(&place, "apply x.npy -k half.txt -o y.npy", "offset: 0.5 is not a whole number");
}

#[test]
fn kernels_can_be_looked_at() {
    let place = Place::new();
    let print = |arguments: &str| {
        let output = place.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let sobel = "# sobel-x: 3 x 3 taps, sum 0.000000\n 1  0 -1\n 2  0 -2\n 1  0 -1\n";
    assert_eq!(print("kernel sobel-x"), sobel);
    let box_of_two = "# box:2: 1 x 2 taps, sum 1.000000\n0.5 0.5\n";
    assert_eq!(print("kernel box:2 --axes 1"), box_of_two);
    assert!(print("kernel sobel-x --scale 1/4").contains("0.25     0 -0.25"));
    // What is printed is read again.
    place.write("printed.txt", print("kernel gaussian:1.5"));
    place.succeed("kernel printed.txt -o printed.npy");
    place.succeed("kernel gaussian:1.5 -o named.npy");
    let read = |name: &str| std::fs::read(place.file(name)).expect("a file");
    assert_eq!(read("printed.npy"), read("named.npy"));
    place.succeed("kernel polygon:5,6,0 -o iris.png");
    let iris = levels(&place, "iris.png");
    assert!(iris.width() >= 128 && iris[(iris.width() / 2, iris.height() / 2)].0 == [255]);
    place.succeed("kernel sobel-x -o sobel.png");
    assert_eq!(levels(&place, "sobel.png")[(64, 64)].0, [128]);
    refused(&place, "kernel gradient:sobel", "expected one kernel");
    refused(&place, "kernel gaussian:1 --axes 3", "3 axes: expected 1 or 2 to show");
    refused(&place, "kernel gaussian:1 -o k.xyz", "expected a name that ends in npy, png");
    std::fs::create_dir(place.file("folder.png")).unwrap();
    refused(&place, "kernel box:3 -o folder.png", "the output folder.png is a folder");
    refused(&place, "kernel box:3 -o no/y.png", "the folder no of the output does not exist");
    place.write("nan.npy", npy("<f8", &ndarray::arr2(&[[f64::NAN, 1.0]]).into_dyn()));
    refused(&place, "kernel nan.npy -o y.png", "expected finite taps for a picture");
    refused(&place, "kernel nonesuch", "gradient:NAME, or an existing file");
    refused(&place, "kernel nonesuch", "neither a kernel nor a file");
}
