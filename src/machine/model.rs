//! What is expected of this machine: the model that a convolver was given, refined by what was measured.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use super::rates::{DeviceRates, set};
use super::store::{self, Machine};
use crate::plan::{CostModel, Gpu, InstructionSet, Request};

/// What was measured of this machine, earlier or by this process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    pub cpu: Option<DeviceRates>,
    pub gpus: Vec<DeviceRates>,
}

impl Measured {
    /// Puts what was measured into a model.
    fn refine(&self, model: &mut CostModel, gpu: &Gpu) {
        if let Some(cpu) = &self.cpu {
            set(&mut model.cpu, &cpu.rates);
        }
        if let Gpu::Present(gpu) = gpu
            && let Some(found) = self.gpus.iter().find(|found| found.is_of(gpu))
        {
            set(model.gpu_rates_mut(gpu.kind), &found.rates);
        }
    }

    pub(crate) fn keep(&mut self, device: DeviceRates) {
        match device.kind {
            None => self.cpu = Some(device),
            Some(_) => {
                let same = |a: &DeviceRates| a.name == device.name && a.detail == device.detail;
                self.gpus.retain(|other| !same(other));
                self.gpus.push(device);
            }
        }
    }
}

/// The model of a convolver: what it was given, and what was measured.
#[derive(Debug)]
pub(crate) struct Model {
    given: CostModel,
    instructions: InstructionSet,
    threads: usize,
    /// Whether what was measured counts.
    refined: bool,
    cache: Option<PathBuf>,
    /// Read when it is first needed.
    measured: RwLock<Option<Arc<Measured>>>,
}

impl Model {
    /// Nothing is read yet.
    pub(crate) fn new(
        given: CostModel,
        (threads, instructions): (usize, InstructionSet),
        refined: bool,
        cache: Option<PathBuf>,
    ) -> Self {
        Self { given, instructions, threads, refined, cache, measured: RwLock::default() }
    }

    pub(crate) fn machine(&self) -> Machine {
        Machine::new(self.instructions, self.threads)
    }

    /// What is expected where this is the GPU.
    pub(crate) fn with(&self, gpu: &Gpu) -> CostModel {
        let mut model = self.given.clone();
        if let Some(measured) = self.measured() {
            measured.refine(&mut model, gpu);
        }
        model
    }

    /// What a request goes by where this is the GPU. What was measured goes with the number of threads,
    /// so that what must not depend on them goes by what was given.
    pub(crate) fn for_request(&self, request: Request, gpu: &Gpu) -> CostModel {
        if request.reproducible { self.given.clone() } else { self.with(gpu) }
    }

    /// What is expected of every GPU that may turn out to be there: one model for each.
    pub(crate) fn of_any_gpu(&self, request: Request) -> Vec<CostModel> {
        if request.reproducible {
            return vec![self.given.clone()];
        }
        let known = self.with(&Gpu::NotAsked);
        let mut all = vec![known.clone()];
        for gpu in self.measured().iter().flat_map(|measured| &measured.gpus) {
            if let Some(kind) = gpu.kind {
                let mut model = known.clone();
                set(model.gpu_rates_mut(kind), &gpu.rates);
                all.push(model);
            }
        }
        all
    }

    pub(crate) fn measured(&self) -> Option<Arc<Measured>> {
        if !self.refined {
            return None;
        }
        let read = |of: &Option<Arc<Measured>>| of.clone();
        let known = read(&self.measured.read().unwrap_or_else(PoisonError::into_inner));
        known.or_else(|| {
            // Read without the lock; who came first has the say.
            let loaded = Arc::new(store::load(self.cache.as_deref(), &self.machine()));
            let mut place = self.measured.write().unwrap_or_else(PoisonError::into_inner);
            Some(place.get_or_insert(loaded).clone())
        })
    }

    /// Takes what was measured for what is, and keeps it for others.
    pub(crate) fn keep(&self, devices: &[DeviceRates]) -> Result<Vec<PathBuf>, String> {
        if let Some(measured) = self.measured() {
            let mut measured = (*measured).clone();
            devices.iter().for_each(|device| measured.keep(device.clone()));
            let mut place = self.measured.write().unwrap_or_else(PoisonError::into_inner);
            *place = Some(Arc::new(measured));
        }
        let cache = self.cache.as_deref().ok_or("there is no cache directory")?;
        let machine = self.machine();
        devices.iter().map(|device| store::save(cache, &machine, device)).collect()
    }
}
