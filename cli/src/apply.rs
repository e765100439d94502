//! `convolve apply`.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use convolve::plan::MANY_RUNS;
use convolve::{Convolver, FilterBuilder};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Dimension;

use crate::args::Apply;
use crate::array;
use crate::dtype::Value;
use crate::jobs::{Jobs, Kind};
use crate::kernel::Kernel;
use crate::leftovers;
use crate::output::Outputs;
use crate::picture::Pictures;
use crate::report;

/// What all inputs share.
pub struct Session<'a> {
    pub args: &'a Apply,
    pub convolver: Convolver,
    pub kernel: Kernel,
    /// Files to filter.
    files: usize,
    bar: ProgressBar,
    /// What is said once all went well: an error says what is wrong in one line.
    remarks: RefCell<Vec<String>>,
}

pub fn run(args: &Apply) -> Result<()> {
    let Jobs { jobs, folder, passed_over } = Jobs::new(&args.inputs, &args.output)?;
    let kernel = Kernel::load(&args.kernel, args.scale)?;
    let bar = progress_bar(jobs.len());
    let remarks = RefCell::new(passed_over);
    let session =
        Session { args, convolver: Convolver::new(), kernel, files: jobs.len(), bar, remarks };
    leftovers::remove_on_signals()?;
    let mut outputs = Outputs::default();
    if let Some(folder) = &folder {
        outputs.make_folder(folder)?;
    }
    let mut pictures = Pictures::new(&session);
    for job in &jobs {
        session.bar.set_message(job.input.display().to_string());
        let done = match job.kind {
            Kind::Picture => pictures.run(&job.input, &job.output, &mut outputs),
            Kind::Array => array::run(&session, &job.input, &job.output, &mut outputs),
        };
        done.with_context(|| match jobs.len() {
            1 => job.input.display().to_string(),
            several => format!("nothing of {several} was written: {}", job.input.display()),
        })?;
        session.bar.inc(1);
    }
    session.bar.finish_and_clear();
    outputs.commit()?;
    session.remarks.borrow().iter().for_each(|text| report::note(text));
    Ok(())
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

    /// Prints to standard error once everything has been written.
    pub fn remark(&self, text: String) {
        self.remarks.borrow_mut().push(text);
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
