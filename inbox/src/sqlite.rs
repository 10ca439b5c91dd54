//! SQLite: one machine, one file, nothing to install.

use std::{fs::OpenOptions, io, path::Path, time::Duration};

use sqlx::{
    Row as _, Sqlite, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    backend::{Backend, Engine, Statement, statements},
    error::Error,
    inbox::Inbox,
};

/// Before this version, two connections could corrupt a file in WAL mode:
/// <https://www.sqlite.org/wal.html#walresetbug>.
const OLDEST: [u32; 3] = [3, 51, 3];

/// More than the handlers that run by default, so that deliveries need not wait for a connection.
const CONNECTIONS: u32 = 12;

/// Longer than any transaction of this library, shorter than the responses' deadline.
const BUSY_TIMEOUT: Duration = Duration::from_secs(3);

impl Inbox<Sqlite> {
    /// Opens an inbox in a file of its own, and creates or migrates it first if need be.
    ///
    /// A new file is readable by its owner only. It is written in WAL mode with `synchronous = FULL`,
    /// and what is deleted in it is overwritten. It must not be on a network drive.
    ///
    /// # Errors
    ///
    /// If the path is a URL or `:memory:`, the file or its directory can't be written, SQLite is older than
    /// 3.51.3, or the file's schema is newer than this library.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if !is_path(path) {
            return Err(Error::Path);
        }
        create(path).map_err(|error| Error::File(error.into()))?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON")
            .pragma("fullfsync", "ON") // on macOS, fsync alone does not reach the disk
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .test_before_acquire(false) // no connection to a file breaks by itself
            .connect_with(options)
            .await
            .map_err(Error::File)?;
        let inbox = Self::with_pool(pool);
        inbox.migrate().await?;
        inbox.check().await?;
        Ok(inbox)
    }
}

/// Whether SQLite takes this for the path of a file, and not for a URI or a database in memory.
fn is_path(path: &Path) -> bool {
    let others = ["file:", "sqlite:", "postgres:", "postgresql:"];
    let path = path.to_string_lossy();
    !path.is_empty() && path != ":memory:" && !others.iter().any(|scheme| path.starts_with(scheme))
}

/// Creates the file for its owner alone; SQLite gives its `-wal` and `-shm` files the same mode.
fn create(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

impl Backend for Sqlite {}

impl Engine for Sqlite {
    const NOW: &'static str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    const SKIP_LOCKED: &'static str = "";
    const DURABLE: &'static str = "pragma_synchronous AS s, pragma_journal_mode AS j \
        WHERE s.synchronous >= 2 AND j.journal_mode NOT IN ('off', 'memory')";
    const ONE_WRITER: bool = true;
    const BEGIN: &'static str = "BEGIN IMMEDIATE";
    const MIGRATIONS: &'static [&'static str] = &[include_str!("sql/sqlite-1.sql")];

    statements!();

    async fn lock_schema(_: &mut SqliteConnection) -> sqlx::Result<()> {
        Ok(()) // the transaction has the only write lock
    }

    async fn has_tables(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'leadhook_inbox_meta'";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(connection).await?;
        Ok(tables > 0)
    }

    async fn check(connection: &mut SqliteConnection) -> Result<(), Error> {
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&mut *connection)
            .await?;
        if is_too_old(&version) {
            return Err(Error::SqliteTooOld { version });
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(connection)
            .await?;
        match mode.as_str() {
            "off" | "memory" => Err(Error::NotDurable(
                "SQLite's journal_mode is off or memory; use a file in WAL mode, and Inbox::temporary() in tests",
            )),
            _ => Ok(()),
        }
    }

    async fn make_durable(connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let full = sqlx::raw_sql("PRAGMA synchronous = FULL");
        full.execute(connection).await.map(drop)
    }

    async fn scrub(connection: &mut SqliteConnection) -> Result<(), Error> {
        // Until it is overwritten, the write-ahead log has the pages as they were before.
        let truncate = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)");
        let is_blocked: bool = truncate.fetch_one(connection).await?;
        if is_blocked {
            return Err(Error::StillInLog);
        }
        Ok(())
    }
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let version = [(); 3].map(|()| numbers.next().unwrap_or(0_u32));
    version < OLDEST
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, SqliteConnection};

    use super::is_too_old;
    use crate::{error::Error, inbox::Inbox};

    #[test]
    fn a_version_with_the_wal_reset_bug_is_too_old() {
        for version in ["3.7.0", "3.46.0", "3.51.2", "2.9", "?"] {
            assert!(is_too_old(version), "{version}");
        }
        for version in ["3.51.3", "3.52.0", "3.100", "4.0.0"] {
            assert!(!is_too_old(version), "{version}");
        }
    }

    /// `LIBSQLITE3_SYS_USE_PKG_CONFIG=1` links the system's SQLite, which may be too old.
    #[tokio::test]
    async fn an_old_sqlite_is_rejected_before_it_writes() {
        let mut memory = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let version = sqlx::query_scalar("SELECT sqlite_version()").fetch_one(&mut memory);
        let version: String = version.await.unwrap();
        let opened = Inbox::temporary().await;
        if is_too_old(&version) {
            assert!(
                matches!(opened, Err(Error::SqliteTooOld { .. })),
                "{opened:?}"
            );
        } else {
            opened.unwrap();
        }
    }
}
