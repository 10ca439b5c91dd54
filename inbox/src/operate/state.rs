//! The states of a row, and why it is dead.

use serde::Serialize;

/// The state of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// It will be handled when it is due.
    Waiting,
    /// A handler has it.
    InProgress,
    /// It was handled.
    Done,
    /// It will not be handled unless it is replayed.
    Dead,
}

/// The reason why a row is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Its handler failed for too long.
    Failed,
    /// Its handler returned [`Failure::dead`](crate::Failure::dead).
    Rejected,
    /// Its process died before it was settled, too often.
    Abandoned,
    /// Its body can't be read as an event.
    Unreadable,
    /// Its body was erased before it was handled.
    Erased,
}

impl State {
    /// The state that a statement names: the row's, or `in_progress` if a handler has it.
    pub(crate) fn from_name(name: &str) -> Self {
        match name {
            "waiting" => Self::Waiting,
            "in_progress" => Self::InProgress,
            "done" => Self::Done,
            _ => Self::Dead,
        }
    }
}

impl Reason {
    /// All of them, as they are named in the table.
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Failed, "failed"),
        (Self::Rejected, "rejected"),
        (Self::Abandoned, "abandoned"),
        (Self::Unreadable, "unreadable"),
        (Self::Erased, "erased"),
    ];

    /// Returns its name, as it is stored and logged.
    #[must_use]
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(reason, _)| *reason == self);
        named.map_or("", |(_, name)| name)
    }

    /// Returns the reason of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, other)| *other == name);
        named.map(|(reason, _)| *reason)
    }
}
