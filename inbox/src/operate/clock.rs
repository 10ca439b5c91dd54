//! The database's clock.

use chrono::{DateTime, Utc};

use crate::{
    database::{Database, engine::Backend},
    error::Error,
    operate::rows::time,
};

pub(crate) async fn now<B: Backend>(database: &Database<B>) -> Result<DateTime<Utc>, Error> {
    let rows = database
        .fetch(database.statement("SELECT {now} AS now"))
        .await?;
    let now = rows.first().map(|row| B::integer(row, "now")).transpose()?;
    Ok(time(now.flatten().unwrap_or_default()))
}
