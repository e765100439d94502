//! Passes whose terms may overflow or meet infinities in other ways than the kernel: the definition
//! has the last word there.

use std::ops::Range;

use super::Separable;
use super::careful::all_finite;
use crate::cpu::direct::{Call, Direct};
use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};

/// The sum of several outer products, or one whose signs are not those of the kernel.
///
/// Terms can be larger than the kernel, and may meet an infinity with other signs: where that
/// leaves an output that is not finite, the direct method has the last word. Since every term
/// reads the whole window, and no tap is skipped, no output is finite that should not be.
pub(crate) struct Sum<A: Compute> {
    separable: Separable<A>,
    direct: Direct<A>,
}

impl<A: Compute> Sum<A> {
    /// Passes, and the definition, which has the last word on what they leave.
    pub(crate) fn new(separable: Separable<A>, direct: Direct<A>) -> Self {
        Self { separable, direct }
    }

    /// Computes all outputs.
    pub(crate) fn run(&self, x: Input<'_, A>, y: Output<'_, A>) -> Result<()> {
        let finish = |start: usize, piece: &mut [A]| match all_finite(piece) {
            true => Ok(()),
            false => self.recompute_non_finite(x, start, piece),
        };
        self.separable.run(Call { x, finish: Some(&finish) }, y)
    }

    /// Computes again what is not finite in a piece of the outputs.
    fn recompute_non_finite(&self, x: Input<'_, A>, start: usize, piece: &mut [A]) -> Result<()> {
        let (mut from, width) = (0, self.direct.width());
        while let Some(found) = not_finite(piece, from) {
            let (row, column) = ((start + found.start) / width, (start + found.start) % width);
            // No farther than the row goes.
            let end = found.end.min(found.start + width - column);
            let out = Output::InPlace(&mut piece[found.start..end]);
            self.direct.rows(x, row, column..column + end - found.start, out)?;
            from = end;
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
