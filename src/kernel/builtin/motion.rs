//! The blur of a camera that moved.

use ndarray::Array2;

use super::built_in::{direction, length, normalised, rounded};
use super::{DEGREES, LENGTH};
use crate::element::Element;
use crate::error::Result;

/// The mean along a straight line of `len` samples through the centre, as of a camera that moved.
/// `angle` is in degrees, counterclockwise in the picture: 0 is along the rows, 90 along the
/// columns, 45 goes up to the right.
///
/// A tap is `1 - d`, at least 0, before all are scaled to sum to one, `d` being its distance from
/// the segment of length `len - 1`, as in MATLAB's `fspecial('motion', len, angle)` but at some ends. With an odd `len`
/// and an angle of 0 that is `len` equal taps.
///
/// ```
/// let kernel = convolve::filters::motion::<f32>(5.0, 0.0)?;
/// assert_eq!(kernel, ndarray::arr2(&[[0.2; 5]]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `len` is below 1, `angle` is no finite number, or there would
/// be more than [`MAX_LENGTH`](super::MAX_LENGTH) or [`MAX_TAPS`](super::MAX_TAPS) taps.
pub fn motion<A: Element>(len: f64, angle: f64) -> Result<Array2<A>> {
    rounded("motion", line(len, angle)?)
}

pub(super) fn line(len: f64, angle: f64) -> Result<Array2<f64>> {
    let (len, angle) = (LENGTH.check("motion", len)?, DEGREES.check("motion", angle)?);
    // A line has no direction.
    let (up, right) = direction(angle.rem_euclid(180.0));
    let half = (len - 1.0) / 2.0;
    let reach = |part: f64| (half * part.abs() + 1.0).ceil() - 1.0;
    let shape =
        [length("motion", 2.0 * reach(up) + 1.0)?, length("motion", 2.0 * reach(right) + 1.0)?];
    normalised("motion", shape, |y, x| {
        let along = (x * right + y * up).clamp(-half, half);
        (1.0 - (x - along * right).hypot(y - along * up)).max(0.0)
    })
}
