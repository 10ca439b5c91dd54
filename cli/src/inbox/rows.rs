//! What is stored: figures, rows and bodies.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use leadhook_inbox::{Backend, Filter, Inbox, Page, State, StoredRow};
use serde::Serialize;

use super::{
    Filters, List, Show, Stats,
    database::{failed, most_similar},
    operate::key,
};
use crate::{
    failure::Failure,
    terminal::{BOLD, Cell, GREEN, RED, Table, YELLOW, paint, plain},
};

/// Rows that are read at once.
pub(super) const PAGE: u32 = 500;

/// A due row that is older than this should be looked at.
const LATE: Duration = Duration::from_secs(60);

/// The figures of a source, without those that only the application's processes know.
#[derive(Serialize)]
struct Figures<'a> {
    source: &'a str,
    waiting: u64,
    in_progress: u64,
    dead: u64,
    oldest_due: Option<f64>,
}

pub(super) async fn stats<B: Backend>(inbox: &Inbox<B>, arguments: &Stats) -> Result<u8, Failure> {
    let stats = inbox.stats().await.map_err(|error| failed(&error))?;
    if arguments.place.json {
        for stats in &stats {
            json(&Figures {
                source: &stats.source,
                waiting: stats.waiting,
                in_progress: stats.in_progress,
                dead: stats.dead,
                oldest_due: stats.oldest_due.map(|time| time.as_secs_f64()),
            })?;
        }
        return Ok(0);
    }
    if stats.is_empty() {
        writeln!(io::stdout(), "no row waits or is dead")?;
        return Ok(0);
    }
    let mut table = Table::new(&["SOURCE", "WAITING", "IN PROGRESS", "DEAD", "OLDEST DUE"]);
    for stats in &stats {
        let late = stats.oldest_due.is_some_and(|time| time > LATE);
        table.add(vec![
            Cell::text(&stats.source),
            Cell::number(stats.waiting),
            Cell::number(stats.in_progress),
            Cell::number(stats.dead).painted(if stats.dead > 0 { RED } else { "" }),
            Cell::text(&stats.oldest_due.map_or_else(|| "–".into(), rough)).painted(if late {
                YELLOW
            } else {
                ""
            }),
        ]);
    }
    write!(io::stdout(), "{}", table.print())?;
    Ok(0)
}

pub(super) async fn list<B: Backend>(inbox: &Inbox<B>, arguments: &List) -> Result<u8, Failure> {
    let filter = arguments.filters.filter()?;
    let mut after = arguments.after.as_deref().map(key).transpose()?;
    let mut table = Table::new(&[
        "STATE", "SOURCE", "EVENT", "LEAD", "ATTEMPTS", "ACCEPTED", "ERROR", "KEY",
    ]);
    let mut listed = 0;
    loop {
        let wanted = if arguments.all {
            PAGE
        } else {
            PAGE.min(arguments.limit - listed)
        };
        // One more tells whether there are more.
        let page = match after {
            None => Page::first(wanted + 1),
            Some(key) => Page::after(key, wanted + 1),
        };
        let mut rows = inbox
            .rows(&filter, page)
            .await
            .map_err(|error| failed(&error))?;
        let count = usize::try_from(wanted).unwrap_or(usize::MAX);
        let are_more = rows.len() > count;
        rows.truncate(count);
        for row in &rows {
            if arguments.place.json {
                json(row)?;
            } else {
                table.add(cells(row));
            }
        }
        write!(io::stdout(), "{}", table.print())?;
        listed += u32::try_from(rows.len()).unwrap_or(u32::MAX);
        after = rows.last().map(|row| row.key).or(after);
        if !are_more {
            break;
        }
        if !arguments.all && listed >= arguments.limit {
            if let Some(after) = after {
                let hint = format!("leadhook: there are more rows; go on with --after {after}");
                writeln!(io::stderr(), "{hint}")?;
            }
            break;
        }
    }
    if listed > 0 {
        return Ok(0);
    }
    if arguments.filters.is_empty() && arguments.after.is_none() {
        if !arguments.place.json {
            writeln!(io::stdout(), "the inbox has no rows")?;
        }
        return Ok(0);
    }
    nothing(inbox, &arguments.filters).await
}

/// Says that no row matches, and names a source that was misspelt.
pub(super) async fn nothing<B: Backend>(
    inbox: &Inbox<B>,
    filters: &Filters,
) -> Result<u8, Failure> {
    let mut line = String::from("leadhook: no row matches");
    if let Some(source) = &filters.source {
        let of_source = Filter::all().source(source);
        let rows = inbox.rows(&of_source, Page::first(1)).await;
        if rows.is_ok_and(|rows| rows.is_empty()) {
            let sources = sources(inbox).await;
            line.push_str("; there is none of this source");
            if let Some(similar) = most_similar(source, sources.into_iter()) {
                let similar = plain(&similar).replace(['\n', '\t'], " ");
                line = format!("{line}; did you mean {similar}?");
            }
        }
    }
    writeln!(io::stderr(), "{line}")?;
    Ok(1)
}

/// The sources of waiting and dead rows, and of some others.
async fn sources<B: Backend>(inbox: &Inbox<B>) -> Vec<String> {
    let waiting = inbox.stats().await.unwrap_or_default();
    let some = inbox.rows(&Filter::all(), Page::first(PAGE)).await;
    let some = some.unwrap_or_default().into_iter().map(|row| row.source);
    waiting
        .into_iter()
        .map(|stats| stats.source)
        .chain(some)
        .collect()
}

pub(super) async fn show<B: Backend>(inbox: &Inbox<B>, arguments: &Show) -> Result<u8, Failure> {
    #[derive(Serialize)]
    struct WithBody<'a> {
        #[serde(flatten)]
        row: &'a StoredRow,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        body_base64: Option<String>,
    }

    let (_, key) = arguments.names()?;
    let rows = inbox
        .rows(&Filter::key(key), Page::first(1))
        .await
        .map_err(|error| failed(&error))?;
    let Some(row) = rows.first() else {
        writeln!(io::stderr(), "leadhook: there is no such row")?;
        return Ok(1);
    };
    let body = if arguments.body {
        inbox.body(key).await.map_err(|error| failed(&error))?
    } else {
        None
    };
    if arguments.place.json {
        let text = body.as_deref().map(std::str::from_utf8);
        json(&WithBody {
            row,
            body: text.and_then(Result::ok),
            body_base64: match (text, &body) {
                (Some(Err(_)), Some(body)) => Some(STANDARD.encode(body)),
                _ => None,
            },
        })?;
        return Ok(0);
    }
    let mut output = io::stdout();
    for (name, value) in fields(row) {
        let name = paint(&format!("{name:<14}"), BOLD);
        writeln!(output, "{name}  {value}")?;
    }
    match body {
        None if arguments.body => writeln!(output, "\nthe body was erased or pruned")?,
        None => {}
        Some(body) => {
            writeln!(output)?;
            if output.is_terminal() {
                let text = plain(&String::from_utf8_lossy(&body));
                output.write_all(text.as_bytes())?;
            } else {
                output.write_all(&body)?;
            }
            writeln!(output)?;
        }
    }
    Ok(0)
}

fn fields(row: &StoredRow) -> Vec<(&'static str, String)> {
    let shown = |text: &str| plain(text).replace(['\n', '\t'], " ");
    let state = match row.reason {
        None => name(row.state).to_owned(),
        Some(reason) => format!("{}, {}", name(row.state), reason.name()),
    };
    let optional = [
        ("scope", row.scope.as_deref().map(shown)),
        ("event", row.event.as_deref().map(shown)),
        ("lead", row.lead_id.as_deref().map(shown)),
        ("error", row.error.as_deref().map(shown)),
        ("settled", row.settled_at.map(instant)),
        (
            "waits for",
            row.waits_for_another
                .then(|| "an earlier event of the same lead".into()),
        ),
        (
            "secret",
            row.matched_secret.map(|secret| match secret {
                0 => "the current one".into(),
                secret => format!("previous one, number {secret}"),
            }),
        ),
    ];
    let mut fields = vec![
        ("key", row.key.to_string()),
        ("state", paint(&state, colour(row.state))),
        ("source", shown(&row.source)),
        ("provider", shown(&row.provider)),
        ("accepted", instant(row.accepted_at)),
        ("due", instant(row.due_at)),
        ("attempts", row.attempts.to_string()),
        ("abandoned", row.abandoned.to_string()),
        ("duplicates", row.duplicates.to_string()),
        (
            "body",
            if row.has_body {
                "stored".into()
            } else {
                "erased or pruned".into()
            },
        ),
    ];
    fields.extend(
        optional
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    fields
}

fn cells(row: &StoredRow) -> Vec<Cell> {
    let optional = |text: &Option<String>| Cell::text(text.as_deref().unwrap_or("–"));
    let error = match (row.reason, &row.error) {
        (None, None) if row.waits_for_another => "waits for an earlier event".into(),
        (None, None) => "–".into(),
        (Some(reason), None) => reason.name().to_owned(),
        (None, Some(error)) => error.clone(),
        (Some(reason), Some(error)) => format!("{}: {error}", reason.name()),
    };
    vec![
        Cell::text(name(row.state)).painted(colour(row.state)),
        Cell::text(&row.source),
        optional(&row.event),
        optional(&row.lead_id),
        Cell::number(u64::try_from(row.attempts).unwrap_or(0)),
        Cell::text(&instant(row.accepted_at)),
        Cell::text(&error),
        Cell::text(&row.key.to_string()),
    ]
}

/// A state as options name it.
pub(super) fn name(state: State) -> &'static str {
    match state {
        State::Waiting => "waiting",
        State::InProgress => "in-progress",
        State::Done => "done",
        State::Dead => "dead",
        _ => "unknown",
    }
}

pub(super) fn colour(state: State) -> &'static str {
    match state {
        State::Done => GREEN,
        State::Dead => RED,
        State::InProgress => YELLOW,
        _ => "",
    }
}

fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A time span, for people.
fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string(value).map_err(io::Error::from)?;
    Ok(writeln!(io::stdout(), "{json}")?)
}
