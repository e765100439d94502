//! Calibrations on disk: one small file of JSON for each device.
//!
//! A file is for one machine, one driver and one version of this library; its name is a hash of
//! these, and they stand in it. A file that is from elsewhere, or that makes no sense, is ignored, and
//! rewritten by the next calibration.

#[cfg(feature = "serde")]
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

use super::model::Measured;
use super::rates::DeviceRates;
use crate::plan::InstructionSet;

/// What measurements are of, besides the device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Machine {
    /// The processor's model.
    pub cpu: String,
    pub instructions: InstructionSet,
    pub threads: usize,
}

impl Machine {
    pub(crate) fn new(instructions: InstructionSet, threads: usize) -> Self {
        Self { cpu: processor(), instructions, threads }
    }

    pub(crate) fn detail(&self) -> String {
        let s = if self.threads == 1 { "" } else { "s" };
        format!("{}, {} thread{s}", self.instructions, self.threads)
    }
}

/// The name that the processor gives itself.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let named = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_string())
    };
    // On ARM there are numbers instead of a name.
    let part =
        || Some(format!("implementer {} part {}", named("CPU implementer")?, named("CPU part")?));
    let unknown = || format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    named("model name").or_else(part).unwrap_or_else(unknown)
}

/// What is kept of this machine.
#[cfg(not(feature = "serde"))]
pub(super) fn load(_: Option<&Path>, _: &Machine) -> Measured {
    Measured::default()
}

/// Keeps what was measured.
#[cfg(not(feature = "serde"))]
pub(super) fn save(_: &Path, _: &Machine, _: &DeviceRates) -> Result<PathBuf, String> {
    Err("this build reads and writes no files (feature `serde`)".into())
}

/// What is kept of this machine.
#[cfg(feature = "serde")]
pub(super) fn load(directory: Option<&Path>, machine: &Machine) -> Measured {
    let mut measured = Measured::default();
    let files = directory.and_then(|directory| std::fs::read_dir(directory).ok());
    for file in files.into_iter().flatten().flatten() {
        let is_ours = |name: &str| name.starts_with(PREFIX) && name.ends_with(".json");
        if !file.file_name().to_str().is_some_and(is_ours) {
            continue;
        }
        if let Some(device) = read(&file.path(), machine) {
            measured.keep(device);
        }
    }
    // In an order that does not depend on the directory's.
    measured.gpus.sort_by(|a, b| (&a.name, &a.detail).cmp(&(&b.name, &b.detail)));
    measured
}

/// Keeps what was measured.
#[cfg(feature = "serde")]
pub(super) fn save(
    directory: &Path,
    machine: &Machine,
    device: &DeviceRates,
) -> Result<PathBuf, String> {
    let identity = identity(machine, device);
    let path = directory.join(name(&identity));
    let rates: Map<String, Value> =
        device.rates.iter().map(|rate| (rate.name.into(), json!(rate.value))).collect();
    let fitted: Vec<&str> =
        device.rates.iter().filter(|rate| rate.measured).map(|rate| rate.name).collect();
    let file = json!({
        "of": identity,
        "measured_at": device.measured_at,
        "rates": rates,
        "measured": fitted,
    });
    let write = crate::util::disk::write(&path, format!("{file:#}\n").as_bytes());
    write.map(|()| path.clone()).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(feature = "serde")]
const PREFIX: &str = "calibration-";

/// Larger files are not ours.
#[cfg(feature = "serde")]
const LARGEST: u64 = 1 << 16;

#[cfg(feature = "serde")]
fn name(identity: &Value) -> String {
    format!("{PREFIX}{:016x}.json", hash([identity.to_string().as_str()]))
}

/// What a file is of; compared as a whole.
#[cfg(feature = "serde")]
fn identity(machine: &Machine, device: &DeviceRates) -> Value {
    json!({
        "device": device.name,
        "detail": device.detail,
        "kind": device.kind.map_or("Cpu".to_string(), |kind| format!("{kind:?}")),
        "processor": machine.cpu,
        "instructions": machine.instructions.to_string(),
        "threads": machine.threads,
        "version": env!("CARGO_PKG_VERSION"),
        "shaders": format!("{:016x}", shaders()),
    })
}

#[cfg(feature = "serde")]
fn read(path: &Path, machine: &Machine) -> Option<DeviceRates> {
    use super::rates::{is_sane, listed};
    use crate::plan::{CostModel, GpuKind};
    let file: Value = serde_json::from_slice(&crate::util::disk::read(path, LARGEST)?).ok()?;
    let of = &file["of"];
    let text = |of: &Value| of.as_str().map(String::from);
    let kind = match of["kind"].as_str()? {
        "Cpu" => None,
        "Discrete" => Some(GpuKind::Discrete),
        "Integrated" => Some(GpuKind::Integrated),
        "Other" => Some(GpuKind::Other),
        "Software" => Some(GpuKind::Software),
        _ => return None,
    };
    let shipped = CostModel::default();
    let fitted = file["measured"].as_array()?;
    let fitted: Vec<&str> = fitted.iter().filter_map(Value::as_str).collect();
    let mut rates = match kind {
        None => listed(&shipped.cpu, &shipped.cpu, &fitted),
        Some(kind) => {
            let shipped = shipped.gpu_rates(kind);
            listed(shipped, shipped, &fitted)
        }
    };
    for rate in &mut rates {
        rate.value = file["rates"][rate.name].as_f64()?;
        // One absurd value, and none of them can be trusted.
        is_sane(rate.value, rate.shipped).then_some(())?;
    }
    let measured_at = file["measured_at"].as_u64()?;
    let (device, detail) = (text(&of["device"])?, text(&of["detail"])?);
    let device = DeviceRates { name: device, detail, kind, measured_at, rates };
    // A copy under another name is not what the last calibration wrote.
    let identity = identity(machine, &device);
    (*of == identity && path.ends_with(name(&identity))).then_some(device)
}

/// Changes with every shader: what was measured of others may not hold.
#[cfg(feature = "serde")]
fn shaders() -> u64 {
    #[cfg(feature = "gpu")]
    return hash(crate::gpu::shaders::SOURCES);
    #[cfg(not(feature = "gpu"))]
    0
}

/// FNV-1a, which is the same in every process and on every machine.
#[cfg(feature = "serde")]
fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> u64 {
    let bytes = texts.into_iter().flat_map(str::bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
