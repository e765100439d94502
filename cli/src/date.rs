//! Days and times of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// Day and time of day of so many seconds since 1970: `2026-11-29` and `04:00:00`.
pub fn of(seconds: u64) -> (String, String) {
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
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    (format!("{year}-{month:02}-{day:02}"), format!("{hour:02}:{minute:02}:{second:02}"))
}

/// Now, in UTC, such as `2026-11-29T04:00:00Z`.
pub fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (day, time) = of(since.as_secs());
    format!("{day}T{time}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let date = |seconds| {
            let (day, time) = of(seconds);
            format!("{day} {time}")
        };
        assert_eq!(date(0), "1970-01-01 00:00:00");
        assert_eq!(date(951_782_399), "2000-02-28 23:59:59");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00");
        assert_eq!(date(1_795_462_440), "2026-11-23 19:34:00");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00:00");
        assert!(now().ends_with('Z') && now().len() == 20);
    }
}
