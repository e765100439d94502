//! `--compare`: what was measured before and after, or on one machine and on another.

use std::path::Path;

use anyhow::Result;

use super::read;
use super::record::{Case, Gpu, Record, Way};
use super::table::{cut, wrapped};
use super::words::seconds;
use crate::report;

/// How the second of two measurements stands to the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// Nine of ten runs took longer than nine of ten runs before.
    Slower,
    Faster,
    /// The spreads overlap.
    Same,
}

/// A way that both have times of.
#[derive(Debug, PartialEq)]
pub struct Pair<'r> {
    case: &'r str,
    way: String,
    before: &'r Way,
    after: &'r Way,
    /// Of the medians.
    ratio: f64,
    verdict: Verdict,
}

/// What two records tell together.
#[derive(Debug, Default, PartialEq)]
pub struct Comparison<'r> {
    /// Where machines and versions differ.
    differ: Vec<String>,
    pairs: Vec<Pair<'r>>,
    /// What the second has no times of, or the first.
    missing: [Vec<String>; 2],
    /// What the first has times of and the second has none of, unless its result is wrong there.
    lost: Vec<String>,
    /// Cases that both have.
    common: usize,
    /// Results that are wrong in the second, and were not in the first.
    wrong: Vec<String>,
    /// Free choices that are others.
    choices: Vec<String>,
}

pub fn run(before: &Path, after: &Path, fail_over: Option<f64>) -> Result<()> {
    let [first, second] = [read::record(before)?, read::record(after)?];
    let comparison = compared(&first, &second);
    let mut lines = Vec::new();
    for (name, path, record) in [("before", before, &first), ("after", after, &second)] {
        let path = path.display();
        lines.extend(wrapped(
            "",
            &format!("{name}: {path}, {}, {}", record.date, record.machine.cpu),
        ));
    }
    lines.extend(comparison.lines());
    let plain = |line: &String| line.replace(char::is_control, " ");
    report::print(&lines.iter().map(plain).collect::<Vec<_>>().join("\n"))?;
    match fail_over.and_then(|percent| comparison.failure(percent)) {
        Some(failure) => Err(report::finding(failure)),
        None => Ok(()),
    }
}

pub fn compared<'r>(before: &'r Record, after: &'r Record) -> Comparison<'r> {
    let mut comparison = Comparison { differ: differences(before, after), ..Comparison::default() };
    for case in &before.cases {
        match after.cases.iter().find(|other| is_same(case, other)) {
            Some(other) => comparison.ways(case, other),
            None => {
                comparison.missing[0].push(case.name.clone());
                if case.ways.iter().any(|way| way.median.is_some()) {
                    comparison.lost.push(case.name.clone());
                }
            }
        }
    }
    for case in &after.cases {
        let partner = before.cases.iter().find(|other| is_same(case, other));
        if partner.is_none() {
            comparison.missing[1].push(case.name.clone());
        }
        comparison.wrong(partner, case);
    }
    comparison
}

fn is_same(a: &Case, b: &Case) -> bool {
    (&a.set, &a.name) == (&b.set, &b.name)
}

/// Where what was measured is not the same machine or the same program.
fn differences(before: &Record, after: &Record) -> Vec<String> {
    let mut differ = Vec::new();
    let mut tell = |what: &str, [a, b]: [String; 2]| {
        if a != b {
            differ.push(format!("{what}: {a} -> {b}"));
        }
    };
    let both = [before, after];
    tell("convolve", both.map(|record| record.convolve.clone()));
    tell("cpu", both.map(|record| record.machine.cpu.clone()));
    tell("cores", both.map(|record| record.machine.cores.to_string()));
    tell("threads", both.map(|record| record.machine.threads.to_string()));
    tell("system", both.map(|record| record.machine.os.clone()));
    tell("instructions", both.map(|record| record.machine.instructions.clone()));
    let gpus = |record: &Record| {
        let gpu = |gpu: &Gpu| format!("{} ({}), {}", gpu.name, gpu.backend, gpu.driver);
        let gpus: Vec<String> = record.devices.iter().map(gpu).collect();
        if gpus.is_empty() { "none".into() } else { gpus.join("; ") }
    };
    tell("gpu", both.map(gpus));
    let mut names: Vec<&String> = both.iter().flat_map(|record| record.versions.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let of = |record: &Record| record.versions.get(name).cloned();
        tell(name, both.map(|record| of(record).unwrap_or_else(|| "none".into())));
    }
    differ
}

/// Slower or faster is what differs by more than both spreads.
pub fn verdict(before: &Way, after: &Way) -> Verdict {
    let spread = |way: &Way| (way.low.or(way.median), way.high.or(way.median));
    let ((before_low, before_high), (after_low, after_high)) = (spread(before), spread(after));
    if after_low > before_high {
        Verdict::Slower
    } else if after_high < before_low {
        Verdict::Faster
    } else {
        Verdict::Same
    }
}

/// The same way in another case.
fn partner<'c>(case: &'c Case, way: &Way) -> Option<&'c Way> {
    let is_same =
        |a: &Way, b: &Way| (&a.library, &a.device, &a.name) == (&b.library, &b.device, &b.name);
    case.ways.iter().find(|other| is_same(way, other))
}

impl<'r> Comparison<'r> {
    fn ways(&mut self, before: &'r Case, after: &'r Case) {
        self.common += 1;
        for way in &before.ways {
            let label = way.label();
            let other = partner(after, way);
            match (way.median, other.and_then(|other| Some((other, other.median?)))) {
                (Some(median), Some((other, later))) => self.pairs.push(Pair {
                    case: &before.name,
                    way: label,
                    before: way,
                    after: other,
                    ratio: later / median,
                    verdict: verdict(way, other),
                }),
                (Some(_), None) => {
                    let reason = other.and_then(|other| other.left_out.as_ref());
                    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
                    let name = format!("{}: {label}{reason}", before.name);
                    if !other.is_some_and(|other| other.wrong) {
                        self.lost.push(name.clone());
                    }
                    self.missing[0].push(name);
                }
                _ => {}
            }
        }
        for way in after.ways.iter().filter(|way| way.median.is_some()) {
            let other = partner(before, way);
            if other.is_none_or(|other| other.median.is_none()) {
                self.missing[1].push(format!("{}: {}", after.name, way.label()));
            }
        }
        let choice = |case: &'r Case| case.ways.iter().find(|way| way.chosen);
        if let (Some(a), Some(b)) = (choice(before), choice(after)) {
            let words = |way: &Way| match &way.method {
                Some(method) => format!("{} ({method})", way.label()),
                None => way.label(),
            };
            let [a, b] = [a, b].map(words);
            if a != b {
                self.choices.push(format!("{}: {a} -> {b}", before.name));
            }
        }
    }

    /// Whatever is wrong after, unless it was before.
    fn wrong(&mut self, before: Option<&Case>, after: &Case) {
        for way in after.ways.iter().filter(|way| way.wrong) {
            let earlier = before.and_then(|before| partner(before, way));
            if earlier.is_none_or(|earlier| !earlier.wrong) {
                let reason = way.left_out.as_deref().unwrap_or("no reason given");
                self.wrong.push(format!("{}: {}: {reason}", after.name, way.label()));
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut list = |title: &str, items: &[String]| {
            if !items.is_empty() {
                lines.push(String::new());
                lines.push(title.into());
                lines.extend(items.iter().flat_map(|item| wrapped("  ", item)));
            }
        };
        list("What differs:", &self.differ);
        list("Wrong after, and not before:", &self.wrong);
        list("Measured before only:", &self.missing[0]);
        list("Measured after only:", &self.missing[1]);
        list("Other choices:", &self.choices);
        let mut case = None;
        for pair in &self.pairs {
            if case != Some(pair.case) {
                case = Some(pair.case);
                lines.extend([String::new(), cut(pair.case)]);
            }
            lines.push(pair.line());
        }
        let count = |verdict| self.pairs.iter().filter(|pair| pair.verdict == verdict).count();
        let [slower, faster, same] = [Verdict::Slower, Verdict::Faster, Verdict::Same].map(count);
        lines.push(String::new());
        lines.push(format!("{slower} slower, {faster} faster, {same} within the spread"));
        lines
    }

    /// What has become slower by more than so many percent, or wrong, or has no times any more; and
    /// whether there was nothing to compare.
    fn failure(&self, percent: f64) -> Option<String> {
        let slower =
            |pair: &&Pair| pair.verdict == Verdict::Slower && pair.ratio > 1.0 + percent / 100.0;
        let slower = self.pairs.iter().filter(slower).map(|pair| {
            format!("{}: {} by {}", pair.case, pair.way, change(pair.ratio).trim_start_matches('+'))
        });
        let slower: Vec<String> = slower.collect();
        let mut words = Vec::new();
        if !slower.is_empty() {
            let names = report::names(slower.into_iter());
            words.push(format!("slower by more than {percent} %: {names}"));
        }
        if self.common == 0 {
            words.push("no case is in both files".into());
        } else if !self.lost.is_empty() {
            let names = report::names(self.lost.iter().cloned());
            words.push(format!("timed before and not after: {names}"));
        }
        if !self.wrong.is_empty() {
            words.push(format!("wrong: {}", report::names(self.wrong.iter().cloned())));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

impl Pair<'_> {
    fn line(&self) -> String {
        let times = |way: &Way| {
            let optional = |time: Option<f64>| time.map_or(String::new(), seconds);
            format!("{} ({} to {})", optional(way.median), optional(way.low), optional(way.high))
        };
        let [before, after] = [self.before, self.after].map(times);
        let verdict = match self.verdict {
            Verdict::Slower => "slower",
            Verdict::Faster => "faster",
            Verdict::Same => "",
        };
        let way: String = self.way.chars().take(20).collect();
        let change = change(self.ratio);
        let line = format!("  {way:<20} {before:>29} {after:>29} {change:>7} {verdict}");
        line.trim_end().into()
    }
}

/// `+12 %`, and of small changes decimals too.
fn change(ratio: f64) -> String {
    let percent = 100.0 * (ratio - 1.0);
    let decimals = match percent.abs() {
        p if p >= 9.95 => 0,
        p if p >= 0.995 => 1,
        _ => 2,
    };
    format!("{percent:+.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::{case, record, way};

    fn of(times: &[(&str, f64)]) -> Record {
        let ways = |&(name, median): &(&str, f64)| way("cpu", name, median);
        record(vec![case("a", times.iter().map(ways).collect())])
    }

    #[test]
    fn a_planted_slowdown_is_found_and_noise_is_not() {
        // Spreads are from 0.9 to 1.1 of the median.
        let before = of(&[("direct", 1.0), ("fft", 1.0), ("separable", 1.0)]);
        let after = of(&[("direct", 1.15), ("fft", 1.3), ("separable", 0.7)]);
        let comparison = compared(&before, &after);
        let verdicts: Vec<_> = comparison.pairs.iter().map(|pair| pair.verdict).collect();
        assert_eq!(verdicts, [Verdict::Same, Verdict::Slower, Verdict::Faster]);
        let failure = comparison.failure(10.0).unwrap();
        assert_eq!(failure, "slower by more than 10 %: a: cpu fft by 30 %");
        assert_eq!(comparison.failure(40.0), None);
        assert_eq!(compared(&before, &before).failure(0.0), None);
        let lines = comparison.lines().join("\n");
        assert!(lines.contains("1 slower, 1 faster, 1 within"), "{lines}");
        assert!(lines.lines().all(|line| line.chars().count() <= 100), "{lines}");
    }

    #[test]
    fn without_a_spread_medians_are_compared() {
        let bare = |median| Way { low: None, high: None, ..way("cpu", "fft", median) };
        assert_eq!(verdict(&bare(1.0), &bare(1.01)), Verdict::Slower);
        assert_eq!(verdict(&bare(1.0), &bare(1.0)), Verdict::Same);
    }

    #[test]
    fn what_one_of_them_has_is_named() {
        let out = Way { median: None, left_out: Some("too long".into()), ..way("cpu", "fft", 1.0) };
        let before = record(vec![
            case("both", vec![way("cpu", "direct", 1.0), way("cpu", "fft", 1.0)]),
            case("old", vec![]),
        ]);
        let mut after = record(vec![
            case("both", vec![way("cpu", "direct", 1.0), out, way("gpu", "fft", 1.0)]),
            case("new", vec![]),
        ]);
        after.machine.cpu = "Another".into();
        after.versions.insert("rustc".into(), "1.90".into());
        let comparison = compared(&before, &after);
        assert_eq!(comparison.missing[0], ["both: cpu fft: too long", "old"]);
        // Nothing of the case that is gone had times.
        assert_eq!(
            comparison.failure(100.0).unwrap(),
            "timed before and not after: both: cpu fft: too long"
        );
        assert_eq!(comparison.missing[1], ["both: gpu fft", "new"]);
        assert_eq!(comparison.differ, ["cpu: A processor -> Another", "rustc: none -> 1.90"]);
    }

    #[test]
    fn other_choices_and_wrong_results_are_told() {
        let chosen = |way: Way| Way { chosen: true, ..way };
        let wrong = Way {
            median: None,
            wrong: true,
            left_out: Some("off".into()),
            ..way("cpu", "fft", 1.0)
        };
        let before = record(vec![case(
            "a",
            vec![chosen(way("cpu", "fft", 1.0)), way("cpu", "direct", 1.0)],
        )]);
        let after = record(vec![case("a", vec![wrong, chosen(way("cpu", "direct", 1.0))])]);
        let comparison = compared(&before, &after);
        assert_eq!(comparison.choices, ["a: cpu fft -> cpu direct"]);
        assert_eq!(comparison.failure(100.0).unwrap(), "wrong: a: cpu fft: off");
    }
    #[test]
    fn what_is_gone_or_wrong_without_a_partner_fails() {
        let before = of(&[("direct", 1.0), ("fft", 1.0)]);
        let gone = compared(&before, &of(&[("direct", 1.0)])).failure(100.0);
        assert_eq!(gone.as_deref(), Some("timed before and not after: a: cpu fft"));
        let mut more = before.clone();
        more.cases.push(case("b", vec![way("cpu", "fft", 1.0)]));
        assert_eq!(compared(&before, &more).failure(100.0), None);
        let gone = compared(&more, &before).failure(100.0);
        assert_eq!(gone.as_deref(), Some("timed before and not after: b"));
        let other = record(vec![case("other", vec![])]);
        let nothing = compared(&before, &other).failure(100.0);
        assert_eq!(nothing.as_deref(), Some("no case is in both files"));
        let off = |name: &str| Way {
            median: None,
            wrong: true,
            left_out: Some("off".into()),
            ..way("gpu", name, 1.0)
        };
        let mut wrong = before.clone();
        wrong.cases[0].ways.push(off("fft"));
        wrong.cases.push(case("new", vec![off("direct")]));
        let comparison = compared(&before, &wrong);
        assert_eq!(comparison.wrong, ["a: gpu fft: off", "new: gpu direct: off"]);
        assert!(comparison.failure(100.0).unwrap().starts_with("wrong: a: gpu fft: off, new"));
        assert_eq!(compared(&wrong, &wrong).failure(0.0), None);
    }

    #[test]
    fn small_changes_have_decimals() {
        let changes = [1.001, 1.025, 0.9, 2.0].map(change);
        assert_eq!(changes, ["+0.10 %", "+2.5 %", "-10 %", "+100 %"]);
    }
}
