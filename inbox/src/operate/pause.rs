//! Pausing a source.

use chrono::{DateTime, Utc};

use crate::{
    database::{Database, engine::Backend},
    error::Error,
    log::log,
    operate::rows::time,
};

/// Stops claiming rows of a source, and returns whether it was not paused before.
pub(crate) async fn pause<B: Backend>(database: &Database<B>, source: &str) -> Result<bool, Error> {
    let pause = "INSERT INTO leadhook_inbox_paused (source, since) VALUES ($1, {now}) \
        ON CONFLICT (source) DO NOTHING RETURNING source";
    let rows = database
        .fetch(database.statement(pause).bind(source))
        .await?;
    if rows.is_empty() {
        return Ok(false);
    }
    log(|| tracing::info!(source, "paused"));
    Ok(true)
}

/// Claims rows of a source again, and returns whether it was paused.
pub(crate) async fn resume<B: Backend>(
    database: &Database<B>,
    source: &str,
) -> Result<bool, Error> {
    let resume = "DELETE FROM leadhook_inbox_paused WHERE source = $1 RETURNING source";
    let rows = database
        .fetch(database.statement(resume).bind(source))
        .await?;
    if rows.is_empty() {
        return Ok(false);
    }
    database.wake();
    log(|| tracing::info!(source, "resumed"));
    Ok(true)
}

/// The paused sources, and since when they are.
pub(crate) async fn paused<B: Backend>(
    database: &Database<B>,
) -> Result<Vec<(String, DateTime<Utc>)>, Error> {
    let paused = "SELECT source, since FROM leadhook_inbox_paused ORDER BY source";
    let rows = database.fetch(database.statement(paused)).await?;
    let paused = rows.iter().map(|row| {
        let since = B::integer(row, "since")?.unwrap_or_default();
        Ok((B::text(row, "source")?.unwrap_or_default(), time(since)))
    });
    paused.collect()
}

/// Since when a source is paused.
pub(crate) async fn since<B: Backend>(
    database: &Database<B>,
    source: &str,
) -> Result<Option<DateTime<Utc>>, Error> {
    let mut paused = paused(database).await?.into_iter();
    Ok(paused
        .find(|(name, _)| name == source)
        .map(|(_, since)| since))
}
