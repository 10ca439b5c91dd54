//! Logs without doing harm.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Emits an event, and goes on if the subscriber panics.
///
/// `tracing_subscriber::fmt()` does so when standard error is a pipe without a reader or a file on a full disk:
/// it reports the failed write with `eprintln!`, which panics for the same reason. Workers must outlive that.
pub(crate) fn log(event: impl FnOnce()) {
    // The subscriber guards its own state; nothing of ours is changed by the closure.
    let _ = catch_unwind(AssertUnwindSafe(event));
}
