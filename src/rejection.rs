//! The reason why a request was rejected, and its status.

use crate::auth::error::VerifyError;
use crate::delivery::Delivery;
use crate::provider::Provider;
use crate::read::error::ReadError;

/// The reason why a request was rejected, and the status of the response.
///
/// The body of the response is empty, because the reason is for the operator and not for the caller.
/// A rejection carries no secret, no signature and no value from the body.
///
/// With the features `axum` and `tower`, a rejection becomes a response that carries it in its extensions,
/// where middleware finds it. With `actix`, it is the error of the response.
///
/// With the `tracing` feature, a rejected request is logged once, where it fails, as
/// [`webhook rejected`](https://docs.rs/leadhook/latest/leadhook/guide/metrics/). The extractors and the
/// layer log all of their rejections. Without them,
/// [`Receiver::authenticate`](crate::Receiver::authenticate) logs its errors, and
/// [`check_encoding`](Self::check_encoding), [`body_too_large`](Self::body_too_large) and
/// [`unreadable`](Self::unreadable) log the rejection that they return. Converting an error into a
/// rejection logs nothing. With the `metrics` feature, each rejection that is logged is also counted.
///
/// If your handler reads a [`Delivery`] itself, create the rejection with `unreadable`, because
/// [`Delivery::read`] does not log its errors:
///
/// ```
/// use leadhook::{Delivery, Graphoid, Rejection};
///
/// let body = r#"{"data":{"lead":{"id":"lead_1"}}}"#; // no event name
/// let delivery = Delivery::<Graphoid>::from_storage(body);
/// let rejection = Rejection::unreadable(&delivery, delivery.read().unwrap_err());
///
/// assert_eq!(rejection.status(), 400);
/// assert_eq!(rejection.provider(), Some("graphoid"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{kind}")]
pub struct Rejection {
    kind: RejectionKind,
    provider: Option<&'static str>,
    must_close: bool,
}

/// The kind of a [`Rejection`], with the error behind it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum RejectionKind {
    /// The request is not authentic. The status is 401.
    ///
    /// It is 503 if the account could not be [looked up](VerifyError::AccountUnavailable).
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The body has a `Content-Encoding`, such as `gzip`. The status is 415.
    ///
    /// No provider is known to compress bodies, so it is unknown what a signature would cover.
    #[error("the body has a content encoding, and only unencoded bodies can be verified")]
    UnsupportedEncoding,
    /// The body is over the limit. The status is 413.
    #[error("the body is over the limit")]
    BodyTooLarge,
    /// The body could not be read to its end. The status is 400.
    ///
    /// The client sent only a part of it, or the framework did not accept it.
    #[error("the body could not be read to its end")]
    BodyIncomplete,
    /// The body can't be read as an event.
    ///
    /// The status is 422 for a documented event in an unexpected shape, and 400 for everything else.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The application has no receiver for the provider. The status is 500.
    ///
    /// This happens with `actix` only. With `axum`, such an application does not compile.
    #[error(
        "there is no receiver for {provider}; \
         add a `web::Data<Receiver<_>>` for it to the application's data"
    )]
    #[non_exhaustive]
    MissingReceiver {
        /// The name of the provider.
        provider: &'static str,
    },
    /// Another extractor or a middleware has consumed the body. The status is 500.
    ///
    /// This happens with `actix` only, for example in a handler that takes `web::Bytes` and a
    /// `Webhook`. Remove the other one, because the delivery in the `Webhook` has the body.
    #[error(
        "another extractor or a middleware has consumed the body; \
         use the body of the delivery instead"
    )]
    BodyTaken,
}

/// The content codings of IANA's registry, except `identity`.
const CODINGS: [&str; 12] = [
    "aes128gcm",
    "br",
    "compress",
    "dcb",
    "dcz",
    "deflate",
    "exi",
    "gzip",
    "pack200-gzip",
    "x-compress",
    "x-gzip",
    "zstd",
];

impl Rejection {
    /// Rejects a body over the limit, and logs that.
    ///
    /// It is for a body that you collect yourself. The adapters check their limit themselves.
    #[must_use]
    pub fn body_too_large<P: Provider>() -> Self {
        Self::logged::<P>(RejectionKind::BodyTooLarge)
    }

    /// Rejects a body with a content coding, and logs that. `values` are all values of the header
    /// `Content-Encoding`.
    ///
    /// The codings are those that are registered with IANA, except `identity`, which means none. Any
    /// other value, such as `UTF-8`, is no coding, so the signature decides. This function is for a body
    /// that you collect yourself, because the adapters check the header themselves.
    ///
    /// ```
    /// use leadhook::{Graphoid, Rejection};
    ///
    /// let rejection = Rejection::check_encoding::<Graphoid>(["gzip"]).unwrap_err();
    /// assert_eq!(rejection.status(), 415);
    /// assert_eq!(Rejection::check_encoding::<Graphoid>(["UTF-8"]), Ok(()));
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnsupportedEncoding`](RejectionKind::UnsupportedEncoding) if a value names a coding.
    pub fn check_encoding<P: Provider>(
        values: impl IntoIterator<Item: AsRef<[u8]>>,
    ) -> Result<(), Self> {
        let is_coding = |name: &[u8]| {
            let name = name.trim_ascii();
            CODINGS
                .iter()
                .any(|coding| name.eq_ignore_ascii_case(coding.as_bytes()))
        };
        let is_coded = |value: &[u8]| value.split(|&byte| byte == b',').any(is_coding);
        if values.into_iter().any(|value| is_coded(value.as_ref())) {
            return Err(Self::logged::<P>(RejectionKind::UnsupportedEncoding));
        }
        Ok(())
    }

    /// Rejects a delivery that can't be read, and logs that.
    ///
    /// It is for a delivery that you read yourself. A `Webhook` was read by its extractor.
    #[must_use]
    pub fn unreadable<P: Provider>(delivery: &Delivery<P>, error: ReadError) -> Self {
        let rejection = Self::of::<P>(error);
        rejection.log(Some(delivery.body().len()));
        rejection
    }

    /// Rejects a request to the provider's endpoint before its body was read, and logs that.
    pub(crate) fn logged<P: Provider>(kind: RejectionKind) -> Self {
        let rejection = Self::of::<P>(kind);
        rejection.log(None);
        rejection
    }

    /// Creates the rejection of a request to the provider's endpoint.
    pub(crate) fn of<P: Provider>(kind: impl Into<RejectionKind>) -> Self {
        Self {
            provider: Some(P::NAME),
            ..Self::from(kind.into())
        }
    }

    /// Logs and counts the rejection. The log has the length of the body if it was read.
    pub(crate) fn log(&self, body_length: Option<usize>) {
        #[cfg(feature = "tracing")]
        tracing::warn!(
            provider = self.provider,
            status = self.status(),
            reason = %self.kind,
            body_length,
            "webhook rejected"
        );
        #[cfg(not(feature = "tracing"))]
        let _ = (self, body_length);
        #[cfg(feature = "metrics")]
        crate::metrics::rejected(self.provider, self.status(), self.kind.label());
    }

    /// Requires that the connection closes after the response.
    #[cfg(any(feature = "axum", feature = "tower"))]
    pub(crate) fn closing(self) -> Self {
        Self {
            must_close: true,
            ..self
        }
    }

    /// Returns the kind of the rejection.
    #[must_use]
    pub fn kind(&self) -> &RejectionKind {
        &self.kind
    }

    /// Returns the name of the provider whose endpoint rejected the request.
    ///
    /// It is `None` for a rejection that was converted from an error.
    #[must_use]
    pub fn provider(&self) -> Option<&'static str> {
        self.provider
    }

    /// Returns the HTTP status of the response.
    ///
    /// It is a plain number because the core does not depend on the `http` crate. With the features
    /// `axum` and `tower`, a rejection converts into an `http::StatusCode`.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            RejectionKind::Verify(ref error) => error.status(),
            RejectionKind::UnsupportedEncoding => 415,
            RejectionKind::BodyTooLarge => 413,
            RejectionKind::Read(ref error) => error.status(),
            RejectionKind::BodyIncomplete => 400,
            RejectionKind::MissingReceiver { .. } | RejectionKind::BodyTaken => 500,
        }
    }

    /// Returns whether the response must carry `Connection: close`.
    ///
    /// It is true if a part of the body was not read under HTTP/1. Otherwise the rest of the body could
    /// be taken for the connection's next request, or the next request could be lost with the
    /// connection. The rejection's own response has the header. Set it if you build a response yourself.
    ///
    /// It is always false with `actix`, because actix-web sets the header itself.
    #[must_use]
    pub fn must_close(&self) -> bool {
        self.must_close
    }
}

#[cfg(feature = "metrics")]
impl RejectionKind {
    /// Returns the name of the reason in metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::Verify(error) => error.label(),
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyIncomplete => "body_incomplete",
            Self::Read(error) => error.label(),
            Self::MissingReceiver { .. } => "missing_receiver",
            Self::BodyTaken => "body_taken",
        }
    }
}

impl From<RejectionKind> for Rejection {
    fn from(kind: RejectionKind) -> Self {
        Self {
            kind,
            provider: None,
            must_close: false,
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
