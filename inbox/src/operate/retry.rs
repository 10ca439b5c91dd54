//! The next attempt of a row, now.

use leadhook::dedup::Key;

use crate::{
    database::{Database, engine::Backend},
    error::Error,
    log::log,
};

/// Makes a row in backoff due, and returns whether it was one.
pub(crate) async fn now<B: Backend>(database: &Database<B>, key: Key) -> Result<bool, Error> {
    let retry = "UPDATE leadhook_inbox SET due_at = {now} \
        WHERE key = $1 AND state = 'waiting' AND token IS NULL AND due_at > {now} RETURNING key";
    let statement = database.statement(retry).bind(key.to_string());
    if database.fetch(statement).await?.is_empty() {
        return Ok(false);
    }
    database.wake();
    log(|| tracing::info!(%key, "made due"));
    Ok(true)
}
