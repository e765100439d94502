//! Outputs: each whole in its place, or not there at all.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::Builder;

use crate::leftovers::{self, Temporary};
use crate::standard;

/// The outputs' folder.
#[derive(Debug, Default)]
pub struct Folder {
    /// Where it was made for them.
    made: Option<PathBuf>,
}

impl Folder {
    /// Makes a folder unless there is one. It is removed again if nothing is put into it.
    pub fn make(folder: &Path) -> Result<Self> {
        if folder.is_dir() {
            return Ok(Self::default());
        }
        leftovers::make_folder(folder).with_context(|| folder.display().to_string())?;
        Ok(Self { made: Some(folder.into()) })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(folder) = &self.made {
            // Fails where something is in it, rightly.
            let _ = fs::remove_dir(folder);
        }
    }
}

/// A file that is being written beside its place.
#[derive(Debug)]
pub struct Unfinished {
    file: BufWriter<File>,
    place: Place,
}

/// Where a file goes when it is whole.
#[derive(Debug)]
enum Place {
    /// From beside it to this name.
    Name(Temporary, PathBuf),
    StandardOutput,
}

/// Writes what will stand at `target` once it is whole.
pub fn write(target: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let mut file = Unfinished::start(target)?;
    write(file.writer()).with_context(|| standard::named(target))?;
    file.finish()
}

impl Unfinished {
    /// A file to be written, which will stand at `target`.
    pub fn start(target: &Path) -> Result<Self> {
        if standard::is_output(target) {
            let file = tempfile::tempfile().context("a temporary file")?;
            return Ok(Self { file: BufWriter::new(file), place: Place::StandardOutput });
        }
        Self::beside(target).with_context(|| standard::named(target))
    }

    fn beside(target: &Path) -> Result<Self> {
        // A link stays a link: the file that it points to is replaced. Links to anything else have
        // been refused.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.into());
        let mut builder = Builder::new();
        builder.prefix(".convolve-").suffix(".tmp");
        // As any new file, and not for the owner alone as temporary files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, temporary) = Temporary::new(|| builder.tempfile_in(folder_of(&target)))?;
        if let Ok(present) = fs::metadata(&target) {
            file.set_permissions(present.permissions())?;
        }
        Ok(Self { file: BufWriter::new(file), place: Place::Name(temporary, target) })
    }

    pub fn writer(&mut self) -> &mut BufWriter<File> {
        &mut self.file
    }

    /// Puts the file in its place.
    pub fn finish(self) -> Result<()> {
        let written = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        match self.place {
            Place::Name(temporary, target) => written
                .map(drop)
                .and_then(|()| temporary.persist(&target))
                .with_context(|| target.display().to_string()),
            Place::StandardOutput => written.and_then(standard::print).context("standard output"),
        }
    }
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn nothing_is_seen_before_the_end() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("made/file");
        let folder = Folder::make(target.parent().unwrap()).unwrap();
        let mut file = Unfinished::start(&target).unwrap();
        file.writer().write_all(b"all").unwrap();
        assert!(!target.exists());
        file.finish().unwrap();
        drop(folder);
        assert_eq!(fs::read(&target).unwrap(), b"all");
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_left_after_a_failure() {
        let place = tempfile::tempdir().unwrap();
        let made = place.path().join("made");
        let folder = Folder::make(&made).unwrap();
        let failed = write(&made.join("file"), |file| {
            file.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        assert!(failed.is_err());
        drop(folder);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_stands_in_the_place_is_replaced_or_stays() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("old");
        fs::write(&target, "as it was").unwrap();
        let failed = write(&target, |file| {
            file.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&target).unwrap(), b"as it was");
        write(&target, |file| Ok(file.write_all(b"new")?)).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        // No file can take the place of a folder.
        fs::remove_file(&target).unwrap();
        fs::create_dir(&target).unwrap();
        let error = format!("{:#}", write(&target, |_| Ok(())).unwrap_err());
        assert!(error.contains("old"), "{error}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
