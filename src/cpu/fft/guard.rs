//! Which outputs of a block a transform cannot be trusted with.
//!
//! A transform spreads its rounding error over all of its outputs. What is quiet would drown in what
//! is loud (scipy#22390): each output's own window must be large enough against that error. An output
//! that is large itself tells so; other windows are looked at in patches of outputs, by the sums of
//! magnitudes in tiles of samples.

use std::ops::Range;

use super::along::{Along, Span, floor, support};
use super::core::{Core, Level};
use super::doubts::{Doubts, Known};
use super::outcome::Outcome;
use super::range::{Gain, Samples, error};
use super::slide::{slide, sliding_maximum, sliding_sum};
use super::survey::{INFINITY, NAN, Parts, Slab, Survey};
use crate::bounds::{Spread, share};
use crate::element::DType;
use crate::element::transform::Real;
use crate::error::Result;
use crate::simd::vectorized;
use crate::util::memory;

/// What is known of a kernel's windows, whatever the samples.
#[derive(Debug)]
pub(super) struct Guard {
    axes: Vec<Along>,
    /// Their sum.
    taps: f64,
    /// What taps of the core reach but for its holes.
    levels: Vec<Level>,
    /// Tiles that lie under a patch's windows as a whole, each by its place per axis from the patch's own,
    /// and the least of the taps that can lie over it.
    floor: Vec<(Vec<usize>, f64)>,
    /// How much louder a result can be than its samples.
    gain: Gain,
    /// How errors spread.
    spread: Spread,
    /// The precision of the transforms, and their smallest number with all digits.
    epsilon: f64,
    smallest: f64,
    /// The axis whose slabs are summed, and the slabs from the first tap to the last.
    summed: Option<(usize, usize)>,
}

/// What an output may be off by, besides a share of its window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bearable {
    /// An error that nobody sees, in units of the results.
    pub error: f64,
    /// The samples were scaled by this power of two.
    pub exponent: i32,
}

/// Outputs between doubtful ones that are computed again with them: a few vectors take no longer than a
/// run of its own.
const GAP: usize = 48;

/// What was computed is off by its error, a small share of `need`: from so many times that on the right output
/// reaches it, and its window does.
const ENOUGH: f64 = 1.01;

/// Patches of a row that are looked at as one first.
const TOGETHER: usize = 32;

/// Blocks of which this share is to be computed again are left to the direct method as a whole, which is quicker
/// than piece by piece.
const MOST_AGAIN: f64 = 0.4;

/// Memory that is kept from block to block.
#[derive(Debug, Default)]
pub(super) struct Scratch<R> {
    /// Of the windows of each patch: sums over the core of magnitudes and of squares, the largest under
    /// taps that are not zero, what is not finite in any of them, and what of that is in all.
    sums: Vec<R>,
    squares: Vec<R>,
    support: Vec<R>,
    odd: Vec<R>,
    certain: Vec<R>,
    powers: Vec<R>,
    floor: Vec<(usize, R)>,
    needs: Vec<f64>,
    patches: Vec<usize>,
    /// What was found.
    pub doubts: Doubts,
}

impl<R> Scratch<R> {
    /// Whether so much of a block is to be computed again that it all may be.
    pub(super) fn is_mostly_unknown(&self) -> bool {
        let all: usize = self.patches.iter().product();
        self.doubts.unknown() as f64 > MOST_AGAIN * all as f64
    }
}

/// What the memory is for.
const LOOK: &str = "a look at a block";

/// Arrays of a value for each tile in a [`Scratch`] and a [`Survey`].
const ARRAYS: usize = 12;

impl Guard {
    /// For a kernel of these magnitudes, with taps so many samples apart, under transforms of that
    /// precision with this gain.
    pub(super) fn new(
        magnitudes: &[f64],
        shape: &[usize],
        steps: &[usize],
        spread: Spread,
        dtype: DType,
        gain: Gain,
    ) -> Result<Self> {
        let core = Core::of(magnitudes, shape, |a, range| {
            let along = Along::new(shape[a], steps[a], range, 0..shape[a]);
            along.core.count * along.side
        })?;
        let support = support(magnitudes, shape);
        let axes: Vec<Along> = (0..shape.len())
            .map(|a| Along::new(shape[a], steps[a], &core.taps[a], support[a].clone()))
            .collect();
        let floor = floor(magnitudes, shape, steps, &axes)?;
        let (epsilon, smallest) = (dtype.epsilon(), dtype.smallest_normal());
        // Rounded up.
        let taps = magnitudes.iter().sum::<f64>() * (1.0 + 1e-9);
        let (levels, summed) = (core.levels, None);
        Ok(Self { axes, taps, levels, floor, gain, spread, epsilon, smallest, summed })
    }

    /// The same where the slabs along an axis are summed, of which so many lie between the first tap and
    /// the last.
    pub(super) fn with_summed(self, axis: usize, reach: usize) -> Self {
        Self { summed: Some((axis, reach)), ..self }
    }

    /// How much louder a result can be than its samples.
    #[cfg(test)]
    pub(super) fn gain(&self) -> Gain {
        self.gain
    }

    /// Slabs that what becomes of one output stands in.
    pub(super) fn slabs_of_output(&self) -> usize {
        self.summed.map_or(1, |(_, reach)| reach + 1)
    }

    /// Sides of tiles.
    pub(super) fn sides(&self) -> impl Iterator<Item = usize> {
        self.axes.iter().map(|along| along.side)
    }

    /// Whether sums of squares are needed.
    pub(super) fn has_holes(&self) -> bool {
        self.levels.iter().any(|level| level.holes > 0)
    }

    /// The outputs of a row of patches along an axis, counted from the block's first.
    pub(super) fn outputs(&self, axis: usize, patches: Range<usize>) -> Range<usize> {
        patches.start * self.axes[axis].side..patches.end * self.axes[axis].side
    }

    /// Patches along an axis with so many outputs.
    pub(super) fn patches(&self, axis: usize, needed: usize) -> usize {
        needed.div_ceil(self.axes[axis].side)
    }

    /// Bytes that a look at blocks of this size keeps.
    pub(super) fn bytes<R>(&self, size: &[usize]) -> usize {
        let tiles = size.iter().enumerate().map(|(a, &size)| self.patches(a, size));
        (tiles.product::<usize>() * ARRAYS * size_of::<R>()).saturating_add(Doubts::BYTES)
    }

    /// The row of patches that a row of outputs lies in, where there are so many along the outer axes.
    pub(super) fn row_of_patches_with(&self, row: usize, outer: &[usize]) -> usize {
        let (mut rest, mut place, mut inner) = (row, 0, 1);
        for (a, &outputs) in outer.iter().enumerate().rev() {
            place += rest % outputs / self.axes[a].side * inner;
            rest /= outputs;
            inner *= self.patches(a, outputs);
        }
        place
    }

    /// Whether errors of a block are bearable, or small against each of its outputs; all rows have been added
    /// to the survey, and all outputs to the outcome.
    pub(super) fn is_proven<R: Real>(
        &self,
        survey: &Survey<R>,
        needed: &[usize],
        bearable: Bearable,
        outcome: &Outcome,
        scratch: &mut Scratch<R>,
    ) -> bool {
        let (width, outer) = needed.split_last().expect("at least one axis");
        let seen = self.needs(survey, needed, bearable, &mut scratch.needs);
        if !seen || silent(survey) {
            return true;
        }
        let rows = outer.iter().enumerate().map(|(a, &n)| self.patches(a, n)).product();
        (0..rows).all(|row| {
            let need = self.need(row, needed, &scratch.needs);
            outcome.reaches(row, 0..*width, need * ENOUGH)
        })
    }

    /// What the windows of a row of patches need.
    fn need(&self, row: usize, needed: &[usize], needs: &[f64]) -> f64 {
        let Some((summed, _)) = self.summed else { return needs[0] };
        let inner = (summed + 1..needed.len() - 1).map(|a| self.patches(a, needed[a]));
        needs[row / inner.product::<usize>() % self.patches(summed, needed[summed])]
    }

    /// Finds the patches of a block whose outputs could be off by more than they may. `needed` are the
    /// outputs along each axis before any stride drops some; all rows have been added to the survey.
    pub(super) fn doubts<R: Real>(
        &self,
        survey: &Survey<R>,
        parts: Parts,
        needed: &[usize],
        bearable: Bearable,
        outcome: &Outcome,
        scratch: &mut Scratch<R>,
    ) -> Result<()> {
        scratch.doubts.clear();
        let odd = survey.odd[parts.clone()].iter().any(|odd| !odd.is_empty());
        let seen = self.needs(survey, needed, bearable, &mut scratch.needs);
        if !odd && (silent(survey) || !seen) {
            return Ok(());
        }
        self.sum_windows(survey, &parts, scratch)?;
        if odd {
            self.find_odd(survey, &parts, scratch)?;
        }
        let unit = unit(&parts);
        let largest = survey.slabs.iter().flat_map(|slab| &slab.largest[parts.clone()]);
        let largest = largest.copied().fold(0.0, f64::max) / unit;
        scratch.patches.clear();
        scratch
            .patches
            .extend(needed.iter().enumerate().map(|(a, &needed)| self.patches(a, needed)));
        let last = self.axes.len() - 1;
        let (width, rows) = (scratch.patches[last], scratch.patches[..last].iter().product());
        let (mut looked, mut quick) = (false, false);
        for row in 0..rows {
            let need = self.need(row, needed, &scratch.needs);
            let outputs = |patches: Range<usize>| {
                let all = self.outputs(last, patches);
                all.start..all.end.min(needed[last])
            };
            let loud = |patches| outcome.reaches(row, outputs(patches), need * ENOUGH);
            if !odd && loud(0..width) {
                continue;
            }
            let first = self.row_of_patches(row, &survey.tiles, &scratch.patches);
            let least = self.least_sum(need, largest) / unit;
            if !odd && are_at_least(&scratch.sums[first.core..first.core + width], least) {
                continue;
            }
            if !looked {
                looked = true;
                of_parts(&survey.sums, &parts, &mut scratch.support)?;
                slide(
                    &mut scratch.support,
                    &survey.tiles,
                    self.by(|along| along.support),
                    sliding_maximum,
                );
                self.flatten(&survey.tiles, &mut scratch.floor);
            }
            for p in 0..width {
                // Patches that are loud together need no look at each.
                if !odd && p.is_multiple_of(TOGETHER) {
                    let end = width.min(p + TOGETHER);
                    quick = loud(p..end)
                        || are_at_least(&scratch.sums[first.core + p..first.core + end], least);
                }
                if quick {
                    continue;
                }
                let Scratch { sums, squares, support, odd: found, certain, floor, .. } = &*scratch;
                let holds =
                    |all: &[R], place: usize, kind: u8| odd && all[place].into() >= f64::from(kind);
                let known = if holds(certain, first.whole + p, NAN) {
                    Some(Known::Nan)
                } else if holds(found, first.all + p, INFINITY) {
                    None
                } else if support[first.support + p] == R::default() {
                    Some(Known::Zero)
                } else {
                    let sum: f64 = sums[first.core + p].into();
                    let closer = || {
                        let squares = squares.get(first.core + p);
                        squares.map_or(0.0, |&squares| self.reached(sum * unit, squares.into()))
                    };
                    let floor = || unit * floor_of(floor, &survey.sums, first.own + p, &parts);
                    // No closer look finds what is not there.
                    let most = self.taps * support[first.support + p].into();
                    if sum >= least || most >= need && (closer() >= need || floor() >= need) {
                        continue;
                    }
                    None
                };
                scratch.doubts.note(row, p, known, GAP / self.axes[last].side)?;
            }
        }
        scratch.doubts.join(scratch.patches[..last].last().copied().unwrap_or(1));
        Ok(())
    }

    /// Sums over the core of each patch's windows.
    fn sum_windows<R: Real>(
        &self,
        survey: &Survey<R>,
        parts: &Parts,
        scratch: &mut Scratch<R>,
    ) -> Result<()> {
        let Scratch { sums, squares, powers, .. } = scratch;
        memory::fit(powers, survey.sums[0].len(), LOOK)?;
        for (all, sums) in [(&survey.sums, sums), (&survey.squares, squares)] {
            of_parts(all, parts, sums)?;
            slide(sums, &survey.tiles, self.by(|along| along.core), |values, count, step| {
                sliding_sum(values, powers, count, step);
            });
        }
        Ok(())
    }

    /// What is not finite in each patch's windows, in some and in all of them.
    fn find_odd<R: Real>(
        &self,
        survey: &Survey<R>,
        parts: &Parts,
        scratch: &mut Scratch<R>,
    ) -> Result<()> {
        let spans: [fn(&Along) -> Span; 2] = [|along| along.all, |along| along.whole];
        for (found, span) in [&mut scratch.odd, &mut scratch.certain].into_iter().zip(spans) {
            memory::fit(found, survey.sums[0].len(), LOOK)?;
            found.fill(R::default());
            for odd in &survey.odd[parts.clone()] {
                found.iter_mut().zip(odd).for_each(|(found, odd)| *found = found.larger(*odd));
            }
            slide(found, &survey.tiles, self.by(span), sliding_maximum);
        }
        Ok(())
    }

    /// A span's count and step along each axis.
    fn by(&self, span: impl Fn(&Along) -> Span) -> impl Fn(usize) -> (usize, usize) {
        move |a| (span(&self.axes[a]).count, self.axes[a].step)
    }

    /// Where the tiles of a row of patches start.
    fn row_of_patches(&self, row: usize, tiles: &[usize], patches: &[usize]) -> Starts {
        let last = self.axes.len() - 1;
        let (mut rest, mut first, mut stride) = (row, Starts::default(), tiles[last]);
        first.add(&self.axes[last], 0, 1);
        for a in (0..last).rev() {
            first.add(&self.axes[a], rest % patches[a], stride);
            rest /= patches[a];
            stride *= tiles[a];
        }
        first
    }

    /// What the sum under a window must reach, for each row of patches along the axis that is summed, or
    /// for all of them; false where the error is bearable whatever is in a window.
    fn needs<R: Real>(
        &self,
        survey: &Survey<R>,
        needed: &[usize],
        bearable: Bearable,
        needs: &mut Vec<f64>,
    ) -> bool {
        needs.clear();
        // Both parts: what shares a transform has one error. Squares may be too small for the type, and
        // so may samples that were scaled.
        let lost = self.smallest * self.spread.transformed as f64;
        let error = |Loud { squares, largest }: Loud| {
            let samples = Samples { squares: squares + lost, largest };
            error(self.epsilon, self.spread, samples, self.gain)
        };
        match self.summed {
            Some((axis, reach)) => {
                // The slabs of any output lie in two neighbouring groups.
                let (side, patches) = (self.axes[axis].side, self.patches(axis, needed[axis]));
                let group = reach + side;
                let mut groups = survey.slabs.chunks(group).map(Loud::of).chain([Loud::default()]);
                let mut here = groups.next().unwrap_or_default();
                for (g, next) in groups.enumerate() {
                    // The patches that start in the first of the two.
                    let end = ((g + 1) * group).div_ceil(side);
                    needs.resize(end.min(patches), error(here.and(next)));
                    here = next;
                }
            }
            None => needs.push(error(Loud::of(&survey.slabs))),
        }
        let seen = needs.iter().copied().fold(0.0, f64::max) * 2f64.powi(-bearable.exponent);
        needs.iter_mut().for_each(|need| *need /= share(self.epsilon));
        seen > bearable.error || seen.is_nan()
    }

    /// The sum over the core from which on a window reaches `need`, where no sample is larger than
    /// `largest`: then `sum |x|^2` is at most `largest * sum |x|`.
    fn least_sum(&self, need: f64, largest: f64) -> f64 {
        let from = |level: &Level| {
            let holes = level.holes as f64 * largest;
            ((holes.sqrt() + (holes + 4.0 * need / level.least).sqrt()) / 2.0).powi(2)
        };
        self.levels.iter().map(from).fold(f64::INFINITY, f64::min)
    }

    /// What a window reaches at least, by its sums over the core of magnitudes and of their squares.
    fn reached(&self, sum: f64, squares: f64) -> f64 {
        let by = |level: &Level| level.least * (sum - (level.holes as f64 * squares).sqrt());
        self.levels.iter().map(by).fold(0.0, f64::max)
    }

    /// The floor by places in a block of these tiles.
    fn flatten<R: Real>(&self, tiles: &[usize], floor: &mut Vec<(usize, R)>) {
        floor.clear();
        floor.extend(self.floor.iter().map(|(at, tap)| {
            let place = at.iter().zip(tiles).fold(0, |place, (at, tiles)| place * tiles + at);
            (place, R::from_f64(*tap).expect("a float"))
        }));
    }
}

/// How loud some slabs are, in both parts.
#[derive(Clone, Copy, Default)]
struct Loud {
    squares: f64,
    largest: f64,
}

impl Loud {
    fn of(slabs: &[Slab]) -> Self {
        let mut all = Self::default();
        for slab in slabs {
            let [a, b] = slab.squares;
            all.squares += a + b;
            all.largest = all.largest.max(slab.largest[0]).max(slab.largest[1]);
        }
        all
    }

    fn and(self, other: Self) -> Self {
        let largest = self.largest.max(other.largest);
        Self { squares: self.squares + other.squares, largest }
    }
}

/// Whether there is nothing in a transform: it comes out as nothing.
fn silent<R>(survey: &Survey<R>) -> bool {
    survey.slabs.iter().all(|slab| slab.largest == [0.0; 2])
}

/// Where the tiles of a patch start: its own, and those of its spans.
#[derive(Default)]
struct Starts {
    own: usize,
    core: usize,
    support: usize,
    all: usize,
    whole: usize,
}

impl Starts {
    fn add(&mut self, along: &Along, p: usize, stride: usize) {
        self.own += p * stride;
        self.core += (p + along.core.first) * stride;
        self.support += (p + along.support.first) * stride;
        self.all += (p + along.all.first) * stride;
        self.whole += (p + along.whole.first) * stride;
    }
}

/// What a sum of both parts is worth at least: a complex number is no less than the sum of its parts over
/// the root of two.
fn unit(parts: &Parts) -> f64 {
    if parts.len() > 1 { 0.5f64.sqrt() } else { 1.0 }
}

/// The sums of a block's parts; none where there are none.
fn of_parts<R: Real>(all: &[Vec<R>; 2], parts: &Parts, out: &mut Vec<R>) -> Result<()> {
    memory::fit(out, all[0].len(), LOOK)?;
    out.copy_from_slice(&all[parts.start]);
    if parts.len() > 1 {
        out.iter_mut().zip(&all[1]).for_each(|(sum, part)| *sum = *sum + *part);
    }
    Ok(())
}

/// Whether all values are at least so large.
fn are_at_least<R: Real>(values: &[R], least: f64) -> bool {
    // Rounded up.
    let least = R::from_f64(least * (1.0 + 1e-6)).expect("a float");
    vectorized(
        #[inline(always)]
        || values.iter().fold(true, |all, &value| all & (value >= least)),
    )
}

/// The sum over whole tiles, each under the least of its taps.
fn floor_of<R: Real>(floor: &[(usize, R)], sums: &[Vec<R>; 2], patch: usize, parts: &Parts) -> f64 {
    let under = |&(place, tap): &(usize, R)| {
        sums[parts.clone()].iter().fold(R::default(), |sum, part| sum + part[patch + place]) * tap
    };
    floor.iter().map(under).fold(R::default(), |sum, part| sum + part).into()
}
