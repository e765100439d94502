//! Measurements as lines of JSON, for other programs.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use crate::gpu::Times;

/// What one run does.
#[derive(Clone, Copy)]
pub struct Work {
    /// Read plus written, at least.
    pub bytes: u64,
    pub multiply_adds: u64,
}

/// The file of the environment variable `CONVOLVE_BENCH_LINES`, if that is set.
pub struct Lines {
    path: Option<PathBuf>,
    adapter: String,
    clock: &'static str,
}

impl Lines {
    /// For measurements on this adapter, by this clock.
    pub fn new(adapter: &str, clock: &'static str) -> Self {
        let path = env::var_os("CONVOLVE_BENCH_LINES").map(PathBuf::from);
        // Nothing that JSON would have to escape.
        let adapter = adapter.replace(['"', '\\'], "'").replace(char::is_control, " ");
        Self { path, adapter, clock }
    }

    /// Adds a case, measured in batches of so many runs; nothing where it was not measured.
    pub fn add(
        &self,
        group: &str,
        name: &str,
        taps: usize,
        side: usize,
        work: Work,
        measured: &[(u64, Times)],
    ) {
        let Some(path) = self.path.as_ref().filter(|_| !measured.is_empty()) else { return };
        let walls = measured.iter().map(|(times, took)| took.wall.as_secs_f64() / *times as f64);
        let wall = median(walls.collect());
        let devices = measured
            .iter()
            .map(|(times, took)| took.device.map(|device| device.as_secs_f64() / *times as f64));
        let device: Option<Vec<f64>> = devices.collect();
        // Cases that travel are timed by the host's clock alone.
        let clock = if device.is_some() { self.clock } else { "wall" };
        let device = device.map_or("null".into(), |device| format!("{:e}", median(device)));
        let Work { bytes, multiply_adds } = work;
        let line = format!(
            "{{\"adapter\": \"{}\", \"clock\": \"{clock}\", \"group\": \"{group}\", \"name\": \"{name}\", \
             \"side\": {side}, \"taps\": {taps}, \"device_seconds\": {device}, \"wall_seconds\": {wall:e}, \
             \"bytes\": {bytes}, \"multiply_adds\": {multiply_adds}}}\n",
            self.adapter
        );
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("CONVOLVE_BENCH_LINES, {}: {error}", path.display()));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
