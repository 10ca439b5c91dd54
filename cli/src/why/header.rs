//! Causes in the header: its format, its algorithm, and its place.

use hmac::{Hmac, KeyInit, Mac};
use leadhook::{RejectionKind, Secret, VerifyError};
use sha1::Sha1;
use sha2::Sha512;

use super::{
    Case, Finding,
    search::{Key, base64, hex, trim},
};
use crate::provider::Kind;

/// Returns the bytes of a signature in the provider's format.
pub(super) fn accepted(provider: Kind, value: &[u8]) -> Option<Vec<u8>> {
    let digits = match provider {
        Kind::Graphoid => value.strip_prefix(b"sha256=")?,
        _ => value,
    };
    hex(digits).filter(|mac| mac.len() == 32)
}

/// Returns the parts of a value that may be digits: `t=1,v1=5f2c` has `t=1`, `1`, `v1=5f2c` and `5f2c`.
fn parts(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| matches!(byte, b',' | b' ' | b';'))
        .flat_map(|part| {
            let (_, _, part) = trim(part);
            let is_quote = |byte: &&u8| matches!(byte, b'"' | b'\'');
            let unquoted = part
                .split_first()
                .filter(|(first, _)| is_quote(first))
                .and_then(|(first, rest)| rest.strip_suffix(&[*first]))
                .unwrap_or(part);
            let prefix = unquoted
                .iter()
                .position(|&byte| matches!(byte, b'=' | b':'));
            let rest = prefix.and_then(|at| unquoted.get(at + 1..));
            [Some(unquoted), rest].into_iter().flatten()
        })
}

impl Case {
    /// Verifies as the receiver does.
    pub(super) fn verify(&self) -> Option<VerifyError> {
        let secret = Secret::from_bytes(&self.secret).ok()?;
        match self
            .provider
            .read(&secret, &self.values, self.body.clone().into())
        {
            Err(RejectionKind::Verify(error)) => Some(error),
            _ => None,
        }
    }

    pub(super) fn matches(&self) -> Option<Finding> {
        let secret = Secret::from_bytes(&self.secret).ok()?;
        let result = self
            .provider
            .read(&secret, &self.values, self.body.clone().into());
        let what = if self.provider.is_signed() {
            "signature"
        } else {
            "token"
        };
        let detail = match result {
            Err(RejectionKind::Verify(_)) => return None,
            Ok(_) => format!("the {what} matches, and the body can be read"),
            Err(error) => format!("the {what} matches; the body can't be read: {error}"),
        };
        Some(Finding::new(
            "none",
            detail,
            "nothing to do here; if your endpoint rejects this request, it sees other bytes, another header or \
             another secret",
        ))
    }

    /// Returns why the header can't be accepted, if that is so.
    pub(super) fn malformed(&self) -> Option<String> {
        match self.verify()? {
            VerifyError::SignatureMismatch | VerifyError::TokenMismatch => None,
            error => Some(error.to_string()),
        }
    }

    pub(super) fn header_cause(&self) -> Option<Finding> {
        let key = Key::new(&self.secret)?;
        if let [value] = self.values.as_slice() {
            let mut macs = parts(value)
                .flat_map(|part| [hex(part), base64(part)])
                .flatten();
            if macs.any(|mac| key.signs(&self.body, &mac)) {
                let reason = self.malformed().unwrap_or_default();
                return Some(Finding::new(
                    "header-format",
                    format!("the right signature in another form: {reason}"),
                    "pass the header's value on unchanged; if the provider itself sends this form, its documentation \
                     is wrong, so please open an issue",
                ));
            }
            if let Some(algorithm) = self.other_algorithm(value) {
                return Some(Finding::new(
                    "header-other",
                    format!(
                        "the signature is HMAC-{algorithm} of the same body with the same secret"
                    ),
                    "use the header that the provider documents; all three providers that sign use HMAC-SHA256",
                ));
            }
        }
        let signs = |value: &[u8]| {
            accepted(self.provider, value).is_some_and(|mac| key.signs(&self.body, &mac))
        };
        let (name, _) = self
            .headers
            .iter()
            .find(|(name, value)| name != self.provider.header() && signs(value))?;
        Some(Finding::new(
            "header-other",
            format!(
                "the signature is in the header `{}`",
                crate::terminal::plain(name)
            ),
            "read the signature from the header that the provider documents; a proxy may have renamed it",
        ))
    }

    fn other_algorithm(&self, value: &[u8]) -> Option<&'static str> {
        let mut sha1 = Hmac::<Sha1>::new_from_slice(&self.secret).ok()?;
        let mut sha512 = Hmac::<Sha512>::new_from_slice(&self.secret).ok()?;
        sha1.update(&self.body);
        sha512.update(&self.body);
        let (sha1, sha512) = (sha1.finalize().into_bytes(), sha512.finalize().into_bytes());
        let mut digests = parts(value).filter_map(hex);
        digests.find_map(|digest| {
            if digest == sha1.as_slice() {
                Some("SHA1")
            } else {
                (digest == sha512.as_slice()).then_some("SHA512")
            }
        })
    }

    /// Tries `t.body` and `id.t.body` with the values of the other headers.
    pub(super) fn timestamp_cause(&self, mac: &[u8]) -> Option<Finding> {
        let key = Key::new(&self.secret)?;
        let others: Vec<_> = self
            .headers
            .iter()
            .filter(|(name, _)| name != self.provider.header())
            .take(32)
            .collect();
        let found = |detail: String| {
            let remedy = "this is not the signature scheme that the provider documents; check that the request comes \
                          from the provider itself and not from a relay";
            Some(Finding::new("timestamp-prefixed", detail, remedy))
        };
        let name = |name: &str| crate::terminal::plain(name);
        for (time_name, time) in &others {
            if key.signs_parts(&[time, b".", &self.body], mac) {
                let header = name(time_name);
                return found(format!(
                    "the signature covers the header `{header}`, a dot and the body"
                ));
            }
        }
        for (id_name, id) in &others {
            for (time_name, time) in &others {
                if key.signs_parts(&[id, b".", time, b".", &self.body], mac) {
                    let (id, time) = (name(id_name), name(time_name));
                    return found(format!(
                        "the signature covers the headers `{id}` and `{time}` and the body, joined by dots"
                    ));
                }
            }
        }
        None
    }
}
