//! Removes the bodies and rows of events that were handled long ago.

use std::time::Duration;

use serde::Serialize;
use tokio::time;

use crate::{
    database::{
        Database,
        engine::{Backend, millis},
        statement::Statement,
    },
    error::Error,
    line,
    log::log,
    operate::sources,
};

/// Between two batches others get their turn.
const PAUSE: Duration = Duration::from_millis(20);

/// A batch is at most this many rows and bytes of bodies, so that a delivery never waits long for the write lock
/// of SQLite.
const BATCH_ROWS: i64 = 200;
const BATCH_BYTES: i64 = 1 << 20;

/// How long handled events are kept.
///
/// By default bodies are kept for 7 days and keys for 30. Waiting and dead rows are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    bodies: Duration,
    keys: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            bodies: Duration::from_hours(7 * 24),
            keys: Duration::from_hours(30 * 24),
        }
    }
}

impl Retention {
    /// Sets how long after it was handled an event can be replayed.
    #[must_use]
    pub fn with_bodies(mut self, time: Duration) -> Self {
        self.bodies = time;
        self
    }

    /// Sets how long after an event was handled its duplicates are detected. Whatever is set, a key is kept for
    /// the provider's retry window (`Provider::RETRY_WINDOW`) after its first delivery.
    #[must_use]
    pub fn with_keys(mut self, time: Duration) -> Self {
        self.keys = time;
        self
    }

    pub(crate) fn times(&self) -> [Duration; 2] {
        [self.bodies, self.keys]
    }

    pub(crate) fn check(&self, source: &str, window: Duration) -> Result<(), Error> {
        if self.keys >= window {
            return Ok(());
        }
        Err(Error::RetentionTooShort {
            source_name: source.into(),
            keys: self.keys,
            window,
        })
    }
}

/// The numbers of pruned bodies and rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Bodies of handled events.
    pub bodies: u64,
    /// Rows of handled events, with their keys.
    pub rows: u64,
}

pub(crate) async fn all<B: Backend>(
    database: &Database<B>,
    retention: Retention,
) -> Result<Pruned, Error> {
    let mut pruned = Pruned::default();
    for source in sources::done(database).await? {
        loop {
            let rows = include_str!("sql/prune_rows.sql");
            let rows = statement(database, rows, retention.keys).bind(&*source);
            let keys = batch(database, rows).await?;
            if keys.is_empty() {
                break;
            }
            pruned.rows += count(&keys);
            let duplicates = "DELETE FROM leadhook_inbox_duplicate WHERE key {in $1}";
            let duplicates = database.statement(duplicates).bind(keys);
            database.fetch(duplicates).await?;
            time::sleep(PAUSE).await;
        }
    }
    loop {
        let bodies = include_str!("sql/prune_bodies.sql");
        let keys = batch(database, statement(database, bodies, retention.bodies)).await?;
        if keys.is_empty() {
            break;
        }
        pruned.bodies += count(&keys);
        time::sleep(PAUSE).await;
    }
    if pruned != Pruned::default() {
        log(|| tracing::info!(bodies = pruned.bodies, rows = pruned.rows, "pruned"));
    }
    Ok(pruned)
}

fn statement<B: Backend>(database: &Database<B>, sql: &str, age: Duration) -> Statement {
    let statement = database.statement(sql).bind(millis(age));
    statement.bind(BATCH_ROWS).bind(BATCH_BYTES)
}

/// Prunes a few of the oldest, and returns their keys.
async fn batch<B: Backend>(
    database: &Database<B>,
    statement: Statement,
) -> Result<Vec<String>, Error> {
    line::keys::<B>(&database.fetch(statement).await?)
}

fn count(keys: &[String]) -> u64 {
    u64::try_from(keys.len()).unwrap_or(u64::MAX)
}
