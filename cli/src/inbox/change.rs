//! Replays and erases rows: shows which, and changes them batch by batch.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use chrono::DateTime;
use leadhook_inbox::{Backend, Batches, Error, Filter, Inbox, Page, State, StoredRow};
use serde::Serialize;

use super::{
    Change,
    database::failed,
    rows::{PAGE, colour, json, name, nothing},
};
use crate::{
    failure::Failure,
    terminal::{Cell, GREEN, Table, YELLOW, paint},
};

/// The exit status of a process that Ctrl-C stopped, as shells report it.
pub(super) const STOPPED: u8 = 130;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Replay,
    Erase,
}

/// What a change is about, and what became of it.
#[derive(Serialize)]
struct Report<'a> {
    action: &'static str,
    /// How many rows can be changed.
    rows: u64,
    groups: Vec<Group<'a>>,
    /// How many rows match and can't be changed.
    passed_over: u64,
    changed: u64,
    /// Whether all of it was done.
    complete: bool,
}

#[derive(Serialize)]
struct Group<'a> {
    #[serde(flatten)]
    what: &'a What,
    rows: u64,
}

/// Rows that are shown as one line.
#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct What {
    source: String,
    state: &'static str,
    reason: Option<&'static str>,
    error: Option<String>,
    #[serde(skip)]
    colour: &'static str,
}

#[derive(Default)]
struct Plan {
    groups: BTreeMap<What, u64>,
    rows: u64,
    /// Rows that wait already.
    waiting: u64,
    without_body: u64,
}

pub(super) enum End {
    Complete,
    Stopped,
    Failed(Error),
}

pub(super) async fn run<B: Backend>(
    inbox: &Inbox<B>,
    kind: Kind,
    change: &Change,
) -> Result<u8, Failure> {
    let mut filters = change.filters.clone();
    if kind == Kind::Replay && filters.key.is_none() && filters.state.is_none() {
        filters.state = Some(super::State::Dead);
    }
    let filter = filters.filter()?;
    let plan = Plan::read(inbox, kind, &filter).await?;
    let is_named = !change.filters.is_empty();
    let is_nothing = plan.matched() == 0;
    if !change.place.json {
        plan.print(kind)?;
    }
    // Also if no body is left: an erasure that was cut short may have left it in SQLite's log.
    let (changed, end) = if change.yes && (plan.rows > 0 || kind == Kind::Erase) {
        let batches = kind.batches(inbox, &filter);
        make(inbox, kind, batches, &filter, plan.rows).await?
    } else {
        (0, End::Complete)
    };
    if is_nothing && matches!(end, End::Complete) {
        if is_named {
            return nothing(inbox, &filters).await;
        }
        if !change.place.json {
            writeln!(io::stdout(), "no row is dead")?;
            return Ok(0);
        }
    }
    if change.place.json {
        json(&Report {
            action: kind.name(),
            rows: plan.rows,
            groups: plan
                .groups
                .iter()
                .map(|(what, rows)| Group { what, rows: *rows })
                .collect(),
            passed_over: plan.waiting + plan.without_body,
            changed,
            complete: change.yes && matches!(end, End::Complete),
        })?;
    } else {
        say(kind, change.yes, &plan, changed, &end)?;
    }
    match end {
        End::Failed(error) => Err(failed(&error)),
        End::Stopped => Ok(STOPPED),
        End::Complete => Ok(u8::from(kind == Kind::Replay && plan.rows == 0 && is_named)),
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::Erase => "erase",
        }
    }

    fn done(self) -> &'static str {
        match self {
            Self::Replay => "replayed",
            Self::Erase => "erased",
        }
    }

    fn batches<B: Backend>(self, inbox: &Inbox<B>, filter: &Filter) -> Batches<B> {
        match self {
            Self::Replay => inbox.replay(filter),
            Self::Erase => inbox.erase(filter),
        }
    }
}

impl Plan {
    async fn read<B: Backend>(
        inbox: &Inbox<B>,
        kind: Kind,
        filter: &Filter,
    ) -> Result<Self, Failure> {
        let mut plan = Self::default();
        let mut page = Page::first(PAGE);
        let progress = Progress::new();
        loop {
            let rows = inbox
                .rows(filter, page)
                .await
                .map_err(|error| failed(&error))?;
            for row in &rows {
                plan.add(row, kind);
            }
            match rows.last() {
                Some(last) => page = Page::after(last.key, PAGE),
                None => break,
            }
            progress.show(&format!("{} rows found", plan.matched()));
        }
        progress.clear();
        Ok(plan)
    }

    fn add(&mut self, row: &StoredRow, kind: Kind) {
        let waits = matches!(row.state, State::Waiting | State::InProgress);
        if kind == Kind::Replay && waits {
            self.waiting += 1;
        } else if row.has_body {
            let what = What {
                source: row.source.clone(),
                state: name(row.state),
                reason: row.reason.map(leadhook_inbox::Reason::name),
                error: row.error.clone(),
                colour: colour(row.state),
            };
            *self.groups.entry(what).or_default() += 1;
            self.rows += 1;
        } else {
            self.without_body += 1;
        }
    }

    fn matched(&self) -> u64 {
        self.rows + self.waiting + self.without_body
    }

    fn print(&self, kind: Kind) -> Result<(), Failure> {
        let mut table = Table::new(&["SOURCE", "STATE", "REASON", "LABEL", "ROWS"]);
        for (what, rows) in &self.groups {
            table.add(vec![
                Cell::text(&what.source),
                Cell::text(what.state).painted(what.colour),
                Cell::text(what.reason.unwrap_or("–")),
                Cell::text(what.error.as_deref().unwrap_or("–")),
                Cell::number(*rows),
            ]);
        }
        let mut output = io::stdout();
        write!(output, "{}", table.print())?;
        let waiting = (self.waiting, "waits already", "wait already");
        let without = (self.without_body, "has no body", "have no body");
        for (count, one, many) in [waiting, without] {
            let done = kind.done();
            match count {
                0 => {}
                1 => writeln!(output, "1 row {one} and is not {done}")?,
                _ => writeln!(output, "{count} rows {many} and are not {done}")?,
            }
        }
        Ok(())
    }
}

/// Changes the rows that a filter selects. After Ctrl-C, the batch that runs is finished, so the count is exact.
pub(super) async fn make<B: Backend>(
    inbox: &Inbox<B>,
    kind: Kind,
    mut batches: Batches<B>,
    filter: &Filter,
    expected: u64,
) -> Result<(u64, End), Failure> {
    let is_stopped = Arc::new(AtomicBool::new(false));
    let signal = tokio::spawn({
        let is_stopped = is_stopped.clone();
        async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                is_stopped.store(true, Ordering::Relaxed);
            }
        }
    });
    tokio::task::yield_now().await; // the signal is caught from here on
    let progress = Progress::new();
    let end = loop {
        match batches.step().await {
            Ok(true) if is_stopped.load(Ordering::Relaxed) => break End::Stopped,
            Ok(true) => {
                let changed = batches.changed();
                progress.show(&format!("{changed} of {expected} rows {}", kind.done()));
            }
            Ok(false) => break End::Complete,
            Err(error) => break End::Failed(error),
        }
    };
    progress.clear();
    signal.abort();
    if kind == Kind::Erase && matches!(end, End::Stopped) {
        // An erasure that matches nothing removes what the finished batches left in SQLite's log.
        let nothing = filter.clone().accepted_before(DateTime::UNIX_EPOCH);
        if let Err(error) = inbox.erase(&nothing).finish().await {
            return Ok((batches.changed(), End::Failed(error)));
        }
    }
    Ok((batches.changed(), end))
}

/// A number of rows, in words.
pub(super) fn counted(rows: u64) -> String {
    match rows {
        1 => "1 row".into(),
        rows => format!("{rows} rows"),
    }
}

fn say(kind: Kind, yes: bool, plan: &Plan, changed: u64, end: &End) -> Result<(), Failure> {
    let (name, done) = (kind.name(), kind.done());
    let line = match end {
        End::Complete if plan.rows == 0 => format!("there is nothing to {name}"),
        End::Complete if !yes => {
            let rows = counted(plan.rows);
            paint(
                &format!("{rows} would be {done}; add --yes to {name} them"),
                YELLOW,
            )
        }
        End::Complete => paint(&format!("{} {done}", counted(changed)), GREEN),
        End::Stopped => {
            let line = format!("stopped: {} of {} {done}", changed, counted(plan.rows));
            paint(
                &format!("{line}; the same command goes on with the rest"),
                YELLOW,
            )
        }
        End::Failed(_) => {
            let line = format!("failed: {} of {} {done}", changed, counted(plan.rows));
            paint(&line, YELLOW)
        }
    };
    Ok(writeln!(io::stdout(), "{line}")?)
}

/// A line on a terminal that is written over.
struct Progress {
    is_terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
        }
    }

    fn show(&self, text: &str) {
        if self.is_terminal {
            // The rows matter more than the line about them.
            let _ = write!(io::stderr(), "\r{text}\x1b[K");
        }
    }

    fn clear(&self) {
        self.show("");
    }
}
