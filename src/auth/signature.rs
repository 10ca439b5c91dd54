//! The two formats of a signature in a header, and the grammar of each.

use alloc::{format, string::String};
use core::fmt;

/// The format in which a provider writes an HMAC-SHA256 signature into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureFormat {
    /// Exactly 64 hex digits, as Grader.io and `ScoreApp` send.
    Hex,
    /// `sha256=` followed by exactly 64 hex digits, as Graphoid sends.
    PrefixedHex,
}

/// The prefix of [`SignatureFormat::PrefixedHex`].
const PREFIX: &[u8] = b"sha256=";

impl SignatureFormat {
    /// Parses a header value.
    ///
    /// The digits may be in either case, the prefix in lower case only. White space, lists, other
    /// lengths and other algorithms are rejected, because the provider determines the format, and not
    /// the request.
    ///
    /// ```
    /// use leadhook::{MalformedSignature, SignatureFormat};
    ///
    /// let digits = "00ff".repeat(16);
    /// assert!(SignatureFormat::Hex.parse(digits.as_bytes()).is_ok());
    /// assert_eq!(
    ///     SignatureFormat::PrefixedHex.parse(digits.as_bytes()).unwrap_err(),
    ///     MalformedSignature::MissingPrefix,
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// A [`MalformedSignature`], which gives a reason but never quotes the value.
    pub fn parse(self, value: &[u8]) -> Result<Signature, MalformedSignature> {
        let digits = match self {
            Self::Hex => Some(value),
            Self::PrefixedHex => value.strip_prefix(PREFIX),
        };
        let mut bytes = [0; 32];
        match digits.map(|digits| hex::decode_to_slice(digits, &mut bytes)) {
            Some(Ok(())) => Ok(Signature(bytes)),
            _ => Err(self.explain(value)),
        }
    }

    /// Formats a signature as a header value, with digits in lower case.
    #[must_use]
    pub fn format(self, signature: &Signature) -> String {
        let digits = hex::encode(signature.0);
        match self {
            Self::Hex => digits,
            Self::PrefixedHex => format!("sha256={digits}"),
        }
    }

    /// Returns the most helpful reason why a rejected value does not have this format.
    #[cold]
    fn explain(self, value: &[u8]) -> MalformedSignature {
        use MalformedSignature as Reason;

        if value.is_empty() {
            return Reason::Empty;
        }
        if !value.is_ascii() {
            return Reason::NotAscii;
        }
        if value.iter().any(u8::is_ascii_whitespace) {
            return Reason::Whitespace;
        }
        if value.contains(&b',') {
            return Reason::List;
        }
        if value.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
            return Reason::Quoted;
        }
        if is_base64(value.strip_prefix(PREFIX).unwrap_or(value)) {
            return Reason::Base64;
        }
        let digits = match (value.strip_prefix(PREFIX), self) {
            (Some(rest), _) if rest.starts_with(PREFIX) => return Reason::DuplicatePrefix,
            (Some(_), Self::Hex) => return Reason::UnexpectedPrefix,
            (Some(rest), Self::PrefixedHex) => rest,
            (None, _) => value,
        };
        if let Some(end) = digits.iter().position(|&byte| byte == b'=') {
            let is_sha256 = digits.split_at(end).0.eq_ignore_ascii_case(b"sha256");
            return match self {
                _ if !is_sha256 => Reason::OtherAlgorithm,
                Self::Hex => Reason::UnexpectedPrefix,
                Self::PrefixedHex => Reason::PrefixCase,
            };
        }
        match digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            Some(index) => Reason::NotHex { index },
            // With the prefix, 64 digits would have been accepted.
            None if digits.len() == 64 => Reason::MissingPrefix,
            None => Reason::Length {
                digits: digits.len(),
            },
        }
    }
}

/// An HMAC-SHA256 signature of 32 bytes.
///
/// It has no comparison, because only a [`Verifier`](crate::Verifier) compares signatures, in
/// constant time. `Debug` does not print it, because the right signature of a body that the provider
/// never sent would be a ready-made forgery.
#[derive(Clone, Copy)]
pub struct Signature([u8; 32]);

impl Signature {
    /// Returns the raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Signature {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

/// The reason why a header value is not a signature.
///
/// It helps the operator who set up the webhook. It never quotes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedSignature {
    /// The value is empty.
    #[error("the value is empty")]
    Empty,
    /// The value contains a byte that is not ASCII.
    #[error("the value is not ASCII")]
    NotAscii,
    /// There is white space before, after or within the value.
    #[error("the value contains white space")]
    Whitespace,
    /// The value contains a comma, so it is a list or two headers that a proxy joined.
    #[error("the value is a list or two headers joined into one; one signature was expected")]
    List,
    /// The value contains quotes.
    #[error("the value contains quotes")]
    Quoted,
    /// The value is 32 bytes in Base64, with or without the prefix `sha256=`.
    #[error("the value is Base64; hex digits were expected")]
    Base64,
    /// The value is bare hex, but the provider writes `sha256=` before the digits.
    #[error("the value has no prefix; `sha256=` was expected before the digits")]
    MissingPrefix,
    /// The value starts with `sha256=`, but the provider writes bare hex.
    #[error("the value has the prefix `sha256=`; bare hex digits were expected")]
    UnexpectedPrefix,
    /// The prefix `sha256=` appears twice.
    #[error("the prefix `sha256=` appears twice")]
    DuplicatePrefix,
    /// The prefix is `SHA256=` or another spelling that is not in lower case.
    #[error("the prefix `sha256=` must be in lower case")]
    PrefixCase,
    /// The value has another prefix, such as `sha1=`.
    #[error("the value has a prefix other than `sha256=`; no other algorithm is accepted")]
    OtherAlgorithm,
    /// The value is hex digits, but not 64 of them.
    #[error("the value has {digits} hex digits; 64 were expected")]
    #[non_exhaustive]
    Length {
        /// How many digits the value has.
        digits: usize,
    },
    /// The value contains a character that is not a hex digit.
    #[error("the character at index {index} of the digits is not a hex digit")]
    #[non_exhaustive]
    NotHex {
        /// The index of the first such character, counted from 0 after the prefix.
        index: usize,
    },
}

/// Returns whether a value has the form of 32 bytes in Base64.
fn is_base64(text: &[u8]) -> bool {
    text.strip_suffix(b"=").is_some_and(|rest| {
        rest.len() == 43
            && rest.iter().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
            })
    })
}
