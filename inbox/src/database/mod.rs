//! The database: connections of the inbox's own, its statements, and what differs between SQLite and
//! PostgreSQL.
//!
//! No caller's future ever holds one of these connections. A caller asks a task on the inbox's own thread
//! and waits for the answer, so a request that is cancelled leaves no statement half done.

use std::{
    future::Future,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use sqlx::Pool;
use tokio::{
    sync::{Mutex, MutexGuard, Semaphore, watch},
    time,
};

use crate::{database::file::TemporaryFile, error::Error};

pub(crate) mod file;
pub(crate) mod link;
#[cfg(feature = "_postgres")]
pub(crate) mod postgres;
pub(crate) mod schema;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub(crate) mod statement;
pub(crate) mod step;
pub(crate) mod thread;
pub(crate) mod transaction;

pub(crate) use sealed::Engine;

use link::{Link, Own};
use statement::Statement;
use thread::Thread;

/// A database that an inbox can live in: [`Sqlite`](crate::Sqlite) or [`Postgres`](crate::Postgres).
///
/// It is sealed. The library's statements are written once for both, and what differs is stated in the
/// implementation.
pub trait Backend: Engine {}

mod sealed {
    use super::{Error, Future, Limits, NewRow, Statement};

    pub trait Engine: sqlx::Database {
        /// The database's clock in milliseconds since 1970, the same throughout a statement.
        const NOW: &'static str;
        /// Locks the selected rows in the order of their keys, and passes over rows that are locked already.
        const SKIP_LOCKED: &'static str;
        /// Locks the selected rows in the order of their keys.
        const LOCK: &'static str;
        /// Like `SKIP_LOCKED`, for the table `i` of a join.
        const SKIP_LOCKED_OF_ROW: &'static str;
        /// Keeps the selected row from being deleted until the transaction ends.
        const SHARE: &'static str;
        /// Compares with the list that is bound to the place `{}`.
        const IN: &'static str;
        /// The list that is bound to the place `{}`, as rows of one column.
        const LIST: &'static str;
        /// Stores deliveries.
        const ACCEPT: &'static str;
        /// The results in the JSON of `$1`, as the table `r`.
        const RESULTS: &'static str;
        /// How many connections store deliveries.
        const WRITERS: usize;
        /// Whether only one connection can write at a time.
        const ONE_WRITER: bool;
        /// The schema's versions, the first one first.
        const MIGRATIONS: &'static [&'static str];

        /// Changes the options of connections of the inbox's own.
        ///
        /// # Errors
        ///
        /// If an inbox can't live there.
        fn own_options(
            options: <Self::Connection as sqlx::Connection>::Options,
            limits: Limits,
        ) -> Result<<Self::Connection as sqlx::Connection>::Options, Error>;

        /// Prepares a new connection of the inbox's own and rejects it if its commits would not be durable.
        fn prepare(
            connection: &mut Self::Connection,
            limits: Limits,
        ) -> impl Future<Output = Result<(), Error>> + Send;

        /// Begins a transaction of the inbox's own, which may take as long as this.
        fn begin(
            connection: &mut Self::Connection,
            limit: std::time::Duration,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Begins a transaction of a handler.
        fn begin_for_handler(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Stores rows with different keys, and returns for each whether it is new. When this returns, they
        /// are committed and flushed.
        fn store(
            connection: &mut Self::Connection,
            sql: Statement,
            rows: &[&NewRow],
            limits: Limits,
        ) -> impl Future<Output = Result<Vec<bool>, Error>> + Send;

        /// Runs a statement to its end and returns its rows.
        fn fetch(
            connection: &mut Self::Connection,
            statement: Statement,
        ) -> impl Future<Output = sqlx::Result<Vec<Self::Row>>> + Send;

        /// Runs a statement and counts the rows that it changed.
        fn execute(
            connection: &mut Self::Connection,
            statement: Statement,
        ) -> impl Future<Output = sqlx::Result<u64>> + Send;

        /// Runs several statements without parameters.
        fn execute_all(
            connection: &mut Self::Connection,
            sql: String,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Keeps other processes from migrating until the transaction ends.
        fn lock_schema(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = Result<(), Error>> + Send;

        /// Whether the inbox's tables exist.
        fn has_tables(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = sqlx::Result<bool>> + Send;

        /// Rejects a role or a file that may not do what the inbox has to do.
        fn check_rights(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = Result<(), Error>> + Send;

        /// Removes what erased bodies leave behind in the database's files, as far as it can.
        fn scrub(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = Result<(), Error>> + Send;

        /// Whether the database is still the one that its name stands for.
        fn is_in_place(options: &<Self::Connection as sqlx::Connection>::Options, mark: u64)
        -> bool;

        /// Identifies the database that the name stands for now.
        fn mark(options: &<Self::Connection as sqlx::Connection>::Options) -> u64;

        /// The value of a column of integers.
        fn integer(row: &Self::Row, column: &str) -> sqlx::Result<Option<i64>>;
        /// The value of a column of text.
        fn text(row: &Self::Row, column: &str) -> sqlx::Result<Option<String>>;
        /// The value of a column of bytes.
        fn bytes(row: &Self::Row, column: &str) -> sqlx::Result<Option<Vec<u8>>>;
    }
}

/// What the application says about its database.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// A pooler between the inbox and PostgreSQL gives each transaction another connection.
    pub(crate) pooler: bool,
    /// The server is durable although it reports `fsync = off`.
    pub(crate) trust_fsync_off: bool,
}

/// A delivery as it is stored.
#[derive(Clone, Debug)]
pub struct NewRow {
    pub(crate) key: String,
    pub(crate) source: Arc<str>,
    pub(crate) provider: &'static str,
    pub(crate) scope: Option<String>,
    pub(crate) matched_secret: Option<i64>,
    pub(crate) event: Option<String>,
    pub(crate) lead_id: Option<String>,
    pub(crate) body: Bytes,
    pub(crate) body_cipher: Option<String>,
    /// Milliseconds.
    pub(crate) retry_window: i64,
}

/// How long a statement of operators may take.
const STATEMENT_LIMIT: Duration = Duration::from_secs(10);

/// The database of an inbox. It is cheap to clone.
pub(crate) struct Database<B: Backend>(Arc<Shared<B>>);

struct Shared<B: Backend> {
    /// The application's pool, for the transactions of handlers.
    pool: Pool<B>,
    limits: Limits,
    /// At SQLite's lock those who wait would poll. In a queue each gets its turn.
    turns: Arc<Semaphore>,
    /// Milliseconds by which the virtual clock of tests is ahead of the database's.
    offset: AtomicI64,
    /// Signals a delivery or a replayed row to the workers of this process.
    changed: Arc<watch::Sender<()>>,
    /// Where the connections of the inbox's own live.
    thread: Thread,
    /// The connection of operators.
    operator: Mutex<Link<B>>,
    /// Removed when the inbox is dropped.
    file: OnceLock<TemporaryFile>,
}

impl<B: Backend> Database<B> {
    pub(crate) fn new(pool: Pool<B>, limits: Limits) -> Self {
        let turns = Arc::new(Semaphore::new(if B::ONE_WRITER {
            1
        } else {
            Semaphore::MAX_PERMITS
        }));
        let own = Own::new(pool.clone(), limits);
        Self(Arc::new(Shared {
            operator: Mutex::new(Link::new(own, turns.clone())),
            pool,
            limits,
            turns,
            offset: AtomicI64::new(0),
            changed: Arc::new(watch::Sender::new(())),
            thread: Thread::default(),
            file: OnceLock::new(),
        }))
    }

    pub(crate) fn pool(&self) -> &Pool<B> {
        &self.0.pool
    }

    pub(crate) fn limits(&self) -> Limits {
        self.0.limits
    }

    pub(crate) fn turns(&self) -> &Arc<Semaphore> {
        &self.0.turns
    }

    pub(crate) fn thread(&self) -> &Thread {
        &self.0.thread
    }

    /// A connection of the inbox's own for one task. It connects when it is first used.
    pub(crate) fn link(&self) -> Link<B> {
        let own = Own::new(self.pool().clone(), self.limits());
        Link::new(own, self.turns().clone())
    }

    /// Removes a file when the last clone of this inbox is dropped.
    #[cfg(feature = "sqlite")]
    pub(crate) fn keep_until_dropped(&self, file: TemporaryFile) {
        let _ = self.0.file.set(file); // there is one at most
    }

    /// Wakes the workers of this process.
    pub(crate) fn wake(&self) {
        self.0.changed.send_replace(());
    }

    /// Who signals to the workers of this process.
    pub(crate) fn changed(&self) -> &Arc<watch::Sender<()>> {
        &self.0.changed
    }

    pub(crate) fn advance_clock(&self, millis: i64) {
        self.0.offset.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn statement(&self, sql: &str) -> Statement {
        #[cfg(test)]
        let sql = &*crate::model::twins::planted(sql);
        let mut statement = Statement::new::<B>(sql, self.0.offset.load(Ordering::Relaxed));
        statement.is_persistent = !self.limits().pooler;
        statement
    }

    /// Runs statements of an operator in one transaction, and returns the rows of each.
    pub(crate) async fn run(
        &self,
        statements: Vec<Statement>,
    ) -> Result<Vec<Vec<B::Row>>, Error> {
        let database = self.clone();
        let running = self.thread().spawn(async move {
            let mut link = database.0.operator.lock().await;
            within(STATEMENT_LIMIT, async {
                let mut transaction = link.begin(STATEMENT_LIMIT).await?;
                let mut rows = Vec::with_capacity(statements.len());
                for statement in statements {
                    rows.push(transaction.fetch(statement).await?);
                }
                transaction.commit().await?;
                Ok(rows)
            })
            .await
        });
        running?.await
    }

    /// Runs one statement of an operator.
    pub(crate) async fn fetch(&self, statement: Statement) -> Result<Vec<B::Row>, Error> {
        let rows = self.run(vec![statement]).await?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Lets an operator's task use the operators' connection.
    pub(crate) async fn operator(&self) -> MutexGuard<'_, Link<B>> {
        self.0.operator.lock().await
    }

    /// Closes all connections.
    pub(crate) async fn close(&self) {
        self.thread().stop().await;
        self.pool().close().await;
    }
}

impl<B: Backend> Clone for Database<B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Waits no longer than this.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    time::timeout(limit, work)
        .await
        .unwrap_or(Err(Error::Timeout))
}

/// Milliseconds, as the database counts.
pub(crate) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

/// The methods of [`Engine`] whose code is the same for each of sqlx's databases. Generic code would need
/// sqlx's bounds on every function that calls it.
macro_rules! statements {
    () => {
        async fn fetch(
            connection: &mut Self::Connection,
            statement: Statement,
        ) -> sqlx::Result<Vec<Self::Row>> {
            bound(statement).fetch_all(connection).await
        }

        async fn execute(
            connection: &mut Self::Connection,
            statement: Statement,
        ) -> sqlx::Result<u64> {
            let done = bound(statement).execute(connection).await?;
            Ok(done.rows_affected())
        }

        async fn execute_all(connection: &mut Self::Connection, sql: String) -> sqlx::Result<()> {
            let sql = sqlx::AssertSqlSafe(sql);
            sqlx::raw_sql(sql).execute(connection).await.map(drop)
        }

        fn integer(row: &Self::Row, column: &str) -> sqlx::Result<Option<i64>> {
            row.try_get(column)
        }

        fn text(row: &Self::Row, column: &str) -> sqlx::Result<Option<String>> {
            row.try_get(column)
        }

        fn bytes(row: &Self::Row, column: &str) -> sqlx::Result<Option<Vec<u8>>> {
            row.try_get(column)
        }
    };
}

pub(crate) use statements;
