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
//! [`BUILT_IN`] has them by name, as the command takes them, and [`Named`] reads them; [`TextKernel`] reads
//! kernels of one's own. Those of "any" axes have as many as what is
//! filtered; where a size, a SIGMA or an ORDER stands last it is one for all axes, or there is one per axis.
//!
//! | name | axes | values | what it is |
//! | --- | --- | --- | --- |
//! | `gaussian:SIGMA` | any | SIGMA at least 0 | blur with a standard deviation of SIGMA samples |
//! | `box:N` | any | N whole, at least 1 | mean of N samples along each axis |
//! | `tent:R` | any | R at least 1 | tent that ends R samples from its centre, a box twice |
//! | `binomial:N` | any | N whole, at least 1 | N binomial coefficients along each axis |
//! | `disk:RADIUS` | 2 | RADIUS at least 0 | blur of a lens out of focus |
//! | `polygon:RADIUS,BLADES,DEGREES` | 2 | RADIUS at least 0, BLADES whole, at least 3, DEGREES | the same through an iris with BLADES corners, turned counterclockwise |
//! | `motion:LENGTH,DEGREES` | 2 | LENGTH at least 1, DEGREES | blur of a moving camera, counterclockwise from the right |
//! | `gaussian-rotated:ALONG,ACROSS,DEGREES` | 2 | ALONG at least 0.25, ACROSS at least 0.25, DEGREES | Gaussian that lies aslant, counterclockwise from the right |
//! | `airy:RADIUS` | 2 | RADIUS at least 0 | what diffraction makes of a point, first dark ring at RADIUS |
//! | `moffat:GAMMA,ALPHA` | 2 | GAMMA at least 0, ALPHA at least 1 | a star seen through air: (1 + distance^2 / GAMMA^2)^-ALPHA |
//! | `sharpen` | any | | the picture minus its laplacian |
//! | `unsharp:SIGMA,AMOUNT` | any | SIGMA at least 0, AMOUNT | the picture plus AMOUNT times what gaussian:SIGMA takes from it |
//! | `sobel-x` | 2 | | derivative to the right, by Sobel |
//! | `sobel-y` | 2 | | derivative downwards, by Sobel |
//! | `scharr-x` | 2 | | derivative to the right, by Scharr |
//! | `scharr-y` | 2 | | derivative downwards, by Scharr |
//! | `prewitt-x` | 2 | | derivative to the right, by Prewitt |
//! | `prewitt-y` | 2 | | derivative downwards, by Prewitt |
//! | `roberts-right` | 2 | | difference down to the right, by Roberts |
//! | `roberts-left` | 2 | | difference down to the left, by Roberts |
//! | `gaussian-derivative:SIGMA,ORDER` | any | SIGMA at least 0, ORDER whole, at least 0 | derivative of gaussian:SIGMA, of this order along each axis |
//! | `laplacian` | any | | sum of the second differences, negative on peaks |
//! | `log:SIGMA` | any | SIGMA at least 0.5 | Laplacian of gaussian:SIGMA |
//! | `dog:SIGMA,WIDER` | any | SIGMA at least 0, WIDER at least 0 | difference of two Gaussians: what is between them in size |
//! | `gabor:SIGMA,WAVELENGTH,DEGREES,PHASE` | 2 | SIGMA at least 0, WAVELENGTH at least 2, DEGREES, PHASE | stripes across DEGREES, under gaussian:SIGMA |
//! | `emboss` | 2 | | relief, lit from the upper left |
//! | `identity` | any | | one tap of 1, which changes nothing |
//!
//! Taps are computed in `f64` and rounded once. Every kernel is an error
//! ([`Error::KernelParameter`]) where its parameters make no sense, where it would have more than
//! [`MAX_LENGTH`] taps along an axis or [`MAX_TAPS`] in all, and where a tap is no value of an
//! integer element type: `box_mean::<u8>(3)` has taps of 1/9. Where the system has no memory for the
//! taps it is [`Error::OutOfMemory`].

mod aperture;
mod built_in;
mod derivatives;
mod differences;
mod gabor;
pub(crate) mod gaussian;
mod motion;
mod named;
mod number;
mod optics;
#[cfg(feature = "image")]
mod picture;
mod smooth;
mod text;

use crate::error::Error;

pub use aperture::{disk, polygon};
use built_in::Taps::{Any, Each, Plane};
pub use built_in::{BuiltIn, Parameter};
pub use derivatives::Derivatives;
pub use differences::{
    emboss, identity, laplacian, prewitt_x, prewitt_y, roberts_left, roberts_right, scharr_x,
    scharr_y, sharpen, sobel_x, sobel_y,
};
pub use gabor::gabor;
pub use gaussian::{
    Gaussian, difference_of_gaussians, gaussian, gaussian_derivative, gaussian_rotated,
    laplacian_of_gaussian, unsharp,
};
pub use motion::motion;
pub use named::Named;
pub use number::Number;
pub use optics::{airy, moffat};
#[cfg(feature = "image")]
pub use picture::from_picture;
pub use smooth::{binomial, box_mean, tent};
pub use text::TextKernel;

/// All built-in kernels. The command takes its names, its help and its messages from here: a new kernel
/// is a function, an entry here and a line of the table above, which a test compares with the entries.
pub const BUILT_IN: &[BuiltIn] = &[
    BuiltIn::new(
        "gaussian",
        &[SIGMA],
        "blur with a standard deviation of SIGMA samples",
        Each(|sigmas| gaussian::blur("gaussian", sigmas)),
    ),
    BuiltIn::new("box", &[N], "mean of N samples along each axis", Each(smooth::mean)),
    BuiltIn::new(
        "tent",
        &[HALF_WIDTH],
        "tent that ends R samples from its centre, a box twice",
        Each(smooth::tents),
    ),
    BuiltIn::new(
        "binomial",
        &[N],
        "N binomial coefficients along each axis",
        Each(smooth::binomials),
    ),
    BuiltIn::new(
        "disk",
        &[RADIUS],
        "blur of a lens out of focus",
        Plane(|of| aperture::round(of[0])),
    ),
    BuiltIn::new(
        "polygon",
        &[RADIUS, BLADES, DEGREES],
        "the same through an iris with BLADES corners, turned counterclockwise",
        Plane(|of| aperture::regular(of[0], of[1], of[2])),
    ),
    BuiltIn::new(
        "motion",
        &[LENGTH, DEGREES],
        "blur of a moving camera, counterclockwise from the right",
        Plane(|of| motion::line(of[0], of[1])),
    ),
    BuiltIn::new(
        "gaussian-rotated",
        &[ALONG, ACROSS, DEGREES],
        "Gaussian that lies aslant, counterclockwise from the right",
        Plane(|of| gaussian::aslant([of[0], of[1]], of[2])),
    ),
    BuiltIn::new(
        "airy",
        &[RADIUS],
        "what diffraction makes of a point, first dark ring at RADIUS",
        Plane(|of| optics::rings(of[0])),
    ),
    BuiltIn::new(
        "moffat",
        &[GAMMA, ALPHA],
        "a star seen through air: (1 + distance^2 / GAMMA^2)^-ALPHA",
        Plane(|of| optics::star(of[0], of[1])),
    ),
    BuiltIn::new(
        "sharpen",
        &[],
        "the picture minus its laplacian",
        Any(|_, rank| differences::sharpening(rank)),
    ),
    BuiltIn::new(
        "unsharp",
        &[SIGMA, AMOUNT],
        "the picture plus AMOUNT times what gaussian:SIGMA takes from it",
        Any(|of, rank| gaussian::sharpening(of[0], of[1], rank)),
    ),
    BuiltIn::new("sobel-x", &[], "derivative to the right, by Sobel", Plane(|_| sobel_x())),
    BuiltIn::new("sobel-y", &[], "derivative downwards, by Sobel", Plane(|_| sobel_y())),
    BuiltIn::new("scharr-x", &[], "derivative to the right, by Scharr", Plane(|_| scharr_x())),
    BuiltIn::new("scharr-y", &[], "derivative downwards, by Scharr", Plane(|_| scharr_y())),
    BuiltIn::new("prewitt-x", &[], "derivative to the right, by Prewitt", Plane(|_| prewitt_x())),
    BuiltIn::new("prewitt-y", &[], "derivative downwards, by Prewitt", Plane(|_| prewitt_y())),
    BuiltIn::new(
        "roberts-right",
        &[],
        "difference down to the right, by Roberts",
        Plane(|_| roberts_right()),
    ),
    BuiltIn::new(
        "roberts-left",
        &[],
        "difference down to the left, by Roberts",
        Plane(|_| roberts_left()),
    ),
    BuiltIn::new(
        "gaussian-derivative",
        &[SIGMA, ORDER],
        "derivative of gaussian:SIGMA, of this order along each axis",
        Each(|of| gaussian::derived_along(of[0], &of[1..])),
    ),
    BuiltIn::new(
        "laplacian",
        &[],
        "sum of the second differences, negative on peaks",
        Any(|_, rank| differences::second(rank)),
    ),
    BuiltIn::new("log", &[SAMPLED_SIGMA], "Laplacian of gaussian:SIGMA", Each(gaussian::laplace)),
    BuiltIn::new(
        "dog",
        &[SIGMA, WIDER],
        "difference of two Gaussians: what is between them in size",
        Any(|of, rank| gaussian::difference(of[0], of[1], rank)),
    ),
    BuiltIn::new(
        "gabor",
        &[SIGMA, WAVELENGTH, DEGREES, PHASE],
        "stripes across DEGREES, under gaussian:SIGMA",
        Plane(|of| gabor::wave(of[0], of[1], of[2], of[3])),
    ),
    BuiltIn::new("emboss", &[], "relief, lit from the upper left", Plane(|_| emboss())),
    BuiltIn::new(
        "identity",
        &[],
        "one tap of 1, which changes nothing",
        Any(|_, rank| Ok(built_in::one_tap(rank))),
    ),
];

const SIGMA: Parameter = Parameter::at_least(0.0, "SIGMA", "sigma to be a number");
/// Where samples must show a second derivative.
const SAMPLED_SIGMA: Parameter = Parameter { least: Some(0.5), ..SIGMA };
const WIDER: Parameter =
    Parameter { name: "WIDER", expected: "the wider sigma to be a number", ..SIGMA };
/// Narrower ones fall between samples that are aslant.
const ALONG: Parameter = Parameter::at_least(0.25, "ALONG", "sigma to be a number");
const ACROSS: Parameter = Parameter { name: "ACROSS", ..ALONG };
const ORDER: Parameter = Parameter { whole: true, ..Parameter::at_least(0.0, "ORDER", "an order") };
const AMOUNT: Parameter = Parameter::any("AMOUNT", "the amount to be a number");
const N: Parameter = Parameter { whole: true, ..Parameter::at_least(1.0, "N", "a length") };
const HALF_WIDTH: Parameter = Parameter::at_least(1.0, "R", "half of a width");
const RADIUS: Parameter = Parameter::at_least(0.0, "RADIUS", "the radius to be a number");
const BLADES: Parameter =
    Parameter { whole: true, ..Parameter::at_least(3.0, "BLADES", "a number of blades") };
const LENGTH: Parameter = Parameter::at_least(1.0, "LENGTH", "a length");
const DEGREES: Parameter = Parameter::any("DEGREES", "an angle in degrees");
const GAMMA: Parameter = Parameter::at_least(0.0, "GAMMA", "a width");
const ALPHA: Parameter = Parameter::at_least(1.0, "ALPHA", "an exponent");
const WAVELENGTH: Parameter = Parameter::at_least(2.0, "WAVELENGTH", "a wavelength");
const PHASE: Parameter = Parameter::any("PHASE", "a phase in degrees");
/// Only [`Gaussian::truncate`] sets it.
const TRUNCATE: Parameter = Parameter::at_least(0.0, "TRUNCATE", "truncate to be a number");

/// Taps along one axis of a built-in kernel: more than any picture is wide, as a rule, and few
/// enough that a mistyped parameter is an error and not an hour of work.
pub const MAX_LENGTH: usize = 32_769;

/// Taps of a built-in kernel in all: 512 MiB in `f64`.
pub const MAX_TAPS: usize = 1 << 26;

fn parameter(kernel: &'static str, reason: String) -> Error {
    Error::KernelParameter { kernel, reason }
}

#[cfg(test)]
mod tests;
