//! Stored rows, as operators see them.

use chrono::{DateTime, Utc};
use leadhook::dedup::Key;
use serde::Serialize;

use crate::{
    cipher::Bodies,
    database::{Database, engine::Backend, statement::Statement},
    error::Error,
    operate::{
        filter::Filter,
        state::{Reason, State},
    },
};

/// A page of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub(crate) after: Option<Key>,
    pub(crate) limit: u32,
}

impl Page {
    /// The first page, of up to this many rows.
    #[must_use]
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The page after the row with this key.
    #[must_use]
    pub fn after(key: Key, limit: u32) -> Self {
        Self {
            after: Some(key),
            limit,
        }
    }
}

/// A stored row, without its body.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StoredRow {
    /// Its key.
    pub key: Key,
    /// The source that accepted it.
    pub source: String,
    /// The provider of that source.
    pub provider: String,
    /// The scope of the receiver.
    pub scope: Option<String>,
    /// Which of the receiver's secrets matched: 0 is the current one, 1 the first previous one.
    pub matched_secret: Option<i64>,
    /// The event's name. None if the body can't be read.
    pub event: Option<String>,
    /// The provider's id of the lead.
    pub lead_id: Option<String>,
    /// Its state.
    pub state: State,
    /// Why it is dead.
    pub reason: Option<Reason>,
    /// The label of the last failure. For an unreadable body, a kind and a position.
    pub error: Option<String>,
    /// How many attempts there were since it was accepted or replayed.
    pub attempts: i64,
    /// How many attempts in a row ended with their process.
    pub abandoned: i64,
    /// How many deliveries came after the first.
    pub duplicates: i64,
    /// When it was accepted first.
    pub accepted_at: DateTime<Utc>,
    /// When it is, or was, due.
    pub due_at: DateTime<Utc>,
    /// When it became done or dead.
    pub settled_at: Option<DateTime<Utc>>,
    /// Whether an earlier event of one of its subjects was found ahead of it. See
    /// [`Source::one_at_a_time`](crate::Source::one_at_a_time).
    pub waits_for_another: bool,
    /// Whether the body is still there.
    pub has_body: bool,
}

pub(crate) async fn rows<B: Backend>(
    database: &Database<B>,
    filter: &Filter,
    page: Page,
) -> Result<Vec<StoredRow>, Error> {
    let statement = database
        .statement(include_str!("sql/rows.sql"))
        .part("{table}", "leadhook_inbox")
        .part("{of_sources}", "TRUE");
    self::page(database, statement, filter, page, "key").await
}

/// Returns a page of a listing.
pub(crate) async fn page<B: Backend>(
    database: &Database<B>,
    statement: Statement,
    filter: &Filter,
    page: Page,
    order: &str,
) -> Result<Vec<StoredRow>, Error> {
    let statement = statement
        .part("{order}", order)
        .part("{limit}", &page.limit.to_string());
    let mut statement = filter.bind(statement);
    let mut after = "TRUE".to_owned();
    if let Some(key) = page.after {
        statement = statement.bind(key.to_string());
        after = format!("{order} > ${}", statement.values.len());
    }
    let rows = database.fetch(statement.part("{after}", &after)).await?;
    rows.iter().map(stored::<B>).collect()
}

pub(crate) async fn body<B: Backend>(
    database: &Database<B>,
    bodies: &Bodies,
    key: Key,
) -> Result<Option<Vec<u8>>, Error> {
    let sql = "SELECT source, body, body_cipher FROM leadhook_inbox WHERE key = $1";
    let statement = database.statement(sql).bind(key.to_string());
    let rows = database.fetch(statement).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let Some(body) = B::bytes(row, "body")? else {
        return Ok(None);
    };
    let source = B::text(row, "source")?.unwrap_or_default();
    let body_cipher = B::text(row, "body_cipher")?;
    Ok(Some(bodies.open(
        body_cipher.as_deref(),
        key,
        &source,
        body,
    )?))
}

fn stored<B: Backend>(row: &B::Row) -> Result<StoredRow, Error> {
    let number = |column| B::integer(row, column).map(Option::unwrap_or_default);
    let text = |column| B::text(row, column).map(Option::unwrap_or_default);
    let key = text("key")?.parse();
    Ok(StoredRow {
        key: key.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        source: text("source")?,
        provider: text("provider")?,
        scope: B::text(row, "scope")?,
        matched_secret: B::integer(row, "matched_secret")?,
        event: B::text(row, "event")?,
        lead_id: B::text(row, "lead_id")?,
        state: State::from_name(&text("state")?),
        reason: B::text(row, "reason")?
            .as_deref()
            .and_then(Reason::from_name),
        error: B::text(row, "error")?,
        attempts: number("attempts")?,
        abandoned: number("abandoned")?,
        duplicates: number("duplicates")?,
        accepted_at: time(number("accepted_at")?),
        due_at: time(number("due_at")?),
        settled_at: B::integer(row, "settled_at")?.map(time),
        waits_for_another: number("parked")? != 0,
        has_body: number("has_body")? != 0,
    })
}

/// A time of the table.
pub(crate) fn time(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis).unwrap_or_default()
}
