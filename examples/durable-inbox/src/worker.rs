//! Goes through the table: takes a row, works it, records what came of it.

use std::{
    io::{self, Write},
    time::{Duration, SystemTime},
};

use leadhook::{
    Delivery, Event, Lead, Provider, ReadError,
    grader::GraderEvent,
    graphoid::GraphoidEvent,
    scoreapp::ScoreAppEvent,
    tomba::{
        AuthorFinder, DomainSearch, EmailFinder, EmailVerifier, LookupResult, PhoneFinder, PhoneValidator,
        SaveLead,
    },
};
use serde::Serialize;
use tokio::{sync::watch, task, time};

use crate::inbox::{Inbox, Row};

/// For how long a row is a worker's own: longer than the work takes, or someone else works it, too.
const LEASE: Duration = Duration::from_secs(10);

/// How long a worker rests when nothing is due.
const REST: Duration = Duration::from_millis(250);

/// Works until told to stop, and then ends the row that it has.
pub async fn run(inbox: Inbox, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let busy = step(&inbox).await.unwrap_or_else(|error| {
            eprintln!("a worker can't use the database: {error}");
            false
        });
        if !busy {
            let _ = time::timeout(REST, stop.wait_for(|stop| *stop)).await;
        }
    }
}

/// Works one row. False where none is due.
async fn step(inbox: &Inbox) -> sqlx::Result<bool> {
    let Some(row) = inbox.take(SystemTime::now(), LEASE).await? else {
        return Ok(false);
    };
    // On a thread of its own, so that work that blocks, or panics, doesn't stop the server.
    let job = row.clone();
    let result = task::spawn_blocking(move || work(&job))
        .await
        .unwrap_or(Err(WorkError::Panic));

    let in_time = match result {
        Ok(line) => inbox.finish(&row, &line, SystemTime::now()).await?,
        Err(error @ (WorkError::UnknownSource | WorkError::Unreadable(_))) => {
            inbox.set_aside(&row, &error.to_string()).await?
        }
        Err(error @ (WorkError::Output(_) | WorkError::Panic)) => {
            let due = SystemTime::now() + delay(row.tries);
            inbox.retry(&row, &error.to_string(), due).await?
        }
    };
    if !in_time {
        eprintln!("a worker outran its lease");
    }
    Ok(true)
}

/// 2 s after the first try, twice as much after each further one, at most an hour.
fn delay(tries: i64) -> Duration {
    let doublings = u32::try_from(tries).unwrap_or(u32::MAX).min(12);
    Duration::from_secs(2_u64.pow(doublings).min(3600))
}

/// Why a row was not worked.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error("no reader for this source")]
    UnknownSource,
    #[error(transparent)]
    Unreadable(#[from] ReadError),
    #[error("no output: {}", .0.kind())]
    Output(#[from] io::Error),
    #[error("a panic")]
    Panic,
}

/// The work itself, to be replaced by yours: prints a line about the event. What is done outside of
/// the database, as this is, is done again after a crash between it and [`Inbox::finish`].
fn work(row: &Row) -> Result<String, WorkError> {
    let line = serde_json::to_string(&read(row)?).map_err(io::Error::from)?;
    writeln!(io::stdout().lock(), "{line}")?;
    Ok(line)
}

/// What is printed about an event.
#[derive(Serialize)]
struct Line {
    provider: &'static str,
    event: String,
    id: Option<String>,
    lead: Option<Lead>,
}

/// Reads a row as what its route receives.
fn read(row: &Row) -> Result<Line, WorkError> {
    let describe = match row.source.as_str() {
        "grader" => describe::<GraderEvent>,
        "graphoid" => describe::<GraphoidEvent>,
        "scoreapp" => describe::<ScoreAppEvent>,
        "tomba/save-lead" => describe::<SaveLead>,
        "tomba/email-verifier" => describe::<LookupResult<EmailVerifier>>,
        "tomba/email-finder" => describe::<LookupResult<EmailFinder>>,
        "tomba/domain-search" => describe::<LookupResult<DomainSearch>>,
        "tomba/author-finder" => describe::<LookupResult<AuthorFinder>>,
        "tomba/phone-finder" => describe::<LookupResult<PhoneFinder>>,
        "tomba/phone-validator" => describe::<LookupResult<PhoneValidator>>,
        _ => return Err(WorkError::UnknownSource),
    };
    Ok(describe(row.body.clone())?)
}

fn describe<E: Event>(body: Vec<u8>) -> Result<Line, ReadError> {
    let envelope = Delivery::<E::Provider>::from_storage(body).read_as::<E>()?;
    Ok(Line {
        provider: E::Provider::NAME,
        event: envelope.name().into(),
        lead: envelope.lead(),
        id: envelope.id,
    })
}

#[cfg(test)]
mod tests {
    use super::{Duration, delay};

    #[test]
    fn the_delay_grows_up_to_an_hour() {
        let seconds = [
            (1, 2),
            (2, 4),
            (3, 8),
            (11, 2048),
            (12, 3600),
            (i64::MAX, 3600),
        ];
        for (tries, seconds) in seconds {
            assert_eq!(delay(tries), Duration::from_secs(seconds), "{tries}");
        }
    }
}
