//! The reason why a body can't be read as an event.

use alloc::string::String;

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
    MissingEventName {
        /// The key that should have held the name.
        key: &'static str,
    },
    /// A key of the envelope is there more than once, so that two readers could read two meanings.
    #[error("the body has `{key}` more than once")]
    DuplicateKey {
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
    UnexpectedShape {
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
    MissingTimestamp,
    /// The event is older than the age limit.
    #[error("the event is {seconds} s old, which is older than the age limit")]
    TooOld {
        /// Its age.
        seconds: i64,
    },
    /// The event is further in the future than the age limit allows for.
    #[error("the event is {seconds} s in the future, which is further than the age limit")]
    FromFuture {
        /// How far ahead it is.
        seconds: i64,
    },
}

impl ReadError {
    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self::NotJson {
            line: error.line(),
            column: error.column(),
        }
    }

    /// The HTTP status of the response to the request.
    ///
    /// It is 422 for a documented event in an unexpected shape, and 400 for everything else.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::UnexpectedShape { .. } => 422,
            _ => 400,
        }
    }
}
