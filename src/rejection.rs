//! Why a request was refused, and with which status.

use core::error::Error;
use core::fmt;

use crate::auth::error::VerifyError;
use crate::delivery::Delivery;
use crate::provider::Provider;
use crate::read::error::ReadError;

/// Why a request was refused, and with which status.
///
/// The answer has the status and an empty body: the reason is for the operator, not for the caller.
/// It never carries a secret, a signature or a value of the body. The features `axum` and `tower`
/// put the `Rejection` into the response's extensions, where a middleware finds it; under `actix` it
/// is the response's error. The `tracing` feature writes each as an event, but for those that are made of
/// an error alone.
///
/// A handler that takes the [`Delivery`], and reads it by itself, refuses it as the extractors do with
/// [`unreadable`](Self::unreadable).
///
/// ```
/// use leadhook::{Delivery, Graphoid, Rejection};
///
/// let delivery = Delivery::<Graphoid>::from_storage(r#"{"event":"lead.won","data":{"lead":[]}}"#);
/// let rejection = Rejection::unreadable(&delivery, delivery.read().unwrap_err());
///
/// assert_eq!(rejection.status(), 422);
/// assert_eq!(
///     rejection.to_string(),
///     "unexpected shape of lead.won at `data.lead` (line 1, column 36)",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    kind: RejectionKind,
    provider: Option<&'static str>,
}

/// What a request was refused for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The request is not authentic. The status is 401.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The body has a `Content-Encoding` other than `identity`. The status is 415.
    ///
    /// No sender is documented to compress, and what a signature would then cover is not known.
    #[error("the body has a content encoding; it is read only as it was signed")]
    UnsupportedEncoding,
    /// The body is over the limit. The status is 413.
    #[error("the body is over the limit")]
    BodyTooLarge,
    /// The body could not be read to its end: it broke off, or the framework refused to read it. The
    /// status is 400.
    #[error("the body could not be read to its end")]
    BodyIncomplete,
    /// The body can't be read as an event. The status is 422 for a documented event in an unexpected shape,
    /// and 400 for all else.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The application has no receiver for the provider: a mistake in its set-up. The status is 500.
    ///
    /// It occurs under `actix` alone; under `axum` such an application does not compile.
    #[error("the application's data has no `web::Data<Receiver<_>>` of the provider")]
    MissingReceiver,
}

impl Rejection {
    /// Refuses a delivery that can't be read, and tells the operator.
    #[must_use]
    pub fn unreadable<P: Provider>(delivery: &Delivery<P>, error: ReadError) -> Self {
        Self::of::<P>(error, Some(delivery.body().len()))
    }

    /// Refuses a request to the provider's endpoint, and tells the operator.
    pub(crate) fn of<P: Provider>(
        kind: impl Into<RejectionKind>,
        body_length: Option<usize>,
    ) -> Self {
        let rejection = Self {
            provider: Some(P::NAME),
            ..Self::from(kind.into())
        };
        rejection.trace(body_length);
        rejection
    }

    /// What the request was refused for.
    #[must_use]
    pub fn kind(&self) -> &RejectionKind {
        &self.kind
    }

    /// The name of the provider whose endpoint refused. None where it was made of an error.
    #[must_use]
    pub fn provider(&self) -> Option<&'static str> {
        self.provider
    }

    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            RejectionKind::Verify(ref error) => error.status(),
            RejectionKind::UnsupportedEncoding => 415,
            RejectionKind::BodyTooLarge => 413,
            RejectionKind::Read(ref error) => error.status(),
            RejectionKind::BodyIncomplete => 400,
            RejectionKind::MissingReceiver => 500,
        }
    }

    #[cfg(feature = "tracing")]
    fn trace(&self, body_length: Option<usize>) {
        tracing::warn!(
            provider = self.provider,
            status = self.status(),
            reason = %self.kind,
            body_length,
            "webhook refused"
        );
    }

    #[cfg(not(feature = "tracing"))]
    #[expect(clippy::unused_self, reason = "it is told nothing")]
    fn trace(&self, _: Option<usize>) {}
}

impl From<RejectionKind> for Rejection {
    fn from(kind: RejectionKind) -> Self {
        Self {
            kind,
            provider: None,
        }
    }
}

impl From<VerifyError> for Rejection {
    fn from(error: VerifyError) -> Self {
        RejectionKind::from(error).into()
    }
}

impl From<ReadError> for Rejection {
    fn from(error: ReadError) -> Self {
        RejectionKind::from(error).into()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}
