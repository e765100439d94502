//! Pixels: colours in linear light, and colours that count by their alpha.
//!
//! Straight alpha is multiplied in as colours are read, and the result's is divided out as they are
//! written, so that the colours of transparent pixels count for nothing (Porter and Duff, Compositing
//! digital images, 1984).

use std::hint::select_unpredictable;

use bytemuck::{cast_slice, cast_slice_mut};

use super::Ends;
pub(crate) use super::Pixels;
use super::pitched::Rows;
use super::rows::{Input, Output, Reader, Writer, level_of};
use super::transfer::{Channel, as_f32, decoded_part, encoded_part};
use crate::element::transform::Real;
use crate::element::wider::Wider;
use crate::simd::vectorized;
use crate::simd::weigh::Weighing;
use crate::words::Alpha;

impl Pixels {
    fn has_alpha(self) -> bool {
        matches!(self.channels, 2 | 4)
    }

    /// Samples that are written together.
    fn together(self) -> usize {
        let reads_alpha = self.alpha != Alpha::AsChannel || self.encoded;
        if self.has_alpha() && reads_alpha { self.channels } else { 1 }
    }
}

/// Both ends of a convolution of pixels; `y` has the units of `x`, whatever it is stored as.
pub(crate) fn ends<'f, C, T: Channel, U: Channel>(
    x: Rows<'f, T>,
    y: &'f mut [U],
    pixels: Pixels,
) -> Ends<'f, C>
where
    C: Real + Wider<T> + Wider<U> + From<f32>,
{
    (input(x, pixels), output::<C, T, U>(y, pixels))
}

/// Pixels that are read.
pub(crate) fn input<C, T: Channel>(x: Rows<'_, T>, pixels: Pixels) -> Input<'_, C>
where
    C: Real + Wider<T> + From<f32>,
{
    let read: fn(Pixels, &[u8], usize, &mut [C]) =
        |pixels, from, at, to| read::<C, T>(pixels, cast_slice(from), at, to);
    let (samples, gaps) = x.parts();
    let (size, level) = (size_of::<T>(), level_of::<T>(pixels));
    Input::Stored(cast_slice(samples), Reader { size, pixels, level, gaps, read })
}

/// Pixels that are written, in the units of `T`.
pub(crate) fn output<C, T: Channel, U: Channel>(y: &mut [U], pixels: Pixels) -> Output<'_, C>
where
    C: Real + Wider<U> + From<f32>,
{
    let write: fn(Pixels, &[C], &mut [u8]) =
        |pixels, from, to| write::<C, T, U>(pixels, from, cast_slice_mut(to));
    let (size, together) = (size_of::<U>(), pixels.together());
    let level = level_of::<U>(pixels);
    Output::Stored(cast_slice_mut(y), Writer { size, together, pixels, level, write })
}

/// Reads samples from `at` on, which may begin and end within a pixel.
fn read<C, T: Channel>(pixels: Pixels, from: &[T], at: usize, to: &mut [C])
where
    C: Real + Wider<T> + From<f32>,
{
    match pixels.channels {
        2 => read_parts::<C, T, 2>(pixels, from, at, to),
        4 => read_parts::<C, T, 4>(pixels, from, at, to),
        _ => read_colours(pixels, &from[at..][..to.len()], to),
    }
}

fn read_colours<C, T: Channel>(pixels: Pixels, from: &[T], to: &mut [C])
where
    C: Wider<T> + From<f32>,
{
    if !pixels.decoded {
        return C::widen_all(from, to);
    }
    vectorized(
        #[inline(always)]
        || T::to_light(from, to),
    );
}

fn read_parts<C, T: Channel, const N: usize>(pixels: Pixels, from: &[T], at: usize, to: &mut [C])
where
    C: Real + Wider<T> + From<f32>,
{
    let pixel = |at: usize| {
        let mut pixel = [C::zeroed(); N];
        read_pixels::<C, T, N>(pixels, &from[at / N * N..][..N], &mut pixel);
        pixel
    };
    let first = (N - at % N) % N;
    let (head, rest) = to.split_at_mut(first.min(to.len()));
    if !head.is_empty() {
        head.copy_from_slice(&pixel(at)[N - first..][..head.len()]);
    }
    let (whole, tail) = rest.split_at_mut(rest.len() / N * N);
    let at = at + first;
    if !whole.is_empty() {
        read_pixels::<C, T, N>(pixels, &from[at..][..whole.len()], whole);
    }
    if !tail.is_empty() {
        tail.copy_from_slice(&pixel(at + whole.len())[..tail.len()]);
    }
}

/// Reads whole pixels, the last channel of which is alpha.
fn read_pixels<C, T: Channel, const N: usize>(pixels: Pixels, from: &[T], to: &mut [C])
where
    C: Real + Wider<T> + From<f32>,
{
    if pixels.alpha == Alpha::Premultiplied && pixels.decoded {
        return read_premultiplied_light::<C, T, N>(from, to);
    }
    read_colours(pixels, from, to);
    if pixels.decoded {
        let mut stored = [C::zeroed(); SAMPLES];
        for (to, from) in to.chunks_mut(SAMPLES).zip(from.chunks(SAMPLES)) {
            let stored = &mut stored[..from.len()];
            C::widen_all(from, stored);
            take_alpha::<C, N>(stored, to);
        }
    }
    multiply::<C, T, N>(pixels, to);
}

/// Samples that one thing is done with after the other: whole pixels.
const SAMPLES: usize = 256;

/// Takes alpha, the last sample of each `N`, from other samples. (All are stored again: a branch would store them one
/// by one.)
pub(crate) fn take_alpha<V: Copy, const N: usize>(from: &[V], to: &mut [V]) {
    vectorized(
        #[inline(always)]
        || {
            for (i, (to, from)) in to.iter_mut().zip(from).enumerate() {
                *to = select_unpredictable(i % N == N - 1, *from, *to);
            }
        },
    );
}

/// Multiplies the colours of whole pixels by their alpha, where that is divided out as they are stored.
pub(crate) fn multiplied<C, T: Channel>(pixels: Pixels, samples: &mut [C])
where
    C: Real + From<f32>,
{
    match pixels.channels {
        2 => multiply::<C, T, 2>(pixels, samples),
        4 => multiply::<C, T, 4>(pixels, samples),
        _ => {}
    }
}

fn multiply<C: Real + From<f32>, T: Channel, const N: usize>(pixels: Pixels, samples: &mut [C]) {
    if pixels.alpha == Alpha::Straight {
        C::weigh::<N>(samples, Weighing::Multiply { opaque: T::OPAQUE.into() });
    }
}

/// Divides the colours of pixels by alpha; where none will be stored they become zero.
fn divide<C: Real + From<f32>, T: Channel, U: Channel, const N: usize>(samples: &mut [C]) {
    let opaque = T::OPAQUE.into();
    // Alpha of levels is large enough to have a reciprocal.
    let weighing = match U::CLEAR > 0.0 {
        true => Weighing::DivideAbove { opaque, clear: U::CLEAR.into() },
        false => Weighing::Divide { opaque },
    };
    C::weigh::<N>(samples, weighing);
}

/// Reads the light of colours that are stored multiplied by alpha, multiplied by it still. Those beyond
/// their alpha are as bright as can be.
fn read_premultiplied_light<C, T: Channel, const N: usize>(from: &[T], to: &mut [C])
where
    C: Real + Wider<T> + From<f32>,
{
    C::widen_all(from, to);
    for pixel in to.as_chunks_mut::<N>().0 {
        let alpha = as_f32(pixel[N - 1]);
        for colour in &mut pixel[..N - 1] {
            *colour = match alpha > 0.0 {
                true => (decoded_part(as_f32(*colour) / alpha) * alpha).into(),
                false => C::zeroed(),
            };
        }
    }
}

/// Writes whole pixels.
fn write<C, T: Channel, U: Channel>(pixels: Pixels, from: &[C], to: &mut [U])
where
    C: Real + Wider<U> + From<f32>,
{
    match pixels.channels {
        2 => write_pixels::<C, T, U, 2>(pixels, from, to),
        4 => write_pixels::<C, T, U, 4>(pixels, from, to),
        _ => write_colours(pixels, from, to),
    }
}

fn write_colours<C: Real + Wider<U>, U: Channel>(pixels: Pixels, from: &[C], to: &mut [U]) {
    if !pixels.encoded {
        return C::round_all(from, to);
    }
    encode(from, to);
}

/// The nearest levels of light that was computed in any type.
fn encode<C: Real, U: Channel>(from: &[C], to: &mut [U]) {
    vectorized(
        #[inline(always)]
        || U::of_light(from, to),
    );
}

/// Writes pixels, the last channel of which is alpha. Where that counts and is stored as 0, so are the
/// colours.
fn write_pixels<C, T: Channel, U: Channel, const N: usize>(pixels: Pixels, from: &[C], to: &mut [U])
where
    C: Real + Wider<U> + From<f32>,
{
    if pixels.alpha == Alpha::Premultiplied && !U::IS_LIGHT {
        return write_premultiplied::<C, T, U, N>(pixels, from, to);
    }
    debug_assert!(from.len().is_multiple_of(pixels.together()), "pixels are written whole");
    let mut divided = [C::zeroed(); SAMPLES];
    let mut levels = [U::zeroed(); SAMPLES];
    for (from, to) in from.chunks(SAMPLES).zip(to.chunks_mut(SAMPLES)) {
        let divided = &mut divided[..from.len()];
        divided.copy_from_slice(from);
        if pixels.alpha == Alpha::Straight {
            divide::<C, T, U, N>(divided);
        }
        if pixels.encoded {
            let levels = &mut levels[..to.len()];
            C::round_all(divided, levels);
            encode(divided, to);
            take_alpha::<U, N>(levels, to);
        } else {
            C::round_all(divided, to);
        }
    }
}

/// Writes pixels whose colours are multiplied by alpha, and are stored so: as levels, none of which exceeds
/// its alpha.
fn write_premultiplied<C, T: Channel, U: Channel, const N: usize>(
    pixels: Pixels,
    from: &[C],
    to: &mut [U],
) where
    C: Real + Wider<U> + From<f32>,
{
    for (from, to) in from.as_chunks::<N>().0.iter().zip(to.as_chunks_mut::<N>().0) {
        let mut pixel = *from;
        let alpha = as_f32(pixel[N - 1]);
        for colour in &mut pixel[..N - 1] {
            let stored = match pixels.encoded {
                true if alpha > 0.0 => encoded_part(as_f32(*colour) / alpha) * alpha,
                true => 0.0,
                // What is no number stays none.
                false if as_f32(*colour) > alpha => alpha,
                false => continue,
            };
            *colour = stored.into();
        }
        C::round_all(&pixel, to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighed(channels: usize) -> Pixels {
        Pixels { alpha: Alpha::Straight, ..Pixels::plain(channels) }
    }

    fn lit(channels: usize) -> Pixels {
        Pixels { decoded: true, encoded: true, ..Pixels::plain(channels) }
    }

    fn linear(level: u8) -> f32 {
        let mut light = [f32::NAN];
        u8::to_light(&[level], &mut light);
        light[0]
    }

    fn both(x: &[u8], pixels: Pixels) -> (Vec<f32>, Vec<u8>) {
        let mut y = vec![99u8; x.len()];
        let mut wide = vec![f32::NAN; x.len()];
        let rows = Rows::new(x, 1, x.len(), x.len());
        let (input, mut output) = ends::<f32, u8, u8>(rows, &mut y, pixels);
        input.read(0, &mut wide);
        output.write(0, &wide);
        (wide, y)
    }

    #[test]
    fn colours_are_multiplied_and_divided() {
        let x = [10, 20, 30, 255, 200, 100, 50, 51, 7, 8, 9, 0];
        let (wide, y) = both(&x, weighed(4));
        let expected = [10.0, 20.0, 30.0, 255.0, 40.0, 20.0, 10.0, 51.0, 0.0, 0.0, 0.0, 0.0];
        assert!(wide.iter().zip(expected).all(|(wide, exact)| (wide - exact).abs() < 1e-4));
        assert_eq!(y, [10, 20, 30, 255, 200, 100, 50, 51, 0, 0, 0, 0]);
        assert_eq!(both(&[10, 102], weighed(2)), (vec![4.0, 102.0], vec![10, 102]));
        // Without weights the colours of what is transparent stay.
        assert_eq!(both(&x, Pixels::plain(4)).1, x);
    }

    #[test]
    fn colours_are_light_and_alpha_is_not() {
        let all: Vec<u8> = (0..=255).collect();
        for channels in 1..=4 {
            for alpha in [Alpha::AsChannel, Alpha::Straight] {
                let weighed = alpha == Alpha::Straight;
                let pixels = Pixels { alpha, ..lit(channels) };
                let (wide, y) = both(&all[..252], pixels);
                let has_alpha = channels % 2 == 0;
                for (i, (&stored, &light)) in all.iter().zip(&wide).enumerate() {
                    let alpha = all[i / channels * channels + channels - 1];
                    let weight = if weighed && has_alpha { f32::from(alpha) / 255.0 } else { 1.0 };
                    let exact = match has_alpha && i % channels == channels - 1 {
                        true => f32::from(stored),
                        false => linear(stored) * weight,
                    };
                    assert!((light - exact).abs() < 1e-4, "{channels} {i}: {light}, {exact}");
                    assert_eq!(y[i], if alpha == 0 && weight == 0.0 { 0 } else { stored });
                }
            }
        }
    }

    #[test]
    fn colours_that_are_stored_multiplied_come_back() {
        let mut x = Vec::new();
        for alpha in 0..=255u8 {
            x.extend([0, alpha / 3, alpha, alpha]);
        }
        let (light, y) = both(&x, Pixels { alpha: Alpha::Premultiplied, ..lit(4) });
        assert_eq!(y, x);
        for (light, x) in light.chunks(4).zip(x.chunks(4)) {
            let alpha = f32::from(x[3]);
            let part = f32::from(x[1]) / alpha.max(1.0);
            let exact = super::super::transfer::decoded(part.into()) as f32 * alpha;
            assert!((light[1] - exact).abs() < 1e-3, "{light:?} {x:?}");
            assert!((light[2] - alpha).abs() < 1e-3 && light[3] == alpha, "{light:?} {x:?}");
        }
        // No colour is beyond its alpha; a NaN is black.
        let pixels = Pixels { alpha: Alpha::Premultiplied, ..Pixels::plain(4) };
        let mut y = [9u8; 8];
        output::<f32, u8, u8>(&mut y, pixels)
            .write(0, &[90.0, 100.6, f32::NAN, 100.4, -1.0, 0.3, 3.0, -2.0]);
        assert_eq!(y, [90, 100, 0, 100, 0, 0, 0, 0]);
    }

    #[test]
    fn what_begins_and_ends_within_pixels_is_read_as_a_part_of_them() {
        let x: Vec<u16> = (0..64).map(|i| (i * 9_371 % 65_521) as u16).collect();
        for channels in 1..=4 {
            for decoded in [false, true] {
                let pixels = Pixels { alpha: Alpha::Straight, decoded, ..lit(channels) };
                let mut y = vec![0u16; x.len()];
                let rows = Rows::new(&x, 1, x.len(), x.len());
                let (input, _) = ends::<f64, _, _>(rows, &mut y, pixels);
                let mut whole = vec![0.0; x.len() / channels * channels];
                input.read(0, &mut whole);
                for start in 0..whole.len() {
                    for end in start..whole.len() {
                        let mut part = vec![f64::NAN; end - start];
                        input.read(start, &mut part);
                        assert_eq!(part, whole[start..end], "{start}..{end} of {channels}");
                    }
                }
            }
        }
    }
}
