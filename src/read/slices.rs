//! Splits checked JSON into slices of the body.
//!
//! The syntax is checked once, before the second pass. From then on a value is a `&str` of the body, so a
//! value that nobody reads costs nothing, and the place of a value is the place of its slice.

use alloc::{borrow::Cow, string::String};
use core::{fmt, iter, slice, str};

use serde::{
    Deserializer,
    de::{Error, IgnoredAny, Visitor},
};

use crate::read::error::ReadError;

/// Returns a body as text.
pub(super) fn utf8(body: &[u8]) -> Result<&str, ReadError> {
    str::from_utf8(body).map_err(|error| ReadError::NotUtf8 {
        index: error.valid_up_to(),
    })
}

/// Checks that a text is JSON.
pub(super) fn check_syntax(text: &str) -> Result<(), ReadError> {
    match serde_json::from_str(text) {
        Ok(IgnoredAny) => Ok(()),
        Err(error) => Err(ReadError::NotJson {
            line: error.line(),
            column: error.column(),
        }),
    }
}

/// Returns whether a value is an object.
pub(crate) fn is_object(json: &str) -> bool {
    json.starts_with('{')
}

/// Returns whether a value is a list.
pub(crate) fn is_list(json: &str) -> bool {
    json.starts_with('[')
}

/// Returns whether a value contains nothing that could be read.
pub(crate) fn is_empty(json: &str) -> bool {
    let inner = |open: char, close: char| json.strip_prefix(open)?.strip_suffix(close);
    let is_blank = |inner: Option<&str>| inner.is_some_and(|inner| inner.trim_ascii().is_empty());
    matches!(json, "null" | "\"\"") || is_blank(inner('{', '}')) || is_blank(inner('[', ']'))
}

/// Returns the names and values of an object's members. Any other value has none.
pub(crate) fn members(json: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut rest = json.strip_prefix('{').unwrap_or_default();
    iter::from_fn(move || {
        let (key, after_key) = split_value(rest)?;
        let (value, after_value) = split_value(after_key.trim_ascii_start().strip_prefix(':')?)?;
        rest = after_value;
        Some((text(key)?, value))
    })
}

/// Returns the elements of a list. Any other value has none.
pub(crate) fn elements(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json.strip_prefix('[').unwrap_or_default();
    iter::from_fn(move || {
        let (element, after) = split_value(rest)?;
        rest = after;
        Some(element)
    })
}

/// Splits off the next value, and the comma before it. Returns `None` at the end of an object or a list.
fn split_value(json: &str) -> Option<(&str, &str)> {
    let json = json.trim_ascii_start();
    let json = json.strip_prefix(',').map_or(json, str::trim_ascii_start);
    json.split_at_checked(length(json))
        .filter(|(value, _)| !value.is_empty())
}

/// Returns the length of the value with which a text starts.
fn length(json: &str) -> usize {
    let mut depth = 0_usize;
    let mut bytes = json.as_bytes().iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_text(&mut bytes),
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' if depth > 0 => depth = depth.saturating_sub(1),
            // A number or a word ends before this byte.
            b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => {
                let rest = bytes.len().saturating_add(1);
                return json.len().saturating_sub(rest);
            }
            _ => continue,
        }
        if depth == 0 {
            break;
        }
    }
    json.len().saturating_sub(bytes.len())
}

/// Skips the rest of a text and its closing quote.
fn skip_text(bytes: &mut slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => break,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

/// Returns the text of a JSON string, in which a lone surrogate, such as half an emoji, is U+FFFD.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    struct Replaced;

    impl Visitor<'_> for Replaced {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<String, E> {
            Ok(replace_surrogates(text))
        }
    }

    let quoted = json.strip_prefix('"')?.strip_suffix('"')?;
    if !quoted.contains('\\') {
        return Some(Cow::Borrowed(quoted));
    }
    // `serde_json` rejects a lone surrogate in a text, but not in bytes.
    let mut json = serde_json::Deserializer::from_str(json);
    json.deserialize_bytes(Replaced).ok().map(Cow::Owned)
}

/// Returns the text of a string, or a number or boolean as it was sent.
pub(crate) fn scalar(json: &str) -> Option<Cow<'_, str>> {
    let is_other = json.starts_with(['"', '{', '[']) || json == "null";
    text(json).or((!is_other).then_some(Cow::Borrowed(json)))
}

/// Writes U+FFFD for each surrogate of a text that is UTF-8 otherwise.
fn replace_surrogates(text: &[u8]) -> String {
    /// The first of the three bytes of a surrogate. The other two are not valid by themselves.
    const LEAD: &[u8] = &[0xED];

    let mut replaced = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        replaced.push_str(chunk.valid());
        if chunk.invalid() == LEAD {
            replaced.push(char::REPLACEMENT_CHARACTER);
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use alloc::{borrow::Cow, vec::Vec};

    use super::{elements, is_empty, members, text};

    #[test]
    fn objects_and_lists_are_split_into_their_values() {
        let object = r#"{ "a" : 1 , "b\n":[1, {"c":"]"} ],"":"\"," ,"d":{},"\\":"\\" , "e":true}"#;
        let split: Vec<_> = members(object).collect();
        let expected = [
            ("a", "1"),
            ("b\n", r#"[1, {"c":"]"} ]"#),
            ("", r#""\",""#),
            ("d", "{}"),
            ("\\", r#""\\""#),
            ("e", "true"),
        ];
        assert_eq!(split, expected.map(|(key, value)| (Cow::from(key), value)));
        let list = "[ 1,-2.5e3 , null,\"a\",[ ],{ },\"é\\\"]\"\t]";
        let split: Vec<_> = elements(list).collect();
        let expected = ["1", "-2.5e3", "null", "\"a\"", "[ ]", "{ }", "\"é\\\"]\""];
        assert_eq!(split, expected);
        for none in [
            "{}", "[]", "{ }", "[ ]", "1", "null", "\"[1]\"", "", "{", "[",
        ] {
            assert_eq!(members(none).count(), 0, "{none}");
            assert_eq!(elements(none).count(), 0, "{none}");
        }
    }

    #[test]
    fn empty_values_are_null_and_empty_texts_lists_and_objects() {
        for empty in ["null", "\"\"", "{}", "[]", "{ \n}", "[\t]"] {
            assert!(is_empty(empty), "{empty}");
        }
        for value in ["0", "\" \"", "{\"\":null}", "[null]", "false", "[[]]"] {
            assert!(!is_empty(value), "{value}");
        }
    }

    #[test]
    fn a_lone_surrogate_is_one_replacement_character() {
        for (json, expected) in [
            (r#""plain é""#, "plain é"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
            (r#""\ud83d""#, "\u{fffd}"),
            (r#""a\ude00b""#, "a\u{fffd}b"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
            (r#""\ud83d\ud83d""#, "\u{fffd}\u{fffd}"),
            (r#""é\ud83d\u00e9\n""#, "é\u{fffd}é\n"),
        ] {
            assert_eq!(text(json).as_deref(), Some(expected), "{json}");
        }
        assert_eq!(text("1"), None);
        assert_eq!(text("\""), None);
    }
}
