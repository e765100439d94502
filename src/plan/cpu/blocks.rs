//! How a problem is cut into blocks.

use crate::bounds::Spread;

/// The samples of a block and the outputs it gives, per axis.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocks {
    /// Samples: the lengths of transforms, but for an axis that is summed.
    pub size: Vec<usize>,
    /// Unstrided outputs of a block: `size - reach`.
    pub step: Vec<usize>,
    /// Blocks along each axis.
    pub count: Vec<usize>,
    /// Where the outermost axis that is longer than one sample is not transformed: its taps.
    pub summed: Option<Summed>,
}

/// Slabs that a tile sums.
pub(crate) use crate::simd::columns::TILE;

/// Slabs that are summed at a time where there are few taps (24, 48 and 96 took the same time at
/// 2048² with rows of 576 samples).
const TOGETHER: usize = 2 * TILE;

/// An axis along which the spectra of slabs are summed tap by tap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summed {
    /// Taps.
    pub taps: usize,
    /// Samples from one tap to the next.
    pub step: usize,
    /// Slabs that are summed at a time.
    pub together: usize,
}

impl Summed {
    /// For an axis with `taps` taps `step` apart, in blocks of `outputs`. As few slabs at a time as
    /// keep tiles whole, so that those in memory stay in cache; but those that the next ones need
    /// are moved to the front each time, so no fewer than half of them.
    pub fn new(taps: usize, step: usize, outputs: usize) -> Self {
        let mut summed = Self { taps, step, together: 0 };
        let half = (summed.reach() / 2).next_multiple_of(TILE);
        summed.together = half.max(TOGETHER).min(outputs);
        summed
    }

    /// Slabs from the first tap to the last.
    pub fn reach(&self) -> usize {
        (self.taps - 1) * self.step
    }

    /// Slabs that are kept in memory.
    pub fn held(&self) -> usize {
        self.reach() + self.together
    }
}

impl Blocks {
    /// Samples of one block.
    pub fn samples(&self) -> usize {
        self.size.iter().product()
    }

    /// Number of blocks.
    pub fn total(&self) -> usize {
        self.count.iter().product()
    }

    /// The axis that is summed, if one is.
    pub fn summed_axis(&self) -> Option<usize> {
        self.summed.and_then(|_| self.size.iter().position(|&n| n > 1))
    }

    /// Samples that one transform joins.
    pub fn transformed(&self) -> usize {
        self.samples() / self.summed_axis().map_or(1, |axis| self.size[axis])
    }

    /// How errors spread from samples to outputs.
    pub fn spread(&self) -> Spread {
        let taps = self.summed.map_or(1, |summed| summed.taps);
        Spread { transformed: self.transformed(), taps }
    }
}
