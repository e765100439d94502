//! The part of an input that outputs depend on, where only some are computed: the rest is never looked
//! at, and costs nothing.
//!
//! What is left of an axis is an axis of its own. Its ends are ends of the input where windows go beyond
//! those, and lie past all windows where they do not: so no method has to know of it.

use std::ops::Range;

use crate::problem::Problem;
use crate::problem::boundary::Edge;
use crate::problem::extension::Odometer;
use crate::problem::geometry::Axis;

/// Leaves of an axis what its windows meet, and says which positions these are. Where the axis wraps
/// around they may pass its end, and go on at its start.
pub(crate) fn cut(axis: &mut Axis) -> Range<usize> {
    let n = axis.n as isize;
    let last = (axis.out - 1) * axis.stride + (axis.taps - 1) * axis.dilation;
    let (first, end) = (axis.offset, axis.offset + last as isize + 1);
    // What lies outside may come from inside: from `deep` positions at the end that windows leave.
    let turned = |deep: isize| match (first < 0, end > n) {
        (true, false) if deep - first <= n => 0..end.max(deep - first),
        (false, true) if n - (end - n) - deep >= 0 => first.min(n - (end - n) - deep)..n,
        _ => 0..n,
    };
    let reads = match axis.edge {
        _ if first >= 0 && end <= n => first..end,
        // An axis has a position, whether it is met or not.
        Edge::Zero | Edge::Constant(()) | Edge::Nearest => first.clamp(0, n - 1)..end.clamp(1, n),
        Edge::Reflect => turned(0),
        Edge::Mirror => turned(1),
        Edge::Wrap if end - first < n => {
            axis.offset = first.rem_euclid(n);
            axis.offset..axis.offset + (end - first)
        }
        Edge::Wrap => 0..n,
    };
    axis.n = (reads.end - reads.start) as usize;
    axis.offset -= reads.start;
    reads.start as usize..reads.end as usize
}

/// What is read of an input.
#[derive(Clone, Debug)]
pub(crate) struct Cut {
    /// Outermost first; an axis that is read whole is one with that before it.
    axes: Vec<Stretch>,
}

/// Some samples of an axis; beyond its end it goes on at its start.
#[derive(Clone, Debug)]
struct Stretch {
    reads: Range<usize>,
    n: usize,
}

impl Cut {
    /// `None` where all of the input is read.
    pub(crate) fn of(problem: &Problem) -> Option<Self> {
        if !problem.is_cut() {
            return None;
        }
        let mut axes: Vec<Stretch> = Vec::new();
        for (reads, &n) in problem.reads.iter().cloned().zip(&problem.input) {
            match axes.last_mut() {
                Some(outer) if reads == (0..n) => {
                    outer.reads = outer.reads.start * n..outer.reads.end * n;
                    outer.n *= n;
                }
                _ => axes.push(Stretch { reads, n }),
            }
        }
        Some(Self { axes })
    }

    /// Samples.
    pub(crate) fn len(&self) -> usize {
        self.axes.iter().map(|axis| axis.reads.len()).product()
    }

    /// Where they lie, if that is in one piece.
    pub(crate) fn in_place(&self) -> Option<Range<usize>> {
        match self.axes.as_slice() {
            [axis] if axis.reads.end <= axis.n => Some(axis.reads.clone()),
            _ => None,
        }
    }

    /// The rows and the samples of each row where they lie, if that is a rectangle of a picture: of its last
    /// axis, of channels, all is read.
    #[cfg(feature = "image")]
    pub(crate) fn rectangle(&self, row: usize) -> Option<[Range<usize>; 2]> {
        if self.axes.iter().any(|axis| axis.reads.end > axis.n) {
            return None;
        }
        match self.axes.as_slice() {
            [all] => Some([all.reads.start / row..all.reads.end / row, 0..row]),
            [rows, samples] => Some([rows.reads.clone(), samples.reads.clone()]),
            _ => None,
        }
    }

    /// Copies them, in standard order.
    pub(crate) fn copy<T: Copy>(&self, x: &[T], to: &mut [T]) {
        let Some((inner, outer)) = self.axes.split_last() else { return };
        let lengths = outer.iter().map(|axis| axis.reads.len()).collect();
        let mut at = Odometer::starting_at(lengths, 0);
        let before_end = inner.reads.end.min(inner.n) - inner.reads.start;
        for to in to.chunks_exact_mut(inner.reads.len()) {
            let places = outer.iter().zip(at.at());
            let row =
                places.fold(0, |row, (axis, i)| row * axis.n + (axis.reads.start + i) % axis.n);
            let row = &x[row * inner.n..][..inner.n];
            let (head, tail) = to.split_at_mut(before_end);
            head.copy_from_slice(&row[inner.reads.start..][..before_end]);
            tail.copy_from_slice(&row[..tail.len()]);
            at.advance();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_meets_what_the_whole_axis_meets() {
        let edges = [
            Edge::Zero,
            Edge::Constant(()),
            Edge::Nearest,
            Edge::Reflect,
            Edge::Mirror,
            Edge::Wrap,
        ];
        let mut cut_short = 0;
        for edge in edges {
            for n in [1, 2, 3, 7, 20] {
                for (taps, dilation, stride) in
                    [(1, 1, 1), (3, 1, 1), (4, 2, 3), (9, 1, 2), (45, 1, 1)]
                {
                    for offset in -60..30isize {
                        for out in [1, 2, 5] {
                            let axis = Axis {
                                n,
                                taps,
                                out,
                                stride,
                                dilation,
                                offset,
                                edge,
                                ..Axis::one_sample()
                            };
                            let mut left = axis.clone();
                            let reads = cut(&mut left);
                            assert_eq!(left.n, reads.len(), "{axis:?}");
                            cut_short += usize::from(left.n < n);
                            for o in 0..out {
                                for t in 0..taps {
                                    let at = |axis: &Axis| {
                                        axis.resolve(axis.start(o) + (t * dilation) as isize)
                                    };
                                    let met = at(&left).map(|at| (reads.start + at) % n);
                                    assert_eq!(met, at(&axis), "{axis:?}: {reads:?}, {o}, {t}");
                                }
                            }
                        }
                    }
                }
            }
        }
        assert!(cut_short > 1000, "{cut_short}");
    }

    #[test]
    fn samples_are_copied_in_their_order() {
        let x: Vec<usize> = (0..5 * 7 * 3).collect();
        let cut = |reads: [Range<usize>; 3]| {
            let problem = Problem::new::<f32>(&[5, 7, 3], &[1, 1, 1], &Default::default());
            let problem = Problem { reads: reads.to_vec(), ..problem.expect("a problem") };
            Cut::of(&problem)
        };
        assert!(cut([0..5, 0..7, 0..3]).is_none());
        assert_eq!(cut([1..3, 0..7, 0..3]).expect("cut").in_place(), Some(21..63));
        let part = cut([4..6, 5..8, 0..3]).expect("cut");
        assert_eq!((part.in_place(), part.len()), (None, 18));
        let mut to = vec![0; 18];
        part.copy(&x, &mut to);
        let expected = [4, 0].iter().flat_map(|row| [5, 6, 0].map(|column| (row * 7 + column) * 3));
        let expected: Vec<usize> = expected.flat_map(|at| at..at + 3).collect();
        assert_eq!(to, expected);
    }
}
