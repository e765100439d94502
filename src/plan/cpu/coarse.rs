//! The coarse method on the CPU: which axes go over a coarser grid, and where that lies.

use std::fmt;
use std::sync::Arc;

use crate::bounds::Coarsened;
use crate::kernel;
use crate::kernel::coarse::{CoarseAxis, together};
use crate::problem::geometry::{Axis, Geometry};
use crate::words::Tolerance;

/// Which axes go over a coarser grid, and what is proved of all together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CoarseGrid {
    /// For each folded axis its design; axes without one are filtered as ever, where they have taps.
    pub axes: Vec<Option<Arc<CoarseAxis>>>,
    /// What an output is off by at most, in units of `max |x| * sum |k|`, beside rounding.
    pub error: f64,
    /// The same in the unit of the tolerance.
    pub proved: f64,
    /// What was asked for.
    pub tolerance: Tolerance,
}

/// Outputs along an axis, in units of its factor, from which on a coarser grid is worth it.
const LEAST: usize = 4;

impl CoarseGrid {
    /// Those of these designs that are worth it; none where no axis is long enough.
    pub(crate) fn new(
        geometry: &Geometry,
        designs: &[Option<Arc<CoarseAxis>>],
        tolerance: Tolerance,
        comes_to: impl Fn(f64, f64) -> f64,
    ) -> Option<Self> {
        let chosen = designs.iter().zip(&geometry.axes).map(|(design, axis)| {
            design.clone().filter(|design| axis.out >= LEAST * design.factor)
        });
        let axes: Vec<Option<Arc<CoarseAxis>>> = chosen.collect();
        let all = || axes.iter().flatten();
        all().next()?;
        let error = together(all().map(|axis| axis.error));
        let proved = comes_to(error, together(all().map(|axis| axis.constants)));
        Some(Self { axes, error, proved, tolerance })
    }

    /// What errors are bounded by.
    pub fn bounded(&self, geometry: &Geometry) -> Coarsened {
        let axes = self.axes.iter().zip(&geometry.axes);
        let roundings = axes
            .map(|(coarse, axis)| coarse.as_ref().map_or(axis.taps, |coarse| coarse.roundings()))
            .sum::<usize>();
        Coarsened {
            error: self.error,
            gain: self.axes.iter().flatten().map(|axis| axis.gain).product(),
            roundings: roundings + kernel::ROUNDINGS * geometry.rank(),
        }
    }

    /// The axes in the order in which they go down: the last one, which is turned over, comes last.
    pub(crate) fn down(&self) -> impl Iterator<Item = usize> + '_ {
        let last = self.axes.len() - 1;
        let coarse = |axis: &usize| self.axes[*axis].is_some();
        (0..last).rev().filter(coarse).chain(Some(last).filter(coarse))
    }

    /// Whether the last axis becomes the first while it is coarse, so that vectors lie along others.
    pub(crate) fn turns(&self) -> bool {
        let last = self.axes.len() - 1;
        self.axes[last].is_some() && self.axes[..last].iter().any(Option::is_some)
    }
}

impl fmt::Display for CoarseGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coarse by ")?;
        for (i, axis) in self.axes.iter().enumerate() {
            let factor = axis.as_ref().map_or(1, |axis| axis.factor);
            write!(f, "{}{factor}", if i > 0 { " x " } else { "" })?;
        }
        let mut before = None;
        for axis in self.axes.iter().flatten() {
            // Once for axes that have the same.
            let sizes = (axis.down.len(), axis.taps.len(), axis.reads);
            if before != Some(sizes) {
                let (down, taps, reads) = sizes;
                write!(
                    f,
                    "{}{down} + {taps} + {reads}",
                    if before.is_none() { " (" } else { ", " }
                )?;
                before = Some(sizes);
            }
        }
        match self.tolerance {
            Tolerance::Relative(_) => {
                write!(f, " taps), within {:.1e} of max |x| * sum |k|", self.proved)
            }
            Tolerance::Levels(_) => write!(f, " taps), within {:.2e} levels", self.proved),
        }
    }
}

/// Where the coarse samples of an axis lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Coarse samples of the filtered input.
    pub count: usize,
    /// The position under the first tap of the first of them.
    pub offset: isize,
    /// The first of them that the taps on the coarse grid read.
    pub skipped: usize,
    /// Coarse samples of the result.
    pub between: usize,
}

impl Span {
    /// Those of an axis with this design. All samples that the kernel's own taps meet are read, so that
    /// what is not finite among them shows.
    pub(crate) fn new(axis: &Axis, design: &CoarseAxis) -> Self {
        let (factor, middle) = (design.factor as isize, (axis.taps / 2) as isize);
        let (down, len) = (design.first_down(), design.down.len() as isize);
        let between = axis.out.div_ceil(design.factor) + design.reads - 1;
        let wanted = design.first_read() - design.radius() as isize;
        let first = wanted.min((-middle - down).div_euclid(factor));
        let last = wanted + (between + design.taps.len()) as isize - 2;
        let end = axis.out as isize - 1 + middle - down - len + 1;
        let last = last.max(end.div_euclid(factor) + 1);
        Self {
            count: (last - first + 1) as usize,
            offset: factor * first + down + axis.offset + middle,
            skipped: (wanted - first) as usize,
            between,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::boundary::Edge;

    #[test]
    fn all_samples_under_the_taps_are_read() {
        for reads in 2..=6 {
            for (radius, taps, out) in [(1, 40, 33), (3, 41, 100), (9, 6, 9)] {
                let design = CoarseAxis {
                    factor: 4,
                    down: vec![0.0; 12],
                    taps: vec![0.0; 2 * radius + 1],
                    up: vec![0.0; 4 * reads],
                    reads,
                    error: 0.0,
                    constants: 0.0,
                    gain: 1.0,
                };
                let axis = Axis {
                    n: 1000,
                    channels: 1,
                    taps,
                    out,
                    stride: 1,
                    dilation: 1,
                    offset: 7,
                    edge: Edge::Zero,
                };
                let span = Span::new(&axis, &design);
                let end = span.offset + 4 * (span.count as isize - 1) + 12;
                assert!(span.offset <= 7 && end >= 7 + (taps + out) as isize - 1, "{span:?}");
                assert!(span.skipped + span.between + 2 * radius <= span.count, "{span:?}");
                let first = span.offset + 4 * span.skipped as isize;
                let middle = 4 * (design.first_read() - radius as isize) + design.first_down();
                assert_eq!(first - middle, 7 + (taps / 2) as isize);
            }
        }
    }
}
