//! What the examples that draw frames have in common: textures, shaders that fill them, and pictures of them.

use std::borrow::Cow;
use std::error::Error;

use convolve::wgpu::{self, TextureFormat, TextureUsages};
use image::RgbaImage;

/// A triangle that covers all of a texture. Shaders that fill one begin with it.
const TRIANGLE: &str = "
struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) @interpolate(flat) number: u32,
}

@vertex
fn triangle(@builtin(vertex_index) vertex: u32, @builtin(instance_index) number: u32) -> Corner {
    let at = vec2<f32>(f32(vertex & 1u), f32(vertex >> 1u));
    return Corner(vec4<f32>(4.0 * at - 1.0, 0.0, 1.0), number);
}
";

/// Width and height come first, as in images.
pub fn texture(
    device: &wgpu::Device,
    format: TextureFormat,
    [width, height]: [u32; 2],
    usage: TextureUsages,
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage,
        view_formats: &[],
    })
}

/// A pipeline that fills textures of this format with what the fragment shader `color(corner: Corner)` says,
/// over what is there by its alpha.
pub fn fills(device: &wgpu::Device, format: TextureFormat, color: &str) -> wgpu::RenderPipeline {
    let source = wgpu::ShaderSource::Wgsl(Cow::Owned(format!("{TRIANGLE}{color}")));
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor { label: None, source });
    let blend = format.is_srgb().then_some(wgpu::BlendState::ALPHA_BLENDING);
    let target = wgpu::ColorTargetState { format, blend, write_mask: wgpu::ColorWrites::ALL };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: None,
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("triangle"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: Default::default(),
        depth_stencil: None,
        multisample: Default::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("color"),
            compilation_options: Default::default(),
            targets: &[Some(target)],
        }),
        multiview_mask: None,
        cache: None,
    })
}

/// Begins to draw to a texture; what it holds stays where nothing is drawn.
pub fn draw_to<'e>(
    encoder: &'e mut wgpu::CommandEncoder,
    target: &wgpu::TextureView,
) -> wgpu::RenderPass<'e> {
    encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: target,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
        })],
        ..Default::default()
    })
}

/// What a texture of four bytes a texel holds. It waits for all that was submitted.
pub fn picture(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
) -> Result<RgbaImage, Box<dyn Error>> {
    let (width, height) = (texture.width(), texture.height());
    let row = (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let download = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(row) * u64::from(height),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    let copy = wgpu::TexelCopyBufferInfo { buffer: &download, layout };
    let mut encoder = device.create_command_encoder(&Default::default());
    encoder.copy_texture_to_buffer(texture.as_image_copy(), copy, texture.size());
    queue.submit([encoder.finish()]);
    download.map_async(wgpu::MapMode::Read, .., |_| {});
    device.poll(wgpu::PollType::wait_indefinitely())?;
    let texels = download.get_mapped_range(..)?;
    let rows = texels.chunks_exact(row as usize);
    let packed = rows.flat_map(|row| &row[..4 * width as usize]).copied().collect();
    Ok(RgbaImage::from_raw(width, height, packed).ok_or("as many as there are")?)
}
