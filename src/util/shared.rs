//! What several may use at one time, made once.

use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::error::Result;

/// Things of any type that are shared for as long as somebody uses them; those used last longer, as
/// far as they are few and small, and the very last one.
#[derive(Default)]
pub(crate) struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    all: Vec<Weak<Thing>>,
    /// With their bytes. The one used last stands at the end.
    kept: VecDeque<(Arc<Thing>, usize)>,
}

type Thing = dyn Any + Send + Sync;

/// Things that are kept although nobody uses them, and the bytes of all together.
const KEPT: usize = 8;
const BUDGET: usize = 64 << 20;

impl Shared {
    /// One that fits; made where there is none. `bytes` says how large one is.
    ///
    /// No lock is held while it is made. Two that want the same at one time may both make it.
    pub(crate) fn get<T: Any + Send + Sync>(
        &self,
        fits: impl Fn(&T) -> bool,
        make: impl FnOnce() -> Result<T>,
        bytes: impl Fn(&T) -> usize,
    ) -> Result<Arc<T>> {
        let fitting = |thing: Arc<Thing>| thing.downcast::<T>().ok().filter(|thing| fits(thing));
        let found = self.lock().all.iter().filter_map(Weak::upgrade).find_map(fitting);
        let thing = match found {
            Some(thing) => thing,
            None => Arc::new(make()?),
        };
        let any: Arc<Thing> = thing.clone();
        let given_up = self.lock().note(any, bytes(&thing));
        // Freed without the lock.
        drop(given_up);
        Ok(thing)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Notes that this was used last. Returns those that are not kept any more.
    fn note(&mut self, thing: Arc<Thing>, bytes: usize) -> Vec<(Arc<Thing>, usize)> {
        let same = |other: &Arc<Thing>| Arc::ptr_eq(other, &thing);
        self.all.retain(|other| other.upgrade().is_some_and(|other| !same(&other)));
        self.all.push(Arc::downgrade(&thing));
        let before = self.kept.iter().position(|(other, _)| same(other));
        let mut given_up: Vec<_> = before.and_then(|at| self.kept.remove(at)).into_iter().collect();
        self.kept.push_back((thing, bytes));
        let too_many = |kept: &VecDeque<(Arc<Thing>, usize)>| {
            let all = kept.iter().fold(0usize, |all, (_, bytes)| all.saturating_add(*bytes));
            kept.len() > KEPT || (all > BUDGET && kept.len() > 1)
        };
        while too_many(&self.kept) {
            given_up.extend(self.kept.pop_front());
        }
        given_up
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(shared: &Shared, number: u64, made: &mut usize, bytes: usize) -> Arc<u64> {
        let make = || {
            *made += 1;
            Ok(number)
        };
        shared.get(|other| *other == number, make, |_| bytes).expect("made")
    }

    #[test]
    fn what_somebody_uses_is_made_once() {
        let (shared, mut made) = (Shared::default(), 0);
        let first = get(&shared, 7, &mut made, usize::MAX);
        let second = get(&shared, 7, &mut made, usize::MAX);
        assert!(Arc::ptr_eq(&first, &second) && made == 1);
        assert_eq!((*get(&shared, 8, &mut made, usize::MAX), made), (8, 2));
        // Too large to be kept beside another one, but in use.
        assert!(Arc::ptr_eq(&first, &get(&shared, 7, &mut made, usize::MAX)));
        // Another type is something else.
        let other = shared.get(|_: &u32| true, || Ok(1u32), |_| 4).expect("made");
        assert_eq!(*other, 1);
        drop((first, second));
        get(&shared, 7, &mut made, usize::MAX);
        assert_eq!(made, 3);
    }

    #[test]
    fn those_used_last_are_kept() {
        let (shared, mut made) = (Shared::default(), 0);
        for _ in 0..3 {
            for number in 0..KEPT as u64 {
                get(&shared, number, &mut made, 8);
            }
        }
        assert_eq!(made, KEPT);
        get(&shared, 100, &mut made, 8);
        get(&shared, 0, &mut made, 8);
        assert_eq!(made, KEPT + 2);
        assert!(shared.lock().all.len() <= KEPT + 1);
        get(&shared, 101, &mut made, 2 * BUDGET);
        assert_eq!(shared.lock().kept.len(), 1);
    }

    #[test]
    fn what_cannot_be_made_is_an_error_each_time() {
        use crate::error::Error;
        let shared = Shared::default();
        let error = Error::OutOfMemory { what: "a test", bytes: 1 };
        for _ in 0..2 {
            let failed = shared.get(|_: &u8| true, || Err(error.clone()), |_| 1);
            assert_eq!(failed, Err(error.clone()));
        }
    }
}
