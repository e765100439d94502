//! The nouns of the library and how they are printed: what every room may speak of.

use std::fmt;

/// Which part of the full result is kept, as in `scipy.signal.convolve`.
///
/// With `n` samples and an effective kernel length `M = (taps - 1) * dilation + 1` on an axis:
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Everything: `n + M - 1` samples.
    Full,
    /// The input's shape: `n` samples, from `(M - 1) / 2 + origin` of the full result.
    #[default]
    Same,
    /// Only windows that lie in the input: `n - M + 1` samples. If the kernel is the longer one
    /// on every axis, the two change places.
    Valid,
}

/// Convolution, or correlation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `full[i] = sum k[t] * x[i - t]`.
    #[default]
    Convolve,
    /// Convolution with the reversed and conjugated kernel.
    Correlate,
}

/// How a convolution is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Whatever is expected to be fastest.
    #[default]
    Auto,
    /// The sum over all taps.
    Direct,
    /// One pass per axis; for kernels that are an outer product of vectors, or a sum of a few.
    Separable,
    /// Overlap-save through Fourier transforms.
    Fft,
    /// On a grid of fewer samples: a pass down to it, a narrower kernel there, and a pass up again. For
    /// smooth kernels under a [`Tolerance`], which it is proved to stay within, and on the CPU alone. What
    /// it costs does not grow with the width of the kernel.
    Coarse,
    /// Whatever is fastest when tried. Those that are expected to take no more than five times as long
    /// as the best are timed when a filter is planned, on synthetic data, a few runs each; a method
    /// that could be wrong is out before that, as ever. A convolver remembers what it measured.
    ///
    /// Where there is nothing to time, because a plan is made without a kernel ([`Convolver::plan`]) or
    /// because the kernel comes with every input (mode `valid` with the longer kernel), this is
    /// [`Method::Auto`].
    ///
    /// [`Convolver::plan`]: crate::Convolver::plan
    Measured,
}

/// Where a convolution is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Device {
    /// Wherever it is expected to be fastest.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU.
    Gpu,
}

/// How precisely sums are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Precision {
    /// In the type of the elements; in `f32` for `f16`.
    #[default]
    Native,
    /// In `f64` for `f32` and `f16`, and in `Complex<f64>` for `Complex<f32>`: input and kernel are
    /// widened exactly, and the result is rounded once. Changes nothing for the other types: integers
    /// are exact, and there is no wider floating point.
    High,
}

/// The largest error of an output that a caller accepts, beside the rounding that every method has: see
/// [`FilterBuilder::tolerance`](crate::FilterBuilder::tolerance).
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Tolerance {
    /// A share of `max |x| * sum |k|`: of the largest sample of the input, or of what stands outside, times
    /// the sum of the magnitudes of the taps.
    Relative(f64),
    /// Levels of a picture of 8 or of 16 bits, before these are rounded: a quarter of one changes some
    /// results by one level and most by none. Of colours that count by their alpha, in levels of their
    /// product with it; in linear light, of the levels that are stored.
    Levels(f64),
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relative(share) => write!(f, "{share:e} of max |x| * sum |k|"),
            Self::Levels(levels) if *levels == 1.0 => write!(f, "1 level"),
            Self::Levels(levels) => write!(f, "{levels} levels"),
        }
    }
}

/// Prints each variant as one word.
macro_rules! printed {
    ($($noun:ident { $($variant:ident => $word:literal),* $(,)? })*) => {$(
        impl fmt::Display for $noun {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$variant => $word,)*
                })
            }
        }
    )*};
}

printed! {
    Mode { Full => "full", Same => "same", Valid => "valid" }
    Operation { Convolve => "convolve", Correlate => "correlate" }
    Method {
        Auto => "auto",
        Direct => "direct",
        Separable => "separable",
        Fft => "fft",
        Coarse => "coarse",
        Measured => "measured",
    }
    Device { Auto => "auto", Cpu => "cpu", Gpu => "gpu" }
    Precision { Native => "native", High => "high" }
}

/// What a kernel that keeps constants does with a picture's alpha.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alpha {
    /// Colours count by their alpha, so that those of transparent pixels do not show: they are
    /// multiplied by it before they are filtered, and divided by the filtered alpha afterwards. Where
    /// that is stored as 0 the colour is 0. Past the edges, boundaries of zero are transparent, and a
    /// constant is a colour with that constant as its alpha.
    ///
    /// Where alpha is the same everywhere, inside and outside, colours are filtered as they are. So
    /// they are by a kernel with one tap, which moves pixels and mixes none.
    #[default]
    Straight,
    /// Alpha is multiplied into the colours of the picture already, as OpenEXR has it and TIFF may: sums of
    /// such colours are right as they are, with alpha. Results have it multiplied in too. In levels of 8 and
    /// of 16 bits no colour exceeds its alpha, and in linear light alpha is divided out before a colour is
    /// decoded and after it was encoded. A constant past the edges is what is stored of every channel.
    Premultiplied,
    /// Alpha is a channel like any other, and the others do not depend on it.
    AsChannel,
}

/// Which numbers of a picture of 8 or of 16 bits are filtered. Floating-point pixels are light already, and
/// filtered as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Light {
    /// Those that are stored, as most programs do it. They are spaced as eyes see, not as light adds up:
    /// edges of bright things lose light.
    #[default]
    AsStored,
    /// The light that they stand for, by the curve of sRGB: what lenses and eyes out of focus do. Colours
    /// are decoded as they are read and encoded as they are written; alpha is not. A boundary's constant
    /// is decoded too, as a level of the pictures that the filter was planned for.
    Linear,
}

/// How results of a filter that may be below zero are shown in a picture.
///
/// [`Signed::Absolute`] and [`Signed::Offset`] show numbers, not light: with [`Light::Linear`] differences
/// of light are stored as they come out, and not encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
#[cfg(feature = "image")]
pub enum Signed {
    /// As they are: what is below zero becomes zero where levels are stored.
    #[default]
    Clip,
    /// Without their sign.
    Absolute,
    /// With a level added to them, as a part of the brightest: 0.5 is mid-grey. In pictures of 8 and of 16
    /// bits it is rounded to a whole level, 128 or 32,768 for 0.5.
    Offset(f32),
}

#[cfg(feature = "image")]
impl Signed {
    /// About mid-grey: what is darker is below zero, what is brighter above.
    pub const MID_GREY: Self = Self::Offset(0.5);
}

/// A time with a unit that suits it.
pub(crate) struct Seconds(pub f64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            t if t < 1e-3 => write!(f, "{:.1} us", t * 1e6),
            t if t < 1.0 => write!(f, "{:.2} ms", t * 1e3),
            t => write!(f, "{t:.2} s"),
        }
    }
}

/// A shape, as `2048 x 1024`; an array without axes is a scalar.
pub(crate) struct Shape<'a>(pub &'a [usize]);

impl fmt::Display for Shape<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, others)) = self.0.split_first() else { return f.write_str("a scalar") };
        write!(f, "{first}")?;
        others.iter().try_for_each(|n| write!(f, " x {n}"))
    }
}
