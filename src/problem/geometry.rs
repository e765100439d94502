//! The canonical form that every executor computes.
//!
//! ```text
//! y[o] = sum over t of  w[t] * x~[o * stride + t * dilation + offset]
//! ```
//!
//! per axis, with `x~` the input continued by the axis's edge rule. Modes, origins, convolution
//! against correlation: all of that ends up in `offset`, `out` and the order of the weights.

use crate::problem::boundary::Edge;

/// One axis of the canonical form, in positions; each position holds `channels` interleaved samples
/// that never mix (the channels of a picture).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Axis {
    /// Positions of the input.
    pub n: usize,
    /// Interleaved samples per position, of input and output alike.
    pub channels: usize,
    /// Taps of the kernel.
    pub taps: usize,
    /// Positions of the output.
    pub out: usize,
    /// Input positions from one output to the next.
    pub stride: usize,
    /// Input positions from one tap to the next.
    pub dilation: usize,
    /// Input position under the first tap of the first output.
    pub offset: isize,
    /// How the input continues.
    pub edge: Edge,
}

impl Axis {
    /// Samples of the input along this axis.
    pub fn samples(&self) -> usize {
        self.n * self.channels
    }

    /// Samples of the output along this axis.
    pub fn outputs(&self) -> usize {
        self.out * self.channels
    }

    /// Samples from one tap to the next.
    pub fn tap_step(&self) -> usize {
        self.dilation * self.channels
    }

    /// Samples from the first tap to the last.
    pub fn reach(&self) -> usize {
        (self.taps - 1) * self.tap_step()
    }

    /// The sample offset under the first tap of output sample `o`, counted from that of output 0.
    pub fn advance(&self, o: usize) -> usize {
        if self.stride == 1 {
            o
        } else {
            (o / self.channels * self.stride) * self.channels + o % self.channels
        }
    }

    /// The output sample that [`Axis::advance`] puts at `place`, if there is one.
    pub fn output_at(&self, place: usize) -> Option<usize> {
        let (position, channel) = (place / self.channels, place % self.channels);
        let o = position / self.stride * self.channels + channel;
        (position.is_multiple_of(self.stride) && o < self.outputs()).then_some(o)
    }

    /// The first output sample that [`Axis::advance`] puts at `place` or beyond.
    pub fn first_output_from(&self, place: usize) -> usize {
        let (position, channel) = (place / self.channels, place % self.channels);
        let o = if position.is_multiple_of(self.stride) {
            position / self.stride * self.channels + channel
        } else {
            (position / self.stride + 1) * self.channels
        };
        o.min(self.outputs())
    }

    /// The sample under the first tap of output sample `o`; it may lie outside the input.
    pub fn start(&self, o: usize) -> isize {
        self.advance(o) as isize + self.offset * self.channels as isize
    }

    /// The stored sample that stands at sample `p` of the extended input, or `None` where the
    /// boundary's own value does.
    pub fn resolve(&self, p: isize) -> Option<usize> {
        if (0..self.samples() as isize).contains(&p) {
            return Some(p as usize);
        }
        if self.channels == 1 {
            return self.edge.resolve(p, self.n);
        }
        let channels = self.channels as isize;
        let channel = p.rem_euclid(channels) as usize;
        let position = self.edge.resolve(p.div_euclid(channels), self.n)?;
        Some(position * self.channels + channel)
    }

    /// The output samples whose whole window lies inside the input: a range, perhaps empty.
    pub fn interior(&self) -> std::ops::Range<usize> {
        let reach = ((self.taps - 1) * self.dilation) as isize;
        let last = self.n as isize - 1 - reach - self.offset;
        if last < 0 {
            return 0..0;
        }
        let first = ((-self.offset).max(0) as usize).div_ceil(self.stride);
        let end = (last as usize / self.stride + 1).min(self.out);
        if first >= end { 0..0 } else { first * self.channels..end * self.channels }
    }

    /// Leaves these of its outputs, at least one.
    pub(crate) fn narrow(&mut self, outputs: &std::ops::Range<usize>) {
        self.offset += (outputs.start * self.stride) as isize;
        self.out = outputs.len();
        if self.out == 1 {
            self.stride = 1;
        }
    }

    /// Whether some window leaves the input.
    pub fn leaves_input(&self) -> bool {
        self.interior() != (0..self.outputs())
    }

    /// An axis that is not there: one sample, one tap.
    pub(crate) fn one_sample() -> Self {
        let edge = Edge::Zero;
        Self { n: 1, channels: 1, taps: 1, out: 1, stride: 1, dilation: 1, offset: 0, edge }
    }

    /// Whether the axis passes its samples through: one tap, and no stride that drops any.
    pub fn is_identity(&self) -> bool {
        self.taps == 1 && self.out == self.n
    }
}

/// The axes of a problem, folded: the kernel has one tap only on a leading axis, or where not all of
/// that axis comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Geometry {
    /// Outermost first; at least one.
    pub axes: Vec<Axis>,
}

impl Geometry {
    /// Folds axes with one tap into their left neighbours, as interleaved channels: a picture of
    /// `H x W x C` under a kernel of `k x k x 1` is a 2-D problem of `H x W` with `C` channels. What
    /// belongs to an axis (the value outside of it) comes along.
    pub fn fold<T: Default>(axes: impl IntoIterator<Item = (Axis, T)>) -> (Self, Vec<T>) {
        let (mut folded, mut kept): (Vec<Axis>, Vec<T>) = Default::default();
        for (axis, with) in axes {
            match folded.last_mut() {
                Some(left) if axis.is_identity() && left.is_identity() && left.channels == 1 => {
                    left.n *= axis.n;
                    left.out = left.n;
                }
                Some(left) if axis.is_identity() => left.channels *= axis.n,
                _ => {
                    folded.push(axis);
                    kept.push(with);
                }
            }
        }
        if folded.is_empty() {
            folded.push(Axis::one_sample());
            kept.push(T::default());
        }
        for (axis, with) in folded.iter_mut().zip(&mut kept) {
            if !axis.leaves_input() {
                axis.edge = Edge::Zero;
                *with = T::default();
            }
        }
        (Self { axes: folded }, kept)
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.axes.len()
    }

    /// Shape of the input.
    pub fn input(&self) -> Vec<usize> {
        self.axes.iter().map(Axis::samples).collect()
    }

    /// Shape of the output.
    pub fn output(&self) -> Vec<usize> {
        self.axes.iter().map(Axis::outputs).collect()
    }

    /// Shape of the kernel.
    pub fn kernel(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.taps).collect()
    }

    /// Samples of the input.
    pub fn input_len(&self) -> usize {
        self.axes.iter().map(Axis::samples).product()
    }

    /// Samples of the output.
    pub fn output_len(&self) -> usize {
        self.axes.iter().map(Axis::outputs).product()
    }

    /// Taps of the kernel.
    pub fn taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.taps).product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(n: usize, taps: usize, edge: Edge) -> Axis {
        let offset = ((taps - 1) / 2) as isize - (taps as isize - 1);
        Axis { n, channels: 1, taps, out: n, stride: 1, dilation: 1, offset, edge }
    }

    fn fold(axes: &[Axis]) -> Geometry {
        Geometry::fold(axes.iter().map(|axis| (axis.clone(), ()))).0
    }

    #[test]
    fn a_picture_with_channels_is_two_dimensional() {
        let wrap = |n, taps| same(n, taps, Edge::Wrap);
        let folded = fold(&[wrap(5, 3), wrap(7, 3), wrap(4, 1)]);
        assert_eq!(folded.input(), [5, 28]);
        assert_eq!(folded.axes[1].tap_step(), 4);
        // One position left of the picture, channel 2, wraps to the last position, channel 2.
        assert_eq!(folded.axes[1].resolve(-2), Some(26));
    }

    #[test]
    fn leading_batch_axes_become_one() {
        let zero = |n, taps| same(n, taps, Edge::Zero);
        let folded = fold(&[zero(2, 1), zero(3, 1), zero(9, 3)]);
        assert_eq!(folded.input(), [6, 9]);
        assert_eq!(folded.kernel(), [1, 3]);
    }

    #[test]
    fn a_stride_beyond_the_axis_does_not_pass_it_through() {
        // One output is left, and a stride that is never taken is noted as 1.
        let first = Axis { out: 1, ..same(6, 1, Edge::Zero) };
        let folded = fold(&[first, same(9, 3, Edge::Zero)]);
        assert_eq!((folded.input(), folded.output()), (vec![6, 9], vec![1, 9]));
    }

    #[test]
    fn values_stay_with_the_axis_that_reads_them() {
        let constant = |n, taps| same(n, taps, Edge::Constant(()));
        let axes = [(constant(4, 1), 1), (constant(5, 3), 2), (constant(6, 1), 3)];
        assert_eq!(Geometry::fold(axes).1, [0, 2]);
    }

    #[test]
    fn no_axes_are_one_sample() {
        assert_eq!(fold(&[]).input(), [1]);
    }

    #[test]
    fn windows_that_stay_inside_need_no_edge() {
        let valid = Axis { out: 5, offset: 0, ..same(7, 3, Edge::Mirror) };
        assert_eq!(fold(&[valid]).axes[0].edge, Edge::Zero);
        assert_eq!(same(7, 3, Edge::Mirror).interior(), 1..6);
        let strided = Axis { stride: 2, out: 4, ..same(7, 4, Edge::Mirror) };
        // Windows start at -2, 0, 2, 4; the last reaches 7, one past the end.
        assert_eq!(strided.interior(), 1..3);
    }
}
