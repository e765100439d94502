//! What is recorded from a texture of the caller's to another one, of any size and with any taps: all
//! channels at once, as neighbours.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::gpu::drawn::Target;
use crate::gpu::end::End;
use crate::gpu::params::{Params, Starts};
use crate::gpu::recorded::Bindings;
use crate::gpu::slots::Slot;
use crate::gpu::texture::Rectangle;
use crate::gpu::weights::Weights;
use crate::kernel::Kernel;
use crate::plan::gpu::launch::Variant;
use crate::plan::gpu::stage::Taps;
use crate::plan::gpu::textures::{At, Band, Designs, Dispatch, SCRATCHES, scratches};
use crate::problem::extension::Extension;
use crate::util::lru::LruCache;

/// What a filter keeps on one device to be recorded between textures, whatever these are.
pub(crate) struct OnTextures {
    context: Arc<Context>,
    compiled: LruCache<Variant, Compiled>,
    /// Of the filter's own kernel.
    weights: LruCache<Taps, wgpu::Buffer>,
    bindings: LruCache<Bound, wgpu::BindGroup>,
    /// By texels, and by what the shader is told.
    drawings: LruCache<(wgpu::TextureView, wgpu::Buffer), wgpu::BindGroup>,
    /// Views that can be drawn to so.
    targets: LruCache<(wgpu::TextureView, Target), ()>,
}

#[derive(Clone)]
struct Compiled {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// What a bind group binds.
#[derive(Clone, PartialEq)]
struct Bound {
    layout: wgpu::BindGroupLayout,
    params: wgpu::Buffer,
    from: Option<End>,
    weights: Option<(wgpu::Buffer, u64)>,
    to: End,
    besides: Option<End>,
}

/// Pipelines that one filter keeps for all formats and bands.
const PIPELINES: usize = 32;

/// Bind groups that are kept: enough for some frames in flight, each with textures of its own. Each keeps
/// its textures alive, hence a bound.
const KEPT: usize = 64;

/// One recording.
pub(crate) struct Frame<'a> {
    pub bands: &'a [Band],
    /// What windows meet outside, and the taps.
    pub extension: &'a Extension<f32>,
    pub kernel: &'a Kernel<f32>,
    pub terms: usize,
    /// Its taps on coarser grids, if it runs there.
    pub designs: Option<&'a Designs>,
    /// Whether the taps are others than the filter's own.
    pub changed: bool,
    pub source: &'a wgpu::TextureView,
    /// Column and row that the input begins at, and texels of its rows.
    pub input: ([u32; 2], u32),
    /// What shaders store to: the destination, or what is drawn into it.
    pub stored: &'a wgpu::TextureView,
    pub output: Rectangle,
    /// Where it is drawn.
    pub drawn: Option<(&'a wgpu::TextureView, Target)>,
}

/// A dispatch, ready to be recorded.
struct Ready {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    offsets: [u32; 2],
    groups: [u32; 2],
}

impl OnTextures {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self {
            context,
            compiled: LruCache::new(PIPELINES),
            weights: LruCache::new(PIPELINES),
            bindings: LruCache::new(KEPT),
            drawings: LruCache::new(KEPT),
            targets: LruCache::new(KEPT),
        }
    }

    /// Compiles what these bands and a drawing into this format need.
    pub(crate) fn compile(&self, bands: &[Band], drawn: Option<Target>) -> Result<()> {
        for dispatch in bands.iter().flat_map(|band| &band.dispatches) {
            self.compiled(&dispatch.launch.variant)?;
        }
        drawn.map_or(Ok(()), |target| self.context.drawn(target).map(drop))
    }

    fn compiled(&self, variant: &Variant) -> Result<Compiled> {
        self.compiled.get(variant.clone(), |variant| {
            let pipelines = &self.context.pipelines;
            Ok(Compiled { pipeline: pipelines.get(variant)?, layout: pipelines.layout(variant)? })
        })
    }

    /// Records it, all or nothing. To be called where wgpu's errors are caught.
    pub(crate) fn record(&self, encoder: &mut wgpu::CommandEncoder, frame: &Frame) -> Result<()> {
        let context = &self.context;
        let made = || {
            let weights = Weights::new(frame.extension, frame.kernel, frame.terms)?;
            Ok::<_, Error>(weights.on_coarse_grids(frame.designs))
        };
        let mut changed: HashMap<&Taps, (Slot, u64)> = HashMap::new();
        let mut slots: Vec<Slot> = Vec::new();
        let mut ready = Vec::new();
        // Once for all: another thread may have larger ones made meanwhile.
        let mut scratch = [const { None }; SCRATCHES];
        for (number, bytes) in scratches(frame.bands).into_iter().enumerate() {
            if bytes > 0 {
                scratch[number] = Some(context.scratch.buffer(context, number, bytes)?);
            }
        }
        for band in frame.bands {
            for dispatch in &band.dispatches {
                if frame.changed
                    && dispatch.taps != Taps::None
                    && !changed.contains_key(&dispatch.taps)
                {
                    let bytes = made()?.of(&dispatch.taps)?;
                    let slot = context.slots.filled(context, &bytes)?;
                    changed.insert(&dispatch.taps, (slot, bytes.len() as u64));
                }
                let params = Params::new(
                    &dispatch.geometry,
                    &dispatch.launch,
                    starts(frame, band, dispatch),
                    dispatch.mended.as_ref().map_or(&[], |axes| axes),
                );
                let params = context.slots.filled(context, bytemuck::bytes_of(&params))?;
                let weights = match (&dispatch.taps, changed.get(&dispatch.taps)) {
                    (Taps::None, _) => None,
                    (_, Some((slot, bytes))) => {
                        Some((slot.buffer().clone(), *bytes, slot.offset()))
                    }
                    (taps, None) => {
                        let own =
                            self.weights.get(taps.clone(), |taps| made()?.upload(taps, context))?;
                        let bytes = own.size();
                        Some((own, bytes, 0))
                    }
                };
                let end = |at: At| match at {
                    At::Source => End::Texture(frame.source.clone()),
                    At::Destination => End::Texture(frame.stored.clone()),
                    At::Scratch(number) => {
                        End::Buffer(scratch[number].clone().expect("some dispatch writes it"))
                    }
                };
                let Compiled { pipeline, layout } = self.compiled(&dispatch.launch.variant)?;
                let bound = Bound {
                    layout,
                    params: params.buffer().clone(),
                    from: (dispatch.from != dispatch.to && Some(dispatch.from) != dispatch.also)
                        .then(|| end(dispatch.from)),
                    weights: weights.as_ref().map(|(buffer, bytes, _)| (buffer.clone(), *bytes)),
                    to: end(dispatch.to),
                    besides: dispatch.also.map(end),
                };
                let offsets = [params.offset(), weights.map_or(0, |(_, _, offset)| offset)];
                let group = self.bindings.get(bound, |bound| bound.bind(context))?;
                ready.push(Ready { pipeline, group, offsets, groups: dispatch.launch.groups });
                slots.push(params);
            }
        }
        let drawn = match frame.drawn {
            None => None,
            Some((to, target)) => {
                let compiled = context.drawn(target)?;
                let told = bytemuck::bytes_of(&frame.output.origin);
                let told = context.slots.filled(context, told)?;
                let key = (frame.stored.clone(), told.buffer().clone());
                let group = self
                    .drawings
                    .get(key, |(texels, told)| compiled.bind(context, texels, told))?;
                let offset = told.offset();
                slots.push(told);
                // What a render pass refuses wgpu tells when an encoder is finished: one of ours.
                self.targets.get((to.clone(), target), |(to, _)| {
                    context.guarded(|| {
                        let mut trial = context.device.create_command_encoder(&Default::default());
                        compiled.record(&mut trial, (&group, offset), to, frame.output);
                        trial.finish();
                    })
                })?;
                Some((compiled, group, offset, to))
            }
        };
        // From here on nothing fails.
        let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
            label: Some("convolve"),
            timestamp_writes: None,
        });
        for Ready { pipeline, group, offsets, groups } in &ready {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, group, offsets);
            pass.dispatch_workgroups(groups[0], groups[1], 1);
        }
        drop(pass);
        context.counters.dispatches.add(ready.len());
        if let Some((compiled, group, offset, to)) = drawn {
            compiled.record(encoder, (&group, offset), to, frame.output);
            context.counters.draws.add(1);
        }
        slots.extend(changed.into_values().map(|(slot, _)| slot));
        // They come back when the device has read them, or when nobody submits this.
        encoder.on_submitted_work_done(move || drop(slots));
        Ok(())
    }
}

impl Bound {
    fn bind(&self, context: &Context) -> Result<wgpu::BindGroup> {
        let bindings = Bindings {
            params: &self.params,
            from: self.from.as_ref(),
            weights: self.weights.as_ref().map(|(buffer, bytes)| (buffer, *bytes)),
            to: &self.to,
            besides: self.besides.as_ref(),
        };
        bindings.bind(context, &self.layout)
    }
}

/// Where a dispatch of a band finds its samples.
fn starts(frame: &Frame, band: &Band, dispatch: &Dispatch) -> Starts {
    let ([input_x, input_y], input_width) = frame.input;
    let Rectangle { origin, size: [output_width, _] } = frame.output;
    // What is drawn starts at the beginning of a texture of our own.
    let [output_x, output_y] = if frame.drawn.is_some() { [0, 0] } else { origin };
    let (input_row, output_row) = (band.first_input_row as u32, band.first_output_row as u32);
    let of_input = [Some(dispatch.from), dispatch.also].contains(&Some(At::Source));
    let of_output = dispatch.to == At::Destination;
    Starts {
        samples: [0, 0],
        origins: [
            if of_input { [input_x, input_y + input_row] } else { [0, 0] },
            if of_output { [output_x, output_y + output_row] } else { [0, 0] },
        ],
        widths: [if of_input { input_width } else { 0 }, if of_output { output_width } else { 0 }],
    }
}

/// An error where a texture is not one that a shader reads numbers from.
pub(crate) fn check_source(format: wgpu::TextureFormat, features: wgpu::Features) -> Result<()> {
    let sampled = format.sample_type(None, Some(features));
    if matches!(sampled, Some(wgpu::TextureSampleType::Float { .. })) {
        return Ok(());
    }
    Err(Error::gpu_misuse(format!(
        "the source texture: expected a format of floating-point texels, got {format:?}"
    )))
}

/// An error where the colours of texels count by their alpha, which a kernel of this sum makes something else of.
pub(crate) fn check_keeps_constants(sum: f64) -> Result<()> {
    // Written so that a sum that is no number does not keep constants.
    if (sum - 1.0).abs() <= 1e-3 {
        return Ok(());
    }
    Err(Error::gpu_misuse(format!(
        "Alpha::Straight: expected a kernel whose taps sum to 1, got a sum of {sum}: it would make of alpha \
         something else than alpha"
    )))
}
