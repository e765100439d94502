//! Memory that is kept from call to call, for any number of threads, and up to a bound.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::util::threads;

/// Things that whoever takes one overwrites, so that one left behind by a panic does no harm.
#[derive(Debug)]
pub(crate) struct ScratchPool<T> {
    kept: Mutex<Vec<T>>,
    most: usize,
}

/// Bytes that one pool may keep between calls, where that is more than the first call's share.
const BUDGET: usize = 64 << 20;

impl<T> ScratchPool<T> {
    /// Keeps as many as `each` call or thread takes at one time for every thread of the machine, and
    /// for more calls than one only as long as all of them together, of so many bytes each, are no more
    /// than 64 MiB. What many callers took at one time goes back to the system.
    pub(crate) fn new(each: usize, bytes: usize) -> Self {
        let all = each * threads::available();
        let most = (BUDGET / bytes.max(1)).clamp(each, all.max(each));
        Self { kept: Mutex::default(), most }
    }

    /// One that was kept, or a new one.
    pub(crate) fn take(&self, new: impl FnOnce() -> Result<T>) -> Result<T> {
        // Not made under the lock: others need not wait for it.
        let kept = self.lock().pop();
        kept.map_or_else(new, Ok)
    }

    /// Keeps one for whoever takes it next, unless enough are kept.
    pub(crate) fn keep(&self, used: T) {
        let mut kept = self.lock();
        if kept.len() < self.most {
            kept.push(used);
        } else {
            // Freed without the lock.
            drop(kept);
            drop(used);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_kept_than_the_bound() {
        let threads = threads::available();
        for (each, bytes, most) in [
            (1, 1000, threads),
            (2, 1000, 2 * threads),
            // As many as fit into the budget, but one call's share at least.
            (1, BUDGET, 1),
            (3, 2 * BUDGET, 3),
        ] {
            let pool = ScratchPool::new(each, bytes);
            let taken: Vec<_> = (0..100).map(|i| pool.take(|| Ok(i)).expect("new")).collect();
            taken.into_iter().for_each(|used| pool.keep(used));
            assert_eq!(pool.lock().len(), most, "{each} {bytes}");
        }
    }
}
