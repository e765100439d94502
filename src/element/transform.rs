//! The numbers that transforms work on, and how blocks of them share one complex transform.

use num_complex::Complex;
use rustfft::{Fft, FftDirection, FftNum, FftPlanner};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::simd::columns;
use crate::simd::columns::ColumnJob;
use crate::simd::transpose::{Turn, transpose};
use crate::simd::weigh::Weighed;
use crate::simd::{InstructionSet, with_instructions};

/// The most blocks that one transform holds.
pub(crate) const MOST_PACKED: usize = 2;

/// Plans up to this length are kept for the life of the process: all good lengths up to it
/// together have less than 50 MiB of twiddle factors, and most processes use a handful.
const LONGEST_KEPT: usize = 1 << 15;

/// The precision of a transform.
pub trait Real: FftNum + Default + PartialOrd + Into<f64> + bytemuck::Pod + Weighed {
    /// The type of more digits, for what this one has too few for; itself where there is none.
    type Double: Holds<Self>;

    /// The largest exponent whose power of two is a number with a reciprocal.
    const LARGEST_EXPONENT: i32;

    /// Without its sign.
    fn magnitude(self) -> Self;

    /// The larger one; `self` where the other is NaN.
    fn larger(self, other: Self) -> Self;

    /// Whether it is neither NaN nor infinite.
    fn is_finite(self) -> bool;

    /// `2^exponent`, for up to that exponent.
    fn power_of_two(exponent: i32) -> Self;

    /// A transform of this length. Those of usual lengths are planned once in a process: a plan
    /// costs as much as many transforms.
    fn plan(n: usize, way: FftDirection) -> Arc<dyn Fft<Self>>;

    /// Complex numbers of a vector.
    fn lanes() -> usize;

    /// Turns a matrix over.
    fn transpose(turn: Turn<'_, Complex<Self>>);

    /// Sums columns of spectra.
    fn sum(job: ColumnJob<'_, Complex<Self>>);
}

/// Numbers that all of another type are among.
pub trait Holds<R: Real>: Real {
    /// The same number.
    fn held(value: Complex<R>) -> Complex<Self>;
    /// The nearest one.
    fn nearest(value: Complex<Self>) -> Complex<R>;
}

impl<R: Real> Holds<R> for R {
    #[inline(always)]
    fn held(value: Complex<R>) -> Complex<R> {
        value
    }
    #[inline(always)]
    fn nearest(value: Complex<R>) -> Complex<R> {
        value
    }
}

impl Holds<f32> for f64 {
    #[inline(always)]
    fn held(Complex { re, im }: Complex<f32>) -> Complex<f64> {
        Complex::new(re.into(), im.into())
    }
    #[inline(always)]
    fn nearest(Complex { re, im }: Complex<f64>) -> Complex<f32> {
        Complex::new(re as f32, im as f32)
    }
}

/// A real or a complex number.
pub trait Sample: Copy + Default + PartialEq + Send + Sync + 'static {
    /// Its precision.
    type Real: Real;

    /// Blocks that one complex transform holds: two of real numbers (as real and imaginary parts;
    /// the kernel is real, so they do not mix), one of complex numbers.
    const PACKED: usize;
    /// The binary exponents that transforms and products of any block size stay in range with.
    const SAFE_EXPONENT: i32;

    /// One sample from each slot; those beyond [`Sample::PACKED`] are ignored.
    fn join(first: Self, second: Self) -> Complex<Self::Real>;
    /// The sample of one slot.
    fn of_slot(value: Complex<Self::Real>, slot: usize) -> Self;
    /// `self * 2^exponent`, for any exponent that the result has a number for.
    fn scaled(self, exponent: i32) -> Self;
    /// The smallest number that is not zero.
    fn smallest() -> Self;
    /// Which parts of a complex number that packed were joined into belong to one of them.
    fn parts(slot: usize) -> Range<usize>;
}

/// `value * 2^exponent`, in steps whose powers of two are numbers themselves.
fn scaled<T: Real>(mut value: T, exponent: i32) -> T {
    let mut rest = exponent;
    while rest != 0 {
        let step = rest.clamp(-T::LARGEST_EXPONENT, T::LARGEST_EXPONENT);
        value = value * T::power_of_two(step);
        rest -= step;
    }
    value
}

macro_rules! sample {
    ($($t:ident $bits:ident),*) => {$(
        impl Real for $t {
            type Double = f64;
            const LARGEST_EXPONENT: i32 = $t::MAX_EXP - 2;

            #[inline(always)]
            fn magnitude(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn larger(self, other: Self) -> Self {
                self.max(other)
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                self.is_finite()
            }

            #[inline(always)]
            fn power_of_two(exponent: i32) -> Self {
                let biased = exponent + ($t::MAX_EXP - 1);
                $t::from_bits((biased as $bits) << ($t::MANTISSA_DIGITS - 1))
            }

            fn plan(n: usize, way: FftDirection) -> Arc<dyn Fft<Self>> {
                static PLANNER: Mutex<Option<FftPlanner<$t>>> = Mutex::new(None);
                if n > LONGEST_KEPT {
                    return FftPlanner::new().plan_fft(n, way);
                }
                // A planner that a panic left behind still has its complete plans.
                let mut planner = PLANNER.lock().unwrap_or_else(PoisonError::into_inner);
                planner.get_or_insert_with(FftPlanner::new).plan_fft(n, way)
            }

            fn lanes() -> usize {
                with_instructions!(InstructionSet::detect(), simd => columns::lanes::<_, Complex<$t>>(simd))
            }

            fn transpose(turn: Turn<'_, Complex<Self>>) {
                with_instructions!(InstructionSet::detect(), simd => transpose(simd, turn));
            }

            fn sum(job: ColumnJob<'_, Complex<Self>>) {
                with_instructions!(InstructionSet::detect(), simd => columns::sum(simd, job));
            }
        }

        impl Sample for $t {
            type Real = $t;
            const PACKED: usize = 2;
            const SAFE_EXPONENT: i32 = $t::MAX_EXP / 4;

            #[inline(always)]
            fn join(first: Self, second: Self) -> Complex<$t> {
                Complex::new(first, second)
            }
            #[inline(always)]
            fn of_slot(value: Complex<$t>, slot: usize) -> Self {
                if slot == 0 { value.re } else { value.im }
            }
            #[inline(always)]
            fn scaled(self, exponent: i32) -> Self {
                scaled(self, exponent)
            }
            fn smallest() -> Self {
                $t::from_bits(1)
            }
            fn parts(slot: usize) -> Range<usize> {
                slot..slot + 1
            }
        }

        impl Sample for Complex<$t> {
            type Real = $t;
            const PACKED: usize = 1;
            const SAFE_EXPONENT: i32 = <$t as Sample>::SAFE_EXPONENT;

            #[inline(always)]
            fn join(first: Self, _: Self) -> Complex<$t> {
                first
            }
            #[inline(always)]
            fn of_slot(value: Complex<$t>, _: usize) -> Self {
                value
            }
            #[inline(always)]
            fn scaled(self, exponent: i32) -> Self {
                Complex::new(scaled(self.re, exponent), scaled(self.im, exponent))
            }
            fn smallest() -> Self {
                Complex::new($t::from_bits(1), 0.0)
            }
            fn parts(_: usize) -> Range<usize> {
                0..2
            }
        }
    )*};
}

sample!(f32 u32, f64 u64);
