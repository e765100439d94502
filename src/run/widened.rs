//! How precisely sums are made, and the executor that makes them in a wider type.

use std::marker::PhantomData;

use crate::element::wider::{Wider, widened};
use crate::element::{DType, Element};
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::host::Host;
use crate::kernel::KernelFacts;
use crate::machine::Devices;
use crate::plan::Recipe;
use crate::problem::extension::Extension;
use crate::run::Executor;
use crate::util::memory;
use crate::util::scratch::Pool;
use crate::util::threads;
use crate::words::Precision;

impl Precision {
    /// The type that convolutions of this type are computed in.
    pub fn inside(self, dtype: DType) -> DType {
        match (self, dtype) {
            (Self::High, DType::F16 | DType::F32) => DType::F64,
            (Self::High, DType::Complex32) => DType::Complex64,
            _ => dtype.summed_in(),
        }
    }

    /// Whether convolutions of this type are computed in another one.
    pub fn widens(self, dtype: DType) -> bool {
        self.inside(dtype) != dtype
    }

    /// The facts of the weights in the type that is computed in: what is an outer product to the
    /// rounding of `f32` need not be one to that of `f64`.
    pub(crate) fn facts<A: Element>(self, w: &[A], shape: &[usize]) -> Result<KernelFacts> {
        match self {
            _ if !self.widens(A::DTYPE) => KernelFacts::found(w, shape),
            Self::Native => KernelFacts::found(&widened::<A, A::Inside>(w)?, shape),
            Self::High => KernelFacts::found(&widened::<A, A::Double>(w)?, shape),
        }
    }
}

/// An executor in the precision that was asked for.
pub enum Runner<A: Element> {
    /// On elements as they are stored.
    Native(Executor<A>),
    /// In the type that sums are made in, where that is another one.
    Inside(Widened<A, A::Inside>),
    /// In the type of more precision.
    High(Widened<A, A::Double>),
}

impl<A: Element> Runner<A> {
    /// Prepares what the recipe says, as [`Executor::new`] does.
    pub fn new(
        precision: Precision,
        recipe: &Recipe,
        extension: &Extension<A>,
        weights: &[A],
        devices: &Devices,
    ) -> Result<Self> {
        Ok(match precision {
            // Shaders widen what they load themselves.
            _ if recipe.is_on_gpu() || !precision.widens(A::DTYPE) => {
                let weights = memory::copied(weights, "a copy of the kernel")?;
                let extension = extension.clone();
                Self::Native(Executor::new(recipe, extension, weights, devices)?)
            }
            Precision::Native => Self::Inside(Widened::new(recipe, extension, weights, devices)?),
            Precision::High => Self::High(Widened::new(recipe, extension, weights, devices)?),
        })
    }

    /// What runs on the GPU, if that is where it runs.
    #[cfg(feature = "gpu")]
    pub fn host(&self) -> Option<&Host<A>> {
        match self {
            Self::Native(executor) => executor.host(),
            Self::Inside(_) | Self::High(_) => None,
        }
    }

    /// Computes all of `y`; both slices have the planned lengths, in standard order. An error of an
    /// output that is no larger than `bearable` is not looked for.
    pub fn run(&self, x: &[A], y: &mut [A], bearable: f64) -> Result<()> {
        match self {
            Self::Native(executor) => executor.run(x, y, bearable),
            Self::Inside(widened) => widened.run(x, y, bearable),
            Self::High(widened) => widened.run(x, y, bearable),
        }
    }
}

/// An executor of a wider type, between two conversions.
pub struct Widened<A, W: Element> {
    executor: Executor<W>,
    threads: usize,
    /// Widened inputs and results that are not rounded yet; kept from call to call.
    buffers: Pool<[Vec<W>; 2]>,
    element: PhantomData<fn(A)>,
}

/// Elements that are converted at a time by one thread at least.
const GROUP: usize = 4096;

impl<A: Element, W: Element + Wider<A>> Widened<A, W> {
    fn new(
        recipe: &Recipe,
        extension: &Extension<A>,
        weights: &[A],
        devices: &Devices,
    ) -> Result<Self> {
        let (extension, weights) = (extension.widened()?, widened(weights)?);
        let samples = extension.geometry.input_len() + extension.geometry.output_len();
        Ok(Self {
            executor: Executor::new(recipe, extension, weights, devices)?,
            threads: recipe.threads(),
            buffers: Pool::new(1, samples.saturating_mul(size_of::<W>())),
            element: PhantomData,
        })
    }

    fn run(&self, x: &[A], y: &mut [A], bearable: f64) -> Result<()> {
        let [mut wide, mut sums] = self.buffers.take(|| Ok(Default::default()))?;
        memory::fit(&mut wide, x.len(), "the widened input")?;
        memory::fit(&mut sums, y.len(), "the output before it is rounded")?;
        threads::for_each_piece(&mut wide, self.threads, GROUP, |start, wide| {
            W::widen_all(&x[start..start + wide.len()], wide);
            Ok(())
        })?;
        self.executor.run(&wide, &mut sums, bearable)?;
        threads::for_each_piece(y, self.threads, GROUP, |start, y| {
            W::round_all(&sums[start..start + y.len()], y);
            Ok(())
        })?;
        self.buffers.keep([wide, sums]);
        Ok(())
    }
}
