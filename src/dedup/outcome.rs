//! The result of handling a delivery, and the status of its response.

use core::time::Duration;

use super::store::StoreError;

/// The result of a delivery that was passed to [`Dedup::once`](super::Dedup::once).
///
/// Respond to the provider with its [`status`](Self::status). If the status is not a 2xx, a provider that
/// retries sends the event again. With the features `axum` and `actix`, an outcome is a response if its
/// value is a response. With `tower`, it converts into an `http::Response`. Middleware finds an
/// `Arc<Outcome<()>>` in the response's extensions.
///
/// ```
/// use std::time::Duration;
/// use leadhook::dedup::Outcome;
///
/// let handled = Outcome::Handled("lead 17");
/// assert_eq!((handled.status(), handled.retry_after()), (200, None));
///
/// let remaining = Duration::from_secs(42);
/// let in_progress = Outcome::<&str>::InProgress { remaining };
/// assert_eq!((in_progress.status(), in_progress.retry_after()), (409, Some(remaining)));
/// ```
#[derive(Debug)]
#[must_use = "the provider needs a response with the outcome's status"]
#[expect(
    clippy::exhaustive_enums,
    reason = "a handler must decide on each of them"
)]
pub enum Outcome<T> {
    /// The work succeeded and the store has recorded it. Holds the future's value.
    Handled(T),
    /// The event was handled before, so the work did not run.
    AlreadyHandled,
    /// Another delivery of the event is in progress, so the work did not run.
    ///
    /// The other delivery may still fail, so the provider must retry.
    InProgress {
        /// The rest of the other delivery's lease.
        remaining: Duration,
    },
    /// The lease ended before the work did, and the work was cancelled.
    ///
    /// Side effects are not undone, and the next delivery starts from scratch.
    LeaseExpired,
    /// The work succeeded, but the store could not record it.
    ///
    /// The provider gets a 200, so it should not retry. If it does, the event is handled again.
    HandledUnrecorded {
        /// The future's value.
        value: T,
        /// The store's error.
        error: StoreError,
    },
}

impl<T> Outcome<T> {
    /// Returns the HTTP status of the response.
    ///
    /// It is 200 if the event is handled, 409 if it is in progress, and 503 if the lease expired.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Handled(_) | Self::AlreadyHandled | Self::HandledUnrecorded { .. } => 200,
            Self::InProgress { .. } => 409,
            Self::LeaseExpired => 503,
        }
    }

    /// Responds to a duplicate with `value`, as if the event were handled now.
    ///
    /// Without it, the response to a duplicate has no body.
    ///
    /// ```
    /// use leadhook::dedup::Outcome;
    ///
    /// let duplicate = Outcome::AlreadyHandled.duplicate_as(r#"{"received":true}"#);
    /// assert!(matches!(duplicate, Outcome::Handled(r#"{"received":true}"#)));
    /// ```
    pub fn duplicate_as(self, value: T) -> Self {
        match self {
            Self::AlreadyHandled => Self::Handled(value),
            other => other,
        }
    }

    /// Separates the future's value from the rest.
    #[cfg(any(feature = "axum", feature = "actix", feature = "tower"))]
    pub(crate) fn split(self) -> (Option<T>, Outcome<()>) {
        match self {
            Self::Handled(value) => (Some(value), Outcome::Handled(())),
            Self::AlreadyHandled => (None, Outcome::AlreadyHandled),
            Self::InProgress { remaining } => (None, Outcome::InProgress { remaining }),
            Self::LeaseExpired => (None, Outcome::LeaseExpired),
            Self::HandledUnrecorded { value, error } => {
                (Some(value), Outcome::HandledUnrecorded { value: (), error })
            }
        }
    }

    /// Returns how long the provider should wait before it retries, if the event is in progress.
    ///
    /// The responses of axum, actix-web and tower have it as `Retry-After`, in whole seconds, rounded
    /// up.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::InProgress { remaining } => Some(*remaining),
            _ => None,
        }
    }
}

/// The error returned by [`Dedup::once`](super::Dedup::once) if the event was not handled.
///
/// The next delivery of the event runs the work again. With the features `axum` and `actix`, the error
/// is a response if `E` is a response. With `tower`, it converts into an `http::Response` if `E` does.
///
/// ```
/// use leadhook::dedup::{OnceError, StoreError};
///
/// /// Returns 502 if the CRM failed, and the store's status if the store failed.
/// fn status(error: &OnceError<std::io::Error>) -> u16 {
///     match error {
///         OnceError::Store(error) => error.status(),
///         _ => 502,
///     }
/// }
///
/// assert_eq!(status(&OnceError::Failed(std::io::Error::other("the CRM is down"))), 502);
/// assert_eq!(status(&OnceError::Store(StoreError::Full)), 503);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnceError<E> {
    /// The work failed with this error, and the key was released.
    #[error(transparent)]
    Failed(E),
    /// The store could not claim the key, so the work did not run.
    #[error(transparent)]
    Store(#[from] StoreError),
}
