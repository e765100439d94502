//! What a benchmark has measured, as JSON: `convolve bench` and the scripts of `benches/peers` write
//! it, `--from`, `--compare` and `--peers` read it.
//!
//! Times are seconds. What is absent is not known.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

/// What a file of this kind calls itself.
pub const FORMAT: &str = "convolve-bench";
/// Of the format: files of others are refused.
pub const VERSION: u32 = 1;

/// All of one run on one machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub format: String,
    pub version: u32,
    /// In UTC, such as `2026-11-29T04:00:00Z`.
    pub date: String,
    /// This library's version.
    pub convolve: String,
    pub machine: Machine,
    /// Of what else took part, the commit and the compiler among them.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// The GPUs that took part.
    #[serde(default)]
    pub devices: Vec<Gpu>,
    #[serde(default)]
    pub limits: Vec<Limit>,
    pub cases: Vec<Case>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub threads: usize,
    pub os: String,
    /// The best instruction set that this library uses here.
    pub instructions: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    pub name: String,
    pub backend: String,
    pub driver: String,
    /// Whether the CPU does the work of it.
    pub software: bool,
}

/// How fast something can be on this machine at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// `copy` (bytes read and written), `multiply-adds f32`, `upload` and others.
    pub name: String,
    /// `cpu` or `gpu`.
    pub device: String,
    /// `B/s` or `1/s`.
    pub unit: String,
    pub value: f64,
}

/// One problem, and all ways of solving it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What cases of one run belong to: `bench` here, `arrays` and `pictures` of peers.
    pub set: String,
    /// Cases of a group differ in the kernel's size only, and are points of one chart.
    pub group: String,
    /// Unlike the name of every other case of this set.
    pub name: String,
    /// The input in words.
    pub samples: String,
    pub shape: Vec<usize>,
    pub dtype: String,
    /// What the samples show, such as `noise`.
    pub data: String,
    /// What the taps are, such as `gaussian:4`.
    pub kernel: String,
    pub kernel_shape: Vec<usize>,
    pub mode: String,
    pub boundary: String,
    /// Of a direct sum, or of one for each axis where the kernel is an outer product.
    pub multiply_adds: f64,
    /// Of the input and the output.
    pub bytes: f64,
    /// Of a copy of the input to the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<f64>,
    pub ways: Vec<Way>,
}

/// A way of solving a problem, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Way {
    /// `convolve` or another.
    pub library: String,
    /// Within its library and device; here the method.
    pub name: String,
    /// `cpu` or `gpu`.
    pub device: String,
    /// What the library itself has chosen, where the name does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// The 10th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// The 90th percentile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<usize>,
    /// Planning and the first run together, with a result that is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<f64>,
    /// What the plan expected of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<f64>,
    /// The least time that the machine's limits allow this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// Of a run on a GPU, by its own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<Parts>,
    /// How far off the right result it was, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether this library takes it where it is free to choose.
    #[serde(default, skip_serializing_if = "is_false")]
    pub chosen: bool,
    /// Whether it computes with another kernel than was asked for.
    #[serde(default, skip_serializing_if = "is_false")]
    pub other_kernel: bool,
    /// Why there are no times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
    /// Whether that is because the result was wrong.
    #[serde(default, skip_serializing_if = "is_false")]
    pub wrong: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parts {
    pub upload: f64,
    pub compute: f64,
    pub download: f64,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// What a file says of itself, before anything else of it is believed.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    format: serde_json::Value,
    #[serde(default)]
    version: serde_json::Value,
}

/// The record in a file.
pub fn read(path: &Path) -> Result<Record> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    parse(&bytes).with_context(|| path.display().to_string())
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
    for case in &record.cases {
        for way in &case.ways {
            let times = [way.median, way.low, way.high, way.first, way.expected, way.limit];
            let sane = times.into_iter().flatten().all(|time| time.is_finite() && time >= 0.0);
            ensure!(
                sane && way.median != Some(0.0),
                "{}: {} {}: expected times above zero",
                case.name,
                way.library,
                way.name
            );
        }
    }
    Ok(record)
}

impl Record {
    pub fn write(&self, mut file: impl Write) -> Result<()> {
        serde_json::to_writer_pretty(&mut file, self)?;
        Ok(file.write_all(b"\n")?)
    }

    /// What was wrong, a line each.
    pub fn wrong(&self) -> Vec<String> {
        let of = |case: &Case| -> Vec<String> {
            let wrong = case.ways.iter().filter(|way| way.wrong);
            wrong.map(|way| format!("{}: {}", case.name, way.label())).collect()
        };
        self.cases.iter().flat_map(of).collect()
    }
}

impl Way {
    /// Device and method, and the library where it is another.
    pub fn label(&self) -> String {
        match self.library.as_str() {
            "convolve" => format!("{} {}", self.device, self.name),
            other => format!("{} {other} {}", self.device, self.name),
        }
    }

    /// Whether it is this library's, and computes what was asked for.
    pub fn is_ours(&self) -> bool {
        self.library == "convolve" && !self.other_kernel
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A way of this library that took so many seconds, from 0.9 to 1.1 times that.
    pub fn way(device: &str, name: &str, median: f64) -> Way {
        Way {
            library: "convolve".into(),
            name: name.into(),
            device: device.into(),
            median: Some(median),
            low: Some(0.9 * median),
            high: Some(1.1 * median),
            runs: Some(10),
            ..Way::default()
        }
    }

    pub fn case(name: &str, ways: Vec<Way>) -> Case {
        Case {
            set: "bench".into(),
            group: "512 x 512 f32, noise, full rank".into(),
            name: name.into(),
            samples: "512 x 512 f32, noise".into(),
            shape: vec![512, 512],
            dtype: "f32".into(),
            data: "noise".into(),
            kernel: "full rank".into(),
            kernel_shape: vec![3, 3],
            mode: "same".into(),
            boundary: "zero".into(),
            multiply_adds: 2_359_296.0,
            bytes: 2_097_152.0,
            copy: Some(1e-4),
            ways,
        }
    }

    pub fn record(cases: Vec<Case>) -> Record {
        Record {
            format: FORMAT.into(),
            version: VERSION,
            date: "2026-11-29T04:00:00Z".into(),
            convolve: "0.1.0".into(),
            machine: Machine {
                cpu: "A processor".into(),
                cores: 2,
                threads: 2,
                os: "Linux".into(),
                instructions: "avx2".into(),
            },
            versions: [("build".into(), "release".into())].into(),
            devices: vec![Gpu {
                name: "llvmpipe".into(),
                backend: "Vulkan".into(),
                driver: "Mesa".into(),
                software: true,
            }],
            limits: vec![Limit {
                name: "copy".into(),
                device: "cpu".into(),
                unit: "B/s".into(),
                value: 1.25e10,
            }],
            cases,
        }
    }

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
            (good.replace("\"median\":1.0", "\"median\":-1.0"), "a: convolve fft: expected times"),
            (good[..good.len() / 2].into(), "EOF"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
    }
}
