//! Takes the blur out of a photograph whose blur is known: W. H. Richardson (1972) and L. B. Lucy (1974).
//!
//! `cargo run --release --features image --example deblur -- [IN] [BLURRED] [OUT]`

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

use convolve::{Boundary, Convolver, filters};
use image::GrayImage;
use ndarray::{Array2, Zip};

const ITERATIONS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "assets/camera.png".into());
    let mut output =
        |name: &str| args.next().unwrap_or_else(|| env::temp_dir().join(format!("{name}.png")));
    let (blurred_file, sharp_file) = (output("blurred"), output("deblurred"));

    let picture = image::open(input)?.into_luma8();
    let (width, height) = picture.dimensions();
    let shape = (height as usize, width as usize);
    let original = Array2::from_shape_vec(shape, picture.into_raw())?.mapv(f32::from);

    // What the camera did, and the same backwards: the correlation.
    let spread = filters::motion::<f32>(15.0, 30.0)?;
    let blur = Convolver::new().filter(&spread).boundary(Boundary::Mirror);
    let (blur, back) = (blur.clone().for_shape(shape)?, blur.correlate().for_shape(shape)?);
    // Rounded, as a camera stores it.
    let blurred = blur.apply(&original)?.mapv(|x| x.round());

    let mut estimate = Array2::from_elem(shape, 128f32);
    let (mut expected, mut correction) = (estimate.clone(), estimate.clone());
    let start = std::time::Instant::now();
    for _ in 0..ITERATIONS {
        blur.apply_into(&estimate, &mut expected)?;
        // Where less light is expected than was seen there must be more of it where it came from.
        Zip::from(&mut expected).and(&blurred).for_each(|x, seen| *x = seen / x.max(1e-3));
        back.apply_into(&expected, &mut correction)?;
        estimate *= &correction;
    }
    println!("{ITERATIONS} iterations in {:.0?}", start.elapsed());

    // Beside the edges nobody knows what was outside.
    let off = |x: &Array2<f32>| {
        let inner = ndarray::s![16..shape.0 - 16, 16..shape.1 - 16];
        let off = &x.slice(inner) - &original.slice(inner);
        off.mapv(|x| x * x).mean().unwrap_or_default().sqrt()
    };
    let (before, after) = (off(&blurred), off(&estimate));
    println!("off by {before:.1} levels before, by {after:.1} after");
    assert!(after < before / 1.5);
    save(&blurred, &blurred_file)?;
    save(&estimate, &sharp_file)?;
    println!("{}\n{}", blurred_file.display(), sharp_file.display());
    Ok(())
}

fn save(x: &Array2<f32>, file: &Path) -> Result<(), Box<dyn Error>> {
    let (height, width) = x.dim();
    let levels = x.iter().map(|x| x.round() as u8).collect();
    let picture = GrayImage::from_raw(width as u32, height as u32, levels).ok_or("as many")?;
    Ok(picture.save(file)?)
}
