//! Blurs what a camera of bevy sees, with `convolve` on bevy's own device.
//!
//! The blur is a system of the schedules `Core2d` and `Core3d`, before tonemapping: it goes from one main
//! texture of the view to the other one, in bevy's command encoder. Cameras that come later draw over it.
//!
//! ```no_run
//! use bevy::prelude::*;
//! use convolve_bevy::{Blur, BlurPlugin};
//!
//! App::new()
//!     .add_plugins((DefaultPlugins, BlurPlugin { largest_sigma: 16.0 }))
//!     .add_systems(Startup, |mut commands: Commands| {
//!         commands.spawn((Camera2d, Blur { sigma: 8.0 }));
//!     })
//!     .run();
//! ```

use bevy::core_pipeline::tonemapping::tonemapping;
use bevy::core_pipeline::{Core2d, Core2dSystems, Core3d, Core3dSystems};
use bevy::log;
use bevy::prelude::*;
use bevy::render::extract_component::{ExtractComponent, ExtractComponentPlugin};
use bevy::render::renderer::{RenderContext, RenderDevice, RenderQueue, ViewQuery};
use bevy::render::view::ViewTarget;
use bevy::render::{RenderApp, RenderStartup};
use convolve::{Boundary, Convolver, TextureBlur};

/// On a camera: what it sees is blurred by a Gaussian.
///
/// It may change with each frame, and nothing is compiled or allocated for that. Main textures are drawn to;
/// with `CameraMainTextureUsages` that have `STORAGE_BINDING`, and a format that can be stored to (that of
/// `Hdr`), the last draw is saved.
///
/// With `Msaa` the samples of a view stay as they are, and a later camera without a clear colour draws on
/// those: give both `Msaa::Off`.
#[derive(Component, ExtractComponent, Clone, Copy, Debug)]
#[extract_app(RenderApp)]
pub struct Blur {
    /// In pixels of the camera's target, not negative.
    pub sigma: f32,
}

/// Adds [`Blur`].
#[derive(Clone, Copy, Debug)]
pub struct BlurPlugin {
    /// In pixels; a [`Blur`] with a larger sigma gets this one.
    pub largest_sigma: f32,
}

impl Plugin for BlurPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(ExtractComponentPlugin::<Blur>::default());
        let Some(render_app) = app.get_sub_app_mut(RenderApp) else { return };
        render_app
            .insert_resource(LargestSigma(f64::from(self.largest_sigma)))
            .add_systems(RenderStartup, start)
            .add_systems(Core2d, blur.in_set(Core2dSystems::PostProcess).before(tonemapping))
            .add_systems(Core3d, blur.in_set(Core3dSystems::PostProcess).before(tonemapping));
    }
}

#[derive(Resource)]
struct LargestSigma(f64);

/// The blur, and the convolver that it was made by.
#[derive(Resource)]
pub struct Gaussian {
    blur: TextureBlur,
    /// On bevy's device, for other filters and for counts of what was made there.
    pub convolver: Convolver,
}

/// Plans on bevy's device.
fn start(
    mut commands: Commands,
    largest: Res<LargestSigma>,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
) {
    let (device, queue) = (device.wgpu_device().clone(), wgpu::Queue::clone(&queue));
    let planned = Convolver::with_device(device, queue).and_then(|convolver| {
        let blur = convolver.texture_blur(largest.0, Boundary::Mirror)?;
        Ok(Gaussian { blur, convolver })
    });
    match planned {
        Ok(gaussian) => commands.insert_resource(gaussian),
        Err(error) => log::error!("no blur: {error}"),
    }
}

/// Records the blur of a view.
fn blur(
    view: ViewQuery<(&ViewTarget, &Blur)>,
    gaussian: Option<Res<Gaussian>>,
    mut prepared: Local<Option<wgpu::TextureFormat>>,
    mut context: RenderContext,
) {
    let Some(gaussian) = gaussian else { return };
    let (target, Blur { sigma }) = view.into_inner();
    let [source, destination]: [&wgpu::TextureView; 2] =
        [target.main_texture_view(), target.main_texture_other_view()];
    let Gaussian { blur, .. } = &*gaussian;
    let sigma = f64::from(*sigma).min(blur.largest_sigma());
    let format = Some(target.main_texture_format());
    // Later frames may have any sigma.
    let ready = match *prepared == format {
        true => Ok(()),
        false => blur.prepare(source, destination),
    };
    *prepared = format;
    let recorded =
        ready.and_then(|()| blur.encode(context.command_encoder(), sigma, source, destination));
    match recorded {
        // The other texture is what the view shows now.
        Ok(()) => {
            target.post_process_write();
        }
        // Nothing of it is in the encoder: the view stays as it is.
        Err(error) => log::error_once!("no blur: {error}"),
    }
}
