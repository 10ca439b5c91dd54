//! Which rows a page is about, in its link.

use chrono::{DateTime, NaiveDateTime, Utc};
use form_urlencoded::Serializer;
use leadhook_inbox::{Filter, Key, Reason, State};

use crate::{
    form::Form,
    response::Failed,
    show::{short, visible},
};

/// Browsers send and take times in this form. All of them are UTC.
const TIME: &str = "%Y-%m-%dT%H:%M:%S%.3f";

const STATES: [(State, &str, &str); 4] = [
    (State::Waiting, "waiting", "waiting"),
    (State::InProgress, "in_progress", "in progress"),
    (State::Done, "done", "done"),
    (State::Dead, "dead", "dead"),
];

pub(crate) const REASONS: [Reason; 5] = [
    Reason::Failed,
    Reason::Rejected,
    Reason::Abandoned,
    Reason::Unreadable,
    Reason::Erased,
];

/// The conditions of a link, all of which must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    pub(crate) key: Option<Key>,
    pub(crate) state: Option<State>,
    pub(crate) source: Option<String>,
    pub(crate) reason: Option<Reason>,
    pub(crate) error: Option<String>,
    pub(crate) without_error: bool,
    pub(crate) subjects: Vec<i64>,
    pub(crate) settled_since: Option<DateTime<Utc>>,
    pub(crate) settled_before: Option<DateTime<Utc>>,
    pub(crate) due_since: Option<DateTime<Utc>>,
    pub(crate) due_before: Option<DateTime<Utc>>,
    pub(crate) accepted_before: Option<DateTime<Utc>>,
}

impl Selection {
    pub(crate) fn parse(form: &Form) -> Result<Self, Failed> {
        let time = |name| form.get(name).map(parse_time).transpose();
        let text = |name| form.get(name).map(str::to_owned);
        let subjects = form.get("subjects").unwrap_or_default().split(',');
        let subjects = subjects.filter(|number| !number.is_empty());
        let subjects = subjects.map(|number| number.parse().map_err(|_| NO_SUBJECT));
        let mut selection = Self {
            key: form.get("key").map(parse_key).transpose()?,
            state: form.get("state").map(parse_state).transpose()?,
            source: text("source"),
            reason: form.get("reason").map(parse_reason).transpose()?,
            error: text("error"),
            without_error: form.get("without_error").is_some(),
            subjects: subjects.collect::<Result<_, _>>()?,
            settled_since: time("settled_since")?,
            settled_before: time("settled_before")?,
            due_since: time("due_since")?,
            due_before: time("due_before")?,
            accepted_before: time("accepted_before")?,
        };
        // Only dead rows have a reason, and whoever looks for a label looks for what failed.
        if selection.state.is_none() && (selection.reason.is_some() || selection.error.is_some()) {
            selection.state = Some(State::Dead);
        }
        Ok(selection)
    }

    pub(crate) fn of_key(key: Key) -> Self {
        Self {
            key: Some(key),
            ..Self::default()
        }
    }

    pub(crate) fn of_source(source: &str) -> Self {
        Self {
            source: Some(source.into()),
            ..Self::default()
        }
    }

    pub(crate) fn state(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    pub(crate) fn filter(&self) -> Filter {
        let mut filter = match (self.key, self.state) {
            (Some(key), _) => Filter::key(key),
            (None, Some(state)) => Filter::state(state),
            (None, None) => Filter::all(),
        };
        if let Some(source) = &self.source {
            filter = filter.source(source);
        }
        if let Some(reason) = self.reason {
            filter = filter.reason(reason);
        }
        if let Some(error) = &self.error {
            filter = filter.error(error);
        }
        if self.without_error {
            filter = filter.without_error();
        }
        if !self.subjects.is_empty() {
            filter = filter.about(&self.subjects);
        }
        if let Some(time) = self.settled_since {
            filter = filter.settled_since(time);
        }
        if let Some(time) = self.settled_before {
            filter = filter.settled_before(time);
        }
        if let Some(time) = self.due_since {
            filter = filter.due_since(time);
        }
        if let Some(time) = self.due_before {
            filter = filter.due_before(time);
        }
        if let Some(time) = self.accepted_before {
            filter = filter.accepted_before(time);
        }
        filter
    }

    /// A link to a page that is about these rows, with further values.
    pub(crate) fn link(&self, page: &str, further: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in self.values() {
            query.append_pair(name, &value);
        }
        query.extend_pairs(further);
        format!("{page}?{}", query.finish())
    }

    fn values(&self) -> Vec<(&'static str, String)> {
        let subjects: Vec<String> = self.subjects.iter().map(i64::to_string).collect();
        let subjects = (!subjects.is_empty()).then(|| subjects.join(","));
        let time = |time: Option<DateTime<Utc>>| time.map(write_time);
        let values = [
            ("key", self.key.map(|key| key.to_string())),
            (
                "state",
                self.state.map(|state| state_name(state).to_owned()),
            ),
            ("source", self.source.clone()),
            ("reason", self.reason.map(|reason| reason.name().to_owned())),
            ("error", self.error.clone()),
            ("without_error", self.without_error.then(|| "1".into())),
            ("subjects", subjects),
            ("settled_since", time(self.settled_since)),
            ("settled_before", time(self.settled_before)),
            ("due_since", time(self.due_since)),
            ("due_before", time(self.due_before)),
            ("accepted_before", time(self.accepted_before)),
        ];
        let values = values.into_iter();
        values
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// The conditions that the form of a listing has no field for.
    pub(crate) fn hidden(&self) -> Vec<(&'static str, String)> {
        let mut values = self.values();
        values.retain(|(name, _)| {
            matches!(
                *name,
                "key"
                    | "subjects"
                    | "without_error"
                    | "due_since"
                    | "due_before"
                    | "accepted_before"
            )
        });
        values
    }

    /// The conditions in words.
    pub(crate) fn words(&self) -> Vec<(&'static str, String)> {
        let name = |name| match name {
            "error" => "label",
            "without_error" => "without",
            "settled_since" => "done or dead since",
            "settled_before" => "done or dead before",
            "due_since" => "due at or after",
            "due_before" => "due before",
            "accepted_before" => "accepted before",
            "subjects" => "about",
            other => other,
        };
        let words = self.values().into_iter().map(|(of, value)| {
            let value = match of {
                "state" => self
                    .state
                    .map_or_else(String::new, |state| state_words(state).into()),
                "subjects" => "the person or lead".into(),
                "without_error" => "a label".into(),
                "settled_since" | "settled_before" | "due_since" | "due_before"
                | "accepted_before" => format!("{} UTC", value.replace('T', " ")),
                "key" => visible(&value),
                _ => short(&value),
            };
            (name(of), value)
        });
        words.collect()
    }
}

/// A value of a form's field for a time.
pub(crate) fn write_time(time: DateTime<Utc>) -> String {
    time.format(TIME).to_string()
}

pub(crate) fn state_name(state: State) -> &'static str {
    let found = STATES.iter().find(|(other, ..)| *other == state);
    found.map_or("", |(_, name, _)| name)
}

pub(crate) fn state_words(state: State) -> &'static str {
    let found = STATES.iter().find(|(other, ..)| *other == state);
    found.map_or("", |(.., words)| words)
}

/// The names and words of all states, for a form.
pub(crate) fn states() -> impl Iterator<Item = (State, &'static str, &'static str)> {
    STATES.into_iter()
}

const NO_SUBJECT: Failed = Failed::Malformed("The number of a person is not one.");

pub(crate) fn parse_key(text: &str) -> Result<Key, Failed> {
    let no_key = |_| Failed::Malformed("A key has 64 hex digits.");
    text.parse().map_err(no_key)
}

fn parse_state(text: &str) -> Result<State, Failed> {
    let found = STATES.iter().find(|(_, name, _)| *name == text);
    let found = found.map(|(state, ..)| *state);
    found.ok_or(Failed::Malformed("There is no such state."))
}

fn parse_reason(text: &str) -> Result<Reason, Failed> {
    Reason::from_name(text).ok_or(Failed::Malformed("There is no such reason."))
}

fn parse_time(text: &str) -> Result<DateTime<Utc>, Failed> {
    // A browser leaves out seconds that are zero.
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc())
        // SQL counts milliseconds in 64 bits.
        .filter(|time| (1970..10_000).contains(&chrono::Datelike::year(time)))
        .ok_or(Failed::Malformed(
            "A time has the form 2026-11-29T19:30:00.",
        ))
}
