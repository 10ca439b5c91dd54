//! The extraction steps shared by all adapters.
//!
//! They take header values and a query, which every framework has.

use alloc::{borrow::Cow, vec::Vec};
use core::iter;

use percent_encoding::percent_decode_str;

#[cfg(feature = "dedup")]
use crate::dedup::outcome::Outcome;
use crate::provider::Provider;
use crate::receiver::{CredentialSource, PendingDelivery, Receiver};
use crate::rejection::Rejection;

/// Rejects everything that can be rejected before the body is read.
///
/// `headers` returns all values of a header.
pub(super) fn check<'a, P: Provider, H: IntoIterator<Item: AsRef<[u8]>>>(
    receiver: &'a Receiver<P>,
    headers: impl Fn(&str) -> H,
    query: Option<&str>,
) -> Result<PendingDelivery<'a, P>, Rejection> {
    Rejection::check_encoding::<P>(headers("content-encoding"))?;
    match receiver.credential_source() {
        CredentialSource::Header(name) => receiver.begin(headers(name)),
        CredentialSource::Query(name) => receiver.begin(parameters(query, name)),
        CredentialSource::None => receiver.begin(iter::empty::<&[u8]>()),
    }
    .map_err(Rejection::of::<P>)
}

/// Returns all values of a parameter of the query, as bytes.
///
/// The query is decoded like a form. A form decoder that returns text would replace bytes that are not
/// UTF-8, so that different tokens could be equal.
fn parameters<'a>(query: Option<&'a str>, name: &'a str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let pairs = query.unwrap_or_default().split('&');
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .filter(move |(key, _)| *decode(key) == *name.as_bytes())
        .map(|(_, value)| decode(value))
}

fn decode(text: &str) -> Cow<'_, [u8]> {
    if text.contains('+') {
        let text = text.replace('+', " ");
        percent_decode_str(&text).collect::<Vec<u8>>().into()
    } else {
        percent_decode_str(text).into()
    }
}

/// Returns the value of `Retry-After` in whole seconds, rounded up, and at least one.
#[cfg(feature = "dedup")]
pub(super) fn retry_after<T>(outcome: &Outcome<T>) -> Option<u64> {
    let remaining = outcome.retry_after()?;
    let started = u64::from(remaining.subsec_nanos() > 0);
    Some(remaining.as_secs().saturating_add(started).max(1))
}
