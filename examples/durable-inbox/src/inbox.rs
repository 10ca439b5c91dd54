//! The table: what was received, and what became of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use leadhook::{Delivery, Provider};
use sqlx::{AnyPool, Row as _, any::AnyPoolOptions};

/// The table `inbox` in SQLite or PostgreSQL, and the table `worked` beside it.
///
/// It is cheap to clone. Times are passed in, so that tests need not wait.
#[derive(Clone)]
pub struct Inbox {
    pool: AnyPool,
    dialect: &'static Dialect,
}

/// A row that was taken, to be worked within its lease.
#[derive(Clone)]
pub struct Row {
    /// The route that received it.
    pub source: String,
    /// The body, which was authenticated before it was stored.
    pub body: Vec<u8>,
    /// How often it was taken, this time included. Who takes it next counts on, and by that the one
    /// who outran the lease is told apart.
    pub tries: i64,
    key: String,
}

/// What the two databases don't say alike.
struct Dialect {
    connections: u32,
    /// Run on each connection: what is committed must be on the disk, for it is answered 200 then.
    durably: &'static str,
    schema: &'static str,
    take: &'static str,
}

const SQLITE: Dialect = Dialect {
    // There can be one writer only: one connection is queued for in order, several would poll.
    connections: 1,
    durably: "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    schema: include_str!("schema/sqlite.sql"),
    take: "UPDATE inbox SET tries = tries + 1, due_at = $2
           WHERE key = (SELECT key FROM inbox WHERE state = 'waiting' AND due_at <= $1
                        ORDER BY due_at LIMIT 1)
           RETURNING key, source, body, tries",
};

const POSTGRES: Dialect = Dialect {
    connections: 8,
    durably: "SET synchronous_commit = on",
    schema: include_str!("schema/postgres.sql"),
    take: "UPDATE inbox SET tries = tries + 1, due_at = $2
           WHERE key = (SELECT key FROM inbox WHERE state = 'waiting' AND due_at <= $1
                        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
           RETURNING key, source, body, tries",
};

impl Inbox {
    /// Connects to `postgres://…` or `sqlite:FILE`, and creates what isn't there: the file, the tables.
    ///
    /// # Errors
    ///
    /// That of the database, or of a URL of another kind.
    pub async fn open(url: &str) -> sqlx::Result<Self> {
        sqlx::any::install_default_drivers();
        let (dialect, url) = match url.strip_prefix("sqlite:") {
            Some(file) if !file.contains('?') => (&SQLITE, format!("{url}?mode=rwc")),
            Some(_) => (&SQLITE, url.into()),
            None => (&POSTGRES, url.into()),
        };
        let pool = AnyPoolOptions::new()
            .max_connections(dialect.connections)
            .after_connect(|connection, _| {
                Box::pin(async {
                    sqlx::raw_sql(dialect.durably).execute(connection).await?;
                    Ok(())
                })
            })
            .connect(&url)
            .await?;
        sqlx::raw_sql(dialect.schema).execute(&pool).await?;
        Ok(Self { pool, dialect })
    }

    /// Stores a delivery, unless it is there already. It is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// That of the database: then it may be stored or not, and the sender must be told to retry.
    pub async fn store<P: Provider>(
        &self,
        source: &str,
        delivery: &Delivery<P>,
        now: SystemTime,
    ) -> sqlx::Result<()> {
        sqlx::query(
            "INSERT INTO inbox (key, source, body, received_at, due_at) VALUES ($1, $2, $3, $4, $4)
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(delivery.key().to_string())
        .bind(source)
        .bind(delivery.body().to_vec())
        .bind(millis(now))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Takes the row that has been due for longest, if there is one. No one else gets it within the
    /// lease.
    ///
    /// # Errors
    ///
    /// That of the database.
    pub async fn take(&self, now: SystemTime, lease: Duration) -> sqlx::Result<Option<Row>> {
        sqlx::query(self.dialect.take)
            .bind(millis(now))
            .bind(millis(now + lease))
            .fetch_optional(&self.pool)
            .await?
            .map(|row| {
                Ok(Row {
                    key: row.try_get("key")?,
                    source: row.try_get("source")?,
                    body: row.try_get("body")?,
                    tries: row.try_get("tries")?,
                })
            })
            .transpose()
    }

    /// Marks a row as done and records the work, both or neither. False, and nothing recorded, where
    /// the lease ran out and someone else took the row.
    ///
    /// Work that goes to tables of the same database belongs into this transaction.
    ///
    /// # Errors
    ///
    /// That of the database: then the row is due again when its lease ends.
    pub async fn finish(&self, row: &Row, line: &str, now: SystemTime) -> sqlx::Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let marked = sqlx::query(
            "UPDATE inbox SET state = 'done', error = NULL
             WHERE key = $1 AND tries = $2 AND state = 'waiting'",
        )
        .bind(&row.key)
        .bind(row.tries)
        .execute(&mut *transaction)
        .await?;
        if marked.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query("INSERT INTO worked (key, worked_at, line) VALUES ($1, $2, $3)")
            .bind(&row.key)
            .bind(millis(now))
            .bind(line)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Gives a row back, to be taken again when it is due. False where the lease ran out and someone
    /// else took it.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub async fn retry(&self, row: &Row, error: &str, due: SystemTime) -> sqlx::Result<bool> {
        let given_back = sqlx::query(
            "UPDATE inbox SET due_at = $3, error = $4
             WHERE key = $1 AND tries = $2 AND state = 'waiting'",
        )
        .bind(&row.key)
        .bind(row.tries)
        .bind(millis(due))
        .bind(error)
        .execute(&self.pool)
        .await?;
        Ok(given_back.rows_affected() > 0)
    }

    /// Keeps a row that no retry will make readable, for a person to look at. False where the lease
    /// ran out and someone else took it.
    ///
    /// # Errors
    ///
    /// As for [`finish`](Self::finish).
    pub async fn set_aside(&self, row: &Row, error: &str) -> sqlx::Result<bool> {
        let set_aside = sqlx::query(
            "UPDATE inbox SET state = 'unreadable', error = $3
             WHERE key = $1 AND tries = $2 AND state = 'waiting'",
        )
        .bind(&row.key)
        .bind(row.tries)
        .bind(error)
        .execute(&self.pool)
        .await?;
        Ok(set_aside.rows_affected() > 0)
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.pool.close().await;
    }
}

/// Milliseconds since 1970.
fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::Inbox;

    #[tokio::test]
    async fn sqlite_waits_for_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("inbox.db");
        let inbox = Inbox::open(&format!("sqlite:{}", file.display()))
            .await
            .unwrap();
        let setting = async |query: &'static str| {
            let (value,) = sqlx::query_as(query).fetch_one(&inbox.pool).await.unwrap();
            value
        };
        let full: i64 = setting("SELECT synchronous FROM pragma_synchronous").await;
        assert_eq!(full, 2);
    }
}
