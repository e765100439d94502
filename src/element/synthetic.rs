//! Invented samples, for timing what needs some.

use num_complex::Complex;

use crate::element::Element;

/// Samples in `-1 .. 1`, or integers over the type's whole range, with no structure that a method could
/// use; the same every time.
pub(crate) fn synthetic<A: Element>(len: usize) -> impl Iterator<Item = A> {
    // SplitMix64 (Steele, Lea and Flood, 2014).
    let mix = |i: usize| {
        let z = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let unit = |bits: u64| (bits >> 40) as f64 / f64::from(1 << 23) - 1.0;
    (0..len).map(move |i| match A::DTYPE.is_integer() {
        true => A::from_integer(mix(i) as i64),
        false => A::from_complex(Complex::new(unit(mix(i)), unit(mix(i).rotate_left(24)))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_spread_over_their_range() {
        let samples: Vec<f32> = synthetic(10_000).collect();
        assert!(samples.iter().all(|x| (-1.0..1.0).contains(x)));
        let mean = samples.iter().sum::<f32>() / samples.len() as f32;
        assert!(mean.abs() < 0.03 && samples.iter().any(|&x| x > 0.99), "{mean}");
        let bytes: std::collections::HashSet<u8> = synthetic(10_000).collect();
        assert_eq!(bytes.len(), 256);
    }
}
