//! Rows of a picture as the encoder wants them: luma, and chroma that is averaged already.

use jpeg_encoder::{ImageBuffer, JpegColorType};

/// RGB of which chroma is the mean over so many columns and rows.
///
/// The encoder would take these means sample by sample, and takes the first one of each group where
/// that is what it is told: so the mean stands there.
pub struct Rows<'a> {
    pub pixels: &'a [u8],
    pub width: u16,
    pub height: u16,
    /// 1 or 2 columns and rows.
    pub across: usize,
    pub down: usize,
}

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (y, width) = (usize::from(y), usize::from(self.width));
        let row = |y: usize| -> &[[u8; 3]] {
            let y = y.min(usize::from(self.height) - 1);
            self.pixels[3 * width * y..][..3 * width].as_chunks().0
        };
        let mut places = buffers.iter_mut().map(|buffer| {
            let start = buffer.len();
            buffer.resize(start + width, 0);
            &mut buffer[start..]
        });
        let (Some(luma), Some(blue), Some(red)) = (places.next(), places.next(), places.next())
        else {
            return;
        };
        // Of the second row of two nothing is taken, but of the last one, which is repeated.
        let taken = y % self.down == 0 || y + 1 == usize::from(self.height);
        let second = taken.then(|| row(y + self.down - 1));
        let (row, across) = (row(y), self.across);
        vectorized(
            #[inline(always)]
            || {
                for (pixel, luma) in row.iter().zip(luma) {
                    *luma = luma_of(pixel);
                }
                match second {
                    None => {}
                    Some(second) if across == 1 => each(row, second, blue, red),
                    Some(second) => pairs(row, second, blue, red),
                }
            },
        );
    }
}

/// In the encoder's fractions of 2^16.
#[inline(always)]
fn luma_of(pixel: &[u8; 3]) -> u8 {
    let [r, g, b] = pixel.map(i32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b + 0x7fff) >> 16) as u8
}

/// Blue and red of a sum of 2^`shift` pixels.
#[inline(always)]
fn chroma_of([r, g, b]: [i32; 3], shift: u32) -> [u8; 2] {
    let middle = ((128 << 16) + 0x7fff) << shift;
    let blue = -11_059 * r - 21_709 * g + 32_768 * b + middle;
    let red = 32_768 * r - 27_439 * g - 5_329 * b + middle;
    [blue, red].map(|value| (value >> (16 + shift)) as u8)
}

/// Chroma of each pixel and the one below it, which may be itself.
#[inline(always)]
fn each(row: &[[u8; 3]], second: &[[u8; 3]], blue: &mut [u8], red: &mut [u8]) {
    for ((pixel, below), (blue, red)) in row.iter().zip(second).zip(blue.iter_mut().zip(red)) {
        let sum = [0, 1, 2].map(|c| i32::from(pixel[c]) + i32::from(below[c]));
        [*blue, *red] = chroma_of(sum, 1);
    }
}

/// Chroma of each two pixels, with the two below them.
#[inline(always)]
fn pairs(row: &[[u8; 3]], second: &[[u8; 3]], blue: &mut [u8], red: &mut [u8]) {
    let sum = |[left, right]: [&[u8; 3]; 2], [below, beside]: [&[u8; 3]; 2]| {
        [0, 1, 2].map(|c| {
            i32::from(left[c]) + i32::from(right[c]) + i32::from(below[c]) + i32::from(beside[c])
        })
    };
    let (two, one) = row.as_chunks::<2>();
    let (two_below, one_below) = second.as_chunks::<2>();
    let (blue_two, blue_one) = blue.as_chunks_mut::<2>();
    let (red_two, red_one) = red.as_chunks_mut::<2>();
    let places = blue_two.iter_mut().zip(red_two);
    for ((above, below), (blue, red)) in two.iter().zip(two_below).zip(places) {
        let sum = sum([&above[0], &above[1]], [&below[0], &below[1]]);
        let [blue_mean, red_mean] = chroma_of(sum, 2);
        // At both places: the last one is repeated up to the end of a block.
        *blue = [blue_mean; 2];
        *red = [red_mean; 2];
    }
    // The last one of an odd width stands for two.
    if let ([above], [below], [blue], [red]) = (one, one_below, blue_one, red_one) {
        [*blue, *red] = chroma_of(sum([above, above], [below, below]), 2);
    }
}

/// Calls `work` compiled for the vectors that this machine has.
fn vectorized(work: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2(work: impl FnOnce()) {
            work();
        }
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: this machine has what it is compiled for.
            return unsafe { with_avx2(work) };
        }
    }
    work();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_is_the_mean_of_a_group() {
        let (width, height) = (37u16, 5u16);
        let byte = |i: usize| (i * i * 7 + i * 13) as u8;
        let pixels: Vec<u8> = (0..3 * usize::from(width) * usize::from(height)).map(byte).collect();
        let pixel = |x: usize, y: usize| -> [f64; 3] {
            let (x, y) = (x.min(usize::from(width) - 1), y.min(usize::from(height) - 1));
            [0, 1, 2].map(|c| pixels[3 * (usize::from(width) * y + x) + c].into())
        };
        for (across, down) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
            let rows = Rows { pixels: &pixels, width, height, across, down };
            for y in 0..height {
                // Rows come one after another in a buffer.
                let mut buffers: [Vec<u8>; 4] = std::array::from_fn(|_| vec![9]);
                rows.fill_buffers(y, &mut buffers);
                let y = usize::from(y);
                for x in 0..usize::from(width) {
                    let [r, g, b] = pixel(x, y);
                    let luma = 0.299 * r + 0.587 * g + 0.114 * b;
                    assert!((luma - f64::from(buffers[0][1 + x])).abs() < 0.51, "{x} {y}");
                    if x % across > 0 || y % down > 0 {
                        continue;
                    }
                    let group = (0..across).flat_map(|i| (0..down).map(move |j| (x + i, y + j)));
                    let group: Vec<[f64; 3]> = group.map(|(x, y)| pixel(x, y)).collect();
                    let [r, g, b] = [0, 1, 2].map(|c| {
                        group.iter().map(|pixel| pixel[c]).sum::<f64>() / group.len() as f64
                    });
                    let blue = -0.168_736 * r - 0.331_264 * g + 0.5 * b + 128.0;
                    let red = 0.5 * r - 0.418_688 * g - 0.081_312 * b + 128.0;
                    for (expected, found) in [(blue, buffers[1][1 + x]), (red, buffers[2][1 + x])] {
                        let off = (expected.min(255.0) - f64::from(found)).abs();
                        assert!(off < 0.52, "{x} {y}: {expected} {found}");
                    }
                }
            }
        }
    }
}
