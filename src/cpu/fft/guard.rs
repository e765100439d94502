//! Which outputs of a block a transform cannot be trusted with.
//!
//! A transform spreads its rounding error over all of its outputs. What is quiet would drown in what
//! is loud (scipy#22390): each output's own window must be large enough against that error. Windows
//! are looked at in patches of outputs, by the sums of magnitudes in tiles of samples.

use std::ops::Range;

use super::core::{Core, Level};
use super::range::{Gain, Samples, error};
use super::sample::Real;
use super::survey::{Parts, Slab, Survey};
use super::vectorized;
use crate::bounds::{Spread, share};
use crate::element::DType;
use crate::error::Result;
use crate::memory;

/// What is known of a kernel's windows, whatever the samples.
#[derive(Debug)]
pub struct Guard {
    axes: Vec<Along>,
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

/// The windows along one axis, in tiles.
#[derive(Debug)]
struct Along {
    /// Samples of a tile, and outputs of a patch.
    side: usize,
    /// Tiles from one tap to the next.
    step: usize,
    /// From a patch's own tile, the first that is under the core of all of its windows as a whole, and
    /// how many are.
    core: Span,
    /// Likewise for those that taps which are not zero reach in any of its windows.
    support: Span,
    /// Likewise for any taps.
    all: Span,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    first: usize,
    count: usize,
}

impl Along {
    /// Tiles for a core of these taps.
    fn new(taps: usize, step: usize, core: &Range<usize>, support: Range<usize>) -> Self {
        let side = side(step, core);
        // Samples of a tile that are not its first one.
        let rest = side - 1;
        let spaced = |range: &Range<usize>| Span { first: range.start * step, count: range.len() };
        let whole = |range: &Range<usize>| {
            let first = (range.start + rest).div_ceil(side);
            Span { first, count: (range.end / side).saturating_sub(first) }
        };
        let touched = |range: Range<usize>| {
            let first = range.start / side;
            Span { first, count: (range.end + rest).div_ceil(side) - first }
        };
        match side {
            1 => Self {
                side,
                step,
                core: spaced(core),
                support: spaced(&support),
                all: spaced(&(0..taps)),
            },
            _ => Self {
                side,
                step: 1,
                core: whole(core),
                support: touched(support),
                all: touched(0..taps),
            },
        }
    }
}

/// The side of tiles: a few of them along a core of neighbouring samples, of which every window holds
/// most, and no more of them than samples by far.
fn side(step: usize, core: &Range<usize>) -> usize {
    if step == 1 { core.len().div_ceil(6).max((core.len() / 2).clamp(1, 2)) } else { 1 }
}

/// What an output may be off by, besides a share of its window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bearable {
    /// An error that nobody sees, in units of the results.
    pub error: f64,
    /// The samples were scaled by this power of two.
    pub exponent: i32,
}

/// Outputs between doubtful ones that are computed again with them: a few vectors take no longer than a
/// run of its own.
const GAP: usize = 48;

/// Some outputs of one row of patches.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The row's place along the outer axes, as one number in standard order.
    pub row: usize,
    /// Patches.
    pub patches: Range<usize>,
    /// Whether every window in them is zeros.
    pub zeros: bool,
}

/// Memory that is kept from block to block.
#[derive(Debug, Default)]
pub struct Scratch<R> {
    sums: Vec<R>,
    squares: Vec<R>,
    support: Vec<R>,
    spoiled: Vec<R>,
    powers: Vec<R>,
    floor: Vec<(usize, R)>,
    needs: Vec<f64>,
    patches: Vec<usize>,
    /// What was found.
    pub doubts: Vec<Doubt>,
}

impl Guard {
    /// For a kernel of these magnitudes, with taps so many samples apart, under transforms of that
    /// precision with this gain.
    pub fn new(
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
        let floor = floor(magnitudes, shape, steps, &axes);
        let (epsilon, smallest) = (dtype.epsilon(), dtype.smallest_normal());
        Ok(Self { axes, levels: core.levels, floor, gain, spread, epsilon, smallest, summed: None })
    }

    /// The same where the slabs along an axis are summed, of which so many lie between the first tap and
    /// the last.
    pub fn with_summed(self, axis: usize, reach: usize) -> Self {
        Self { summed: Some((axis, reach)), ..self }
    }

    /// How much louder a result can be than its samples.
    #[cfg(test)]
    pub fn gain(&self) -> Gain {
        self.gain
    }

    /// Slabs that what becomes of one output stands in.
    pub fn slabs_of_output(&self) -> usize {
        self.summed.map_or(1, |(_, reach)| reach + 1)
    }

    /// Sides of tiles.
    pub fn sides(&self) -> impl Iterator<Item = usize> {
        self.axes.iter().map(|along| along.side)
    }

    /// Whether sums of squares are needed.
    pub fn has_holes(&self) -> bool {
        self.levels.iter().any(|level| level.holes > 0)
    }

    /// The outputs of a row of patches along an axis, counted from the block's first.
    pub fn outputs(&self, axis: usize, patches: Range<usize>) -> Range<usize> {
        patches.start * self.axes[axis].side..patches.end * self.axes[axis].side
    }

    /// Patches along an axis with so many outputs.
    pub fn patches(&self, axis: usize, needed: usize) -> usize {
        needed.div_ceil(self.axes[axis].side)
    }

    /// Finds the patches of a block whose outputs could be off by more than they may. `needed` are the
    /// outputs along each axis before any stride drops some; all rows have been added to the survey.
    pub fn doubts<R: Real>(
        &self,
        survey: &Survey<R>,
        parts: Parts,
        needed: &[usize],
        bearable: Bearable,
        scratch: &mut Scratch<R>,
    ) -> Result<()> {
        let Scratch { sums, squares, support, spoiled, powers, floor, needs, patches, doubts } =
            scratch;
        doubts.clear();
        let spoils = survey.spoiled.iter().any(|(_, part)| parts.contains(part));
        // Nothing in a transform comes out as nothing.
        let silent = survey.slabs.iter().all(|slab| slab.largest == [0.0; 2]);
        let seen = self.needs(survey, needed, bearable, needs);
        if !spoils && (silent || !seen) {
            return Ok(());
        }
        let tiles = &survey.tiles;
        for values in [&mut *sums, squares, support, spoiled, powers] {
            values.clear();
            memory::reserve(values, survey.sums[0].len(), "a look at a block")?;
        }
        // A complex number is at least the sum of its parts over the root of two.
        let is_complex = parts.len() > 1;
        let unit = if is_complex { 0.5f64.sqrt() } else { 1.0 };
        let of_parts = |all: &[Vec<R>; 2], out: &mut Vec<R>| {
            out.clear();
            out.extend_from_slice(&all[parts.start]);
            if is_complex {
                out.iter_mut().zip(&all[1]).for_each(|(sum, part)| *sum = *sum + *part);
            }
        };
        of_parts(&survey.sums, sums);
        of_parts(&survey.squares, squares);
        let by = |span: fn(&Along) -> Span| {
            move |a: usize| (span(&self.axes[a]).count, self.axes[a].step)
        };
        for sums in [&mut *sums, squares] {
            slide(sums, tiles, by(|along| along.core), |values, count, step| {
                sliding_sum(values, powers, count, step);
            });
        }
        let largest = survey.slabs.iter().flat_map(|slab| &slab.largest[parts.clone()]);
        let largest = largest.copied().fold(0.0, f64::max) / unit;
        let least = |need: f64| self.least_sum(need, largest) / unit;
        if spoils {
            spoiled.clear();
            spoiled.resize(sums.len(), R::default());
            for (tile, _) in survey.spoiled.iter().filter(|(_, part)| parts.contains(part)) {
                spoiled[*tile] = R::one();
            }
            slide(spoiled, tiles, by(|along| along.all), sliding_maximum);
        }

        let last = self.axes.len() - 1;
        patches.clear();
        patches.extend(needed.iter().enumerate().map(|(a, &needed)| self.patches(a, needed)));
        let rows: usize = patches[..last].iter().product();
        let mut looked = false;
        for row in 0..rows {
            let (mut rest, mut first, mut stride) = (row, Starts::default(), tiles[last]);
            first.add(&self.axes[last], 0, 1);
            let mut need = needs[0];
            for a in (0..last).rev() {
                let p = rest % patches[a];
                first.add(&self.axes[a], p, stride);
                if self.summed.is_some_and(|(summed, _)| summed == a) {
                    need = needs[p];
                }
                rest /= patches[a];
                stride *= tiles[a];
            }
            let width = patches[last];
            let seen = &sums[first.core..first.core + width];
            let least = least(need);
            if !spoils && are_at_least(seen, least) {
                continue;
            }
            let squares = squares.get(first.core..first.core + width);
            if !looked {
                looked = true;
                of_parts(&survey.sums, support);
                slide(support, tiles, by(|along| along.support), sliding_maximum);
                self.flatten(tiles, floor);
            }
            for p in 0..width {
                let spoiled = spoils && spoiled[first.all + p] != R::default();
                let zeros = !spoiled && support[first.support + p] == R::default();
                let closer = || {
                    let Some(squares) = squares else { return 0.0 };
                    self.reached(seen[p].into() * unit, squares[p].into())
                };
                let floor = || unit * floor_of(floor, &survey.sums, first.own + p, &parts);
                let loud = || seen[p].into() >= least || closer() >= need || floor() >= need;
                if !zeros && !spoiled && loud() {
                    continue;
                }
                let gap = if zeros { 0 } else { GAP / self.axes[last].side };
                let before = doubts.iter_mut().rev().take_while(|doubt| doubt.row == row);
                match before.into_iter().find(|doubt| doubt.zeros == zeros) {
                    Some(doubt) if p - doubt.patches.end <= gap => doubt.patches.end = p + 1,
                    _ => doubts.push(Doubt { row, patches: p..p + 1, zeros }),
                }
            }
        }
        Ok(())
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

/// Where the tiles of a patch start: its own, and those of its spans.
#[derive(Default)]
struct Starts {
    own: usize,
    core: usize,
    support: usize,
    all: usize,
}

impl Starts {
    fn add(&mut self, along: &Along, p: usize, stride: usize) {
        self.own += p * stride;
        self.core += (p + along.core.first) * stride;
        self.support += (p + along.support.first) * stride;
        self.all += (p + along.all.first) * stride;
    }
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

/// Where taps that are not zero lie along each axis; everywhere where there are none.
fn support(magnitudes: &[f64], shape: &[usize]) -> Vec<Range<usize>> {
    let mut inner = magnitudes.len();
    let along = |&taps: &usize| {
        inner /= taps;
        let parts = magnitudes.chunks_exact(inner).enumerate();
        let seen = parts.filter(|(_, part)| part.iter().any(|&tap| tap > 0.0));
        let range = seen.fold(None, |range: Option<Range<usize>>, (flat, _)| {
            let t = flat % taps;
            let range = range.unwrap_or(t..t + 1);
            Some(range.start.min(t)..range.end.max(t + 1))
        });
        range.unwrap_or(0..taps)
    };
    shape.iter().map(along).collect()
}

/// Tiles beyond which a closer look at a patch would take as long as computing it.
const MOST_FLOOR: usize = 1024;

/// The tiles under a patch's windows, and the least tap over each, where that is not zero.
fn floor(
    magnitudes: &[f64],
    shape: &[usize],
    steps: &[usize],
    axes: &[Along],
) -> Vec<(Vec<usize>, f64)> {
    // Per axis: the place of a tile, and the taps that can lie over it.
    let under = |a: usize| -> Vec<(usize, Range<usize>)> {
        let side = axes[a].side;
        match side {
            1 => (0..shape[a]).map(|t| (t * steps[a], t..t + 1)).collect(),
            _ => (1..shape[a] / side).map(|j| (j, (j - 1) * side + 1..(j + 1) * side)).collect(),
        }
    };
    let under: Vec<_> = (0..shape.len()).map(under).collect();
    let mut floor = Vec::new();
    let tiles = under.iter().map(Vec::len).product();
    if tiles > MOST_FLOOR {
        return floor;
    }
    for flat in 0..tiles {
        let mut rest: usize = flat;
        let mut chosen: Vec<&(usize, Range<usize>)> = Vec::with_capacity(shape.len());
        for tiles in under.iter().rev() {
            chosen.push(&tiles[rest % tiles.len()]);
            rest /= tiles.len();
        }
        chosen.reverse();
        let least = least(magnitudes, shape, &chosen);
        if least > 0.0 {
            floor.push((chosen.iter().map(|(place, _)| *place).collect(), least));
        }
    }
    floor
}

/// The least magnitude in a box of taps.
fn least(magnitudes: &[f64], shape: &[usize], taps: &[&(usize, Range<usize>)]) -> f64 {
    let Some((first, rest)) = taps.split_first() else { return magnitudes[0] };
    let inner = magnitudes.len() / shape[0];
    let range = first.1.clone();
    range
        .map(|t| least(&magnitudes[t * inner..][..inner], &shape[1..], rest))
        .fold(f64::INFINITY, f64::min)
}

/// Applies `along` to stretches along each axis, with a count and a step for each.
fn slide<R: Real>(
    values: &mut [R],
    shape: &[usize],
    part: impl Fn(usize) -> (usize, usize),
    mut along: impl FnMut(&mut [R], usize, usize),
) {
    if values.is_empty() {
        return;
    }
    let mut inner = 1;
    for (a, &n) in shape.iter().enumerate().rev() {
        let (count, step) = part(a);
        for values in values.chunks_exact_mut(n * inner) {
            along(values, count, step * inner);
        }
        inner *= n;
    }
}

/// Values in one step of loops over neighbours.
const FOLD: usize = 8;

/// Replaces each value by what `join` makes of it and the one `shift` further on, as far as there is
/// one.
#[inline(always)]
fn with_ahead<R: Real>(values: &mut [R], shift: usize, join: impl Fn(R, R) -> R) {
    vectorized(
        #[inline(always)]
        || {
            let mut at = 0;
            while at + shift + FOLD <= values.len() {
                let ahead: [R; FOLD] = *values[at + shift..].first_chunk().expect("that many");
                let here = values[at..].first_chunk_mut::<FOLD>().expect("that many");
                for i in 0..FOLD {
                    here[i] = join(here[i], ahead[i]);
                }
                at += FOLD;
            }
            for i in at..values.len().saturating_sub(shift) {
                values[i] = join(values[i], values[i + shift]);
            }
        },
    );
}

/// Replaces each value by the maximum over `count` values, `step` apart, from there on; towards the
/// end, over as many as there are. Maxima over 1, 2, 4, ... are joined, the last two overlapping.
fn sliding_maximum<R: Real>(values: &mut [R], count: usize, step: usize) {
    let mut width = 1;
    while width < count {
        let next = (2 * width).min(count);
        with_ahead(values, (next - width) * step, R::larger);
        width = next;
    }
}

/// Replaces each value by the sum over `count` values, `step` apart, from there on; towards the end,
/// over as many as there are. Sums over 1, 2, 4, ... are joined.
fn sliding_sum<R: Real>(values: &mut [R], powers: &mut Vec<R>, count: usize, step: usize) {
    if count == 0 {
        return values.fill(R::default());
    }
    if count.is_power_of_two() {
        let mut width = 1;
        while width < count {
            with_ahead(values, width * step, |a, b| a + b);
            width *= 2;
        }
        return;
    }
    powers.clear();
    powers.extend_from_slice(values);
    let (mut width, mut done) = (1, 0);
    loop {
        if count & width != 0 {
            let from = (done * step).min(powers.len());
            if done == 0 {
                values.copy_from_slice(powers);
            } else {
                let len = powers.len() - from;
                for (value, ahead) in values[..len].iter_mut().zip(&powers[from..]) {
                    *value = *value + *ahead;
                }
            }
            done += width;
        }
        if 2 * width > count {
            return;
        }
        with_ahead(powers, width * step, |a, b| a + b);
        width *= 2;
    }
}
