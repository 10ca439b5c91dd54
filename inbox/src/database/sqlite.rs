//! SQLite: one machine, one file, nothing to install.

use std::{fs, io, path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Row as _, SqlStr, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use sqlx_core::transaction::TransactionManager as _;

use crate::{
    database::{
        engine::{Backend, Engine, NewRow, Server, statements},
        statement::{Statement, Value},
    },
    error::Error,
};

/// Before this version, two connections could corrupt a file in WAL mode:
/// <https://www.sqlite.org/wal.html#walresetbug>.
const OLDEST: [u32; 3] = [3, 51, 3];

/// Longer than any transaction of this library, and short enough for a second try in time for the response.
const BUSY_TIMEOUT: Duration = Duration::from_millis(1500);

/// The application has more time.
const APPLICATIONS_BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The options of a file that belongs to the inbox alone.
pub(crate) fn options(path: &Path) -> Result<SqliteConnectOptions, Error> {
    if !is_path(path) {
        return Err(Error::Path);
    }
    create(path).map_err(|error| Error::File(sqlx::Error::from(error).into()))?;
    Ok(SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(APPLICATIONS_BUSY_TIMEOUT))
}

/// Whether SQLite takes this for the path of a file, and not for a URI or a database in memory.
fn is_path(path: &Path) -> bool {
    let others = ["file:", "sqlite:", "postgres:", "postgresql:"];
    let path = path.to_string_lossy();
    !path.is_empty() && path != ":memory:" && !others.iter().any(|scheme| path.starts_with(scheme))
}

/// Creates the file for its owner alone. SQLite gives its `-wal` and `-shm` files the same mode.
fn create(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

impl Backend for Sqlite {}

impl Engine for Sqlite {
    const NOW: &'static str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    // The only writer needs no locks.
    const LOCK: &'static str = "";
    const SKIP_LOCKED: &'static str = "";
    const SHARE_SKIP_LOCKED: &'static str = "";
    const SKIP_LOCKED_OF_ROW: &'static str = "";
    const SHARE: &'static str = "";
    const IN: &'static str = "IN (SELECT value FROM json_each({}))";
    const LIST: &'static str = "json_each({})";
    const LOCK_LINES: &'static str = "SELECT count(*) AS locks FROM {} AS lines";
    const ACCEPT: &'static str = include_str!("sql/sqlite-accept.sql");
    const RESULTS: &'static str = "(SELECT value ->> 'key' AS key, value ->> 'token' AS token, \
        value ->> 'ending' AS ending, value ->> 'error' AS error, value ->> 'delay' AS delay, \
        value ->> 'give_up' AS give_up FROM json_each($1)) AS r";
    const GUARD: &'static str = "NULL"; // the locks of a process end with it
    const WRITERS: usize = 1;
    const ONE_WRITER: bool = true;
    const MIGRATIONS: &'static [&'static str] = &[include_str!("sql/sqlite-1.sql")];

    statements!();

    fn own_options(
        options: SqliteConnectOptions,
        _: Server,
    ) -> Result<SqliteConnectOptions, Error> {
        if !is_path(options.get_filename()) {
            return Err(Error::Path);
        }
        Ok(options
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", "ON")
            .pragma("fullfsync", "ON") // on macOS, fsync alone does not reach the disk
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging())
    }

    async fn prepare(connection: &mut SqliteConnection, _: Server, _: bool) -> Result<(), Error> {
        // After the hooks of the application's pool, which may have set something else.
        let pragmas = "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON";
        sqlx::raw_sql(pragmas).execute(&mut *connection).await?;
        let version: String = sqlx::query_scalar("SELECT sqlite_version()")
            .fetch_one(&mut *connection)
            .await?;
        if is_too_old(&version) {
            return Err(Error::SqliteTooOld { version });
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(connection)
            .await?;
        if mode == "off" || mode == "memory" {
            return Err(Error::NotDurable(
                "SQLite's journal_mode is off or memory; use a file in WAL mode, and Inbox::temporary() in tests",
            ));
        }
        Ok(())
    }

    async fn begin(connection: &mut SqliteConnection, _: Duration) -> sqlx::Result<()> {
        // A transaction that reads first and then writes would fail without waiting.
        Self::execute_all(connection, "BEGIN IMMEDIATE".into()).await
    }

    async fn begin_for_handler(connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let begin = SqlStr::from_static("BEGIN IMMEDIATE");
        <Self as sqlx::Database>::TransactionManager::begin(connection, Some(begin)).await
    }

    async fn store(
        connection: &mut SqliteConnection,
        sql: Statement,
        rows: &[&NewRow],
        _: Server,
    ) -> Result<Vec<bool>, Error> {
        // A commit takes as long as its flush, however many rows it has.
        let is_batch = rows.len() > 1 || rows.iter().any(|row| row.ordered == 1);
        if is_batch {
            Self::begin(connection, Duration::ZERO).await?;
        }
        let mut are_new = vec![false; rows.len()];
        let mut by_place: Vec<_> = rows.iter().zip(&mut are_new).collect();
        by_place.sort_by_key(|(row, _)| row.place);
        for (row, is_new) in by_place {
            let insert = sqlx::query::<Sqlite>(sqlx::AssertSqlSafe(sql.sql.clone()))
                .bind(&row.key)
                .bind(&*row.source)
                .bind(row.provider)
                .bind(row.scope.as_deref())
                .bind(row.matched_secret)
                .bind(row.event.as_deref())
                .bind(row.lead_id.as_deref())
                .bind(row.subjects[0])
                .bind(row.subjects[1])
                .bind(row.subjects[2])
                .bind(row.subjects[3])
                .bind(&row.body[..])
                .bind(row.body_cipher.as_deref())
                .bind(row.retry_window)
                .bind(row.ordered)
                .bind(row.trace_context.as_deref());
            let done = insert.execute(&mut *connection).await?;
            *is_new = done.rows_affected() > 0;
            let lines = row.subjects.iter().flatten();
            for subject in lines.filter(|_| *is_new && row.ordered == 1) {
                let join = "INSERT INTO leadhook_inbox_line (subject, key) VALUES ($1, $2)";
                let join = sqlx::query::<Sqlite>(join).bind(subject).bind(&row.key);
                join.execute(&mut *connection).await?;
            }
        }
        if is_batch {
            Self::execute_all(connection, "COMMIT".into()).await?;
        }
        Ok(are_new)
    }

    fn is_of_a_row(error: &sqlx::Error) -> bool {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        let code: Option<u32> = code.and_then(|code| code.parse().ok());
        // SQLITE_TOOBIG, SQLITE_CONSTRAINT, SQLITE_MISMATCH, and their extended codes
        matches!(code.map(|code| code & 0xff), Some(18..=20))
    }

    async fn lock_schema(_: &mut SqliteConnection) -> Result<(), Error> {
        Ok(()) // the transaction has the only write lock
    }

    async fn has_tables(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'leadhook_inbox_meta'";
        let tables: i64 = sqlx::query_scalar(tables).fetch_one(connection).await?;
        Ok(tables > 0)
    }

    async fn check_rights(connection: &mut SqliteConnection) -> Result<(), Error> {
        let writes = "UPDATE leadhook_inbox SET attempts = attempts WHERE FALSE";
        match Self::execute_all(connection, writes.into()).await {
            Err(error) if !is_locked(&error) => Err(Error::ReadOnly(error.into())),
            _ => Ok(()),
        }
    }

    async fn scrub(connection: &mut SqliteConnection) -> Result<(), Error> {
        // A journal that is kept has the pages as they were before. It is deleted when the mode changes.
        let mode = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection);
        let mode: String = mode.await?;
        if mode == "persist" {
            let file = "SELECT file FROM pragma_database_list WHERE name = 'main'";
            let file: String = sqlx::query_scalar(file).fetch_one(&mut *connection).await?;
            Self::execute_all(connection, "PRAGMA journal_mode = DELETE".into()).await?;
            let is_left =
                fs::metadata(format!("{file}-journal")).is_ok_and(|journal| journal.len() > 0);
            Self::execute_all(connection, "PRAGMA journal_mode = PERSIST".into()).await?;
            if is_left {
                return Err(Error::StillInLog);
            }
        }
        // Until it is overwritten, the write-ahead log has the pages as they were before.
        let truncate = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)");
        let is_blocked: bool = truncate.fetch_one(connection).await?;
        if is_blocked {
            return Err(Error::StillInLog);
        }
        Ok(())
    }

    fn is_in_place(options: &SqliteConnectOptions, mark: u64) -> bool {
        Self::mark(options) == mark
    }

    #[cfg(unix)]
    fn mark(options: &SqliteConnectOptions) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        // A file that was removed or replaced would take deliveries that nobody ever sees.
        fs::metadata(options.get_filename()).map_or(0, |file| file.ino())
    }

    #[cfg(not(unix))]
    fn mark(_: &SqliteConnectOptions) -> u64 {
        0 // an open file can't be replaced
    }
}

/// Binds a statement's parameters. Its SQL comes from this crate's constants, values are bound.
fn bound(statement: Statement) -> Query<'static, Sqlite, SqliteArguments> {
    let query = sqlx::query(sqlx::AssertSqlSafe(statement.sql));
    statement
        .values
        .into_iter()
        .fold(query, |query, value| match value {
            Value::Integer(value) => query.bind(value),
            Value::Text(value) => query.bind(value),
            Value::List(values) => query.bind(serde_json::Value::from(values).to_string()),
        })
}

/// Whether another connection writes, as is to be expected.
fn is_locked(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("5" | "261" | "517" | "773")) // SQLITE_BUSY and its extended codes
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
