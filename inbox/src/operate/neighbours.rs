//! The rows that share a subject with a row.

use leadhook::dedup::Key;

use crate::{
    database::{Database, engine::Backend},
    error::Error,
    operate::{
        filter::Filter,
        rows::{self, Page, StoredRow},
    },
};

/// The selection of a row's neighbours, which the row itself is one of. None if it has no subjects.
pub(crate) async fn filter<B: Backend>(
    database: &Database<B>,
    key: Key,
) -> Result<Option<Filter>, Error> {
    let subjects =
        "SELECT subject_1, subject_2, subject_3, subject_4 FROM leadhook_inbox WHERE key = $1";
    let statement = database.statement(subjects).bind(key.to_string());
    let mut numbers = Vec::new();
    for row in database.fetch(statement).await? {
        for column in ["subject_1", "subject_2", "subject_3", "subject_4"] {
            numbers.extend(B::integer(&row, column)?);
        }
    }
    Ok((!numbers.is_empty()).then(|| Filter::subjects(&numbers)))
}

pub(crate) async fn neighbours<B: Backend>(
    database: &Database<B>,
    key: Key,
    limit: u32,
) -> Result<Vec<StoredRow>, Error> {
    let Some(filter) = filter(database, key).await? else {
        return Ok(Vec::new());
    };
    let mut rows = rows::rows(database, &filter, Page::first(limit.saturating_add(1))).await?;
    rows.retain(|row| row.key != key);
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}
