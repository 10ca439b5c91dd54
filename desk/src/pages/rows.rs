//! Rows by state, source, reason, label, time or person, page by page.

use askama::Template;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{Response, StatusCode};
use leadhook_inbox::{Backend, Groups, Inbox, Page, State, StoredRow};

use crate::{
    access::Access,
    form::Form,
    response::{self, Failed},
    selection::{self, REASONS, Selection, parse_key, state_words, write_time},
    show::{self, Moment, short},
};

const ROWS_OF_A_PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "rows.html")]
struct RowsPage {
    words: Vec<(&'static str, String)>,
    is_about_somebody: bool,
    count: String,
    groups: Vec<GroupLine>,
    is_complete: bool,
    rows: Vec<RowLine>,
    first: Option<String>,
    next: Option<String>,
    replay: Option<String>,
    erase: Option<String>,
    states: Vec<Choice>,
    reasons: Vec<Choice>,
    source: String,
    error: String,
    since: String,
    before: String,
    /// Conditions of the link that the form has no field for.
    others: Vec<(&'static str, String)>,
}

/// An option of a list.
struct Choice {
    value: &'static str,
    words: &'static str,
    is_chosen: bool,
}

/// A row of a listing.
pub(crate) struct RowLine {
    pub(crate) link: String,
    pub(crate) event: String,
    pub(crate) source: String,
    pub(crate) lead: String,
    pub(crate) state: &'static str,
    pub(crate) why: String,
    pub(crate) attempts: i64,
    pub(crate) accepted: Moment,
    /// When it became done or dead, or is due.
    pub(crate) then: String,
}

impl RowLine {
    pub(crate) fn new(row: &StoredRow, now: DateTime<Utc>) -> Self {
        let time = |words: &str, time| format!("{words} {}", Moment::new(time, now));
        let reason = row.reason.map(leadhook_inbox::Reason::name);
        let why = [reason, row.error.as_deref()];
        let why: Vec<String> = why.into_iter().flatten().map(short).collect();
        Self {
            link: Selection::of_key(row.key).link("row", &[]),
            event: row.event.as_deref().map_or("unreadable".into(), short),
            source: short(&row.source),
            lead: row.lead_id.as_deref().map_or("–".into(), short),
            state: match row.state {
                State::Waiting if row.waits_for_another => "in line",
                State::Waiting if row.due_at > now => "in backoff",
                State::Waiting => "due",
                state => state_words(state),
            },
            why: why.join(": "),
            attempts: row.attempts,
            accepted: Moment::new(row.accepted_at, now),
            then: match (row.state, row.settled_at) {
                (State::Waiting, _) => time("due", row.due_at),
                (state, Some(settled_at)) => time(state_words(state), settled_at),
                _ => String::new(),
            },
        }
    }
}

/// The rows of a label.
pub(crate) struct GroupLine {
    pub(crate) rows: String,
    pub(crate) link: String,
    pub(crate) source: String,
    pub(crate) state: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) error: String,
    pub(crate) first: Moment,
    pub(crate) last: Moment,
}

/// Groups of rows that were selected, each with a link to exactly its rows.
pub(crate) fn group_lines(
    groups: &Groups,
    selection: &Selection,
    now: DateTime<Utc>,
) -> Vec<GroupLine> {
    let more = if groups.is_complete { "" } else { "+" };
    let lines = groups.groups.iter().map(|group| {
        let of_group = Selection {
            source: Some(group.source.clone()),
            reason: group.reason,
            error: group.error.clone(),
            without_error: group.error.is_none(),
            state: Some(group.state),
            ..selection.clone()
        };
        GroupLine {
            rows: format!("{}{more}", group.rows),
            link: of_group.link("rows", &[]),
            source: short(&group.source),
            state: state_words(group.state),
            reason: group.reason.map_or("", leadhook_inbox::Reason::name),
            error: group.error.as_deref().map_or("no label".into(), short),
            first: Moment::new(group.first_accepted_at, now),
            last: Moment::new(group.last_accepted_at, now),
        }
    });
    lines.collect()
}

pub(crate) async fn show<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    query: &Form,
) -> Result<Response<Bytes>, Failed> {
    let selection = Selection::parse(query)?;
    let after = query.get("after").map(parse_key).transpose()?;
    let now = inbox.now().await?;
    let page = match after {
        Some(key) => Page::after(key, ROWS_OF_A_PAGE),
        None => Page::first(ROWS_OF_A_PAGE),
    };
    let filter = selection.filter();
    let listing = inbox.listing(&filter, page).await?;
    let has_groups = selection.key.is_none()
        && after.is_none()
        && matches!(selection.state, Some(State::Dead | State::Waiting));
    let groups = if has_groups {
        Some(inbox.groups(&filter).await?)
    } else {
        None
    };
    let is_full = listing.rows.len() >= usize::try_from(ROWS_OF_A_PAGE).unwrap_or(usize::MAX);
    let last = listing.rows.last().filter(|_| is_full);
    // What is listed now can be changed, and nothing that joins it later.
    let fixed = Selection {
        settled_before: selection.settled_before.or(Some(now)),
        ..selection.clone()
    };
    let can_be_replayed = matches!(selection.state, Some(State::Dead | State::Done));
    // Nobody means all that there is.
    let is_narrowed = selection != Selection::default();
    let has_rows = is_narrowed && !listing.rows.is_empty();
    let shown = RowsPage {
        words: selection.words(),
        is_about_somebody: !selection.subjects.is_empty(),
        count: listing.count.to_string(),
        is_complete: groups.as_ref().is_none_or(|groups| groups.is_complete),
        groups: groups.map_or(Vec::new(), |groups| group_lines(&groups, &selection, now)),
        rows: listing
            .rows
            .iter()
            .map(|row| RowLine::new(row, now))
            .collect(),
        first: after.map(|_| selection.link("rows", &[])),
        next: last.map(|row| selection.link("rows", &[("after", &row.key.to_string())])),
        replay: (access.replay && can_be_replayed && has_rows).then(|| fixed.link("replay", &[])),
        erase: (access.erase && has_rows).then(|| {
            let fixed = match selection.state {
                Some(State::Dead | State::Done) => fixed,
                _ => Selection {
                    accepted_before: selection.accepted_before.or(Some(now)),
                    ..selection.clone()
                },
            };
            fixed.link("erase", &[])
        }),
        states: selection::states()
            .map(|(state, value, words)| Choice {
                value,
                words,
                is_chosen: selection.state == Some(state),
            })
            .collect(),
        reasons: REASONS
            .map(|reason| Choice {
                value: reason.name(),
                words: reason.name(),
                is_chosen: selection.reason == Some(reason),
            })
            .into(),
        source: selection.source.clone().unwrap_or_default(),
        error: selection.error.clone().unwrap_or_default(),
        since: selection.settled_since.map(write_time).unwrap_or_default(),
        before: selection.settled_before.map(write_time).unwrap_or_default(),
        others: selection.hidden(),
    };
    Ok(response::page(StatusCode::OK, &shown))
}

/// How long ago something was, for a sentence.
pub(crate) fn distance(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    show::age((now - time).abs().to_std().unwrap_or_default())
}
