//! Alpha that is carried over from the input.

use crate::format::FrameSample;
use crate::format::pitched::Rows;
use crate::problem::Problem;
use crate::problem::boundary::Boundary;
use crate::words::Operation;

/// A channel that is copied and not filtered: for each output row and column, the input's row or
/// column under the middle tap, or what stands outside.
#[derive(Debug)]
pub(super) struct Carried {
    channel: usize,
    rows: Vec<Result<usize, f32>>,
    columns: Vec<Result<usize, f32>>,
}

impl Carried {
    /// For a problem whose kernel is not folded: it has a middle.
    pub(super) fn new(channel: usize, problem: &Problem, boundary: [Boundary<f32>; 2]) -> Self {
        let whole = problem.uncut();
        let [rows, columns] = [0, 1].map(|i| {
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
            (0..axis.out).map(position).collect()
        });
        Self { channel, rows, columns }
    }

    /// Between pictures of so many channels.
    pub(super) fn copy<T: FrameSample<f32>, U: FrameSample<f32>>(
        &self,
        x: Rows<T>,
        y: &mut [U],
        channels: usize,
    ) {
        for (&row, y) in self.rows.iter().zip(y.chunks_exact_mut(self.columns.len() * channels)) {
            for (&column, y) in self.columns.iter().zip(y.chunks_exact_mut(channels)) {
                // Where both axes are outside the later one has the last word, as everywhere.
                y[self.channel] = match (row, column) {
                    (Ok(row), Ok(column)) => {
                        let alpha = x.row(row)[column * channels + self.channel];
                        U::from_element(alpha.to_element())
                    }
                    (_, Err(outside)) | (Err(outside), Ok(_)) => U::from_element(outside),
                };
            }
        }
    }
}
