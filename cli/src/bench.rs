//! `convolve bench`.

#[cfg_attr(not(test), expect(dead_code, reason = "called soon"))]
mod page;
#[cfg_attr(not(test), expect(dead_code, reason = "read and written soon"))]
mod record;

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use convolve::{Convolver, Device, Error, Method, Plan, filters};
use image::{DynamicImage, Rgb, RgbImage};
use ndarray::Array2;

use crate::apply::progress_bar;
use crate::args::Bench;
use crate::decode::{self, Contents};
use crate::report;

const SIDES: [usize; 2] = [512, 2048];
/// Of a picture of 8 bits.
const SIZE: (u32, u32) = (1920, 1080);
/// The most pixels of a picture that is read.
const MOST_PIXELS: u64 = 1 << 26;
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

/// What is filtered.
enum Samples {
    Array(Array2<f32>),
    Picture(DynamicImage),
}

/// Some samples with a kernel.
struct Case<'s> {
    samples: &'s Samples,
    name: String,
    kernel: Array2<f32>,
}

/// What runs, again and again.
type Run<'s> = Box<dyn FnMut() -> convolve::Result<()> + 's>;

/// How one way did, in seconds.
struct Row {
    device: Device,
    method: Method,
    expected: f64,
    measured: Option<f64>,
}

pub fn run(args: &Bench) -> Result<()> {
    let convolver = Convolver::new();
    let mut samples: Vec<Samples> = SIDES.map(noise).into();
    samples.push(Samples::Picture(picture_of_noise().into()));
    if let Some(path) = &args.picture {
        samples.push(Samples::Picture(read(path)?));
    }
    let cases = cases(&samples)?;
    let bar = progress_bar(cases.len() * WAYS.len());
    let each = Duration::from_secs_f64(args.seconds / (cases.len() * WAYS.len()) as f64);
    let calibrated = match convolver.calibrations().is_empty() {
        true => "as shipped: see `convolve calibrate`",
        false => "as calibrated",
    };
    let mut text = format!(
        "Mode same, times of a run from and to host memory; expectations {calibrated}\n\n\
         {:<18} {:<12} {:<16} {:>11} {:>11}  expected / measured\n",
        "samples", "kernel", "method", "expected", "measured"
    );
    let (mut chosen_total, mut best_total, mut compared) = (0.0, 0.0, 0);
    for case in &cases {
        bar.set_message(format!("{}, {}", case.samples.label(), case.name));
        let (plan, _) = case.planned(&convolver, Device::Auto, Method::Auto)?;
        let chosen = (plan.device(), plan.method());
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

fn noise(side: usize) -> Samples {
    Samples::Array(Array2::from_shape_fn((side, side), |(i, j)| ((i * 31 + j * 17) % 256) as f32))
}

fn picture_of_noise() -> RgbImage {
    let level = |x: u32, y: u32, c: u32| (x * 31 + y * 17 + x * y * 7 + c * 71) as u8;
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| Rgb([0, 1, 2].map(|c| level(x, y, c))))
}

fn read(path: &Path) -> Result<DynamicImage> {
    let named = || path.display().to_string();
    let picture = match decode::open(path, MOST_PIXELS).with_context(named)? {
        Contents::One(decoded) => decoded.picture,
        Contents::Tiff(mut pages) => pages.read(0).with_context(named)?.picture,
    };
    picture.straight().with_context(|| {
        format!(
            "{}: expected a picture of 8 or 16 bits, or of f32 whose alpha is straight",
            path.display()
        )
    })
}

/// All of these samples, with every kernel.
fn cases(samples: &[Samples]) -> Result<Vec<Case<'_>>> {
    let mut cases = Vec::new();
    for samples in samples {
        for taps in TAPS {
            // No outer product, and no sum of a few.
            let tap = |(i, j): (usize, usize)| ((i * 37 + j * 101 + i * j * 59) % 97) as f32 / 97.0;
            let mut kernel = Array2::from_shape_fn((taps, taps), tap);
            if let Samples::Picture(_) = samples {
                // Levels stay levels.
                kernel /= kernel.sum();
            }
            cases.push(Case { samples, name: format!("{taps} x {taps}"), kernel });
        }
        let kernel = filters::gaussian(4.0)?;
        cases.push(Case { samples, name: "gaussian:4".into(), kernel });
    }
    Ok(cases)
}

impl Samples {
    /// Shape and type.
    fn label(&self) -> String {
        match self {
            Self::Array(x) => format!("{} x {} f32", x.nrows(), x.ncols()),
            Self::Picture(picture) => {
                let (height, width) = (picture.height(), picture.width());
                format!("{height} x {width} {:?}", picture.color())
            }
        }
    }
}

impl<'s> Case<'s> {
    fn planned(
        &self,
        convolver: &Convolver,
        device: Device,
        method: Method,
    ) -> convolve::Result<(Plan, Run<'s>)> {
        match self.samples {
            Samples::Array(x) => {
                let filter = convolver.filter(&self.kernel).device(device).method(method);
                let filter = filter.for_shape(x.dim())?;
                let (plan, mut y) = (filter.plan().clone(), Array2::zeros(x.dim()));
                Ok((plan, Box::new(move || filter.apply_into(x, &mut y))))
            }
            Samples::Picture(picture) => {
                let filter = convolver.picture_filter(&self.kernel).device(device).method(method);
                let filter = filter.for_picture(picture)?;
                let (plan, mut result) = (filter.plan().clone(), picture.clone());
                Ok((plan, Box::new(move || filter.apply_into(picture, &mut result))))
            }
        }
    }

    /// None where this way is out.
    fn row(
        &self,
        convolver: &Convolver,
        device: Device,
        method: Method,
        time: Duration,
    ) -> Result<Option<Row>> {
        let (plan, run) = match self.planned(convolver, device, method) {
            Ok(planned) => planned,
            Err(Error::Inadmissible { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let expected = plan.cost().run();
        let measured = match expected <= LONGEST * time.as_secs_f64() {
            true => Some(fastest(run, time)?),
            false => None,
        };
        Ok(Some(Row { device, method, expected, measured }))
    }
}

/// Seconds of the fastest run in so much time, after one that does not count.
fn fastest(mut run: Run, time: Duration) -> Result<f64> {
    let start = Instant::now();
    run()?;
    let mut best = Duration::MAX;
    while best == Duration::MAX || start.elapsed() < time {
        let this = Instant::now();
        run()?;
        best = best.min(this.elapsed());
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
        let samples = case.samples.label();
        let expected = milliseconds(self.expected);
        write!(text, "{samples:<18} {:<12} {way:<16} {expected:>11}", case.name)?;
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
