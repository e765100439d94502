//! Room in memory for what is on its way at one time, so that many threads do not hold more pictures
//! than there is memory for.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Bytes for each thread: two pictures of 40 million pixels, one read and one written. Machines have
/// several times that for each of their threads.
const PER_THREAD: u64 = 256 << 20;

static ROOM: Room = Room { taken: Mutex::new(0), given_back: Condvar::new() };

struct Room {
    taken: Mutex<u64>,
    given_back: Condvar,
}

/// Room that is given back when this is dropped.
#[derive(Debug)]
pub struct Taken(u64);

/// Waits until there is room for so many bytes. What is larger than all of the room is let in alone.
pub fn take(bytes: u64) -> Taken {
    let all = PER_THREAD * rayon::current_num_threads() as u64;
    loop {
        if ROOM.try_take(bytes, all) {
            return Taken(bytes);
        }
        // Whoever has the room may have work to share meanwhile.
        if rayon::yield_now() != Some(rayon::Yield::Executed) {
            ROOM.wait();
        }
    }
}

impl Room {
    fn try_take(&self, bytes: u64, all: u64) -> bool {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = *taken == 0 || taken.saturating_add(bytes) <= all;
        if fits {
            *taken = taken.saturating_add(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(bytes);
        self.given_back.notify_all();
    }

    /// For what is given back, or for work that may have come up: not long.
    fn wait(&self) {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.given_back.wait_timeout(taken, Duration::from_millis(1));
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        ROOM.give_back(self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_let_in_and_what_is_too_large_alone() {
        let room = Room { taken: Mutex::new(0), given_back: Condvar::new() };
        assert!(room.try_take(60, 100));
        assert!(!room.try_take(60, 100));
        assert!(room.try_take(40, 100));
        room.give_back(60);
        assert!(!room.try_take(1000, 100));
        room.give_back(40);
        assert!(room.try_take(1000, 100));
        assert!(!room.try_take(1, 100));
    }
}
