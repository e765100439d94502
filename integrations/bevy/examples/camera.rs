//! A photograph behind glass: one camera blurs what it sees, a second one draws over it. Without a window.
//!
//! `cargo run --example camera -- [OUT]`

use std::env;
use std::error::Error;
use std::path::PathBuf;

use bevy::app::PluginsState;
use bevy::asset::RenderAssetUsages;
use bevy::camera::RenderTarget;
use bevy::camera::visibility::RenderLayers;
use bevy::prelude::*;
use bevy::render::gpu_readback::{Readback, ReadbackComplete};
use bevy::render::render_resource::{Extent3d, TextureDimension, TextureFormat, TextureUsages};
use bevy::render::{RenderApp, RenderPlugin};
use bevy::window::ExitCondition;
use convolve_bevy::{Blur, BlurPlugin, Gaussian};
use image::RgbaImage;

const LARGEST_SIGMA: f32 = 8.0;
/// The first few are drawn before the textures are there.
const FRAMES: usize = 12;

#[derive(Resource)]
struct Photo(RgbaImage);

/// What the target held when it was last read.
#[derive(Resource, Default)]
struct Shown(Vec<u8>);

fn main() -> Result<(), Box<dyn Error>> {
    let output = env::args_os().nth(1).map(PathBuf::from);
    let output = output.unwrap_or_else(|| env::temp_dir().join("bevy_camera.png"));
    let photo = concat!(env!("CARGO_MANIFEST_DIR"), "/../../assets/chelsea.png");
    // Rows of what is read back are a multiple of 256 bytes.
    let photo = image::open(photo)?.crop_imm(70, 30, 320, 240).into_rgba8();
    let (width, height) = photo.dimensions();

    let window =
        WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..default() };
    let render = RenderPlugin { synchronous_pipeline_compilation: true, ..default() };
    let mut app = App::new();
    app.add_plugins(DefaultPlugins.set(window).set(render))
        .add_plugins(BlurPlugin { largest_sigma: LARGEST_SIGMA })
        .insert_resource(Photo(photo))
        .init_resource::<Shown>()
        .add_systems(Startup, scene)
        .add_systems(Update, animate);
    while app.plugins_state() == PluginsState::Adding {
        std::thread::yield_now();
    }
    app.finish();
    app.cleanup();

    let mut made = Vec::new();
    for _ in 0..FRAMES {
        app.update();
        let gaussian = app.sub_app(RenderApp).world().get_resource::<Gaussian>();
        made.push(gaussian.ok_or("there is no GPU")?.convolver.gpu()?.counts().made());
    }
    println!("pipelines, buffers, textures and bindings after each frame: {made:?}");
    let shown = std::mem::take(&mut app.world_mut().resource_mut::<Shown>().0);
    let shown = RgbaImage::from_raw(width, height, shown).ok_or("nothing was read back")?;
    shown.save(&output)?;
    println!("{}", output.display());
    Ok(())
}

fn scene(mut commands: Commands, mut images: ResMut<Assets<Image>>, photo: Res<Photo>) {
    let (width, height) = photo.0.dimensions();
    let (format, usage) = (TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::all());
    let extent = Extent3d { width, height, depth_or_array_layers: 1 };
    let samples = photo.0.as_raw().clone();
    let photo = images.add(Image::new(extent, TextureDimension::D2, samples, format, usage));
    let mut target = Image::new_target_texture(width, height, format, None);
    target.texture_descriptor.usage |= TextureUsages::COPY_SRC;
    let target = images.add(target);

    // The second camera would draw on the samples of the first one, which are not blurred.
    let msaa = Msaa::Off;
    let shown = RenderTarget::Image(target.clone().into());
    commands.spawn((Camera2d, msaa, shown.clone(), Blur { sigma: 0.0 }));
    commands.spawn(Sprite::from_image(photo.clone()));
    // Over it, and sharp: a part of the same photograph.
    let over = RenderLayers::layer(1);
    commands.spawn((
        Camera2d,
        Camera { order: 1, clear_color: ClearColorConfig::None, ..default() },
        msaa,
        shown,
        over.clone(),
    ));
    let size = Vec2::new(130.0, 90.0);
    let centre = Vec2::new(width as f32, height as f32) / 2.0;
    let rect = Some(Rect::from_center_size(centre, size));
    commands.spawn((Sprite { image: photo, rect, ..default() }, over));

    let read = |event: On<ReadbackComplete>, mut shown: ResMut<Shown>| {
        shown.0.clone_from(&event.data);
    };
    commands.spawn(Readback::texture(target)).observe(read);
}

/// More with each frame.
fn animate(mut blurs: Query<&mut Blur>) {
    for mut blur in &mut blurs {
        blur.sigma = (blur.sigma + 1.0).min(LARGEST_SIGMA);
    }
}
