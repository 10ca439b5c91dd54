//! The lines in which ordered events wait for each other, one for each subject.
//!
//! An event joins the lines of its subjects when it is accepted, and leaves them when it is settled. It is handled
//! when it is first in all of them. Positions are drawn while the lines are locked, so they become visible in
//! their order. An event that is found to wait is *parked*, so that nobody looks at it again before the one ahead
//! of it leaves. What a crash may leave behind, [`sweep`] finds.

use std::time::Duration;

#[cfg(test)]
use crate::model::twins::Twin;
use crate::{
    database::{
        Database,
        engine::{Backend, millis},
        link::{Lent, Link},
    },
    error::Error,
};

/// How many lines one sweep looks at.
const LINES: i64 = 1000;

/// Whether the row `first` has nobody ahead of it.
pub(crate) const IS_FIRST: &str = include_str!("line/sql/is_first.sql");

/// Removes settled events from their lines, and wakes those that may be next.
pub(crate) async fn leave<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
    keys: Vec<String>,
) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let leave = database
        .statement(include_str!("line/sql/leave.sql"))
        .bind(keys);
    let mut lines = Vec::new();
    for row in transaction.fetch(leave).await? {
        if B::integer(&row, "has_more")? == Some(1) {
            lines.extend(B::text(&row, "subject")?);
        }
    }
    wake(database, transaction, lines, "TRUE").await
}

async fn wake<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
    lines: Vec<String>,
    which: &str,
) -> Result<(), Error> {
    if !lines.is_empty() {
        let wake = include_str!("line/sql/wake.sql").replace("{which}", which);
        let wake = database.statement(&wake).bind(lines);
        transaction.execute(wake).await?;
    }
    Ok(())
}

/// Parks events that are not first in all of their lines, and returns whether there was one. If another transaction
/// has the first one, they stay as they are: it may be about to leave.
pub(crate) async fn park<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
    waiting: Vec<String>,
) -> Result<bool, Error> {
    let hold = database.statement(include_str!("line/sql/hold.sql"));
    let hold = hold.bind(waiting.clone());
    let firsts = keys::<B>(&transaction.fetch(hold).await?)?;
    if firsts.is_empty() {
        return Ok(false);
    }
    let park = database.statement(include_str!("line/sql/park.sql"));
    let parked = transaction.fetch(park.bind(waiting).bind(firsts)).await?;
    Ok(!parked.is_empty())
}

/// Keeps all others from joining the lines of these events, until the transaction ends. It comes before any row
/// is locked.
pub(crate) async fn lock<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
    keys: &[String],
) -> Result<(), Error> {
    #[cfg(test)]
    if Twin::JoinsWithoutLock.is_planted() {
        return Ok(());
    }
    let lock = database.statement(include_str!("line/sql/lock_lines.sql"));
    transaction.fetch(lock.bind(keys.to_vec())).await?;
    Ok(())
}

/// Puts events at the end of their lines, which are [locked](lock).
pub(crate) async fn join<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
    keys: Vec<String>,
) -> Result<(), Error> {
    let step_out = "DELETE FROM leadhook_inbox_line WHERE key {in $1}";
    let step_out = database.statement(step_out).bind(keys.clone());
    transaction.execute(step_out).await?;
    let join = database.statement(include_str!("line/sql/join.sql"));
    transaction.execute(join.bind(keys)).await?;
    Ok(())
}

/// Looks at the first events of some lines, after the last subject of the previous sweep, and returns the last
/// subject of this one. Settled events leave, waiting ones are woken, and one that has failed for this long and is
/// not due goes to the end, if another one is due.
pub(crate) async fn sweep<B: Backend>(
    database: &Database<B>,
    link: &mut Link<B>,
    limit: Duration,
    after: i64,
    failing_for: Duration,
) -> Result<i64, Error> {
    #[cfg(test)]
    if Twin::ParksWithoutHold.is_planted() {
        return Ok(i64::MIN); // it would find those that are lost
    }
    let failing = |keys: Vec<String>, locks: &str| {
        let failing = database.statement(include_str!("line/sql/failing.sql"));
        let failing = failing.part("{rows_locked}", locks);
        failing.bind(keys).bind(millis(failing_for))
    };
    let mut transaction = link.begin(limit).await?;
    let lines = database.statement(include_str!("line/sql/lines.sql"));
    let lines = transaction.fetch(lines.bind(after).bind(LINES)).await?;
    if lines.is_empty() {
        transaction.commit().await?;
        return Ok(i64::MIN);
    }
    let firsts = keys::<B>(&lines)?;
    let names = lines
        .iter()
        .filter_map(|row| B::text(row, "name").transpose());
    let names = names.collect::<sqlx::Result<Vec<String>>>()?;
    leave(database, &mut transaction, firsts.clone()).await?;
    wake(database, &mut transaction, names.clone(), IS_FIRST).await?;
    let behind = keys::<B>(&transaction.fetch(failing(firsts, "")).await?)?;
    transaction.commit().await?;
    if !behind.is_empty() {
        let mut transaction = link.begin(limit).await?;
        lock(database, &mut transaction, &behind).await?;
        let rows = transaction.fetch(failing(behind, B::SKIP_LOCKED)).await?;
        let behind = keys::<B>(&rows)?;
        join(database, &mut transaction, behind).await?;
        wake(database, &mut transaction, names, IS_FIRST).await?;
        transaction.commit().await?;
    }
    let has_more = i64::try_from(lines.len()).is_ok_and(|lines| lines >= LINES);
    let last = lines.last().filter(|_| has_more);
    let last = last.map(|row| B::integer(row, "subject")).transpose()?;
    Ok(last.flatten().unwrap_or(i64::MIN))
}

/// The keys of rows.
pub(crate) fn keys<B: Backend>(rows: &[B::Row]) -> Result<Vec<String>, Error> {
    let keys = rows
        .iter()
        .filter_map(|row| B::text(row, "key").transpose());
    Ok(keys.collect::<sqlx::Result<_>>()?)
}
