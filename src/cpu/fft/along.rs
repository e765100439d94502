//! What windows are in tiles: which of them lie under a patch of outputs, and what taps are over them.

use std::ops::Range;

use crate::error::Result;
use crate::util::memory;

/// The windows along one axis, in tiles.
#[derive(Debug)]
pub(super) struct Along {
    /// Samples of a tile, and outputs of a patch.
    pub side: usize,
    /// Tiles from one tap to the next.
    pub step: usize,
    /// From a patch's own tile, the first that is under the core of all of its windows as a whole, and
    /// how many are.
    pub core: Span,
    /// Likewise for those that taps which are not zero reach in any of its windows.
    pub support: Span,
    /// Likewise for any taps.
    pub all: Span,
    /// Those that are under all of a patch's windows as a whole, whatever the tap.
    pub whole: Span,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub first: usize,
    pub count: usize,
}

impl Along {
    /// Tiles for a core of these taps.
    pub(super) fn new(
        taps: usize,
        step: usize,
        core: &Range<usize>,
        support: Range<usize>,
    ) -> Self {
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
                whole: spaced(&(0..taps)),
            },
            _ => Self {
                side,
                step: 1,
                core: whole(core),
                support: touched(support),
                all: touched(0..taps),
                whole: whole(&(0..taps)),
            },
        }
    }
}

/// The side of tiles: a few of them along a core of neighbouring samples, of which every window holds
/// most, and no more of them than samples by far.
fn side(step: usize, core: &Range<usize>) -> usize {
    if step == 1 { core.len().div_ceil(6).max((core.len() / 2).clamp(1, 2)) } else { 1 }
}

/// Where taps that are not zero lie along each axis; everywhere where there are none.
pub(super) fn support(magnitudes: &[f64], shape: &[usize]) -> Vec<Range<usize>> {
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

/// Multiply-adds of the direct method in the time that a closer look takes at one tile.
const PRODUCTS: usize = 32;

/// The tiles under a patch's windows, and the least tap over each, where that is not zero. None where a look
/// at them would take longer than computing the patch: in tiles of one sample, as between channels, there is
/// one for each tap.
pub(super) fn floor(
    magnitudes: &[f64],
    shape: &[usize],
    steps: &[usize],
    axes: &[Along],
) -> Result<Vec<(Vec<usize>, f64)>> {
    // Per axis: the first tile and how many, the place of one, and the taps that can lie over it.
    let count = |a: usize| match axes[a].side {
        1 => (0, shape[a]),
        side => (1, (shape[a] / side).saturating_sub(1)),
    };
    let under = |a: usize, j: usize| match axes[a].side {
        1 => (j * steps[a], j..j + 1),
        side => (j, (j - 1) * side + 1..(j + 1) * side),
    };
    let counts: Vec<(usize, usize)> = (0..shape.len()).map(count).collect();
    let tiles = counts.iter().fold(1, |all: usize, (_, count)| all.saturating_mul(*count));
    let outputs: usize = axes.iter().map(|along| along.side).product();
    if tiles.saturating_mul(PRODUCTS) > outputs * magnitudes.len() {
        return Ok(Vec::new());
    }
    let mut floor = memory::room(tiles, "tiles under windows")?;
    for flat in 0..tiles {
        let mut rest: usize = flat;
        let mut chosen: Vec<(usize, Range<usize>)> = Vec::with_capacity(shape.len());
        for (a, (first, count)) in counts.iter().enumerate().rev() {
            chosen.push(under(a, first + rest % count));
            rest /= count;
        }
        chosen.reverse();
        let least = least(magnitudes, shape, &chosen);
        if least > 0.0 {
            floor.push((chosen.iter().map(|(place, _)| *place).collect(), least));
        }
    }
    Ok(floor)
}

/// The least magnitude in a box of taps.
fn least(magnitudes: &[f64], shape: &[usize], taps: &[(usize, Range<usize>)]) -> f64 {
    let Some((first, rest)) = taps.split_first() else { return magnitudes[0] };
    let inner = magnitudes.len() / shape[0];
    let range = first.1.clone();
    range
        .map(|t| least(&magnitudes[t * inner..][..inner], &shape[1..], rest))
        .fold(f64::INFINITY, f64::min)
}
