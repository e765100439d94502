//! A look at blocks on their way into a transform: how loud they are, and how much of it where.

use num_complex::Complex;

use super::guard::Guard;
use super::range::Level;
use super::sample::Real;
use super::vectorized;
use crate::error::Result;
use crate::memory;

/// What is known of the samples of a block, in tiles; memory is kept from block to block.
///
/// It looks at rows that are packed already, real and imaginary parts side by side: those are two
/// blocks of real numbers, or the parts of one of complex numbers.
#[derive(Debug, Default)]
pub struct Survey<R> {
    /// Samples and tiles per axis, and the tiles' sides.
    used: Vec<usize>,
    pub tiles: Vec<usize>,
    sides: Vec<usize>,
    /// Whether sums of squares are wanted.
    squared: bool,
    /// Rows seen, in standard order.
    row: usize,
    /// Sums over each column, of magnitudes and of their squares, since the last tile was complete.
    columns: [Vec<[R; 2]>; 2],
    /// Sums over each tile, likewise.
    pub sums: [Vec<[R; 2]>; 2],
    /// What is known of each slab, and rows of a slab.
    pub slabs: Vec<Slab>,
    slab_rows: usize,
    /// Tiles with samples that were not finite, and the parts that those are.
    pub spoiled: Vec<(usize, usize)>,
}

/// Some rows that are looked at as one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slab {
    /// The sums of squares of both parts.
    pub squares: [f64; 2],
    /// Their largest magnitudes.
    pub largest: [f64; 2],
}

/// The parts of packed samples that belong to a block: the `lane`th, or both of complex numbers.
pub type Parts = std::ops::Range<usize>;

/// Samples in one step of [`look`]'s loop: enough for its sums not to wait for each other.
const STEP: usize = 16;

impl<R: Real> Survey<R> {
    /// Starts on blocks of which `used` samples are read, in slabs of so many rows.
    pub fn start(&mut self, guard: &Guard, used: &[usize], slab_rows: usize) -> Result<()> {
        self.used.clear();
        self.used.extend_from_slice(used);
        self.sides.clear();
        self.sides.extend(guard.sides());
        self.tiles.clear();
        self.tiles.extend(used.iter().zip(&self.sides).map(|(used, side)| used.div_ceil(*side)));
        self.squared = guard.has_holes();
        let [columns, tiles] = [used[used.len() - 1], self.tiles.iter().product()];
        for (which, wanted) in [true, self.squared].into_iter().enumerate() {
            for (sums, len) in [(&mut self.columns, columns), (&mut self.sums, tiles)] {
                memory::fit(&mut sums[which], if wanted { len } else { 0 }, "a look at a block")?;
                sums[which].fill(Default::default());
            }
        }
        (self.row, self.slab_rows) = (0, slab_rows);
        self.slabs.clear();
        self.spoiled.clear();
        Ok(())
    }

    /// The next row, perhaps with padding at its end.
    pub fn add(&mut self, row: &[Complex<R>]) {
        let last = self.used.len() - 1;
        let row = bytemuck::cast_slice(&row[..self.used[last]]);
        let [sums, squares] = &mut self.columns;
        let (energy, most) = vectorized(
            #[inline(always)]
            || match squares.is_empty() {
                true => look::<R, false>(row, sums, squares),
                false => look::<R, true>(row, sums, squares),
            },
        );
        if self.row.is_multiple_of(self.slab_rows) {
            self.slabs.push(Slab::default());
        }
        let slab = self.slabs.last_mut().expect("just made");
        for part in 0..2 {
            slab.squares[part] += energy[part].into();
            slab.largest[part] = slab.largest[part].max(most[part].into());
        }
        self.row += 1;
        let in_tile = if last == 0 { 0 } else { self.row % self.used[last - 1] };
        if last > 0 && in_tile != 0 && !in_tile.is_multiple_of(self.sides[last - 1]) {
            return;
        }
        let (place, side) = (self.first_tile(self.row - 1), self.sides[last]);
        for (columns, tiles) in self.columns.iter_mut().zip(&mut self.sums) {
            if columns.is_empty() {
                continue;
            }
            let tiles = &mut tiles[place..place + self.tiles[last]];
            vectorized(
                #[inline(always)]
                || join(columns, tiles, side),
            );
            columns.fill(Default::default());
        }
    }

    /// Notes that a sample of the next row was not finite, and counted as zero.
    pub fn spoil(&mut self, column: usize, part: usize) {
        let last = self.used.len() - 1;
        self.spoiled.push((self.first_tile(self.row) + column / self.sides[last], part));
    }

    /// The first of the tiles that hold a row.
    fn first_tile(&self, row: usize) -> usize {
        let last = self.used.len() - 1;
        let (mut rest, mut place, mut inner) = (row, 0, self.tiles[last]);
        for axis in (0..last).rev() {
            place += rest % self.used[axis] / self.sides[axis] * inner;
            rest /= self.used[axis];
            inner *= self.tiles[axis];
        }
        place
    }

    /// The level of a block, all of whose rows have been added. What becomes of one output stands in up
    /// to `group` neighbouring slabs.
    pub fn level(&self, parts: Parts, exponent: i32, group: usize) -> Level {
        let energy = |slabs: &[Slab]| -> f64 {
            slabs.iter().map(|slab| slab.squares[parts.clone()].iter().sum::<f64>()).sum()
        };
        let (mut squares, mut before) = (0.0, 0.0);
        for slabs in self.slabs.chunks(group.max(1)) {
            let here = energy(slabs);
            squares = f64::max(before + here, squares);
            before = here;
        } // Maxima pass over a NaN, sums do not.
        let finite = energy(&self.slabs).is_finite();
        let largest = self.slabs.iter().flat_map(|slab| &slab.largest[parts.clone()]);
        let largest = largest.copied().fold(0.0, f64::max);
        Level { largest: if finite { largest } else { f64::INFINITY }, squares, exponent }
    }
}

/// Adds the magnitudes in a row, and perhaps their squares, to the columns' sums; returns the sums of
/// their squares, and the largest.
#[inline(always)]
fn look<R: Real, const SQUARED: bool>(
    row: &[[R; 2]],
    sums: &mut [[R; 2]],
    squares: &mut [[R; 2]],
) -> ([R; 2], [R; 2]) {
    let mut energy = [[R::default(); 2]; STEP];
    let mut most = [[R::default(); 2]; STEP];
    let (steps, rest) = row.as_chunks::<STEP>();
    let (sum_steps, sum_rest) = sums.as_chunks_mut::<STEP>();
    let (square_steps, square_rest) = squares.as_chunks_mut::<STEP>();
    for (n, (values, sums)) in steps.iter().zip(sum_steps).enumerate() {
        // Stored as a whole: single places would become masked stores, which some machines are
        // slow at.
        let (mut all, mut both) = (*sums, [[R::default(); 2]; STEP]);
        for i in 0..STEP {
            for part in 0..2 {
                let value = values[i][part].magnitude();
                all[i][part] = all[i][part] + value;
                both[i][part] = value * value;
                energy[i][part] = energy[i][part] + both[i][part];
                most[i][part] = if value > most[i][part] { value } else { most[i][part] };
            }
        }
        *sums = all;
        if SQUARED {
            let mut all = square_steps[n];
            for i in 0..STEP {
                for part in 0..2 {
                    all[i][part] = all[i][part] + both[i][part];
                }
            }
            square_steps[n] = all;
        }
    }
    for (i, (values, sums)) in rest.iter().zip(sum_rest).enumerate() {
        for part in 0..2 {
            let value = values[part].magnitude();
            sums[part] = sums[part] + value;
            energy[i][part] = energy[i][part] + value * value;
            most[i][part] = most[i][part].larger(value);
            if SQUARED {
                square_rest[i][part] = square_rest[i][part] + value * value;
            }
        }
    }
    let add = |all: [R; 2], sum: [R; 2]| [all[0] + sum[0], all[1] + sum[1]];
    let larger = |a: [R; 2], b: [R; 2]| [a[0].larger(b[0]), a[1].larger(b[1])];
    let zero = [R::default(); 2];
    (energy.into_iter().fold(zero, add), most.into_iter().fold(zero, larger))
}

/// Adds the columns to their tiles.
#[inline(always)]
fn join<R: Real>(columns: &[[R; 2]], tiles: &mut [[R; 2]], side: usize) {
    if side == 1 {
        for (tile, column) in tiles.iter_mut().zip(columns) {
            *tile = [tile[0] + column[0], tile[1] + column[1]];
        }
        return;
    }
    for (tile, columns) in tiles.iter_mut().zip(columns.chunks(side)) {
        for column in columns {
            *tile = [tile[0] + column[0], tile[1] + column[1]];
        }
    }
}
