//! Where the samples lie that a [`Filter`] runs over, and the copies that are made where they lie elsewhere.

use bytemuck::Pod;
use ndarray::{ArrayRef, Dimension};

use super::Filter;
use crate::element::Element;
#[cfg(feature = "image")]
use crate::element::wider::Wider;
use crate::error::Result;
#[cfg(feature = "image")]
use crate::format::{pitched::Rows, pixels::Pixels, transfer::Channel};

impl<A: Element, D: Dimension> Filter<A, D> {
    /// Calls `run` with what is read of an input, copied only where it does not lie in one piece.
    pub(crate) fn with_read<T: Pod, R>(
        &self,
        x: &[T],
        run: impl FnOnce(&[T]) -> Result<R>,
    ) -> Result<R> {
        let Some(cut) = &self.cut else { return run(x) };
        if let Some(range) = cut.in_place() {
            return run(&x[range]);
        }
        let mut read = self.scratch().take(cut.len(), "what is read of the input")?;
        cut.copy(x, &mut read);
        run(&read)
    }

    /// Calls `run` with the samples in standard order, copied only where they are not.
    pub(crate) fn with_slice<T: Pod, R>(
        &self,
        x: &ArrayRef<T, D>,
        run: impl FnOnce(&[T]) -> Result<R>,
    ) -> Result<R> {
        if let Some(x) = x.as_slice() {
            return run(x);
        }
        let mut packed = self.scratch().take(x.len(), "a copy of the input")?;
        packed.iter_mut().zip(x.iter()).for_each(|(packed, x)| *packed = *x);
        run(&packed)
    }

    /// Calls `run` with a place for results in standard order, which are copied only where `y` is not in it.
    pub(in crate::face) fn with_slice_mut<T: Pod>(
        &self,
        y: &mut ArrayRef<T, D>,
        run: impl FnOnce(&mut [T]) -> Result<()>,
    ) -> Result<()> {
        if let Some(y) = y.as_slice_mut() {
            return run(y);
        }
        let mut packed = self.scratch().take(y.len(), "a copy of the output")?;
        run(&mut packed)?;
        y.iter_mut().zip(packed.iter()).for_each(|(y, packed)| *y = *packed);
        Ok(())
    }
}

#[cfg(feature = "image")]
impl<D: Dimension> Filter<f32, D> {
    /// Computes all of `y` from pixels. False where reading and writing them is left to the caller: on a
    /// GPU, and where results are checked.
    pub(in crate::face) fn run_pixels<T: Channel, U: Channel>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        pixels: Pixels,
    ) -> Result<bool>
    where
        f32: Wider<T> + Wider<U>,
        f64: Wider<T> + Wider<U>,
    {
        match self.runner() {
            Some(runner) if self.checker.is_none() => {
                self.with_read_rows(x, |x| runner.run_pixels(x, y, pixels))
            }
            _ => Ok(false),
        }
    }

    /// [`Filter::with_read`] of a picture: a rectangle of it is read where it lies.
    fn with_read_rows<T: Pod, R>(
        &self,
        x: Rows<T>,
        run: impl FnOnce(Rows<T>) -> Result<R>,
    ) -> Result<R> {
        const WHAT: &str = "what is read of the picture";
        let Some(cut) = &self.cut else { return run(x) };
        if let Some([rows, samples]) = cut.rectangle(x.row_len()) {
            return run(x.part(rows, samples));
        }
        // It goes on at the other end.
        let mut packed;
        let all = match x.without_gaps() {
            Some(all) => all,
            None => {
                packed = self.scratch().take(x.len(), WHAT)?;
                x.pack(&mut packed);
                &packed
            }
        };
        let mut read = self.scratch().take(cut.len(), WHAT)?;
        cut.copy(all, &mut read);
        let rows = self.plan.problem.reads[0].len();
        let row = cut.len() / rows;
        run(Rows::new(&read, rows, row, row))
    }
}
