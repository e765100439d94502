//! Buffers that all filters of a convolver share: what one call gives back, the next one takes, of
//! whatever size and type.

use bytemuck::{Pod, cast_slice, cast_slice_mut};
use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::util::lines::Line;
use crate::util::{memory, threads};

/// Buffers that nobody uses now. They take no more bytes than calls have had in use at one time lately, and
/// 64 MiB; and they are no more than one call for each thread of the machine takes, or a few.
#[derive(Debug, Default)]
pub(crate) struct SharedScratch {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The one given back last stands at the end.
    kept: VecDeque<Vec<Line>>,
    kept_bytes: usize,
    used_bytes: usize,
    /// The most that was in use from one time when nothing was to the next, the latest first.
    peaks: [usize; LATELY],
    /// Whoever may use them again.
    leases: usize,
}

/// Times that nothing was in use until a peak is forgotten: calls of several sizes may take turns.
const LATELY: usize = 16;

/// Bytes that may be kept however little is in use.
const BUDGET: usize = 64 << 20;

/// Buffers that a call takes at one time: no more are kept than calls on all threads of the machine take.
const EACH: usize = 2;

/// Buffers that may be kept on any machine: two for each of a few filters of different sizes.
const FEW: usize = 8;

/// A buffer may be this many times as large as what it is taken for.
const LARGER: usize = 4;

impl SharedScratch {
    /// So many elements, which may be anything.
    pub(crate) fn take<A: Pod>(&self, len: usize, what: &'static str) -> Result<Buffer<'_, A>> {
        let lines = len.saturating_mul(size_of::<A>()).div_ceil(size_of::<Line>());
        let found = self.lock().take(lines);
        // Not made under the lock: others need not wait for it.
        let memory = match found {
            Some(memory) => memory,
            None => memory::zeros(lines, what)?,
        };
        self.lock().use_more(bytes_of(&memory));
        Ok(Buffer { memory, len, home: self, elements: std::marker::PhantomData })
    }

    /// Notes that somebody may take buffers, now and again, until [`SharedScratch::leave`].
    pub(crate) fn join(&self) {
        self.lock().leases += 1;
    }

    /// Notes that somebody takes no more: after the last one, no more than 64 MiB are kept.
    pub(crate) fn leave(&self) {
        let mut state = self.lock();
        state.leases -= 1;
        let given_up = if state.leases == 0 { state.trim(BUDGET) } else { Vec::new() };
        // Freed without the lock.
        drop(state);
        drop(given_up);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The smallest of those that are large enough.
    fn take(&mut self, lines: usize) -> Option<Vec<Line>> {
        let fits =
            |memory: &Vec<Line>| (lines..=lines.saturating_mul(LARGER)).contains(&memory.len());
        let all = self.kept.iter().enumerate().rev();
        let (at, _) = all.filter(|(_, memory)| fits(memory)).min_by_key(|(_, m)| m.len())?;
        let memory = self.kept.remove(at)?;
        self.kept_bytes -= bytes_of(&memory);
        Some(memory)
    }

    fn use_more(&mut self, bytes: usize) {
        self.used_bytes += bytes;
        self.peaks[0] = self.peaks[0].max(self.used_bytes);
    }

    /// Takes a buffer back, and gives up those that are too many.
    fn keep(&mut self, memory: Vec<Line>) -> Vec<Vec<Line>> {
        let bytes = bytes_of(&memory);
        self.used_bytes -= bytes;
        self.kept_bytes += bytes;
        self.kept.push_back(memory);
        let peak = self.peaks.into_iter().fold(0, usize::max);
        if self.used_bytes == 0 {
            self.peaks.rotate_right(1);
            self.peaks[0] = 0;
        }
        self.trim(peak.saturating_add(BUDGET))
    }

    /// Gives up those that are too many, the oldest first.
    fn trim(&mut self, most: usize) -> Vec<Vec<Line>> {
        let most = if self.leases > 0 { most } else { BUDGET };
        let count = FEW.max(EACH * threads::available());
        let mut given_up = Vec::new();
        while self.kept_bytes > most || self.kept.len() > count {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.kept_bytes -= bytes_of(&oldest);
            given_up.push(oldest);
        }
        given_up
    }
}

fn bytes_of(memory: &[Line]) -> usize {
    size_of_val(memory)
}

/// Elements that go back when dropped.
#[derive(Debug)]
pub(crate) struct Buffer<'s, A> {
    memory: Vec<Line>,
    len: usize,
    home: &'s SharedScratch,
    elements: std::marker::PhantomData<A>,
}

impl<A: Pod> Deref for Buffer<'_, A> {
    type Target = [A];

    fn deref(&self) -> &[A] {
        &cast_slice(&self.memory)[..self.len]
    }
}

impl<A: Pod> DerefMut for Buffer<'_, A> {
    fn deref_mut(&mut self) -> &mut [A] {
        &mut cast_slice_mut(&mut self.memory)[..self.len]
    }
}

impl<A> Drop for Buffer<'_, A> {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // What is given up is freed without the lock.
        let given_up = self.home.lock().keep(memory);
        drop(given_up);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_gives_back_another_takes() {
        let scratch = SharedScratch::default();
        let mut first = scratch.take::<f32>(1000, "a test").expect("memory");
        first.fill(7.0);
        let place = first.as_ptr() as usize;
        drop(first);
        let second = scratch.take::<u16>(1500, "a test").expect("memory");
        assert_eq!((second.as_ptr() as usize, second.len()), (place, 1500));
        // Neither for much less, nor for more than it holds.
        drop(second);
        for len in [10, 5000] {
            let other = scratch.take::<f32>(len, "a test").expect("memory");
            assert_ne!(other.as_ptr() as usize, place);
            assert_eq!(other.len(), len);
        }
        assert!(scratch.take::<f64>(usize::MAX, "a test").is_err());
    }

    const MIB: usize = 1 << 20;

    #[test]
    fn no_more_is_kept_than_was_in_use_at_one_time() {
        let scratch = SharedScratch::default();
        scratch.join();
        let kept = || scratch.lock().kept_bytes;
        for round in 1..100 {
            drop(scratch.take::<u8>(round * MIB, "a test").expect("memory"));
            assert!(kept() <= BUDGET + round * MIB, "round {round}: {}", kept());
        }
        // Two calls at one time keep what both have used, until they are over for a while.
        let both = [(); 2].map(|()| scratch.take::<u8>(90 * MIB, "a test").expect("memory"));
        drop(both);
        assert!(kept() >= 180 * MIB, "{}", kept());
        for _ in 0..2 * LATELY {
            drop(scratch.take::<u8>(MIB, "a test").expect("memory"));
        }
        assert!(kept() <= BUDGET + MIB, "{}", kept());
    }

    #[test]
    fn large_and_small_ones_may_take_turns() {
        let scratch = SharedScratch::default();
        scratch.join();
        let call = |bytes: usize| {
            let both = [(); 2].map(|()| scratch.take::<u8>(bytes, "a test").expect("memory"));
            let mut places = both.each_ref().map(|buffer| buffer.as_ptr() as usize);
            places.sort_unstable();
            places
        };
        let places = [call(100 * MIB), call(2 * MIB)];
        for _ in 0..40 {
            assert_eq!([call(100 * MIB), call(2 * MIB)], places);
        }
        // Nobody is left to use the large ones.
        scratch.leave();
        assert!(scratch.lock().kept_bytes <= BUDGET);
    }
}
