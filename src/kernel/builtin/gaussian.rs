//! Gaussians, and what is made of them: derivatives, differences, sharpening.

use ndarray::{Array2, ArrayD, Slice};

use super::built_in::{direction, in_the_plane, length, normalised, one_tap, product, rounded};
use super::{ACROSS, ALONG, AMOUNT, DEGREES, ORDER, SAMPLED_SIGMA, SIGMA, TRUNCATE, parameter};
use crate::element::Element;
use crate::error::Result;

const GAUSSIAN: &str = "gaussian";
const DERIVATIVE: &str = "gaussian-derivative";

/// Polynomials of a higher degree lose their digits.
const HIGHEST_ORDER: f64 = 16.0;

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
    order: [usize; 2],
    cut: Cut,
}

/// Where a Gaussian ends.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Cut {
    truncate: f64,
    radius: Option<usize>,
}

/// SciPy's.
const FOUR_SIGMA: Cut = Cut { truncate: 4.0, radius: None };

impl Gaussian {
    /// The same standard deviation along both axes, in samples.
    pub fn new(sigma: f64) -> Self {
        Self::per_axis([sigma; 2])
    }

    /// A standard deviation per axis, the first axis first, in samples.
    pub fn per_axis(sigma: [f64; 2]) -> Self {
        Self { sigma, order: [0; 2], cut: FOUR_SIGMA }
    }

    /// Derives so many times along each axis, the first axis first. Default: not at all.
    /// [`gaussian_derivative`] says what that is.
    ///
    /// ```
    /// use convolve::filters::Gaussian;
    ///
    /// let down = Gaussian::per_axis([1.0, 2.0]).derivative([1, 0]).kernel::<f64>()?;
    /// assert_eq!(down.dim(), (9, 17));
    /// assert!(down.sum().abs() < 1e-12);
    /// # Ok::<(), convolve::Error>(())
    /// ```
    pub fn derivative(mut self, order: [usize; 2]) -> Self {
        self.order = order;
        self
    }

    /// Cuts off at this many standard deviations. Default: 4.
    pub fn truncate(mut self, truncate: f64) -> Self {
        self.cut.truncate = truncate;
        self
    }

    /// Cuts off at this many samples, whatever the standard deviation.
    pub fn radius(mut self, radius: usize) -> Self {
        self.cut.radius = Some(radius);
        self
    }

    /// The kernel, of `2 * radius + 1` taps along each axis.
    ///
    /// # Errors
    /// [`Error::KernelParameter`](crate::Error::KernelParameter), see the [module](super).
    pub fn kernel<A: Element>(&self) -> Result<Array2<A>> {
        let name = if self.order == [0; 2] { GAUSSIAN } else { DERIVATIVE };
        let factor =
            |axis: usize| factor(name, self.sigma[axis], self.order[axis] as f64, self.cut);
        rounded(name, in_the_plane(product(name, &[factor(0)?, factor(1)?])?))
    }
}

/// The taps along one axis, derived so many times.
fn factor(kernel: &'static str, sigma: f64, order: f64, cut: Cut) -> Result<Vec<f64>> {
    let (sigma, order) = (SIGMA.check(kernel, sigma)?, ORDER.check(kernel, order)?);
    let radius = match cut.radius {
        _ if sigma <= 1e-15 => 0.0,
        Some(radius) => radius as f64,
        None => (TRUNCATE.check(kernel, cut.truncate)? * sigma + 0.5).floor(),
    };
    if order > 0.0 && radius == 0.0 {
        let reason = format!("a derivative needs three taps, which sigma {sigma} has not");
        return Err(parameter(kernel, reason));
    }
    if order > HIGHEST_ORDER {
        let reason = format!("expected an order of at most {HIGHEST_ORDER}, got {order}");
        return Err(parameter(kernel, reason));
    }
    if radius == 0.0 {
        return Ok(vec![1.0]);
    }
    let length = length(kernel, 2.0 * radius + 1.0)?;
    let middle = (length / 2) as f64;
    let x = |i: usize| i as f64 - middle;
    let mut taps: Vec<f64> = (0..length).map(|i| (-0.5 * (x(i) / sigma).powi(2)).exp()).collect();
    let sum: f64 = taps.iter().sum();
    let polynomial = derived(order as usize, sigma);
    let factor = |x: f64| polynomial.iter().rev().fold(0.0, |sum, power| sum * x + power);
    taps.iter_mut().enumerate().for_each(|(i, tap)| *tap *= factor(x(i)) / sum);
    Ok(taps)
}

/// The taps of a Gaussian along one axis, so many on either side of the middle. Errors are those of
/// [`Gaussian::kernel`].
#[cfg(feature = "gpu")]
pub(crate) fn row(sigma: f64, radius: usize) -> Result<Vec<f32>> {
    let cut = Cut { radius: Some(radius), ..FOUR_SIGMA };
    let taps = factor(GAUSSIAN, sigma, 0.0, cut)?;
    // Of a single tap the others are zeros.
    let zeros = 2 * radius + 1 - taps.len();
    let padded = (0..zeros / 2).map(|_| 0.0).chain(taps).chain((0..zeros / 2).map(|_| 0.0));
    Ok(padded.map(|tap| tap as f32).collect())
}

/// The polynomial `q`, its constant first, of the derivative `q(x) exp(-x^2 / (2 sigma^2))`.
fn derived(order: usize, sigma: f64) -> Vec<f64> {
    let mut q = vec![1.0];
    for _ in 0..order {
        // (q exp(p))' = (q' + q p') exp(p), with p' = -x / sigma^2.
        let mut next = vec![0.0; q.len() + 1];
        for (power, factor) in q.iter().enumerate() {
            next[power + 1] -= factor / (sigma * sigma);
            if power > 0 {
                next[power - 1] += factor * power as f64;
            }
        }
        q = next;
    }
    q
}

/// A Gaussian of these standard deviations, one per axis.
pub(super) fn blur(kernel: &'static str, sigmas: &[f64]) -> Result<ArrayD<f64>> {
    derivative(kernel, sigmas, |_| 0.0)
}

/// A Gaussian that is derived along each axis.
fn derivative(
    kernel: &'static str,
    sigmas: &[f64],
    order: impl Fn(usize) -> f64,
) -> Result<ArrayD<f64>> {
    let axes = sigmas.iter().enumerate();
    let factors: Result<Vec<_>> =
        axes.map(|(axis, &sigma)| factor(kernel, sigma, order(axis), FOUR_SIGMA)).collect();
    product(kernel, &factors?)
}

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
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `sigma` is negative, no number or
/// above 1,023.
pub fn gaussian<A: Element>(sigma: f64) -> Result<Array2<A>> {
    Gaussian::new(sigma).kernel()
}

/// The derivative of a blurred picture, of order `order[0]` down and `order[1]` to the right: the
/// kernel of `scipy.ndimage.gaussian_filter(order=order)`.
///
/// Along each axis it is the [`gaussian`] times the polynomial of its derivative, which is not
/// scaled again: its sum is zero for odd orders, and for even ones within a thousandth of the sum of its
/// taps' magnitudes. A slope of 1 gives 1 within 0.11 % from `sigma` 1 on.
///
/// ```
/// use convolve::{Mode, convolve, filters};
/// use ndarray::Array2;
///
/// let ramp = Array2::from_shape_fn((17, 17), |(_, x)| 3.0 * x as f64);
/// let slope = convolve(&ramp, &filters::gaussian_derivative(2.0, [0, 1])?, Mode::Valid)?;
/// assert!((slope[[0, 0]] - 3.0).abs() < 0.01);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `sigma` is negative, no number,
/// above 1,023, or below 0.125 (a single tap) along an axis that is derived, for an order above 16,
/// and for integer element types.
pub fn gaussian_derivative<A: Element>(sigma: f64, order: [usize; 2]) -> Result<Array2<A>> {
    Gaussian::new(sigma).derivative(order).kernel()
}

/// The same, for as many axes as there are orders.
pub(super) fn derived_along(sigma: f64, order: &[f64]) -> Result<ArrayD<f64>> {
    derivative(DERIVATIVE, &vec![sigma; order.len()], |axis| order[axis])
}

/// The Laplacian of a blurred picture, the sum of its second derivatives: negative on bright spots
/// about as wide as `sigma`. The kernel of `scipy.ndimage.gaussian_laplace`.
///
/// As there it is not scaled, and its sum is nearly zero from a `sigma` of 1 on: -1.4e-4 there, of taps whose
/// magnitudes sum to 1.4. A narrower one is cut too coarsely into samples: for 0.5 it sums to -1.1. Times
/// `sigma^2` its answers can be compared between scales.
///
/// ```
/// let kernel = convolve::filters::laplacian_of_gaussian::<f64>(2.0)?;
/// assert_eq!(kernel.dim(), (17, 17));
/// assert!(kernel[[8, 8]] < 0.0 && kernel.sum().abs() < 1e-2);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `sigma` is below 0.5, too narrow
/// for samples to show it, no number or above 1,023, and for integer element types.
pub fn laplacian_of_gaussian<A: Element>(sigma: f64) -> Result<Array2<A>> {
    rounded(LAPLACE, in_the_plane(laplace(&[sigma; 2])?))
}

const LAPLACE: &str = "log";

/// The sum of the second derivatives.
pub(super) fn laplace(sigmas: &[f64]) -> Result<ArrayD<f64>> {
    let sigmas: Vec<f64> =
        sigmas.iter().map(|&s| SAMPLED_SIGMA.check(LAPLACE, s)).collect::<Result<_>>()?;
    // Without an axis there is nothing to derive.
    let mut sum = blur(LAPLACE, &sigmas)? * 0.0;
    for axis in 0..sigmas.len() {
        sum += &derivative(LAPLACE, &sigmas, |other| if other == axis { 2.0 } else { 0.0 })?;
    }
    Ok(sum)
}

/// A narrower Gaussian minus a wider one: what is between the two in size. Sums to zero.
///
/// What `skimage.filters.difference_of_gaussians(low_sigma, high_sigma)` computes, by one kernel.
///
/// ```
/// let kernel = convolve::filters::difference_of_gaussians::<f64>(1.0, 1.6)?;
/// assert_eq!(kernel.dim(), (13, 13));
/// assert!(kernel[[6, 6]] > 0.0 && kernel.sum().abs() < 1e-12);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where one of them is negative, no number
/// or above 1,023.
pub fn difference_of_gaussians<A: Element>(sigma: f64, wider: f64) -> Result<Array2<A>> {
    rounded(DIFFERENCE, in_the_plane(difference(sigma, wider, 2)?))
}

const DIFFERENCE: &str = "dog";

/// The difference, for so many axes.
pub(super) fn difference(sigma: f64, wider: f64, rank: usize) -> Result<ArrayD<f64>> {
    let [narrow, wide] = [sigma, wider].map(|sigma| blur(DIFFERENCE, &vec![sigma; rank]));
    Ok(minus(narrow?, wide?))
}

/// Unsharp masking as one kernel: the picture plus `amount` times what a Gaussian blur of standard
/// deviation `sigma` takes from it, `(1 + amount) - amount * gaussian`. Sums to one.
///
/// What `skimage.filters.unsharp_mask(radius=sigma, amount=amount)` computes before it clips.
/// With a threshold it is no convolution: [`FilterBuilder::unsharp`](crate::FilterBuilder::unsharp).
///
/// ```
/// let kernel = convolve::filters::unsharp::<f64>(1.0, 0.8)?;
/// assert_eq!(kernel.dim(), (9, 9));
/// assert!((kernel.sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where `sigma` is negative, no number or
/// above 1,023, and where `amount` is no finite number.
pub fn unsharp<A: Element>(sigma: f64, amount: f64) -> Result<Array2<A>> {
    rounded(UNSHARP, in_the_plane(sharpening(sigma, amount, 2)?))
}

const UNSHARP: &str = "unsharp";

/// The kernel of unsharp masking, for so many axes.
pub(super) fn sharpening(sigma: f64, amount: f64, rank: usize) -> Result<ArrayD<f64>> {
    let amount = AMOUNT.check(UNSHARP, amount)?;
    let blur = blur(UNSHARP, &vec![sigma; rank])?;
    Ok(minus(one_tap(rank) * (1.0 + amount), blur * amount))
}

/// The difference of two kernels about their centres; their lengths are odd.
fn minus(a: ArrayD<f64>, b: ArrayD<f64>) -> ArrayD<f64> {
    let (mut large, small) = if a.len() >= b.len() { (a, -b) } else { (-b, a) };
    let mut middle = large.slice_each_axis_mut(|axis| {
        let length = small.len_of(axis.axis);
        let start = axis.len / 2 - length / 2;
        Slice::from(start..start + length)
    });
    middle += &small;
    large
}

/// A Gaussian that lies aslant: standard deviations of `sigma[0]` samples along the direction of
/// `angle` and `sigma[1]` across. `angle` is in degrees, counterclockwise in the picture, 0 to the
/// right. Sums to one.
///
/// `exp(-(u^2 / sigma[0]^2 + v^2 / sigma[1]^2) / 2)` at the samples' centres, cut off along each axis
/// at four of the standard deviations that it has along that axis.
///
/// ```
/// let kernel = convolve::filters::gaussian_rotated::<f64>([4.0, 1.0], 30.0)?;
/// assert_eq!(kernel.dim(), (19, 29));
/// assert!((kernel.sum() - 1.0).abs() < 1e-12);
/// # Ok::<(), convolve::Error>(())
/// ```
///
/// # Errors
/// [`Error::KernelParameter`](crate::Error::KernelParameter) where a standard deviation is below 0.25,
/// which would fall between the samples, no number or too large for
/// [`MAX_LENGTH`](super::MAX_LENGTH) and [`MAX_TAPS`](super::MAX_TAPS), and where `angle` is no finite
/// number.
pub fn gaussian_rotated<A: Element>(sigma: [f64; 2], angle: f64) -> Result<Array2<A>> {
    rounded(ROTATED, aslant(sigma, angle)?)
}

const ROTATED: &str = "gaussian-rotated";

pub(super) fn aslant(sigma: [f64; 2], angle: f64) -> Result<Array2<f64>> {
    let along = ALONG.check(ROTATED, sigma[0])?;
    let across = ACROSS.check(ROTATED, sigma[1])?;
    let (up, right) = direction(DEGREES.check(ROTATED, angle)?);
    let reach = |a: f64, b: f64| {
        length(ROTATED, 2.0 * (4.0 * (along * a).hypot(across * b) + 0.5).floor() + 1.0)
    };
    normalised(ROTATED, [reach(up, right)?, reach(right, up)?], |y, x| {
        let (u, v) = (x * right + y * up, y * right - x * up);
        (-0.5 * ((u / along).powi(2) + (v / across).powi(2))).exp()
    })
}
