//! The figures of each source, for a page that somebody looks at.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    database::{Database, engine::Backend},
    error::Error,
    operate::{clock, count::Count, pause, rows::time, sources, stats::seconds},
};

const HOUR: i64 = 60 * 60 * 1000;

/// The figures of all sources, at a time of the database's clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Figures {
    /// When they were read.
    pub now: DateTime<Utc>,
    /// The sources that have rows or are paused.
    pub sources: Vec<SourceFigures>,
}

/// The figures of one source. No row is counted twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SourceFigures {
    /// The source.
    pub source: String,
    /// When the source was paused, if it is.
    pub paused_since: Option<DateTime<Utc>>,
    /// Whether workers of this process have a handler for the source.
    pub has_handler: bool,
    /// Rows that wait and are due.
    pub due: Count,
    /// Rows that wait and are due later, after a failure or a snooze.
    pub in_backoff: Count,
    /// Rows that a handler has, in any process.
    pub in_progress: Count,
    /// Rows that wait for a decision: replay or erase them.
    pub dead: Count,
    /// When the oldest due row became due.
    pub oldest_due: Option<DateTime<Utc>>,
    /// Rows handled in each of the last 24 hours, the current one last.
    pub handled: Vec<Hour>,
    /// The median age at completion of the last 1,000 completions. It is serialized in seconds.
    #[serde(serialize_with = "seconds")]
    pub median_age: Option<Duration>,
    /// The age at completion that 99 % of the last 1,000 completions did not exceed.
    #[serde(serialize_with = "seconds")]
    pub age_99: Option<Duration>,
}

/// An hour of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hour {
    /// When it began.
    pub from: DateTime<Utc>,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// How many rows were handled.
    pub rows: Count,
}

pub(crate) async fn figures<B: Backend>(
    database: &Database<B>,
    is_handled: impl Fn(&str) -> bool,
) -> Result<Figures, Error> {
    let now = clock::now(database).await?;
    let paused: BTreeMap<_, _> = pause::paused(database).await?.into_iter().collect();
    let mut names = sources::all(database).await?;
    names.extend(paused.keys().cloned());

    let millis = now.timestamp_millis();
    let first_hour = millis - millis.rem_euclid(HOUR) - 23 * HOUR;
    let states = include_str!("sql/figures.sql").replace("{limit}", Count::LIMIT);
    let hours = include_str!("sql/handled.sql").replace("{limit}", Count::LIMIT);
    let ages = include_str!("sql/ages.sql");
    let mut sources = Vec::new();
    for source in names {
        let about = |sql: &str| database.statement(sql).bind(&*source);
        let results = database
            .run(vec![
                about(&states).bind(millis),
                about(&hours).bind(first_hour),
                about(ages),
            ])
            .await?;
        let [states, hours, ages] = &*results else {
            continue;
        };
        let Some(states) = states.first() else {
            continue;
        };
        let count =
            |column| B::integer(states, column).map(|rows| Count::new(rows.unwrap_or_default()));
        let mut handled = Vec::new();
        for row in hours {
            let from = first_hour + HOUR * B::integer(row, "hour")?.unwrap_or(0);
            handled.push(Hour {
                from: time(from),
                until: time(from + HOUR),
                rows: Count::new(B::integer(row, "handled")?.unwrap_or(0)),
            });
        }
        let ages = ages.iter().map(|row| B::integer(row, "age"));
        let ages = ages.filter_map(Result::transpose);
        let ages: Vec<i64> = ages.collect::<sqlx::Result<_>>()?;
        sources.push(SourceFigures {
            paused_since: paused.get(&source).copied(),
            has_handler: is_handled(&source),
            due: count("due")?,
            in_backoff: count("in_backoff")?,
            in_progress: count("in_progress")?,
            dead: count("dead")?,
            oldest_due: B::integer(states, "oldest_due")?.map(time),
            handled,
            median_age: percentile(&ages, 50),
            age_99: percentile(&ages, 99),
            source,
        });
    }
    Ok(Figures { now, sources })
}

/// The value that so many of a hundred do not exceed, of values in their order.
fn percentile(sorted: &[i64], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    let millis = sorted.get(rank.checked_sub(1)?)?;
    Some(Duration::from_millis(u64::try_from(*millis).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::percentile;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let hundred: Vec<i64> = (1..=100).collect();
        let millis = |millis| Some(Duration::from_millis(millis));
        assert_eq!(percentile(&[], 50), None);
        assert_eq!(percentile(&[7], 50), millis(7));
        assert_eq!(percentile(&[7], 99), millis(7));
        assert_eq!(percentile(&hundred, 50), millis(50));
        assert_eq!(percentile(&hundred, 99), millis(99));
        assert_eq!(percentile(&[-5], 99), millis(0)); // a clock that was set back
    }
}
