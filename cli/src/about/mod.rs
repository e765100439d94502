//! What files say of pictures besides their pixels, and which formats have a place for it.

mod curve;
mod density;
mod exif;
pub mod fields;
pub mod png;

pub use curve::curve_unlike_srgb;
pub use density::Density;

use std::path::Path;

use anyhow::{Context, Result};
use image::metadata::Orientation;
use image::{ImageDecoder, ImageFormat, ImageResult};

use self::fields::Fields;
use crate::formats;
use crate::jpeg;
use crate::report;

/// What a file says of a picture besides its pixels.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// An ICC profile.
    pub profile: Option<Vec<u8>>,
    /// Exif, as a TIFF of its own.
    pub exif: Option<Vec<u8>>,
    pub xmp: Option<Vec<u8>>,
    /// IPTC's captions, in Photoshop's segment of a JPEG.
    pub captions: Option<Vec<u8>>,
    pub density: Option<Density>,
    /// What else a PNG has.
    pub png: png::Chunks,
    /// How a JPEG was, or is to be, compressed.
    pub style: Option<jpeg::Style>,
    /// What was left out when it was read, in words.
    pub remarks: Vec<String>,
}

impl About {
    /// What all decoders read alike.
    pub fn of(decoder: &mut impl ImageDecoder) -> ImageResult<Self> {
        let mut exif = decoder.exif_metadata()?;
        // A JPEG's name for it, which some writers put before it elsewhere too.
        if let Some(exif) = exif.as_mut().filter(|exif| exif.starts_with(b"Exif\0\0")) {
            exif.drain(..6);
        }
        Ok(Self {
            profile: decoder.icc_profile()?,
            exif,
            xmp: decoder.xmp_metadata()?,
            ..Self::default()
        })
    }

    /// Together with what is read of one format alone.
    pub fn with(self, given: Self) -> Self {
        Self { profile: self.profile, exif: self.exif, xmp: self.xmp, ..given }
    }

    /// How the picture is to be turned to be seen upright.
    pub fn orientation(&self) -> Orientation {
        let said = self.exif.as_deref().and_then(Orientation::from_exif_chunk);
        said.unwrap_or(Orientation::NoTransforms)
    }

    /// For the picture that has been turned to be seen upright.
    pub fn turn(&mut self, orientation: Orientation) {
        if orientation == Orientation::NoTransforms {
            return;
        }
        if let Some(exif) = &mut self.exif
            && !exif::set_upright(exif)
        {
            self.exif = None;
            let text = "left out its Exif, which has several orientations: it has been turned";
            self.remarks.push(text.into());
        }
        if let Some(xmp) = &mut self.xmp {
            set_upright(xmp);
        }
        use Orientation::*;
        if let (Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH, Some(density)) =
            (orientation, &mut self.density)
        {
            std::mem::swap(&mut density.x, &mut density.y);
        }
    }

    /// For another picture than the one in the file: its size is this, and the file's small copy would
    /// show what is no more.
    pub fn filtered(&mut self, width: u32, height: u32) {
        if let Some(exif) = &mut self.exif {
            exif::remove_thumbnail(exif);
            exif::set_size(exif, width, height);
        }
    }

    /// Where the file itself says nothing of it, Exif may.
    pub fn density(&self) -> Option<Density> {
        self.density.or_else(|| exif::density(self.exif.as_ref()?))
    }

    /// Takes out a profile of colours that the decoder has turned into RGB, such as CMYK. Gives the name
    /// of these, which is empty where it is none.
    pub fn take_foreign_profile(&mut self) -> Option<String> {
        let space = self.profile.as_ref()?.get(16..20).unwrap_or_default();
        if [b"RGB ", b"GRAY"].iter().any(|own| space == *own) {
            return None;
        }
        let is_name = space.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let space =
            if is_name { String::from_utf8_lossy(space).trim().into() } else { String::new() };
        self.profile = None;
        Some(space)
    }

    /// What stands before the picture in a JPEG.
    pub fn jpeg_head(&self) -> Result<jpeg::Head> {
        let mut head = jpeg::Head {
            density: self.density().and_then(Density::as_jfif).unwrap_or_default(),
            segments: Vec::new(),
        };
        let mut add = |number: u8, name: &[u8], content: &Option<Vec<u8>>| {
            let fitting = content.as_ref().filter(|content| fits_segment(content));
            head.segments.extend(fitting.map(|content| (number, [name, content].concat())));
        };
        add(1, b"Exif\0\0", &self.exif);
        add(1, b"http://ns.adobe.com/xap/1.0/\0", &self.xmp);
        add(13, b"", &self.captions);
        // A segment has its number, and how many there are.
        let parts: Vec<&[u8]> = self.profile.iter().flat_map(|all| all.chunks(65_519)).collect();
        for (number, part) in (1..=u8::MAX).zip(&parts) {
            let count = u8::try_from(parts.len()).context("a profile of more than 16 MB")?;
            head.segments.push((2, [b"ICC_PROFILE\0", &[number, count][..], part].concat()));
        }
        Ok(head)
    }

    /// Takes out Exif that is to be taken apart, as a TIFF has it, and cannot be.
    pub fn take_inseparable_exif(&mut self, path: &Path) {
        if formats::is_tiff(path)
            && self.exif.as_deref().is_some_and(|exif| Fields::of(exif).is_none())
        {
            self.exif = None;
            self.remarks.push("left out its Exif, which is not sound".into());
        }
    }

    /// What the format of a file has no place for, in words.
    pub fn lost(&self, path: &Path) -> Option<String> {
        let format = formats::format(path)?;
        use ImageFormat::{Bmp, Jpeg, Png, Tiff, WebP};
        let has_metadata = matches!(format, Jpeg | Png | Tiff | WebP);
        let has_density = matches!(format, Jpeg | Png | Tiff | Bmp);
        let exif_has_density =
            || has_metadata && self.exif.as_deref().and_then(exif::density).is_some();
        let has_place =
            |content: &Vec<u8>| has_metadata && (format != Jpeg || fits_segment(content));
        let lost = [
            ("colour profile", self.profile.is_some() && !has_metadata),
            ("gamma", self.png.has_curve() && self.profile.is_none() && format != Png),
            ("Exif", self.exif.as_ref().is_some_and(|exif| !has_place(exif))),
            ("XMP", self.xmp.as_ref().is_some_and(|xmp| !has_place(xmp))),
            (
                "IPTC captions",
                self.captions
                    .as_ref()
                    .is_some_and(|captions| format != Jpeg || !has_place(captions)),
            ),
            ("text", self.png.has_text() && format != Png),
            ("resolution", self.density.is_some() && !has_density && !exif_has_density()),
        ];
        let lost: Vec<_> = lost.iter().filter(|(_, lost)| *lost).map(|(what, _)| *what).collect();
        let extension = path.extension()?.to_string_lossy().to_lowercase();
        (!lost.is_empty()).then(|| {
            let what = report::listed(lost.iter().map(ToString::to_string), "and");
            format!("left out its {what}: a .{extension} file has no place for that")
        })
    }
}

/// Whether a segment of a JPEG has room for that, and for its name.
fn fits_segment(content: &[u8]) -> bool {
    content.len() <= 65_500
}

/// XMP that repeats the orientation of Exif says that the picture is upright.
fn set_upright(xmp: &mut [u8]) {
    const NAME: &[u8] = b"tiff:Orientation";
    let places: Vec<usize> = (0..xmp.len())
        .filter(|&at| xmp[at..].starts_with(NAME))
        .map(|at| at + NAME.len())
        .collect();
    for at in places {
        // An attribute's value, or what stands in an element.
        let value = match xmp.get(at..at + 3) {
            Some([b'=', b'"' | b'\'', b'1'..=b'8']) => at + 2,
            Some([b'>', b'1'..=b'8', b'<']) => at + 1,
            _ => continue,
        };
        xmp[value] = b'1';
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmp_says_that_the_picture_is_upright() {
        let mut xmp =
            br#"<a tiff:Orientation="6"/><tiff:Orientation>8</tiff:Orientation>"#.to_vec();
        set_upright(&mut xmp);
        assert_eq!(xmp, br#"<a tiff:Orientation="1"/><tiff:Orientation>1</tiff:Orientation>"#);
        let mut cut = b"tiff:Orientation=".to_vec();
        set_upright(&mut cut);
        assert_eq!(cut, b"tiff:Orientation=");
    }

    #[test]
    fn profiles_of_other_colours_are_taken_out() {
        let profile = |space: &[u8; 4]| Some([&[0; 16], &space[..], &[0; 100]].concat());
        let mut about = About { profile: profile(b"CMYK"), ..About::default() };
        assert_eq!(about.take_foreign_profile().as_deref(), Some("CMYK"));
        assert_eq!(about.profile, None);
        let mut about = About { profile: profile(b"\x1b[2J"), ..About::default() };
        assert_eq!(about.take_foreign_profile().as_deref(), Some(""));
        for space in [b"RGB ", b"GRAY"] {
            let mut about = About { profile: profile(space), ..About::default() };
            assert_eq!(about.take_foreign_profile(), None);
            assert!(about.profile.is_some());
        }
    }

    #[test]
    fn formats_without_a_place_are_named() {
        let about = About {
            profile: Some(vec![0; 128]),
            exif: Some(Vec::new()),
            density: Some(Density::per_inch(300.0, 300.0)),
            ..About::default()
        };
        let lost = |name: &str| about.lost(Path::new(name));
        for name in ["x.jpg", "x.png", "x.tif"] {
            assert_eq!(lost(name), None, "{name}");
        }
        let bmp = "left out its colour profile and Exif: a .bmp file has no place for that";
        assert_eq!(lost("x.bmp").as_deref(), Some(bmp));
        assert!(lost("x.qoi").unwrap().contains("colour profile, Exif and resolution"));
        assert!(lost("x.webp").unwrap().contains("its resolution:"));
    }
}
