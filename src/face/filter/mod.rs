//! A planned convolution.

#[cfg(feature = "gpu")]
mod encode;
mod planning;
pub(crate) mod profile;
mod read;
#[cfg(feature = "gpu")]
mod resident;
mod stored;

use ndarray::{ArcArray, Array, ArrayRef, ArrayView, Dimension, IxDyn};
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use crate::element::Element;
use crate::error::{Error, Result};
use crate::face::convolver::Convolver;
use crate::format::FrameSample;
#[cfg(feature = "gpu")]
use crate::gpu::host::Host;
use crate::kernel::Kernel;
use crate::machine::ScratchLease;
use crate::plan::{Plan, lazy};
use crate::problem::Options;
use crate::problem::extension::Extension;
use crate::problem::reads::Cut;
use crate::prove::check::{Checker, ResultToCheck};
use crate::prove::verify;
use crate::prove::verify::Verification;
use crate::run::runner::Runner;
use crate::util::memory;
use crate::util::shared_scratch::SharedScratch;

/// A planned convolution: one kernel, one input shape, any number of inputs.
///
/// `Send` and `Sync`: threads may apply one filter at the same time.
pub struct Filter<A: Element, D: Dimension> {
    convolver: Convolver,
    /// Keeps the scratch that calls share.
    _scratch: ScratchLease,
    original: ArcArray<A, IxDyn>,
    options: Options<A>,
    input: D,
    output: D,
    /// What is read of the inputs, unless that is all.
    cut: Option<Cut>,
    extension: Extension<A>,
    kernel: Arc<Kernel<A>>,
    plan: Plan,
    /// None where the input is what the executor would be prepared for.
    runner: Option<Runner<A>>,
    /// None where results are not checked.
    checker: Option<Checker<A>>,
    /// What took over when the GPU failed.
    fallback: OnceLock<Fallback<A>>,
    #[cfg(feature = "gpu")]
    resident: resident::Resident<A>,
    #[cfg(feature = "gpu")]
    frames: encode::Frames<A>,
}

/// A plan on the CPU for a filter whose GPU has failed.
struct Fallback<A: Element> {
    why: String,
    plan: Plan,
    /// None where the filter has none.
    runner: Option<Runner<A>>,
}

impl<A: Element, D: Dimension> Filter<A, D> {
    /// What will run, why, and what it should cost.
    pub fn plan(&self) -> &Plan {
        self.fallback.get().map_or(&self.plan, |fallback| &fallback.plan)
    }

    /// Why the GPU failed and this filter runs on the CPU from then on; `None` while nothing has
    /// failed.
    ///
    /// Only filters with [`Device::Auto`](crate::Device::Auto) fall back, once and for good: a new
    /// filter looks for a GPU again. [`Filter::plan`] is that of the CPU then, and says the same.
    pub fn fell_back(&self) -> Option<&str> {
        self.fallback.get().map(|fallback| fallback.why.as_str())
    }

    /// Shape of the outputs.
    pub fn output_dim(&self) -> D {
        self.output.clone()
    }

    /// Shape of the inputs.
    pub(in crate::face) fn input(&self) -> &D {
        &self.input
    }

    /// Shape of the outputs.
    pub(in crate::face) fn output(&self) -> &D {
        &self.output
    }

    /// Threads of the CPU that may be used beside it.
    pub(in crate::face) fn threads(&self) -> usize {
        self.convolver.devices().threads()
    }

    /// Whether results are checked.
    #[cfg(feature = "gpu")]
    pub(in crate::face) fn is_checked(&self) -> bool {
        self.checker.is_some()
    }

    /// The plan of before the GPU has failed, if it has.
    #[cfg(feature = "gpu")]
    pub(in crate::face) fn first_plan(&self) -> &Plan {
        &self.plan
    }

    /// The convolution of `x`, of any memory layout.
    ///
    /// # Errors
    /// [`Error::Shape`] where `x` has not the planned shape, [`Error::OutOfMemory`], and failures
    /// of the GPU where that was asked for: see [`Filter::fell_back`] for the others;
    /// [`Error::FailedCheck`] where results are checked ([`FilterBuilder::check`]) and one is wrong.
    ///
    /// [`FilterBuilder::check`]: crate::FilterBuilder::check
    pub fn apply(&self, x: &ArrayRef<A, D>) -> Result<Array<A, D>> {
        self.apply_of(x)
    }

    /// The convolution of `x` into `y`, both of any memory layout. Buffers for samples are allocated
    /// at the first call and reused from then on.
    ///
    /// # Errors
    /// Those of [`Filter::apply`], and [`Error::Shape`] where `y` has not the planned shape. `y`
    /// may hold anything after a failure.
    pub fn apply_into(&self, x: &ArrayRef<A, D>, y: &mut ArrayRef<A, D>) -> Result<()> {
        self.apply_of_into(x, y)
    }

    /// Runs every admissible method on every device on `x` and compares: with the definition in
    /// `f64` at sampled outputs, and with this filter's own result at all of them. Whether they agree
    /// is what [`Verification::agrees`] of the report says.
    ///
    /// Error bounds assume that no sum overflows on its way. Where samples and taps are so large that
    /// terms, added up in the type that is computed in, pass its largest number (3.4e38 for `f32`)
    /// before others would bring them back, one method ends in an infinity or NaN and another, which
    /// adds in another order or scales, may not: that is reported as a difference. Scale the input
    /// down, filter in `f64`, or ask for [`Precision::High`](crate::Precision::High). A result that is
    /// itself beyond the type is infinite in the definition too.
    ///
    /// # Errors
    /// Those of [`Filter::apply`]. Methods that disagree are an answer and not an error.
    pub fn verify(&self, x: &ArrayRef<A, D>) -> Result<Verification> {
        self.check_shape("input", &self.input, &x.raw_dim())?;
        self.with_slice(x, |slice| {
            let view = ArrayView::from_shape(IxDyn(self.input.slice()), slice);
            let view = view.expect("the length is the shape's");
            // Anything that is left untouched must show.
            let mut own = memory::zeros(self.output.size(), "the output")?;
            own.fill(verify::poison::<A>());
            self.compute(slice, &mut own)?;
            self.with_read(slice, |read| {
                let (data, kernel) = self.canonical(read)?;
                let plan = self.plan_for(&kernel)?;
                verify::verify(verify::Subject {
                    devices: self.convolver.devices(),
                    plan: &plan,
                    own,
                    extension: &self.extension,
                    x: data,
                    weights: &kernel,
                    input: view,
                    kernel: self.original.view(),
                    options: &self.options,
                })
            })
        })
    }

    /// What runs over what, in canonical order: the data, and the kernel. These are the filter's own,
    /// unless the input is the kernel.
    fn canonical<'x>(&'x self, x: &'x [A]) -> Result<(&'x [A], Cow<'x, Kernel<A>>)> {
        if !self.plan.problem.swapped {
            return Ok((x, Cow::Borrowed(&*self.kernel)));
        }
        Ok((&self.kernel.taps, Cow::Owned(self.kernel_of(x.iter().copied(), x.len())?)))
    }

    /// The input as a kernel.
    fn kernel_of(&self, x: impl DoubleEndedIterator<Item = A>, len: usize) -> Result<Kernel<A>> {
        let taps = memory::collected(x.rev(), len, "the input as a kernel")?;
        Kernel::new(self.plan.request.precision, taps, &self.extension.geometry.kernel(), None)
    }

    /// Computes all of `y`, and checks it where that is wanted; both have the planned lengths, in
    /// standard order.
    pub(crate) fn run<T: FrameSample<A>>(&self, x: &[T], y: &mut [T]) -> Result<()> {
        self.compute(x, y)?;
        self.check(x, y)
    }

    /// An error where `y` is not what it must be, as far as anybody wants to know.
    pub(crate) fn check<T: FrameSample<A>>(&self, x: &[T], y: &[T]) -> Result<()> {
        self.check_run(self.plan(), x, y)
    }

    /// [`Filter::check`] of what ran by this plan.
    pub(crate) fn check_run<T: FrameSample<A>>(&self, by: &Plan, x: &[T], y: &[T]) -> Result<()> {
        let Some(checker) = &self.checker else { return Ok(()) };
        let plan = match self.plan.problem.swapped {
            false => Cow::Borrowed(by),
            true => {
                let kernel = self.kernel_of(x.iter().map(|x| x.to_element()), x.len())?;
                Cow::Owned(self.plan_for(&kernel)?.into_owned())
            }
        };
        checker.check(&ResultToCheck {
            plan: &plan,
            outside: verify::largest_finite(self.extension.values.iter().map(|v| v.magnitude())),
            x,
            y,
            original: &self.original,
            options: &self.options,
        })
    }

    /// Computes all of `y`.
    pub(crate) fn compute<T: FrameSample<A>, U: FrameSample<A>>(
        &self,
        x: &[T],
        y: &mut [U],
    ) -> Result<()> {
        self.with_read(x, |x| match self.attempt(x, y) {
            Err(error) if self.may_fall_back(&error) => {
                self.fall_back(error.to_string())?;
                self.attempt(x, y)
            }
            result => result,
        })
    }

    /// Computes all of `y` from what is read of an input.
    fn attempt<T: FrameSample<A>, U: FrameSample<A>>(&self, x: &[T], y: &mut [U]) -> Result<()> {
        #[cfg(feature = "gpu")]
        if let Some(host) = self.host_of::<T>().filter(|_| T::IS_ELEMENT == U::IS_ELEMENT) {
            return host.start(x, None)?.finish(|bytes| crate::gpu::host::copy(bytes, y));
        }
        match self.runner() {
            Some(runner) if runner.takes::<T>() && runner.takes::<U>() => runner.run(x, y),
            // Both are `A` then.
            None if T::IS_ELEMENT && U::IS_ELEMENT => {
                self.run_over_kernel(bytemuck::cast_slice(x), bytemuck::cast_slice_mut(y))
            }
            _ => {
                let samples = |len: usize| self.scratch().take::<A>(len, "samples to compute with");
                let mut wide = samples(x.len())?;
                wide.iter_mut().zip(x).for_each(|(wide, x)| *wide = x.to_element());
                if U::IS_ELEMENT {
                    return self.attempt::<A, A>(&wide, bytemuck::cast_slice_mut(y));
                }
                let mut sums = samples(y.len())?;
                self.attempt::<A, A>(&wide, &mut sums)?;
                y.iter_mut().zip(sums.iter()).for_each(|(y, sum)| *y = U::from_element(*sum));
                Ok(())
            }
        }
    }

    /// Runs the input over the kernel, which is larger.
    fn run_over_kernel(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let (data, kernel) = self.canonical(x)?;
        let plan = self.plan_for(&kernel)?;
        let (recipe, _) = plan.chosen().admitted().expect("a plan chooses what is admissible");
        let precision = plan.request.precision;
        let runner =
            Runner::new(precision, recipe, &self.extension, &kernel, self.convolver.devices())?;
        runner.run(data, y)
    }

    /// What runs, where that is the GPU and all of the data at once.
    #[cfg(feature = "gpu")]
    pub(crate) fn host(&self) -> Option<&Host<A>> {
        let host = self.runner().and_then(Runner::host);
        host.filter(|host| host.passes().are_resident())
    }

    /// The same, where it reads and writes samples of this type.
    #[cfg(feature = "gpu")]
    pub(crate) fn host_of<T: FrameSample<A>>(&self) -> Option<&Host<A>> {
        self.host().filter(|_| Host::takes::<T>())
    }

    /// What runs, unless the weights come with every input.
    fn runner(&self) -> Option<&Runner<A>> {
        match self.fallback.get() {
            Some(fallback) => fallback.runner.as_ref(),
            None => self.runner.as_ref(),
        }
    }

    /// Whether the CPU may do what has ended in this error.
    pub(crate) fn may_fall_back(&self, error: &Error) -> bool {
        self.plan.may_fall_back() && error.lets_the_cpu_take_over()
    }

    /// Plans for the CPU. Where several threads do so at one time the first one's plan holds.
    pub(crate) fn fall_back(&self, why: String) -> Result<()> {
        if self.fallback.get().is_some() {
            return Ok(());
        }
        let plan =
            lazy::plan_on_cpu(&**self.convolver.devices(), &self.plan, &self.plan.kernel, &why)?;
        let runner = match (&self.runner, plan.chosen().admitted()) {
            (Some(_), Some((recipe, _))) => {
                let (precision, extension) = (plan.request.precision, &self.extension);
                let devices = self.convolver.devices();
                Some(Runner::new(precision, recipe, extension, &self.kernel, devices)?)
            }
            _ => None,
        };
        let _ = self.fallback.set(Fallback { why, plan, runner });
        Ok(())
    }

    /// The plan that runs for this kernel: the filter's own, unless kernels come with every input.
    fn plan_for(&self, kernel: &Kernel<A>) -> Result<Cow<'_, Plan>> {
        let own = self.plan();
        if self.runner().is_some() {
            return Ok(Cow::Borrowed(own));
        }
        let plan = match self.fell_back() {
            Some(why) => lazy::plan_on_cpu(&**self.convolver.devices(), own, &kernel.facts, why)?,
            None => self.convolver.plan(&own.problem, &kernel.facts, own.request)?,
        };
        Ok(Cow::Owned(plan))
    }

    /// Memory that all filters of the convolver share.
    pub(in crate::face) fn scratch(&self) -> &SharedScratch {
        self.convolver.devices().scratch()
    }

    pub(crate) fn check_shape(&self, what: &'static str, expected: &D, got: &D) -> Result<()> {
        if expected == got {
            return Ok(());
        }
        let (expected, got) = (expected.slice().to_vec(), got.slice().to_vec());
        Err(Error::Shape { what, expected, got })
    }
}

impl<A: Element, D: Dimension> std::fmt::Debug for Filter<A, D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filter").field("plan", self.plan()).finish_non_exhaustive()
    }
}
