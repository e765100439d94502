//! What a JPEG says besides its pixels.

use jpeg_encoder::SamplingFactor;

/// How much a picture was compressed: the next one is compressed as much.
#[derive(Clone, Debug, PartialEq)]
pub struct Style {
    /// Steps of the coefficients, row by row: of luma, and of chroma.
    pub steps: [[u16; 64]; 2],
    pub sampling: SamplingFactor,
}

/// What stands at the start of a file.
#[derive(Debug, Default)]
pub struct File<'a> {
    /// 0 where it does not say.
    pub pixels: u32,
    /// What comes after its end; none where it has no end.
    pub rest: Option<&'a [u8]>,
    /// None where it lacks what that needs.
    pub style: Option<Style>,
    /// The content of JFIF's segment, after its name.
    pub jfif: Option<&'a [u8]>,
    /// Photoshop's segment with IPTC's captions, and nothing else of what that has: a preview would show
    /// the picture as it was.
    pub captions: Option<Vec<u8>>,
}

/// One component of a frame.
#[derive(Clone, Copy, Debug)]
struct Component {
    horizontal: u8,
    vertical: u8,
    table: u8,
}

const END: u8 = 0xd9;

impl<'a> File<'a> {
    pub fn find(file: &'a [u8]) -> Self {
        let mut found = Self::default();
        let (mut tables, mut components) = ([None; 4], Vec::new());
        let mut resources = Vec::new();
        let mut rest = file;
        // Compressed data goes on up to the next marker; in it, 0xff is followed by 0, or by one of the
        // eight restart markers.
        while let Some(at) = rest.iter().position(|&byte| byte == 0xff) {
            rest = &rest[at + 1..];
            let Some(&marker) = rest.first() else { break };
            let content = match marker {
                END => {
                    found.rest = Some(&rest[1..]);
                    break;
                }
                // The next one may be the marker.
                0xff => continue,
                0 | 0x01 | 0xd0..=0xd8 => {
                    rest = &rest[1..];
                    continue;
                }
                // A segment that says how long it is: nothing in it is a marker.
                _ => match rest.get(1..3) {
                    Some(length) => {
                        let end = 1 + usize::from(u16::from_be_bytes([length[0], length[1]]));
                        let content = rest.get(3..end).unwrap_or_default();
                        rest = rest.get(end..).unwrap_or_default();
                        content
                    }
                    None => break,
                },
            };
            match marker {
                // A frame: the number of bits, then height and width.
                0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                    if let Some(size) = content.get(1..5) {
                        let length = |at| u32::from(u16::from_be_bytes([size[at], size[at + 1]]));
                        found.pixels = length(0) * length(2);
                        components = frame(content.get(5..).unwrap_or_default());
                    }
                }
                0xdb => quantization(content, &mut tables),
                0xe0 => found.jfif = found.jfif.or(content.strip_prefix(b"JFIF\0")),
                // What is too long for a segment goes on in the next one.
                0xed => resources.extend(content.strip_prefix(PHOTOSHOP).unwrap_or_default()),
                _ => {}
            }
        }
        found.captions = captions(&resources);
        found.style = style(&components, &tables);
        found
    }
}

/// What Photoshop's segments start with.
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";

/// A segment with the captions among Photoshop's resources.
fn captions(mut resources: &[u8]) -> Option<Vec<u8>> {
    const IPTC: [u8; 2] = [4, 4];
    let mut kept = Vec::new();
    while let Some((len, number)) = resource(resources) {
        if number == IPTC {
            kept.extend(&resources[..len]);
        }
        resources = &resources[len..];
    }
    (!kept.is_empty()).then(|| [PHOTOSHOP, &kept].concat())
}

/// How many bytes the first resource has, and its number; none where there is none that is whole.
///
/// It has a mark, its number, a name after the name's length, the length of its content, and that. Name
/// and content take an even number of bytes.
fn resource(bytes: &[u8]) -> Option<(usize, [u8; 2])> {
    bytes.strip_prefix(b"8BIM")?;
    let number = bytes.get(4..6)?.try_into().ok()?;
    let content = 6 + (1 + usize::from(*bytes.get(6)?)).next_multiple_of(2) + 4;
    let len = u32::from_be_bytes(bytes.get(content - 4..content)?.try_into().ok()?);
    let end = content.checked_add(usize::try_from(len).ok()?)?;
    bytes.get(content..end)?;
    // The last one may lack what makes it even.
    Some((end.next_multiple_of(2).min(bytes.len()), number))
}

/// The components of a frame's header, after their number.
fn frame(content: &[u8]) -> Vec<Component> {
    let components = content.get(1..).unwrap_or_default().chunks_exact(3);
    let component = |component: &[u8]| Component {
        horizontal: component[1] >> 4,
        vertical: component[1] & 15,
        table: component[2],
    };
    components.map(component).collect()
}

/// Tables of steps, which stand in the order of growing frequencies.
fn quantization(mut content: &[u8], tables: &mut [Option<[u16; 64]>; 4]) {
    while let [head, values @ ..] = content {
        let width = if head >> 4 == 0 { 1 } else { 2 };
        let (Some(values), Some(table)) =
            (values.get(..64 * width), tables.get_mut(usize::from(head & 15)))
        else {
            return;
        };
        let mut steps = [0; 64];
        for (value, at) in values.chunks_exact(width).zip(ZIGZAG) {
            steps[at] = value.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
        }
        *table = Some(steps);
        content = &content[1 + 64 * width..];
    }
}

fn style(components: &[Component], tables: &[Option<[u16; 64]>; 4]) -> Option<Style> {
    let table = |component: &Component| *tables.get(usize::from(component.table))?;
    let first = components.first()?;
    let luma = table(first)?;
    let (chroma, sampling) = match components {
        [_, blue, red, ..] => {
            let (blue_steps, red_steps) = (table(blue)?, table(red)?);
            // The encoder has one for both: the finer steps lose nothing.
            let finer = std::array::from_fn(|i| blue_steps[i].min(red_steps[i]));
            let ratio = |of: fn(&Component) -> u8| of(first).checked_div(of(blue).max(of(red)));
            let ratios = ratio(|c| c.horizontal).zip(ratio(|c| c.vertical));
            (finer, ratios.and_then(|(x, y)| SamplingFactor::from_factors(x, y)))
        }
        _ => (luma, None),
    };
    Some(Style {
        // Baseline files have steps of 8 bits.
        steps: [luma, chroma].map(|steps| steps.map(|step| step.clamp(1, 255))),
        sampling: sampling.unwrap_or(SamplingFactor::F_1_1),
    })
}

/// Where coefficients of growing frequencies stand in a block, row by row.
const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_are_all_that_is_kept_of_what_photoshop_says() {
        let resource = |number: u16, content: &[u8]| {
            let len = (content.len() as u32).to_be_bytes();
            let mut all = [b"8BIM", &number.to_be_bytes()[..], &[0, 0], &len, content].concat();
            all.resize(all.len().next_multiple_of(2), 0);
            all
        };
        let words = resource(0x0404, b"words");
        let preview = resource(0x040c, b"preview");
        let all = [&preview[..], &words, &preview].concat();
        assert_eq!(captions(&all), Some([PHOTOSHOP, &words].concat()));
        assert_eq!(captions(&preview), None);
        for at in 0..all.len() {
            captions(&all[..at]);
        }
    }
    use crate::jpeg::{self, Subsampling};
    use image::{DynamicImage, RgbImage};

    #[test]
    fn what_was_written_is_read() {
        let picture = DynamicImage::from(RgbImage::new(40, 30));
        for (quality, subsampling) in
            [(90, Subsampling::S420), (33, Subsampling::S422), (100, Subsampling::S444)]
        {
            let style = Style::of(quality, subsampling.into());
            let mut file = Vec::new();
            jpeg::write(&mut file, &picture, &style, &Default::default()).unwrap();
            let found = File::find(&file);
            assert_eq!(found.style, Some(style), "{quality}");
            assert_eq!((found.pixels, found.rest), (1200, Some(&[][..])));
        }
    }

    #[test]
    fn steps_of_libjpeg() {
        // The first row of luma's with quality 50 is that of the standard, and half of it with 75.
        let style = Style::of(50, SamplingFactor::F_1_1);
        assert_eq!(style.steps[0][..8], [16, 11, 10, 16, 24, 40, 51, 61]);
        assert_eq!(style.steps[1][..4], [17, 18, 24, 47]);
        let style = Style::of(75, SamplingFactor::F_1_1);
        assert_eq!(style.steps[0][..8], [8, 6, 5, 8, 12, 20, 26, 31]);
        assert_eq!(style.steps[0][63], 50);
    }

    #[test]
    fn whatever_bytes_there_are_nothing_panics() {
        let mut file = Vec::new();
        let style = Style::of(80, SamplingFactor::F_2_2);
        let picture = DynamicImage::from(RgbImage::new(9, 9));
        jpeg::write(&mut file, &picture, &style, &Default::default()).unwrap();
        for cut in 0..file.len() {
            File::find(&file[..cut]);
            let mut wrong = file.clone();
            wrong[cut] = 0xff - wrong[cut];
            File::find(&wrong);
        }
    }
}
