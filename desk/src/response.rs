//! The responses of the desk, and the headers of each.

use askama::Template;
use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{
        ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
        REFRESH, X_CONTENT_TYPE_OPTIONS,
    },
};

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
    frame-ancestors 'none'; base-uri 'none'";

const OF_EACH: [(HeaderName, HeaderValue); 4] = [
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

/// Somebody who fills in a form must not lose it, so only pages without forms load again.
const SECONDS_UNTIL_REFRESH: HeaderValue = HeaderValue::from_static("20");

/// What can't be shown, and why.
#[derive(Debug)]
pub(crate) enum Failed {
    /// There is no such page, or nothing says whether there is.
    NotFound,
    /// The link or the form is not one of the desk's.
    Malformed(&'static str),
    /// The POST does not come from a page of the desk.
    Forbidden,
    Method(&'static str),
    /// Something has changed since the page was shown.
    Changed(&'static str),
    Inbox(leadhook_inbox::Error),
    Timeout,
}

impl From<leadhook_inbox::Error> for Failed {
    fn from(error: leadhook_inbox::Error) -> Self {
        Self::Inbox(error)
    }
}

pub(crate) fn page(status: StatusCode, template: &impl Template) -> Response<Bytes> {
    match template.render() {
        Ok(html) => {
            let is_static = status.is_success() && !html.contains("<form");
            let mut response = with(status, "text/html; charset=utf-8", html.into());
            if is_static {
                response
                    .headers_mut()
                    .insert(REFRESH, SECONDS_UNTIL_REFRESH);
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, "a template failed");
            with(
                StatusCode::INTERNAL_SERVER_ERROR,
                "text/plain",
                Bytes::new(),
            )
        }
    }
}

pub(crate) fn with(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in OF_EACH {
        headers.insert(name, value);
    }
    response
}

/// Leads to another page of the desk.
pub(crate) fn see_other(page: &str) -> Response<Bytes> {
    let mut response = with(StatusCode::SEE_OTHER, "text/plain", Bytes::new());
    // Links are percent-encoded, so the value is always valid.
    if let Ok(location) = HeaderValue::from_str(page) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage {
    title: &'static str,
    text: &'static str,
}

pub(crate) fn failed(failed: Failed) -> Response<Bytes> {
    let (status, title, text) = match &failed {
        // The same with and without the right, so that nothing says what there is.
        Failed::NotFound => {
            return with(
                StatusCode::NOT_FOUND,
                "text/plain",
                Bytes::from_static(b"not found\n"),
            );
        }
        Failed::Method(allowed) => {
            let mut response = with(StatusCode::METHOD_NOT_ALLOWED, "text/plain", Bytes::new());
            let allowed = HeaderValue::from_static(allowed);
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        Failed::Malformed(text) => (StatusCode::BAD_REQUEST, "This link can't be read", *text),
        Failed::Forbidden => (
            StatusCode::FORBIDDEN,
            "This request does not come from this page",
            "Nothing was changed. Open the desk and press the button there. If that fails, a proxy removes \
             the headers Sec-Fetch-Site and Origin, or the desk is configured with another origin.",
        ),
        Failed::Changed(text) => (StatusCode::CONFLICT, "Something has changed", *text),
        Failed::Inbox(leadhook_inbox::Error::StillInLog) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The bodies are not gone yet",
            "They are erased in the table, but a reader keeps SQLite's write-ahead log from being truncated. \
             Erase the same rows again later.",
        ),
        Failed::Inbox(leadhook_inbox::Error::Cipher(_)) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "The body can't be decrypted",
            "Its key is missing, or the body was changed.",
        ),
        Failed::Inbox(_) | Failed::Timeout => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The database does not respond",
            "This says nothing about the rows. The log of the application has the error.",
        ),
    };
    if let Failed::Inbox(error) = &failed {
        tracing::warn!(%error, "a page of the desk failed");
    }
    page(status, &FailedPage { title, text })
}
