//! Convolution of host memory: upload, passes, download.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use crate::element::Element;
use crate::error::Result;
use crate::format::FrameSample;
use crate::gpu::buffers::{Pooled, Role};
use crate::gpu::chain::Chain;
use crate::gpu::end::Span;
use crate::gpu::passes::Passes;
use crate::gpu::recorded::length;
use crate::gpu::staging::{Download, Upload};
use crate::gpu::timer::Timer;
use crate::plan::gpu::stored::Stored;
use crate::util::memory;

/// From and to host memory with one submission and one wait, or one of each for every part where
/// the whole is too large for the device.
pub(crate) struct Host<A> {
    passes: Arc<Passes<A>>,
    /// The same for samples that are integers of 8 and of 16 bits, once there were such.
    packed: [OnceLock<Chain<A>>; 2],
}

/// Work that was submitted.
pub(crate) struct Running {
    download: Download,
    /// Not used by others before this is done, so that the device may do neighbours side by side.
    buffers: [Pooled; 2],
}

impl<A: Element> Host<A> {
    /// Runs these passes.
    pub(crate) fn new(passes: Arc<Passes<A>>) -> Self {
        Self { passes, packed: Default::default() }
    }

    /// What it runs.
    pub(crate) fn passes(&self) -> &Arc<Passes<A>> {
        &self.passes
    }

    /// Computes all outputs.
    pub(crate) fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let passes = &self.passes;
        if passes.are_resident() {
            return self.start(x, None)?.finish(|bytes| copy(bytes, y));
        }
        let (x, y): (&[u8], &mut [u8]) = (bytemuck::cast_slice(x), bytemuck::cast_slice_mut(y));
        let at = |run: &Range<u64>| run.start as usize..run.end as usize;
        for part in 0..passes.parts() {
            let (input, output) = (passes.input_runs(part), passes.output_runs(part));
            let x = match input {
                [run] => Cow::Borrowed(&x[at(run)]),
                runs => {
                    let bytes = runs.iter().flat_map(|run| &x[at(run)]).copied();
                    let len = length(runs) as usize;
                    Cow::Owned(memory::collected(bytes, len, "a part of the input")?)
                }
            };
            let running = self.submit(&x, length(output), None, |encoder, input, output| {
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

    /// Whether it reads and writes samples of this type.
    pub(crate) fn takes<T: FrameSample<A>>() -> bool {
        T::IS_ELEMENT || T::PACKED.is_some()
    }

    /// Submits a whole convolution, and waits for nothing; the passes are resident. The result has
    /// the output's samples, stored as those of `x`, whose type it [takes](Self::takes).
    pub(crate) fn start<T: FrameSample<A>>(
        &self,
        x: &[T],
        timer: Option<&Timer>,
    ) -> Result<Running> {
        let passes = &self.passes;
        let stamps = timer.map(Timer::stamps);
        let bytes = bytemuck::cast_slice(x);
        let packed = T::PACKED.map(|bits| self.packed(bits)).transpose()?;
        let output = packed.map_or(passes.output_bytes(), Chain::output_bytes);
        self.submit(bytes, output, timer, |encoder, input, output| {
            let (input, output) = (input.into(), output.into());
            let bound = match packed {
                Some(packed) => packed.bind(&input, &output)?,
                None => passes.bind(&input, &output)?,
            };
            bound.record(encoder, stamps);
            Ok(())
        })
    }

    fn packed(&self, bits: u32) -> Result<&Chain<A>> {
        let cell = &self.packed[usize::from(bits > 8)];
        if cell.get().is_none() {
            // Where several threads make them at one time the first ones are kept.
            let _ = cell.set(Chain::stored_as(&self.passes, [Stored::Packed { bits }; 2])?);
        }
        Ok(cell.get().expect("it was set"))
    }

    /// Submits an upload of `x`, what `record` records between input and output, and a download.
    fn submit(
        &self,
        x: &[u8],
        output_bytes: u64,
        timer: Option<&Timer>,
        record: impl FnOnce(&mut wgpu::CommandEncoder, &Span, &Span) -> Result<()>,
    ) -> Result<Running> {
        let context = self.passes.context();
        context.check_alive()?;
        let input = context.take(Role::Storage, x.len() as u64, "the input")?;
        let output = context.take(Role::Storage, output_bytes, "the output")?;
        let staged = Download::stage(context, output_bytes, "the download")?;
        let upload = Upload::new(context, x, "the upload")?;
        let download = context.attempt(|| {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            let mark = |encoder: &mut _, at| timer.iter().for_each(|timer| timer.mark(encoder, at));
            mark(&mut encoder, Timer::START);
            upload.record(&mut encoder, &input.span());
            record(&mut encoder, &input.span(), &output.span())?;
            Download::record(&mut encoder, &output.span(), &staged);
            mark(&mut encoder, Timer::END);
            timer.iter().for_each(|timer| timer.resolve(&mut encoder));
            let submission = context.submit(encoder, self.passes.work());
            upload.recall();
            Ok(Download::start(context, staged, submission))
        })?;
        Ok(Running { download, buffers: [input, output] })
    }
}

impl Running {
    /// Waits for the result, and shows its bytes.
    pub(crate) fn finish(self, read: impl FnOnce(&[u8])) -> Result<()> {
        let Self { download, buffers } = self;
        let result = download.finish(read);
        drop(buffers);
        result
    }
}

/// Copies a result to where it belongs.
pub(crate) fn copy<T: bytemuck::Pod>(bytes: &[u8], y: &mut [T]) {
    bytemuck::cast_slice_mut(y).copy_from_slice(bytes);
}
