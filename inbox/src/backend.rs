//! What the library needs of a database.

use std::future::Future;

use sqlx::{AssertSqlSafe, Database, Encode, Type, query::Query};

use crate::error::Error;

/// A database that an inbox can live in: [`Sqlite`](crate::Sqlite) or [`Postgres`](crate::Postgres).
///
/// It is sealed. The library's statements are written once for both; what differs is stated here.
pub trait Backend: Engine {}

pub(crate) use sealed::Engine;

mod sealed {
    use super::{Database, Error, Future, Statement};

    pub trait Engine: Database {
        /// The database's clock in milliseconds since 1970, the same throughout a statement.
        const NOW: &'static str;
        /// Passes over rows that another connection has locked.
        const SKIP_LOCKED: &'static str;
        /// One row if a commit of this statement is on the disk before it is reported, else none.
        const DURABLE: &'static str;
        /// Begins a transaction that can write without failing for what it has read.
        const BEGIN: &'static str;
        /// Whether only one connection can write at a time.
        const ONE_WRITER: bool;
        /// The schema's versions, the first one first.
        const MIGRATIONS: &'static [&'static str];

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
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Whether the inbox's tables exist.
        fn has_tables(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = sqlx::Result<bool>> + Send;

        /// Rejects a server, or a connection, that can't promise durability.
        fn check(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = Result<(), Error>> + Send;

        /// Makes the connection's commits durable, as far as a connection can.
        fn make_durable(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;

        /// Removes what erased bodies leave behind in the database's files, as far as it can.
        fn scrub(
            connection: &mut Self::Connection,
        ) -> impl Future<Output = Result<(), Error>> + Send;

        /// The value of a column of integers.
        fn integer(row: &Self::Row, column: &str) -> sqlx::Result<Option<i64>>;
        /// The value of a column of text.
        fn text(row: &Self::Row, column: &str) -> sqlx::Result<Option<String>>;
        /// The value of a column of bytes.
        fn bytes(row: &Self::Row, column: &str) -> sqlx::Result<Option<Vec<u8>>>;
    }
}

/// One SQL statement and its parameters, `$1` first.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(crate) sql: String,
    pub(crate) values: Vec<Value>,
}

/// A parameter.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Integer(i64),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Statement {
    /// Takes SQL with `{now}` and `{skip_locked}`; the virtual clock of tests is `offset` ahead.
    pub(crate) fn new<B: Engine>(sql: &str, offset: i64) -> Self {
        let now = match offset {
            0 => B::NOW.to_owned(),
            offset => format!("({} + {offset})", B::NOW),
        };
        Self {
            sql: sql
                .replace("{now}", &now)
                .replace("{skip_locked}", B::SKIP_LOCKED)
                .replace("{durable}", B::DURABLE),
            values: Vec::new(),
        }
    }

    /// Puts SQL into a place of its name.
    pub(crate) fn part(mut self, name: &str, sql: &str) -> Self {
        self.sql = self.sql.replace(name, sql);
        self
    }

    /// Binds the next parameter.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds any number of parameters and puts them into a place of its name. No list of values is
    /// empty in SQL, so none becomes the empty text, which is no key, lease or source.
    pub(crate) fn bind_list(self, name: &str, list: impl IntoIterator<Item = String>) -> Self {
        let mut places = Vec::new();
        let mut statement = self;
        for value in list {
            statement = statement.bind(value);
            places.push(format!("${}", statement.values.len()));
        }
        if places.is_empty() {
            return statement.part(name, "''");
        }
        statement.part(name, &places.join(", "))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(Some(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.into()))
    }
}

impl From<Option<String>> for Value {
    fn from(value: Option<String>) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(Some(value))
    }
}

/// The methods of [`Engine`] whose code is the same for each of sqlx's databases. Generic code would need sqlx's
/// bounds on every function that calls it.
macro_rules! statements {
    () => {
        async fn fetch(
            connection: &mut Self::Connection,
            statement: Statement,
        ) -> sqlx::Result<Vec<Self::Row>> {
            crate::backend::bound(statement).fetch_all(connection).await
        }

        async fn execute(
            connection: &mut Self::Connection,
            statement: Statement,
        ) -> sqlx::Result<u64> {
            Ok(crate::backend::bound(statement)
                .execute(connection)
                .await?
                .rows_affected())
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

/// Binds a statement's parameters. Its SQL comes from this crate's constants, values are bound.
pub(crate) fn bound<DB: Database>(statement: Statement) -> Query<'static, DB, DB::Arguments>
where
    for<'a> i64: Encode<'a, DB> + Type<DB>,
    for<'a> Option<String>: Encode<'a, DB> + Type<DB>,
    for<'a> Option<Vec<u8>>: Encode<'a, DB> + Type<DB>,
{
    let query = sqlx::query(AssertSqlSafe(statement.sql));
    let bind = |query: Query<'static, DB, _>, value| match value {
        Value::Integer(value) => query.bind(value),
        Value::Text(value) => query.bind(value),
        Value::Bytes(value) => query.bind(value),
    };
    statement.values.into_iter().fold(query, bind)
}

pub(crate) use statements;
