//! Blurs every picture of a folder, on all threads: a filter for each size, and errors gathered.
//!
//! `cargo run --release --features image --example folder -- [IN] [OUT]`
//!
//! Files in OUT are replaced as they are written, and pictures stay turned as their samples are stored: the command
//! `convolve apply` puts whole files in their places, and turns them upright.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, io};

use convolve::{Convolver, FilterBuilder, PictureFilter, filters};
use image::{ColorType, DynamicImage, ImageFormat};
use ndarray::Ix2;
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A kernel, with a filter for each size and type of pictures that came.
struct Blur {
    kernel: FilterBuilder<f32, Ix2>,
    planned: Mutex<HashMap<(u32, u32, ColorType), Arc<PictureFilter>>>,
}

impl Blur {
    fn apply(&self, picture: &DynamicImage) -> Result<DynamicImage> {
        let key = (picture.width(), picture.height(), picture.color());
        let known = self.lock().get(&key).cloned();
        let filter = match known {
            Some(filter) => filter,
            // Not under the lock. Where two threads plan the same, one of theirs is kept.
            None => {
                let planned = Arc::new(self.kernel.for_picture(picture)?);
                self.lock().entry(key).or_insert(planned).clone()
            }
        };
        Ok(filter.apply(picture)?)
    }

    fn lock(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<(u32, u32, ColorType), Arc<PictureFilter>>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn main() -> Result<()> {
    let mut args = env::args_os().skip(1).map(PathBuf::from);
    let input = args.next().unwrap_or_else(|| "assets".into());
    let output = args.next().unwrap_or_else(|| env::temp_dir().join("convolve-folder"));
    fs::create_dir_all(&output)?;

    let files = fs::read_dir(input)?.map(|entry| Ok(entry?.path()));
    let files: Vec<PathBuf> = files.collect::<io::Result<_>>()?;
    // What is built into `image` here; its features add formats.
    let is_picture =
        |file: &&PathBuf| ImageFormat::from_path(file).is_ok_and(|format| format.reading_enabled());
    let pictures: Vec<&PathBuf> = files.iter().filter(is_picture).collect();

    let kernel = Convolver::new().picture_filter(&filters::gaussian(3.0)?).runs(pictures.len());
    let blur = Blur { kernel, planned: Mutex::default() };
    let one = |file: &Path| -> Result<()> {
        let blurred = blur.apply(&image::open(file)?)?;
        blurred.save(output.join(file.file_name().ok_or("a file has a name")?))?;
        Ok(())
    };
    // A picture on each thread; where there are fewer pictures than threads, these share them.
    let results = pictures.par_iter().map(|file| one(file).map_err(|error| (file, error)));
    let failed: Vec<_> = results.filter_map(|result| result.err()).collect();

    for (file, error) in &failed {
        eprintln!("{}: {error}", file.display());
    }
    let written = pictures.len() - failed.len();
    println!("{written} pictures, {} filters: {}", blur.lock().len(), output.display());
    if failed.is_empty() { Ok(()) } else { Err(format!("{} pictures failed", failed.len()).into()) }
}
