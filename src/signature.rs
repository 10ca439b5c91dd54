//! Signatures as headers carry them: the two styles and the grammar of each.

use alloc::{format, string::String};
use core::fmt;

/// How a provider writes an HMAC-SHA256 signature into a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scheme {
    /// 64 hex digits and nothing else, as Grader.io and `ScoreApp` send.
    Hex,
    /// `sha256=` and 64 hex digits, as Graphoid sends.
    Sha256Hex,
}

/// What stands before the digits of [`Scheme::Sha256Hex`].
const PREFIX: &[u8] = b"sha256=";

impl Scheme {
    /// Reads a header's value.
    ///
    /// The digits may be of either case, the prefix is in lower case only. White space, lists, other
    /// lengths and other algorithms are refused: the algorithm is a fact about the provider, never
    /// the request's choice.
    ///
    /// ```
    /// use leadhook::{Malformed, Scheme};
    ///
    /// let digits = "00ff".repeat(16);
    /// assert!(Scheme::Hex.parse(digits.as_bytes()).is_ok());
    /// assert_eq!(
    ///     Scheme::Sha256Hex.parse(digits.as_bytes()).unwrap_err(),
    ///     Malformed::MissingPrefix,
    /// );
    /// ```
    ///
    /// # Errors
    ///
    /// What is [`Malformed`], as a reason without the value.
    pub fn parse(self, value: &[u8]) -> Result<Signature, Malformed> {
        let digits = match self {
            Self::Hex => Some(value),
            Self::Sha256Hex => value.strip_prefix(PREFIX),
        };
        digits
            .and_then(decode)
            .map(Signature)
            .ok_or_else(|| self.explain(value))
    }

    /// Writes a signature as a header's value, with digits in lower case.
    #[must_use]
    pub fn format(self, signature: &Signature) -> String {
        let digits = hex::encode(signature.0);
        match self {
            Self::Hex => digits,
            Self::Sha256Hex => format!("sha256={digits}"),
        }
    }

    /// The most telling reason why a value that was refused is not of this scheme.
    #[cold]
    fn explain(self, value: &[u8]) -> Malformed {
        if value.is_empty() {
            return Malformed::Empty;
        }
        if value.iter().any(|byte| !byte.is_ascii()) {
            return Malformed::NotAscii;
        }
        if value.iter().any(u8::is_ascii_whitespace) {
            return Malformed::Whitespace;
        }
        if value.contains(&b',') {
            return Malformed::List;
        }
        if value.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
            return Malformed::Quoted;
        }
        if is_base64(value) {
            return Malformed::Base64;
        }
        let digits = match (value.strip_prefix(PREFIX), self) {
            (Some(rest), _) if rest.starts_with(PREFIX) => return Malformed::RepeatedPrefix,
            (Some(_), Self::Hex) => return Malformed::UnexpectedPrefix,
            (Some(rest), Self::Sha256Hex) => rest,
            (None, _) => value,
        };
        if let Some(end) = digits.iter().position(|&byte| byte == b'=') {
            let is_sha256 = digits.split_at(end).0.eq_ignore_ascii_case(b"sha256");
            return match self {
                _ if !is_sha256 => Malformed::OtherAlgorithm,
                Self::Hex => Malformed::UnexpectedPrefix,
                Self::Sha256Hex => Malformed::PrefixCase,
            };
        }
        match digits.iter().position(|byte| !byte.is_ascii_hexdigit()) {
            Some(index) => Malformed::NotHex { index },
            // With their prefix, they would have been accepted.
            None if digits.len() == DIGITS => Malformed::MissingPrefix,
            None => Malformed::Length {
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
pub enum Malformed {
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
    RepeatedPrefix,
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

const DIGITS: usize = 64;

/// Reads exactly 64 hex digits, eight at a time.
fn decode(digits: &[u8]) -> Option<[u8; 32]> {
    let digits: &[u8; DIGITS] = digits.try_into().ok()?;
    let mut bytes = [0; 32];
    let mut valid = EACH_HIGH_BIT;
    for (eight, four) in digits
        .as_chunks::<8>()
        .0
        .iter()
        .zip(bytes.as_chunks_mut::<4>().0)
    {
        let (value, ok) = decode_eight(u64::from_le_bytes(*eight));
        *four = value.to_le_bytes();
        valid &= ok;
    }
    (valid == EACH_HIGH_BIT).then_some(bytes)
}

const EACH_BYTE: u64 = 0x0101_0101_0101_0101;
const EACH_HIGH_BIT: u64 = 0x80 * EACH_BYTE;

/// Reads eight hex digits, the first in the lowest byte. The second value has the high bit of each
/// byte set whose digit is one.
fn decode_eight(digits: u64) -> (u32, u64) {
    /// Sets the high bit of each byte that is at least `least`; right for bytes below 128.
    fn at_least(bytes: u64, least: u8) -> u64 {
        bytes.wrapping_add(EACH_BYTE.wrapping_mul(0x80_u64.wrapping_sub(least.into())))
    }
    let ascii = !digits;
    let low = digits & !EACH_HIGH_BIT;
    let lower_case = low | (0x20 * EACH_BYTE);
    let decimal = at_least(low, b'0') & !at_least(low, b'9' + 1);
    let letter = at_least(lower_case, b'a') & !at_least(lower_case, b'f' + 1) & EACH_HIGH_BIT;

    let nibbles = (low & (0x0f * EACH_BYTE)).wrapping_add((letter >> 7).wrapping_mul(9));
    let pairs = (nibbles << 4 | nibbles >> 8) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the upper half has been folded in"
    )]
    let value = (quads | quads >> 16) as u32;
    (value, ascii & (decimal | letter) & EACH_HIGH_BIT)
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

#[cfg(test)]
mod tests {
    use super::decode;
    use alloc::vec::Vec;

    fn reference(digits: &[u8]) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes)
            .ok()
            .map(|()| bytes)
    }

    #[test]
    fn decodes_as_hex_does_for_every_byte_at_every_position() {
        for filler in *b"0a" {
            for position in 0..64 {
                for byte in 0..=u8::MAX {
                    let mut digits = [filler; 64];
                    digits[position] = byte;
                    assert_eq!(
                        decode(&digits),
                        reference(&digits),
                        "{byte:#x} at {position}"
                    );
                }
            }
        }
    }

    #[test]
    fn decodes_only_64_digits() {
        let digits: Vec<u8> = b"0123456789abcdefABCDEF"
            .iter()
            .copied()
            .cycle()
            .take(200)
            .collect();
        for length in 0..digits.len() {
            assert_eq!(
                decode(&digits[..length]),
                reference(&digits[..length]),
                "{length} digits"
            );
        }
    }
}
