//! From sums to the samples of a picture.

use crate::element::wider::Wider;
use crate::error::Result;
use crate::face::pointwise::{self, BLOCK};
use crate::format::pixels::{Pixels, output};
use crate::format::transfer::Channel;
use crate::simd::vectorized;
use crate::words::Signed;

/// Stores what `make` says, from where a block of it starts, in the units of `T`.
pub(super) fn store<T: Channel, U: Channel>(
    y: &mut [U],
    pixels: Pixels,
    threads: usize,
    make: impl Fn(usize, &mut [f32]) + Sync + Send,
) -> Result<()>
where
    f32: Wider<U>,
{
    pointwise::fill(y, threads, |start, y| {
        let mut block = [0.0; BLOCK];
        let block = &mut block[..y.len()];
        make(start, block);
        output::<f32, T, U>(y, pixels).write(0, block);
    })
}

/// Makes sums to what they are shown as; alpha is left as it is.
pub(super) fn show<T: Channel>(signed: Signed, sums: &mut [f32], channels: usize) {
    match signed {
        Signed::Clip => {}
        Signed::Absolute => each(sums, channels, |sum| sum.abs()),
        Signed::Offset(part) => {
            // In levels a whole one, so that what is zero is not between two of them.
            let offset = if T::IS_LIGHT { part } else { (part * T::OPAQUE).round() };
            each(sums, channels, |sum| sum + offset);
        }
    }
}

fn each(sums: &mut [f32], channels: usize, shown: impl Fn(f32) -> f32) {
    vectorized(
        #[inline(always)]
        || match channels {
            2 => colours::<2>(sums, shown),
            4 => colours::<4>(sums, shown),
            _ => sums.iter_mut().for_each(|sum| *sum = shown(*sum)),
        },
    );
}

#[inline(always)]
fn colours<const N: usize>(sums: &mut [f32], shown: impl Fn(f32) -> f32) {
    for pixel in sums.as_chunks_mut::<N>().0 {
        for colour in &mut pixel[..N - 1] {
            *colour = shown(*colour);
        }
    }
}

/// Copies the last channel of pixels, where that is alpha.
pub(super) fn copy_alpha(from: &[f32], to: &mut [f32], channels: usize) {
    if matches!(channels, 2 | 4) {
        let pixels = from.chunks_exact(channels).zip(to.chunks_exact_mut(channels));
        pixels.for_each(|(from, to)| to[channels - 1] = from[channels - 1]);
    }
}
