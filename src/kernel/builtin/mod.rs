//! Built-in two-dimensional kernels, for arrays whose first axis goes down and whose second goes
//! to the right.
//!
//! They are kernels of a *convolution*, which reverses them: with this library's default operation
//! [`sobel_x`] is positive where brightness grows to the right. Kernels that blur sum to one.
//!
//! ```
//! use convolve::{Mode, convolve, filters};
//! use ndarray::Array2;
//!
//! let ramp = Array2::from_shape_fn((5, 5), |(_, x)| x as f32);
//! let slope = convolve(&ramp, &filters::sobel_x()?, Mode::Valid)?;
//! assert_eq!(slope, Array2::from_elem((3, 3), 8.0));
//! # Ok::<(), convolve::Error>(())
//! ```
//!
//! [`BUILT_IN`] has them by name, as the command takes them. Those of "any" axes have as many as what is
//! filtered, and take one value for all axes or one per axis.
//!
//! | name | axes | values | what it is |
//! | --- | --- | --- | --- |
//! | `gaussian:SIGMA` | any | SIGMA at least 0 | blur with a standard deviation of SIGMA samples |
//! | `box:N` | any | N whole, at least 1 | mean of N samples along each axis |
//! | `disk:RADIUS` | 2 | RADIUS at least 0 | blur of a lens out of focus |
//! | `motion:LENGTH,DEGREES` | 2 | LENGTH at least 1, DEGREES | blur of a moving camera, counterclockwise from the right |
//! | `sobel-x` | 2 | | derivative to the right, by Sobel |
//! | `sobel-y` | 2 | | derivative downwards, by Sobel |
//! | `laplacian` | 2 | | sum of the second differences, negative on peaks |
//! | `sharpen` | 2 | | the picture minus its laplacian |
//! | `emboss` | 2 | | relief, lit from the upper left |
//! | `identity` | any | | one tap of 1, which changes nothing |
//!
//! Taps are computed in `f64` and rounded once. Every kernel is an error
//! ([`Error::KernelParameter`]) where its parameters make no sense, where it would have more than
//! [`MAX_LENGTH`] taps along an axis or [`MAX_TAPS`] in all, and where a tap is no value of an
//! integer element type: `box_mean::<u8>(3)` has taps of 1/9. Where the system has no memory for the
//! taps it is [`Error::OutOfMemory`].

mod built_in;

use ndarray::{Array2, ArrayD};

use crate::element::Element;
use crate::error::{Error, Result};
use crate::util::memory;

use built_in::Taps::{Any, Plane};
pub use built_in::{BuiltIn, Parameter};
use built_in::{build, check_taps, length, product, rounded};

/// All built-in kernels. The command takes its names, its help and its messages from here: a new kernel
/// is a function, an entry here and a line of the table above, which a test compares with the entries.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn::new(
        "gaussian",
        &[SIGMA],
        "blur with a standard deviation of SIGMA samples",
        Any(|sigmas, _| Gaussian::new(0.0).taps(sigmas)),
    ),
    BuiltIn::new("box", &[N], "mean of N samples along each axis", Any(|lengths, _| mean(lengths))),
    BuiltIn::new("disk", &[RADIUS], "blur of a lens out of focus", Plane(|of| disk(of[0]))),
    BuiltIn::new(
        "motion",
        &[LENGTH, DEGREES],
        "blur of a moving camera, counterclockwise from the right",
        Plane(|of| motion(of[0], of[1])),
    ),
    BuiltIn::new("sobel-x", &[], "derivative to the right, by Sobel", Plane(|_| sobel_x())),
    BuiltIn::new("sobel-y", &[], "derivative downwards, by Sobel", Plane(|_| sobel_y())),
    BuiltIn::new(
        "laplacian",
        &[],
        "sum of the second differences, negative on peaks",
        Plane(|_| laplacian()),
    ),
    BuiltIn::new("sharpen", &[], "the picture minus its laplacian", Plane(|_| sharpen())),
    BuiltIn::new("emboss", &[], "relief, lit from the upper left", Plane(|_| emboss())),
    BuiltIn::new(
        "identity",
        &[],
        "one tap of 1, which changes nothing",
        Any(|_, rank| product("identity", &vec![vec![1.0]; rank])),
    ),
];

const SIGMA: Parameter = Parameter::at_least(0.0, "SIGMA", "sigma to be a number");
const N: Parameter = Parameter { whole: true, ..Parameter::at_least(1.0, "N", "a length") };
const RADIUS: Parameter = Parameter::at_least(0.0, "RADIUS", "the radius to be a number");
const LENGTH: Parameter = Parameter::at_least(1.0, "LENGTH", "a length");
const DEGREES: Parameter =
    Parameter { least: None, ..Parameter::at_least(0.0, "DEGREES", "an angle in degrees") };
/// Only [`Gaussian::truncate`] sets it.
const TRUNCATE: Parameter = Parameter::at_least(0.0, "TRUNCATE", "truncate to be a number");

/// Taps along one axis of a built-in kernel: more than any picture is wide, as a rule, and few
/// enough that a mistyped parameter is an error and not an hour of work.
pub const MAX_LENGTH: usize = 32_769;

/// Taps of a built-in kernel in all: 512 MiB in `f64`.
pub const MAX_TAPS: usize = 1 << 26;

/// A Gaussian; [`gaussian`] is the usual one.
///
/// As in `scipy.ndimage.gaussian_filter`: along each axis `exp(-x^2 / (2 sigma^2))` at
/// `-radius ..= radius`, scaled to sum to one, with `radius = floor(truncate * sigma + 0.5)`; an
/// axis whose `sigma` is at most `1e-15` has the one tap 1.
///
/// ```
/// use convolve::filters::Gaussian;
///
/// let wide = Gaussian::per_axis([0.0, 2.0]).truncate(3.0).kernel::<f32>()?;
/// assert_eq!(wide.dim(), (1, 13));
/// assert_eq!(Gaussian::new(1.5).radius(2).kernel::<f64>()?.dim(), (5, 5));
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    sigma: [f64; 2],
    truncate: f64,
    radius: Option<usize>,
}

impl Gaussian {
    /// The same standard deviation along both axes, in samples.
    pub fn new(sigma: f64) -> Self {
        Self::per_axis([sigma; 2])
    }

    /// A standard deviation per axis, the first axis first, in samples.
    pub fn per_axis(sigma: [f64; 2]) -> Self {
        Self { sigma, truncate: 4.0, radius: None }
    }

    /// Cuts off at this many standard deviations. Default: 4.
    pub fn truncate(mut self, truncate: f64) -> Self {
        self.truncate = truncate;
        self
    }

    /// Cuts off at this many samples, whatever the standard deviation.
    pub fn radius(mut self, radius: usize) -> Self {
        self.radius = Some(radius);
        self
    }

    /// The kernel, of `2 * radius + 1` taps along each axis.
    ///
    /// # Errors
    /// [`Error::KernelParameter`], see the [module](self).
    pub fn kernel<A: Element>(&self) -> Result<Array2<A>> {
        rounded(GAUSSIAN, in_the_plane(self.taps(&self.sigma)?))
    }

    /// One standard deviation per axis.
    fn taps(&self, sigmas: &[f64]) -> Result<ArrayD<f64>> {
        let factors: Result<Vec<_>> = sigmas.iter().map(|&sigma| self.factor(sigma)).collect();
        product(GAUSSIAN, &factors?)
    }

    /// The taps along one axis.
    fn factor(&self, sigma: f64) -> Result<Vec<f64>> {
        let sigma = SIGMA.check(GAUSSIAN, sigma)?;
        if sigma <= 1e-15 {
            return Ok(vec![1.0]);
        }
        let radius = match self.radius {
            Some(radius) => radius as f64,
            None => (TRUNCATE.check(GAUSSIAN, self.truncate)? * sigma + 0.5).floor(),
        };
        let length = length(GAUSSIAN, 2.0 * radius + 1.0)?;
        let middle = (length / 2) as f64;
        let mut taps: Vec<f64> =
            (0..length).map(|i| (-0.5 * ((i as f64 - middle) / sigma).powi(2)).exp()).collect();
        let sum: f64 = taps.iter().sum();
        taps.iter_mut().for_each(|tap| *tap /= sum);
        Ok(taps)
    }
}

const GAUSSIAN: &str = "gaussian";

/// A Gaussian of standard deviation `sigma` samples, cut off at four of them: the kernel of
/// `scipy.ndimage.gaussian_filter`. Shape `[n, n]` with `n = 2 * floor(4 * sigma + 0.5) + 1`.
///
/// ```
/// let kernel = convolve::filters::gaussian::<f64>(1.0)?;
/// assert_eq!(kernel.dim(), (9, 9));
/// assert!((kernel.sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`] where `sigma` is negative, no number or above 1,023.
pub fn gaussian<A: Element>(sigma: f64) -> Result<Array2<A>> {
    Gaussian::new(sigma).kernel()
}

/// The mean of `n` x `n` samples. With an even `n` the window reaches one sample further down and
/// to the right than up and to the left.
///
/// ```
/// assert_eq!(convolve::filters::box_mean::<f32>(2)?, ndarray::arr2(&[[0.25; 2]; 2]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`] where `n` is 0 or above 8,192.
pub fn box_mean<A: Element>(n: usize) -> Result<Array2<A>> {
    rounded("box", in_the_plane(mean(&[n as f64; 2])?))
}

/// The mean of a window of these lengths, one per axis.
fn mean(lengths: &[f64]) -> Result<ArrayD<f64>> {
    let shape: Vec<usize> = lengths.iter().map(|&n| length("box", n)).collect::<Result<_>>()?;
    let count = check_taps("box", &shape)?;
    let mean = 1.0 / lengths.iter().product::<f64>();
    let taps = memory::collected(std::iter::repeat_n(mean, count), count, built_in::TAPS)?;
    Ok(ArrayD::from_shape_vec(shape, taps).expect("the length is the shape's"))
}

fn in_the_plane(taps: ArrayD<f64>) -> Array2<f64> {
    taps.into_dimensionality().expect("one factor for each of two axes")
}

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
/// [`Error::KernelParameter`] where `r` is negative, no number or above 4,095.5.
pub fn disk<A: Element>(r: f64) -> Result<Array2<A>> {
    let r = RADIUS.check("disk", r)?;
    // A disk within one sample has its whole area there.
    let r = r.max(0.5);
    let n = length("disk", 2.0 * (r - 0.5).ceil() + 1.0)?;
    check_taps("disk", &[n, n])?;
    let middle = n / 2;
    // One octant, for the other seven are the same, to the last bit.
    let side = middle + 1;
    let areas = (0..side * side).map(|at| {
        let (i, j) = (at / side, at % side);
        disk_in_square(i.max(j) as f64, i.min(j) as f64, r)
    });
    let areas = memory::collected(areas, side * side, "a quadrant of the disk")?;
    let quadrant = Array2::from_shape_vec((side, side), areas).expect("as many");
    let at = |i: usize, j: usize| quadrant[[i.abs_diff(middle), j.abs_diff(middle)]];
    let area: f64 = (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| at(i, j)).sum();
    build("disk", [n, n], |i, j| at(i, j) / area)
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

/// The mean along a straight line of `len` samples through the centre, as of a camera that moved.
/// `angle` is in degrees, counterclockwise in the picture: 0 is along the rows, 90 along the
/// columns, 45 goes up to the right.
///
/// A tap is `1 - d`, at least 0, before all are scaled to sum to one, `d` being its distance from
/// the segment of length `len - 1`: MATLAB's `fspecial('motion', len, angle)`. With an odd `len`
/// and an angle of 0 that is `len` equal taps.
///
/// ```
/// let kernel = convolve::filters::motion::<f32>(5.0, 0.0)?;
/// assert_eq!(kernel, ndarray::arr2(&[[0.2; 5]]));
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`] where `len` is below 1, `angle` is no finite number, or there would
/// be more than [`MAX_LENGTH`] or [`MAX_TAPS`] taps.
pub fn motion<A: Element>(len: f64, angle: f64) -> Result<Array2<A>> {
    let (len, angle) = (LENGTH.check("motion", len)?, DEGREES.check("motion", angle)?);
    // A line has no direction, and the four axes must have no slope from rounding.
    let (up, right) = match angle.rem_euclid(180.0) {
        0.0 => (0.0, 1.0),
        90.0 => (1.0, 0.0),
        angle => angle.to_radians().sin_cos(),
    };
    let half = (len - 1.0) / 2.0;
    let reach = |part: f64| (half * part.abs() + 1.0).ceil() - 1.0;
    let shape =
        [length("motion", 2.0 * reach(up) + 1.0)?, length("motion", 2.0 * reach(right) + 1.0)?];
    check_taps("motion", &shape)?;
    let [middle_y, middle_x] = shape.map(|n| (n / 2) as f64);
    let weight = |i: usize, j: usize| {
        let (y, x) = (middle_y - i as f64, j as f64 - middle_x);
        let along = (x * right + y * up).clamp(-half, half);
        (1.0 - (x - along * right).hypot(y - along * up)).max(0.0)
    };
    let [rows, columns] = shape;
    let sum: f64 = (0..rows).flat_map(|i| (0..columns).map(move |j| weight(i, j))).sum();
    build("motion", shape, |i, j| weight(i, j) / sum)
}

/// Sobel's derivative to the right: positive where brightness grows along the second axis, as
/// `scipy.ndimage.sobel(axis=1)`. Not scaled: a slope of 1 gives 8.
///
/// # Errors
/// [`Error::KernelParameter`] for unsigned element types.
pub fn sobel_x<A: Element>() -> Result<Array2<A>> {
    constant("sobel-x", [[1., 0., -1.], [2., 0., -2.], [1., 0., -1.]])
}

/// Sobel's derivative downwards: positive where brightness grows along the first axis, as
/// `scipy.ndimage.sobel(axis=0)`. Not scaled: a slope of 1 gives 8.
///
/// # Errors
/// [`Error::KernelParameter`] for unsigned element types.
pub fn sobel_y<A: Element>() -> Result<Array2<A>> {
    constant("sobel-y", [[1., 2., 1.], [0., 0., 0.], [-1., -2., -1.]])
}

/// The sum of the second differences along both axes, as `scipy.ndimage.laplace`: negative on
/// peaks.
///
/// # Errors
/// [`Error::KernelParameter`] for unsigned element types.
pub fn laplacian<A: Element>() -> Result<Array2<A>> {
    constant("laplacian", [[0., 1., 0.], [1., -4., 1.], [0., 1., 0.]])
}

/// The picture minus its [`laplacian`]: sums to one.
///
/// # Errors
/// [`Error::KernelParameter`] for unsigned element types.
pub fn sharpen<A: Element>() -> Result<Array2<A>> {
    constant("sharpen", [[0., -1., 0.], [-1., 5., -1.], [0., -1., 0.]])
}

/// A relief, lit from the upper left: the picture plus its derivative down to the right. Sums to
/// one.
///
/// # Errors
/// [`Error::KernelParameter`] for unsigned element types.
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

fn parameter(kernel: &'static str, reason: String) -> Error {
    Error::KernelParameter { kernel, reason }
}

#[cfg(test)]
mod tests;
