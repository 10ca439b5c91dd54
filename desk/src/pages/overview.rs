//! The sources, what needs attention first.

use askama::Template;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Response, StatusCode};
use leadhook_inbox::{Backend, Figures, Inbox, SourceFigures, State};

use crate::{
    chart::{self, Bar},
    response::{self, Failed},
    selection::Selection,
    show::{self, Moment, short},
};

/// A due row that waits for longer needs attention.
const LATE: TimeDelta = TimeDelta::minutes(5);

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    now: String,
    sources: Vec<SourceCard>,
}

/// What a page says about a source.
pub(crate) struct SourceCard {
    pub(crate) name: String,
    pub(crate) link: String,
    /// What needs attention.
    pub(crate) notes: Vec<String>,
    pub(crate) numbers: Vec<Number>,
    pub(crate) oldest_due: Option<Moment>,
    /// The median age at completion, and that of 99 %.
    pub(crate) ages: Option<(String, String)>,
    pub(crate) bars: Vec<Bar>,
    pub(crate) most: String,
    pub(crate) hours: Vec<HourLine>,
}

/// A number, and the link to its rows.
pub(crate) struct Number {
    pub(crate) name: &'static str,
    pub(crate) rows: String,
    pub(crate) link: String,
    /// Whether it needs attention.
    pub(crate) is_bad: bool,
}

/// A line of the table behind the chart.
pub(crate) struct HourLine {
    pub(crate) from: String,
    pub(crate) rows: String,
    pub(crate) link: String,
}

impl SourceCard {
    pub(crate) fn new(figures: &SourceFigures, now: DateTime<Utc>) -> Self {
        let of_source = Selection::of_source(&figures.source);
        let waiting = of_source.clone().state(State::Waiting);
        let due = Selection {
            due_before: Some(now),
            ..waiting.clone()
        };
        let in_backoff = Selection {
            due_since: Some(now),
            ..waiting
        };
        let number = |name, count: leadhook_inbox::Count, selection: &Selection| Number {
            name,
            rows: count.to_string(),
            link: selection.link("rows", &[]),
            is_bad: name == "Dead" && count.rows() > 0,
        };
        let numbers = vec![
            number("Dead", figures.dead, &of_source.clone().state(State::Dead)),
            number("Due", figures.due, &due),
            number("In backoff", figures.in_backoff, &in_backoff),
            number(
                "In progress",
                figures.in_progress,
                &of_source.clone().state(State::InProgress),
            ),
        ];
        let hours = figures.handled.iter().rev().map(|hour| {
            let done = Selection {
                settled_since: Some(hour.from),
                settled_before: Some(hour.until),
                ..of_source.clone().state(State::Done)
            };
            HourLine {
                from: hour.from.format("%m-%d %H:%M").to_string(),
                rows: hour.rows.to_string(),
                link: done.link("rows", &[]),
            }
        });
        let most = figures.handled.iter().map(|hour| hour.rows).max();
        Self {
            name: short(&figures.source),
            link: of_source.link("source", &[]),
            notes: notes(figures, now),
            numbers,
            oldest_due: figures.oldest_due.map(|time| Moment::new(time, now)),
            ages: figures
                .median_age
                .zip(figures.age_99)
                .map(|(median, age_99)| (show::age(median), show::age(age_99))),
            bars: chart::bars(&figures.handled),
            most: most.unwrap_or_default().to_string(),
            hours: hours.collect(),
        }
    }
}

fn notes(figures: &SourceFigures, now: DateTime<Utc>) -> Vec<String> {
    let mut notes = Vec::new();
    let since = |time: DateTime<Utc>| show::age((now - time).to_std().unwrap_or_default());
    if figures.dead.rows() > 0 {
        let needs = match figures.dead.rows() {
            1 => "row is dead and needs",
            _ => "rows are dead and need",
        };
        notes.push(format!("{} {needs} a decision", figures.dead));
    }
    if let Some(time) = figures.oldest_due.filter(|time| now - *time > LATE) {
        notes.push(format!("the oldest due row has waited for {}", since(time)));
    }
    if let Some(time) = figures.paused_since {
        notes.push(format!("paused for {}", since(time)));
    }
    if figures.due.rows() > 0 && !figures.has_handler {
        notes.push("this process has no handler for it".into());
    }
    notes
}

/// Sources with dead rows come first, then late ones, then paused ones.
fn urgency(figures: &SourceFigures, now: DateTime<Utc>) -> impl Ord + use<> {
    let is_late = figures.oldest_due.is_some_and(|time| now - time > LATE);
    (
        figures.dead.rows() == 0,
        !is_late,
        figures.paused_since.is_none(),
        u64::MAX - figures.dead.rows(),
        figures.source.clone(),
    )
}

async fn figures<B: Backend>(inbox: &Inbox<B>) -> Result<Figures, Failed> {
    let mut figures = inbox.figures().await?;
    let now = figures.now;
    figures
        .sources
        .sort_by_cached_key(|source| urgency(source, now));
    Ok(figures)
}

pub(crate) async fn show<B: Backend>(inbox: &Inbox<B>) -> Result<Response<Bytes>, Failed> {
    let figures = figures(inbox).await?;
    let now = figures.now;
    let sources = figures.sources.iter();
    let page = Overview {
        now: show::utc(now),
        sources: sources.map(|source| SourceCard::new(source, now)).collect(),
    };
    Ok(response::page(StatusCode::OK, &page))
}

pub(crate) async fn json<B: Backend>(inbox: &Inbox<B>) -> Result<Response<Bytes>, Failed> {
    let figures = figures(inbox).await?;
    let json = serde_json::to_vec(&figures).unwrap_or_default(); // it has only strings as keys
    Ok(response::with(
        StatusCode::OK,
        "application/json",
        json.into(),
    ))
}
