//! What is to be computed: validated once, then geometry.

pub(crate) mod boundary;
pub(crate) mod extension;
pub(crate) mod geometry;
pub(crate) mod reads;

use ndarray::{ArrayRef, Dimension};
use std::ops::Range;

use crate::element::{DType, Element};
use crate::error::{Error, Result};
use crate::problem::boundary::{Boundary, Edge};
use crate::problem::geometry::{Axis, Geometry};
use crate::util::memory;
use crate::words::{Mode, Operation};

/// One value for all axes, or one per axis.
///
/// Made from a value, an array, a slice or a `Vec`: wherever an option takes
/// `impl Into<PerAxis<T>>`, `2`, `[1, 2]` and `vec![1, 2]` all do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PerAxis<T> {
    /// The same on every axis.
    All(T),
    /// The first axis first.
    Each(Vec<T>),
}

impl<T> From<T> for PerAxis<T> {
    fn from(value: T) -> Self {
        Self::All(value)
    }
}

impl<T> From<Vec<T>> for PerAxis<T> {
    fn from(values: Vec<T>) -> Self {
        Self::Each(values)
    }
}

impl<T: Clone> From<&[T]> for PerAxis<T> {
    fn from(values: &[T]) -> Self {
        Self::Each(values.to_vec())
    }
}

impl<T, const N: usize> From<[T; N]> for PerAxis<T> {
    fn from(values: [T; N]) -> Self {
        Self::Each(values.into())
    }
}

impl<T: Clone> PerAxis<T> {
    /// One value per axis, or an error that names the option.
    pub(crate) fn resolve(&self, option: &'static str, rank: usize) -> Result<Vec<T>> {
        match self {
            Self::All(value) => Ok(vec![value.clone(); rank]),
            Self::Each(values) if values.len() == rank => Ok(values.clone()),
            Self::Each(values) => Err(Error::PerAxis { option, expected: rank, got: values.len() }),
        }
    }
}

/// The meaning of a convolution of `A`, before it meets a shape.
///
/// ```
/// use convolve::{Boundary, Mode, Options};
///
/// let options = Options::<f32>::default().mode(Mode::Full).boundary([Boundary::Wrap, Boundary::Zero]);
/// assert_eq!(options.mode, Mode::Full);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options<A> {
    /// Convolution or correlation.
    pub operation: Operation,
    /// Which part is kept.
    pub mode: Mode,
    /// How the input continues.
    pub boundary: PerAxis<Boundary<A>>,
    /// Every `stride`-th sample of the result is kept.
    pub stride: PerAxis<usize>,
    /// Samples from one tap to the next.
    pub dilation: PerAxis<usize>,
    /// Moves the start of [`Mode::Same`].
    pub origin: PerAxis<isize>,
    /// Which of these outputs are computed; all of them where this is `None`.
    pub outputs: Option<PerAxis<Range<usize>>>,
}

impl<A> Default for Options<A> {
    fn default() -> Self {
        Self {
            operation: Operation::Convolve,
            mode: Mode::Same,
            boundary: Boundary::Zero.into(),
            stride: 1.into(),
            dilation: 1.into(),
            origin: 0.into(),
            outputs: None,
        }
    }
}

impl<A> Options<A> {
    /// Which part of the result is kept.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Convolution, or correlation.
    pub fn operation(mut self, operation: Operation) -> Self {
        self.operation = operation;
        self
    }

    /// How the input continues past its ends.
    pub fn boundary(mut self, boundary: impl Into<PerAxis<Boundary<A>>>) -> Self {
        self.boundary = boundary.into();
        self
    }

    /// Keeps every `stride`-th sample of the result.
    pub fn stride(mut self, stride: impl Into<PerAxis<usize>>) -> Self {
        self.stride = stride.into();
        self
    }

    /// Samples from one tap to the next.
    pub fn dilation(mut self, dilation: impl Into<PerAxis<usize>>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Moves the start of [`Mode::Same`] by this many samples.
    pub fn origin(mut self, origin: impl Into<PerAxis<isize>>) -> Self {
        self.origin = origin.into();
        self
    }

    /// Computes no other outputs than these.
    pub fn outputs(mut self, outputs: impl Into<PerAxis<Range<usize>>>) -> Self {
        self.outputs = Some(outputs.into());
        self
    }
}

/// A validated problem: shapes, type and meaning, without any data.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Problem {
    /// Type of input, kernel and output.
    pub dtype: DType,
    /// Convolution or correlation.
    pub operation: Operation,
    /// Which part is kept.
    pub mode: Mode,
    /// Shape of the input, as the caller gave it.
    pub input: Vec<usize>,
    /// Shape of the kernel, as the caller gave it.
    pub kernel: Vec<usize>,
    /// Shape of the output.
    pub output: Vec<usize>,
    /// Whether input and kernel change places (mode `valid` with the longer kernel).
    pub swapped: bool,
    /// Whether all axes with a constant outside have the same one.
    pub constants_agree: bool,
    /// Which of the outputs that there would be these are, per axis; `None` where they are all.
    pub outputs: Option<Vec<Range<usize>>>,
    /// Which positions of the input are read, per axis: all of them, unless only some outputs are
    /// computed. Of an axis that wraps around they may pass its end, and go on at its start.
    pub reads: Vec<Range<usize>>,
    /// The canonical form of what is read, one axis for each of the caller's.
    pub axes: Vec<Axis>,
}

/// No length, position or byte count may exceed this, so that sums of a few of them stay in range.
const LARGEST: usize = isize::MAX as usize / 8;

impl Problem {
    /// Checks everything that does not depend on data.
    ///
    /// # Errors
    /// Empty arrays, ranks that differ, options for another number of axes, strides or dilations
    /// of zero, origins off the kernel, outputs that there are none of, a `valid` that fits neither way,
    /// sizes beyond memory.
    pub fn new<A: Element>(
        input: &[usize],
        kernel: &[usize],
        options: &Options<A>,
    ) -> Result<Self> {
        for (what, shape) in [("input", input), ("kernel", kernel)] {
            if shape.contains(&0) {
                return Err(Error::Empty { what, shape: shape.into() });
            }
            check_bytes(what, A::DTYPE, shape)?;
        }
        if input.len() != kernel.len() {
            return Err(Error::RankMismatch { input: input.into(), kernel: kernel.into() });
        }
        let rank = input.len();
        let mode = options.mode;
        let boundary = options.boundary.resolve("boundary", rank)?;
        let stride = options.stride.resolve("stride", rank)?;
        let dilation = options.dilation.resolve("dilation", rank)?;
        let origin = options.origin.resolve("origin", rank)?;
        for (option, values) in [("stride", &stride), ("dilation", &dilation)] {
            if let Some(axis) = values.iter().position(|&value| value == 0) {
                return Err(Error::ZeroStep { option, axis });
            }
        }
        if mode != Mode::Same && origin.iter().any(|&value| value != 0) {
            return Err(Error::OriginNeedsSame { mode });
        }
        let lengths = effective_lengths(input, kernel, &dilation)?;

        let swapped = mode == Mode::Valid && input.iter().zip(&lengths).any(|(n, m)| n < m);
        if swapped {
            if input.iter().zip(&lengths).any(|(n, m)| n > m) {
                return Err(Error::ValidDoesNotFit { input: input.into(), kernel: lengths });
            }
            let in_the_way = [
                ("a stride", stride.iter().any(|&value| value != 1)),
                ("a dilation", dilation.iter().any(|&value| value != 1)),
                ("a boundary", boundary.iter().any(|b| b.canonical() != Boundary::Zero)),
            ];
            if let Some((option, _)) = in_the_way.into_iter().find(|(_, set)| *set) {
                let (input, kernel) = (input.into(), kernel.into());
                return Err(Error::ValidCannotSwap { input, kernel, option });
            }
        }
        let (data, weights) = if swapped { (kernel, input) } else { (input, kernel) };

        let mut axes = Vec::with_capacity(rank);
        for axis in 0..rank {
            let length = if swapped { weights[axis] } else { lengths[axis] };
            let (n, last) = (data[axis], length as isize - 1);
            let (start, len) = match mode {
                Mode::Full => (0, n + length - 1),
                Mode::Same => (same_start(axis, length, origin[axis])?, n),
                Mode::Valid => (last, n - length + 1),
            };
            let out = len.div_ceil(stride[axis]);
            axes.push(Axis {
                n,
                channels: 1,
                taps: weights[axis],
                out,
                // A step that is never taken must not overflow.
                stride: if out == 1 { 1 } else { stride[axis] },
                dilation: if weights[axis] == 1 { 1 } else { dilation[axis] },
                offset: start - last,
                edge: boundary[axis].canonical().edge(),
            });
        }
        let outputs = options.outputs.as_ref();
        let outputs = outputs.map(|outputs| outputs.resolve("outputs", rank)).transpose()?;
        let mut reads: Vec<_> = input.iter().map(|&n| 0..n).collect();
        for (axis, range) in outputs.iter().flatten().enumerate() {
            narrow(axis, &mut axes[axis], range)?;
            // The input that changes places with its kernel is all of it needed.
            if !swapped {
                reads[axis] = reads::cut(&mut axes[axis]);
            }
        }
        let output: Vec<usize> = axes.iter().map(|axis| axis.out).collect();
        check_bytes("output", A::DTYPE, &output)?;
        let constants_agree = agree(&axes, &boundary);
        Ok(Self {
            dtype: A::DTYPE,
            operation: options.operation,
            mode,
            input: input.into(),
            kernel: kernel.into(),
            output,
            swapped,
            constants_agree,
            outputs,
            reads,
            axes,
        })
    }

    /// Whether some of the input is not read.
    pub(crate) fn is_cut(&self) -> bool {
        self.reads.iter().zip(&self.input).any(|(reads, &n)| *reads != (0..n))
    }

    /// The same problem on all of the input.
    #[cfg(any(feature = "gpu", feature = "image"))]
    pub(crate) fn uncut(&self) -> Self {
        let mut whole = self.clone();
        if self.is_cut() {
            for ((axis, reads), &n) in whole.axes.iter_mut().zip(&mut whole.reads).zip(&self.input)
            {
                axis.offset += reads.start as isize;
                (axis.n, *reads) = (n, 0..n);
            }
        }
        whole
    }

    /// The kernel in the order that the canonical form wants. Where input and kernel have changed
    /// places this is the data that the input, as a kernel, runs over.
    pub(crate) fn canonical_kernel<A: Element, D: Dimension>(
        &self,
        kernel: &ArrayRef<A, D>,
    ) -> Result<Vec<A>> {
        let mut taps =
            memory::collected(kernel.iter().copied(), kernel.len(), "a copy of the kernel")?;
        let correlates = self.operation == Operation::Correlate;
        if correlates {
            taps.iter_mut().for_each(|tap| *tap = tap.conj());
        }
        // A convolution reverses its kernel. A swapped one reverses the other array instead, and its
        // correlation undoes that of the kernel.
        if correlates == self.swapped {
            taps.reverse();
        }
        Ok(taps)
    }

    /// The folded axes that the executors compute.
    pub fn geometry(&self) -> Geometry {
        Geometry::fold(self.axes.iter().map(|axis| (axis.clone(), ()))).0
    }
}

/// Leaves an axis these of its outputs.
fn narrow(number: usize, axis: &mut Axis, outputs: &Range<usize>) -> Result<()> {
    if outputs.is_empty() || outputs.end > axis.out {
        return Err(Error::Outputs { axis: number, outputs: axis.out, got: outputs.clone() });
    }
    axis.narrow(outputs);
    Ok(())
}

/// Whether the constants that windows meet outside are all the same.
fn agree<A: Element>(axes: &[Axis], boundary: &[Boundary<A>]) -> bool {
    let mut values = axes
        .iter()
        .zip(boundary)
        .filter(|(axis, _)| axis.leaves_input())
        .filter(|(axis, _)| matches!(axis.edge, Edge::Zero | Edge::Constant(())))
        .map(|(_, boundary)| boundary.value());
    values.next().is_none_or(|first| values.all(|value| value == first))
}

fn check_bytes(what: &'static str, dtype: DType, shape: &[usize]) -> Result<()> {
    let bytes = shape.iter().try_fold(dtype.size(), |product, &n| product.checked_mul(n));
    if bytes.is_some_and(|bytes| bytes <= LARGEST) {
        return Ok(());
    }
    let detail = format!("shape {shape:?} of {dtype} does not fit into memory");
    Err(Error::TooLarge { what, detail })
}

fn same_start(axis: usize, length: usize, origin: isize) -> Result<isize> {
    let (centre, last) = (((length - 1) / 2) as isize, length as isize - 1);
    let (lowest, highest) = (-centre, last - centre);
    if (lowest..=highest).contains(&origin) {
        Ok(centre + origin)
    } else {
        Err(Error::Origin { axis, length, lowest, highest, got: origin })
    }
}

/// `(taps - 1) * dilation + 1` per axis, with every position of the problem known to fit an index.
fn effective_lengths(input: &[usize], kernel: &[usize], dilation: &[usize]) -> Result<Vec<usize>> {
    let samples: usize = input.iter().product();
    let mut lengths = Vec::with_capacity(kernel.len());
    for (axis, (&taps, &dilation)) in kernel.iter().zip(dilation).enumerate() {
        let length = (taps - 1).checked_mul(dilation).and_then(|reach| reach.checked_add(1));
        let others = samples / input[axis];
        let fits = |length: &usize| {
            length
                .checked_add(input[axis])
                .and_then(|sum| sum.checked_mul(others))
                .is_some_and(|positions| positions <= LARGEST)
        };
        lengths.push(length.filter(fits).ok_or_else(|| Error::TooLarge {
            what: "effective kernel",
            detail: format!(
                "{taps} taps with dilation {dilation} on axis {axis} of an input {input:?}: \
                 positions would exceed {LARGEST}"
            ),
        })?);
    }
    Ok(lengths)
}
