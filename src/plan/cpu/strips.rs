//! Passes of the separable method on the CPU: fused along the last two axes, in strips of columns that
//! keep the rows between the two in cache.

use super::tiles::{Tile, VECTOR};
use crate::element::DType;
use crate::plan::passes::Pass;
use crate::problem::geometry::Geometry;
use crate::simd::InstructionSet;

/// A pass, and how it goes over its outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Passing {
    /// Along the last two axes at once.
    Fused(Pass, Strips),
    /// Along one axis.
    Single(Pass, Tile),
}

/// Strips of columns whose rows, filtered along the last axis, wait in a ring for the pass along the
/// axis before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Strips {
    /// Of the pass along the rows' axis.
    pub tile: Tile,
    /// Columns of a strip.
    pub columns: usize,
    /// Samples from one row of a ring to the next: a vector more, so that rows do not fall onto the
    /// same lines of the cache.
    pub pitch: usize,
}

/// Bytes that the rings of all terms may take: a part of the second-level cache that even small
/// machines have.
const RING_BYTES: usize = 128 << 10;

/// Elements of the widest vector of the narrowest type.
pub(crate) const WIDEST: usize = 64;

impl Passing {
    /// The passes for a sum of `terms` outer products, computed in this type with these instructions.
    pub fn all(
        geometry: &Geometry,
        terms: usize,
        dtype: DType,
        instructions: InstructionSet,
    ) -> Vec<Self> {
        let passing = |pass: Pass| match pass.axes.len() {
            2 => {
                let strips = Strips::new(&pass.geometry, terms, dtype, instructions);
                Self::Fused(pass, strips)
            }
            _ => {
                let tile = Tile::of(&pass.geometry, instructions);
                Self::Single(pass, tile)
            }
        };
        Pass::all(geometry, can_fuse(geometry)).into_iter().map(passing).collect()
    }

    /// What is passed over.
    pub fn pass(&self) -> &Pass {
        match self {
            Self::Fused(pass, _) | Self::Single(pass, _) => pass,
        }
    }
}

impl Strips {
    fn new(geometry: &Geometry, terms: usize, dtype: DType, instructions: InstructionSet) -> Self {
        let [.., rows, inner] = &geometry.axes[..] else { unreachable!("two axes are fused") };
        let tile = Tile::along(rows, instructions);
        let row_bytes = tile.sources * terms * dtype.size();
        let unit = VECTOR / dtype.size();
        let fits = (RING_BYTES / row_bytes / unit * unit).max(8 * unit);
        let strips = inner.outputs().div_ceil(fits);
        let columns = inner.outputs().div_ceil(strips).next_multiple_of(unit).min(inner.outputs());
        Self { tile, columns, pitch: columns.next_multiple_of(unit) + unit }
    }
}

/// Rows of a piece of so many that threads share, in fused passes with these tiles: each piece filters
/// the rows above it again, so that pieces are long against the taps.
pub(crate) fn piece(tile: Tile, rows: usize, threads: usize) -> usize {
    let tall = (4 * tile.sources).next_multiple_of(tile.rows);
    tall.min(rows / threads.max(1)).max(tile.rows)
}

/// Whether the passes along the last two axes can be fused: neighbouring rows of the input are then
/// those under neighbouring taps, and rows are long enough for vectors and for the gaps between taps.
pub(crate) fn can_fuse(geometry: &Geometry) -> bool {
    let [.., rows, inner] = &geometry.axes[..] else { return false };
    let long = !rows.is_identity() && !inner.is_identity();
    let dense = inner.reach() / 4 <= inner.samples() + inner.outputs();
    long && dense && rows.tap_step() == 1 && rows.channels == 1 && inner.outputs() >= WIDEST
}
