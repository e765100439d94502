//! Means along each axis: box, tent, binomial.

use ndarray::{Array2, ArrayD};

use super::built_in::{TAPS, check_taps, in_the_plane, length, product, rounded};
use super::{HALF_WIDTH, N};
use crate::element::Element;
use crate::error::Result;
use crate::util::memory;

/// The mean of `n` x `n` samples. With an even `n` the window reaches one sample further up and to
/// the left than down and to the right.
///
/// ```
/// assert_eq!(convolve::filters::box_mean::<f32>(2)?, ndarray::arr2(&[[0.25; 2]; 2]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `n` is 0 or above 8,192.
pub fn box_mean<A: Element>(n: usize) -> Result<Array2<A>> {
    rounded("box", in_the_plane(mean(&[n as f64; 2])?))
}

/// The mean of a window of these lengths, one per axis.
pub(super) fn mean(lengths: &[f64]) -> Result<ArrayD<f64>> {
    let shape: Vec<usize> =
        lengths.iter().map(|&n| length("box", N.check("box", n)?)).collect::<Result<_>>()?;
    let count = check_taps("box", &shape)?;
    let mean = 1.0 / lengths.iter().product::<f64>();
    let taps = memory::collected(std::iter::repeat_n(mean, count), count, TAPS)?;
    Ok(ArrayD::from_shape_vec(shape, taps).expect("the length is the shape's"))
}

/// A tent, which falls to zero `r` samples from its centre along each axis: `1 - |x| / r`, scaled to
/// sum to one. For a whole `r` it is the [`box_mean`] of `r` twice. Shape `[n, n]` with
/// `n = 2 * ceil(r) - 1`.
///
/// ```
/// let kernel = convolve::filters::tent::<f64>(2.0)?;
/// assert_eq!(kernel.row(1), ndarray::arr1(&[0.125, 0.25, 0.125]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `r` is below 1, no number or above
/// 4,096.
pub fn tent<A: Element>(r: f64) -> Result<Array2<A>> {
    rounded(TENT, in_the_plane(tents(&[r; 2])?))
}

const TENT: &str = "tent";

/// The tent of these half widths, one per axis.
pub(super) fn tents(radii: &[f64]) -> Result<ArrayD<f64>> {
    let factor = |&r: &f64| -> Result<Vec<f64>> {
        let r = HALF_WIDTH.check(TENT, r)?;
        let length = length(TENT, 2.0 * r.ceil() - 1.0)?;
        let middle = length / 2;
        let mut taps: Vec<f64> = (0..length).map(|i| r - i.abs_diff(middle) as f64).collect();
        scale(&mut taps);
        Ok(taps)
    };
    product(TENT, &radii.iter().map(factor).collect::<Result<Vec<_>>>()?)
}

/// The binomial kernel, `n` taps along each axis: row `n - 1` of Pascal's triangle over its sum. Close
/// to a Gaussian with a variance of `(n - 1) / 4`, and exact in binary numbers: up to 15 x 15 taps in `f32`.
///
/// ```
/// let kernel = convolve::filters::binomial::<f64>(3)?;
/// assert_eq!(kernel.row(1), ndarray::arr1(&[0.125, 0.25, 0.125]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `n` is 0 or above 1,023: of more taps
/// the last ones are no numbers in `f64`.
pub fn binomial<A: Element>(n: usize) -> Result<Array2<A>> {
    rounded(BINOMIAL, in_the_plane(binomials(&[n as f64; 2])?))
}

const BINOMIAL: &str = "binomial";

/// The binomial kernel of so many taps per axis.
pub(super) fn binomials(lengths: &[f64]) -> Result<ArrayD<f64>> {
    let factor = |&n: &f64| -> Result<Vec<f64>> {
        let n = length(BINOMIAL, N.check(BINOMIAL, n)?)?;
        // 2^-1022 is the smallest normal number.
        if n > 1023 {
            return Err(super::parameter(BINOMIAL, format!("expected at most 1023 taps, got {n}")));
        }
        let mut taps = vec![0.5f64.powi(n as i32 - 1)];
        for k in 1..n {
            taps.push(taps[k - 1] * (n - k) as f64 / k as f64);
        }
        Ok(taps)
    };
    product(BINOMIAL, &lengths.iter().map(factor).collect::<Result<Vec<_>>>()?)
}

fn scale(taps: &mut [f64]) {
    let sum: f64 = taps.iter().sum();
    taps.iter_mut().for_each(|tap| *tap /= sum);
}
