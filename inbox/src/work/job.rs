//! The job that a handler gets, and the proof that it settled the job.

use std::fmt;

use chrono::{DateTime, Utc};
use leadhook::{Delivery, Envelope, Event, dedup::Key};

use crate::{
    database::{
        Database,
        engine::Backend,
        step::{Step, step},
        transaction::{Open, Transaction},
    },
    operate::rows::time,
    work::{failure::Failure, process::Claim},
};

/// An event to handle, claimed for this handler.
///
/// End it with [`done`](Self::done), or with [`commit`](Self::commit) together with changes to tables of the
/// same database.
pub struct Job<E: Event, B: Backend> {
    envelope: Envelope<E>,
    delivery: Delivery<E::Provider>,
    claim: Claim,
    matched_secret: Option<usize>,
    database: Database<B>,
    open: Open,
}

/// The proof that a handler has settled its job. Only a [`Job`] makes one.
#[derive(Debug)]
#[must_use = "return it from the handler"]
pub struct Done {
    /// The row was settled in the handler's own transaction.
    pub(crate) is_committed: bool,
}

impl<E: Event, B: Backend> Job<E, B> {
    pub(crate) fn new(
        envelope: Envelope<E>,
        delivery: Delivery<E::Provider>,
        claim: Claim,
        matched_secret: Option<usize>,
        database: Database<B>,
        open: Open,
    ) -> Self {
        Self {
            envelope,
            delivery,
            claim,
            matched_secret,
            database,
            open,
        }
    }

    /// Returns the event.
    #[must_use]
    pub fn event(&self) -> &E {
        &self.envelope.event
    }

    /// Returns the event together with its envelope.
    #[must_use]
    pub fn envelope(&self) -> &Envelope<E> {
        &self.envelope
    }

    /// Returns the delivery, with the bytes as they were received and the scope of its receiver.
    #[must_use]
    pub fn delivery(&self) -> &Delivery<E::Provider> {
        &self.delivery
    }

    /// Returns the key by which duplicates are detected, the same at each attempt. It is made of the source and
    /// the delivery. Pass it to other systems as an idempotency key, because a job is handled at least once.
    #[must_use]
    pub fn key(&self) -> Key {
        self.claim.key
    }

    /// Returns the name of the source that accepted the delivery.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.claim.source
    }

    /// Returns which attempt this is, 1 for the first.
    #[must_use]
    pub fn attempt(&self) -> i64 {
        self.claim.attempts
    }

    /// Returns when the first delivery of the event was accepted, by the database's clock.
    #[must_use]
    pub fn accepted_at(&self) -> DateTime<Utc> {
        time(self.claim.accepted_at)
    }

    /// Returns the `traceparent` of the request that was accepted, if it had a valid one.
    ///
    /// It is a field of the attempt's span as well. Anybody can send the header, so link to it in a tracing
    /// system, and don't make it the parent.
    #[must_use]
    pub fn trace_context(&self) -> Option<&str> {
        self.claim.trace_context.as_deref()
    }

    /// Returns which of the receiver's secrets matched: 0 is the current one, 1 the first previous one. `None`
    /// if nothing was compared.
    #[must_use]
    pub fn matched_secret(&self) -> Option<usize> {
        self.matched_secret
    }

    /// Counts the events of the same subjects that were accepted earlier and are not done: they have failed for good,
    /// or [for long](crate::Workers::pass_over_after), or wait at a source that handles several at a time.
    ///
    /// It asks the database. In SQLite, call it before [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn skipped(&self) -> Result<u64, Failure> {
        let skipped = "other.arrival < mine.arrival AND other.state <> 'done'";
        self.count_of_subjects(skipped).await
    }

    /// Returns whether a later event of one of the same subjects is done already, so this one describes an
    /// older state. That can happen if it was replayed or had been failing for a long time.
    ///
    /// Events that were pruned or erased don't count. It asks the database. In SQLite, call it before
    /// [`begin`](Self::begin).
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn is_stale(&self) -> Result<bool, Failure> {
        let newer = "other.arrival > mine.arrival AND other.state = 'done'";
        Ok(self.count_of_subjects(newer).await? > 0)
    }

    async fn count_of_subjects(&self, which: &str) -> Result<u64, Failure> {
        let count = include_str!("sql/of_subjects.sql").replace("{which}", which);
        let count = self.database.statement(&count).bind(self.key().to_string());
        let rows = self.database.fetch(count).await;
        let rows = rows.map_err(|error| Failure::retry("database").with_cause(error))?;
        let found = rows
            .first()
            .map(|row| B::integer(row, "found"))
            .transpose()?;
        Ok(u64::try_from(found.flatten().unwrap_or(0)).unwrap_or(0))
    }

    /// Ends the job. The row is done when the handler returns this.
    pub fn done(self) -> Done {
        Done {
            is_committed: false,
        }
    }

    /// Begins a transaction on a connection of the inbox's pool, to be ended by [`commit`](Self::commit).
    ///
    /// Begin it after the slow part of the work. In SQLite it keeps every other writer waiting, deliveries
    /// included, so it may be open for a second; then the attempt fails.
    ///
    /// # Errors
    ///
    /// If the database fails. `?` makes it a [`Failure`].
    pub async fn begin(&self) -> sqlx::Result<Transaction<B>> {
        Transaction::begin(&self.database, self.open.clone()).await
    }

    /// Ends the job and commits a transaction, both or neither. The changes of the transaction happen exactly
    /// once, however many attempts there are.
    ///
    /// # Errors
    ///
    /// If the row belongs to another attempt by now, or the database fails. Nothing is committed then. The one
    /// exception is a connection that breaks during the commit itself: the transaction may have been committed,
    /// and then the row is done and is not tried again.
    pub async fn commit(self, mut transaction: Transaction<B>) -> Result<Done, Failure> {
        let done = self
            .database
            .statement(include_str!("sql/commit.sql"))
            .bind(self.claim.key.to_string())
            .bind(&*self.claim.token);
        step(Step::Statement).await?;
        let settled = B::fetch(&mut transaction, done).await?;
        if settled.is_empty() {
            return Err(Failure::fenced());
        }
        step(Step::Commit).await?;
        transaction.commit().await?;
        step(Step::Answer).await?;
        Ok(Done { is_committed: true })
    }
}

impl<E: Event, B: Backend> fmt::Debug for Job<E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("source", &self.source())
            .field("key", &self.key())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
