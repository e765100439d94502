//! The error of transforms against what it is taken for.

use super::block::Fft;
use crate::bounds;
use crate::cpu::direct::Direct;
use crate::format::rows::{Input, Output};
use crate::plan::cpu::{Blocks, Summed, Tile};
use crate::problem::boundary::Edge;
use crate::problem::extension::Extension;
use crate::problem::geometry::{Axis, Geometry};
use crate::simd::InstructionSet;
use crate::util::shared::Shared;

/// One block that holds all of a plane.
fn one_block(n: [usize; 2], taps: [usize; 2], summed: bool) -> (Extension<f32>, Blocks) {
    let axis = |a: usize| {
        let (offset, out) = (0, n[a] - taps[a] + 1);
        Axis { n: n[a], taps: taps[a], out, offset, edge: Edge::Zero, ..Axis::one_sample() }
    };
    let axes: Vec<Axis> = vec![axis(0), axis(1)];
    let step: Vec<usize> = axes.iter().map(Axis::outputs).collect();
    let summed = (summed && n[0] > 1).then(|| Summed::new(taps[0], 1, step[0]));
    let blocks = Blocks { size: n.to_vec(), step, count: vec![1, 1], summed };
    (Extension { geometry: Geometry { axes }, values: vec![0.0; 2] }, blocks)
}

/// Samples, or taps, of all kinds.
fn kinds(shape: [usize; 2]) -> Vec<Vec<f32>> {
    let noise = |i: usize| ((i * 7919 % 10_007) as f32 - 5003.0) / 5003.0;
    let [rows, columns] = shape;
    let plane = |value: &dyn Fn(usize, usize) -> f32| -> Vec<f32> {
        (0..rows * columns).map(|i| value(i / columns, i % columns)).collect()
    };
    let bump = |i: usize, n: usize| {
        let at = (i as f32 - n as f32 / 2.0) / (n as f32 / 6.0);
        (-at * at / 2.0).exp()
    };
    vec![
        plane(&|i, j| noise(i * columns + j)),
        plane(&|i, j| noise(i * columns + j).abs()),
        plane(&|_, _| 0.7),
        plane(&|i, j| f32::from(u8::from((i, j) == (rows / 3, columns / 3)))),
        plane(&|i, j| f32::from(u8::from(i * columns + j > rows * columns / 2))),
        plane(&|i, j| bump(i, rows) * bump(j, columns)),
        plane(&|i, j| ((i + 2 * j) as f32 * 0.7).sin()),
        plane(&|i, j| if (i + j) % 2 == 0 { 0.9 } else { -0.9 }),
        plane(&|i, j| 1.0 + 1e-3 * noise(i * columns + j)),
        plane(&|i, j| if j % 16 == 3 { noise(i) } else { 0.0 }),
        plane(&|i, j| f32::from(u8::from((i * columns + j) % 32 == 5))),
        plane(&|i, j| f32::from(u8::from(i % 4 == 0 && j % 64 == 9))),
        plane(&|i, j| if j % 8 < 2 && i % 3 == 0 { 1.0 } else { 0.0 }),
        // Equal rows, of which each is an impulse.
        plane(&|_, j| f32::from(u8::from(j == columns / 3))),
        plane(&|_, j| noise(j)),
    ]
}

#[test]
fn the_error_of_a_transform_is_what_the_guard_takes_it_for() {
    let mut most = 0.0f64;
    let (alone, both, sums): (&[bool], &[bool], &[bool]) = (&[false], &[false, true], &[true]);
    // Of the last, equal rows are added up, and what else is transformed with them is next to nothing.
    for (n, taps, ways) in [
        ([1, 64], [1, 9], alone),
        ([1, 1000], [1, 101], alone),
        ([1, 4096], [1, 31], alone),
        ([96, 360], [31, 5], both),
        ([32, 8192], [31, 3], sums),
    ] {
        for &summed in ways {
            for kernel in kinds(taps) {
                let (extension, blocks) = one_block(n, taps, summed);
                let wide = |values: &[f32]| values.iter().map(|&v| v.into()).collect();
                let magnitudes = |wide: &Vec<f64>| wide.iter().map(|v| v.abs()).collect();
                let direct = |weights: &Vec<f64>| {
                    let geometry = extension.geometry.clone();
                    let extension = Extension { geometry, values: vec![0.0; 2] };
                    let instructions = InstructionSet::detect();
                    let tile = Tile::of(&extension.geometry, instructions);
                    Direct::new(extension, weights, tile, instructions, 1).expect("memory")
                };
                let weights: Vec<f64> = wide(&kernel);
                let [exact, products] = [direct(&weights), direct(&magnitudes(&weights))];
                let instructions = InstructionSet::detect();
                let tile = Tile::of(&extension.geometry, instructions);
                let fft = Fft::new(
                    extension,
                    || Ok(kernel),
                    blocks,
                    (tile, instructions),
                    1,
                    &Shared::default(),
                );
                let fft = fft.expect("memory");
                for x in kinds(n) {
                    let outputs = fft.extension.geometry.output_len();
                    let (mut y, mut sums) = (vec![f32::NAN; outputs], vec![0.0; outputs]);
                    let mut windows = vec![0.0; outputs];
                    fft.run(Input::InPlace(&x), Output::InPlace(&mut y), f64::INFINITY)
                        .expect("memory");
                    let wide: Vec<f64> = wide(&x);
                    exact
                        .run(Input::InPlace(&wide).into(), Output::InPlace(&mut sums))
                        .expect("memory");
                    let magnitudes = magnitudes(&wide);
                    let under = Output::InPlace(&mut windows);
                    products.run(Input::InPlace(&magnitudes).into(), under).expect("memory");
                    // Of the rows under an output, where rows are summed.
                    let rows: Vec<f64> =
                        wide.chunks(n[1]).map(|row| row.iter().map(|x| x * x).sum()).collect();
                    let largest = wide.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
                    let reach = if summed { taps[0] } else { n[0] };
                    let columns = n[1] - taps[1] + 1;
                    for (o, (y, sum)) in y.iter().zip(&sums).enumerate() {
                        // Where the window itself is loud, so may the error be.
                        let own = 4.0 * f64::from(f32::EPSILON) * windows[o];
                        let first = if summed { o / columns } else { 0 };
                        let squares = rows[first..first + reach].iter().sum();
                        let spread = fft.blocks.spread();
                        let samples = bounds::Loudness { squares, largest };
                        let gain = fft.kernel.guard.gain();
                        let unit =
                            bounds::of_transforms(f32::EPSILON.into(), spread, samples, gain)
                                / bounds::SAFETY;
                        let share = ((f64::from(*y) - sum).abs() - own) / (unit + 1e-30);
                        most = most.max(share);
                    }
                }
            }
        }
    }
    assert!(most < bounds::SAFETY / 2.0, "{most}");
    assert!(most > bounds::SAFETY / 100.0, "{most}: nothing was measured");
}
