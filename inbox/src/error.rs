//! Errors of opening, checking and operating an inbox.

use std::{fmt, io, sync::Arc, time::Duration};

use sqlx::error::DatabaseError;

/// The error of an inbox's operation.
///
/// Neither the message nor `Debug` contains anything from a body. Don't log the `Debug` of the source, which is
/// sqlx's error: PostgreSQL quotes the whole row there if it violates a constraint.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed, or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[source] Arc<sqlx::Error>),
    /// The database did not respond in time.
    #[error("the database did not respond in time")]
    Timeout,
    /// The connection would not be encrypted.
    #[error(
        "the connection to PostgreSQL can't be encrypted: {0}; to connect to another machine in clear text, add \
         sslmode=disable to the URL"
    )]
    Tls(#[source] Arc<sqlx::Error>),
    /// All of PostgreSQL's connections are in use.
    #[error(
        "PostgreSQL accepts no more connections: {0}; each process with an inbox needs four, and those of its \
         handlers' transactions"
    )]
    TooManyConnections(#[source] Arc<sqlx::Error>),
    /// A pooler gives each transaction another connection.
    #[error(
        "a prepared statement is missing or exists already: {0}; if the inbox connects through PgBouncer or \
         another pooler in transaction mode, call behind_a_pooler()"
    )]
    Pooler(#[source] Arc<sqlx::Error>),
    /// The URL is not a PostgreSQL URL.
    #[error("not a PostgreSQL URL; expected postgres://user@host/database")]
    Url,
    /// The URL names several hosts.
    #[error(
        "the URL names several hosts, which sqlx does not support; name one that leads to the primary"
    )]
    SeveralHosts,
    /// The path of SQLite's file is a URL, empty, or `:memory:`.
    #[error(
        "not the path of a file; expected a path such as inbox.db, because a database in memory is not durable; \
         in tests, use Inbox::temporary()"
    )]
    Path,
    /// SQLite's file can't be opened for writing.
    #[error(
        "the file can't be opened: {0}; it must be a SQLite database that this process may write to, in a \
         directory where it may create the -wal and -shm files"
    )]
    File(#[source] Arc<sqlx::Error>),
    /// The inbox's table can't be written to.
    #[error(
        "the inbox can't be written to: {0}; use a pool that is not read-only, and a file that this process may \
         write to"
    )]
    ReadOnly(#[source] Arc<sqlx::Error>),
    /// The role lacks rights that the inbox needs.
    #[error("the role lacks rights ({missing}); grant them")]
    MissingRights {
        /// The tables and what is missing.
        missing: String,
    },
    /// Another session holds the lock of migrations.
    #[error(
        "another session is migrating the inbox and has not finished; end it, or try again later"
    )]
    MigrationLocked,
    /// The inbox's tables are missing.
    #[error("the database has no inbox; call migrate(), or run the SQL of migrations()")]
    NotMigrated,
    /// The inbox's tables are older than this library.
    #[error(
        "the inbox has schema version {found}, and this library needs {needed}; call migrate()"
    )]
    SchemaTooOld {
        /// The schema's version.
        found: i64,
        /// The version that this library needs.
        needed: i64,
    },
    /// The inbox's tables belong to a newer version of this library, and this one can't use them.
    #[error(
        "the inbox has schema version {found}, and this library knows {known}; upgrade leadhook-inbox"
    )]
    SchemaTooNew {
        /// The schema's version.
        found: i64,
        /// The newest version that this library knows.
        known: i64,
    },
    /// SQLite has the WAL-reset bug, which can corrupt the file.
    #[error(
        "SQLite {version} can corrupt a database in WAL mode (sqlite.org/wal.html#walresetbug); use 3.51.3 or \
         newer"
    )]
    SqliteTooOld {
        /// SQLite's version.
        version: String,
    },
    /// The database would report a commit that is not on the disk yet.
    #[error("a delivery would not be on the disk when it is acknowledged: {0}")]
    NotDurable(&'static str),
    /// A body was erased from the table, and not from SQLite's write-ahead log.
    #[error(
        "the body is erased from the table, but not from SQLite's write-ahead log, because another connection \
         is reading; erase it again when that connection has finished"
    )]
    StillInLog,
    /// The [`Cipher`](crate::Cipher) failed.
    #[error(transparent)]
    Cipher(#[from] crate::cipher::CipherError),
    /// The default subject key is missing from the database.
    #[error(
        "the database has no subject key; give the inbox one with with_subject_keys(), or run the SQL of \
         migrations() again"
    )]
    NoSubjectKey,
    /// Another key was used under the same id.
    #[error(
        "the subject key {0:?} is not the one that was used under this id before; give it another id"
    )]
    OtherSubjectKey(String),
    /// The rows of a person are not as many as was confirmed.
    #[error("{found} rows are about the person, and {expected} were confirmed; look at them again")]
    OtherCount {
        /// How many were confirmed.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A setting is invalid.
    #[error("{setting} is {value}; {expected}")]
    Setting {
        /// The method that set it.
        setting: &'static str,
        /// Its value.
        value: String,
        /// The valid values.
        expected: &'static str,
    },
    /// Two handlers were given for one source.
    #[error("the source {0:?} has two handlers; give it one")]
    TwoHandlers(String),
    /// One name was given to sources of two providers.
    #[error("the source name {0:?} is used for two providers; give each its own name")]
    TwoProviders(String),
    /// No handler was given.
    #[error("the workers have no handler; give them one with on()")]
    NoHandler,
    /// Keys would be forgotten while the provider may still send the event again.
    #[error(
        "keys are kept for {keys:?}, but the provider of {source_name:?} may send an event again for {window:?}; \
         keep them for at least as long"
    )]
    RetentionTooShort {
        /// The source.
        source_name: String,
        /// How long keys would be kept.
        keys: Duration,
        /// How long the provider retries.
        window: Duration,
    },
    /// The inbox's thread could not be started.
    #[error("a thread could not be started: {0}")]
    Thread(#[source] Arc<io::Error>),
    /// The operating system has no randomness, from which attempts get their tokens.
    #[error("the operating system's randomness failed: {0}")]
    Randomness(#[source] Arc<io::Error>),
    /// A hook of the application's pool panicked.
    #[error("a hook of the pool panicked")]
    Panicked,
    /// The inbox was closed.
    #[error("the inbox is closed")]
    Closed,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        let of_code = match code.as_deref() {
            Some("26000" | "42P05") => Self::Pooler,
            Some("53300") => Self::TooManyConnections,
            _ if matches!(error, sqlx::Error::Tls(_)) => Self::Tls,
            _ => Self::Database,
        };
        of_code(Arc::new(error))
    }
}

/// Writes the message.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.to_string()).finish()
    }
}
