//! From a recipe to something that runs: the one place where plans meet executors.

pub(crate) mod measured;
pub(crate) mod widened;

#[cfg(feature = "gpu")]
use std::sync::Arc;

use crate::cpu::direct::Direct;
use crate::cpu::fft::Fft;
use crate::cpu::separable::{Separable, Sum};
use crate::element::Element;
use crate::error::{Error, Result};
#[cfg(feature = "gpu")]
use crate::gpu::{host::Host, passes::Passes};
use crate::kernel;
use crate::kernel::low_rank;
use crate::machine::Devices;
use crate::plan::Recipe;
use crate::problem::extension::Extension;
use crate::util::threads::Workers;

/// A method with its weights in place, ready for any input of the planned shape.
#[cfg_attr(not(feature = "gpu"), allow(clippy::enum_variant_names))]
pub enum Executor<A: Element> {
    CpuDirect(Box<Direct<A>>),
    CpuSeparable(Separable<A>),
    CpuSum(Box<Sum<A>>),
    CpuFft(Box<Fft<A>>),
    #[cfg(feature = "gpu")]
    Gpu(Box<Host<A>>),
    /// Another one, with a wrong value at one output: for tests of what must notice.
    Faulty(Box<Executor<A>>, usize),
}

impl<A: Element> Executor<A> {
    /// Prepares what the recipe says for these weights, given in canonical order.
    pub fn new(
        recipe: &Recipe,
        extension: Extension<A>,
        weights: Vec<A>,
        devices: &Devices,
    ) -> Result<Self> {
        if let Some(output) = devices.fault_in(recipe) {
            let whole = Self::prepare(recipe, extension, weights, devices)?;
            return Ok(Self::Faulty(Box::new(whole), output));
        }
        Self::prepare(recipe, extension, weights, devices)
    }

    fn prepare(
        recipe: &Recipe,
        extension: Extension<A>,
        weights: Vec<A>,
        devices: &Devices,
    ) -> Result<Self> {
        let computes = A::DTYPE.summed_in() == A::DTYPE;
        debug_assert!(computes || recipe.is_on_gpu(), "{} is widened on the CPU", A::DTYPE);
        Ok(match recipe {
            Recipe::CpuDirect { tile, threads, instructions, by_shape } => {
                let workers = Workers { threads: *threads, by_shape: *by_shape };
                let direct = Direct::new(extension, &weights, *tile, *instructions, workers)?;
                Self::CpuDirect(Box::new(direct))
            }
            Recipe::CpuSeparable { passes, tile, threads, instructions, by_shape, .. } => {
                let workers = Workers { threads: *threads, by_shape: *by_shape };
                let found = low_rank::terms(&weights, &extension.geometry.kernel())?;
                let Some(low_rank::Terms { factors, .. }) = found else {
                    return Err(Error::Inadmissible {
                        wanted: "method separable".into(),
                        reason: "the kernel is not an outer product of vectors".into(),
                    });
                };
                let shape = extension.geometry.kernel();
                if factors.len() > 1 || !kernel::keeps_signs(&weights, &shape, &factors[0]) {
                    let how = (&passes[..], *tile);
                    let sum = Sum::new(extension, &weights, &factors, how, *instructions, workers)?;
                    Self::CpuSum(Box::new(sum))
                } else {
                    let separable =
                        Separable::new(&extension, &factors, passes, *instructions, workers)?;
                    Self::CpuSeparable(separable)
                }
            }
            Recipe::CpuFft { blocks, tile, threads, instructions, .. } => {
                let directly = (*tile, *instructions);
                let fft = Fft::new(extension, weights, blocks.clone(), directly, *threads)?;
                Self::CpuFft(Box::new(fft))
            }
            #[cfg(feature = "gpu")]
            Recipe::GpuDirect(schedule) | Recipe::GpuSeparable(schedule) => {
                let context = devices.gpu_context()?;
                let passes = Passes::new(context, schedule, &extension, &weights)?;
                Self::Gpu(Box::new(Host::new(Arc::new(passes))))
            }
            #[cfg(not(feature = "gpu"))]
            Recipe::GpuDirect(_) | Recipe::GpuSeparable(_) => match devices.gpu_context()? {},
        })
    }

    /// What runs on the GPU, if that is where it runs.
    #[cfg(feature = "gpu")]
    pub fn host(&self) -> Option<&Host<A>> {
        match self {
            Self::Gpu(host) => Some(host),
            _ => None,
        }
    }

    /// Computes all of `y`; both slices have the planned lengths, in standard order. An error of an
    /// output that is no larger than `bearable` is not looked for.
    pub fn run(&self, x: &[A], y: &mut [A], bearable: f64) -> Result<()> {
        match self {
            Self::CpuDirect(direct) => direct.run(x, y),
            Self::CpuSeparable(separable) => separable.run(x, y),
            Self::CpuSum(sum) => sum.run(x, y),
            Self::CpuFft(fft) => fft.run(x, y, bearable),
            #[cfg(feature = "gpu")]
            Self::Gpu(host) => host.run(x, y),
            Self::Faulty(whole, output) => {
                whole.run(x, y, bearable)?;
                // Off by more than any error bound: 2^20 in floating point, a bit in an integer.
                let wrong = if A::DTYPE.is_integer() { 1 } else { 1 << 20 };
                let one = A::from_integer(1);
                y[*output] = one.mul_add(A::from_integer(wrong), y[*output]);
                Ok(())
            }
        }
    }
}
