//! How precisely sums are made, and the executor that makes them in a wider type.

use std::marker::PhantomData;

use crate::element::Element;
use crate::element::compute::Compute;
use crate::element::wider::{Wider, widened};
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::host::Host;
use crate::kernel::{Factors, Kernel};
use crate::machine::Devices;
use crate::plan::Recipe;
use crate::problem::extension::Extension;
#[cfg(feature = "gpu")]
use crate::run::on_gpu;
use crate::run::{Executor, Terms};
use crate::util::memory;
use crate::util::scratch::ScratchPool;
use crate::util::threads;
use crate::words::Precision;

/// A recipe that is ready to run, on whatever device, in the precision that was asked for.
pub(crate) enum Runner<A: Element> {
    /// On the GPU, whose shaders widen what they load themselves.
    #[cfg(feature = "gpu")]
    Gpu(Box<Host<A>>),
    /// In the type that sums are made in.
    Native(Widened<A, A::Compute>),
    /// In the type of more precision.
    High(Widened<A, A::Double>),
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
                Self::High(Widened::new(recipe, extension, kernel, kernel.high_terms())?)
            }
            _ => Self::Native(Widened::new(recipe, extension, kernel, kernel.native_terms())?),
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

    /// Computes all of `y`; both slices have the planned lengths, in standard order. An error of an
    /// output that is no larger than `bearable` is not looked for.
    pub(crate) fn run(&self, x: &[A], y: &mut [A], bearable: f64) -> Result<()> {
        match self {
            #[cfg(feature = "gpu")]
            Self::Gpu(host) => host.run(x, y),
            Self::Native(widened) => widened.run(x, y, bearable),
            Self::High(widened) => widened.run(x, y, bearable),
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

/// An executor, and the way from elements as they are stored to those that it computes in and back:
/// none where the bits are the same, else two conversions.
pub(crate) struct Widened<A, C: Compute> {
    executor: Executor<C>,
    threads: usize,
    /// Widened inputs and results that are not rounded yet; kept from call to call.
    buffers: ScratchPool<[Vec<C>; 2]>,
    element: PhantomData<fn(A)>,
}

/// Elements that are converted at a time by one thread at least.
const GROUP: usize = 4096;

impl<A: Element, C: Compute + Wider<A>> Widened<A, C> {
    /// An executor for a kernel that is the sum of these terms, in the type that it was judged in.
    fn new<J: Element>(
        recipe: &Recipe,
        extension: &Extension<A>,
        kernel: &Kernel<A>,
        terms: &[Factors<J>],
    ) -> Result<Self>
    where
        C: Wider<J>,
    {
        let terms = || -> Result<Terms<C>> {
            let term = |term: &Factors<J>| term.iter().map(|taps| widened(taps)).collect();
            let factors = terms.iter().map(term).collect::<Result<_>>()?;
            Ok(Terms { factors, keeps_signs: kernel.facts.keeps_signs })
        };
        let (extension, wide) = (extension.widened()?, widened(&kernel.taps)?);
        let samples = extension.geometry.input_len() + extension.geometry.output_len();
        Ok(Self {
            executor: Executor::new(recipe, extension, wide, terms)?,
            threads: recipe.threads(),
            buffers: ScratchPool::new(1, samples.saturating_mul(size_of::<C>())),
            element: PhantomData,
        })
    }

    fn run(&self, x: &[A], y: &mut [A], bearable: f64) -> Result<()> {
        if let (Some(x), Some(y)) = (C::view(x), C::view_mut(y)) {
            return self.executor.run(x, y, bearable);
        }
        let [mut wide, mut sums] = self.buffers.take(|| Ok(Default::default()))?;
        memory::fit(&mut wide, x.len(), "the widened input")?;
        memory::fit(&mut sums, y.len(), "the output before it is rounded")?;
        threads::for_each_piece(&mut wide, self.threads, GROUP, |start, wide| {
            C::widen_all(&x[start..start + wide.len()], wide);
            Ok(())
        })?;
        self.executor.run(&wide, &mut sums, bearable)?;
        threads::for_each_piece(y, self.threads, GROUP, |start, y| {
            C::round_all(&sums[start..start + y.len()], y);
            Ok(())
        })?;
        self.buffers.keep([wide, sums]);
        Ok(())
    }
}
