//! Why a body can't be read: slower passes over it, taken after the fast one failed.

use alloc::string::{String, ToString};
use core::{fmt::Write, str};

use serde::{Deserialize, de::IgnoredAny};
use serde_json::de::StrRead;
use serde_path_to_error::{Deserializer, Path, Segment, Track};

use crate::{Envelope, Event, Layout, Provider, envelope::Head};

/// Why a delivery can't be read as an event.
///
/// It quotes nothing of the body, where there is personal data: it carries keys and names that the
/// provider documents, and positions. Lines and columns are counted from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The body is not UTF-8, as JSON must be.
    #[error("the body is not UTF-8 at byte {index}")]
    NotUtf8 {
        /// How many bytes precede it.
        index: usize,
    },
    /// The body is not JSON: broken off, followed by something else, or another format.
    #[error("the body is not JSON at line {line}, column {column}")]
    NotJson {
        /// The line of the first error.
        line: usize,
        /// The column of the first error.
        column: usize,
    },
    /// The body is JSON, but no object.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// The envelope doesn't name its event.
    #[error("the body has no text `{key}` that names the event")]
    NoEventName {
        /// The key that should have held the name.
        key: &'static str,
    },
    /// A key of the envelope is there more than once, so that two readers could read two meanings.
    #[error("the body has `{key}` more than once")]
    RepeatedKey {
        /// The key.
        key: &'static str,
    },
    /// The event is known, but its data has a shape that is not.
    ///
    /// The delivery is whole: store its bytes, and read them once the shape is known.
    #[error(
        "unknown shape{}{} at `{path}` (line {line}, column {column})",
        if event.is_some() { " of " } else { "" },
        event.unwrap_or_default()
    )]
    UnknownShape {
        /// The event's name, where it is a documented one.
        event: Option<&'static str>,
        /// The path in the body, such as `data.category_scores[2].percent`. A key that is not
        /// documented is shown as `*`.
        path: String,
        /// The line of the value.
        line: usize,
        /// The column of the value.
        column: usize,
    },
    /// An age limit is set, and the envelope has no readable timestamp.
    #[error("an age limit is set, and the body has no readable timestamp")]
    NoTimestamp,
    /// The event is older than the age limit.
    #[error("the event is {seconds} s old, which is older than the age limit")]
    TooOld {
        /// Its age.
        seconds: i64,
    },
    /// The event is further in the future than the age limit allows for.
    #[error("the event is {seconds} s in the future, which is further than the age limit")]
    TooNew {
        /// How far ahead it is.
        seconds: i64,
    },
}

/// The body as text.
pub(crate) fn utf8(body: &[u8]) -> Result<&str, ReadError> {
    str::from_utf8(body).map_err(|error| ReadError::NotUtf8 {
        index: error.valid_up_to(),
    })
}

/// Reads a body as a type of the user's own.
pub(crate) fn read_as<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ReadError> {
    let text = utf8(body)?;
    serde_json::from_str(text).or_else(|_| {
        check_syntax(text)?;
        track(text, None, |_| false, |json| T::deserialize(json))
    })
}

/// Reads a body once more, and finds what is wrong with it.
#[cold]
pub(crate) fn read_slowly<E: Event>(text: &str) -> Result<Envelope<E>, ReadError> {
    check_syntax(text)?;
    if !is_object(text) {
        return Err(ReadError::NotAnObject);
    }
    let layout = E::Provider::LAYOUT;
    let head = Head::read(text, layout).map_err(|error| not_json(&error))?;
    if let Some(key) = head.repeated {
        return Err(ReadError::RepeatedKey { key });
    }
    let documented = |key: &str| E::documents(key) || layout.keys().any(|known| known == key);
    match layout {
        Layout::Enveloped(keys) => {
            let name = head
                .event
                .ok_or(ReadError::NoEventName { key: keys.event })?;
            let event = E::NAMES.iter().copied().find(|known| name == *known);
            track(text, event, documented, |json| {
                Envelope::read_enveloped(keys, Some(name), json)
            })
        }
        Layout::Bare { .. } => {
            let name = track(text, None, documented, |json| E::recognize(json))?;
            track(text, Some(name), documented, |json| {
                Envelope::read_bare(name, json)
            })
        }
    }
}

/// Whether JSON is an object, by its first character.
pub(crate) fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{')
}

fn check_syntax(text: &str) -> Result<(), ReadError> {
    match serde_json::from_str(text) {
        Ok(IgnoredAny) => Ok(()),
        Err(error) => Err(not_json(&error)),
    }
}

fn not_json(error: &serde_json::Error) -> ReadError {
    ReadError::NotJson {
        line: error.line(),
        column: error.column(),
    }
}

/// Reads JSON, and keeps track of the path.
fn track<'de, T>(
    text: &'de str,
    event: Option<&'static str>,
    documented: impl Fn(&str) -> bool,
    read: impl FnOnce(
        Deserializer<'_, '_, &mut serde_json::Deserializer<StrRead<'de>>>,
    ) -> serde_json::Result<T>,
) -> Result<T, ReadError> {
    let mut track = Track::new();
    let mut json = serde_json::Deserializer::from_str(text);
    read(Deserializer::new(&mut json, &mut track)).map_err(|error| ReadError::UnknownShape {
        event,
        path: show(&track.path(), &error, documented),
        line: error.line(),
        column: error.column(),
    })
}

/// The path of an error, with the name of the field that is missing, if one is.
fn show(path: &Path, error: &serde_json::Error, documented: impl Fn(&str) -> bool) -> String {
    let mut shown = String::new();
    let push_key = |shown: &mut String, key: &str| {
        if !shown.is_empty() {
            shown.push('.');
        }
        shown.push_str(if documented(key) { key } else { "*" });
    };
    for segment in path {
        match segment {
            Segment::Seq { index } => {
                let _ = write!(shown, "[{index}]");
            }
            Segment::Map { key } => push_key(&mut shown, key),
            Segment::Enum { .. } | Segment::Unknown => push_key(&mut shown, "*"),
        }
    }
    if let Some(rest) = error.to_string().strip_prefix("missing field `")
        && let Some((field, _)) = rest.split_once('`')
    {
        push_key(&mut shown, field);
    }
    shown
}
