//! What the library's choice costs: how much longer it takes than the fastest of its ways.

use super::record::{Case, Way};
use super::times::percentile;

/// The fastest of these that computes what was asked for.
pub fn fastest<'w>(ways: impl IntoIterator<Item = &'w Way>) -> Option<&'w Way> {
    let median = |way: &Way| way.median.filter(|median| median.is_finite() && *median > 0.0);
    let timed = ways.into_iter().filter(|way| !way.other_kernel);
    let timed = timed.filter_map(|way| Some((median(way)?, way)));
    timed.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, way)| way)
}

/// A case whose choice was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice<'r> {
    pub case: &'r Case,
    /// The best measurement of the method that is chosen, under whatever name.
    pub chosen: &'r Way,
    pub fastest: &'r Way,
    /// How many times as long as the fastest the chosen one took.
    pub regret: f64,
}

impl<'r> Choice<'r> {
    pub fn of(case: &'r Case) -> Option<Self> {
        let ours = || case.ways.iter().filter(|way| way.is_ours());
        let taken = |way: &&Way| ours().any(|other| other.chosen && method(other) == method(way));
        // The same method measured twice differs by noise alone.
        let chosen = fastest(ours().filter(taken))?;
        let fastest = fastest(ours())?;
        Some(Self { case, chosen, fastest, regret: chosen.median? / fastest.median? })
    }

    pub fn is_fastest(&self) -> bool {
        self.regret <= 1.0
    }
}

/// What computes a way: it may have been free to choose.
fn method(way: &Way) -> (&str, &str) {
    (&way.device, way.method.as_ref().unwrap_or(&way.name))
}

/// Of all cases whose choice was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Regret<'r> {
    /// The worst first.
    pub choices: Vec<Choice<'r>>,
    /// Cases whose choice has no times.
    pub unmeasured: usize,
}

impl<'r> Regret<'r> {
    pub fn of(cases: &'r [Case]) -> Self {
        let mut choices: Vec<Choice> = cases.iter().filter_map(Choice::of).collect();
        choices.sort_by(|a, b| b.regret.total_cmp(&a.regret));
        let has_choice = |case: &&Case| case.ways.iter().any(|way| way.chosen);
        let unmeasured = cases.iter().filter(has_choice).count() - choices.len();
        Self { choices, unmeasured }
    }

    /// Median, 95th percentile, and the worst; none where no choice was measured.
    pub fn summary(&self) -> Option<(f64, f64, &Choice<'r>)> {
        let sorted: Vec<f64> = self.choices.iter().rev().map(|choice| choice.regret).collect();
        Some((percentile(&sorted, 0.5)?, percentile(&sorted, 0.95)?, self.choices.first()?))
    }
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
        let regret = Regret::of(&record.cases);
        let (median, _, worst) = regret.summary().unwrap();
        assert_eq!((worst.regret, worst.case.name.as_str(), median), (1.5, "worse", 1.25));
        assert_eq!((worst.chosen.name.as_str(), worst.fastest.name.as_str()), ("direct", "fft"));
        assert_eq!((regret.choices.len(), regret.unmeasured), (2, 1));
    }

    #[test]
    fn a_method_measured_twice_took_the_best_of_both() {
        let free = |median: Option<f64>| Way {
            chosen: true,
            method: Some("fft".into()),
            median,
            ..way("cpu", "auto", 1.0)
        };
        let ways = |auto, fft| vec![free(auto), way("cpu", "fft", fft), way("cpu", "direct", 2.0)];
        for (auto, fft, regret) in [
            (Some(3.0), 1.0, 1.0),
            (Some(1.0), 3.0, 1.0),
            (Some(4.0), 3.0, 1.5),
            (Some(3.0), 4.0, 1.5),
            // The method has times, under its own name.
            (None, 3.0, 1.5),
        ] {
            let case = case("a", ways(auto, fft));
            let choice = Choice::of(&case).unwrap();
            assert_eq!(choice.regret, regret, "{auto:?} {fft}");
            assert_eq!(choice.is_fastest(), regret == 1.0);
        }
        // On another device it is another way.
        let case = case("a", vec![free(Some(2.0)), way("gpu", "fft", 1.0)]);
        assert_eq!(Choice::of(&case).unwrap().regret, 2.0);
    }

    #[test]
    fn nothing_is_said_of_no_choices() {
        let record = record(vec![case("a", vec![way("cpu", "fft", 1.0)])]);
        assert_eq!(Regret::of(&record.cases).summary(), None);
    }
}
