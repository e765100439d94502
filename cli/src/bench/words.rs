//! Numbers as they are read.

/// `1.23 ms`: three digits, with the unit that suits them.
pub fn seconds(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 0.9995 => (s, "s"),
        s if s >= 0.9995e-3 => (1e3 * s, "ms"),
        s => (1e6 * s, "us"),
    };
    format!("{} {unit}", digits(value))
}

/// `12.3 GB/s`: three digits of what there is in a second.
pub fn rate(value: f64, unit: &str) -> String {
    let (value, prefix) = match value {
        v if v >= 0.9995e12 => (v / 1e12, "T"),
        v if v >= 0.9995e9 => (v / 1e9, "G"),
        v => (v / 1e6, "M"),
    };
    match unit.strip_prefix('1') {
        Some(per) => format!("{} {prefix}{per}", digits(value)),
        None => format!("{} {prefix}{unit}", digits(value)),
    }
}

fn digits(value: f64) -> String {
    match value {
        v if v >= 99.95 => format!("{v:.0}"),
        v if v >= 9.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// Nobody measures more digits than four.
pub fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_with_a_unit() {
        assert_eq!(seconds(1.234_56), "1.23 s");
        assert_eq!(seconds(0.999_6), "1.00 s");
        assert_eq!(seconds(0.012_345), "12.3 ms");
        assert_eq!(seconds(345e-6), "345 us");
        assert_eq!(seconds(3.2e-8), "0.03 us");
        assert_eq!(rate(1.2345e10, "B/s"), "12.3 GB/s");
        assert_eq!(rate(3.2e11, "1/s"), "320 G/s");
        assert_eq!(rate(3.2e12, "1/s"), "3.20 T/s");
    }

    #[test]
    fn four_digits_are_kept() {
        assert_eq!(rounded(0.012_345_678), 0.012_35);
        assert_eq!(rounded(0.0), 0.0);
    }
}
