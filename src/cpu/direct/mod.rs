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
use crate::format::rows::{Input, Output};
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
    /// Pieces of rows at the ends, and pieces of rows that are converted as they are read.
    window: WindowLayout,
    converted: WindowLayout,
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
    /// A row that is read for one of them.
    line: Vec<A>,
    /// Outputs over such pieces.
    out: Vec<A>,
    zeros: Vec<A>,
}

/// What one call is about.
#[derive(Clone, Copy)]
pub(crate) struct Call<'c, A> {
    /// The input.
    pub x: Input<'c, A>,
    /// Has the last word on outputs: it is given pieces of them, before they are stored, and where they
    /// start in the whole.
    pub finish: Option<&'c Finish<'c, A>>,
}

/// See [`Call`].
pub(crate) type Finish<'f, A> = dyn Fn(usize, &mut [A]) -> Result<()> + Sync + 'f;

impl<'c, A> From<Input<'c, A>> for Call<'c, A> {
    fn from(x: Input<'c, A>) -> Self {
        Self { x, finish: None }
    }
}

/// A few rows of the result, one tile high, and some of their columns.
struct Stretch<'a, A> {
    tiles: &'a Tiles<A>,
    /// The first row, and how many: at most as many as a tile has.
    row: usize,
    rows: usize,
    columns: Range<usize>,
    /// Samples from one row to the next where they are written.
    pitch: usize,
}

/// The most vectors that a row of a tile has.
const TILE_VECTORS: usize = 12;

/// Outputs of a row that are computed as one whatever the number of threads, where that is asked for.
const STRETCH: usize = 2048;

/// Bytes of the rows under a tile that are converted at one time: a part of the second-level cache that
/// even small machines have.
const CONVERTED: usize = 128 << 10;

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
        let window = WindowLayout::new(inner, Self::UNIT, 0)?;
        let sources = tiles[0].tile.sources.saturating_mul(total);
        let columns = CONVERTED / sources.saturating_mul(size_of::<A>());
        let converted = WindowLayout::new(inner, Self::UNIT, columns)?;
        let found = sources.saturating_mul(converted.len).saturating_mul(size_of::<A>());
        let workspaces = ScratchPool::new(1, found);
        Ok(Self {
            rows,
            planes,
            tiles,
            offsets,
            window,
            converted,
            finite: weights.iter().all(|w| w.is_finite()),
            workers: workers.into(),
            workspaces,
            extension,
        })
    }

    /// Samples of the widest vector.
    pub(crate) const UNIT: usize = VECTOR / size_of::<A>();

    /// Computes all outputs.
    pub(crate) fn run(&self, call: Call<'_, A>, y: Output<'_, A>) -> Result<()> {
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
        threads::for_each_part(y, threads, most, cut, |start, mut piece| {
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
                self.block(call, row, columns, piece.part(done..done + len), &mut workspace)?;
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
        x: Input<'_, A>,
        row: usize,
        columns: Range<usize>,
        out: Output<'_, A>,
    ) -> Result<()> {
        let mut workspace = self.workspaces.take(|| self.workspace())?;
        self.block(x.into(), row, columns, out, &mut workspace)?;
        self.workspaces.keep(workspace);
        Ok(())
    }

    fn workspace(&self) -> Result<Workspace<A>> {
        let inner = self.extension.inner();
        // Where no window lies in the input nothing is read in place, however far taps reach.
        let in_place = if inner.interior().is_empty() { 0 } else { inner.reach() };
        let layouts = [&self.window, &self.converted].into_iter();
        let offsets = layouts.flat_map(|layout| &layout.offsets);
        let reach = offsets.fold(in_place, |most, &offset| most.max(offset));
        let leaves = self.extension.outer().iter().any(Axis::leaves_input);
        let zeros = if leaves { reach + TILE_VECTORS * Self::UNIT } else { 0 };
        Ok(Workspace {
            outer: Vec::new(),
            rows: Vec::new(),
            sources: Vec::new(),
            window: Vec::new(),
            line: Vec::new(),
            out: Vec::new(),
            zeros: memory::zeros(zeros, "rows of zeros")?,
        })
    }

    /// [`Direct::rows`], plane by plane and tile by tile.
    fn block(
        &self,
        call: Call<'_, A>,
        row: usize,
        columns: Range<usize>,
        mut out: Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let width = columns.len();
        let plane_rows = self.rows.outputs();
        let end = row + out.len() / width;
        let mut at = row;
        while at < end {
            let count = (plane_rows - at % plane_rows).min(end - at);
            self.set_outer(at / plane_rows, &mut workspace.outer);
            let plane = out.part((at - row) * width..(at - row + count) * width);
            self.plane(call, at, columns.clone(), plane, workspace)?;
            at += count;
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

    /// Some rows of one plane, from `row` of all on.
    fn plane(
        &self,
        call: Call<'_, A>,
        row: usize,
        columns: Range<usize>,
        mut out: Output<'_, A>,
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
                    let (at, pitch) = (start + r * spacing, width * spacing);
                    let columns = columns.clone();
                    let stretch = Stretch { tiles, row: row + at, rows, columns, pitch };
                    let in_place = self.find_rows(&stretch, workspace)?;
                    let len = out.len();
                    self.stretch(call, &stretch, in_place, out.part(at * width..len), workspace)
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
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        in_place: bool,
        mut out: Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let inner = self.extension.inner();
        let columns = &stretch.columns;
        let stored = call.x.in_place();
        let window = if stored.is_some() { &self.window } else { &self.converted };
        let reads = stored.is_some() && in_place && inner.stride == 1;
        let mut inside = if reads { inner.interior() } else { 0..0 };
        inside = inside.start.max(columns.start)..inside.end.min(columns.end);
        // Short rows are built as a whole: one job takes less than two.
        let short = columns.len() <= window.columns.min(SHORT * Self::UNIT);
        if short || inside.len() < Self::UNIT {
            inside = columns.start..columns.start;
        }
        let edges = [columns.start..inside.start, inside.end..columns.end];
        let joined = edges[0].len() + inner.reach() + edges[1].len();
        let both = edges.iter().all(|edge| !edge.is_empty());
        if both && window.step > 0 && joined <= window.columns {
            // Both ends of the rows, one beside the other.
            self.window(call, stretch, edges, &mut out, workspace)?;
        } else {
            for edge in edges {
                for start in edge.clone().step_by(window.columns) {
                    let end = edge.end.min(start + window.columns);
                    self.window(call, stretch, [start..end, end..end], &mut out, workspace)?;
                }
            }
        }
        match stored {
            Some(x) if !inside.is_empty() => {
                self.inside(x, call, stretch, inside, &mut out, workspace)
            }
            _ => Ok(()),
        }
    }

    /// Computes columns of a stretch whose windows lie in the input.
    fn inside(
        &self,
        x: &[A],
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        inside: Range<usize>,
        out: &mut Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let inner = self.extension.inner();
        let Workspace { rows, sources, zeros, out: results, .. } = workspace;
        let mut run = |columns: &Range<usize>, y: &mut [A], pitch| {
            let start = inner.start(columns.start);
            sources.clear();
            sources.extend(rows.iter().map(|row| match row {
                Row::Stored(at) => at.wrapping_add_signed(start),
                Row::Outside(_) => ZEROS,
            }));
            stretch.tiles.run(Work {
                x,
                zeros,
                sources,
                ahead: (&[], &[]),
                offsets: &self.offsets,
                step: inner.tap_step(),
                y,
                pitch,
                rows: stretch.rows,
                columns: columns.len(),
            });
        };
        if let Some(out) = out.in_place() {
            let out = &mut out[inside.start - stretch.columns.start..];
            run(&inside, out, stretch.pitch);
            return (0..stretch.rows).try_for_each(|r| {
                let piece = &mut out[r * stretch.pitch..][..inside.len()];
                self.finish(call, stretch, r, inside.start, piece)
            });
        }
        for start in inside.clone().step_by(STRETCH) {
            let columns = start..inside.end.min(start + STRETCH);
            let pitch = columns.len();
            memory::fit(results, stretch.rows * pitch, "outputs before they are stored")?;
            run(&columns, results, pitch);
            self.store(call, stretch, columns, (results, pitch), out)?;
        }
        Ok(())
    }

    /// Stores columns of a stretch.
    fn store(
        &self,
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        columns: Range<usize>,
        (results, pitch): (&mut [A], usize),
        out: &mut Output<'_, A>,
    ) -> Result<()> {
        for r in 0..stretch.rows {
            let results = &mut results[r * pitch..][..columns.len()];
            self.finish(call, stretch, r, columns.start, results)?;
            out.write(r * stretch.pitch + columns.start - stretch.columns.start, results);
        }
        Ok(())
    }

    /// Lets the call have the last word on outputs of row `r` of a stretch.
    fn finish(
        &self,
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        r: usize,
        column: usize,
        piece: &mut [A],
    ) -> Result<()> {
        let Some(finish) = call.finish else { return Ok(()) };
        let row = stretch.row + r * stretch.tiles.tile.spacing;
        finish(row * self.extension.inner().outputs() + column, piece)
    }

    /// Finds the rows of the extended input that a tile reads. True where they can be read in place:
    /// none of them has to be built.
    fn find_rows(&self, stretch: &Stretch<'_, A>, workspace: &mut Workspace<A>) -> Result<bool> {
        let Workspace { outer, rows, sources, .. } = workspace;
        let tile = stretch.tiles.tile;
        rows.clear();
        sources.clear();
        // Where the tile has more rows than there are, the kernel reads what is there.
        let last = tile.sources - 1 - (tile.rows - stretch.rows) * tile.stride;
        let row = stretch.row % self.rows.outputs();
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
        call: Call<'_, A>,
        stretch: &Stretch<'_, A>,
        stretches: [Range<usize>; 2],
        out: &mut Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let Workspace { rows: found, sources, window, line, out: results, zeros, .. } = workspace;
        let layout = if call.x.in_place().is_some() { &self.window } else { &self.converted };
        let len = layout.len;
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
            let mut fill = |columns: &Range<usize>, window: &mut [A]| {
                let columns = (columns.start, columns.len());
                layout.fill(&self.extension, call.x, row, columns, line, window)
            };
            fill(&stretches[0], window)?;
            if second > 0 {
                fill(&stretches[1], &mut window[after..])?;
            }
            sources.push(i * len);
        }
        memory::fit(results, stretch.rows * pitch, "outputs at the ends of rows")?;
        stretch.tiles.run(Work {
            x: window,
            zeros,
            sources,
            ahead: (&[], &[]),
            offsets: &layout.offsets,
            step: layout.step,
            y: results,
            pitch,
            rows: stretch.rows,
            columns: pitch,
        });
        for (columns, at) in stretches.into_iter().zip([0, after]) {
            if !columns.is_empty() {
                self.store(call, stretch, columns, (&mut results[at..], pitch), out)?;
            }
        }
        Ok(())
    }
}
