//! Maxima and sums over neighbours, along any axis of tiles.

use crate::element::transform::Real;
use crate::simd::vectorized;

/// Applies `along` to stretches along each axis, with a count and a step for each.
pub(super) fn slide<R: Real>(
    values: &mut [R],
    shape: &[usize],
    part: impl Fn(usize) -> (usize, usize),
    mut along: impl FnMut(&mut [R], usize, usize),
) {
    if values.is_empty() {
        return;
    }
    let mut inner = 1;
    for (a, &n) in shape.iter().enumerate().rev() {
        let (count, step) = part(a);
        for values in values.chunks_exact_mut(n * inner) {
            along(values, count, step * inner);
        }
        inner *= n;
    }
}

/// Values in one step of loops over neighbours.
const FOLD: usize = 8;

/// Replaces each value by what `join` makes of it and the one `shift` further on, as far as there is
/// one.
#[inline(always)]
fn with_ahead<R: Real>(values: &mut [R], shift: usize, join: impl Fn(R, R) -> R) {
    vectorized(
        #[inline(always)]
        || {
            let mut at = 0;
            while at + shift + FOLD <= values.len() {
                let ahead: [R; FOLD] = *values[at + shift..].first_chunk().expect("that many");
                let here = values[at..].first_chunk_mut::<FOLD>().expect("that many");
                for i in 0..FOLD {
                    here[i] = join(here[i], ahead[i]);
                }
                at += FOLD;
            }
            for i in at..values.len().saturating_sub(shift) {
                values[i] = join(values[i], values[i + shift]);
            }
        },
    );
}

/// Replaces each value by the maximum over `count` values, `step` apart, from there on; towards the
/// end, over as many as there are. Maxima over 1, 2, 4, ... are joined, the last two overlapping.
pub(super) fn sliding_maximum<R: Real>(values: &mut [R], count: usize, step: usize) {
    if count == 0 {
        return values.fill(R::default());
    }
    let mut width = 1;
    while width < count {
        let next = (2 * width).min(count);
        with_ahead(values, (next - width) * step, R::larger);
        width = next;
    }
}

/// Replaces each value by the sum over `count` values, `step` apart, from there on; towards the end,
/// over as many as there are. Sums over 1, 2, 4, ... are joined.
pub(super) fn sliding_sum<R: Real>(
    values: &mut [R],
    powers: &mut Vec<R>,
    count: usize,
    step: usize,
) {
    if count == 0 {
        return values.fill(R::default());
    }
    if count.is_power_of_two() {
        let mut width = 1;
        while width < count {
            with_ahead(values, width * step, |a, b| a + b);
            width *= 2;
        }
        return;
    }
    powers.clear();
    powers.extend_from_slice(values);
    let (mut width, mut done) = (1, 0);
    loop {
        if count & width != 0 {
            let from = (done * step).min(powers.len());
            if done == 0 {
                values.copy_from_slice(powers);
            } else {
                let len = powers.len() - from;
                for (value, ahead) in values[..len].iter_mut().zip(&powers[from..]) {
                    *value = *value + *ahead;
                }
            }
            done += width;
        }
        if 2 * width > count {
            return;
        }
        with_ahead(powers, width * step, |a, b| a + b);
        width *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_maximum_slides_along_outer_axes_too() {
        let mut values = vec![1.0, 5.0, 2.0, 0.0, 3.0, 1.0];
        sliding_maximum(&mut values, 2, 2);
        assert_eq!(values[..4], [2.0, 5.0, 3.0, 1.0]);
    }

    #[test]
    fn sums_of_any_number_slide() {
        let given: Vec<f64> = (0..40).map(|i| f64::from(i * i % 17)).collect();
        for (count, step) in [(1, 1), (2, 3), (3, 1), (5, 2), (8, 4), (11, 3)] {
            let mut sums = given.clone();
            sliding_sum(&mut sums, &mut Vec::new(), count, step);
            for (i, sum) in sums.iter().enumerate() {
                let exact: f64 = given.iter().skip(i).step_by(step).take(count).sum();
                assert_eq!(*sum, exact, "{count} values, {step} apart, from {i} on");
            }
        }
    }
}
