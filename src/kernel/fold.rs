//! A kernel that reaches far beyond the input, folded into it: taps that meet the same sample under every
//! output become their sum, where that leaves half of an axis's taps or fewer.
//!
//! Under a periodic boundary those are taps whole periods apart; under the others, all that lie beyond
//! the same end of the input for every output. A kernel without such taps is left as it is, to the last
//! bit. Sums are exact for integers, and rounded once from `f64` for floating point.
//!
//! What is not finite stays what it was. A NaN under a tap of zero is still met by a tap. An infinity
//! under taps of both signs, or under one of zero, is a NaN: so where taps that differ in sign become
//! one, every sample is met by two, the sum and a zero there, and two halves elsewhere.

use bytemuck::Zeroable;
use ndarray::{ArrayRef, ArrayView, Axis as Dim, Dimension};
use num_complex::Complex;

use crate::element::Element;
use crate::error::Result;
use crate::problem::Problem;
use crate::problem::boundary::{Boundary, Edge};
use crate::problem::geometry::Axis;
use crate::util::{gcd, memory};
use crate::words::Operation;

/// What the memory is for.
const WHAT: &str = "the folded kernel";

/// Folds the kernel of a problem, in whose axes the folded one then stands; the taps are in canonical
/// order. `None` where no axis folds, where input and kernel change places, and where a sum of taps is
/// beyond the type.
pub(crate) fn fold<A: Element, D: Dimension>(
    problem: &mut Problem,
    boundary: &[Boundary<A>],
    kernel: &ArrayRef<A, D>,
) -> Result<Option<Vec<A>>> {
    if problem.swapped {
        return Ok(None);
    }
    // A convolution's taps are in reverse, a correlation's conjugated.
    let mut taps = kernel.view();
    let correlates = problem.operation == Operation::Correlate;
    if !correlates {
        (0..taps.ndim()).for_each(|axis| taps.invert_axis(Dim(axis)));
    }
    // Only samples can be infinite then, not what lies outside.
    let finite = boundary.iter().all(|boundary| boundary.value().is_finite());
    match (A::DTYPE.is_integer(), A::DTYPE.is_complex()) {
        (true, _) => fold_in::<WrappedSum<A>, _, _>(problem, taps, correlates, finite),
        (_, false) => fold_in::<RealSum, _, _>(problem, taps, correlates, finite),
        (_, true) => fold_in::<ComplexSum, _, _>(problem, taps, correlates, finite),
    }
}

/// Folds one axis after the other.
fn fold_in<S: Sum<A>, A: Element, D: Dimension>(
    problem: &mut Problem,
    taps: ArrayView<'_, A, D>,
    correlates: bool,
    finite: bool,
) -> Result<Option<Vec<A>>> {
    let mut axes = problem.axes.clone();
    let mut sums: Option<Vec<S>> = None;
    for at in 0..axes.len() {
        let Some(folded) = Folded::new(&axes[at])? else { continue };
        let [outer, inner] = [&axes[..at], &axes[at + 1..]]
            .map(|axes| axes.iter().map(|axis| axis.taps).product::<usize>());
        let around = [outer, inner];
        let once = match sums {
            Some(sums) => folded.sums(sums.into_iter(), around)?,
            None => {
                let canonical = |&tap: &A| S::of(if correlates { tap.conj() } else { tap });
                folded.sums(taps.iter().map(canonical), around)?
            }
        };
        let infinities = !finite || !matches!(axes[at].edge, Edge::Zero | Edge::Constant(()));
        let differ = infinities && once.iter().any(S::differ);
        (axes[at], sums) = match differ || folded.once.taps == 1 {
            true => (folded.twice.clone(), Some(folded.in_two(&once, inner)?)),
            false => (folded.once, Some(once)),
        };
    }
    let Some(sums) = sums else { return Ok(None) };
    let folded = memory::collected(sums.iter().map(S::tap), sums.len(), WHAT)?;
    let same = |(sum, tap): (&S, &A)| sum.is_zero() == (*tap == A::default());
    let kept = sums.iter().zip(&folded).all(same)
        && (folded.iter().all(|tap| tap.is_finite()) || !taps.iter().all(|tap| tap.is_finite()));
    if kept {
        problem.axes = axes;
    }
    Ok(kept.then_some(folded))
}

/// An axis whose kernel meets samples more than once under every output. A place is what meets one.
struct Folded {
    /// The axis where every place has one tap.
    once: Axis,
    /// The axis where every place that several taps met has two.
    twice: Axis,
    /// The place of each tap.
    place_of: Vec<usize>,
    /// The taps of each place in `twice`: the same one twice where it has one.
    taps_of: Vec<[usize; 2]>,
}

impl Folded {
    /// `None` where that would leave more than half of the taps.
    fn new(axis: &Axis) -> Result<Option<Self>> {
        match axis.edge {
            Edge::Wrap => Self::into_period(axis, axis.n),
            Edge::Reflect => Self::into_period(axis, 2 * axis.n),
            Edge::Mirror if axis.n > 1 => Self::into_period(axis, 2 * (axis.n - 1)),
            Edge::Mirror | Edge::Nearest | Edge::Zero | Edge::Constant(()) => Self::onto_ends(axis),
        }
    }

    /// Taps whole periods apart are one.
    fn into_period(axis: &Axis, period: usize) -> Result<Option<Self>> {
        let dilation = gcd(axis.dilation, period);
        let places = period / dilation;
        if axis.taps <= 2 || axis.taps / 2 < places {
            return Ok(None);
        }
        let step = axis.dilation / dilation % places;
        let place = |t: usize| (t as u128 * step as u128 % places as u128) as usize;
        let offset = -((-axis.offset).rem_euclid(period as isize));
        let once = Axis { taps: places, dilation, offset, ..axis.clone() };
        let twice = Axis { taps: 2 * places, ..once.clone() };
        Ok(Some(Self {
            once,
            twice,
            place_of: memory::collected((0..axis.taps).map(place), axis.taps, WHAT)?,
            taps_of: memory::collected((0..places).map(|p| [p, p + places]), places, WHAT)?,
        }))
    }

    /// Taps that lie before the first sample under every output are one, and so are those beyond the last.
    fn onto_ends(axis: &Axis) -> Result<Option<Self>> {
        let (d, n) = (axis.dilation as isize, axis.n as isize);
        let furthest = axis.offset + ((axis.out - 1) * axis.stride) as isize;
        // Taps with t * d + furthest < 0, and with t * d + offset >= n.
        let before = (-furthest).max(0) as usize;
        let before = before.div_ceil(axis.dilation).min(axis.taps);
        let beyond = ((n - axis.offset).max(0) as usize).div_ceil(axis.dilation).min(axis.taps);
        let first = before.saturating_sub(1);
        let last = beyond.min(axis.taps - 1);
        // One tap away from its output would look like none at all.
        if first >= last || axis.taps / 2 < last - first + 1 {
            return Ok(None);
        }
        let places = last - first + 1;
        let ends = [usize::from(first > 0), usize::from(last < axis.taps - 1)];
        let from = |first: usize, taps: usize| {
            let offset = axis.offset + first as isize * d;
            Axis { taps, offset, ..axis.clone() }
        };
        let taps_of = |place: usize| match place {
            0 => [0, ends[0]],
            place if place == places - 1 => [ends[0] + place, ends[0] + place + ends[1]],
            place => [ends[0] + place; 2],
        };
        let place_of = (0..axis.taps).map(|t| t.clamp(first, last) - first);
        Ok(Some(Self {
            once: from(first, places),
            twice: from(first - ends[0], places + ends[0] + ends[1]),
            place_of: memory::collected(place_of, axis.taps, WHAT)?,
            taps_of: memory::collected((0..places).map(taps_of), places, WHAT)?,
        }))
    }

    /// The sum of each place, of taps with so many lines around this axis: outside and inside of it.
    fn sums<S: Sum<A>, A: Element>(
        &self,
        mut taps: impl Iterator<Item = S>,
        [outer, inner]: [usize; 2],
    ) -> Result<Vec<S>> {
        let places = self.taps_of.len();
        let mut sums = memory::zeros::<S>(outer * places * inner, WHAT)?;
        for sums in sums.chunks_exact_mut(places * inner) {
            for place in &self.place_of {
                let sums = &mut sums[place * inner..][..inner];
                sums.iter_mut().zip(&mut taps).for_each(|(sum, tap)| sum.add(tap));
            }
        }
        Ok(sums)
    }

    /// Two taps for every place that several met.
    fn in_two<S: Sum<A>, A: Element>(&self, sums: &[S], inner: usize) -> Result<Vec<S>> {
        let places = self.taps_of.len();
        let mut all = memory::zeros::<S>(sums.len() / places * self.twice.taps, WHAT)?;
        let lines = all.chunks_exact_mut(self.twice.taps * inner);
        for (line, sums) in lines.zip(sums.chunks_exact(places * inner)) {
            for (&[first, second], sums) in self.taps_of.iter().zip(sums.chunks_exact(inner)) {
                for (i, &sum) in sums.iter().enumerate() {
                    match first == second {
                        true => line[first * inner + i] = sum,
                        false => {
                            [line[first * inner + i], line[second * inner + i]] = sum.in_two();
                        }
                    }
                }
            }
        }
        Ok(all)
    }
}

/// A sum of taps.
trait Sum<A>: Copy + Zeroable {
    fn of(tap: A) -> Self;
    fn add(&mut self, other: Self);
    /// Whether an infinity times each of the taps would not be one infinity.
    fn differ(&self) -> bool;
    /// Two taps with this sum, which differ where those did that it was made of.
    fn in_two(self) -> [Self; 2];
    /// Rounded to the type.
    fn tap(&self) -> A;
    fn is_zero(&self) -> bool;
}

/// In an integer type itself.
#[derive(Clone, Copy, Zeroable)]
struct WrappedSum<A>(A);

impl<A: Element> Sum<A> for WrappedSum<A> {
    fn of(tap: A) -> Self {
        Self(tap)
    }
    fn add(&mut self, other: Self) {
        self.0 = self.0.mul_add(A::from_integer(1), other.0);
    }
    fn differ(&self) -> bool {
        false
    }
    fn in_two(self) -> [Self; 2] {
        [self, Self(A::default())]
    }
    fn tap(&self) -> A {
        self.0
    }
    fn is_zero(&self) -> bool {
        self.0 == A::default()
    }
}

/// In `f64`.
#[derive(Clone, Copy, Zeroable)]
struct RealSum {
    sum: f64,
    /// What was rounded off (Neumaier, 1974).
    rest: f64,
    /// A bit for each of the signs among the taps, of which zero is one.
    signs: u8,
}

impl RealSum {
    fn new(sum: f64, rest: f64) -> Self {
        let signs = match sum {
            sum if sum > 0.0 => 1,
            sum if sum < 0.0 => 2,
            _ => 4,
        };
        Self { sum, rest, signs }
    }

    fn value(self) -> f64 {
        // Beside an infinity nothing is rounded off.
        if self.sum.is_finite() { self.sum + self.rest } else { self.sum }
    }

    #[inline]
    fn add(&mut self, other: Self) {
        let sum = self.sum + other.sum;
        let larger = self.sum.abs() >= other.sum.abs();
        let (large, small) = if larger { (self.sum, other.sum) } else { (other.sum, self.sum) };
        self.rest += (large - sum) + small + other.rest;
        self.sum = sum;
        self.signs |= other.signs;
    }

    fn differ(&self) -> bool {
        self.signs.count_ones() > 1
    }

    /// `rounded` is what becomes of a tap in its type: the second one makes up for what the first one loses, which
    /// is much of the smallest.
    fn in_two(self, rounded: impl Fn(f64) -> f64) -> [Self; 2] {
        if self.differ() {
            return [Self::new(self.sum, self.rest), Self::new(0.0, 0.0)];
        }
        let half = Self { sum: self.sum / 2.0, rest: self.rest / 2.0, ..self };
        if !self.sum.is_finite() {
            return [half; 2];
        }
        let mut other = self;
        other.add(Self { sum: -rounded(half.value()), rest: 0.0, signs: 0 });
        [half, other]
    }
}

/// What a part of a tap becomes in a type.
fn rounded<A: Element>(part: f64) -> f64 {
    A::from_complex(part.into()).to_complex().re
}

impl<A: Element> Sum<A> for RealSum {
    fn of(tap: A) -> Self {
        Self::new(tap.to_complex().re, 0.0)
    }
    fn add(&mut self, other: Self) {
        self.add(other);
    }
    fn differ(&self) -> bool {
        self.differ()
    }
    fn in_two(self) -> [Self; 2] {
        self.in_two(rounded::<A>)
    }
    fn tap(&self) -> A {
        A::from_complex(self.value().into())
    }
    fn is_zero(&self) -> bool {
        self.value() == 0.0
    }
}

/// A real and an imaginary part.
#[derive(Clone, Copy, Zeroable)]
struct ComplexSum {
    re: RealSum,
    im: RealSum,
}

impl<A: Element> Sum<A> for ComplexSum {
    fn of(tap: A) -> Self {
        let tap = tap.to_complex();
        Self { re: RealSum::new(tap.re, 0.0), im: RealSum::new(tap.im, 0.0) }
    }
    fn add(&mut self, other: Self) {
        self.re.add(other.re);
        self.im.add(other.im);
    }
    fn differ(&self) -> bool {
        self.re.differ() || self.im.differ()
    }
    fn in_two(self) -> [Self; 2] {
        let [re, im] = [self.re, self.im].map(|part| part.in_two(rounded::<A>));
        [0, 1].map(|at| Self { re: re[at], im: im[at] })
    }
    fn tap(&self) -> A {
        A::from_complex(Complex::new(self.re.value(), self.im.value()))
    }
    fn is_zero(&self) -> bool {
        self.re.value() == 0.0 && self.im.value() == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(n: usize, taps: usize, dilation: usize, edge: Edge) -> Axis {
        let length = (taps - 1) * dilation + 1;
        let offset = ((length - 1) / 2) as isize - (length as isize - 1);
        Axis { n, taps, out: n, dilation, offset, edge, ..Axis::one_sample() }
    }

    /// Under every output each tap meets the sample that its place meets, and places as many as need be.
    fn check(axis: &Axis, most: usize) {
        let Some(Folded { once, twice, place_of, taps_of }) = Folded::new(axis).expect("memory")
        else {
            assert!(axis.taps <= 2 || axis.taps / 2 < most, "{axis:?} is not folded");
            return;
        };
        assert!(once.taps <= most && twice.taps <= axis.taps, "{axis:?} {once:?}");
        for o in 0..axis.out {
            for (t, &place) in place_of.iter().enumerate() {
                let at = |axis: &Axis, t: usize| {
                    axis.resolve(axis.start(o) + (t * axis.dilation) as isize)
                };
                let met = [
                    at(&once, place),
                    at(&twice, taps_of[place][0]),
                    at(&twice, taps_of[place][1]),
                ];
                assert_eq!(met, [at(axis, t); 3], "{axis:?} {once:?}: output {o}, tap {t}");
            }
        }
        let mut places = place_of;
        places.sort_unstable();
        let alone = places.chunk_by(|a, b| a == b).map(|place| place.len() == 1);
        let one = taps_of.iter().map(|[first, second]| first == second);
        assert!(alone.zip(one).all(|(alone, one)| alone || !one), "several taps become two");
        places.dedup();
        assert_eq!(places.len(), once.taps, "a place that no tap has");
        let mut taps = taps_of.concat();
        taps.dedup();
        taps.sort_unstable();
        assert!(taps.into_iter().eq(0..twice.taps), "each has a place");
    }

    #[test]
    fn every_tap_meets_what_it_met() {
        for n in [1, 2, 3, 5, 8] {
            for taps in [1, 2, 3, 5, 6, 9, 16, 17, 40] {
                for dilation in [1, 2, 3, 5, 10] {
                    let most = |period: usize| period / gcd(dilation, period);
                    check(&axis(n, taps, dilation, Edge::Wrap), most(n));
                    check(&axis(n, taps, dilation, Edge::Reflect), most(2 * n));
                    if n > 1 {
                        check(&axis(n, taps, dilation, Edge::Mirror), most(2 * (n - 1)));
                    }
                    for edge in [Edge::Zero, Edge::Constant(()), Edge::Nearest, Edge::Mirror] {
                        if edge != Edge::Mirror || n == 1 {
                            let both = (2 * n - 1).div_ceil(dilation) + 3;
                            check(&axis(n, taps, dilation, edge), both);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn ordinary_kernels_are_left_alone() {
        for edge in [Edge::Zero, Edge::Nearest, Edge::Wrap, Edge::Reflect, Edge::Mirror] {
            for taps in [1, 3, 7, 8, 11] {
                assert!(Folded::new(&axis(8, taps, 1, edge)).expect("memory").is_none());
            }
        }
    }
}
