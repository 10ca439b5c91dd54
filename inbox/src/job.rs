//! The job that a handler gets, and the proof that it settled the job.

use std::{fmt, time::SystemTime};

use leadhook::{Delivery, Envelope, Event, dedup::Key};
use sqlx::Transaction;

use crate::{backend::Backend, claim::Claim, failure::Failure, rows};

/// An event to handle, leased to this handler.
///
/// End it with [`done`](Self::done), or with [`commit`](Self::commit) together with changes to tables of
/// the same database.
pub struct Job<E: Event, B: Backend> {
    envelope: Envelope<E>,
    delivery: Delivery<E::Provider>,
    claim: Claim<B>,
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
        claim: Claim<B>,
    ) -> Self {
        Self {
            envelope,
            delivery,
            claim,
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

    /// Returns the delivery, with the bytes as they were received. It has no scope, so use the job's own
    /// [`key`](Self::key).
    #[must_use]
    pub fn delivery(&self) -> &Delivery<E::Provider> {
        &self.delivery
    }

    /// Returns the key by which duplicates are detected. Give it to other systems as an idempotency key,
    /// because a job is handled at least once.
    #[must_use]
    pub fn key(&self) -> Key {
        self.claim.key
    }

    /// Returns the source that the delivery was accepted for.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.claim.source
    }

    /// Returns how often the job was claimed, this time included.
    #[must_use]
    pub fn tries(&self) -> i64 {
        self.claim.tries
    }

    /// Returns when the first delivery of the event was accepted, by the database's clock.
    #[must_use]
    pub fn received_at(&self) -> SystemTime {
        rows::time(self.claim.received_at)
    }

    /// Ends the job. The row is done when the handler returns this.
    pub fn done(self) -> Done {
        Done {
            is_committed: false,
        }
    }

    /// Begins a transaction, to be ended by [`commit`](Self::commit).
    ///
    /// Begin it after the slow part of the work: in SQLite it keeps every other writer waiting,
    /// deliveries included.
    ///
    /// # Errors
    ///
    /// If the database fails. `?` makes it a [`Failure`].
    pub async fn begin(&self) -> sqlx::Result<Transaction<'static, B>> {
        self.claim.inbox.begin().await
    }

    /// Ends the job and commits a transaction, both or neither. The changes of the transaction happen
    /// exactly once, however often the job is tried.
    ///
    /// # Errors
    ///
    /// If another worker has claimed the row because the lease had expired, or the database fails. Nothing
    /// is committed then. The one exception is a connection that breaks during the commit itself: the
    /// transaction may have been committed, and then the row is done and is not tried again.
    pub async fn commit(self, mut transaction: Transaction<'static, B>) -> Result<Done, Failure> {
        let settled = B::fetch(&mut transaction, self.claim.done()).await?;
        if settled.is_empty() {
            transaction.rollback().await?;
            return Err(Failure::lease_expired());
        }
        transaction.commit().await?;
        Ok(Done { is_committed: true })
    }
}

impl<E: Event, B: Backend> fmt::Debug for Job<E, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("source", &self.source())
            .field("key", &self.key())
            .field("tries", &self.tries())
            .finish_non_exhaustive()
    }
}
