//! The oracle: the definition, written down as a loop in `f64` (or wrapping integers).
//!
//! Slow, never tuned, and deliberately not built on the canonical form that the executors share:
//! it follows the formula of `full` and `start` directly, so that an error in the geometry shows.

use ndarray::{ArrayD, ArrayViewD, Dimension};

use crate::bounds::Window;
use crate::element::Element;
use crate::element::number::Wide;
use crate::error::Result;
use crate::problem::boundary::Boundary;
use crate::problem::{Options, Problem};
use crate::util::memory;
use crate::words::{Mode, Operation};

/// The exact (for floating point: `f64`) result of one problem, sample by sample.
///
/// ```
/// use convolve::{reference::Oracle, Options};
/// use ndarray::arr1;
///
/// let (x, k) = (arr1(&[1, 2, 3]).into_dyn(), arr1(&[1, 1]).into_dyn());
/// let oracle = Oracle::new(x.view(), k.view(), &Options::default())?;
/// assert_eq!(oracle.result(), arr1(&[1, 3, 5]).into_dyn());
/// # Ok::<(), convolve::Error>(())
/// ```
pub struct Oracle<A: Element> {
    /// In standard order.
    x: Vec<A>,
    definition: Definition<A>,
}

/// What is computed, for inputs of one shape.
pub(crate) struct Definition<A: Element> {
    /// The kernel of a convolution, in standard order: reversed and conjugated already where a
    /// correlation is wanted.
    k: Vec<A>,
    taps: Vec<usize>,
    /// Shape of the input.
    input: Vec<usize>,
    boundary: Vec<Boundary<A>>,
    start: Vec<isize>,
    /// The first output that is asked for.
    first: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    output: Vec<usize>,
}

impl<A: Element> Oracle<A> {
    /// The oracle for input `x`, kernel `k` and options.
    ///
    /// # Errors
    /// Those of [`Problem::new`].
    pub fn new(x: ArrayViewD<A>, k: ArrayViewD<A>, options: &Options<A>) -> Result<Self> {
        let problem = Problem::new(x.shape(), k.shape(), options)?;
        let (input, taps) = (x.shape(), k.shape());
        let x = memory::collected(x.iter().copied(), x.len(), COPY)?;
        let k = of_a_convolution(&k, options.operation)?;
        let (x, input, k, taps) =
            if problem.swapped { (k, taps, x, input) } else { (x, input, k, taps) };
        let definition = Definition::of(&problem, input, (k, taps), options)?;
        Ok(Self { x, definition })
    }

    /// Shape of the result.
    pub fn shape(&self) -> &[usize] {
        &self.definition.output
    }

    /// One sample of the result: `sum over t of k[t] * x~[start + o * stride - t * dilation]`. Where only
    /// some outputs are asked for, `o` counts from the first of them.
    pub fn at(&self, o: &[usize]) -> A::Wide {
        let mut sum = A::Wide::default();
        self.definition.window(
            |at| self.x[at],
            o,
            |k, x| {
                sum = sum.mul_add(k.widen(), x.widen());
            },
        );
        sum
    }

    /// One sample of the result, as [`Oracle::at`], and the sums over its window that error bounds are
    /// made of.
    pub fn with_window(&self, o: &[usize]) -> (A::Wide, Window) {
        self.definition.with_window(|at| self.x[at], o)
    }

    /// The whole result, in the oracle's own type.
    pub fn wide(&self) -> ArrayD<A::Wide> {
        ArrayD::from_shape_fn(self.shape(), |o| self.at(o.slice()))
    }

    /// The whole result, rounded (or wrapped) to the element type.
    pub fn result(&self) -> ArrayD<A> {
        self.wide().mapv(A::narrow)
    }
}

const COPY: &str = "a copy for the definition";

/// The kernel whose convolution is meant.
fn of_a_convolution<A: Element>(k: &ArrayViewD<A>, operation: Operation) -> Result<Vec<A>> {
    let mut taps = memory::collected(k.iter().copied(), k.len(), COPY)?;
    if operation == Operation::Correlate {
        taps.reverse();
        taps.iter_mut().for_each(|tap| *tap = tap.conj());
    }
    Ok(taps)
}

impl<A: Element> Definition<A> {
    /// The definition for inputs of this shape, which do not change places with the kernel.
    pub(crate) fn new(input: &[usize], k: &ArrayViewD<A>, options: &Options<A>) -> Result<Self> {
        let problem = Problem::new(input, k.shape(), options)?;
        let taps = of_a_convolution(k, options.operation)?;
        Self::of(&problem, input, (taps, k.shape()), options)
    }

    fn of(
        problem: &Problem,
        input: &[usize],
        (k, taps): (Vec<A>, &[usize]),
        options: &Options<A>,
    ) -> Result<Self> {
        let rank = input.len();
        let stride = options.stride.resolve("stride", rank)?;
        let dilation = options.dilation.resolve("dilation", rank)?;
        let origin = options.origin.resolve("origin", rank)?;
        let start = (0..rank)
            .map(|axis| {
                let length = (taps[axis] - 1) * dilation[axis] + 1;
                match options.mode {
                    Mode::Full => 0,
                    Mode::Same => ((length - 1) / 2) as isize + origin[axis],
                    Mode::Valid => length as isize - 1,
                }
            })
            .collect();
        let outputs = options.outputs.as_ref();
        let outputs = outputs.map(|outputs| outputs.resolve("outputs", rank)).transpose()?;
        let first = match outputs {
            None => vec![0; rank],
            Some(outputs) => outputs.iter().map(|range| range.start).collect(),
        };
        let boundary = options.boundary.resolve("boundary", rank)?;
        let (input, taps, output) = (input.to_vec(), taps.to_vec(), problem.output.clone());
        Ok(Self { k, taps, input, boundary, start, first, stride, dilation, output })
    }

    /// One sample of the result, and what its error is judged by. The input's samples are asked for by
    /// their place in standard order.
    pub(crate) fn with_window(&self, x: impl Fn(usize) -> A, o: &[usize]) -> (A::Wide, Window) {
        let (mut sum, mut window) = (A::Wide::default(), Window::default());
        self.window(x, o, |k, x| {
            sum = sum.mul_add(k.widen(), x.widen());
            window.add(k.magnitude(), x.magnitude());
        });
        (sum, window)
    }

    /// Visits the taps and samples that make one sample of the result.
    fn window(&self, x: impl Fn(usize) -> A, o: &[usize], mut visit: impl FnMut(A, A)) {
        let mut k = self.k.iter();
        self.window_from(0, o, Ok(0), &mut |at| {
            let tap = k.next().expect("as many taps as places");
            visit(*tap, at.map_or_else(|outside| outside, &x));
        });
    }

    /// The places of all taps along the axes from one on, in order: where these meet the input, or
    /// the value outside.
    fn window_from(
        &self,
        axis: usize,
        o: &[usize],
        at: std::result::Result<usize, A>,
        visit: &mut impl FnMut(std::result::Result<usize, A>),
    ) {
        if axis == o.len() {
            return visit(at);
        }
        let o_of_all = self.first[axis] + o[axis];
        let first = self.start[axis] + (o_of_all * self.stride[axis]) as isize;
        for t in 0..self.taps[axis] {
            let place = first - (t * self.dilation[axis]) as isize;
            let at = match self.boundary[axis].edge().resolve(place, self.input[axis]) {
                Some(place) => at.map(|at| at * self.input[axis] + place),
                // The last axis that is outside says with what.
                None => Err(self.boundary[axis].value()),
            };
            self.window_from(axis + 1, o, at, visit);
        }
    }
}
