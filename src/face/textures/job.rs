//! From two textures to what is dispatched for them.

use super::{Planned, TextureFilter, Weighing, problem};
use crate::error::{Error, Result};
use crate::gpu::GpuTexture;
use crate::gpu::context::Context;
use crate::gpu::drawn::{Target, is_bounded};
use crate::gpu::on_textures::{Frame, check_keeps_constants, check_source};
use crate::gpu::texture::{
    Rectangle, drawable, scratch_format, texel_bytes, texel_format, texture_format,
};
use crate::kernel::coarse::{CoarseAxis, together};
use crate::plan::gpu::stored::{Stored, TexelFormat};
use crate::plan::gpu::textures::{At, Band, Chosen, Designs, bands, scratches};
use crate::problem::extension::Extension;
use crate::problem::geometry::Geometry;
use crate::words::{Alpha, Tolerance};

/// What recording a filter once dispatches, and the bytes that it moves: each texel and each number between
/// passes counted once for every dispatch that reads or writes it. Tiles read their neighbours' samples
/// besides, mostly from caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TextureCost {
    /// Dispatches.
    pub dispatches: usize,
    /// Draws: 1 where a destination is drawn, else 0.
    pub draws: usize,
    /// Bytes that are read.
    pub read: u64,
    /// Bytes that are written.
    pub written: u64,
    /// Bytes of memory besides the two textures, which all filters of the device share.
    pub scratch: u64,
}

/// A call, checked.
pub(super) struct Job<'a> {
    source: GpuTexture<'a>,
    destination: GpuTexture<'a>,
    /// On coarser grids, if it runs there.
    designs: Option<&'a Designs>,
    bands: Vec<Band>,
    extension: Extension<f32>,
    /// Column and row that the input begins at, and texels of its rows.
    input: ([u32; 2], u32),
    output: Rectangle,
    way: Way,
}

/// How a destination is written.
#[derive(Clone, Copy)]
enum Way {
    Stored(TexelFormat),
    /// From a texture of this format.
    Drawn(TexelFormat),
}

impl Way {
    fn format(self) -> TexelFormat {
        match self {
            Self::Stored(format) | Self::Drawn(format) => format,
        }
    }
}

impl TextureFilter {
    /// Checks a call with these taps, and finds out what it dispatches.
    pub(super) fn job<'a>(
        &self,
        planned: &Planned,
        source: GpuTexture<'a>,
        destination: GpuTexture<'a>,
        taps: Weighing<'a>,
    ) -> Result<Job<'a>> {
        let context = &planned.context;
        context.check_shown()?;
        source.check("source", context, &[wgpu::TextureUsages::TEXTURE_BINDING])?;
        check_source(source.seen_as(), context.device.features())?;
        let way = way(context, &source, &destination)?;
        let read = source.source_rectangle()?;
        let [width, height] = read.size.map(|n| n as usize);
        let mut problem = problem([height, width], self.shape(), &self.options)?;
        let result = [problem.output[1], problem.output[0]].map(|n| n as u32);
        let output = destination.destination_rectangle(result)?;
        let level = source.level_size();
        let (origin, size) = match source.is_read_beyond() {
            false => (read.origin, read.size),
            true => {
                let [x, y] = read.origin;
                for (axis, (from, n)) in problem.axes.iter_mut().zip([(y, level[1]), (x, level[0])])
                {
                    axis.offset += from as isize;
                    axis.n = n as usize;
                }
                ([0, 0], level)
            }
        };
        let channels = way.format().channels();
        let [from, mut to] = [source.texels(), destination.texels()];
        to.bounded = matches!(way, Way::Drawn(_)) && is_bounded(destination.seen_as());
        if from.weighed || to.weighed {
            check_keeps_constants(taps.sum)?;
        }
        let stored =
            [Stored::Texture { channels, texels: from }, Stored::StorageTexture(way.format(), to)];
        let boundary = self.options.boundary.resolve("boundary", 2)?;
        let values = boundary.iter().map(|boundary| boundary.value()).collect();
        let geometry = Geometry { axes: problem.axes };
        let gpu = context.capabilities();
        let suits = |designs: &&Designs| Chosen::Coarse(designs).suits(&geometry, stored, &gpu);
        // Levels of light are steepest where it is dark.
        let is_lit = from.encoded
            || to.encoded
            || source.seen_as().is_srgb()
            || destination.seen_as().is_srgb();
        let designs = taps.designs.filter(suits).filter(|designs| {
            !is_lit || self.keeps_levels_of_light(designs, taps.kernel.facts.sum)
        });
        let chosen = designs.map_or(Chosen::Scheduled(&planned.schedule), Chosen::Coarse);
        let bands = bands(chosen, &geometry, stored, &gpu);
        let bands = bands.map_err(Error::gpu_memory)?;
        let extension = Extension { geometry, values };
        let input = (origin, size[0]);
        Ok(Job { source, destination, designs, bands, extension, input, output, way })
    }

    /// Whether the error in light that these have, of a kernel with this `sum |k|`, is within a tolerance in
    /// levels along the curve of sRGB.
    fn keeps_levels_of_light(&self, designs: &Designs, sum: f64) -> bool {
        let Some(allowed) = self.request.allowed() else { return false };
        let all = |of: fn(&CoarseAxis) -> f64| together(designs.iter().map(|design| of(design)));
        let [error, constants] = [all(|design| design.error), all(|design| design.constants)];
        match allowed.tolerance {
            Tolerance::Levels(most) => STEEPEST * allowed.comes_to(sum, error, constants) <= most,
            Tolerance::Relative(_) => true,
        }
    }

    /// Records with these taps, or the filter's own.
    pub(super) fn encode_taps(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        taps: Weighing,
        source: GpuTexture,
        destination: GpuTexture,
    ) -> Result<()> {
        let planned = self.planned()?;
        let job = self.job(&planned, source, destination, taps)?;
        let Job { designs, bands, extension, input, output, way, .. } = &job;
        let context = &planned.context;
        let [width, height] = output.size;
        let samples = f64::from(width) * f64::from(height) * way.format().channels() as f64;
        context.check_length(self.asked, planned.seconds * samples)?;
        context.attempt_with_theirs(|| {
            let view = |texture: GpuTexture, usage| match texture.view(usage) {
                Ok(view) => Ok(view.clone()),
                Err(key) => planned.views.get(key, |key| {
                    context.counters.bindings.add(1);
                    context.guarded(|| key.make())
                }),
            };
            let from = view(source, wgpu::TextureUsages::TEXTURE_BINDING)?;
            let (stored, drawn) = match way {
                Way::Stored(_) => (view(destination, wgpu::TextureUsages::STORAGE_BINDING)?, None),
                Way::Drawn(format) => {
                    let stored = context.scratch.texture(context, *format, output.size)?;
                    let to = view(destination, wgpu::TextureUsages::RENDER_ATTACHMENT)?;
                    (stored, Some(to))
                }
            };
            for texture in [source.texture, destination.texture] {
                context.check_texture(texture)?;
            }
            let terms = designs.map_or(planned.schedule.terms, |_| 1);
            let frame = Frame {
                bands,
                extension,
                kernel: taps.kernel,
                terms,
                designs: *designs,
                changed: taps.changed,
                source: &from,
                input: *input,
                stored: &stored,
                output: *output,
                drawn: drawn.as_ref().map(|view| (view, target(&destination))),
            };
            planned.on.record(encoder, &frame)
        })
    }
}

impl Job<'_> {
    /// Compiles what it needs.
    pub(super) fn prepare(&self, planned: &Planned) -> Result<()> {
        let drawn = match self.way {
            Way::Stored(_) => None,
            Way::Drawn(_) => Some(target(&self.destination)),
        };
        planned.context.attempt(|| planned.on.compile(&self.bands, drawn))
    }

    /// What it dispatches and moves.
    pub(super) fn cost(&self) -> TextureCost {
        let mut cost = TextureCost::default();
        let stored = stored_bytes(self.way.format());
        let outputs = self.output.size.map(u64::from).iter().product::<u64>();
        let channels = self.way.format().channels() as u64;
        let bytes = |at: At, samples: usize| match at {
            At::Source => samples as u64 / channels * texel_bytes(self.source.seen_as()),
            At::Destination => samples as u64 / channels * stored,
            At::Scratch(_) => (samples * size_of::<f32>()) as u64,
        };
        for dispatch in self.bands.iter().flat_map(|band| &band.dispatches) {
            cost.dispatches += 1;
            if let Some(transform) = dispatch.launch.variant.shader.transform() {
                let touched = transform.touched();
                let between = dispatch.launch.between().map(|n| (n * size_of::<f32>()) as u64);
                for (of, bytes) in [touched.values, touched.sums].into_iter().zip(between) {
                    cost.read += u64::from(of[0]) * bytes;
                    cost.written += u64::from(of[1]) * bytes;
                }
                let samples = bytes(dispatch.from, dispatch.geometry.input_len());
                let outputs = bytes(dispatch.to, dispatch.geometry.output_len());
                cost.read += u64::from(touched.samples) * samples;
                cost.written += u64::from(touched.outputs) * outputs;
                continue;
            }
            cost.read += bytes(dispatch.from, dispatch.geometry.input_len());
            cost.written += bytes(dispatch.to, dispatch.geometry.output_len());
            // What sums are mended from is read where they are not finite.
            if let (Some(also), None) = (dispatch.also, &dispatch.mended) {
                cost.read += bytes(also, dispatch.geometry.output_len());
            }
        }
        cost.scratch = scratches(&self.bands).iter().sum();
        if let Way::Drawn(_) = self.way {
            cost.draws = 1;
            cost.read += outputs * stored;
            cost.written += outputs * texel_bytes(self.destination.seen_as());
            cost.scratch += outputs * stored;
        }
        cost
    }
}

/// How much more a level changes than the light that it stands for, at most.
const STEEPEST: f64 = 12.92;

/// A destination as it is drawn to.
fn target(destination: &GpuTexture) -> Target {
    let texels = destination.texels();
    let alpha = match (texels.weighed, texels.premultiplied) {
        (true, _) => Alpha::Straight,
        (false, true) => Alpha::Premultiplied,
        (false, false) => Alpha::AsChannel,
    };
    Target { format: destination.seen_as(), alpha }
}

/// Bytes of a texel of a texture that is stored to.
fn stored_bytes(format: TexelFormat) -> u64 {
    texel_bytes(texture_format(format))
}

/// How a destination is written, or an error that says what could be.
fn way(context: &Context, source: &GpuTexture, destination: &GpuTexture) -> Result<Way> {
    let (format, usage) = (destination.seen_as(), destination.texture.usage());
    let features = context.device.features();
    let storable = texel_format(format, features);
    let same = source.is(destination);
    let draws = drawable(format, features);
    let [stores, attaches] =
        [wgpu::TextureUsages::STORAGE_BINDING, wgpu::TextureUsages::RENDER_ATTACHMENT];
    if let Some(storable) = storable.filter(|_| !same && usage.contains(stores)) {
        destination.check("destination", context, &[stores])?;
        return Ok(Way::Stored(storable));
    }
    if draws && usage.contains(attaches) {
        destination.check("destination", context, &[attaches])?;
        return Ok(Way::Drawn(scratch_format(format)));
    }
    match (storable, same) {
        (_, true) if draws => Err(Error::gpu_misuse(format!(
            "source and destination are the same level and layer of one texture, which is written once all \
             of it is read: expected usage RENDER_ATTACHMENT, or two textures, got {usage:?}"
        ))),
        (Some(_), _) => {
            let usages = if draws { &[stores, attaches][..] } else { &[stores] };
            destination.check("destination", context, usages)?;
            Err(Error::gpu_internal("a usage that suffices does not"))
        }
        (None, _) if draws => {
            destination.check("destination", context, &[attaches])?;
            Err(Error::gpu_internal("a usage that suffices does not"))
        }
        _ => {
            let names = TexelFormat::ALL.map(TexelFormat::name).join(", ");
            Err(Error::gpu_misuse(format!(
                "the destination texture: format {format:?} can neither be stored nor drawn to here: \
                 expected {names}, or one that colours of floating point are drawn to, such as \
                 Rgba8UnormSrgb, Bgra8Unorm or Rg11b10Ufloat"
            )))
        }
    }
}
