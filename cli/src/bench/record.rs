//! What a benchmark has measured, as JSON: `convolve bench` and the scripts of `benches/peers` write
//! it, `--from`, `--compare` and `--peers` read it.
//!
//! Times are seconds. What is absent is not known.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::Result;
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
}
