//! Writing JPEGs, strip by strip on all threads.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use image::DynamicImage;
use jpeg_encoder::{
    ChromaSubsamplingMethod, ColorType, Encoder, PixelDensity, QuantizationTableType,
    SamplingFactor,
};
use rayon::prelude::*;

use super::read::{File, Style};
use super::rows::Rows;

/// What is written before the picture.
#[derive(Clone, Debug, Default)]
pub struct Head {
    pub density: PixelDensity,
    /// Numbers and contents of application segments.
    pub segments: Vec<(u8, Vec<u8>)>,
}

/// How many pixels share a sample of chroma, in the words that photographers use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Subsampling {
    S444,
    S422,
    S420,
}

impl ValueEnum for Subsampling {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::S444, Self::S422, Self::S420]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::S444 => "444",
            Self::S422 => "422",
            Self::S420 => "420",
        }))
    }
}

impl From<Subsampling> for SamplingFactor {
    fn from(subsampling: Subsampling) -> Self {
        match subsampling {
            Subsampling::S444 => Self::F_1_1,
            Subsampling::S422 => Self::F_2_1,
            Subsampling::S420 => Self::F_2_2,
        }
    }
}

impl Style {
    /// That of a quality from 1 to 100, as libjpeg has it.
    pub fn of(quality: u8, sampling: SamplingFactor) -> Self {
        // The encoder's own tables are not public: it writes them.
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, quality);
        encoder.set_sampling_factor(sampling);
        let written = encoder.encode(&[0; 3], 1, 1, ColorType::Rgb).ok();
        let found = written.and_then(|()| File::find(&file).style);
        found.unwrap_or(Self { steps: [[1; 64]; 2], sampling })
    }
}

/// Pixels of a strip, about: enough work for a thread to be woken for it.
const STRIP: usize = 1 << 18;

/// Writes a picture of 8 bits, grey or RGB.
///
/// Large pictures are compressed in strips, with a restart marker after each: what follows it does not
/// depend on what came before. How they are cut depends on their size alone.
pub fn write(
    file: &mut impl Write,
    picture: &DynamicImage,
    style: &Style,
    head: &Head,
) -> Result<()> {
    in_strips(file, picture, style, head, STRIP)
}

/// In strips of about so many pixels.
fn in_strips(
    file: &mut impl Write,
    picture: &DynamicImage,
    style: &Style,
    head: &Head,
    strip: usize,
) -> Result<()> {
    let (pixels, color): (&[u8], _) = match picture {
        DynamicImage::ImageLuma8(picture) => (picture.as_raw(), ColorType::Luma),
        DynamicImage::ImageRgb8(picture) => (picture.as_raw(), ColorType::Rgb),
        other => bail!("a JPEG has 8-bit grey or RGB, got {:?}", other.color()),
    };
    let [Ok(width), Ok(height)] = [picture.width(), picture.height()].map(u16::try_from) else {
        let (width, height) = (picture.width(), picture.height());
        bail!("a JPEG has at most 65535 x 65535 pixels, got {width} x {height}");
    };
    let sampling = if color == ColorType::Luma { SamplingFactor::F_1_1 } else { style.sampling };
    let strips = Strips::new(width, height, sampling, strip);
    let line = pixels.len() / usize::from(height.max(1));
    let numbers = (0..strips.count).collect::<Vec<_>>();
    let encoded = |&number: &usize| -> Result<Vec<u8>> {
        let first = number * strips.rows;
        let rows = strips.rows.min(usize::from(height) - first);
        let mut strip = Vec::new();
        let mut encoder = Encoder::new(&mut strip, 100);
        let [luma, chroma] =
            style.steps.map(|steps| QuantizationTableType::Custom(Box::new(steps)));
        encoder.set_quantization_tables(luma, chroma);
        encoder.set_sampling_factor(sampling);
        encoder.set_density(head.density);
        if let Some(blocks) = strips.blocks {
            encoder.set_restart_interval(blocks);
        }
        if number == 0 {
            for (segment, content) in &head.segments {
                encoder.add_app_segment(*segment, content.clone())?;
            }
        }
        let pixels = &pixels[first * line..][..rows * line];
        let height = u16::try_from(rows)?;
        match (color, means(sampling)) {
            (ColorType::Rgb, Some([across, down])) => {
                encoder.encode_image(Rows { pixels, width, height, across, down })?;
            }
            _ => {
                encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
                encoder.encode(pixels, width, height, color)?;
            }
        }
        Ok(strip)
    };
    let mut encoded: Vec<Vec<u8>> = match strips.count {
        1 => vec![encoded(&0)?],
        _ => numbers.par_iter().map(encoded).collect::<Result<_>>()?,
    };
    if strips.count > 1 {
        join(&mut encoded, height)?;
    }
    encoded.iter().try_for_each(|strip| file.write_all(strip))?;
    Ok(())
}

/// How many columns and rows share a sample of chroma; none where they are more than two.
fn means(sampling: SamplingFactor) -> Option<[usize; 2]> {
    match sampling {
        SamplingFactor::F_1_1 => Some([1, 1]),
        SamplingFactor::F_2_1 => Some([2, 1]),
        SamplingFactor::F_1_2 => Some([1, 2]),
        SamplingFactor::F_2_2 => Some([2, 2]),
        _ => None,
    }
}

/// How a picture is cut into strips.
struct Strips {
    count: usize,
    /// Of all strips but the last.
    rows: usize,
    /// Of a strip: none where there is one alone.
    blocks: Option<u16>,
}

impl Strips {
    fn new(width: u16, height: u16, sampling: SamplingFactor, pixels: usize) -> Self {
        let whole = Self { count: 1, rows: height.into(), blocks: None };
        let Some([across, down]) = means(sampling).map(|means| means.map(|pixels| 8 * pixels))
        else {
            // A scan for each component.
            return whole;
        };
        let lines = (pixels / (usize::from(width.max(1)) * down)).max(1);
        let blocks = usize::from(width).div_ceil(across) * lines;
        let rows = lines * down;
        match u16::try_from(blocks) {
            Ok(blocks) if rows < usize::from(height) => {
                Self { count: usize::from(height).div_ceil(rows), rows, blocks: Some(blocks) }
            }
            _ => whole,
        }
    }
}

/// Makes one file of the files of strips, to be written one after another.
fn join(strips: &mut [Vec<u8>], height: u16) -> Result<()> {
    let last = strips.len() - 1;
    for (number, strip) in strips.iter_mut().enumerate() {
        let (frame, scan) = places(strip).context("a strip without a frame")?;
        // The end of the picture, or of a strip.
        let end = strip.len() - 1;
        if number < last {
            strip[end] = 0xd0 + (number % 8) as u8;
        }
        match number {
            // A frame has its length, the number of bits, and then the height.
            0 => strip[frame + 3..frame + 5].copy_from_slice(&height.to_be_bytes()),
            _ => drop(strip.drain(..scan)),
        }
    }
    Ok(())
}

/// Where the frame's content starts, with its length, and where its compressed data does.
fn places(file: &[u8]) -> Option<(usize, usize)> {
    const FRAME: u8 = 0xc0;
    const SCAN: u8 = 0xda;
    let (mut at, mut frame) = (2, None);
    loop {
        let [0xff, marker, high, low] = *file.get(at..at + 4)? else { return None };
        if marker == FRAME {
            frame = Some(at + 2);
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == SCAN {
            return Some((frame?, at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, ImageFormat, Luma, Rgb, RgbImage};

    fn decoded(file: &[u8]) -> DynamicImage {
        image::load_from_memory_with_format(file, ImageFormat::Jpeg).unwrap()
    }

    /// Smooth, so that little is lost.
    fn picture(width: u32, height: u32) -> RgbImage {
        let wave = |v: u32, by: f32| (127.0 + 120.0 * (v as f32 / by).sin()) as u8;
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([wave(x, 90.0), wave(y, 70.0), wave(x + y, 99.0)])
        })
    }

    #[test]
    fn strips_make_one_picture() {
        use SamplingFactor::{F_1_1, F_1_2, F_2_1, F_2_2, F_4_1};
        // More strips than there are restart markers, and last ones that end within a block.
        for (width, height) in [(130, 301), (121, 300), (137, 310)] {
            let rgb = picture(width, height);
            let grey = GrayImage::from_fn(width, height, |x, y| Luma([rgb[(x, y)].0[2]]));
            let rgb = DynamicImage::from(rgb);
            let cases = [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1].map(|sampling| (&rgb, sampling));
            for (picture, sampling) in cases.into_iter().chain([(&grey.into(), F_2_2)]) {
                let mut file = Vec::new();
                let style = Style::of(95, sampling);
                in_strips(&mut file, picture, &style, &Head::default(), 1 << 11).unwrap();
                let found = decoded(&file);
                assert_eq!(found.color(), picture.color(), "{sampling:?}");
                assert_eq!((found.width(), found.height()), (width, height), "{sampling:?}");
                let pairs = found.as_bytes().iter().zip(picture.as_bytes());
                let most = pairs.map(|(x, y)| x.abs_diff(*y)).max();
                assert!(most < Some(12), "{width} x {height}, {sampling:?}: {most:?}");
            }
        }
    }

    #[test]
    fn strips_are_cut_by_size_alone() {
        let strips = |width, height, sampling| Strips::new(width, height, sampling, STRIP);
        assert_eq!(strips(400, 300, SamplingFactor::F_2_2).count, 1);
        assert_eq!(strips(65535, 9, SamplingFactor::F_1_1).blocks, Some(8192));
        assert_eq!(strips(1, 65535, SamplingFactor::F_2_2).count, 1);
        let strips = strips(6000, 4000, SamplingFactor::F_2_2);
        assert_eq!((strips.rows, strips.count, strips.blocks), (32, 125, Some(750)));
    }

    #[test]
    fn pictures_that_a_jpeg_cannot_have_are_errors() {
        let style = Style::of(90, SamplingFactor::F_1_1);
        let error = |picture: DynamicImage| {
            let written = write(&mut Vec::new(), &picture, &style, &Head::default());
            written.unwrap_err().to_string()
        };
        assert!(error(GrayImage::new(65536, 1).into()).contains("at most 65535"));
        assert!(error(DynamicImage::new_rgba8(2, 2)).contains("8-bit grey or RGB"));
    }
}
