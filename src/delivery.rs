//! An authenticated delivery, which is the proof of its provider and the bytes.

use alloc::sync::Arc;
use core::{fmt, marker::PhantomData};

use bytes::Bytes;
use serde::Deserialize;

use crate::auth::verifier::SecretIndex;
use crate::provider::{Event, Provider};
use crate::read;
use crate::read::envelope::Envelope;
use crate::read::error::ReadError;
use crate::read::unread::Unread;

/// A verified delivery from provider `P`, with its body.
///
/// Only a [`Receiver`](crate::Receiver) creates one, or [`from_storage`](Self::from_storage), for
/// which the caller vouches. A delivery is cheap to clone and can be sent to a task or a queue. `Debug`
/// prints the length of the body and nothing of its content.
///
/// ```
/// use leadhook::{Delivery, Graphoid, Receiver, Secret, Signer};
///
/// let secret = Secret::new("whsec_5d41402abc4b")?;
/// let body = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;
/// let (_, header) = Signer::<Graphoid>::new(&secret).header(body.as_bytes());
///
/// let receiver = Receiver::<Graphoid>::new(&secret);
/// let delivery: Delivery<Graphoid> = receiver.authenticate([header], body)?;
/// assert_eq!(delivery.read()?.name(), "lead.won");
/// assert_eq!(delivery.body(), body);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A delivery can be read as an event of `P` and of no other provider, so this does not compile:
///
/// ```compile_fail,E0271
/// use leadhook::{Delivery, Grader, scoreapp::ScoreAppEvent};
///
/// fn read(delivery: Delivery<Grader>) {
///     let _ = delivery.read_as::<ScoreAppEvent>();
/// }
/// ```
///
/// It can't be put together by hand either:
///
/// ```compile_fail,E0451
/// use leadhook::{Delivery, Grader};
///
/// fn forge(other: Delivery<Grader>) -> Delivery<Grader> {
///     Delivery { body: "{}".into(), ..other }
/// }
/// ```
pub struct Delivery<P> {
    body: Bytes,
    matched_secret: Option<SecretIndex>,
    scope: Option<Arc<str>>,
    provider: PhantomData<fn() -> P>,
}

impl<P: Provider> Delivery<P> {
    pub(crate) fn authenticated(
        body: Bytes,
        matched_secret: Option<SecretIndex>,
        scope: Option<Arc<str>>,
    ) -> Self {
        Self {
            body,
            matched_secret,
            scope,
            provider: PhantomData,
        }
    }

    /// Creates a delivery from a body that was authenticated before and stored since.
    ///
    /// Nothing is checked. The caller vouches that a delivery of `P` had this body. The delivery has
    /// no scope. If its receiver has a scope, add it [again](Self::with_scope), or the deduplication key
    /// differs.
    pub fn from_storage(body: impl Into<Bytes>) -> Self {
        Self::authenticated(body.into(), None, None)
    }

    /// Sets the scope of the receiver that authenticated the delivery.
    #[must_use]
    pub fn with_scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Returns the [scope](crate::Receiver::with_scope) of the receiver, if it has one.
    #[must_use]
    pub fn scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Returns the body as it was received and signed.
    ///
    /// A receiver keeps the `Bytes` that it is given, which may share a larger buffer. The adapters
    /// give it a buffer that has exactly the length of the body.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Returns the body and gives up the proof.
    #[must_use]
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// Returns which secret or token matched, or `None` if nothing was compared.
    ///
    /// As long as some deliveries match a previous secret, that secret is still in use.
    #[must_use]
    pub fn matched_secret(&self) -> Option<SecretIndex> {
        self.matched_secret
    }

    /// Reads the event and its envelope.
    ///
    /// Only an event whose name or identity can't be read is an error. Any other value in an unexpected
    /// form is left out of the event, and [`unread`](Self::unread) lists it.
    ///
    /// # Errors
    ///
    /// A [`ReadError`] if the body is not a readable event. The delivery stays intact, so it can be
    /// stored or read as another type.
    pub fn read(&self) -> Result<Envelope<P::Event>, ReadError> {
        self.read_as()
    }

    /// Reads the event as a type other than the provider's default, such as Tomba's
    /// [`SaveLead`](crate::tomba::SaveLead) or
    /// [`LookupResult<EmailVerifier>`](crate::tomba::LookupResult).
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_as<E: Event<Provider = P>>(&self) -> Result<Envelope<E>, ReadError> {
        Envelope::parse(&self.body)
    }

    /// Lists the parts of the body that an event of type `E` does not hold.
    ///
    /// These are undocumented keys, values in an unexpected form, and all but the first of several
    /// members with the same key. For example, a field that the provider has renamed is in the list. The
    /// list is empty for every documented body. Null, `""`, `{}` and `[]` are not listed, because nothing in
    /// them could be read. Each call reads the body once more.
    ///
    /// The paths contain keys of the body, which may be personal data.
    ///
    /// ```
    /// use leadhook::{Delivery, Graphoid, graphoid::GraphoidEvent};
    ///
    /// let body = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1","worth":45000}}}"#;
    /// let delivery = Delivery::<Graphoid>::from_storage(body);
    /// let unread = delivery.unread::<GraphoidEvent>()?;
    /// assert_eq!(unread.paths(), ["data.lead.worth"]);
    /// # Ok::<(), leadhook::ReadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A [`ReadError`] if the body is not a readable event.
    pub fn unread<E: Event<Provider = P>>(&self) -> Result<Unread, ReadError> {
        read::unread::<E>(&self.body)
    }

    /// Logs how many parts of the body were not read, if debug events are logged.
    #[cfg(all(feature = "tracing", any(feature = "axum", feature = "actix")))]
    pub(crate) fn trace_unread<E: Event<Provider = P>>(&self, envelope: &Envelope<E>) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let count = self.unread::<E>().map_or(0, |unread| unread.count());
        if count > 0 {
            tracing::debug!(
                provider = P::NAME,
                event = read::second::documented::<E>(envelope.name()),
                count,
                "parts of the body were not read"
            );
        }
    }

    /// Reads the whole body as your own type.
    ///
    /// ```
    /// use leadhook::{Delivery, Graphoid};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Escalation<'a> {
    ///     id: &'a str,
    /// }
    ///
    /// let body = r#"{"id":"evt_1","event":"ticket.escalated"}"#;
    /// let delivery = Delivery::<Graphoid>::from_storage(body);
    /// assert_eq!(delivery.json::<Escalation>()?.id, "evt_1");
    /// # Ok::<(), leadhook::ReadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotUtf8`](ReadError::NotUtf8), [`NotJson`](ReadError::NotJson), or
    /// [`UnexpectedShape`](ReadError::UnexpectedShape) with the path of the value. A key that is not a
    /// field of your types is shown as `*`.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ReadError> {
        read::own::read(&self.body)
    }
}

impl<P> Clone for Delivery<P> {
    fn clone(&self) -> Self {
        Self {
            body: self.body.clone(),
            scope: self.scope.clone(),
            ..*self
        }
    }
}

impl<P: Provider> fmt::Debug for Delivery<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("provider", &P::NAME)
            .field("length", &self.body.len())
            .field("matched_secret", &self.matched_secret)
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
