//! The transaction of a handler.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::pool::PoolConnection;
use sqlx_core::transaction::TransactionManager as _;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{self, Instant},
};

use crate::database::{Database, HandlerTurn, engine::Backend};

/// After this long without an answer to ROLLBACK, a connection is closed.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(2);

/// A transaction for a handler's own tables, begun by [`Job::begin`](crate::Job::begin) and ended by
/// [`Job::commit`](crate::Job::commit).
///
/// It dereferences to the connection, so `&mut *transaction` is an executor of sqlx. If it is dropped, it is
/// rolled back.
pub struct Transaction<B: Backend> {
    /// Taken when it ends.
    connection: Option<PoolConnection<B>>,
    runtime: Handle,
    open: Open,
    /// The right to write, where only one connection can.
    turn: Option<HandlerTurn>,
}

/// Since when a handler has a transaction open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Open(watch::Sender<Option<Instant>>);

impl Open {
    /// Waits until a transaction has been open for this long.
    pub(crate) async fn for_longer_than(&self, limit: Duration) {
        let mut since = self.0.subscribe();
        loop {
            let begun = *since.borrow_and_update();
            let changed = since.changed();
            match begun {
                None => drop(changed.await),
                Some(begun) => {
                    if time::timeout_at(begun + limit, changed).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl<B: Backend> Transaction<B> {
    /// Begins a transaction in a task of its own, because a BEGIN that is cut off would leave the
    /// application's connection in a transaction that nobody knows of.
    pub(crate) async fn begin(database: &Database<B>, open: Open) -> sqlx::Result<Self> {
        let pool = database.pool().clone();
        let own = database.clone();
        let runtime = Handle::current();
        let begun = runtime.clone().spawn(async move {
            let turn = own.handler_turn().await;
            let mut transaction = Self {
                connection: Some(pool.acquire().await?),
                runtime,
                open,
                turn,
            };
            B::begin_for_handler(&mut transaction).await?;
            transaction.open.0.send_replace(Some(Instant::now()));
            Ok(transaction)
        });
        begun
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed))
    }

    /// Commits. If that fails, the connection is closed, because the outcome is unknown.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        let Some(mut connection) = self.connection.take() else {
            return Ok(());
        };
        let turn = self.turn.take();
        let open = self.open.clone();
        // In a task of its own as well: a COMMIT must not be cut off.
        let committed = self.runtime.spawn(async move {
            let committed = B::TransactionManager::commit(&mut connection).await;
            if committed.is_err() {
                drop(connection.detach());
            }
            open.0.send_replace(None);
            drop(turn);
            committed
        });
        committed
            .await
            .unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed))
    }
}

impl<B: Backend> Drop for Transaction<B> {
    fn drop(&mut self) {
        self.open.0.send_replace(None);
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let turn = self.turn.take();
        // The pool's own way back waits for the server without a limit.
        drop(self.runtime.spawn(async move {
            let rolled_back = time::timeout(
                ROLLBACK_LIMIT,
                B::TransactionManager::rollback(&mut connection),
            );
            if !matches!(rolled_back.await, Ok(Ok(()))) {
                drop(connection.detach());
            }
            drop(turn);
        }));
    }
}

#[expect(
    clippy::expect_used,
    reason = "it is taken by those who consume it only"
)]
impl<B: Backend> Deref for Transaction<B> {
    type Target = B::Connection;

    fn deref(&self) -> &B::Connection {
        self.connection.as_ref().expect("an open transaction")
    }
}

#[expect(
    clippy::expect_used,
    reason = "it is taken by those who consume it only"
)]
impl<B: Backend> DerefMut for Transaction<B> {
    fn deref_mut(&mut self) -> &mut B::Connection {
        self.connection.as_mut().expect("an open transaction")
    }
}

impl<B: Backend> fmt::Debug for Transaction<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}
