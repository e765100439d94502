//! This library on the GPU, on arrays that stay there or that travel, and what that GPU can do at
//! most.

use std::sync::LazyLock;
use std::time::Duration;

use convolve::plan::GpuKind;
use convolve::{Convolver, Device, Filter, GpuArray, Method};
use ndarray::{ArrayD, IxDyn};

use crate::case::{Case, Compared};
use crate::contender::Contender;
use crate::ours::{planned, poisoned};
use measure::{Clock, Work};

#[path = "../../../cli/src/bench/gpu_peak.rs"]
mod measure;

/// One device for all of them.
static CONVOLVER: LazyLock<Convolver> = LazyLock::new(Convolver::new);

/// The adapter in use: name, interface, driver, and whether it is hardware.
pub fn about() -> Vec<String> {
    let adapter = convolve::adapters().into_iter().find(|adapter| adapter.chosen);
    adapter.map_or_else(Vec::new, |adapter| {
        let gpu = adapter.capabilities;
        let kind = if gpu.kind == GpuKind::Software { "software" } else { "hardware" };
        vec![gpu.name, gpu.backend.to_string(), adapter.driver, kind.into()]
    })
}

/// What is timed.
enum Job<A: Compared> {
    Filter(Box<Filter<A, IxDyn>>),
    /// wgpu's own copy of a buffer.
    Copy,
    /// A shader, and the multiply-adds of one run.
    Shader(Work, u64),
}

/// Something on arrays that stay on the GPU.
struct Resident<A: Compared> {
    clock: Clock,
    job: Job<A>,
    x: GpuArray<A, IxDyn>,
    y: GpuArray<A, IxDyn>,
}

/// This library with a method, `host METHOD` where data travels; or a limit of the GPU: `copy`,
/// `copy by a shader` or `multiply-adds`.
pub fn contender<A: Compared>(case: &Case<A>, way: &str) -> Result<Box<dyn Contender>, String> {
    if let Some(method) = way.strip_prefix("host ") {
        return Ok(planned(filter(case, method)?, case));
    }
    let gpu = CONVOLVER.gpu().map_err(|error| error.to_string())?;
    let clock = Clock::new(&gpu);
    let y = poisoned(case.x.raw_dim());
    let upload = |array: &ArrayD<A>| gpu.upload(array).map_err(|error| error.to_string());
    let [x, y] = [upload(&case.x)?, upload(&y)?];
    let job = match way {
        "copy" => Job::Copy,
        "copy by a shader" => {
            let bytes = (x.len() * size_of::<A>()) as u64;
            Job::Shader(measure::copy(&gpu, x.buffer(), y.buffer(), bytes), 0)
        }
        "multiply-adds" => {
            // As many workgroups as keep the device busy.
            let software = gpu.capabilities().kind == GpuKind::Software;
            let (work, multiply_adds) =
                measure::multiply_adds(&gpu, if software { 16 } else { 8192 });
            Job::Shader(work, multiply_adds)
        }
        method => Job::Filter(Box::new(filter(case, method)?)),
    };
    Ok(Box::new(Resident { clock, job, x, y }))
}

fn filter<A: Compared>(case: &Case<A>, method: &str) -> Result<Filter<A, IxDyn>, String> {
    let methods = [Method::Auto, Method::Direct, Method::Separable];
    let method = methods.into_iter().find(|candidate| candidate.to_string() == method);
    let filter = CONVOLVER.filter(&case.k).device(Device::Gpu);
    let filter = filter.method(method.ok_or("no such method on the GPU")?);
    filter.for_shape(case.x.raw_dim()).map_err(|error| error.to_string())
}

impl<A: Compared> Contender for Resident<A> {
    /// The method; for a limit the adapter and whose clock is read, or the multiply-adds of a run.
    fn note(&self) -> String {
        match &self.job {
            Job::Filter(filter) => filter.plan().method().to_string(),
            Job::Shader(_, multiply_adds) => multiply_adds.to_string(),
            Job::Copy => {
                let adapter = CONVOLVER.gpu().map(|gpu| gpu.capabilities());
                let adapter = adapter.map_or_else(|error| error.to_string(), |found| found.name);
                format!("{adapter}, by the {} clock", self.clock.name())
            }
        }
    }

    fn run(&mut self) -> Result<Duration, String> {
        self.run_many(1)
    }

    /// All in one submission.
    fn run_many(&mut self, times: u32) -> Result<Duration, String> {
        let (x, y) = (self.x.buffer(), self.y.buffer());
        let bytes = (self.x.len() * size_of::<A>()) as u64;
        let mut result = Ok(());
        let took = self.clock.time(|encoder| {
            for _ in 0..times {
                match &self.job {
                    Job::Copy => encoder.copy_buffer_to_buffer(x, 0, y, 0, Some(bytes)),
                    Job::Shader(work, _) => work.record(encoder),
                    Job::Filter(filter) if result.is_ok() => result = filter.encode(encoder, x, y),
                    Job::Filter(_) => {}
                }
            }
        });
        result.map_err(|error| error.to_string())?;
        Ok(took.best())
    }

    fn result(&self) -> Vec<u8> {
        let y = self.y.download();
        y.ok()
            .and_then(|y| y.as_slice().map(|y| bytemuck::cast_slice(y).to_vec()))
            .unwrap_or_default()
    }
}
