//! Folders of pictures.

use image::{GrayImage, Luma, Rgb, RgbImage};

use crate::common::Place;
use crate::errors::refused;

#[test]
fn one_broken_picture_in_a_folder_is_named_and_nothing_is_written() {
    let place = Place::new();
    std::fs::create_dir(place.file("in")).unwrap();
    for name in ["in/a.png", "in/c.png"] {
        RgbImage::from_pixel(5, 4, Rgb([9; 3])).save(place.file(name)).unwrap();
    }
    place.write("in/b.png", "text");
    let words = "nothing of 3 was written: in/b.png: could not be read as a picture";
    refused(&place, "apply in -k box:3 -o out --device cpu", words);
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
