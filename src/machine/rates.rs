//! The constants of the cost model as they are measured: each by its name, with a unit, beside what is
//! shipped.

use std::fmt;

use crate::plan::{CpuRates, GpuCapabilities, GpuKind, GpuRates};
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
    /// The constants of [`CpuRates`] or [`GpuRates`], by their names there.
    pub rates: Vec<Rate>,
}

/// One constant of the model.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rate {
    /// The field of [`CpuRates`] or [`GpuRates`].
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

/// What a [`Rate`] is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many of something per second; more is better.
    PerSecond(&'static str),
    /// Seconds; less is better.
    Seconds,
}

impl Rate {
    /// Value and unit, for people.
    pub fn in_words(&self, value: f64) -> String {
        match self.unit {
            // Shorter than what the time of a run is told in.
            Unit::Seconds if value < 1e-6 => format!("{:.2} ns", value * 1e9),
            Unit::Seconds => Seconds(value).to_string(),
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

/// A constant, by name.
pub(crate) struct Term<R> {
    pub name: &'static str,
    pub unit: Unit,
    pub of: fn(&mut R) -> &mut f64,
}

macro_rules! terms {
    ($rates:ident: $($name:ident $unit:expr),* $(,)?) => {
        [$(Term::<$rates> { name: stringify!($name), unit: $unit, of: |rates| &mut rates.$name }),*]
    };
}

/// The constants that are measured. What kernels take to be set up (`pipeline`) depends on caches
/// that a probe cannot empty, so that one stays as shipped.
pub(crate) const CPU_TERMS: [Term<CpuRates>; 8] = terms![CpuRates:
    direct Unit::PerSecond("MAC"),
    ring Unit::PerSecond("sample"),
    gather Unit::PerSecond("sample"),
    fft Unit::PerSecond("share"),
    fft_start Unit::Seconds,
    bandwidth Unit::PerSecond("B"),
    row Unit::Seconds,
    wake Unit::Seconds,
];

/// Likewise for a GPU.
pub(crate) const GPU_TERMS: [Term<GpuRates>; 5] = terms![GpuRates:
    direct Unit::PerSecond("MAC"),
    direct_nd Unit::PerSecond("MAC"),
    bandwidth Unit::PerSecond("B"),
    bus Unit::PerSecond("B"),
    round_trip Unit::Seconds,
];

/// Whether a constant can be believed.
pub(crate) fn is_sane(value: f64, shipped: f64) -> bool {
    const FURTHEST: f64 = 100.0;
    value.is_finite() && value >= shipped / FURTHEST && value <= shipped * FURTHEST
}

/// Names and values beside what is shipped.
pub(crate) fn listed<R: Clone>(
    terms: &[Term<R>],
    rates: &R,
    shipped: &R,
    measured: &[&str],
) -> Vec<Rate> {
    let (mut rates, mut shipped) = (rates.clone(), shipped.clone());
    let rate = |term: &Term<R>| Rate {
        name: term.name,
        unit: term.unit,
        shipped: *(term.of)(&mut shipped),
        value: *(term.of)(&mut rates),
        measured: measured.contains(&term.name),
    };
    terms.iter().map(rate).collect()
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
pub(crate) fn set<R>(terms: &[Term<R>], rates: &mut R, values: &[Rate]) {
    for term in terms {
        if let Some(rate) = values.iter().find(|rate| rate.name == term.name) {
            *(term.of)(rates) = rate.value;
        }
    }
}
