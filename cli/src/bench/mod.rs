//! `convolve bench`.

mod cases;
mod compare;
mod csv;
mod files;
#[allow(dead_code, reason = "benches have the other half of it")]
mod gpu_peak;
mod limits;
mod machine;
mod measure;
mod memory;
pub mod options;
mod page;
mod peak;
mod read;
mod record;
mod regret;
mod samples;
mod subject;
mod table;
mod times;
mod words;

use std::time::Instant;

use anyhow::Result;
use convolve::Convolver;
use image::DynamicImage;
use indicatif::ProgressBar;
use ndarray::ArrayD;

use crate::apply::progress_bar;
use crate::dtype::Value;
use crate::{leftovers, report, with_dtype};
use cases::{Data, Kernel, Samples, Set, Taps, lengths};
use files::Files;
use limits::Limits;
use options::Bench;
use record::{Case, Record};
use subject::{Arrays, Pictures, Subject};
use words::rounded;

/// Of all of the time, what the machine's limits take, and into how many measurements that goes.
const LIMITS: f64 = 0.05;
const LIMITS_MEASURED: f64 = 12.0;

pub fn run(args: &Bench) -> Result<()> {
    if let Some([before, after]) = args.compare.as_deref() {
        return compare::run(before, after, args.fail_over);
    }
    leftovers::remove_on_signals()?;
    let peers = args.peers.as_deref().map(read::record).transpose()?;
    let earlier = args.from.as_deref().map(read::record).transpose()?;
    let sets = if earlier.is_none() { loaded(cases::cases(args)?)? } else { Vec::new() };
    let files = Files::begin(args)?;
    let measures = earlier.is_none();
    let record = earlier.map_or_else(|| measured(&sets, args.time()), Ok)?;
    // What was measured is not lost where a disk is full: the table comes first, and files even where
    // nobody could be told.
    let told = match files.to_standard {
        true => Ok(()),
        false => report::print(&table::text(&record)),
    };
    files.finish(&record, peers.as_ref())?;
    told?;
    match record.wrong() {
        wrong if measures && !wrong.is_empty() => {
            let names = report::names(wrong.into_iter());
            Err(report::finding(format!("wrong results, which were not timed: {names}")))
        }
        _ => Ok(()),
    }
}

/// Samples that are there or can be made, with their kernels.
struct Loaded {
    set: Set,
    /// What a file had.
    picture: Option<DynamicImage>,
}

fn loaded(sets: Vec<Set>) -> Result<Vec<Loaded>> {
    let load = |set: Set| {
        let picture = match &set.samples {
            Samples::File(path) => Some(samples::read(path)?),
            _ => None,
        };
        Ok(Loaded { set, picture })
    };
    sets.into_iter().map(load).collect()
}

/// Measures all of these in so many seconds.
fn measured(sets: &[Loaded], seconds: f64) -> Result<Record> {
    let start = Instant::now();
    let convolver = Convolver::new();
    let gpu = convolver.gpu().ok();
    let cases: usize = sets.iter().map(|loaded| loaded.set.kernels.len()).sum();
    let bar = progress_bar(cases + 1);
    bar.set_message("limits of this machine");
    let mut record = machine::record(&convolver, gpu.as_ref());
    let limits = Limits::measured(gpu.as_ref(), LIMITS * seconds / LIMITS_MEASURED)?;
    bar.inc(1);
    // However long that took, half of the time is there for cases.
    let seconds = (seconds - start.elapsed().as_secs_f64()).max(seconds / 2.0);
    let start = Instant::now();
    let mut session =
        Session { convolver, limits, bar, start, seconds, all: cases, cases: Vec::new() };
    for Loaded { set, picture } in sets {
        match (&set.samples, picture) {
            (Samples::Array { dtype, shape, data }, _) => {
                with_dtype!(*dtype, arrays(&mut session, &set.kernels, shape, *data))?;
            }
            (Samples::Picture { size, data }, _) => {
                let picture = samples::picture(*size, *data)?;
                pictures(&mut session, &set.kernels, &picture, data.name())?;
            }
            (Samples::File(path), Some(picture)) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                pictures(&mut session, &set.kernels, picture, &name)?;
            }
            (Samples::File(_), None) => {}
        }
    }
    session.bar.finish_and_clear();
    record.limits = session.limits.0;
    for limit in &mut record.limits {
        limit.value = rounded(limit.value);
    }
    record.cases = session.cases;
    Ok(record)
}

fn arrays<A: Value>(
    session: &mut Session,
    kernels: &[Kernel],
    shape: &[usize],
    data: Data,
) -> Result<()> {
    let mut subject =
        Arrays { x: samples::array::<A>(shape, data)?, kernel: ArrayD::default(shape) };
    let about = About {
        samples: format!("{} {}, {}", lengths(shape), A::DTYPE, data.name()),
        shape: shape.to_vec(),
        dtype: A::DTYPE.to_string(),
        data: data.name().into(),
        boundary: "zero",
    };
    let copy = limits::copy_of(subject.bytes())?;
    for kernel in kernels {
        subject.kernel = samples::taps(kernel)?;
        session.case(&subject, &about, kernel, copy);
    }
    Ok(())
}

fn pictures(
    session: &mut Session,
    kernels: &[Kernel],
    picture: &DynamicImage,
    data: &str,
) -> Result<()> {
    let size = [picture.height() as usize, picture.width() as usize];
    let channels = usize::from(picture.color().channel_count());
    let dtype = match picture.as_bytes().len() / (size[0] * size[1] * channels).max(1) {
        1 => "u8",
        2 => "u16",
        _ => "f32",
    };
    let about = About {
        samples: format!("{} {:?}, {data}", lengths(&size), picture.color()),
        shape: vec![size[0], size[1], channels],
        dtype: dtype.into(),
        data: data.into(),
        boundary: "mirror",
    };
    let copy = limits::copy_of(picture.as_bytes().len())?;
    for kernel in kernels {
        let subject = Pictures { picture, kernel: samples::picture_taps(kernel)? };
        session.case(&subject, &about, kernel, copy);
    }
    Ok(())
}

/// Samples in words.
struct About {
    samples: String,
    shape: Vec<usize>,
    dtype: String,
    data: String,
    boundary: &'static str,
}

impl About {
    /// With a kernel; nothing has been measured.
    fn case(&self, kernel: &Kernel) -> Case {
        let outputs: usize = self.shape.iter().product();
        let taps: usize = match kernel.taps {
            Taps::FullRank => kernel.shape.iter().product(),
            // Nobody sums along an axis that has one tap.
            Taps::Gaussian => kernel.shape.iter().filter(|&&n| n > 1).sum::<usize>().max(1),
        };
        Case {
            set: "bench".into(),
            group: format!("{}, {}", self.samples, kernel.name()),
            name: format!("{}, {} {}", self.samples, lengths(&kernel.shape), kernel.name()),
            samples: self.samples.clone(),
            shape: self.shape.clone(),
            dtype: self.dtype.clone(),
            data: self.data.clone(),
            kernel: kernel.name().into(),
            kernel_shape: kernel.shape.clone(),
            mode: "same".into(),
            boundary: self.boundary.into(),
            multiply_adds: outputs as f64 * taps as f64,
            bytes: 0.0,
            copy: None,
            ways: Vec::new(),
        }
    }
}

/// What all cases share.
struct Session {
    convolver: Convolver,
    limits: Limits,
    bar: ProgressBar,
    start: Instant,
    /// For all cases.
    seconds: f64,
    /// How many there will be.
    all: usize,
    cases: Vec<Case>,
}

impl Session {
    /// A copy of the samples takes so many seconds.
    fn case<S: Subject>(&mut self, subject: &S, about: &About, kernel: &Kernel, copy: f64) {
        let mut case = about.case(kernel);
        self.bar.set_message(case.name.clone());
        // What others have left over is there for those that come.
        let left = self.seconds - self.start.elapsed().as_secs_f64();
        let cases = self.all - self.cases.len();
        let seconds = (left / cases as f64).max(self.seconds / self.all as f64 / 4.0);
        case.bytes = 2.0 * subject.bytes() as f64;
        case.copy = Some(rounded(copy));
        case.ways = measure::measured(subject, &self.convolver, &self.limits, copy, seconds);
        for way in &mut case.ways {
            let times = [
                &mut way.median,
                &mut way.low,
                &mut way.high,
                &mut way.first,
                &mut way.expected,
                &mut way.limit,
            ];
            for time in times.into_iter().flatten() {
                *time = rounded(*time);
            }
            if let Some(parts) = &mut way.parts {
                for time in [&mut parts.upload, &mut parts.compute, &mut parts.download] {
                    *time = rounded(*time);
                }
            }
        }
        self.cases.push(case);
        self.bar.inc(1);
    }
}
