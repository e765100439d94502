//! Arrays of every type against the oracle.

use convolve::half::f16;
use convolve::reference::Oracle;
use convolve::{Boundary, Element, Mode, Operation, Options};
use ndarray::{ArrayD, ShapeBuilder};
use num_complex::Complex;

use crate::common::{Place, npy, npy_file, split_npy};

/// Small whole numbers, which every type holds: direct sums of them are exact.
fn numbers<A: Element>(shape: &[usize], seed: usize, number: impl Fn(u8) -> A) -> ArrayD<A> {
    let mut i = seed;
    ArrayD::from_shape_simple_fn(shape.to_vec(), || {
        i = (i * 1_103_515_245 + 12_345) % (1 << 31);
        number(((i >> 16) % 7) as u8)
    })
}

/// Runs the command on arrays of these shapes and compares every byte of the result.
fn check<A: Element>(
    descr: &str,
    (n, m): (&[usize], &[usize]),
    number: impl Fn(u8) -> A,
    options: Options<A>,
    arguments: &str,
) {
    let (x, k) = (numbers(n, 1, &number), numbers(m, 2, &number));
    let place = Place::new();
    place.write("x.npy", npy(descr, &x));
    place.write("k.npy", npy(descr, &k));
    let stderr = place.succeed(&format!(
        "apply x.npy --kernel k.npy -o y.npy --device cpu --method direct {arguments}"
    ));
    // Integers that may have wrapped are remarked on.
    assert!(stderr.is_empty() || stderr.contains(" wrap where they leave the type"), "{stderr}");
    let expected = Oracle::new(x.view(), k.view(), &options).unwrap().result();
    let (header, data) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
    let samples: Vec<A> = expected.iter().copied().collect();
    assert!(
        header.starts_with(&format!("{{'descr': '{descr}', 'fortran_order': False, ")),
        "{header}"
    );
    let shape: Vec<String> = expected.shape().iter().map(usize::to_string).collect();
    let comma = if shape.len() == 1 { "," } else { "" };
    assert!(header.contains(&format!("'shape': ({}{comma})", shape.join(", "))), "{header}");
    assert!(data == bytemuck::cast_slice::<A, u8>(&samples), "{descr} {n:?} {arguments}");
}

fn same<A: Element>() -> Options<A> {
    Options::default()
}

#[test]
fn every_type() {
    let shapes: (&[usize], &[usize]) = (&[6, 7], &[3, 2]);
    check("<f2", shapes, f16::from, same(), "");
    check("<f4", shapes, f32::from, same(), "");
    check("<f8", shapes, f64::from, same(), "");
    check("<c8", shapes, |v| Complex::new(f32::from(v), 3.0 - f32::from(v)), same(), "");
    check("<c16", shapes, |v| Complex::new(f64::from(v), 3.0 - f64::from(v)), same(), "");
    // Sums of these leave the type and wrap.
    check("|i1", shapes, |v| (37 * i16::from(v)) as i8, same(), "");
    check("<i2", shapes, |v| 4_500 * i16::from(v), same(), "");
    check("<i4", shapes, |v| 0x1234_5678 - i32::from(v), same(), "");
    check("<i8", shapes, |v| i64::MAX - i64::from(v), same(), "");
    check("|u1", shapes, |v| 39 * v, same(), "");
    check("<u2", shapes, |v| 9_999 * u16::from(v), same(), "");
    check("<u4", shapes, |v| u32::MAX - u32::from(v), same(), "");
    check("<u8", shapes, |v| u64::MAX - u64::from(v), same(), "");
}

#[test]
fn every_rank() {
    check("<f4", (&[], &[]), f32::from, same(), "");
    check("<i4", (&[9], &[4]), i32::from, same(), "");
    check("<f8", (&[4, 5, 6], &[3, 1, 2]), f64::from, same(), "");
    check("<u2", (&[3, 2, 4, 3], &[2, 2, 3, 1]), u16::from, same(), "");
}

#[test]
fn every_option() {
    let shapes: (&[usize], &[usize]) = (&[8, 9], &[3, 4]);
    let full = same().mode(Mode::Full).boundary(Boundary::Constant(5));
    check("<i4", shapes, i32::from, full, "--mode full --boundary constant:5");
    let per_axis = same()
        .boundary([Boundary::Wrap, Boundary::Reflect])
        .stride([1, 2])
        .dilation([2, 1])
        .origin([-1, 2])
        .operation(Operation::Correlate);
    let arguments = "--boundary wrap,reflect --stride 1,2 --dilation 2,1 --origin -1,2 --correlate";
    check("<f4", shapes, f32::from, per_axis, arguments);
    let outside = Boundary::Constant(Complex::new(1.0, -2.0));
    let constant = same().boundary(outside);
    let number = |v| Complex::new(f64::from(v), 1.0);
    check("<c16", shapes, number, constant, "--boundary constant:1-2j");
    let nearest = same().boundary(Boundary::Nearest).mode(Mode::Valid);
    check("<f8", shapes, f64::from, nearest, "--boundary nearest --mode valid");
    let mirror = same().boundary(Boundary::Mirror);
    check("|u1", shapes, |v| v, mirror, "--boundary=mirror");
    // The kernel is the longer one: the two change places.
    let valid = same().mode(Mode::Valid);
    check("<i8", (&[2, 3], &[5, 6]), i64::from, valid, "--mode valid");
}

#[test]
fn both_orders_of_bytes_and_of_axes() {
    let x = numbers(&[4, 6], 3, |v| i16::from(v) * 500);
    let k = numbers(&[3, 3], 4, i16::from);
    let place = Place::new();
    // Column by column, the high byte first.
    let swapped: Vec<u8> = x.t().iter().flat_map(|v| v.to_be_bytes()).collect();
    place.write("x.npy", npy_file(">i2", true, x.shape(), &swapped));
    place.write("k.npy", npy("<i2", &k));
    place.succeed("apply x.npy --kernel k.npy -o y.npy --device cpu");
    let expected = Oracle::new(x.view(), k.view(), &same()).unwrap().result();
    let (header, data) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
    assert!(header.contains("'<i2'") && header.contains("False"), "{header}");
    assert_eq!(data, expected.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    // The oracle's input is not symmetric, or the test could not tell the orders apart.
    assert_ne!(
        x.clone(),
        ArrayD::from_shape_vec(vec![4, 6].f(), x.iter().copied().collect()).unwrap()
    );
}

#[test]
fn kernels_take_the_inputs_type() {
    let x = numbers(&[5, 5], 5, f32::from);
    let place = Place::new();
    place.write("x.npy", npy("<f4", &x));
    place.write("line.npy", npy("<f4", &numbers(&[9], 6, f32::from)));
    place.write("k.npy", npy("|i1", &numbers(&[3, 3], 7, |v| v as i8)));
    place.write("k.txt", "# sobel\n1 0,-1\n2;0\t-2\n1 0 -1\n");
    place.write("row.txt", "\u{feff}1 2 1");
    let read = || {
        let (_, data) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
        data.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>()
    };
    let exact = "--device cpu --method direct";
    let expect = |k: ArrayD<f32>| -> Vec<f32> {
        let result = Oracle::new(x.view(), k.view(), &same()).unwrap().result();
        result.iter().copied().collect()
    };
    place.succeed(&format!("apply x.npy --kernel k.npy -o y.npy {exact}"));
    assert_eq!(read(), expect(numbers(&[3, 3], 7, f32::from)));
    let sobel = convolve::filters::sobel_x::<f32>().unwrap().into_dyn();
    place.succeed(&format!("apply x.npy --kernel k.txt -o y.npy {exact}"));
    assert_eq!(read(), expect(sobel.clone()));
    place.succeed(&format!("apply x.npy --kernel sobel-x -o y.npy {exact}"));
    assert_eq!(read(), expect(sobel));
    place.succeed(&format!("apply line.npy --kernel row.txt -o y.npy {exact}"));
    assert_eq!(read().len(), 9);
}

#[test]
fn a_plan_says_what_would_run() {
    let place = Place::new();
    let plan = |arguments: &str| {
        let output = place.run(&format!("plan --device cpu {arguments}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let text = plan("--shape 64x48 --kernel-shape 5x7 --dtype float64 --boundary wrap --mode full");
    assert!(text.contains("f64 of 64 x 48 with a kernel of 5 x 7, mode full -> 68 x 54"), "{text}");
    assert!(text.contains("edges: wrap") && text.contains("chosen: cpu"), "{text}");
    let text = plan("--shape 64x48 --kernel-shape 5x7 --dtype f16");
    assert!(text.contains("f16 (f32 inside) of 64 x 48"), "{text}");
    let text = plan("--shape 640x480 --kernel gaussian:6 --method separable");
    assert!(text.contains("kernel of 49 x 49") && text.contains("chosen: cpu separable"), "{text}");
}

#[test]
fn high_precision_is_that_of_f64() {
    let place = Place::new();
    let x = ndarray::arr1(&[1e8f32, 1.0, -1e8]).into_dyn();
    place.write("x.npy", npy("<f4", &x));
    place.write("ones.txt", "1 1 1");
    let middle = |arguments: &str| {
        place.succeed(&format!("apply x.npy --kernel ones.txt -o y.npy --device cpu {arguments}"));
        let (_, data) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
        f32::from_le_bytes(data[4..8].try_into().unwrap())
    };
    assert_eq!(middle("--method direct"), 0.0);
    assert_eq!(middle("--method direct --precision high --verify"), 1.0);
    let output = place.run("plan --shape 64x48 --kernel box:3 --precision high");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("convolve f32 (f64 inside) of 64 x 48"), "{text}");
}

#[test]
fn explained_and_verified() {
    let place = Place::new();
    place.write("x.npy", npy("<f4", &numbers(&[12, 13], 8, f32::from)));
    let said =
        place.succeed("apply x.npy --kernel gaussian:1 -o y.npy --device cpu --explain --verify");
    assert!(said.contains("chosen: cpu") && said.contains("ran: cpu"), "{said}");
    assert!(said.contains("cpu direct     agrees") && said.contains("verified"), "{said}");
    assert!(place.file("y.npy").exists());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let place = Place::new();
    for arguments in ["plan --device cpu --shape 9 --kernel-shape 3", "devices", "apply --help"] {
        let mut command = place.command(arguments);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        command.env("WGPU_BACKEND", "dx12");
        let mut child = command.spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments}: {output:?}");
    }
}

#[test]
fn a_profile_is_printed_and_changes_nothing() {
    let place = Place::new();
    let x = numbers::<f32>(&[12, 13], 1, f32::from);
    place.write("x.npy", npy("<f4", &x));
    let command = "apply x.npy --kernel box:3 --device cpu -o";
    assert_eq!(place.succeed(&format!("{command} plain.npy")), "");
    let stderr = place.succeed(&format!("{command} y.npy --profile"));
    assert!(stderr.starts_with("cpu ") && stderr.contains("the CPU computed"), "{stderr}");
    let read = |name| std::fs::read(place.file(name)).unwrap();
    assert_eq!(read("plain.npy"), read("y.npy"));
}

#[test]
fn a_plan_for_programs() {
    let place = Place::new();
    let plan = |arguments: &str| {
        let output = place.run(&format!("plan --device cpu --json {arguments}"));
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let count = |c| text.matches(c).count();
        assert!(text.starts_with('{') && count('{') == count('}'), "{text}");
        text
    };
    let text = plan("--shape 64x48 --kernel-shape 5x7 --runs 3");
    assert!(text.contains("\"runs\": 3") && text.contains("\"candidates\""), "{text}");
    assert!(plan("--shape 64x48 --kernel box:3").contains("\"terms\": 1"));
}

#[test]
fn methods_are_tried_where_that_is_asked_for() {
    let place = Place::new();
    for kernel in ["--kernel gaussian:2", "--kernel-shape 15x15"] {
        let plan = format!("plan --device cpu --shape 64x48 {kernel} --method measured");
        let output = place.run(&plan);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.contains("measured"), "{text}");
    }
    place.write("x.npy", npy("<f4", &numbers(&[12, 13], 8, f32::from)));
    let said = place.succeed(
        "apply x.npy --kernel gaussian:1 -o y.npy --device cpu --method measured --check 50 --explain",
    );
    assert!(said.contains("chosen: cpu") && said.contains("measured to be"), "{said}");
}

#[test]
fn calibrations_are_kept_and_shown() {
    let place = Place::new();
    let run = |arguments: &str| {
        let mut command = place.command(arguments);
        command.env("CONVOLVE_CACHE_DIR", place.file("cache")).env("WGPU_BACKEND", "dx12");
        let output = command.output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(run("devices").contains("not measured"));
    let text = run("calibrate");
    for word in ["direct", "bandwidth", "shipped", "kept in", "calibration-"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    let text = run("devices");
    assert!(text.contains("measured 20") && text.contains("bandwidth"), "{text}");
}

#[test]
fn a_calibration_that_is_not_kept_says_so_on_standard_error() {
    let place = Place::new();
    place.write("file", "no folder");
    let mut command = place.command("calibrate");
    command.env("CONVOLVE_CACHE_DIR", place.file("file")).env("WGPU_BACKEND", "dx12");
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.starts_with("convolve: not kept: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[test]
fn types_without_a_mark_for_the_order_of_bytes_are_native() {
    let place = Place::new();
    for (marked, bare, size) in
        [("<f4", "f4", 4), ("<f8", "f8", 8), ("|u1", "u1", 1), ("<i2", "i2", 2)]
    {
        let data: Vec<u8> = (0..3 * size).map(|i| i as u8).collect();
        place.write("x.npy", npy_file(bare, false, &[3], &data));
        place.succeed("apply x.npy -k identity -o y.npy --device cpu");
        let (header, found) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
        assert!(header.contains(marked) && (size > 2 || found == data), "{header}");
    }
    place.write("x.npy", npy_file("f4", false, &[2], bytemuck::cast_slice(&[1.5f32, -2.0])));
    place.succeed("apply x.npy -k identity -o y.npy --device cpu");
    let (_, found) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
    assert_eq!(found, [1.5f32.to_le_bytes(), (-2.0f32).to_le_bytes()].concat());
}

#[test]
fn integers_that_may_wrap_are_remarked_on() {
    let place = Place::new();
    place.write("x.npy", npy("<i2", &numbers(&[20], 1, |v| 1_000 * i16::from(v))));
    place.write("k.npy", npy("<i2", &numbers(&[3], 2, |_| 1)));
    let run = |kernel: &str| {
        place.succeed(&format!(
            "apply x.npy -k {kernel} -o y.npy --correlate --mode full --device cpu"
        ))
    };
    assert_eq!(run("k.npy"), "");
    let said = run("x.npy");
    assert!(said.starts_with("x.npy: sums of i16 wrap"), "{said}");
    assert!(said.contains("--dtype i32 has room") && said.lines().count() == 1, "{said}");
    let wide = place.succeed("apply x.npy -k x.npy -o y.npy --correlate --dtype i32 --device cpu");
    assert_eq!(wide, "");
}

#[test]
fn one_axis_alone_is_filtered() {
    let place = Place::new();
    let x = numbers(&[4, 5, 6], 1, f32::from);
    place.write("x.npy", npy("<f4", &x));
    place.write("k.npy", npy("<f4", &numbers(&[3], 2, f32::from)));
    let line = numbers(&[3], 2, f32::from);
    for (axis, arguments) in
        [(0, "--axis 0"), (1, "--axis=-2 --stride 2"), (2, "--axis -1 --mode valid")]
    {
        place.succeed(&format!(
            "apply x.npy -k k.npy -o y.npy --boundary nearest --device cpu --method direct {arguments}"
        ));
        let mut shape = [1; 3];
        shape[axis] = 3;
        let kernel = line.clone().into_shape_with_order(shape.to_vec()).unwrap();
        let mut boundary = vec![Boundary::Zero; 3];
        boundary[axis] = Boundary::Nearest;
        let mut stride = vec![1; 3];
        stride[axis] = 1 + usize::from(axis == 1);
        let mode = if axis == 2 { Mode::Valid } else { Mode::Same };
        let options = same().boundary(boundary).stride(stride).mode(mode);
        let expected = Oracle::new(x.view(), kernel.view(), &options).unwrap().result();
        let (_, data) = split_npy(&std::fs::read(place.file("y.npy")).unwrap());
        let expected: Vec<f32> = expected.iter().copied().collect();
        assert!(data == bytemuck::cast_slice::<f32, u8>(&expected), "{arguments}");
    }
    let plan = |of: &str| {
        String::from_utf8(place.run(&format!("plan --shape 4x5x6 --axis 1 {of}")).stdout).unwrap()
    };
    assert!(plan("--kernel-shape 3").contains("a kernel of 1 x 3 x 1"));
    assert!(plan("--kernel box:3").contains("a kernel of 1 x 3 x 1"));
    // Built-in kernels have the axes of what they filter.
    for kernel in ["laplacian", "sharpen", "gaussian-derivative:1,2", "unsharp:1,0.5", "dog:1,2"] {
        place.succeed(&format!("apply x.npy -k {kernel} -o y.npy --axis 1 --device cpu"));
        place.succeed(&format!("apply x.npy -k {kernel} -o z.npy --device cpu"));
        assert_ne!(
            std::fs::read(place.file("y.npy")).unwrap(),
            std::fs::read(place.file("z.npy")).unwrap()
        );
    }
}
