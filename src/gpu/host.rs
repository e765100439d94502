//! Convolution of host memory: upload, passes, download.

use std::sync::Arc;

use crate::element::Element;
use crate::error::Result;
use crate::gpu::buffers::Role;
use crate::gpu::passes::Passes;
use crate::gpu::staging::{Download, Upload};

/// From and to host memory with one submission and one wait.
pub struct Host<A> {
    passes: Arc<Passes<A>>,
}

impl<A: Element> Host<A> {
    /// Runs these passes.
    pub fn new(passes: Arc<Passes<A>>) -> Self {
        Self { passes }
    }

    /// What it runs.
    pub fn passes(&self) -> &Arc<Passes<A>> {
        &self.passes
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let passes = &self.passes;
        let context = passes.context();
        context.check_alive()?;
        let output_bytes = passes.output_bytes();
        let input = context.buffers.take(Role::Storage, passes.input_bytes(), "the input")?;
        let output = context.buffers.take(Role::Storage, output_bytes, "the output")?;
        let staged = Download::stage(context, output_bytes, "the download")?;
        let upload = Upload::new(context, bytemuck::cast_slice(x), "the upload")?;
        let download = context.attempt(|| {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            upload.record(&mut encoder, &input.span());
            passes.record(&mut encoder, &input.span(), &output.span(), None)?;
            Download::record(&mut encoder, &output.span(), &staged);
            let submission = context.submit(encoder, passes.work());
            upload.recall();
            Ok(Download::start(context, staged, submission))
        })?;
        download.finish(|bytes| {
            bytemuck::cast_slice_mut(y).copy_from_slice(bytes);
        })
    }
}
