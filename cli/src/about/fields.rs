//! Exif as TIFFs have it, among their own tags and in directories beside them.

use super::exif::{self, Reader};

/// Where in a file the directories of Exif and of places stand.
pub const EXIF_DIRECTORY: u16 = 0x8769;
pub const GPS_DIRECTORY: u16 = 0x8825;
/// Of the first directory, what says something of the picture: description, make, model, software, date,
/// artist and copyright.
pub const PICTURE: [u16; 7] = [270, 271, 272, 305, 306, 315, 33_432];

/// What a TIFF says of its resolution, as Exif does.
pub const RESOLUTION: [u16; 3] = [282, 283, 296];

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub tag: u16,
    pub kind: u16,
    /// In this machine's order.
    pub bytes: Vec<u8>,
}

/// All that is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    pub picture: Vec<Field>,
    pub exif: Vec<Field>,
    pub gps: Vec<Field>,
}

/// Bytes of a value of this kind, and those of them that an order of bytes turns around together.
pub fn width(kind: u16) -> Option<(usize, usize)> {
    match kind {
        1 | 2 | 6 | 7 => Some((1, 1)),
        3 | 8 => Some((2, 2)),
        4 | 9 | 11 => Some((4, 4)),
        // Two numbers.
        5 | 10 => Some((8, 4)),
        12 => Some((8, 8)),
        _ => None,
    }
}

/// Bytes that entries may have together: as many as all of the file. Each may claim the same ones.
#[derive(Debug)]
pub struct Budget {
    left: Option<u64>,
}

impl Budget {
    pub fn new(bytes: u64) -> Self {
        Self { left: Some(bytes) }
    }

    /// None where there are not so many left, from then on.
    pub fn take(&mut self, bytes: u64) -> Option<()> {
        self.left = self.left.and_then(|left| left.checked_sub(bytes));
        self.left.map(drop)
    }

    pub fn is_exceeded(&self) -> bool {
        self.left.is_none()
    }
}

impl Fields {
    pub fn is_empty(&self) -> bool {
        [&self.picture, &self.exif, &self.gps].iter().all(|fields| fields.is_empty())
    }

    /// Those of a block of Exif; what of it is not sound is left out. None where the block is not: it is
    /// cut off in its first directory, or entries share so many bytes that they have more than it.
    pub fn of(exif: &[u8]) -> Option<Self> {
        let reader = Reader::new(exif)?;
        let (first, _) = reader.first()?;
        let mut budget = Budget::new(exif.len() as u64);
        let mut all = |entries: &[exif::Entry], kept: fn(u16) -> bool| -> Vec<Field> {
            let entries = entries.iter().filter(|entry| kept(entry.tag));
            entries.filter_map(|&entry| field(reader, entry, &mut budget)).collect()
        };
        let inner = |tag: u16| {
            let at = exif::find(&first, tag).and_then(|entry| reader.number(entry))?;
            Some(reader.directory(at)?.0)
        };
        let picture = all(&first, |tag| PICTURE.contains(&tag));
        let exif = all(&inner(EXIF_DIRECTORY).unwrap_or_default(), is_kept);
        let gps = all(&inner(GPS_DIRECTORY).unwrap_or_default(), |_| true);
        (!budget.is_exceeded()).then_some(Self { picture, exif, gps })
    }

    /// A block of Exif with these; none where there are none.
    pub fn block(&self) -> Option<Vec<u8>> {
        /// A header and its offset of the first directory.
        const START: usize = 8;
        const LONG: u16 = 4;
        if self.is_empty() {
            return None;
        }
        let mut first = self.picture.clone();
        let pointers = [(EXIF_DIRECTORY, &self.exif), (GPS_DIRECTORY, &self.gps)];
        let pointers: Vec<_> =
            pointers.into_iter().filter(|(_, fields)| !fields.is_empty()).collect();
        let size = |fields: usize| 2 + 12 * fields + 4;
        let mut at = START + size(first.len() + pointers.len());
        for (tag, fields) in &pointers {
            let bytes = u32::try_from(at).ok()?.to_ne_bytes().to_vec();
            first.push(Field { tag: *tag, kind: LONG, bytes });
            at += size(fields.len());
        }
        let order: &[u8] = if cfg!(target_endian = "big") { b"MM\0*" } else { b"II*\0" };
        let mut block = [order, &(START as u32).to_ne_bytes()].concat();
        // What does not fit into entries stands behind all directories.
        let mut behind = Vec::new();
        for fields in std::iter::once(&first).chain(pointers.iter().map(|(_, fields)| *fields)) {
            let mut fields = fields.clone();
            fields.sort_by_key(|field| field.tag);
            block.extend(u16::try_from(fields.len()).ok()?.to_ne_bytes());
            for field in &fields {
                let count = field.bytes.len() / width(field.kind)?.0;
                block.extend([field.tag.to_ne_bytes(), field.kind.to_ne_bytes()].concat());
                block.extend(u32::try_from(count).ok()?.to_ne_bytes());
                match field.bytes.len() {
                    0..=4 => {
                        block.extend(&field.bytes);
                        block.extend(&[0; 4][field.bytes.len()..]);
                    }
                    _ => {
                        block.extend(u32::try_from(at + behind.len()).ok()?.to_ne_bytes());
                        behind.extend(&field.bytes);
                        // Values start at even offsets.
                        behind.resize(behind.len().next_multiple_of(2), 0);
                    }
                }
            }
            block.extend([0; 4]);
        }
        block.extend(behind);
        Some(block)
    }
}

/// Whether an entry of Exif means something in another file: not the place of more directories.
pub fn is_kept(tag: u16) -> bool {
    const INTEROPERABILITY: u16 = 0xa005;
    tag != INTEROPERABILITY
}

fn field(reader: Reader, entry: exif::Entry, budget: &mut Budget) -> Option<Field> {
    let (size, together) = width(entry.kind)?;
    let len = size.checked_mul(entry.count)?;
    let at = if len <= 4 { entry.at } else { reader.long(entry.at)? };
    let bytes = reader.bytes.get(at..at.checked_add(len)?)?;
    budget.take(len as u64)?;
    let mut bytes = bytes.to_vec();
    if reader.big != cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(together).for_each(<[u8]>::reverse);
    }
    Some(Field { tag: entry.tag, kind: entry.kind, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_the_fields_that_it_was_made_of() {
        let field = |tag, kind, bytes: &[u8]| Field { tag, kind, bytes: bytes.to_vec() };
        let rational = [1u32, 250].map(u32::to_ne_bytes).concat();
        let fields = Fields {
            picture: vec![field(271, 2, b"Maker\0"), field(306, 2, b"2026\0")],
            exif: vec![
                field(0x829a, 5, &rational),
                field(0x8827, 3, &100u16.to_ne_bytes()),
                field(0x9286, 7, b"ASCII\0\0\0words"),
            ],
            gps: vec![field(1, 2, b"N\0"), field(2, 5, &rational.repeat(3))],
        };
        let block = fields.block().unwrap();
        assert_eq!(Fields::of(&block).as_ref(), Some(&fields));
        let cut = Fields::of(&block[..block.len() - 40]).unwrap();
        assert_eq!(cut.picture, fields.picture);
        assert_eq!(Fields::default().block(), None);
        for at in 0..block.len() {
            let mut wrong = block.clone();
            wrong[at] = 0xff;
            Fields::of(&wrong);
            Fields::of(&block[..at]);
        }
    }

    #[test]
    fn entries_that_share_more_bytes_than_there_are_give_no_fields() {
        let field = |tag| Field { tag, kind: 7, bytes: vec![1; 1000] };
        let fields = Fields { exif: (1..5).map(field).collect(), ..Fields::default() };
        let mut block = fields.block().unwrap();
        assert_eq!(Fields::of(&block), Some(fields));
        // All at the place of the first, and no others behind it.
        let first = block.len() - 4000;
        for entry in 0..4 {
            let at = 8 + 18 + 2 + 12 * entry + 8;
            block[at..at + 4].copy_from_slice(&(first as u32).to_ne_bytes());
        }
        block.truncate(first + 1000);
        assert_eq!(Fields::of(&block), None);
    }
}
