//! Numbers as people read them: three digits, and a unit.

use maud::{Markup, html};

/// Between a number and its unit, which stay on one line.
const SPACE: char = '\u{a0}';
/// What stands where a number is not known.
pub const UNKNOWN: &str = "–";
const PREFIXES: [(f64, &str); 8] = [
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
];

/// Such as `1.39 ms`.
pub fn seconds(value: f64) -> String {
    let (scaled, prefix) = scaled(value, 1.0);
    format!("{}{SPACE}{prefix}s", three_digits(scaled))
}

/// A round number of seconds, such as `20 µs`.
pub fn tick_seconds(value: f64) -> String {
    let (scaled, prefix) = scaled(value, 1.0);
    format!("{scaled}{SPACE}{prefix}s")
}

/// Such as `12.4 GB/s`, or `96.1 G/s` of what has no unit but `1/s`.
pub fn rate(value: f64, unit: &str) -> String {
    let (scaled, prefix) = scaled(value, f64::INFINITY);
    let unit = unit.strip_prefix('1').unwrap_or(unit);
    format!("{}{SPACE}{prefix}{unit}", three_digits(scaled))
}

/// Such as `43 %`.
pub fn percent(share: f64) -> String {
    let percent = rounded(share * 100.0);
    let decimals = if percent < 0.995 { 2 } else { usize::from(percent < 9.95) };
    format!("{percent:.decimals$}{SPACE}%")
}

/// A round share in percent, such as `5 %`.
pub fn tick_percent(share: f64) -> String {
    format!("{}{SPACE}%", rounded(share * 100.0))
}

/// How many times as long, such as `1.08×`.
pub fn times(ratio: f64) -> String {
    format!("{}×", three_digits(rounded(ratio)))
}

/// Of a kernel or of samples: `15²` or `15 × 31`.
pub fn shape(shape: &[usize]) -> String {
    const POWERS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    match shape {
        [side, _, ..] if shape.len() < 10 && shape.iter().all(|other| other == side) => {
            format!("{side}{}", POWERS[shape.len()])
        }
        _ => shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(" × "),
    }
}

/// `1 case` or `3 cases`.
pub fn count(number: usize, of: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number}{SPACE}{of}{s}")
}

/// A cell of a table, with a number or without.
pub fn cell(value: Option<f64>, text: fn(f64) -> String) -> Markup {
    html! { td.number { (value.map_or(UNKNOWN.to_owned(), text)) } }
}

/// Only such numbers have a place on a logarithmic scale.
pub fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0)
}

fn scaled(value: f64, largest: f64) -> (f64, &'static str) {
    let value = rounded(value);
    let fits = |(factor, _): &&(f64, &str)| *factor <= largest && value.abs() >= *factor;
    let (factor, prefix) = match PREFIXES.iter().find(fits) {
        _ if value == 0.0 => &(1.0, ""),
        Some(found) => found,
        None => &PREFIXES[PREFIXES.len() - 1],
    };
    (rounded(value / factor), prefix)
}

/// To three digits.
fn rounded(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

fn three_digits(value: f64) -> String {
    let decimals = if value >= 99.95 { 0 } else { 2 - usize::from(value >= 9.995) };
    format!("{value:.decimals$}")
}
