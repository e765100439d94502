//! Buffers that are kept from run to run, for any number of filters and threads.
//!
//! A buffer that was used before holds whatever was left in it: nothing may rely on zeros.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wgpu::BufferUsages as Usage;

use crate::error::{Error, Result};
use crate::gpu::context::{Context, guarded};
use crate::gpu::counts::Counters;
use crate::gpu::end::Span;

/// What a buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Read and written by shaders.
    Storage,
    /// Written by the host; mapped whenever it is in the pool.
    Upload,
    /// Read by the host; never mapped in the pool.
    Download,
}

impl Role {
    fn usage(self) -> Usage {
        match self {
            Self::Storage => Usage::STORAGE | Usage::COPY_SRC | Usage::COPY_DST,
            // Nothing else with MAP_WRITE, and no MAP_READ beside it: such memory would be slow to
            // read for one of the two.
            Self::Upload => Usage::MAP_WRITE | Usage::COPY_SRC,
            Self::Download => Usage::MAP_READ | Usage::COPY_DST,
        }
    }
}

/// The buffers of one device: those in use, counted, and those that wait for their next use.
#[derive(Debug)]
pub(crate) struct Buffers {
    device: wgpu::Device,
    counters: Arc<Counters>,
    limits: Limits,
    state: Mutex<State>,
}

/// Bytes that may be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Largest buffer.
    pub buffer: u64,
    /// All buffers together, in use or kept.
    pub all: u64,
    /// Those that are kept without being in use.
    pub kept: u64,
}

#[derive(Debug, Default)]
struct State {
    /// Not in use, the one returned last at the end.
    kept: Vec<(Role, wgpu::Buffer)>,
    kept_bytes: u64,
    /// Of buffers that exist, in use or kept.
    bytes: u64,
    /// Upload buffers in use: the device has yet to read them, and gives them back by itself.
    uploads: usize,
}

impl Buffers {
    pub(crate) fn new(device: wgpu::Device, counters: Arc<Counters>, limits: Limits) -> Arc<Self> {
        Arc::new(Self { device, counters, limits, state: Mutex::default() })
    }

    /// A buffer of at least `bytes`, used before or new. An upload buffer is mapped.
    pub(crate) fn take(self: &Arc<Self>, role: Role, bytes: u64, what: &str) -> Result<Pooled> {
        let size = rounded(bytes).min(self.limits.buffer & !3);
        if size < bytes {
            let largest = self.limits.buffer;
            return Err(Error::gpu_memory(format!(
                "{what} needs a buffer of {bytes} bytes, the device has at most {largest}"
            )));
        }
        let kept = self.reserve(role, size, what)?;
        let buffer = match kept {
            Some(buffer) => buffer,
            None => {
                let created = guarded(&self.device, || {
                    self.device.create_buffer(&wgpu::BufferDescriptor {
                        label: Some("convolve"),
                        size,
                        usage: role.usage(),
                        mapped_at_creation: role == Role::Upload,
                    })
                });
                self.counters.buffers.add(1);
                created.inspect_err(|_| self.lock().bytes -= size)?
            }
        };
        self.lock().uploads += usize::from(role == Role::Upload);
        Ok(Pooled { buffer, role, bytes, home: self.clone(), reusable: true })
    }

    /// Whether there may be room for so many bytes once the device is done with what was submitted,
    /// without anybody dropping anything.
    pub(crate) fn may_free_up(&self, bytes: u64) -> bool {
        bytes <= self.limits.buffer.min(self.limits.all) && self.lock().uploads > 0
    }

    /// A kept buffer, or room for a new one.
    fn reserve(&self, role: Role, size: u64, what: &str) -> Result<Option<wgpu::Buffer>> {
        let mut state = self.lock();
        // Among those that are not much too large; the one returned last has the best chance to be
        // bound in a bind group that is kept.
        let fits = |buffer: &wgpu::Buffer| (size..=2 * size).contains(&buffer.size());
        let found = state.kept.iter().rposition(|(kept, buffer)| *kept == role && fits(buffer));
        if let Some(i) = found {
            let (_, buffer) = state.kept.remove(i);
            state.kept_bytes -= buffer.size();
            return Ok(Some(buffer));
        }
        while state.bytes.saturating_add(size) > self.limits.all && !state.kept.is_empty() {
            state.evict_oldest();
        }
        if state.bytes.saturating_add(size) > self.limits.all {
            return Err(Error::gpu_memory(format!(
                "{what} needs {size} bytes, but {} of the {} that buffers may take are in use",
                state.bytes, self.limits.all
            )));
        }
        state.bytes += size;
        Ok(None)
    }

    fn give_back(&self, role: Role, buffer: wgpu::Buffer, reusable: bool) {
        let mut state = self.lock();
        state.uploads -= usize::from(role == Role::Upload);
        let size = buffer.size();
        if !reusable || size > self.limits.kept {
            state.bytes -= size;
            return;
        }
        state.kept_bytes += size;
        state.kept.push((role, buffer));
        while state.kept_bytes > self.limits.kept {
            state.evict_oldest();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn evict_oldest(&mut self) {
        let (_, buffer) = self.kept.remove(0);
        self.kept_bytes -= buffer.size();
        self.bytes -= buffer.size();
        // Bind groups may hold on to it, its memory shall go now. Work that was submitted keeps
        // what it needs.
        buffer.destroy();
    }
}

/// Rounds up by a quarter at most, so that few sizes serve many shapes.
fn rounded(bytes: u64) -> u64 {
    let bytes = bytes.max(256);
    let step = (1 << bytes.ilog2()) / 4;
    bytes.checked_next_multiple_of(step).unwrap_or(bytes)
}

/// A buffer in use; it goes back when dropped.
#[derive(Debug)]
pub(crate) struct Pooled {
    buffer: wgpu::Buffer,
    role: Role,
    bytes: u64,
    home: Arc<Buffers>,
    reusable: bool,
}

impl Pooled {
    /// The buffer; it may be larger than what was asked for.
    pub(crate) fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Bytes that were asked for.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What was asked for, as a range.
    pub(crate) fn span(&self) -> Span {
        Span { buffer: self.buffer.clone(), offset: 0, bytes: self.bytes }
    }

    /// Whether the pool may see the buffer again as it is. If not, its memory goes back to the
    /// system when this is dropped, and nobody needs it any more.
    pub(crate) fn set_reusable(&mut self, reusable: bool) {
        self.reusable = reusable;
    }
}

/// A buffer for work that the caller submits, perhaps when the filter is gone: it must not become
/// anybody else's before.
pub(crate) fn unsubmitted(context: &Context, bytes: u64, what: &str) -> Result<Pooled> {
    let mut buffer = context.buffers.take(Role::Storage, bytes, what)?;
    buffer.set_reusable(false);
    Ok(buffer)
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.home.give_back(self.role, self.buffer.clone(), self.reusable);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sizes_serve_many() {
        assert_eq!(rounded(0), 256);
        assert_eq!(rounded(257), 320);
        assert_eq!(rounded(1 << 20), 1 << 20);
        assert_eq!(rounded((1 << 20) + 1), 5 << 18);
        let sizes: std::collections::HashSet<u64> = (1..1 << 16).map(rounded).collect();
        assert_eq!(sizes.len(), 33);
        for bytes in 1..1 << 12 {
            assert!(rounded(bytes) >= bytes && rounded(bytes).is_multiple_of(4));
            assert!(bytes < 256 || rounded(bytes) * 4 <= bytes * 5);
        }
    }
}
