//! A kernel and its options, and the planning for a shape.

#[cfg(feature = "image")]
use ::image::math::Rect;
use ndarray::{ArcArray, ArrayRef, Dimension, IntoDimension};
use std::ops::Range;
use std::sync::Arc;

use crate::element::Element;
use crate::error::Result;
use crate::face::convolver::Convolver;
use crate::face::filter::Filter;
#[cfg(feature = "image")]
use crate::face::picture::place::Mask;
use crate::kernel::Kernel;
use crate::kernel::coarse::Allowed;
use crate::plan::Request;
use crate::problem::boundary::Boundary;
use crate::problem::{Options, PerAxis};
use crate::prove::check::Check;
use crate::util::lru::LruCache;
#[cfg(feature = "image")]
use crate::words::Light;
use crate::words::{Device, Method, Mode, Operation, Precision, Tolerance};

/// A kernel and its options, waiting for a shape.
#[derive(Clone, Debug)]
pub struct FilterBuilder<A: Element, D: Dimension> {
    pub(super) convolver: Convolver,
    /// An error where there was no memory for it; shared between copies of the builder.
    pub(super) kernel: Result<ArcArray<A, D>>,
    pub(super) options: Options<A>,
    pub(super) request: Request,
    pub(super) check: Check,
    /// What was found out about the kernel for shapes that were planned last; copies share it.
    pub(super) known: Arc<KnownKernels<A>>,
    /// In which light pictures are filtered.
    #[cfg(feature = "image")]
    pub(super) light: Light,
    /// Which part of pictures is filtered, and how much of each pixel.
    #[cfg(feature = "image")]
    pub(super) region: Option<Rect>,
    #[cfg(feature = "image")]
    pub(super) mask: Option<Result<Arc<Mask>>>,
}

/// Kernels in canonical order, by their shape there and by what is asked of them. Most shapes of inputs
/// have one between them.
pub(super) type KnownKernels<A> =
    LruCache<(Vec<usize>, Operation, Precision, Option<Allowed>), Arc<Kernel<A>>>;

/// Kernels that a builder keeps.
const KNOWN: usize = 4;

impl<A: Element, D: Dimension> FilterBuilder<A, D> {
    pub(crate) fn new(convolver: Convolver, kernel: Result<ArcArray<A, D>>) -> Self {
        let (options, request, check) = Default::default();
        let known = Arc::new(LruCache::new(KNOWN));
        Self {
            convolver,
            kernel,
            options,
            request,
            check,
            known,
            #[cfg(feature = "image")]
            light: Light::default(),
            #[cfg(feature = "image")]
            region: None,
            #[cfg(feature = "image")]
            mask: None,
        }
    }

    /// Another kernel with the same options.
    pub(super) fn with_kernel(&self, kernel: &ArrayRef<A, D>) -> Self {
        let mut other = self.convolver.filter(kernel).options(self.options.clone());
        (other.request, other.check) = (self.request, self.check);
        #[cfg(feature = "image")]
        {
            (other.light, other.region) = (self.light, self.region);
            other.mask = self.mask.clone();
        }
        other
    }

    /// Which part of the result is kept. Default: [`Mode::Same`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.options.mode = mode;
        self
    }

    /// How the input continues past its ends. Default: [`Boundary::Zero`].
    pub fn boundary(mut self, boundary: impl Into<PerAxis<Boundary<A>>>) -> Self {
        self.options.boundary = boundary.into();
        self
    }

    /// Keeps every `stride`-th sample of the result. Default: 1.
    pub fn stride(mut self, stride: impl Into<PerAxis<usize>>) -> Self {
        self.options.stride = stride.into();
        self
    }

    /// Samples from one tap to the next. Default: 1.
    pub fn dilation(mut self, dilation: impl Into<PerAxis<usize>>) -> Self {
        self.options.dilation = dilation.into();
        self
    }

    /// Moves the start of [`Mode::Same`] by this many samples. Default: 0.
    pub fn origin(mut self, origin: impl Into<PerAxis<isize>>) -> Self {
        self.options.origin = origin.into();
        self
    }

    /// Computes no other outputs than these, a range per axis of those that there would be. Default: all.
    /// They are what they would be among all of them: boundaries hold at the input's own edges, and what
    /// lies around them is read from the input. Time and memory go with the outputs that are asked for, and
    /// results have their shape.
    ///
    /// ```
    /// use convolve::{Boundary, Convolver, filters};
    /// use ndarray::{Array2, s};
    ///
    /// let x = Array2::from_shape_fn((480, 640), |(row, column)| ((row * column) % 97) as f32);
    /// let blur = Convolver::new().filter(&filters::gaussian(3.0)?).boundary(Boundary::Mirror);
    /// let whole = blur.for_shape(x.dim())?.apply(&x)?;
    /// let part = blur.outputs([100..140, 0..60]).for_shape(x.dim())?.apply(&x)?;
    /// assert_eq!(part.dim(), (40, 60));
    /// assert!((&part - &whole.slice(s![100..140, 0..60])).iter().all(|apart| apart.abs() < 1e-3));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a filter is planned, [`Error::Outputs`](crate::Error::Outputs) where a range is empty or
    /// exceeds the outputs that there would be.
    pub fn outputs(mut self, outputs: impl Into<PerAxis<Range<usize>>>) -> Self {
        self.options = self.options.outputs(outputs);
        self
    }

    /// Correlates: the kernel is not reversed, and conjugated if it is complex.
    pub fn correlate(mut self) -> Self {
        self.options.operation = Operation::Correlate;
        self
    }

    /// All of the meaning at once.
    pub fn options(mut self, options: Options<A>) -> Self {
        self.options = options;
        self
    }

    /// Insists on a method. Default: [`Method::Auto`].
    pub fn method(mut self, method: Method) -> Self {
        self.request.method = method;
        self
    }

    /// Insists on a device. Default: [`Device::Auto`].
    pub fn device(mut self, device: Device) -> Self {
        self.request.device = device;
        self
    }

    /// How precisely sums are made. Default: [`Precision::Native`].
    ///
    /// ```
    /// use convolve::{Convolver, Precision};
    /// use ndarray::arr1;
    ///
    /// let x = arr1(&[1e8f32, 1.0, -1e8]);
    /// let sum = Convolver::new().filter(&arr1(&[1.0; 3])).precision(Precision::High);
    /// assert_eq!(sum.for_shape(3)?.apply(&x)?[1], 1.0); // 0 in f32
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn precision(mut self, precision: Precision) -> Self {
        self.request.precision = precision;
        self
    }

    /// Checks every result as it comes. Default: nothing is checked. Some outputs of each call are
    /// computed again in `f64` (or exactly, for integers) on the CPU, from the definition alone,
    /// and compared with the error bound of the method that ran: what is beyond it makes the call
    /// fail with [`Error::FailedCheck`](crate::Error::FailedCheck). An output takes as many
    /// multiplications as the kernel has taps; an FFT method needs one look at all samples besides.
    ///
    /// A sum that overflows on its way to a finite result makes a check fail as well: see
    /// [`Filter::verify`].
    ///
    /// Holds for `apply`, `apply_into`, pictures and streams. What stays on the GPU
    /// ([`Filter::apply_gpu`], [`Filter::encode`], [`Filter::encode_texture`], all of which only submit
    /// or record work) cannot be checked: there a filter with checks is an error,
    /// [`Error::Inadmissible`](crate::Error::Inadmissible).
    ///
    /// ```
    /// use convolve::{Check, Convolver, filters};
    /// use ndarray::Array2;
    ///
    /// let x = Array2::<f32>::ones((48, 64));
    /// let blur = Convolver::new().filter(&filters::gaussian(2.0)?).check(Check::Sampled(16));
    /// let y = blur.for_shape(x.dim())?.apply(&x)?;
    /// # Ok::<(), convolve::Error>(())
    /// ```
    #[cfg_attr(not(feature = "gpu"), doc = "[`Filter::apply_gpu`]: Filter")]
    #[cfg_attr(not(feature = "gpu"), doc = "[`Filter::encode`]: Filter")]
    #[cfg_attr(not(feature = "gpu"), doc = "[`Filter::encode_texture`]: Filter")]
    pub fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// How often the filter will run, at least once. Default: [`MANY_RUNS`](crate::plan::MANY_RUNS).
    /// What is done once (compiling shaders, transforming the kernel) counts that much less, and may
    /// make another method the faster one. Nothing keeps the filter from running more or less often.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    ///
    /// let blur = Convolver::new().filter(&filters::disk::<f32>(60.0)?).runs(1).for_shape((512, 512))?;
    /// println!("{}", blur.plan());
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn runs(mut self, runs: usize) -> Self {
        self.request.runs = runs.max(1);
        self
    }

    /// Results with the same bits whatever the number of threads. Default: no. Floating-point sums depend
    /// on their order, and that on how work is cut: into blocks and tiles by the shape alone, where this
    /// is asked for, and the method is chosen as for a machine of eight threads. So arrays of a few rows
    /// leave threads without work, and transforms may take other blocks than are fastest here. What was
    /// measured on this machine has no say in it: calibrations are passed over, and
    /// [`Method::Measured`] is an error.
    ///
    /// The bits are those of one version of this library, on processors with the same vector instructions
    /// ([`ConvolverBuilder::instructions`](crate::ConvolverBuilder::instructions) narrows them) and, on a
    /// GPU, on one device and driver. Integers are exact anyway.
    pub fn reproducible(mut self, reproducible: bool) -> Self {
        self.request.reproducible = reproducible;
        self
    }

    /// The largest error of an output that is accepted. Default: none but the rounding of the type that is
    /// computed in. Given, methods may run that are off by more, where that is proved to stay within the
    /// tolerance for every input: [`Method::Coarse`], with which wide smooth blurs take a time that does
    /// not grow with their width. [`Filter::plan`] says what runs, and within what.
    ///
    /// Rounding errors come on top, as with any method: here they are a few roundings of
    /// `max |x| * sum |k|`, fewer than the direct method makes. Unlike there, a quiet window beside
    /// something loud need not be quiet: an error is a share of the largest sample of the input, not of
    /// those in the window. Integers stay exact, and complex samples are computed as ever; pictures of 8 and
    /// of 16 bits are computed in `f32`, and a tolerance holds for them.
    ///
    /// A kernel that is cut off where it is not small (a Gaussian at 4 sigma ends with 3e-4 of its peak)
    /// has steps that no coarser grid can follow: the plan says what was proved, or why nothing was. One
    /// that is cut at 6 sigma allows a tolerance of 1e-6.
    ///
    /// ```
    /// use convolve::{Convolver, Tolerance, filters};
    /// use ndarray::Array2;
    ///
    /// let x = Array2::<f32>::ones((600, 800));
    /// let blur = Convolver::new().filter(&filters::gaussian(40.0)?).tolerance(Tolerance::Relative(1e-3));
    /// let blur = blur.for_shape(x.dim())?;
    /// println!("{}", blur.plan());
    /// let y = blur.apply(&x)?;
    /// # assert!((y[[300, 400]] - 1.0).abs() < 2e-3);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a filter is planned, [`Error::Tolerance`](crate::Error::Tolerance) where this is not a positive
    /// number, a share above 1, or in levels for what is no picture of 8 or 16 bits.
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.request.tolerance = Some(tolerance);
        self
    }

    /// Plans for inputs of this shape and prepares the kernel: factored, transformed or uploaded,
    /// as the plan needs it. A builder may plan for any number of shapes.
    ///
    /// # Errors
    /// Those of [`Problem::new`](crate::Problem::new), and
    /// [`Error::Inadmissible`](crate::Error::Inadmissible) where a forced method or device cannot
    /// do the problem, and where a region or a mask of pictures was given.
    pub fn for_shape(&self, shape: impl IntoDimension<Dim = D>) -> Result<Filter<A, D>> {
        #[cfg(feature = "image")]
        self.check_no_place()?;
        Filter::planned(self, shape.into_dimension())
    }
}
