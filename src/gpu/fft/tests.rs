use super::*;
use crate::bounds::{Gain, Loudness, SAFETY, of_transforms};
use crate::element::Element;
use crate::element::wider::Wider;
use crate::gpu::host::Host;
use crate::gpu::passes::Passes;
use crate::gpu::pipelines::tests::context;
use crate::gpu::spectrum::Spectrum;
use crate::kernel::Kernel;
use crate::plan::gpu::schedule::Schedule;
use crate::problem::extension::Extension;
use crate::problem::geometry::{Axis, Geometry};
use crate::words::Precision;
use num_complex::Complex;
use std::sync::Arc;

fn real<A: Element>(x: &A) -> f64 {
    x.to_complex().re
}

/// Samples, or taps, of all kinds.
fn kinds<A: Element>(side: usize) -> Vec<Vec<A>> {
    let noise = |i: usize| ((i * 7919 % 10_007) as f64 - 5003.0) / 5003.0;
    let of = |f: &dyn Fn(usize) -> f64| {
        (0..side * side).map(|i| A::from_complex(Complex::new(f(i), 0.0))).collect()
    };
    vec![
        of(&noise),
        of(&|i| if i == side * side / 2 + side / 2 { 1.0 } else { 0.0 }),
        of(&|i| if i % 7 == 0 { 1.0 } else { 0.0 }),
        of(&|i| if i % side < side / 2 { 1.0 } else { -1.0 }),
        of(&|i| (i as f64 * 0.37).sin()),
        of(&|_| 1.0),
        of(&|i| if i % 11 == 0 { 1.0 } else { 0.01 * noise(i) }),
    ]
}

/// A sum of products, and what its rounding leaves.
fn exact(products: impl Iterator<Item = (f64, f64)>) -> [f64; 2] {
    let [mut sum, mut rest] = [0.0; 2];
    for (k, x) in products {
        let product = k * x;
        let next = sum + product;
        let added = next - sum;
        rest += k.mul_add(x, -product) + ((sum - (next - added)) + (product - added));
        sum = next;
    }
    [sum, rest]
}

/// The largest error of blocks of these sides over samples and taps of all kinds, in units of what it is taken for;
/// of the last, equal slabs are added up.
fn largest_error<A: Element<Summed = A> + Wider<A>>(
    cases: [([u32; 2], usize, usize, usize); 3],
) -> Option<f64> {
    let context = Arc::new(context()?);
    let gpu = context.capabilities();
    let fits = (A::DTYPE.spectrum_bytes() as u32) << 12 <= 2 * gpu.max_workgroup_memory;
    if !gpu.supports(A::DTYPE) || gpu.check_transforms(A::DTYPE).is_err() || !fits {
        return None;
    }
    let mut most = 0f64;
    for (bits, side, taps_side, slabs) in cases {
        let block = Block { bits, lines: false, slabs: slabs > 1, values: 12 };
        let out = side - taps_side + 1;
        let axis = Axis { n: side, taps: taps_side, out, ..Axis::one_sample() };
        let axes = [&axis, &axis];
        let deep = Axis { n: slabs, taps: slabs, ..Axis::one_sample() };
        let axes_of = [vec![deep; usize::from(slabs > 1)], vec![axis.clone(), axis.clone()]];
        let geometry = Geometry { axes: axes_of.concat() };
        let schedule = Schedule::fft(A::DTYPE, &geometry, block, &gpu).expect("it fits");
        for taps in kinds::<A>(taps_side) {
            let spectrum = Spectrum::new(block, axes, &taps).expect("memory");
            let largest = taps.iter().map(|tap| tap.magnitude()).fold(0.0, f64::max);
            let mean = spectrum.loudest() * (slabs as f64).sqrt();
            let gain = Gain { mean, largest: largest * slabs as f64 };
            let shape = [slabs, taps_side, taps_side];
            let kernel = Kernel::new(Precision::Native, taps.repeat(slabs), &shape, None);
            let values = vec![A::default(); geometry.rank()];
            let extension = Extension { geometry: geometry.clone(), values };
            let kernel = kernel.expect("memory");
            let passes = Passes::new(context.clone(), &schedule, &extension, &kernel);
            let host = Host::new(Arc::new(passes.expect("compiles")));
            for x in kinds::<A>(side) {
                let mut y = vec![A::from_complex(f64::NAN.into()); out * out];
                host.run(&x.repeat(slabs), &mut y).expect("runs");
                let squares = x.iter().map(|x| real(x).powi(2)).sum::<f64>() * slabs as f64;
                let largest = x.iter().map(|x| x.magnitude()).fold(0.0, f64::max);
                let spread = block.spread(slabs);
                let samples = Loudness { squares, largest };
                let unit = of_transforms(A::DTYPE.epsilon(), spread, samples, gain) / SAFETY;
                // Some outputs of every row.
                for at in (0..out * out).step_by(if taps_side > 20 { 17 } else { 1 }) {
                    let (row, column) = (at / out, at % out);
                    let rows = taps.chunks(taps_side).enumerate();
                    let under = |i: usize| &x[(row + i) * side + column..][..taps_side];
                    let products = rows.flat_map(|(i, taps)| taps.iter().zip(under(i)));
                    let [sum, rest] = exact(products.map(|(k, x)| (real(k), real(x))));
                    let slabs = slabs as f64;
                    most = most.max(((sum * slabs - real(&y[at])) + rest * slabs).abs() / unit);
                }
            }
        }
    }
    Some(most)
}

#[test]
fn the_error_of_a_transform_is_what_it_is_taken_for() {
    let cases = [([6, 6], 60, 9, 1), ([7, 7], 100, 66, 1), ([6, 7], 60, 9, 8)];
    let Some(most) = largest_error::<f32>(cases) else { return };
    assert!(most < SAFETY / 2.0, "{most}");
    assert!(most > SAFETY / 100.0, "{most}: nothing was measured");
    eprintln!("the largest error is {most:.2} of {SAFETY}");
}

#[test]
fn the_error_of_a_transform_of_doubles_is_what_it_is_taken_for() {
    let cases = [([6, 6], 40, 9, 1), ([7, 6], 60, 30, 1), ([6, 6], 30, 9, 4)];
    let Some(most) = largest_error::<f64>(cases) else { return };
    assert!(most < SAFETY / 2.0, "{most}");
    assert!(most > SAFETY / 100.0, "{most}: nothing was measured");
    eprintln!("the largest error is {most:.2} of {SAFETY}");
}
