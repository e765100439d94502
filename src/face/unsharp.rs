//! Unsharp masking with a threshold.

use ndarray::{Array, ArrayRef, Dimension, IntoDimension};

use crate::element::{DType, Element};
use crate::error::{Error, Result};
use crate::face::builder::FilterBuilder;
use crate::face::filter::Filter;
use crate::face::pointwise;
use crate::plan::Plan;
use crate::util::memory;

impl<A: Element, D: Dimension> FilterBuilder<A, D> {
    /// Unsharp masking with this filter as the blur: a sample that differs from the blurred one by more
    /// than `threshold` has `amount` times the difference added to it, and others stay as they are. So
    /// grain and flat areas are left alone.
    ///
    /// ```text
    /// y = x + amount * (x - blurred)   where |x - blurred| > threshold, else x
    /// ```
    ///
    /// With a [`gaussian`](crate::filters::gaussian) it is nearly Pillow's `UnsharpMask(radius, percent,
    /// threshold)`, `radius` being the Gaussian's sigma and `percent` 100 times `amount`: Pillow's blur is
    /// three boxes, and rounded. `threshold` has the units of the samples. Without one it is a convolution:
    /// [`filters::unsharp`](crate::filters::unsharp).
    ///
    /// ```
    /// use convolve::{Boundary, Convolver, filters};
    /// use ndarray::arr2;
    ///
    /// let blur = Convolver::new().filter(&filters::box_mean::<f32>(3)?).boundary(Boundary::Nearest);
    /// let sharpen = blur.unsharp(0.5, 2.0).for_shape((1, 6))?;
    /// let y = sharpen.apply(&arr2(&[[10.0, 11.0, 10.0, 10.0, 40.0, 40.0]]))?;
    /// assert_eq!(y, arr2(&[[10.0, 11.0, 10.0, 5.0, 45.0, 40.0]]));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn unsharp(self, amount: f64, threshold: f64) -> UnsharpBuilder<A, D> {
        UnsharpBuilder { blur: self, amount, threshold }
    }
}

/// A blur for unsharp masking, and its options, waiting for a shape. Made by
/// [`FilterBuilder::unsharp`].
#[derive(Clone, Debug)]
pub struct UnsharpBuilder<A: Element, D: Dimension> {
    pub(super) blur: FilterBuilder<A, D>,
    pub(super) amount: f64,
    pub(super) threshold: f64,
}

impl<A: Element, D: Dimension> UnsharpBuilder<A, D> {
    /// Plans for inputs of this shape.
    ///
    /// # Errors
    /// [`Error::Inadmissible`] for elements other than `f32` and `f64`, where `amount` is no finite number
    /// or `threshold` is negative or none, and where the blurred array has another shape than the input;
    /// and those of [`FilterBuilder::for_shape`].
    pub fn for_shape(&self, shape: impl IntoDimension<Dim = D>) -> Result<UnsharpFilter<A, D>> {
        if !matches!(A::DTYPE, DType::F32 | DType::F64) {
            return Err(refused(format!("it needs f32 or f64, got {}", A::DTYPE)));
        }
        self.check_values()?;
        let blur = self.blur.for_shape(shape)?;
        check_same(blur.input().slice(), blur.output().slice())?;
        Ok(UnsharpFilter { blur, values: [self.amount, self.threshold] })
    }

    pub(super) fn check_values(&self) -> Result<()> {
        if !self.amount.is_finite() {
            return Err(refused(format!(
                "expected the amount to be a number, got {}",
                self.amount
            )));
        }
        if !(0.0..).contains(&self.threshold) {
            let got = self.threshold;
            return Err(refused(format!("expected a threshold of at least 0, got {got}")));
        }
        Ok(())
    }
}

/// An error where the blurred samples have no samples to be compared with.
pub(super) fn check_same(input: &[usize], output: &[usize]) -> Result<()> {
    match input == output {
        true => Ok(()),
        false => Err(refused(format!(
            "expected a blur of the input's own shape {input:?} (mode same, stride 1), got {output:?}"
        ))),
    }
}

fn refused(reason: String) -> Error {
    Error::Inadmissible { wanted: "unsharp masking".into(), reason }
}

/// A planned unsharp mask: see [`FilterBuilder::unsharp`].
#[derive(Debug)]
pub struct UnsharpFilter<A: Element, D: Dimension> {
    blur: Filter<A, D>,
    /// Amount and threshold.
    values: [f64; 2],
}

impl<A: Element, D: Dimension> UnsharpFilter<A, D> {
    /// The filter that blurs, which can be verified and profiled.
    pub fn blur(&self) -> &Filter<A, D> {
        &self.blur
    }

    /// What will run to blur.
    pub fn plan(&self) -> &Plan {
        self.blur.plan()
    }

    /// The sharpened samples.
    ///
    /// # Errors
    /// Those of [`Filter::apply`].
    pub fn apply(&self, x: &ArrayRef<A, D>) -> Result<Array<A, D>> {
        self.blur.check_shape("input", self.blur.input(), &x.raw_dim())?;
        let mut y = memory::zeros(self.blur.output().size(), "the output")?;
        self.blur.with_slice(x, |x| self.run(x, &mut y))?;
        Ok(self.blur.output_of(y))
    }

    /// The same into `y`; both are of any memory layout. Buffers for samples are allocated at the first call
    /// and reused from then on.
    ///
    /// # Errors
    /// Those of [`Filter::apply_into`].
    pub fn apply_into(&self, x: &ArrayRef<A, D>, y: &mut ArrayRef<A, D>) -> Result<()> {
        self.blur.check_shape("input", self.blur.input(), &x.raw_dim())?;
        self.blur.check_shape("output", self.blur.output(), &y.raw_dim())?;
        self.blur.with_slice_mut(y, |y| self.blur.with_slice(x, |x| self.run(x, y)))
    }

    fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let mut blurred = self.blur.scratch().take::<A>(y.len(), "the blurred samples")?;
        self.blur.run::<A>(x, &mut blurred)?;
        pointwise::fill(y, self.blur.threads(), |start, y| {
            let block = start..start + y.len();
            pointwise::sharpened(&x[block.clone()], &blurred[block], self.values, y);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::face::convolver::Convolver;
    use crate::kernel::builtin as filters;
    use crate::problem::boundary::Boundary;
    use crate::words::Mode;
    use ndarray::Array2;

    fn blur(sigma: f64) -> FilterBuilder<f64, ndarray::Ix2> {
        let cpu = Convolver::builder().gpu(false).build();
        cpu.filter(&filters::gaussian(sigma).unwrap()).boundary(Boundary::Reflect)
    }

    #[test]
    fn only_what_differs_by_more_than_the_threshold_is_sharpened() {
        let x = Array2::from_shape_fn((70, 45), |(i, j)| ((i * j) as f64 * 0.37).sin());
        let blurred = blur(1.2).for_shape(x.dim()).unwrap().apply(&x).unwrap();
        for threshold in [0.0, 0.3, 10.0] {
            let unsharp = blur(1.2).unsharp(0.7, threshold).for_shape(x.dim()).unwrap();
            let (y, mut sharpened) = (unsharp.apply(&x).unwrap(), 0);
            for (place, y) in y.indexed_iter() {
                let taken = x[place] - blurred[place];
                let sharp = if taken.abs() > threshold { x[place] + 0.7 * taken } else { x[place] };
                assert!((y - sharp).abs() < 1e-14, "{place:?}: {y} {sharp}");
                sharpened += usize::from(*y != x[place]);
            }
            assert_eq!(sharpened == 0, threshold == 10.0);
            assert_eq!(sharpened == x.len(), threshold == 0.0);
        }
        // Without a threshold it is one convolution.
        let unsharp = blur(1.2).unsharp(0.7, 0.0).for_shape(x.dim()).unwrap().apply(&x).unwrap();
        let kernel = filters::unsharp::<f64>(1.2, 0.7).unwrap();
        let one =
            Convolver::builder().gpu(false).build().filter(&kernel).boundary(Boundary::Reflect);
        let one = one.for_shape(x.dim()).unwrap().apply(&x).unwrap();
        assert!(unsharp.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-13));
    }

    #[test]
    fn senseless_values_are_errors() {
        let refused = |builder: UnsharpBuilder<f64, ndarray::Ix2>, words: &str| {
            let error = builder.for_shape((9, 9)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused(blur(1.0).unsharp(f64::NAN, 0.0), "expected the amount to be a number, got NaN");
        refused(blur(1.0).unsharp(1.0, -1.0), "expected a threshold of at least 0, got -1");
        refused(blur(1.0).unsharp(1.0, f64::NAN), "expected a threshold of at least 0, got NaN");
        refused(blur(1.0).mode(Mode::Full).unsharp(1.0, 0.0), "got [17, 17]");
        refused(blur(1.0).stride(2).unsharp(1.0, 0.0), "expected a blur of the input's own shape");
        let cpu = Convolver::builder().gpu(false).build();
        let integers = cpu.filter(&ndarray::arr1(&[1u8])).unsharp(1.0, 0.0).for_shape(9);
        assert!(integers.unwrap_err().to_string().contains("f32 or f64, got u8"));
    }
}
