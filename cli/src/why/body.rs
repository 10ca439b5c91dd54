//! Causes in the body.

use std::io::{Read, Write};

use flate2::{
    Compression, Crc,
    read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder},
    write::{DeflateEncoder, ZlibEncoder},
};

use super::{
    Case, Finding, respell,
    search::{Key, base64},
    token::percent_decode,
};
use crate::json::{self, Node};

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Inflated bodies beyond this size are not tried.
const INFLATE_LIMIT: u64 = 8 * 1024 * 1024;

/// Bodies beyond this size are not compressed again, because that is slow.
const DEFLATE_LIMIT: usize = 1024 * 1024;

const RAW: &str =
    "verify the raw bytes: take the body before any middleware, proxy or logger changes it";

impl Case {
    pub(super) fn body_cause(&self, mac: &[u8]) -> Option<Finding> {
        let key = Key::new(&self.secret)?;
        let body = self.body.as_slice();
        let signs = |bytes: &[u8]| key.signs(bytes, mac);
        newline(body, &signs)
            .or_else(|| byte_order_mark(body, &signs))
            .or_else(|| encoded(body, &signs))
            .or_else(|| compressed(body, &signs))
            .or_else(|| transcoded(body, &signs))
            .or_else(|| {
                signs(b"").then(|| {
                    let detail = "the signature belongs to an empty body";
                    let remedy = "whoever signed saw no body: it was consumed before, or the request was sent again \
                                  without it";
                    Finding::new("body-empty", detail, remedy)
                })
            })
            .or_else(|| form(body, &signs))
            .or_else(|| respell::cause(body, &signs))
    }
}

fn newline(body: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let found = |detail: &str| Some(Finding::new("body-newline", detail, RAW));
    for (end, name) in [("\n", "LF"), ("\r\n", "CR LF")] {
        let end = end.as_bytes();
        if body.strip_suffix(end).is_some_and(signs) {
            return found(&format!("a final {name} was added to the body"));
        }
        if signs(&[body, end].concat()) {
            return found(&format!("a final {name} was removed from the body"));
        }
    }
    let unix = replace(body, b"\r\n", b"\n");
    if signs(&unix) {
        return found("each LF was changed to CR LF");
    }
    if signs(&replace(&unix, b"\n", b"\r\n")) {
        return found("each CR LF was changed to LF");
    }
    None
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(from) {
            replaced.extend_from_slice(to);
            rest = after;
        } else {
            replaced.push(byte);
            rest = after;
        }
    }
    replaced
}

fn byte_order_mark(body: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let found = |detail| Some(Finding::new("body-bom", detail, RAW));
    if body.strip_prefix(BOM).is_some_and(signs) {
        return found("a byte order mark was added before the body");
    }
    if signs(&[BOM, body].concat()) {
        return found("the body's byte order mark was removed");
    }
    None
}

fn encoded(body: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    let joined: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| !is_space(byte))
        .collect();
    base64(&joined).is_some_and(|bytes| signs(&bytes)).then(|| {
        let remedy = "decode the body before you verify it; API Gateway says `isBase64Encoded`";
        Finding::new(
            "body-base64",
            "the body is the Base64 form of the signed bytes",
            remedy,
        )
    })
}

fn compressed(body: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let inflated = [
        ("gzip", inflate(MultiGzDecoder::new(body))),
        ("zlib", inflate(ZlibDecoder::new(body))),
        ("deflate", inflate(DeflateDecoder::new(body))),
    ];
    for (name, bytes) in inflated {
        if bytes.is_some_and(|bytes| signs(&bytes)) {
            let detail = format!("the body is the signed bytes, compressed with {name}");
            let remedy = "something on the way compressed the body; switch that off";
            return Some(Finding::new("body-compressed", detail, remedy));
        }
    }
    if body.len() > DEFLATE_LIMIT {
        return None;
    }
    let mut crc = Crc::new();
    crc.update(body);
    for level in (0..=9).map(Compression::new) {
        let mut encoder = DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(body).ok()?;
        let deflated = encoder.finish().ok()?;
        let mut encoder = ZlibEncoder::new(Vec::new(), level);
        encoder.write_all(body).ok()?;
        let zlib = encoder.finish().ok()?;
        let gzip = |flags: u8, system: u8| {
            let head = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, flags, system];
            let (sum, length) = (crc.sum().to_le_bytes(), crc.amount().to_le_bytes());
            [&head, deflated.as_slice(), &sum, &length].concat()
        };
        let is_gzip = [0, 2, 4].into_iter().any(|flags| {
            [0, 3, 7, 10, 11, 19, 255]
                .into_iter()
                .any(|system| signs(&gzip(flags, system)))
        });
        if is_gzip || signs(&zlib) || signs(&deflated) {
            let detail = "the signed bytes are compressed, and the body was inflated";
            let remedy = "verify the body as it was received, before anything inflates it";
            return Some(Finding::new("body-compressed", detail, remedy));
        }
    }
    None
}

fn inflate(decoder: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = decoder
        .take(INFLATE_LIMIT + 1)
        .read_to_end(&mut bytes)
        .ok()?;
    u64::try_from(length)
        .is_ok_and(|length| length <= INFLATE_LIMIT)
        .then_some(bytes)
}

fn transcoded(body: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let found = |detail| Some(Finding::new("body-transcoded", detail, RAW));
    if body.is_ascii() {
        return None;
    }
    let to_utf8: String = body.iter().copied().map(char::from).collect();
    if signs(to_utf8.as_bytes()) {
        return found("the body was converted from UTF-8 to Latin-1");
    }
    let text = std::str::from_utf8(body).ok()?;
    let to_latin: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(c).ok()).collect();
    if to_latin.is_some_and(|bytes| signs(&bytes)) {
        return found("the body was read as Latin-1 and written as UTF-8");
    }
    None
}

fn form(body: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let found = |detail: &str| {
        let remedy = "the body is JSON, so no form parser may touch it; take the raw bytes";
        Some(Finding::new("body-form-decoded", detail, remedy))
    };
    if [true, false]
        .into_iter()
        .any(|is_form| signs(&percent_decode(body, is_form)))
    {
        return found("the body is the percent-encoded form of the signed bytes");
    }
    let encode = |unreserved: &[u8], space: &str| {
        use std::fmt::Write;

        body.iter()
            .fold(String::with_capacity(body.len()), |mut text, &byte| {
                if byte.is_ascii_alphanumeric() || unreserved.contains(&byte) {
                    text.push(char::from(byte));
                } else if byte == b' ' {
                    text.push_str(space);
                } else {
                    let _ = write!(text, "%{byte:02X}");
                }
                text
            })
    };
    let sets: [&[u8]; 4] = [b"*-._", b"-._~", b"-_.!~*'()", b"-_."];
    let was_decoded = sets.into_iter().any(|unreserved| {
        ["+", "%20"]
            .into_iter()
            .any(|space| signs(encode(unreserved, space).as_bytes()))
    });
    // `+` and `%20` within JSON, such as in a telephone number.
    let had_plus = ["+", "%20"]
        .into_iter()
        .any(|space| signs(&replace(body, b" ", space.as_bytes())));
    if was_decoded || had_plus {
        return found("the signed bytes were percent-decoded");
    }
    let Some(Node::Object(entries)) = json::parse(body) else {
        return None;
    };
    let [(key, Node::Text(value))] = entries.as_slice() else {
        return None;
    };
    let (key, value) = (json::display(key), json::display(value));
    let mut bodies = vec![format!("{key}={value}")];
    if value.is_empty() {
        bodies.push(key);
    }
    if bodies.iter().any(|text| signs(text.as_bytes())) {
        return found("a form parser took the signed bytes for the only key of an object");
    }
    None
}
