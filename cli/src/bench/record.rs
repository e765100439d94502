//! What a benchmark has measured, as JSON: `convolve bench` and the scripts of `benches/peers` write
//! it, `--from`, `--compare` and `--peers` read it.
//!
//! Times are seconds. What is absent is not known.

use std::collections::BTreeMap;

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
