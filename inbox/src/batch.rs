//! Stores deliveries, in SQLite several of them in one transaction if they come together.
//!
//! A commit takes as long as its flush, however many rows it has, and SQLite has one writer at a time. PostgreSQL
//! flushes the commits of several connections together by itself.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::{Connection as _, SqlStr};
use tokio::sync::oneshot;

use crate::{
    accept::Accepted,
    backend::{Backend, Statement},
    error::Error,
    inbox::Inbox,
};

/// The deliveries that wait for SQLite's one writer.
#[derive(Default)]
pub(crate) struct Batch(Mutex<Vec<Waiting>>);

struct Waiting {
    insert: Statement,
    result: oneshot::Sender<Result<Accepted, Error>>,
}

impl Batch {
    fn add(&self, waiting: Waiting) {
        let mut batch = self.lock();
        // While the database is locked, those that were given up must not pile up.
        batch.retain(|waiting| !waiting.result.is_closed());
        batch.push(waiting);
    }

    fn take(&self) -> Vec<Waiting> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Backend> Inbox<B> {
    /// Runs the statement of `accept.sql` and returns when it is committed and flushed.
    ///
    /// In SQLite, whoever gets a connection first runs the statements of all who wait.
    pub(crate) async fn store(&self, insert: Statement) -> Result<Accepted, Error> {
        if !B::ONE_WRITER {
            return store_one::<B>(&mut *self.acquire().await?, insert).await;
        }
        loop {
            let (sender, mut result) = oneshot::channel();
            self.batch().add(Waiting {
                insert: insert.clone(),
                result: sender,
            });
            let stored = tokio::select! {
                biased;
                stored = &mut result => stored,
                connection = self.acquire() => {
                    store_all::<B>(&mut *connection?, self.batch().take()).await;
                    result.await
                }
            };
            if let Ok(stored) = stored {
                return stored;
            }
            // Another had it in its batch, and was cancelled.
        }
    }
}

async fn store_all<B: Backend>(connection: &mut B::Connection, batch: Vec<Waiting>) {
    if batch.len() > 1
        && let Ok(all) = store_together::<B>(connection, &batch).await
    {
        for (waiting, accepted) in batch.into_iter().zip(all) {
            let _ = waiting.result.send(Ok(accepted)); // it may have given up
        }
        return;
    }
    // One by one, so that one that can't be stored does not fail the others.
    for waiting in batch {
        if !waiting.result.is_closed() {
            let stored = store_one::<B>(connection, waiting.insert).await;
            let _ = waiting.result.send(stored);
        }
    }
}

async fn store_together<B: Backend>(
    connection: &mut B::Connection,
    batch: &[Waiting],
) -> Result<Vec<Accepted>, Error> {
    let mut transaction = connection.begin_with(SqlStr::from_static(B::BEGIN)).await?;
    let mut all = Vec::with_capacity(batch.len());
    for waiting in batch {
        let rows = B::fetch(&mut transaction, waiting.insert.clone()).await?;
        all.push(accepted::<B>(&rows)?);
    }
    transaction.commit().await?;
    Ok(all)
}

async fn store_one<B: Backend>(
    connection: &mut B::Connection,
    insert: Statement,
) -> Result<Accepted, Error> {
    let mut rows = B::fetch(connection, insert.clone()).await?;
    if rows.is_empty() {
        B::make_durable(connection).await?;
        rows = B::fetch(connection, insert).await?;
    }
    accepted::<B>(&rows)
}

/// The statement returns a row if its commit is durable.
fn accepted<B: Backend>(rows: &[B::Row]) -> Result<Accepted, Error> {
    let row = rows.first().ok_or(Error::NotDurable(
        "fsync or the journal is off; the database's documentation says how to turn it on",
    ))?;
    Ok(match B::integer(row, "duplicates")? {
        Some(0) => Accepted::New,
        _ => Accepted::Duplicate,
    })
}
