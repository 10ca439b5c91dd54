//! One source: its figures, what its dead rows failed with, and its pause.

use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};
use leadhook_inbox::{Backend, Inbox, State};

use crate::{
    access::Access,
    form::Form,
    pages::{
        overview::SourceCard,
        rows::{GroupLine, group_lines},
    },
    response::{self, Failed},
    selection::Selection,
    show::{self, Moment},
};

#[derive(Template)]
#[template(path = "source.html")]
struct SourcePage {
    now: String,
    source: SourceCard,
    groups: Vec<GroupLine>,
    is_complete: bool,
    all: String,
    paused: Option<Moment>,
    may_pause: bool,
    pause: String,
    resume: String,
}

const NO_SOURCE: Failed = Failed::Malformed("It names no source.");

pub(crate) async fn show<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    query: &Form,
) -> Result<Response<Bytes>, Failed> {
    let name = query.get("source").ok_or(NO_SOURCE)?;
    let figures = inbox.figures().await?;
    let now = figures.now;
    let found = figures.sources.iter().find(|source| source.source == name);
    let figures = found.ok_or(Failed::NotFound)?;
    let of_source = Selection::of_source(name);
    let dead = of_source.clone().state(State::Dead);
    let groups = inbox.groups(&dead.filter()).await?;
    let page = SourcePage {
        now: show::utc(now),
        source: SourceCard::new(figures, now),
        is_complete: groups.is_complete,
        groups: group_lines(&groups, &dead, now),
        all: of_source.link("rows", &[]),
        paused: figures.paused_since.map(|time| Moment::new(time, now)),
        may_pause: access.replay,
        pause: of_source.link("pause", &[]),
        resume: of_source.link("resume", &[]),
    };
    Ok(response::page(StatusCode::OK, &page))
}

pub(crate) async fn pause<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    query: &Form,
) -> Result<Response<Bytes>, Failed> {
    let source = query.get("source").ok_or(NO_SOURCE)?;
    // Only a source that has rows can be paused, so a misspelt name is not stored.
    let figures = inbox.figures().await?;
    if !figures.sources.iter().any(|other| other.source == source) {
        return Err(Failed::NotFound);
    }
    tracing::info!(name = access.name, source, "pauses a source");
    inbox.pause(source).await?;
    Ok(response::see_other(
        &Selection::of_source(source).link("source", &[]),
    ))
}

pub(crate) async fn resume<B: Backend>(
    inbox: &Inbox<B>,
    access: &Access,
    query: &Form,
) -> Result<Response<Bytes>, Failed> {
    let source = query.get("source").ok_or(NO_SOURCE)?;
    tracing::info!(name = access.name, source, "resumes a source");
    inbox.resume(source).await?;
    Ok(response::see_other(
        &Selection::of_source(source).link("source", &[]),
    ))
}
