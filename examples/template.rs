//! Finds the camera in a photograph of a photographer, though it has become darker and noisy.
//!
//! `cargo run --release --features image --example template`

use std::error::Error;

use convolve::Convolver;
use ndarray::{Array2, s};

fn main() -> Result<(), Box<dyn Error>> {
    let picture = image::open("assets/camera.png")?.into_luma8();
    let (width, height) = picture.dimensions();
    let shape = (height as usize, width as usize);
    let picture = Array2::from_shape_vec(shape, picture.into_raw())?;
    let (row, column) = (100, 220);
    let template = picture.slice(s![row..row + 60, column..column + 90]).to_owned();

    // Half as bright, and with noise of some levels.
    let mut state = 1u32;
    let picture = picture.mapv(|level| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        level / 2 + (state >> 28) as u8
    });

    let search = Convolver::new().template(&template)?.for_shape(picture.dim())?;
    println!("{}\n", search.plan());
    let start = std::time::Instant::now();
    let found = search.apply(&picture)?;
    println!("{} windows compared in {:.1?}", found.len(), start.elapsed());

    let best = found.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1)).ok_or("a window")?;
    println!("found at row {}, column {}, with {:.3}", best.0.0, best.0.1, best.1);
    assert_eq!(best.0, (row, column));
    Ok(())
}
