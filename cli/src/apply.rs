//! `convolve apply`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, ensure};
use convolve::plan::MANY_RUNS;
use convolve::{Convolver, FilterBuilder};
use image::DynamicImage;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Dimension, Ix2};

use crate::args::Apply;
use crate::array;
use crate::dtype::Value;
use crate::formats;
use crate::jobs::{Job, Jobs, Kind};
use crate::kernel::Kernel;
use crate::leftovers;
use crate::output;
use crate::picture::Pictures;
use crate::place::{Region, read_mask, share};
use crate::report;

/// What all inputs share.
pub struct Session<'a> {
    pub args: &'a Apply,
    pub convolver: Convolver,
    pub kernel: Kernel,
    /// How much of each pixel of pictures is filtered.
    mask: Option<DynamicImage>,
    /// Files to filter.
    files: usize,
    bar: ProgressBar,
    /// What is said at the end, of files that were written: an error says what is wrong in one line.
    remarks: Mutex<Vec<(PathBuf, String)>>,
    /// Held while a GPU filters: it has memory for one file, and does one thing at a time.
    gpu: Mutex<()>,
}

pub fn run(args: &Apply) -> Result<()> {
    leftovers::remove_on_signals()?;
    let Jobs { jobs, folder, passed_over } =
        Jobs::new(&args.inputs, &args.output, args.format.as_deref())?;
    let compressed = args.quality.is_some() || args.subsampling.is_some();
    ensure!(
        !compressed || jobs.iter().any(|job| formats::is_jpeg(&job.output)),
        "--quality and --subsampling go with JPEGs: expected an output that ends in jpg"
    );
    let kernel = Kernel::load(&args.kernel, args.scale)?.along(args.meaning.axis())?;
    let mask = args.mask.as_deref().map(|mask| read_mask(mask, args.max_pixels)).transpose()?;
    let session = Session {
        args,
        convolver: Convolver::new(),
        kernel,
        mask,
        files: jobs.len(),
        bar: progress_bar(jobs.len()),
        remarks: Mutex::default(),
        gpu: Mutex::default(),
    };
    let pictures = Pictures::new(&session);
    if jobs.iter().any(|job| job.kind == Kind::Picture) {
        pictures.check_kernel()?;
    }
    // Kept to the end: it goes again if it stays empty.
    let _folder = folder.as_deref().map(output::Folder::make).transpose()?;
    let failed = match jobs.as_slice() {
        [job] => {
            one(&session, &pictures, job).with_context(|| job.input.display().to_string())?;
            Vec::new()
        }
        jobs => all(&session, &pictures, jobs),
    };
    session.bar.finish_and_clear();
    passed_over.iter().for_each(|text| report::remark(text));
    let failed_inputs: Vec<&Path> = failed.iter().map(|(input, _)| input.as_path()).collect();
    let mut remarks = session.remarks.into_inner().unwrap_or_else(PoisonError::into_inner);
    remarks.retain(|(input, _)| !failed_inputs.contains(&input.as_path()));
    grouped(&remarks).iter().for_each(|text| report::remark(text));
    if failed.is_empty() { Ok(()) } else { Err(report::failed(failed, jobs.len())) }
}

fn one(session: &Session, pictures: &Pictures, job: &Job) -> Result<()> {
    match job.kind {
        Kind::Picture => pictures.run(job),
        Kind::Array => array::run(session, job),
    }
}

/// Works on all files, on all threads: each has a file of its own, and helps others with theirs when
/// there is no file left. Gives those that failed, in their order.
///
/// Where a caller asks what happens with a file, the files come one after another.
fn all(session: &Session, pictures: &Pictures, jobs: &[Job]) -> Vec<(PathBuf, Error)> {
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let take = || {
        let number = next.fetch_add(1, Ordering::Relaxed);
        jobs.get(number).map(|job| (number, job))
    };
    let work = || {
        while let Some((number, job)) = take() {
            session.bar.set_message(job.input.display().to_string());
            if let Err(error) = one(session, pictures, job) {
                lock(&failed).insert(number, error);
            }
            session.bar.inc(1);
        }
    };
    let args = session.args;
    match args.explain || args.verify || args.profile {
        true => work(),
        false => drop(rayon::broadcast(|_| work())),
    }
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.into_iter().map(|(number, error)| (jobs[number].input.clone(), error)).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remarks with the files that they are about; the same remark about several files is one.
fn grouped(remarks: &[(PathBuf, String)]) -> Vec<String> {
    let mut files: BTreeMap<&str, Vec<&Path>> = BTreeMap::new();
    for (file, text) in remarks {
        files.entry(text).or_default().push(file);
    }
    let in_words = |(text, mut files): (&str, Vec<&Path>)| {
        files.sort();
        files.dedup();
        format!("{}: {text}", report::names(files.iter().map(|file| file.display().to_string())))
    };
    files.into_iter().map(in_words).collect()
}

/// Shown for more than one input, and only on a terminal.
pub fn progress_bar(jobs: usize) -> ProgressBar {
    if jobs < 2 {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {eta} {msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(jobs as u64).with_style(style)
}

impl Session<'_> {
    /// Prints to standard error, above the progress bar.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| report::note(text));
    }

    /// Prints to standard error, with the file's name, once the file has been written.
    pub fn remark(&self, file: &Path, text: String) {
        lock(&self.remarks).push((file.into(), text));
    }

    /// The filter of these taps with the method, the device and the checks that were asked for.
    pub fn planned<A: Value, D: Dimension>(
        &self,
        filter: FilterBuilder<A, D>,
    ) -> FilterBuilder<A, D> {
        let meaning = &self.args.meaning;
        let filter = filter
            .method(meaning.method.into())
            .device(meaning.device.into())
            .precision(meaning.precision.into())
            .reproducible(meaning.reproducible)
            .runs(if meaning.reproducible { MANY_RUNS } else { self.files })
            .check(self.args.check());
        match meaning.tolerance {
            Some(tolerance) => filter.tolerance(tolerance),
            None => filter,
        }
    }

    /// A filter of pictures where these are to be filtered.
    pub fn placed(&self, mut filter: FilterBuilder<f32, Ix2>) -> FilterBuilder<f32, Ix2> {
        if let Some(Region(region)) = self.args.region {
            filter = filter.region(region);
        }
        match &self.mask {
            Some(mask) => filter.mask(mask),
            None => filter,
        }
    }

    /// How much of a pixel of pictures is filtered, from 0 to 1.
    pub fn share(&self, column: usize, row: usize) -> f32 {
        let within = self.args.region.is_none_or(|region| region.has(column, row));
        if within { self.mask.as_ref().map_or(1.0, |mask| share(mask, column, row)) } else { 0.0 }
    }

    /// Prints a plan if plans are asked for.
    pub fn explain_plan(&self, plan: &convolve::Plan) {
        if self.args.explain {
            self.note(&plan.to_string());
        }
    }

    /// Runs a convolution; says how long it took if that is asked for.
    pub fn timed<T>(
        &self,
        plan: &convolve::Plan,
        run: impl FnOnce() -> convolve::Result<T>,
    ) -> convolve::Result<T> {
        let _alone = (plan.device() == convolve::Device::Gpu).then(|| lock(&self.gpu));
        let start = Instant::now();
        let result = run()?;
        if self.args.explain {
            let (device, method) = (plan.device(), plan.method());
            self.note(&format!("ran: {device} {method} in {}", duration(start.elapsed())));
        }
        Ok(result)
    }
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 { format!("{:.2} ms", 1e3 * seconds) } else { format!("{seconds:.2} s") }
}
