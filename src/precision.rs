//! How precisely sums are made, and the executor that makes them in a wider type.

use std::fmt;

use crate::convolver::Convolver;
use crate::cpu::extended::Extension;
use crate::cpu::threads;
use crate::element::{DType, Element};
use crate::error::{Error, Result};
use crate::executor::Executor;
#[cfg(feature = "gpu")]
use crate::gpu::host::Host;
use crate::kernel::KernelFacts;
use crate::plan::Recipe;
use crate::pool::Pool;

/// How precisely sums are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// In the type of the elements.
    #[default]
    Native,
    /// In `f64` for `f32`, and in `Complex<f64>` for `Complex<f32>`: input and kernel are widened
    /// exactly, and the result is rounded once. Changes nothing for the other types: integers are
    /// exact, and there is no wider floating point.
    High,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::High => "high",
        })
    }
}

impl Precision {
    /// The type that convolutions of this type are computed in.
    pub fn inside(self, dtype: DType) -> DType {
        match (self, dtype) {
            (Self::High, DType::F32) => DType::F64,
            (Self::High, DType::Complex32) => DType::Complex64,
            _ => dtype,
        }
    }

    /// Whether convolutions of this type are computed in another one.
    pub fn widens(self, dtype: DType) -> bool {
        self.inside(dtype) != dtype
    }

    /// The facts of the weights in the type that is computed in: what is an outer product to the
    /// rounding of `f32` need not be one to that of `f64`.
    pub(crate) fn facts<A: Element>(self, w: &[A], shape: &[usize]) -> KernelFacts {
        if self.widens(A::DTYPE) {
            KernelFacts::of(&widened(w), shape)
        } else {
            KernelFacts::of(w, shape)
        }
    }
}

fn widened<A: Element>(values: &[A]) -> Vec<A::Double> {
    values.iter().map(|value| value.to_double()).collect()
}

/// An executor in the precision that was asked for.
pub enum Runner<A: Element> {
    /// In the element type.
    Native(Executor<A>),
    /// In the wider one.
    High(High<A>),
}

impl<A: Element> Runner<A> {
    /// Prepares what the recipe says, as [`Executor::new`] does.
    pub fn new(
        precision: Precision,
        recipe: &Recipe,
        extension: &Extension<A>,
        weights: &[A],
        convolver: &Convolver,
    ) -> Result<Self> {
        Ok(if precision.widens(A::DTYPE) {
            Self::High(High::new(recipe, extension, weights, convolver)?)
        } else {
            let (extension, weights) = (extension.clone(), weights.to_vec());
            Self::Native(Executor::new(recipe, extension, weights, convolver)?)
        })
    }

    /// What runs on the GPU on elements of this type, if that is where it runs.
    #[cfg(feature = "gpu")]
    pub fn host(&self) -> Option<&Host<A>> {
        match self {
            Self::Native(executor) => executor.host(),
            Self::High(_) => None,
        }
    }

    /// Computes all of `y`; both slices have the planned lengths, in standard order.
    pub fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        match self {
            Self::Native(executor) => executor.run(x, y),
            Self::High(high) => high.run(x, y),
        }
    }
}

/// An executor of the wider type, between two conversions.
pub struct High<A: Element> {
    executor: Executor<A::Double>,
    threads: usize,
    /// Widened inputs and results that are not rounded yet; kept from call to call.
    buffers: Pool<[Vec<A::Double>; 2]>,
}

/// Elements that are converted at a time by one thread at least.
const GROUP: usize = 4096;

impl<A: Element> High<A> {
    fn new(
        recipe: &Recipe,
        extension: &Extension<A>,
        weights: &[A],
        convolver: &Convolver,
    ) -> Result<Self> {
        let wide =
            Extension { geometry: extension.geometry.clone(), values: widened(&extension.values) };
        Ok(Self {
            executor: Executor::new(recipe, wide, widened(weights), convolver)?,
            threads: recipe.threads(),
            buffers: Pool::default(),
        })
    }

    fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let [mut wide, mut sums] = self.buffers.take(Default::default);
        fit(&mut wide, x.len(), "the input in f64")?;
        fit(&mut sums, y.len(), "the output in f64")?;
        threads::for_each_piece(&mut wide, self.threads, GROUP, |start, wide| {
            for (wide, x) in wide.iter_mut().zip(&x[start..]) {
                *wide = x.to_double();
            }
        });
        self.executor.run(&wide, &mut sums)?;
        threads::for_each_piece(y, self.threads, GROUP, |start, y| {
            for (y, sum) in y.iter_mut().zip(&sums[start..]) {
                *y = A::from_double(*sum);
            }
        });
        self.buffers.keep([wide, sums]);
        Ok(())
    }
}

/// Gives an empty buffer its length, or an error where the system has no memory for it.
fn fit<T: Clone + Default>(buffer: &mut Vec<T>, len: usize, what: &'static str) -> Result<()> {
    let bytes = len * size_of::<T>();
    let missing = len - buffer.len();
    buffer.try_reserve_exact(missing).map_err(|_| Error::OutOfMemory { what, bytes })?;
    buffer.resize(len, T::default());
    Ok(())
}
