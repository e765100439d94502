//! Slabs of blocks that are transformed: how many lie one behind the other, and how many outputs are sums of them.

use crate::plan::gpu::transform::Block;
use crate::problem::geometry::Axis;

/// What a block has along the axis before its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Depth {
    /// Slabs that are transformed.
    pub slabs: usize,
    /// Outputs, each a sum of so many of them as there are taps.
    pub outputs: usize,
    /// Taps.
    pub taps: usize,
}

impl Depth {
    /// Of blocks of which nothing is added up.
    pub(crate) const ONE: Self = Self { slabs: 1, outputs: 1, taps: 1 };

    /// Of a kernel's slabs.
    pub(crate) fn of_kernel(taps: usize) -> Self {
        Self { slabs: taps, outputs: 1, taps }
    }

    /// Of so many outputs along an axis.
    pub(super) fn of(axis: &Axis, outputs: usize) -> Self {
        let slabs = (outputs - 1).saturating_mul(axis.stride) + Block::reach(axis) + 1;
        Self { slabs, outputs, taps: axis.taps }
    }

    /// The outputs along an axis in one block, or in as many as are packed into one transform where that is
    /// less to transform: a single block would leave half of its transform empty. Returns how many blocks as well.
    pub(crate) fn cut(axis: &Axis, blocks: usize, packed: usize) -> (usize, Self) {
        let cut = |count: usize| {
            let outputs = axis.out.div_ceil(count);
            (axis.out.div_ceil(outputs), Self::of(axis, outputs))
        };
        let planes = |&(count, depth): &(usize, Self)| {
            let transforms = blocks.saturating_mul(count).div_ceil(packed);
            transforms.saturating_mul(depth.slabs.saturating_add(depth.outputs))
        };
        (1..=packed).map(cut).min_by_key(planes).expect("at least one")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_are_those_under_outputs_and_a_single_block_is_cut_in_two() {
        let axis = |taps| Axis { n: 100, out: 100, taps, ..Axis::one_sample() };
        let deep = Axis { stride: 2, dilation: 3, ..axis(4) };
        assert_eq!(Depth::of(&deep, 5), Depth { slabs: 8 + 9 + 1, outputs: 5, taps: 4 });
        let cut = |blocks, packed| Depth::cut(&axis(3), blocks, packed);
        assert_eq!(cut(1, 2), (2, Depth { slabs: 52, outputs: 50, taps: 3 }));
        assert_eq!(cut(1, 1), (1, Depth { slabs: 102, outputs: 100, taps: 3 }));
        assert_eq!(cut(2, 2).0, 1);
        // A kernel as deep as that would be transformed twice.
        assert_eq!(Depth::cut(&axis(300), 3, 2).0, 1);
    }
}
