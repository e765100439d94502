//! The last sample of a group, for all samples of the group: what weighs the colours of a pixel is its alpha.

use fearless_simd::{Simd, SimdBase};

use crate::simd::{InstructionSet, MOST_LANES, with_instructions};

/// Samples whose groups are spread.
pub trait Spread: Copy {
    /// For each sample the last one of its group of `N`, which is 2 or 4.
    fn last_of_each<const N: usize>(from: &[Self], to: &mut [Self]);
}

impl Spread for f32 {
    fn last_of_each<const N: usize>(from: &[Self], to: &mut [Self]) {
        const { assert!(N == 2 || N == 4, "blocks of 16 bytes are whole groups") };
        match InstructionSet::detect() {
            // There every byte would be moved by itself.
            InstructionSet::Baseline if cfg!(not(target_arch = "aarch64")) => {
                groups::<_, N>(from, to);
            }
            set => with_instructions!(set, simd => vectors::<_, N>(simd, from, to)),
        }
    }
}

impl Spread for f64 {
    fn last_of_each<const N: usize>(from: &[Self], to: &mut [Self]) {
        groups::<_, N>(from, to);
    }
}

fn groups<T: Copy, const N: usize>(from: &[T], to: &mut [T]) {
    for (from, to) in from.as_chunks::<N>().0.iter().zip(to.as_chunks_mut::<N>().0) {
        *to = [from[N - 1]; N];
    }
}

/// The same for groups that blocks of 16 bytes are made of. (Of groups as such the compiler makes gathers and
/// scatters, which take several times as long.)
#[inline(always)]
fn vectors<S: Simd, const N: usize>(simd: S, from: &[f32], to: &mut [f32]) {
    let lanes = S::f32s::LEN;
    let places: [u8; 4 * MOST_LANES] = std::array::from_fn(|byte| {
        let lane = byte / 4 % 4;
        ((lane / N * N + N - 1) * 4 + byte % 4) as u8
    });
    let places = S::u8s::from_slice(simd, &places[..4 * lanes]);
    let whole = from.len() / lanes * lanes;
    let (vectors, rest) = from.split_at(whole);
    let (to_vectors, to_rest) = to.split_at_mut(whole);
    for (from, to) in vectors.chunks_exact(lanes).zip(to_vectors.chunks_exact_mut(lanes)) {
        let samples = S::f32s::from_slice(simd, from);
        samples.swizzle_dyn_within_blocks(places).store_slice(to);
    }
    groups::<_, N>(rest, to_rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_each_group_is_everywhere_in_it() {
        fn is_spread<const N: usize>() {
            for groups in 0..40 {
                let singles: Vec<f32> = (0..groups * N).map(|i| i as f32).collect();
                let doubles: Vec<f64> = singles.iter().map(|&x| x.into()).collect();
                let expected: Vec<f32> =
                    (0..groups * N).map(|i| (i / N * N + N - 1) as f32).collect();
                let (mut single, mut double) = (vec![-1.0; groups * N], vec![-1.0; groups * N]);
                f32::last_of_each::<N>(&singles, &mut single);
                f64::last_of_each::<N>(&doubles, &mut double);
                assert_eq!(single, expected);
                assert!(double.iter().zip(expected).all(|(double, x)| *double == f64::from(x)));
            }
        }
        is_spread::<2>();
        is_spread::<4>();
    }
}
