//! `convolve bench`: what it measures, writes, reads and compares.

use std::process::Output;

use serde_json::{Value, json};

use crate::common::Place;
use crate::errors::refused;

const TINY: &str = "bench --shape 32x32 --kernel-shape 3x3 --seconds 0.1";

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn read(place: &Place, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(place.file(name)).unwrap()).unwrap()
}

/// A record of one case with one way that took so many seconds, from 0.9 to 1.1 times that.
fn record(name: &str, median: f64) -> String {
    json!({
        "format": "convolve-bench", "version": 1, "date": "2026-11-29T04:00:00Z", "convolve": "0.1.0",
        "machine": {"cpu": "A processor", "cores": 2, "threads": 2, "os": "Linux", "instructions": "avx2"},
        "cases": [{
            "set": "bench", "group": "g", "name": name, "samples": "s", "shape": [9, 9], "dtype": "f32",
            "data": "noise", "kernel": "full rank", "kernel_shape": [3, 3], "mode": "same",
            "boundary": "zero", "multiply_adds": 729, "bytes": 648,
            "ways": [{
                "library": "convolve", "name": "direct", "device": "cpu", "median": median,
                "low": 0.9 * median, "high": 1.1 * median, "runs": 9, "chosen": true
            }]
        }]
    })
    .to_string()
}

#[test]
fn every_way_is_measured_or_left_out_and_all_of_it_is_kept() {
    let place = Place::new();
    let output =
        place.run(&format!("{TINY} --dtype f32,u8 --json a.json --csv a.csv --report a.html"));
    let text = stdout(&output);
    assert!(output.status.success(), "{:?} {text}", String::from_utf8(output.stderr));
    for word in
        ["32 x 32 f32, noise, 3 x 3 full rank", "u8", "gaussian", "cpu fft", "->", "*", "median"]
    {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");

    let record = read(&place, "a.json");
    let limits = record["limits"].as_array().unwrap();
    for name in ["copy", "first touch", "multiply-adds f32", "multiply-adds f64"] {
        assert!(
            limits.iter().any(|limit| limit["name"] == name && limit["device"] == "cpu"),
            "{name}"
        );
    }
    let has_gpu = !record["devices"].as_array().unwrap().is_empty();
    for name in ["copy", "upload", "download", "multiply-adds f32"] {
        let is_there = limits.iter().any(|limit| limit["name"] == name && limit["device"] == "gpu");
        assert_eq!(is_there, has_gpu, "{name}");
    }
    let required = std::env::var_os("CONVOLVE_REQUIRE_GPU").is_some_and(|value| value == "1");
    assert!(has_gpu || !required, "CONVOLVE_REQUIRE_GPU=1, but no GPU took part");
    let cases = record["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let ways = case["ways"].as_array().unwrap();
        assert_eq!(ways.len(), 6);
        assert_eq!(ways.iter().filter(|way| way["chosen"] == true).count(), 1, "{case}");
        for way in ways {
            assert_eq!(way["median"].is_f64(), way["left_out"].is_null(), "{way}");
            assert!(way["wrong"].is_null(), "{way}");
        }
        let measured: Vec<_> = ways.iter().filter(|way| way["median"].is_f64()).collect();
        assert!(!measured.is_empty(), "{case}");
        for way in measured {
            for time in ["median", "low", "high", "first", "expected", "limit"] {
                assert!(way[time].as_f64().unwrap() > 0.0, "{time}: {way}");
            }
        }
    }

    let rows = std::fs::read_to_string(place.file("a.csv")).unwrap().lines().count();
    assert_eq!(rows, 1 + 4 * 6);
    let page = std::fs::read_to_string(place.file("a.html")).unwrap();
    assert!(page.contains("<html") && page.contains("32 x 32 f32"), "{page}");

    let again = place.run("bench --from a.json --json b.json --csv b.csv");
    assert!(again.status.success());
    assert_eq!(stdout(&again), text);
    for [a, b] in [["a.json", "b.json"], ["a.csv", "b.csv"]] {
        let [a, b] = [a, b].map(|name| std::fs::read(place.file(name)).unwrap());
        assert!(a == b);
    }
    let alone = place.run("bench --from a.json --json -");
    assert_eq!(alone.stdout, std::fs::read(place.file("a.json")).unwrap());
}

#[test]
fn without_a_gpu_its_ways_have_a_reason() {
    let place = Place::new();
    image::RgbImage::from_fn(24, 20, |x, y| image::Rgb([x as u8 * 9, y as u8 * 9, 7]))
        .save(place.file("x.png"))
        .unwrap();
    let arguments = format!("{TINY} --picture x.png --json a.json");
    let output = place.command(&arguments).env("WGPU_BACKEND", "dx12").output().unwrap();
    assert!(output.status.success());
    let record = read(&place, "a.json");
    let cases = record["cases"].as_array().unwrap();
    assert!(cases.iter().any(|case| case["data"] == "x.png" && case["dtype"] == "u8"));
    for way in cases.iter().flat_map(|case| case["ways"].as_array().unwrap()) {
        assert!(way["device"] == "cpu" || way["left_out"].is_string(), "{way}");
    }
    assert!(record["devices"].as_array().unwrap().is_empty());
}

#[test]
fn slowdowns_beyond_the_spread_fail_where_that_is_asked_for() {
    let place = Place::new();
    for (name, median) in [("a.json", 1.0), ("noisy.json", 1.15), ("slow.json", 1.5)] {
        place.write(name, record("a case", median));
    }
    place.write("other.json", record("another case", 1.0));
    let run = |arguments: &str| {
        let output = place.run(arguments);
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        (output.status.code(), stdout(&output), stderr)
    };
    let (status, text, _) = run("bench --compare a.json slow.json");
    assert!(status == Some(0) && text.contains("+50 % slower"), "{text}");
    let (status, text, stderr) = run("bench --compare a.json slow.json --fail-over 10");
    assert!(status == Some(1) && text.contains("1 slower"), "{text}");
    assert_eq!(stderr, "convolve: slower by more than 10 %: a case: cpu direct by 50 %\n");
    for arguments in [
        "a.json slow.json --fail-over 60",
        "a.json noisy.json --fail-over 10",
        "slow.json a.json --fail-over 0",
    ] {
        let (status, text, _) = run(&format!("bench --compare {arguments}"));
        assert_eq!(status, Some(0), "{arguments}: {text}");
    }
    let (status, text, stderr) = run("bench --compare a.json other.json --fail-over 10");
    assert_eq!(
        (status, stderr.as_str()),
        (Some(1), "convolve: no case is in both files\n"),
        "{text}"
    );
    let (status, text, _) = run("bench --compare a.json other.json");
    assert_eq!(status, Some(0));
    assert!(
        text.contains("Measured before only:\n  a case") && text.contains("0 slower"),
        "{text}"
    );
    assert!(text.contains("Measured after only:\n  another case"), "{text}");
}

#[test]
fn what_cannot_be_done_is_said_before_anything_is_measured() {
    let place = Place::new();
    place.write("good.json", record("a case", 1.0));
    place.write("broken.json", &record("a case", 1.0)[..200]);
    place.write("new.json", record("a case", 1.0).replace("\"version\":1", "\"version\":2"));
    place.write("text.json", "text");
    std::fs::create_dir(place.file("folder")).unwrap();
    for (arguments, words) in [
        (
            "bench --seconds 1e5 --json nowhere/a.json",
            "the folder nowhere of the output does not exist",
        ),
        ("bench --seconds 1e5 --report folder", "the output folder is a folder"),
        ("bench --seconds 1e5 --json a --csv a", "would be written twice"),
        ("bench --seconds 1e5 --picture nowhere.png", "nowhere.png"),
        ("bench --seconds 1e5 --shape 9x9 --kernel-shape 3", "as many lengths"),
        ("bench --seconds 1e5 --shape 0x9", "lengths of at least 1"),
        ("bench --seconds 1e5 --shape 9x9 --kernel-shape 0x3", "lengths of at least 1"),
        ("bench --seconds 1e5 --shape 9x9 --kernel-shape 99999x99999", "at most 67108864 taps"),
        ("bench --seconds 1e5 --shape 9x9 --kernel-shape 9999999999x9999999999", "taps"),
        ("bench --seconds 1e5 --shape 64x64 --shape 99999999999x9", "at most 16 GiB"),
        ("bench --seconds 1e5 --shape 5x5x5 --shape 6x6 --kernel-shape 3x3", "--shape 5x5x5"),
        ("bench --shape 9x", "2048x2048"),
        ("bench --dtype f33", "f33"),
        ("bench --seconds 0", "from 0.1"),
        ("bench --quick --full", "--full"),
        ("bench --fail-over 10", "--compare"),
        ("bench --peers good.json", "--report"),
        ("bench --from nowhere.json", "nowhere.json"),
        (
            "bench --from broken.json",
            "broken.json: expected what `convolve bench --json` writes: EOF",
        ),
        ("bench --from new.json", "expected version 1 of the format, got 2"),
        ("bench --from text.json", "text.json: expected what `convolve bench --json` writes"),
        ("bench --from good.json --shape 9x9", "--shape"),
        ("bench --from good.json --report a.html --peers text.json", "text.json"),
        ("bench --compare good.json", "2 values"),
        ("bench --compare good.json text.json", "text.json"),
        ("bench --compare good.json good.json --fail-over x", "such as 10"),
        ("bench --compare good.json good.json --json a.json", "--json"),
    ] {
        refused(&place, arguments, words);
    }
}
