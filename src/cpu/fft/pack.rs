//! Rows of blocks that share a transform, joined into complex numbers.

use num_complex::Complex;

use super::block::Real;
use crate::element::compute::Compute;
use crate::element::transform::{Holds, MOST_PACKED, Sample};

/// Joins a row of each slot, and zeros beyond. What is not zero is not zero either when it is scaled:
/// whoever looks at it must see where windows are zeros.
#[inline(always)]
pub(super) fn pack<A: Compute, P: Holds<Real<A>>>(
    [first, second]: [&[A]; MOST_PACKED],
    exponents: [i32; MOST_PACKED],
    line: &mut [Complex<P>],
) {
    let zero = A::Sample::default();
    let joined = |first, second| P::held(A::Sample::join(first, second));
    let scaled = |value: &A, exponent| {
        let sample = value.to_sample();
        let scaled = sample.scaled(exponent);
        if scaled == zero && sample != zero { A::Sample::smallest() } else { scaled }
    };
    let both = first.len().min(second.len());
    let (joint, rest) = line.split_at_mut(both);
    if exponents == [0, 0] {
        for ((value, a), b) in joint.iter_mut().zip(first).zip(second) {
            *value = joined(a.to_sample(), b.to_sample());
        }
    } else {
        for ((value, a), b) in joint.iter_mut().zip(first).zip(second) {
            *value = joined(scaled(a, exponents[0]), scaled(b, exponents[1]));
        }
    }
    let (alone, rest) = rest.split_at_mut(first.len().max(second.len()) - both);
    for (value, a) in alone.iter_mut().zip(&first[both..]) {
        *value = joined(scaled(a, exponents[0]), zero);
    }
    for (value, b) in alone.iter_mut().zip(&second[both..]) {
        *value = joined(zero, scaled(b, exponents[1]));
    }
    rest.fill(Complex::default());
}
