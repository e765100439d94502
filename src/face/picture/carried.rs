//! Alpha that is carried over from the input.

use std::any::TypeId;
use std::ops::Range;

use bytemuck::cast_slice;

use crate::error;
use crate::format::FrameSample;
use crate::format::pitched::Rows;
use crate::format::pixels::take_alpha;
use crate::problem::Problem;
use crate::problem::boundary::Boundary;
use crate::util::{memory, threads};
use crate::words::Operation;

/// The last channel, copied and not filtered: for each output row and column, the input's row or
/// column under the middle tap, or what stands outside.
#[derive(Debug)]
pub(super) struct Carried {
    rows: Vec<Result<usize, f32>>,
    columns: Vec<Result<usize, f32>>,
    /// The longest run of columns that are neighbours in the input too.
    run: Range<usize>,
}

impl Carried {
    /// For a problem whose kernel is not folded: it has a middle.
    pub(super) fn new(problem: &Problem, boundary: [Boundary<f32>; 2]) -> error::Result<Self> {
        let whole = problem.uncut();
        let positions = |i: usize| {
            let axis = &whole.axes[i];
            let middle = (axis.taps - 1) / 2;
            // The canonical form has a convolution's kernel in reverse.
            let tap = match problem.operation {
                Operation::Convolve => axis.taps - 1 - middle,
                Operation::Correlate => middle,
            };
            let position = |o: usize| {
                let p = (o * axis.stride + tap * axis.dilation) as isize + axis.offset;
                boundary[i].edge().resolve(p, axis.n).ok_or(boundary[i].value())
            };
            memory::collected((0..axis.out).map(position), axis.out, "the places of alpha")
        };
        let (rows, columns) = (positions(0)?, positions(1)?);
        let run = longest_run(&columns);
        Ok(Self { rows, columns, run })
    }

    /// Between pictures of so many channels.
    pub(super) fn copy<T: FrameSample<f32>, U: FrameSample<f32>>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        channels: usize,
        threads: usize,
    ) -> error::Result<()> {
        let width = self.columns.len() * channels;
        // Some rows at a time, of which none is cut.
        let rows = (ROWS_OF / width.max(1)).max(1);
        threads::for_each_chunk(y, rows * width, threads, |chunk, y| {
            for (i, y) in y.chunks_exact_mut(width).enumerate() {
                let row = self.rows[chunk * rows + i];
                match channels {
                    2 => self.copy_row::<T, U, 2>(x, row, y),
                    4 => self.copy_row::<T, U, 4>(x, row, y),
                    _ => unreachable!("pixels of {channels} channels have no alpha"),
                }
            }
            Ok(())
        })
    }

    fn copy_row<T: FrameSample<f32>, U: FrameSample<f32>, const N: usize>(
        &self,
        x: Rows<T>,
        row: Result<usize, f32>,
        y: &mut [U],
    ) {
        let samples = row.map(|row| x.row(row));
        let one = |column: Result<usize, f32>| match (samples, column) {
            (Ok(x), Ok(column)) => U::from_element(x[column * N + N - 1].to_element()),
            // Where both axes are outside the later one has the last word, as everywhere.
            (_, Err(outside)) | (Err(outside), Ok(_)) => U::from_element(outside),
        };
        let run = match (samples, self.columns.get(self.run.start)) {
            // As it is stored, where it is stored so again.
            (Ok(x), Some(Ok(first))) if TypeId::of::<T>() == TypeId::of::<U>() => {
                let places = self.run.start * N..self.run.end * N;
                take_alpha::<U, N>(cast_slice(&x[first * N..]), &mut y[places]);
                self.run.clone()
            }
            _ => 0..0,
        };
        for columns in [0..run.start, run.end..self.columns.len()] {
            for column in columns {
                y[column * N + N - 1] = one(self.columns[column]);
            }
        }
    }
}

/// Samples of the rows that a thread copies at one time.
const ROWS_OF: usize = 1 << 16;

/// The longest run of neighbours.
fn longest_run(places: &[Result<usize, f32>]) -> Range<usize> {
    let mut longest = 0..0;
    let mut start = 0;
    for i in 0..places.len() {
        let goes_on = match (i.checked_sub(1).map(|before| places[before]), places[i]) {
            (Some(Ok(before)), Ok(place)) => place == before + 1,
            _ => false,
        };
        if !goes_on {
            start = i;
        }
        if places[i].is_ok() && i + 1 - start > longest.len() {
            longest = start..i + 1;
        }
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_of_neighbours_that_are_there() {
        let places = [Err(0.0), Ok(1), Ok(0), Ok(1), Ok(2), Ok(2), Ok(1), Err(7.0)];
        assert_eq!(longest_run(&places), 2..5);
        assert_eq!(longest_run(&[Err(0.0), Err(0.0)]), 0..0);
        assert_eq!(longest_run(&[Ok(4)]), 0..1);
    }
}
