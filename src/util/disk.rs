//! Files that are kept from process to process, in the user's cache directory.

use std::path::PathBuf;

/// Where this user's caches are, as each system has it; `CONVOLVE_CACHE_DIR` names another place, or
/// none at all where it is empty.
pub(crate) fn directory() -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(here) = std::env::var_os("CONVOLVE_CACHE_DIR") {
        return (!here.is_empty()).then(|| here.into());
    }
    let home = |below: &str| Some(PathBuf::from(variable("HOME")?).join(below));
    let caches = if cfg!(windows) {
        variable("LOCALAPPDATA").map(PathBuf::from)
    } else if cfg!(target_vendor = "apple") {
        home("Library/Caches")
    } else {
        variable("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| home(".cache"))
    };
    Some(caches?.join("convolve"))
}

/// Reads a file of at most so many bytes. Anything else that stands there is none of ours: a pipe would
/// keep us waiting, and a device may have no end.
#[cfg(any(feature = "gpu", feature = "serde"))]
pub(crate) fn read(path: &std::path::Path, most: u64) -> Option<Vec<u8>> {
    use std::io::Read;
    // Before it is opened: that alone waits for whoever writes to a pipe.
    let about = path.metadata().ok()?;
    if !about.is_file() || about.len() > most {
        return None;
    }
    let mut data = Vec::new();
    std::fs::File::open(path).ok()?.take(most + 1).read_to_end(&mut data).ok()?;
    (data.len() as u64 <= most).then_some(data)
}

/// Writes a file, whole or not at all: beside its place first, so that whoever reads it meanwhile
/// has the old one or the new one.
#[cfg(any(feature = "gpu", feature = "serde"))]
pub(crate) fn write(path: &std::path::Path, data: &[u8]) -> std::io::Result<()> {
    use std::sync::atomic::{AtomicUsize, Ordering};
    // A name of its own for every writer, in this process and in others.
    static WRITES: AtomicUsize = AtomicUsize::new(0);
    let write = WRITES.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{write}", std::process::id()));
    let result = (|| {
        std::fs::create_dir_all(path.parent().unwrap_or(path))?;
        std::fs::write(&beside, data)?;
        std::fs::rename(&beside, path)
    })();
    if result.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    result
}

#[cfg(all(test, any(feature = "gpu", feature = "serde")))]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Long enough that a file takes many writes or a while in one, and all of one letter.
    const LENGTH: usize = 1 << 20;
    const WRITERS: usize = 3;

    #[test]
    #[cfg(unix)]
    fn what_is_no_file_of_ours_is_not_read() {
        let name = format!("convolve-no-cache-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir_all(directory.join("folder")).expect("a folder");
        let path = |name: &str| directory.join(name);
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.expect("mkfifo runs").success());
        std::os::unix::fs::symlink("/dev/zero", path("device")).expect("a link");
        std::fs::File::create(path("huge")).and_then(|file| file.set_len(1 << 40)).expect("a file");
        std::fs::write(path("small"), b"ours").expect("a file");
        for name in ["folder", "pipe", "device", "huge", "missing"] {
            assert_eq!(read(&path(name), 1 << 20), None, "{name}");
        }
        assert_eq!(read(&path("small"), 4).as_deref(), Some(&b"ours"[..]));
        assert_eq!(read(&path("small"), 3), None);
        std::fs::remove_dir_all(&directory).expect("removed");
    }

    #[test]
    fn readers_have_one_whole_file_whoever_writes() {
        let name = format!("convolve-cache-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let path = directory.join("file.json");
        write(&path, &vec![b'a'; LENGTH]).expect("written");
        let writing = AtomicUsize::new(WRITERS);
        std::thread::scope(|scope| {
            for (letter, path) in (b'a'..).zip([&path; WRITERS]) {
                let writing = &writing;
                scope.spawn(move || {
                    let written = (0..40).try_for_each(|_| write(path, &vec![letter; LENGTH]));
                    writing.fetch_sub(1, Ordering::Relaxed);
                    written.expect("written");
                });
            }
            // Until the last writer is done: every read meets writes.
            for _ in 0..2 {
                scope.spawn(|| {
                    while writing.load(Ordering::Relaxed) > 0 {
                        let found = std::fs::read(&path).expect("always there");
                        assert_eq!(found.len(), LENGTH, "a part");
                        assert!(found.iter().all(|byte| *byte == found[0]), "a mixture");
                    }
                });
            }
        });
        let left: Vec<_> = std::fs::read_dir(&directory).expect("a directory").collect();
        std::fs::remove_dir_all(&directory).expect("removed");
        assert_eq!(left.len(), 1, "beside the file: {left:?}");
    }
}
