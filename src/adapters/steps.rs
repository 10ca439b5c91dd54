//! The steps that every adapter takes, on what every framework has: values of headers, and a query.

use core::iter;

use bytes::Bytes;

use crate::auth::error::VerifyError;
#[cfg(all(feature = "dedup", any(feature = "axum", feature = "actix")))]
use crate::dedup::outcome::Outcome;
use crate::delivery::Delivery;
use crate::provider::Provider;
use crate::receiver::{CredentialSource, PendingDelivery, Receiver};
use crate::rejection::{Rejection, RejectionKind};

/// Refuses what can be refused before the body is read. `headers` gives all values of a name.
pub(super) fn check<'a, P: Provider, H: IntoIterator<Item: AsRef<[u8]>>>(
    receiver: &'a Receiver<P>,
    headers: impl Fn(&str) -> H,
    query: Option<&str>,
) -> Result<PendingDelivery<'a, P>, Rejection> {
    if !headers("content-encoding").into_iter().all(is_identity) {
        return Err(Rejection::of::<P>(RejectionKind::UnsupportedEncoding, None));
    }
    match receiver.credential_source() {
        CredentialSource::Header(name) => receiver.begin(headers(name)),
        CredentialSource::Query(name) => receiver.begin(parameters(query, name)),
        CredentialSource::None => receiver.begin(iter::empty::<&[u8]>()),
    }
    .map_err(|error| Rejection::of::<P>(error, None))
}

/// Authenticates the body.
pub(super) fn finish<P: Provider>(
    checked: PendingDelivery<'_, P>,
    body: Bytes,
) -> Result<Delivery<P>, Rejection> {
    let length = body.len();
    checked
        .finish(body)
        .map_err(|error: VerifyError| Rejection::of::<P>(error, Some(length)))
}

fn is_identity(encoding: impl AsRef<[u8]>) -> bool {
    encoding.as_ref().eq_ignore_ascii_case(b"identity")
}

/// All values of a parameter of the query.
fn parameters<'a>(query: Option<&'a str>, name: &'a str) -> impl Iterator<Item = Vec<u8>> {
    form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .filter(move |(key, _)| key == name)
        .map(|(_, value)| value.into_owned().into_bytes())
}

/// The value of `Retry-After`: whole seconds, rounded up, and at least one.
#[cfg(all(feature = "dedup", any(feature = "axum", feature = "actix")))]
pub(super) fn retry_after<T>(outcome: &Outcome<T>) -> Option<u64> {
    let remaining = outcome.retry_after()?;
    let started = u64::from(remaining.subsec_nanos() > 0);
    Some(remaining.as_secs().saturating_add(started).max(1))
}
