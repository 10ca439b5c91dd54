//! Removes the bodies and rows of events that were handled long ago.

use std::time::Duration;

use tokio::time;

use crate::{
    backend::Backend,
    error::Error,
    inbox::{Inbox, millis},
    log::log,
};

/// Small enough that a delivery never waits long for the write lock of SQLite.
const BATCH: i64 = 500;

/// Between two batches others get their turn.
const PAUSE: Duration = Duration::from_millis(20);

/// The retention of handled events.
///
/// By default bodies are kept for 7 days and keys for 30. Waiting and dead rows are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    bodies: Duration,
    keys: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            bodies: Duration::from_hours(7 * 24),
            keys: Duration::from_hours(30 * 24),
        }
    }
}

impl Keep {
    /// Sets how long after it was handled an event can be replayed.
    #[must_use]
    pub fn with_bodies(mut self, time: Duration) -> Self {
        self.bodies = time;
        self
    }

    /// Sets how long after an event was handled its duplicates are detected. Whatever is set, a key is
    /// kept for the provider's retry window (`Provider::RETRY_WINDOW`) after its first delivery.
    #[must_use]
    pub fn with_keys(mut self, time: Duration) -> Self {
        self.keys = time;
        self
    }

    pub(crate) fn check(&self, source: &str, window: Duration) -> Result<(), Error> {
        if self.keys >= window {
            return Ok(());
        }
        Err(Error::KeepTooShort {
            source_name: source.into(),
            keys: self.keys,
            window,
        })
    }
}

/// The numbers of pruned bodies and rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pruned {
    /// Bodies of handled events.
    pub bodies: u64,
    /// Rows of handled events, with their keys.
    pub rows: u64,
}

impl<B: Backend> Inbox<B> {
    /// Removes the bodies and then the rows of events that were handled long ago, in small batches.
    ///
    /// Running workers do it once an hour. Other processes may do so at the same time.
    ///
    /// # Errors
    ///
    /// If the database fails. What was pruned by then stays pruned.
    pub async fn prune(&self, keep: Keep) -> Result<Pruned, Error> {
        let pruned = Pruned {
            rows: self
                .in_batches(include_str!("sql/prune_rows.sql"), keep.keys)
                .await?,
            bodies: self
                .in_batches(include_str!("sql/prune_bodies.sql"), keep.bodies)
                .await?,
        };
        if pruned != Pruned::default() {
            log(|| tracing::info!(bodies = pruned.bodies, rows = pruned.rows, "pruned"));
        }
        Ok(pruned)
    }

    async fn in_batches(&self, sql: &str, age: Duration) -> Result<u64, Error> {
        let mut all = 0;
        loop {
            let statement = self.statement(sql).bind(millis(age)).bind(BATCH);
            let batch = self.execute(statement).await?;
            all += batch;
            if batch == 0 {
                return Ok(all);
            }
            time::sleep(PAUSE).await;
        }
    }
}
