//! Why a handler did not settle its job.

use std::{error::Error, fmt, time::Duration};

use sqlx::error::DatabaseError;

/// Before a transaction that was in another's way is tried again.
const CONFLICT_DELAY: Duration = Duration::from_millis(50);

/// A handler's failure, which says whether to try again.
///
/// The label is stored, logged and shown to operators. It is a `&'static str`, so that it can't contain data
/// from the event. The cause is logged and never stored.
///
/// ```
/// use leadhook_inbox::{Failure, OrFail as _};
///
/// fn parse(number: &str) -> Result<i32, Failure> {
///     number.parse().or_dead("not a number")
/// }
/// assert_eq!(parse("seven").unwrap_err().to_string(), "not a number: invalid digit found in string");
/// ```
#[derive(Debug)]
pub struct Failure {
    pub(crate) kind: FailureKind,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    Retry {
        label: &'static str,
        after: Option<Duration>,
    },
    Snooze {
        label: &'static str,
        after: Duration,
    },
    Dead {
        label: &'static str,
    },
    /// The row belongs to another attempt by now.
    Fenced,
}

impl Failure {
    /// Asks for another attempt, after the delay of the workers' [`Backoff`](crate::Backoff).
    #[must_use]
    pub fn retry(label: &'static str) -> Self {
        FailureKind::Retry { label, after: None }.into()
    }

    /// Asks for another attempt after a time of your choice, such as a `Retry-After` of the CRM. It is cut to
    /// 31 days.
    #[must_use]
    pub fn retry_after(label: &'static str, after: Duration) -> Self {
        FailureKind::Retry {
            label,
            after: Some(after),
        }
        .into()
    }

    /// Puts the job off. This is not a failed attempt: it is not counted, and the job does not die of it. The
    /// time is cut to 31 days.
    #[must_use]
    pub fn snooze(label: &'static str, after: Duration) -> Self {
        FailureKind::Snooze { label, after }.into()
    }

    /// Asks for no other attempt. The row is dead until somebody replays it.
    #[must_use]
    pub fn dead(label: &'static str) -> Self {
        FailureKind::Dead { label }.into()
    }

    /// Adds the cause, for the log. It must not contain personal data if your logs must not.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(crate) const fn new(kind: FailureKind) -> Self {
        Self { kind, cause: None }
    }

    pub(crate) fn fenced() -> Self {
        FailureKind::Fenced.into()
    }

    /// The cause and its causes, for the log.
    pub(crate) fn causes(&self) -> Option<String> {
        let cause = self.cause.as_deref()?;
        let mut causes = cause.to_string();
        let mut next = cause.source();
        while let Some(cause) = next {
            causes.extend([": ", &cause.to_string()]);
            next = cause.source();
        }
        Some(causes)
    }
}

impl From<FailureKind> for Failure {
    fn from(kind: FailureKind) -> Self {
        Self::new(kind)
    }
}

/// Writes the label and the causes.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            FailureKind::Retry { label, .. }
            | FailureKind::Snooze { label, .. }
            | FailureKind::Dead { label } => label,
            FailureKind::Fenced => "another attempt has the row",
        })?;
        match self.causes() {
            Some(causes) => write!(f, ": {causes}"),
            None => Ok(()),
        }
    }
}

/// Asks for another attempt. The label is the kind of error. Its message is not kept as a cause, because the
/// database quotes values in it. If two transactions of PostgreSQL were in each other's way, the attempt is not
/// counted.
impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(DatabaseError::code);
        if matches!(code.as_deref(), Some("40001" | "40P01")) {
            // Another transaction was in the way: no fault of this attempt.
            return Self::snooze("database: conflict", CONFLICT_DELAY);
        }
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

/// Turns the error of a result into a [`Failure`] with that cause.
///
/// ```
/// use leadhook_inbox::{Failure, OrFail as _};
///
/// # fn call_the_crm() -> std::io::Result<()> { Ok(()) }
/// fn handle() -> Result<(), Failure> {
///     call_the_crm().or_retry("crm")
/// }
/// # handle().unwrap();
/// ```
pub trait OrFail<T>: Sized {
    /// Asks for another attempt, as by [`Failure::retry`].
    ///
    /// # Errors
    ///
    /// If the result is an error.
    fn or_retry(self, label: &'static str) -> Result<T, Failure>;

    /// Asks for no other attempt, as by [`Failure::dead`].
    ///
    /// # Errors
    ///
    /// If the result is an error.
    fn or_dead(self, label: &'static str) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> OrFail<T> for Result<T, E> {
    fn or_retry(self, label: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::retry(label).with_cause(error))
    }

    fn or_dead(self, label: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::dead(label).with_cause(error))
    }
}
