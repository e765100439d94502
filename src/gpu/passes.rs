//! What is recorded into a command encoder for one planned convolution. Nothing here knows of host
//! memory, of submissions or of waiting.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::element::Element;
use crate::error::{Error, Result};
use crate::gpu::buffers::{Pooled, unsubmitted};
use crate::gpu::context::Context;
use crate::gpu::end::{End, Span};
use crate::gpu::params::{Params, Starts};
use crate::gpu::recorded::{
    Bindings, BoundPart, BoundPasses, Copied, KEPT, Recorded, Stamps, Step, length,
};
use crate::gpu::weights::Weights;
use crate::kernel::Kernel;
use crate::plan::gpu::schedule::{Schedule, Scheduled};
use crate::plan::gpu::stage::{Place, Stage, Taps};
use crate::problem::extension::Extension;
use crate::util::lru::LruCache;

/// Everything that one planned convolution keeps on the device: pipelines, parameters, weights, and
/// what is between two passes. Runs share it: the device's queue puts them in order.
pub(crate) struct Passes<A> {
    context: Arc<Context>,
    schedule: Schedule,
    parts: Vec<Recorded>,
    params: wgpu::Buffer,
    weights: HashMap<Taps, wgpu::Buffer>,
    between: [Scratch; 2],
    /// Input and output of a part that is no range of the whole.
    gathered: [Scratch; 2],
    input_bytes: u64,
    output_bytes: u64,
    work: Duration,
    element: PhantomData<fn(A)>,
}

/// How a step finds its input and output.
#[derive(Clone, Copy)]
enum Binding {
    /// In spans of their own.
    Own,
    /// In ranges of the whole ones.
    InWhole,
}

/// The slowest that an adapter may be before a run counts as hung: multiply-adds per second. Mesa's
/// software adapter does some 10^8 with one thread.
pub(super) const SLOWEST: f64 = 2e6;

impl<A: Element> Passes<A> {
    /// Compiles the pipelines that are new, and uploads the kernel.
    pub(crate) fn new(
        context: Arc<Context>,
        schedule: &Schedule,
        extension: &Extension<A>,
        kernel: &Kernel<A>,
    ) -> Result<Self> {
        let weights = Weights::new(extension, kernel, schedule.terms)?;
        let device = context.clone();
        Self::with_weights(context, schedule, |taps| weights.upload(taps, &device))
    }

    /// The same with weights that `upload` brings to the device.
    pub(super) fn with_weights(
        context: Arc<Context>,
        schedule: &Schedule,
        mut upload: impl FnMut(&Taps) -> Result<wgpu::Buffer>,
    ) -> Result<Self> {
        let whole = &schedule.geometry;
        let stored = schedule.stored();
        let alignment = context.capabilities().offset_alignment as usize;
        let mut params = Packed::new(alignment.max(4));
        let mut uploaded: HashMap<Taps, wgpu::Buffer> = HashMap::new();
        let mut parts = Vec::with_capacity(schedule.parts.len());
        for Scheduled { part, stages } in &schedule.parts {
            let samples = [part.input_runs(whole), part.output_runs(whole)];
            let [input, output] = [0, 1].map(|end| match (&samples[end][..], stored[end]) {
                ([run], texture) if texture.is_texture() => run.start,
                // Behind the offset that the range is bound at.
                ([run], stored) => stored.bytes(run.start) % alignment / stored.bytes(1),
                _ => 0,
            });
            let runs = [0, 1].map(|end| {
                let bytes = |sample: usize| stored[end].bytes(sample) as u64;
                samples[end].iter().map(|run| bytes(run.start)..bytes(run.end)).collect()
            });
            let mut steps = Vec::with_capacity(stages.len());
            for stage in stages {
                let Stage { launch, taps, from, to, also, .. } = stage;
                let pipeline = context.pipelines.get(&launch.variant)?;
                let weights = match uploaded.get(taps) {
                    _ if *taps == Taps::None => None,
                    Some(weights) => Some(weights.clone()),
                    None => {
                        let weights = upload(taps)?;
                        uploaded.insert(taps.clone(), weights.clone());
                        Some(weights)
                    }
                };
                let in_whole = [
                    if *from == Place::Input { input } else { 0 },
                    if *to == Place::Output { output } else { 0 },
                ];
                let params = [[0, 0], in_whole].map(|starts| {
                    let starts = Starts::at(starts);
                    params.push(bytemuck::bytes_of(&Params::new(
                        &stage.geometry,
                        launch,
                        starts,
                        &[],
                    )))
                });
                let layout = context.pipelines.layout(&launch.variant)?;
                let (groups, from, to, also) = (launch.groups, *from, *to, *also);
                let bindings = LruCache::new(KEPT);
                steps.push(Step {
                    pipeline,
                    layout,
                    groups,
                    weights,
                    from,
                    to,
                    also,
                    params,
                    bindings,
                });
            }
            parts.push(Recorded { steps, runs, counters: context.counters.clone() });
        }
        let params =
            context.constant("convolve parameters", &params.bytes, wgpu::BufferUsages::STORAGE)?;
        let between = schedule.between().map(|elements| {
            let bytes = (elements * size_of::<A::Summed>()) as u64;
            Scratch::new(bytes, "what is between two passes")
        });
        let gathered = [0, 1].map(|place| {
            let bytes = parts.iter().map(|part: &Recorded| length(&part.runs[place])).max();
            Scratch::new(bytes.unwrap_or(0), "a block")
        });
        let work: f64 = schedule.stages().map(Stage::multiply_adds).sum();
        Ok(Self {
            between,
            gathered,
            parts,
            params,
            weights: uploaded,
            input_bytes: stored[0].bytes(whole.input_len()) as u64,
            output_bytes: stored[1].bytes(whole.output_len()) as u64,
            work: Duration::from_secs_f64(work / SLOWEST),
            element: PhantomData,
            schedule: schedule.clone(),
            context,
        })
    }

    /// The weights of a stage, on the device.
    pub(super) fn weights(&self, taps: &Taps) -> wgpu::Buffer {
        self.weights[taps].clone()
    }

    /// What they were made from.
    pub(crate) fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The device that these passes are for.
    pub(crate) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Bytes of the input: its samples in standard order.
    pub(crate) fn input_bytes(&self) -> u64 {
        self.input_bytes
    }

    /// Bytes of the output.
    pub(crate) fn output_bytes(&self) -> u64 {
        self.output_bytes
    }

    /// How long all passes together may take before they count as hung.
    pub(crate) fn work(&self) -> Duration {
        self.work
    }

    /// Whether [`Passes::bind`] may be used: all of the input and of the output fit into buffers.
    pub(crate) fn are_resident(&self) -> bool {
        self.schedule.resident.is_ok()
    }

    /// These passes, or an error where input and output cannot both be on the device.
    pub(crate) fn resident(self: Arc<Self>) -> Result<Arc<Self>> {
        let Err(reason) = &self.schedule.resident else { return Ok(self) };
        let (input, output) = (self.input_bytes(), self.output_bytes());
        Err(Error::gpu_memory(format!(
            "input and output of {input} and {output} bytes cannot stay on this device: {reason}. Only \
             from and to host memory, part by part"
        )))
    }

    /// Submits all of them, from one array to another, and waits for nothing.
    pub(crate) fn submit(&self, input: &Span, output: &Span) -> Result<()> {
        let context = &self.context;
        context.attempt(|| {
            let mut encoder = context.device.create_command_encoder(&Default::default());
            self.bind(&input.into(), &output.into())?.record(&mut encoder, None);
            context.submit(encoder, self.work());
            Ok(())
        })
    }

    /// Blocks of outputs; one, unless the whole is too large for the device.
    pub(crate) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Where the input of a part lies in the whole input: ranges of bytes, which follow each other in
    /// the part's own.
    pub(crate) fn input_runs(&self, part: usize) -> &[Range<u64>] {
        &self.parts[part].runs[0]
    }

    /// Where the output of a part lies in the whole output.
    pub(crate) fn output_runs(&self, part: usize) -> &[Range<u64>] {
        &self.parts[part].runs[1]
    }

    /// Whether [`Passes::bind`]'s passes copy from the input or to the output, besides binding them.
    pub(crate) fn copies(&self) -> bool {
        self.parts.iter().any(|part| part.runs.iter().any(|runs| runs.len() > 1))
    }

    /// All passes from `input` to `output`, which lie in different buffers or are disjoint ranges that are
    /// never bound together. To be called where wgpu's errors are caught.
    pub(crate) fn bind<'a>(&'a self, input: &End, output: &End) -> Result<BoundPasses<'a>> {
        let alignment = self.context.offset_alignment();
        let part = |part: &'a Recorded| {
            // What is bound, and what is copied to it or from it.
            let bound = |whole: &End, place: usize| match (whole, &part.runs[place][..]) {
                (End::Texture(_), _) => Ok((whole.clone(), None)),
                (End::Buffer(span), [run]) => {
                    let start = run.start / alignment * alignment;
                    Ok((End::Buffer(span.part(start..run.end)), None))
                }
                (End::Buffer(span), runs) => {
                    let own = self.gathered[place].span(&self.context)?.part(0..length(runs));
                    Ok(((&own).into(), Some(Copied { whole: span.clone(), own })))
                }
            };
            let ((from, copied_from), (to, copied_to)) = (bound(input, 0)?, bound(output, 1)?);
            let groups = self.groups(part, Binding::InWhole, [&from, &to])?;
            Ok(BoundPart { part, groups, copied: [copied_from, copied_to] })
        };
        let parts = self.parts.iter().map(part).collect::<Result<_>>()?;
        Ok(BoundPasses { parts })
    }

    /// Records the passes of one part whose samples lie in spans of their own.
    pub(crate) fn record_part(
        &self,
        part: usize,
        encoder: &mut wgpu::CommandEncoder,
        input: &Span,
        output: &Span,
        stamps: Option<Stamps>,
    ) -> Result<()> {
        let part = &self.parts[part];
        let groups = self.groups(part, Binding::Own, [&input.into(), &output.into()])?;
        part.record(encoder, &groups, stamps, [true, true]);
        Ok(())
    }

    /// The bind groups of a part's steps.
    fn groups(
        &self,
        part: &Recorded,
        way: Binding,
        [input, output]: [&End; 2],
    ) -> Result<Vec<(wgpu::BindGroup, u32)>> {
        let group = |step: &Step| {
            let end = |place: Place| match place {
                Place::Input => Ok(input.clone()),
                Place::Output => Ok(output.clone()),
                Place::Between(i) => self.between[i].span(&self.context).map(End::Buffer),
            };
            let besides = step.also.map(end).transpose()?;
            let group = step.bindings.get([end(step.from)?, end(step.to)?], |[from, to]| {
                let bindings = Bindings {
                    params: &self.params,
                    from: (step.from != step.to && Some(step.from) != step.also).then_some(from),
                    weights: step.weights.as_ref().map(|weights| (weights, weights.size())),
                    to,
                    besides: besides.as_ref(),
                };
                bindings.bind(&self.context, &step.layout)
            })?;
            Ok((group, step.params[way as usize]))
        };
        part.steps.iter().map(group).collect()
    }
}

/// A buffer that is made at its first use: passes whose samples are only ever stored in another way
/// have no need of theirs.
struct Scratch {
    bytes: u64,
    what: &'static str,
    made: OnceLock<Pooled>,
}

impl Scratch {
    fn new(bytes: u64, what: &'static str) -> Self {
        Self { bytes, what, made: OnceLock::new() }
    }

    fn span(&self, context: &Context) -> Result<Span> {
        if let Some(made) = self.made.get() {
            return Ok(made.span());
        }
        let made = unsubmitted(context, self.bytes, self.what)?;
        // Where several threads make one at a time the first is kept.
        Ok(self.made.get_or_init(|| made).span())
    }
}

/// Things of one buffer, each at an offset that can be bound.
struct Packed {
    alignment: usize,
    bytes: Vec<u8>,
}

impl Packed {
    fn new(alignment: usize) -> Self {
        Self { alignment, bytes: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8]) -> u32 {
        let at = self.bytes.len().next_multiple_of(self.alignment);
        self.bytes.resize(at, 0);
        self.bytes.extend_from_slice(bytes);
        at as u32
    }
}
