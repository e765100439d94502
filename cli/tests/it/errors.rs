//! Wrong input: one line that says what is wrong, status 2, and nothing written.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use crate::common::{Place, npy, npy_file};

/// A place with good and bad inputs.
fn place() -> Place {
    let place = Place::new();
    let doubles = |n: usize| (0..n).flat_map(|i| (i as f64).to_le_bytes()).collect::<Vec<u8>>();
    let x = npy_file("<f8", false, &[4, 5], &doubles(20));
    place.write("cut.npy", &x[..x.len() - 8]);
    place.write("headless.npy", &x[..20]);
    place.write("x.npy", x);
    place.write("volume.npy", npy_file("<f8", false, &[2, 2, 2], &doubles(8)));
    place.write("tall.npy", npy_file("<f8", false, &[7, 2], &doubles(14)));
    place.write("half.npy", npy_file("<f8", false, &[1, 1], &0.5f64.to_le_bytes()));
    place.write("huge.npy", npy_file("<f8", false, &[1, 1], &1e300f64.to_le_bytes()));
    place.write("odd.npy", npy_file("<i8", false, &[1, 1], &((1i64 << 53) + 1).to_le_bytes()));
    place.write("nan.npy", npy_file("<f8", false, &[1, 1], &f64::NAN.to_le_bytes()));
    let complex = ndarray::arr2(&[[num_complex::Complex::new(1.0f64, 2.0)]]).into_dyn();
    place.write("complex.npy", npy("<c16", &complex));
    place.write("single.npy", npy("<f4", &ndarray::arr2(&[[1.0f32, 2.0]]).into_dyn()));
    place.write("bytes.npy", npy("|u1", &ndarray::arr2(&[[1u8, 2]]).into_dyn()));
    place.write("empty.npy", npy_file("<f8", false, &[3, 0], &[]));
    place.write("text.npy", npy_file("<U1", false, &[1], &[0; 4]));
    place.write("vanishing.npy", npy_file("<f8", false, &[1, 1], &1e-60f64.to_le_bytes()));
    place.write("absurd.npy", npy_file("<f8", false, &[1 << 40], &[0; 8]));
    place.write("overflow.npy", npy_file("<f8", false, &[1 << 62, 1 << 62], &[0; 8]));
    place.write("not.npy", "text");
    place.write("ragged.txt", "1 2\n\n3\n");
    place.write("nan.txt", "1 nan\n");
    place.write("words.txt", "one two\n");
    place.write("blank.txt", "# nothing\n");
    place.write("binary.dat", [0xff, 0xfe, 0]);
    GrayImage::from_pixel(9, 8, Luma([7])).save(place.file("x.png")).unwrap();
    let png = std::fs::read(place.file("x.png")).unwrap();
    place.write("cut.png", &png[..png.len() / 2]);
    place.write("fake.png", "text");
    // A header of 16,000 x 16,000 RGBA pixels and next to no data.
    let mut bomb = b"qoif".to_vec();
    bomb.extend([16_000u32.to_be_bytes(), 16_000u32.to_be_bytes()].concat());
    bomb.extend([4, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    place.write("bomb.qoi", bomb);
    for folder in ["folder", "nothing", "other", "occupied", "occupied/x.png"] {
        std::fs::create_dir(place.file(folder)).unwrap();
    }
    for file in ["folder/x.png", "folder/y.png", "other/x.png"] {
        RgbImage::new(6, 5).save(place.file(file)).unwrap();
    }
    place.write("folder/z.png", "text");
    place
}

#[test]
fn files_that_are_not_what_their_name_says() {
    let place = Place::new();
    for (content, words) in [("", "an empty file"), ("text", "it does not start as a JPEG")] {
        place.write("x.jpg", content);
        refused(&place, "apply x.jpg -k identity -o y.jpg --device cpu", words);
    }
    image::GrayImage::new(17_000, 1).save(place.file("wide.png")).unwrap();
    let words = "a WebP has at most 16383 x 16383 pixels, got 17000 x 1";
    refused(&place, "apply wide.png -k identity -o y.webp --device cpu", words);
}

/// Checks that the command refuses, in one line that has these words, and leaves no trace.
pub fn refused(place: &Place, arguments: &str, words: &str) {
    refused_with(place, arguments, words, &[]);
}

fn refused_with(place: &Place, arguments: &str, words: &str, environment: &[(&str, &str)]) {
    let before = place.listing();
    let output = place.command(arguments).envs(environment.iter().copied()).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{arguments}: {stderr}");
    assert!(stderr.starts_with("convolve: "), "{arguments}: {stderr}");
    assert!(stderr.contains(words), "{arguments}: expected {words:?} in {stderr}");
    assert!(output.stdout.is_empty(), "{arguments}");
    assert_eq!(place.listing(), before, "{arguments}");
}

#[test]
fn arrays() {
    let place = place();
    let apply = |arguments: &str, words: &str| {
        refused(&place, &format!("apply -o out.npy --device cpu {arguments}"), words);
    };
    apply("empty.npy -k identity", "empty");
    apply("x.npy -k empty.npy", "empty");
    apply("volume.npy -k sobel-x", "this kernel has 2 axes, and what is filtered has 3");
    apply("volume.npy -k sobel-x", "--channels last");
    apply("volume.npy -k tall.npy", "3 axes but the kernel [7, 2] has 2");
    apply("volume.npy -k gaussian:1,2", "expected one SIGMA, or 3 (one per axis), got 2");
    apply("x.npy -k volume.npy", "2 axes but the kernel [2, 2, 2] has 3");
    apply("x.npy -k tall.npy --mode valid", "neither the input [4, 5] nor the kernel [7, 2]");
    apply("missing.npy -k identity", "missing.npy: No such file");
    apply("cut.npy -k identity", "needs 160 bytes of data, the file has 152");
    apply("headless.npy -k identity", "truncated");
    apply("not.npy -k identity", "not a .npy file");
    apply("text.npy -k identity", "expected b1, f2, f4, f8, c8");
    apply("absurd.npy -k identity", "truncated");
    apply("overflow.npy -k identity", "does not fit into memory");
    apply("x.npy -k absurd.npy", "truncated");
    apply("bytes.npy -k half.npy", "0.5 is not a whole number");
    apply("bytes.npy -k sobel-x", "its tap -1 is no value of the type u8");
    apply("bytes.npy -k gaussian:1", "in u8, the input's type (--dtype f32 computes in floating");
    apply("x.npy -k box:3 --dtype u16", "in u16, the input's type (--dtype f32 computes");
    apply("half.npy -k identity --dtype u8", "0.5 is not a whole number: expected another --dtype");
    apply("bytes.npy -k box:1 --ignore-nan", "it needs f32 or f64, got u8");
    apply("x.npy -k sobel-x --ignore-nan", "a mean needs taps of at least 0");
    apply("x.npy -k box:3 --ignore-nan --method fft", "not by method fft");
    apply(
        "x.npy -k box:3 --tolerance -1",
        "expected a number above 0, such as 1e-5, or 0.25-levels",
    );
    apply(
        "x.npy -k box:3 --tolerance 2",
        "expected a share of max |x| * sum |k| above 0 and up to 1",
    );
    apply("x.npy -k box:3 --tolerance 1-level", "a level of these is 1/255 or 1/65535");
    apply("x.npy -k box:3 --method coarse", "no tolerance was given");
    apply("x.npy -k box:3 --channels first", "possible values: none, last");
    apply("x.npy -k box:3 --axis 2", "--axis: expected -2 to 1 of 2 axes, got 2");
    apply("x.npy -k tall.npy --axis 0", "expected a kernel with one axis, got one of shape [7, 2]");
    apply("x.npy -k sobel-x --axis 0", "this kernel has 2 axes, and what is filtered has 1");
    apply("x.npy -k gradient:sobel --axis 0", "has derivatives along two");
    apply("x.npy -k box:3 --axis 0 --stride 1,2", "expected one value, that of --axis, got 2");
    apply("x.npy -k box:3 --axis 0 --channels last", "cannot be used with");
    apply("x.npy -k box:3 --channels last --stride 1,2", "expected one value, or 1 (one per axis");
    apply("single.npy -k complex.npy", "imaginary");
    apply("single.npy -k huge.npy", "out of the range of f32");
    apply("single.npy -k vanishing.npy", "vanishing.npy: tap [0, 0]: 1e-60 would become 0 in f32");
    apply("x.npy -k odd.npy", "not exact in f64");
    apply("bytes.npy -k identity --boundary constant:1.5", "not a whole number");
    apply("bytes.npy -k identity --boundary constant:256", "out of the range of u8");
    apply("x.npy -k identity --boundary constant:1+2j", "imaginary");
}

#[test]
fn kernels() {
    let place = place();
    let kernel = |kernel: &str, words: &str| {
        refused(&place, &format!("apply x.png -o out.png --device cpu --kernel {kernel}"), words);
    };
    kernel("gausian:3", "expected gaussian:SIGMA, box:N");
    kernel("missing.npy", "No such file");
    kernel("missing.txt", "an existing file");
    kernel("ragged.txt", "line 3 has 1 numbers, but line 1 has 2");
    kernel("nan.txt", "line 1: expected a finite number");
    kernel("words.txt", "line 1: expected a finite number");
    kernel("blank.txt", "found none");
    kernel("binary.dat", "expected a .npy, a picture or a text matrix");
    kernel("folder", "expected a .npy, a picture or a text matrix");
    kernel("nan.npy", "finite");
    kernel("volume.npy", "3 axes");
    kernel("gaussian", "expected gaussian:SIGMA");
    kernel("gaussian:-1", "at least 0, got -1");
    kernel("gaussian:nan", "got NaN");
    kernel("gaussian:1e9", "expected 1 to 32769 taps");
    kernel("gaussian:1e300", "expected 1 to 32769 taps");
    kernel("box:0", "expected a length of at least 1, got 0");
    kernel("box:1.5", "expected box:N");
    kernel("box:30000", "expected at most");
    kernel("disk:-2", "at least 0");
    kernel("motion:5", "expected motion:LENGTH,DEGREES");
    kernel("motion:0,0", "at least 1");
    kernel("sobel-x:3", "expected sobel-x");
}

#[test]
fn empty_cells_of_a_text_kernel_are_errors() {
    let place = place();
    for (text, words) in [
        ("1,2,3\n1,,3\n", "line 2: cell 2 is empty: expected a number"),
        (",2,3\n", "line 1: cell 1 is empty"),
        ("# rows\n1;2; ;\n", "line 2: cell 3 is empty"),
        ("1,2\n,\n", "line 2: cell 1 is empty"),
    ] {
        place.write("cells.csv", text);
        refused(&place, "apply x.png -o out.png --device cpu -k cells.csv", words);
    }
    // Some programs end every line so.
    place.write("cells.csv", "1, 2, 1,\n2, 4, 2,\n\n");
    place.succeed("apply x.npy -o out.npy --device cpu -k cells.csv");
}

#[test]
fn options() {
    let place = place();
    for (input, output) in [("x.npy", "out.npy"), ("x.png", "out.png")] {
        let option = |arguments: &str, words: &str| {
            let base = format!("apply {input} -k sobel-x -o {output} --device cpu");
            refused(&place, &format!("{base} {arguments}"), words);
        };
        option("--stride 0", "stride on axis 0: expected at least 1");
        option("--dilation 1,0", "dilation on axis 1: expected at least 1");
        option("--stride -1", "--stride");
        option("--stride 1,x", "\"x\": expected a whole number of at least 0");
        option("--stride 1,1,1", "expected one value, or 2 (one per axis), got 3");
        option("--boundary zero,wrap,zero", "expected one value, or 2 (one per axis), got 3");
        option("--origin 0,2", "origin on axis 1: expected -1 to 1");
        option("--origin -2", "expected -1 to 1");
        option("--origin 1 --mode full", "no other mode, got mode full");
        option("--mode sam", "possible values: full, same, valid");
        option("--boundary constnt", "expected zero, constant:V");
        option("--boundary constant:nan", "finite");
        option("--method quick", "possible values: auto, direct");
        option("--unheard-of", "--unheard-of");
    }
    let small = "mode valid needs a picture at least as large as the kernel, got a picture of 8 x 9 \
                 and a kernel of 73 x 73 (height x width)";
    refused(&place, "apply x.png -k gaussian:9 -o out.png --mode valid --device cpu", small);
    refused(&place, "apply x.npy -o out.npy", "--kernel");
    refused(&place, "apply x.npy -k k.npy", "--output");
    refused(&place, "apply -k identity -o out.npy", "IN");
    refused(&place, "plan --shape 9x9", "--kernel");
    refused(&place, "plan --shape 9x9 --kernel-shape 3", "2 axes");
    refused(&place, "plan --shape 9x9 --kernel-shape 3x3 --axis 1", "a kernel with one axis");
    refused(&place, "plan --shape 9x9 --kernel gaussian:1 --axis 2", "expected -2 to 1 of 2 axes");
    refused(&place, "plan --shape 9xx --kernel-shape 3", "2048x2048");
    refused(&place, "plan --shape 9x9 --kernel-shape 3x3 --runs 0", "a whole number of at least 1");
    refused(&place, "bench --seconds=-1", "expected a number of seconds");
    refused(&place, "plan --shape 0x9 --kernel-shape 3x3", "empty");
    refused(&place, "plan --shape 9999999999999x9999999999999 --kernel-shape 3x3", "memory");
    refused(&place, "plan --shape 9x9 --kernel gaussian:1 --dtype u8", "no value of the type u8");
    let forced = "apply x.npy -k volume.npy -o out.npy --method separable --device gpu";
    refused(&place, forced, "axes");
}

#[test]
fn places() {
    let place = place();
    let apply = |arguments: &str, words: &str| {
        refused(&place, &format!("apply --device cpu -k identity {arguments}"), words);
    };
    apply("x.npy -o nowhere/out.npy", "folder nowhere of the output does not exist");
    apply("x.npy -o folder", "is a folder");
    apply("x.npy -o out.txt", "ends in .npy or in png");
    apply("x.npy -o out", "ends in .npy or in png");
    apply("x.npy -o out.png", "an array stays an array");
    apply("x.png -o out.png --dtype f32", "expected an output that ends in .npy or tif");
    apply("x.png -o out.tif --dtype f16", "a TIFF has samples of i8, i16");
    apply("x.png -o out.png --max-pixels 71", "--max-pixels 72 would let it in");
    apply("x.png -o out.gif", "ends in .npy or in png");
    apply("ragged.txt -o out.png", "ends in .npy or in png");
    apply("cut.png -o out.png", "could not be read as a picture");
    apply("fake.png -o out.png", "could not be read as a picture");
    apply("bomb.qoi -o out.png", "does not fit into a file of this size");
    apply("x.png folder -o out.png", "need a folder as output");
    apply("x.png folder -o x.png", "need a folder as output");
    apply("x.png cut.npy -o nowhere/out", "folder nowhere of the output does not exist");
    apply("folder other -o out", "would both become out/x.png");
    apply("x.png x.png -o out", "would both become out/x.png");
    apply("nothing -o out", "no pictures there");
    apply("x.png ragged.txt -o out", "ends in .npy or in png");
    apply("x.png missing.png -o out", "missing.png: No such file");
    apply("x.png x.npy -o occupied", "is a folder");
    apply("x.png -o y.png --quality 80", "--quality and --subsampling go with JPEGs");
    apply("folder -o out --subsampling 420", "--quality and --subsampling go with JPEGs");
    apply("x.png -o y.jpg --quality 101", "a whole number from 1 to 100");
    // What is wrong with all files is said once, before any of them is read.
    refused(
        &place,
        "apply folder -k volume.npy -o out --device cpu",
        "kernel volume.npy has 3 axes",
    );
}

#[test]
fn formats_that_would_lose_something() {
    let place = Place::new();
    let alpha = RgbaImage::from_pixel(6, 5, Rgba([9, 8, 7, 60]));
    alpha.save(place.file("alpha.png")).unwrap();
    let deep = ImageBuffer::from_pixel(6, 5, Rgb([40_000u16, 3, 2]));
    DynamicImage::ImageRgb16(deep).save(place.file("deep.png")).unwrap();
    RgbImage::new(6, 5).save(place.file("rgb.png")).unwrap();
    GrayImage::new(6, 5).save(place.file("grey.png")).unwrap();
    // A kernel with one tap too many on every axis: that is not even looked at.
    let apply = |input: &str, output: &str, words: &str| {
        let base = format!("apply {input}.png -o {output} --device cpu --explain");
        refused(&place, &format!("{base} -k box:7 --mode valid"), words);
    };
    let kept = |words: &str, formats: &str| {
        format!("cannot keep {words}: expected a name that ends in {formats}")
    };
    let rgba = kept("8-bit RGB with alpha", "png, tif, webp, bmp, tga, qoi, pam");
    apply("alpha", "y.jpg", &rgba);
    apply("alpha", "y.ppm", &rgba);
    apply("deep", "y.jpg", &kept("16-bit RGB", "png, tif, "));
    apply("deep", "y.webp", &kept("16-bit RGB", "png, tif, "));
    let rgb = kept("8-bit RGB", "png, tif, jpg, webp, bmp, tga, qoi, ppm, pam");
    for output in ["y.pgm", "y.pbm", "y.exr", "y.hdr"] {
        apply("rgb", output, &rgb);
    }
    apply("grey", "y.pbm", &kept("8-bit grey", "png, tif, jpg, "));
    for input in ["rgb.png", "grey.png"] {
        place.succeed(&format!("apply {input} -o y.jpg -k identity --device cpu"));
    }
}

#[test]
#[cfg(unix)]
fn outputs_that_are_links_to_one_file_are_an_error() {
    use std::os::unix::fs::symlink;
    let place = Place::new();
    for name in ["a.png", "b.png", "c.png"] {
        RgbImage::new(6, 5).save(place.file(name)).unwrap();
    }
    std::fs::create_dir(place.file("out")).unwrap();
    place.write("out/c.png", "one");
    symlink("c.png", place.file("out/a.png")).unwrap();
    symlink(place.file("out/c.png"), place.file("out/b.png")).unwrap();
    for inputs in ["a.png b.png", "a.png c.png", "c.png b.png"] {
        let (first, second) = inputs.split_once(' ').unwrap();
        let words = format!("{first} and {second} would both become ");
        refused(&place, &format!("apply --device cpu -k identity {inputs} -o out"), &words);
    }
    assert_eq!(std::fs::read(place.file("out/c.png")).unwrap(), b"one");
    place.succeed("apply --device cpu -k identity a.png b.png c.png -o elsewhere");
}

#[test]
#[cfg(unix)]
fn only_regular_files_are_replaced() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let place = Place::new();
    RgbImage::new(6, 5).save(place.file("x.png")).unwrap();
    std::fs::create_dir(place.file("many")).unwrap();
    std::fs::copy(place.file("x.png"), place.file("a.png")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(place.file("pipe.png")).status();
    assert!(made.unwrap().success());
    // No devices here: a failing test must not cost the machine its /dev/null.
    symlink("pipe.png", place.file("link.png")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(place.file("socket.png")).unwrap();
    symlink(place.file("pipe.png"), place.file("many/x.png")).unwrap();
    let apply = |arguments: &str, words: &str| {
        refused(&place, &format!("apply --device cpu -k identity {arguments}"), words);
    };
    for output in ["pipe.png", "link.png", "socket.png"] {
        apply(&format!("x.png -o {output}"), &format!("the output {output} is a pipe, a device"));
    }
    apply("a.png x.png -o many", "the output many/x.png is a pipe, a device");
    apply("pipe.png -o y.png", "pipe.png: neither a regular file nor a folder");
    // Said before anything is read, so before anything is computed.
    refused(&place, "apply x.png -o pipe.png -k missing.txt", "the output pipe.png");
    assert!(place.file("pipe.png").metadata().unwrap().file_type().is_fifo());
    assert!(place.file("link.png").is_symlink());

    // The listing of a place cannot have this one.
    symlink("gone.png", place.file("dangling.png")).unwrap();
    let output = place.run("apply x.png -o dangling.png -k identity --device cpu");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("the output dangling.png is a link to something that does not"),
        "{said}"
    );
    assert!(place.file("dangling.png").is_symlink() && !place.file("gone.png").exists());
}

#[test]
#[cfg(unix)]
fn kernels_without_an_end() {
    let place = place();
    std::os::unix::fs::symlink("/dev/zero", place.file("zero.npy")).unwrap();
    std::fs::File::create(place.file("long.txt")).unwrap().set_len(1 << 40).unwrap();
    let apply = |kernel: &str, words: &str| {
        refused(&place, &format!("apply x.png -o out.png --device cpu -k {kernel}"), words);
    };
    apply("/dev/zero", "expected a .npy, a picture or a text matrix: a text of more than 16 MiB");
    apply("./long.txt", "expected a .npy, a picture or a text matrix: a text of more than 16 MiB");
    apply("zero.npy", "not a regular file");
}

/// No adapter of this backend exists where these tests run.
#[cfg(not(windows))]
#[test]
fn a_gpu_that_is_not_there() {
    let place = place();
    let nowhere = [("WGPU_BACKEND", "dx12")];
    let gpu = |arguments: &str| {
        refused_with(&place, arguments, "device gpu cannot do this: no adapter", &nowhere);
    };
    gpu("apply x.png -k gaussian:1 -o out.png --device gpu");
    gpu("apply single.npy -k identity -o out.npy --device gpu");
    gpu("plan --shape 9x9 --kernel-shape 3x3 --device gpu");
    let high = "precision high";
    refused(&place, "plan --shape 9x9 --kernel-shape 3x3 --device gpu --precision high", high);
    let output = place.command("devices").envs(nowhere).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("gpu: none"));
}
