//! What a file holds beside the picture that is read of it: frames, parts, and further pictures, of which none is left
//! out without a word.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::jpeg;

/// Refuses an OpenEXR with several parts, or with channels besides those of a picture.
pub(super) fn check_parts(path: &Path) -> Result<()> {
    let about = exr::meta::MetaData::read_from_file(path, false)?;
    let parts = about.headers.len();
    ensure!(parts == 1, "{parts} parts: expected a single picture");
    let names = about.headers.iter().flat_map(|header| &header.channels.list);
    let names = names.map(|channel| channel.name.to_string());
    let others: Vec<_> =
        names.filter(|name| !["R", "G", "B", "A"].contains(&name.as_str())).collect();
    ensure!(
        others.is_empty(),
        "channels {}: expected R, G, B and perhaps A, and no others",
        others.join(", ")
    );
    Ok(())
}

/// Refuses a file with several frames, by what counts them.
pub(super) fn check_frames(
    path: &Path,
    count: fn(&mut Chunks) -> Result<Option<u64>>,
) -> Result<()> {
    let frames = count(&mut BufReader::new(File::open(path)?))?.unwrap_or(1);
    ensure!(
        frames <= 1,
        "an animation of {frames} frames: expected a single picture (animations are not filtered; \
         save its frames as files of their own, or as the pages of a TIFF)"
    );
    Ok(())
}

pub(super) type Chunks = BufReader<File>;

/// Frames of an animated PNG; none where what is wrong will be said when it is decoded.
pub(super) fn png_frames(file: &mut Chunks) -> Result<Option<u64>> {
    file.seek(SeekFrom::Start(8))?;
    let (mut frames, mut first_is_one) = (None, false);
    while let (Some(length), Some(name)) = (word(file)?, word(file)?) {
        match &name {
            b"acTL" => {
                frames = word(file)?.map(|count| u64::from(u32::from_be_bytes(count)));
                file.seek_relative(i64::from(u32::from_be_bytes(length)))?;
            }
            b"IDAT" => break,
            // A frame's header before the picture: that is the first frame.
            b"fcTL" => {
                first_is_one = true;
                file.seek_relative(i64::from(u32::from_be_bytes(length)) + 4)?;
            }
            _ => file.seek_relative(i64::from(u32::from_be_bytes(length)) + 4)?,
        }
    }
    Ok(frames.map(|frames| frames + u64::from(!first_is_one)))
}

/// Frames of an animated WebP, whose last ones a file that is cut off would not have.
pub(super) fn webp_frames(file: &mut Chunks) -> Result<Option<u64>> {
    let found = file.get_ref().metadata()?.len();
    file.seek(SeekFrom::Start(4))?;
    let said = word(file)?.map_or(0, |size| 8 + u64::from(u32::from_le_bytes(size)));
    // The last chunk may lack the byte that makes its length even.
    ensure!(said <= found + 1, "truncated: the file has {found} bytes of {said}");
    file.seek(SeekFrom::Start(12))?;
    let mut frames = 0;
    while let (Some(name), Some(length)) = (word(file)?, word(file)?) {
        frames += u64::from(&name == b"ANMF");
        let length = i64::from(u32::from_le_bytes(length));
        // Chunks have an even number of bytes.
        file.seek_relative(length + length % 2)?;
    }
    Ok((frames > 0).then_some(frames))
}

/// The next four bytes; none at the end.
fn word(file: &mut impl Read) -> Result<Option<[u8; 4]>> {
    let mut bytes = [0; 4];
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether another picture follows, perhaps behind white space.
pub(super) fn starts_as_pnm(file: &mut Chunks) -> Result<bool> {
    let mut bytes =
        file.bytes().skip_while(|byte| matches!(byte, Ok(b) if b.is_ascii_whitespace()));
    let start = [bytes.next().transpose()?, bytes.next().transpose()?];
    Ok(matches!(start, [Some(b'P'), Some(b'1'..=b'7')]))
}

/// How many smaller pictures follow a JPEG, as cameras' previews do. Larger ones or another of that
/// size are errors.
pub(super) fn smaller_jpegs(file: &[u8], first: &jpeg::File) -> Result<usize> {
    // Decoders make up what is missing, in grey.
    let Some(mut rest) = first.rest else {
        bail!("truncated: the file of {} bytes ends before the picture does", file.len());
    };
    let mut smaller = 0;
    loop {
        // Some writers let the next one start at a multiple of some number of bytes.
        let padding = rest.iter().take_while(|&&byte| byte == 0).count();
        rest = &rest[padding..];
        if !rest.starts_with(&[0xff, 0xd8, 0xff]) {
            return Ok(smaller);
        }
        let next = jpeg::File::find(rest);
        ensure!(
            next.pixels < first.pixels,
            "several pictures, one after another: expected one, and no others but previews"
        );
        smaller += 1;
        rest = next.rest.unwrap_or_default();
    }
}
