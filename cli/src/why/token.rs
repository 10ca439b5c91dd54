//! Causes in a token, which is compared as it is.

use super::{Case, Finding, search::trim};
use crate::net::percent_encode;

impl Case {
    pub(super) fn explain_token(&self) -> Finding {
        if let Some(finding) = self.matches() {
            return finding;
        }
        let [value] = self.values.as_slice() else {
            return self.no_single_token();
        };
        if value.is_empty() {
            return self.no_single_token();
        }
        let secret = self.secret.as_slice();
        let same = |left: &[u8], right: &[u8]| !left.is_empty() && left == right;
        let (_, _, value_trimmed) = trim(value);
        let (_, _, secret_trimmed) = trim(secret);
        if same(value_trimmed, secret_trimmed) {
            return Finding::new(
                "token-whitespace",
                "the token or the secret has white space or an invisible character around it",
                "remove it where the secret is stored or in the provider's dashboard",
            );
        }
        if same(unquoted(value), unquoted(secret)) {
            return Finding::new(
                "token-quotes",
                "the token or the secret has quotes around it",
                "remove them where the secret is stored or in the provider's dashboard",
            );
        }
        let encodes = |plain: &[u8], encoded: &[u8]| {
            same(&percent_decode(encoded, true), plain)
                || same(&percent_decode(encoded, false), plain)
                || same(percent_encode(plain).as_bytes(), encoded)
        };
        if encodes(secret, value) || encodes(value, secret) {
            return Finding::new(
                "token-encoded",
                "one is the percent-encoded form of the other",
                "encode the token once in the URL, and configure it as it is, not encoded",
            );
        }
        if let Some((name, _)) = self.others.iter().find(|(_, other)| other == value) {
            return Finding::new(
                "token-other",
                format!("the token in `{}` matches", crate::terminal::plain(name)),
                "use that token, or accept both with `with_previous`",
            );
        }
        Finding::new(
            "unknown",
            "the token is another one; white space, quotes, percent-encoding and the other secrets don't explain it",
            "compare the token in the provider's dashboard or `webhook_url` with the configured one",
        )
    }

    fn no_single_token(&self) -> Finding {
        if self.values.len() > 1 {
            return Finding::new(
                "unknown",
                "the request has several tokens",
                "send the token once",
            );
        }
        Finding::new(
            "token-missing",
            "the request has no token",
            "add the header in the webhook's form, or the parameter to the `webhook_url`",
        )
    }
}

fn unquoted(text: &[u8]) -> &[u8] {
    for quote in [b"\"", b"'"] {
        if let Some(inner) = text
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
        {
            return inner;
        }
    }
    text
}

/// Decodes percent-encoding, and `+` as a space if it is a form's.
pub(crate) fn percent_decode(text: &[u8], is_form: bool) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.split_at_checked(2).filter(|_| byte == b'%');
        let escaped = digits.and_then(|(digits, after)| {
            let byte = super::search::hex(digits)?;
            Some((*byte.first()?, after))
        });
        let (byte, after) = match (byte, escaped) {
            (_, Some(escaped)) => escaped,
            (b'+', None) if is_form => (b' ', after),
            (byte, None) => (byte, after),
        };
        decoded.push(byte);
        rest = after;
    }
    decoded
}
