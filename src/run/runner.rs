//! A recipe made ready: on which device, and in which type sums are made.

use crate::bounds;
use crate::element::Element;
use crate::element::compute::Compute;
use crate::element::wider::{Wider, widened};
use crate::error::Result;
use crate::format::FrameSample;
#[cfg(feature = "image")]
use crate::format::{
    pitched::Rows,
    pixels::{self, Pixels},
    transfer::Channel,
};
#[cfg(feature = "gpu")]
use crate::gpu::host::Host;
use crate::kernel::{Factors, Kernel};
use crate::machine::Devices;
use crate::plan::Recipe;
use crate::problem::extension::Extension;
#[cfg(feature = "gpu")]
use crate::run::on_gpu;
use crate::run::{Common, Executor, Terms};
use crate::words::Precision;

/// A recipe that is ready to run, on whatever device, in the precision that was asked for.
pub(crate) enum Runner<A: Element> {
    /// On the GPU, whose shaders widen what they load themselves.
    #[cfg(feature = "gpu")]
    Gpu(Box<Host<A>>),
    /// In the type that sums are made in.
    Native(Executor<A::Compute>),
    /// In the type of more precision.
    High(Executor<A::Double>),
    /// Another one, with a wrong value at one output: for tests of what must notice.
    Faulty(Box<Runner<A>>, usize),
}

impl<A: Element> Runner<A> {
    /// Prepares what the recipe says for this kernel.
    pub(crate) fn new(
        precision: Precision,
        recipe: &Recipe,
        extension: &Extension<A>,
        kernel: &Kernel<A>,
        devices: &Devices,
    ) -> Result<Self> {
        let whole = match (recipe, precision) {
            #[cfg(feature = "gpu")]
            (Recipe::Gpu(schedule), _) => {
                Self::Gpu(Box::new(on_gpu(schedule, extension, kernel, devices)?))
            }
            #[cfg(not(feature = "gpu"))]
            (Recipe::Gpu(_), _) => match devices.gpu_context()? {},
            (_, Precision::High) if precision.widens(A::DTYPE) => {
                Self::High(executor(recipe, extension, kernel, kernel.high_terms(), devices)?)
            }
            _ => Self::Native(executor(recipe, extension, kernel, kernel.native_terms(), devices)?),
        };
        Ok(match devices.fault_in(recipe) {
            Some(output) => Self::Faulty(Box::new(whole), output),
            None => whole,
        })
    }

    /// What runs on the GPU, if that is where it runs.
    #[cfg(feature = "gpu")]
    pub(crate) fn host(&self) -> Option<&Host<A>> {
        match self {
            Self::Gpu(host) => Some(host),
            _ => None,
        }
    }

    /// Whether it runs over frames of `T`.
    pub(crate) fn takes<T: FrameSample<A>>(&self) -> bool {
        match self {
            #[cfg(feature = "gpu")]
            Self::Gpu(_) => T::IS_ELEMENT,
            Self::Native(_) | Self::High(_) => true,
            Self::Faulty(whole, _) => whole.takes::<T>(),
        }
    }

    /// Computes all of `y`; both slices have the planned lengths, in standard order. Where `y` is
    /// stored in whole levels, an error of up to [`bounds::LEVEL`] is not looked for. It
    /// [takes](Self::takes) such frames, and results.
    pub(crate) fn run<T: FrameSample<A>, U: FrameSample<A>>(
        &self,
        x: &[T],
        y: &mut [U],
    ) -> Result<()> {
        let bearable = if U::IS_ELEMENT { 0.0 } else { bounds::LEVEL };
        match self {
            #[cfg(feature = "gpu")]
            // Both are `A` then.
            Self::Gpu(host) => host.run(bytemuck::cast_slice(x), bytemuck::cast_slice_mut(y)),
            Self::Native(executor) => executor.run((T::read(x), U::written(y)), bearable),
            Self::High(executor) => executor.run((T::read_high(x), U::written_high(y)), bearable),
            Self::Faulty(whole, output) => {
                whole.run(x, y)?;
                // Off by more than any error bound: 2^20 in floating point, a bit in an integer.
                let wrong = if A::DTYPE.is_integer() { 1 } else { 1 << 20 };
                let one = A::from_integer(1);
                let value = one.mul_add(A::from_integer(wrong), y[*output].to_element());
                y[*output] = U::from_element(value);
                Ok(())
            }
        }
    }
}

#[cfg(feature = "image")]
impl Runner<f32> {
    /// Computes all of `y` from pixels. False where reading and writing them is not known here: on a GPU.
    /// Where channels are stored as they come out, in whole levels, an error of up to [`bounds::LEVEL`] is
    /// not looked for.
    pub(crate) fn run_pixels<T: Channel, U: Channel>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        how: Pixels,
    ) -> Result<bool>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T> + Wider<U>,
    {
        let in_levels = !U::IS_LIGHT && how == Pixels::plain(how.channels);
        let bearable = if in_levels { bounds::LEVEL } else { 0.0 };
        match self {
            Self::Native(executor) => executor.run(pixels::ends(x, y, how), bearable)?,
            Self::High(executor) => executor.run(pixels::ends(x, y, how), bearable)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// What the CPU computes in `C`, with a kernel that is the sum of these terms in the type that it was
/// judged in.
fn executor<A: Element, C: Compute + Wider<A> + Wider<J>, J: Element>(
    recipe: &Recipe,
    extension: &Extension<A>,
    kernel: &Kernel<A>,
    terms: &[Factors<J>],
    devices: &Devices,
) -> Result<Executor<C>> {
    let terms = || -> Result<Terms<C>> {
        let term = |term: &Factors<J>| term.iter().map(|taps| widened(taps)).collect();
        let factors = terms.iter().map(term).collect::<Result<_>>()?;
        Ok(Terms { factors, keeps_signs: kernel.facts.keeps_signs })
    };
    let weights = || widened(&kernel.taps);
    let common = Common { made: &kernel.made, scratch: devices.scratch() };
    Executor::new(recipe, extension.widened()?, &weights, &terms, common)
}
