//! Results in formats that no shader can store to: they are drawn.

use crate::error::Result;
use crate::gpu::context::Context;
use crate::gpu::shaders;
use crate::gpu::texture::Rectangle;
use crate::plan::gpu::stored::Texels;
use crate::words::Alpha;

/// A format that is drawn to, and what alpha is to its colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Target {
    pub format: wgpu::TextureFormat,
    pub alpha: Alpha,
}

/// What draws into textures of one format.
#[derive(Clone, Debug)]
pub(crate) struct Compiled {
    pipeline: wgpu::RenderPipeline,
    layout: wgpu::BindGroupLayout,
}

/// The shader, behind what it knows of colours.
fn source() -> String {
    let colours = include_str!("../../shaders/colours.wgsl");
    [&shaders::meant("LOADED", Texels::default()), colours, include_str!("../../shaders/draw.wgsl")]
        .join("\n")
}

/// What 1 is stored as: of colours, and of alpha.
fn levels(format: wgpu::TextureFormat) -> [f64; 2] {
    use wgpu::TextureFormat::*;
    match format {
        Rgb10a2Unorm => [1023.0, 3.0],
        R8Unorm | Rg8Unorm | Rgba8Unorm | Rgba8UnormSrgb | Bgra8Unorm | Bgra8UnormSrgb => {
            [255.0; 2]
        }
        R16Unorm | Rg16Unorm | Rgba16Unorm => [65535.0; 2],
        _ => [0.0; 2],
    }
}

/// Whether what is drawn to a format is kept within 0 and 1.
pub(crate) fn is_bounded(format: wgpu::TextureFormat) -> bool {
    levels(format)[0] > 0.0
}

/// Compiles; called by [`Context::drawn`] once for each target.
pub(super) fn compile(context: &Context, target: Target) -> Result<Compiled> {
    let Target { format, alpha: meant } = target;
    let meant = match meant {
        Alpha::AsChannel => 0.0,
        Alpha::Straight => 1.0,
        Alpha::Premultiplied => 2.0,
    };
    let label = Some("convolve draw");
    let device = &context.device;
    let [colours, alpha] = levels(format);
    context.counters.pipelines.add(1);
    context.guarded(|| {
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label,
            entries: &[
                wgpu::BindGroupLayoutEntry {
                    binding: 0,
                    visibility: wgpu::ShaderStages::FRAGMENT,
                    ty: wgpu::BindingType::Texture {
                        sample_type: wgpu::TextureSampleType::Float { filterable: false },
                        view_dimension: wgpu::TextureViewDimension::D2,
                        multisampled: false,
                    },
                    count: None,
                },
                wgpu::BindGroupLayoutEntry {
                    binding: 1,
                    visibility: wgpu::ShaderStages::FRAGMENT,
                    ty: wgpu::BindingType::Buffer {
                        ty: wgpu::BufferBindingType::Uniform,
                        has_dynamic_offset: true,
                        min_binding_size: None,
                    },
                    count: None,
                },
            ],
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(source().into()),
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
            label,
            layout: Some(&pipeline_layout),
            vertex: wgpu::VertexState {
                module: &module,
                entry_point: Some("corner"),
                compilation_options: Default::default(),
                buffers: &[],
            },
            primitive: Default::default(),
            depth_stencil: None,
            multisample: Default::default(),
            fragment: Some(wgpu::FragmentState {
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants: &[
                        ("LEVELS", colours),
                        ("ALPHA_LEVELS", alpha),
                        ("ALPHA", meant),
                        ("ENCODED", f64::from(u8::from(format.is_srgb()))),
                    ],
                    ..Default::default()
                },
                targets: &[Some(format.into())],
            }),
            multiview_mask: None,
            cache: None,
        });
        Compiled { pipeline, layout }
    })
}

/// Bytes of what the shader is told.
pub(super) const TOLD: u64 = 8;

impl Compiled {
    /// What binds these texels, and what the shader is told by a part of this buffer.
    pub(super) fn bind(
        &self,
        context: &Context,
        texels: &wgpu::TextureView,
        told: &wgpu::Buffer,
    ) -> Result<wgpu::BindGroup> {
        let size = wgpu::BufferSize::new(TOLD);
        let told = wgpu::BufferBinding { buffer: told, offset: 0, size };
        let resources =
            [wgpu::BindingResource::TextureView(texels), wgpu::BindingResource::Buffer(told)];
        context.bind(&self.layout, resources)
    }

    /// Draws the texels of a rectangle, all others stay. To be called where wgpu's errors are caught.
    pub(super) fn record(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        (group, offset): (&wgpu::BindGroup, u32),
        to: &wgpu::TextureView,
        Rectangle { origin, size }: Rectangle,
    ) {
        let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
            label: Some("convolve"),
            color_attachments: &[Some(wgpu::RenderPassColorAttachment {
                view: to,
                depth_slice: None,
                resolve_target: None,
                ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
            })],
            ..Default::default()
        });
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, group, &[offset]);
        pass.set_scissor_rect(origin[0], origin[1], size[0], size[1]);
        pass.draw(0..3, 0..1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    #[test]
    fn the_shader_is_valid() {
        let source = source();
        let module = naga::front::wgsl::parse_str(&source)
            .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source)));
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source)));
        let names: Vec<_> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["corner", "main"]);
    }
}
