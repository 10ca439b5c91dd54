//! The engine: what one set of workers does in the database, statement by statement.
//!
//! It has no clock, no thread and no handler, so the model in the tests can drive it. Each set of workers is a
//! *process* with a row of its own, and a claimed row of a job names its process. While the process beats, its
//! jobs are its own, however long they take. If its beat stands still, as seen by another process that beats
//! itself, it is *gone*, and its jobs are free. No clock is compared with another one.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use leadhook::dedup::Key;
use serde::Serialize;

#[cfg(test)]
use crate::model::twins::Twin;
use crate::{
    database::{
        Database,
        engine::{Backend, millis, within},
        link::{Lent, Link},
        statement::Statement,
    },
    error::Error,
    line,
    log::log,
    random,
};

/// A process beats this often in a lease, and no try of anything takes longer than the time between two beats.
const BEATS: u32 = 6;

/// No delay is longer. A row that is due later was delayed by a clock that was wrong for a while.
pub(crate) const LONGEST_DELAY: Duration = Duration::from_hours(31 * 24);

/// A claimed row and its body as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) claim: Claim,
    pub(crate) provider: String,
    pub(crate) scope: Option<String>,
    pub(crate) matched_secret: Option<usize>,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) body_cipher: Option<String>,
}

/// A row that was claimed. Every change of it is fenced by the token.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) key: Key,
    pub(crate) token: Arc<str>,
    pub(crate) source: Arc<str>,
    pub(crate) attempts: i64,
    pub(crate) abandoned: i64,
    /// Milliseconds.
    pub(crate) accepted_at: i64,
    /// Others may wait for it.
    pub(crate) is_ordered: bool,
    pub(crate) trace_context: Option<Arc<str>>,
}

#[cfg(test)]
impl Claim {
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.key == other.key && self.token == other.token
    }
}

/// How an attempt ended, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    /// `Job::commit` has recorded it.
    Committed,
    Failed {
        label: String,
        delay: Duration,
        give_up_after: Duration,
    },
    Snoozed {
        label: String,
        delay: Duration,
    },
    Rejected {
        label: String,
    },
    Unreadable {
        error: String,
    },
}

/// An attempt that has ended and is not recorded yet.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) claim: Claim,
    pub(crate) ending: Ending,
    /// Why, for the log.
    pub(crate) cause: Option<String>,
}

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is recorded, and the row is done.
    Done,
    /// It is recorded, and the row waits.
    Waiting,
    /// It is recorded, and the row is dead.
    Dead,
    /// The attempt was no longer the row's, so nothing was recorded.
    Fenced,
}

/// Which rows to claim, when the results of the turn are recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// How many rows may be in progress.
    pub(crate) slots: usize,
    /// How many are, and how many have a result that is not recorded yet.
    pub(crate) taken: usize,
    pub(crate) shares: Vec<Share>,
    /// One row that a process left behind.
    pub(crate) suspect: Option<Suspect>,
}

/// What a source may have of the slots.
#[derive(Clone, Debug)]
pub(crate) struct Share {
    pub(crate) source: Arc<str>,
    pub(crate) slots: usize,
    pub(crate) taken: usize,
    /// How many attempts its rate allows now.
    pub(crate) left: usize,
}

impl Wanted {
    /// Whether anything can be claimed before a result is recorded.
    pub(crate) fn has_room(&self) -> bool {
        let is_wanted = self.suspect.is_some() || self.shares.iter().any(|share| share.room() > 0);
        self.suspect == Some(Suspect::Alone) || is_wanted && self.free() > 0
    }

    fn free(&self) -> usize {
        self.slots.saturating_sub(self.taken)
    }

    /// Frees the slots of the results that were recorded. The slot of a row that is locked stays taken.
    fn after(&self, ended: &[Ended], settled: &[Option<Settled>]) -> Self {
        let mut wanted = self.clone();
        for (ended, _) in ended
            .iter()
            .zip(settled)
            .filter(|(_, settled)| settled.is_some())
        {
            wanted.taken = wanted.taken.saturating_sub(1);
            let mut shares = wanted.shares.iter_mut();
            if let Some(share) = shares.find(|share| share.source == ended.claim.source) {
                share.taken = share.taken.saturating_sub(1);
            }
        }
        wanted
    }
}

impl Share {
    fn room(&self) -> usize {
        self.slots.saturating_sub(self.taken).min(self.left)
    }
}

/// A row whose process was gone before the row was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspect {
    /// It runs beside rows that are above suspicion.
    Beside,
    /// It has its last chance, and runs alone, so that only it can be the cause if the process dies.
    Alone,
}

/// What a turn has done.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    /// What became of each result, in the order in which they were given. None: the row is locked by somebody
    /// else, and the result is to be given again.
    pub(crate) settled: Vec<Option<Settled>>,
    pub(crate) claimed: Vec<Claimed>,
    /// The sources that have no more due rows.
    pub(crate) exhausted: Vec<Arc<str>>,
    /// Another process has taken this one for gone. All that it had is free.
    pub(crate) was_gone: bool,
}

/// Due rows that processes left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Suspects {
    pub(crate) beside: bool,
    pub(crate) alone: bool,
}

/// One set of workers, as the database sees it.
pub(crate) struct Process<B: Backend> {
    database: Database<B>,
    link: Link<B>,
    id: Arc<str>,
    is_registered: bool,
    lease: Duration,
    dead_after: i64,
    /// How long a failing row may keep others waiting.
    pass_over_after: Duration,
    sources: Vec<Arc<str>>,
    /// The last line that was looked at.
    last_line: i64,
    /// The rows in progress, and those whose result is not recorded yet.
    held: HashMap<Key, Arc<str>>,
    next_beat: Option<Instant>,
    last_beat: Option<Instant>,
    /// The beats of the others, and since when they stand still.
    seen: HashMap<String, (i64, Instant)>,
    /// A statement's outcome is unknown: rows may be claimed that this process does not know of.
    is_unsure: bool,
    next_reconciliation: Option<Instant>,
}

impl<B: Backend> Process<B> {
    pub(crate) fn new(
        database: &Database<B>,
        lease: Duration,
        dead_after: u32,
        pass_over_after: Duration,
        sources: Vec<Arc<str>>,
    ) -> Result<Self, Error> {
        Ok(Self {
            database: database.clone(),
            link: database.link(),
            id: random::id()?,
            is_registered: false,
            lease,
            dead_after: i64::from(dead_after),
            pass_over_after,
            sources,
            last_line: i64::MIN,
            held: HashMap::new(),
            next_beat: None,
            last_beat: None,
            seen: HashMap::new(),
            is_unsure: false,
            next_reconciliation: None,
        })
    }

    #[cfg(test)]
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// How long a try may take.
    pub(crate) fn limit(&self) -> Duration {
        self.lease / BEATS
    }

    /// When the last committed beat began.
    pub(crate) fn last_beat(&self) -> Option<Instant> {
        self.last_beat
    }

    /// When the next beat is due.
    pub(crate) fn next_beat(&self) -> Option<Instant> {
        self.next_beat
    }

    /// Records results and claims rows in one transaction. What is claimed is to be started.
    ///
    /// If it fails, the results are to be given again. Rows that it may have claimed are freed later.
    pub(crate) async fn turn(
        &mut self,
        ended: &[Ended],
        wanted: &Wanted,
        now: Instant,
    ) -> Result<Turn, Error> {
        if !self.is_registered {
            self.register(now).await?;
        }
        let reconciles = self.is_unsure || self.next_reconciliation.is_none_or(|next| next <= now);
        #[cfg(test)]
        let reconciles = reconciles && !Twin::NeverReconciles.is_planted();
        // Until the answer is there, also if nobody waits for it any more.
        self.is_unsure = true;
        let turn = self.try_turn(ended, wanted, now, reconciles).await?;
        self.is_unsure = false;
        Ok(turn)
    }

    /// Adds the process's own row, before it claims anything.
    async fn register(&mut self, now: Instant) -> Result<(), Error> {
        let limit = self.limit();
        // If the response is lost, the row may exist, and other processes may already count its owner as
        // dead. So each attempt uses a new id.
        let id = std::mem::replace(&mut self.id, random::id()?);
        let register = self.database.statement(include_str!("sql/register.sql"));
        let register = register.bind(&*id).bind(millis(self.lease));
        self.link.run(limit, [register]).await?;
        self.id = id;
        self.is_registered = true;
        self.next_beat = Some(now + limit);
        self.last_beat = Some(now);
        Ok(())
    }

    async fn try_turn(
        &mut self,
        ended: &[Ended],
        wanted: &Wanted,
        now: Instant,
        reconciles: bool,
    ) -> Result<Turn, Error> {
        let limit = self.limit();
        let database = self.database.clone();
        let id = self.id.clone();
        let beats = self.next_beat.is_none_or(|next| next <= now);
        let known = reconciles.then(|| self.held.keys().map(ToString::to_string).collect());
        let sources = self.names();
        let dead_after = self.dead_after;
        let link = &mut self.link;
        let turn = within(limit, async move {
            let mut transaction = link.begin(limit).await?;
            // First the beat: who can settle has shown that it lives.
            if beats {
                let beat = database.statement(include_str!("sql/beat.sql")).bind(&*id);
                if transaction.execute(beat).await? == 0 {
                    transaction.commit().await?;
                    return Ok(Turn {
                        was_gone: true,
                        ..Turn::default()
                    });
                }
            }
            let settled = settle(&database, &mut transaction, ended).await?;
            if let Some(known) = known {
                reconcile(&database, &mut transaction, &id, known, sources.clone()).await?;
            }
            let left = ended.iter().zip(&settled).filter(|(ended, settled)| {
                ended.claim.is_ordered && matches!(settled, Some(Settled::Done | Settled::Dead))
            });
            let left = left.map(|(ended, _)| ended.claim.key.to_string());
            line::leave(&database, &mut transaction, left.collect()).await?;
            let claims = Claims {
                database: &database,
                process: &id,
                dead_after,
                sources,
            };
            let wanted = wanted.after(ended, &settled);
            let (claimed, exhausted) = claims.claim(&mut transaction, &wanted).await?;
            transaction.commit().await?;
            Ok(Turn {
                settled,
                claimed,
                exhausted,
                was_gone: false,
            })
        })
        .await?;
        if turn.was_gone {
            self.start_again()?;
            return Ok(turn);
        }
        if beats {
            self.next_beat = Some(now + limit);
            // An own silence says nothing about the others: nobody could reach the database.
            let was_silent = self.last_beat.is_none_or(|last| last + limit * 2 < now);
            #[cfg(test)]
            let was_silent = was_silent && !Twin::JudgesByReading.is_planted();
            if was_silent {
                self.seen.clear();
            }
            self.last_beat = Some(now);
        }
        if reconciles {
            self.next_reconciliation = Some(now + self.lease / 2);
        }
        for (ended, settled) in ended.iter().zip(&turn.settled) {
            let claim = &ended.claim;
            // A row that was replayed meanwhile may have another attempt by now.
            let is_held = self.held.get(&claim.key) == Some(&claim.token);
            #[cfg(test)]
            let is_held = is_held || Twin::HoldsByKey.is_planted();
            if settled.is_some() && is_held {
                self.held.remove(&claim.key);
            }
        }
        for claimed in &turn.claimed {
            let claim = &claimed.claim;
            self.held.insert(claim.key, claim.token.clone());
        }
        Ok(turn)
    }

    /// Looks for due rows that processes left behind.
    pub(crate) async fn suspects(&mut self) -> Result<Suspects, Error> {
        let limit = self.limit();
        let statement = self
            .database
            .statement(include_str!("sql/suspects.sql"))
            .bind(self.dead_after - 1)
            .bind(self.names());
        let rows = self.link.run(limit, [statement]).await?;
        let count = |column| -> Result<i64, Error> {
            let row = rows.first().and_then(|rows| rows.first());
            let count = row.map(|row| B::integer(row, column)).transpose()?;
            Ok(count.flatten().unwrap_or(0))
        };
        Ok(Suspects {
            beside: count("suspects")? > 0,
            alone: count("last_chances")? > 0,
        })
    }

    /// Looks after the lines of ordered events.
    pub(crate) async fn sweep(&mut self) -> Result<(), Error> {
        let (limit, patience) = (self.limit(), self.pass_over_after);
        let swept = line::sweep(
            &self.database,
            &mut self.link,
            limit,
            self.last_line,
            patience,
        );
        self.last_line = within(limit, swept).await?;
        Ok(())
    }

    /// Frees the rows of processes whose beat has stood still for 3/2 of their lease, while this one beat.
    ///
    /// A process that lives is silent for at most that long if the database is gone for a lease: a sixth since its
    /// last beat, a sixth for a try that hangs, and a pause. A beat is seen up to a sixth late, so the rows of a dead
    /// process are free after 5/3 of its lease.
    pub(crate) async fn judge(&mut self, now: Instant) -> Result<(), Error> {
        let limit = self.limit();
        let others = self
            .database
            .statement(include_str!("sql/others.sql"))
            .bind(&*self.id);
        let orphans = self.database.statement(include_str!("sql/orphans.sql"));
        let mut rows = self.link.run(limit, [others, orphans]).await?;
        let orphans = rows.pop().unwrap_or_default();
        let others = rows.pop().unwrap_or_default();
        let mut seen = HashMap::new();
        let mut gone = Vec::new();
        for row in &others {
            let id = B::text(row, "id")?.unwrap_or_default();
            let beat = B::integer(row, "beat")?.unwrap_or(0);
            let lease = B::integer(row, "lease")?.unwrap_or(0);
            let lease = Duration::from_millis(u64::try_from(lease).unwrap_or(0));
            let since = match self.seen.get(&id) {
                Some((earlier, since)) if *earlier == beat => *since,
                _ => now,
            };
            if now.saturating_duration_since(since) >= lease * 3 / 2 {
                gone.push((id.clone(), beat));
            }
            seen.insert(id, (beat, since));
        }
        self.seen = seen;
        for (id, beat) in gone {
            self.free(&id, Some(beat)).await?;
        }
        for row in &orphans {
            let id = B::text(row, "process")?.unwrap_or_default();
            self.free(&id, None).await?;
        }
        Ok(())
    }

    /// Frees the rows of all other processes. For tests of handlers, where no other process can be alive.
    pub(crate) async fn judge_all(&mut self) -> Result<(), Error> {
        let others = self
            .database
            .statement(include_str!("sql/others.sql"))
            .bind(&*self.id);
        for row in self.database.fetch(others).await? {
            let id = B::text(&row, "id")?.unwrap_or_default();
            let beat = B::integer(&row, "beat")?;
            self.free(&id, beat).await?;
        }
        Ok(())
    }

    async fn free(&mut self, id: &str, beat: Option<i64>) -> Result<(), Error> {
        let limit = self.limit();
        let database = &self.database;
        let gone = beat.map(|beat| {
            let gone = database.statement(include_str!("sql/gone.sql"));
            gone.bind(id).bind(beat)
        });
        let abandon = database.statement(include_str!("sql/abandon.sql"));
        let abandon = abandon.bind(id).bind(self.dead_after);
        // Also if a row was locked and passed over. Its process must not go on as if nothing had happened, and
        // the row is an orphan's now.
        let forget = database.statement("DELETE FROM leadhook_inbox_process WHERE id = $1");
        let forget = forget.bind(id);
        let freed = within(limit, async {
            let mut transaction = self.link.begin(limit).await?;
            if let Some(gone) = gone
                && transaction.fetch(gone).await?.is_empty()
            {
                return Ok(Vec::new()); // it has beaten meanwhile, or another judge was first
            }
            let freed = transaction.fetch(abandon).await?;
            line::leave(database, &mut transaction, line::keys::<B>(&freed)?).await?;
            transaction.execute(forget).await?;
            transaction.commit().await?;
            Ok(freed)
        });
        for row in &freed.await? {
            let key = B::text(row, "key")?.unwrap_or_default();
            let source = B::text(row, "source")?.unwrap_or_default();
            let times = B::integer(row, "abandoned")?.unwrap_or(0);
            if B::text(row, "state")?.as_deref() == Some("dead") {
                log(|| tracing::error!(source, key, times, reason = "abandoned", "dead"));
                #[cfg(feature = "metrics")]
                crate::metrics::death(&source, "abandoned");
            } else {
                log(|| {
                    tracing::warn!(
                        source,
                        key,
                        times,
                        "abandoned; it will run apart from the others"
                    );
                });
            }
        }
        Ok(())
    }

    /// Frees all rows of this process, without counting the attempts, and ends it. Returns how many.
    pub(crate) async fn leave(&mut self) -> Result<u64, Error> {
        let limit = self.limit();
        let mut released = 0;
        // Twice, because a row that was locked is passed over.
        for _ in 0..2 {
            let release = self.database.statement(include_str!("sql/release.sql"));
            let release = release.bind(&*self.id).bind(Vec::new());
            let unregister = self.database.statement(include_str!("sql/unregister.sql"));
            let unregister = unregister.bind(&*self.id);
            let rows = self.link.run(limit, [release, unregister]).await?;
            let mut rows = rows.iter().map(Vec::len);
            released += u64::try_from(rows.next().unwrap_or(0)).unwrap_or(u64::MAX);
            if rows.next() > Some(0) {
                break; // its own row is gone
            }
        }
        self.held.clear();
        Ok(released)
    }

    /// When the next row is due, from now; negative if it has been due for a while.
    pub(crate) async fn next_due(&mut self) -> Result<Option<i64>, Error> {
        let statement = self.database.statement(include_str!("sql/next_due.sql"));
        let rows = self.database.fetch(statement.bind(self.names())).await?;
        match rows.first() {
            Some(row) => Ok(B::integer(row, "due_in")?),
            None => Ok(None),
        }
    }

    /// Takes a new identity. The earlier one's rows are free, or will be.
    fn start_again(&mut self) -> Result<(), Error> {
        self.id = random::id()?;
        self.is_registered = false;
        self.held.clear();
        self.seen.clear();
        self.next_beat = None;
        self.last_beat = None;
        Ok(())
    }

    fn names(&self) -> Vec<String> {
        self.sources.iter().map(ToString::to_string).collect()
    }
}

/// Records results, and returns what became of each.
async fn settle<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
    ended: &[Ended],
) -> Result<Vec<Option<Settled>>, Error> {
    let open = ended
        .iter()
        .filter(|ended| ended.ending != Ending::Committed);
    let results: Vec<_> = open.map(ResultRow::new).collect();
    let mut recorded = HashMap::new();
    let mut rows_by_key = HashMap::new();
    if !results.is_empty() {
        let keys: Vec<_> = results.iter().map(|result| result.key.clone()).collect();
        let results = serde_json::to_string(&results).unwrap_or_default();
        let statement = database.statement(include_str!("sql/settle.sql"));
        for row in transaction.fetch(statement.bind(results)).await? {
            let key = B::text(&row, "key")?.unwrap_or_default();
            let token = B::text(&row, "settled_token")?.unwrap_or_default();
            recorded.insert((key, token), state::<B>(&row)?);
        }
        if recorded.len() < keys.len() {
            let look = database.statement(include_str!("sql/look.sql"));
            for row in transaction.fetch(look.bind(keys)).await? {
                rows_by_key.insert(B::text(&row, "key")?.unwrap_or_default(), row);
            }
        }
    }
    let settled = ended.iter().map(|ended| {
        let (key, token) = (ended.claim.key.to_string(), ended.claim.token.to_string());
        if ended.ending == Ending::Committed {
            return Ok(Some(Settled::Done));
        }
        if let Some(settled) = recorded.get(&(key.clone(), token.clone())) {
            return Ok(Some(*settled));
        }
        // The row is locked by somebody else and still ours, or it was settled by a transaction whose answer got
        // lost, or by `Job::commit`, or it is not ours any more.
        let Some(row) = rows_by_key.get(&key) else {
            return Ok(Some(Settled::Fenced));
        };
        Ok(if B::text(row, "token")?.as_ref() == Some(&token) {
            None
        } else if B::text(row, "settled_token")?.as_ref() == Some(&token) {
            Some(state::<B>(row)?)
        } else {
            Some(Settled::Fenced)
        })
    });
    settled.collect()
}

fn state<B: Backend>(row: &B::Row) -> Result<Settled, Error> {
    Ok(match B::text(row, "state")?.as_deref() {
        Some("done") => Settled::Done,
        Some("dead") => Settled::Dead,
        _ => Settled::Waiting,
    })
}

/// Frees what an unknown outcome may have claimed, and what a wrong clock has put off.
async fn reconcile<B: Backend>(
    database: &Database<B>,
    transaction: &mut Lent<'_, B>,
    process: &str,
    known: Vec<String>,
    sources: Vec<String>,
) -> Result<(), Error> {
    let release = database.statement(include_str!("sql/release.sql"));
    transaction
        .execute(release.bind(process).bind(known))
        .await?;
    // Each has an index of its own.
    for abandoned in ["abandoned = 0", "abandoned > 0"] {
        let cap = database.statement(include_str!("sql/cap_due.sql"));
        let cap = cap.part("{abandoned}", abandoned);
        let cap = cap.bind(sources.clone()).bind(millis(LONGEST_DELAY));
        transaction.execute(cap).await?;
    }
    Ok(())
}

struct Claims<'a, B: Backend> {
    database: &'a Database<B>,
    process: &'a str,
    dead_after: i64,
    sources: Vec<String>,
}

impl<B: Backend> Claims<'_, B> {
    /// Returns what was claimed, and the sources that have no more due rows.
    async fn claim(
        self,
        transaction: &mut Lent<'_, B>,
        wanted: &Wanted,
    ) -> Result<(Vec<Claimed>, Vec<Arc<str>>), Error> {
        let mut rows = wanted.free();
        let mut suspect = wanted.suspect;
        if suspect == Some(Suspect::Beside) {
            suspect = suspect.filter(|_| rows > 0);
            rows = rows.saturating_sub(1);
        }
        let mut claimed = Vec::new();
        let mut exhausted = Vec::new();
        let shares = wanted.shares.iter().filter(|share| share.room() > 0);
        let shares: Vec<&Share> = shares.collect();
        if rows > 0 && !shares.is_empty() {
            // Each source is looked up by itself, so that a backlog of another source costs nothing.
            let due = shares.iter().zip(0..).map(|(_, index)| {
                let place = |offset: usize| format!("${}", 2 + 3 * index + offset);
                include_str!("sql/due_of_source.sql")
                    .replace("{source}", &place(0))
                    .replace("{limit}", &place(1))
                    .replace("{running}", &format!("CAST({} AS BIGINT)", place(2)))
            });
            let due = due.collect::<Vec<String>>().join("UNION ALL\n");
            let lock = include_str!("sql/lock_due.sql").replace("{due}", &due);
            let lock = shares.iter().fold(
                self.database.statement(&lock).bind(count(rows)),
                |lock, share| {
                    lock.bind(&*share.source)
                        .bind(count(share.room().min(rows)))
                        .bind(count(share.taken))
                },
            );
            let is_cut_off;
            (claimed, is_cut_off) = self.claim_firsts(transaction, lock, rows).await?;
            exhausted.extend(shares.iter().filter_map(|share| {
                let of_source = |claimed: &&Claimed| claimed.claim.source == share.source;
                let is_cut_off =
                    is_cut_off || claimed.iter().filter(of_source).count() >= share.room();
                (!is_cut_off).then(|| share.source.clone())
            }));
        }
        if let Some(suspect) = suspect {
            let (least, most) = match suspect {
                Suspect::Beside => (1, self.dead_after - 2),
                Suspect::Alone => (self.dead_after - 1, i64::MAX),
            };
            let lock = include_str!("sql/lock_suspect.sql");
            let lock = self.database.statement(lock);
            let lock = lock.bind(least).bind(most).bind(self.sources.clone());
            claimed.extend(self.claim_firsts(transaction, lock, 1).await?.0);
        }
        Ok((claimed, exhausted))
    }

    /// Locks due rows, claims those that wait for no other one and parks the rest. Returns whether there may be more.
    ///
    /// The lines are read by a later statement than the one that locks: it sees all who came before.
    async fn claim_firsts(
        &self,
        transaction: &mut Lent<'_, B>,
        lock: Statement,
        rows: usize,
    ) -> Result<(Vec<Claimed>, bool), Error> {
        let locked = line::keys::<B>(&transaction.fetch(lock).await?)?;
        if locked.is_empty() {
            return Ok((Vec::new(), false));
        }
        let is_cut_off = locked.len() >= rows;
        let claim = include_str!("sql/claim.sql").replace("{is_first}", line::IS_FIRST);
        let token = random::id()?;
        let claim = self.database.statement(&claim);
        let claim = claim.bind(self.process).bind(&*token).bind(locked.clone());
        let claimed = self.fetch(transaction, claim, &token).await?;
        if claimed.len() == locked.len() {
            return Ok((claimed, is_cut_off));
        }
        let keys = claimed.iter().map(|claimed| claimed.claim.key.to_string());
        let keys: HashSet<String> = keys.collect();
        let locked = locked.into_iter().filter(|key| !keys.contains(key));
        let locked: Vec<String> = locked.collect();
        let parked = line::park(self.database, transaction, locked).await?;
        let has_more = parked || is_cut_off && !claimed.is_empty();
        Ok((claimed, has_more))
    }

    async fn fetch(
        &self,
        transaction: &mut Lent<'_, B>,
        statement: Statement,
        token: &Arc<str>,
    ) -> Result<Vec<Claimed>, Error> {
        let rows = transaction.fetch(statement).await?;
        let claimed = rows.iter().map(|row| {
            let number = |column| B::integer(row, column).map(Option::unwrap_or_default);
            let text = |column| B::text(row, column).map(Option::unwrap_or_default);
            let key = text("key")?.parse();
            Ok(Claimed {
                claim: Claim {
                    key: key.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
                    token: token.clone(),
                    source: text("source")?.into(),
                    attempts: number("attempts")?,
                    abandoned: number("abandoned")?,
                    accepted_at: number("accepted_at")?,
                    is_ordered: number("ordered")? == 1,
                    trace_context: B::text(row, "trace_context")?.map(Into::into),
                },
                provider: text("provider")?,
                scope: B::text(row, "scope")?,
                matched_secret: B::integer(row, "matched_secret")?
                    .and_then(|index| usize::try_from(index).ok()),
                body: B::bytes(row, "body")?,
                body_cipher: B::text(row, "body_cipher")?,
            })
        });
        claimed.collect()
    }
}

/// A result as the database reads it.
#[derive(Serialize)]
struct ResultRow<'a> {
    key: String,
    token: &'a str,
    ending: &'static str,
    error: Option<&'a str>,
    delay: i64,
    give_up: i64,
}

impl<'a> ResultRow<'a> {
    fn new(ended: &'a Ended) -> Self {
        let never = Duration::ZERO;
        let (ending, error, delay, give_up) = match &ended.ending {
            Ending::Done | Ending::Committed => ("done", None, never, never),
            Ending::Failed {
                label,
                delay,
                give_up_after,
            } => ("failed", Some(label), *delay, *give_up_after),
            Ending::Snoozed { label, delay } => ("snoozed", Some(label), *delay, never),
            Ending::Rejected { label } => ("rejected", Some(label), never, never),
            Ending::Unreadable { error } => ("unreadable", Some(error), never, never),
        };
        Self {
            key: ended.claim.key.to_string(),
            token: &ended.claim.token,
            ending,
            error: error.map(String::as_str),
            delay: millis(delay.min(LONGEST_DELAY)),
            give_up: millis(give_up),
        }
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
