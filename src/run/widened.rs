//! How precisely sums are made, and the executor that makes them in a wider type.

use std::marker::PhantomData;

use crate::element::compute::Compute;
use crate::element::wider::{Wider, widened};
use crate::element::{DType, Element};
use crate::error::Result;
#[cfg(feature = "gpu")]
use crate::gpu::host::Host;
use crate::kernel::KernelFacts;
use crate::machine::Devices;
use crate::plan::Recipe;
use crate::problem::extension::Extension;
#[cfg(feature = "gpu")]
use crate::run::on_gpu;
use crate::run::{Executor, Terms};
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
            Self::Native => KernelFacts::found(&widened::<A, A::Summed>(w)?, shape),
            Self::High => KernelFacts::found(&widened::<A, A::Double>(w)?, shape),
        }
    }
}

/// A recipe that is ready to run, on whatever device, in the precision that was asked for.
pub enum Runner<A: Element> {
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
    /// Prepares what the recipe says for these weights, given in canonical order.
    pub fn new(
        precision: Precision,
        recipe: &Recipe,
        extension: &Extension<A>,
        weights: &[A],
        devices: &Devices,
    ) -> Result<Self> {
        let whole = match (recipe, precision) {
            #[cfg(feature = "gpu")]
            (Recipe::GpuDirect(schedule) | Recipe::GpuSeparable(schedule), _) => {
                Self::Gpu(Box::new(on_gpu(schedule, extension, weights, devices)?))
            }
            #[cfg(not(feature = "gpu"))]
            (Recipe::GpuDirect(_) | Recipe::GpuSeparable(_), _) => match devices.gpu_context()? {},
            (_, Precision::High) if precision.widens(A::DTYPE) => {
                Self::High(Widened::new::<A::Double>(recipe, extension, weights)?)
            }
            _ => Self::Native(Widened::new::<A::Summed>(recipe, extension, weights)?),
        };
        Ok(match devices.fault_in(recipe) {
            Some(output) => Self::Faulty(Box::new(whole), output),
            None => whole,
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
pub struct Widened<A, C: Compute> {
    executor: Executor<C>,
    threads: usize,
    /// Widened inputs and results that are not rounded yet; kept from call to call.
    buffers: Pool<[Vec<C>; 2]>,
    element: PhantomData<fn(A)>,
}

/// Elements that are converted at a time by one thread at least.
const GROUP: usize = 4096;

impl<A: Element, C: Compute + Wider<A>> Widened<A, C> {
    /// An executor for a kernel that was planned for in the type `J`.
    fn new<J: Element + Wider<A>>(
        recipe: &Recipe,
        extension: &Extension<A>,
        weights: &[A],
    ) -> Result<Self>
    where
        C: Wider<J>,
    {
        let shape = extension.geometry.kernel();
        let terms = || Terms::found(&widened::<A, J>(weights)?, &shape);
        let (extension, wide) = (extension.widened()?, widened(weights)?);
        let samples = extension.geometry.input_len() + extension.geometry.output_len();
        Ok(Self {
            executor: Executor::new(recipe, extension, wide, terms)?,
            threads: recipe.threads(),
            buffers: Pool::new(1, samples.saturating_mul(size_of::<C>())),
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
