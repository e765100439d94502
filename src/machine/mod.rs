//! The devices of a process: what they can do, how fast they are, and what is kept of that on disk.

pub(crate) mod model;
pub(crate) mod rates;
mod store;

use std::sync::Arc;

use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::{context::Context, finder::Finder};
use crate::plan::{
    Capabilities, CostModel, Gpu, GpuSettings, InstructionSet, Recipe, Request, lazy,
};
use crate::util::shared_scratch::SharedScratch;
use model::Model;

/// The devices that convolutions run on, and what is expected of them.
#[derive(Debug)]
pub(crate) struct Devices {
    threads: usize,
    instructions: InstructionSet,
    model: Model,
    gpu: GpuSource,
    fault: Option<Fault>,
    scratch: Arc<SharedScratch>,
}

/// The output of a recipe that a test wants a wrong value at.
pub(crate) type Fault = fn(&Recipe) -> Option<usize>;

/// Where a GPU comes from.
#[derive(Debug)]
pub(crate) enum GpuSource {
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
    /// Whatever this machine has.
    #[cfg(feature = "gpu")]
    pub(crate) fn lazy(settings: GpuSettings) -> Self {
        Self::Lazy(Finder::new(settings))
    }

    /// None, in a build without GPU support.
    #[cfg(not(feature = "gpu"))]
    pub(crate) fn lazy(_: GpuSettings) -> Self {
        Self::Absent("this build has no GPU support (feature `gpu`)")
    }
}

impl Devices {
    /// Nothing is started and nothing read yet.
    pub(crate) fn new(
        (threads, instructions): (usize, InstructionSet),
        model: Model,
        gpu: GpuSource,
        fault: Option<Fault>,
    ) -> Arc<Self> {
        let scratch = Arc::default();
        Arc::new(Self { threads, instructions, model, gpu, fault, scratch })
    }

    /// What this machine can do, with this as its GPU.
    pub(crate) fn with_gpu(&self, gpu: Gpu) -> Capabilities {
        Capabilities { threads: self.threads, instructions: self.instructions, gpu }
    }

    /// What this machine can do. Looks for a GPU.
    pub(crate) fn capabilities(&self) -> Capabilities {
        self.with_gpu(self.look_for_gpu())
    }

    /// What is expected of it.
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// Threads of the CPU that a convolution may use.
    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Memory that calls share, one after the other.
    pub(crate) fn scratch(&self) -> &Arc<SharedScratch> {
        &self.scratch
    }

    /// The output of this recipe that a test wants a wrong value at.
    pub(crate) fn fault_in(&self, recipe: &Recipe) -> Option<usize> {
        self.fault.and_then(|fault| fault(recipe))
    }

    /// The GPU, or why there is none.
    #[cfg(feature = "gpu")]
    pub(crate) fn look_for_gpu(&self) -> Gpu {
        match self.gpu_context().and_then(|context| context.check_alive().map(|()| context)) {
            Ok(context) => Gpu::Present(context.capabilities()),
            Err(Error::NoDevice { reason }) => Gpu::Absent(reason),
            // What fails as a device is started is no device.
            Err(other) => Gpu::Absent(other.to_string()),
        }
    }

    /// There is none in this build, and this is why.
    #[cfg(not(feature = "gpu"))]
    pub(crate) fn look_for_gpu(&self) -> Gpu {
        let GpuSource::Absent(reason) = &self.gpu;
        Gpu::Absent((*reason).into())
    }

    /// Always an error in this build.
    #[cfg(not(feature = "gpu"))]
    pub(crate) fn gpu_context(&self) -> Result<std::convert::Infallible> {
        let GpuSource::Absent(reason) = &self.gpu;
        Err(Error::no_device(*reason))
    }

    /// The GPU, be it lost. Looks for one.
    #[cfg(feature = "gpu")]
    pub(crate) fn gpu_context(&self) -> Result<Arc<Context>> {
        match &self.gpu {
            GpuSource::Absent(reason) => Err(Error::no_device(*reason)),
            GpuSource::Given(context) => Ok(context.clone()),
            GpuSource::Lazy(finder) => finder.find(),
        }
    }
}

/// Scratch of a convolver is kept as long as somebody has one of these.
#[derive(Debug)]
pub(crate) struct ScratchLease {
    devices: Arc<Devices>,
}

impl ScratchLease {
    pub(crate) fn new(devices: &Arc<Devices>) -> Self {
        devices.scratch.join();
        Self { devices: devices.clone() }
    }
}

impl Drop for ScratchLease {
    fn drop(&mut self) {
        self.devices.scratch.leave();
    }
}

impl lazy::Machine for Devices {
    fn with_gpu(&self, gpu: Gpu) -> Capabilities {
        self.with_gpu(gpu)
    }

    fn look_for_gpu(&self) -> Gpu {
        self.look_for_gpu()
    }

    fn model(&self, request: Request, gpu: &Gpu) -> CostModel {
        self.model.for_request(request, gpu)
    }

    fn models_of_any_gpu(&self, request: Request) -> Vec<CostModel> {
        self.model.of_any_gpu(request)
    }
}
