//! Filters of textures in the caller's frame: of any size, with a kernel that may change.

mod blur;
mod job;
mod taps;

use ndarray::{ArcArray2, Ix2};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::element::DType;
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::convolver::Convolver;
use crate::gpu::GpuTexture;
use crate::gpu::context::Context;
use crate::gpu::on_textures::OnTextures;
use crate::gpu::texture::ViewKey;
use crate::kernel::Kernel;
use crate::plan::gpu::launch::Launch;
use crate::plan::gpu::schedule::Schedule;
use crate::plan::gpu::textures::Designs;
use crate::plan::{Plan, Recipe, Request};
use crate::problem::geometry::Geometry;
use crate::problem::{Options, Problem};
use crate::prove::check::Check;
use crate::util::lru::LruCache;
use crate::words::{Device, Method};

pub use blur::TextureBlur;
pub use job::TextureCost;
pub use taps::TextureKernel;
use taps::{Weighing, designs, searched, sum};

/// A filter of textures, recorded into the caller's command encoder: nothing is submitted, and nothing
/// waited for.
///
/// Made by [`FilterBuilder::for_textures`]. It filters textures, and rectangles of textures, of any size and
/// format; the method is what was best for the size that was named. `Send` and `Sync`: threads may record
/// with one filter at the same time, and no lock is held while something is compiled or recorded.
///
/// **What it costs.** The first call for a format compiles pipelines, which takes some ten milliseconds;
/// [`TextureFilter::prepare`] does so ahead of time. A size that no other filter of the device has had yet
/// may take larger buffers of its own, where a method has need of these ([`TextureFilter::cost`] says so):
/// all filters of a device share them. After that nothing is compiled or allocated, whatever size,
/// rectangle and taps the next call has: [`GpuDevice::counts`](crate::GpuDevice::counts) tells.
///
/// | format of the destination | usage | how it is written |
/// | --- | --- | --- |
/// | `Rgba8Unorm`, `Rgba16Float`, `R32Float`, `Rgba32Float`; `Bgra8Unorm` with `BGRA8UNORM_STORAGE` | `STORAGE_BINDING` | stored by the method itself: one dispatch where the method has one |
/// | these, and all others that can be drawn to and are floating-point numbers to a shader: `Rgba8UnormSrgb`, `Bgra8UnormSrgb`, `Rg11b10Ufloat`, `Rgb10a2Unorm`, `R8Unorm`, `Rg16Float`, ... | `RENDER_ATTACHMENT` | drawn from a texture of half precision (single, where a channel has more than 8 bits and is no half): one draw more |
///
/// A source has usage `TEXTURE_BINDING` and any format whose texels are floating-point numbers to a shader.
/// What is filtered is what a shader sees: channels that a format has not are 0, alpha is 1. A destination
/// of one channel gets the first; one without alpha goes without.
pub struct TextureFilter {
    convolver: Convolver,
    /// No other filter of this process has the same.
    id: u64,
    /// Height and width of the kernel.
    shape: [usize; 2],
    kernel: Kernel<f32>,
    /// Of all taps.
    sum: f64,
    /// Its taps on coarser grids, where it runs there.
    designs: Option<Designs>,
    options: Options<f32>,
    request: Request,
    /// The device that was asked for.
    asked: Device,
    size: [usize; 2],
    /// By device.
    planned: LruCache<u64, Arc<Planned>>,
}

/// The method on one device.
struct Planned {
    context: Arc<Context>,
    schedule: Schedule,
    /// Expected of each output.
    seconds: f64,
    on: OnTextures,
    /// Views of our own of the caller's textures.
    views: LruCache<ViewKey, wgpu::TextureView>,
}

/// Views that are kept for one filter: of some frames in flight, each of which may use it in many places.
const VIEWS: usize = 128;

impl FilterBuilder<f32, Ix2> {
    /// Plans for textures, the method as is best for such of this height and width; any size can be
    /// filtered.
    ///
    /// ```no_run
    /// # fn frame(device: convolve::wgpu::Device, queue: convolve::wgpu::Queue,
    /// #     scene: convolve::wgpu::Texture, blurred: convolve::wgpu::Texture) -> convolve::Result<()> {
    /// use convolve::{Boundary, Convolver, filters};
    ///
    /// let convolver = Convolver::with_device(device.clone(), queue.clone())?;
    /// let blur = convolver.filter(&filters::gaussian::<f32>(2.0)?).boundary(Boundary::Nearest);
    /// let blur = blur.for_textures((1080, 1920))?;
    /// blur.prepare(&scene, &blurred)?; // compiles, at a time that suits
    ///
    /// let mut encoder = device.create_command_encoder(&Default::default());
    /// blur.encode(&mut encoder, &scene, &blurred)?;
    /// queue.submit([encoder.finish()]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`FilterBuilder::for_shape`]; [`Error::NoDevice`] where there is no GPU;
    /// [`Error::Inadmissible`] where the CPU or checks were asked for, or the GPU cannot do this.
    pub fn for_textures(&self, (height, width): (usize, usize)) -> Result<TextureFilter> {
        let filter = TextureFilter::new(
            self.convolver.clone(),
            self.kernel.clone()?,
            self.options.clone(),
            self.request,
            [height, width],
        )?;
        if self.check != Check::Nothing {
            let reason = "results in textures are not there yet when a call returns";
            return Err(Error::Inadmissible { wanted: "check".into(), reason: reason.into() });
        }
        filter.planned()?;
        Ok(filter)
    }
}

impl TextureFilter {
    pub(in crate::face) fn new(
        convolver: Convolver,
        given: ArcArray2<f32>,
        options: Options<f32>,
        request: Request,
        size: [usize; 2],
    ) -> Result<Self> {
        let (height, width) = given.dim();
        Self::of([height, width], convolver, options, request, size, |options, request| {
            let kernel = searched(&given, options, request)?;
            let sum = sum(&kernel.taps);
            Ok((kernel, sum))
        })
    }

    /// The same for one outer product of this row and itself.
    fn of_row(
        convolver: Convolver,
        row: Vec<f32>,
        options: Options<f32>,
        request: Request,
        size: [usize; 2],
    ) -> Result<Self> {
        let request = Request { method: Method::Separable, ..request };
        Self::of([row.len(); 2], convolver, options, request, size, |_, _| {
            let sum = sum(&row).powi(2);
            Ok((Kernel::of_factors(vec![row; 2]), sum))
        })
    }

    fn of(
        shape: [usize; 2],
        convolver: Convolver,
        options: Options<f32>,
        request: Request,
        size: [usize; 2],
        kernel: impl FnOnce(&Options<f32>, Request) -> Result<(Kernel<f32>, f64)>,
    ) -> Result<Self> {
        if request.device == Device::Cpu {
            let (wanted, reason) = ("device cpu".into(), "textures are on the GPU".into());
            return Err(Error::Inadmissible { wanted, reason });
        }
        let method = match request.method {
            Method::Measured => Method::Auto,
            asked => asked,
        };
        let asked = request.device;
        // A tolerance in levels is one of 255 between 0 and 1, and what stands outside.
        let boundary = options.boundary.resolve("boundary", 2)?;
        let outside = || boundary.iter().map(|boundary| 255.0 * f64::from(boundary.value()));
        let levels = [outside().fold(0.0, f64::min), outside().fold(255.0, f64::max)];
        let (device, levels) = (Device::Gpu, request.tolerance.and(Some(levels)));
        let request = Request { method, device, resident: true, levels, ..request };
        request.check_tolerance()?;
        let (kernel, sum) = kernel(&options, request)?;
        let designs = designs(&kernel, &options, request)?;
        static IDS: AtomicU64 = AtomicU64::new(0);
        let (id, planned) = (IDS.fetch_add(1, Ordering::Relaxed), LruCache::new(2));
        Ok(Self {
            convolver,
            id,
            shape,
            kernel,
            sum,
            designs,
            options,
            request,
            asked,
            size,
            planned,
        })
    }

    /// What is dispatched for textures of the size that was named, why, and what one channel of it should
    /// cost; under a tolerance, where nothing runs on a coarser grid ([`TextureFilter::is_coarse`]).
    ///
    /// # Errors
    /// Those of [`FilterBuilder::for_textures`].
    pub fn plan(&self) -> Result<Plan> {
        let problem = problem(self.size, self.shape(), &self.options)?;
        let method = match self.request.method {
            // Where a texture is too small for that.
            Method::Coarse => Method::Separable,
            asked => asked,
        };
        // A schedule for whatever runs on no coarser grid.
        let request = Request { method, tolerance: None, levels: None, ..self.request };
        self.convolver.plan(&problem, &self.kernel.facts, request)
    }

    /// Whether the kernel runs on a coarser grid, as a tolerance allows
    /// ([`FilterBuilder::tolerance`]): textures of four channels that are large enough for it then do.
    pub fn is_coarse(&self) -> bool {
        self.designs.is_some()
    }

    /// Height and width of the kernel.
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// What there is on the device that is there now.
    fn planned(&self) -> Result<Arc<Planned>> {
        let context = self.convolver.devices().gpu_context()?;
        // A caller's device is not asked in every frame: one that is lost takes whatever is recorded.
        context.check_known()?;
        self.planned.get(context.id, |_| {
            let plan = self.plan()?;
            let (recipe, cost) =
                plan.chosen().admitted().expect("a plan chooses what is admissible");
            let Recipe::Gpu(schedule) = recipe else {
                return Err(Error::gpu_internal("a plan for the GPU is one for the CPU"));
            };
            let outputs = plan.problem.output.iter().product::<usize>();
            Ok(Arc::new(Planned {
                schedule: self.unfolded(schedule, &plan.problem, &context)?,
                views: LruCache::new(VIEWS),
                seconds: cost.work / outputs as f64,
                on: OnTextures::new(context.clone()),
                context: context.clone(),
            }))
        })
    }

    /// Blocks of transforms that a plan has chosen for folded axes, along both axes of a texture; any other
    /// schedule as it is.
    fn unfolded(
        &self,
        schedule: &Schedule,
        problem: &Problem,
        context: &Context,
    ) -> Result<Schedule> {
        if schedule.block().is_none() {
            return Ok(schedule.clone());
        }
        let (gpu, model) = (context.capabilities(), self.convolver.cost_model());
        let geometry = Geometry { axes: problem.axes.clone() };
        let blocks = Launch::blocks(DType::F32, &geometry, &gpu).map_err(Error::gpu_memory)?;
        let schedules = blocks.into_iter().map(|block| {
            let schedule = Schedule::fft(DType::F32, &geometry, block, &gpu)?;
            let cost = model.gpu(DType::F32, &geometry, &schedule, &gpu).total();
            Ok::<_, String>((schedule, cost))
        });
        let best = schedules.flatten().min_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map(|(schedule, _)| schedule).ok_or_else(|| Error::Inadmissible {
            wanted: "method fft".into(),
            reason: "no block holds the kernel along both axes of a texture".into(),
        })
    }

    /// Its own kernel.
    fn own(&self) -> Weighing<'_> {
        Weighing {
            kernel: &self.kernel,
            sum: self.sum,
            designs: self.designs.as_ref(),
            changed: false,
        }
    }

    /// Makes what the first call from such a texture to such another one would have to, and records nothing:
    /// pipelines above all, and for these two what binds them.
    ///
    /// # Errors
    /// Those of [`TextureFilter::encode`].
    pub fn prepare<'a>(
        &self,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<()> {
        self.prepare_taps(self.own(), source.into(), destination.into())
    }

    /// The same for such taps.
    fn prepare_taps(
        &self,
        taps: Weighing,
        source: GpuTexture,
        destination: GpuTexture,
    ) -> Result<()> {
        let planned = self.planned()?;
        let fine = taps.designs.map(|_| taps.but_fine());
        // What is too small for a coarser grid runs otherwise.
        for taps in fine.into_iter().chain([taps]) {
            self.job(&planned, source, destination, taps)?.prepare(&planned)?;
            // Nobody submits it.
            let mut encoder = planned.context.device.create_command_encoder(&Default::default());
            self.encode_taps(&mut encoder, taps, source, destination)?;
        }
        Ok(())
    }

    /// What a call from this texture to that one dispatches and moves.
    ///
    /// # Errors
    /// Those of [`TextureFilter::encode`].
    pub fn cost<'a>(
        &self,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<TextureCost> {
        self.cost_of(self.own(), source.into(), destination.into())
    }

    /// The same with such taps.
    fn cost_of(
        &self,
        taps: Weighing,
        source: GpuTexture,
        destination: GpuTexture,
    ) -> Result<TextureCost> {
        let planned = self.planned()?;
        Ok(self.job(&planned, source, destination, taps)?.cost())
    }

    /// Records the convolution of every channel of a texture into the caller's command encoder.
    ///
    /// Each end is one mip level of one layer, or a rectangle of it: a texture, a view of one, or a
    /// [`GpuTexture`], which says which part, and what its texels mean. The result has the size that the
    /// mode makes of the source's. Values, and a boundary's constants, are what a shader sees: 0 to 1 in
    /// the `unorm` formats, which clamp what is written. Source and destination may be one texture where
    /// that can be drawn to.
    ///
    /// **Alpha and light.** Alpha is a channel like the others, so premultiplied colours blur as they should.
    /// [`GpuTexture::alpha`] says of either texture that its colours are straight: they are multiplied as they
    /// are read, and divided as they are written. A view in an sRGB format is decoded as it is read and
    /// encoded as it is drawn, so the filter works in linear light, as a blur should; [`GpuTexture::light`]
    /// does the same for levels in other formats. With neither the filter works on the numbers that are
    /// stored, as most picture editors do. A boundary's constants are what is filtered: light, times alpha.
    ///
    /// Views are best kept by the caller from frame to frame, because bind groups are kept by view. The last
    /// 64 that were recorded, and with them their textures, stay until others take their place or the filter
    /// goes. What is recorded may be submitted from any thread, and when the filter is gone.
    ///
    /// # Errors
    /// Those of [`FilterBuilder::for_textures`]; [`Error::GpuMisuse`] where a texture's size, format or
    /// usage is another one, or where it is on another device (whose handler of uncaptured errors hears
    /// of it too, and panics unless the application has set one); [`Error::DeviceLost`];
    /// [`Error::GpuMemory`] where there is no memory for what is between two passes;
    /// [`Error::Inadmissible`] where the work is expected to take more than two seconds, after which
    /// drivers reset a GPU, on one that is no software and was not asked for by name
    /// ([`Device::Gpu`]). Nothing of an error is in the encoder, and none waits. Of encoders wgpu does not
    /// tell: one of another device is an error of its own when it is finished.
    pub fn encode<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<()> {
        self.encode_taps(encoder, self.own(), source.into(), destination.into())
    }

    /// [`TextureFilter::encode`] with these taps in place of the filter's own. The same pipelines run, and
    /// nothing is compiled.
    ///
    /// ```no_run
    /// # fn frame(blur: convolve::TextureFilter, encoder: &mut convolve::wgpu::CommandEncoder,
    /// #     scene: convolve::wgpu::Texture, blurred: convolve::wgpu::Texture) -> convolve::Result<()> {
    /// // Planned for 17 x 17 taps.
    /// let taps = convolve::filters::Gaussian::new(1.7).radius(8).kernel::<f32>()?;
    /// blur.encode_with(encoder, &blur.kernel(&taps)?, &scene, &blurred)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`TextureFilter::encode`], and [`Error::Shape`] where the taps were made for a filter with
    /// another shape; [`Error::Inadmissible`] where they were made by another filter.
    pub fn encode_with<'a>(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        taps: &TextureKernel,
        source: impl Into<GpuTexture<'a>>,
        destination: impl Into<GpuTexture<'a>>,
    ) -> Result<()> {
        if taps.shape != self.shape() {
            let (expected, got) = (self.shape().into(), taps.shape.into());
            return Err(Error::Shape { what: "kernel", expected, got });
        }
        if taps.filter != self.id {
            return Err(Error::Inadmissible {
                wanted: "taps in a texture's filter".into(),
                reason:
                    "they were made by another filter: expected TextureFilter::kernel of this one"
                        .into(),
            });
        }
        self.encode_taps(encoder, taps.own(), source.into(), destination.into())
    }
}

/// The problem of textures of this size, on all of which it is posed.
fn problem(size: [usize; 2], kernel: [usize; 2], options: &Options<f32>) -> Result<Problem> {
    let problem = Problem::new(&size, &kernel, options)?;
    if problem.swapped {
        return Err(Error::Inadmissible {
            wanted: "mode valid".into(),
            reason: "the kernel is larger than the texture: the two change places, and a texture cannot be \
                     a kernel"
                .into(),
        });
    }
    Ok(problem.uncut())
}

impl std::fmt::Debug for TextureFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { options, request, size, .. } = self;
        f.debug_struct("TextureFilter")
            .field("kernel", &self.shape())
            .field("options", options)
            .field("request", request)
            .field("size", size)
            .finish_non_exhaustive()
    }
}
