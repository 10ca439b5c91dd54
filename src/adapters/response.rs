//! Rejections as responses of the `http` crate.

use crate::rejection::Rejection;

/// The rejection is in the response's extensions.
impl<B: Default> From<Rejection> for http::Response<B> {
    fn from(rejection: Rejection) -> Self {
        let mut response = Self::default();
        *response.status_mut() = status(rejection.status());
        response.extensions_mut().insert(rejection);
        response
    }
}

/// A status of this crate's in the type of `http`.
pub(super) fn status(status: u16) -> http::StatusCode {
    http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR)
}
