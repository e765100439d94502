//! A few things by their keys: those that were used last.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::error::Result;

/// At most so many values, each cheap to clone.
#[derive(Debug)]
pub struct Recent<K, V> {
    most: usize,
    /// The one used last stands at the end.
    kept: Mutex<VecDeque<(K, V)>>,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    /// Keeps `most` values, at least one.
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), kept: Mutex::default() }
    }

    /// The value of a key; made where there is none.
    pub fn get(&self, key: K, make: impl FnOnce(&K) -> Result<V>) -> Result<V> {
        // Held while making: a second thread in want of the same waits for it.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|(other, _)| *other == key);
        let value = match found.and_then(|i| kept.remove(i)) {
            Some((_, value)) => value,
            None => make(&key)?,
        };
        if kept.len() == self.most {
            kept.pop_front();
        }
        kept.push_back((key, value.clone()));
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn the_one_used_last_stays() {
        let recent = Recent::new(2);
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
    fn failures_are_not_kept() {
        let recent = Recent::new(2);
        let failure = Error::Gpu("no".into());
        assert_eq!(recent.get(1, |_| Err(failure.clone())), Err(failure));
        assert_eq!(recent.get(1, |_| Ok(5)), Ok(5));
    }
}
