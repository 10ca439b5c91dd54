//! Causes in the secret.

use super::{
    Case, Finding,
    search::{Key, base64, encodings, hex, trim},
};

const PREFIX: &[u8] = b"whsec_";

/// White space and invisible characters that end up before or after a secret.
pub(super) const BLANKS: [&str; 6] = ["\n", "\r\n", " ", "\t", "\r", "\u{feff}"];

const TAKE: &str = "the provider uses the text as it is; configure exactly the text that was entered or shown there";
const DECODE: &str =
    "the provider decodes its secret; pass the decoded bytes to `Secret::from_bytes`";

impl Case {
    pub(super) fn secret_cause(&self, mac: &[u8]) -> Option<Finding> {
        let signs = |key: &[u8]| {
            !key.is_empty() && Key::new(key).is_some_and(|key| key.signs(&self.body, mac))
        };
        let other = self.others.iter().find(|(_, secret)| signs(secret));
        if let Some((name, _)) = other {
            return Some(Finding::new(
                "secret-other",
                format!("the secret in `{}` matches", crate::terminal::plain(name)),
                "use that secret; if the provider is being switched to a new one, accept both with `with_previous`",
            ));
        }
        whitespace(&self.secret, &signs)
            .or_else(|| quotes(&self.secret, &signs))
            .or_else(|| encoded(&self.secret, &signs))
    }
}

fn whitespace(secret: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let found = |detail: &str, remedy| Some(Finding::new("secret-whitespace", detail, remedy));
    let (start, end, both) = trim(secret);
    let shorter = [
        start,
        end,
        both,
        secret.strip_suffix(b"\n").unwrap_or(secret),
        secret.strip_suffix(b"\r").unwrap_or(secret),
    ];
    if shorter.into_iter().any(signs) {
        let remedy =
            "remove it where the secret is stored; `echo` adds a newline, `printf %s` does not";
        return found(
            "the secret has white space, a line end or an invisible character around it",
            remedy,
        );
    }
    let longer = BLANKS.iter().flat_map(|blank| {
        let blank = blank.as_bytes();
        [
            [secret, blank].concat(),
            [blank, secret].concat(),
            [blank, secret, blank].concat(),
        ]
    });
    if longer.into_iter().any(|key| signs(&key)) {
        let remedy = "enter the secret again at the provider, without the white space";
        return found(
            "the provider signs with white space or a line end around the secret, which yours lacks",
            remedy,
        );
    }
    None
}

fn quotes(secret: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    for quote in [b"\"", b"'"] {
        let unquoted = secret
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if unquoted.is_some_and(signs) {
            let remedy = "remove them; Docker's `--env-file` and some dashboards keep the quotes of a `.env` file";
            return Some(Finding::new(
                "secret-quotes",
                "the secret has quotes around it",
                remedy,
            ));
        }
        if signs(&[quote, secret, quote].concat()) {
            let remedy = "enter the secret again at the provider, without the quotes";
            let detail = "the provider signs with quotes around the secret, which yours lacks";
            return Some(Finding::new("secret-quotes", detail, remedy));
        }
    }
    None
}

fn encoded(secret: &[u8], signs: &impl Fn(&[u8]) -> bool) -> Option<Finding> {
    let found = |detail: String, remedy| Some(Finding::new("secret-encoded", detail, remedy));
    let prefixed = [PREFIX, secret].concat();
    let stripped = secret.strip_prefix(PREFIX);
    if stripped.is_some_and(signs) {
        return found("the key is the secret without `whsec_`".into(), TAKE);
    }
    if signs(&prefixed) {
        return found("the key is the secret with `whsec_` before it".into(), TAKE);
    }
    for text in [Some(secret), stripped].into_iter().flatten() {
        for (name, key) in [("hex", hex(text)), ("Base64", base64(text))] {
            if key.is_some_and(|key| signs(&key)) {
                return found(format!("the secret is the {name} form of the key"), DECODE);
            }
        }
        for (name, key) in encodings(text) {
            if signs(&key) || signs(&[PREFIX, &key].concat()) {
                return found(format!("the key is the {name} form of the secret"), TAKE);
            }
        }
    }
    None
}
