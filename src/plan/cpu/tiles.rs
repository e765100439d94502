//! Tiles of the direct method: rows of outputs that stay in registers while taps pass over them.

use crate::problem::geometry::{Axis, Geometry};
use crate::simd::InstructionSet;
use crate::simd::tile::heights;
use crate::util::gcd;

/// Bytes of the widest vector.
pub(crate) const VECTOR: usize = 64;

/// Vectors up to which a row counts as short: it is computed as one piece, both ends included.
pub(crate) const SHORT: usize = 6;

/// Which rows of the output a tile has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tile {
    /// Output rows.
    pub rows: usize,
    /// Rows of the output from one row of a tile to the next.
    pub spacing: usize,
    /// Rows of samples that a tile reads for one plane of taps.
    pub sources: usize,
    /// How many of those each row of the tile adds.
    pub stride: usize,
}

impl Tile {
    /// As high as the taps and the outputs of the rows' axis make worth it, with these
    /// instructions.
    ///
    /// Sample rows are shared where `stride` and `dilation` make them meet: rows of a tile are
    /// `dilation / gcd` positions apart, and sample rows `dilation`.
    pub fn along(axis: &Axis, instructions: InstructionSet) -> Self {
        let single = Self::single(axis);
        let outputs = axis.outputs().div_ceil(single.spacing);
        let waste = |rows: usize| (outputs.div_ceil(rows) * rows) as f64 / outputs as f64;
        let fits =
            |rows: usize| rows == 1 || axis.taps > 1 && (rows - 1) * single.stride <= axis.taps;
        let (rows, _) = heights(instructions)
            .iter()
            .filter(|(rows, _)| fits(*rows))
            .map(|&(rows, cost)| (rows, cost * waste(rows)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("a single row fits all kernels");
        Self { rows, sources: axis.taps + (rows - 1) * single.stride, ..single }
    }

    /// Of a single row, for what is left of an axis.
    pub fn single(axis: &Axis) -> Self {
        let common = gcd(axis.stride, axis.dilation);
        // Farther apart than there are rows is as good as any such distance.
        let spacing = (axis.dilation / common).saturating_mul(axis.channels).min(axis.outputs());
        Self { rows: 1, spacing, sources: axis.taps, stride: axis.stride / common }
    }

    /// For the rows of a geometry: those of its last axis but one, or a single one.
    pub fn of(geometry: &Geometry, instructions: InstructionSet) -> Self {
        let rows = geometry.axes.iter().rev().nth(1).cloned();
        Self::along(&rows.unwrap_or_else(Axis::one_sample), instructions)
    }
}

/// The share of the full rate that tiles reach whose rows share samples under this many rows of
/// taps, of `inner` taps each, from 64 x 2048 samples with 3 x 3 to 11 x 11 taps, and from single
/// rows of 11 and of 101 taps; two rows are an estimate.
pub(crate) fn rate_share(rows_of_taps: usize, inner: usize) -> f64 {
    match rows_of_taps {
        // Pairs of taps share their samples in rows that are longer than a vector.
        1 if inner > 16 => 0.95,
        1 => 0.45,
        2 => 0.6,
        3 | 4 => 0.7,
        5 | 6 => 0.95,
        _ => 1.0,
    }
}

/// Columns that are computed of a row of elements of 4 bytes: both ends are computed as one piece, along
/// with what lies between them in it, and in whole vectors.
pub(crate) fn computed_columns(inner: &Axis) -> f64 {
    const UNIT: usize = VECTOR / 4;
    let columns = inner.outputs();
    let columns = match inner.leaves_input() && columns > SHORT * UNIT {
        true => columns + inner.reach().min(columns) + UNIT,
        false => columns.next_multiple_of(UNIT),
    };
    columns as f64
}
