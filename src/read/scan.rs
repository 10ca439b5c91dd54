//! Walks through checked JSON without reading it as a type.
//!
//! The text of a value is a slice of the body, so a value that is not read costs no memory, and its
//! place in the body is known.

use alloc::{borrow::Cow, string::String};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::value::RawValue;

/// Returns whether a value is an object.
pub(crate) fn is_object(json: &str) -> bool {
    json.trim_ascii_start().starts_with('{')
}

/// Returns whether a value is a list.
pub(crate) fn is_list(json: &str) -> bool {
    json.trim_ascii_start().starts_with('[')
}

/// Returns the names and values of an object's members in their order.
///
/// A value that is not an object has no members.
pub(crate) fn members(json: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut rest = json.trim_ascii_start().strip_prefix('{');
    core::iter::from_fn(move || {
        let (key, after_key) = split_value(rest?)?;
        let value = after_key.trim_ascii_start().strip_prefix(':')?;
        let (value, after_value) = split_value(value)?;
        rest = after_value.trim_ascii_start().strip_prefix(',');
        Some((text(key)?, value))
    })
}

/// Returns the elements of a list in their order.
///
/// A value that is not a list has no elements.
pub(crate) fn elements(json: &str) -> impl Iterator<Item = &str> {
    let mut rest = json.trim_ascii_start().strip_prefix('[');
    core::iter::from_fn(move || {
        let (element, after_element) = split_value(rest?)?;
        rest = after_element.trim_ascii_start().strip_prefix(',');
        Some(element)
    })
}

/// Splits off the first value, if there is one.
fn split_value(json: &str) -> Option<(&str, &str)> {
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<&RawValue>();
    let value = values.next()?.ok()?;
    Some((value.get(), json.get(values.byte_offset()..)?))
}

/// Returns the text of a JSON string, in which a lone surrogate is U+FFFD.
pub(crate) fn text(json: &str) -> Option<Cow<'_, str>> {
    let quoted = json.strip_prefix('"')?.strip_suffix('"')?;
    if !quoted.contains('\\') {
        return Some(Cow::Borrowed(quoted));
    }
    let Text(text) = serde_json::from_str(json).ok()?;
    Some(text)
}

/// A JSON string, borrowed where it has no escapes. A lone surrogate, such as half an emoji, is
/// U+FFFD.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_bytes<E: Error>(self, text: &'de [u8]) -> Result<Self::Value, E> {
                Ok(Text(match core::str::from_utf8(text) {
                    Ok(text) => Cow::Borrowed(text),
                    Err(_) => Cow::Owned(replace_surrogates(text)),
                }))
            }

            fn visit_bytes<E: Error>(self, text: &[u8]) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(match core::str::from_utf8(text) {
                    Ok(text) => text.into(),
                    Err(_) => replace_surrogates(text),
                })))
            }
        }

        // The string is read as bytes, because `serde_json` rejects lone surrogates in text.
        deserializer.deserialize_bytes(TextVisitor)
    }
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

    use super::{elements, members, text};

    #[test]
    fn objects_and_lists_are_split_into_their_values() {
        let object = r#" { "a" : 1 , "b\n":[1, {"c":"]"} ],"":"\"," ,"d":{} } "#;
        let split: Vec<_> = members(object).collect();
        let expected = [
            ("a", "1"),
            ("b\n", r#"[1, {"c":"]"} ]"#),
            ("", r#""\",""#),
            ("d", "{}"),
        ];
        assert_eq!(split, expected.map(|(key, value)| (Cow::from(key), value)));
        let list = "[ 1,-2.5e3 , null,\"a\",[ ],{ }]";
        let split: Vec<_> = elements(list).collect();
        assert_eq!(split, ["1", "-2.5e3", "null", "\"a\"", "[ ]", "{ }"]);
        for empty in [
            "{}", "[]", "{ }", "[ ]", "1", "null", "\"[1]\"", "", "{", "[",
        ] {
            assert_eq!(members(empty).count(), 0, "{empty}");
            assert_eq!(elements(empty).count(), 0, "{empty}");
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
