//! How far a method may be off: the error bounds that the planner, `verify` and the tests share.
//!
//! All are absolute, against the exact sum over the window.

use crate::element::DType;
use crate::kernel::{self, KernelFacts};
use crate::problem::geometry::Geometry;

pub use crate::kernel::share;

/// Rounding errors of one complex multiplication and addition against those of a real one
/// (Higham, Accuracy and Stability of Numerical Algorithms, lemma 3.5: `2 sqrt(2)`).
const COMPLEX: f64 = 2.83;

/// An error of results that are rounded to whole levels: what may be off by no more needs no second look,
/// however quiet its window is, and stays within one level with the half that rounding takes. The estimate has a factor
/// of eight in it, so that in all data tried nothing was off by more than a ninth.
pub const LEVEL: f64 = 0.5;

/// What an output is judged by: `sum |k_t|`, `sum |k_t| |x_t|` and the largest `|x_t|` over its window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// `sum |k_t|`.
    pub taps: f64,
    /// `sum |k_t| |x_t|`.
    pub products: f64,
    /// `max |x_t|`, or more.
    pub largest: f64,
}

impl Window {
    /// Adds a tap and the sample under it. What is not finite ends in something that is not finite
    /// either, which is compared in kind; errors are those of the rest.
    pub fn add(&mut self, tap: f64, sample: f64) {
        let [tap, sample] = [tap, sample].map(|part| if part.is_finite() { part } else { 0.0 });
        self.taps += tap;
        self.products += tap * sample;
        self.largest = self.largest.max(sample);
    }
}

/// The rounding errors of the definition itself, which is a sum in `f64`; nothing for integers.
pub fn definition(dtype: DType, taps: usize, window: Window) -> f64 {
    match dtype {
        _ if dtype.is_integer() => 0.0,
        _ if dtype.is_complex() => direct(DType::Complex64, taps, window),
        _ => direct(DType::F64, taps, window),
    }
}

/// `eps * taps * sum |k_t| |x_t|`: twice the classical `gamma_taps` (Higham, eq. 3.5), since eps is
/// twice the unit roundoff. Holds for any order of summation.
pub fn direct(dtype: DType, taps: usize, window: Window) -> f64 {
    let complex = if dtype.is_complex() { COMPLEX } else { 1.0 };
    let rounding = dtype.epsilon() * taps as f64 * window.products;
    complex * (rounding + underflow(dtype, taps, window.taps, window.largest))
}

/// What is lost where a product, a tap or a sample is subnormal: a GPU may take it for zero.
fn underflow(dtype: DType, taps: usize, sum: f64, largest_input: f64) -> f64 {
    dtype.smallest_normal() * (taps as f64 * (1.0 + largest_input) + sum)
}

/// Roundings on the way through passes along all axes of a kernel: one for each tap of every pass,
/// those of all terms where they are added up, and those by which the factors' products are off the
/// taps.
pub fn separable_roundings(kernel: &[usize], terms: usize) -> usize {
    let passes: usize = kernel.iter().sum();
    let added = match kernel {
        [.., rows, _] => terms.saturating_sub(1) * rows,
        _ => 0,
    };
    passes + added + kernel::ROUNDINGS * kernel.len()
}

/// The direct bound with the roundings of one pass after another. Several terms may be larger than the
/// taps that they add up to: it is their gain that errors grow with, to a [`share`] of the window at
/// most.
pub fn separable(dtype: DType, geometry: &Geometry, kernel: &KernelFacts, window: Window) -> f64 {
    let roundings = separable_roundings(&geometry.kernel(), kernel.terms);
    if kernel.terms <= 1 {
        return direct(dtype, roundings, window);
    }
    let [taps, products] = [window.taps, window.products].map(|sum| kernel.gain * sum);
    let terms = direct(dtype, roundings, Window { taps, products, ..window });
    terms.min(share(dtype.epsilon()) * window.products).max(direct(dtype, roundings, window))
}

/// What the coarse method may be off by: what was proved of its taps, and rounding errors. `largest_input`
/// is the largest sample that the output's window and `2 f` samples about it meet, or more.
pub fn coarse(dtype: DType, kernel: &KernelFacts, way: Coarsened, largest_input: f64) -> f64 {
    let all = kernel.sum * largest_input;
    let Coarsened { error, gain, roundings } = way;
    let window = Window { taps: gain * kernel.sum, products: gain * all, largest: largest_input };
    error * all + direct(dtype, roundings, window)
}

/// What is known of all taps on the way over a coarser grid.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Coarsened {
    /// What an output is off by at most, in units of `max |x| * sum |k|`.
    pub error: f64,
    /// What all taps together multiply magnitudes by, in units of `sum |k|`.
    pub gain: f64,
    /// Roundings on the way from a sample to an output, and those by which the factors' products are off
    /// the kernel's taps.
    pub roundings: usize,
}

/// How the errors of transforms spread: each output has something of all samples that it was
/// transformed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spread {
    /// Samples that one transform joins.
    pub transformed: usize,
    /// Transforms whose products with the kernel's spectra are summed.
    pub taps: usize,
}

impl Spread {
    /// One transform of this many samples.
    pub fn of(transformed: usize) -> Self {
        Self { transformed, taps: 1 }
    }

    /// Samples whose errors meet in an output.
    pub fn samples(&self) -> f64 {
        self.transformed as f64 * self.taps as f64
    }

    /// Roundings on the way from a sample to an output, in units of eps: one for each stage of
    /// transforms, and half a one for each term of a sum (Higham, eq. 3.5: eps is twice the unit
    /// roundoff).
    pub fn depth(&self) -> f64 {
        let terms = if self.taps > 1 { self.taps as f64 / 2.0 } else { 0.0 };
        (self.transformed as f64).log2().max(1.0) + terms
    }
}

/// What the error of an output is at most, in units of [`of_transforms`]'s terms without it. Measured over
/// noise, impulses, combs, steps, sines, constants and their mixtures under kernels of the same kinds,
/// in blocks of up to 2^18 samples: 1.7 at most
/// (`the_error_of_a_transform_is_what_the_guard_takes_it_for`), and 1.7 by the GPU's transforms in blocks of up to 2^14
/// and in sums of eight (`the_error_of_a_transform_is_what_it_is_taken_for`). The rest is for what was not tried: of lines
/// of equal samples under such taps 5.2 in a block of 32 x 8192, and 2.5 in one of 256 x 2048.
pub(crate) const SAFETY: f64 = 8.0;

/// How the samples that become of one output are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loudness {
    /// The sum of their squares.
    pub squares: f64,
    /// The largest magnitude.
    pub largest: f64,
}

/// How a kernel is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gain {
    /// How much larger the mean square of a result can be than that of the samples, as a root.
    pub mean: f64,
    /// The largest tap.
    pub largest: f64,
}

/// What a transform may be off by at any output.
///
/// Rounding errors of transforms are as good as independent (Schatzman, SIAM J. Sci. Comput. 17, 1996:
/// they grow with the root of the stages), and spread evenly over all outputs; but those of a single
/// loud sample under a single loud tap, whose spectra are both even, may meet in one.
pub(crate) fn of_transforms(epsilon: f64, spread: Spread, samples: Loudness, gain: Gain) -> f64 {
    let even = (spread.depth() * samples.squares / spread.transformed as f64).sqrt() * gain.mean;
    SAFETY * epsilon * (even + samples.largest * gain.largest)
}

/// `eps * log2(N) * |x_block|_2 * |k|_2` for blocks of `N` samples of at most `largest_input`: what a
/// transform may be off by anywhere.
pub fn fft(dtype: DType, spread: Spread, kernel: &KernelFacts, largest_input: f64) -> f64 {
    transform(dtype.epsilon(), spread, kernel, largest_input)
        + underflow(dtype, spread.samples() as usize, kernel.sum, largest_input)
}

/// What an output of the FFT method may be off by: what a transform may, and no more than a [`share`]
/// of its window. Outputs that could be off by more are computed directly.
pub fn fft_output(
    dtype: DType,
    spread: Spread,
    taps: usize,
    kernel: &KernelFacts,
    largest_input: f64,
    window: Window,
) -> f64 {
    let everywhere = fft(dtype, spread, kernel, largest_input);
    everywhere.min(share(dtype.epsilon()) * window.products).max(direct(dtype, taps, window))
}

/// Whether rounding the result of an `f64` transform gives the exact integers, for inputs of at
/// most `largest_input`.
///
/// A transform of length `N` has a relative error of at most `6.7 u log2 N` in the 2-norm (Higham,
/// theorem 24.2, with twiddles correct to `u`); two of them and the inverse make ten `eps log2 N`.
/// The result must also be within the integers that `f64` holds.
pub fn fft_is_exact(spread: Spread, kernel: &KernelFacts, largest_input: f64) -> bool {
    const THREE_TRANSFORMS: f64 = 10.0;
    const EXACT: f64 = (1u64 << 53) as f64;
    let error = THREE_TRANSFORMS * transform(f64::EPSILON, spread, kernel, largest_input);
    error < 0.5 && kernel.max < EXACT && largest_input * kernel.sum < EXACT
}

/// One rounding of results of at most `largest_result` to the type, twice over; add it to the bound
/// of the type that was computed in, where that is another one.
pub fn rounding(dtype: DType, largest_result: f64) -> f64 {
    dtype.epsilon() * (largest_result + dtype.smallest_normal())
}

/// What is lost where samples or results are subnormal in a type that is stored and not computed in:
/// a GPU may take them for zero when it converts them. Add it to the bound of what runs there.
pub fn stored(dtype: DType, kernel: &KernelFacts) -> f64 {
    dtype.smallest_normal() * (1.0 + kernel.sum)
}

fn transform(epsilon: f64, spread: Spread, kernel: &KernelFacts, largest_input: f64) -> f64 {
    epsilon * spread.depth() * spread.samples().sqrt() * largest_input * kernel.norm
}
