//! What is recorded into a command encoder for one planned convolution. Nothing here knows of host
//! memory, of submissions or of waiting.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;
use wgpu::BufferUsages as Usage;

use crate::cpu::extended::Extension;
use crate::element::Element;
use crate::error::Result;
use crate::gpu::context::Context;
use crate::gpu::params::Params;
use crate::gpu::recent::Recent;
use crate::plan::{Launch, MAX_RANK};

/// A range of a buffer. The offset suits the device's storage bindings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub buffer: wgpu::Buffer,
    pub offset: u64,
    pub bytes: u64,
}

impl Span {
    /// The range as a binding; shaders read whole words.
    pub fn binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: self.offset,
            size: wgpu::BufferSize::new(self.bytes.next_multiple_of(4)),
        })
    }
}

/// Where the device notes the time: at the beginning of the first pass and at the end of the last.
#[derive(Clone, Copy, Debug)]
pub struct Stamps<'a> {
    pub queries: &'a wgpu::QuerySet,
    pub begin: u32,
    pub end: u32,
}

/// Everything that one planned convolution keeps on the device: pipelines, parameters, weights.
pub struct Passes<A> {
    context: Arc<Context>,
    pipeline: wgpu::ComputePipeline,
    groups: [u32; 2],
    params: wgpu::Buffer,
    weights: wgpu::Buffer,
    input_bytes: u64,
    output_bytes: u64,
    work: Duration,
    /// By input and output.
    bindings: Recent<[Span; 2], wgpu::BindGroup>,
    element: PhantomData<fn(A)>,
}

/// Bind groups that are kept: enough for a few frames in flight, each with buffers of its own. Each
/// keeps its buffers alive, hence a bound.
const KEPT: usize = 16;

/// The slowest that an adapter may be before a run counts as hung: multiply-adds per second. Mesa's
/// software adapter does some 10^8 with one thread.
const SLOWEST: f64 = 2e6;

impl<A: Element> Passes<A> {
    /// Compiles the pipeline, if it is new, and uploads the kernel.
    pub fn new(
        context: Arc<Context>,
        launch: &Launch,
        extension: &Extension<A>,
        weights: &[A],
    ) -> Result<Self> {
        let geometry = &extension.geometry;
        let pipeline = context.pipeline(launch, A::DTYPE)?;
        let mut values = extension.values.clone();
        values.resize(MAX_RANK, A::default());
        values.extend_from_slice(weights);
        let params = Params::new(&geometry.axes, launch);
        let upload = |label, bytes: &[u8]| context.constant(label, bytes, Usage::STORAGE);
        let params = upload("convolve parameters", bytemuck::bytes_of(&params))?;
        let weights = upload("convolve kernel", bytemuck::cast_slice(&values))?;
        let work = geometry.output_len() as f64 * geometry.taps() as f64;
        Ok(Self {
            pipeline,
            groups: launch.groups,
            params,
            weights,
            input_bytes: (geometry.input_len() * size_of::<A>()) as u64,
            output_bytes: (geometry.output_len() * size_of::<A>()) as u64,
            work: Duration::from_secs_f64(work / SLOWEST),
            bindings: Recent::new(KEPT),
            element: PhantomData,
            context,
        })
    }

    /// The device that these passes are for.
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Bytes of the input: its samples in standard order.
    pub fn input_bytes(&self) -> u64 {
        self.input_bytes
    }

    /// Bytes of the output.
    pub fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// How long all passes together may take before they count as hung.
    pub fn work(&self) -> Duration {
        self.work
    }

    /// Records all passes from `input` to `output`, which lie in different buffers or are disjoint
    /// ranges that are never bound together. To be called where wgpu's errors are caught.
    pub fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        input: &Span,
        output: &Span,
        stamps: Option<Stamps>,
    ) -> Result<()> {
        let bindings = self.bindings.get([input.clone(), output.clone()], |[input, output]| {
            Ok(self.context.bind([
                self.params.as_entire_binding(),
                input.binding(),
                self.weights.as_entire_binding(),
                output.binding(),
            ]))
        })?;
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("convolve"),
            timestamp_writes: stamps.map(|stamps| wgpu::ComputePassTimestampWrites {
                query_set: stamps.queries,
                beginning_of_pass_write_index: Some(stamps.begin),
                end_of_pass_write_index: Some(stamps.end),
            }),
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &bindings, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], 1);
        Ok(())
    }
}
