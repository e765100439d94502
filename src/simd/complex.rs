//! Complex numbers in vectors: real and imaginary parts of samples lie side by side.

use bytemuck::{cast_slice, cast_slice_mut};
use fearless_simd::{Bytes, Simd, SimdBase, SimdFloat};
use num_complex::Complex;

use crate::simd::tile::{TileJob, columns};
use crate::simd::{InstructionSet, Lanes, turned, with_instructions};

/// Numbers whose taps may differ from lane to lane.
pub(crate) trait Spectral: Lanes {
    /// The first `count` taps: all real parts and then all imaginary ones.
    fn taps<S: Simd>(simd: S, from: &[Self]) -> Self::Tap<S>;
    /// Turns a square of `count` rows over: `to[j * to_step + i] = from[i * from_step + j]`.
    fn turn<S: Simd>(simd: S, from: &[Self], from_step: usize, to: &mut [Self], to_step: usize);
}

/// Samples lie as `re, im, re, im`. Sums over the taps' real and imaginary parts are kept apart and
/// meet only at the end, in `re + i im`, so that no lane has to change its place before.
macro_rules! complex_lanes {
    ($($t:ty: $vector:ident,
        |$simd:ident, $from:ident, $from_step:ident, $to:ident, $to_step:ident| $turn:expr;)*
    ) => {$(
        impl Lanes for Complex<$t> {
            type Vector<S: Simd> = S::$vector;
            type Tap<S: Simd> = [S::$vector; 2];
            type Sum<S: Simd> = [S::$vector; 2];
            const REGISTERS: usize = 2;
            const SLIDES: bool = false;

            #[inline(always)]
            fn count<S: Simd>() -> usize {
                S::$vector::LEN / 2
            }
            #[inline(always)]
            fn zero<S: Simd>(simd: S) -> Self::Sum<S> {
                [S::$vector::splat(simd, 0.0); 2]
            }
            #[inline(always)]
            fn load<S: Simd>(simd: S, from: &[Self]) -> Self::Vector<S> {
                S::$vector::from_slice(simd, cast_slice(&from[..Self::count::<S>()]))
            }
            #[inline(always)]
            fn tap<S: Simd>(simd: S, tap: Self) -> Self::Tap<S> {
                [S::$vector::splat(simd, tap.re), S::$vector::splat(simd, tap.im)]
            }
            #[inline(always)]
            fn mul_add<S: Simd>(
                sum: Self::Sum<S>,
                tap: Self::Tap<S>,
                x: Self::Vector<S>,
            ) -> Self::Sum<S> {
                [x.mul_add(tap[0], sum[0]), x.mul_add(tap[1], sum[1])]
            }
            #[inline(always)]
            fn store<S: Simd>(simd: S, sum: Self::Sum<S>, to: &mut [Self]) {
                let [re, im] = sum;
                // Vector operations throughout: a slice of the sums would keep them all in memory.
                let (real, imaginary) = (im.unzip_low(im), im.unzip_high(im));
                let turned = imaginary.zip_low(real);
                let one = S::$vector::splat(simd, 1.0);
                let signs = (-one).zip_low(one);
                let y = turned.mul_add(signs, re);
                y.store_slice(cast_slice_mut(&mut to[..Self::count::<S>()]));
            }
            #[inline(always)]
            fn slide<S: Simd, const SHIFT: usize>(
                near: Self::Vector<S>,
                far: Self::Vector<S>,
            ) -> Self::Vector<S> {
                // Twice as many numbers.
                match SHIFT {
                    0 => near,
                    1 => near.slide::<2>(far),
                    2 => near.slide::<4>(far),
                    3 => near.slide::<6>(far),
                    4 => near.slide::<8>(far),
                    5 => near.slide::<10>(far),
                    6 => near.slide::<12>(far),
                    7 => near.slide::<14>(far),
                    _ => far,
                }
            }
            fn run(instructions: InstructionSet, job: TileJob<'_, Self>) {
                with_instructions!(instructions, simd => columns(simd, job));
            }
        }

        impl Spectral for Complex<$t> {
            #[inline(always)]
            fn taps<S: Simd>(simd: S, from: &[Self]) -> Self::Tap<S> {
                let parts = Self::load(simd, from);
                [parts.zip_low(parts), parts.zip_high(parts)]
            }
            #[inline(always)]
            fn turn<S: Simd>(
                $simd: S,
                $from: &[Self],
                $from_step: usize,
                $to: &mut [Self],
                $to_step: usize,
            ) {
                $turn
            }
        }
    )*};
}

complex_lanes! {
    f32: f32s, |simd, from, from_step, to, to_step| {
        // A complex number is moved as one of 64 bits.
        let side = Self::count::<S>();
        let mut rows = [S::f64s::splat(simd, 0.0); MOST_COMPLEX];
        for i in 0..side {
            rows[i] = S::f64s::from_bytes(Self::load(simd, &from[i * from_step..]).to_bytes());
        }
        turned!(rows, side);
        for i in 0..side {
            let row = S::f32s::from_bytes(rows[i].to_bytes());
            let to = &mut to[i * to_step..][..side];
            row.store_slice(cast_slice_mut(to));
        }
    };
    f64: f64s, |_simd, from, from_step, to, to_step| {
        let side = Self::count::<S>();
        for i in 0..side {
            for (j, value) in from[i * from_step..][..side].iter().enumerate() {
                to[j * to_step + i] = *value;
            }
        }
    };
}

/// Complex numbers of the widest vector.
const MOST_COMPLEX: usize = 8;
