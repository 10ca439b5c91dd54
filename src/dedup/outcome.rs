//! What came of a delivery, and which status answers it.

use core::time::Duration;

use super::StoreError;

/// What came of a delivery that was given to [`Dedup::once`](super::Dedup::once).
///
/// Its [`status`](Self::status) is the answer that makes the sender do the right thing: stop after a
/// 2xx, retry after anything else.
#[derive(Debug)]
#[must_use = "the sender is to be told"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a handler must decide on each of them"
)]
pub enum Outcome<T> {
    /// The work has succeeded now, and is recorded. Holds what the future gave.
    Handled(T),
    /// The event was handled before: nothing was done.
    HandledBefore,
    /// Another delivery of the event is in work: nothing was done. Whether that work succeeds is not
    /// known yet, so that the sender is to ask again.
    InWork {
        /// What is left of the other one's lease.
        left: Duration,
    },
    /// The lease ended before the work did, and the work was dropped. What it has done until then is
    /// done; a repeat is processed.
    LeaseLost,
    /// The work has succeeded now, but could not be recorded. A repeat may be handled again; the
    /// sender is told that all is well, so that it sends none.
    NotRecorded {
        /// What the future gave.
        value: T,
        /// Why it could not be recorded.
        error: StoreError,
    },
}

impl<T> Outcome<T> {
    /// The HTTP status that answers the delivery: 200 if the event is handled, 409 while it is in
    /// work elsewhere, 503 if the lease was lost.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Handled(_) | Self::HandledBefore | Self::NotRecorded { .. } => 200,
            Self::InWork { .. } => 409,
            Self::LeaseLost => 503,
        }
    }

    /// The value of a `Retry-After` header: what is left of the other one's lease, in seconds
    /// rounded up. None unless the event is in work elsewhere.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        match self {
            Self::InWork { left } => {
                let begun = u64::from(left.subsec_nanos() > 0);
                Some(left.as_secs().saturating_add(begun).max(1))
            }
            _ => None,
        }
    }
}

/// Why [`Dedup::once`](super::Dedup::once) did not handle an event. A repeat is processed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnceError<E> {
    /// The work has failed.
    #[error(transparent)]
    Failed(E),
    /// The store didn't let the work begin.
    #[error(transparent)]
    Store(#[from] StoreError),
}
