//! Kernels that are a sum of a few outer products: a Laplacian of a Gaussian, a difference of two
//! Gaussians, a sharpened blur.

use num_complex::Complex;

use crate::element::Element;
use crate::element::number::Number;
use crate::error::Result;
use crate::kernel::{self, Factors, rank_one};
use crate::util::memory;

/// What several terms are off by, in eps of their own magnitude. Rounding errors are as good as
/// independent: the two hundred of 61 x 61 taps in two terms, of half an eps each at most, are expected
/// to add up to four.
const TERMS_LOSE: f64 = 8.0;

/// A kernel as a sum of outer products.
pub(crate) struct Terms<A> {
    /// For each term one vector per axis.
    pub factors: Vec<Factors<A>>,
    /// The most that the terms are larger than the tap that they add up to: see
    /// [`KernelFacts::gain`](crate::KernelFacts::gain).
    pub gain: f64,
}

/// Terms beyond which no kernel is pursued: each is another horizontal pass and another ring in the
/// cache, and the search costs a look at all taps.
const MOST_TERMS: usize = 8;

/// How much larger than `sum |k|` all terms together may be: two bits of the result's precision.
const MOST_TOTAL: f64 = 4.0;

/// The fewest outer products found whose sum is the kernel: one, on any axes ([`rank_one::factors`]),
/// or several on the last two, or `None`.
///
/// Several are found by cross approximation with full pivoting: time and again the fibres through
/// the largest tap that is left are a term, and their product is taken away. The terms, rounded to
/// the element type, are accepted where they keep every tap ([`rank_one::keeps`]), and where the
/// passes' error is a small share of every window, whatever it holds: of terms that cancel in a tap
/// an impulse under it would leave nothing but rounding errors. Integers have one term at most: the
/// fibres of a residual are fractions.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory): the search works on a copy of the taps.
pub(crate) fn terms<A: Element>(w: &[A], shape: &[usize]) -> Result<Option<Terms<A>>> {
    if let Some(factors) = rank_one::factors(w, shape)? {
        return Ok(Some(Terms { factors: vec![factors], gain: 1.0 }));
    }
    let [before @ .., rows, columns] = shape else { return Ok(None) };
    let (rows, columns) = (*rows, *columns);
    // As many as take fewer multiplications than the kernel has taps.
    let most = ((rows * columns - 1) / (rows + columns)).min(MOST_TERMS);
    let plane = before.iter().all(|&taps| taps == 1);
    if A::DTYPE.is_integer() || !plane || most < 2 || !w.iter().all(|w| w.is_finite()) {
        return Ok(None);
    }
    let sum: f64 = w.iter().map(|w| w.magnitude()).sum();
    if !sum.is_finite() {
        return Ok(None);
    }
    // What is left in all where every tap is kept.
    let allowed =
        |total: f64| (2 * rank_one::ROUNDINGS) as f64 * A::DTYPE.epsilon() * (sum + total);
    if has_more_terms(w, columns, most, allowed(MOST_TOTAL * sum))? {
        return Ok(None);
    }
    let one = A::from_complex(1.0.into());
    let mut left = Residual::new(w, columns)?;
    let mut terms = Terms { factors: Vec::new(), gain: 1.0 };
    let mut total = 0.0;
    while terms.factors.len() < most {
        let Some([down, across]) = left.take_term()? else { return Ok(None) };
        let length = |f: &[A]| f.iter().map(|f| f.magnitude()).sum::<f64>();
        let [down, across] = rounded([&down, &across])?;
        total += length(&down) * length(&across);
        let mut factors = vec![vec![one]; before.len()];
        factors.extend([down, across]);
        terms.factors.push(factors);
        if total > MOST_TOTAL * sum {
            return Ok(None);
        }
        if left.sum <= allowed(total)
            && let Some(gain) = gain(w, &terms.factors)
        {
            terms.gain = gain;
            let loss = TERMS_LOSE * A::DTYPE.epsilon() * gain;
            return Ok((loss <= kernel::share(A::DTYPE.epsilon())).then_some(terms));
        }
    }
    Ok(None)
}

/// The most that these terms are larger than the tap that they add up to; `None` where a tap is not
/// kept.
fn gain<A: Element>(w: &[A], terms: &[Vec<Vec<A>>]) -> Option<f64> {
    let columns = terms[0].last().map_or(1, Vec::len);
    let pairs: Vec<_> = terms.iter().filter_map(|term| term.split_last_chunk::<2>()).collect();
    let smallest = A::DTYPE.smallest_normal();
    let mut gain = 1.0f64;
    for (index, tap) in w.iter().enumerate() {
        let (tap, mut left, mut products) = (tap.to_complex(), tap.to_complex(), 0.0);
        for (_, [down, across]) in &pairs {
            let product = down[index / columns].to_complex() * across[index % columns].to_complex();
            left -= product;
            products += product.norm();
        }
        if !rank_one::keeps::<A>(tap, left, products, 2) {
            return None;
        }
        gain = gain.max(products / (tap.norm() + smallest));
    }
    Some(gain)
}

/// Whether a plane of taps is not, but for errors of `allowed` in all, a sum of up to `most` outer
/// products: a few of its rows and columns would be one, too. With the largest tap as pivot, the
/// errors hardly grow from term to term; here they may double.
fn has_more_terms<A: Element>(w: &[A], columns: usize, most: usize, allowed: f64) -> Result<bool> {
    const SAMPLE: usize = 24;
    let rows = w.len() / columns;
    if rows.min(columns) < 2 * SAMPLE {
        return Ok(false);
    }
    let place = |i: usize, n: usize| i * n / SAMPLE;
    let row = |i: usize| (0..SAMPLE).map(move |j| w[place(i, rows) * columns + place(j, columns)]);
    let sample: Vec<A> = (0..SAMPLE).flat_map(row).collect();
    let mut left = Residual::new(&sample, SAMPLE)?;
    for _ in 0..most {
        if left.take_term()?.is_none() {
            return Ok(false);
        }
    }
    Ok(left.sum > 2f64.powi(most as i32) * allowed)
}

/// What the memory is for.
const SEARCH: &str = "the search for outer products";

/// What is left of a plane of taps.
struct Residual<D> {
    taps: Vec<D>,
    columns: usize,
    /// Index of the largest tap.
    pivot: usize,
    /// `sum |taps|`.
    sum: f64,
}

/// Within a factor of two of `|value|`, and cheaper: for pivots and for the search's own doubts.
fn size<D: Element>(value: D) -> f64 {
    let Complex { re, im } = value.to_complex();
    re.abs() + im.abs()
}

impl<D: Element> Residual<D> {
    fn new<A: Element<Double = D>>(w: &[A], columns: usize) -> Result<Self> {
        let taps = memory::collected(w.iter().map(|w| w.to_double()), w.len(), SEARCH)?;
        let mut left = Self { taps, columns, pivot: 0, sum: 0.0 };
        left.subtract(&memory::zeros(w.len() / columns, SEARCH)?, &memory::zeros(columns, SEARCH)?);
        Ok(left)
    }

    /// Takes away the product of the fibres through the largest tap.
    fn take_term(&mut self) -> Result<Option<[Vec<D>; 2]>> {
        let (row, column) = (self.pivot / self.columns, self.pivot % self.columns);
        let pivot = self.taps[self.pivot].to_complex();
        let down = self.taps.iter().skip(column).step_by(self.columns).copied();
        let down: Vec<D> = memory::collected(down, self.taps.len() / self.columns, SEARCH)?;
        let across = &self.taps[row * self.columns..][..self.columns];
        let across = across.iter().map(|tap| D::from_complex(tap.to_complex() / pivot));
        let across: Vec<D> = memory::collected(across, self.columns, SEARCH)?;
        if !across.iter().all(|tap| tap.is_finite()) {
            return Ok(None);
        }
        self.subtract(&down, &across);
        Ok(Some([down, across]))
    }

    fn subtract(&mut self, down: &[D], across: &[D]) {
        let (mut largest, mut pivot_row) = (-1.0, 0);
        self.sum = 0.0;
        for (row, (taps, &factor)) in self.taps.chunks_mut(self.columns).zip(down).enumerate() {
            let factor = D::from_complex(-factor.to_complex());
            let (mut sum, mut most) = (0.0, 0.0);
            for (tap, &across) in taps.iter_mut().zip(across) {
                *tap = tap.mul_add(factor, across);
                let size = size(*tap);
                sum += size;
                most = if size > most { size } else { most };
            }
            self.sum += sum;
            if most > largest {
                (largest, pivot_row) = (most, row);
            }
        }
        let row = &self.taps[pivot_row * self.columns..][..self.columns];
        let column = (0..row.len()).max_by(|&a, &b| size(row[a]).total_cmp(&size(row[b])));
        self.pivot = pivot_row * self.columns + column.unwrap_or(0);
    }
}

/// The factors of one term in the element type. The pass along the last axis runs first: its factor
/// adds up to at most one, so that no sum between the passes is larger than the input. A power of
/// two moves without rounding.
fn rounded<A: Element>([down, across]: [&[A::Double]; 2]) -> Result<[Vec<A>; 2]> {
    let length: f64 = across.iter().map(|tap| tap.magnitude()).sum();
    let share = 2f64.powf(-length.log2().ceil());
    let scaled = |taps: &[A::Double], scale: f64| {
        let scaled = taps.iter().map(|tap| A::from_complex(tap.to_complex() * scale));
        memory::collected(scaled, taps.len(), SEARCH)
    };
    Ok([scaled(down, 1.0 / share)?, scaled(across, share)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::builtin as filters;

    fn kernel(n: usize, tap: impl Fn(f64, f64) -> f64) -> Vec<f64> {
        let at = |i: usize| i as f64 - (n as f64 - 1.0) / 2.0;
        (0..n * n).map(|i| tap(at(i / n), at(i % n))).collect()
    }

    fn gaussian(sigma: f64) -> impl Fn(f64, f64) -> f64 {
        move |y, x| (-(x * x + y * y) / (2.0 * sigma * sigma)).exp() / (6.0 * sigma * sigma)
    }

    fn laplacian(n: usize, sigma: f64) -> Vec<f64> {
        kernel(n, |y, x| {
            ((x * x + y * y) / (sigma * sigma) - 2.0) * gaussian(sigma)(y, x) / (sigma * sigma)
        })
    }

    /// Terms of a kernel of `n x n` taps, 0 where there are none, found in each type. They are what
    /// they promise.
    fn count(w: &[f64]) -> [usize; 3] {
        fn of<A: Element>(w: &[f64], unit: Complex<f64>) -> usize {
            let n = w.len().isqrt();
            let w: Vec<A> = w.iter().map(|&w| A::from_complex(unit * w)).collect();
            let Some(found) = terms(&w, &[1, n, n]).expect("memory") else { return 0 };
            let gain = gain(&w, &found.factors).expect("every tap is kept");
            assert!(
                (found.gain - gain).abs() < 1e-5 && TERMS_LOSE * A::DTYPE.epsilon() * gain < 1e-3
            );
            for term in &found.factors {
                assert_eq!(term.iter().map(Vec::len).collect::<Vec<_>>(), [1, n, n]);
                let across: f64 = term[2].iter().map(|tap| tap.magnitude()).sum();
                assert!(across <= 1.0 + 1e-6, "{across}");
            }
            found.factors.len()
        }
        let unit = Complex::new(0.6, -0.8);
        [of::<f32>(w, 1.0.into()), of::<f64>(w, 1.0.into()), of::<Complex<f32>>(w, unit)]
    }

    #[test]
    fn kernels_of_two_terms() {
        for n in [5, 9, 31, 61] {
            assert_eq!(count(&laplacian(n, n as f64 / 8.0)), [2; 3], "{n}");
            let (narrow, wide) = (gaussian(n as f64 / 10.0), gaussian(n as f64 / 6.0));
            assert_eq!(count(&kernel(n, |y, x| narrow(y, x) - wide(y, x))), [2; 3], "{n}");
            let mut sharpen = kernel(n, |y, x| -wide(y, x));
            sharpen[n * n / 2] += 2.0;
            assert_eq!(count(&sharpen), [2; 3], "{n}");
        }
        assert_eq!(count(&kernel(9, gaussian(1.5))), [1; 3]);
    }

    #[test]
    fn terms_are_no_more_than_pay() {
        // A cross is two terms, but of 3 x 3 taps they would save nothing.
        let cross = |n| kernel(n, |y, x| f64::from(u8::from(x == 0.0 || y == 0.0)));
        assert_eq!((count(&cross(3)), count(&cross(7))), ([0; 3], [2; 3]));
        // Its edge makes a disk of many terms.
        let disk = filters::disk::<f64>(15.0).expect("a radius");
        assert_eq!(count(disk.as_slice().expect("standard")), [0; 3]);
        let diagonal = |n| kernel(n, |y, x| f64::from(u8::from(x == y)));
        assert_eq!((count(&diagonal(15)), count(&diagonal(4))), ([0; 3], [0; 3]));
    }

    #[test]
    fn noise_is_not_left_out() {
        let noise = |i: usize| ((i * 7919 % 1009) as f64 - 504.0) / 504.0;
        for level in [1e-2, 1e-4, 3e-6] {
            let mut w = laplacian(31, 4.0);
            let largest = w.iter().fold(0.0, |most: f64, w| most.max(w.abs()));
            w.iter_mut().enumerate().for_each(|(i, w)| *w += level * largest * noise(i));
            assert_eq!(count(&w), [0; 3], "{level}");
        }
        let random: Vec<f64> = (0..51 * 51).map(noise).collect();
        assert_eq!(count(&random), [0; 3]);
    }

    #[test]
    fn sums_beyond_the_type_prove_nothing() {
        let steep: Vec<f64> = (0..400).map(|i| [1.7e308, -1.7e308, 1e308][i % 3]).collect();
        assert!(matches!(terms(&steep, &[20, 20]), Ok(None)));
        assert!(matches!(terms(&[0.0f64; 49], &[7, 7]), Ok(None)));
    }

    #[test]
    fn integers_have_one_term_at_most() {
        let cross: Vec<i32> = (0..81).map(|i| i32::from(i / 9 == 4 || i % 9 == 4)).collect();
        assert!(matches!(terms(&cross, &[9, 9]), Ok(None)));
        let found = terms(&[2; 81], &[9, 9]).expect("memory");
        assert_eq!(found.map(|found| found.factors.len()), Some(1));
    }
}
