//! Finds where JSON has an unexpected shape, in a slower pass after the fast one has failed.

use alloc::string::{String, ToString};
use core::fmt::Write;

use serde_json::de::StrRead;
use serde_path_to_error::{Deserializer, Path, Segment, Track};

use crate::read::error::ReadError;

/// Reads JSON and tracks the path, for the error.
///
/// The path shows a key if it is a documented one, and `*` for any other, because the keys of a body
/// may be personal data.
#[cold]
pub(super) fn read<'de, T>(
    text: &'de str,
    event: Option<&'static str>,
    is_documented_key: impl Fn(&str) -> bool,
    read: impl FnOnce(
        Deserializer<'_, '_, &mut serde_json::Deserializer<StrRead<'de>>>,
    ) -> serde_json::Result<T>,
) -> Result<T, ReadError> {
    let mut track = Track::new();
    let mut json = serde_json::Deserializer::from_str(text);
    read(Deserializer::new(&mut json, &mut track)).map_err(|error| ReadError::UnexpectedShape {
        event,
        path: path_of(&track.path(), &error, is_documented_key),
        line: error.line(),
        column: error.column(),
    })
}

/// Formats the path of an error, with the name of the field if one is missing.
fn path_of(
    path: &Path,
    error: &serde_json::Error,
    is_documented_key: impl Fn(&str) -> bool,
) -> String {
    let mut text = String::new();
    let push_key = |text: &mut String, key: &str| {
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(if is_documented_key(key) { key } else { "*" });
    };
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(text, "[{index}]");
            }
            Segment::Map { key } => push_key(&mut text, key),
            Segment::Enum { .. } | Segment::Unknown => push_key(&mut text, "*"),
        }
    }
    if let Some(rest) = error.to_string().strip_prefix("missing field `")
        && let Some((field, _)) = rest.split_once('`')
    {
        push_key(&mut text, field);
    }
    text
}
