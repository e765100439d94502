//! Threads that share the work.

use std::sync::OnceLock;

/// Whether rayon's threads could be started: it panics at every use where they could not.
pub fn has_threads() -> bool {
    use std::error::Error;
    static HAS: OnceLock<bool> = OnceLock::new();
    *HAS.get_or_init(|| match rayon::ThreadPoolBuilder::new().build_global() {
        Ok(()) => true,
        // That they have been started before is an error without a cause.
        Err(error) => error.source().is_none(),
    })
}
