//! What this machine can do at most, measured in the same run.

use std::convert::Infallible;
use std::hint::black_box;
use std::pin::pin;
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use convolve::plan::GpuKind;
use convolve::{DType, GpuDevice, wgpu};

use super::gpu_peak::{self, Clock, Failed};
use super::peak;
use super::record::Limit;

/// Bytes of what is copied: more than caches hold.
const COPIED: usize = 128 << 20;
/// The same on a GPU that the CPU does the work of.
const COPIED_BY_SOFTWARE: u64 = 32 << 20;
const COPIED_ON_GPU: u64 = 256 << 20;
const CPU: &str = "cpu";
const GPU: &str = "gpu";
const BYTES: &str = "B/s";
const EACH: &str = "1/s";

/// Multiply-adds and bytes per second.
#[derive(Clone, Debug, Default)]
pub struct Limits(pub Vec<Limit>);

impl Limits {
    /// All of them, each measured for so many seconds, once at least.
    pub fn measured(gpu: Option<&GpuDevice>, seconds: f64) -> Result<Self> {
        let mut limits = Self::default();
        limits.multiply_adds(seconds);
        limits.memory(seconds)?;
        if let Some(gpu) = gpu {
            limits.on_gpu_if_it_works(gpu, seconds);
        }
        Ok(limits)
    }

    fn add(&mut self, name: impl Into<String>, device: &str, unit: &str, value: f64) {
        let (name, device, unit) = (name.into(), device.into(), unit.into());
        self.0.push(Limit { name, device, unit, value });
    }

    pub fn value(&self, name: &str, device: &str) -> Option<f64> {
        let of = |limit: &&Limit| limit.name == name && limit.device == device;
        self.0.iter().find(of).map(|limit| limit.value)
    }

    /// Of sums in this type, which a complex product has four of; of integers none was measured.
    pub fn peak(&self, dtype: DType, device: &str) -> Option<f64> {
        match dtype {
            DType::F32 => self.value("multiply-adds f32", device),
            DType::F64 => self.value("multiply-adds f64", device),
            DType::Complex32 => Some(self.peak(DType::F32, device)? / 4.0),
            DType::Complex64 => Some(self.peak(DType::F64, device)? / 4.0),
            _ => None,
        }
    }

    fn multiply_adds(&mut self, seconds: f64) {
        type Work = fn(fearless_simd::Level) -> usize;
        let types: [(&str, Work); 2] =
            [("f32", peak::multiply_adds_f32), ("f64", peak::multiply_adds_f64)];
        let threads = peak::all_threads();
        for (dtype, multiply_adds) in types {
            let name = format!("multiply-adds {dtype}");
            let mut best = 0.0f64;
            let mut each = Vec::new();
            for (instructions, level) in peak::levels() {
                let work = || {
                    black_box(multiply_adds(level));
                };
                let calls = threads * multiply_adds(level);
                // As often as takes longer than threads take to start.
                let once = peak::time_together(vec![work; threads], 1).as_secs_f64();
                let times = (5e-3 / once.max(1e-6)).clamp(1.0, 1e5) as u64;
                let took = shortest(seconds, || peak::time_together(vec![work; threads], times));
                let rate = (calls as u64 * times) as f64 / took;
                each.push((format!("{name} {instructions}"), rate));
                best = best.max(rate);
            }
            self.add(name, CPU, EACH, best);
            for (name, rate) in each {
                self.add(name, CPU, EACH, rate);
            }
        }
    }

    fn memory(&mut self, seconds: f64) -> Result<()> {
        let source = bytes(COPIED)?;
        let mut target = bytes(COPIED)?;
        let took = shortest(seconds, || copy(&source, &mut target));
        self.add("copy", CPU, BYTES, 2.0 * COPIED as f64 / took);
        drop((source, target));
        let touch = || -> Result<Duration> {
            let mut fresh = zeroed(COPIED)?;
            let part = COPIED.div_ceil(peak::all_threads());
            let work = fresh.chunks_mut(part).map(|part| {
                move || {
                    part.fill(1);
                    black_box(&mut *part);
                }
            });
            Ok(peak::time_together(work.collect(), 1))
        };
        touch()?;
        let took = shortest(seconds, || touch().unwrap_or(Duration::MAX));
        self.add("first touch", CPU, BYTES, COPIED as f64 / took);
        Ok(())
    }

    /// None where the GPU fails: its ways say why.
    fn on_gpu_if_it_works(&mut self, gpu: &GpuDevice, seconds: f64) {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        let mut limits = Self::default();
        // Without them wgpu panics where there is no memory for a buffer.
        let device = gpu.device();
        let scopes =
            [Validation, OutOfMemory, Internal].map(|filter| device.push_error_scope(filter));
        let mut works = limits.on_gpu(gpu, seconds).is_ok();
        // The last one first, and each: what is found is known as soon as it happens.
        for scope in scopes.into_iter().rev() {
            let found = pin!(scope.pop()).poll(&mut task::Context::from_waker(Waker::noop()));
            works &= matches!(found, Poll::Ready(None));
        }
        if works {
            self.0.append(&mut limits.0);
        }
    }

    fn on_gpu(&mut self, gpu: &GpuDevice, seconds: f64) -> Result<()> {
        let capabilities = gpu.capabilities();
        let most = match capabilities.kind {
            GpuKind::Software => COPIED_BY_SOFTWARE,
            _ => COPIED_ON_GPU,
        };
        let bytes = most.min(capabilities.max_binding).min(capabilities.max_buffer) / 16 * 16;
        let clock = Clock::new(gpu);
        let buffer = |usage| {
            gpu.device().create_buffer(&wgpu::BufferDescriptor {
                label: None,
                size: bytes,
                usage,
                mapped_at_creation: false,
            })
        };
        use wgpu::BufferUsages as Usage;
        let own = Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST;
        let [source, target] = [buffer(own), buffer(own)];
        let written = buffer(Usage::MAP_WRITE | Usage::COPY_SRC);
        let read = buffer(Usage::MAP_READ | Usage::COPY_DST);
        let time = |record: &dyn Fn(&mut wgpu::CommandEncoder)| -> Result<f64, Failed> {
            // The first one makes memory ready.
            clock.try_time(record)?;
            try_shortest(seconds, || Ok(clock.try_time(record)?.best()))
        };
        let moved = |from: &wgpu::Buffer, to: &wgpu::Buffer| -> Result<f64> {
            let took = time(&|encoder: &mut wgpu::CommandEncoder| {
                encoder.copy_buffer_to_buffer(from, 0, to, 0, Some(bytes))
            });
            Ok(bytes as f64 / took?)
        };
        self.add("upload", GPU, BYTES, moved(&written, &source)?);
        self.add("download", GPU, BYTES, moved(&source, &read)?);
        let copy = gpu_peak::copy(gpu, &source, &target, bytes);
        let took = time(&|encoder: &mut wgpu::CommandEncoder| copy.record(encoder))?;
        self.add("copy", GPU, BYTES, 2.0 * bytes as f64 / took);
        self.add("multiply-adds f32", GPU, EACH, gpu_multiply_adds(gpu, &clock, seconds)?);
        Ok(())
    }
}

/// In workgroups enough to fill the device.
fn gpu_multiply_adds(gpu: &GpuDevice, clock: &Clock, seconds: f64) -> Result<f64> {
    const LONG: Duration = Duration::from_millis(2);
    const MOST: u32 = 1 << 14;
    let mut groups = 64;
    loop {
        let (work, count) = gpu_peak::multiply_adds(gpu, groups);
        let run = || -> Result<Duration, Failed> {
            Ok(clock.try_time(|encoder| work.record(encoder))?.best())
        };
        run()?;
        if run()? >= LONG || groups >= MOST {
            return Ok(count as f64 / try_shortest(seconds, run)?);
        }
        groups *= 4;
    }
}

/// Seconds of the shortest run, of as many as there is time for.
fn shortest(seconds: f64, mut run: impl FnMut() -> Duration) -> f64 {
    let Ok(best) = try_shortest(seconds, || Ok::<_, Infallible>(run()));
    best
}

fn try_shortest<E>(seconds: f64, mut run: impl FnMut() -> Result<Duration, E>) -> Result<f64, E> {
    let start = Instant::now();
    let mut best = run()?;
    while start.elapsed().as_secs_f64() < seconds {
        best = best.min(run()?);
    }
    Ok(best.as_secs_f64().max(1e-9))
}

/// Seconds of the shortest copy of so many bytes, on all threads.
pub fn copy_of(len: usize) -> Result<f64> {
    const SECONDS: f64 = 0.05;
    let source = bytes(len)?;
    let mut target = bytes(len)?;
    // The first one makes memory ready.
    copy(&source, &mut target);
    Ok(shortest(SECONDS, || copy(&source, &mut target)))
}

/// Each thread a part of it; one alone what others take longer to wake up for.
fn copy(source: &[u8], target: &mut [u8]) -> Duration {
    const ALONE: usize = 256 << 10;
    let threads = if source.len() < ALONE { 1 } else { peak::all_threads() };
    let part = source.len().div_ceil(threads).max(1);
    let parts = source.chunks(part).zip(target.chunks_mut(part));
    let work = parts.map(|(source, target)| {
        move || {
            target.copy_from_slice(source);
            black_box(&mut *target);
        }
    });
    peak::time_together(work.collect(), 1)
}

/// Memory that is there.
fn bytes(len: usize) -> Result<Vec<u8>> {
    let mut bytes = zeroed(len)?;
    bytes.fill(1);
    Ok(bytes)
}

/// Memory that has not been touched.
fn zeroed(len: usize) -> Result<Vec<u8>> {
    bytemuck::allocation::try_zeroed_vec(len)
        .ok()
        .with_context(|| format!("no memory for {len} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_of_the_processor_is_measured() {
        let limits = Limits::measured(None, 0.0).unwrap();
        for name in ["copy", "first touch", "multiply-adds f32", "multiply-adds f64"] {
            assert!(limits.value(name, "cpu").is_some_and(|value| value > 0.0), "{name}");
        }
        assert_eq!(limits.value("copy", "gpu"), None);
        let [single, double] =
            [DType::F32, DType::Complex32].map(|dtype| limits.peak(dtype, "cpu").unwrap());
        assert_eq!(double, single / 4.0);
        assert_eq!(limits.peak(DType::U8, "cpu"), None);
        let of_each = limits.0.iter().filter(|limit| limit.name.starts_with("multiply-adds f32 "));
        let best = of_each.map(|limit| limit.value).fold(0.0, f64::max);
        assert_eq!(best, single);
    }

    #[test]
    fn copies_have_every_byte() {
        let source: Vec<u8> = (0..1_000_003).map(|i| i as u8).collect();
        let mut target = vec![0; source.len()];
        copy(&source, &mut target);
        assert!(source == target);
    }
}
