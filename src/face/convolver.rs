//! The devices of this process, and the one-line functions.

use ndarray::{Array, ArrayRef, Dimension};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::calibrate::{self, Calibration};
use crate::element::Element;
use crate::error::Result;
use crate::face::builder::FilterBuilder;
#[cfg(feature = "gpu")]
use crate::gpu::{GpuDevice, context::Context};
use crate::kernel::KernelFacts;
use crate::machine::model::Model;
use crate::machine::rates::DeviceRates;
use crate::machine::{Devices, Fault, GpuSource};
use crate::plan::{
    Capabilities, CostModel, GpuCapabilities, GpuSettings, InstructionSet, Plan, Recipe, Request,
    lazy,
};
use crate::problem::Problem;
use crate::run::measured;
use crate::run::measured::Known;
use crate::util::memory;
use crate::util::threads;
use crate::words::Mode;

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
    devices: Arc<Devices>,
    /// What was measured for [`Method::Measured`](crate::Method::Measured).
    times: Arc<Known>,
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
    fault: Option<Fault>,
}

impl ConvolverBuilder {
    /// The most threads that one convolution uses on the CPU. Default: all there are.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads.max(1));
        self
    }

    /// The widest vector instructions that the CPU's direct and separable methods use. Default:
    /// the widest that the machine has, and never wider ones.
    pub fn instructions(mut self, instructions: InstructionSet) -> Self {
        self.instructions = Some(instructions);
        self
    }

    /// Whether a GPU is looked for at all. Default: yes.
    pub fn gpu(mut self, gpu: bool) -> Self {
        self.no_gpu = !gpu;
        self
    }

    /// Memory that all buffers on the GPU together may take, in bytes. Default: 4 GiB. wgpu does
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

    /// Changes what the planner is told of the GPU, to see plans for other limits run.
    ///
    /// # Safety
    /// Shaders check no index: no limit may be larger, and no feature more, than what the device has.
    #[doc(hidden)]
    pub unsafe fn adapt_gpu(mut self, adapt: fn(&mut GpuCapabilities)) -> Self {
        self.gpu.adapt = Some(adapt);
        self
    }

    /// Plants a wrong value into the results of recipes, at the output of this number, for tests of what
    /// must notice.
    #[doc(hidden)]
    pub fn inject_fault(mut self, fault: fn(&Recipe) -> Option<usize>) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Plants a line into every shader that no compiler takes, for tests of what becomes of it.
    #[doc(hidden)]
    pub fn inject_shader_fault(mut self) -> Self {
        self.gpu.shader_fault = true;
        self
    }

    /// What the planner expects each method to cost. Default: what a calibration of this machine
    /// has measured ([`Convolver::calibrate`]), and [`CostModel::default`] where there was none.
    pub fn cost_model(mut self, model: CostModel) -> Self {
        self.model = Some(model);
        self
    }

    /// Whether plans go by what calibrations of this machine have measured. Default: yes. Without,
    /// they are the same on every machine that has the same devices.
    pub fn calibrated(mut self, calibrated: bool) -> Self {
        self.uncalibrated = !calibrated;
        self
    }

    /// Where calibrations and compiled shaders are kept from process to process; with `None`,
    /// nowhere. Default: `convolve` in the user's cache directory, or where the environment
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
        let devices = Devices::new((threads, instructions), model, gpu, self.fault);
        Convolver { devices, times: Arc::new(Known::new(measured::MOST)) }
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
    /// It has `f16` where it was started with `SHADER_F16`, `f64` where with `SHADER_F64`, and transforms of
    /// `f64` where with `SHADER_INT64` too.
    ///
    /// # Errors
    /// [`Error::NoDevice`](crate::Error::NoDevice) where the device has no compute shaders, or too few
    /// bindings for them.
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
        self.devices.capabilities()
    }

    /// A plan for a problem of which no data is there yet.
    ///
    /// # Errors
    /// [`Error::Inadmissible`](crate::Error::Inadmissible) where the request insists on something
    /// that cannot do it.
    pub fn plan(&self, problem: &Problem, kernel: &KernelFacts, request: Request) -> Result<Plan> {
        lazy::plan(&*self.devices, problem, kernel, request)
    }

    /// What the planner expects each method to cost on this machine. Looks for a GPU.
    pub fn cost_model(&self) -> CostModel {
        self.devices.model().with(&self.devices.look_for_gpu())
    }

    pub(crate) fn devices(&self) -> &Arc<Devices> {
        &self.devices
    }

    pub(crate) fn times(&self) -> &Arc<Known> {
        &self.times
    }

    /// The GPU, for arrays that stay there: see [`GpuDevice`]. Looks for one.
    ///
    /// # Errors
    /// [`Error::NoDevice`](crate::Error::NoDevice) where there is none,
    /// [`Error::DeviceLost`](crate::Error::DeviceLost) where it was lost.
    #[cfg(feature = "gpu")]
    pub fn gpu(&self) -> Result<GpuDevice> {
        let context = self.devices.gpu_context()?;
        context.check_alive()?;
        Ok(GpuDevice::new(context))
    }

    /// Measures this machine: about ten convolutions, each a few times, which take well under a
    /// second for each device once shaders are compiled. Plans that this convolver and its clones
    /// make from then on go by what was measured, as do those of later processes of this user: the
    /// result is kept in the cache directory
    /// ([`ConvolverBuilder::cache_directory`](crate::ConvolverBuilder::cache_directory)), one file for
    /// each device, for as long as processor, adapter, driver, number of threads and the version of
    /// this library stay the same.
    ///
    /// A convolver with a model of its own, or one that wants none of this
    /// ([`ConvolverBuilder::calibrated`](crate::ConvolverBuilder::calibrated)), measures and keeps
    /// files too, but does not go by them.
    ///
    /// ```no_run
    /// println!("{}", convolve::Convolver::new().calibrate()?);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Failures of a GPU that is there, and [`Error::OutOfMemory`](crate::Error::OutOfMemory). That
    /// files cannot be written is none: [`Calibration::kept`] says so.
    pub fn calibrate(&self) -> Result<Calibration> {
        calibrate::calibrate(&self.devices)
    }

    /// What earlier calibrations of this machine say, of the CPU first; empty where there was none,
    /// or where this convolver does not go by them.
    pub fn calibrations(&self) -> Vec<DeviceRates> {
        let measured = self.devices.model().measured().unwrap_or_default();
        measured.cpu.iter().chain(&measured.gpus).cloned().collect()
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
