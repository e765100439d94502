//! Between host memory and the device: pooled buffers that the host maps.
//!
//! `Queue::write_buffer` would allocate and free a staging buffer at each call.

use std::sync::{Arc, mpsc};

use crate::error::{Error, Result};
use crate::gpu::backlog::Submission;
use crate::gpu::buffers::{Pooled, Role};
use crate::gpu::context::Context;
use crate::gpu::end::Span;

/// Bytes on their way to the device.
#[derive(Debug)]
pub(super) struct Upload {
    staged: Pooled,
}

impl Upload {
    /// Copies the bytes out of host memory.
    pub(super) fn new(context: &Context, bytes: &[u8], what: &str) -> Result<Self> {
        let mut staged = context.take(Role::Upload, bytes.len() as u64, what)?;
        // Buffers of this kind are mapped in the pool.
        staged.set_reusable(false);
        context.attempt(|| {
            let whole = bytes.len() & !3;
            let mapped = staged.buffer().get_mapped_range_mut(..);
            let mut mapped = mapped.map_err(|error| Error::gpu_internal(error.to_string()))?;
            mapped.slice(..whole).copy_from_slice(&bytes[..whole]);
            // Mapped memory is written in whole words.
            let mut last = [0; 4];
            let rest = &bytes[whole..];
            if !rest.is_empty() {
                last[..rest.len()].copy_from_slice(rest);
                mapped.slice(whole..whole + 4).copy_from_slice(&last);
            }
            drop(mapped);
            staged.buffer().unmap();
            Ok(Self { staged })
        })
    }

    /// Records the copy to the device, which ends at a whole word.
    pub(super) fn record(&self, encoder: &mut wgpu::CommandEncoder, to: &Span) {
        let bytes = self.staged.bytes().next_multiple_of(4);
        encoder.copy_buffer_to_buffer(self.staged.buffer(), 0, &to.buffer, to.offset, bytes);
    }

    /// Once the copy is submitted: the buffer goes back to the pool when the device has read it.
    pub(super) fn recall(mut self) {
        let buffer = self.staged.buffer().clone();
        buffer.map_async(wgpu::MapMode::Write, .., move |mapped| {
            self.staged.set_reusable(mapped.is_ok());
        });
    }
}

/// Bytes on their way from the device.
#[derive(Debug)]
pub(super) struct Download {
    context: Arc<Context>,
    staged: Pooled,
    mapped: mpsc::Receiver<Result<(), wgpu::BufferAsyncError>>,
    submission: Submission,
}

impl Download {
    /// A buffer for a result.
    pub(super) fn stage(context: &Context, bytes: u64, what: &str) -> Result<Pooled> {
        context.take(Role::Download, bytes, what)
    }

    /// Records the copy from the device, which ends at a whole word.
    pub(super) fn record(encoder: &mut wgpu::CommandEncoder, from: &Span, staged: &Pooled) {
        let bytes = staged.bytes().next_multiple_of(4);
        encoder.copy_buffer_to_buffer(&from.buffer, from.offset, staged.buffer(), 0, bytes);
    }

    /// Asks for the bytes of a copy that was submitted.
    pub(super) fn start(
        context: &Arc<Context>,
        mut staged: Pooled,
        submission: Submission,
    ) -> Self {
        staged.set_reusable(false);
        let (sender, mapped) = mpsc::channel();
        staged.buffer().map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone where the run was given up.
            let _ = sender.send(result);
        });
        Self { context: context.clone(), staged, mapped, submission }
    }

    /// Waits, but not for ever, and shows the bytes.
    pub(super) fn finish(self, read: impl FnOnce(&[u8])) -> Result<()> {
        let Self { context, mut staged, mapped, submission } = self;
        context.wait(&submission)?;
        // Another thread that waits on this device may be the one that calls back, and may only be
        // about to: the work is done, the message is on its way.
        match mapped.recv_timeout(context.patience(&submission)) {
            Ok(Ok(())) => {}
            // wgpu does not say why: a lost device, or one without memory for it.
            Ok(Err(error)) => {
                let reason = format!("the result could not be mapped: {error}");
                return Err(context.explain(Error::gpu_memory(reason)));
            }
            Err(_) => return Err(Error::device_lost("the result was not handed over")),
        }
        context.attempt(|| {
            let bytes = staged.buffer().get_mapped_range(..);
            let bytes = bytes.map_err(|error| Error::gpu_internal(error.to_string()))?;
            read(&bytes[..staged.bytes() as usize]);
            drop(bytes);
            staged.buffer().unmap();
            staged.set_reusable(true);
            Ok(())
        })
    }
}
