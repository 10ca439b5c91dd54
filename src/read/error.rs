//! The reasons why a body or a value in it can't be read.

use alloc::string::String;

/// The error returned when a delivery can't be read as an event.
///
/// It contains only positions, and keys and names that the provider documents, because the body contains
/// personal data. Lines and columns are counted from 1, columns in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The body is not UTF-8, as JSON must be.
    #[error("the body is not UTF-8 at byte {index}")]
    NotUtf8 {
        /// The number of bytes before the first invalid byte.
        index: usize,
    },
    /// The body is not JSON. It may be incomplete, followed by other data, or in another format.
    #[error(
        "the body is not JSON at line {line}, column {column}{}",
        if (*line, *column) == (1, 0) { "; it is empty" } else { "" }
    )]
    NotJson {
        /// The line of the first error.
        line: usize,
        /// The column of the first error.
        column: usize,
    },
    /// The body is JSON but not an object.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// The envelope has no event name.
    #[error("the body has no event name; a string `{key}` was expected")]
    MissingEventName {
        /// The key of the name, such as `event`.
        key: &'static str,
    },
    /// A key of the envelope appears more than once, so two readers could read two different events.
    #[error("the body has `{key}` more than once")]
    DuplicateKey {
        /// The duplicate key, such as `event`.
        key: &'static str,
    },
    /// The event is a documented one, but the value that identifies it can't be read.
    ///
    /// The delivery keeps its bytes. Store them and read them when you know the shape.
    #[error(
        "unexpected shape{}{} at `{path}` (line {line}, column {column})",
        if event.is_some() { " of " } else { "" },
        event.unwrap_or_default()
    )]
    UnexpectedShape {
        /// The event's name if it is a documented one.
        event: Option<&'static str>,
        /// The path in the body, such as `data.lead.id`. A key that is not documented is shown as `*`.
        path: String,
        /// The line on which the value starts.
        line: usize,
        /// The column at which the value starts.
        column: usize,
    },
}

impl ReadError {
    /// Returns the HTTP status of the response.
    ///
    /// It is 422 for a documented event in an unexpected shape, and 400 for everything else.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::UnexpectedShape { .. } => 422,
            _ => 400,
        }
    }

    /// Returns the name of the reason in metrics.
    #[cfg(feature = "metrics")]
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "not_utf8",
            Self::NotJson { .. } => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingEventName { .. } => "missing_event_name",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::UnexpectedShape { .. } => "unexpected_shape",
        }
    }
}

/// The error returned when a value in a body has an unexpected shape.
///
/// It contains the path of the value, and never the value. When the event is rejected, it becomes
/// [`ReadError::UnexpectedShape`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value has an unexpected shape")]
pub struct ShapeError {
    /// The offset of the value to which the path leads.
    pub(super) value: usize,
    /// The rest of the path, below that value.
    pub(super) below: String,
    /// The offset that is shown as line and column.
    pub(super) offset: usize,
}

impl ShapeError {
    pub(super) fn at(offset: usize) -> Self {
        Self {
            value: offset,
            below: String::new(),
            offset,
        }
    }

    /// Adds a path below the value.
    pub(crate) fn below(self, path: &str) -> Self {
        Self {
            below: path.into(),
            ..self
        }
    }
}
