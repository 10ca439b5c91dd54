//! Replaying and erasing: first a page that says which rows, then as many requests as it takes.

use std::time::{Duration, Instant};

use askama::Template;
use bytes::Bytes;
use http::{Response, StatusCode};
use leadhook_inbox::{Backend, Batches, Inbox, State};

use crate::{
    access::Access,
    form::Form,
    pages::rows::{GroupLine, group_lines},
    response::{self, Failed},
    selection::{Selection, parse_key},
};

/// No batch begins later, so that a request takes two seconds at most on a database that is well.
const NO_BATCH_AFTER: Duration = Duration::from_secs(1);

pub(crate) const REPLAY: Change = Change {
    page: "replay",
    verb: "Replay",
    done: "replayed",
    effect: "Each of them is handled again, as if it had just been accepted. Rows without a body are passed over.",
    is_erasing: false,
};

pub(crate) const ERASE: Change = Change {
    page: "erase",
    verb: "Erase",
    done: "erased",
    effect: "Their bodies and the ids of their leads are removed for good. The keys stay, so duplicates stay \
        duplicates. Rows that wait are dead afterwards.",
    is_erasing: true,
};

/// A change of many rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    page: &'static str,
    verb: &'static str,
    done: &'static str,
    effect: &'static str,
    is_erasing: bool,
}

#[derive(Template)]
#[template(path = "change.html")]
struct ChangePage {
    change: Change,
    words: Vec<(&'static str, String)>,
    /// How many rows are left.
    left: String,
    is_one: bool,
    /// How many were changed. None: nothing has happened yet.
    changed: Option<String>,
    is_finished: bool,
    action: String,
    rows: String,
    groups: Vec<GroupLine>,
    is_complete: bool,
}

impl Change {
    fn batches<B: Backend>(self, inbox: &Inbox<B>, selection: &Selection) -> Batches<B> {
        let filter = selection.filter();
        if self.is_erasing {
            inbox.erase(&filter)
        } else {
            inbox.replay(&filter)
        }
    }

    /// Whether no row can join the selection any more.
    fn is_fixed(self, selection: &Selection) -> bool {
        let by_settling = selection.settled_before.is_some();
        let by_accepting = self.is_erasing && selection.accepted_before.is_some();
        selection.key.is_some() || by_settling || by_accepting
    }

    /// The page before the change, and after each request of it.
    pub(crate) async fn show<B: Backend>(
        self,
        inbox: &Inbox<B>,
        query: &Form,
    ) -> Result<Response<Bytes>, Failed> {
        let mut selection = Selection::parse(query)?;
        let now = inbox.now().await?;
        if !self.is_fixed(&selection) {
            if self.is_erasing && !matches!(selection.state, Some(State::Dead | State::Done)) {
                selection.accepted_before = Some(now);
            } else {
                selection.settled_before = Some(now);
            }
        }
        let mut batches = self.batches(inbox, &selection);
        let after = query.get("after").map(parse_key).transpose()?;
        if let Some(after) = after {
            batches = batches.after(after);
        }
        let is_finished = query.get("finished").is_some();
        let changed = query.get("changed");
        let left = batches.left().await?;
        let groups = match changed {
            None => Some(inbox.groups(&selection.filter()).await?),
            Some(_) => None,
        };
        let mut further = vec![("changed", changed.unwrap_or("0").to_owned())];
        further.extend(after.map(|key| ("after", key.to_string())));
        if changed.is_none() {
            further.push(("expected", left.to_string()));
        }
        let further: Vec<(&str, &str)> = further
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        let page = ChangePage {
            change: self,
            words: selection.words(),
            left: left.to_string(),
            is_one: left.rows() == 1,
            changed: changed.map(|_| number(query, "changed").to_string()),
            is_finished,
            action: selection.link(self.page, &further),
            rows: selection.link("rows", &[]),
            is_complete: groups.as_ref().is_none_or(|groups| groups.is_complete),
            groups: groups.map_or(Vec::new(), |groups| group_lines(&groups, &selection, now)),
        };
        Ok(response::page(StatusCode::OK, &page))
    }

    /// Works for a while, and leads to a page that says how far it came.
    pub(crate) async fn go_on<B: Backend>(
        self,
        inbox: &Inbox<B>,
        access: &Access,
        query: &Form,
    ) -> Result<Response<Bytes>, Failed> {
        let began = Instant::now();
        let selection = Selection::parse(query)?;
        if !self.is_fixed(&selection) {
            return Err(Failed::Malformed(
                "It does not say up to when rows are taken.",
            ));
        }
        let mut batches = self.batches(inbox, &selection);
        if let Some(after) = query.get("after") {
            batches = batches.after(parse_key(after)?);
        }
        if let Some(expected) = query.get("expected")
            && batches.left().await?.to_string() != expected
        {
            return Err(Failed::Changed(
                "The number of rows has changed since you saw it, so nothing was done. Open the rows again.",
            ));
        }
        let link = selection.link("rows", &[]);
        let (name, rows) = (&*access.name, &*link);
        tracing::info!(name, change = self.page, rows, "changes rows");
        let mut is_finished = false;
        while began.elapsed() < NO_BATCH_AFTER && !is_finished {
            is_finished = !batches.step().await?;
        }
        let changed = batches.changed();
        tracing::info!(name, change = self.page, rows, changed, "changed rows");
        let total = number(query, "changed").saturating_add(changed).to_string();
        let last = batches.last().map(|key| key.to_string());
        let mut further = vec![("changed", &*total)];
        further.extend(last.as_deref().map(|key| ("after", key)));
        if is_finished {
            further.push(("finished", "1"));
        }
        Ok(response::see_other(&selection.link(self.page, &further)))
    }
}

fn number(query: &Form, name: &str) -> u64 {
    let number = query.get(name).and_then(|number| number.parse().ok());
    number.unwrap_or(0)
}
