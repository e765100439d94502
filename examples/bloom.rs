//! Bloom by a point spread of one's own, with the spikes of an iris of six blades: 1023 x 1023 taps over
//! 1920 x 1080 pixels, a million products for each of them by direct sums.
//!
//! `cargo run --release --example bloom -- bloom.ppm`, or `-- bloom.ppm gpu` where the plan would not choose it.

use convolve::{Convolver, Device};
use ndarray::{Array2, Array3, Axis};
use std::f32::consts::PI;
use std::io::Write;

const SPREAD: usize = 1023;

/// What becomes of one point of light: most of it stays, some is a halo, and some goes into spikes. All of
/// it adds up to one, so that no light is made or lost.
fn point_spread() -> Array2<f32> {
    let centre = (SPREAD / 2) as f32;
    let mut spread = Array2::from_shape_fn((SPREAD, SPREAD), |(i, j)| {
        let (y, x) = (i as f32 - centre, j as f32 - centre);
        let r = y.hypot(x);
        let halo = (1.0 + (r / 6.0).powi(2)).powf(-1.5);
        // Opposite sides of the iris share their spikes.
        let spikes: f32 = (0..3)
            .map(|blade| {
                let (sin, cos) = (blade as f32 * PI / 3.0 + PI / 12.0).sin_cos();
                let (along, across) = (x * cos + y * sin, y * cos - x * sin);
                (-(across / 0.8).powi(2)).exp() * (-along.abs() / 120.0).exp()
            })
            .sum();
        0.002 * halo + 0.0004 * spikes
    });
    let centre = SPREAD / 2;
    let around = spread.sum() - spread[[centre, centre]];
    // A quarter of the light goes astray.
    spread *= 0.25 / around;
    spread[[centre, centre]] = 0.75;
    spread
}

/// An evening with a few lights, far brighter than what a screen can show.
fn scene() -> Array3<f32> {
    let mut scene = Array3::from_shape_fn((1080, 1920, 3), |(i, _, c)| {
        [0.08, 0.1, 0.15][c] * (1.0 + i as f32 / 1080.0)
    });
    // Of lights that are brighter by a thousand times, what is dark beside them would be left to direct sums:
    // it keeps its three digits.
    let lights = [
        (540, 960, 6, [60.0, 55.0, 40.0]),
        (300, 500, 4, [60.0, 25.0, 10.0]),
        (760, 1400, 5, [12.0, 30.0, 60.0]),
        (820, 620, 3, [60.0, 60.0, 60.0]),
    ];
    for (row, column, radius, light) in lights {
        for i in row - radius..=row + radius {
            for j in column - radius..=column + radius {
                for (c, light) in light.iter().enumerate() {
                    scene[[i, j, c]] = *light;
                }
            }
        }
    }
    scene
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (scene, spread) = (scene(), point_spread());
    let mut args = std::env::args().skip(1);
    let path = args.next();
    let device = match args.next().as_deref() {
        None => Device::Auto,
        Some("cpu") => Device::Cpu,
        Some("gpu") => Device::Gpu,
        Some(other) => return Err(format!("{other:?} is neither cpu nor gpu").into()),
    };
    let convolver = Convolver::new();
    // Each colour is a channel of its own.
    let spread = spread.insert_axis(Axis(2));
    let bloom = convolver.filter(&spread).device(device).for_shape(scene.dim())?;
    println!("{}\n", bloom.plan());
    let start = std::time::Instant::now();
    let picture = bloom.apply(&scene)?;
    println!("{:.0?}", start.elapsed());

    let light = |picture: &Array3<f32>| picture.iter().map(|&x| f64::from(x)).sum::<f64>();
    println!(
        "{:.3} % of the light is in the picture, the rest has left it at the edges",
        100.0 * light(&picture) / light(&scene)
    );
    if let Some(path) = path {
        let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
        writeln!(file, "P6 1920 1080 255")?;
        let shown = |x: &f32| (255.0 * (1.0 - (-x).exp()).powf(1.0 / 2.2)) as u8;
        file.write_all(&picture.iter().map(shown).collect::<Vec<u8>>())?;
        file.flush()?;
    }
    Ok(())
}
