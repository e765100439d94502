//! How far a method may be off: the error bounds that the planner, `verify` and the tests share.
//!
//! All are absolute, against the exact sum over the window.

use crate::element::DType;
use crate::geometry::Geometry;
use crate::kernel::KernelFacts;

/// Rounding errors of one complex multiplication and addition against those of a real one
/// (Higham, Accuracy and Stability of Numerical Algorithms, lemma 3.5: `2 sqrt(2)`).
const COMPLEX: f64 = 2.83;

/// `eps * taps * max|x| * sum|k|`: twice the classical `gamma_taps * sum |k| |x|` (Higham, eq.
/// 3.5), since eps is twice the unit roundoff. Holds for any order of summation.
pub fn direct(dtype: DType, taps: usize, kernel: &KernelFacts, largest_input: f64) -> f64 {
    let complex = if dtype.is_complex() { COMPLEX } else { 1.0 };
    let rounding = dtype.epsilon() * taps as f64 * largest_input * kernel.sum;
    complex * (rounding + underflow(dtype, taps, kernel, largest_input))
}

/// What is lost where a product, a tap or a sample is subnormal: a GPU may take it for zero.
fn underflow(dtype: DType, taps: usize, kernel: &KernelFacts, largest_input: f64) -> f64 {
    dtype.smallest_normal() * (taps as f64 * (1.0 + largest_input) + kernel.sum)
}

/// The direct bound with the taps of one pass after another, those of all terms where they are
/// added up, and a rounding of every factor and of the kernel that they stand for. Several terms
/// may be larger than the kernel: it is their gain that errors grow with.
pub fn separable(
    dtype: DType,
    geometry: &Geometry,
    kernel: &KernelFacts,
    largest_input: f64,
) -> f64 {
    let passes: usize = geometry.axes.iter().map(|axis| axis.taps + 1).sum();
    let added = match &geometry.axes[..] {
        [.., rows, _] => kernel.terms.saturating_sub(1) * rows.taps,
        _ => 0,
    };
    let terms = KernelFacts { sum: kernel.gain, ..kernel.clone() };
    direct(dtype, passes + added + 1, &terms, largest_input)
}

/// How the errors of transforms spread: each output has something of all samples that it was
/// transformed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// `eps * log2(N) * |x_block|_2 * |k|_2` for blocks of `N` samples.
pub fn fft(dtype: DType, spread: Spread, kernel: &KernelFacts, largest_input: f64) -> f64 {
    transform(dtype.epsilon(), spread, kernel, largest_input)
        + underflow(dtype, spread.samples() as usize, kernel, largest_input)
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
