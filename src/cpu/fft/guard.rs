//! Which outputs of a block a transform cannot be trusted with.
//!
//! A transform spreads its rounding error over all of its outputs. What is quiet would drown in what
//! is loud (scipy#22390): each output's own window must be large enough against that error. An output
//! that is large itself tells so; other windows are looked at in patches of outputs, by the sums of
//! magnitudes in tiles of samples.

use std::ops::Range;

use super::along::{Along, floor, support};
use super::core::{Core, Level};
use super::doubts::Doubts;
use super::outcome::{Outcome, rows};
use super::silence::Silence;
use super::survey::{Slab, Survey};
use super::windows::Scratch;
use crate::bounds::{Gain, Loudness, Spread, of_transforms, share};
use crate::element::DType;
use crate::element::transform::{MOST_PACKED, Real, Sample};
use crate::error::Result;

/// What is known of a kernel's windows, whatever the samples.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) axes: Vec<Along>,
    /// Their sum.
    pub(super) taps: f64,
    /// What taps of the core reach but for its holes.
    pub(super) levels: Vec<Level>,
    /// Tiles that lie under a patch's windows as a whole, each by its place per axis from the patch's own,
    /// and the least of the taps that can lie over it.
    pub(super) floor: Vec<(Vec<usize>, f64)>,
    /// How much louder a result can be than its samples.
    gain: Gain,
    /// How errors spread.
    spread: Spread,
    /// The precision of results, and of transforms that are not doubled; the smallest number with all digits.
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
    /// Whether transforms had twice the digits.
    pub doubled: bool,
}

impl Bearable {
    /// This error, in transforms of samples as they are.
    pub(super) fn of(error: f64) -> Self {
        Self { error, ..Self::default() }
    }
}

/// What was computed is off by its error, a small share of `need`: from so many times that on the right output
/// reaches it, and its window does.
pub(super) const ENOUGH: f64 = 1.01;

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

    /// For taps of one, in a block of 4096 samples.
    #[cfg(test)]
    pub(super) fn of_ones(shape: &[usize], steps: &[usize]) -> Self {
        let taps = vec![1.0; shape.iter().product()];
        let spread = Spread { transformed: 4096, taps: 1 };
        let gain = Gain { mean: 1.0, largest: 1.0 };
        Self::new(&taps, shape, steps, spread, DType::F32, gain).expect("memory")
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
    pub(super) fn bytes<R: Real>(&self, size: &[usize]) -> usize {
        let tiles = size.iter().enumerate().map(|(a, &size)| self.patches(a, size));
        let looks = tiles.product::<usize>() * ARRAYS * size_of::<R>();
        let (width, outer) = size.split_last().expect("at least one axis");
        let silence = Silence::<R>::bytes(outer.iter().product(), *width);
        let outcomes = MOST_PACKED * Outcome::bytes(self, size);
        looks.saturating_add(Doubts::BYTES).saturating_add(outcomes).saturating_add(silence)
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
        (0..rows(self, outer)).all(|row| {
            let need = self.need(row, needed, &scratch.needs);
            outcome.reaches(row, 0..*width, need * ENOUGH)
        })
    }

    /// What the windows of a row of patches need.
    pub(super) fn need(&self, row: usize, needed: &[usize], needs: &[f64]) -> f64 {
        let Some((summed, _)) = self.summed else { return needs[0] };
        let inner = (summed + 1..needed.len() - 1).map(|a| self.patches(a, needed[a]));
        needs[row / inner.product::<usize>() % self.patches(summed, needed[summed])]
    }

    /// What sums of squares may lack, at most: squares may be too small for the type, and so may samples that were
    /// scaled.
    pub(super) fn lost(&self) -> f64 {
        self.smallest * self.spread.transformed as f64
    }

    /// What the sum under a window must reach, for each row of patches along the axis that is summed, or
    /// for all of them; false where the error is bearable whatever is in a window.
    pub(super) fn needs<R: Real>(
        &self,
        survey: &Survey<R>,
        needed: &[usize],
        bearable: Bearable,
        needs: &mut Vec<f64>,
    ) -> bool {
        needs.clear();
        // Both parts: what shares a transform has one error.
        let lost = self.lost();
        let epsilon = if bearable.doubled { DType::F64.epsilon() } else { self.epsilon };
        let error = |Loud { squares, largest }: Loud| {
            let samples = Loudness { squares: squares + lost, largest };
            let error = of_transforms(epsilon, self.spread, samples, self.gain);
            // An error that is lost itself, under the smallest taps, proves nothing.
            if error < f64::MIN_POSITIVE && self.taps > 0.0 { f64::INFINITY } else { error }
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
        let seen = needs.iter().copied().fold(0.0, f64::max).scaled(-bearable.exponent);
        needs.iter_mut().for_each(|need| *need /= share(self.epsilon));
        seen > bearable.error || seen.is_nan()
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
pub(super) fn silent<R>(survey: &Survey<R>) -> bool {
    survey.slabs.iter().all(|slab| slab.largest == [0.0; 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::fft::survey::Look;
    use num_complex::Complex;

    #[test]
    fn rows_of_outputs_lie_in_rows_of_patches() {
        let guard = Guard::of_ones(&[13, 31, 7], &[1, 1, 3]);
        let (outer, sides) = ([11, 14], [guard.axes[0].side, guard.axes[1].side]);
        assert!(sides[0] > 1 && sides[1] > sides[0], "{sides:?}");
        for row in 0..11 * 14 {
            let (i, j) = (row / 14 / sides[0], row % 14 / sides[1]);
            let place = i * 14usize.div_ceil(sides[1]) + j;
            assert_eq!(guard.row_of_patches_with(row, &outer), place);
        }
    }

    #[test]
    fn one_small_output_leaves_its_segment_without_a_proof() {
        let guard = Guard::of_ones(&[9, 13], &[1, 1]);
        let needed = [20, 150];
        let used = [28, 162];
        let mut survey = Survey::<f32>::default();
        survey.start(&guard, &used, used[0], Look::Outcomes).expect("memory");
        (0..used[0]).for_each(|_| survey.add(&[Complex::new(1.0, 0.0); 162]));
        let mut scratch = Scratch::default();
        let mut proven = |small: Option<[usize; 2]>, value: f32| {
            let mut outcome = Outcome::default();
            outcome.start(&guard, &needed).expect("memory");
            for row in 0..needed[0] {
                let mut line = [Complex::new(-100.0f32, 0.0); 150];
                if let Some([_, at]) = small.filter(|at| at[0] == row) {
                    line[at].re = value;
                }
                outcome.add(guard.row_of_patches_with(row, &needed[..1]), &line, 0, 1.0);
            }
            let all =
                guard.is_proven(&survey, &needed, Bearable::default(), &outcome, &mut scratch);
            let need = guard.need(0, &needed, &scratch.needs);
            let reached = |row: usize, segment: usize| {
                outcome.reaches(row, segment * 64..(segment * 64 + 64).min(needed[1]), need)
            };
            let rows = guard.patches(0, needed[0]);
            let missed = (0..rows * 3).filter(|i| !reached(i / 3, i % 3)).collect::<Vec<_>>();
            (all, missed)
        };
        assert_eq!(proven(None, 0.0), (true, vec![]));
        let side = guard.axes[0].side;
        for (at, value) in [([0, 0], 0.0), ([7, 63], -1e-4), ([19, 149], 1e-6)] {
            assert_eq!(proven(Some(at), value), (false, vec![at[0] / side * 3 + at[1] / 64]));
        }
        // Nobody asked.
        let outcome = Outcome::default();
        assert!(!guard.is_proven(&survey, &needed, Bearable::default(), &outcome, &mut scratch));
        let bearable = Bearable { error: 1.0, ..Bearable::default() };
        assert!(guard.is_proven(&survey, &needed, bearable, &outcome, &mut scratch));
    }
}
