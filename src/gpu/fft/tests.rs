use super::*;
use crate::bounds::{Gain, SAFETY, Samples, of_transforms};
use crate::gpu::host::Host;
use crate::gpu::passes::Passes;
use crate::gpu::pipelines::tests::context;
use crate::gpu::spectrum::Spectrum;
use crate::kernel::Kernel;
use crate::plan::gpu::schedule::Schedule;
use crate::problem::extension::Extension;
use crate::problem::geometry::{Axis, Geometry};
use crate::words::Precision;
use std::sync::Arc;

/// Samples, or taps, of all kinds.
fn kinds(side: usize) -> Vec<Vec<f32>> {
    let noise = |i: usize| ((i * 7919 % 10_007) as f32 - 5003.0) / 5003.0;
    let of = |f: &dyn Fn(usize) -> f32| (0..side * side).map(f).collect();
    vec![
        of(&noise),
        of(&|i| if i == side * side / 2 + side / 2 { 1.0 } else { 0.0 }),
        of(&|i| if i % 7 == 0 { 1.0 } else { 0.0 }),
        of(&|i| if i % side < side / 2 { 1.0 } else { -1.0 }),
        of(&|i| (i as f32 * 0.37).sin()),
        of(&|_| 1.0),
        of(&|i| if i % 11 == 0 { 1.0 } else { 0.01 * noise(i) }),
    ]
}

#[test]
fn the_error_of_a_transform_is_what_it_is_taken_for() {
    let Some(context) = context() else { return };
    let context = Arc::new(context);
    let gpu = context.capabilities();
    let mut most = 0f64;
    // Of the last, equal slabs are added up.
    for (bits, side, taps_side, slabs) in
        [([6, 6], 60, 9, 1), ([7, 7], 100, 66, 1), ([6, 7], 60, 9, 8)]
    {
        let block = Block { bits, lines: false, slabs: slabs > 1, values: 12 };
        let out = side - taps_side + 1;
        let axis = Axis { n: side, taps: taps_side, out, ..Axis::one_sample() };
        let axes = [&axis, &axis];
        let deep = Axis { n: slabs, taps: slabs, ..Axis::one_sample() };
        let axes_of = [vec![deep; usize::from(slabs > 1)], vec![axis.clone(), axis.clone()]];
        let geometry = Geometry { axes: axes_of.concat() };
        let schedule = Schedule::fft(DType::F32, &geometry, block, &gpu).expect("it fits");
        for taps in kinds(taps_side) {
            let spectrum = Spectrum::new(block, axes, &taps).expect("memory");
            let largest = taps.iter().fold(0f64, |most, tap| most.max(tap.abs().into()));
            let mean = spectrum.loudest() * (slabs as f64).sqrt();
            let gain = Gain { mean, largest: largest * slabs as f64 };
            let shape = [slabs, taps_side, taps_side];
            let kernel = Kernel::new(Precision::Native, taps.repeat(slabs), &shape, None);
            let values = vec![0.0; geometry.rank()];
            let extension = Extension { geometry: geometry.clone(), values };
            let kernel = kernel.expect("memory");
            let passes = Passes::new(context.clone(), &schedule, &extension, &kernel);
            let host = Host::new(Arc::new(passes.expect("compiles")));
            for x in kinds(side) {
                let mut y = vec![f32::NAN; out * out];
                host.run(&x.repeat(slabs), &mut y).expect("runs");
                let squares = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() * slabs as f64;
                let largest = x.iter().fold(0f64, |most, x| most.max(x.abs().into()));
                let spread = block.spread(slabs);
                let samples = Samples { squares, largest };
                let unit = of_transforms(f32::EPSILON.into(), spread, samples, gain) / SAFETY;
                // Some outputs of every row.
                for at in (0..out * out).step_by(if taps_side > 20 { 17 } else { 1 }) {
                    let (row, column) = (at / out, at % out);
                    let mut exact = 0f64;
                    for (i, taps) in taps.chunks(taps_side).enumerate() {
                        let x = &x[(row + i) * side + column..][..taps_side];
                        let products =
                            taps.iter().zip(x).map(|(k, x)| f64::from(*k) * f64::from(*x));
                        exact += products.sum::<f64>() * slabs as f64;
                    }
                    most = most.max((exact - f64::from(y[at])).abs() / unit);
                }
            }
        }
    }
    assert!(most < SAFETY / 2.0, "{most}");
    assert!(most > SAFETY / 100.0, "{most}: nothing was measured");
    eprintln!("the largest error is {most:.2} of {SAFETY}");
}
