//! How a kernel is cut into passes over tiles: which rows a tile has, and its taps in the order that
//! the passes read them.

use crate::element::compute::Compute;
use crate::error::Result;
use crate::plan::cpu::Tile;
use crate::simd::InstructionSet;
use crate::simd::tile::TileJob;
use crate::util::memory;

/// Tiles of one height, with their taps.
#[derive(Clone, Debug)]
pub(crate) struct Tiles<A> {
    pub tile: Tile,
    /// The rows of taps whose sample row serves one row of a tile and none below it, from one of these
    /// to the next.
    pub runs: Vec<usize>,
    /// For each plane, row and column of taps: one tap for each output row.
    pub taps: Vec<A>,
    /// That the tiles are laid out for.
    instructions: InstructionSet,
}

/// What tiles run over: see [`TileJob`].
pub(crate) struct Work<'a, A> {
    pub x: &'a [A],
    pub zeros: &'a [A],
    pub sources: &'a [usize],
    pub ahead: (&'a [A], &'a [usize]),
    pub offsets: &'a [usize],
    pub step: usize,
    pub y: &'a mut [A],
    pub pitch: usize,
    pub rows: usize,
    pub columns: usize,
}

impl<A: Compute> Tiles<A> {
    /// Tiles of this kind for weights with so many rows of taps, each of `row_taps`.
    pub(crate) fn new(
        tile: Tile,
        weights: &[A],
        [rows_of_taps, row_taps]: [usize; 2],
        instructions: InstructionSet,
    ) -> Result<Self> {
        let Tile { rows, stride, .. } = tile;
        let mut taps = memory::room(weights.len().saturating_mul(rows), "the kernel's taps")?;
        for plane in weights.chunks_exact(rows_of_taps * row_taps) {
            for q in 0..rows_of_taps {
                for t in 0..row_taps {
                    // Row r reads the sample row q with tap q - r * stride, or, below the split,
                    // the sample row q + taps.
                    taps.extend((0..rows).map(|r| {
                        let tap = (q + rows_of_taps - r * stride % rows_of_taps) % rows_of_taps;
                        plane[tap * row_taps + t]
                    }));
                }
            }
        }
        Ok(Self {
            tile,
            runs: (0..rows).map(|r| rows_of_taps.min(r * stride)).chain([rows_of_taps]).collect(),
            taps,
            instructions,
        })
    }

    /// Computes a stretch of columns of a tile's rows.
    pub(crate) fn run(&self, work: Work<'_, A>) {
        A::run(
            self.instructions,
            TileJob {
                x: work.x,
                zeros: work.zeros,
                sources: work.sources,
                sources_per_plane: self.tile.sources,
                ahead: work.ahead,
                runs: &self.runs,
                offsets: work.offsets,
                step: work.step,
                taps: &self.taps,
                tile_rows: self.tile.rows,
                y: work.y,
                pitch: work.pitch,
                rows: work.rows,
                columns: work.columns,
            },
        );
    }
}
