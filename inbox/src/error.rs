//! Errors of opening, checking and operating an inbox.

/// The error of an inbox's operation.
///
/// Neither the message nor the source has anything of a body.
#[derive(Debug, thiserror::Error)]
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
