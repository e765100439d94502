//! Direct convolution: the canonical sum, a tile of outputs at a time.
//!
//! The last axis gives the columns, the one before it the rows of tiles; all taps of the axes
//! before them pass over a tile while it stays in registers. Where the windows of a tile lie in the
//! input they are read in place; at the ends a piece of the extended rows is built first.

pub(crate) mod shape;
pub(crate) mod window;

use std::ops::Range;

use crate::element::compute::Compute;
use crate::error::Result;
use crate::plan::cpu::Tile;
use crate::plan::cpu::tiles::{SHORT, VECTOR};
use crate::problem::extension::{Extension, Place, Row};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::simd::tile::ZEROS;
use crate::util::memory;
use crate::util::scratch::ScratchPool;
use crate::util::threads;
use crate::util::threads::Workers;
use shape::{Tiles, Work};
use window::WindowLayout;

/// Direct convolution of one geometry with fixed weights.
pub(crate) struct Direct<A: Compute> {
    extension: Extension<A>,
    /// The axis that tiles have their rows on; a single row where there is none.
    rows: Axis,
    /// Positions of the axes before it, for each plane of taps: all taps of all of those axes.
    planes: Vec<usize>,
    /// Tiles as high as they pay, and of one row for what is left.
    tiles: [Tiles<A>; 2],
    /// Where the taps of a row lie in a stored row.
    offsets: Vec<usize>,
    window: WindowLayout,
    /// Rows of zeros add nothing: true unless a tap is infinite or NaN.
    finite: bool,
    workers: Workers,
    workspaces: ScratchPool<Workspace<A>>,
}

/// What one thread needs; kept from call to call.
struct Workspace<A> {
    /// Index of a row of outputs along the axes before the tiles'.
    outer: Vec<usize>,
    /// Rows of the extended input under a tile.
    rows: Vec<Row<A>>,
    /// Where they start.
    sources: Vec<usize>,
    /// Pieces of them, one after another.
    window: Vec<A>,
    /// Outputs over such pieces.
    out: Vec<A>,
    zeros: Vec<A>,
}

/// A few rows of the result, one tile high, and some of their columns.
struct Stretch<'a, A> {
    tiles: &'a Tiles<A>,
    /// Rows, at most as many as a tile has.
    rows: usize,
    columns: Range<usize>,
    /// Samples from one row to the next.
    pitch: usize,
}

/// The most vectors that a row of a tile has.
const TILE_VECTORS: usize = 12;

/// Outputs of a row that are computed as one whatever the number of threads, where that is asked for.
const STRETCH: usize = 2048;

impl<A: Compute> Direct<A> {
    /// An executor that spreads its work over up to `threads` threads.
    pub(crate) fn new(
        extension: Extension<A>,
        weights: &[A],
        tile: Tile,
        instructions: InstructionSet,
        workers: impl Into<Workers>,
    ) -> Result<Self> {
        let inner = extension.inner();
        let rows = extension.outer().last().cloned().unwrap_or_else(Axis::one_sample);
        let tiles = |tile| Tiles::new(tile, weights, [rows.taps, inner.taps], instructions);
        let tiles = [tiles(tile)?, tiles(Tile::single(&rows))?];
        let before = extension.outer().split_last().map_or(&[][..], |(_, before)| before);
        let total: usize = before.iter().map(|axis| axis.taps).product();
        let mut planes = memory::room(total * before.len(), "the planes of the kernel")?;
        for plane in 0..total {
            let mut rest = plane;
            let start = planes.len();
            for axis in before.iter().rev() {
                planes.push(rest % axis.taps * axis.tap_step());
                rest /= axis.taps;
            }
            planes[start..].reverse();
        }
        let offsets = (0..inner.taps).map(|t| t * inner.tap_step());
        let offsets = memory::collected(offsets, inner.taps, "the places of the taps")?;
        let window = WindowLayout::new(inner, Self::UNIT)?;
        let found = tiles[0].tile.sources.saturating_mul(total).saturating_mul(window.len);
        let workspaces = ScratchPool::new(1, found.saturating_mul(size_of::<A>()));
        Ok(Self {
            rows,
            planes,
            tiles,
            offsets,
            window,
            finite: weights.iter().all(|w| w.is_finite()),
            workers: workers.into(),
            workspaces,
            extension,
        })
    }

    /// Samples of the widest vector.
    pub(crate) const UNIT: usize = VECTOR / size_of::<A>();

    /// Computes all outputs.
    pub(crate) fn run(&self, x: &[A], y: &mut [A]) -> Result<()> {
        let width = self.extension.inner().outputs();
        let (tile, plane) =
            (self.tiles[0].tile.rows * self.tiles[0].tile.spacing, self.rows.outputs());
        let Workers { threads, by_shape } = self.workers;
        // A tile adds up in an order that goes with its rows, so it is cut nowhere, but where threads
        // would be left without work. So does a vector of a single row, by how many are left.
        let few = y.len() / (tile * width) < 2 * threads;
        let unit = match by_shape {
            true if plane == 1 => Some(STRETCH),
            true => None,
            false => (few || plane == 1).then_some(Self::UNIT),
        };
        let cut = |index: usize| match unit {
            Some(unit) => index.next_multiple_of(unit),
            None => threads::nearest_tile((index + width / 2) / width, plane, tile) * width,
        };
        let most = y.len() / Self::UNIT;
        threads::for_each_part(y, threads, most, cut, |start, piece| {
            let mut workspace = self.workspaces.take(|| self.workspace())?;
            let mut done = 0;
            while done < piece.len() {
                let (row, column) = ((start + done) / width, (start + done) % width);
                let mut left = piece.len() - done;
                if unit == Some(STRETCH) {
                    left = left.min(STRETCH - (start + done) % STRETCH);
                }
                // A piece may start and end within a row.
                let (rows, columns) = if column > 0 || left < width {
                    (1, column..width.min(column + left))
                } else {
                    (left / width, 0..width)
                };
                let len = rows * columns.len();
                self.block(x, row, columns, &mut piece[done..done + len], &mut workspace)?;
                done += len;
            }
            self.workspaces.keep(workspace);
            Ok(())
        })
    }

    /// Computes the outputs `columns` of the rows from `row` on, as many as `out` holds; rows are
    /// counted in standard order.
    pub(crate) fn rows(
        &self,
        x: &[A],
        row: usize,
        columns: Range<usize>,
        out: &mut [A],
    ) -> Result<()> {
        let mut workspace = self.workspaces.take(|| self.workspace())?;
        self.block(x, row, columns, out, &mut workspace)?;
        self.workspaces.keep(workspace);
        Ok(())
    }

    fn workspace(&self) -> Result<Workspace<A>> {
        let inner = self.extension.inner();
        // Where no window lies in the input nothing is read in place, however far taps reach.
        let in_place = if inner.interior().is_empty() { 0 } else { inner.reach() };
        let reach = self.window.offsets.iter().fold(in_place, |most, &offset| most.max(offset));
        let leaves = self.extension.outer().iter().any(Axis::leaves_input);
        let zeros = if leaves { reach + TILE_VECTORS * Self::UNIT } else { 0 };
        Ok(Workspace {
            outer: Vec::new(),
            rows: Vec::new(),
            sources: Vec::new(),
            window: Vec::new(),
            out: Vec::new(),
            zeros: memory::zeros(zeros, "rows of zeros")?,
        })
    }

    /// [`Direct::rows`], plane by plane and tile by tile.
    fn block(
        &self,
        x: &[A],
        row: usize,
        columns: Range<usize>,
        out: &mut [A],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let width = columns.len();
        let plane_rows = self.rows.outputs();
        let (mut row, mut out) = (row, out);
        while !out.is_empty() {
            let first = row % plane_rows;
            let count = (plane_rows - first).min(out.len() / width);
            self.set_outer(row / plane_rows, &mut workspace.outer);
            let (plane, rest) = std::mem::take(&mut out).split_at_mut(count * width);
            self.plane(x, first, columns.clone(), plane, workspace)?;
            (row, out) = (row + count, rest);
        }
        Ok(())
    }

    /// The index, along the axes before the rows', of a plane of outputs.
    fn set_outer(&self, plane: usize, outer: &mut Vec<usize>) {
        let axes = self.extension.outer();
        outer.clear();
        let mut rest = plane;
        for axis in axes.iter().rev().skip(1) {
            outer.push(rest % axis.outputs());
            rest /= axis.outputs();
        }
        outer.reverse();
    }

    fn plane(
        &self,
        x: &[A],
        first: usize,
        columns: Range<usize>,
        out: &mut [A],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let width = columns.len();
        let count = out.len() / width;
        let [high, single] = &self.tiles;
        let Tile { rows: height, spacing, .. } = high.tile;
        for block in (0..count).step_by(height * spacing) {
            for start in block..count.min(block + spacing) {
                let rows = height.min((count - start).div_ceil(spacing));
                let mut tile = |tiles, r: usize, rows| {
                    let at = start + r * spacing;
                    let stretch =
                        Stretch { tiles, rows, columns: columns.clone(), pitch: width * spacing };
                    let in_place = self.find_rows(&stretch, first + at, workspace)?;
                    self.stretch(x, &stretch, in_place, &mut out[at * width..], workspace)
                };
                // A few rows that are left would waste most of a high tile.
                if rows * 2 > height {
                    tile(high, 0, rows)?;
                } else {
                    (0..rows).try_for_each(|r| tile(single, r, 1))?;
                }
            }
        }
        Ok(())
    }

    /// Computes a stretch of the result over the rows that the workspace names.
    fn stretch(
        &self,
        x: &[A],
        stretch: &Stretch<'_, A>,
        in_place: bool,
        out: &mut [A],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let inner = self.extension.inner();
        let columns = &stretch.columns;
        let mut inside = if in_place && inner.stride == 1 { inner.interior() } else { 0..0 };
        inside = inside.start.max(columns.start)..inside.end.min(columns.end);
        // Short rows are built as a whole: one job takes less than two.
        let short = columns.len() <= self.window.columns.min(SHORT * Self::UNIT);
        if short || inside.len() < Self::UNIT {
            inside = columns.start..columns.start;
        }
        let edges = [columns.start..inside.start, inside.end..columns.end];
        let joined = edges[0].len() + inner.reach() + edges[1].len();
        let both = edges.iter().all(|edge| !edge.is_empty());
        if both && self.window.step > 0 && joined <= self.window.columns {
            // Both ends of the rows, one beside the other.
            self.window(x, stretch, edges, out, workspace)?;
        } else {
            for edge in edges {
                for start in edge.clone().step_by(self.window.columns) {
                    let end = edge.end.min(start + self.window.columns);
                    self.window(x, stretch, [start..end, end..end], out, workspace)?;
                }
            }
        }
        if inside.is_empty() {
            return Ok(());
        }
        let start = inner.start(inside.start);
        let Workspace { rows, sources, zeros, .. } = workspace;
        sources.clear();
        sources.extend(rows.iter().map(|row| match row {
            Row::Stored(at) => at.wrapping_add_signed(start),
            Row::Outside(_) => ZEROS,
        }));
        let columns = inside.len();
        let out = &mut out[inside.start - stretch.columns.start..];
        stretch.tiles.run(Work {
            x,
            zeros,
            sources,
            ahead: (&[], &[]),
            offsets: &self.offsets,
            step: inner.tap_step(),
            y: out,
            pitch: stretch.pitch,
            rows: stretch.rows,
            columns,
        });
        Ok(())
    }

    /// Finds the rows of the extended input that a tile at `row` reads. True where they can be read in
    /// place: none of them has to be built.
    fn find_rows(
        &self,
        stretch: &Stretch<'_, A>,
        row: usize,
        workspace: &mut Workspace<A>,
    ) -> Result<bool> {
        let Workspace { outer, rows, sources, .. } = workspace;
        let tile = stretch.tiles.tile;
        rows.clear();
        sources.clear();
        // Where the tile has more rows than there are, the kernel reads what is there.
        let last = tile.sources - 1 - (tile.rows - stretch.rows) * tile.stride;
        let (start, step) = (self.rows.start(row), self.rows.tap_step());
        let extension = &self.extension;
        let mut in_place = true;
        let planes = self.planes.len().checked_div(outer.len()).unwrap_or(1);
        memory::reserve(rows, planes * tile.sources, "the rows under a tile")?;
        memory::reserve(sources, planes * tile.sources, "the rows under a tile")?;
        for plane in 0..planes {
            let taps = &self.planes[plane * outer.len()..];
            let mut place = Place::start();
            for (a, (&output, &tap)) in outer.iter().zip(taps).enumerate() {
                place =
                    extension.along(place, a, extension.outer()[a].start(output) + tap as isize);
            }
            for q in 0..tile.sources {
                let row = if extension.outer().is_empty() {
                    extension.row_at(place)
                } else {
                    let p = start + (q.min(last) * step) as isize;
                    extension.row_at(extension.along(place, outer.len(), p))
                };
                in_place &= matches!(row, Row::Stored(_)) || self.adds_nothing(row);
                rows.push(row);
            }
        }
        Ok(in_place)
    }

    /// Whether a row is zeros wherever it is read, and zeros times taps are nothing.
    fn adds_nothing(&self, row: Row<A>) -> bool {
        self.finite && self.extension.is_zeros(row)
    }

    /// Computes some columns of a stretch over pieces of extended rows: one stretch and an empty
    /// one, or two.
    fn window(
        &self,
        x: &[A],
        stretch: &Stretch<'_, A>,
        stretches: [Range<usize>; 2],
        out: &mut [A],
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { rows: found, sources, window, out: results, zeros, .. } = workspace;
        let len = self.window.len;
        let [first, second] = stretches.each_ref().map(Range::len);
        if first + second == 0 {
            return Ok(());
        }
        // The second stretch starts where the windows of the first end.
        let after = first + self.extension.inner().reach();
        let columns = if second > 0 { after + second } else { first };
        let pitch = columns.next_multiple_of(Self::UNIT);
        memory::fit(window, found.len().saturating_mul(len), "pieces of the rows under a tile")?;
        sources.clear();
        for (&row, (i, window)) in found.iter().zip(window.chunks_exact_mut(len).enumerate()) {
            if self.adds_nothing(row) {
                sources.push(ZEROS);
                continue;
            }
            self.window.fill(&self.extension, x, row, stretches[0].start, first, window);
            if second > 0 {
                let window = &mut window[after..];
                self.window.fill(&self.extension, x, row, stretches[1].start, second, window);
            }
            sources.push(i * len);
        }
        memory::fit(results, stretch.rows * pitch, "outputs at the ends of rows")?;
        stretch.tiles.run(Work {
            x: window,
            zeros,
            sources,
            ahead: (&[], &[]),
            offsets: &self.window.offsets,
            step: self.window.step,
            y: results,
            pitch,
            rows: stretch.rows,
            columns: pitch,
        });
        for (out, results) in out.chunks_mut(stretch.pitch).zip(results.chunks_exact(pitch)) {
            for (columns, at) in stretches.iter().zip([0, after]) {
                if !columns.is_empty() {
                    let start = columns.start - stretch.columns.start;
                    let len = columns.len();
                    out[start..start + len].copy_from_slice(&results[at..][..len]);
                }
            }
        }
        Ok(())
    }
}
