//! Rows of blocks that share a transform, joined into complex numbers.

use num_complex::Complex;

use super::block::Real;
use super::sample::{MOST_LANES, Sample};
use crate::element::Element;

/// Joins a row of each lane, and zeros beyond.
#[inline(always)]
pub fn pack<A: Element>(
    [first, second]: [&[A]; MOST_LANES],
    exponents: [i32; MOST_LANES],
    line: &mut [Complex<Real<A>>],
) {
    let zero = A::Sample::default();
    let both = first.len().min(second.len());
    let (joint, rest) = line.split_at_mut(both);
    if exponents == [0, 0] {
        for ((value, a), b) in joint.iter_mut().zip(first).zip(second) {
            *value = A::Sample::join(a.to_sample(), b.to_sample());
        }
    } else {
        for ((value, a), b) in joint.iter_mut().zip(first).zip(second) {
            let (a, b) = (a.to_sample().scaled(exponents[0]), b.to_sample().scaled(exponents[1]));
            *value = A::Sample::join(a, b);
        }
    }
    let (alone, rest) = rest.split_at_mut(first.len().max(second.len()) - both);
    for (value, a) in alone.iter_mut().zip(&first[both..]) {
        *value = A::Sample::join(a.to_sample().scaled(exponents[0]), zero);
    }
    for (value, b) in alone.iter_mut().zip(&second[both..]) {
        *value = A::Sample::join(zero, b.to_sample().scaled(exponents[1]));
    }
    rest.fill(Complex::default());
}
