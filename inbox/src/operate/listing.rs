//! A page of a listing and the number of its rows, quick over any number of rows.

use crate::{
    database::{Database, engine::Backend, statement::Statement},
    error::Error,
    operate::{
        count::Count,
        filter::Filter,
        rows::{self, Page, StoredRow},
        sources,
    },
};

/// A page of a listing, and how many rows the whole listing has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listing {
    /// The rows of the page, in the order of their keys.
    pub rows: Vec<StoredRow>,
    /// How many rows the filter selects.
    pub count: Count,
}

pub(crate) async fn listing<B: Backend>(
    database: &Database<B>,
    filter: &Filter,
    page: Page,
) -> Result<Listing, Error> {
    let count = count(database, filter, "TRUE").await?;
    let rows = if count.is_exact() {
        // Few rows, found by an index and sorted.
        let statement = statement(database, include_str!("sql/rows.sql"), filter).await?;
        rows::page(database, statement, filter, page, "key || ''").await?
    } else {
        // So many that a walk in the order of keys soon meets enough of them.
        rows::rows(database, filter, page).await?
    };
    Ok(Listing { rows, count })
}

/// Counts the selected rows for which a condition holds.
pub(crate) async fn count<B: Backend>(
    database: &Database<B>,
    filter: &Filter,
    condition: &str,
) -> Result<Count, Error> {
    let statement = statement(database, include_str!("sql/count.sql"), filter).await?;
    let statement = statement
        .part("{condition}", condition)
        .part("{limit}", Count::LIMIT);
    let rows = database.fetch(filter.bind(statement)).await?;
    let count = rows.first().map(|row| B::integer(row, "selected"));
    Ok(Count::new(count.transpose()?.flatten().unwrap_or(0)))
}

/// Lets a statement find the rows of a filter by an index, all of which begin with the source.
pub(crate) async fn statement<B: Backend>(
    database: &Database<B>,
    sql: &str,
    filter: &Filter,
) -> Result<Statement, Error> {
    let statement = database.statement(sql).part("{table}", &filter.indexed());
    if filter.is_indexed_by_itself() {
        return Ok(statement.part("{of_sources}", "TRUE"));
    }
    let names: Vec<String> = sources::all(database).await?.into_iter().collect();
    let of_sources = format!("source {}", B::IN.replace("{}", "$1"));
    Ok(statement.part("{of_sources}", &of_sources).bind(names))
}
