//! Passes that change how samples are stored, and nothing else: rows farther apart, integers packed
//! into words, textures.
//!
//! They stand before and after a convolution's own passes, so that no method knows of them.

use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::gpu::passes::Span;
use crate::util::lru::LruCache;

/// One way of storing samples into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Conversion {
    /// Rows of words, or of half words, to rows elsewhere.
    CopyRows { halves: bool },
    /// Unsigned integers of so many bits to `f32`.
    Unpack { bits: u32 },
    /// `f32` to unsigned integers of so many bits, rounded and saturated.
    Pack { bits: u32 },
    /// A texture's channels to planes.
    FromTexture { channels: u32 },
    /// Planes to a texture's channels.
    ToTexture { format: wgpu::TextureFormat },
}

/// Invocations of a workgroup where they stand in a line; the texture shaders have 8 x 8.
const WORKGROUP: u32 = 64;
/// Their side.
const TEXELS: u32 = 8;

/// What a conversion is compiled to; one for each device.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
}

/// Formats that are written, their names in WGSL, and their channels.
pub(crate) const STORAGE_FORMATS: [(wgpu::TextureFormat, &str, u32); 4] = [
    (wgpu::TextureFormat::Rgba8Unorm, "rgba8unorm", 4),
    (wgpu::TextureFormat::Rgba16Float, "rgba16float", 4),
    (wgpu::TextureFormat::R32Float, "r32float", 1),
    (wgpu::TextureFormat::Rgba32Float, "rgba32float", 4),
];

impl Conversion {
    fn source(self) -> Result<String> {
        Ok(match self {
            Self::CopyRows { halves } => {
                let word =
                    if halves { "enable f16;\nalias Word = f16;" } else { "alias Word = u32;" };
                format!("{word}\n{}", include_str!("../../shaders/copy_rows.wgsl"))
            }
            Self::Unpack { .. } => include_str!("../../shaders/unpack_integers.wgsl").into(),
            Self::Pack { .. } => include_str!("../../shaders/pack_integers.wgsl").into(),
            Self::FromTexture { .. } => include_str!("../../shaders/from_texture.wgsl").into(),
            Self::ToTexture { format } => {
                let (_, name, _) = storage_format(format)?;
                let source = include_str!("../../shaders/to_texture.wgsl");
                format!("alias Destination = texture_storage_2d<{name}, write>;\n{source}")
            }
        })
    }

    fn constants(self) -> Result<Vec<(&'static str, f64)>> {
        Ok(match self {
            Self::CopyRows { .. } => vec![("WORKGROUP", WORKGROUP.into())],
            Self::Unpack { bits } | Self::Pack { bits } => {
                vec![("WORKGROUP", WORKGROUP.into()), ("BITS", bits.into())]
            }
            Self::FromTexture { channels } => vec![("CHANNELS", channels.into())],
            Self::ToTexture { format } => vec![("CHANNELS", storage_format(format)?.2.into())],
        })
    }

    fn bindings(self) -> Vec<wgpu::BindingType> {
        let buffer = |read_only| wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only },
            has_dynamic_offset: false,
            min_binding_size: None,
        };
        let view_dimension = wgpu::TextureViewDimension::D2;
        match self {
            Self::CopyRows { .. } => vec![buffer(true), buffer(true), buffer(false)],
            Self::Unpack { .. } | Self::Pack { .. } => vec![buffer(true), buffer(false)],
            Self::FromTexture { .. } => {
                let texture = wgpu::BindingType::Texture {
                    // Texels are loaded, not interpolated.
                    sample_type: wgpu::TextureSampleType::Float { filterable: false },
                    view_dimension,
                    multisampled: false,
                };
                vec![buffer(true), texture, buffer(false)]
            }
            Self::ToTexture { format } => {
                let access = wgpu::StorageTextureAccess::WriteOnly;
                let texture = wgpu::BindingType::StorageTexture { access, format, view_dimension };
                vec![buffer(true), buffer(true), texture]
            }
        }
    }

    /// Compiles; called by [`Context::conversion`] once for each device.
    pub(crate) fn compile(self, context: &Context) -> Result<Compiled> {
        let (source, constants) = (self.source()?, self.constants()?);
        let entries: Vec<_> = self
            .bindings()
            .into_iter()
            .zip(0..)
            .map(|(ty, binding)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty,
                count: None,
            })
            .collect();
        let label = format!("convolve {self:?}");
        context.guarded(|| {
            let layout =
                context.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                    label: Some(&label),
                    entries: &entries,
                });
            let pipeline = pipeline(&context.device, &label, source, &constants, &layout);
            Compiled { pipeline, layout }
        })
    }
}

/// Indices are checked, loops are counted: memory is what takes the time here.
fn pipeline(
    device: &wgpu::Device,
    label: &str,
    source: String,
    constants: &[(&str, f64)],
    layout: &wgpu::BindGroupLayout,
) -> wgpu::ComputePipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    });
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(label),
        bind_group_layouts: &[Some(layout)],
        immediate_size: 0,
    });
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(label),
        layout: Some(&layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
        cache: None,
    })
}

/// The entry of [`STORAGE_FORMATS`], or an error that names them.
pub(crate) fn storage_format(
    format: wgpu::TextureFormat,
) -> Result<(wgpu::TextureFormat, &'static str, u32)> {
    let found = STORAGE_FORMATS.into_iter().find(|(supported, ..)| *supported == format);
    found.ok_or_else(|| {
        let names = STORAGE_FORMATS.map(|(_, name, _)| name).join(", ");
        Error::gpu_misuse(format!(
            "textures of format {format:?} are not written: expected one of {names}"
        ))
    })
}

/// Where the rows of `CopyRows` are, in words or half words.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Rows {
    pub rows: u32,
    pub words: u32,
    pub source_start: u32,
    pub source_pitch: u32,
    pub target_start: u32,
    pub target_pitch: u32,
}

/// The planes of `FromTexture` and `ToTexture`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Planes {
    pub width: u32,
    pub height: u32,
    pub pitch: u32,
}

/// Bind groups that are kept: enough for a few frames in flight, each with buffers of its own.
const KEPT: usize = 16;

/// A conversion with its parameters in place.
pub(crate) struct Convert {
    context: Arc<Context>,
    compiled: Compiled,
    params: Option<wgpu::Buffer>,
    groups: [u32; 2],
    bindings: LruCache<[Bound; 2], wgpu::BindGroup>,
}

/// What a conversion reads or writes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    Buffer(Span),
    Texture(wgpu::TextureView),
}

impl Bound {
    fn resource(&self) -> wgpu::BindingResource<'_> {
        match self {
            Self::Buffer(span) => span.binding(),
            Self::Texture(view) => wgpu::BindingResource::TextureView(view),
        }
    }
}

impl Convert {
    /// Copies rows of words, or of half words where the device has `f16`.
    pub(crate) fn rows(context: &Arc<Context>, rows: Rows, halves: bool) -> Result<Self> {
        let groups = in_line(context, u64::from(rows.rows) * u64::from(rows.words))?;
        let conversion = Conversion::CopyRows { halves };
        Self::new(context, conversion, Some(bytemuck::bytes_of(&rows)), groups)
    }

    /// From a texture or to one.
    pub(crate) fn texture(
        context: &Arc<Context>,
        conversion: Conversion,
        planes: Planes,
    ) -> Result<Self> {
        let groups = [planes.width, planes.height].map(|n| n.div_ceil(TEXELS));
        Self::new(context, conversion, Some(bytemuck::bytes_of(&planes)), groups)
    }

    /// `Unpack` or `Pack` of so many samples.
    pub(crate) fn integers(
        context: &Arc<Context>,
        conversion: Conversion,
        samples: u64,
    ) -> Result<Self> {
        let invocations = match conversion {
            Conversion::Pack { bits } => samples.div_ceil(u64::from(32 / bits)),
            _ => samples,
        };
        Self::new(context, conversion, None, in_line(context, invocations)?)
    }

    fn new(
        context: &Arc<Context>,
        conversion: Conversion,
        params: Option<&[u8]>,
        groups: [u32; 2],
    ) -> Result<Self> {
        let compiled = context.conversion(conversion)?;
        let usage = wgpu::BufferUsages::STORAGE;
        let params = params.map(|bytes| context.constant("convolve layout", bytes, usage));
        let params = params.transpose()?;
        let bindings = LruCache::new(KEPT);
        Ok(Self { context: context.clone(), compiled, params, groups, bindings })
    }

    /// Records the pass. To be called where wgpu's errors are caught.
    pub(crate) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: Bound,
        destination: Bound,
    ) -> Result<()> {
        let group = self.bind(source, destination)?;
        self.record_bound(encoder, &group);
        Ok(())
    }

    /// Binds what it reads and writes; an error where that cannot be.
    pub(crate) fn bind(&self, source: Bound, destination: Bound) -> Result<wgpu::BindGroup> {
        self.bindings.get([source, destination], |bound| {
            let params = self.params.as_ref().map(|params| params.as_entire_binding());
            let resources = params.into_iter().chain(bound.iter().map(Bound::resource));
            self.context.bind(&self.compiled.layout, resources)
        })
    }

    /// Records the pass over what was bound.
    pub(crate) fn record_bound(&self, encoder: &mut wgpu::CommandEncoder, group: &wgpu::BindGroup) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&self.compiled.pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.dispatch_workgroups(self.groups[0], self.groups[1], 1);
    }
}

/// Workgroups for so many invocations, numbered through two dimensions of a dispatch.
fn in_line(context: &Context, invocations: u64) -> Result<[u32; 2]> {
    let most = u64::from(context.capabilities().max_groups);
    let groups = invocations.div_ceil(WORKGROUP.into());
    let wide = groups.clamp(1, most.max(1));
    let high = groups.div_ceil(wide);
    // Those of the last groups count beyond the samples, and must not overflow.
    if high > most || invocations >= 1 << 31 {
        return Err(Error::gpu_memory(format!(
            "{invocations} samples are too many for one dispatch"
        )));
    }
    Ok([wide as u32, high as u32])
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    fn all() -> Vec<Conversion> {
        let textures = STORAGE_FORMATS.map(|(format, ..)| Conversion::ToTexture { format });
        let others = [
            Conversion::CopyRows { halves: false },
            Conversion::CopyRows { halves: true },
            Conversion::Unpack { bits: 8 },
            Conversion::Pack { bits: 16 },
            Conversion::FromTexture { channels: 1 },
        ];
        others.into_iter().chain(textures).collect()
    }

    #[test]
    fn every_shader_is_valid_and_bound_as_it_declares() {
        for conversion in all() {
            let source = conversion.source().expect("a source");
            let module = naga::front::wgsl::parse_str(&source)
                .unwrap_or_else(|e| panic!("{conversion:?}: {}", e.emit_to_string(&source)));
            Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16)
                .validate(&module)
                .unwrap_or_else(|e| panic!("{conversion:?}: {}", e.emit_to_string(&source)));
            let mut declared: Vec<_> =
                module.overrides.iter().filter_map(|(_, o)| o.name.clone()).collect();
            let mut given: Vec<_> =
                conversion.constants().expect("known").iter().map(|(n, _)| n.to_string()).collect();
            declared.sort();
            given.sort();
            assert_eq!(declared, given, "{conversion:?}");
            let bound = module.global_variables.iter().filter(|(_, v)| v.binding.is_some());
            assert_eq!(bound.count(), conversion.bindings().len(), "{conversion:?}");
        }
    }

    #[test]
    fn layouts_are_the_shaders_own() {
        for (conversion, name, size) in [
            (Conversion::CopyRows { halves: false }, "Rows", size_of::<Rows>()),
            (Conversion::FromTexture { channels: 4 }, "Planes", size_of::<Planes>()),
        ] {
            let source = conversion.source().expect("a source");
            let module = naga::front::wgsl::parse_str(&source).expect("parses");
            let found = module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(name));
            let (_, ty) = found.expect("declared");
            let naga::TypeInner::Struct { span, .. } = &ty.inner else { panic!("not a struct") };
            assert_eq!(*span as usize, size, "{name}");
        }
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        let error = storage_format(wgpu::TextureFormat::Rgba8UnormSrgb).expect_err("sRGB");
        let error = error.to_string();
        assert!(error.contains("Rgba8UnormSrgb") && error.contains("rgba16float"), "{error}");
    }
}
