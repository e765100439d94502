//! Convolution of host memory: upload, passes, download.

use std::borrow::Cow;
use std::ops::Range;

use crate::element::Element;
use crate::error::Result;
use crate::gpu::buffers::Role;
use crate::gpu::passes::{Passes, Span, length};
use crate::gpu::staging::{Download, Upload};

/// From and to host memory with one submission and one wait, or one of each for every part where
/// the whole is too large for the device.
pub struct Host<A> {
    passes: Passes<A>,
}

impl<A: Element> Host<A> {
    /// Runs these passes.
    pub fn new(passes: Passes<A>) -> Self {
        Self { passes }
    }

    /// Computes all outputs.
    pub fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let passes = &self.passes;
        passes.context().check_alive()?;
        let (x, y) = (bytemuck::cast_slice(x), bytemuck::cast_slice_mut(y));
        if passes.are_resident() {
            let all = [0..passes.input_bytes(), 0..passes.output_bytes()];
            let record = |encoder: &mut _, input: &_, output: &_| {
                passes.record(encoder, input, output, None)
            };
            return self.trip(x, y, all.each_ref().map(std::slice::from_ref), record);
        }
        (0..passes.parts()).try_for_each(|part| {
            let record = |encoder: &mut _, input: &_, output: &_| {
                passes.record_part(part, encoder, input, output, None);
                Ok(())
            };
            self.trip(x, y, [passes.input_runs(part), passes.output_runs(part)], record)
        })
    }

    /// Once to the device and back: these ranges of `x` into these ranges of `y`.
    fn trip(
        &self,
        x: &[u8],
        y: &mut [u8],
        [input_runs, output_runs]: [&[Range<u64>]; 2],
        record: impl FnOnce(&mut wgpu::CommandEncoder, &Span, &Span) -> Result<()>,
    ) -> Result<()> {
        let context = self.passes.context();
        let at = |run: &Range<u64>| run.start as usize..run.end as usize;
        let x = match input_runs {
            [run] => Cow::Borrowed(&x[at(run)]),
            runs => runs.iter().flat_map(|run| &x[at(run)]).copied().collect(),
        };
        let output_bytes = length(output_runs);
        let input = context.buffers.take(Role::Storage, length(input_runs), "the input")?;
        let output = context.buffers.take(Role::Storage, output_bytes, "the output")?;
        let staged = Download::stage(context, output_bytes, "the download")?;
        let upload = Upload::new(context, &x, "the upload")?;
        let download = context.guarded(|| -> Result<Download> {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            upload.record(&mut encoder, &input.span());
            record(&mut encoder, &input.span(), &output.span())?;
            Download::record(&mut encoder, &output.span(), &staged);
            let submission = context.queue.submit([encoder.finish()]);
            upload.recall();
            Ok(Download::start(context, staged, submission))
        })??;
        download.finish(self.passes.patience(), |bytes| {
            let mut from = 0;
            for run in output_runs {
                let run = at(run);
                y[run.clone()].copy_from_slice(&bytes[from..from + run.len()]);
                from += run.len();
            }
        })
    }
}
