//! How long to wait for a device that works through what was submitted to it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Allowed on top of the work itself: a driver that compiles, a machine that is busy elsewhere.
const GRACE: Duration = Duration::from_secs(60);

/// The work that was submitted and the work that is known to be done, each since the beginning, as
/// the time that it may take.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    submitted: Duration,
    done: Duration,
}

/// Work that was submitted.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub index: wgpu::SubmissionIndex,
    /// All work up to and with this one.
    until: Duration,
}

impl Backlog {
    /// Notes a submission that may take this long by itself.
    pub(super) fn note(&self, index: wgpu::SubmissionIndex, work: Duration) -> Submission {
        let mut state = self.lock();
        state.submitted += work;
        Submission { index, until: state.submitted }
    }

    /// How long a submission may take from now on, with all that stands before it.
    pub(super) fn patience(&self, submission: &Submission) -> Duration {
        GRACE + submission.until.saturating_sub(self.lock().done)
    }

    /// How long all that was submitted may take from now on.
    pub(super) fn patience_with_all(&self) -> Duration {
        let state = self.lock();
        GRACE + state.submitted.saturating_sub(state.done)
    }

    /// Notes that a submission, and all before it, are done.
    pub(super) fn finish(&self, submission: &Submission) {
        let mut state = self.lock();
        state.done = state.done.max(submission.until);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
