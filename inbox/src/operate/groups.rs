//! Rows grouped by what they failed with.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    database::{Database, engine::Backend},
    error::Error,
    operate::{
        count::Count,
        filter::Filter,
        listing,
        rows::time,
        state::{Reason, State},
    },
};

/// No page shows more.
const MOST_GROUPS: &str = "100";

/// The rows of a source that are in the same state and failed with the same label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Group {
    /// The source.
    pub source: String,
    /// Their state.
    pub state: State,
    /// Why they are dead.
    pub reason: Option<Reason>,
    /// The label of their last failure.
    pub error: Option<String>,
    /// How many of the rows that were looked at are in the group.
    pub rows: u64,
    /// When the first of them was accepted.
    pub first_accepted_at: DateTime<Utc>,
    /// When the last of them was accepted.
    pub last_accepted_at: DateTime<Utc>,
}

/// Rows grouped by their labels, the largest group first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Groups {
    /// Up to a hundred groups.
    pub groups: Vec<Group>,
    /// Whether all selected rows were looked at. If not, the groups are those of the first [`Count::MOST`] rows
    /// that the database found.
    pub is_complete: bool,
}

pub(crate) async fn groups<B: Backend>(
    database: &Database<B>,
    filter: &Filter,
) -> Result<Groups, Error> {
    let statement = listing::statement(database, include_str!("sql/groups.sql"), filter).await?;
    let statement = statement
        .part("{limit}", Count::LIMIT)
        .part("{most}", MOST_GROUPS);
    let rows = database.fetch(filter.bind(statement)).await?;
    let mut looked_at = 0;
    let mut groups = Vec::new();
    for row in &rows {
        let number = |column| B::integer(row, column).map(Option::unwrap_or_default);
        looked_at = number("looked_at")?;
        groups.push(Group {
            source: B::text(row, "source")?.unwrap_or_default(),
            state: State::from_name(&B::text(row, "state")?.unwrap_or_default()),
            reason: B::text(row, "reason")?
                .as_deref()
                .and_then(Reason::from_name),
            error: B::text(row, "error")?,
            rows: u64::try_from(number("of_group")?).unwrap_or(0),
            first_accepted_at: time(number("first_accepted_at")?),
            last_accepted_at: time(number("last_accepted_at")?),
        });
    }
    Ok(Groups {
        groups,
        is_complete: Count::new(looked_at).is_exact(),
    })
}
