//! Measuring this machine: the constants of the cost model, from runs of this library's own methods.
//!
//! Each probe is a convolution whose expected time hangs on one constant above all. What the model
//! says of it is solved for that constant, so that the formulas are written once, in
//! `plan/cost.rs`, and calibration follows whatever they become.

mod fit;
mod on_cpu;
#[cfg(feature = "gpu")]
mod on_gpu;
mod store;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::convolver::Convolver;
use crate::error::Result;
use crate::plan::{
    CostModel, CpuRates, Gpu, GpuCapabilities, GpuKind, GpuRates, InstructionSet, Request, Seconds,
};

pub(crate) use fit::fastest;
use store::Machine;

/// What [`Convolver::calibrate`] measured, and where that is kept.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Calibration {
    /// The CPU first, then the GPU where there is one.
    pub devices: Vec<DeviceRates>,
    /// The files that were written, or why none was. What could not be kept still holds for the
    /// convolver that measured it.
    pub kept: Result<Vec<PathBuf>, String>,
}

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

impl fmt::Display for Calibration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for device in &self.devices {
            writeln!(f, "{device}\n")?;
        }
        match &self.kept {
            Ok(files) => {
                let files: Vec<String> =
                    files.iter().map(|file| file.display().to_string()).collect();
                write!(f, "kept in {}", files.join(" and "))
            }
            Err(reason) => write!(f, "not kept: {reason}"),
        }
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
fn listed<R: Clone>(terms: &[Term<R>], rates: &R, shipped: &R, measured: &[&str]) -> Vec<Rate> {
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

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What was measured of this machine, earlier or by this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub cpu: Option<DeviceRates>,
    pub gpus: Vec<DeviceRates>,
}

impl Measured {
    /// Puts what was measured into a model.
    fn refine(&self, model: &mut CostModel, gpu: &Gpu) {
        if let Some(cpu) = &self.cpu {
            set(&CPU_TERMS, &mut model.cpu, &cpu.rates);
        }
        if let Gpu::Present(gpu) = gpu
            && let Some(found) = self.gpus.iter().find(|found| found.is_of(gpu))
        {
            set(&GPU_TERMS, model.gpu_rates_mut(gpu.kind), &found.rates);
        }
    }

    fn keep(&mut self, device: DeviceRates) {
        match device.kind {
            None => self.cpu = Some(device),
            Some(_) => {
                let same = |a: &DeviceRates| a.name == device.name && a.detail == device.detail;
                self.gpus.retain(|other| !same(other));
                self.gpus.push(device);
            }
        }
    }
}

fn set<R>(terms: &[Term<R>], rates: &mut R, values: &[Rate]) {
    for term in terms {
        if let Some(rate) = values.iter().find(|rate| rate.name == term.name) {
            *(term.of)(rates) = rate.value;
        }
    }
}

impl DeviceRates {
    /// Whether these were measured on this adapter, with this driver.
    pub fn is_of(&self, gpu: &GpuCapabilities) -> bool {
        self.kind == Some(gpu.kind) && self.name == gpu.name && self.detail == detail(gpu)
    }
}

fn detail(gpu: &GpuCapabilities) -> String {
    format!("{}, {}", gpu.backend, gpu.driver).trim_end_matches([',', ' ']).to_string()
}

/// The model of a convolver: what it was given, and what was measured.
#[derive(Debug)]
pub(crate) struct Model {
    given: CostModel,
    instructions: InstructionSet,
    threads: usize,
    /// Whether what was measured counts.
    refined: bool,
    cache: Option<PathBuf>,
    /// Read when it is first needed.
    measured: RwLock<Option<Arc<Measured>>>,
}

impl Model {
    /// Nothing is read yet.
    pub fn new(
        given: CostModel,
        (threads, instructions): (usize, InstructionSet),
        refined: bool,
        cache: Option<PathBuf>,
    ) -> Self {
        Self { given, instructions, threads, refined, cache, measured: RwLock::default() }
    }

    fn machine(&self) -> Machine {
        Machine::new(self.instructions, self.threads)
    }

    /// What is expected where this is the GPU.
    pub fn with(&self, gpu: &Gpu) -> CostModel {
        let mut model = self.given.clone();
        if let Some(measured) = self.measured() {
            measured.refine(&mut model, gpu);
        }
        model
    }

    /// What a request goes by where this is the GPU. What was measured goes with the number of threads,
    /// so that what must not depend on them goes by what was given.
    pub fn for_request(&self, request: Request, gpu: &Gpu) -> CostModel {
        if request.reproducible { self.given.clone() } else { self.with(gpu) }
    }

    /// What is expected of every GPU that may turn out to be there: one model for each.
    pub fn of_any_gpu(&self, request: Request) -> Vec<CostModel> {
        if request.reproducible {
            return vec![self.given.clone()];
        }
        let known = self.with(&Gpu::NotAsked);
        let mut all = vec![known.clone()];
        for gpu in self.measured().iter().flat_map(|measured| &measured.gpus) {
            if let Some(kind) = gpu.kind {
                let mut model = known.clone();
                set(&GPU_TERMS, model.gpu_rates_mut(kind), &gpu.rates);
                all.push(model);
            }
        }
        all
    }

    pub fn measured(&self) -> Option<Arc<Measured>> {
        if !self.refined {
            return None;
        }
        let read = |of: &Option<Arc<Measured>>| of.clone();
        let known = read(&self.measured.read().unwrap_or_else(PoisonError::into_inner));
        known.or_else(|| {
            // Read without the lock; who came first has the say.
            let loaded = Arc::new(store::load(self.cache.as_deref(), &self.machine()));
            let mut place = self.measured.write().unwrap_or_else(PoisonError::into_inner);
            Some(place.get_or_insert(loaded).clone())
        })
    }

    /// Takes what was measured for what is, and keeps it for others.
    fn keep(&self, devices: &[DeviceRates]) -> Result<Vec<PathBuf>, String> {
        if let Some(measured) = self.measured() {
            let mut measured = (*measured).clone();
            devices.iter().for_each(|device| measured.keep(device.clone()));
            let mut place = self.measured.write().unwrap_or_else(PoisonError::into_inner);
            *place = Some(Arc::new(measured));
        }
        let cache = self.cache.as_deref().ok_or("there is no cache directory")?;
        let machine = self.machine();
        devices.iter().map(|device| store::save(cache, &machine, device)).collect()
    }
}

impl Convolver {
    /// Measures this machine: about ten convolutions, each a few times, which take well under a
    /// second for each device once shaders are compiled. Plans that this convolver and its clones
    /// make from then on go by what was measured, as do those of later processes of this user: the
    /// result is kept in the cache directory
    /// ([`ConvolverBuilder::cache_directory`](crate::ConvolverBuilder::cache_directory)), one file for
    /// each device, for as long as processor, adapter, driver, number of threads and the version of
    /// this library stay the same.
    ///
    /// A convolver with a model of its own, or one that wants none of this
    /// ([`ConvolverBuilder::calibrated`](crate::ConvolverBuilder::calibrated)), measures and keeps
    /// files too, but does not go by them.
    ///
    /// ```no_run
    /// println!("{}", convolve::Convolver::new().calibrate()?);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Failures of a GPU that is there, and [`Error::OutOfMemory`](crate::Error::OutOfMemory). That
    /// files cannot be written is none: [`Calibration::kept`] says so.
    pub fn calibrate(&self) -> Result<Calibration> {
        let shipped = CostModel::default();
        let capabilities = self.capabilities();
        let (rates, measured) = on_cpu::measure(&capabilities, &shipped)?;
        let machine = self.model().machine();
        #[cfg_attr(not(feature = "gpu"), allow(unused_mut))]
        let mut devices = vec![DeviceRates {
            name: machine.cpu.clone(),
            detail: machine.detail(),
            kind: None,
            measured_at: now(),
            rates: listed(&CPU_TERMS, &rates, &shipped.cpu, &measured),
        }];
        #[cfg(feature = "gpu")]
        if let Gpu::Present(gpu) = &capabilities.gpu {
            let (rates, measured) = on_gpu::measure(self, gpu, &shipped)?;
            devices.push(DeviceRates {
                name: gpu.name.clone(),
                detail: detail(gpu),
                kind: Some(gpu.kind),
                measured_at: now(),
                rates: listed(&GPU_TERMS, &rates, shipped.gpu_rates(gpu.kind), &measured),
            });
        }
        let kept = self.model().keep(&devices);
        Ok(Calibration { devices, kept })
    }

    /// What earlier calibrations of this machine say, of the CPU first; empty where there was none,
    /// or where this convolver does not go by them.
    pub fn calibrations(&self) -> Vec<DeviceRates> {
        let measured = self.model().measured().unwrap_or_default();
        measured.cpu.iter().chain(&measured.gpus).cloned().collect()
    }
}
