//! The sources that have rows, without a look at each row.

use std::collections::BTreeSet;

use crate::{
    database::{Database, engine::Backend, statement::Statement},
    error::Error,
};

/// Each has an index that begins with the source.
const INDEXED: [&str; 5] = [
    "state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0",
    "state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0",
    "state = 'waiting' AND token IS NULL AND ordered = 1 AND parked = 1",
    "state = 'dead'",
    DONE,
];

const DONE: &str = "state = 'done'";

/// The sources that have rows in any state.
pub(crate) async fn all<B: Backend>(database: &Database<B>) -> Result<BTreeSet<String>, Error> {
    let mut statements: Vec<Statement> =
        INDEXED.iter().map(|rows| of_rows(database, rows)).collect();
    // No more than there are handlers.
    let claimed = "SELECT DISTINCT source FROM leadhook_inbox WHERE token IS NOT NULL";
    statements.push(database.statement(claimed));
    names::<B>(database.run(statements).await?)
}

/// The sources that have done rows.
pub(crate) async fn done<B: Backend>(database: &Database<B>) -> Result<BTreeSet<String>, Error> {
    names::<B>(database.run(vec![of_rows(database, DONE)]).await?)
}

fn of_rows<B: Backend>(database: &Database<B>, rows: &str) -> Statement {
    let statement = database.statement(include_str!("sql/sources.sql"));
    statement.part("{rows}", rows)
}

fn names<B: Backend>(results: Vec<Vec<B::Row>>) -> Result<BTreeSet<String>, Error> {
    let rows = results.iter().flatten();
    let names = rows.map(|row| Ok(B::text(row, "source")?.unwrap_or_default()));
    names.collect()
}
