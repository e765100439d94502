//! Waves under a Gaussian.

use ndarray::Array2;

use super::built_in::{build, direction, length, rounded};
use super::{DEGREES, PHASE, SIGMA, WAVELENGTH};
use crate::element::Element;
use crate::error::Result;

/// A Gabor filter: a wave under a Gaussian of standard deviation `sigma` samples, which answers to
/// stripes of one width and direction.
///
/// `g(u, v) * cos(360 degrees * u / wavelength + phase)`: `u` goes in the direction of `angle`, across
/// the stripes; `angle` and `phase` are in degrees, `angle` counterclockwise in the picture, 0 to the
/// right. The Gaussian `g` is the one of [`gaussian`](super::gaussian) and sums to one. A phase of 0 has
/// its crest in the middle, one of -90 its steepest rise. Stripes of that wavelength and direction,
/// `cos(..)` with an amplitude of 1, give about 1/2.
///
/// The real part of `skimage.filters.gabor_kernel(1 / wavelength, -angle, sigma_x=sigma, sigma_y=sigma,
/// n_stds=4, offset=phase)`, with angles in radians there, and of another scale by what that one cuts
/// off.
///
/// ```
/// let kernel = convolve::filters::gabor::<f64>(4.0, 6.0, 0.0, 0.0)?;
/// assert_eq!(kernel.dim(), (33, 33));
/// assert!(kernel[[16, 16]] > 0.0 && kernel[[16, 19]] < 0.0);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `sigma` is negative, no number or
/// above 1,023, `wavelength` is below 2 samples, and where an angle is no finite number.
pub fn gabor<A: Element>(sigma: f64, wavelength: f64, angle: f64, phase: f64) -> Result<Array2<A>> {
    rounded(GABOR, wave(sigma, wavelength, angle, phase)?)
}

const GABOR: &str = "gabor";

pub(super) fn wave(sigma: f64, wavelength: f64, angle: f64, phase: f64) -> Result<Array2<f64>> {
    let sigma = SIGMA.check(GABOR, sigma)?;
    let wavelength = WAVELENGTH.check(GABOR, wavelength)?;
    let (up, right) = direction(DEGREES.check(GABOR, angle)?);
    let phase = PHASE.check(GABOR, phase)?.to_radians();
    let blur = super::gaussian::blur(GABOR, &[sigma; 2])?;
    let n = length(GABOR, blur.shape()[0] as f64)?;
    let middle = (n / 2) as f64;
    build(GABOR, [n, n], |i, j| {
        let along = (middle - i as f64) * up + (j as f64 - middle) * right;
        blur[[i, j]] * (std::f64::consts::TAU * along / wavelength + phase).cos()
    })
}
