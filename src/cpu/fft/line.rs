//! Transforms of one row: real rows have half a spectrum, complex rows a whole one.

use num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use rustfft::{Fft, FftNum, FftPlanner};
use std::sync::Arc;

/// What a row is made of: a real or a complex number.
pub trait Sample: Copy + Default + Send + Sync + 'static {
    /// Its precision.
    type Real: FftNum + Default;

    /// Transforms of rows of `n` samples.
    fn line(n: usize) -> Box<dyn Line<Self>>;
    /// The binary exponents that transforms and products of any block size stay in range with.
    const COMFORT: i32;

    /// `self * 2^exponent`, for any exponent that the result has a number for.
    fn scaled(self, exponent: i32) -> Self;
    /// The magnitude, within a factor of `sqrt 2`; not finite where a part is not.
    fn peak(self) -> f64;
}

/// Forward and inverse transforms of rows of one length, unscaled.
pub trait Line<S: Sample>: Send + Sync {
    /// Length of the spectrum of a row.
    fn spectrum_len(&self) -> usize;
    /// Length of the scratch that both directions need.
    fn scratch_len(&self) -> usize;
    /// Overwrites `spectrum`; `row` is used up.
    fn forward(
        &self,
        row: &mut [S],
        spectrum: &mut [Complex<S::Real>],
        scratch: &mut [Complex<S::Real>],
    );
    /// Overwrites `row`; `spectrum` is used up.
    fn inverse(
        &self,
        spectrum: &mut [Complex<S::Real>],
        row: &mut [S],
        scratch: &mut [Complex<S::Real>],
    );
}

struct RealLine<T> {
    forward: Arc<dyn RealToComplex<T>>,
    inverse: Arc<dyn ComplexToReal<T>>,
}

impl<T: FftNum + Default + Sample<Real = T>> Line<T> for RealLine<T> {
    fn spectrum_len(&self) -> usize {
        self.forward.complex_len()
    }

    fn scratch_len(&self) -> usize {
        self.forward.get_scratch_len().max(self.inverse.get_scratch_len())
    }

    fn forward(&self, row: &mut [T], spectrum: &mut [Complex<T>], scratch: &mut [Complex<T>]) {
        let scratch = &mut scratch[..self.forward.get_scratch_len()];
        self.forward
            .process_with_scratch(row, spectrum, scratch)
            .expect("lengths are the planned ones");
    }

    fn inverse(&self, spectrum: &mut [Complex<T>], row: &mut [T], scratch: &mut [Complex<T>]) {
        // A real row has a real mean and, for even lengths, a real highest frequency. Other axes'
        // transforms leave rounding errors there, which realfft would report.
        spectrum[0].im = T::zero();
        if row.len().is_multiple_of(2) {
            spectrum[row.len() / 2].im = T::zero();
        }
        let scratch = &mut scratch[..self.inverse.get_scratch_len()];
        self.inverse
            .process_with_scratch(spectrum, row, scratch)
            .expect("lengths are the planned ones");
    }
}

struct ComplexLine<T> {
    forward: Arc<dyn Fft<T>>,
    inverse: Arc<dyn Fft<T>>,
}

impl<T: FftNum + Default> Line<Complex<T>> for ComplexLine<T>
where
    Complex<T>: Sample<Real = T>,
{
    fn spectrum_len(&self) -> usize {
        self.forward.len()
    }

    fn scratch_len(&self) -> usize {
        self.forward.get_outofplace_scratch_len().max(self.inverse.get_outofplace_scratch_len())
    }

    fn forward(
        &self,
        row: &mut [Complex<T>],
        spectrum: &mut [Complex<T>],
        scratch: &mut [Complex<T>],
    ) {
        self.forward.process_outofplace_with_scratch(row, spectrum, scratch);
    }

    fn inverse(
        &self,
        spectrum: &mut [Complex<T>],
        row: &mut [Complex<T>],
        scratch: &mut [Complex<T>],
    ) {
        self.inverse.process_outofplace_with_scratch(spectrum, row, scratch);
    }
}

macro_rules! sample {
    ($($t:ident),*) => {$(
        impl Sample for $t {
            type Real = $t;
            const COMFORT: i32 = <$t>::MAX_EXP / 4;
            fn scaled(self, exponent: i32) -> Self {
                // Steps whose powers of two are numbers themselves.
                let most = <$t>::MAX_EXP - 2;
                let (mut value, mut rest) = (self, exponent);
                while rest != 0 {
                    let step = rest.clamp(-most, most);
                    value *= (2.0 as $t).powi(step);
                    rest -= step;
                }
                value
            }
            fn line(n: usize) -> Box<dyn Line<Self>> {
                let mut planner = RealFftPlanner::new();
                let (forward, inverse) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
                Box::new(RealLine { forward, inverse })
            }
            fn peak(self) -> f64 {
                f64::from(self).abs()
            }
        }
        impl Sample for Complex<$t> {
            type Real = $t;
            const COMFORT: i32 = <$t>::COMFORT;
            fn scaled(self, exponent: i32) -> Self {
                Complex::new(self.re.scaled(exponent), self.im.scaled(exponent))
            }
            fn line(n: usize) -> Box<dyn Line<Self>> {
                let mut planner = FftPlanner::new();
                let (forward, inverse) = (planner.plan_fft_forward(n), planner.plan_fft_inverse(n));
                Box::new(ComplexLine { forward, inverse })
            }
            fn peak(self) -> f64 {
                // `max` would pass over a NaN.
                f64::from(self.re.abs()) + f64::from(self.im.abs())
            }
        }
    )*};
}

sample!(f32, f64);
