//! `convolve bench`.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::Result;
use convolve::{Convolver, Device, Error, Filter, Method, filters};
use ndarray::{Array2, Ix2};

use crate::apply::progress_bar;
use crate::args::Bench;
use crate::report;

const SIDES: [usize; 2] = [512, 2048];
const TAPS: [usize; 5] = [3, 7, 15, 31, 63];
const WAYS: [(Device, Method); 6] = [
    (Device::Cpu, Method::Direct),
    (Device::Cpu, Method::Separable),
    (Device::Cpu, Method::Fft),
    (Device::Gpu, Method::Direct),
    (Device::Gpu, Method::Separable),
    (Device::Gpu, Method::Fft),
];

/// Of the time for one way, what a run may be expected to take: the rest of it are a first run that
/// touches memory, and setting up.
const LONGEST: f64 = 1.0;

/// One picture and one kernel.
struct Case {
    side: usize,
    name: String,
    kernel: Array2<f32>,
}

/// How one way did, in seconds.
struct Row {
    device: Device,
    method: Method,
    expected: f64,
    measured: Option<f64>,
}

pub fn run(args: &Bench) -> Result<()> {
    let convolver = Convolver::new();
    let cases = cases()?;
    let bar = progress_bar(cases.len() * WAYS.len());
    let each = Duration::from_secs_f64(args.seconds / (cases.len() * WAYS.len()) as f64);
    let calibrated = match convolver.calibrations().is_empty() {
        true => "as shipped: see `convolve calibrate`",
        false => "as calibrated",
    };
    let mut text = format!(
        "f32, mode same, times of a run from and to host memory; expectations {calibrated}\n\n\
         {:<12} {:<12} {:<16} {:>11} {:>11}  expected / measured\n",
        "picture", "kernel", "method", "expected", "measured"
    );
    let (mut chosen_total, mut best_total, mut compared) = (0.0, 0.0, 0);
    for case in &cases {
        bar.set_message(format!("{0} x {0}, {1}", case.side, case.name));
        let plan = convolver.filter(&case.kernel).for_shape((case.side, case.side))?;
        let chosen = (plan.plan().device(), plan.plan().method());
        let mut rows = Vec::new();
        for (device, method) in WAYS {
            rows.extend(case.row(&convolver, device, method, each)?);
            bar.inc(1);
        }
        let measured = |row: &Row| row.measured;
        let best = rows.iter().filter_map(measured).fold(f64::INFINITY, f64::min);
        let took = rows.iter().find(|row| (row.device, row.method) == chosen).and_then(measured);
        if let Some(took) = took {
            chosen_total += took;
            best_total += best;
            compared += 1;
        }
        for row in &rows {
            row.print(&mut text, case, chosen, best)?;
        }
    }
    bar.finish_and_clear();
    write!(text, "\n-> is what a free choice takes")?;
    if best_total > 0.0 {
        let lost = 100.0 * (chosen_total / best_total - 1.0);
        write!(
            text,
            ": {lost:.0} % longer than the fastest, *, over the {compared} cases where it was measured"
        )?;
    }
    report::print(&text)
}

fn cases() -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for side in SIDES {
        for taps in TAPS {
            // No outer product, and no sum of a few.
            let tap = |(i, j): (usize, usize)| ((i * 37 + j * 101 + i * j * 59) % 97) as f32 / 97.0;
            let kernel = Array2::from_shape_fn((taps, taps), tap);
            cases.push(Case { side, name: format!("{taps} x {taps}"), kernel });
        }
        let kernel = filters::gaussian(4.0)?;
        cases.push(Case { side, name: "gaussian:4".into(), kernel });
    }
    Ok(cases)
}

impl Case {
    /// None where this way is out.
    fn row(
        &self,
        convolver: &Convolver,
        device: Device,
        method: Method,
        time: Duration,
    ) -> Result<Option<Row>> {
        let filter = convolver.filter(&self.kernel).device(device).method(method);
        let filter = match filter.for_shape((self.side, self.side)) {
            Ok(filter) => filter,
            Err(Error::Inadmissible { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let expected = filter.plan().cost().run();
        let measured = match expected <= LONGEST * time.as_secs_f64() {
            true => Some(fastest(&filter, self.side, time)?),
            false => None,
        };
        Ok(Some(Row { device, method, expected, measured }))
    }
}

/// Seconds of the fastest run in so much time, after one that does not count.
fn fastest(filter: &Filter<f32, Ix2>, side: usize, time: Duration) -> Result<f64> {
    let start = Instant::now();
    let x = Array2::from_shape_fn((side, side), |(i, j)| ((i * 31 + j * 17) % 256) as f32);
    let mut y = Array2::zeros((side, side));
    filter.apply_into(&x, &mut y)?;
    let mut best = Duration::MAX;
    while best == Duration::MAX || start.elapsed() < time {
        let run = Instant::now();
        filter.apply_into(&x, &mut y)?;
        best = best.min(run.elapsed());
    }
    Ok(best.as_secs_f64())
}

impl Row {
    fn print(
        &self,
        text: &mut String,
        case: &Case,
        chosen: (Device, Method),
        best: f64,
    ) -> Result<()> {
        let mark = if (self.device, self.method) == chosen { "->" } else { "  " };
        let way = format!("{mark} {} {}", self.device, self.method);
        let picture = format!("{0} x {0}", case.side);
        let expected = milliseconds(self.expected);
        write!(text, "{picture:<12} {:<12} {way:<16} {expected:>11}", case.name)?;
        match self.measured {
            Some(measured) => {
                let star = if measured == best { " *" } else { "" };
                let share = self.expected / measured;
                writeln!(text, " {:>11}  {share:.2}{star}", milliseconds(measured))?;
            }
            None => writeln!(text, " {:>11}", "too long")?,
        }
        Ok(())
    }
}

fn milliseconds(seconds: f64) -> String {
    format!("{:.2} ms", 1e3 * seconds)
}
