//! What times agree on, and solving the model for a constant.

use crate::machine::rates::is_sane;
use crate::plan::cost::rates::Term;

/// How much of a probe's time must hang on a constant, at least: below that, what else is in it
/// drowns what is sought.
const LEAST_SHARE: f64 = 0.2;

/// Times of one probe that are apart by no more than this say the same.
const APART: f64 = 1.25;

/// What times of one probe, taken some time apart, agree on: the shortest, where another one says the
/// same. Whatever disturbed the fastest of several runs has hardly disturbed those of another time by
/// just as much.
pub(super) fn agreed(times: &[f64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted[..] {
        [least, next, ..] if least > 0.0 && next <= least * APART => Some(least),
        _ => None,
    }
}

/// What waking another thread takes, from the times of one job on one thread and on two.
///
/// None where two took no less than one: the other thread came too late to help, and whatever else ran
/// on its core is a likelier reason than its waking.
pub(super) fn wake(alone: f64, shared: f64) -> Option<f64> {
    (shared < alone).then_some(shared - alone / 2.0)
}

/// Sets the constant so that `expected` becomes what was measured; leaves it where no sane value
/// does, or where the probe says little of it.
pub(super) fn solve<R: Clone>(
    rates: &mut R,
    term: &Term<R>,
    shipped: f64,
    expected: impl Fn(&R) -> f64,
    measured: f64,
) -> bool {
    let at = |exponent: f64| {
        let mut trial = rates.clone();
        *(term.of)(&mut trial) = shipped * exponent.exp();
        expected(&trial)
    };
    // Expected times grow or fall with a constant, but do not turn.
    let (mut low, mut high) = (-100f64.ln(), 100f64.ln());
    let rises = at(high) > at(low);
    let (least, most) = if rises { (at(low), at(high)) } else { (at(high), at(low)) };
    if !(least..=most).contains(&measured) {
        return false;
    }
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if (at(middle) < measured) == rises {
            low = middle;
        } else {
            high = middle;
        }
    }
    let found = 0.5 * (low + high);
    const STEP: f64 = 0.1;
    let share = (at(found + STEP) / at(found - STEP)).ln().abs() / (2.0 * STEP);
    let value = shipped * found.exp();
    let solved = share >= LEAST_SHARE && is_sane(value, shipped);
    if solved {
        *(term.of)(rates) = value;
    }
    solved
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cost::rates::Unit;

    fn term(of: fn(&mut [f64; 2]) -> &mut f64) -> Term<[f64; 2]> {
        Term { name: "term", unit: Unit::Seconds, probed: true, of }
    }

    /// `work / rate + start`.
    fn expected(rates: &[f64; 2]) -> f64 {
        4.0 / rates[0] + rates[1]
    }

    #[test]
    fn a_constant_is_found_from_the_time_that_it_makes() {
        let mut rates = [1.0, 0.5];
        assert!(solve(&mut rates, &term(|rates| &mut rates[0]), 1.0, expected, 1.5));
        assert!((rates[0] - 4.0).abs() < 1e-6, "{rates:?}");
        assert!(solve(&mut rates, &term(|rates| &mut rates[1]), 0.5, expected, 3.0));
        assert!((rates[1] - 2.0).abs() < 1e-6, "{rates:?}");
    }

    #[test]
    fn times_count_where_another_says_the_same() {
        assert_eq!(agreed(&[1.0, 1.1]), Some(1.0));
        assert_eq!(agreed(&[1.1, 1.0]), Some(1.0));
        // One that was disturbed, whichever it was, is outvoted by the two others.
        for times in [[8.0, 1.0, 1.2], [1.0, 8.0, 1.2], [1.0, 1.2, 8.0]] {
            assert_eq!(agreed(&times[..2]).is_some(), times[2] == 8.0);
            assert_eq!(agreed(&times), Some(1.0));
        }
        for times in [&[][..], &[1.0], &[1.0, 1.3], &[1.0, 2.0, 2.0], &[0.0, 0.0]] {
            assert_eq!(agreed(times), None, "{times:?}");
        }
        assert_eq!(agreed(&[f64::NAN, 1.0, 1.0]), Some(1.0));
        assert_eq!(agreed(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn a_thread_that_came_too_late_says_nothing_of_its_waking() {
        let waking = wake(100e-6, 60e-6).expect("it helped");
        assert!((waking - 10e-6).abs() < 1e-12, "{waking}");
        // No sane value, as the caller finds.
        assert!(wake(100e-6, 49e-6).expect("it helped") < 0.0);
        for shared in [100e-6, 130e-6, f64::NAN] {
            assert_eq!(wake(100e-6, shared), None);
        }
    }

    #[test]
    fn what_cannot_be_is_left_as_it_was() {
        let rate = term(|rates: &mut [f64; 2]| &mut rates[0]);
        // Faster than the start alone; slower than a hundredth of the rate; no time at all.
        for measured in [0.4, 1e6, 0.0, f64::NAN, f64::INFINITY] {
            let mut rates = [1.0, 0.5];
            assert!(!solve(&mut rates, &rate, 1.0, expected, measured), "{measured}");
            assert_eq!(rates, [1.0, 0.5]);
        }
        // A hundredth of the time hangs on it: noise.
        let mut rates = [1.0, 400.0];
        assert!(!solve(&mut rates, &rate, 1.0, expected, 404.1));
    }
}
