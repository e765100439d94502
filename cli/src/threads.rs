//! Threads that share the work.

use std::mem::ManuallyDrop;
use std::time::Duration;

use rayon::ThreadPoolBuilder;

/// Runs what may share its work with all threads, or with none where they cannot be started.
pub fn with_all<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    match ThreadPoolBuilder::new().build() {
        // They stay until the process ends: what a graphics driver keeps for a thread must not be torn down
        // beside what it tears down then.
        Ok(pool) => ManuallyDrop::new(pool).install(run),
        Err(_) => {
            // Those that were started are told to end: one may be wanted for signals.
            std::thread::sleep(Duration::from_millis(50));
            // Rayon panics at every use of threads that could not be started: this one is there.
            let alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread();
            // Fails where there are threads already.
            let _ = alone.build_global();
            run()
        }
    }
}
