//! Columns of spectra, summed tap by tap.
//!
//! Where a kernel has few taps along the outermost axis, that axis need not be transformed: the
//! spectra of the slabs are a signal along it, which each frequency has its own taps for. A tap
//! takes four multiply-adds a complex number, which is less than a transform there and back up to
//! some fifty taps, and no column has to be turned over.

use fearless_simd::Simd;

use crate::simd::complex::Spectral;
use crate::simd::tile::has_many_registers;

/// Slabs that the highest tile sums.
pub(crate) const TILE: usize = 12;

/// Sums over slabs, in the place of those slabs.
pub struct ColumnJob<'a, C> {
    /// The slabs, one after the other; of each, whole groups.
    pub block: &'a mut [C],
    /// Numbers of a slab.
    pub slab: usize,
    /// Slabs from one tap to the next.
    pub step: usize,
    /// For each vector of frequencies the taps in turn, first all real parts and then all imaginary
    /// ones.
    pub weights: &'a [C],
    /// Taps.
    pub taps: usize,
    /// Sums, one for each of the first slabs.
    pub sums: usize,
}

/// Numbers of a vector.
#[inline(always)]
pub(crate) fn lanes<S: Simd, C: Spectral>(_: S) -> usize {
    C::count::<S>()
}

/// Replaces the first `sums` slabs by sums over taps from there on, in tiles as high as the
/// instruction set's registers hold.
#[inline(always)]
pub(crate) fn sum<S: Simd, C: Spectral>(simd: S, job: ColumnJob<'_, C>) {
    let ColumnJob { block, slab, step, weights, taps, sums } = job;
    let (step, lanes) = (step * slab, C::count::<S>());
    for (vector, weights) in weights.chunks_exact(lanes * taps).enumerate() {
        let column = &mut block[vector * lanes..];
        let mut row = 0;
        if const { has_many_registers::<S>() } {
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
