//! The devices of this process, and the one-line functions.

use ndarray::{Array, ArrayRef, Dimension};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::builder::FilterBuilder;
use crate::calibration::Model;
use crate::cpu::threads;
use crate::element::Element;
#[cfg(feature = "gpu")]
use crate::error::Error;
use crate::error::Result;
use crate::kernel::KernelFacts;
use crate::measured::{self, Known};
use crate::memory;
use crate::plan::{
    self, Capabilities, CostModel, Device, Gpu, GpuCapabilities, GpuSettings, InstructionSet,
    Method, Plan, Recipe, Request,
};
use crate::problem::{Mode, Problem};

#[cfg(feature = "gpu")]
use crate::gpu::{GpuDevice, context::Context, finder::Finder};

/// The devices that convolutions run on. Cheap to clone and to share between threads: clones
/// share devices and caches.
///
/// ```
/// use convolve::{Boundary, Convolver};
/// use ndarray::{Array2, arr2};
///
/// let picture = Array2::<f32>::ones((40, 60));
/// let cross = arr2(&[[0.0, 0.2, 0.0], [0.2, 0.2, 0.2], [0.0, 0.2, 0.0]]);
/// let convolver = Convolver::new();
/// let blur = convolver.filter(&cross).boundary(Boundary::Nearest).for_shape(picture.dim())?;
/// let blurred = blur.apply(&picture)?;
/// assert!((blurred[[0, 0]] - 1.0).abs() < 1e-6);
/// println!("{}", blur.plan());
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Convolver {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    threads: usize,
    instructions: InstructionSet,
    model: Model,
    gpu: GpuSource,
    spoil: Option<fn(&Recipe) -> Option<usize>>,
    times: Known,
}

#[derive(Debug)]
enum GpuSource {
    /// There is none, and why.
    Absent(&'static str),
    /// Looked for when first needed, and again after a loss.
    #[cfg(feature = "gpu")]
    Lazy(Finder),
    /// The caller's.
    #[cfg(feature = "gpu")]
    Given(Arc<Context>),
}

impl GpuSource {
    #[cfg(feature = "gpu")]
    fn lazy(settings: GpuSettings) -> Self {
        Self::Lazy(Finder::new(settings))
    }

    #[cfg(not(feature = "gpu"))]
    fn lazy(_: GpuSettings) -> Self {
        Self::Absent("this build has no GPU support (feature `gpu`)")
    }
}

/// Settings of a [`Convolver`].
#[derive(Clone, Debug, Default)]
pub struct ConvolverBuilder {
    threads: Option<usize>,
    instructions: Option<InstructionSet>,
    no_gpu: bool,
    gpu: GpuSettings,
    model: Option<CostModel>,
    uncalibrated: bool,
    spoil: Option<fn(&Recipe) -> Option<usize>>,
}

impl ConvolverBuilder {
    /// The most threads that one convolution uses on the CPU; as a rule, all there are.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// The widest vector instructions that the CPU's direct and separable methods use; as a rule,
    /// the widest that the machine has, and never wider ones.
    pub fn instructions(mut self, instructions: InstructionSet) -> Self {
        self.instructions = Some(instructions);
        self
    }

    /// Whether a GPU is looked for at all; as a rule, yes.
    pub fn gpu(mut self, gpu: bool) -> Self {
        self.no_gpu = !gpu;
        self
    }

    /// Memory that all buffers on the GPU together may take, in bytes; as a rule, 4 GiB. wgpu does
    /// not tell how much a device has.
    pub fn gpu_memory(mut self, bytes: u64) -> Self {
        self.gpu.memory = bytes;
        self
    }

    /// Whether shaders check every index and count every loop, as wgpu has them do by default; as a
    /// rule, no: every access is in range by construction. For those who doubt it; slower.
    pub fn checked_shaders(mut self, checked: bool) -> Self {
        self.gpu.checked_shaders = checked;
        self
    }

    /// Changes what the planner is told of the GPU, to see plans for other limits run. Nothing keeps
    /// anyone from promising what the device cannot do.
    #[doc(hidden)]
    pub fn adapt_gpu(mut self, adapt: fn(&mut GpuCapabilities)) -> Self {
        self.gpu.adapt = Some(adapt);
        self
    }

    /// Plants a wrong value into the results of recipes, at the output of this number, for tests of what
    /// must notice.
    #[doc(hidden)]
    pub fn spoil(mut self, spoil: fn(&Recipe) -> Option<usize>) -> Self {
        self.spoil = Some(spoil);
        self
    }

    /// What the planner expects each method to cost; as a rule, what a calibration of this machine
    /// has measured ([`Convolver::calibrate`]), and [`CostModel::default`] where there was none.
    pub fn cost_model(mut self, model: CostModel) -> Self {
        self.model = Some(model);
        self
    }

    /// Whether plans go by what calibrations of this machine have measured; as a rule, yes. Without,
    /// they are the same on every machine that has the same devices.
    pub fn calibrated(mut self, calibrated: bool) -> Self {
        self.uncalibrated = !calibrated;
        self
    }

    /// Where calibrations and compiled shaders are kept from process to process; with `None`,
    /// nowhere. As a rule, `convolve` in the user's cache directory, or where the environment
    /// variable `CONVOLVE_CACHE_DIR` says, which is nowhere if it is empty.
    pub fn cache_directory(mut self, directory: impl Into<Option<PathBuf>>) -> Self {
        self.gpu.cache = directory.into();
        self
    }

    /// The convolver. Nothing is started yet.
    pub fn build(self) -> Convolver {
        let gpu = match self.no_gpu {
            true => GpuSource::Absent("switched off"),
            false => GpuSource::lazy(self.gpu.clone()),
        };
        self.with_gpu(gpu)
    }

    /// The convolver, on the caller's device: see [`Convolver::with_device`].
    ///
    /// # Errors
    /// Those of [`Convolver::with_device`].
    #[cfg(feature = "gpu")]
    pub fn build_with_device(self, device: wgpu::Device, queue: wgpu::Queue) -> Result<Convolver> {
        let context = Context::of_caller(device, queue, &self.gpu)?;
        Ok(self.with_gpu(GpuSource::Given(Arc::new(context))))
    }

    fn with_gpu(self, gpu: GpuSource) -> Convolver {
        let threads = self.threads.unwrap_or_else(threads::available);
        let widest = InstructionSet::detect();
        let instructions = self.instructions.map_or(widest, |asked| asked.min(widest));
        let refined = self.model.is_none() && !self.uncalibrated;
        let model = self.model.unwrap_or_default();
        let model = Model::new(model, (threads, instructions), refined, self.gpu.cache);
        let (spoil, times) = (self.spoil, Known::new(measured::MOST));
        let shared = Shared { threads, instructions, model, gpu, spoil, times };
        Convolver { shared: Arc::new(shared) }
    }
}

impl Default for Convolver {
    fn default() -> Self {
        Self::builder().build()
    }
}

impl Convolver {
    /// All of the CPU, and a GPU if there is one. It is looked for when a convolution is planned
    /// that is large enough for one, so this never fails and costs nothing. After a device is lost,
    /// the next plan looks for one again.
    pub fn new() -> Self {
        Self::default()
    }

    /// Settings other than those of [`Convolver::new`].
    pub fn builder() -> ConvolverBuilder {
        ConvolverBuilder::default()
    }

    /// Runs on the caller's device. Its limits and features are used as they are, and its callbacks
    /// (for errors, and for its loss, of which a device has one) stay the caller's: that it is lost is
    /// found out by asking it for a little memory before and after each run.
    ///
    /// # Errors
    /// [`Error::Gpu`] where the device has no compute shaders.
    #[cfg(feature = "gpu")]
    pub fn with_device(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        Self::builder().build_with_device(device, queue)
    }

    /// A filter with this kernel: options and then a shape make it complete.
    pub fn filter<A: Element, D: Dimension>(&self, kernel: &ArrayRef<A, D>) -> FilterBuilder<A, D> {
        let kernel = memory::copied_array(kernel, "a copy of the kernel");
        FilterBuilder::new(self.clone(), kernel.map(Array::into_shared))
    }

    /// What this machine can do. Looks for a GPU.
    pub fn capabilities(&self) -> Capabilities {
        self.with_gpu(self.look_for_gpu())
    }

    fn with_gpu(&self, gpu: Gpu) -> Capabilities {
        let Shared { threads, instructions, .. } = *self.shared;
        Capabilities { threads, instructions, gpu }
    }

    /// A plan for a problem of which no data is there yet.
    ///
    /// # Errors
    /// [`Error::Inadmissible`](crate::Error::Inadmissible) where the request insists on something
    /// that cannot do it.
    pub fn plan(&self, problem: &Problem, kernel: &KernelFacts, request: Request) -> Result<Plan> {
        let model = &self.shared.model;
        let modest = self.with_gpu(Gpu::NotAsked);
        let designed = |on: &Capabilities| {
            plan::design(problem, kernel, on, &model.for_request(request, &on.gpu), request)
        };
        let gpu_could = request.device != Device::Cpu
            && request.precision.inside(problem.dtype) == problem.dtype.summed_in()
            && request.method != Method::Fft;
        if request.device != Device::Gpu && !request.resident {
            let plan = designed(&modest)?;
            let (dtype, runs) = (problem.dtype, request.runs);
            let any_gpu = model.of_any_gpu(request);
            let floors = any_gpu.iter().map(|gpu| gpu.gpu_floor(dtype, &plan.geometry, runs));
            let floor = floors.fold(f64::INFINITY, f64::min);
            let leeway = match request.method {
                Method::Measured => plan::TRIED_WITHIN,
                _ => 1.0,
            };
            if !gpu_could || leeway * plan.cost().total() <= floor {
                return Ok(plan);
            }
        }
        designed(&self.capabilities())
    }

    /// A plan for where the GPU has failed, for this reason.
    pub(crate) fn plan_on_cpu(&self, plan: &Plan, kernel: &KernelFacts, why: &str) -> Result<Plan> {
        let gpu = Gpu::Absent(format!("it failed, and the CPU took over: {why}"));
        let capabilities = self.with_gpu(gpu);
        let model = self.shared.model.for_request(plan.request, &capabilities.gpu);
        plan::design(&plan.problem, kernel, &capabilities, &model, plan.request)
    }

    /// What the planner expects each method to cost on this machine. Looks for a GPU.
    pub fn cost_model(&self) -> CostModel {
        self.shared.model.with(&self.look_for_gpu())
    }

    /// What was measured for [`Method::Measured`].
    pub(crate) fn known_times(&self) -> &Known {
        &self.shared.times
    }

    /// Where a wrong value is wanted.
    pub(crate) fn spoils(&self, recipe: &Recipe) -> Option<usize> {
        self.shared.spoil.and_then(|spoil| spoil(recipe))
    }

    pub(crate) fn model(&self) -> &Model {
        &self.shared.model
    }

    #[cfg(feature = "gpu")]
    fn look_for_gpu(&self) -> Gpu {
        match self.gpu_context().and_then(|context| context.check_alive().map(|()| context)) {
            Ok(context) => Gpu::Present(context.capabilities()),
            Err(Error::Gpu(reason)) => Gpu::Absent(reason),
            Err(other) => Gpu::Absent(other.to_string()),
        }
    }

    #[cfg(not(feature = "gpu"))]
    fn look_for_gpu(&self) -> Gpu {
        Gpu::Absent(self.gpu_absence())
    }

    #[cfg(not(feature = "gpu"))]
    pub(crate) fn gpu_absence(&self) -> String {
        let GpuSource::Absent(reason) = &self.shared.gpu;
        (*reason).into()
    }

    /// The GPU, for arrays that stay there: see [`GpuDevice`]. Looks for one.
    ///
    /// # Errors
    /// [`Error::Gpu`] where there is none, or where it was lost.
    #[cfg(feature = "gpu")]
    pub fn gpu(&self) -> Result<GpuDevice> {
        let context = self.gpu_context()?;
        context.check_alive()?;
        Ok(GpuDevice::new(context))
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn gpu_context(&self) -> Result<Arc<Context>> {
        match &self.shared.gpu {
            GpuSource::Absent(reason) => Err(Error::Gpu((*reason).into())),
            GpuSource::Given(context) => Ok(context.clone()),
            GpuSource::Lazy(finder) => finder.find(),
        }
    }
}

/// The process's own convolver, which the functions below share.
fn shared() -> &'static Convolver {
    static SHARED: OnceLock<Convolver> = OnceLock::new();
    SHARED.get_or_init(Convolver::new)
}

/// Convolves `x` with `k`, with zeros outside: `scipy.signal.convolve`.
///
/// Input and kernel have the same rank; the result has the shape that `mode` says. To run one
/// kernel over many inputs, plan once with [`Convolver::filter`].
///
/// ```
/// use convolve::{convolve, Mode};
/// use ndarray::arr1;
///
/// let y = convolve(&arr1(&[1.0, 2.0, 3.0]), &arr1(&[0.0, 1.0, 0.5]), Mode::Full)?;
/// assert_eq!(y, arr1(&[0.0, 1.0, 2.5, 4.0, 1.5]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// Empty arrays, ranks that differ, a `valid` that fits neither way, memory that cannot be had.
pub fn convolve<A: Element, D: Dimension>(
    x: &ArrayRef<A, D>,
    k: &ArrayRef<A, D>,
    mode: Mode,
) -> Result<Array<A, D>> {
    shared().filter(k).mode(mode).runs(1).for_shape(x.raw_dim())?.apply(x)
}

/// Correlates `x` with `k`, with zeros outside: convolution with the kernel reversed and
/// conjugated, `scipy.signal.correlate`.
///
/// ```
/// use convolve::{correlate, Mode};
/// use ndarray::arr1;
///
/// let y = correlate(&arr1(&[1, 2, 3]), &arr1(&[1, 10]), Mode::Valid)?;
/// assert_eq!(y, arr1(&[21, 32]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// Those of [`convolve`].
pub fn correlate<A: Element, D: Dimension>(
    x: &ArrayRef<A, D>,
    k: &ArrayRef<A, D>,
    mode: Mode,
) -> Result<Array<A, D>> {
    shared().filter(k).correlate().mode(mode).runs(1).for_shape(x.raw_dim())?.apply(x)
}
