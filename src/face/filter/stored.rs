//! Arrays of samples that are stored in another type than the filter's.

use ndarray::{Array, ArrayRef, Dimension};

use super::Filter;
use crate::element::Element;
use crate::error::Result;
use crate::format::FrameSample;
use crate::util::memory;

impl<A: Element, D: Dimension> Filter<A, D> {
    /// The convolution of samples of another type, stored as that: a filter of `f32` blurs an array of `u8`,
    /// of which a kernel of `u8` could have no fractions. Sums are made in the filter's type, and rounded to
    /// the nearest value (ties to even) and saturated once, at the end; under [`Method::Fft`] they may be off
    /// by one. [`FrameSample`] lists the types; [`Filter::apply_unrounded`] keeps fractions and signs.
    ///
    /// ```
    /// use convolve::{Boundary, Convolver};
    /// use ndarray::arr1;
    ///
    /// let mean = Convolver::new().filter(&arr1(&[1f32 / 3.0; 3])).boundary(Boundary::Nearest);
    /// let mean = mean.for_shape(4)?;
    /// assert_eq!(mean.apply_of(&arr1(&[10u8, 20, 60, 250]))?, arr1(&[13, 30, 110, 187]));
    /// assert_eq!(mean.apply_of(&arr1(&[-9i16, 0, 0, 900]))?, arr1(&[-6, -3, 300, 600]));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Filter::apply`].
    ///
    /// [`Method::Fft`]: crate::Method::Fft
    pub fn apply_of<T: FrameSample<A>>(&self, x: &ArrayRef<T, D>) -> Result<Array<T, D>> {
        self.check_shape("input", &self.input, &x.raw_dim())?;
        let mut y = memory::zeros(self.output.size(), "the output")?;
        self.with_slice(x, |x| self.run(x, &mut y))?;
        Ok(self.output_of(y))
    }

    /// [`Filter::apply_of`] into `y`; both are of any memory layout. Buffers for samples are allocated at
    /// the first call and reused from then on.
    ///
    /// # Errors
    /// Those of [`Filter::apply_into`].
    pub fn apply_of_into<T: FrameSample<A>>(
        &self,
        x: &ArrayRef<T, D>,
        y: &mut ArrayRef<T, D>,
    ) -> Result<()> {
        self.check_shape("input", &self.input, &x.raw_dim())?;
        self.check_shape("output", &self.output, &y.raw_dim())?;
        self.with_slice_mut(y, |y| self.with_slice(x, |x| self.run(x, y)))
    }

    /// The convolution of samples of another type, in the filter's own: neither rounded nor saturated, so
    /// that derivatives keep their sign.
    ///
    /// ```
    /// use convolve::{Convolver, Mode};
    /// use ndarray::arr1;
    ///
    /// let slope = Convolver::new().filter(&arr1(&[0.5f32, 0.0, -0.5])).mode(Mode::Valid);
    /// let y = slope.for_shape(4)?.apply_unrounded(&arr1(&[200u8, 100, 75, 75]))?;
    /// assert_eq!(y, arr1(&[-62.5, -12.5]));
    /// # Ok::<(), convolve::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Filter::apply`].
    pub fn apply_unrounded<T: FrameSample<A>>(&self, x: &ArrayRef<T, D>) -> Result<Array<A, D>> {
        self.check_shape("input", &self.input, &x.raw_dim())?;
        let mut y = memory::zeros(self.output.size(), "the output")?;
        self.with_slice(x, |x| {
            if self.checker.is_none() {
                return self.compute(x, &mut y);
            }
            // The definition knows samples and results of one type.
            let mut wide = self.scratch().take::<A>(x.len(), "samples to compute with")?;
            wide.iter_mut().zip(x).for_each(|(wide, x)| *wide = x.to_element());
            self.run(&wide, &mut y)
        })?;
        Ok(self.output_of(y))
    }

    /// Samples of the output's shape.
    pub(in crate::face) fn output_of<T>(&self, samples: Vec<T>) -> Array<T, D> {
        Array::from_shape_vec(self.output.clone(), samples).expect("the length is the shape's")
    }
}
