//! TIFF files, page after page.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use image::metadata::Orientation;
use tiff::decoder::ifd::Value;
use tiff::decoder::{Decoder, DecodingResult, IfdDecoder, Limits};
use tiff::tags::{
    ByteOrder, CompressionMethod, ExtraSamples, IfdPointer, PhotometricInterpretation, Tag, Type,
    ValueBuffer,
};

use super::Alpha;
use super::page::Page;
use super::palette::{Palette, Patched};
use crate::about::fields::{
    Budget, EXIF_DIRECTORY, Field, Fields, GPS_DIRECTORY, PICTURE, RESOLUTION, is_kept, width,
};
use crate::about::{About, Density};
use crate::decode::{self, Decoded};
use crate::room;

/// The pages of a file that are filtered.
pub struct Pages {
    decoder: Decoder<Patched<BufReader<File>>>,
    /// Where each stands among all pages.
    pages: Vec<usize>,
    /// Smaller copies of pages, which are left out.
    pub smaller_copies: usize,
    limits: decode::Limits,
}

impl Pages {
    pub fn open(path: &Path, limits: decode::Limits) -> Result<Self> {
        let file = BufReader::new(File::open(path)?);
        let mut decoder = Decoder::new(Patched::new(file))?;
        let mut tiff_limits = Limits::unlimited();
        tiff_limits.decoding_buffer_size = usize::try_from(limits.bytes)?;
        tiff_limits.intermediate_buffer_size = usize::try_from(limits.bytes)?;
        // Values stand in the file.
        tiff_limits.ifd_value_size = usize::try_from(limits.file)?;
        decoder = decoder.with_limits(tiff_limits);
        let mut kinds = Vec::new();
        loop {
            let page = kinds.len() + 1;
            kinds.push(kind(&mut decoder).with_context(|| format!("page {page}"))?);
            if !decoder.more_images() {
                break;
            }
            decoder.next_image().with_context(|| format!("page {}", page + 1))?;
        }
        let mut pages: Vec<_> = (0..kinds.len()).filter(|&page| !kinds[page].smaller).collect();
        if pages.is_empty() {
            ensure!(
                !kinds.iter().any(|kind| kind.has_more),
                "its pages are smaller copies of pictures in directories of their own, which are \
                 not read"
            );
            pages = (0..kinds.len()).collect();
        }
        let smaller_copies = kinds.len() - pages.len();
        Ok(Self { decoder, pages, smaller_copies, limits })
    }

    pub fn len(&self) -> usize {
        self.pages.len()
    }

    /// The picture on a page, the way up that it should be seen; its colours do not have alpha
    /// multiplied in.
    pub fn read(&mut self, page: usize) -> Result<Decoded> {
        let page = self.pages[page];
        let several = self.len() > 1;
        self.page(page).map_err(decode::explained).with_context(|| match several {
            true => format!("page {}", page + 1),
            false => "a TIFF".to_string(),
        })
    }

    fn page(&mut self, page: usize) -> Result<Decoded> {
        let decoder = &mut self.decoder;
        decoder.seek_to_image(page)?;
        let (width, height) = decoder.dimensions()?;
        self.limits.check_size(width, height)?;
        let extra: Option<Vec<u16>> = decoder.find_tag_unsigned_vec(Tag::ExtraSamples)?;
        let extra: Vec<_> = extra.unwrap_or_default().into_iter().map(alpha).collect();
        let orientation: Option<u8> = decoder.find_tag_unsigned(Tag::Orientation)?;
        let orientation = orientation.and_then(Orientation::from_exif);
        let turned = orientation.is_some_and(|way| way != Orientation::NoTransforms);
        let photometric: u16 = decoder.get_tag_unsigned(Tag::PhotometricInterpretation)?;
        let samples: u16 = decoder.find_tag_unsigned(Tag::SamplesPerPixel)?.unwrap_or(1);
        let mut about = about(decoder, self.limits.file);
        check_meaning(decoder, PhotometricInterpretation::from_u16(photometric), samples)?;
        let palette = match PhotometricInterpretation::from_u16(photometric) {
            Some(PhotometricInterpretation::RGBPalette) => {
                let map = decoder.get_tag_u16_vec(Tag::ColorMap)?;
                let (at, order) =
                    (decoder.ifd_pointer().context("no directory")?.0, decoder.byte_order());
                decoder.inner().show_greys(at, order)?;
                decoder.seek_to_image(page)?;
                Some(Palette::new(map)?)
            }
            _ => None,
        };
        let color = decoder.colortype()?;
        ensure!(
            samples == color.num_samples(),
            "{samples} samples a pixel, {} of them of unknown meaning: expected grey or RGB, with or \
             without alpha",
            samples.saturating_sub(color.num_samples())
        );
        check_chunks(decoder, self.limits.file)?;
        let layout = decoder.image_buffer_layout()?;
        // A picture is turned into another one.
        let one = layout.complete_len as u64;
        let bytes = one.saturating_mul(if turned { 2 } else { 1 });
        self.limits.check_bytes(bytes, width, height)?;
        let room = room::take(bytes.saturating_add(one));
        let mut samples = DecodingResult::U8(Vec::new());
        let layout = decoder.read_image_to_buffer(&mut samples)?;
        ensure!(
            samples.as_buffer(0).byte_len() >= layout.complete_len,
            "not all of its planes fit into memory"
        );
        let mut page = Page { width, height, color, extra, planes: layout.planes };
        let picture = match palette {
            Some(palette) => page.with_palette(&palette, samples)?,
            None => {
                if color.bit_depth() < 8 {
                    samples = page.bytes(samples)?;
                }
                page.picture(samples)?
            }
        };
        about.turn(orientation.unwrap_or(Orientation::NoTransforms));
        Ok(Decoded { picture: picture.oriented(orientation), about, smaller: 0, room })
    }
}

/// What a page says besides its pixels.
///
/// What of it cannot be read is left out: the picture may be read all the same.
fn about<R: Read + Seek>(decoder: &mut Decoder<R>, file: u64) -> About {
    const XMP: u16 = 700;
    let mut about = About::default();
    let mut sound = |what: &str, found: Result<Option<Vec<u8>>>| {
        found.unwrap_or_else(|_| {
            about.remarks.push(format!("left out its {what}, which is not sound"));
            None
        })
    };
    let mut bytes = |tag| -> Result<Option<Vec<u8>>> {
        Ok(decoder.find_tag(tag)?.map(Value::into_u8_vec).transpose()?)
    };
    let profile = sound("colour profile", bytes(Tag::IccProfile));
    let xmp = sound("XMP", bytes(Tag::Unknown(XMP)));
    let density = density(decoder).unwrap_or_else(|_| {
        about.remarks.push("left out its resolution, which is not sound".into());
        None
    });
    let exif = fields(decoder, file).unwrap_or_else(|| {
        about.remarks.push("left out its Exif: its entries have more bytes than the file".into());
        Fields::default()
    });
    About { profile, xmp, density, exif: exif.block(), ..about }
}

fn density<R: Read + Seek>(decoder: &mut Decoder<R>) -> Result<Option<Density>> {
    const CENTIMETRE: u16 = 3;
    let mut number = |tag| -> Result<Option<f64>> {
        let found = decoder.find_tag(tag)?.and_then(|value| match value {
            Value::Rational(numerator, denominator) => {
                Some(f64::from(numerator) / f64::from(denominator))
            }
            _ => None,
        });
        Ok(found.filter(|number| number.is_finite() && *number > 0.0))
    };
    let (x, y) = (number(Tag::XResolution)?, number(Tag::YResolution)?);
    let unit: Option<u16> = decoder.find_tag_unsigned(Tag::ResolutionUnit)?;
    Ok(x.zip(y).and_then(|(x, y)| match unit {
        Some(CENTIMETRE) => Some(Density::per_centimetre(x, y)),
        Some(1) if x != y => Some(Density::of_aspect(x, y)),
        Some(1) => None,
        _ => Some(Density::per_inch(x, y)),
    }))
}

/// Exif, of which a page has a part among its own tags. None where entries share so many bytes that
/// they have more than the file.
fn fields<R: Read + Seek>(decoder: &mut Decoder<R>, file: u64) -> Option<Fields> {
    let mut budget = Budget::new(file);
    let mut page = decoder.image_ifd();
    let mut own = |tag| field(&mut page, tag, &mut budget);
    let picture = PICTURE.into_iter().filter_map(&mut own).collect();
    let resolution: Vec<Field> = RESOLUTION.into_iter().filter_map(own).collect();
    let mut beside = |tag| -> Option<Vec<Field>> {
        let at: u64 = decoder.find_tag_unsigned(Tag::from_u16_exhaustive(tag)).ok()??;
        // What cannot be read is not there: the picture may be read all the same.
        let directory = decoder.read_directory(IfdPointer(at)).ok()?;
        let tags: Vec<u16> = directory.iter().map(|(tag, _)| tag.to_u16()).collect();
        let mut values = decoder.read_directory_tags(&directory);
        let kept = tags.into_iter().filter(|&tag| is_kept(tag));
        Some(kept.filter_map(|tag| field(&mut values, tag, &mut budget)).collect())
    };
    let exif = beside(EXIF_DIRECTORY).unwrap_or_default();
    let mut fields = Fields { picture, exif, gps: beside(GPS_DIRECTORY).unwrap_or_default() };
    // By itself it is no Exif.
    if !fields.is_empty() {
        fields.picture.extend(resolution);
    }
    (!budget.is_exceeded()).then_some(fields)
}

/// An entry; none where it has no kind that Exif has, such as the place of another directory.
fn field(values: &mut IfdDecoder, tag: u16, budget: &mut Budget) -> Option<Field> {
    let entry = values.find_entry(Tag::from_u16_exhaustive(tag))?;
    let (size, _) = width(entry.field_type().to_u16())?;
    budget.take(entry.count().saturating_mul(size as u64))?;
    let mut value = ValueBuffer::empty(Type::BYTE);
    values.find_tag_buf(Tag::from_u16_exhaustive(tag), &mut value).ok()??;
    value.set_byte_order(ByteOrder::native());
    let bytes = value.as_bytes().to_vec();
    Some(Field { tag, kind: value.data_type().to_u16(), bytes })
}

/// What matters of a page before its pixels do.
struct Kind {
    smaller: bool,
    has_more: bool,
}

fn kind<R: Read + Seek>(decoder: &mut Decoder<R>) -> Result<Kind> {
    const SMALLER: u32 = 1;
    const MASK: u32 = 4;
    let bits: u32 = decoder.find_tag_unsigned(Tag::NewSubfileType)?.unwrap_or(0);
    // The older tag: 1 is a whole picture, 2 a smaller copy, 3 a page of several.
    let older: u32 = decoder.find_tag_unsigned(Tag::SubfileType)?.unwrap_or(0);
    ensure!(bits & MASK == 0, "a mask for another page: expected pictures");
    let has_more = decoder.find_tag(Tag::SubIfd)?.is_some();
    Ok(Kind { smaller: bits & SMALLER != 0 || older == 2, has_more })
}

/// Refuses what the decoder takes for something else, without an error.
fn check_meaning<R: Read + Seek>(
    decoder: &mut Decoder<R>,
    photometric: Option<PhotometricInterpretation>,
    samples: u16,
) -> Result<()> {
    const FROM_HIGHEST_BIT: u16 = 1;
    const UNSIGNED: u16 = 1;
    let order = decoder.find_tag_unsigned(Tag::FillOrder)?.unwrap_or(FROM_HIGHEST_BIT);
    ensure!(
        order == FROM_HIGHEST_BIT,
        "FillOrder {order}: expected 1, where pixels fill a byte from its highest bit"
    );
    if photometric == Some(PhotometricInterpretation::RGBPalette) {
        ensure!(
            samples == 1,
            "a palette with {samples} samples a pixel: expected one, without alpha"
        );
    }
    if photometric == Some(PhotometricInterpretation::WhiteIsZero) {
        let formats: Option<Vec<u16>> = decoder.find_tag_unsigned_vec(Tag::SampleFormat)?;
        ensure!(
            formats.unwrap_or_default().into_iter().all(|format| format == UNSIGNED),
            "samples of which 0 is white (WhiteIsZero) that are floating point or signed integers: \
             expected unsigned integers, or BlackIsZero"
        );
    }
    let compression: Option<u16> = decoder.find_tag_unsigned(Tag::Compression)?;
    let compression = compression.and_then(CompressionMethod::from_u16);
    ensure!(
        compression != Some(CompressionMethod::ModernJPEG) || samples != 2,
        "2 samples a pixel compressed as JPEG: expected 1, 3 or 4, or another compression"
    );
    Ok(())
}

/// Checks that compressed data ends where the file does: some decompressors make up what is missing.
fn check_chunks<R: Read + Seek>(decoder: &mut Decoder<R>, file: u64) -> Result<()> {
    const UNCOMPRESSED: u16 = 1;
    if decoder.find_tag_unsigned(Tag::Compression)?.unwrap_or(UNCOMPRESSED) == UNCOMPRESSED {
        return Ok(());
    }
    for (offsets, counts) in
        [(Tag::StripOffsets, Tag::StripByteCounts), (Tag::TileOffsets, Tag::TileByteCounts)]
    {
        let [offsets, counts] = [offsets, counts]
            .map(|tag| decoder.find_tag_unsigned_vec::<u64>(tag).map(Option::unwrap_or_default));
        for (offset, count) in offsets?.into_iter().zip(counts?) {
            let end = offset.saturating_add(count);
            ensure!(end <= file, "truncated: its data ends at byte {end}, the file has {file}");
        }
    }
    Ok(())
}

fn alpha(extra: u16) -> Alpha {
    match ExtraSamples::from_u16(extra) {
        Some(ExtraSamples::AssociatedAlpha) => Alpha::Premultiplied,
        Some(ExtraSamples::UnassociatedAlpha) => Alpha::Straight,
        _ => Alpha::None,
    }
}
