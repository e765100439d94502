//! A filter inside a frame: shapes are drawn, blurred in the same command encoder, and saved.
//!
//! `cargo run --release --features image --example in_frame -- [OUT]`

use std::borrow::Cow;
use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve::wgpu::{self, TextureFormat, TextureUsages};
use convolve::{Boundary, Convolver, filters};

const SIZE: [u32; 2] = [640, 400];

const SHAPES: &str = "
struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) color: vec3<f32>,
}

@vertex
fn corner(@builtin(vertex_index) vertex: u32, @builtin(instance_index) shape: u32) -> Corner {
    let angle = 2.0943951 * f32(vertex) + 0.7 * f32(shape);
    let centre = vec2<f32>(0.55 * f32(shape) - 0.55, 0.3 * f32(shape % 2u) - 0.15);
    let at = centre + 0.4 * vec2<f32>(cos(angle) * 0.625, sin(angle));
    let colors = array<vec3<f32>, 3>(
        vec3<f32>(0.9, 0.3, 0.2), vec3<f32>(0.2, 0.7, 0.4), vec3<f32>(0.3, 0.4, 0.9),
    );
    return Corner(vec4<f32>(at, 0.0, 1.0), colors[shape]);
}

@fragment
fn color(corner: Corner) -> @location(0) vec4<f32> {
    return vec4<f32>(corner.color, 1.0);
}
";

fn main() -> Result<(), Box<dyn Error>> {
    let output = env::args_os().nth(1).map(PathBuf::from);
    let output = output.unwrap_or_else(|| env::temp_dir().join("in_frame.png"));

    // The application's own device: nothing here is made by this library.
    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;
    let drawn = texture(&device, TextureUsages::RENDER_ATTACHMENT | TextureUsages::TEXTURE_BINDING);
    let blurred = texture(&device, TextureUsages::STORAGE_BINDING | TextureUsages::COPY_SRC);
    let views = [&drawn, &blurred].map(|texture| texture.create_view(&Default::default()));
    let pipeline = shapes(&device);
    let [width, height] = SIZE;
    let row = (4 * width).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT);
    let download = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: u64::from(row * height),
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });

    // Planned once, used in every frame.
    let convolver = Convolver::with_device(device.clone(), queue.clone())?;
    let blur = convolver
        .filter(&filters::gaussian(4.0)?)
        .boundary(Boundary::Nearest)
        .for_shape((height as usize, width as usize))?;

    // One frame: draw, filter, and copy what is to be saved, in one encoder.
    let mut encoder = device.create_command_encoder(&Default::default());
    draw(&mut encoder, &pipeline, &views[0]);
    blur.encode_texture(&mut encoder, &views[0], &views[1])?;
    let layout =
        wgpu::TexelCopyBufferLayout { offset: 0, bytes_per_row: Some(row), rows_per_image: None };
    let copy = wgpu::TexelCopyBufferInfo { buffer: &download, layout };
    encoder.copy_texture_to_buffer(blurred.as_image_copy(), copy, blurred.size());
    queue.submit([encoder.finish()]);

    download.map_async(wgpu::MapMode::Read, .., |_| {});
    device.poll(wgpu::PollType::wait_indefinitely())?;
    let texels = download.get_mapped_range(..)?;
    let rows = texels.chunks_exact(row as usize);
    let packed = rows.flat_map(|row| &row[..4 * width as usize]).copied().collect();
    let picture =
        image::RgbaImage::from_raw(width, height, packed).ok_or("as many as there are")?;
    picture.save(&output)?;
    println!("{}", output.display());
    Ok(())
}

fn texture(device: &wgpu::Device, usage: TextureUsages) -> wgpu::Texture {
    let [width, height] = SIZE;
    device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: TextureFormat::Rgba8Unorm,
        usage,
        view_formats: &[],
    })
}

fn shapes(device: &wgpu::Device) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(SHAPES)),
    });
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: None,
        layout: None,
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
            entry_point: Some("color"),
            compilation_options: Default::default(),
            targets: &[Some(TextureFormat::Rgba8Unorm.into())],
        }),
        multiview_mask: None,
        cache: None,
    })
}

/// Three triangles on a dark ground.
fn draw(
    encoder: &mut wgpu::CommandEncoder,
    pipeline: &wgpu::RenderPipeline,
    target: &wgpu::TextureView,
) {
    let ground = wgpu::Color { r: 0.05, g: 0.05, b: 0.08, a: 1.0 };
    let attachment = wgpu::RenderPassColorAttachment {
        view: target,
        depth_slice: None,
        resolve_target: None,
        ops: wgpu::Operations { load: wgpu::LoadOp::Clear(ground), store: wgpu::StoreOp::Store },
    };
    let mut pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(attachment)],
        ..Default::default()
    });
    pass.set_pipeline(pipeline);
    pass.draw(0..3, 0..3);
}
