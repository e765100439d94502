//! Signals: nothing is left behind.

#![cfg(unix)]

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};

use crate::common::Place;

/// Starts work on a folder, sends a signal when the first results are in their places, and gives the names
/// that are left in the output's folder.
fn interrupted(place: &Place, signal: &str, number: i32) -> Vec<String> {
    let mut command = place.command("apply in -k box:3 -o out --device cpu");
    // Whoever started the tests may ignore signals, as a shell does for what runs in the background.
    // SAFETY: `signal` may be called between `fork` and `exec`.
    unsafe {
        command.pre_exec(move || match libc::signal(number, libc::SIG_DFL) {
            libc::SIG_ERR => Err(std::io::Error::last_os_error()),
            _ => Ok(()),
        })
    };
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let names = || -> Vec<String> {
        let entries = std::fs::read_dir(place.file("out")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let finished = || names().iter().filter(|name| name.ends_with(".png")).count();
    let start = Instant::now();
    while finished() < 3 {
        assert!(start.elapsed() < Duration::from_secs(120), "no output appears");
        assert_eq!(child.try_wait().unwrap(), None, "ended before the signal");
        std::thread::sleep(Duration::from_millis(1));
    }
    let kill = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(number), "{status:?}");
    names()
}

#[test]
fn a_signal_leaves_whole_files_and_nothing_else() {
    let place = Place::new();
    std::fs::create_dir(place.file("in")).unwrap();
    RgbImage::from_fn(400, 300, |x, y| Rgb([x as u8, y as u8, 3]))
        .save(place.file("x.png"))
        .unwrap();
    // Far more than are filtered before the signal comes.
    for i in 0..2000 {
        std::os::unix::fs::symlink(place.file("x.png"), place.file(&format!("in/{i}.png")))
            .unwrap();
    }
    let user = if cfg!(target_os = "linux") { [10, 12] } else { [30, 31] };
    for (signal, number) in [
        ("INT", 2),
        ("TERM", 15),
        ("HUP", 1),
        ("QUIT", 3),
        ("ALRM", 14),
        ("XCPU", 24),
        ("USR1", user[0]),
        ("USR2", user[1]),
    ] {
        let left = interrupted(&place, signal, number);
        assert!((3..2000).contains(&left.len()), "{signal}: {}", left.len());
        for name in left {
            let picture = image::open(place.file("out").join(&name));
            assert_eq!(picture.expect(&name).width(), 400, "{signal}: {name}");
        }
        std::fs::remove_dir_all(place.file("out")).unwrap();
    }
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let place = Place::new();
    std::fs::create_dir(place.file("in")).unwrap();
    let picture = RgbImage::from_pixel(60, 40, Rgb([1, 2, 3]));
    for i in 0..20 {
        picture.save(place.file(&format!("in/{i}.bmp"))).unwrap();
    }
    // As a shell starts what runs in the background.
    let script = format!(
        "trap '' INT; {} apply in -k box:3 -o out --device cpu & kill -INT $!; wait $!",
        env!("CARGO_BIN_EXE_convolve")
    );
    let output = Command::new("sh").args(["-c", &script]).current_dir(place.path()).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_dir(place.file("out")).unwrap().count(), 20);
}

#[test]
fn a_file_beyond_its_limit_is_an_error_and_leaves_nothing_behind() {
    let place = Place::new();
    let picture = RgbImage::from_pixel(200, 200, Rgb([1, 2, 3]));
    picture.save(place.file("x.bmp")).unwrap();
    let before = place.listing();
    // Blocks of 512 or 1024 bytes.
    let script = format!(
        "ulimit -f 8; exec {} apply x.bmp -k identity -o y.npy --device cpu",
        env!("CARGO_BIN_EXE_convolve")
    );
    let output = Command::new("sh").args(["-c", &script]).current_dir(place.path()).output();
    let output = output.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("y.npy: File too large"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(place.listing(), before);
}
