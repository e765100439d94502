//! The blur of a lens out of focus: the shape of its aperture.

use ndarray::Array2;

use super::built_in::{direction, length, normalised, rounded, symmetric};
use super::{BLADES, DEGREES, RADIUS, parameter};
use crate::element::Element;
use crate::error::Result;

/// The mean over a disk of radius `r` samples, as of a lens out of focus. Shape `[n, n]` with
/// `n = 2 * ceil(r - 0.5) + 1`.
///
/// A tap is the exact area of its unit square that the disk covers, so the edge is smooth and the
/// blur grows smoothly with `r`; a hard edge would jump, and be square for small disks. Up to
/// `r = 0.5` the disk lies in one sample and changes nothing.
///
/// ```
/// let kernel = convolve::filters::disk::<f64>(1.0)?;
/// assert_eq!(kernel.dim(), (3, 3));
/// assert!((kernel[[1, 1]] - 1.0 / std::f64::consts::PI).abs() < 1e-12);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `r` is negative, no number or above 4,095.5.
pub fn disk<A: Element>(r: f64) -> Result<Array2<A>> {
    rounded("disk", round(r)?)
}

pub(super) fn round(r: f64) -> Result<Array2<f64>> {
    let r = RADIUS.check("disk", r)?;
    // A disk within one sample has its whole area there.
    let r = r.max(0.5);
    let n = length("disk", 2.0 * (r - 0.5).ceil() + 1.0)?;
    symmetric("disk", n, |y, x| disk_in_square(x, y, r))
}

/// Area that the disk of radius `r` about the origin has in common with the unit square about
/// `(x, y)`.
fn disk_in_square(x: f64, y: f64, r: f64) -> f64 {
    // Squares well inside or outside first: the difference of areas below would leave a residue.
    if (x + 0.5).hypot(y + 0.5) <= r {
        return 1.0;
    }
    if (x - 0.5).max(0.0).hypot((y - 0.5).max(0.0)) >= r {
        return 0.0;
    }
    let corner = |x: f64, y: f64| disk_in_corner(x.abs(), y.abs(), r).copysign(x * y);
    let area = corner(x + 0.5, y + 0.5) - corner(x - 0.5, y + 0.5) - corner(x + 0.5, y - 0.5)
        + corner(x - 0.5, y - 0.5);
    area.clamp(0.0, 1.0)
}

/// Area of the disk in the rectangle from the origin to `(x, y)`, both at least 0: the integral of
/// `min(y, sqrt(r^2 - t^2))` over `0 <= t <= min(x, r)`.
fn disk_in_corner(x: f64, y: f64, r: f64) -> f64 {
    let x = x.min(r);
    let under_arc = |t: f64| 0.5 * (t * (r * r - t * t).max(0.0).sqrt() + r * r * (t / r).asin());
    let flat = if y < r { (r * r - y * y).sqrt().min(x) } else { 0.0 };
    y * flat + under_arc(x) - under_arc(flat)
}

/// Blades that no lens has.
const MOST_BLADES: f64 = 1000.0;

/// The mean over a regular polygon, as of a lens out of focus whose aperture has straight blades.
/// Its corners are `r` samples from the centre, one of them in the direction of `angle` (in degrees,
/// counterclockwise in the picture, 0 to the right).
///
/// As with the [`disk`] a tap is the exact area of its unit square that the polygon covers, before all
/// are scaled to sum to one.
///
/// ```
/// use convolve::filters;
///
/// let hexagon = filters::polygon::<f64>(8.0, 6, 0.0)?;
/// assert_eq!(hexagon.dim(), (15, 17));
/// // A square on its side is the mean of a square.
/// let square = filters::polygon::<f64>(1.5 * 2f64.sqrt(), 4, 45.0)?;
/// assert!((square[[0, 0]] - filters::box_mean::<f64>(3)?[[0, 0]]).abs() < 1e-12);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `r` is negative, no number or above
/// 4,095.5, for fewer than 3 or more than 1,000 blades, and where `angle` is no finite number.
pub fn polygon<A: Element>(r: f64, blades: usize, angle: f64) -> Result<Array2<A>> {
    rounded(POLYGON, regular(r, blades as f64, angle)?)
}

const POLYGON: &str = "polygon";

pub(super) fn regular(r: f64, blades: f64, angle: f64) -> Result<Array2<f64>> {
    // A polygon within one sample has its whole area there.
    let r = RADIUS.check(POLYGON, r)?.max(0.5);
    let (blades, angle) = (BLADES.check(POLYGON, blades)?, DEGREES.check(POLYGON, angle)?);
    // To a large angle that of a blade would add nothing.
    let angle = angle.rem_euclid(360.0);
    if blades > MOST_BLADES {
        let reason = format!("expected at most {MOST_BLADES} blades, got {blades}");
        return Err(parameter(POLYGON, reason));
    }
    let corners: Vec<Corner> = (0..blades as usize)
        .map(|blade| {
            let (up, right) = direction(angle + 360.0 * blade as f64 / blades);
            [r * right, r * up]
        })
        .collect();
    let taps = |axis: usize| {
        let reach = corners.iter().map(|corner| corner[axis].abs()).fold(0.0, f64::max);
        // Corners at half a sample are there but for rounding.
        length(POLYGON, 2.0 * (reach - 0.5 - 1e-9).ceil().max(0.0) + 1.0)
    };
    let mut scratch = Default::default();
    let scratch = std::cell::RefCell::new(&mut scratch);
    normalised(POLYGON, [taps(1)?, taps(0)?], |y, x| {
        polygon_in_square(&corners, x, y, &mut scratch.borrow_mut())
    })
}

/// A point, to the right and up.
type Corner = [f64; 2];

/// Area that a convex polygon, its corners counterclockwise, has in common with the unit square about
/// `(x, y)`.
fn polygon_in_square(corners: &[Corner], x: f64, y: f64, scratch: &mut [Vec<Corner>; 2]) -> f64 {
    // How far inside of an edge's line the square's centre is, and how far its corners reach from there,
    // in lengths of the edge.
    let (mut inside, mut outside) = (true, false);
    for (from, to) in edges(corners) {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let depth = dx * (y - from[1]) - dy * (x - from[0]);
        let reach = 0.5 * (dx.abs() + dy.abs());
        inside &= depth >= reach;
        outside |= depth <= -reach;
    }
    if inside || outside {
        return f64::from(u8::from(inside));
    }
    // Cut off what is beyond each of the square's four sides (Sutherland and Hodgman, 1974).
    let [clipped, next] = scratch;
    clipped.clear();
    // About the square's centre, where small differences keep their digits.
    clipped.extend(corners.iter().map(|corner| [corner[0] - x, corner[1] - y]));
    for (axis, sign) in [(0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0)] {
        next.clear();
        for (from, to) in edges(clipped) {
            let [a, b] = [from, to].map(|point| 0.5 - sign * point[axis]);
            if a >= 0.0 {
                next.push(*from);
            }
            if (a >= 0.0) != (b >= 0.0) {
                let along = a / (a - b);
                next.push([0, 1].map(|axis| from[axis] + along * (to[axis] - from[axis])));
            }
        }
        std::mem::swap(clipped, next);
    }
    let twice: f64 = edges(clipped).map(|(from, to)| from[0] * to[1] - to[0] * from[1]).sum();
    (0.5 * twice).clamp(0.0, 1.0)
}

/// From each corner to the next one, and from the last one to the first.
fn edges(corners: &[Corner]) -> impl Iterator<Item = (&Corner, &Corner)> {
    corners.iter().zip(corners.iter().cycle().skip(1))
}
