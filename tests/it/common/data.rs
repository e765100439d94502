//! Deterministic pseudo-random data of every element type.

use convolve::{DType, Element};
use ndarray::ArrayD;
use num_complex::Complex;

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `-1 .. 1`.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    pub fn array<A: Value>(&mut self, shape: &[usize]) -> ArrayD<A> {
        ArrayD::from_shape_simple_fn(shape, || A::random(self))
    }

    /// An outer product of one vector per axis, exact in every type for up to four long axes.
    pub fn rank_one<A: Value>(&mut self, shape: &[usize]) -> ArrayD<A> {
        let factors: Vec<Vec<i8>> = shape
            .iter()
            .map(|&taps| {
                if taps == 1 {
                    return vec![1];
                }
                let mut taps: Vec<i8> = (0..taps).map(|_| self.below(6) as i8 - 2).collect();
                // Zeros in between, but never a kernel of zeros.
                taps[0] = 1 + self.below(2) as i8;
                // A product that wraps is none over the integers.
                if matches!(A::DTYPE, DType::U8 | DType::U16 | DType::U32 | DType::U64) {
                    taps.iter_mut().for_each(|tap| *tap = tap.abs());
                }
                taps
            })
            .collect();
        ArrayD::from_shape_fn(shape, |at| {
            A::small(factors.iter().enumerate().map(|(axis, f)| f[at[axis]]).product())
        })
    }
}

/// An element type under test.
pub trait Value: Element {
    /// Integers over their whole range, so that sums wrap; the others in `-1 .. 1`.
    fn random(random: &mut Random) -> Self;
    /// A small integer; complex numbers get an imaginary part too, unsigned ones wrap.
    fn small(value: i8) -> Self;
    /// What an output holds before a computation: NaN, or for integers, where every value is a
    /// possible result, another one in each round.
    fn poison(round: usize) -> Self;
    /// `|self - exact|`, infinite where one of the two is not a number or not finite and the other
    /// is not so in the same way.
    fn error(self, exact: Self::Wide) -> f64;
}

/// What is beyond the type is infinite when it is rounded.
fn part_error(value: f64, exact: f64, rounded: f64) -> f64 {
    if value == exact || value == rounded || (value.is_nan() && exact.is_nan()) {
        0.0
    } else if value.is_finite() && exact.is_finite() {
        (value - exact).abs()
    } else {
        f64::INFINITY
    }
}

macro_rules! float {
    ($($t:ident),*) => {$(
        impl Value for $t {
            fn random(random: &mut Random) -> Self {
                random.unit() as $t
            }
            fn small(value: i8) -> Self {
                value.into()
            }
            fn poison(_: usize) -> Self {
                Self::NAN
            }
            fn error(self, exact: f64) -> f64 {
                part_error(self.into(), exact, (exact as $t).into())
            }
        }
        impl Value for Complex<$t> {
            fn random(random: &mut Random) -> Self {
                Self::new($t::random(random), $t::random(random))
            }
            fn small(value: i8) -> Self {
                Self::new(value.into(), $t::from(value) * -0.5)
            }
            fn poison(_: usize) -> Self {
                Self::new($t::NAN, $t::NAN)
            }
            fn error(self, exact: Complex<f64>) -> f64 {
                let parts = [(self.re, exact.re), (self.im, exact.im)];
                let [re, im] = parts.map(|(value, exact)| part_error(value.into(), exact, (exact as $t).into()));
                re.hypot(im)
            }
        }
    )*};
}

macro_rules! integer {
    ($($t:ident),*) => {$(
        impl Value for $t {
            fn random(random: &mut Random) -> Self {
                random.bits() as $t
            }
            fn small(value: i8) -> Self {
                value as $t
            }
            fn poison(round: usize) -> Self {
                [0x55, 0x2a][round % 2]
            }
            fn error(self, exact: std::num::Wrapping<i64>) -> f64 {
                // Exact in wrapping arithmetic: equal modulo the type's range, or wrong.
                if self == exact.0 as $t { 0.0 } else { f64::INFINITY }
            }
        }
    )*};
}

/// The methods of an element are within reach of what is generic only.
#[cfg(feature = "f16")]
fn narrowed<A: Element>(exact: A::Wide) -> A {
    A::narrow(exact)
}

/// What is beyond its range is infinite when it is rounded.
#[cfg(feature = "f16")]
impl Value for convolve::half::f16 {
    fn random(random: &mut Random) -> Self {
        Self::from_f64(random.unit())
    }
    fn small(value: i8) -> Self {
        value.into()
    }
    fn poison(_: usize) -> Self {
        Self::NAN
    }
    fn error(self, exact: f64) -> f64 {
        let rounded: Self = narrowed(exact);
        let exact = if rounded.is_infinite() { rounded.into() } else { exact };
        part_error(self.into(), exact, rounded.into())
    }
}

float!(f32, f64);
integer!(i8, i16, i32, i64, u8, u16, u32, u64);
