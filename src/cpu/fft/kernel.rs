//! The spectrum of a kernel.

use num_complex::Complex;
use rustfft::num_traits::FromPrimitive;

use super::block::Real;
use super::transform::{Space, Transform};
use crate::element::compute::Compute;
use crate::element::transform::Sample;
use crate::error::Result;
use crate::plan::cpu::Blocks;
use crate::problem::extension::{Extension, Odometer};

/// The spectrum of a kernel times `2^exponent`, in the transform's own order, with the transforms'
/// scale divided out. `space` is new: zeros.
pub(super) fn spectrum<A: Compute>(
    extension: &Extension<A>,
    weights: &[A],
    blocks: &Blocks,
    transform: &Transform<Real<A>>,
    exponent: i32,
    space: &mut Space<Real<A>>,
) -> Result<Vec<Complex<Real<A>>>> {
    let axes = &extension.geometry.axes;
    let outer = &blocks.size[..axes.len() - 1];
    // y[p] = sum over t of w[t] * x[p + t * step] is a convolution with w reversed about 0; an axis
    // that is summed keeps its taps as they are.
    let place = |a: usize, t: usize| match blocks.summed_axis() {
        Some(summed) if summed == a => t,
        _ => (blocks.size[a] - t * axes[a].tap_step() % blocks.size[a]) % blocks.size[a],
    };
    let mut tap =
        Odometer::starting_at(axes[..outer.len()].iter().map(|axis| axis.taps).collect(), 0);
    for weights in weights.chunks_exact(axes[outer.len()].taps) {
        let line = &mut space.line[..blocks.size[outer.len()]];
        line.fill(Complex::default());
        for (t, w) in weights.iter().enumerate() {
            let w = w.to_sample().scaled(exponent);
            line[place(outer.len(), t)] = A::Sample::join(w, A::Sample::default());
        }
        let row = (0..outer.len()).fold(0, |row, a| row * outer[a] + place(a, tap.at()[a]));
        transform.forward_row(row, space);
        tap.advance();
    }
    let slabs = blocks.summed.map_or_else(|| transform.slabs(&blocks.size), |summed| summed.taps);
    for slab in 0..slabs {
        transform.forward_slab(slab, &blocks.size, space);
    }
    let scale = Real::<A>::from_f64(1.0 / blocks.transformed() as f64).expect("a float");
    transform.spectrum(scale, space)
}
