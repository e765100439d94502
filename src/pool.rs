//! Memory that is kept from call to call, for any number of threads.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Things that whoever takes one overwrites, so that one left behind by a panic does no harm.
#[derive(Debug)]
pub struct Pool<T> {
    kept: Mutex<Vec<T>>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

impl<T> Pool<T> {
    /// One that was kept, or a new one.
    pub fn take(&self, new: impl FnOnce() -> T) -> T {
        // Not made under the lock: others need not wait for it.
        let kept = self.lock().pop();
        kept.unwrap_or_else(new)
    }

    /// Keeps one for whoever takes it next.
    pub fn keep(&self, used: T) {
        self.lock().push(used);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
