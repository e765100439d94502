//! The probes of a GPU.

use ndarray::{Array, Ix1};
use std::time::Instant;

use super::fit::solve;
use super::probe::{Prepared, samples};
use crate::error::{Error, Result};
use crate::gpu::{GpuArray, GpuDevice};
use crate::machine::Devices;
use crate::plan::cost::rates::Rates;
use crate::plan::gpu::schedule::Schedule;
use crate::plan::{Cost, CostModel, Gpu, GpuCapabilities, GpuRates, Plan, Recipe, Request};
use crate::problem::Options;
use crate::util::timing::fastest;
use crate::words::{Device, Method};

/// What a probe should take by the shipped rates, in seconds. Those are a quarter of what is common,
/// and a fast GPU must still take longer for it than it takes to submit it.
const LENGTH: f64 = 4e-3;

/// Runs that are submitted one after the other, where one of them is to be told from the way there
/// and back.
const REPEATED: u32 = 8;

/// Elements of the largest array.
const MOST: usize = 1 << 24;

/// The part of the cost that a probe's time is compared with, and what was timed.
struct Timed {
    term: &'static str,
    part: fn(&Cost) -> f64,
    plan: Plan,
    seconds: f64,
}

/// The rates of this GPU, and which of them were measured.
pub(super) fn measure(
    devices: &Devices,
    gpu: &GpuCapabilities,
    shipped: &CostModel,
) -> Result<(GpuRates, Vec<&'static str>)> {
    let standard = shipped.gpu_rates(gpu.kind).clone();
    let bytes = gpu.max_binding.min(gpu.max_buffer).min(gpu.memory / 8);
    let most = ((bytes / 4) as usize).clamp(1 << 10, MOST);
    let samples = |work: f64| (LENGTH * work).min(most as f64);
    let side = |work: f64, axes: f64| (samples(work).powf(1.0 / axes) as usize).max(8);
    // In an order in which each leans on those before it.
    let resident = |term, method, input: Vec<usize>, kernel: &[usize]| -> Result<Timed> {
        let probe = probe(devices, gpu, method, &input, kernel)?;
        let seconds = time_resident(devices, &probe)?;
        Ok(Timed { term, part: |cost| cost.work, plan: probe.plan, seconds })
    };
    let from_host = |term, input: Vec<usize>, kernel: &[usize]| -> Result<Timed> {
        let mut probe = probe(devices, gpu, Method::Direct, &input, kernel)?;
        let seconds = time_from_host(&mut probe)?;
        Ok(Timed { term, part: Cost::run, plan: probe.plan, seconds })
    };
    let tiled = side(standard.direct / 961.0, 2.0);
    let untiled = side(standard.direct_nd / 125.0, 3.0);
    // Shares of an output under 21 x 21 taps in blocks of 64 x 64.
    let transformed = side(standard.fft / 25.0, 2.0);
    let direct = Method::Direct;
    let mut timed = vec![
        resident("bandwidth", direct, vec![side(standard.bandwidth / 8.0, 1.0)], &[3])?,
        resident("direct", direct, vec![tiled; 2], &[31, 31])?,
        resident("direct_nd", direct, vec![untiled; 3], &[5, 5, 5])?,
        from_host("round_trip", vec![64], &[3])?,
        from_host("bus", vec![side(standard.bus / 8.0, 1.0)], &[3])?,
    ];
    match resident("fft", Method::Fft, vec![transformed; 2], &[21, 21]) {
        Ok(fft) => timed.push(fft),
        // Not every adapter has workgroups that can transform.
        Err(Error::Inadmissible { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut rates = standard.clone();
    let mut measured: Vec<&'static str> = Vec::new();
    // Each leans on the others: the second round has all of them.
    for _ in 0..2 {
        for Timed { term, part, plan, seconds } in &timed {
            let term = GpuRates::probed().find(|known| known.name == *term);
            let term = term.expect("every probe's constant is listed");
            let Some(schedule) = schedule(plan) else { continue };
            let expected = |rates: &GpuRates| {
                let mut model = shipped.clone();
                *model.gpu_rates_mut(gpu.kind) = rates.clone();
                part(&model.gpu(plan.problem.dtype, &plan.geometry, schedule, gpu))
            };
            let value = *(term.of)(&mut standard.clone());
            let solved = solve(&mut rates, term, value, expected, *seconds);
            if solved && !measured.contains(&term.name) {
                measured.push(term.name);
            }
        }
    }
    Ok((rates, measured))
}

fn schedule(plan: &Plan) -> Option<&Schedule> {
    match plan.chosen().admitted()?.0 {
        Recipe::Gpu(schedule) => Some(schedule),
        _ => None,
    }
}

fn probe(
    devices: &Devices,
    gpu: &GpuCapabilities,
    method: Method,
    input: &[usize],
    kernel: &[usize],
) -> Result<Prepared> {
    let weights = samples(kernel.iter().product())?;
    let request = Request { method, device: Device::Gpu, ..Request::default() };
    let on = devices.with_gpu(Gpu::Present(gpu.clone()));
    Prepared::new((input, kernel), weights, &Options::default(), request, &on, devices)
}

/// Seconds of a run from and to host memory.
fn time_from_host(probe: &mut Prepared) -> Result<f64> {
    fastest(|| {
        let start = Instant::now();
        probe.run()?;
        Ok(start.elapsed())
    })
}

/// Seconds of a run on what is on the device: of one among many, so that the way there and back does
/// not count.
fn time_resident(devices: &Devices, probe: &Prepared) -> Result<f64> {
    let context = devices.gpu_context()?;
    let gpu = GpuDevice::new(context);
    let array = |samples: &[f32]| gpu.upload(&Array::from(samples.to_vec()));
    let x = array(&probe.x)?;
    let y = array(&probe.y)?;
    // The queue has an order: whoever waits for this has waited for all that was submitted before.
    let last = array(&[0.0])?;
    let host = probe.runner.host().expect("it was planned for the GPU");
    let passes = host.passes().clone().resident()?;
    let runs = |n: u32, y: &GpuArray<f32, Ix1>| {
        fastest(|| {
            let start = Instant::now();
            (0..n).try_for_each(|_| passes.submit(&x.span(), &y.span()))?;
            last.download()?;
            Ok(start.elapsed())
        })
    };
    let one = runs(1, &y)?;
    let many = runs(1 + REPEATED, &y)?;
    Ok((many - one).max(0.0) / f64::from(REPEATED))
}
