//! From a recipe to something that runs: the one place where plans meet executors.

pub(crate) mod measured;
pub(crate) mod runner;

use std::sync::Arc;

use crate::cpu::coarse::Coarse;
use crate::cpu::direct::Direct;
use crate::cpu::fft::Fft;
use crate::cpu::separable::{Separable, Sum};
#[cfg(feature = "gpu")]
use crate::element::Element;
use crate::element::compute::Compute;
use crate::error::{Error, Result};
use crate::format::Ends;
#[cfg(feature = "gpu")]
use crate::gpu::{host::Host, passes::Passes};
use crate::kernel::Factors;
#[cfg(feature = "gpu")]
use crate::kernel::Kernel;
#[cfg(feature = "gpu")]
use crate::machine::Devices;
use crate::plan::Recipe;
#[cfg(feature = "gpu")]
use crate::plan::gpu::schedule::Schedule;
use crate::problem::extension::Extension;
use crate::util::shared::Shared;
use crate::util::shared_scratch::SharedScratch;
use crate::util::threads::Workers;

/// A method on the CPU with its weights in place, ready for any input of the planned shape.
pub(crate) enum Executor<C: Compute> {
    Direct(Box<Direct<C>>),
    Separable(Separable<C>),
    Sum(Box<Sum<C>>),
    Fft(Box<Fft<C>>),
    /// On a coarser grid, and another way for inputs that it is not for.
    Coarse(Box<Coarse<C>>, Box<Executor<C>>),
}

/// What executors have in common.
#[derive(Clone, Copy)]
pub(crate) struct Common<'c> {
    /// What was made of the kernel.
    pub made: &'c Shared,
    /// Memory for samples.
    pub scratch: &'c Arc<SharedScratch>,
}

/// The outer products that a kernel is the sum of.
pub(crate) struct Terms<C> {
    pub factors: Vec<Factors<C>>,
    /// Whether there is one, and its signs are the kernel's.
    pub keeps_signs: bool,
}

impl<C: Compute> Executor<C> {
    /// Prepares what the recipe says for these weights, given in canonical order. They and the terms are
    /// asked for where the method needs them.
    pub(crate) fn new(
        recipe: &Recipe,
        extension: Extension<C>,
        weights: &dyn Fn() -> Result<Vec<C>>,
        terms: &dyn Fn() -> Result<Terms<C>>,
        common: Common<'_>,
    ) -> Result<Self> {
        Ok(match recipe {
            Recipe::CpuDirect { tile, threads, instructions, by_shape } => {
                let workers = Workers { threads: *threads, by_shape: *by_shape };
                let direct = Direct::new(extension, &weights()?, *tile, *instructions, workers)?;
                Self::Direct(Box::new(direct))
            }
            Recipe::CpuSeparable { passes, tile, threads, instructions, by_shape, .. } => {
                let workers = Workers { threads: *threads, by_shape: *by_shape };
                let Terms { factors, keeps_signs } = terms()?;
                if factors.is_empty() {
                    return Err(Error::Inadmissible {
                        wanted: "method separable".into(),
                        reason: "the kernel is not an outer product of vectors".into(),
                    });
                }
                let with = (*instructions, workers);
                let scratch = common.scratch.clone();
                let separable = Separable::new(&extension, &factors, passes, with, scratch)?;
                if keeps_signs {
                    Self::Separable(separable)
                } else {
                    let direct = Direct::new(extension, &weights()?, *tile, *instructions, 1)?;
                    Self::Sum(Box::new(Sum::new(separable, direct)))
                }
            }
            Recipe::CpuFft { blocks, tile, threads, instructions, .. } => {
                let directly = (*tile, *instructions);
                let (blocks, made) = (blocks.clone(), common.made);
                let fft = Fft::new(extension, weights, blocks, directly, *threads, made)?;
                Self::Fft(Box::new(fft))
            }
            Recipe::CpuCoarse { grid, exact, threads, instructions, by_shape } => {
                let workers = Workers { threads: *threads, by_shape: *by_shape };
                let with = (*instructions, workers);
                let factors = match terms()?.factors.into_iter().next() {
                    Some(factors) => factors,
                    // Long on one axis alone, which is coarse: no other taps are asked for.
                    None => vec![Vec::new(); grid.axes.len()],
                };
                let scratch = common.scratch.clone();
                let coarse = Coarse::new(extension.clone(), &factors, grid, with, scratch)?;
                let exact = Self::new(exact, extension, weights, terms, common)?;
                Self::Coarse(Box::new(coarse), Box::new(exact))
            }
            Recipe::Gpu(_) => {
                unreachable!("what runs on the GPU is no executor of the CPU")
            }
        })
    }

    /// Computes all outputs; both ends have the planned lengths, in standard order. An error of an
    /// output that is no larger than `bearable` is not looked for.
    pub(crate) fn run(&self, (x, y): Ends<'_, C>, bearable: f64) -> Result<()> {
        match self {
            Self::Direct(direct) => direct.run(x.into(), y),
            Self::Separable(separable) => separable.run(x.into(), y),
            Self::Sum(sum) => sum.run(x, y),
            Self::Fft(fft) => fft.run(x, y, bearable),
            Self::Coarse(coarse, exact) => {
                let mut y = y;
                let all = y.len();
                match coarse.run(x, y.part(0..all))? {
                    true => Ok(()),
                    false => exact.run((x, y), bearable),
                }
            }
        }
    }
}

/// What runs a recipe on the GPU.
#[cfg(feature = "gpu")]
pub(crate) fn on_gpu<A: Element>(
    schedule: &Schedule,
    extension: &Extension<A>,
    kernel: &Kernel<A>,
    devices: &Devices,
) -> Result<Host<A>> {
    let passes = Passes::new(devices.gpu_context()?, schedule, extension, kernel)?;
    Ok(Host::new(Arc::new(passes)))
}
