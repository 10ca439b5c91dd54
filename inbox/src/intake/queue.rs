//! The queue of deliveries that wait for one of the inbox's own writers.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::FutureExt as _;
use tokio::sync::{
    Mutex, OwnedSemaphorePermit, Semaphore,
    mpsc::{self, UnboundedReceiver, UnboundedSender},
    oneshot, watch,
};

#[cfg(test)]
use crate::model::twins::{self, Twin};
use crate::{
    database::{
        Database,
        engine::{Backend, Dialect, NewRow, within},
        link::Link,
        step::{Step, step},
    },
    error::Error,
    intake::Accepted,
    log::log,
};

/// A writer stores this many deliveries, or bytes of bodies, in one transaction.
const BATCH_ROWS: usize = 100;
const BATCH_BYTES: usize = 1 << 20;

/// The queue holds this many kilobytes. Each delivery counts as one more than its body has.
const CAPACITY: u32 = 64 * 1024;

/// A connection may have gone silent, so there is time for a second try within the shortest
/// `RESPOND_WITHIN`.
const TRIES: u32 = 2;
const TRY_LIMIT: Duration = Duration::from_millis(1900);

/// Deliveries that wait to be stored.
///
/// What was put into the queue is stored even if the caller goes away: the provider's retry is then a
/// duplicate.
pub(crate) struct Queue {
    room: Arc<Semaphore>,
    sender: OnceLock<UnboundedSender<Waiting>>,
}

struct Waiting {
    row: NewRow,
    answer: oneshot::Sender<Result<Accepted, Error>>,
    _room: OwnedSemaphorePermit,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(CAPACITY as usize)),
            sender: OnceLock::new(),
        }
    }
}

impl Queue {
    /// Returns when the row is committed and flushed.
    pub(crate) async fn store<B: Backend>(
        &self,
        database: &Database<B>,
        row: NewRow,
    ) -> Result<Accepted, Error> {
        let kilobytes = u32::try_from(row.body.len() / 1024).unwrap_or(CAPACITY);
        let room = self.room.clone();
        let room = room.acquire_many_owned(kilobytes.saturating_add(1).min(CAPACITY));
        let (answer, stored) = oneshot::channel();
        let waiting = Waiting {
            row,
            answer,
            _room: room.await.map_err(|_| Error::Closed)?,
        };
        let sender = self.writers(database)?;
        sender.send(waiting).map_err(|_| Error::Closed)?;
        #[cfg(test)]
        if Twin::AcknowledgesBeforeCommit.is_planted() {
            return Ok(Accepted::Duplicate);
        }
        stored.await.unwrap_or(Err(Error::Closed))
    }

    /// Starts the writers when the first delivery comes.
    fn writers<B: Backend>(
        &self,
        database: &Database<B>,
    ) -> Result<UnboundedSender<Waiting>, Error> {
        if let Some(sender) = self.sender.get() {
            return Ok(sender.clone());
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        let incoming = Arc::new(Mutex::new(Incoming {
            receiver,
            next: None,
        }));
        if self.sender.set(sender).is_ok() {
            for _ in 0..B::WRITERS {
                let writer = Writer {
                    link: database.link(),
                    dialect: database.dialect().clone(),
                    changed: database.changed().clone(),
                };
                let incoming = incoming.clone();
                // It ends when the queue is dropped.
                drop(
                    database
                        .thread()
                        .spawn(async move { writer.run(incoming).await })?,
                );
            }
        }
        self.sender.get().cloned().ok_or(Error::Closed)
    }
}

struct Incoming {
    receiver: UnboundedReceiver<Waiting>,
    /// It did not fit into the last batch.
    next: Option<Waiting>,
}

impl Incoming {
    /// Waits for a delivery and takes those that have come meanwhile. None if no more will come.
    async fn batch(&mut self) -> Option<Vec<Waiting>> {
        let first = match self.next.take() {
            Some(next) => next,
            None => self.receiver.recv().await?,
        };
        let mut bytes = first.row.body.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_ROWS {
            let Ok(waiting) = self.receiver.try_recv() else {
                break;
            };
            bytes = bytes.saturating_add(waiting.row.body.len());
            if bytes > BATCH_BYTES {
                self.next = Some(waiting);
                break;
            }
            batch.push(waiting);
        }
        Some(batch)
    }
}

struct Writer<B: Backend> {
    link: Link<B>,
    dialect: Dialect,
    changed: Arc<watch::Sender<()>>,
}

impl<B: Backend> Writer<B> {
    async fn run(mut self, incoming: Arc<Mutex<Incoming>>) -> Result<(), Error> {
        loop {
            let batch = incoming.lock().await.batch().await;
            let Some(batch) = batch else {
                return Ok(());
            };
            // A hook of the application's pool may panic, and the next delivery must find its writer.
            let stored = AssertUnwindSafe(self.store(batch)).catch_unwind().await;
            if stored.is_err() {
                log(|| tracing::error!("a writer panicked; its deliveries were not accepted"));
            }
        }
    }

    async fn store(&mut self, batch: Vec<Waiting>) {
        // Equal keys in one statement would be an error in PostgreSQL, and other orders a deadlock.
        let mut by_key = BTreeMap::<String, Vec<Waiting>>::new();
        for (place, mut waiting) in batch.into_iter().enumerate() {
            waiting.row.place = place;
            let key = waiting.row.key.clone();
            by_key.entry(key).or_default().push(waiting);
        }
        let mut duplicates = Vec::new();
        match self.store_together(&by_key).await {
            // One by one, so that one that can't be stored does not fail the others. If the database is to blame,
            // each would only wait as long again.
            Err(Error::Database(error)) if by_key.len() > 1 && B::is_of_a_row(&error) => {
                for (key, waiting) in by_key {
                    let one = BTreeMap::from([(key, waiting)]);
                    let stored = self.store_together(&one).await;
                    answer(one, stored, &mut duplicates);
                }
            }
            stored => answer(by_key, stored, &mut duplicates),
        }
        self.changed.send_replace(());
        if !duplicates.is_empty() {
            // The row itself is left alone: whoever handles it must not be disturbed.
            let count = include_str!("../database/sql/duplicates.sql");
            let count = self.dialect.statement::<B>(count).bind(duplicates);
            if let Err(error) = self.link.run(TRY_LIMIT, [count]).await {
                log(|| tracing::debug!(%error, "duplicates not counted"));
            }
        }
    }

    /// Stores one delivery of each key, and returns for each whether it is new.
    async fn store_together(
        &mut self,
        batch: &BTreeMap<String, Vec<Waiting>>,
    ) -> Result<Vec<bool>, Error> {
        let firsts = batch.values().filter_map(|waiting| waiting.first());
        let rows: Vec<&NewRow> = firsts.map(|waiting| &waiting.row).collect();
        let insert = self.dialect.statement::<B>(B::ACCEPT);
        let server = self.dialect.server;
        let mut tries = 0;
        loop {
            tries += 1;
            let stored = within(TRY_LIMIT, async {
                let mut lent = self.link.lend().await?;
                #[cfg(test)]
                if Twin::ChecksThenInserts.is_planted() {
                    return twins::check_then_insert(lent, &insert, &rows, server).await;
                }
                step(Step::Commit).await?;
                let stored = B::store(&mut lent, insert.clone(), &rows, server).await?;
                step(Step::Answer).await?;
                lent.keep();
                Ok(stored)
            })
            .await;
            match stored {
                // The failed connection is closed, so the next try opens another.
                Err(_) if tries < TRIES => {}
                stored => return stored,
            }
        }
    }
}

/// Tells the callers the result, and notes the keys of their duplicates.
fn answer(
    batch: BTreeMap<String, Vec<Waiting>>,
    stored: Result<Vec<bool>, Error>,
    duplicates: &mut Vec<String>,
) {
    let mut are_new = stored.map(Vec::into_iter);
    for (key, waiting) in batch {
        let mut is_new = are_new.as_mut().map(|are_new| are_new.next() == Some(true));
        for waiting in waiting {
            let accepted = match &mut is_new {
                Ok(is_new) => {
                    // Those that follow are duplicates of this one.
                    if std::mem::take(is_new) {
                        Ok(Accepted::New)
                    } else {
                        duplicates.push(key.clone());
                        Ok(Accepted::Duplicate)
                    }
                }
                Err(error) => Err(error.clone()),
            };
            let _ = waiting.answer.send(accepted); // the caller may have gone away
        }
    }
}
