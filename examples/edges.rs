//! The strength of the edges in a photograph: the length of its gradient, from two Sobel kernels.
//!
//! `cargo run --release --features image --example edges -- [IN] [OUT]`

use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve::{Boundary, Convolver, filters};
use image::GrayImage;
use ndarray::{Array2, Zip};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "assets/camera.png".into());
    let output = args.next().unwrap_or_else(|| env::temp_dir().join("edges.png"));

    let picture = image::open(input)?.into_luma8();
    let (width, height) = picture.dimensions();
    let shape = (height as usize, width as usize);
    let x = Array2::from_shape_vec(shape, picture.into_raw())?.mapv(f32::from);

    let convolver = Convolver::new();
    let gradient = |kernel: &Array2<f32>| {
        convolver.filter(kernel).boundary(Boundary::Mirror).for_shape(shape)?.apply(&x)
    };
    let (across, down) = (gradient(&filters::sobel_x()?)?, gradient(&filters::sobel_y()?)?);
    let strength = Zip::from(&across).and(&down).map_collect(|dx, dy| dx.hypot(*dy) as u8);

    let edges = GrayImage::from_raw(width, height, strength.into_raw_vec_and_offset().0)
        .ok_or("a picture of the same size")?;
    edges.save(&output)?;
    println!("{}", output.display());
    Ok(())
}
