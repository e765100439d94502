//! Who writes what: the rows of a result, cut where they run through several blocks.

use std::ops::Range;

use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::Output;
use crate::plan::cpu::Blocks;
use crate::problem::extension::Extension;
use crate::problem::geometry::Axis;
use crate::util::memory;

/// The outputs of block `b` along one axis: those whose unstrided places lie in its step.
pub(super) fn outputs(axis: &Axis, step: usize, b: usize) -> Range<usize> {
    axis.first_output_from(b * step)..axis.first_output_from((b + 1) * step)
}

/// Rows of outputs that a block has at most.
pub(super) fn most_rows<A: Compute>(extension: &Extension<A>, blocks: &Blocks) -> usize {
    // With a stride, a block has up to one position more than its share.
    let most = |(axis, &step): (&Axis, &usize)| match axis.stride {
        1 => step.min(axis.outputs()),
        stride => ((step / (axis.channels * stride) + 2) * axis.channels).min(axis.outputs()),
    };
    extension.outer().iter().zip(&blocks.step).map(most).product()
}

/// Shares the result out: to each block `most` rows, in standard order, the last ones perhaps
/// empty.
pub(super) fn share<'y, A: Compute>(
    extension: &Extension<A>,
    blocks: &Blocks,
    most: usize,
    mut y: Output<'y, A>,
    rows: &mut Vec<Output<'y, A>>,
) -> Result<()> {
    rows.clear();
    memory::reserve(rows, blocks.total() * most, "a list of rows")?;
    rows.resize_with(blocks.total() * most, Default::default);
    let (inner, axes) = (extension.inner(), extension.outer());
    let (step, count) = (blocks.step[axes.len()], blocks.count[axes.len()]);
    for flat in 0..y.len() / inner.outputs() {
        let (mut out, after) = y.split_at(inner.outputs());
        y = after;
        // The first of the blocks that the row runs through, and which row of theirs it is.
        let (mut rest, mut block, mut total) = (flat, 0, count);
        let (mut row, mut inside) = (0, 1);
        for (a, axis) in axes.iter().enumerate().rev() {
            let o = rest % axis.outputs();
            rest /= axis.outputs();
            let b = axis.advance(o) / blocks.step[a];
            block += b * total;
            total *= blocks.count[a];
            let range = outputs(axis, blocks.step[a], b);
            row += (o - range.start) * inside;
            inside *= range.len();
        }
        for b in 0..count {
            let (piece, rest) = out.split_at(outputs(inner, step, b).len());
            rows[(block + b) * most + row] = piece;
            out = rest;
        }
    }
    Ok(())
}
