//! Pictures from files: whole ones, within limits, and as many as there are.

mod others;

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read, Seek};
use std::path::Path;

use anyhow::{Context, Error, Result, anyhow, ensure};
use convolve::Element;
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageFormat, ImageReader, Pixel};

use crate::about::{About, Density, png};
use crate::jpeg;
use crate::raster::{Raster, real, stored};
use crate::room::{self, Taken};
use crate::tiff;
use others::{check_frames, check_parts, png_frames, smaller_jpegs, starts_as_pnm, webp_frames};

/// A picture, or samples that no picture of the `image` crate can have.
pub enum Picture {
    Image(DynamicImage),
    /// One whose colours have alpha multiplied in: OpenEXR's, where light may come from what is
    /// transparent, which no division would keep, and some of TIFF.
    Premultiplied(DynamicImage),
    Raster(Raster),
}

impl Picture {
    pub fn oriented(mut self, orientation: Option<Orientation>) -> Self {
        let Some(orientation) = orientation else { return self };
        match self {
            Self::Image(ref mut picture) | Self::Premultiplied(ref mut picture) => {
                picture.apply_orientation(orientation);
                self
            }
            Self::Raster(raster) => Self::Raster(raster.oriented(orientation)),
        }
    }
}

impl Picture {
    /// As a picture of straight alpha, if it can be one: light from what is transparent cannot.
    pub fn straight(self) -> Option<DynamicImage> {
        match self {
            Self::Image(picture) => Some(picture),
            Self::Premultiplied(DynamicImage::ImageRgba32F(_)) | Self::Raster(_) => None,
            Self::Premultiplied(mut picture) => {
                divide_alpha_out(&mut picture);
                Some(picture)
            }
        }
    }
}

/// Divides levels of colours by an alpha that has been multiplied in.
pub fn divide_alpha_out(picture: &mut DynamicImage) {
    fn divide<P: Pixel<Subpixel: Element>>(
        pixels: &mut ImageBuffer<P, Vec<P::Subpixel>>,
        opaque: f64,
    ) {
        for pixel in pixels.pixels_mut() {
            if let [colours @ .., alpha] = pixel.channels_mut() {
                let alpha = real(*alpha) / opaque;
                if alpha > 0.0 {
                    colours.iter_mut().for_each(|colour| *colour = stored(real(*colour) / alpha));
                }
            }
        }
    }
    match picture {
        DynamicImage::ImageLumaA8(pixels) => divide(pixels, u8::MAX.into()),
        DynamicImage::ImageRgba8(pixels) => divide(pixels, u8::MAX.into()),
        DynamicImage::ImageLumaA16(pixels) => divide(pixels, u16::MAX.into()),
        DynamicImage::ImageRgba16(pixels) => divide(pixels, u16::MAX.into()),
        _ => {}
    }
}

/// A picture, and what its file says of it.
pub struct Decoded {
    pub picture: Picture,
    pub about: About,
    /// Smaller pictures that follow it, which are left out.
    pub smaller: usize,
    /// Of this picture and of its result.
    pub room: Taken,
}

/// What is in a file.
pub enum Contents {
    One(Box<Decoded>),
    Tiff(Box<tiff::Pages>),
}

/// What a file may make us allocate.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pixels: u64,
    /// Whether the caller may ask for more pixels.
    may_grow: bool,
    /// Bytes of the file.
    pub file: u64,
    /// Bytes of decoded samples, and of what decoders allocate besides.
    pub bytes: u64,
}

impl Limits {
    /// For a file of so many bytes, and pictures of so many pixels.
    fn new(file: u64, pixels: u64, may_grow: bool) -> Self {
        // A file of a few bytes must not claim all memory, but a large file may be a large picture:
        // a scan in black and white packs some ten thousand pixels into a byte.
        let packed = file.saturating_mul(1 << 16).max(512 << 20);
        // The largest pixel: four channels in 64 bits.
        Self { pixels, may_grow, file, bytes: packed.min(pixels.saturating_mul(32).max(1 << 20)) }
    }

    /// An error where a picture of this size is larger than what may be read.
    pub fn check_size(&self, width: u32, height: u32) -> Result<()> {
        let pixels = u64::from(width) * u64::from(height);
        let hint = match self.may_grow {
            true => format!("--max-pixels {pixels} would let it in"),
            false => "that is the most that a kernel may have".into(),
        };
        ensure!(
            pixels <= self.pixels,
            "a picture of {width} x {height} has {pixels} pixels, more than {}: {hint}",
            self.pixels
        );
        Ok(())
    }

    /// An error where so many bytes of samples are more than the file can mean, or than there are.
    pub fn check_bytes(&self, bytes: u64, width: u32, height: u32) -> Result<()> {
        ensure!(
            bytes <= self.bytes,
            "a picture of {width} x {height} pixels does not fit into a file of this size"
        );
        // Allocations of decoders abort where they fail.
        Vec::<u8>::new()
            .try_reserve_exact(usize::try_from(bytes)?)
            .with_context(|| format!("no memory for a picture of {width} x {height} pixels"))
    }
}

/// Says in our words that a file is cut off: every decoder has its own.
pub fn explained(error: Error) -> Error {
    let is_end = |cause: &(dyn std::error::Error + 'static)| {
        let error = match cause.downcast_ref() {
            Some(ImageError::IoError(error)) => Some(error),
            _ => cause.downcast_ref::<io::Error>(),
        };
        // QOI's keeps no more than the words of `std`.
        error.is_some_and(|error| error.kind() == ErrorKind::UnexpectedEof)
            || cause.to_string().ends_with("failed to fill whole buffer")
    };
    match error.chain().any(is_end) {
        true => anyhow!("truncated: its data ends before the picture does"),
        false => error,
    }
}

/// Opens a file of one picture or more, each of at most so many pixels.
pub fn open(path: &Path, pixels: u64) -> Result<Contents> {
    contents(path, pixels, true).map_err(explained)
}

/// The same for a kernel, whose limit nobody can change.
pub fn open_kernel(path: &Path, pixels: u64) -> Result<Contents> {
    contents(path, pixels, false).map_err(explained)
}

fn contents(path: &Path, pixels: u64, may_grow: bool) -> Result<Contents> {
    let limits = Limits::new(fs::metadata(path)?.len(), pixels, may_grow);
    ensure!(limits.file > 0, "an empty file");
    let format = ImageReader::open(path)?.with_guessed_format()?.format();
    let format = format.context("it starts as no format that is known")?;
    let (mut smaller, mut about) = (0, About::default());
    let mut jpeg = Vec::new();
    match format {
        ImageFormat::Tiff => {
            return Ok(Contents::Tiff(Box::new(tiff::Pages::open(path, limits)?)));
        }
        ImageFormat::Png => {
            check_frames(path, png_frames)?;
            (about.png, about.density) = png::Chunks::read(BufReader::new(File::open(path)?));
            about.remarks.extend(png::Chunks::behind(BufReader::new(File::open(path)?)));
        }
        ImageFormat::WebP => check_frames(path, webp_frames)?,
        ImageFormat::Jpeg => {
            jpeg = fs::read(path)?;
            // Its name is all that says so where its bytes are those of no format.
            ensure!(jpeg.starts_with(&[0xff, 0xd8]), "it does not start as a JPEG");
            let file = jpeg::File::find(&jpeg);
            smaller = smaller_jpegs(&jpeg, &file)?;
            about.density = file.jfif.and_then(Density::of_jfif);
            about.captions = file.captions;
            about.style = file.style;
        }
        ImageFormat::OpenExr => check_parts(path)?,
        ImageFormat::Bmp => about.density = bmp_density(&mut File::open(path)?)?,
        _ => {}
    }
    let mut file = BufReader::new(File::open(path)?);
    let decoded = match format {
        ImageFormat::Jpeg => {
            read(ImageReader::with_format(Cursor::new(jpeg), format), about, limits)
        }
        _ => read(ImageReader::with_format(&mut file, format), about, limits),
    };
    let (picture, about, room) = decoded?;
    ensure!(
        format != ImageFormat::Pnm || !starts_as_pnm(&mut file)?,
        "several pictures, one after another: expected one"
    );
    let picture = match format {
        ImageFormat::OpenExr if picture.color().has_alpha() => Picture::Premultiplied(picture),
        _ => Picture::Image(picture),
    };
    Ok(Contents::One(Box::new(Decoded { picture, about, smaller, room })))
}

/// Reads a picture, the way up that its file says it should be seen.
fn read(
    mut reader: ImageReader<impl BufRead + Seek>,
    given: About,
    limits: Limits,
) -> Result<(DynamicImage, About, Taken)> {
    let mut allowed = image::Limits::no_limits();
    allowed.max_alloc = Some(limits.bytes);
    reader.limits(allowed);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    let bytes = decoder.total_bytes();
    let mut about = About::of(&mut decoder)?.with(given);
    let orientation = about.orientation();
    let copies = if orientation == Orientation::NoTransforms { 2 } else { 3 };
    limits.check_bytes(bytes, width, height)?;
    let room = room::take(bytes.saturating_mul(copies));
    let mut picture = DynamicImage::from_decoder(decoder)?;
    let bytes = picture.as_bytes().len() as u64;
    if orientation != Orientation::NoTransforms {
        limits.check_bytes(bytes, width, height)?;
    }
    picture.apply_orientation(orientation);
    about.turn(orientation);
    Ok((picture, about, room))
}

/// Pixels per metre stand in the header of a BMP.
fn bmp_density(file: &mut File) -> Result<Option<Density>> {
    let mut header = [0; 46];
    match file.read_exact(&mut header) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let number = |at: usize| i32::from_le_bytes([0, 1, 2, 3].map(|i| header[at + i]));
    // Those of OS/2 are shorter, and have none.
    let (has_them, x, y) = (number(14) >= 40, number(38), number(42));
    let density = Density::per_centimetre(f64::from(x) / 100.0, f64::from(y) / 100.0);
    Ok((has_them && x > 0 && y > 0).then_some(density))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{WRITTEN, write};
    use image::{ImageBuffer, Rgb};
    use std::io::Cursor;

    /// All pages of a file with this content.
    fn pages(name: &str, content: &[u8], pixels: u64) -> Result<Vec<Picture>> {
        let place = tempfile::tempdir()?;
        let path = place.path().join(name);
        fs::write(&path, content)?;
        match open(&path, pixels)? {
            Contents::One(decoded) => Ok(vec![decoded.picture]),
            Contents::Tiff(mut pages) => {
                (0..pages.len()).map(|page| Ok(pages.read(page)?.picture)).collect()
            }
        }
    }

    fn bytes(picture: &Picture) -> &[u8] {
        match picture {
            Picture::Image(picture) | Picture::Premultiplied(picture) => picture.as_bytes(),
            Picture::Raster(_) => panic!("a picture went in"),
        }
    }

    /// A picture with fine detail, in the type that a format has.
    fn written(extension: &str) -> (String, Vec<u8>) {
        let pixel = |x: u32, y: u32| Rgb([x * 5 + y, x * y * 7, (x ^ y) * 9].map(|v| v as u8));
        let picture = DynamicImage::ImageRgb8(ImageBuffer::from_fn(61, 47, pixel));
        let picture = match extension {
            "exr" | "hdr" => picture.into_rgb32f().into(),
            "pgm" => picture.into_luma8().into(),
            _ => picture,
        };
        let name = format!("x.{extension}");
        let mut file = Cursor::new(Vec::new());
        write(&mut file, Path::new(&name), &picture, &About::default()).unwrap();
        (name, file.into_inner())
    }

    #[test]
    fn a_file_that_is_cut_off_is_an_error_or_the_whole_picture() {
        for extension in WRITTEN {
            let (name, content) = written(extension);
            let whole = pages(&name, &content, 1 << 20).unwrap();
            let mut refused = 0;
            for part in 1..48 {
                let cut = content.len() * part / 48;
                match pages(&name, &content[..cut], 1 << 20) {
                    Err(_) => refused += 1,
                    Ok(found) => {
                        assert_eq!(bytes(&found[0]), bytes(&whole[0]), "{name} cut at {cut}")
                    }
                }
            }
            assert!(refused > 40, "{name}: {refused} refused");
        }
    }

    #[test]
    fn pictures_beyond_the_limit_are_refused_by_its_name() {
        for extension in WRITTEN {
            let (name, content) = written(extension);
            let pixels = 61 * 47;
            assert!(pages(&name, &content, pixels).is_ok(), "{name}");
            let error = pages(&name, &content, pixels - 1).err().expect("too many pixels");
            let error = format!("{error:#}");
            assert!(error.contains("61 x 47 has 2867 pixels, more than 2866"), "{name}: {error}");
            assert!(error.contains("--max-pixels 2867"), "{name}: {error}");
        }
    }

    #[test]
    fn an_animation_that_is_cut_off_behind_its_first_frame_is_no_picture() {
        let content = include_bytes!("../tests/data/an.webp");
        let at = |from: usize| content[from..].windows(4).position(|name| name == b"ANMF");
        let second = 1 + at(0).and_then(|first| Some(first + at(first + 1)?)).expect("frames");
        let error = pages("x.webp", &content[..second], 1 << 20).err().expect("cut off");
        assert!(format!("{error:#}").contains("truncated: the file has"), "{error:#}");
        let error = pages("x.webp", content, 1 << 20).err().expect("an animation");
        assert!(format!("{error:#}").contains("an animation of 4 frames"), "{error:#}");
    }

    #[test]
    fn several_pictures_in_a_file_are_an_error() {
        for extension in ["ppm", "pgm", "pam"] {
            let (name, content) = written(extension);
            let two = [&content[..], &content[..]].concat();
            let error = pages(&name, &two, 1 << 20).err().expect("two pictures");
            assert!(format!("{error:#}").contains("several pictures"), "{name}: {error:#}");
            let apart = [&content[..], b"\n", &content[..]].concat();
            assert!(pages(&name, &apart, 1 << 20).is_err(), "{name}");
            for end in [&b"\n\0"[..], b"\n", b"P", b"\nPS"] {
                assert!(pages(&name, &[&content[..], end].concat(), 1 << 20).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn what_follows_the_end_of_a_jpeg_does_not_matter() {
        let (name, mut content) = written("jpg");
        content.extend(b"trailing");
        assert!(pages(&name, &content, 1 << 20).is_ok());
        let cut = &content[..content.len() - 10];
        let error = smaller_jpegs(cut, &jpeg::File::find(cut)).unwrap_err().to_string();
        assert!(error.contains("truncated"), "{error}");
    }
}
