//! Which rows to list, replay or erase.

use chrono::{DateTime, Utc};
use leadhook::dedup::Key;

use crate::{
    database::statement::{Statement, Value},
    operate::state::{Reason, State},
};

/// A selection of rows to list, replay or erase. All conditions must hold.
///
/// ```
/// use leadhook_inbox::{Filter, Reason};
///
/// let filter = Filter::dead().source("scoreapp").reason(Reason::Failed).error("crm");
/// # let _ = filter;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    key: Option<Key>,
    state: Option<State>,
    source: Option<String>,
    reason: Option<Reason>,
    error: Option<String>,
    without_error: bool,
    event: Option<String>,
    lead_id: Option<String>,
    accepted_before: Option<DateTime<Utc>>,
    settled_before: Option<DateTime<Utc>>,
    settled_since: Option<DateTime<Utc>>,
    due_before: Option<DateTime<Utc>>,
    due_since: Option<DateTime<Utc>>,
    /// One of these numbers is one of the row's subjects.
    subject: Vec<i64>,
}

impl Filter {
    /// Selects all rows.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Selects the rows in this state.
    #[must_use]
    pub fn state(state: State) -> Self {
        Self {
            state: Some(state),
            ..Self::default()
        }
    }

    /// Selects the dead rows.
    #[must_use]
    pub fn dead() -> Self {
        Self::state(State::Dead)
    }

    /// Selects the row with this key, whatever its state.
    #[must_use]
    pub fn key(key: Key) -> Self {
        Self {
            key: Some(key),
            ..Self::default()
        }
    }

    /// Narrows the selection to rows of this source.
    #[must_use]
    pub fn source(mut self, source: &str) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Narrows the selection to rows that are dead for this reason.
    #[must_use]
    pub fn reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Narrows the selection to rows whose last attempt failed with this label.
    #[must_use]
    pub fn error(mut self, label: &str) -> Self {
        self.error = Some(label.into());
        self
    }

    /// Narrows the selection to rows without a label.
    #[must_use]
    pub fn without_error(mut self) -> Self {
        self.without_error = true;
        self
    }

    /// Narrows the selection to events of this name, such as `lead.won`.
    #[must_use]
    pub fn event(mut self, name: &str) -> Self {
        self.event = Some(name.into());
        self
    }

    /// Narrows the selection to events of the lead with this id of the provider.
    #[must_use]
    pub fn lead_id(mut self, id: &str) -> Self {
        self.lead_id = Some(id.into());
        self
    }

    /// Narrows the selection to rows that were accepted before this time, by the database's clock.
    #[must_use]
    pub fn accepted_before(mut self, time: DateTime<Utc>) -> Self {
        self.accepted_before = Some(time);
        self
    }

    /// Narrows the selection to rows that became done or dead before this time, by the database's clock.
    ///
    /// With the time of a listing, a replay takes the rows of that listing and no later ones.
    #[must_use]
    pub fn settled_before(mut self, time: DateTime<Utc>) -> Self {
        self.settled_before = Some(time);
        self
    }

    /// Narrows the selection to rows that became done or dead at this time or later.
    #[must_use]
    pub fn settled_since(mut self, time: DateTime<Utc>) -> Self {
        self.settled_since = Some(time);
        self
    }

    /// Narrows the selection to rows that are, or were, due before this time.
    #[must_use]
    pub fn due_before(mut self, time: DateTime<Utc>) -> Self {
        self.due_before = Some(time);
        self
    }

    /// Narrows the selection to rows that are, or were, due at this time or later.
    ///
    /// With the time of a listing, these are the rows in backoff.
    #[must_use]
    pub fn due_since(mut self, time: DateTime<Utc>) -> Self {
        self.due_since = Some(time);
        self
    }

    /// Selects the rows that have one of these subjects, by the numbers under which
    /// [`Person::subjects`](crate::Person::subjects) says that they are stored.
    #[must_use]
    pub fn subjects(numbers: &[i64]) -> Self {
        Self::default().about(numbers)
    }

    /// Narrows the selection to rows that have one of these subjects.
    #[must_use]
    pub fn about(mut self, numbers: &[i64]) -> Self {
        self.subject = numbers.to_vec();
        self
    }

    /// The numbers of the subjects, if there are any.
    pub(crate) fn numbers(&self) -> &[i64] {
        &self.subject
    }

    /// Whether the key or the subjects lead to the rows, so that no source is needed.
    pub(crate) fn is_indexed_by_itself(&self) -> bool {
        self.key.is_some() || !self.subject.is_empty()
    }

    /// The table, in parts that have an index each and are narrowed to `{of_sources}`. Only [`bind`](Self::bind)
    /// narrows it to the selection.
    pub(crate) fn indexed(&self) -> String {
        const WAITING: [&str; 3] = [
            "state = 'waiting' AND token IS NULL AND abandoned = 0 AND parked = 0",
            "state = 'waiting' AND token IS NULL AND abandoned > 0 AND parked = 0",
            "state = 'waiting' AND token IS NULL AND ordered = 1 AND parked = 1",
        ];
        const CLAIMED: [&str; 1] = ["token IS NOT NULL"];
        const SETTLED: [&str; 2] = ["state = 'dead'", "state = 'done'"];
        let is_settled = self.settled_since.is_some() || self.settled_before.is_some();
        let parts = match self.state {
            _ if self.is_indexed_by_itself() => return "leadhook_inbox".into(),
            Some(State::Waiting) => WAITING.to_vec(),
            Some(_) => return "leadhook_inbox".into(),
            None if is_settled => SETTLED.to_vec(),
            None => [&WAITING[..], &CLAIMED[..], &SETTLED[..]].concat(),
        };
        let parts = parts
            .iter()
            .map(|part| format!("SELECT * FROM leadhook_inbox WHERE {part} AND {{of_sources}}"));
        let parts: Vec<String> = parts.collect();
        format!("({}) AS leadhook_inbox", parts.join(" UNION ALL "))
    }

    /// Puts the conditions in the place of `{selected}`.
    pub(crate) fn bind(&self, mut statement: Statement) -> Statement {
        let text = |value: &Option<String>| value.clone().map(Value::from);
        let time = |time: Option<DateTime<Utc>>| time.map(|time| time.timestamp_millis().into());
        let conditions: [(&str, Option<Value>); 11] = [
            ("key =", self.key.map(|key| key.to_string().into())),
            ("source =", text(&self.source)),
            ("reason =", self.reason.map(|reason| reason.name().into())),
            ("error =", text(&self.error)),
            ("event =", text(&self.event)),
            ("lead_id =", text(&self.lead_id)),
            ("accepted_at <", time(self.accepted_before)),
            ("settled_at <", time(self.settled_before)),
            ("settled_at >=", time(self.settled_since)),
            ("due_at <", time(self.due_before)),
            ("due_at >=", time(self.due_since)),
        ];
        let mut selected = String::from(match self.state {
            None => "TRUE",
            Some(State::Waiting) => "state = 'waiting' AND token IS NULL",
            Some(State::InProgress) => "token IS NOT NULL",
            Some(State::Done) => "state = 'done'",
            Some(State::Dead) => "state = 'dead'",
        });
        for (condition, value) in conditions {
            if let Some(value) = value {
                statement = statement.bind(value);
                let place = statement.values.len().to_string();
                selected.extend([" AND ", condition, " $", &place]);
            }
        }
        if self.without_error {
            selected.push_str(" AND error IS NULL");
        }
        if !self.subject.is_empty() {
            let mut any = Vec::new();
            for number in &self.subject {
                statement = statement.bind(*number);
                let place = statement.values.len();
                // Each column has an index of its own.
                any.extend((1..=4).map(|column| format!("subject_{column} = ${place}")));
            }
            selected.extend([" AND (", &any.join(" OR "), ")"]);
        }
        statement.part("{selected}", &selected)
    }
}
