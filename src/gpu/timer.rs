//! The device's own clock.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::gpu::context::Context;
use crate::gpu::end::Span;
use crate::gpu::recorded::Stamps;
use crate::gpu::staging::Download;

/// Four points in time of one run: before the upload, before and after the convolution's passes,
/// after the download.
pub(crate) struct Timer {
    context: Arc<Context>,
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
}

const POINTS: u32 = 4;
const BYTES: u64 = POINTS as u64 * size_of::<u64>() as u64;

impl Timer {
    /// Before everything.
    pub(crate) const START: u32 = 0;
    /// After everything.
    pub(crate) const END: u32 = POINTS - 1;

    /// None where the device has no timestamp queries.
    pub(crate) fn new(context: &Arc<Context>) -> Result<Option<Self>> {
        let device = &context.device;
        if !device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let (queries, resolved) = context.guarded(|| {
            let queries = device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("convolve times"),
                ty: wgpu::QueryType::Timestamp,
                count: POINTS,
            });
            let resolved = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("convolve times"),
                size: BYTES,
                usage: wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
                mapped_at_creation: false,
            });
            (queries, resolved)
        })?;
        Ok(Some(Self { context: context.clone(), queries, resolved }))
    }

    /// Notes a point in time between other commands. A pass without work carries it, because
    /// encoders themselves note times only where a device has one more feature.
    pub(crate) fn mark(&self, encoder: &mut wgpu::CommandEncoder, at: u32) {
        encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("convolve times"),
            timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                query_set: &self.queries,
                beginning_of_pass_write_index: (at == Self::START).then_some(at),
                end_of_pass_write_index: (at != Self::START).then_some(at),
            }),
        });
    }

    /// The points around the convolution's passes.
    pub(crate) fn stamps(&self) -> Stamps<'_> {
        Stamps { queries: &self.queries, begin: Self::START + 1, end: Self::END - 1 }
    }

    /// Records that the times are to be kept.
    pub(crate) fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.queries, 0..POINTS, &self.resolved, 0);
    }

    /// The times from one point to the next: of the upload, the passes, and the download.
    pub(crate) fn read(&self) -> Result<[Duration; 3]> {
        let context = &self.context;
        let staged = Download::stage(context, BYTES, "the device's times")?;
        let download = context.guarded(|| {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            let times = Span { buffer: self.resolved.clone(), offset: 0, bytes: BYTES };
            Download::record(&mut encoder, &times, &staged);
            let submission = context.submit(encoder, Duration::ZERO);
            Download::start(context, staged, submission)
        })?;
        let mut ticks = [0u64; POINTS as usize];
        download.finish(|bytes| bytemuck::cast_slice_mut(&mut ticks).copy_from_slice(bytes))?;
        let nanoseconds = f64::from(context.queue.get_timestamp_period());
        // A clock that was set back between two points gives nothing.
        let between = |i: usize| ticks[i + 1].saturating_sub(ticks[i]) as f64 * nanoseconds;
        Ok([0, 1, 2].map(|i| Duration::from_secs_f64(between(i) * 1e-9)))
    }
}
