//! What differs between SQLite and PostgreSQL.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time;

use crate::{database::statement::Statement, error::Error};

pub(crate) use sealed::Engine;

/// A database that an inbox can live in: [`Sqlite`](crate::Sqlite) or [`Postgres`](crate::Postgres).
///
/// It is sealed. The library's statements are written once for both, and what differs is stated in the
/// implementation.
pub trait Backend: Engine {}

mod sealed {
    use std::future::Future;

    use crate::{
        database::{
            engine::{NewRow, Server},
            statement::Statement,
        },
        error::Error,
    };

    pub trait Engine: sqlx::Database {
        /// The database's clock in milliseconds since 1970, the same throughout a statement.
        const NOW: &'static str;
        /// Locks the selected rows in the order of their keys, and passes over rows that are locked already.
        const SKIP_LOCKED: &'static str;
        /// Locks the selected rows in the order of their keys.
        const LOCK: &'static str;
        /// Keeps the selected rows from being changed, and passes over rows that are locked already.
        const SHARE_SKIP_LOCKED: &'static str;
        /// Like `SKIP_LOCKED`, for the table `i` of a join.
        const SKIP_LOCKED_OF_ROW: &'static str;
        /// Keeps the selected row from being deleted until the transaction ends.
        const SHARE: &'static str;
        /// Compares with the list that is bound to the place `{}`.
        const IN: &'static str;
        /// The list that is bound to the place `{}`, as rows of one column.
        const LIST: &'static str;
        /// Locks the lines of the subjects in `{}`, a select of the column `value`, for joining them.
        const LOCK_LINES: &'static str;
        /// Stores deliveries.
        const ACCEPT: &'static str;
        /// The results in the JSON of `$1`, as the table `r`.
        const RESULTS: &'static str;
        /// An expression that ends the session if its transaction is left alone.
        const GUARD: &'static str;
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
            server: Server,
        ) -> Result<<Self::Connection as sqlx::Connection>::Options, Error>;

        /// Prepares a new connection of the inbox's own and rejects it if its commits would not be durable. One
        /// that runs the same few statements again and again plans each of them once, because planning takes as
        /// long as executing.
        fn prepare(
            connection: &mut Self::Connection,
            server: Server,
            plans_once: bool,
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
            server: Server,
        ) -> impl Future<Output = Result<Vec<bool>, Error>> + Send;

        /// Whether a row could not be stored, and others could.
        fn is_of_a_row(error: &sqlx::Error) -> bool;

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
        fn is_in_place(
            options: &<Self::Connection as sqlx::Connection>::Options,
            mark: u64,
        ) -> bool;

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
pub struct Server {
    /// A pooler between the inbox and PostgreSQL gives each transaction another connection.
    pub(crate) pooler: bool,
    /// The server is durable although it reports `fsync = off`.
    #[cfg_attr(
        not(feature = "_postgres"),
        expect(dead_code, reason = "SQLite reports no such thing")
    )]
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
    pub(crate) subjects: [Option<i64>; 4],
    /// 1: not beside another such event of one of its subjects.
    pub(crate) ordered: i64,
    /// When it came, among those that are stored together.
    pub(crate) place: usize,
    pub(crate) body: Bytes,
    pub(crate) body_cipher: Option<String>,
    /// Milliseconds.
    pub(crate) retry_window: i64,
    pub(crate) trace_context: Option<String>,
}

/// How the SQL of one inbox is spelled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialect {
    pub(crate) server: Server,
    /// Milliseconds by which the virtual clock of tests is ahead of the database's.
    offset: Arc<AtomicI64>,
}

impl Dialect {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            offset: Arc::default(),
        }
    }

    pub(crate) fn advance_clock(&self, millis: i64) {
        self.offset.fetch_add(millis, Ordering::Relaxed);
    }

    /// Fills in what the databases spell differently: `{now}`, lists (`{in $1}`, `{list $1}`), results, the
    /// `{guard}` of a transaction, and the locks `{lock}`, `{skip_locked}`, `{skip_locked_of_row}`, `{share}`,
    /// `{share_skip_locked}` and `{lock_lines …}`.
    pub(crate) fn statement<B: Engine>(&self, sql: &str) -> Statement {
        #[cfg(test)]
        let sql = &*crate::model::twins::planted(sql);
        let now = match self.offset.load(Ordering::Relaxed) {
            0 => B::NOW.to_owned(),
            offset => format!("({} + {offset})", B::NOW),
        };
        let mut sql = sql
            .replace("{now}", &now)
            .replace("{skip_locked}", B::SKIP_LOCKED)
            .replace("{share_skip_locked}", B::SHARE_SKIP_LOCKED)
            .replace("{skip_locked_of_row}", B::SKIP_LOCKED_OF_ROW)
            .replace("{lock}", B::LOCK)
            .replace("{share}", B::SHARE)
            .replace("{guard}", B::GUARD)
            .replace("{results}", B::RESULTS);
        // A select for the lines may have lists in it.
        for (name, spelling) in [
            ("{in ", B::IN),
            ("{list ", B::LIST),
            ("{lock_lines ", B::LOCK_LINES),
        ] {
            while let Some((before, after)) = sql.split_once(name) {
                let (place, after) = after.split_once('}').unwrap_or((after, ""));
                sql = format!("{before}{}{after}", spelling.replace("{}", place));
            }
        }
        Statement {
            sql,
            values: Vec::new(),
            is_persistent: !self.server.pooler,
        }
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
