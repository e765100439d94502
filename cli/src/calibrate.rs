//! `convolve calibrate`.

use anyhow::Result;
use convolve::{Convolver, DeviceRates};

use crate::{date, report};

pub fn run() -> Result<()> {
    let calibration = Convolver::new().calibrate()?;
    report::print(&calibration.to_string())?;
    // Whoever keeps only the output would miss it.
    if let Err(reason) = &calibration.kept {
        report::note(&format!("convolve: not kept: {reason}"));
    }
    Ok(())
}

/// What was measured of a device and when, indented.
pub fn kept(device: &DeviceRates) -> String {
    let words = device.to_string();
    let mut lines =
        words.lines().skip(1).fold(String::new(), |text, line| text + "   " + line + "\n");
    let (day, time) = date::of(device.measured_at);
    lines.insert_str(0, &format!("     measured {day} {} UTC:\n", &time[..5]));
    lines
}
