//! Direct convolution: the canonical sum, a tile of outputs at a time.
//!
//! The last axis gives the columns, the one before it the rows of tiles; all taps of the axes
//! before them pass over a tile while it stays in registers. Where the windows of a tile lie in the
//! input they are read in place; at the ends a piece of the extended rows is built first.

mod kept;
pub(crate) mod shape;
mod square;
mod stretch;
pub(crate) mod window;

use std::ops::Range;

use crate::element::compute::Compute;
use crate::error::Result;
use crate::format::rows::{Input, Output};
use crate::plan::cpu::Tile;
use crate::plan::cpu::tiles::VECTOR;
use crate::problem::extension::{Extension, Place, Row};
use crate::problem::geometry::Axis;
use crate::simd::InstructionSet;
use crate::util::memory;
use crate::util::scratch::ScratchPool;
use crate::util::threads;
use crate::util::threads::Workers;
use kept::KeptRows;
use shape::Tiles;
use square::Square;
use stretch::Stretch;
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
    /// Small squares of taps, over levels.
    square: Option<Square<A>>,
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
    /// Where rows below them start.
    ahead: Vec<usize>,
    /// Pieces of them, one after another.
    window: Vec<A>,
    /// What is in it.
    kept: KeptRows<A>,
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
        let square = Square::new(&extension, &rows, weights, instructions)?;
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
            square,
            offsets,
            window,
            converted,
            finite: weights.iter().all(|w| w.is_finite()),
            workers: workers.into(),
            workspaces,
            extension,
        })
    }

    /// Outputs of a row.
    pub(crate) fn width(&self) -> usize {
        self.extension.inner().outputs()
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
        // would be left without work. So does a single row of a few vectors.
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
            ahead: Vec::new(),
            window: Vec::new(),
            kept: KeptRows::default(),
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
        if columns.is_empty() {
            return Ok(());
        }
        // Of another call, perhaps.
        workspace.kept.forget();
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
        let (width, count) = (columns.len(), out.len() / columns.len());
        let inside = self.square_columns(call, &columns, &mut out);
        for edge in [columns.start..inside.start, inside.end..columns.end] {
            self.strips(
                call,
                (row, 0..count),
                [&columns, &edge],
                self.tiles.each_ref(),
                &mut out,
                workspace,
            )?;
        }
        if inside.is_empty() {
            return Ok(());
        }
        let Workspace { outer, sources, .. } = &mut *workspace;
        let to = (&mut out, columns.start, width);
        let done = self.squares(call, (row, count), &inside, to, (outer, sources))?;
        // One at a time, as squares are summed.
        let [_, single] = &self.tiles;
        for rows in [0..done.start, done.end..count] {
            let tiles = [single, single];
            self.strips(call, (row, rows), [&columns, &inside], tiles, &mut out, workspace)?;
        }
        Ok(())
    }

    /// Some columns of some rows of those from `row` on, of which `out` has `all` columns.
    fn strips(
        &self,
        call: Call<'_, A>,
        (row, rows): (usize, Range<usize>),
        [all, columns]: [&Range<usize>; 2],
        tiles: [&Tiles<A>; 2],
        out: &mut Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        // Rows that are converted are kept for the next tile, in strips that fit into cache.
        let strip = match call.x.in_place() {
            Some(_) => columns.len(),
            None => self.converted.columns,
        };
        let (from, to) = (rows.start * all.len(), rows.end * all.len());
        for start in columns.clone().step_by(strip.max(1)) {
            let strip = start..columns.end.min(start + strip);
            let out = &mut out.part(from..to);
            self.strip(call, row + rows.start, [all, &strip], tiles, out, workspace)?;
        }
        Ok(())
    }

    /// The columns of a strip, tile by tile, of rows of which `out` has these columns.
    fn strip(
        &self,
        call: Call<'_, A>,
        row: usize,
        [all, strip]: [&Range<usize>; 2],
        [high, single]: [&Tiles<A>; 2],
        out: &mut Output<'_, A>,
        workspace: &mut Workspace<A>,
    ) -> Result<()> {
        let (width, len) = (all.len(), out.len());
        let count = len / width;
        let Tile { rows: height, spacing, .. } = high.tile;
        for block in (0..count).step_by(height * spacing) {
            for start in block..count.min(block + spacing) {
                let rows = height.min((count - start).div_ceil(spacing));
                let mut tile = |tiles, r: usize, rows| {
                    let (at, pitch) = (start + r * spacing, width * spacing);
                    let columns = strip.clone();
                    let stretch = Stretch { tiles, row: row + at, rows, columns, pitch };
                    let in_place = self.find_rows(&stretch, workspace)?;
                    let out = out.part(at * width + strip.start - all.start..len);
                    self.stretch(call, &stretch, in_place, out, workspace)
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
}
