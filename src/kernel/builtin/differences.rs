//! Kernels of a few fixed taps: derivatives, sharpening, relief.

use ndarray::{Array2, ArrayD};

use super::built_in::{TAPS, build, check_taps, in_the_plane, rounded};
use crate::element::Element;
use crate::error::Result;
use crate::util::memory;

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
    rounded(LAPLACIAN, in_the_plane(second(2)?))
}

const LAPLACIAN: &str = "laplacian";

/// The sum of the second differences along so many axes.
pub(super) fn second(rank: usize) -> Result<ArrayD<f64>> {
    about_the_middle(LAPLACIAN, rank, -2.0 * rank as f64, 1.0)
}

/// The picture minus its [`laplacian`]: sums to one.
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) for unsigned element types.
pub fn sharpen<A: Element>() -> Result<Array2<A>> {
    rounded(SHARPEN, in_the_plane(sharpening(2)?))
}

const SHARPEN: &str = "sharpen";

/// What is filtered minus its second differences along so many axes.
pub(super) fn sharpening(rank: usize) -> Result<ArrayD<f64>> {
    about_the_middle(SHARPEN, rank, 1.0 + 2.0 * rank as f64, -1.0)
}

/// A tap in the middle, and one beside it on both sides along each axis.
fn about_the_middle(
    kernel: &'static str,
    rank: usize,
    middle: f64,
    beside: f64,
) -> Result<ArrayD<f64>> {
    let shape = vec![3; rank];
    let zeros = memory::zeros(check_taps(kernel, &shape)?, TAPS)?;
    let mut taps = ArrayD::from_shape_vec(shape, zeros).expect("the length is the shape's");
    let mut at = vec![1; rank];
    taps[&at[..]] = middle;
    for axis in 0..rank {
        for place in [0, 2] {
            at[axis] = place;
            taps[&at[..]] = beside;
        }
        at[axis] = 1;
    }
    Ok(taps)
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
