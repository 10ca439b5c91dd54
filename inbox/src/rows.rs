//! Lists, replays and erases stored rows.

use std::time::{Duration, SystemTime};

use leadhook::dedup::Key;

use crate::{
    backend::{Backend, Statement},
    cipher::BodyContext,
    error::Error,
    inbox::Inbox,
    log::log,
};

/// A selection of rows to list, replay or erase.
#[derive(Clone, Debug)]
pub struct Select {
    key: Option<Key>,
    source: Option<String>,
    reason: Option<Reason>,
}

impl Select {
    /// Selects all dead rows.
    #[must_use]
    pub fn dead() -> Self {
        Self {
            key: None,
            source: None,
            reason: None,
        }
    }

    /// Selects the row with this key, whatever its state.
    #[must_use]
    pub fn key(key: Key) -> Self {
        Self {
            key: Some(key),
            ..Self::dead()
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

    fn bind(&self, mut statement: Statement) -> Statement {
        let conditions = [
            ("key", self.key.map(|key| key.to_string())),
            ("source", self.source.clone()),
            ("reason", self.reason.map(|reason| reason.name().into())),
        ];
        let mut selected = String::from(if self.key.is_some() {
            "TRUE"
        } else {
            "state = 'dead'"
        });
        for (column, value) in conditions {
            if let Some(value) = value {
                statement = statement.bind(value);
                let place = statement.values.len();
                selected.extend([" AND ", column, " = $", &place.to_string()]);
            }
        }
        statement.part("{selected}", &selected)
    }
}

/// The state of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It will be handled when it is due.
    Waiting,
    /// A handler has it.
    InProgress,
    /// It was handled.
    Done,
    /// It will not be handled unless it is replayed.
    Dead,
}

/// The reason why a row is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Its handler failed for too long.
    Failed,
    /// Its handler returned [`Failure::dead`](crate::Failure::dead).
    Rejected,
    /// Its process was gone before it was settled, too often.
    Abandoned,
    /// Its body can't be read as an event.
    Unreadable,
    /// Its body was erased before it was handled.
    Erased,
}

impl Reason {
    /// All of them, as they are named in the table.
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Failed, "failed"),
        (Self::Rejected, "rejected"),
        (Self::Abandoned, "abandoned"),
        (Self::Unreadable, "unreadable"),
        (Self::Erased, "erased"),
    ];

    fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(reason, _)| *reason == self);
        named.map_or("", |(_, name)| name)
    }

    fn from_name(name: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, other)| *other == name);
        named.map(|(reason, _)| *reason)
    }
}

/// A stored row, without its body.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredRow {
    /// Its key.
    pub key: Key,
    /// The source that it was accepted for.
    pub source: String,
    /// Its state.
    pub state: State,
    /// Why it is dead.
    pub reason: Option<Reason>,
    /// The error of the last try: a label, and for an unreadable body a kind and a position.
    pub error: Option<String>,
    /// How often it was claimed.
    pub tries: i64,
    /// How often its process was gone before it was settled.
    pub abandoned: i64,
    /// How many duplicates were accepted.
    pub duplicates: i64,
    /// When it was accepted first.
    pub received_at: SystemTime,
    /// When it is, or was, due.
    pub due_at: SystemTime,
    /// When it became done or dead.
    pub settled_at: Option<SystemTime>,
    /// Whether the body is still there.
    pub has_body: bool,
}

impl<B: Backend> Inbox<B> {
    /// Lists up to `limit` rows, those first that were settled first.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn rows(&self, select: &Select, limit: u32) -> Result<Vec<StoredRow>, Error> {
        let statement = self
            .statement(include_str!("sql/rows.sql"))
            .part("{limit}", &limit.to_string());
        let rows = self.fetch(select.bind(statement)).await?;
        rows.iter().map(stored::<B>).collect()
    }

    /// Returns the body of a row, decrypted, which holds personal data. None if it was pruned or erased, or there is
    /// no such row.
    ///
    /// # Errors
    ///
    /// If the database or the cipher fails.
    pub async fn body(&self, key: Key) -> Result<Option<Vec<u8>>, Error> {
        let statement = self
            .statement(include_str!("sql/body.sql"))
            .bind(key.to_string());
        let rows = self.fetch(statement).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let Some(body) = B::bytes(row, "body")? else {
            return Ok(None);
        };
        let source = B::text(row, "source")?.unwrap_or_default();
        let body_cipher = B::text(row, "body_cipher")?;
        let context = BodyContext {
            key,
            source: &source,
        };
        Ok(Some(self.open_body(
            body_cipher.as_deref(),
            context,
            body,
        )?))
    }

    /// Makes settled rows due at once, as if they had just been accepted, and returns how many.
    ///
    /// Done rows are replayed, too, if they are selected by their key. A row whose body is gone is not.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn replay(&self, select: &Select) -> Result<u64, Error> {
        let statement = self.statement(include_str!("sql/replay.sql"));
        let replayed = self.execute(select.bind(statement)).await?;
        log(|| tracing::info!(replayed, "replayed"));
        self.wake();
        Ok(replayed)
    }

    /// Erases bodies, keeps the keys so that duplicates stay duplicates, and returns how many bodies there were.
    ///
    /// A row that was still waiting is dead afterwards. Nothing of the body is left in SQLite's files. PostgreSQL
    /// overwrites it some time after the next `VACUUM`. Backups are yours to erase.
    ///
    /// # Errors
    ///
    /// If the database fails, or with [`Error::StillInLog`] if a reader keeps SQLite's write-ahead log from being
    /// truncated. Then erase again, although no body is left in the table.
    pub async fn erase(&self, select: &Select) -> Result<u64, Error> {
        let statement = self.statement(include_str!("sql/erase.sql"));
        let erased = self.execute(select.bind(statement)).await?;
        B::scrub(&mut *self.acquire().await?).await?;
        log(|| tracing::info!(erased, "erased"));
        Ok(erased)
    }
}

fn stored<B: Backend>(row: &B::Row) -> Result<StoredRow, Error> {
    let number = |column| B::integer(row, column).map(Option::unwrap_or_default);
    let text = |column| B::text(row, column).map(Option::unwrap_or_default);
    let key = text("key")?.parse();
    Ok(StoredRow {
        key: key.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
        source: text("source")?,
        state: match text("state")?.as_str() {
            "waiting" if number("leased")? != 0 => State::InProgress,
            "waiting" => State::Waiting,
            "done" => State::Done,
            _ => State::Dead,
        },
        reason: B::text(row, "reason")?
            .as_deref()
            .and_then(Reason::from_name),
        error: B::text(row, "error")?,
        tries: number("tries")?,
        abandoned: number("abandoned")?,
        duplicates: number("duplicates")?,
        received_at: time(number("received_at")?),
        due_at: time(number("due_at")?),
        settled_at: B::integer(row, "settled_at")?.map(time),
        has_body: number("has_body")? != 0,
    })
}

/// A time of the table.
pub(crate) fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
