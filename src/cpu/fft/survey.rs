//! A look at blocks on their way into a transform: how loud they are, and how much of it where.

use num_complex::Complex;

use super::guard::Guard;
use super::outcome::SEGMENT;
use super::range::Level;
use super::silence::Silence;
use super::steps::joined;
use crate::element::transform::Real;
use crate::error::Result;
use crate::simd::vectorized;
use crate::util::memory;

/// What is known of the samples of a block, in tiles; memory is kept from block to block.
///
/// It looks at rows that are packed already, real and imaginary parts side by side: those are two
/// blocks of real numbers, or the parts of one of complex numbers.
#[derive(Debug, Default)]
pub(super) struct Survey<R> {
    /// How closely they are looked at.
    pub look: Look,
    /// Samples and tiles per axis, and the tiles' sides.
    pub used: Vec<usize>,
    pub tiles: Vec<usize>,
    sides: Vec<usize>,
    /// Rows seen, in standard order.
    row: usize,
    /// Sums over each column, of magnitudes and perhaps of their squares, since the last tile was
    /// complete.
    columns: [Vec<[R; 2]>; 2],
    /// Sums over each tile, likewise, of either part.
    pub sums: [Vec<R>; 2],
    pub squares: [Vec<R>; 2],
    /// What is known of each slab, and rows of a slab.
    pub slabs: Vec<Slab>,
    slab_rows: usize,
    /// Of all slabs: the largest magnitudes and the sums of squares.
    largest: [f64; 2],
    energy: [f64; 2],
    /// Slabs that become of one output, the squares in the last and in this group of as many, and the
    /// most in two neighbouring groups.
    group: usize,
    groups: [[f64; 2]; 2],
    loudest: [f64; 2],
    /// Where there are only zeros, if outputs or samples are asked.
    pub silence: Silence<R>,
    /// Samples that are not zero, of both parts, if samples are asked.
    pub heard: usize,
    /// What of each tile was not finite, of either part; empty where all of it is.
    pub odd: [Vec<R>; 2],
}

/// How closely samples are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// How loud the slabs are.
    #[default]
    Loudness,
    /// And how small what comes out of the transform is at least.
    Outcomes,
    /// How many samples are not zero, and how loud they are in segments of rows: before any transform.
    Samples,
    /// The sums of magnitudes in tiles, and nothing of outputs.
    Tiles,
    /// And those of squares.
    Squares,
}

/// Values of [`Survey::odd`]: an infinity makes an infinity or a NaN of an output, a NaN always a NaN.
pub(super) const INFINITY: u8 = 1;
pub(super) const NAN: u8 = 2;

/// Some rows that are looked at as one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slab {
    /// The sums of squares of both parts.
    pub squares: [f64; 2],
    /// Their largest magnitudes.
    pub largest: [f64; 2],
}

/// The parts of packed samples that belong to a block: the `slot`th, or both of complex numbers.
pub(super) type Parts = std::ops::Range<usize>;

/// Samples in one step of a loop: enough for its sums not to wait for each other.
const STEP: usize = 16;

impl<R: Real> Survey<R> {
    /// Starts on blocks of which `used` samples are read, in slabs of so many rows.
    pub(super) fn start(
        &mut self,
        guard: &Guard,
        used: &[usize],
        slab_rows: usize,
        look: Look,
    ) -> Result<()> {
        self.look = look;
        self.used.clear();
        self.used.extend_from_slice(used);
        self.sides.clear();
        self.sides.extend(guard.sides());
        self.tiles.clear();
        self.tiles.extend(used.iter().zip(&self.sides).map(|(used, side)| used.div_ceil(*side)));
        let [columns, tiles] = [used[used.len() - 1], self.tiles.iter().product()];
        let what = "a look at a block";
        let wanted = [look >= Look::Tiles, look >= Look::Squares];
        for (columns_of, wanted) in self.columns.iter_mut().zip(wanted) {
            memory::fit(columns_of, if wanted { columns } else { 0 }, what)?;
            columns_of.fill(Default::default());
        }
        for (sums, wanted) in [&mut self.sums, &mut self.squares].into_iter().zip(wanted) {
            for sums in sums {
                memory::fit(sums, if wanted { tiles } else { 0 }, what)?;
                sums.fill(Default::default());
            }
        }
        (self.row, self.slab_rows, self.heard) = (0, slab_rows, 0);
        self.slabs.clear();
        let rows: usize = used[..used.len() - 1].iter().product();
        memory::reserve(&mut self.slabs, rows.div_ceil(slab_rows), what)?;
        let in_segments = matches!(look, Look::Outcomes | Look::Samples);
        self.silence.start(if in_segments { rows } else { 0 }, columns)?;
        self.odd.iter_mut().for_each(Vec::clear);
        self.group = guard.slabs_of_output();
        (self.largest, self.energy) = Default::default();
        (self.groups, self.loudest) = Default::default();
        Ok(())
    }

    /// The next row, perhaps with padding at its end.
    pub(super) fn add(&mut self, row: &[Complex<R>]) {
        let last = self.used.len() - 1;
        let row = bytemuck::cast_slice(&row[..self.used[last]]);
        let [sums, squares] = &mut self.columns;
        let silence = &mut self.silence;
        if self.look == Look::Samples {
            self.heard += vectorized(
                #[inline(always)]
                || heard(row),
            );
        }
        let (energy, most) = vectorized(
            #[inline(always)]
            || match self.look {
                Look::Loudness => loudness(row),
                Look::Outcomes | Look::Samples => loudness_in_segments(row, silence.row(self.row)),
                Look::Tiles => tiles::<R, false>(row, sums, squares),
                Look::Squares => tiles::<R, true>(row, sums, squares),
            },
        );
        if self.row.is_multiple_of(self.slab_rows) {
            if self.slabs.len().is_multiple_of(self.group) {
                self.groups = [self.groups[1], [0.0; 2]];
            }
            self.slabs.push(Slab::default());
        }
        let slab = self.slabs.last_mut().expect("just made");
        for part in 0..2 {
            let (squares, most): (f64, f64) = (energy[part].into(), most[part].into());
            slab.squares[part] += squares;
            slab.largest[part] = slab.largest[part].max(most);
            self.energy[part] += squares;
            self.largest[part] = self.largest[part].max(most);
            self.groups[1][part] += squares;
            let both = self.groups[0][part] + self.groups[1][part];
            self.loudest[part] = self.loudest[part].max(both);
        }
        self.row += 1;
        if self.look < Look::Tiles {
            return;
        }
        let in_tile = if last == 0 { 0 } else { self.row % self.used[last - 1] };
        if last > 0 && in_tile != 0 && !in_tile.is_multiple_of(self.sides[last - 1]) {
            return;
        }
        let (place, side) = (self.first_tile(self.row - 1), self.sides[last]);
        let end = place + self.tiles[last];
        let sums = [&mut self.sums, &mut self.squares];
        for (columns, [first, second]) in self.columns.iter_mut().zip(sums) {
            if columns.is_empty() {
                continue;
            }
            let tiles = [&mut first[place..end], &mut second[place..end]];
            vectorized(
                #[inline(always)]
                || join(columns, tiles, side),
            );
            columns.fill(Default::default());
        }
    }

    /// Takes what is not finite out of the next row, as zeros, and notes where it was.
    pub(super) fn clean(&mut self, row: &mut [Complex<R>]) -> Result<()> {
        let last = self.used.len() - 1;
        let is_finite = vectorized(
            #[inline(always)]
            || {
                let numbers: &[R] = bytemuck::cast_slice(&row[..self.used[last]]);
                numbers.iter().fold(true, |finite, value| finite & value.is_finite())
            },
        );
        if is_finite {
            return Ok(());
        }
        let first = self.first_tile(self.row);
        for (column, value) in row.iter_mut().enumerate().take(self.used[last]) {
            for (value, odd) in [&mut value.re, &mut value.im].into_iter().zip(&mut self.odd) {
                if value.is_finite() {
                    continue;
                }
                if odd.is_empty() {
                    let tiles = self.tiles.iter().product();
                    memory::fit(odd, tiles, "a look at a block")?;
                    odd.fill(R::default());
                }
                let wide: f64 = (*value).into();
                let kind = if wide.is_nan() { NAN } else { INFINITY };
                let tile = &mut odd[first + column / self.sides[last]];
                *tile = tile.larger(R::from_u8(kind).expect("a float"));
                *value = R::default();
            }
        }
        Ok(())
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

    /// Whether nothing in the rows so far is larger than `most`; a NaN is not.
    pub(super) fn is_at_most(&self, most: f64) -> bool {
        self.largest.iter().all(|largest| *largest <= most)
    }

    /// Whether something in the rows so far was not finite, and taken out.
    pub(super) fn is_odd(&self) -> bool {
        self.odd.iter().any(|odd| !odd.is_empty())
    }

    /// The level of a block, all of whose rows have been added.
    pub(super) fn level(&self, parts: Parts, exponent: i32) -> Level {
        let largest = self.largest[parts.clone()].iter().copied().fold(0.0, f64::max);
        // Maxima pass over a NaN, sums do not.
        let finite = self.energy[parts.clone()].iter().sum::<f64>().is_finite();
        let squares = self.loudest[parts].iter().sum();
        Level { largest: if finite { largest } else { f64::INFINITY }, squares, exponent }
    }
}

/// Adds the magnitudes in a row, and perhaps their squares, to the columns' sums; returns the sums of
/// their squares, and the largest.
#[inline(always)]
fn tiles<R: Real, const SQUARED: bool>(
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
    together(energy, most)
}

/// The sums of the squares in a row, and the largest magnitudes.
#[inline(always)]
fn loudness<R: Real>(row: &[[R; 2]]) -> ([R; 2], [R; 2]) {
    let mut energy = [[R::default(); 2]; STEP];
    let mut most = [[R::default(); 2]; STEP];
    let (steps, rest) = row.as_chunks::<STEP>();
    for values in steps {
        for i in 0..STEP {
            for part in 0..2 {
                let value = values[i][part].magnitude();
                energy[i][part] = energy[i][part] + value * value;
                most[i][part] = if value > most[i][part] { value } else { most[i][part] };
            }
        }
    }
    for (i, values) in rest.iter().enumerate() {
        for part in 0..2 {
            let value = values[part].magnitude();
            energy[i][part] = energy[i][part] + value * value;
            most[i][part] = most[i][part].larger(value);
        }
    }
    together(energy, most)
}

/// Samples in a row that are not zero.
#[inline(always)]
fn heard<R: Real>(row: &[[R; 2]]) -> usize {
    // As wide as samples of single precision, so that vectors have as many.
    let count = |value: &R| u32::from(*value != R::default());
    row.as_flattened().iter().map(count).sum::<u32>() as usize
}

/// The same as [`loudness`], and the largest magnitudes in segments.
#[inline(always)]
fn loudness_in_segments<R: Real>(
    row: &[[R; 2]],
    [first, second]: [&mut [R]; 2],
) -> ([R; 2], [R; 2]) {
    let (mut energy, mut most) = ([R::default(); 2], [R::default(); 2]);
    for ((segment, first), second) in row.chunks(SEGMENT).zip(first).zip(second) {
        let (squares, largest) = loudness(segment);
        (*first, *second) = (largest[0], largest[1]);
        for part in 0..2 {
            energy[part] = energy[part] + squares[part];
            most[part] = most[part].larger(largest[part]);
        }
    }
    (energy, most)
}

/// What the steps of a loop have found.
#[inline(always)]
fn together<R: Real>(energy: [[R; 2]; STEP], most: [[R; 2]; STEP]) -> ([R; 2], [R; 2]) {
    let add = |all: [R; 2], sum: [R; 2]| [all[0] + sum[0], all[1] + sum[1]];
    let larger = |a: [R; 2], b: [R; 2]| [a[0].larger(b[0]), a[1].larger(b[1])];
    (joined(energy, add), joined(most, larger))
}

/// Adds the columns' parts to their tiles.
#[inline(always)]
fn join<R: Real>(columns: &[[R; 2]], tiles: [&mut [R]; 2], side: usize) {
    match side {
        1 => join_by::<R, 1>(columns, tiles),
        2 => join_by::<R, 2>(columns, tiles),
        3 => join_by::<R, 3>(columns, tiles),
        4 => join_by::<R, 4>(columns, tiles),
        5 => join_by::<R, 5>(columns, tiles),
        6 => join_by::<R, 6>(columns, tiles),
        8 => join_by::<R, 8>(columns, tiles),
        _ => {
            let [first, second] = tiles;
            for ((a, b), columns) in first.iter_mut().zip(second).zip(columns.chunks(side)) {
                add(columns, Some(a), Some(b));
            }
        }
    }
}

/// [`join`] for tiles of a side that is known, which vectors can be made of.
#[inline(always)]
fn join_by<R: Real, const SIDE: usize>(columns: &[[R; 2]], [first, second]: [&mut [R]; 2]) {
    let (whole, rest) = columns.as_chunks::<SIDE>();
    for ((a, b), columns) in first.iter_mut().zip(second.iter_mut()).zip(whole) {
        let mut sums = [*a, *b];
        for column in columns {
            sums = [sums[0] + column[0], sums[1] + column[1]];
        }
        [*a, *b] = sums;
    }
    if !rest.is_empty() {
        add(rest, first.last_mut(), second.last_mut());
    }
}

#[inline(always)]
fn add<R: Real>(columns: &[[R; 2]], first: Option<&mut R>, second: Option<&mut R>) {
    let part = |part: usize| columns.iter().fold(R::default(), |sum, column| sum + column[part]);
    if let (Some(first), Some(second)) = (first, second) {
        (*first, *second) = (*first + part(0), *second + part(1));
    }
}
