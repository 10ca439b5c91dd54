//! A database for each test, and a look into its tables.

use std::sync::Arc;

use leadhook_inbox::{Backend, Inbox, Key, Postgres, Sqlite};
use sqlx::{AssertSqlSafe, Pool, Transaction};
use tempfile::TempDir;

use super::postgres;

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
    fn run(pool: &Pool<Self>, sql: &str) -> impl Future<Output = sqlx::Result<()>> + Send;
    fn count(pool: &Pool<Self>, sql: &str) -> impl Future<Output = i64> + Send;
    fn record(
        transaction: &mut Transaction<'static, Self>,
        key: Key,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
    /// Fails with an error that quotes the value.
    fn provoke(
        transaction: &mut Transaction<'static, Self>,
        value: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}

macro_rules! db {
    ($database:ty, $bytes:literal, $provoke:literal) => {
        impl Db for $database {
            const BYTES: &'static str = $bytes;

            async fn open(url: &str) -> Inbox<Self> {
                Inbox::<Self>::open(url).await.unwrap()
            }

            async fn run(pool: &Pool<Self>, sql: &str) -> sqlx::Result<()> {
                let sql = sqlx::raw_sql(AssertSqlSafe(sql));
                sql.execute(pool).await.map(drop)
            }

            async fn count(pool: &Pool<Self>, sql: &str) -> i64 {
                let query = sqlx::query_scalar(AssertSqlSafe(sql));
                query.fetch_one(pool).await.unwrap()
            }

            async fn record(
                transaction: &mut Transaction<'static, Self>,
                key: Key,
            ) -> sqlx::Result<()> {
                let insert = sqlx::query("INSERT INTO effects (key) VALUES ($1)");
                insert
                    .bind(key.to_string())
                    .execute(&mut **transaction)
                    .await
                    .map(drop)
            }

            async fn provoke(
                transaction: &mut Transaction<'static, Self>,
                value: &str,
            ) -> sqlx::Result<()> {
                let query = sqlx::query($provoke).bind(value.to_owned());
                query.execute(&mut **transaction).await.map(drop)
            }
        }
    };
}

db!(Sqlite, "BLOB", "SELECT json($1)");
db!(Postgres, "BYTEA", "SELECT CAST($1 AS INTEGER)");

impl<B: Db> Database<B> {
    pub async fn count(&self, condition: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM leadhook_inbox WHERE {condition}");
        B::count(self.inbox.pool(), &sql).await
    }

    pub async fn effects(&self) -> i64 {
        B::count(self.inbox.pool(), "SELECT count(*) FROM effects").await
    }

    pub async fn run(&self, sql: &str) {
        B::run(self.inbox.pool(), sql).await.unwrap();
    }
}

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
