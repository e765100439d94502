//! What the windows of a block hold: a look at each patch of outputs, for those that nothing else proves.

use std::ops::Range;

use super::along::{Along, Span};
use super::core::Level;
use super::doubts::{Doubts, Known};
use super::guard::{Bearable, ENOUGH, Guard, silent};
use super::outcome::Outcome;
use super::slide::{slide, sliding_maximum, sliding_sum};
use super::survey::{INFINITY, NAN, Parts, Survey};
use crate::element::transform::Real;
use crate::error::Result;
use crate::simd::vectorized;
use crate::util::memory;

/// Outputs between doubtful ones that are computed again with them: a few vectors take no longer than a
/// run of its own.
const GAP: usize = 48;

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
    pub needs: Vec<f64>,
    patches: Vec<usize>,
    /// What was found.
    pub doubts: Doubts,
}

impl<R> Scratch<R> {
    /// Notes the patches of a block along each axis.
    pub(super) fn count(&mut self, patches: impl Iterator<Item = usize>) {
        self.patches.clear();
        self.patches.extend(patches);
    }

    /// The share of a block that is in doubt.
    pub(super) fn unknown(&self) -> f64 {
        self.doubts.unknown() as f64 / self.patches.iter().product::<usize>() as f64
    }

    /// The share that is: all, where so much is in doubt.
    pub(super) fn share_again(&self) -> f64 {
        if self.is_mostly_unknown() { 1.0 } else { self.unknown() }
    }

    /// Whether so much of a block is to be computed again that it all may be.
    pub(super) fn is_mostly_unknown(&self) -> bool {
        self.unknown() > MOST_AGAIN
    }
}

/// What the memory is for.
const LOOK: &str = "a look at a block";

impl Guard {
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
        scratch.count(needed.iter().enumerate().map(|(a, &needed)| self.patches(a, needed)));
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
                        let all = |&squares: &R| squares.into() + self.lost();
                        squares.map_or(0.0, |squares| self.reached(sum * unit, all(squares)))
                    };
                    let floor = || unit * floor_of(floor, &survey.sums, first.own + p, &parts);
                    // No closer look finds what is not there.
                    let most = self.taps * support[first.support + p].into();
                    if sum >= least || most >= need && (closer() >= need || floor() >= need) {
                        continue;
                    }
                    None
                };
                scratch.doubts.note(row, p..p + 1, known, GAP / self.axes[last].side)?;
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
