//! A database for each test, and a look into its tables.

use std::sync::Arc;

use leadhook::Graphoid;
use leadhook_inbox::{Backend, Inbox, Key, Postgres, Source, Sqlite, Transaction};
use sqlx::{AssertSqlSafe, Pool, pool::PoolOptions};
use tempfile::TempDir;

use super::{SOURCE, delivery, postgres};

/// A database with an inbox, and a table `effects` of the user's.
pub struct Database<B: Backend> {
    pub inbox: Inbox<B>,
    /// What [`Db::open`] takes.
    pub url: String,
    _keep: Keep,
}

enum Keep {
    Directory(#[expect(dead_code, reason = "removed when dropped")] TempDir),
    Server(#[expect(dead_code, reason = "stopped when dropped")] Arc<postgres::Server>),
}

/// What the tests do with either database.
pub trait Db: Backend + Sized {
    /// The type of a column of bytes.
    const BYTES: &'static str;
    fn open(url: &str) -> impl Future<Output = Inbox<Self>> + Send;
    /// An inbox on a pool whose options and hook both say not to flush.
    fn with_weak_pool(url: &str) -> impl Future<Output = Inbox<Self>> + Send;
    fn run(pool: &Pool<Self>, sql: &str) -> impl Future<Output = sqlx::Result<()>> + Send;
    fn count(pool: &Pool<Self>, sql: &str) -> impl Future<Output = i64> + Send;
    fn try_count(pool: &Pool<Self>, sql: &str) -> impl Future<Output = sqlx::Result<i64>> + Send;
    fn record(
        transaction: &mut Transaction<Self>,
        key: Key,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
    /// Adds 1 to `counter`, in PostgreSQL as a serializable transaction.
    fn count_up(
        transaction: &mut Transaction<Self>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
    /// Fails with an error that quotes the value.
    fn provoke(
        transaction: &mut Transaction<Self>,
        value: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

macro_rules! db {
    ($database:ty, $bytes:literal, $weaken:literal, $count_up:literal, $provoke:literal) => {
        impl Db for $database {
            const BYTES: &'static str = $bytes;

            async fn open(url: &str) -> Inbox<Self> {
                Inbox::<Self>::open(url).await.unwrap()
            }

            async fn with_weak_pool(url: &str) -> Inbox<Self> {
                let scheme = if url.starts_with('/') { "sqlite:" } else { "" };
                let pool = PoolOptions::<Self>::new().after_connect(|connection, _| {
                    Box::pin(
                        async move { sqlx::raw_sql($weaken).execute(connection).await.map(drop) },
                    )
                });
                let pool = pool.connect(&format!("{scheme}{url}")).await.unwrap();
                Inbox::with_pool(pool)
            }

            async fn run(pool: &Pool<Self>, sql: &str) -> sqlx::Result<()> {
                let sql = sqlx::raw_sql(AssertSqlSafe(sql));
                sql.execute(pool).await.map(drop)
            }

            async fn count(pool: &Pool<Self>, sql: &str) -> i64 {
                Self::try_count(pool, sql).await.unwrap()
            }

            async fn try_count(pool: &Pool<Self>, sql: &str) -> sqlx::Result<i64> {
                let query = sqlx::query_scalar(AssertSqlSafe(sql));
                query.fetch_one(pool).await
            }

            async fn record(transaction: &mut Transaction<Self>, key: Key) -> sqlx::Result<()> {
                let insert = sqlx::query("INSERT INTO effects (key) VALUES ($1)");
                insert
                    .bind(key.to_string())
                    .execute(&mut **transaction)
                    .await
                    .map(drop)
            }

            async fn count_up(transaction: &mut Transaction<Self>) -> sqlx::Result<()> {
                let count = sqlx::raw_sql($count_up);
                count.execute(&mut **transaction).await.map(drop)
            }

            async fn provoke(transaction: &mut Transaction<Self>, value: &str) -> sqlx::Result<()> {
                let query = sqlx::query($provoke).bind(value.to_owned());
                query.execute(&mut **transaction).await.map(drop)
            }
        }
    };
}

db!(
    Sqlite,
    "BLOB",
    "PRAGMA synchronous = OFF; PRAGMA secure_delete = OFF",
    "UPDATE counter SET value = value + 1",
    "SELECT json($1)"
);
db!(
    Postgres,
    "BYTEA",
    "SET synchronous_commit = off",
    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; UPDATE counter SET value = value + 1",
    "SELECT CAST($1 AS INTEGER)"
);

impl<B: Db> Database<B> {
    pub async fn count(&self, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM leadhook_inbox WHERE {condition}");
        B::count(self.inbox.pool(), &sql).await
    }

    /// How many deliveries came after the first ones.
    pub async fn duplicates(&self) -> i64 {
        let sql =
            "SELECT CAST(COALESCE(SUM(duplicates), 0) AS BIGINT) FROM leadhook_inbox_duplicate";
        B::count(self.inbox.pool(), sql).await
    }

    pub fn source(&self) -> Source<Graphoid, B> {
        self.inbox.source(SOURCE)
    }

    /// The key of the event with this id.
    pub fn key(&self, id: usize) -> Key {
        self.source().key(&delivery(id))
    }

    pub async fn effects(&self) -> i64 {
        B::count(self.inbox.pool(), "SELECT count(*) FROM effects").await
    }

    pub async fn run(&self, sql: &str) {
        B::run(self.inbox.pool(), sql).await.unwrap();
    }
}

/// Removes the inbox.
pub const DROP: &str = "DROP TABLE leadhook_inbox; DROP TABLE leadhook_inbox_duplicate; \
    DROP TABLE leadhook_inbox_process; DROP TABLE leadhook_inbox_line; DROP TABLE leadhook_inbox_subject_key; \
    DROP TABLE leadhook_inbox_without_subjects; DROP TABLE leadhook_inbox_paused; DROP TABLE leadhook_inbox_meta";

// `key` is not unique, so that a second effect would be seen.
const EFFECTS: &str = "CREATE TABLE effects (key TEXT NOT NULL)";

/// A file in a directory of its own.
pub async fn sqlite() -> Database<Sqlite> {
    let directory = TempDir::new().unwrap();
    let url = directory.path().join("inbox.db").display().to_string();
    let inbox = Sqlite::open(&url).await;
    Sqlite::run(inbox.pool(), EFFECTS).await.unwrap();
    Database {
        inbox,
        url,
        _keep: Keep::Directory(directory),
    }
}

/// A database of its own on the server that the tests share. None where PostgreSQL is not installed.
pub async fn postgres() -> Option<Database<Postgres>> {
    let server = postgres::shared()?;
    Some(on(server).await)
}

/// A database on a server.
pub async fn on(server: Arc<postgres::Server>) -> Database<Postgres> {
    let url = server.create_database().await;
    let inbox = <Postgres as Db>::open(&url).await;
    Postgres::run(inbox.pool(), EFFECTS).await.unwrap();
    Database {
        inbox,
        url,
        _keep: Keep::Server(server),
    }
}
