//! What is put into a command encoder: dispatches with all that they are bound to.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::gpu::context::Context;
use crate::gpu::counts::Counters;
use crate::gpu::end::{End, Span};
use crate::gpu::params::Params;
use crate::plan::gpu::stage::Place;
use crate::util::lru::LruCache;

/// Where the device notes the time: at the beginning of the first pass and at the end of the last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamps<'a> {
    pub queries: &'a wgpu::QuerySet,
    pub begin: u32,
    pub end: u32,
}

/// A block of outputs.
pub(super) struct Recorded {
    pub steps: Vec<Step>,
    /// Where its samples lie in the whole input and output, in bytes.
    pub runs: [Vec<Range<u64>>; 2],
    pub counters: Arc<Counters>,
}

/// One dispatch.
pub(super) struct Step {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    pub groups: [u32; 2],
    /// None for a stage that multiplies with nothing.
    pub weights: Option<wgpu::Buffer>,
    pub from: Place,
    pub to: Place,
    /// Where it reads, or leaves something, besides.
    pub also: Option<Place>,
    /// Where its parameters lie, for each way of finding its input and output.
    pub params: [u32; 2],
    /// By input and output.
    pub bindings: LruCache<[End; 2], wgpu::BindGroup>,
}

/// What one dispatch binds.
pub(super) struct Bindings<'a> {
    /// A buffer with its parameters, which lie where the dispatch says.
    pub params: &'a wgpu::Buffer,
    /// None where that is bound as what it writes, or besides.
    pub from: Option<&'a End>,
    /// A buffer with its weights, and their bytes. They too lie where the dispatch says.
    pub weights: Option<(&'a wgpu::Buffer, u64)>,
    pub to: &'a End,
    /// What it reads or writes besides.
    pub besides: Option<&'a End>,
}

impl Bindings<'_> {
    /// The bind group of all of these. To be called where wgpu's errors are caught.
    pub(super) fn bind(
        &self,
        context: &Context,
        layout: &wgpu::BindGroupLayout,
    ) -> Result<wgpu::BindGroup> {
        let bound = |buffer, bytes| {
            let size = wgpu::BufferSize::new(bytes);
            wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: 0, size })
        };
        let params = bound(self.params, size_of::<Params>() as u64);
        // Where there are none, nobody looks at what is bound.
        let weights = match self.weights {
            Some((weights, bytes)) => bound(weights, bytes),
            None => params.clone(),
        };
        // What is changed in place is bound once.
        let from = self.from.map_or(params.clone(), End::binding);
        let besides = self.besides.map(End::binding);
        let all = [params, from, weights, self.to.binding()].into_iter().chain(besides);
        context.bind(layout, all)
    }
}

/// Bind groups that are kept: enough for a few frames in flight, each with buffers of its own. Each
/// keeps its buffers alive, hence a bound.
pub(super) const KEPT: usize = 16;

impl Recorded {
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        groups: &[(wgpu::BindGroup, u32)],
        stamps: Option<Stamps>,
        [first, last]: [bool; 2],
    ) {
        let stamps = stamps.filter(|_| first || last);
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("convolve"),
            timestamp_writes: stamps.map(|stamps| wgpu::ComputePassTimestampWrites {
                query_set: stamps.queries,
                beginning_of_pass_write_index: first.then_some(stamps.begin),
                end_of_pass_write_index: last.then_some(stamps.end),
            }),
        });
        for (step, (group, params)) in self.steps.iter().zip(groups) {
            pass.set_pipeline(&step.pipeline);
            pass.set_bind_group(0, group, &[*params, 0]);
            pass.dispatch_workgroups(step.groups[0], step.groups[1], 1);
        }
        self.counters.dispatches.add(self.steps.len());
    }

    /// Of each run of its input or output: its place in the whole and in a buffer of its own, and its bytes.
    fn copies(
        &self,
        place: usize,
        whole: &Span,
        own: &Span,
    ) -> impl Iterator<Item = (u64, u64, u64)> {
        let (from, mut at) = (whole.offset, own.offset);
        self.runs[place].iter().map(move |run| {
            let bytes = run.end - run.start;
            at += bytes;
            (from + run.start, at - bytes, bytes)
        })
    }
}

/// Passes with all that they are bound to: nothing is left that could fail.
pub(crate) struct BoundPasses<'a> {
    pub(super) parts: Vec<BoundPart<'a>>,
}

pub(super) struct BoundPart<'a> {
    pub part: &'a Recorded,
    /// Each with where its parameters lie.
    pub groups: Vec<(wgpu::BindGroup, u32)>,
    /// Input and output, where they are copied.
    pub copied: [Option<Copied>; 2],
}

/// Runs of the whole that lie one after the other in a buffer of their own.
pub(super) struct Copied {
    pub whole: Span,
    pub own: Span,
}

impl BoundPasses<'_> {
    /// All of these, one after another.
    pub(super) fn joined(all: Vec<Self>) -> Self {
        Self { parts: all.into_iter().flat_map(|passes| passes.parts).collect() }
    }

    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder, stamps: Option<Stamps>) {
        let last = self.parts.len() - 1;
        for (i, BoundPart { part, groups, copied: [input, output] }) in
            self.parts.iter().enumerate()
        {
            if let Some(Copied { whole, own }) = input {
                for (start, at, bytes) in part.copies(0, whole, own) {
                    encoder.copy_buffer_to_buffer(&whole.buffer, start, &own.buffer, at, bytes);
                }
            }
            part.record(encoder, groups, stamps, [i == 0, i == last]);
            if let Some(Copied { whole, own }) = output {
                for (start, at, bytes) in part.copies(1, whole, own) {
                    encoder.copy_buffer_to_buffer(&own.buffer, at, &whole.buffer, start, bytes);
                }
            }
        }
    }
}

/// Bytes of all runs together.
pub(crate) fn length(runs: &[Range<u64>]) -> u64 {
    runs.iter().map(|run| run.end - run.start).sum()
}
