//! Filters on arrays that stay on the GPU.

use ndarray::Dimension;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::element::Element;
use crate::error::{Error, Result};
use crate::face::filter::Filter;
use crate::gpu::GpuArray;
use crate::gpu::context::Context;
use crate::gpu::passes::Passes;
use crate::kernel::Kernel;
use crate::plan::{Plan, Request};
use crate::problem::Problem;
use crate::problem::extension::Extension;
use crate::run::runner::Runner;
use crate::util::memory;
use crate::words::{Device, Method};

/// What a filter records for data on the GPU, where its plan for host data is another one.
pub(super) struct Resident<A: Element> {
    passes: Mutex<Option<Recorded<A>>>,
    /// Where not all of an input is read.
    whole: OnceLock<Whole<A>>,
}

/// What a filter computes, on all of an input: that is there already.
pub(super) struct Whole<A: Element> {
    pub problem: Problem,
    pub extension: Extension<A>,
    pub kernel: Arc<Kernel<A>>,
}

/// Passes, and the seconds that they are expected to take.
type Recorded<A> = (Arc<Passes<A>>, f64);

impl<A: Element> Default for Resident<A> {
    fn default() -> Self {
        Self { passes: Mutex::default(), whole: OnceLock::new() }
    }
}

impl<A: Element> Resident<A> {
    fn lock(&self) -> MutexGuard<'_, Option<Recorded<A>>> {
        self.passes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Element, D: Dimension> Filter<A, D> {
    /// The convolution of an array on the GPU, which stays there. The work is only submitted; the
    /// first [`GpuArray::download`] waits for it.
    ///
    /// A filter whose plan is on the CPU, because that is faster from and to host memory, plans once
    /// more for data that is on the GPU already: see [`Filter::gpu_plan`].
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` has not the planned shape, those of [`Filter::gpu_plan`], and
    /// [`Error::GpuMisuse`] where `x` is on another device; [`Error::DeviceLost`], [`Error::GpuMemory`]
    /// and [`Error::GpuInternal`] where the device fails.
    pub fn apply_gpu(&self, x: &GpuArray<A, D>) -> Result<GpuArray<A, D>> {
        self.check_shape("input", &self.input, &x.raw_dim())?;
        let mut y = GpuArray::new(x.context(), self.output.clone())?;
        self.apply_gpu_into(x, &mut y)?;
        Ok(y)
    }

    /// The convolution of an array on the GPU into another one.
    ///
    /// # Errors
    /// Those of [`Filter::apply_gpu`], and [`Error::Shape`] where `y` has not the planned shape.
    pub fn apply_gpu_into(&self, x: &GpuArray<A, D>, y: &mut GpuArray<A, D>) -> Result<()> {
        self.check_shape("input", &self.input, &x.raw_dim())?;
        self.check_shape("output", &self.output, &y.raw_dim())?;
        let passes = self.passes()?;
        let context = passes.context();
        for array in [x, y] {
            // Before anything else: what is on a lost device cannot be on another one either.
            array.context().check_alive()?;
            if !Arc::ptr_eq(array.context(), context) {
                let reason = "the array is on another device than the filter: both must come from \
                              the same Convolver";
                return Err(Error::gpu_misuse(reason));
            }
        }
        passes.submit(&x.span(), &y.span())
    }

    /// The plan for data that is on the GPU, or that comes with a command encoder: the filter's own
    /// where that is on the GPU, and another one where it is on the CPU. No transfers count in it.
    ///
    /// # Errors
    /// [`Error::Inadmissible`] where the GPU cannot do this, where the CPU was asked for, or where
    /// input and kernel change places (mode `valid` with the longer kernel).
    pub fn gpu_plan(&self) -> Result<Plan> {
        let inadmissible = |reason: &str| {
            let wanted = format!("device {}", self.plan.request.device);
            Error::Inadmissible { wanted, reason: reason.into() }
        };
        if self.plan.request.device == Device::Cpu {
            return Err(inadmissible("the data is on the GPU"));
        }
        if self.plan.problem.swapped {
            let wanted = "device gpu".into();
            let reason = "the kernel is longer than the input: the two change places, and data on \
                          the GPU cannot be a kernel";
            return Err(Error::Inadmissible { wanted, reason: reason.into() });
        }
        let Plan { request, .. } = &self.plan;
        // The device may be another one by now.
        // What was measured to be fastest on the GPU still is.
        let method = match request.method {
            Method::Measured if self.plan.device() == Device::Gpu => self.plan.method(),
            asked => asked,
        };
        let request = Request { method, device: Device::Gpu, resident: true, ..*request };
        match self.whole()? {
            Some(whole) => self.convolver.plan(&whole.problem, &whole.kernel.facts, request),
            None => self.convolver.plan(&self.plan.problem, &self.plan.kernel, request),
        }
    }

    /// What is computed on all of an input, where that is not what is read of one in host memory.
    pub(super) fn whole(&self) -> Result<Option<&Whole<A>>> {
        if self.cut.is_none() {
            return Ok(None);
        }
        if let Some(whole) = self.resident.whole.get() {
            return Ok(Some(whole));
        }
        let problem = self.plan.problem.uncut();
        let boundary = self.options.boundary.resolve("boundary", problem.axes.len())?;
        let extension = Extension::new(&problem, &boundary);
        let shape = extension.geometry.kernel();
        // Axes that are read in part may be folded in another way.
        let kernel = match shape == self.extension.geometry.kernel() {
            true => self.kernel.clone(),
            false => {
                let Request { precision, .. } = self.plan.request;
                let taps = memory::copied(&self.kernel.taps, "a copy of the kernel")?;
                Arc::new(Kernel::new(precision, taps, &shape, self.plan.request.allowed())?)
            }
        };
        let whole = Whole { problem, extension, kernel };
        Ok(Some(self.resident.whole.get_or_init(|| whole)))
    }

    /// What windows on the GPU meet, and the kernel there.
    pub(super) fn on_gpu(&self) -> Result<(&Extension<A>, &Kernel<A>)> {
        Ok(match self.whole()? {
            Some(whole) => (&whole.extension, &whole.kernel),
            None => (&self.extension, &self.kernel),
        })
    }

    /// What is recorded for data on the GPU.
    pub(crate) fn passes(&self) -> Result<Arc<Passes<A>>> {
        self.recorded().map(|(passes, _)| passes)
    }

    /// The same, and how long it is expected to take.
    pub(crate) fn recorded(&self) -> Result<(Arc<Passes<A>>, f64)> {
        self.check_unchecked()?;
        let context = self.convolver.devices().gpu_context()?;
        context.check_alive()?;
        let current = |passes: &Arc<Passes<A>>| Arc::ptr_eq(passes.context(), &context);
        let own = self.runner.as_ref().filter(|_| self.cut.is_none());
        let own = own.and_then(|runner| runner.host()).map(|host| host.passes());
        if let Some(passes) = own.filter(|passes| current(passes)) {
            return Ok((passes.clone().resident()?, self.plan.cost().work));
        }
        let known = self.resident.lock().clone();
        if let Some(known) = known.filter(|(passes, _)| current(passes)) {
            return Ok(known);
        }
        // Not under the lock. Where several threads plan at one time the first one's passes are kept.
        let (passes, seconds) = self.plan_passes(&context)?;
        let planned = (passes.resident()?, seconds);
        let mut resident = self.resident.lock();
        if let Some(known) = resident.as_ref().filter(|(passes, _)| current(passes)) {
            return Ok(known.clone());
        }
        *resident = Some(planned.clone());
        Ok(planned)
    }

    /// An error where results are to be checked that stay on the GPU.
    pub(super) fn check_unchecked(&self) -> Result<()> {
        if self.checker.is_none() {
            return Ok(());
        }
        let reason = "results that stay on the GPU are not there yet when a call returns: only \
                      results in host memory can be checked";
        Err(Error::Inadmissible { wanted: "check".into(), reason: reason.into() })
    }

    fn plan_passes(&self, context: &Arc<Context>) -> Result<Recorded<A>> {
        let plan = self.gpu_plan()?;
        let (recipe, _) = plan.chosen().admitted().expect("a plan chooses what is admissible");
        let (precision, devices) = (plan.request.precision, self.convolver.devices());
        let (extension, kernel) = self.on_gpu()?;
        let runner = Runner::new(precision, recipe, extension, kernel, devices)?;
        match runner.host().map(|host| host.passes()) {
            Some(passes) if Arc::ptr_eq(passes.context(), context) => {
                Ok((passes.clone(), plan.cost().work))
            }
            _ => Err(Error::device_lost("the device changed while the filter was planned")),
        }
    }
}
