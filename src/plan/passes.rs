//! Passes of a separable kernel: along one axis after the other, innermost first, on any device.

use std::ops::Range;

use crate::problem::geometry::{Axis, Geometry};

/// A way through all samples.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pass {
    /// The axes of the whole geometry that it has taps on.
    pub axes: Range<usize>,
    /// These axes, with those before them as one and those after them as one.
    pub geometry: Geometry,
}

impl Pass {
    /// The passes over a geometry, in their order: each runs over the outputs of those before it.
    /// Those along the last two axes are one where they are `fused`. An axis with one tap has the
    /// factor 1, so that there is something to do only for a stride.
    pub fn all(geometry: &Geometry, fused: bool) -> Vec<Self> {
        let mut axes = geometry.axes.clone();
        let mut passes = Vec::new();
        let mut end = axes.len();
        while end > 0 {
            if axes[end - 1].is_identity() {
                end -= 1;
                continue;
            }
            let start = if fused && end == axes.len() { end - 2 } else { end - 1 };
            passes.push(Self { axes: start..end, geometry: around(&axes, start..end) });
            axes[start..end].iter_mut().for_each(done);
            end = start;
        }
        passes
    }
}

/// The axes of a pass, with those before it as one and those after it as one.
pub(super) fn around(axes: &[Axis], pass: Range<usize>) -> Geometry {
    let flat = |axes: &[Axis]| {
        let n = axes.iter().map(Axis::samples).product();
        (!axes.is_empty()).then(|| Axis { n, out: n, ..Axis::one_sample() })
    };
    let before = flat(&axes[..pass.start]);
    let after = flat(&axes[pass.end..]);
    Geometry { axes: before.into_iter().chain(axes[pass].to_vec()).chain(after).collect() }
}

/// An axis that a pass has dealt with: the outputs are what later passes see.
fn done(axis: &mut Axis) {
    *axis = Axis { n: axis.out, out: axis.out, channels: axis.channels, ..Axis::one_sample() };
}
