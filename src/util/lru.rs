//! A few things by their keys: those that were used last.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Result;

/// At most so many values, each cheap to clone.
#[derive(Debug)]
pub(crate) struct LruCache<K, V> {
    most: usize,
    /// The one used last stands at the end.
    kept: Mutex<VecDeque<(K, V)>>,
}

impl<K: PartialEq, V: Clone> LruCache<K, V> {
    /// Keeps `most` values, at least one.
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(1), kept: Mutex::default() }
    }

    /// The value of a key; made where there is none.
    ///
    /// No lock is held while it is made: what is made may hand work to a pool of threads, whose
    /// threads may want the same lock meanwhile, this one among them. Two that want the same at one
    /// time may both make it; all get the value of the first that is done.
    pub(crate) fn get(&self, key: K, make: impl FnOnce(&K) -> Result<V>) -> Result<V> {
        if let Some(value) = self.find(&key) {
            return Ok(value);
        }
        let made = make(&key)?;
        let mut kept = self.lock();
        if let Some(value) = touch(&mut kept, &key) {
            return Ok(value);
        }
        if kept.len() == self.most {
            kept.pop_front();
        }
        kept.push_back((key, made.clone()));
        Ok(made)
    }

    /// The value of a key that has one.
    pub(crate) fn find(&self, key: &K) -> Option<V> {
        touch(&mut self.lock(), key)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(K, V)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of a key, which becomes the one used last.
fn touch<K: PartialEq, V: Clone>(kept: &mut VecDeque<(K, V)>, key: &K) -> Option<V> {
    let found = kept.iter().position(|(other, _)| other == key)?;
    let entry = kept.remove(found)?;
    let value = entry.1.clone();
    kept.push_back(entry);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn the_one_used_last_stays() {
        let recent = LruCache::new(2);
        let get = |key: i32| {
            let mut made = false;
            let value = recent.get(key, |key| {
                made = true;
                Ok(10 * key)
            });
            assert_eq!(value, Ok(10 * key));
            made
        };
        assert!(get(1) && get(2) && !get(1));
        // 2 was used before 1, and makes room.
        assert!(get(3) && !get(1) && get(2));
    }

    #[test]
    fn making_one_may_want_another_or_the_same() {
        let recent = LruCache::new(4);
        let value = recent.get(1, |_| {
            assert_eq!(recent.get(2, |_| Ok(20)), Ok(20));
            // Whoever is done first has made it for all.
            assert_eq!(recent.get(1, |_| Ok(10)), Ok(10));
            Ok(11)
        });
        assert_eq!((value, recent.find(&1), recent.find(&3)), (Ok(10), Some(10), None));
    }

    #[test]
    fn failures_are_not_kept() {
        let recent = LruCache::new(2);
        let failure = Error::no_device("no");
        assert_eq!(recent.get(1, |_| Err(failure.clone())), Err(failure));
        assert_eq!(recent.get(1, |_| Ok(5)), Ok(5));
    }
}
