//! A kernel that reaches beyond the input, folded into it: taps that meet the same sample under every
//! output become their sum.
//!
//! Under a periodic boundary those are taps whole periods apart; under the others, all that lie beyond
//! the same end of the input for every output. A kernel without such taps is left as it is, to the last
//! bit. Sums are exact for integers, and rounded once from `f64` for floating point. Each sample is met
//! by a tap as before, so that a NaN under a tap of zero is still one; but an infinity counts with the
//! sum of the taps that meet it, where taps of two signs would have made it a NaN.

use ndarray::{ArrayRef, Dimension};
use num_complex::Complex;

use crate::boundary::Edge;
use crate::cpu::extended::Odometer;
use crate::element::Element;
use crate::error::Result;
use crate::geometry::Axis;
use crate::memory;
use crate::problem::{Operation, Problem};

/// An axis that is folded, and which of its taps each tap becomes a part of.
struct Folded {
    axis: Axis,
    part_of: Vec<usize>,
}

/// Folds the kernel of a problem, in whose axes the folded one then stands; the taps are in canonical
/// order. `None` where the kernel reaches nowhere twice, where input and kernel change places, and where
/// a sum of finite taps is beyond the type.
pub fn fold<A: Element, D: Dimension>(
    problem: &mut Problem,
    kernel: &ArrayRef<A, D>,
) -> Result<Option<Vec<A>>> {
    if problem.swapped {
        return Ok(None);
    }
    let folded: Vec<Option<Folded>> =
        problem.axes.iter().map(folded).collect::<Result<Vec<_>>>()?;
    if folded.iter().all(Option::is_none) {
        return Ok(None);
    }
    let axes = problem.axes.iter().zip(&folded);
    let axes = axes.map(|(axis, folded)| folded.as_ref().map_or(axis, |folded| &folded.axis));
    let axes: Vec<Axis> = axes.cloned().collect();
    let place = |axis: usize, tap: usize| match &folded[axis] {
        Some(Folded { part_of, .. }) => part_of[tap],
        None => tap,
    };

    // A convolution's taps are in reverse, a correlation's conjugated.
    let correlates = problem.operation == Operation::Correlate;
    let canonical = |tap: A| if correlates { tap.conj() } else { tap };
    let shape = kernel.shape().to_vec();
    let last = shape.len() - 1;
    let at = |axis: usize, tap: usize| match correlates {
        true => place(axis, tap),
        false => place(axis, shape[axis] - 1 - tap),
    };
    let inner = memory::collected((0..shape[last]).map(|t| at(last, t)), shape[last], WHAT)?;
    let mut sums = Sums::new(axes.iter().map(|axis| axis.taps).product())?;
    let mut row = Odometer::starting_at(shape[..last].to_vec(), 0);
    let mut taps = kernel.iter();
    for _ in 0..kernel.len() / shape[last] {
        let outer = row.at().iter().enumerate();
        let start = outer.fold(0, |flat, (axis, &t)| flat * axes[axis].taps + at(axis, t));
        let start = start * axes[last].taps;
        for (&place, &tap) in inner.iter().zip(&mut taps) {
            sums.add(start + place, canonical(tap));
        }
        row.advance();
    }
    let Some(taps) = sums.finish()? else { return Ok(None) };
    problem.axes = axes;
    Ok(Some(taps))
}

/// What the memory is for.
const WHAT: &str = "the folded kernel";

/// An axis whose kernel meets a sample twice under every output.
fn folded(axis: &Axis) -> Result<Option<Folded>> {
    let folded = match axis.edge {
        Edge::Wrap => into_period(axis, axis.n)?,
        Edge::Reflect => into_period(axis, 2 * axis.n)?,
        Edge::Mirror if axis.n > 1 => into_period(axis, 2 * (axis.n - 1))?,
        Edge::Mirror | Edge::Nearest | Edge::Zero | Edge::Constant(()) => onto_ends(axis)?,
    };
    // One tap away from its output would look like none at all.
    Ok(folded.filter(|folded| folded.axis.taps > 1))
}

/// Taps whole periods apart are one.
fn into_period(axis: &Axis, period: usize) -> Result<Option<Folded>> {
    let common = gcd(axis.dilation, period);
    let taps = period / common;
    if axis.taps <= taps.max(2) {
        return Ok(None);
    }
    let step = axis.dilation / common % taps;
    let part_of = (0..axis.taps).map(|t| match taps {
        // All of them: the first, and the others a period from it.
        1 => t.min(1),
        taps => (t as u128 * step as u128 % taps as u128) as usize,
    });
    let part_of = memory::collected(part_of, axis.taps, WHAT)?;
    let period = period as isize;
    let offset = -((-axis.offset).rem_euclid(period));
    let axis = Axis { taps: taps.max(2), dilation: common, offset, ..axis.clone() };
    Ok(Some(Folded { axis, part_of }))
}

/// Taps that lie before the first sample under every output are one, and so are those beyond the last.
fn onto_ends(axis: &Axis) -> Result<Option<Folded>> {
    let (d, n) = (axis.dilation as isize, axis.n as isize);
    let furthest = axis.offset + ((axis.out - 1) * axis.stride) as isize;
    // Taps with t * d + furthest < 0, and with t * d + offset >= n.
    let before = (-furthest).max(0) as usize;
    let before = before.div_ceil(axis.dilation).min(axis.taps);
    let beyond = ((n - axis.offset).max(0) as usize).div_ceil(axis.dilation).min(axis.taps);
    let first = before.saturating_sub(1);
    let last = beyond.min(axis.taps - 1);
    if (first == 0 && last == axis.taps - 1) || first > last {
        return Ok(None);
    }
    let part_of = (0..axis.taps).map(|t| t.clamp(first, last) - first);
    let part_of = memory::collected(part_of, axis.taps, WHAT)?;
    let offset = axis.offset + first as isize * d;
    let axis = Axis { taps: last - first + 1, offset, ..axis.clone() };
    Ok(Some(Folded { axis, part_of }))
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Sums of taps.
enum Sums<A> {
    /// In the type itself, wrapping.
    Integers(Vec<A>),
    /// In `f64`, what was rounded off beside them (Neumaier, 1974).
    Floats(Vec<[Complex<f64>; 2]>, bool),
}

impl<A: Element> Sums<A> {
    fn new(len: usize) -> Result<Self> {
        Ok(match A::DTYPE.is_integer() {
            true => Self::Integers(memory::zeros(len, WHAT)?),
            false => Self::Floats(memory::zeros(len, WHAT)?, true),
        })
    }

    #[inline]
    fn add(&mut self, at: usize, tap: A) {
        match self {
            Self::Integers(sums) => sums[at] = sums[at].mul_add(A::from_integer(1), tap),
            Self::Floats(sums, finite) => {
                *finite &= tap.is_finite();
                let [sum, rest] = &mut sums[at];
                let tap = tap.to_complex();
                for (sum, rest, tap) in
                    [(&mut sum.re, &mut rest.re, tap.re), (&mut sum.im, &mut rest.im, tap.im)]
                {
                    let next = *sum + tap;
                    let (large, small) =
                        if sum.abs() >= tap.abs() { (*sum, tap) } else { (tap, *sum) };
                    *rest += (large - next) + small;
                    *sum = next;
                }
            }
        }
    }

    /// Rounded to the type; `None` where that makes an infinity of finite taps.
    fn finish(self) -> Result<Option<Vec<A>>> {
        let (sums, finite) = match self {
            Self::Integers(sums) => return Ok(Some(sums)),
            Self::Floats(sums, finite) => (sums, finite),
        };
        // Beside an infinity nothing is rounded off.
        let part = |sum: f64, rest: f64| if sum.is_finite() { sum + rest } else { sum };
        let rounded = sums.iter().map(|[sum, rest]| {
            A::from_complex(Complex::new(part(sum.re, rest.re), part(sum.im, rest.im)))
        });
        let taps = memory::collected(rounded, sums.len(), WHAT)?;
        let overflows = finite && !taps.iter().all(|tap| tap.is_finite());
        Ok((!overflows).then_some(taps))
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

    /// Under every output each tap meets the sample that its part meets, and parts as many as need be.
    fn check(axis: &Axis, most: usize) {
        let Some(Folded { axis: folded, part_of }) = folded(axis).expect("memory") else {
            assert!(axis.taps <= most, "{axis:?} is not folded");
            return;
        };
        assert!(folded.taps <= most && folded.taps < axis.taps, "{axis:?} {folded:?}");
        for o in 0..axis.out {
            for (t, &part) in part_of.iter().enumerate() {
                let at = |axis: &Axis, t: usize| axis.start(o) + (t * axis.dilation) as isize;
                let [met, expected] = [at(&folded, part), at(axis, t)].map(|p| axis.resolve(p));
                assert_eq!(met, expected, "{axis:?} {folded:?}: output {o}, tap {t}");
            }
        }
        let parts: std::collections::HashSet<usize> = part_of.iter().copied().collect();
        assert_eq!(parts.len(), folded.taps, "a tap that nothing is part of");
    }

    #[test]
    fn every_tap_meets_what_it_met() {
        for n in [1, 2, 3, 5, 8] {
            for taps in [1, 2, 3, 5, 6, 9, 16, 17, 40] {
                for dilation in [1, 2, 3, 5, 10] {
                    let most = |period: usize| (period / gcd(dilation, period)).max(2);
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
            for taps in [1, 3, 7, 8] {
                assert!(folded(&axis(8, taps, 1, edge)).expect("memory").is_none());
            }
        }
    }
}
