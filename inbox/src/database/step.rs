//! Where the model of the tests takes turns.

/// What a task of the inbox is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Take a connection.
    Connection,
    /// Take a connection and begin a transaction.
    Begin,
    Statement,
    /// COMMIT, or a statement that commits by itself.
    Commit,
    /// Receive the answer to a COMMIT.
    Answer,
}

/// Runs before each of the inbox's own statements and around each of its COMMITs. In the library it does
/// nothing. In the model's tests, the scheduler decides who goes on and whose connection fails.
#[cfg(not(test))]
#[allow(clippy::unused_async, reason = "in tests it waits and fails")]
pub(crate) async fn step(_: Step) -> sqlx::Result<()> {
    Ok(())
}

/// Lets a task take its turns in the name of the task that starts it.
#[cfg(not(test))]
pub(crate) fn in_turn<T>(task: T) -> T {
    task
}

#[cfg(test)]
pub(crate) use crate::model::schedule::{in_turn, step};
