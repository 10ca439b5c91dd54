//! The events that are logged with the `tracing` feature, and the results that are counted with `metrics`.

use super::key::Key;
use super::outcome::{OnceError, Outcome};
use super::store::StoreError;

/// Logs the store's error, because the response to the provider is empty.
#[cfg(feature = "tracing")]
pub(super) fn store_failed(key: Key, operation: &'static str, error: &StoreError) {
    let cause = core::error::Error::source(error).map(tracing::field::display);
    tracing::warn!(%key, operation, reason = %error, cause, "the deduplication store failed");
}

/// Logs the result of a delivery. Errors of the store have their own event.
#[cfg(feature = "tracing")]
pub(super) fn outcome<T, E>(key: Key, result: &Result<Outcome<T>, OnceError<E>>) {
    use tracing::{debug, warn};

    match result {
        Ok(Outcome::Handled(_)) => {
            debug!(%key, outcome = "handled", "the event was handled");
        }
        Ok(Outcome::AlreadyHandled) => {
            debug!(%key, outcome = "already_handled", "the delivery is a duplicate");
        }
        Ok(Outcome::InProgress { remaining }) => {
            let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
            debug!(%key, outcome = "in_progress", remaining_ms, "the event is in progress elsewhere");
        }
        Ok(Outcome::LeaseExpired) => {
            warn!(%key, outcome = "lease_expired", "the lease ended before the work did");
        }
        Err(OnceError::Failed(_)) => {
            debug!(%key, outcome = "failed", "the work failed, and the key was released");
        }
        Ok(Outcome::HandledUnrecorded { .. }) | Err(OnceError::Store(_)) => {}
    }
}

#[cfg(not(feature = "tracing"))]
pub(super) fn store_failed(_: Key, _: &'static str, _: &StoreError) {}

#[cfg(not(feature = "tracing"))]
pub(super) fn outcome<T, E>(_: Key, _: &Result<Outcome<T>, OnceError<E>>) {}

/// Counts the result of a delivery from a provider. A key that the caller chose has none.
#[cfg(feature = "metrics")]
pub(super) fn count<T, E>(
    provider: Option<&'static str>,
    result: &Result<Outcome<T>, OnceError<E>>,
) {
    let outcome = match result {
        Ok(Outcome::Handled(_)) => "handled",
        Ok(Outcome::AlreadyHandled) => "duplicate",
        Ok(Outcome::InProgress { .. }) => "in_progress",
        Ok(Outcome::LeaseExpired) => "lease_expired",
        Ok(Outcome::HandledUnrecorded { .. }) => "unrecorded",
        Err(OnceError::Failed(_)) => "failed",
        Err(OnceError::Store(_)) => "store_failed",
    };
    crate::metrics::handled(provider, outcome);
}

#[cfg(not(feature = "metrics"))]
pub(super) fn count<T, E>(_: Option<&'static str>, _: &Result<Outcome<T>, OnceError<E>>) {}
