//! Times of several contenders, measured in turns.

use std::time::{Duration, Instant};

/// Runs of one contender, so that the middle of them says something.
const LEAST_RUNS: usize = 3;
/// More say nothing new.
const MOST_RUNS: usize = 1000;
/// Seconds that each runs for at its turn, once at least: a first run finds caches full of others'
/// samples.
const TURN: f64 = 2e-3;

/// How long one takes, run by run, and what it may take altogether.
#[derive(Debug, Default)]
pub struct Times {
    runs: Vec<f64>,
    spent: f64,
}

/// What is told of many runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    pub median: f64,
    /// The 10th percentile.
    pub low: f64,
    /// The 90th percentile.
    pub high: f64,
    pub runs: usize,
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.runs.push(time.as_secs_f64());
        self.spent += time.as_secs_f64();
    }

    /// Whether there is time for another run.
    fn goes_on(&self, share: f64) -> bool {
        let runs = self.runs.len();
        runs < LEAST_RUNS || (runs < MOST_RUNS && self.spent + self.spent / runs as f64 <= share)
    }

    /// None where there were no runs.
    pub fn summary(mut self) -> Option<Summary> {
        self.runs.sort_by(f64::total_cmp);
        let at = |part| percentile(&self.runs, part);
        Some(Summary { median: at(0.5)?, low: at(0.1)?, high: at(0.9)?, runs: self.runs.len() })
    }
}

/// Of sorted values, between the two that are nearest; none of none.
pub fn percentile(sorted: &[f64], part: f64) -> Option<f64> {
    let at = part * sorted.len().checked_sub(1)? as f64;
    let [below, above] = [at.floor(), at.ceil()].map(|at| sorted[at as usize]);
    Some(below + (above - below) * at.fract())
}

/// Seconds of a run that there is always time for.
const SHORT: f64 = 0.05;

/// Whether a way is out that takes so long: its runs would take up more than its share.
pub fn is_too_long(run: f64, share: f64) -> bool {
    run > SHORT && run * LEAST_RUNS as f64 > share
}

/// Runs all of these again and again, each for its share of the time; an error ends that one alone.
pub fn in_turns<E>(
    count: usize,
    seconds: f64,
    mut run: impl FnMut(usize) -> Result<(), E>,
) -> Vec<Result<Times, E>> {
    let mut all: Vec<Result<Times, E>> = (0..count).map(|_| Ok(Times::default())).collect();
    let share = seconds / count.max(1) as f64;
    for shift in 0.. {
        let mut ran = false;
        for i in 0..count {
            // Nobody always follows the same one.
            let i = (i + shift) % count;
            let times = &mut all[i];
            if times.as_ref().is_ok_and(|times| times.goes_on(share)) {
                ran = true;
                if let Err(error) = turn(times.as_mut().ok(), share, || run(i)) {
                    *times = Err(error);
                }
            }
        }
        if !ran {
            break;
        }
    }
    all
}

fn turn<E>(
    times: Option<&mut Times>,
    share: f64,
    mut run: impl FnMut() -> Result<(), E>,
) -> Result<(), E> {
    let Some(times) = times else { return Ok(()) };
    let turn = Instant::now();
    loop {
        let start = Instant::now();
        run()?;
        times.add(start.elapsed());
        if turn.elapsed().as_secs_f64() >= TURN || !times.goes_on(share) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        assert_eq!(percentile(&[], 0.5), None);
        assert_eq!(percentile(&[3.0], 0.9), Some(3.0));
        let ten: Vec<f64> = (0..=10).map(f64::from).collect();
        assert_eq!(
            [0.1, 0.5, 0.9, 1.0].map(|part| percentile(&ten, part).unwrap()),
            [1.0, 5.0, 9.0, 10.0]
        );
        assert_eq!(percentile(&[1.0, 2.0], 0.5), Some(1.5));
    }

    #[test]
    fn summaries_are_of_sorted_runs() {
        let times = Times { runs: vec![5.0, 1.0, 3.0], spent: 9.0 };
        let summary = times.summary().unwrap();
        assert_eq!((summary.median, summary.runs), (3.0, 3));
        assert!(summary.low < summary.median && summary.median < summary.high);
        assert_eq!(Times::default().summary(), None);
    }

    #[test]
    fn each_has_its_turn_until_its_share_is_spent() {
        let mut order = Vec::new();
        let all = in_turns(2, 0.0, |i| {
            order.push(i);
            // Longer than a turn.
            std::thread::sleep(Duration::from_secs_f64(2.0 * TURN));
            Ok::<(), ()>(())
        });
        assert_eq!(order, [0, 1, 1, 0, 0, 1]);
        let runs = |times: &Result<Times, ()>| times.as_ref().unwrap().runs.len();
        assert_eq!(all.iter().map(runs).collect::<Vec<_>>(), [LEAST_RUNS; 2]);
    }

    #[test]
    fn short_runs_are_never_too_long() {
        assert!(!is_too_long(0.01, 0.0));
        assert!(is_too_long(0.2, 0.5) && !is_too_long(0.2, 0.7));
    }

    #[test]
    fn an_error_ends_its_own_runs() {
        let all = in_turns(2, 0.0, |i| if i == 0 { Err("no") } else { Ok(()) });
        assert_eq!(all[0].as_ref().err(), Some(&"no"));
        assert!(all[1].is_ok());
    }

    #[test]
    fn short_runs_end_too() {
        let all = in_turns(1, 1e6, |_| Ok::<(), ()>(()));
        assert_eq!(all[0].as_ref().unwrap().runs.len(), MOST_RUNS);
    }
}
