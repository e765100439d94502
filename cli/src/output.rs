//! Outputs: all of them or none, and none half written.

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow};
use tempfile::{Builder, TempPath};

use crate::leftovers::{self, Temporary};

/// Finished files that wait, beside their places, for all others to be finished.
#[derive(Debug, Default)]
pub struct Outputs {
    finished: Vec<(Temporary, PathBuf)>,
    /// A folder that was made for them.
    made: Option<PathBuf>,
}

/// A file that is being written beside its place.
#[derive(Debug)]
pub struct Unfinished {
    file: BufWriter<File>,
    temporary: Temporary,
    target: PathBuf,
}

impl Unfinished {
    pub fn writer(&mut self) -> &mut BufWriter<File> {
        &mut self.file
    }
}

impl Outputs {
    /// Makes a folder unless there is one. It is removed again if nothing is put in place.
    pub fn make_folder(&mut self, folder: &Path) -> Result<()> {
        if !folder.is_dir() {
            leftovers::make_folder(folder).with_context(|| folder.display().to_string())?;
            self.made = Some(folder.into());
        }
        Ok(())
    }

    /// Writes what will stand at `target`.
    pub fn write(
        &mut self,
        target: &Path,
        write: impl FnOnce(&mut BufWriter<File>) -> Result<()>,
    ) -> Result<()> {
        let mut file = self.start(target)?;
        write(file.writer()).with_context(|| target.display().to_string())?;
        self.finish(file)
    }

    /// A file to be written, which will stand at `target`.
    pub fn start(&mut self, target: &Path) -> Result<Unfinished> {
        Self::beside(target).with_context(|| target.display().to_string())
    }

    fn beside(target: &Path) -> Result<Unfinished> {
        // A link stays a link: the file that it points to is replaced. Links to anything else have
        // been refused.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.into());
        let mut builder = names();
        // As any new file, and not for the owner alone as temporary files are.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let (file, temporary) = Temporary::new(|| builder.tempfile_in(folder_of(&target)))?;
        if let Ok(present) = fs::metadata(&target) {
            file.set_permissions(present.permissions())?;
        }
        Ok(Unfinished { file: BufWriter::new(file), temporary, target })
    }

    /// Keeps a file that has been written, until all are.
    pub fn finish(&mut self, file: Unfinished) -> Result<()> {
        let Unfinished { file, temporary, target } = file;
        let written = file.into_inner().map_err(io::IntoInnerError::into_error);
        // Only the path is kept: a folder may have more pictures than a process may have files.
        written.map(drop).with_context(|| target.display().to_string())?;
        self.finished.push((temporary, target));
        Ok(())
    }

    /// Puts everything in place, or leaves everything as it was.
    pub fn commit(mut self) -> Result<()> {
        // A signal waits for the end of this.
        let _all_at_once = leftovers::hold();
        let finished = std::mem::take(&mut self.finished);
        let finished: Vec<(TempPath, PathBuf)> =
            finished.into_iter().map(|(file, target)| (file.into_path(), target)).collect();
        let count = finished.len();
        let mut placed = Vec::new();
        for (i, (file, target)) in finished.into_iter().enumerate() {
            // After the last one nothing can fail any more.
            let replaced = if i + 1 < count { set_aside(&target) } else { Ok(None) };
            let result = replaced.and_then(|replaced| {
                file.persist(&target).map_err(|error| error.error)?;
                Ok(replaced)
            });
            match result {
                Ok(replaced) => placed.push((target, replaced)),
                Err(error) => {
                    let error = anyhow!(error).context(target.display().to_string());
                    return Err(undo(placed, error));
                }
            }
        }
        self.made = None;
        Ok(())
    }
}

/// Removes what has been put in place, and puts back what was there before.
fn undo(placed: Vec<(PathBuf, Option<TempPath>)>, error: Error) -> Error {
    let mut lost = Vec::new();
    for (target, replaced) in placed.into_iter().rev() {
        match replaced {
            None => {
                if fs::remove_file(&target).is_err() {
                    lost.push(format!("{} could not be removed", target.display()));
                }
            }
            Some(replaced) => {
                if let Err(failed) = replaced.persist(&target) {
                    let kept = failed.path.keep().map(|path| path.display().to_string());
                    let kept = kept.unwrap_or_else(|_| "nothing".into());
                    lost.push(format!("what was {} before is {kept} now", target.display()));
                }
            }
        }
    }
    match lost.is_empty() {
        true => error.context("nothing was written"),
        false => error.context(lost.join(", ")),
    }
}

/// Keeps what stands in an output's place under another name, until it is known that it goes.
fn set_aside(target: &Path) -> io::Result<Option<TempPath>> {
    if !target.is_file() {
        return Ok(None);
    }
    let folder = folder_of(target);
    // A second name, so that there is a file in the place at any time. Not every file system can.
    let second = names().make_in(folder, |name| fs::hard_link(target, name));
    let aside = second.or_else(|_| names().make_in(folder, |name| fs::rename(target, name)))?;
    Ok(Some(aside.into_temp_path()))
}

fn names() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".convolve-").suffix(".tmp");
    builder
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
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

    #[test]
    fn where_one_output_fails_all_others_are_as_before() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| place.path().join(name);
        fs::write(file("old"), "as it was").unwrap();
        let mut outputs = Outputs::default();
        for name in ["old", "new", "blocked", "last"] {
            outputs.write(&file(name), |file| Ok(file.write_all(b"result")?)).unwrap();
        }
        // Comes in between: no file can take the place of a folder.
        fs::create_dir(file("blocked")).unwrap();
        let error = format!("{:#}", outputs.commit().unwrap_err());
        assert!(error.contains("nothing was written") && error.contains("blocked"), "{error}");
        assert_eq!(fs::read(file("old")).unwrap(), b"as it was");
        let mut left: Vec<_> =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["blocked", "old"]);
    }

    #[test]
    fn what_was_replaced_is_gone_where_all_goes_well() {
        let place = tempfile::tempdir().unwrap();
        let mut outputs = Outputs::default();
        for name in ["a", "b"] {
            fs::write(place.path().join(name), "as it was").unwrap();
            outputs.write(&place.path().join(name), |file| Ok(file.write_all(b"new")?)).unwrap();
        }
        outputs.commit().unwrap();
        assert_eq!(fs::read(place.path().join("a")).unwrap(), b"new");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 2);
    }
}
