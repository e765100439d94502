//! Sharpens a photograph where it has contrast, and leaves grain alone: an unsharp mask with a threshold.
//!
//! `cargo run --release --features image --example unsharp -- [IN] [OUT]`

use std::env;
use std::error::Error;
use std::path::PathBuf;

use convolve::{Convolver, filters};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "assets/chelsea.png".into());
    let output = args.next().unwrap_or_else(|| env::temp_dir().join("unsharp.png"));

    let picture = image::open(input)?;
    let blur = Convolver::new().picture_filter(&filters::gaussian(2.0)?);
    // 150 % of what the blur takes away, where that is more than 4 levels.
    let sharpen = blur.unsharp(1.5, 4.0).for_picture(&picture)?;
    let sharp = sharpen.apply(&picture)?;

    let changed = picture.as_bytes().iter().zip(sharp.as_bytes()).filter(|(a, b)| a != b).count();
    println!("{} % of the samples are sharper", 100 * changed / picture.as_bytes().len());
    sharp.save(&output)?;
    println!("{}", output.display());
    Ok(())
}
