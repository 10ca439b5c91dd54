//! Rejections, outcomes and statuses as types of the `http` crate, for axum and tower.

#[cfg(feature = "dedup")]
use alloc::sync::Arc;
#[cfg(feature = "dedup")]
use core::convert::identity;

#[cfg(feature = "dedup")]
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode, header::CONNECTION};

#[cfg(feature = "dedup")]
use super::steps;
use crate::auth::error::VerifyError;
#[cfg(feature = "dedup")]
use crate::dedup::outcome::{OnceError, Outcome};
#[cfg(feature = "dedup")]
use crate::dedup::store::StoreError;
use crate::read::error::ReadError;
use crate::rejection::Rejection;

/// An empty response with the rejection's status and the rejection in its extensions.
///
/// It has `Connection: close` if the rejection [requires](Rejection::must_close) it.
impl<B: Default> From<Rejection> for Response<B> {
    fn from(rejection: Rejection) -> Self {
        let mut response = empty(StatusCode::from(&rejection));
        if rejection.must_close() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        response.extensions_mut().insert(rejection);
        response
    }
}

/// The future's own response if the event was handled now, and an empty one with the outcome's
/// [status](Outcome::status) otherwise.
///
/// The response has `Retry-After` if the event is in progress elsewhere, and the `Arc<Outcome<()>>` in its
/// extensions.
#[cfg(feature = "dedup")]
impl<B: Default> From<Outcome<Self>> for Response<B> {
    fn from(outcome: Outcome<Self>) -> Self {
        respond(outcome, identity)
    }
}

/// Responds to an outcome. `own` converts the future's value into a response.
#[cfg(feature = "dedup")]
pub(super) fn respond<T, B: Default>(
    outcome: Outcome<T>,
    own: impl FnOnce(T) -> Response<B>,
) -> Response<B> {
    let (value, outcome) = outcome.split();
    let mut response = value.map_or_else(|| empty(StatusCode::from(&outcome)), own);
    if let Some(seconds) = steps::retry_after(&outcome) {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response.extensions_mut().insert(Arc::new(outcome));
    response
}

/// The response of the work's error if the work failed, and an empty 503 if the store failed.
#[cfg(feature = "dedup")]
impl<B: Default, E: Into<Self>> From<OnceError<E>> for Response<B> {
    fn from(error: OnceError<E>) -> Self {
        match error {
            OnceError::Failed(error) => error.into(),
            OnceError::Store(error) => error.into(),
        }
    }
}

/// An empty response with the status 503, and the `Arc<StoreError>` in its extensions.
#[cfg(feature = "dedup")]
impl<B: Default> From<StoreError> for Response<B> {
    fn from(error: StoreError) -> Self {
        let mut response = empty(StatusCode::from(&error));
        response.extensions_mut().insert(Arc::new(error));
        response
    }
}

fn empty<B: Default>(status: StatusCode) -> Response<B> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

impl From<&Rejection> for StatusCode {
    fn from(rejection: &Rejection) -> Self {
        status_code(rejection.status())
    }
}

impl From<&VerifyError> for StatusCode {
    fn from(error: &VerifyError) -> Self {
        status_code(error.status())
    }
}

impl From<&ReadError> for StatusCode {
    fn from(error: &ReadError) -> Self {
        status_code(error.status())
    }
}

#[cfg(feature = "dedup")]
impl<T> From<&Outcome<T>> for StatusCode {
    fn from(outcome: &Outcome<T>) -> Self {
        status_code(outcome.status())
    }
}

#[cfg(feature = "dedup")]
impl From<&StoreError> for StatusCode {
    fn from(error: &StoreError) -> Self {
        status_code(error.status())
    }
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
