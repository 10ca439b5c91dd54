//! The reason why a request is not authentic.

use crate::auth::signature::MalformedSignature;

/// The reason why a request is not authentic.
///
/// It carries no secret, no signature and nothing from the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The request has no signature header.
    ///
    /// Grader.io and `ScoreApp` send no signature if their user has set no secret (their webhook
    /// documentation).
    #[error("the signature header is missing; is a webhook secret set at the provider?")]
    MissingSignature,
    /// The request has more than one signature header, even if their values are equal.
    #[error("the signature header appears more than once")]
    DuplicateSignature,
    /// The value of the signature header is not a signature in the provider's format.
    #[error("the signature header is malformed: {0}")]
    MalformedSignature(MalformedSignature),
    /// The signature does not match this body under any of the receiver's secrets.
    #[error(
        "the signature does not match; is it the right secret, and is the body unchanged since it was received?"
    )]
    SignatureMismatch,
    /// The body is empty, and the signature is that of another body.
    ///
    /// No provider is known to send an empty body, so the likely cause is middleware that consumed it.
    #[error(
        "the body is empty, and the signature belongs to another body; did middleware or a proxy consume the body?"
    )]
    EmptyBody,
    /// The request has no token where the receiver expects one.
    #[error("the token is missing")]
    MissingToken,
    /// The request has more than one token, even if their values are equal.
    #[error("the token appears more than once")]
    DuplicateToken,
    /// The token is not a token that the receiver accepts.
    #[error("the token does not match")]
    TokenMismatch,
    /// There is no account for this request, as [`Receiver::unknown`](crate::Receiver::unknown) says.
    ///
    /// To the client, it looks the same as a signature or token that does not match.
    #[error("the account is unknown")]
    UnknownAccount,
    /// The account could not be looked up, as [`Receiver::unavailable`](crate::Receiver::unavailable)
    /// says. The status is 503.
    #[error("the account could not be looked up")]
    AccountUnavailable,
}

impl VerifyError {
    /// Returns the HTTP status of the response.
    ///
    /// It is 503 if the account could not be looked up, and 401 otherwise.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::AccountUnavailable => 503,
            _ => 401,
        }
    }

    /// Returns the name of the reason in metrics.
    #[cfg(feature = "metrics")]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::MissingSignature => "missing_signature",
            Self::DuplicateSignature => "duplicate_signature",
            Self::MalformedSignature(_) => "malformed_signature",
            Self::SignatureMismatch => "signature_mismatch",
            Self::EmptyBody => "empty_body",
            Self::MissingToken => "missing_token",
            Self::DuplicateToken => "duplicate_token",
            Self::TokenMismatch => "token_mismatch",
            Self::UnknownAccount => "unknown_account",
            Self::AccountUnavailable => "account_unavailable",
        }
    }
}

impl From<MalformedSignature> for VerifyError {
    fn from(malformed: MalformedSignature) -> Self {
        Self::MalformedSignature(malformed)
    }
}
