//! A record as text for a terminal, at most 100 columns wide.

use std::collections::BTreeMap;

use super::record::{Case, Record, Way};
use super::regret::{Regret, fastest};
use super::words::{rate, seconds};

const WIDTH: usize = 100;
/// Ways that are left out for the same reason are told together where they are as many.
const OFTEN: usize = 3;

/// Reasons, and the ways that are left out for them, with how often.
type Reasons<'r> = BTreeMap<&'r str, BTreeMap<String, usize>>;

/// All of it.
pub fn text(record: &Record) -> String {
    let mut lines = head(record);
    let reasons = reasons(record);
    let widths = record.cases.iter().flat_map(|case| &case.ways).map(|way| width(&way.label()));
    let wide = widths.max().unwrap_or(0).clamp(13, 25);
    if !record.cases.is_empty() {
        lines.push(String::new());
        lines.push(row(
            "",
            "way",
            wide,
            ["median", "10 % to 90 %", "first", "expected", "limit"],
            "",
        ));
    }
    for case in &record.cases {
        case_lines(case, wide, &reasons, &mut lines);
    }
    let often: Vec<_> =
        reasons.iter().filter(|(_, ways)| ways.values().sum::<usize>() >= OFTEN).collect();
    if !often.is_empty() {
        lines.extend([String::new(), "Left out:".into()]);
    }
    for (reason, ways) in often {
        let ways = ways.iter().map(|(way, times)| format!("{way} ({times} x)"));
        lines.extend(wrapped("  ", &format!("{}: {reason}", ways.collect::<Vec<_>>().join(", "))));
    }
    lines.extend(choice(record));
    // Names come from files, and a terminal would obey what is in them.
    let plain = |line: &String| line.replace(char::is_control, " ");
    lines.iter().map(plain).collect::<Vec<_>>().join("\n")
}

/// Of what machine it is, and what that can do at most.
fn head(record: &Record) -> Vec<String> {
    let machine = &record.machine;
    let versions = record.versions.iter().map(|(name, version)| format!(", {name} {version}"));
    let title =
        format!("{}: convolve {}{}", record.date, record.convolve, versions.collect::<String>());
    let mut lines = wrapped("", &title);
    let (threads, os) = (machine.threads, &machine.os);
    let cpu = format!("cpu: {}, {threads} threads, {}, {os}", machine.cpu, machine.instructions);
    lines.extend(wrapped("", &cpu));
    for gpu in &record.devices {
        let software = match gpu.software {
            true => "; the CPU does its work, and its times say nothing about a GPU",
            false => "",
        };
        let text = format!("gpu: {} ({}), {}{software}", gpu.name, gpu.backend, gpu.driver);
        lines.extend(wrapped("", &text));
    }
    for device in ["cpu", "gpu"] {
        let of = record.limits.iter().filter(|limit| limit.device == device);
        let words = of.map(|limit| format!("{} {}", limit.name, rate(limit.value, &limit.unit)));
        let words: Vec<String> = words.collect();
        if !words.is_empty() {
            lines.extend(wrapped("", &format!("limits of the {device}: {}", words.join(", "))));
        }
    }
    lines.push(
        "Mode same, from and to host memory; -> is what a free choice takes, * the fastest.".into(),
    );
    lines
}

fn reasons(record: &Record) -> Reasons<'_> {
    let mut reasons = Reasons::new();
    for way in record.cases.iter().flat_map(|case| &case.ways).filter(|way| !way.wrong) {
        if let Some(reason) = &way.left_out {
            *reasons.entry(reason).or_default().entry(way.label()).or_default() += 1;
        }
    }
    reasons
}

fn case_lines(case: &Case, wide: usize, reasons: &Reasons, lines: &mut Vec<String>) {
    let copy = case.copy.map(|copy| format!(" (a copy takes {})", seconds(copy)));
    lines.push(String::new());
    lines.push(cut(&format!("{}{}", case.name, copy.unwrap_or_default())));
    let fastest = fastest(case.ways.iter().filter(|way| way.is_ours()));
    for way in &case.ways {
        let mark = if way.chosen { "->" } else { "" };
        let often = |reason: &String| {
            reasons.get(reason.as_str()).is_some_and(|ways| ways.values().sum::<usize>() >= OFTEN)
        };
        match (way.median, &way.left_out) {
            (Some(median), _) => {
                let star =
                    if fastest.is_some_and(|other| std::ptr::eq(other, way)) { "*" } else { "" };
                let star = if way.other_kernel { "another kernel" } else { star };
                lines.push(row(
                    mark,
                    &way.label(),
                    wide,
                    columns(way, median).each_ref().map(|c| c.as_str()),
                    star,
                ));
            }
            (None, Some(reason)) if way.wrong => {
                lines.push(cut(&format!("{mark:>4} {:<wide$} WRONG: {reason}", way.label())));
            }
            (None, Some(reason)) if !way.chosen && often(reason) => {}
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or("not measured");
                lines.push(cut(&format!("{mark:>4} {:<wide$} left out: {reason}", way.label())));
            }
        }
    }
}

fn columns(way: &Way, median: f64) -> [String; 5] {
    let optional = |time: Option<f64>| time.map_or(String::new(), seconds);
    let spread = match (way.low, way.high) {
        (Some(low), Some(high)) => format!("{} to {}", seconds(low), seconds(high)),
        _ => String::new(),
    };
    let limit = way.limit.map_or(String::new(), |limit| format!("{:.0} %", 100.0 * limit / median));
    [seconds(median), spread, optional(way.first), optional(way.expected), limit]
}

fn row(mark: &str, way: &str, wide: usize, columns: [&str; 5], end: &str) -> String {
    let way: String = way.chars().take(wide).collect();
    let [median, spread, first, expected, limit] = columns;
    let line = format!(
        "{mark:>4} {way:<wide$} {median:>8} {spread:>20} {first:>8} {expected:>8} {limit:>6} {end}"
    );
    line.trim_end().into()
}

/// What the free choice costs.
fn choice(record: &Record) -> Vec<String> {
    let regret = Regret::of(&record.cases);
    let Some((median, high, worst)) = regret.summary() else { return Vec::new() };
    let percent = |ratio: f64| format!("{:.0} %", 100.0 * (ratio - 1.0));
    let cases = match regret.choices.len() {
        1 => "1 case".into(),
        cases => format!("{cases} cases"),
    };
    let mut text = format!(
        "The choice takes longer than the fastest way, over {cases}: median {}, 95th percentile {}, worst {}",
        percent(median),
        percent(high),
        percent(worst.regret)
    );
    if !worst.is_fastest() {
        text += &format!(" ({})", worst.case.name);
    }
    if regret.unmeasured > 0 {
        text += &format!("; in {} more the choice was left out", regret.unmeasured);
    }
    let mut lines = wrapped("", &text);
    lines.insert(0, String::new());
    lines
}

pub fn width(text: &str) -> usize {
    text.chars().count()
}

pub fn cut(line: &str) -> String {
    if width(line) <= WIDTH {
        return line.into();
    }
    line.chars().take(WIDTH - 2).chain("..".chars()).collect()
}

/// Lines of words that fit, all but the first further in.
pub fn wrapped(indent: &str, text: &str) -> Vec<String> {
    let mut lines = vec![indent.to_string()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let begun = !lines[last].trim().is_empty();
        if begun && width(&lines[last]) + 1 + width(word) > WIDTH {
            lines.push(format!("{indent}    {word}"));
        } else {
            if begun {
                lines[last].push(' ');
            }
            lines[last].push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::{case, record, way};

    /// Wherever lines are broken.
    fn in_words(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn everything_is_in_the_table_and_fits() {
        let reason = "the kernel is no outer product, and no sum of a few of them";
        let full = |name: &str| {
            let chosen = Way {
                chosen: true,
                first: Some(2.0),
                expected: Some(0.5),
                limit: Some(0.25),
                ..way("cpu", "direct", 1.0)
            };
            let none = Way { median: None, ..way("cpu", "separable", 1.0) };
            let out = Way { left_out: Some(reason.into()), ..none.clone() };
            let long =
                Way { left_out: Some("long ".repeat(40)), name: "other".into(), ..none.clone() };
            let wrong =
                Way { left_out: Some("off".into()), wrong: true, name: "fft".into(), ..none };
            case(name, vec![chosen, way("gpu", "direct", 0.8), out, long, wrong])
        };
        let record = record(["a", "b", "c"].map(full).into());
        let text = text(&record);
        for words in [
            "A processor, 2 threads",
            "copy 12.5 GB/s",
            "say nothing about a GPU",
            "  -> cpu direct",
            "900 ms to 1.10 s",
            "25 %",
            "WRONG: off",
            "cpu separable (3 x): the kernel is no outer product",
            "worst 25 % (a)",
        ] {
            assert!(in_words(&text).contains(&in_words(words)), "{words} is missing in\n{text}");
        }
        assert!(
            text.lines().any(|line| line.contains("gpu direct") && line.ends_with('*')),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn an_empty_record_has_a_head_alone() {
        let text = text(&record(Vec::new()));
        assert!(
            text.contains("A processor")
                && !text.contains("Left out")
                && !text.contains("The choice")
        );
    }
}
