//! One row: why it is stuck, and what can be done about it.

use askama::Template;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Response, StatusCode};
use leadhook_inbox::{Backend, Filter, Inbox, Key, Page, Reason, State, StoredRow};

use crate::{
    access::Access,
    form::Form,
    pages::rows::{RowLine, distance},
    response::{self, Failed},
    selection::{Selection, parse_key, state_words},
    show::{Moment, visible},
};

const NEIGHBOURS: u32 = 20;

/// A longer body is cut. leadhook's limit for bodies is lower by default.
const LONGEST_BODY: usize = 1 << 20;

#[derive(Template)]
#[template(path = "row.html")]
struct RowPage {
    key: String,
    event: String,
    source: String,
    source_link: String,
    provider: String,
    scope: String,
    lead: String,
    state: &'static str,
    why: String,
    error: String,
    accepted: Moment,
    due: Option<Moment>,
    settled: Option<Moment>,
    attempts: i64,
    abandoned: i64,
    duplicates: i64,
    matched_secret: String,
    has_body: bool,
    neighbours: Vec<RowLine>,
    body: Option<String>,
    retry: Option<String>,
    replay: Option<String>,
    erase: Option<String>,
    is_due_now: bool,
}

#[derive(Template)]
#[template(path = "body.html")]
struct BodyPage {
    row: String,
    bytes: usize,
    is_text: bool,
    is_cut: bool,
    body: String,
}

fn key(query: &Form) -> Result<Key, Failed> {
    let key = query.get("key");
    parse_key(key.ok_or(Failed::Malformed("It names no row."))?)
}

async fn row<B: Backend>(inbox: &Inbox<B>, key: Key) -> Result<StoredRow, Failed> {
    let rows = inbox.rows(&Filter::key(key), Page::first(1)).await?;
    rows.into_iter().next().ok_or(Failed::NotFound)
}

pub(crate) async fn show<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    query: &Form,
) -> Result<Response<Bytes>, Failed> {
    let row = row(inbox, key(query)?).await?;
    let now = inbox.now().await?;
    let paused = inbox.paused_since(&row.source).await?;
    let neighbours = inbox.neighbours(row.key, NEIGHBOURS).await?;
    let link = |page| Selection::of_key(row.key).link(page, &[]);
    let text = |text: &Option<String>| text.as_deref().map_or("–".into(), visible);
    let is_settled = matches!(row.state, State::Done | State::Dead);
    let is_waiting = row.state == State::Waiting;
    let page = RowPage {
        key: row.key.to_string(),
        event: row.event.as_deref().map_or("unreadable".into(), visible),
        source: visible(&row.source),
        source_link: Selection::of_source(&row.source).link("source", &[]),
        provider: visible(&row.provider),
        scope: text(&row.scope),
        lead: text(&row.lead_id),
        state: state_words(row.state),
        why: why(&row, paused, now),
        error: text(&row.error),
        accepted: Moment::new(row.accepted_at, now),
        due: is_waiting.then(|| Moment::new(row.due_at, now)),
        settled: row.settled_at.map(|time| Moment::new(time, now)),
        attempts: row.attempts,
        abandoned: row.abandoned,
        duplicates: row.duplicates,
        matched_secret: match row.matched_secret {
            None => "–".into(),
            Some(0) => "the current one".into(),
            Some(previous) => format!("previous secret {previous}"),
        },
        has_body: row.has_body,
        neighbours: neighbours
            .iter()
            .map(|row| RowLine::new(row, now))
            .collect(),
        body: (access.bodies && row.has_body).then(|| link("body")),
        retry: (access.replay && is_waiting && row.due_at > now).then(|| link("retry")),
        replay: (access.replay && is_settled && row.has_body).then(|| link("replay")),
        erase: (access.erase && (row.has_body || row.lead_id.is_some())).then(|| link("erase")),
        is_due_now: is_waiting && row.due_at <= now,
    };
    Ok(response::page(StatusCode::OK, &page))
}

/// Why the row is where it is.
fn why(row: &StoredRow, paused: Option<DateTime<Utc>>, now: DateTime<Utc>) -> String {
    let label = row.error.as_deref().map(visible);
    let label = label.map_or("without a label".into(), |label| format!("with “{label}”"));
    let times = |number: i64| match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        number => format!("{number} times"),
    };
    match (row.state, row.reason) {
        (State::Waiting, _) if paused.is_some() => {
            "Its source is paused, so no worker takes it.".into()
        }
        (State::Waiting, _) if row.abandoned > 0 => format!(
            "The process died while handling it ({}). It is retried apart from the others.",
            times(row.abandoned)
        ),
        (State::Waiting, _) if row.waits_for_another => {
            "It waits for an earlier event of the same lead, which is not done.".into()
        }
        (State::Waiting, _) if row.due_at > now => format!(
            "It failed {}, last {label}. The next attempt is due in {}.",
            times(row.attempts),
            distance(row.due_at, now)
        ),
        (State::Waiting, _) => format!(
            "It has been due for {} and waits for a worker.",
            distance(row.due_at, now)
        ),
        (State::InProgress, _) => "A handler has it now.".into(),
        (State::Done, _) => "It was handled.".into(),
        (_, Some(Reason::Failed)) => format!("Its handler failed for too long, last {label}."),
        (_, Some(Reason::Rejected)) => format!("Its handler gave up at once, {label}."),
        (_, Some(Reason::Abandoned)) => format!(
            "The process died while handling it ({}). It may be what crashes the process.",
            times(row.abandoned)
        ),
        (_, Some(Reason::Unreadable)) => "Its body can't be read as an event.".into(),
        (_, Some(Reason::Erased)) => "Its body was erased before it was handled.".into(),
        _ => "It is dead.".into(),
    }
}

pub(crate) async fn body<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    query: &Form,
) -> Result<Response<Bytes>, Failed> {
    let key = key(query)?;
    tracing::info!(name = access.name, %key, "looks at a body");
    let body = inbox.body(key).await?.ok_or(Failed::NotFound)?;
    let shown = body.get(..LONGEST_BODY).unwrap_or(&body);
    let page = BodyPage {
        row: Selection::of_key(key).link("row", &[]),
        bytes: body.len(),
        is_text: std::str::from_utf8(&body).is_ok(),
        is_cut: shown.len() < body.len(),
        body: visible(&String::from_utf8_lossy(shown)),
    };
    Ok(response::page(StatusCode::OK, &page))
}

pub(crate) async fn retry<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    query: &Form,
) -> Result<Response<Bytes>, Failed> {
    let key = key(query)?;
    tracing::info!(name = access.name, %key, "retries a row now");
    inbox.retry_now(key).await?;
    Ok(response::see_other(
        &Selection::of_key(key).link("row", &[]),
    ))
}
