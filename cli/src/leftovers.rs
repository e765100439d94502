//! Files and folders that must not outlive the command, also where a signal ends it.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::sync::{Arc, atomic::AtomicBool};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(unix)]
use anyhow::Context;
use anyhow::Result;
use tempfile::{NamedTempFile, TempPath};

/// What a signal removes.
#[derive(Debug, Default)]
pub struct Leftovers {
    files: HashSet<PathBuf>,
    folder: Option<PathBuf>,
}

static LEFTOVERS: Mutex<Option<Leftovers>> = Mutex::new(None);

/// Keeps a signal waiting for as long as this lives.
fn hold() -> MutexGuard<'static, Option<Leftovers>> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a folder that goes with what is in it, should a signal come.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut held = hold();
    fs::create_dir(folder)?;
    held.get_or_insert_default().folder = Some(folder.into());
    Ok(())
}

/// A file that is removed when this is dropped, or a signal comes.
#[derive(Debug)]
pub struct Temporary(Option<TempPath>);

impl Temporary {
    /// The file that `make` makes.
    pub fn new(make: impl FnOnce() -> io::Result<NamedTempFile>) -> io::Result<(File, Self)> {
        let mut held = hold();
        let (file, path) = make()?.into_parts();
        held.get_or_insert_default().files.insert(path.to_path_buf());
        Ok((file, Self(Some(path))))
    }

    /// Where it is until then.
    pub fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Puts the file in its place. A signal waits for the end of this.
    pub fn persist(mut self, target: &Path) -> io::Result<()> {
        let mut held = hold();
        let path = self.0.take().expect("taken once");
        held.get_or_insert_default().files.remove(&*path);
        path.persist(target).map_err(|error| error.error)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let mut held = hold();
            held.get_or_insert_default().files.remove(&*path);
            drop(path);
        }
    }
}

/// From now on signals that others send to end the process remove what is left over before they do,
/// and a file that grows beyond its limit is an error of whatever writes it.
#[cfg(unix)]
pub fn remove_on_signals() -> Result<()> {
    use signal_hook::consts::signal::*;
    let ending = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU, SIGALRM, SIGUSR1, SIGUSR2];
    let wanted = ending.into_iter().filter(|&signal| !is_ignored(signal));
    // With any handler, `write` gives EFBIG.
    signal_hook::flag::register(SIGXFSZ, Arc::<AtomicBool>::default())?;
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    let thread = std::thread::Builder::new().name("signals".into());
    let started = thread.spawn(move || {
        for signal in signals.forever() {
            let held = hold();
            if let Some(leftovers) = &*held {
                leftovers.remove();
            }
            // Nothing new while the process ends, as the signal alone would have ended it.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            drop(held);
        }
    });
    started.context("no thread for signals")?;
    Ok(())
}

#[cfg(not(unix))]
pub fn remove_on_signals() -> Result<()> {
    Ok(())
}

/// Whether whoever started the process wants a signal ignored, as nohup does, and a shell for what
/// runs in the background.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let mut now = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action, all this does is to fill `now`, which is read only if it has.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), now.as_mut_ptr()) == 0
            && now.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

impl Leftovers {
    #[cfg(unix)]
    fn remove(&self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        if let Some(folder) = &self.folder {
            // Fails where there is something else in it.
            let _ = fs::remove_dir(folder);
        }
    }
}
