//! A panel of egui over a photograph, drawn without a window.
//!
//! `cargo run --example panel -- [OUT]`

use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve_egui::{Backdrop, glass};
use egui::{Color32, Pos2, Rect, RichText, Vec2};
use egui_wgpu::{Renderer, RendererOptions, ScreenDescriptor};
use wgpu::{TextureFormat, TextureUsages};

const PIXELS_PER_POINT: f32 = 1.0;

fn main() -> Result<(), Box<dyn Error>> {
    let output = env::args_os().nth(1).map(PathBuf::from);
    let output = output.unwrap_or_else(|| env::temp_dir().join("egui_panel.png"));
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/chelsea.png");
    let photo = image::open(photo)?.crop_imm(70, 30, 320, 240).into_rgba8();

    let descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    let instance = wgpu::Instance::new(descriptor);
    let adapter = pollster::block_on(instance.request_adapter(&Default::default()))?;
    let (device, queue) = pollster::block_on(adapter.request_device(&Default::default()))?;
    let size =
        wgpu::Extent3d { width: photo.width(), height: photo.height(), depth_or_array_layers: 1 };
    // The frame. egui prefers formats that hold levels.
    let screen = device.create_texture(&wgpu::TextureDescriptor {
        label: None,
        size,
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: TextureFormat::Rgba8Unorm,
        usage: TextureUsages::RENDER_ATTACHMENT
            | TextureUsages::TEXTURE_BINDING
            | TextureUsages::COPY_DST
            | TextureUsages::COPY_SRC,
        view_formats: &[],
    });
    let options = RendererOptions::default();
    let mut renderer = Renderer::new(&device, screen.format(), options);
    Backdrop::install(&mut renderer, &device, &queue, screen.format(), options, 16.0)?;

    let context = egui::Context::default();
    let mut made = Vec::new();
    // Areas have their size, and glass its place, with the second frame. Sigma goes up and down again.
    for sigma in [4.0, 6.0, 8.0, 10.0, 9.0, 7.0, 5.0, 11.0] {
        // The application's own picture.
        let row = 4 * photo.width();
        let layout = wgpu::TexelCopyBufferLayout {
            offset: 0,
            bytes_per_row: Some(row),
            rows_per_image: None,
        };
        queue.write_texture(screen.as_image_copy(), &photo, layout, size);
        draw(&context, &mut renderer, &device, &queue, &screen, sigma);
        if let Some(error) = Backdrop::take_error(&mut renderer) {
            return Err(error.into());
        }
        let convolver = Backdrop::convolver(&renderer).ok_or("it was installed")?;
        made.push(convolver.gpu()?.counts().made());
    }
    println!("pipelines, buffers, textures and bindings after each frame: {made:?}");

    picture(&device, &queue, &screen)?.save(&output)?;
    println!("{}", output.display());
    Ok(())
}

/// A frame of the interface, over what is on the screen.
fn draw(
    context: &egui::Context,
    renderer: &mut Renderer,
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    screen: &wgpu::Texture,
    sigma: f64,
) {
    let size = [screen.width(), screen.height()];
    let points = Vec2::from(size.map(|n| n as f32 / PIXELS_PER_POINT));
    let input = egui::RawInput {
        screen_rect: Some(Rect::from_min_size(Pos2::ZERO, points)),
        ..Default::default()
    };
    let mut full = context.run_ui(input, |ui| interface(ui.ctx(), sigma));
    let triangles = context.tessellate(full.shapes, full.pixels_per_point);

    for (id, deltas) in std::mem::take(&mut full.textures_delta.set) {
        for delta in deltas {
            renderer.update_texture(device, queue, id, &delta);
        }
    }
    Backdrop::show(renderer, screen);
    let mut encoder = device.create_command_encoder(&Default::default());
    let descriptor =
        ScreenDescriptor { size_in_pixels: size, pixels_per_point: full.pixels_per_point };
    let buffers = renderer.update_buffers(device, queue, &mut encoder, &triangles, &descriptor);
    let view = screen.create_view(&Default::default());
    let pass = encoder.begin_render_pass(&wgpu::RenderPassDescriptor {
        color_attachments: &[Some(wgpu::RenderPassColorAttachment {
            view: &view,
            depth_slice: None,
            resolve_target: None,
            ops: wgpu::Operations { load: wgpu::LoadOp::Load, store: wgpu::StoreOp::Store },
        })],
        ..Default::default()
    });
    renderer.render(&mut pass.forget_lifetime(), &triangles, &descriptor);
    queue.submit(buffers.into_iter().chain([encoder.finish()]));
    for id in std::mem::take(&mut full.textures_delta.free) {
        renderer.free_texture(&id);
    }
}

fn interface(context: &egui::Context, sigma: f64) {
    let text = |text: &str, size: f32| RichText::new(text).size(size).color(Color32::WHITE);
    egui::Area::new(egui::Id::unique("player")).fixed_pos([25.0, 90.0]).show(context, |ui| {
        let frame = egui::Frame::new()
            .fill(Color32::from_black_alpha(50))
            .stroke(egui::Stroke::new(1.0, Color32::from_white_alpha(70)))
            .corner_radius(18)
            .inner_margin(20);
        glass(ui, frame, sigma, |ui| {
            ui.set_width(230.0);
            ui.label(text("On frosted glass", 24.0));
            ui.label(text(&format!("sigma {sigma} points, in linear light"), 14.0));
            ui.add_space(10.0);
            ui.add(egui::ProgressBar::new(0.6).fill(Color32::from_white_alpha(160)));
        });
    });
}

/// What a texture of four bytes a texel holds.
fn picture(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    texture: &wgpu::Texture,
) -> Result<image::RgbaImage, Box<dyn Error>> {
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
    Ok(image::RgbaImage::from_raw(width, height, packed).ok_or("as many as there are")?)
}
