//! Measuring this machine: the constants of the cost model, from runs of this library's own methods.
//!
//! Each probe is a convolution whose expected time hangs on one constant above all. What the model
//! says of it is solved for that constant, so that the formulas are written once, in
//! `plan/cost/`, and calibration follows whatever they become.

mod fit;
mod on_cpu;
#[cfg(feature = "gpu")]
mod on_gpu;
mod probe;

use std::fmt;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::Result;
use crate::machine::Devices;
#[cfg(feature = "gpu")]
use crate::machine::rates::detail;
use crate::machine::rates::{DeviceRates, listed};
use crate::plan::CostModel;
#[cfg(feature = "gpu")]
use crate::plan::Gpu;

/// What [`Convolver::calibrate`](crate::Convolver::calibrate) measured, and where that is kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Calibration {
    /// The CPU first, then the GPU where there is one.
    pub devices: Vec<DeviceRates>,
    /// The files that were written, or why none was. What could not be kept still holds for the
    /// convolver that measured it.
    pub kept: Result<Vec<PathBuf>, String>,
}

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for device in &self.devices {
            writeln!(f, "{device}\n")?;
        }
        match &self.kept {
            Ok(files) => {
                let files: Vec<String> =
                    files.iter().map(|file| file.display().to_string()).collect();
                write!(f, "kept in {}", files.join(" and "))
            }
            Err(reason) => write!(f, "not kept: {reason}"),
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Measures these devices, and keeps what was found.
pub(crate) fn calibrate(devices: &Devices) -> Result<Calibration> {
    let shipped = CostModel::default();
    let capabilities = devices.capabilities();
    let (rates, measured) = on_cpu::measure(devices, &capabilities, &shipped)?;
    let machine = devices.model().machine();
    #[cfg_attr(not(feature = "gpu"), expect(unused_mut))]
    let mut found = vec![DeviceRates {
        name: machine.cpu.clone(),
        detail: machine.detail(),
        kind: None,
        measured_at: now(),
        rates: listed(&rates, &shipped.cpu, &measured),
    }];
    #[cfg(feature = "gpu")]
    if let Gpu::Present(gpu) = &capabilities.gpu {
        let (rates, measured) = on_gpu::measure(devices, gpu, &shipped)?;
        found.push(DeviceRates {
            name: gpu.name.clone(),
            detail: detail(gpu),
            kind: Some(gpu.kind),
            measured_at: now(),
            rates: listed(&rates, shipped.gpu_rates(gpu.kind), &measured),
        });
    }
    let kept = devices.model().keep(&found);
    Ok(Calibration { devices: found, kept })
}
