//! Colours of pixels weighed by their alpha, the last sample of each.
//!
//! Alpha is taken from as many vectors as a pixel has samples, so that one vector is all alpha: what that is worth is
//! found once for a pixel, and not for each of its samples.

use fearless_simd::{Select, Simd, SimdBase, SimdFloat};

use crate::simd::{InstructionSet, MOST_LANES, with_instructions};

/// What is done with colours. `opaque` is the alpha of pixels that hide what is behind them.
#[derive(Clone, Copy, Debug)]
pub enum Weighing<A> {
    /// They are multiplied by the share that alpha is of opaque.
    Multiply { opaque: A },
    /// They are divided by that share, and become zero where it is not above 0.
    Divide { opaque: A },
    /// The same, of alpha that is as good as 0 up to `clear`: what is above that has a reciprocal.
    DivideAbove { opaque: A, clear: A },
}

/// Samples of pixels.
pub trait Weighed: Copy {
    /// Weighs the colours of whole pixels of `N` samples, which are 2 or 4. Alpha stays as it is.
    fn weigh<const N: usize>(samples: &mut [Self], weighing: Weighing<Self>);
}

macro_rules! weighed {
    ($($t:ty: $vector:ident;)*) => {$(
        impl Weighed for $t {
            fn weigh<const N: usize>(samples: &mut [Self], weighing: Weighing<Self>) {
                #[inline(always)]
                fn run<S: Simd, const N: usize>(
                    simd: S,
                    samples: &mut [$t],
                    weighing: Weighing<$t>,
                ) {
                    pixels::<S, $t, S::$vector, N>(simd, samples, weighing);
                }
                let set = InstructionSet::detect();
                with_instructions!(set, simd => run::<_, N>(simd, samples, weighing));
            }
        }
    )*};
}

weighed! {
    f32: f32s;
    f64: f64s;
}

#[inline(always)]
fn pixels<S: Simd, A, V: SimdFloat<S, Element = A>, const N: usize>(
    simd: S,
    samples: &mut [A],
    weighing: Weighing<A>,
) where
    A: Copy + Default + From<u8>,
{
    let zero = V::splat(simd, A::default());
    let splat = move |value| V::splat(simd, value);
    // Known before the loop.
    match weighing {
        Weighing::Multiply { opaque } => {
            let opaque = splat(opaque);
            each::<S, A, V, N>(
                simd,
                samples,
                move |alpha| alpha / opaque,
                |colour, weight| colour * weight,
            );
        }
        Weighing::Divide { opaque } => {
            let opaque = splat(opaque);
            each::<S, A, V, N>(
                simd,
                samples,
                move |alpha| alpha / opaque,
                move |colour, weight| weight.simd_gt(zero).select(colour / weight, zero),
            );
        }
        Weighing::DivideAbove { opaque, clear } => {
            let (opaque, clear) = (splat(opaque), splat(clear));
            let weight = move |alpha: V| alpha.simd_gt(clear).select(opaque / alpha, zero);
            each::<S, A, V, N>(simd, samples, weight, move |colour, weight| {
                weight.simd_gt(zero).select(colour * weight, zero)
            });
        }
    }
}

/// Weighs each pixel: `weight` is what alpha is worth.
#[inline(always)]
fn each<S: Simd, A, V: SimdFloat<S, Element = A>, const N: usize>(
    simd: S,
    samples: &mut [A],
    weight: impl Fn(V) -> V + Copy,
    weighed: impl Fn(V, V) -> V + Copy,
) where
    A: Copy + Default + From<u8>,
{
    const { assert!(N == 2 || N == 4, "pixels with alpha") };
    let (zero, len) = (V::splat(simd, A::default()), V::LEN);
    // Of the samples of each of these vectors, which are alpha.
    let is_alpha: [V::Mask; N] = std::array::from_fn(
        #[inline(always)]
        |v| {
            let lane = |lane| A::from(u8::from((v * len + lane) % N == N - 1));
            let lanes: [A; MOST_LANES] = std::array::from_fn(lane);
            V::from_slice(simd, &lanes[..len]).simd_gt(zero)
        },
    );
    let mut blocks = samples.chunks_exact_mut(N * len);
    for block in blocks.by_ref() {
        weigh_block::<S, V, N>(simd, block, is_alpha, weight, weighed);
    }
    let rest = blocks.into_remainder();
    if !rest.is_empty() {
        let mut block = [A::default(); 4 * MOST_LANES];
        block[..rest.len()].copy_from_slice(rest);
        weigh_block::<S, V, N>(simd, &mut block[..N * len], is_alpha, weight, weighed);
        rest.copy_from_slice(&block[..rest.len()]);
    }
}

/// Weighs as many vectors of samples as a pixel has samples.
#[inline(always)]
fn weigh_block<S: Simd, V: SimdFloat<S>, const N: usize>(
    simd: S,
    samples: &mut [V::Element],
    is_alpha: [V::Mask; N],
    weight: impl Fn(V) -> V,
    weighed: impl Fn(V, V) -> V,
) where
    V::Element: Default,
{
    let vector = |v: usize| v * V::LEN..(v + 1) * V::LEN;
    let mut colours = [V::splat(simd, V::Element::default()); N];
    for (v, colours) in colours.iter_mut().enumerate() {
        *colours = V::from_slice(simd, &samples[vector(v)]);
    }
    let weights = spread::<S, V, N>(weight(alpha::<S, V, N>(colours)));
    for v in 0..N {
        let weighed = is_alpha[v].select(colours[v], weighed(colours[v], weights[v]));
        weighed.store_slice(&mut samples[vector(v)]);
    }
}

/// The last sample of each `N` of those in `N` vectors.
#[inline(always)]
fn alpha<S: Simd, V: SimdBase<S>, const N: usize>(mut of: [V; N]) -> V {
    for left in (0..N.ilog2()).map(|halvings| N >> (halvings + 1)) {
        for i in 0..left {
            of[i] = of[2 * i].unzip_high(of[2 * i + 1]);
        }
    }
    of[0]
}

/// Each sample `N` times, in as many vectors.
#[inline(always)]
fn spread<S: Simd, V: SimdBase<S>, const N: usize>(of: V) -> [V; N] {
    let mut all = [of; N];
    for there in (0..N.ilog2()).map(|doublings| 1 << doublings) {
        for i in (0..there).rev() {
            (all[2 * i], all[2 * i + 1]) = (all[i].zip_low(all[i]), all[i].zip_high(all[i]));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By the definition, a pixel after the other.
    fn expected<const N: usize>(samples: &[f32], weighing: Weighing<f32>) -> Vec<f32> {
        let mut all = samples.to_vec();
        for pixel in all.as_chunks_mut::<N>().0 {
            let alpha = pixel[N - 1];
            for colour in &mut pixel[..N - 1] {
                *colour = match weighing {
                    Weighing::Multiply { opaque } => *colour * (alpha / opaque),
                    Weighing::Divide { opaque } if alpha > 0.0 => *colour / (alpha / opaque),
                    Weighing::DivideAbove { opaque, clear } if alpha > clear => {
                        *colour * (opaque / alpha)
                    }
                    _ => 0.0,
                };
            }
        }
        all
    }

    fn is_weighed<const N: usize>(weighing: Weighing<f32>) {
        for pixels in 0..70 {
            let level = |i: usize| (i * i * 7 % 263) as f32 - 4.0;
            let mut samples: Vec<f32> = (0..pixels * N).map(level).collect();
            let expected = expected::<N>(&samples, weighing);
            f32::weigh::<N>(&mut samples, weighing);
            assert_eq!(samples, expected, "{pixels} pixels of {N}, {weighing:?}");
        }
    }

    #[test]
    fn colours_are_weighed_by_the_last_sample() {
        for weighing in [
            Weighing::Multiply { opaque: 255.0 },
            Weighing::Divide { opaque: 255.0 },
            Weighing::DivideAbove { opaque: 255.0, clear: 3.5 },
        ] {
            is_weighed::<2>(weighing);
            is_weighed::<4>(weighing);
        }
    }

    #[test]
    fn numbers_of_64_bits_are_weighed_alike() {
        for pixels in 0..40 {
            let before: Vec<f64> = (0..pixels * 4).map(|i| (i * 5 % 17) as f64).collect();
            let mut samples = before.clone();
            f64::weigh::<4>(&mut samples, Weighing::Multiply { opaque: 16.0 });
            for (pixel, before) in samples.chunks(4).zip(before.chunks(4)) {
                let alpha = before[3];
                let colours = before[..3].iter().map(|colour| colour * alpha / 16.0);
                assert!(pixel.iter().copied().eq(colours.chain([alpha])), "{pixel:?} {before:?}");
            }
        }
    }
}
