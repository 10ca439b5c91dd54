//! Signatures as headers carry them: the two styles and the grammar of each.

use alloc::{format, string::String};
use core::fmt;

use crate::auth::hex;

/// How a provider writes an HMAC-SHA256 signature into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureFormat {
    /// 64 hex digits and nothing else, as Grader.io and `ScoreApp` send.
    Hex,
    /// `sha256=` and 64 hex digits, as Graphoid sends.
    PrefixedHex,
}

/// What stands before the digits of [`SignatureFormat::PrefixedHex`].
const PREFIX: &[u8] = b"sha256=";

impl SignatureFormat {
    /// Reads a header's value.
    ///
    /// The digits may be of either case, the prefix is in lower case only. White space, lists, other
    /// lengths and other algorithms are refused: the algorithm is a fact about the provider, never
    /// the request's choice.
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
    /// What is [`MalformedSignature`], as a reason without the value.
    pub fn parse(self, value: &[u8]) -> Result<Signature, MalformedSignature> {
        let digits = match self {
            Self::Hex => Some(value),
            Self::PrefixedHex => value.strip_prefix(PREFIX),
        };
        digits
            .and_then(hex::decode)
            .map(Signature)
            .ok_or_else(|| self.explain(value))
    }

    /// Writes a signature as a header's value, with digits in lower case.
    #[must_use]
    pub fn format(self, signature: &Signature) -> String {
        let digits = ::hex::encode(signature.0);
        match self {
            Self::Hex => digits,
            Self::PrefixedHex => format!("sha256={digits}"),
        }
    }

    /// The most telling reason why a value that was refused is not of this scheme.
    #[cold]
    fn explain(self, value: &[u8]) -> MalformedSignature {
        if value.is_empty() {
            return MalformedSignature::Empty;
        }
        if value.iter().any(|byte| !byte.is_ascii()) {
            return MalformedSignature::NotAscii;
        }
        if value.iter().any(u8::is_ascii_whitespace) {
            return MalformedSignature::Whitespace;
        }
        if value.contains(&b',') {
            return MalformedSignature::List;
        }
        if value.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
            return MalformedSignature::Quoted;
        }
        if is_base64(value) {
            return MalformedSignature::Base64;
        }
        let digits = match (value.strip_prefix(PREFIX), self) {
            (Some(rest), _) if rest.starts_with(PREFIX) => {
                return MalformedSignature::DuplicatePrefix;
            }
            (Some(_), Self::Hex) => return MalformedSignature::UnexpectedPrefix,
            (Some(rest), Self::PrefixedHex) => rest,
            (None, _) => value,
        };
        if let Some(end) = digits.iter().position(|&byte| byte == b'=') {
            let is_sha256 = digits.split_at(end).0.eq_ignore_ascii_case(b"sha256");
            return match self {
                _ if !is_sha256 => MalformedSignature::OtherAlgorithm,
                Self::Hex => MalformedSignature::UnexpectedPrefix,
                Self::PrefixedHex => MalformedSignature::PrefixCase,
            };
        }
        match digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            Some(index) => MalformedSignature::NotHex { index },
            // With their prefix, they would have been accepted.
            None if digits.len() == hex::DIGITS => MalformedSignature::MissingPrefix,
            None => MalformedSignature::Length {
                digits: digits.len(),
            },
        }
    }
}

/// An HMAC-SHA256 signature: always 32 bytes.
///
/// It can be read and written, and has no comparison: only a [`Verifier`](crate::Verifier)
/// compares, in constant time. `Debug` doesn't print it, since the signature of a body that was not
/// sent is a forgery ready for use.
#[derive(Clone, Copy)]
pub struct Signature([u8; 32]);

impl Signature {
    /// The signature as raw bytes.
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

/// Why a header's value is not a signature.
///
/// The reason is for the operator who set the webhook up; it never quotes the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedSignature {
    /// The header is there, and empty.
    #[error("the value is empty")]
    Empty,
    /// A byte outside of ASCII.
    #[error("the value is not ASCII")]
    NotAscii,
    /// White space before, after or within the value.
    #[error("the value has white space in it")]
    Whitespace,
    /// A comma: a list, or two headers that a proxy joined to one.
    #[error("the value is a list, or two headers joined to one; one signature was expected")]
    List,
    /// The value stands in quotes.
    #[error("the value has quotes in it")]
    Quoted,
    /// 32 bytes in Base64 where hex was expected.
    #[error("a Base64 value where hex digits were expected")]
    Base64,
    /// Bare hex where the provider writes `sha256=`.
    #[error("a bare-hex value where `sha256=` was expected")]
    MissingPrefix,
    /// `sha256=` where the provider writes bare hex.
    #[error("a `sha256=` value where bare hex was expected")]
    UnexpectedPrefix,
    /// `sha256=` twice.
    #[error("the prefix `sha256=` stands there twice")]
    DuplicatePrefix,
    /// `SHA256=` or another case of it.
    #[error("the prefix `sha256=` must be in lower case")]
    PrefixCase,
    /// Another prefix, such as `sha1=`.
    #[error("a prefix other than `sha256=`; no other algorithm is accepted")]
    OtherAlgorithm,
    /// Hex digits, but not 64 of them.
    #[error("{digits} hex digits where 64 were expected")]
    Length {
        /// How many digits there are.
        digits: usize,
    },
    /// Something that is no hex digit.
    #[error("no hex digit at index {index} of the digits")]
    NotHex {
        /// Where the first one stands, counted from 0 after the prefix.
        index: usize,
    },
}

/// Whether a text has the form of 32 bytes in Base64.
fn is_base64(text: &[u8]) -> bool {
    text.strip_suffix(b"=").is_some_and(|rest| {
        rest.len() == 43
            && rest.iter().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
            })
    })
}
