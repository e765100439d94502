//! Pairs of derivatives, for gradients.

use ndarray::Array2;
use std::fmt;
use std::str::FromStr;

use super::{gaussian_derivative, prewitt_x, prewitt_y, roberts_left, roberts_right};
use super::{scharr_x, scharr_y, sobel_x, sobel_y};
use crate::element::Element;
use crate::error::{Error, Result};

/// A pair of derivatives along two directions at right angles, for
/// [`FilterBuilder::gradient`](crate::FilterBuilder::gradient). It is read from, and printed as, a text such
/// as `sobel` or `gaussian:1.5`.
///
/// ```
/// use convolve::filters::Derivatives;
///
/// let [right, down] = Derivatives::Gaussian(1.0).kernels::<f64>()?;
/// assert_eq!(right, down.t());
/// assert_eq!("gaussian:1".parse(), Ok(Derivatives::Gaussian(1.0)));
/// # Ok::<(), convolve::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Derivatives {
    /// [`sobel_x`] and [`sobel_y`]: a slope of 1 gives 8.
    Sobel,
    /// [`scharr_x`] and [`scharr_y`]: a slope of 1 gives 32.
    Scharr,
    /// [`prewitt_x`] and [`prewitt_y`]: a slope of 1 gives 6.
    Prewitt,
    /// [`roberts_right`] and [`roberts_left`], along the diagonals: a slope of 1 gives the square root of 2.
    Roberts,
    /// [`gaussian_derivative`] of this standard deviation: a slope of 1 gives nearly 1. The gradient is
    /// `scipy.ndimage.gaussian_gradient_magnitude`.
    Gaussian(f64),
}

/// What texts they are read from.
const DERIVATIVES: &str = "sobel, scharr, prewitt, roberts or gaussian:SIGMA";

impl Derivatives {
    /// The two kernels: for the second axis (to the right) and for the first (down), but for Roberts'
    /// diagonals.
    ///
    /// # Errors
    /// [`Error::KernelParameter`] for integer types that cannot hold the taps, and as from
    /// [`gaussian_derivative`].
    pub fn kernels<A: Element>(&self) -> Result<[Array2<A>; 2]> {
        Ok(match *self {
            Self::Sobel => [sobel_x()?, sobel_y()?],
            Self::Scharr => [scharr_x()?, scharr_y()?],
            Self::Prewitt => [prewitt_x()?, prewitt_y()?],
            Self::Roberts => [roberts_right()?, roberts_left()?],
            Self::Gaussian(sigma) => {
                [gaussian_derivative(sigma, [0, 1])?, gaussian_derivative(sigma, [1, 0])?]
            }
        })
    }
}

impl FromStr for Derivatives {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::KernelText {
            text: text.into(),
            reason: format!("expected derivatives: {DERIVATIVES}"),
        };
        Ok(match (text, text.strip_prefix("gaussian:")) {
            (_, Some(sigma)) => Self::Gaussian(sigma.trim().parse().map_err(|_| wrong())?),
            ("sobel", _) => Self::Sobel,
            ("scharr", _) => Self::Scharr,
            ("prewitt", _) => Self::Prewitt,
            ("roberts", _) => Self::Roberts,
            _ => return Err(wrong()),
        })
    }
}

impl fmt::Display for Derivatives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sobel => f.write_str("sobel"),
            Self::Scharr => f.write_str("scharr"),
            Self::Prewitt => f.write_str("prewitt"),
            Self::Roberts => f.write_str("roberts"),
            Self::Gaussian(sigma) => write!(f, "gaussian:{sigma}"),
        }
    }
}
