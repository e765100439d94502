//! Where a block is silent or quiet: windows of zeros give zeros, and windows that are quiet against their block
//! prove nothing; no closer look is needed to know either.

use std::ops::Range;

use super::doubts::Known;
use super::guard::{Bearable, ENOUGH, Guard};
use super::outcome::{Outcome, SEGMENT, rows};
use super::survey::{Parts, Survey};
use super::transform::Extent;
use super::windows::Scratch;
use crate::element::transform::Real;
use crate::error::Result;
use crate::util::memory;

/// The largest magnitudes in segments of the rows of a block, of either part; memory is kept from block to
/// block.
#[derive(Debug, Default)]
pub(super) struct Silence<R> {
    heard: [Vec<R>; 2],
    segments: usize,
    /// The largest of some rows.
    any: Vec<R>,
}

impl<R: Real> Silence<R> {
    /// Starts on blocks of so many rows of so many samples; of none where nobody asks.
    pub(super) fn start(&mut self, rows: usize, width: usize) -> Result<()> {
        self.segments = width.div_ceil(SEGMENT);
        for heard in &mut self.heard {
            memory::fit(heard, rows * self.segments, "a look at a block")?;
            heard.fill(R::default());
        }
        memory::fit(&mut self.any, self.segments, "a look at a block")
    }

    /// Bytes that blocks of so many rows of so many samples take.
    pub(super) fn bytes(rows: usize, width: usize) -> usize {
        rows.saturating_mul(2 * width.div_ceil(SEGMENT) * size_of::<R>())
    }

    /// The share of segments that are not silent, of both parts.
    pub(super) fn heard_share(&self) -> f64 {
        let all = || self.heard.iter().flatten();
        all().filter(|largest| **largest > R::default()).count() as f64 / all().count() as f64
    }

    /// The segments of a row.
    pub(super) fn row(&mut self, row: usize) -> [&mut [R]; 2] {
        let segments = row * self.segments..(row + 1) * self.segments;
        self.heard.each_mut().map(|heard| &mut heard[segments.clone()])
    }

    /// Takes some rows together.
    fn gather(&mut self, parts: &Parts, rows: impl Iterator<Item = usize>) {
        self.any.fill(R::default());
        for row in rows {
            for heard in &self.heard[parts.clone()] {
                let heard = &heard[row * self.segments..][..self.segments];
                self.any.iter_mut().zip(heard).for_each(|(any, heard)| *any = any.larger(*heard));
            }
        }
    }

    /// The largest magnitude in the segments that some samples of these rows lie in.
    fn loudest(&self, samples: Range<usize>) -> R {
        let end = samples.end.div_ceil(SEGMENT).min(self.segments);
        self.any[samples.start / SEGMENT..end].iter().fold(R::default(), |a, &b| a.larger(b))
    }

    /// Whether some samples of these rows are zeros.
    fn is_silent(&self, samples: Range<usize>) -> bool {
        self.loudest(samples) == R::default()
    }
}

impl Guard {
    /// Finds the patches of a block that what comes out of its transform does not prove, and of these the
    /// ones that are zeros, without a look at their windows.
    pub(super) fn unproven<R: Real>(
        &self,
        survey: &mut Survey<R>,
        parts: Parts,
        extent: &Extent,
        bearable: Bearable,
        outcome: &Outcome,
        scratch: &mut Scratch<R>,
    ) -> Result<()> {
        scratch.doubts.clear();
        let Extent { used, needed } = extent;
        let seen = self.needs(survey, needed, bearable, &mut scratch.needs);
        scratch.count(needed.iter().enumerate().map(|(a, &needed)| self.patches(a, needed)));
        let (width, outer) = needed.split_last().expect("at least one axis");
        let (last, patches) = (outer.len(), self.patches(outer.len(), *width));
        if !seen {
            return Ok(());
        }
        let group = (SEGMENT / self.axes[last].side).max(1);
        for row in 0..rows(self, outer) {
            let need = self.need(row, needed, &scratch.needs) * ENOUGH;
            if outcome.reaches(row, 0..*width, need) {
                continue;
            }
            let Survey { silence, used: all, .. } = &mut *survey;
            silence.gather(&parts, self.rows_under(row, all, extent));
            for first in (0..patches).step_by(group) {
                let some = first..patches.min(first + group);
                let outputs = self.outputs(last, some.clone());
                let outputs = outputs.start..outputs.end.min(*width);
                if outcome.reaches(row, outputs.clone(), need) {
                    continue;
                }
                let samples = outputs.start..outputs.end + used[last] - width;
                let known = silence.is_silent(samples).then_some(Known::Zero);
                scratch.doubts.note(row, some, known, 0)?;
            }
        }
        scratch.doubts.join(outer.last().map_or(1, |&outputs| self.patches(last - 1, outputs)));
        Ok(())
    }

    /// The share of a block's outputs that what comes out of its transform cannot prove, at least, by what went
    /// into it. Of windows of zeros nothing has to be proved.
    pub(super) fn unprovable<R: Real>(
        &self,
        survey: &mut Survey<R>,
        parts: Parts,
        extent: &Extent,
        bearable: Bearable,
        scratch: &mut Scratch<R>,
    ) -> f64 {
        let Extent { used, needed } = extent;
        if !self.needs(survey, needed, bearable, &mut scratch.needs) {
            return 0.0;
        }
        let (width, outer) = needed.split_last().expect("at least one axis");
        let (rows, reach) = (rows(self, outer), used[outer.len()] - width);
        let mut lost = 0;
        for row in 0..rows {
            let need = self.need(row, needed, &scratch.needs);
            let Survey { silence, used: all, .. } = &mut *survey;
            silence.gather(&parts, self.rows_under(row, all, extent));
            for first in (0..*width).step_by(SEGMENT) {
                // All outputs of a segment are taken for as small as its first.
                let most = silence.loudest(first..first + reach + 1).into() * self.taps;
                let end = width.min(&(first + SEGMENT)) + reach;
                if most * ENOUGH < need && !silence.is_silent(first..end) {
                    lost += width.min(&(first + SEGMENT)) - first;
                }
            }
        }
        lost as f64 / (rows * width) as f64
    }

    /// The rows of samples, in a box of shape `all`, under the windows of a row of patches.
    fn rows_under<'e>(
        &'e self,
        row: usize,
        all: &'e [usize],
        extent: &'e Extent,
    ) -> impl Iterator<Item = usize> + 'e {
        let Extent { used, needed } = extent;
        let outer = needed.len() - 1;
        let along = move |a: usize, patch: usize| {
            let outputs = self.outputs(a, patch..patch + 1);
            outputs.start..outputs.end.min(needed[a]) + used[a] - needed[a]
        };
        // Both are counted in standard order.
        let ranges = move || {
            (0..outer).rev().scan(row, move |rest, a| {
                let patches = self.patches(a, needed[a]);
                let range = along(a, *rest % patches);
                *rest /= patches;
                Some((a, range))
            })
        };
        (0..ranges().map(|(_, range)| range.len()).product()).map(move |flat: usize| {
            let start = (flat, 0, 1);
            let (_, place, _) = ranges().fold(start, |(rest, place, stride), (a, range)| {
                let at = range.start + rest % range.len();
                (rest / range.len(), place + at * stride, stride * all[a])
            });
            place
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::fft::survey::Look;
    use num_complex::Complex;

    /// Every window under a patch that is said to be silent is, and no silent one of whole segments is missed.
    #[test]
    fn patches_of_zeros_are_found() {
        let taps = [5, 9, 7];
        let guard = Guard::of_ones(&taps, &[1, 1, 3]);
        let reach = [4, 8, 18];
        let needed = vec![7, 12, 150];
        let used: Vec<usize> = needed.iter().zip(reach).map(|(n, reach)| n + reach).collect();
        let extent = Extent { used: used.clone(), needed: needed.clone() };
        // What is packed beside it is larger.
        let all = [used[0] + 2, used[1] + 1, used[2]];
        let heard = |at: [usize; 3]| {
            at[0] < used[0] && at[1] < used[1] && (at == [3, 4, 130] || at[2] < 20)
        };
        let mut survey = Survey::<f32>::default();
        survey.start(&guard, &all, all[0] * all[1], Look::Outcomes).expect("memory");
        for i in 0..all[0] {
            for j in 0..all[1] {
                let value = |k| Complex::new(f32::from(u8::from(heard([i, j, k]))), 1.0);
                survey.add(&(0..all[2]).map(value).collect::<Vec<_>>());
            }
        }
        // Nothing is proven.
        let mut outcome = Outcome::default();
        outcome.start(&guard, &needed).expect("memory");
        for row in 0..rows(&guard, &needed[..2]) {
            outcome.add(row, &[Complex::new(0.0f32, 1.0); 150], 0, 1.0);
        }
        let mut scratch = Scratch::default();
        guard
            .unproven(&mut survey, 0..1, &extent, Bearable::default(), &outcome, &mut scratch)
            .expect("memory");
        let sides: Vec<usize> = guard.sides().collect();
        assert!(sides[1] > 1 && sides[2] == 1, "{sides:?}");
        let planes = [0, 1].map(|a| guard.patches(a, needed[a]));
        let mut seen = 0;
        for doubt in scratch.doubts.iter() {
            for row in doubt.rows.clone() {
                let [i, j] = [row / planes[1], row % planes[1]];
                let under = |a: usize, p: usize, end: usize| {
                    p * sides[a]..(end * sides[a]).min(needed[a]) + reach[a]
                };
                let columns = under(2, doubt.patches.start, doubt.patches.end);
                let loud = under(0, i, i + 1)
                    .any(|i| under(1, j, j + 1).any(|j| columns.clone().any(|k| heard([i, j, k]))));
                assert!(doubt.known == Some(Known::Zero) || doubt.known.is_none());
                assert!(doubt.known.is_none() || !loud, "{doubt:?}");
                seen += if doubt.known.is_some() { doubt.patches.len() } else { 0 };
            }
        }
        // The second segment is silent where it does not meet the one place in the third, the third likewise.
        assert!(seen > 0 && scratch.unknown() < 0.9, "{seen}, {}", scratch.unknown());
        let silent_rows = (0..planes[0] * planes[1]).filter(|row| {
            let rows = guard.rows_under(*row, &all, &extent).collect::<Vec<_>>();
            !rows.contains(&(3 * all[1] + 4))
        });
        assert_eq!(seen, silent_rows.count() * (150 - 64));
    }
}
