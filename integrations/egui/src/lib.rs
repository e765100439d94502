//! Blurs what is behind a panel of egui, with `convolve` on egui's own device.
//!
//! egui paints in one render pass, which cannot read what it paints on. So the application draws its picture
//! first (a scene, a video, a photograph), into a texture of the screen's size that shaders can read. Before
//! egui's pass the part behind each panel is blurred into a texture of the panel's, and in the pass that is
//! painted below the panel's content. What egui itself has painted behind the panel is not in it.
//!
//! ```no_run
//! # fn frame(context: &egui::Context, renderer: &mut egui_wgpu::Renderer, device: &wgpu::Device,
//! #     queue: &wgpu::Queue, picture: &wgpu::Texture) -> convolve::Result<()> {
//! use convolve_egui::{Backdrop, glass};
//!
//! // Once.
//! let options = egui_wgpu::RendererOptions::default();
//! Backdrop::install(renderer, device, queue, wgpu::TextureFormat::Bgra8Unorm, options, 16.0)?;
//! // In each frame, before `Renderer::update_buffers`.
//! Backdrop::show(renderer, picture);
//! egui::Area::new(egui::Id::unique("panel")).show(context, |ui| {
//!     let frame = egui::Frame::window(ui.style()).fill(egui::Color32::from_white_alpha(24));
//!     glass(ui, frame, 12.0, |ui| ui.label("on frosted glass"));
//! });
//! // After it: what went wrong, if anything did.
//! if let Some(error) = Backdrop::take_error(renderer) {
//!     eprintln!("{error}");
//! }
//! # Ok(()) }
//! ```

use std::collections::HashMap;

use convolve::{Boundary, Convolver, GpuTexture, Light, Result, TextureBlur};
use egui::{Id, InnerResponse, PaintCallbackInfo, Rect, Shape, Ui};
use egui_wgpu::{
    Callback, CallbackResources, CallbackTrait, Renderer, RendererOptions, ScreenDescriptor,
};

/// What is blurred, and what paints it. One of a renderer, among its `callback_resources`.
pub struct Backdrop {
    convolver: Convolver,
    blur: TextureBlur,
    pipeline: wgpu::RenderPipeline,
    picture: Option<wgpu::Texture>,
    panels: HashMap<Id, Panel>,
    error: Option<convolve::Error>,
}

/// The blurred part of the picture behind a panel.
struct Panel {
    blurred: wgpu::Texture,
    bindings: wgpu::BindGroup,
    /// Painted since the picture was shown.
    is_used: bool,
}

impl Backdrop {
    /// Makes a renderer ready for panels of glass, with sigmas up to `largest_sigma` pixels; larger ones
    /// are taken for that.
    ///
    /// `target` and `options` are those that the renderer was made with.
    ///
    /// # Errors
    /// Those of [`Convolver::with_device`] and [`Convolver::texture_blur`].
    pub fn install(
        renderer: &mut Renderer,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        target: wgpu::TextureFormat,
        options: RendererOptions,
        largest_sigma: f64,
    ) -> Result<()> {
        let convolver = Convolver::with_device(device.clone(), queue.clone())?;
        let blur = convolver.texture_blur(largest_sigma, Boundary::Mirror)?;
        renderer.callback_resources.insert(Self {
            convolver,
            blur,
            pipeline: pipeline(device, target, options),
            picture: None,
            panels: HashMap::new(),
            error: None,
        });
        Ok(())
    }

    /// The picture behind the panels of this frame: of the screen's size in pixels, with usage
    /// `TEXTURE_BINDING`. What is on the screen under egui, not yet blurred.
    ///
    /// Textures of panels that the last frame had not are let go.
    pub fn show(renderer: &mut Renderer, picture: &wgpu::Texture) {
        if let Some(backdrop) = renderer.callback_resources.get_mut::<Self>() {
            backdrop.picture = Some(picture.clone());
            backdrop.panels.retain(|_, panel| std::mem::take(&mut panel.is_used));
        }
    }

    /// Why a panel could not be blurred since this was last asked; it has no backdrop then.
    pub fn take_error(renderer: &mut Renderer) -> Option<convolve::Error> {
        renderer.callback_resources.get_mut::<Self>()?.error.take()
    }

    /// The convolver on egui's device, for other filters, and for what was made and recorded there.
    pub fn convolver(renderer: &Renderer) -> Option<&Convolver> {
        Some(&renderer.callback_resources.get::<Self>()?.convolver)
    }

    /// Records the blur of what is behind a panel.
    fn record(
        &mut self,
        device: &wgpu::Device,
        encoder: &mut wgpu::CommandEncoder,
        glass: &Glass,
        screen: &ScreenDescriptor,
    ) -> Result<()> {
        let place = glass.rect_in_pixels(screen);
        let (Some(picture), Some((origin, size))) = (&self.picture, place) else { return Ok(()) };
        // As a part of a blur of all: what is beside the panel shines in.
        let behind = GpuTexture::new(picture).origin(origin).size(size).reads_beyond(true);
        let behind = behind.light(Light::Linear);
        if self.panels.get(&glass.id).is_none_or(|panel| panel.size() != size) {
            let panel = Panel::new(device, &self.pipeline, size);
            // Later frames may have any sigma.
            self.blur.prepare(behind, &panel.blurred)?;
            self.panels.insert(glass.id, panel);
        }
        let panel = self.panels.get_mut(&glass.id).expect("it is there now");
        panel.is_used = true;
        let sigma = glass.sigma * f64::from(screen.pixels_per_point);
        let sigma = sigma.min(self.blur.largest_sigma());
        self.blur.encode(encoder, sigma, behind, &panel.blurred)
    }
}

impl Panel {
    fn new(
        device: &wgpu::Device,
        pipeline: &wgpu::RenderPipeline,
        [width, height]: [u32; 2],
    ) -> Self {
        let blurred = device.create_texture(&wgpu::TextureDescriptor {
            label: Some("glass"),
            size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            // Light, in as many steps as shadows need.
            format: wgpu::TextureFormat::Rgba16Float,
            usage: wgpu::TextureUsages::STORAGE_BINDING | wgpu::TextureUsages::TEXTURE_BINDING,
            view_formats: &[],
        });
        let view = blurred.create_view(&Default::default());
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("glass"),
            layout: &pipeline.get_bind_group_layout(0),
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::TextureView(&view),
            }],
        });
        Self { blurred, bindings, is_used: false }
    }

    fn size(&self) -> [u32; 2] {
        [self.blurred.width(), self.blurred.height()]
    }
}

/// A frame with content, on glass: what [`Backdrop::show`] was given is blurred behind it, by `sigma` points.
///
/// The frame's fill is the tint of the glass. It has one radius at all corners, that of its upper left one.
pub fn glass<R>(
    ui: &mut Ui,
    frame: egui::Frame,
    sigma: f64,
    content: impl FnOnce(&mut Ui) -> R,
) -> InnerResponse<R> {
    // The size is known once there is content.
    let behind = ui.painter().add(Shape::Noop);
    let margin = frame.outer_margin;
    let shown = frame.show(ui, content);
    let rect = shown.response.rect - margin;
    let glass = Glass { id: shown.response.id, rect, sigma, radius: frame.corner_radius.nw };
    ui.painter().set(behind, Callback::new_paint_callback(rect, glass));
    shown
}

/// The paint callback of one panel.
struct Glass {
    id: Id,
    /// In points, as all here.
    rect: Rect,
    sigma: f64,
    radius: u8,
}

impl Glass {
    /// Column and row that it begins at, width and height: of what is on the screen, as egui rounds it.
    fn rect_in_pixels(&self, screen: &ScreenDescriptor) -> Option<([u32; 2], [u32; 2])> {
        let info = PaintCallbackInfo {
            viewport: self.rect,
            clip_rect: self.rect,
            pixels_per_point: screen.pixels_per_point,
            screen_size_px: screen.size_in_pixels,
        };
        let pixels = info.viewport_in_pixels();
        let [x, y, width, height] =
            [pixels.left_px, pixels.top_px, pixels.width_px, pixels.height_px].map(|n| n as u32);
        (width > 0 && height > 0).then_some(([x, y], [width, height]))
    }
}

impl CallbackTrait for Glass {
    fn prepare(
        &self,
        device: &wgpu::Device,
        _queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        encoder: &mut wgpu::CommandEncoder,
        resources: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(backdrop) = resources.get_mut::<Backdrop>()
            && let Err(error) = backdrop.record(device, encoder, self, screen)
        {
            backdrop.panels.remove(&self.id);
            backdrop.error = Some(error);
        }
        Vec::new()
    }

    fn paint(
        &self,
        info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        resources: &CallbackResources,
    ) {
        let Some(backdrop) = resources.get::<Backdrop>() else { return };
        let Some(panel) = backdrop.panels.get(&self.id) else { return };
        let radius = (f32::from(self.radius) * info.pixels_per_point).round() as u32;
        pass.set_pipeline(&backdrop.pipeline);
        pass.set_bind_group(0, &panel.bindings, &[]);
        // The number of the instance is the radius.
        pass.draw(0..3, radius..radius + 1);
    }
}

fn pipeline(
    device: &wgpu::Device,
    format: wgpu::TextureFormat,
    options: RendererOptions,
) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::include_wgsl!("glass.wgsl"));
    // An sRGB target encodes what is drawn; egui draws levels to others.
    let encodes = f64::from(u8::from(!format.is_srgb()));
    let target = wgpu::ColorTargetState {
        format,
        blend: Some(wgpu::BlendState::PREMULTIPLIED_ALPHA_BLENDING),
        write_mask: wgpu::ColorWrites::ALL,
    };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("glass"),
        layout: None,
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: Default::default(),
            buffers: &[],
        },
        primitive: Default::default(),
        depth_stencil: options.depth_stencil_format.map(|format| wgpu::DepthStencilState {
            format,
            depth_write_enabled: Some(false),
            depth_compare: Some(wgpu::CompareFunction::Always),
            stencil: Default::default(),
            bias: Default::default(),
        }),
        multisample: wgpu::MultisampleState {
            count: options.msaa_samples.max(1),
            ..Default::default()
        },
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some("color"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("encodes", encodes)],
                ..Default::default()
            },
            targets: &[Some(target)],
        }),
        multiview_mask: None,
        cache: None,
    })
}
