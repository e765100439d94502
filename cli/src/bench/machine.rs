//! What the numbers are of: the machine, its GPU, and what was built.

use std::collections::BTreeMap;

use convolve::plan::GpuKind;
use convolve::{Convolver, GpuDevice};

use super::peak;
use super::record::{FORMAT, Gpu, Machine, Record, VERSION};
use crate::date;

/// A record of this machine, without cases.
pub fn record(convolver: &Convolver, gpu: Option<&GpuDevice>) -> Record {
    let capabilities = convolver.capabilities();
    let instructions = capabilities.instructions.to_string().to_lowercase().replace('-', "");
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    let expectations = match convolver.calibrations().is_empty() {
        true => "as shipped",
        false => "as calibrated",
    };
    let versions = [("build", build), ("expectations", expectations)];
    Record {
        format: FORMAT.into(),
        version: VERSION,
        date: date::now(),
        convolve: env!("CARGO_PKG_VERSION").into(),
        machine: Machine {
            cpu: processor(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
            cores: peak::all_threads(),
            threads: capabilities.threads,
            os: os().into(),
            instructions,
        },
        versions: versions.map(|(name, value)| (name.into(), value.into())).into(),
        devices: gpu.map(described).into_iter().collect(),
        limits: Vec::new(),
        cases: Vec::new(),
    }
}

fn described(gpu: &GpuDevice) -> Gpu {
    let capabilities = gpu.capabilities();
    Gpu {
        name: capabilities.name,
        backend: capabilities.backend,
        driver: capabilities.driver,
        software: capabilities.kind == GpuKind::Software,
    }
}

/// As `benches/peers/record.py` has it from Python.
fn os() -> &'static str {
    match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "Darwin",
        "windows" => "Windows",
        other => other,
    }
}

/// The processor's name with its family and model, of the text that Linux has of it: names such as
/// `Intel(R) Xeon(R) Processor` are those of many.
fn processor(info: &str) -> String {
    let mut fields = BTreeMap::new();
    for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
        fields.entry(name.trim()).or_insert(value.trim());
    }
    let field = |name| fields.get(name).copied();
    match (field("model name"), field("cpu family"), field("model")) {
        (Some(name), Some(family), Some(model)) => {
            format!("{name} (family {family}, model {model})")
        }
        (Some(name), ..) => name.into(),
        _ => std::env::consts::ARCH.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_have_names() {
        let info = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 143\nmodel name\t: A Xeon\n\n\
                    processor\t: 1\nmodel\t\t: 7\n";
        assert_eq!(processor(info), "A Xeon (family 6, model 143)");
        assert_eq!(processor(""), std::env::consts::ARCH);
    }

    #[test]
    fn a_record_says_what_it_is_of() {
        let record = record(&Convolver::builder().gpu(false).build(), None);
        assert!(record.machine.threads > 0 && record.devices.is_empty());
        assert!(record.versions.contains_key("build"));
    }
}
