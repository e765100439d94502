//! The device of a convolver that looks for one by itself, and for another one when that is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::gpu::context::Context;
use crate::plan::GpuSettings;

/// After a device was lost and no other was found: how long until the next look. A driver that is
/// being restarted takes some seconds, and a look takes some milliseconds.
const PAUSE: Duration = Duration::from_secs(2);

/// Looks when it is first asked, and again after a loss.
#[derive(Debug)]
pub(crate) struct Finder {
    settings: GpuSettings,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    NotLooked,
    Found(Arc<Context>),
    /// There is none; there was one where it says when to look again.
    Absent {
        error: Error,
        again: Option<Instant>,
    },
}

impl Finder {
    pub(crate) fn new(settings: GpuSettings) -> Self {
        Self { settings, state: Mutex::new(State::NotLooked) }
    }

    /// The device: never one that is known to be lost.
    pub(crate) fn find(&self) -> Result<Arc<Context>> {
        let known = match &*self.lock() {
            State::Found(context) => Some(context.clone()),
            _ => None,
        };
        // Not asked under the lock: wgpu may call the caller's own code back, which may want a device.
        if let Some(context) = &known
            && context.reclaim().is_ok()
        {
            return Ok(context.clone());
        }
        // Held while looking, so that a second thread in want of a device waits for this one's. Nothing
        // in there hands work to other threads or calls anybody back.
        let mut state = self.lock();
        let had_one = match &*state {
            // Another thread has found one meanwhile.
            State::Found(context)
                if known.as_ref().is_none_or(|lost| !Arc::ptr_eq(lost, context)) =>
            {
                return Ok(context.clone());
            }
            State::Absent { error, again } if again.is_none_or(|again| Instant::now() < again) => {
                return Err(error.clone());
            }
            State::NotLooked => false,
            State::Found(_) | State::Absent { .. } => true,
        };
        match Context::find(&self.settings) {
            Ok(context) => {
                let context = Arc::new(context);
                *state = State::Found(context.clone());
                Ok(context)
            }
            Err(error) => {
                let again = had_one.then(|| Instant::now() + PAUSE);
                *state = State::Absent { error: error.clone(), again };
                Err(error)
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
