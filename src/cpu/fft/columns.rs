//! The taps of an axis that is summed, as [`crate::simd::columns`] reads them.

use num_complex::Complex;

use crate::element::transform::Real;
use crate::error::Result;
use crate::util::memory;

/// Arranges the spectra of the taps' slabs, times `scale`: for each vector of frequencies the taps
/// in turn, first all real parts and then all imaginary ones.
pub(super) fn weights<R: Real>(
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
pub(super) fn most_energy<R: Real>(weights: &[Complex<R>], taps: usize) -> f64 {
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
