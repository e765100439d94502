//! Direct convolution on the GPU, from and to host memory.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;
use wgpu::BufferUsages as Usage;

use crate::cpu::extended::Extension;
use crate::element::Element;
use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::gpu::params::Params;
use crate::plan::{Launch, MAX_RANK};

/// Direct convolution of one geometry with fixed weights, which stay on the device.
pub struct Direct<A> {
    context: Arc<Context>,
    pipeline: wgpu::ComputePipeline,
    groups: [u32; 2],
    params: wgpu::Buffer,
    weights: wgpu::Buffer,
    input_bytes: u64,
    output_bytes: u64,
    patience: Duration,
    /// Buffers of finished runs; as many as there were runs at one time.
    slots: Mutex<Vec<Slot>>,
    element: PhantomData<fn(A)>,
}

/// The buffers of one run.
struct Slot {
    input: wgpu::Buffer,
    output: wgpu::Buffer,
    download: wgpu::Buffer,
    bindings: wgpu::BindGroup,
}

/// The slowest that an adapter may be before a run counts as hung: multiply-adds per second. Mesa's
/// software adapter does some 10^8 with one thread.
const SLOWEST: f64 = 2e6;

impl<A: Element> Direct<A> {
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
        let (params, weights) = context.guarded(|| {
            let upload = |label, bytes: &[u8]| {
                let usage = Usage::STORAGE | Usage::COPY_DST;
                let buffer = buffer(&context, label, bytes.len() as u64, usage);
                context.queue.write_buffer(&buffer, 0, bytes);
                buffer
            };
            let params = upload("convolve parameters", bytemuck::bytes_of(&params));
            (params, upload("convolve kernel", bytemuck::cast_slice(&values)))
        })?;
        let work = geometry.output_len() as f64 * geometry.taps() as f64;
        Ok(Self {
            pipeline,
            groups: launch.groups,
            params,
            weights,
            input_bytes: (geometry.input_len() * size_of::<A>()) as u64,
            output_bytes: (geometry.output_len() * size_of::<A>()) as u64,
            patience: Duration::from_secs_f64(60.0 + work / SLOWEST),
            slots: Mutex::default(),
            element: PhantomData,
            context,
        })
    }

    /// Computes all outputs: one submission, one wait.
    pub fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        self.context.check_alive()?;
        let slot = self.lock().pop();
        let slot = slot.map_or_else(|| self.slot(), Ok)?;
        let (submission, mapped) = self.context.guarded(|| self.submit(&slot, x))?;
        self.context.wait(submission, self.patience)?;
        // Another thread that waits on this device may be the one that calls back, and may only be
        // about to: the work is done, the message is on its way.
        match mapped.recv_timeout(self.patience) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Error::Gpu(error.to_string())),
            Err(_) => return Err(Error::Gpu("the result was not handed over".into())),
        }
        let result = slot.download.get_mapped_range(..);
        let result = result.map_err(|error| Error::Gpu(error.to_string()))?;
        bytemuck::cast_slice_mut(y).copy_from_slice(&result);
        drop(result);
        slot.download.unmap();
        self.lock().push(slot);
        Ok(())
    }

    fn submit(
        &self,
        slot: &Slot,
        x: &[A],
    ) -> (wgpu::SubmissionIndex, mpsc::Receiver<Result<(), wgpu::BufferAsyncError>>) {
        self.context.queue.write_buffer(&slot.input, 0, bytemuck::cast_slice(x));
        let mut encoder = self.context.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &slot.bindings, &[]);
            pass.dispatch_workgroups(self.groups[0], self.groups[1], 1);
        }
        encoder.copy_buffer_to_buffer(&slot.output, 0, &slot.download, 0, self.output_bytes);
        let submission = self.context.queue.submit([encoder.finish()]);
        let (sender, receiver) = mpsc::channel();
        slot.download.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver is gone where the run was given up.
            let _ = sender.send(result);
        });
        (submission, receiver)
    }

    fn slot(&self) -> Result<Slot> {
        let context = &self.context;
        context.guarded(|| {
            let (inputs, outputs) = (self.input_bytes, self.output_bytes);
            let input = buffer(context, "convolve input", inputs, Usage::STORAGE | Usage::COPY_DST);
            let output =
                buffer(context, "convolve output", outputs, Usage::STORAGE | Usage::COPY_SRC);
            let download =
                buffer(context, "convolve download", outputs, Usage::MAP_READ | Usage::COPY_DST);
            let bindings = context.bind([&self.params, &input, &self.weights, &output]);
            Slot { input, output, download, bindings }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn buffer(context: &Context, label: &str, size: u64, usage: Usage) -> wgpu::Buffer {
    context.device.create_buffer(&wgpu::BufferDescriptor {
        label: Some(label),
        size,
        usage,
        mapped_at_creation: false,
    })
}
