//! What the outputs of a block say of their own windows.
//!
//! No output is larger than `sum |k| |x|` over its window, so one that is large enough against the error of
//! its transform has a window that is, too. Of samples and taps without a sign nearly all are: then nobody has to
//! look at windows at all.

use num_complex::Complex;
use std::ops::Range;

use super::guard::Guard;
use super::steps::joined;
use crate::element::transform::Real;
use crate::error::Result;
use crate::simd::vectorized;
use crate::util::memory;

/// Outputs that are taken for as small as the smallest of them.
pub(super) const SEGMENT: usize = 64;

/// The smallest outputs of a block, by magnitude: of each row of patches in segments. Empty where nobody
/// asked; memory is kept from block to block.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    least: Vec<f64>,
    segments: usize,
}

impl Outcome {
    /// Nothing is known.
    pub(super) fn clear(&mut self) {
        self.least.clear();
    }

    /// Bytes that blocks of this size take.
    pub(super) fn bytes(guard: &Guard, size: &[usize]) -> usize {
        let (width, outer) = size.split_last().expect("at least one axis");
        rows(guard, outer).saturating_mul(width.div_ceil(SEGMENT) * size_of::<f64>())
    }

    /// Starts on a block with so many outputs along each axis.
    pub(super) fn start(&mut self, guard: &Guard, needed: &[usize]) -> Result<()> {
        let (width, outer) = needed.split_last().expect("at least one axis");
        self.segments = width.div_ceil(SEGMENT);
        memory::fit(&mut self.least, rows(guard, outer) * self.segments, "a look at outputs")?;
        self.least.fill(f64::INFINITY);
        Ok(())
    }

    /// Whether anybody asked.
    pub(super) fn is_wanted(&self) -> bool {
        !self.least.is_empty()
    }

    /// A row of outputs, in one part of a line of complex numbers, of a row of patches; they are to be
    /// multiplied by `scale`.
    pub(super) fn add<R: Real>(
        &mut self,
        row_of_patches: usize,
        line: &[Complex<R>],
        part: usize,
        scale: f64,
    ) {
        let all = &mut self.least[row_of_patches * self.segments..][..self.segments];
        vectorized(
            #[inline(always)]
            || {
                for (least, line) in all.iter_mut().zip(line.chunks(SEGMENT)) {
                    *least = least.min(smallest(line)[part].into() * scale);
                }
            },
        );
    }

    /// Whether some outputs of a row of patches reach `need`, all of them.
    pub(super) fn reaches(&self, row_of_patches: usize, outputs: Range<usize>, need: f64) -> bool {
        if self.least.is_empty() {
            return false;
        }
        let row = &self.least[row_of_patches * self.segments..][..self.segments];
        let end = outputs.end.div_ceil(SEGMENT).min(self.segments);
        row[outputs.start / SEGMENT..end].iter().all(|least| *least >= need)
    }
}

/// Rows of patches of so many outputs along the outer axes.
pub(super) fn rows(guard: &Guard, outer: &[usize]) -> usize {
    outer.iter().enumerate().map(|(a, &outputs)| guard.patches(a, outputs)).product()
}

/// The smallest magnitudes of both parts.
#[inline(always)]
fn smallest<R: Real>(line: &[Complex<R>]) -> [R; 2] {
    const STEP: usize = 8;
    let less =
        |a: [R; 2], b: [R; 2]| [0, 1].map(|part| if b[part] < a[part] { b[part] } else { a[part] });
    let of = |value: &Complex<R>| [value.re.magnitude(), value.im.magnitude()];
    let mut all = [of(&line[0]); STEP];
    let (steps, rest) = line.as_chunks::<STEP>();
    for step in steps {
        for i in 0..STEP {
            all[i] = less(all[i], of(&step[i]));
        }
    }
    rest.iter().map(of).fold(joined(all, less), less)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_any_number_is_found() {
        for len in 1..40 {
            for at in 0..len {
                let value = |i: usize| if i == at { 0.5f32 } else { 3.0 - i as f32 * 0.01 };
                let line: Vec<_> =
                    (0..len).map(|i| Complex::new(-value(i), value(len - 1 - i))).collect();
                assert_eq!(smallest(&line), [0.5; 2], "{at} of {len}");
            }
        }
    }
}
