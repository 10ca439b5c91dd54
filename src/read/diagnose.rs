//! Finds the path of the value that can't be read as a type of the user's own.

use alloc::string::{String, ToString};
use core::fmt::Write;

use serde::Deserialize;
use serde_path_to_error::{Deserializer, Path, Segment, Track};

use crate::read::error::ReadError;

/// Reads JSON as a type of the user's own, with the path in the error.
///
/// The path shows `*` for each key, because keys may be personal data.
#[cold]
pub(super) fn read<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ReadError> {
    let mut track = Track::new();
    let mut json = serde_json::Deserializer::from_str(text);
    T::deserialize(Deserializer::new(&mut json, &mut track)).map_err(|error| {
        let is_field_missing = error.to_string().starts_with("missing field `");
        ReadError::UnexpectedShape {
            event: None,
            path: path_of(&track.path(), is_field_missing),
            line: error.line(),
            column: error.column(),
        }
    })
}

/// Formats the path of an error, with one more key if a field is missing.
fn path_of(path: &Path, is_field_missing: bool) -> String {
    let mut text = String::new();
    let push_key = |text: &mut String| text.push_str(if text.is_empty() { "*" } else { ".*" });
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(text, "[{index}]");
            }
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => push_key(&mut text),
        }
    }
    if is_field_missing {
        push_key(&mut text);
    }
    text
}
