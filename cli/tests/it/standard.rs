//! Standard input and output.

use std::io::Write;
use std::process::{Output, Stdio};

use image::{GrayImage, ImageFormat, Luma};
use ndarray::ArrayD;

use crate::common::{Place, npy, split_npy};
use crate::errors::refused;

/// Runs the command with these bytes as its input.
fn piped(place: &Place, arguments: &str, input: &[u8]) -> Output {
    let mut command = place.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // What is refused is not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn succeed(place: &Place, arguments: &str, input: &[u8]) -> Vec<u8> {
    let output = piped(place, arguments, input);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && stderr.is_empty(), "{arguments}: {stderr}");
    output.stdout
}

fn fail(place: &Place, arguments: &str, input: &[u8], words: &str) {
    let output = piped(place, arguments, input);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(2), 1), "{stderr}");
    assert!(output.stdout.is_empty() && stderr.contains(words), "{arguments}: {stderr}");
}

fn picture(format: ImageFormat) -> Vec<u8> {
    let picture = GrayImage::from_fn(20, 10, |x, y| Luma([(x * 9 + y * 5) as u8]));
    let mut file = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[test]
fn pictures_and_arrays_go_through_pipes() {
    let place = Place::new();
    let kernel = "-k gaussian:1 --device cpu";
    let png = picture(ImageFormat::Png);
    place.write("x.png", &png);
    place.succeed(&format!("apply x.png -o y.png {kernel}"));
    let expected = std::fs::read(place.file("y.png")).unwrap();
    assert_eq!(succeed(&place, &format!("apply - -o - {kernel}"), &png), expected);
    assert_eq!(succeed(&place, &format!("apply x.png -o - {kernel}"), &[]), expected);
    succeed(&place, &format!("apply - -o z.png {kernel}"), &png);
    assert_eq!(std::fs::read(place.file("z.png")).unwrap(), expected);
    for (name, format) in [("tif", ImageFormat::Tiff), ("bmp", ImageFormat::Bmp)] {
        let written = succeed(&place, &format!("apply - -o - --format {name} {kernel}"), &png);
        let read = image::load_from_memory_with_format(&written, format).unwrap();
        assert_eq!(read.into_luma8(), image::load_from_memory(&expected).unwrap().into_luma8());
        // It is what comes in that says what goes out.
        let again = succeed(&place, "apply - -o - -k identity --device cpu", &written);
        assert!(image::load_from_memory_with_format(&again, format).is_ok());
    }
    let pgm = b"P5\n4 2\n255\nabcdefgh";
    assert!(succeed(&place, "apply - -o - -k identity --device cpu", pgm).starts_with(b"P5"));
    let (header, _) =
        split_npy(&succeed(&place, &format!("apply - -o - --format npy {kernel}"), &png));
    assert!(header.contains("(10, 20)"), "{header}");
    let x = npy("<f4", &ArrayD::<f32>::from_elem(vec![6], 1.5));
    assert_eq!(split_npy(&succeed(&place, "apply - -o - -k identity", &x)).1, split_npy(&x).1);
    // Nothing stays behind.
    let names: Vec<_> = place.listing().into_iter().map(|(path, _)| path).collect();
    assert_eq!(names, ["x.png", "y.png", "z.png"].map(|name| place.file(name)));
}

#[test]
fn plans_are_told_beside_what_is_written() {
    let place = Place::new();
    let output = piped(
        &place,
        "apply - -o - -k box:3 --device cpu --explain --verify",
        &picture(ImageFormat::Png),
    );
    assert!(output.status.success() && image::load_from_memory(&output.stdout).is_ok());
    assert!(!output.stderr.is_empty());
}

#[test]
fn what_cannot_go_through_pipes_is_refused() {
    let place = Place::new();
    let png = picture(ImageFormat::Png);
    place.write("x.png", &png);
    fail(&place, "apply - -o - -k identity", b"", "nothing came from standard input");
    fail(&place, "apply - -o - -k identity", b"some text", "it starts as no format that is known");
    fail(&place, "apply - -o y.npy -k identity", &png[..40], "-: could not be read as a picture");
    let array = npy("<f4", &ArrayD::<f32>::from_elem(vec![6], 1.5));
    fail(&place, "apply - -o - -k identity --format png", &array, "an array stays an array");
    fail(&place, "apply - x.png -o out -k identity", &png, "standard input (-) goes alone");
    for format in ["xyz", "x.png", "a/png", "../x"] {
        let apply = format!("apply - -o - -k identity --format {format}");
        fail(&place, &apply, &png, "expected npy or png");
    }
    std::fs::create_dir(place.file("folder")).unwrap();
    refused(&place, "apply x.png -o y.png -k identity --format png", "--format goes with -o -");
    refused(&place, "apply x.png x.png -o - -k identity", "standard output has room for one file");
    refused(&place, "apply x.png -o folder -k identity --format npy", "--format goes with -o -");
}
