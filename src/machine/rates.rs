//! The constants of the cost model as they are measured: each by its name, with a unit, beside what is
//! shipped.

use std::fmt;

use crate::plan::cost::rates::{Rates, Term, Unit};
use crate::plan::{GpuCapabilities, GpuKind};
use crate::words::Seconds;

/// The rates of one device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DeviceRates {
    /// The processor's model, or the adapter's name.
    pub name: String,
    /// Vector instructions and threads, or graphics interface and driver.
    pub detail: String,
    /// What kind of GPU; `None` for the CPU.
    pub kind: Option<GpuKind>,
    /// When it was measured, in seconds since 1970.
    pub measured_at: u64,
    /// The constants of [`CpuRates`](crate::plan::CpuRates) or [`GpuRates`](crate::plan::GpuRates),
    /// by their names there.
    pub rates: Vec<Rate>,
}

/// One constant of the model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rate {
    /// The field of [`CpuRates`](crate::plan::CpuRates) or [`GpuRates`](crate::plan::GpuRates).
    pub name: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What the library is shipped with.
    pub shipped: f64,
    /// What holds on this machine.
    pub value: f64,
    /// Whether a probe measured it. `fft_start` goes with `fft`; what else none could tell, what came
    /// out differently each time, or what came out absurd (not between a hundredth and a hundred times
    /// what is shipped) is as shipped.
    pub measured: bool,
}

impl Rate {
    /// Value and unit, for people.
    pub fn in_words(&self, value: f64) -> String {
        match self.unit {
            // Shorter than what the time of a run is told in.
            Unit::Seconds if value < 1e-6 => format!("{:.2} ns", value * 1e9),
            Unit::Seconds => Seconds(value).to_string(),
            Unit::Of(what) => format!("{:.1} M{what}", value * 1e-6),
            Unit::PerSecond(what) => format!("{:.3} G{what}/s", value * 1e-9),
        }
    }
}

impl fmt::Display for DeviceRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.detail)?;
        for rate in &self.rates {
            let (value, shipped) = (rate.in_words(rate.value), rate.in_words(rate.shipped));
            write!(f, "\n  {:<11}{value:>18}   shipped{shipped:>18}", rate.name)?;
            match rate.measured {
                true => write!(f, "   x {:.2}", rate.value / rate.shipped)?,
                false => write!(f, "   not measured")?,
            }
        }
        Ok(())
    }
}

/// Whether a constant can be believed.
pub(crate) fn is_sane(value: f64, shipped: f64) -> bool {
    const FURTHEST: f64 = 100.0;
    value.is_finite() && value >= shipped / FURTHEST && value <= shipped * FURTHEST
}

/// Names and values beside what is shipped.
pub(crate) fn listed<R: Rates>(rates: &R, shipped: &R, measured: &[&str]) -> Vec<Rate> {
    let (mut rates, mut shipped) = (rates.clone(), shipped.clone());
    let rate = |term: &Term<R>| Rate {
        name: term.name,
        unit: term.unit,
        shipped: *(term.of)(&mut shipped),
        value: *(term.of)(&mut rates),
        measured: measured.contains(&term.name),
    };
    R::probed().map(rate).collect()
}

impl DeviceRates {
    /// Whether these were measured on this adapter, with this driver.
    pub fn is_of(&self, gpu: &GpuCapabilities) -> bool {
        self.kind == Some(gpu.kind) && self.name == gpu.name && self.detail == detail(gpu)
    }
}

pub(crate) fn detail(gpu: &GpuCapabilities) -> String {
    format!("{}, {}", gpu.backend, gpu.driver).trim_end_matches([',', ' ']).to_string()
}

/// Puts values into rates.
pub(crate) fn set<R: Rates>(rates: &mut R, values: &[Rate]) {
    for term in R::probed() {
        if let Some(rate) = values.iter().find(|rate| rate.name == term.name) {
            *(term.of)(rates) = rate.value;
        }
    }
}
