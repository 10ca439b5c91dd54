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
