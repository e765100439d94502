//! Straight alpha: colours that are multiplied by their alpha as they are read, and divided by the
//! result's as they are written, so that those of transparent pixels count for nothing (Porter and Duff,
//! Compositing digital images, 1984).

use bytemuck::{Pod, cast_slice, cast_slice_mut};

use super::Ends;
use super::rows::{Conversion, Input, Output};
use crate::element::transform::Real;
use crate::element::wider::Wider;
use crate::simd::vectorized;

/// What a channel of a picture is stored as.
pub(crate) trait Channel: Pod + PartialEq + Send + Sync {
    /// Alpha where nothing shows through.
    const OPAQUE: f32;
}

impl Channel for u8 {
    const OPAQUE: f32 = 255.0;
}

impl Channel for u16 {
    const OPAQUE: f32 = 65_535.0;
}

impl Channel for f32 {
    const OPAQUE: f32 = 1.0;
}

/// Both ends of a convolution of pixels of 2 or of 4 channels, the last of which is alpha; `y` has the
/// units of `x`, whatever it is stored as. Pixels are written whole. `None` for other channels.
pub(crate) fn straight<'f, C, T: Channel, U: Channel>(
    x: &'f [T],
    y: &'f mut [U],
    channels: usize,
) -> Option<Ends<'f, C>>
where
    C: Real + Wider<T> + Wider<U> + From<f32>,
{
    let conversion = match channels {
        2 => conversion::<C, T, U, 2>(),
        4 => conversion::<C, T, U, 4>(),
        _ => return None,
    };
    let [from, to] = conversion;
    Some((Input::Stored(cast_slice(x), from), Output::Stored(cast_slice_mut(y), to)))
}

fn conversion<C, T: Channel, U: Channel, const N: usize>() -> [Conversion<C>; 2]
where
    C: Real + Wider<T> + Wider<U> + From<f32>,
{
    [size_of::<T>(), size_of::<U>()].map(|size| Conversion {
        size,
        together: N,
        read: |from, at, to| premultiply::<C, T, N>(cast_slice(from), at, to),
        write: |from, to| divide::<C, T, U, N>(from, cast_slice_mut(to)),
    })
}

/// Reads samples from `at` on, which may begin and end within a pixel.
fn premultiply<C, T: Channel, const N: usize>(from: &[T], at: usize, to: &mut [C])
where
    C: Real + Wider<T> + From<f32>,
{
    let pixel = |at: usize| {
        let mut pixel = [C::zeroed(); N];
        C::widen_all(&from[at / N * N..][..N], &mut pixel);
        multiply::<C, T, N>(&mut pixel);
        pixel
    };
    let first = (N - at % N) % N;
    let (head, rest) = to.split_at_mut(first.min(to.len()));
    if !head.is_empty() {
        head.copy_from_slice(&pixel(at)[N - first..][..head.len()]);
    }
    let (whole, tail) = rest.split_at_mut(rest.len() / N * N);
    let at = at + first;
    C::widen_all(&from[at.min(from.len())..][..whole.len()], whole);
    vectorized(
        #[inline(always)]
        || multiply::<C, T, N>(whole),
    );
    if !tail.is_empty() {
        tail.copy_from_slice(&pixel(at + whole.len())[..tail.len()]);
    }
}

#[inline(always)]
fn multiply<C: Real + From<f32>, T: Channel, const N: usize>(pixels: &mut [C]) {
    for pixel in pixels.as_chunks_mut::<N>().0 {
        let alpha = pixel[N - 1] / T::OPAQUE.into();
        for colour in &mut pixel[..N - 1] {
            *colour = *colour * alpha;
        }
    }
}

/// Writes whole pixels. Where alpha is stored as 0 so are the colours.
fn divide<C, T: Channel, U: Channel, const N: usize>(from: &[C], to: &mut [U])
where
    C: Real + Wider<U> + From<f32>,
{
    // Some pixels at a time.
    const SAMPLES: usize = 256;
    debug_assert!(from.len().is_multiple_of(N), "pixels are written whole");
    let mut divided = [C::zeroed(); SAMPLES];
    for (from, to) in from.chunks(SAMPLES).zip(to.chunks_mut(SAMPLES)) {
        let divided = &mut divided[..from.len()];
        vectorized(
            #[inline(always)]
            || {
                let pixels = divided.as_chunks_mut::<N>().0.iter_mut();
                for (divided, from) in pixels.zip(from.as_chunks::<N>().0) {
                    let alpha = from[N - 1] / T::OPAQUE.into();
                    for (divided, &colour) in divided.iter_mut().zip(from) {
                        *divided = if alpha > C::zeroed() { colour / alpha } else { C::zeroed() };
                    }
                    divided[N - 1] = from[N - 1];
                }
            },
        );
        C::round_all(divided, to);
        for pixel in to.as_chunks_mut::<N>().0 {
            if pixel[N - 1] == U::zeroed() {
                *pixel = [U::zeroed(); N];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(x: &[u8], channels: usize) -> (Vec<f32>, Vec<u8>) {
        let mut y = vec![99u8; x.len()];
        let mut wide = vec![f32::NAN; x.len()];
        let (input, mut output) = straight::<f32, u8, u8>(x, &mut y, channels).expect("alpha");
        input.read(0, &mut wide);
        output.write(0, &wide);
        (wide, y)
    }

    #[test]
    fn colours_are_multiplied_and_divided() {
        let x = [10, 20, 30, 255, 200, 100, 50, 51, 7, 8, 9, 0];
        let (wide, y) = both(&x, 4);
        let expected = [10.0, 20.0, 30.0, 255.0, 40.0, 20.0, 10.0, 51.0, 0.0, 0.0, 0.0, 0.0];
        assert!(wide.iter().zip(expected).all(|(wide, exact)| (wide - exact).abs() < 1e-4));
        assert_eq!(y, [10, 20, 30, 255, 200, 100, 50, 51, 0, 0, 0, 0]);
        assert_eq!(both(&[10, 102], 2), (vec![4.0, 102.0], vec![10, 102]));
    }

    #[test]
    fn what_begins_and_ends_within_pixels_is_read_as_a_part_of_them() {
        let x: Vec<u16> = (0..64).map(|i| i * 937 % 65_521).collect();
        for channels in [2, 4] {
            let mut y = vec![0u16; x.len()];
            let (input, _) = straight::<f64, _, _>(&x, &mut y, channels).expect("alpha");
            let mut whole = vec![0.0; x.len()];
            input.read(0, &mut whole);
            for start in 0..x.len() {
                for end in start..x.len() {
                    let mut part = vec![f64::NAN; end - start];
                    input.read(start, &mut part);
                    assert_eq!(part, whole[start..end], "{start}..{end} of {channels} channels");
                }
            }
        }
    }

    #[test]
    fn other_channels_have_no_alpha() {
        for channels in [0, 1, 3, 5] {
            assert!(straight::<f32, u8, u8>(&[], &mut [], channels).is_none());
        }
    }
}
