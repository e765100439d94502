//! How much was made on a device.

use std::sync::atomic::{AtomicU64, Ordering};

/// What was made and recorded on a device since it was started: what costs a frame its time. A loop that
/// is warm makes nothing; it only dispatches.
///
/// ```no_run
/// # let convolver = convolve::Convolver::new();
/// # fn frame() {}
/// let gpu = convolver.gpu()?;
/// let before = gpu.counts();
/// frame();
/// assert_eq!(gpu.counts().made(), before.made(), "the second frame is as cheap as the hundredth");
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GpuCounts {
    /// Pipelines that were compiled.
    pub pipelines: u64,
    /// Buffers that were allocated.
    pub buffers: u64,
    /// Textures that were allocated.
    pub textures: u64,
    /// Bind groups and views that were made.
    pub bindings: u64,
    /// Dispatches that were recorded.
    pub dispatches: u64,
    /// Draws that were recorded: results for formats that no shader can store to.
    pub draws: u64,
}

impl GpuCounts {
    /// Whatever a warm loop has no more need of: pipelines, buffers, textures, bindings.
    pub fn made(&self) -> u64 {
        self.pipelines + self.buffers + self.textures + self.bindings
    }
}

/// The same, counted from any thread.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub pipelines: Counter,
    pub buffers: Counter,
    pub textures: Counter,
    pub bindings: Counter,
    pub dispatches: Counter,
    pub draws: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: usize) {
        self.0.fetch_add(more as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn all(&self) -> GpuCounts {
        GpuCounts {
            pipelines: self.pipelines.get(),
            buffers: self.buffers.get(),
            textures: self.textures.get(),
            bindings: self.bindings.get(),
            dispatches: self.dispatches.get(),
            draws: self.draws.get(),
        }
    }
}
