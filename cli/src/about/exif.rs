//! Exif, changed where it stands: makers' notes have offsets that no other program knows.

use image::metadata::Orientation;

use super::Density;
use super::fields::EXIF_DIRECTORY;

const IMAGE_WIDTH: u16 = 0x100;
const IMAGE_HEIGHT: u16 = 0x101;
const STRIP_OFFSETS: u16 = 0x111;
const ORIENTATION: u16 = 0x112;
const STRIP_LENGTHS: u16 = 0x117;
const X_RESOLUTION: u16 = 0x11a;
const Y_RESOLUTION: u16 = 0x11b;
const RESOLUTION_UNIT: u16 = 0x128;
const THUMBNAIL_OFFSET: u16 = 0x201;
const THUMBNAIL_LENGTH: u16 = 0x202;
const PIXEL_WIDTH: u16 = 0xa002;
const PIXEL_HEIGHT: u16 = 0xa003;

const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;

/// Where things are in a block, and the order of its bytes.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    pub bytes: &'a [u8],
    pub big: bool,
}

/// An entry of a directory.
#[derive(Clone, Copy)]
pub struct Entry {
    pub tag: u16,
    pub kind: u16,
    /// How many values it has.
    pub count: usize,
    /// Where its value stands, or the offset of that.
    pub at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let big = match bytes.get(..4)? {
            b"MM\0*" => true,
            b"II*\0" => false,
            _ => return None,
        };
        Some(Self { bytes, big })
    }

    fn short(self, at: usize) -> Option<u16> {
        let bytes = self.bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if self.big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    pub fn long(self, at: usize) -> Option<usize> {
        let bytes = self.bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        let long = if self.big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) };
        usize::try_from(long).ok()
    }

    fn rational(self, entry: Entry) -> Option<f64> {
        let at = self.long(entry.at).filter(|_| entry.kind == RATIONAL)?;
        let (numerator, denominator) =
            (self.long(at)? as f64, self.long(at.checked_add(4)?)? as f64);
        Some(numerator / denominator).filter(|value| value.is_finite() && *value > 0.0)
    }

    /// The number that an entry has itself.
    pub fn number(self, entry: Entry) -> Option<usize> {
        match entry.kind {
            SHORT => self.short(entry.at).map(usize::from),
            LONG => self.long(entry.at),
            _ => None,
        }
    }

    /// Entries of the directory at an offset, and where the next directory's offset stands.
    pub fn directory(self, at: usize) -> Option<(Vec<Entry>, usize)> {
        let (entries, next) = self.part_of_directory(at)?;
        entries.into_iter().collect::<Option<_>>().map(|entries| (entries, next))
    }

    /// The same, with none in place of each entry that the block is too short for.
    fn part_of_directory(self, at: usize) -> Option<(Vec<Option<Entry>>, usize)> {
        let count = usize::from(self.short(at)?);
        let entry = |number: usize| {
            let at = at + 2 + 12 * number;
            let (tag, kind) = (self.short(at)?, self.short(at + 2)?);
            Some(Entry { tag, kind, count: self.long(at + 4)?, at: at + 8 })
        };
        Some(((0..count).map(entry).collect(), at + 2 + 12 * count))
    }

    pub fn first(self) -> Option<(Vec<Entry>, usize)> {
        self.directory(self.long(4)?)
    }
}

pub fn find(entries: &[Entry], tag: u16) -> Option<Entry> {
    entries.iter().find(|entry| entry.tag == tag).copied()
}

/// Gives an entry a value, where its kind can have that.
fn put(bytes: &mut [u8], big: bool, entry: Entry, value: u32) {
    let place = match entry.kind {
        SHORT if value <= u16::MAX.into() => &mut bytes[entry.at..entry.at + 2],
        LONG => &mut bytes[entry.at..entry.at + 4],
        _ => return,
    };
    let low = value.to_le_bytes();
    place.copy_from_slice(&low[..place.len()]);
    if big {
        place.reverse();
    }
}

/// Says that the picture is seen as its rows stand, in the entry that it has been turned by. Gives whether
/// no other one says otherwise.
pub fn set_upright(exif: &mut [u8]) -> bool {
    let _turned_by = Orientation::remove_from_exif_chunk(exif);
    let Some(reader) = Reader::new(exif) else { return true };
    let entries = reader.long(4).and_then(|at| reader.part_of_directory(at)).unwrap_or_default().0;
    let mut ways = entries.into_iter().flatten().filter(|entry| entry.tag == ORIENTATION);
    ways.all(|entry| !matches!(reader.number(entry), Some(2..=8)))
}

/// Gives a size to the tags that have one.
pub fn set_size(exif: &mut [u8], width: u32, height: u32) {
    let Some(reader) = Reader::new(exif) else { return };
    let big = reader.big;
    let mut entries = reader.first().unwrap_or_default().0;
    let inner = find(&entries, EXIF_DIRECTORY).and_then(|entry| reader.number(entry));
    entries.extend(inner.and_then(|at| reader.directory(at)).unwrap_or_default().0);
    let sized = |[across, down]: [u16; 2]| [(across, width), (down, height)];
    for (tag, value) in
        [[IMAGE_WIDTH, IMAGE_HEIGHT], [PIXEL_WIDTH, PIXEL_HEIGHT]].into_iter().flat_map(sized)
    {
        if let Some(entry) = find(&entries, tag).filter(|entry| entry.at + 4 <= exif.len()) {
            put(exif, big, entry, value);
        }
    }
}

/// Takes the small copy of the picture out: nobody would want a blurred picture to come with a sharp
/// one.
pub fn remove_thumbnail(exif: &mut Vec<u8>) {
    let Some(reader) = Reader::new(exif) else { return };
    let Some((_, next)) = reader.first() else { return };
    let Some(second) = reader.long(next).filter(|&at| at != 0) else { return };
    let mut copies = Vec::new();
    if let Some((entries, _)) = reader.directory(second) {
        for tags in [[THUMBNAIL_OFFSET, THUMBNAIL_LENGTH], [STRIP_OFFSETS, STRIP_LENGTHS]] {
            let [start, length] =
                tags.map(|tag| find(&entries, tag).and_then(|entry| reader.number(entry)));
            // Behind the directory: a header that is not sound must not be wiped out.
            copies.extend(start.filter(|&start| start >= next + 4).zip(length));
        }
    }
    exif[next..next + 4].fill(0);
    for (start, length) in copies {
        let end = start.saturating_add(length).min(exif.len());
        if start < end {
            exif[start..end].fill(0);
            // Usually it stands last.
            if end == exif.len() {
                exif.truncate(start);
            }
        }
    }
}

/// Pixels per inch, where they are said.
pub fn density(exif: &[u8]) -> Option<Density> {
    let reader = Reader::new(exif)?;
    let (entries, _) = reader.first()?;
    let [x, y] = [X_RESOLUTION, Y_RESOLUTION]
        .map(|tag| find(&entries, tag).and_then(|entry| reader.rational(entry)));
    let unit = find(&entries, RESOLUTION_UNIT).and_then(|entry| reader.number(entry));
    match unit.unwrap_or(2) {
        2 => Some(Density::per_inch(x?, y?)),
        3 => Some(Density::per_centimetre(x?, y?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Orientation, resolution, an inner directory with a size, and a second directory with a
    /// thumbnail at the end.
    fn exif(big: bool) -> Vec<u8> {
        let short = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let long = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut bytes = if big { b"MM\0*".to_vec() } else { b"II*\0".to_vec() };
        bytes.extend(long(8));
        let mut directory = |entries: &[(u16, u16, u32)], next: u32| {
            bytes.extend(short(entries.len() as u16));
            for &(tag, kind, value) in entries {
                bytes.extend([short(tag), short(kind)].concat());
                bytes.extend(long(1));
                match kind {
                    SHORT => bytes.extend([short(value as u16), [0; 2]].concat()),
                    _ => bytes.extend(long(value)),
                }
            }
            bytes.extend(long(next));
        };
        // At 8, of 6 + 12 * 5 bytes; at 74 the inner one, at 104 the second one, at 134 the numbers.
        let first = [
            (ORIENTATION, SHORT, 6),
            (X_RESOLUTION, RATIONAL, 134),
            (Y_RESOLUTION, RATIONAL, 134),
            (RESOLUTION_UNIT, SHORT, 2),
            (EXIF_DIRECTORY, LONG, 74),
        ];
        directory(&first, 104);
        directory(&[(PIXEL_WIDTH, SHORT, 40), (PIXEL_HEIGHT, LONG, 30)], 0);
        directory(&[(THUMBNAIL_OFFSET, LONG, 142), (THUMBNAIL_LENGTH, LONG, 5)], 0);
        bytes.extend([long(600), long(2)].concat());
        bytes.extend(b"small");
        bytes
    }

    #[test]
    fn exif_is_changed_where_it_stands() {
        for big in [false, true] {
            let mut bytes = exif(big);
            let before = bytes.clone();
            assert_eq!(density(&bytes), Some(Density::per_inch(300.0, 300.0)));
            assert!(set_upright(&mut bytes));
            set_size(&mut bytes, 70_000, 20);
            remove_thumbnail(&mut bytes);
            assert!(!bytes.windows(5).any(|window| window == b"small"));
            let reader = Reader::new(&bytes).unwrap();
            let (first, next) = reader.first().unwrap();
            assert_eq!(reader.long(next), Some(0));
            assert_eq!(reader.number(find(&first, ORIENTATION).unwrap()), Some(1));
            let (inner, _) = reader.directory(74).unwrap();
            assert_eq!(reader.number(find(&inner, PIXEL_HEIGHT).unwrap()), Some(20));
            // Two bytes have no room for 70,000.
            assert_eq!(reader.number(find(&inner, PIXEL_WIDTH).unwrap()), Some(40));
            assert_eq!(bytes[..8], before[..8]);
            assert_eq!(density(&bytes), Some(Density::per_inch(300.0, 300.0)));
        }
    }

    #[test]
    fn another_orientation_than_the_one_that_counted_is_noticed() {
        for big in [false, true] {
            let whole = exif(big);
            let mut cut = whole[..30].to_vec();
            assert!(set_upright(&mut cut), "a directory that is cut off");
            assert_eq!(Orientation::from_exif_chunk(&cut), Some(Orientation::NoTransforms));
            // The unit of the resolution becomes a second orientation.
            let mut two = whole;
            let unit = 10 + 12 * 3;
            two.copy_within(10..22, unit);
            assert!(!set_upright(&mut two));
        }
    }

    #[test]
    fn whatever_bytes_there_are_nothing_panics() {
        for big in [false, true] {
            let whole = exif(big);
            for at in 0..whole.len() {
                let cut = whole[..at].to_vec();
                let mut wrong = whole.clone();
                wrong[at] = 0xff;
                for mut bytes in [cut, wrong] {
                    density(&bytes);
                    set_upright(&mut bytes);
                    set_size(&mut bytes, 5, 5);
                    remove_thumbnail(&mut bytes);
                }
            }
        }
    }
}
