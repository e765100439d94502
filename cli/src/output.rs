//! Outputs: all of them or none, and none half written.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::{Builder, TempPath};

/// Finished files that wait, beside their places, for all others to be finished.
#[derive(Debug, Default)]
pub struct Outputs {
    finished: Vec<(TempPath, PathBuf)>,
    /// A folder that was made for them.
    made: Option<PathBuf>,
}

impl Outputs {
    /// Makes a folder unless there is one. It is removed again if nothing is put in place.
    pub fn make_folder(&mut self, folder: &Path) -> Result<()> {
        if !folder.is_dir() {
            fs::create_dir(folder).with_context(|| folder.display().to_string())?;
            self.made = Some(folder.into());
        }
        Ok(())
    }

    /// Writes what will stand at `target`.
    pub fn write(
        &mut self,
        target: &Path,
        write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<()>,
    ) -> Result<()> {
        self.write_unnamed(target, write).with_context(|| target.display().to_string())
    }

    fn write_unnamed(
        &mut self,
        target: &Path,
        write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<()>,
    ) -> Result<()> {
        // A link stays a link: the file that it points to is replaced. Links to anything else have
        // been refused.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.into());
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let mut builder = Builder::new();
        builder.prefix(".convolve-").suffix(".tmp");
        // As any new file, and not for the owner alone as temporary files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder)?;
        if let Ok(present) = fs::metadata(&target) {
            file.as_file().set_permissions(present.permissions())?;
        }
        let mut buffered = BufWriter::new(file.as_file_mut());
        write(&mut buffered)?;
        buffered.into_inner().map_err(|error| error.into_error())?;
        // Only the path is kept: a folder may have more pictures than a process may have files.
        self.finished.push((file.into_temp_path(), target));
        Ok(())
    }

    /// Puts everything in place.
    pub fn commit(mut self) -> Result<()> {
        for (file, target) in std::mem::take(&mut self.finished) {
            file.persist(&target).with_context(|| target.display().to_string())?;
            self.made = None;
        }
        Ok(())
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.finished.clear();
        if let Some(folder) = &self.made {
            // Fails where somebody else has put something there meanwhile, rightly.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn nothing_is_seen_before_the_end() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("made");
        let target = folder.join("file");
        let mut outputs = Outputs::default();
        outputs.make_folder(&folder).unwrap();
        outputs.write(&target, |file| Ok(file.write_all(b"all")?)).unwrap();
        assert!(!target.exists());
        outputs.commit().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"all");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_left_after_a_failure() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("made");
        let mut outputs = Outputs::default();
        outputs.make_folder(&folder).unwrap();
        outputs.write(&folder.join("first"), |file| Ok(file.write_all(b"whole")?)).unwrap();
        let failed = outputs.write(&folder.join("second"), |file| {
            file.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        assert!(failed.is_err());
        drop(outputs);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
