//! Kernels of a few fixed taps: derivatives, sharpening, relief.

use ndarray::Array2;

use super::built_in::build;
use crate::element::Element;
use crate::error::Result;

/// Sobel's derivative to the right: positive where brightness grows along the second axis, as
/// `scipy.ndimage.sobel(axis=1)`. Not scaled: a slope of 1 gives 8.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn sobel_x<A: Element>() -> Result<Array2<A>> {
    constant("sobel-x", [[1., 0., -1.], [2., 0., -2.], [1., 0., -1.]])
}

/// Sobel's derivative downwards: positive where brightness grows along the first axis, as
/// `scipy.ndimage.sobel(axis=0)`. Not scaled: a slope of 1 gives 8.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn sobel_y<A: Element>() -> Result<Array2<A>> {
    constant("sobel-y", [[1., 2., 1.], [0., 0., 0.], [-1., -2., -1.]])
}

/// Scharr's derivative to the right, which depends less on the direction of a slope than Sobel's:
/// `cv2.Scharr(dx=1, dy=0)`. Not scaled: a slope of 1 gives 32. (`skimage.filters.scharr_v` is a
/// 16th of it.)
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn scharr_x<A: Element>() -> Result<Array2<A>> {
    constant("scharr-x", [[3., 0., -3.], [10., 0., -10.], [3., 0., -3.]])
}

/// Scharr's derivative downwards: `cv2.Scharr(dx=0, dy=1)`. Not scaled: a slope of 1 gives 32.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn scharr_y<A: Element>() -> Result<Array2<A>> {
    constant("scharr-y", [[3., 10., 3.], [0., 0., 0.], [-3., -10., -3.]])
}

/// Prewitt's derivative to the right: `scipy.ndimage.prewitt(axis=1)`. Not scaled: a slope of 1 gives
/// 6. (`skimage.filters.prewitt_v` is a third of it.)
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn prewitt_x<A: Element>() -> Result<Array2<A>> {
    constant("prewitt-x", [[1., 0., -1.], [1., 0., -1.], [1., 0., -1.]])
}

/// Prewitt's derivative downwards: `scipy.ndimage.prewitt(axis=0)`. Not scaled: a slope of 1 gives 6.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn prewitt_y<A: Element>() -> Result<Array2<A>> {
    constant("prewitt-y", [[1., 1., 1.], [0., 0., 0.], [-1., -1., -1.]])
}

/// Roberts' difference down to the right: a sample minus the one to the upper left of it. Of two taps
/// along an axis the centre lies between samples: this is the derivative half a sample up and to the
/// left. With an origin of 1 it is `skimage.filters.roberts_pos_diag`.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn roberts_right<A: Element>() -> Result<Array2<A>> {
    constant("roberts-right", [[1., 0.], [0., -1.]])
}

/// Roberts' difference down to the left: the sample to the left minus the one above. Its centre lies
/// where that of [`roberts_right`] does. With an origin of 1 it is `skimage.filters.roberts_neg_diag`.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn roberts_left<A: Element>() -> Result<Array2<A>> {
    constant("roberts-left", [[0., 1.], [-1., 0.]])
}

/// The sum of the second differences along both axes, as `scipy.ndimage.laplace`: negative on
/// peaks.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn laplacian<A: Element>() -> Result<Array2<A>> {
    constant("laplacian", [[0., 1., 0.], [1., -4., 1.], [0., 1., 0.]])
}

/// The picture minus its [`laplacian`]: sums to one.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn sharpen<A: Element>() -> Result<Array2<A>> {
    constant("sharpen", [[0., -1., 0.], [-1., 5., -1.], [0., -1., 0.]])
}

/// A relief, lit from the upper left: the picture plus its derivative down to the right. Sums to
/// one.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn emboss<A: Element>() -> Result<Array2<A>> {
    constant("emboss", [[2., 1., 0.], [1., 1., -1.], [0., -1., -2.]])
}

/// One tap of 1: changes nothing.
///
/// # Errors
/// None; like the others, for uniformity.
pub fn identity<A: Element>() -> Result<Array2<A>> {
    constant("identity", [[1.]])
}

fn constant<A: Element, const N: usize>(
    kernel: &'static str,
    taps: [[f64; N]; N],
) -> Result<Array2<A>> {
    build(kernel, [N, N], |i, j| taps[i][j])
}
