//! Figures for dashboards and alerts.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::{
    database::{Database, engine::Backend},
    error::Error,
};

/// The figures of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SourceStats {
    /// The source.
    pub source: String,
    /// Rows that no handler has, those in backoff included.
    pub waiting: u64,
    /// Rows that a handler has, in any process.
    pub in_progress: u64,
    /// Rows that wait for a decision: replay or erase them.
    pub dead: u64,
    /// For how long the oldest due row has been due. Rows in backoff are not due. Alert on this figure. It is
    /// serialized in seconds.
    #[serde(serialize_with = "seconds")]
    pub oldest_due: Option<Duration>,
    /// Whether workers of this process have a handler for the source. If none has in any process, its rows wait
    /// for ever.
    pub has_handler: bool,
}

#[expect(clippy::ref_option, reason = "serde passes the field")]
pub(crate) fn seconds<S: Serializer>(
    time: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

pub(crate) async fn stats<B: Backend>(
    database: &Database<B>,
    is_handled: impl Fn(&str) -> bool,
) -> Result<Vec<SourceStats>, Error> {
    let statement = database.statement(include_str!("sql/stats.sql"));
    let rows = database.fetch(statement).await?;
    let stats = rows.iter().map(|row| {
        let count = |column| -> sqlx::Result<u64> {
            let count = B::integer(row, column)?.unwrap_or(0);
            Ok(u64::try_from(count).unwrap_or(0))
        };
        let source = B::text(row, "source")?.unwrap_or_default();
        let oldest_due = B::integer(row, "oldest_due")?;
        Ok(SourceStats {
            waiting: count("waiting")?,
            in_progress: count("in_progress")?,
            dead: count("dead")?,
            oldest_due: oldest_due
                .map(|millis| Duration::from_millis(u64::try_from(millis).unwrap_or(0))),
            has_handler: is_handled(&source),
            source,
        })
    });
    stats.collect()
}
