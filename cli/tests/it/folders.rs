//! Folders of pictures.

use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::common::Place;
use crate::errors::refused;

/// What is said where some of several files fail: the status is 2.
fn failed(place: &Place, arguments: &str) -> Vec<String> {
    let output = place.run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{arguments}: {said}");
    said.lines().map(String::from).collect()
}

fn names(place: &Place, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(place.file(folder)).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_broken_picture_in_a_folder_is_named_and_the_others_are_written() {
    let place = Place::new();
    std::fs::create_dir(place.file("in")).unwrap();
    for name in ["in/a.png", "in/c.png", "in/d.jpg"] {
        RgbImage::from_pixel(5, 4, Rgb([9; 3])).save(place.file(name)).unwrap();
    }
    place.write("in/b.png", "text");
    place.write("in/e.png", "text");
    let jpeg = std::fs::read(place.file("in/d.jpg")).unwrap();
    place.write("in/f.jpg", &jpeg[..jpeg.len() - 5]);
    let said = failed(&place, "apply in -k box:3 -o out --device cpu");
    assert_eq!(said.len(), 3, "{said:?}");
    let same = "convolve: in/b.png, in/e.png: could not be read as a picture: ";
    assert!(said[0].starts_with(same), "{said:?}");
    assert!(
        said[1].starts_with("convolve: in/f.jpg: ") && said[1].contains("truncated"),
        "{said:?}"
    );
    assert_eq!(said[2], "convolve: 3 of 6 files failed, 3 were written");
    assert_eq!(names(&place, "out"), ["a.png", "c.png", "d.jpg"]);
    for name in ["out/a.png", "out/c.png"] {
        assert_eq!(image::open(place.file(name)).unwrap().as_bytes(), [9; 60]);
    }
}

#[test]
fn a_folder_of_which_nothing_is_written_is_not_left() {
    let place = Place::new();
    std::fs::create_dir(place.file("in")).unwrap();
    for name in ["in/a.png", "in/b.png"] {
        place.write(name, "text");
    }
    let before = place.listing();
    let said = failed(&place, "apply in -k box:3 -o out --device cpu");
    assert_eq!(said.last().unwrap(), "convolve: none of 2 files was written");
    assert_eq!(place.listing(), before);
}

#[test]
fn files_are_filtered_at_one_time_as_they_are_alone() {
    let place = Place::new();
    std::fs::create_dir(place.file("in")).unwrap();
    for i in 0..40u32 {
        let picture = RgbImage::from_fn(90 + i % 3, 70 + i % 5, |x, y| {
            Rgb([(x * y) as u8, (x * i) as u8, (y * 7) as u8])
        });
        let name = format!("in/{i:02}.{}", ["png", "jpg", "tif"][i as usize % 3]);
        picture.save(place.file(&name)).unwrap();
    }
    assert_eq!(place.succeed("apply in -k gaussian:2 -o out --device cpu"), "");
    assert_eq!(names(&place, "out"), names(&place, "in"));
    for name in names(&place, "in") {
        place.succeed(&format!("apply in/{name} -k gaussian:2 -o alone-{name} --device cpu"));
        let [alone, together] = [format!("alone-{name}"), format!("out/{name}")]
            .map(|name| std::fs::read(place.file(&name)).unwrap());
        assert!(alone == together, "{name}");
    }
}

#[test]
#[cfg(unix)]
fn an_output_must_not_replace_another_input() {
    let place = Place::new();
    std::fs::create_dir_all(place.file("out")).unwrap();
    for name in ["a.png", "out/b.png"] {
        RgbImage::new(5, 4).save(place.file(name)).unwrap();
    }
    std::os::unix::fs::symlink(place.file("out/b.png"), place.file("link.png")).unwrap();
    std::fs::copy(place.file("a.png"), place.file("b.png")).unwrap();
    let words = "out/b.png would replace link.png, which is an input too";
    refused(&place, "apply link.png b.png -k box:3 -o out --device cpu", words);
    // Each its own.
    place.succeed("apply a.png b.png -k box:3 -o . --device cpu");
}

#[test]
fn files_that_are_passed_over_in_a_folder_are_named() {
    let place = Place::new();
    std::fs::create_dir_all(place.file("in/deeper")).unwrap();
    GrayImage::from_pixel(5, 4, Luma([9])).save(place.file("in/a.png")).unwrap();
    place.write("in/notes.txt", "");
    place.write("in/film.gif", "");
    let said = place.succeed("apply in -k box:3 -o out --device cpu");
    let expected = "in: passed over 3, no regular files whose names end like a picture's: deeper/, \
                    film.gif, notes.txt\n";
    assert_eq!(said, expected);
    (0..40).for_each(|i| place.write(&format!("in/{i:02}.txt"), ""));
    let said = place.succeed("apply in -k box:3 -o out --device cpu");
    assert!(said.contains("passed over 43") && said.contains(" and 23 more"), "{said}");
}
