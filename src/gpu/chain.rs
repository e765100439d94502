//! Passes one after another, where not all of them can have the samples as the caller stores them.

use std::sync::Arc;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::context::Context;
use crate::gpu::end::End;
use crate::gpu::passes::Passes;
use crate::gpu::recorded::BoundPasses;
use crate::plan::gpu::schedule::Schedule;
use crate::plan::gpu::stage::Taps;
use crate::plan::gpu::stored::Stored;

/// Passes of one or several schedules, each on the results of the one before it.
pub(crate) struct Chain<A> {
    links: Vec<Passes<A>>,
    /// From each to the next.
    between: Vec<Pooled>,
}

impl<A: Element> Chain<A> {
    /// Passes of these schedules, with weights that `upload` brings to the device.
    pub(crate) fn new(
        context: &Arc<Context>,
        schedules: &[Schedule],
        mut upload: impl FnMut(&Taps) -> Result<wgpu::Buffer>,
    ) -> Result<Self> {
        let link = |schedule| Passes::with_weights(context.clone(), schedule, &mut upload);
        let links: Vec<Passes<A>> = schedules.iter().map(link).collect::<Result<_>>()?;
        let before_last = &links[..links.len() - 1];
        let between = before_last
            .iter()
            .map(|link| unsubmitted(context, link.output_bytes(), "samples that are converted"))
            .collect::<Result<_>>()?;
        Ok(Self { links, between })
    }

    /// The same as these passes, from an input to an output that are stored in other ways.
    pub(crate) fn stored_as(passes: &Passes<A>, stored: [Stored; 2]) -> Result<Self> {
        let context = passes.context();
        let schedules = passes.schedule().stored_as(stored, &context.capabilities());
        let schedules = schedules.map_err(Error::gpu_memory)?;
        Self::new(context, &schedules, |taps| Ok(passes.weights(taps)))
    }

    /// Bytes of the output, where that is a buffer.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.links.last().expect("at least one").output_bytes()
    }

    /// All passes from `input` to `output`. To be called where wgpu's errors are caught.
    pub(crate) fn bind(&self, input: &End, output: &End) -> Result<BoundPasses<'_>> {
        let between = self.between.iter().map(|buffer| End::Buffer(buffer.span()));
        let ends: Vec<End> =
            [input.clone()].into_iter().chain(between).chain([output.clone()]).collect();
        let bound = self.links.iter().zip(ends.windows(2));
        let bound = bound.map(|(link, ends)| link.bind(&ends[0], &ends[1]));
        bound.collect::<Result<Vec<_>>>().map(BoundPasses::joined)
    }
}
