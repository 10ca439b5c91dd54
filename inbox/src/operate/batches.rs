//! Replays and erases rows, batch by batch.

use std::fmt;

use leadhook::dedup::Key;

use crate::{
    database::{
        Database,
        engine::{Backend, within},
    },
    error::Error,
    line,
    log::log,
    operate::{count::Count, filter::Filter, listing, sources},
};

/// Small enough that nobody waits for long.
const BATCH: i64 = 500;

/// How long a batch may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

/// A change of many rows, batch by batch in the order of their keys.
///
/// [`Inbox::replay`](crate::Inbox::replay) and [`Inbox::erase`](crate::Inbox::erase) return it. Nothing has
/// happened yet. Each row is changed at most once, even if it dies again meanwhile. If a batch fails or you
/// stop, the changes so far remain, and the rest can be changed later.
///
/// ```
/// # use leadhook_inbox::{Filter, Inbox};
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// # let inbox = Inbox::temporary().await?;
/// let replayed = inbox.replay(&Filter::dead().source("scoreapp")).finish().await?;
///
/// // Or step by step, to show progress.
/// let mut replay = inbox.replay(&Filter::dead());
/// while replay.step().await? {
///     println!("{} rows", replay.changed());
/// }
/// # assert_eq!(replayed, 0);
/// # Ok::<(), leadhook_inbox::Error>(())
/// # }).unwrap();
/// ```
#[must_use = "nothing happens before step() or finish()"]
pub struct Batches<B: Backend> {
    database: Database<B>,
    filter: Filter,
    kind: Kind,
    after: Option<Key>,
    changed: u64,
    /// The sources to look for rows in, once it is known whether an index by source is worth it.
    sources: Option<Vec<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Replay,
    Erase,
}

impl Kind {
    /// Which rows it changes.
    fn changeable(self) -> &'static str {
        match self {
            Self::Replay => "state <> 'waiting' AND body IS NOT NULL",
            Self::Erase => {
                "(body IS NOT NULL OR lead_id IS NOT NULL OR subject_1 IS NOT NULL OR trace_context IS NOT NULL)"
            }
        }
    }
}

impl<B: Backend> Batches<B> {
    pub(crate) fn replay(database: Database<B>, filter: Filter) -> Self {
        Self::new(database, filter, Kind::Replay)
    }

    pub(crate) fn erase(database: Database<B>, filter: Filter) -> Self {
        Self::new(database, filter, Kind::Erase)
    }

    fn new(database: Database<B>, filter: Filter, kind: Kind) -> Self {
        Self {
            database,
            filter,
            kind,
            after: None,
            changed: 0,
            sources: None,
        }
    }

    /// Begins after the row with this key, to go on where another process stopped.
    pub fn after(mut self, key: Key) -> Self {
        self.after = Some(key);
        self
    }

    /// Returns the key of the last row that was looked at.
    #[must_use]
    pub fn last(&self) -> Option<Key> {
        self.after
    }

    /// Counts the rows that are left to change.
    ///
    /// # Errors
    ///
    /// If the database fails.
    pub async fn left(&self) -> Result<Count, Error> {
        let mut condition = self.kind.changeable().to_owned();
        if let Some(key) = self.after {
            // A key is made of hex digits.
            condition = format!("{condition} AND key > '{key}'");
        }
        listing::count(&self.database, &self.filter, &condition).await
    }

    /// Returns how many rows were changed.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.changed
    }

    /// Changes all that is left, and returns how many rows were changed in all.
    ///
    /// # Errors
    ///
    /// As for [`step`](Self::step).
    pub async fn finish(mut self) -> Result<u64, Error> {
        while self.step().await? {}
        Ok(self.changed)
    }

    /// Changes up to 500 rows, and returns whether there may be more.
    ///
    /// # Errors
    ///
    /// If the database fails. Erasing also fails, after the last batch, with [`Error::StillInLog`], if a reader
    /// keeps SQLite's write-ahead log from being truncated. Then erase again, although no body is left in the
    /// table.
    pub async fn step(&mut self) -> Result<bool, Error> {
        let (looked_at, changed) = self.change().await?;
        for key in &looked_at {
            let key = key.parse();
            let key: Key = key.map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            self.after = self.after.max(Some(key));
        }
        self.changed += u64::try_from(changed).unwrap_or(u64::MAX);
        if !looked_at.is_empty() {
            self.database.wake();
            return Ok(true);
        }
        let changed = self.changed;
        match self.kind {
            Kind::Replay => log(|| tracing::info!(changed, "replayed")),
            Kind::Erase => {
                self.scrub().await?;
                log(|| tracing::info!(changed, "erased"));
            }
        }
        Ok(false)
    }

    /// Changes a batch, and returns the keys that were looked at and how many rows were changed.
    async fn change(&mut self) -> Result<(Vec<String>, usize), Error> {
        let sql = match self.kind {
            Kind::Replay => include_str!("sql/replayable.sql"),
            Kind::Erase => include_str!("sql/erase.sql"),
        };
        let sql = sql.replace("{changeable}", self.kind.changeable());
        let mut statement = self.database.statement(&sql).bind(BATCH);
        let sources = self.sources().await?;
        if !sources.is_empty() {
            let of_sources = B::IN.replace("{}", "$2");
            let selected = format!("source {of_sources} AND {{selected}}");
            statement = statement.part("{selected}", &selected).bind(sources);
        }
        let mut statement = self.filter.bind(statement);
        let mut after = "TRUE".to_owned();
        if let Some(key) = self.after {
            statement = statement.bind(key.to_string());
            after = format!("key > ${}", statement.values.len());
        }
        let statement = statement.part("{after}", &after);
        let (database, kind) = (self.database.clone(), self.kind);
        let changing = self.database.thread().spawn(async move {
            let mut link = database.operator().await;
            within(LIMIT, async {
                let mut transaction = link.begin(LIMIT).await?;
                let keys = line::keys::<B>(&transaction.fetch(statement).await?)?;
                let mut changed = keys.len();
                match kind {
                    Kind::Replay => {
                        line::lock(&database, &mut transaction, &keys).await?;
                        let replay = include_str!("sql/replay.sql");
                        let replay = replay.replace("{changeable}", kind.changeable());
                        let replay = database.statement(&replay);
                        let replayed = transaction.fetch(replay.bind(keys.clone())).await?;
                        let replayed = line::keys::<B>(&replayed)?;
                        changed = replayed.len();
                        line::join(&database, &mut transaction, replayed).await?;
                    }
                    Kind::Erase => {
                        line::leave(&database, &mut transaction, keys.clone()).await?;
                    }
                }
                transaction.commit().await?;
                Ok((keys, changed))
            })
            .await
        });
        changing?.await
    }

    /// Few rows are found by an index that begins with the source. Many are met soon on a walk in the order of
    /// keys, and then this is empty.
    async fn sources(&mut self) -> Result<Vec<String>, Error> {
        if let Some(sources) = &self.sources {
            return Ok(sources.clone());
        }
        let is_few = !self.filter.is_indexed_by_itself() && self.left().await?.is_exact();
        let sources: Vec<String> = if is_few {
            sources::all(&self.database).await?.into_iter().collect()
        } else {
            Vec::new()
        };
        self.sources = Some(sources.clone());
        Ok(sources)
    }

    async fn scrub(&self) -> Result<(), Error> {
        let database = self.database.clone();
        let scrubbing = self.database.thread().spawn(async move {
            let mut link = database.operator().await;
            within(LIMIT, async {
                let mut lent = link.lend().await?;
                B::scrub(&mut lent).await?;
                lent.keep();
                Ok(())
            })
            .await
        });
        scrubbing?.await
    }
}

impl<B: Backend> fmt::Debug for Batches<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batches")
            .field("kind", &self.kind)
            .field("filter", &self.filter)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}
