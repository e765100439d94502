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

/// Lamps in a landscape that is a million times as dark, with something else at either side.
fn night([rows, columns]: [usize; 2], [left, right]: [f32; 2]) -> Vec<f32> {
    let sample = |i: usize| {
        let (row, column) = (i / columns, i % columns);
        let texture = 0.5 + (i * 7919 % 10_007) as f32 / 10_007.0;
        match (row, column) {
            _ if column < columns / 5 => left * texture,
            _ if column > columns * 4 / 5 => right * texture,
            _ if row % 50 < 3 && column % 60 < 3 => 1e5 * texture,
            _ => 0.1 * texture,
        }
    };
    (0..rows * columns).map(sample).collect()
}

#[test]
fn what_leaves_many_doubts_is_transformed_with_twice_the_digits() {
    let (n, taps) = ([96, 360], [31, 33]);
    let share = bounds::share(f32::EPSILON.into());
    for summed in [false, true] {
        // With a sign, and without.
        for sign in [1.0f32, -1.0] {
            let tap = |i: usize| {
                let (row, column) = ((i / taps[1]) as f32 - 15.0, (i % taps[1]) as f32 - 16.0);
                (1.0 + row * row + column * column).recip()
                    * if i.is_multiple_of(3) { sign } else { 1.0 }
            };
            let kernel: Vec<f32> = (0..taps[0] * taps[1]).map(tap).collect();
            let (extension, blocks) = one_block(n, taps, summed);
            let instructions = InstructionSet::detect();
            let tile = Tile::of(&extension.geometry, instructions);
            let direct = |weights: Vec<f64>| {
                let geometry = extension.geometry.clone();
                let extension = Extension { geometry, values: vec![0.0; 2] };
                Direct::new(extension, &weights, tile, instructions, 1).expect("memory")
            };
            let exact = direct(kernel.iter().map(|&tap| tap.into()).collect());
            let products = direct(kernel.iter().map(|&tap| f64::from(tap).abs()).collect());
            let with = (tile, instructions);
            let fft = Fft::new(extension, || Ok(kernel), blocks, with, 1, &Shared::default());
            let fft = fft.expect("memory");
            let outputs = fft.extension.geometry.output_len();
            let day = night(n, [0.1; 2]).iter().map(|x| x + 1e5).collect();
            // Whether there are doubts, and some that twice the digits leave.
            let all = [
                (day, [false, false]),
                (night(n, [0.1; 2]), [true, false]),
                (night(n, [0.0, 1e-13]), [true, true]),
            ];
            for (x, doubts) in all {
                let mut y = vec![f32::NAN; outputs];
                fft.run(Input::InPlace(&x), Output::InPlace(&mut y), 0.0).expect("memory");
                let done = [fft.doubled.get().is_some(), fft.direct.get().is_some()];
                assert_eq!(done, doubts, "{summed}, {sign}");
                let wide: Vec<f64> = x.iter().map(|&x| x.into()).collect();
                let [mut sums, mut windows] = [vec![0.0; outputs], vec![0.0; outputs]];
                let of = Input::InPlace(&wide).into();
                exact.run(of, Output::InPlace(&mut sums)).expect("memory");
                let of = Input::InPlace(&wide).into();
                products.run(of, Output::InPlace(&mut windows)).expect("memory");
                for (o, (&y, sum)) in y.iter().zip(&sums).enumerate() {
                    let error = (f64::from(y) - sum).abs();
                    assert!(error <= share * windows[o], "{o}: {y} for {sum} in {}", windows[o]);
                    // (What is nothing is exact.)
                    assert!(windows[o] > 0.0 || y.to_bits() == 0, "{o}: {y}");
                }
            }
        }
    }
}
