//! A record as it is read from a file, which may be any file.

use std::collections::HashSet;
use std::fs;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;

use super::record::{Case, FORMAT, Record, VERSION};
use crate::standard;

/// What a file says of itself, before anything else of it is believed.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: serde_json::Value,
    #[serde(default)]
    version: serde_json::Value,
}

/// The record in a file.
pub fn record(path: &Path) -> Result<Record> {
    let bytes = match standard::is_dash(path) {
        true => from_standard(),
        false => fs::read(path).map_err(Into::into),
    };
    let bytes = bytes.with_context(|| path.display().to_string())?;
    parse(&bytes).with_context(|| path.display().to_string())
}

fn from_standard() -> Result<Vec<u8>> {
    let mut input = io::stdin().lock();
    ensure!(!input.is_terminal(), "standard input is a terminal: expected a file or a pipe");
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn parse(bytes: &[u8]) -> Result<Record> {
    const EXPECTED: &str = "expected what `convolve bench --json` writes";
    let broken = |error: serde_json::Error| anyhow!("{EXPECTED}: {error}");
    let head: Head = serde_json::from_slice(bytes).map_err(broken)?;
    ensure!(head.format == FORMAT, "{EXPECTED}, whose format is {FORMAT}, got {}", head.format);
    ensure!(
        head.version == VERSION,
        "expected version {VERSION} of the format, got {}",
        head.version
    );
    let record: Record = serde_json::from_slice(bytes).map_err(broken)?;
    for limit in &record.limits {
        ensure!(
            is_number(limit.value),
            "limit {} of {}: expected a number from 0 up",
            limit.name,
            limit.device
        );
    }
    let mut names = HashSet::new();
    for case in &record.cases {
        sane(case).with_context(|| case.name.clone())?;
        ensure!(
            names.insert((&case.set, &case.name)),
            "{}: expected one case of this name in the set {}",
            case.name,
            case.set
        );
    }
    Ok(record)
}

/// Nothing takes longer, in seconds.
const LONGEST: f64 = 1e9;

fn is_number(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

/// An error where numbers of a case cannot be.
fn sane(case: &Case) -> Result<()> {
    let is_time = |time: f64| (0.0..=LONGEST).contains(&time);
    for (name, value) in [("multiply_adds", case.multiply_adds), ("bytes", case.bytes)] {
        ensure!(is_number(value), "expected {name} from 0 up, got {value}");
    }
    ensure!(
        case.copy.is_none_or(is_time),
        "expected a copy that takes from 0 to {LONGEST} seconds"
    );
    for way in &case.ways {
        let name = way.label();
        let parts = way.parts.map(|parts| [parts.upload, parts.compute, parts.download]);
        let times = [way.median, way.low, way.high, way.first, way.expected, way.limit];
        let mut times = times.into_iter().flatten().chain(parts.into_iter().flatten());
        ensure!(
            times.all(is_time) && way.median != Some(0.0),
            "{name}: expected times above zero, of at most {LONGEST} seconds"
        );
        let spread: Vec<f64> = [way.low, way.median, way.high].into_iter().flatten().collect();
        ensure!(spread.is_sorted(), "{name}: expected low <= median <= high");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::{case, record, way};
    use crate::bench::record::{Parts, Way};

    #[test]
    fn what_is_written_is_read() {
        let mut all = way("gpu", "fft", 1.234_5e-3);
        all.parts = Some(Parts { upload: 1e-4, compute: 2e-4, download: 3e-4 });
        all.limit = Some(1e-7);
        all.chosen = true;
        let out = Way { left_out: Some("no \"GPU\"".into()), median: None, ..way("gpu", "x", 1.0) };
        let record = record(vec![case("a", vec![all, out])]);
        let mut file = Vec::new();
        record.write(&mut file).unwrap();
        assert_eq!(parse(&file).unwrap(), record);
    }

    /// What `benches/peers/record.py` writes: no `copy` where there was none, whole numbers where they are, and
    /// ways of others.
    #[test]
    fn records_of_peers_are_read() {
        let text = r#"{"format": "convolve-bench", "version": 1, "date": "2026-11-28T22:10:00Z",
            "convolve": "0.1.0",
            "machine": {"cpu": "x", "cores": 2, "threads": 2, "os": "Linux", "instructions": "avx512"},
            "versions": {"commit": "unknown", "rustc": "1.90.0", "Python": "3.12.3"},
            "devices": [], "limits": [{"name": "copy", "device": "cpu", "unit": "B/s", "value": 1e10}],
            "cases": [{"set": "arrays", "group": "2d", "name": "2048², 3²",
            "samples": "2048 x 2048 float32, noise", "shape": [2048, 2048], "dtype": "float32",
            "data": "noise", "kernel": "random", "kernel_shape": [3, 3], "mode": "same",
            "boundary": "zero", "multiply_adds": 37748736, "bytes": 33554432, "ways": [
            {"library": "convolve", "name": "auto", "device": "cpu", "median": 0.001, "low": 0.0009,
             "high": 0.0011, "runs": 12, "error": "1e-7", "chosen": true, "method": "direct"},
            {"library": "OpenCV", "name": "filter2D", "device": "cpu", "left_out": "off by 1",
             "wrong": true}]}]}"#;
        let record = parse(text.as_bytes()).unwrap();
        let ways = &record.cases[0].ways;
        assert_eq!(ways[0].method.as_deref(), Some("direct"));
        assert_eq!(ways[1].label(), "cpu OpenCV filter2D");
        assert_eq!(record.wrong(), ["2048², 3²: cpu OpenCV filter2D"]);
    }

    #[test]
    fn other_files_are_refused() {
        let good = serde_json::to_string(&record(vec![case("a", vec![way("cpu", "fft", 1.0)])]));
        let good = good.unwrap();
        let twin = || case("a", vec![way("cpu", "fft", 1.0)]);
        let twice = serde_json::to_string(&record(vec![twin(), twin()])).unwrap();
        const PARTS: &str = "\"median\":1.0,\"parts\":{\"upload\":-1,\"compute\":1,\"download\":1}";
        for (text, words) in [
            (String::new(), "expected what `convolve bench --json` writes"),
            ("not JSON".into(), "expected what `convolve bench --json` writes"),
            ("[]".into(), "expected what `convolve bench --json` writes"),
            ("{}".into(), "format is convolve-bench, got null"),
            (good.replace("convolve-bench", "criterion"), "got \"criterion\""),
            (
                good.replace("\"version\":1", "\"version\":2"),
                "expected version 1 of the format, got 2",
            ),
            (good.replace("\"cases\"", "\"case\""), "missing field `cases`"),
            (good.replace("\"median\":1.0", "\"median\":-1.0"), "a: cpu fft: expected times"),
            (good.replace("\"median\":1.0", "\"median\":2e9"), "a: cpu fft: expected times"),
            (good.replace("\"median\":1.0", "\"median\":3.0"), "low <= median <= high"),
            (good.replace("\"bytes\":2097152.0", "\"bytes\":-1"), "a: expected bytes from 0 up"),
            (good.replace("\"copy\":0.0001", "\"copy\":-1"), "a: expected a copy"),
            (good.replace("\"value\":12500000000.0", "\"value\":-1"), "limit copy of cpu"),
            (good.replace("\"median\":1.0", PARTS), "a: cpu fft: expected times"),
            (twice, "a: expected one case of this name in the set bench"),
            (good[..good.len() / 2].into(), "EOF"),
        ] {
            let error = format!("{:#}", parse(text.as_bytes()).unwrap_err());
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
