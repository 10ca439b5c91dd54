//! What a body says: the fast pass, and for everything that it does not accept the second pass.

use crate::provider::Event;
#[cfg(feature = "tracing")]
use crate::provider::Provider;
use crate::read::envelope::Envelope;
use crate::read::error::ReadError;
use crate::read::pass::Pass;
use crate::read::unread::Unread;

pub(crate) mod contract;
pub(crate) mod envelope;
pub(crate) mod error;
mod fast;
pub(crate) mod field;
pub(crate) mod json;
pub(crate) mod member;
pub(crate) mod own;
mod pass;
pub(crate) mod payload;
pub(crate) mod raw_json;
pub(crate) mod second;
mod slices;
pub(crate) mod unread;

impl<E: Event> Envelope<E> {
    /// Parses a body, for tools and tests.
    ///
    /// Nothing is authenticated: anybody can have made the body. In a receiver, read the
    /// [`Delivery`](crate::Delivery) that a [`Receiver`](crate::Receiver) returns.
    ///
    /// ```
    /// use leadhook::{Envelope, graphoid::GraphoidEvent};
    ///
    /// let body = r#"{"event":"lead.won","data":{"lead":{"id":"lead_4mNp","value":45000}}}"#;
    /// let envelope = Envelope::<GraphoidEvent>::parse(body)?;
    /// assert_eq!(envelope.name(), "lead.won");
    /// # Ok::<(), leadhook::ReadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ReadError`] if the body is not a readable event.
    pub fn parse(body: impl AsRef<[u8]>) -> Result<Self, ReadError> {
        let text = slices::utf8(body.as_ref())?;
        if let Some(envelope) = fast::read(text) {
            return Ok(envelope);
        }
        let pass = Pass::new(text);
        let envelope = second::read(text, &pass)?;
        trace(&envelope, &pass.left_out());
        Ok(envelope)
    }
}

/// Lists the parts of a body that an event does not hold.
pub(crate) fn unread<E: Event>(body: &[u8]) -> Result<Unread, ReadError> {
    let text = slices::utf8(body)?;
    let pass = Pass::listing_ignored(text);
    second::read::<E>(text, &pass)?;
    Ok(pass.unread())
}

/// Logs that values were left out. All keys in their paths are documented.
#[cfg(feature = "tracing")]
fn trace<E: Event>(envelope: &Envelope<E>, left_out: &Unread) {
    if !left_out.is_empty() {
        tracing::warn!(
            provider = <E::Provider as Provider>::NAME,
            event = second::documented::<E>(envelope.name()),
            paths = left_out.paths().join(", "),
            count = left_out.count(),
            "values in an unexpected form were left out"
        );
    }
}

#[cfg(not(feature = "tracing"))]
fn trace<E: Event>(_: &Envelope<E>, _: &Unread) {}
