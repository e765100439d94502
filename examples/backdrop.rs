//! A panel of frosted glass: the part of the frame behind it is blurred where it stands, more and more as the panel opens.
//!
//! `cargo run --release --features image --example backdrop -- [OUT]`
//!
//! Drawing, blurring and drawing the panel go into one command encoder. The frame is in an sRGB format, as those of
//! windows are, so light is blurred. Frames that are warm make nothing on the device, whatever their sigma.

use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve::wgpu::{TextureFormat, TextureUsages};
use convolve::{Boundary, Convolver, GpuTexture};
use image::{GenericImage, RgbaImage};

mod frames;

const SIZE: [u32; 2] = [320, 240];
/// Of the panel, in texels.
const ORIGIN: [u32; 2] = [60, 50];
const EXTENT: [u32; 2] = [200, 140];
/// In which the panel opens, and as many in which it closes.
const FRAMES: u32 = 16;
/// In texels, of the open panel.
const SIGMA: f64 = 6.0;

/// Stripes, and discs that go round.
const SCENE: &str = "
@fragment
fn color(corner: Corner) -> @location(0) vec4<f32> {
    let at = corner.position.xy;
    let stripe = step(0.75, fract((at.x + at.y) / 16.0));
    var light = mix(vec3<f32>(0.02, 0.04, 0.1), vec3<f32>(0.05, 0.2, 0.3), stripe);
    var colors = array<vec3<f32>, 3>(
        vec3<f32>(0.9, 0.1, 0.05), vec3<f32>(0.9, 0.7, 0.1), vec3<f32>(0.1, 0.7, 0.3),
    );
    for (var disc = 0u; disc < 9u; disc++) {
        let angle = 0.06 * f32(corner.number) + 0.6981317 * f32(disc);
        let centre = vec2<f32>(160.0, 120.0) + vec2<f32>(105.0, 80.0) * vec2<f32>(cos(angle), sin(angle));
        let inside = clamp(24.0 - distance(at, centre), 0.0, 1.0);
        light = mix(light, colors[disc % 3u], inside);
    }
    return vec4<f32>(light, 1.0);
}
";

/// A tint, a rim, and a few lines that stand for text.
const PANEL: &str = "
@fragment
fn color(corner: Corner) -> @location(0) vec4<f32> {
    let at = corner.position.xy - vec2<f32>(60.0, 50.0);
    let rim = min(min(at.x, at.y), min(200.0 - at.x, 140.0 - at.y));
    let line = u32(at.y - 20.0) / 20u;
    let is_text = at.x > 20.0 && at.x < 160.0 - f32(line * 37u % 60u) && at.y > 20.0 && at.y < 120.0
        && u32(at.y) % 20u < 7u;
    return vec4<f32>(1.0, 1.0, 1.0, select(select(0.08, 0.85, is_text), 0.5, rim < 2.0));
}
";

fn main() -> Result<(), Box<dyn Error>> {
    let output = env::args_os().nth(1).map(PathBuf::from);
    let output = output.unwrap_or_else(|| env::temp_dir().join("backdrop.png"));

    // An application brings its own device: `Convolver::with_device`.
    let convolver = Convolver::new();
    let gpu = convolver.gpu()?;
    let (device, queue) = (gpu.device(), gpu.queue());
    let format = TextureFormat::Rgba8UnormSrgb;
    let drawn_and_read = TextureUsages::RENDER_ATTACHMENT | TextureUsages::TEXTURE_BINDING;
    let frame = frames::texture(device, format, SIZE, drawn_and_read | TextureUsages::COPY_SRC);
    let view = frame.create_view(&Default::default());
    let (scene, panel) =
        (frames::fills(device, format, SCENE), frames::fills(device, format, PANEL));

    // What is behind the panel, with what is around it: as a part of a blur of all.
    let behind = GpuTexture::new(&frame).origin(ORIGIN).size(EXTENT).reads_beyond(true);
    let blur = convolver.texture_blur(SIGMA, Boundary::Nearest)?;
    blur.prepare(behind, behind)?;
    println!("{:?}", blur.cost(SIGMA, behind, behind)?);

    let mut strip = RgbaImage::new(4 * SIZE[0], SIZE[1]);
    let mut open = gpu.counts();
    for number in 0..2 * FRAMES {
        if number == FRAMES {
            open = gpu.counts();
        }
        // To the open panel and back, through other sigmas.
        let phase = f64::from(number) / f64::from(FRAMES - 1);
        let sigma = SIGMA * phase.min(2.0 - phase).max(0.0);
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = frames::draw_to(&mut encoder, &view);
        pass.set_pipeline(&scene);
        pass.draw(0..3, number..number + 1);
        drop(pass);
        blur.encode(&mut encoder, sigma, behind, behind)?;
        let mut pass = frames::draw_to(&mut encoder, &view);
        pass.set_pipeline(&panel);
        let ([x, y], [width, height]) = (ORIGIN, EXTENT);
        pass.set_scissor_rect(x, y, width, height);
        pass.draw(0..3, 0..1);
        drop(pass);
        queue.submit([encoder.finish()]);
        if number < FRAMES && number % 5 == 0 {
            let shown = frames::picture(device, queue, &frame)?;
            strip.copy_from(&shown, number / 5 * SIZE[0], 0)?;
        }
    }

    let closed = gpu.counts();
    println!(
        "as it closed, {FRAMES} frames took {} dispatches and {} draws, and made {} pipelines, buffers, textures and bindings",
        closed.dispatches - open.dispatches,
        closed.draws - open.draws,
        closed.made() - open.made()
    );
    strip.save(&output)?;
    println!("{}", output.display());
    Ok(())
}
