//! The engine with a fault. A model that does not find it proves nothing about the engine without it.

use std::borrow::Cow;

use crate::{
    database::{
        engine::{Backend, Dialect, NewRow, Server},
        link::Lent,
        statement::Statement,
        step::{Step, step},
    },
    error::Error,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    /// Records a result without comparing the token.
    SettlesWithoutFence,
    /// The same for a handler's own transaction.
    CommitsWithoutFence,
    /// Frees the rows of a process that is gone, and does not count it.
    AbandonedNotCounted,
    /// Responds with 200 and then stores the delivery.
    AcknowledgesBeforeCommit,
    /// Looks for the key and then inserts, instead of `ON CONFLICT`.
    ChecksThenInserts,
    /// Claims without looking for the process's own row.
    ClaimsWithoutItsRow,
    /// Frees the rows of a process and goes on to count it among the living, because one more row was locked.
    SparesWhoHasALockedRow,
    /// Takes the result of one attempt of a row for the result of another one.
    HoldsByKey,
    /// Judges after reading the beats of others, although its own beats failed.
    JudgesByReading,
    /// Never frees what a lost answer may have claimed.
    NeverReconciles,
    /// Takes a row that is locked by somebody else for one that belongs to somebody else.
    TakesBusyForFenced,
    /// Replays rows in any state.
    ReplaysWhatIsInProgress,
    /// Looks at the lines of rows that are not locked.
    LooksWithoutLock,
    /// Joins a line without locking it, so that a lower position may become visible after a higher one.
    JoinsWithoutLock,
    /// Goes by when events are due instead of when they were accepted.
    OrdersByDueTime,
    /// Lets the next event sleep when one leaves its line.
    NeverWakes,
    /// Parks an event while the one ahead of it leaves.
    ParksWithoutHold,
    /// Keeps dead events in their lines.
    DeadStayInLine,
    /// Puts a replayed event where it was before.
    ReplaysInFront,
}

impl Twin {
    pub(super) const ALL: [Self; 19] = [
        Self::SettlesWithoutFence,
        Self::CommitsWithoutFence,
        Self::AbandonedNotCounted,
        Self::AcknowledgesBeforeCommit,
        Self::ChecksThenInserts,
        Self::ClaimsWithoutItsRow,
        Self::SparesWhoHasALockedRow,
        Self::HoldsByKey,
        Self::JudgesByReading,
        Self::NeverReconciles,
        Self::TakesBusyForFenced,
        Self::ReplaysWhatIsInProgress,
        Self::LooksWithoutLock,
        Self::JoinsWithoutLock,
        Self::OrdersByDueTime,
        Self::NeverWakes,
        Self::ParksWithoutHold,
        Self::DeadStayInLine,
        Self::ReplaysInFront,
    ];

    /// Whether it makes a difference only where several write at the same time.
    pub(super) fn needs_row_locks(self) -> bool {
        matches!(
            self,
            Self::SparesWhoHasALockedRow
                | Self::TakesBusyForFenced
                | Self::LooksWithoutLock
                | Self::JoinsWithoutLock
                | Self::ParksWithoutHold
        )
    }

    /// Whether it is about events that wait for each other.
    pub(super) fn is_of_lines(self) -> bool {
        matches!(
            self,
            Self::LooksWithoutLock
                | Self::JoinsWithoutLock
                | Self::OrdersByDueTime
                | Self::NeverWakes
                | Self::ParksWithoutHold
                | Self::DeadStayInLine
                | Self::ReplaysInFront
        )
    }

    /// Whether the engine of the current task has this fault.
    pub(crate) fn is_planted(self) -> bool {
        super::schedule::twin() == Some(self)
    }

    /// What is in a statement, and what is there in its place.
    fn edit(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::SettlesWithoutFence => (" AND r.token = i.token", ""),
            Self::CommitsWithoutFence => (
                "WHERE key = $1 AND token = $2",
                "WHERE key = $1 AND $2 <> ''",
            ),
            Self::AbandonedNotCounted => ("abandoned = abandoned + 1", "abandoned = abandoned"),
            Self::ClaimsWithoutItsRow => (
                "SELECT id FROM leadhook_inbox_process WHERE id = $1 {share}",
                "SELECT CAST($1 AS TEXT) AS id",
            ),
            Self::SparesWhoHasALockedRow => (
                "DELETE FROM leadhook_inbox_process WHERE id = $1",
                "DELETE FROM leadhook_inbox_process WHERE id = $1 \
                 AND NOT EXISTS (SELECT 1 FROM leadhook_inbox WHERE process = $1)",
            ),
            Self::TakesBusyForFenced => (
                "SELECT key, token,",
                "SELECT key, CAST(NULL AS TEXT) AS token,",
            ),
            Self::ReplaysWhatIsInProgress => ("AND state <> 'waiting' AND body", "AND body"),
            Self::LooksWithoutLock => (" {skip_locked}\n) AS of_source", "\n) AS of_source"),
            Self::OrdersByDueTime => (
                "AND ahead.position < own.position\n        WHERE own.key = first.key",
                "AND ahead.key <> own.key AND (SELECT due_at FROM leadhook_inbox AS a WHERE a.key = ahead.key) < first.due_at\n        WHERE own.key = first.key",
            ),
            Self::NeverWakes => ("SET parked = 0\nWHERE", "SET parked = parked\nWHERE"),
            Self::ParksWithoutHold => ("ORDER BY key {share_skip_locked}", ""),
            Self::DeadStayInLine => ("AND i.state = 'waiting')", "AND i.state <> 'done')"),
            Self::ReplaysInFront => (
                "INSERT INTO leadhook_inbox_line (subject, key)\nSELECT subject, key FROM",
                "INSERT INTO leadhook_inbox_line (position, subject, key)\n\
                 SELECT row_number() OVER (ORDER BY key, subject) - 1000 * arrival - 1000000000, subject, key FROM",
            ),
            Self::JoinsWithoutLock
            | Self::AcknowledgesBeforeCommit
            | Self::ChecksThenInserts
            | Self::HoldsByKey
            | Self::JudgesByReading
            | Self::NeverReconciles => return None,
        })
    }
}

/// The statement with the fault of the current task, if it is in this statement.
pub(crate) fn planted(sql: &str) -> Cow<'_, str> {
    match super::schedule::twin().and_then(Twin::edit) {
        Some((true_sql, fault)) if sql.contains(true_sql) => sql.replace(true_sql, fault).into(),
        _ => sql.into(),
    }
}

/// Stores rows as [`Twin::ChecksThenInserts`] does.
pub(crate) async fn check_then_insert<B: Backend>(
    mut lent: Lent<'_, B>,
    insert: &Statement,
    rows: &[&NewRow],
    server: Server,
) -> Result<Vec<bool>, Error> {
    let mut are_new = Vec::new();
    for row in rows {
        let check = "SELECT key FROM leadhook_inbox WHERE key = $1";
        let check = Dialect::default().statement::<B>(check).bind(&*row.key);
        let is_new = lent.fetch(check).await?.is_empty();
        if is_new {
            let insert = insert.clone().part(
                "DO NOTHING",
                "DO UPDATE SET state = 'waiting', token = NULL, process = NULL, reason = NULL, settled_at = NULL",
            );
            step(Step::Commit).await?;
            B::store(&mut lent, insert, &[row], server).await?;
        }
        are_new.push(is_new);
    }
    step(Step::Answer).await?;
    lent.keep();
    Ok(are_new)
}
