//! Logarithmic scales of charts.

/// From values to places along an axis.
#[derive(Clone, Debug)]
pub struct Log {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

/// More than these are no longer read.
const MOST_TICKS: usize = 8;

impl Log {
    /// Between round numbers around these, which are larger than 0; nothing where there are none.
    pub fn round(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let (low, high) = range(values)?;
        let (first, mut last) = (step_below(low), step_below(high));
        if step(last) < high || first == last {
            last += 1;
        }
        Some(Self { low: step(first), high: step(last), from, to })
    }

    /// From the first to the last of these, which are larger than 0.
    pub fn tight(values: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Option<Self> {
        let (low, high) = range(values)?;
        Some(Self { low, high, from, to })
    }

    /// Where a value is.
    pub fn at(&self, value: f64) -> f64 {
        if self.low == self.high {
            return (self.from + self.to) / 2.0;
        }
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        self.from + part * (self.to - self.from)
    }

    /// Round numbers: 1, 2 and 5 of each power of ten, or powers of ten where these are too many.
    pub fn ticks(&self) -> Vec<f64> {
        let steps: Vec<i32> = (step_below(self.low)..=step_below(self.high)).collect();
        let ticks = |every: i32| -> Vec<f64> {
            let chosen = steps.iter().filter(|index| index.rem_euclid(every) == 0);
            let inside = |value: &f64| *value >= self.low && *value <= self.high;
            chosen.map(|index| step(*index)).filter(inside).collect()
        };
        let spacings = [1, 3, 6, 9, 18, 30, 60].map(ticks);
        let few = |ticks: &&Vec<f64>| ticks.len() <= MOST_TICKS;
        spacings.iter().find(few).unwrap_or(&spacings[spacings.len() - 1]).clone()
    }
}

fn range(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (f64::min(low, value), f64::max(high, value)))
}

/// Of the round numbers ... 0.5, 1, 2, 5, 10 ..., where 1 is the 0th.
fn step(index: i32) -> f64 {
    let digits = ["1", "2", "5"][index.rem_euclid(3) as usize];
    // As it is written down: powers are not exact.
    format!("{digits}e{}", index.div_euclid(3)).parse().unwrap_or(f64::NAN)
}

/// The last of them that is not larger than a value.
fn step_below(value: f64) -> i32 {
    let mut index = 3 * value.log10().floor() as i32 - 1;
    while step(index + 1) <= value {
        index += 1;
    }
    index
}
