//! Timing a few runs.

use std::time::{Duration, Instant};

use crate::error::Result;

/// Runs at least, and the time that they may take together. A slow machine has fewer.
const LEAST_RUNS: usize = 5;
const ENOUGH: Duration = Duration::from_millis(10);
const TOO_LONG: Duration = Duration::from_millis(100);

/// Seconds of the fastest of a few runs: whatever disturbs a run makes it longer.
pub(crate) fn fastest(mut run: impl FnMut() -> Result<Duration>) -> Result<f64> {
    // The first one touches memory and compiles shaders, which is nothing beside a long run.
    let first = run()?;
    if first >= TOO_LONG {
        return Ok(first.as_secs_f64());
    }
    let start = Instant::now();
    let mut best = Duration::MAX;
    for i in 1.. {
        best = best.min(run()?);
        let elapsed = start.elapsed();
        if (i >= LEAST_RUNS && elapsed >= ENOUGH) || elapsed >= TOO_LONG {
            break;
        }
    }
    Ok(best.as_secs_f64())
}
