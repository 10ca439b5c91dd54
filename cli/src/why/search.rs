//! The search for the bytes or the key that a signature belongs to.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// A key that many messages are tried with.
pub(super) struct Key(Hmac<Sha256>);

impl Key {
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(key).ok().map(Self)
    }

    pub(super) fn signs(&self, message: &[u8], mac: &[u8]) -> bool {
        self.signs_parts(&[message], mac)
    }

    pub(super) fn signs_parts(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        let mut state = self.0.clone();
        for part in parts {
            state.update(part);
        }
        state.finalize().into_bytes().as_slice() == mac
    }
}

/// Decodes Base64 in either alphabet, padded or not.
pub(super) fn base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

pub(super) fn hex(text: &[u8]) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.chunks(2).map(pair).collect()
}

/// Returns all forms in which people write bytes as text, with their names.
pub(super) fn encodings(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    use std::fmt::Write;

    let digits = bytes.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    let unpadded = |text: &str| text.trim_end_matches('=').as_bytes().to_vec();
    let standard = STANDARD.encode(bytes);
    let url_safe = URL_SAFE.encode(bytes);
    vec![
        ("hex", digits.to_ascii_uppercase().into_bytes()),
        ("hex", digits.into_bytes()),
        ("Base64", unpadded(&standard)),
        ("Base64", standard.into_bytes()),
        ("URL-safe Base64", unpadded(&url_safe)),
        ("URL-safe Base64", url_safe.into_bytes()),
    ]
}

/// Returns the bytes without white space and invisible characters at the start, at the end, and at both ends.
pub(super) fn trim(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    const BLANKS: [&str; 13] = [
        " ", "\t", "\r", "\n", "\u{b}", "\u{c}", "\0", "\u{a0}", "\u{feff}", "\u{200b}",
        "\u{200c}", "\u{200d}", "\u{2060}",
    ];
    let mut start = bytes;
    while let Some(rest) = BLANKS
        .iter()
        .find_map(|blank| start.strip_prefix(blank.as_bytes()))
    {
        start = rest;
    }
    let trim_end = |mut bytes| {
        while let Some(rest) = BLANKS
            .iter()
            .find_map(|blank| <[u8]>::strip_suffix(bytes, blank.as_bytes()))
        {
            bytes = rest;
        }
        bytes
    };
    (start, trim_end(bytes), trim_end(start))
}
