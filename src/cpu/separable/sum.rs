//! Passes whose terms may overflow or meet infinities in other ways than the kernel: the definition
//! has the last word there.

use std::ops::Range;

use super::Separable;
use crate::cpu::direct::Direct;
use crate::element::compute::Compute;
use crate::error::Result;
use crate::kernel::Factors;
use crate::plan::cpu::{Passing, Tile};
use crate::problem::extension::Extension;
use crate::simd::InstructionSet;
use crate::util::threads;
use crate::util::threads::Workers;

/// The sum of several outer products, or one whose signs are not those of the kernel.
///
/// Terms can be larger than the kernel, and may meet an infinity with other signs: where that
/// leaves an output that is not finite, the direct method has the last word. Since every term
/// reads the whole window, and no tap is skipped, no output is finite that should not be.
pub(crate) struct Sum<A: Compute> {
    separable: Separable<A>,
    direct: Direct<A>,
    /// Outputs of a row.
    width: usize,
    threads: usize,
}

impl<A: Compute> Sum<A> {
    /// An executor for `weights`, which these terms are the sum of, with tiles for what the definition
    /// has the last word on.
    pub(crate) fn new(
        extension: Extension<A>,
        weights: &[A],
        terms: &[Factors<A>],
        (passes, tile): (&[Passing], Tile),
        instructions: InstructionSet,
        workers: impl Into<Workers>,
    ) -> Result<Self> {
        let workers = workers.into();
        Ok(Self {
            separable: Separable::new(&extension, terms, passes, instructions, workers)?,
            width: extension.inner().outputs(),
            direct: Direct::new(extension, weights, tile, instructions, 1)?,
            threads: workers.threads,
        })
    }

    /// Computes all outputs.
    pub(crate) fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        self.separable.run(x, y)?;
        threads::for_each_piece(y, self.threads, self.width, |start, piece| {
            for (i, row) in piece.chunks_mut(self.width).enumerate() {
                // All of them are looked at, without a branch, for vectors.
                if !row.iter().fold(true, |finite, y| finite & y.is_finite()) {
                    self.recompute_non_finite(x, start / self.width + i, row)?;
                }
            }
            Ok(())
        })
    }

    /// Computes again what is not finite in one row.
    fn recompute_non_finite(&self, x: &[A], row: usize, out: &mut [A]) -> Result<()> {
        let mut from = 0;
        while let Some(columns) = not_finite(out, from) {
            self.direct.rows(x, row, columns.clone(), &mut out[columns.clone()])?;
            from = columns.end;
        }
        Ok(())
    }
}

/// The next columns from `from` on that are not finite.
fn not_finite<A: Compute>(row: &[A], from: usize) -> Option<Range<usize>> {
    let first = from + row[from..].iter().position(|y| !y.is_finite())?;
    let len = row[first..].iter().position(|y| y.is_finite());
    Some(first..len.map_or(row.len(), |len| first + len))
}
