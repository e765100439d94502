//! The length of a gradient: several derivatives of one array, and the length of the vector that they are.

use ndarray::{Array, ArrayRef, Dimension, IntoDimension};

use crate::element::{DType, Element};
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::filter::Filter;
use crate::face::pointwise;
use crate::plan::Plan;
use crate::util::memory;

impl<A: Element, D: Dimension> FilterBuilder<A, D> {
    /// The length of the vector whose parts are the results of this filter's kernel and of another one,
    /// with the same options: the strength of edges, from derivatives along the axes.
    /// [`GradientBuilder::and`] adds a part for every further axis.
    ///
    /// ```
    /// use convolve::{Boundary, Convolver, filters};
    /// use ndarray::Array2;
    ///
    /// let [right, down] = filters::Derivatives::Sobel.kernels::<f32>()?;
    /// let x = Array2::from_shape_fn((8, 8), |(i, j)| 3.0 * j as f32 + 4.0 * i as f32);
    /// let edges = Convolver::new().filter(&right).boundary(Boundary::Nearest).gradient(&down);
    /// let strength = edges.for_shape(x.dim())?.apply(&x)?;
    /// assert_eq!(strength[[4, 4]], 8.0 * 5.0); // Sobel's slopes are 8 times as large
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn gradient(self, other: &ArrayRef<A, D>) -> GradientBuilder<A, D> {
        GradientBuilder { parts: vec![self] }.and(other)
    }
}

/// Kernels whose results are the parts of a vector, and their options, waiting for a shape. Made by
/// [`FilterBuilder::gradient`].
#[derive(Clone, Debug)]
pub struct GradientBuilder<A: Element, D: Dimension> {
    pub(super) parts: Vec<FilterBuilder<A, D>>,
}

impl<A: Element, D: Dimension> GradientBuilder<A, D> {
    /// Another kernel, with the options of the first one.
    pub fn and(mut self, kernel: &ArrayRef<A, D>) -> Self {
        let next = self.parts[0].with_kernel(kernel);
        self.parts.push(next);
        self
    }

    /// Plans for inputs of this shape.
    ///
    /// # Errors
    /// [`Error::Inadmissible`] for elements other than `f32` and `f64`; [`Error::Shape`] where the kernels
    /// have results of different shapes; and those of [`FilterBuilder::for_shape`].
    pub fn for_shape(&self, shape: impl IntoDimension<Dim = D>) -> Result<GradientFilter<A, D>> {
        if !matches!(A::DTYPE, DType::F32 | DType::F64) {
            let reason = format!("it needs f32 or f64, got {}", A::DTYPE);
            return Err(Error::Inadmissible { wanted: "the length of a gradient".into(), reason });
        }
        let shape = shape.into_dimension();
        let parts = self.parts.iter().map(|part| part.for_shape(shape.clone()));
        let parts: Vec<_> = parts.collect::<Result<_>>()?;
        for part in &parts[1..] {
            part.check_shape("result", &parts[0].output_dim(), &part.output_dim())?;
        }
        Ok(GradientFilter { parts })
    }
}

/// A planned gradient: see [`FilterBuilder::gradient`].
#[derive(Debug)]
pub struct GradientFilter<A: Element, D: Dimension> {
    parts: Vec<Filter<A, D>>,
}

impl<A: Element, D: Dimension> GradientFilter<A, D> {
    /// The filters whose results are the parts of the vector, which can be verified and profiled.
    pub fn parts(&self) -> &[Filter<A, D>] {
        &self.parts
    }

    /// What will run for the first part.
    pub fn plan(&self) -> &Plan {
        self.parts[0].plan()
    }

    /// Shape of the outputs.
    pub fn output_dim(&self) -> D {
        self.parts[0].output_dim()
    }

    /// The length of the gradient of `x`: the square root of the sum of the squares of its parts, made in
    /// `f64` and rounded once.
    ///
    /// # Errors
    /// Those of [`Filter::apply`].
    pub fn apply(&self, x: &ArrayRef<A, D>) -> Result<Array<A, D>> {
        let first = &self.parts[0];
        first.check_shape("input", first.input(), &x.raw_dim())?;
        let mut y = memory::zeros(first.output().size(), "the output")?;
        first.with_slice(x, |x| self.run(x, &mut y))?;
        Ok(first.output_of(y))
    }

    /// The same into `y`; both are of any memory layout. Buffers for samples are allocated at the first call
    /// and reused from then on.
    ///
    /// ```
    /// use convolve::{Convolver, filters};
    /// use ndarray::Array2;
    ///
    /// let [right, down] = filters::Derivatives::Sobel.kernels::<f32>()?;
    /// let edges = Convolver::new().filter(&right).gradient(&down).for_shape((8, 8))?;
    /// let mut strength = Array2::zeros(edges.output_dim());
    /// for i in 0..3 {
    ///     edges.apply_into(&Array2::from_elem((8, 8), i as f32), &mut strength)?;
    /// }
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Filter::apply_into`].
    pub fn apply_into(&self, x: &ArrayRef<A, D>, y: &mut ArrayRef<A, D>) -> Result<()> {
        let first = &self.parts[0];
        first.check_shape("input", first.input(), &x.raw_dim())?;
        first.check_shape("output", first.output(), &y.raw_dim())?;
        first.with_slice_mut(y, |y| first.with_slice(x, |x| self.run(x, y)))
    }

    fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let (first, len) = (&self.parts[0], y.len());
        let all = self.parts.len() * len;
        let mut parts = first.scratch().take::<A>(all, "the parts of a gradient")?;
        for (part, sums) in self.parts.iter().zip(parts.chunks_exact_mut(len)) {
            part.run(x, sums)?;
        }
        pointwise::fill(y, first.threads(), |start, y| {
            let here = start..start + y.len();
            pointwise::lengths(parts.chunks_exact(len).map(|part| &part[here.clone()]), y);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::convolver::Convolver;
    use crate::kernel::builtin::Derivatives;
    use crate::problem::boundary::Boundary;
    use crate::words::Mode;
    use ndarray::{Array2, Array3, arr2};

    fn cpu() -> Convolver {
        Convolver::builder().gpu(false).build()
    }

    #[test]
    fn it_is_the_length_of_the_results() {
        let x = Array2::from_shape_fn((61, 83), |(i, j)| ((i * j) as f32 * 0.37).sin());
        for derivatives in ["sobel", "scharr", "prewitt", "roberts", "gaussian:1.5"] {
            let pair: Derivatives = derivatives.parse().unwrap();
            assert_eq!(pair.to_string(), derivatives);
            let [right, down] = pair.kernels::<f32>().unwrap();
            let filter = |kernel| cpu().filter(kernel).boundary(Boundary::Mirror).stride([2, 1]);
            let gradient = filter(&right).gradient(&down).for_shape(x.dim()).unwrap();
            let y = gradient.apply(&x).unwrap();
            assert_eq!(y.raw_dim(), gradient.output_dim());
            let parts = [&right, &down].map(|k| filter(k).for_shape(x.dim())?.apply(&x));
            let [a, b] = parts.map(Result::unwrap);
            for (place, y) in y.indexed_iter() {
                let exact = f64::from(a[place]).hypot(b[place].into()) as f32;
                assert!((y - exact).abs() <= exact * f32::EPSILON, "{derivatives} {place:?}");
            }
            // Of another layout, the same.
            assert_eq!(gradient.apply(&x.t().to_owned().t().to_owned()).unwrap(), y);
        }
    }

    #[test]
    fn a_volume_has_three_parts() {
        let x = Array3::from_shape_fn((6, 7, 8), |(i, j, k)| (2 * i + 3 * j + 6 * k) as f64);
        let along = |axis: usize| {
            let mut shape = [1; 3];
            shape[axis] = 3;
            Array3::from_shape_vec(shape, vec![0.5, 0.0, -0.5]).unwrap()
        };
        let gradient = cpu().filter(&along(0)).boundary(Boundary::Nearest).gradient(&along(1));
        let gradient = gradient.and(&along(2)).for_shape(x.dim()).unwrap();
        assert_eq!(gradient.parts().len(), 3);
        assert_eq!(gradient.apply(&x).unwrap()[[3, 3, 3]], 7.0);
    }

    #[test]
    fn what_has_no_length_is_refused() {
        let [right, down] = Derivatives::Sobel.kernels::<i32>().unwrap();
        let error = cpu().filter(&right).gradient(&down).for_shape((9, 9)).unwrap_err();
        assert!(error.to_string().contains("it needs f32 or f64, got i32"), "{error}");
        let (one, two) = (arr2(&[[1f32, -1.0]]), arr2(&[[1f32], [-1.0]]));
        let gradient = cpu().filter(&one).mode(Mode::Valid).gradient(&two);
        let error = gradient.for_shape((9, 9)).unwrap_err();
        assert!(matches!(error, Error::Shape { what: "result", .. }), "{error}");
        for wrong in ["", "canny", "gaussian", "gaussian:x", "sobel:1"] {
            assert!(wrong.parse::<Derivatives>().is_err(), "{wrong}");
        }
        assert!(Derivatives::Gaussian(-1.0).kernels::<f32>().is_err());
    }
}
