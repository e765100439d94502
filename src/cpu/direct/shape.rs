//! How a kernel is cut into passes over tiles: which rows a tile has, and its taps in the order that
//! the passes read them.

use crate::element::compute::Compute;
use crate::error::Result;
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::tile::{Job, heights};
use crate::util::memory;

/// Tiles of one height.
#[derive(Clone, Debug)]
pub struct Tiles<A> {
    /// Output rows of a tile.
    pub rows: usize,
    /// Rows of the output from one row of a tile to the next.
    pub spacing: usize,
    /// Rows of samples that a tile reads for one plane of taps.
    pub sources: usize,
    /// How many of those each row of the tile adds.
    pub stride: usize,
    /// The rows of taps whose sample row serves one row of a tile and none below it, from one of these
    /// to the next.
    pub runs: Vec<usize>,
    /// For each plane, row and column of taps: one tap for each output row.
    pub taps: Vec<A>,
    /// That the tiles are laid out for.
    instructions: InstructionSet,
}

/// What tiles run over: see [`Job`].
pub struct Work<'a, A> {
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
    /// Tiles for the rows of an axis: as high as its taps and its outputs make worth it, or of a
    /// single row.
    ///
    /// Sample rows are shared where `stride` and `dilation` make them meet: rows of a tile are
    /// `dilation / gcd` positions apart, and sample rows `dilation`.
    pub fn new(
        axis: &Axis,
        weights: &[A],
        row_taps: usize,
        single: bool,
        instructions: InstructionSet,
    ) -> Result<Self> {
        let common = gcd(axis.stride, axis.dilation);
        let stride = axis.stride / common;
        // Farther apart than there are rows is as good as any such distance.
        let spacing = (axis.dilation / common).saturating_mul(axis.lanes).min(axis.outputs());
        let rows = if single {
            1
        } else {
            let outputs = axis.outputs().div_ceil(spacing);
            let waste = |rows: usize| (outputs.div_ceil(rows) * rows) as f64 / outputs as f64;
            let fits = |rows: usize| rows == 1 || axis.taps > 1 && (rows - 1) * stride <= axis.taps;
            let (rows, _) = heights::<A>(instructions)
                .iter()
                .filter(|(rows, _)| fits(*rows))
                .map(|&(rows, cost)| (rows, cost * waste(rows)))
                .min_by(|a, b| a.1.total_cmp(&b.1))
                .expect("a single row fits all kernels");
            rows
        };
        let mut taps = memory::room(weights.len().saturating_mul(rows), "the kernel's taps")?;
        for plane in weights.chunks_exact(axis.taps * row_taps) {
            for q in 0..axis.taps {
                for t in 0..row_taps {
                    // Row r reads the sample row q with tap q - r * stride, or, below the split,
                    // the sample row q + taps.
                    taps.extend((0..rows).map(|r| {
                        let tap = (q + axis.taps - r * stride % axis.taps) % axis.taps;
                        plane[tap * row_taps + t]
                    }));
                }
            }
        }
        Ok(Self {
            rows,
            spacing,
            sources: axis.taps + (rows - 1) * stride,
            stride,
            runs: (0..rows).map(|r| axis.taps.min(r * stride)).chain([axis.taps]).collect(),
            taps,
            instructions,
        })
    }

    /// Computes a stretch of columns of a tile's rows.
    pub fn run(&self, work: Work<'_, A>) {
        A::run(
            self.instructions,
            Job {
                x: work.x,
                zeros: work.zeros,
                sources: work.sources,
                sources_per_plane: self.sources,
                ahead: work.ahead,
                runs: &self.runs,
                offsets: work.offsets,
                step: work.step,
                taps: &self.taps,
                tile_rows: self.rows,
                y: work.y,
                pitch: work.pitch,
                rows: work.rows,
                columns: work.columns,
            },
        );
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
