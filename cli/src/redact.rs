//! A body without a personal value in it, but with its shape, types and lengths.

use std::collections::HashSet;

use crate::{
    json::{self, Node, Text, is_number},
    keys,
};

/// The places of the values that identify an event.
const IDENTITIES: [&[&str]; 5] = [
    &["id"],
    &["data", "id"],
    &["data", "lead", "id"],
    &["data", "submission", "id"],
    &["submission", "id"],
];

/// The keys under which a body names its event.
const EVENTS: [&str; 2] = ["event", "event_name"];

/// Returns the body with each text as text of the same length and kind, and with `*` for undocumented keys.
pub(crate) fn redact(body: &[u8]) -> Vec<u8> {
    let Some(mut node) = json::parse(body) else {
        return vec![b'x'; body.len()];
    };
    redact_node(&mut node, &keys::documented(), &mut Vec::new());
    node.to_bytes()
}

fn redact_node(node: &mut Node, documented: &HashSet<Text>, path: &mut Vec<String>) {
    match node {
        Node::Literal(literal) if is_number(literal) && !is_identity(path, literal) => {
            *literal = literal.replace(|c: char| c.is_ascii_digit(), "1");
        }
        Node::Literal(literal) if literal == "false" => *literal = "true".into(),
        Node::Literal(_) => {}
        Node::Text(text) => {
            let shown = json::display(text);
            if !is_identity(path, &shown) && !is_event(path, &shown) {
                *text = mask(text, &shown);
            }
        }
        Node::List(items) => {
            path.push("[]".into());
            for item in items {
                redact_node(item, documented, path);
            }
            path.pop();
        }
        Node::Object(entries) => {
            for (key, value) in entries {
                if !documented.contains(key) {
                    *key = json::text("*");
                }
                path.push(json::display(key));
                redact_node(value, documented, path);
                path.pop();
            }
        }
    }
}

/// Returns whether a value is an opaque id at the place of one. An e-mail address or a name is not opaque.
fn is_identity(path: &[String], value: &str) -> bool {
    let is_opaque = value.len() <= 64
        && value
            .bytes()
            .any(|byte| byte.is_ascii_digit() || byte == b'_')
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    is_opaque && IDENTITIES.iter().any(|identity| path == *identity)
}

fn is_event(path: &[String], value: &str) -> bool {
    let is_name = value.len() <= 64
        && value
            .bytes()
            .all(|byte| byte.is_ascii_alphabetic() || b"_.".contains(&byte));
    is_name && matches!(path, [key] if EVENTS.contains(&key.as_str()))
}

/// Replaces letters by letters and digits by digits. Punctuation stays, because it shows the kind.
fn mask(text: &[u32], shown: &str) -> Text {
    let bytes = shown.as_bytes();
    let is_date = bytes.len() >= 10
        && bytes
            .iter()
            .zip(b"dddd-dd-dd")
            .all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                form => byte == form,
            });
    let mask = |(&code, character): (&u32, char)| match character {
        'T' | 'Z' if is_date => code,
        'a'..='z' => 'x'.into(),
        'A'..='Z' => 'X'.into(),
        '0'..='9' => '1'.into(),
        c if c.is_ascii() => code,
        c if c.is_alphabetic() => 'é'.into(),
        _ => '…'.into(),
    };
    text.iter().zip(shown.chars()).map(mask).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::panic, clippy::string_slice, clippy::unwrap_used)]

    use super::{EVENTS, redact};
    use crate::{
        json::{self, Node},
        provider::Kind,
    };

    pub(crate) const CANARIES: [&str; 4] = [
        "Canary Müller",
        "canary@example.com",
        "CANARY",
        "canary.canary",
    ];

    /// Calls a function for each body in which one key or text is a canary.
    pub(crate) fn with_each_value(node: &Node, canary: &str, check: &mut dyn FnMut(Node)) {
        match node {
            Node::Literal(_) | Node::Text(_) => check(Node::Text(json::text(canary))),
            Node::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    with_each_value(item, canary, &mut |changed| {
                        let mut items = items.clone();
                        items.splice(index..=index, [changed]);
                        check(Node::List(items));
                    });
                }
            }
            Node::Object(entries) => {
                for (index, (key, value)) in entries.iter().enumerate() {
                    let mut replace = |key: &json::Text, value: Node| {
                        let mut entries = entries.clone();
                        entries.splice(index..=index, [(key.clone(), value)]);
                        check(Node::Object(entries));
                    };
                    replace(&json::text(canary), value.clone());
                    with_each_value(value, canary, &mut |changed| replace(key, changed));
                }
            }
        }
    }

    #[test]
    fn no_canary_is_left_wherever_it_is() {
        let mut tried = 0;
        for kind in Kind::PROVIDERS {
            for (name, body) in kind.samples() {
                let node = json::parse(body.as_bytes()).unwrap();
                for canary in CANARIES {
                    with_each_value(&node, canary, &mut |changed| {
                        tried += 1;
                        let before = changed.to_bytes();
                        let after = redact(&before);
                        let text = String::from_utf8(after).unwrap();
                        let found = text.to_lowercase().contains("canary");
                        // A name without a digit, a space or an `@` can be an event's name.
                        let may_stay = !canary.contains([' ', '@'])
                            && EVENTS
                                .iter()
                                .any(|key| text.contains(&format!("\"{key}\":\"{canary}\"")));
                        assert!(!found || may_stay, "{name}: {text}");
                        let count = text.to_lowercase().matches(&canary.to_lowercase()).count();
                        assert!(count <= 1, "{name}: {text}");
                    });
                }
                for broken in [&body[1..], &body[..body.len() - 1]] {
                    let text = redact(broken.as_bytes());
                    assert!(text.iter().all(|&byte| byte == b'x') && text.len() == broken.len());
                }
            }
        }
        assert!(tried > 1000);
    }

    /// What the fuzzer found is odd, so it is worth a try.
    #[test]
    fn no_canary_is_left_in_inputs_of_the_fuzzer() {
        let inputs = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/inputs");
        let mut tried = 0;
        for directory in std::fs::read_dir(inputs).unwrap() {
            for file in std::fs::read_dir(directory.unwrap().path()).unwrap() {
                let body = std::fs::read(file.unwrap().path()).unwrap();
                let canary = b"Canary";
                for place in 0..=body.len() {
                    tried += 1;
                    let (start, end) = body.split_at(place);
                    let text = redact(&[start, canary, end].concat());
                    let found = text.windows(canary.len()).any(|part| part == canary);
                    assert!(!found, "{place}: {}", String::from_utf8_lossy(&text));
                }
            }
        }
        assert!(tried > 100);
    }

    #[test]
    fn masks_keep_length_and_kind() {
        let redacted = |body: &str| String::from_utf8(redact(body.as_bytes())).unwrap();
        assert_eq!(
            redacted(
                r#"{"id":"evt_1","email":"Ann.B@example.com","score":-97.50e2,"created_at":"2026-01-02T03:04:05Z","zip":"Zoë 99","ok":false}"#
            ),
            r#"{"id":"evt_1","email":"Xxx.X@xxxxxxx.xxx","score":-11.11e1,"created_at":"1111-11-11T11:11:11Z","*":"Xxé 11","*":true}"#,
        );
        assert_eq!(
            redacted(r#"{"id":"ann@example.com"}"#),
            r#"{"id":"xxx@xxxxxxx.xxx"}"#
        );
        assert_eq!(
            redacted(r#"{"event":"Ann Example"}"#),
            r#"{"event":"Xxx Xxxxxxx"}"#
        );
    }
}
