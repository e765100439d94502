//! The input continued past its ends, read row by row along the innermost axis.

use std::ops::Range;

use crate::element::Element;
use crate::element::wider::{Wider, widened};
use crate::error::Result;
use crate::format::rows::Input;
use crate::problem::Problem;
use crate::problem::boundary::{Boundary, Edge};
use crate::problem::geometry::{Axis, Geometry};

/// What the extended input needs besides the input: the geometry and the value that stands
/// outside along each axis.
#[derive(Clone, Debug)]
pub(crate) struct Extension<A> {
    /// The folded axes.
    pub geometry: Geometry,
    /// One value per folded axis; read only where the axis's edge is constant.
    pub values: Vec<A>,
}

/// Where a row of the extended input comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Row<A> {
    /// The stored row that starts at this sample.
    Stored(usize),
    /// A row outside of the input: one value, wherever the innermost axis is not outside too.
    Outside(A),
}

/// A place on some of the outer axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<A> {
    index: usize,
    outside: Option<A>,
}

impl<A> Place<A> {
    /// Before the first axis.
    pub(crate) fn start() -> Self {
        Self { index: 0, outside: None }
    }
}

impl<A: Element> Extension<A> {
    /// The extension of a problem whose axes have these boundaries.
    pub(crate) fn new(problem: &Problem, boundary: &[Boundary<A>]) -> Self {
        let values = boundary.iter().map(Boundary::value);
        let (geometry, values) = Geometry::fold(problem.axes.iter().cloned().zip(values));
        Self { geometry, values }
    }

    /// The same in a type that holds what stands outside.
    pub(crate) fn widened<W: Element + Wider<A>>(&self) -> Result<Extension<W>> {
        Ok(Extension { geometry: self.geometry.clone(), values: widened(&self.values)? })
    }

    /// The innermost axis.
    pub(crate) fn inner(&self) -> &Axis {
        &self.geometry.axes[self.geometry.rank() - 1]
    }

    /// All axes but the innermost.
    pub(crate) fn outer(&self) -> &[Axis] {
        &self.geometry.axes[..self.geometry.rank() - 1]
    }

    /// The row at these samples of the outer axes of the extended input.
    pub(crate) fn row(&self, outer: impl Iterator<Item = isize>) -> Row<A> {
        self.row_at(outer.enumerate().fold(Place::start(), |place, (a, p)| self.along(place, a, p)))
    }

    /// Goes to sample `p` along the outer axis `a`, having gone along those before it.
    pub(crate) fn along(&self, place: Place<A>, a: usize, p: isize) -> Place<A> {
        let axis = &self.geometry.axes[a];
        match axis.resolve(p) {
            Some(sample) => Place { index: place.index * axis.samples() + sample, ..place },
            // A later axis has the last word, as when each is padded in turn.
            None => Place { outside: Some(self.values[a]), ..place },
        }
    }

    /// The row at a place on all outer axes.
    pub(crate) fn row_at(&self, place: Place<A>) -> Row<A> {
        place.outside.map_or(Row::Stored(place.index * self.inner().samples()), Row::Outside)
    }

    /// Whether a row is zeros wherever it is read.
    pub(crate) fn is_zeros(&self, row: Row<A>) -> bool {
        let ends = self.values[self.values.len() - 1];
        row == Row::Outside(A::default()) && ends == A::default()
    }

    /// The sample at `p`, along the innermost axis, of one row.
    pub(crate) fn sample(&self, x: Input<'_, A>, row: Row<A>, p: isize) -> A {
        match (self.inner().resolve(p), row) {
            (None, _) => self.values[self.values.len() - 1],
            (Some(_), Row::Outside(value)) => value,
            (Some(sample), Row::Stored(at)) => x.sample(at + sample),
        }
    }

    /// Fills `out` with the samples from `start` on, along the innermost axis, of one row.
    pub(crate) fn fill(&self, x: Input<'_, A>, row: Row<A>, start: isize, out: &mut [A]) {
        let axis = self.inner();
        let value = self.values[self.values.len() - 1];
        match (row, x) {
            (Row::Stored(at), Input::InPlace(x)) => {
                fill_from(axis, &x[at..][..axis.samples()], value, start, out);
            }
            (Row::Stored(at), _) => {
                let inside = inside(axis, start, out.len());
                let from = (start + inside.start as isize).max(0) as usize;
                let read = from..from + inside.len();
                if !inside.is_empty() {
                    x.read(at + from, &mut out[inside.clone()]);
                }
                let sample = |sample: usize, out: &[A]| match read.contains(&sample) {
                    // Read already.
                    true => out[inside.start + sample - read.start],
                    false => x.sample(at + sample),
                };
                fill_outside(axis, value, start, &inside, out, sample);
            }
            (Row::Outside(outer), _) => {
                let inside = inside(axis, start, out.len());
                out.fill(if is_constant(axis) { value } else { outer });
                out[inside].fill(outer);
            }
        }
    }

    /// The same of levels of a stored row. False, and `out` as it was, where a value outside is no zero.
    pub(crate) fn fill_levels<L: Copy + Default>(
        &self,
        row: &[L],
        start: isize,
        out: &mut [L],
    ) -> bool {
        let is_zero = self.values[self.values.len() - 1] == A::default();
        if is_zero {
            fill_from(self.inner(), row, L::default(), start, out);
        }
        is_zero
    }
}

/// Whether all of what is beyond an axis is the same value.
fn is_constant(axis: &Axis) -> bool {
    matches!(axis.edge, Edge::Zero | Edge::Constant(()))
}

/// Which of so many samples from `start` on lie in the input.
fn inside(axis: &Axis, start: isize, len: usize) -> Range<usize> {
    let len = len as isize;
    let first = (-start).clamp(0, len);
    let end = (axis.samples() as isize - start).clamp(first, len);
    first as usize..end as usize
}

/// Fills `out` with the samples of a row from `start` on, or `value`.
fn fill_from<T: Copy>(axis: &Axis, row: &[T], value: T, start: isize, out: &mut [T]) {
    let inside = inside(axis, start, out.len());
    if !inside.is_empty() {
        let from = (start + inside.start as isize) as usize;
        out[inside.clone()].copy_from_slice(&row[from..from + inside.len()]);
    }
    fill_outside(axis, value, start, &inside, out, |sample, _| row[sample]);
}

/// Fills what does not lie in the input.
fn fill_outside<T: Copy>(
    axis: &Axis,
    value: T,
    start: isize,
    inside: &Range<usize>,
    out: &mut [T],
    sample: impl Fn(usize, &[T]) -> T,
) {
    for outside in [0..inside.start, inside.end..out.len()] {
        if is_constant(axis) {
            out[outside].fill(value);
            continue;
        }
        let mut position = Position::of(axis, start + outside.start as isize);
        for i in outside {
            out[i] = position.sample().map_or(value, |at| sample(at, out));
            position.step(axis);
        }
    }
}

/// Where a sample beyond an axis is found, for one after the other: each position of it is resolved once.
struct Position {
    at: isize,
    channel: usize,
    /// The first sample of the position inside.
    inside: Option<usize>,
}

impl Position {
    /// Of the sample `p` of the extended axis.
    fn of(axis: &Axis, p: isize) -> Self {
        let channels = axis.channels as isize;
        let (at, channel) = (p.div_euclid(channels), p.rem_euclid(channels) as usize);
        Self { at, channel, inside: Self::resolved(axis, at) }
    }

    fn resolved(axis: &Axis, at: isize) -> Option<usize> {
        axis.edge.resolve(at, axis.n).map(|inside| inside * axis.channels)
    }

    fn sample(&self) -> Option<usize> {
        self.inside.map(|inside| inside + self.channel)
    }

    fn step(&mut self, axis: &Axis) {
        self.channel += 1;
        if self.channel == axis.channels {
            self.channel = 0;
            self.at += 1;
            self.inside = Self::resolved(axis, self.at);
        }
    }
}

/// Counts through all indices below `shape`, the last axis fastest.
#[derive(Clone, Debug)]
pub(crate) struct Odometer {
    shape: Vec<usize>,
    at: Vec<usize>,
}

impl Odometer {
    /// Starts at the index whose place in standard order is `flat`.
    pub(crate) fn starting_at(shape: Vec<usize>, flat: usize) -> Self {
        let mut at = vec![0; shape.len()];
        let mut rest = flat;
        for (at, &n) in at.iter_mut().zip(&shape).rev() {
            *at = rest % n;
            rest /= n;
        }
        Self { shape, at }
    }

    /// The index now.
    pub(crate) fn at(&self) -> &[usize] {
        &self.at
    }

    /// The next index; false when all have been seen and the count starts over.
    pub(crate) fn advance(&mut self) -> bool {
        for (at, &n) in self.at.iter_mut().zip(&self.shape).rev() {
            *at += 1;
            if *at < n {
                return true;
            }
            *at = 0;
        }
        false
    }
}
