//! A delivery whose sender is proven, and the bytes it brought.

use alloc::sync::Arc;
use core::{fmt, marker::PhantomData};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::{Envelope, Event, Provider, ReadError, diagnosis, freshness::AgeLimit};

/// The proof that a body was authenticated for the provider `P`, and the body.
///
/// Only a [`Receiver`](crate::Receiver) makes one, or [`from_storage`](Self::from_storage), for
/// which the caller vouches. It can be read as an event of `P` and of no other provider:
///
/// ```compile_fail,E0271
/// use leadhook::{Delivery, Grader, scoreapp::ScoreAppEvent};
///
/// fn read(delivery: Delivery<Grader>) {
///     let _ = delivery.read_as::<ScoreAppEvent>();
/// }
/// ```
///
/// It can't be put together by hand:
///
/// ```compile_fail,E0451
/// use leadhook::{Delivery, Grader};
///
/// fn forge(other: Delivery<Grader>) -> Delivery<Grader> {
///     Delivery { body: "{}".into(), ..other }
/// }
/// ```
///
/// It is cheap to clone and can go to a task or a queue. `Debug` prints the body's length, and
/// nothing of the body.
pub struct Delivery<P> {
    body: Bytes,
    secret_index: Option<usize>,
    scope: Option<Arc<str>>,
    age_limit: Option<AgeLimit>,
    provider: PhantomData<fn() -> P>,
}

impl<P: Provider> Delivery<P> {
    pub(crate) fn authenticated(
        body: Bytes,
        secret_index: Option<usize>,
        scope: Option<Arc<str>>,
        age_limit: Option<AgeLimit>,
    ) -> Self {
        Self {
            body,
            secret_index,
            scope,
            age_limit,
            provider: PhantomData,
        }
    }

    /// Takes back a body that was authenticated before and stored since.
    ///
    /// Nothing is checked: the caller vouches that a delivery of `P` had this body. It has no age
    /// limit, and the [scope](Self::scope) that it is given: without that of its receiver, its `key` is
    /// another.
    pub fn from_storage(body: impl Into<Bytes>) -> Self {
        Self::authenticated(body.into(), None, None, None)
    }

    /// Names the account again, where the receiver has a [scope](crate::Receiver::scope).
    #[must_use]
    pub fn scope(mut self, scope: &str) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// The body, as it was received and signed.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// Gives up the proof, and leaves the body.
    #[must_use]
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// Which secret or token matched: 0 is the current one, 1 the first of the previous ones. None
    /// where nothing was compared.
    ///
    /// As long as it isn't always 0, a previous secret is still in use.
    #[must_use]
    pub fn secret_index(&self) -> Option<usize> {
        self.secret_index
    }

    /// Reads the event and its envelope. An age limit is checked against the system's clock. Needs
    /// the `std` feature.
    ///
    /// # Errors
    ///
    /// A [`ReadError`]; the delivery stays whole, to be stored or read as another type.
    #[cfg(feature = "std")]
    pub fn read(&self) -> Result<Envelope<P::Event>, ReadError> {
        self.read_as()
    }

    /// Reads the event as another type than the provider's default, such as Tomba's
    /// [`EmailVerifier`](crate::tomba::EmailVerifier). Needs the `std` feature.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[cfg(feature = "std")]
    pub fn read_as<E: Event<Provider = P>>(&self) -> Result<Envelope<E>, ReadError> {
        self.parse_event(Utc::now)
    }

    /// Reads the event and its envelope. An age limit is checked against `now`.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_at(&self, now: DateTime<Utc>) -> Result<Envelope<P::Event>, ReadError> {
        self.read_as_at(now)
    }

    /// Reads the event as another type than the provider's default. An age limit is checked against
    /// `now`.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn read_as_at<E: Event<Provider = P>>(
        &self,
        now: DateTime<Utc>,
    ) -> Result<Envelope<E>, ReadError> {
        self.parse_event(|| now)
    }

    /// Asks for the time only where there is an age limit: the clock costs a tenth of a small read.
    fn parse_event<E: Event<Provider = P>>(
        &self,
        now: impl FnOnce() -> DateTime<Utc>,
    ) -> Result<Envelope<E>, ReadError> {
        let envelope = Envelope::parse(&self.body)?;
        if let Some(limit) = self.age_limit {
            limit.check(envelope.timestamp, now())?;
        }
        Ok(envelope)
    }

    /// Reads the whole body as a type of your own. No age limit is checked.
    ///
    /// ```
    /// use leadhook::{Delivery, Graphoid};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Escalation<'a> {
    ///     id: &'a str,
    /// }
    ///
    /// let delivery = Delivery::<Graphoid>::from_storage(r#"{"id":"evt_1","event":"ticket.escalated"}"#);
    /// assert_eq!(delivery.parse::<Escalation>()?.id, "evt_1");
    /// # Ok::<(), leadhook::ReadError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotUtf8`](ReadError::NotUtf8), [`NotJson`](ReadError::NotJson), or
    /// [`UnknownShape`](ReadError::UnknownShape) with `*` for every key of the path.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ReadError> {
        diagnosis::read_as(&self.body)
    }

    /// The scope of the receiver.
    #[cfg_attr(
        not(feature = "dedup"),
        expect(dead_code, reason = "only keys are made of it")
    )]
    pub(crate) fn scope_name(&self) -> Option<&str> {
        self.scope.as_deref()
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
            .field("secret_index", &self.secret_index)
            .finish_non_exhaustive()
    }
}
