//! Errors of opening, checking and operating an inbox.

use std::fmt;

/// The error of an inbox's operation.
///
/// Neither the message nor `Debug` has anything of a body. Don't log the `Debug` of the source, which is sqlx's error:
/// PostgreSQL quotes the whole row there if it violates a constraint.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database failed, or could not be reached.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The database did not respond in time.
    #[error("the database did not respond in time")]
    Timeout,
    /// The URL is not one of PostgreSQL.
    #[error("the URL is not one of PostgreSQL, which has the form postgres://user@host/database")]
    Url,
    /// The path of SQLite's file is a URL, empty, or `:memory:`.
    #[error(
        "open() takes the path of a file, such as inbox.db, and no URL; a database in memory is not durable, \
         so in tests use Inbox::temporary()"
    )]
    Path,
    /// SQLite's file can't be opened for writing.
    #[error(
        "the file can't be opened: {0}; it must be a SQLite database that this process may write to, in a \
         directory where it may create the -wal and -shm files beside it"
    )]
    File(#[source] sqlx::Error),
    /// The inbox's table can't be written to.
    #[error(
        "the inbox can't be written to: {0}; use a pool that is not read-only, the primary server, and a role \
         that may SELECT, INSERT, UPDATE and DELETE"
    )]
    ReadOnly(#[source] sqlx::Error),
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
        "SQLite {version} can corrupt a database in WAL mode (sqlite.org/wal.html#walresetbug); \
         use 3.51.3 or newer"
    )]
    SqliteTooOld {
        /// SQLite's version.
        version: String,
    },
    /// The database would report a commit that is not on the disk yet.
    #[error("a delivery would not be on the disk when it is acknowledged: {0}")]
    NotDurable(&'static str),
    /// The pool's transactions are isolated so strictly that concurrent ones fail.
    #[error(
        "transactions of this pool are {level}, so that deliveries and workers would fail each other; give the \
         inbox a pool whose default_transaction_isolation is read committed, and set a stricter level in the \
         transactions of your handlers"
    )]
    Isolation {
        /// PostgreSQL's `default_transaction_isolation`.
        level: String,
    },
    /// A body was erased from the table, and not from SQLite's write-ahead log.
    #[error(
        "the body is erased from the table, but not from SQLite's write-ahead log, because another connection \
         is reading; erase it again when it has finished"
    )]
    StillInLog,
    /// The [`Cipher`](crate::Cipher) failed.
    #[error(transparent)]
    Cipher(#[from] crate::cipher::CipherError),
    /// Two handlers were given for one source.
    #[error("the source {0:?} has two handlers; give it one")]
    TwoHandlers(String),
    /// No handler was given.
    #[error("the workers have no handler; give them one with on()")]
    NoHandler,
    /// Keys would be forgotten while the provider may still send the event again.
    #[error(
        "keys are kept for {keys:?}, but the provider of {source_name:?} may send an event again for {window:?}; \
         keep them for at least as long"
    )]
    KeepTooShort {
        /// The source.
        source_name: String,
        /// How long keys would be kept.
        keys: std::time::Duration,
        /// How long the provider retries.
        window: std::time::Duration,
    },
    /// The heartbeat's thread could not be started.
    #[error("the heartbeat's thread could not be started: {0}")]
    Thread(std::io::Error),
    /// The operating system has no randomness, from which leases get their tokens.
    #[error("the operating system's randomness failed: {0}")]
    Randomness(std::io::Error),
}

/// Writes the message.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.to_string()).finish()
    }
}
