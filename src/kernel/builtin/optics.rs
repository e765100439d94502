//! What a telescope makes of a point: Airy's pattern, and Moffat's profile.

use ndarray::Array2;
use std::f64::consts::FRAC_PI_2;

use super::built_in::{length, rounded, symmetric};
use super::{ALPHA, GAMMA, RADIUS};
use crate::element::Element;
use crate::error::Result;

/// Airy's pattern: what diffraction at a round aperture makes of a point, with its first dark ring
/// `r` samples from the centre. Sums to one.
///
/// `(2 J1(x) / x)^2` with `x = 3.8317 * distance / r`, at the samples' centres, cut off at `4 r` along
/// each axis: `astropy.convolution.AiryDisk2DKernel(r)`. A tenth of the light is beyond the second dark
/// ring; 3 % of it is cut off, and spread over the rest.
///
/// ```
/// let kernel = convolve::filters::airy::<f64>(5.0)?;
/// assert_eq!(kernel.dim(), (41, 41));
/// assert!(kernel[[20, 25]] < 1e-5 * kernel[[20, 20]]);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `r` is negative, no number or above
/// 1,023.
pub fn airy<A: Element>(r: f64) -> Result<Array2<A>> {
    rounded(AIRY, rings(r)?)
}

const AIRY: &str = "airy";

pub(super) fn rings(r: f64) -> Result<Array2<f64>> {
    let r = RADIUS.check(AIRY, r)?;
    symmetric(AIRY, length(AIRY, odd(8.0 * r))?, |y, x| {
        let x = FIRST_ZERO * y.hypot(x) / r;
        if x > 0.0 { (2.0 * j1(x) / x).powi(2) } else { 1.0 }
    })
}

/// Of `J1`.
const FIRST_ZERO: f64 = 3.831_705_970_207_512;

/// Bessel's function of the first kind, order 1, for `x` up to 43: the mean of `sin t * sin(x sin t)`
/// over a period (<https://dlmf.nist.gov/10.9.E2>). The midpoint rule of 128 points is off by
/// `J127(x)` and smaller ones, far below 1e-19; all four quarters of the period are the same.
fn j1(x: f64) -> f64 {
    const QUARTER: usize = 32;
    let sum: f64 = (0..QUARTER)
        .map(|k| {
            let sine = (FRAC_PI_2 * (k as f64 + 0.5) / QUARTER as f64).sin();
            sine * (x * sine).sin()
        })
        .sum();
    sum / QUARTER as f64
}

/// Moffat's profile of a star seen through air: `(1 + distance^2 / gamma^2)^-alpha`, with wider wings
/// than a Gaussian has. Sums to one.
///
/// `gamma` is in samples. Half of the peak is left where the distance is half of
/// `2 gamma sqrt(2^(1 / alpha) - 1)`; cut off at two of these widths along each axis:
/// `astropy.convolution.Moffat2DKernel(gamma, alpha)`.
///
/// ```
/// let kernel = convolve::filters::moffat::<f64>(3.0, 2.5)?;
/// assert_eq!(kernel.dim(), (15, 15));
/// assert!((kernel[[7, 10]] / kernel[[7, 7]] - 0.5f64.powf(2.5)).abs() < 1e-12);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `gamma` is negative, `alpha` is below
/// 1 (its light would not end), one of them is no number, or there would be too many taps.
pub fn moffat<A: Element>(gamma: f64, alpha: f64) -> Result<Array2<A>> {
    rounded(MOFFAT, star(gamma, alpha)?)
}

const MOFFAT: &str = "moffat";

pub(super) fn star(gamma: f64, alpha: f64) -> Result<Array2<f64>> {
    let (gamma, alpha) = (GAMMA.check(MOFFAT, gamma)?, ALPHA.check(MOFFAT, alpha)?);
    let width = 2.0 * gamma * (2f64.powf(1.0 / alpha) - 1.0).sqrt();
    symmetric(MOFFAT, length(MOFFAT, odd(4.0 * width))?, |y, x| match y == 0.0 && x == 0.0 {
        true => 1.0,
        false => (1.0 + (x * x + y * y) / (gamma * gamma)).powf(-alpha),
    })
}

/// The next odd number, as in Astropy.
fn odd(width: f64) -> f64 {
    let up = width.ceil();
    if up % 2.0 == 0.0 { up + 1.0 } else { up }
}
