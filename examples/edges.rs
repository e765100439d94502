//! The edges of a photograph: their strength, and their slopes to the right about mid-grey.
//!
//! `cargo run --release --features image --example edges -- [IN] [OUT] [SLOPES]`

use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve::filters::Derivatives;
use convolve::{Convolver, Signed};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "assets/camera.png".into());
    let mut output =
        |name: &str| args.next().unwrap_or_else(|| env::temp_dir().join(format!("{name}.png")));
    let (edges_file, slopes_file) = (output("edges"), output("slopes"));

    let picture = image::open(input)?;
    let convolver = Convolver::new();
    // A slope of one level a pixel gives 8 by Sobel's kernels: a quarter of that shows the faint ones too.
    let kernels = Derivatives::Sobel.kernels::<f32>()?;
    let [right, down] = kernels.map(|kernel| kernel / 4.0);

    // The length of the vector of both derivatives: whatever the direction of an edge.
    let edges = convolver.picture_filter(&right).gradient(&down).for_picture(&picture)?;
    edges.apply(&picture)?.save(&edges_file)?;

    // One derivative has a sign.
    let slopes = convolver.picture_filter(&right).for_picture(&picture)?;
    slopes.signed(Signed::MID_GREY).apply(&picture)?.save(&slopes_file)?;

    println!("{}\n{}", edges_file.display(), slopes_file.display());
    Ok(())
}
