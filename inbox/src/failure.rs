//! Why a handler did not settle its job.

use std::time::Duration;

/// A handler's failure, which says whether to try again.
///
/// The label is stored and logged, so it must not contain personal data. It is `&'static str` because a
/// constant can't.
#[derive(Debug)]
pub struct Failure(pub(crate) FailureKind);

#[derive(Debug)]
pub(crate) enum FailureKind {
    Retry {
        label: &'static str,
        after: Option<Duration>,
    },
    Dead {
        label: &'static str,
    },
    LeaseExpired,
}

impl Failure {
    /// Asks for another try, after the delay of the workers' [`Backoff`](crate::Backoff).
    #[must_use]
    pub fn retry(label: &'static str) -> Self {
        Self(FailureKind::Retry { label, after: None })
    }

    /// Asks for another try after a time of its own, such as a `Retry-After` that another system sent.
    #[must_use]
    pub fn retry_after(label: &'static str, after: Duration) -> Self {
        Self(FailureKind::Retry {
            label,
            after: Some(after),
        })
    }

    /// Asks for no other try, so that the row is dead until someone replays it.
    #[must_use]
    pub fn dead(label: &'static str) -> Self {
        Self(FailureKind::Dead { label })
    }

    pub(crate) fn lease_expired() -> Self {
        Self(FailureKind::LeaseExpired)
    }
}

/// Asks for another try. The label is the kind of error, never its message, which may quote values.
impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::retry(match error {
            sqlx::Error::Database(error) => match error.kind() {
                sqlx::error::ErrorKind::UniqueViolation => "database: unique violation",
                sqlx::error::ErrorKind::ForeignKeyViolation => "database: foreign key violation",
                sqlx::error::ErrorKind::NotNullViolation => "database: not-null violation",
                sqlx::error::ErrorKind::CheckViolation => "database: check violation",
                _ => "database: statement failed",
            },
            sqlx::Error::Io(_) => "database: connection failed",
            sqlx::Error::PoolTimedOut => "database: no connection in time",
            sqlx::Error::PoolClosed => "database: pool closed",
            sqlx::Error::RowNotFound => "database: row not found",
            _ => "database: other error",
        })
    }
}
