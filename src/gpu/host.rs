//! Convolution of host memory: upload, passes, download.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::element::Element;
use crate::error::Result;
use crate::gpu::buffers::{Pooled, Role};
use crate::gpu::passes::{Passes, Span, length};
use crate::gpu::staging::{Download, Upload};

/// From and to host memory with one submission and one wait, or one of each for every part where
/// the whole is too large for the device.
pub struct Host<A> {
    passes: Arc<Passes<A>>,
}

/// Work that was submitted.
pub struct Running {
    download: Download,
    /// Not used by others before this is done, so that the device may do neighbours side by side.
    buffers: Vec<Pooled>,
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
        if passes.are_resident() {
            return self.start(x)?.finish(|bytes| copy(bytes, y));
        }
        let (x, y): (&[u8], &mut [u8]) = (bytemuck::cast_slice(x), bytemuck::cast_slice_mut(y));
        let at = |run: &Range<u64>| run.start as usize..run.end as usize;
        for part in 0..passes.parts() {
            let (input, output) = (passes.input_runs(part), passes.output_runs(part));
            let x = match input {
                [run] => Cow::Borrowed(&x[at(run)]),
                runs => runs.iter().flat_map(|run| &x[at(run)]).copied().collect(),
            };
            let running = self.submit(&x, length(output), |encoder, input, output| {
                passes.record_part(part, encoder, input, output, None)
            })?;
            running.finish(|bytes| {
                let mut from = 0;
                for run in output {
                    let run = at(run);
                    y[run.clone()].copy_from_slice(&bytes[from..from + run.len()]);
                    from += run.len();
                }
            })?;
        }
        Ok(())
    }

    /// Submits a whole convolution, and waits for nothing. The passes are resident.
    pub fn start(&self, x: &[A]) -> Result<Running> {
        let passes = &self.passes;
        self.submit(bytemuck::cast_slice(x), passes.output_bytes(), |encoder, input, output| {
            passes.record(encoder, input, output, None)
        })
    }

    /// Submits an upload of `x`, what `record` records between input and output, and a download.
    fn submit(
        &self,
        x: &[u8],
        output_bytes: u64,
        record: impl FnOnce(&mut wgpu::CommandEncoder, &Span, &Span) -> Result<()>,
    ) -> Result<Running> {
        let context = self.passes.context();
        context.check_alive()?;
        let input = context.buffers.take(Role::Storage, x.len() as u64, "the input")?;
        let output = context.buffers.take(Role::Storage, output_bytes, "the output")?;
        let staged = Download::stage(context, output_bytes, "the download")?;
        let upload = Upload::new(context, x, "the upload")?;
        let download = context.attempt(|| {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            upload.record(&mut encoder, &input.span());
            record(&mut encoder, &input.span(), &output.span())?;
            Download::record(&mut encoder, &output.span(), &staged);
            let submission = context.submit(encoder, self.passes.work());
            upload.recall();
            Ok(Download::start(context, staged, submission))
        })?;
        Ok(Running { download, buffers: vec![input, output] })
    }
}

impl Running {
    /// Waits for the result, and shows its bytes.
    pub fn finish(self, read: impl FnOnce(&[u8])) -> Result<()> {
        let Self { download, buffers } = self;
        let result = download.finish(read);
        drop(buffers);
        result
    }
}

/// Copies a result to where it belongs.
pub fn copy<T: bytemuck::Pod>(bytes: &[u8], y: &mut [T]) {
    bytemuck::cast_slice_mut(y).copy_from_slice(bytes);
}
