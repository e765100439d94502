//! Columns of spectra, summed tap by tap.
//!
//! Where a kernel has few taps along the outermost axis, that axis need not be transformed: the
//! spectra of the slabs are a signal along it, which each frequency has its own taps for. A tap
//! takes four multiply-adds a complex number, which is less than a transform there and back up to
//! some fifty taps, and no column has to be turned over.

use fearless_simd::{Simd, SimdBase};
use num_complex::Complex;

use super::sample::Real;
use crate::error::Result;
use crate::plan::cpu::blocks::TILE;
use crate::simd::Spectral;
use crate::util::memory;

/// Sums over slabs, in the place of those slabs.
pub struct Job<'a, C> {
    /// The slabs, one after the other; of each, whole groups.
    pub block: &'a mut [C],
    /// Numbers of a slab.
    pub slab: usize,
    /// Slabs from one tap to the next.
    pub step: usize,
    /// As [`weights`] arranges them.
    pub weights: &'a [C],
    /// Taps.
    pub taps: usize,
    /// Sums, one for each of the first slabs.
    pub sums: usize,
}

/// Arranges the spectra of the taps' slabs, times `scale`: for each vector of frequencies the taps
/// in turn, first all real parts and then all imaginary ones.
pub fn weights<R: Real>(
    spectra: &[Complex<R>],
    slab: usize,
    taps: usize,
    scale: R,
) -> Result<Vec<Complex<R>>> {
    let lanes = R::lanes();
    let mut weights: Vec<R> = memory::room(2 * slab * taps, "the kernel's spectrum")?;
    for vector in (0..slab).step_by(lanes) {
        for tap in 0..taps {
            let values = &spectra[tap * slab + vector..][..lanes];
            weights.extend(values.iter().map(|w| w.re * scale));
            weights.extend(values.iter().map(|w| w.im * scale));
        }
    }
    Ok(bytemuck::cast_vec(weights))
}

/// The most that the squared magnitudes of the taps of one frequency add up to.
pub fn most_energy<R: Real>(weights: &[Complex<R>], taps: usize) -> f64 {
    let lanes = R::lanes();
    let parts: &[R] = bytemuck::cast_slice(weights);
    let mut most = 0.0;
    for vector in parts.chunks_exact(2 * lanes * taps) {
        for lane in 0..lanes {
            let of_lane = vector.iter().skip(lane).step_by(lanes).map(|&part| part.into());
            most = of_lane.map(|part: f64| part * part).sum::<f64>().max(most);
        }
    }
    most
}

/// Numbers of a vector.
#[inline(always)]
pub fn lanes<S: Simd, C: Spectral>(_: S) -> usize {
    C::count::<S>()
}

/// Replaces the first `sums` slabs by sums over taps from there on, in tiles as high as the
/// instruction set's registers hold.
#[inline(always)]
pub fn sum<S: Simd, C: Spectral>(simd: S, job: Job<'_, C>) {
    let Job { block, slab, step, weights, taps, sums } = job;
    let (step, lanes) = (step * slab, C::count::<S>());
    for (vector, weights) in weights.chunks_exact(lanes * taps).enumerate() {
        let column = &mut block[vector * lanes..];
        let mut row = 0;
        if const { cfg!(target_arch = "aarch64") || <S::u8s as SimdBase<S>>::LEN == 64 } {
            while row + TILE <= sums {
                tile::<S, C, TILE>(simd, &mut column[row * slab..], slab, step, weights);
                row += TILE;
            }
        }
        while row + 6 <= sums {
            tile::<S, C, 6>(simd, &mut column[row * slab..], slab, step, weights);
            row += 6;
        }
        while row < sums {
            tile::<S, C, 1>(simd, &mut column[row * slab..], slab, step, weights);
            row += 1;
        }
    }
}

/// The sums of `R` slabs for a vector of frequencies.
#[inline(always)]
fn tile<S: Simd, C: Spectral, const R: usize>(
    simd: S,
    column: &mut [C],
    slab: usize,
    step: usize,
    weights: &[C],
) {
    let mut sums = [C::zero(simd); R];
    for (tap, weights) in weights.chunks_exact(C::count::<S>()).enumerate() {
        let taps = C::taps(simd, weights);
        let samples = &column[tap * step..];
        for r in 0..R {
            sums[r] = C::mul_add(sums[r], taps, C::load(simd, &samples[r * slab..]));
        }
    }
    for r in 0..R {
        C::store(simd, sums[r], &mut column[r * slab..]);
    }
}
