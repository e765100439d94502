//! The probes of the CPU.

use std::time::{Duration, Instant};

use super::fit::{agreed, solve, wake};
use super::probe::{Prepared, samples};
use crate::error::Result;
use crate::machine::Devices;
use crate::machine::rates::is_sane;
use crate::plan::cost::rates::Rates;
use crate::plan::{Capabilities, CostModel, CpuRates, Gpu, Plan, Recipe, Request};
use crate::problem::Options;
use crate::util::timing::fastest;
use crate::words::{Device, Method};

/// A convolution whose time hangs on one constant.
struct Probe {
    term: &'static str,
    method: Method,
    input: &'static [usize],
    kernel: &'static [usize],
    stride: &'static [usize],
    /// On all threads; on one otherwise.
    all: bool,
}

const fn one(
    term: &'static str,
    method: Method,
    input: &'static [usize],
    kernel: &'static [usize],
) -> Probe {
    Probe { term, method, input, kernel, stride: &[1, 1], all: false }
}

/// In an order in which each leans on those before it. Sizes stay in the second level of cache, but
/// for the one that is after memory; each takes some 0.2 to 2 ms.
static PROBES: [Probe; 6] = [
    // Tall tiles and long rows of taps.
    one("direct", Method::Direct, &[256, 512], &[15, 15]),
    // Rows that are over before they have begun.
    one("row", Method::Direct, &[8192, 16], &[3, 3]),
    // Few taps on long rows: what goes through the ring is as much as what is added.
    one("ring", Method::Separable, &[64, 4096], &[3, 3]),
    Probe { stride: &[1, 2], ..one("gather", Method::Direct, &[256, 1024], &[3, 3]) },
    one("fft", Method::Fft, &[512, 512], &[63, 63]),
    // Two taps on more than a cache holds.
    Probe { all: true, ..one("bandwidth", Method::Direct, &[2048, 2048], &[1, 2]) },
];

/// Shared by two threads, this gains less than half of its time by what waking the other takes: some
/// 0.1 ms on one.
static WAKE: Probe = one("wake", Method::Direct, &[256, 2048], &[3, 3]);

/// Between the runs of that one, so that threads have gone to sleep: they look for work for some
/// microseconds first.
const ASLEEP: Duration = Duration::from_millis(1);

/// Times of each probe at most: two, and a few more where they do not agree.
const MOST_ROUNDS: usize = 4;

/// No more than two for a machine that takes this long for them.
const PATIENCE: Duration = Duration::from_secs(1);

/// The rates of this CPU, and which of them were measured.
pub(super) fn measure(
    devices: &Devices,
    capabilities: &Capabilities,
    shipped: &CostModel,
) -> Result<(CpuRates, Vec<&'static str>)> {
    let on = |threads: usize| Capabilities { threads, gpu: Gpu::NotAsked, ..capabilities.clone() };
    let mut ready = Vec::new();
    for probe in &PROBES {
        let on = on(if probe.all { capabilities.threads } else { 1 });
        ready.push((probe.ready(devices, &on, Duration::ZERO)?, on));
    }
    let mut waking = Vec::new();
    if capabilities.threads > 1 {
        for threads in [1, 2] {
            waking.push(WAKE.ready(devices, &on(threads), ASLEEP)?);
        }
    }
    // All of them once, and then again: what disturbs one for a while is gone by then.
    let start = Instant::now();
    for round in 0..MOST_ROUNDS {
        if round >= 2 && start.elapsed() > PATIENCE {
            break;
        }
        for probe in ready.iter_mut().map(|(probe, _)| probe).chain(&mut waking) {
            if round < 2 || agreed(&probe.times).is_none() {
                probe.turn()?;
            }
        }
    }
    let mut model = shipped.clone();
    let mut measured: Vec<&'static str> = Vec::new();
    // Each leans on the others: the second round has all of them.
    for _ in 0..2 {
        for (Ready { probe, prepared, times, .. }, on) in &ready {
            let Some(seconds) = agreed(times) else { continue };
            let term = CpuRates::probed().find(|term| term.name == probe.term);
            let term = term.expect("every probe's constant is listed");
            let standard = *(term.of)(&mut shipped.cpu.clone());
            let expected = |rates: &CpuRates| {
                let model = CostModel { cpu: rates.clone(), ..shipped.clone() };
                expected(&model, &prepared.plan, on)
            };
            let solved = solve(&mut model.cpu, term, standard, expected, seconds);
            if solved && !measured.contains(&probe.term) {
                measured.push(probe.term);
            }
        }
    }
    // No probe can tell the start of a transform from the transform: one goes with the other.
    if measured.contains(&"fft") {
        model.cpu.fft_start = shipped.cpu.fft_start * shipped.cpu.fft / model.cpu.fft;
    }
    if let [alone, shared] = &waking[..]
        && shared.threads() == 2
        && let (Some(alone), Some(shared)) = (agreed(&alone.times), agreed(&shared.times))
        && let Some(wake) = wake(alone, shared)
        && is_sane(wake, shipped.cpu.wake)
    {
        model.cpu.wake = wake;
        measured.push("wake");
    }
    Ok((model.cpu, measured))
}

/// What is expected of the method that a plan chose, whatever else the model would choose.
fn expected(model: &CostModel, plan: &Plan, on: &Capabilities) -> f64 {
    let dtype = plan.problem.dtype;
    let cost = match plan.chosen().admitted() {
        Some((Recipe::CpuDirect { .. }, _)) => model.cpu_direct(dtype, dtype, &plan.geometry, on).1,
        Some((Recipe::CpuSeparable { terms, passes, .. }, _)) => {
            model.cpu_separable(dtype, dtype, &plan.geometry, *terms, passes, on).1
        }
        Some((Recipe::CpuFft { blocks, .. }, _)) => {
            model.cpu_fft(dtype, dtype, &plan.geometry, blocks, on).1
        }
        _ => return f64::NAN,
    };
    cost.run()
}

impl Probe {
    fn ready(
        &'static self,
        devices: &Devices,
        on: &Capabilities,
        pause: Duration,
    ) -> Result<Ready> {
        let taps = self.kernel.iter().product();
        let weights = match self.method {
            // An outer product.
            Method::Separable => vec![0.25; taps],
            _ => samples(taps)?,
        };
        let options = Options { stride: self.stride.into(), ..Options::default() };
        let request = Request { method: self.method, device: Device::Cpu, ..Request::default() };
        let shapes = (self.input, self.kernel);
        let prepared = Prepared::new(shapes, weights, &options, request, on, devices)?;
        Ok(Ready { probe: self, prepared, pause, times: Vec::new() })
    }
}

/// A probe that is planned, and its times.
struct Ready {
    probe: &'static Probe,
    prepared: Prepared,
    /// Before each run.
    pause: Duration,
    times: Vec<f64>,
}

impl Ready {
    fn turn(&mut self) -> Result<()> {
        self.times.push(fastest(|| {
            if !self.pause.is_zero() {
                std::thread::sleep(self.pause);
            }
            let start = Instant::now();
            self.prepared.run()?;
            Ok(start.elapsed())
        })?);
        Ok(())
    }

    fn threads(&self) -> usize {
        self.prepared.recipe().threads()
    }
}
