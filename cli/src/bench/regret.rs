//! What the library's choice costs: how much longer it takes than the fastest of its ways.

use super::record::{Case, Record, Way};
use super::times::percentile;

/// Shares of the fastest way's time that choices take longer, over all cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Regret<'r> {
    pub median: f64,
    pub p95: f64,
    pub worst: f64,
    /// The case of the worst choice.
    pub case: &'r str,
    pub cases: usize,
    /// Cases whose choice has no times.
    pub unmeasured: usize,
}

/// The fastest of this library's ways.
pub fn fastest(case: &Case) -> Option<&Way> {
    let ours = case.ways.iter().filter(|way| way.is_ours() && way.median.is_some());
    ours.min_by(|a, b| a.median.unwrap_or(f64::MAX).total_cmp(&b.median.unwrap_or(f64::MAX)))
}

/// How much longer the choice takes, in units of the fastest way's time.
pub fn regret(case: &Case) -> Option<f64> {
    let chosen = case.ways.iter().find(|way| way.chosen)?.median?;
    Some(chosen / fastest(case)?.median? - 1.0)
}

/// None where no choice was measured.
pub fn regrets(record: &Record) -> Option<Regret<'_>> {
    let mut all: Vec<(f64, &Case)> =
        record.cases.iter().filter_map(|case| Some((regret(case)?, case))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sorted: Vec<f64> = all.iter().map(|(regret, _)| *regret).collect();
    let (worst, case) = all.last()?;
    let chosen = |case: &&Case| case.ways.iter().any(|way| way.chosen);
    Some(Regret {
        median: percentile(&sorted, 0.5)?,
        p95: percentile(&sorted, 0.95)?,
        worst: *worst,
        case: &case.name,
        cases: all.len(),
        unmeasured: record.cases.iter().filter(chosen).count() - all.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::{case, record, way};

    #[test]
    fn choices_are_compared_with_the_fastest_of_this_library() {
        let chosen = |median| Way { chosen: true, ..way("cpu", "direct", median) };
        let other = Way { library: "OpenCV".into(), ..way("cpu", "filter2D", 0.1) };
        let unmeasured = Way { median: None, ..chosen(1.0) };
        let record = record(vec![
            case("right", vec![chosen(1.0), way("cpu", "fft", 2.0)]),
            case("worse", vec![chosen(3.0), way("cpu", "fft", 2.0), other]),
            case("too long", vec![unmeasured, way("cpu", "fft", 2.0)]),
        ]);
        let regret = regrets(&record).unwrap();
        assert_eq!((regret.worst, regret.case, regret.median), (0.5, "worse", 0.25));
        assert_eq!((regret.cases, regret.unmeasured), (2, 1));
        assert_eq!(fastest(&record.cases[1]).unwrap().name, "fft");
    }

    #[test]
    fn nothing_is_said_of_no_choices() {
        assert_eq!(regrets(&record(vec![case("a", vec![way("cpu", "fft", 1.0)])])), None);
    }
}
