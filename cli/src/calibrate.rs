//! `convolve calibrate`.

use anyhow::Result;
use convolve::{Convolver, DeviceRates};

use crate::report;

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
    lines.insert_str(0, &format!("     measured {} UTC:\n", date(device.measured_at)));
    lines
}

/// Day and time of so many seconds since 1970.
fn date(seconds: u64) -> String {
    // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year_of_era + later;
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_399), "2000-02-28 23:59");
        assert_eq!(date(951_782_400), "2000-02-29 00:00");
        assert_eq!(date(1_795_462_440), "2026-11-23 19:34");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00");
    }
}
