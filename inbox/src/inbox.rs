//! The inbox: a table of deliveries in a database.

use std::{
    collections::BTreeSet,
    fmt,
    future::Future,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use sqlx::{Pool, SqlStr, Transaction, pool::PoolConnection};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit},
    time,
};

use crate::{
    backend::{Backend, Statement},
    batch::Batch,
    cipher::{BodyContext, Cipher, CipherError},
    error::Error,
    testing::TemporaryFile,
};

/// How long a statement of workers and operators may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// A table of verified deliveries in SQLite or PostgreSQL.
///
/// [`accept`](Self::accept) stores a delivery, [`workers`](Self::workers) handle what is stored, and the other
/// methods are for operators. It is cheap to clone.
pub struct Inbox<B: Backend> {
    shared: Arc<Shared<B>>,
    cipher: Option<Arc<dyn Cipher>>,
    file: Option<Arc<TemporaryFile>>,
}

struct Shared<B: Backend> {
    pool: Pool<B>,
    turns: Semaphore,
    batch: Batch,
    /// Milliseconds by which the virtual clock of tests is ahead of the database's.
    offset: AtomicI64,
    accepted: Notify,
    handled: Mutex<BTreeSet<String>>,
}

impl<B: Backend> Inbox<B> {
    /// Creates an inbox on a pool of yours, whose database may have other tables, too.
    ///
    /// It changes nothing: call [`migrate`](Self::migrate) when you deploy and [`check`](Self::check) at start.
    #[must_use]
    pub fn with_pool(pool: Pool<B>) -> Self {
        Self {
            shared: Arc::new(Shared {
                pool,
                // At SQLite's lock those who wait would poll. In a queue each gets its turn.
                turns: Semaphore::new(if B::ONE_WRITER {
                    1
                } else {
                    Semaphore::MAX_PERMITS
                }),
                batch: Batch::default(),
                offset: AtomicI64::new(0),
                accepted: Notify::new(),
                handled: Mutex::default(),
            }),
            cipher: None,
            file: None,
        }
    }

    /// Encrypts bodies from now on. Rows that are in the clear stay readable.
    #[must_use]
    pub fn with_cipher(self, cipher: impl Cipher) -> Self {
        Self {
            cipher: Some(Arc::new(cipher)),
            ..self
        }
    }

    /// Removes a file when the last clone of this inbox is dropped.
    #[cfg(feature = "sqlite")]
    pub(crate) fn with_file(self, file: TemporaryFile) -> Self {
        Self {
            file: Some(Arc::new(file)),
            ..self
        }
    }

    /// Returns the connection pool.
    #[must_use]
    pub fn pool(&self) -> &Pool<B> {
        &self.shared.pool
    }

    /// Closes the connections, those of a pool of yours too.
    pub async fn close(&self) {
        self.shared.pool.close().await;
    }

    pub(crate) fn cipher(&self) -> Option<&Arc<dyn Cipher>> {
        self.cipher.as_ref()
    }

    /// Decrypts a body as it is stored.
    pub(crate) fn open_body(
        &self,
        key_name: Option<&str>,
        context: BodyContext<'_>,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, CipherError> {
        match (key_name, self.cipher()) {
            (None, _) => Ok(body),
            (Some(key_name), Some(cipher)) => cipher.decrypt(key_name, context, body),
            (Some(_), None) => Err(CipherError),
        }
    }

    /// Wakes the workers of this process, or the next that wait.
    pub(crate) fn wake(&self) {
        self.shared.accepted.notify_one();
    }

    pub(crate) async fn woken(&self) {
        self.shared.accepted.notified().await;
    }

    /// Remembers that workers of this process handle a source, for [`stats`](Self::stats).
    pub(crate) fn add_handled(&self, source: &str) {
        let mut handled = self
            .shared
            .handled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        handled.insert(source.into());
    }

    pub(crate) fn is_handled(&self, source: &str) -> bool {
        let handled = self
            .shared
            .handled
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        handled.contains(source)
    }

    pub(crate) fn offset(&self) -> i64 {
        self.shared.offset.load(Ordering::Relaxed)
    }

    pub(crate) fn advance_clock(&self, millis: i64) {
        self.shared.offset.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn statement(&self, sql: &str) -> Statement {
        Statement::new::<B>(sql, self.offset())
    }

    /// A connection for a statement of this library, in turn.
    pub(crate) async fn acquire(&self) -> sqlx::Result<Turn<'_, B>> {
        let turn = self.shared.turns.acquire().await;
        Ok(Turn {
            connection: self.shared.pool.acquire().await?,
            _turn: turn.map_err(|_| sqlx::Error::PoolClosed)?,
        })
    }

    pub(crate) fn batch(&self) -> &Batch {
        &self.shared.batch
    }

    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'static, B>> {
        self.shared
            .pool
            .begin_with(SqlStr::from_static(B::BEGIN))
            .await
    }

    /// Runs a statement on any connection.
    pub(crate) async fn fetch(&self, statement: Statement) -> Result<Vec<B::Row>, Error> {
        within(STATEMENT_LIMIT, async {
            B::fetch(&mut *self.acquire().await?, statement).await
        })
        .await
    }

    /// Runs a statement on any connection and counts the rows that it changed.
    pub(crate) async fn execute(&self, statement: Statement) -> Result<u64, Error> {
        within(STATEMENT_LIMIT, async {
            B::execute(&mut *self.acquire().await?, statement).await
        })
        .await
    }
}

/// A connection, and the right to use it.
pub(crate) struct Turn<'a, B: Backend> {
    // Returned first.
    connection: PoolConnection<B>,
    _turn: SemaphorePermit<'a>,
}

impl<B: Backend> Deref for Turn<'_, B> {
    type Target = B::Connection;

    fn deref(&self) -> &B::Connection {
        &self.connection
    }
}

impl<B: Backend> DerefMut for Turn<'_, B> {
    fn deref_mut(&mut self) -> &mut B::Connection {
        &mut self.connection
    }
}

/// Waits for the database no longer than this.
pub(crate) async fn within<T, E: Into<Error>>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Error> {
    match time::timeout(limit, work).await {
        Ok(result) => result.map_err(Into::into),
        Err(_) => Err(Error::Timeout),
    }
}

/// Milliseconds, as the database counts.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

impl<B: Backend> Clone for Inbox<B> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            cipher: self.cipher.clone(),
            file: self.file.clone(),
        }
    }
}

impl<B: Backend> fmt::Debug for Inbox<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox")
            .field("database", &B::NAME)
            .field("encrypted", &self.cipher().is_some())
            .finish_non_exhaustive()
    }
}
