//! Whether a POST comes from a page of the desk.

use http::{HeaderMap, HeaderName, HeaderValue, header::ORIGIN};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Every browser since 2023 sends `Sec-Fetch-Site`, which no page can set. Older ones send `Origin`. A request
/// with neither is not a browser's, or was stripped on the way, and is rejected.
pub(crate) fn is_same(headers: &HeaderMap, origin: Option<&HeaderValue>) -> bool {
    if headers.contains_key(SEC_FETCH_SITE) {
        return only(headers, &SEC_FETCH_SITE).is_some_and(|site| site == "same-origin");
    }
    match (only(headers, &ORIGIN), origin) {
        (Some(sent), Some(own)) => sent == own && sent != "null",
        _ => false,
    }
}

/// The value of a header that was sent once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}
