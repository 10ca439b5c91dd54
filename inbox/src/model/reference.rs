//! The reference: what a row is, what may change it, and how.
//!
//! It knows no SQL and no locks. Each change that is seen in the table must follow from an operation that is
//! under way, by the rules of [`Change`]. To extend the model, add an operation, its changes, and their rule.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    time::Duration,
};

use crate::work::process::{Ended, Ending};

use super::{BODIES, DEAD_AFTER, GIVE_UP_AFTER, KEYS, LEASE, PASS_OVER_AFTER, RETRY_WINDOW};

/// What should not have happened.
#[derive(Debug)]
pub(super) struct Violation(pub(super) String);

macro_rules! violation {
    ($($what:tt)*) => {
        return Err(crate::model::reference::Violation(format!($($what)*)))
    };
}
pub(super) use violation;

/// A time by the database's clock, in milliseconds, that is known to be from here to there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Time {
    pub(super) fn at(time: i64) -> Self {
        Self {
            from: time,
            to: time,
        }
    }

    fn plus(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap();
        Self {
            from: self.from + millis,
            to: self.to + millis,
        }
    }

    fn has(self, observed: Self) -> bool {
        self.from <= observed.from && observed.to <= self.to
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.from)?;
        if self.to > self.from {
            write!(f, "..{}", self.to)?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) state: String,
    pub(super) reason: Option<String>,
    pub(super) process: Option<String>,
    pub(super) token: Option<String>,
    pub(super) settled_token: Option<String>,
    pub(super) attempts: i64,
    pub(super) abandoned: i64,
    pub(super) has_body: bool,
    pub(super) due: Time,
    pub(super) retry_until: Time,
    pub(super) failed: Option<Time>,
    pub(super) settled: Option<Time>,
}

/// What an operation may do to a row.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Accept,
    Claim {
        process: String,
        token: String,
        /// The process has nothing else in hand.
        is_alone: bool,
    },
    /// Records the result of an attempt.
    Settle {
        ending: Ending,
        token: String,
    },
    Release,
    Abandon,
    Replay,
    Erase,
    PruneBody,
    PruneRow,
}

/// How an attempt ended, as far as the table is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Recorded,
    Released,
    Abandoned,
    Erased,
}

impl Change {
    /// The row after the change. Several, if that depends on when exactly it happened. None, if the change is
    /// not allowed.
    fn apply(&self, row: Option<&Row>, now: Time) -> Vec<Option<Row>> {
        match (self, row) {
            (Self::Accept, None) => vec![Some(Row {
                state: "waiting".into(),
                reason: None,
                process: None,
                token: None,
                settled_token: None,
                attempts: 0,
                abandoned: 0,
                has_body: true,
                due: now,
                retry_until: now.plus(RETRY_WINDOW),
                failed: None,
                settled: None,
            })],
            (Self::Accept, Some(_)) | (_, None) => Vec::new(),
            (Self::PruneRow, Some(row)) => {
                let is_old = row.settled.is_some_and(|at| at.plus(KEYS).from <= now.to);
                let is_allowed = row.state == "done" && is_old && row.retry_until.from <= now.to;
                is_allowed.then_some(None).into_iter().collect()
            }
            (_, Some(row)) => self.change(row, now).into_iter().map(Some).collect(),
        }
    }

    fn change(&self, row: &Row, now: Time) -> Vec<Row> {
        let mut after = row.clone();
        let free = |row: &mut Row| {
            row.token = None;
            row.process = None;
        };
        let settle = |row: &mut Row, state: &str, reason: Option<&str>| {
            row.state = state.into();
            row.reason = reason.map(Into::into);
            row.settled = Some(now);
        };
        let is_allowed = match self {
            Self::Claim {
                process,
                token,
                is_alone,
            } => {
                after.process = Some(process.clone());
                after.token = Some(token.clone());
                after.attempts += 1;
                // At its last chance a row runs alone, so that no other one dies with it.
                let may_run = *is_alone || row.abandoned < i64::from(DEAD_AFTER) - 1;
                may_run && row.state == "waiting" && row.token.is_none() && row.due.from <= now.to
            }
            Self::Settle { ending, token } => {
                free(&mut after);
                after.settled_token = Some(token.clone());
                after.abandoned = 0;
                match ending {
                    Ending::Done | Ending::Committed => settle(&mut after, "done", None),
                    Ending::Rejected { .. } => settle(&mut after, "dead", Some("rejected")),
                    Ending::Unreadable { .. } => settle(&mut after, "dead", Some("unreadable")),
                    Ending::Snoozed { delay, .. } => {
                        after.attempts -= 1;
                        after.due = now.plus(*delay);
                    }
                    Ending::Failed { delay, .. } => {
                        let first = row.failed.unwrap_or(now);
                        after.failed = Some(first);
                        after.due = now.plus(*delay);
                        let mut given_up = after.clone();
                        settle(&mut given_up, "dead", Some("failed"));
                        let limit = first.plus(GIVE_UP_AFTER);
                        let mut possible = Vec::new();
                        if now.from < limit.to || row.failed.is_none() {
                            possible.push(after);
                        }
                        if limit.from <= now.to && row.failed.is_some() {
                            possible.push(given_up);
                        }
                        possible.retain(|_| row.token.as_ref() == Some(token));
                        return possible;
                    }
                }
                row.token.as_ref() == Some(token)
            }
            Self::Release => {
                free(&mut after);
                after.attempts -= 1;
                after.due = now;
                row.token.is_some()
            }
            Self::Abandon => {
                free(&mut after);
                after.abandoned += 1;
                after.due = now;
                if after.abandoned >= i64::from(DEAD_AFTER) {
                    settle(&mut after, "dead", Some("abandoned"));
                }
                row.token.is_some()
            }
            Self::Replay => {
                after.state = "waiting".into();
                after.reason = None;
                after.settled = None;
                after.attempts = 0;
                after.abandoned = 0;
                after.failed = None;
                after.due = now;
                row.state != "waiting" && row.has_body
            }
            Self::Erase => {
                free(&mut after);
                after.has_body = false;
                if row.state == "waiting" {
                    settle(&mut after, "dead", Some("erased"));
                }
                row.has_body
            }
            Self::PruneBody => {
                after.has_body = false;
                let is_old = row.settled.is_some_and(|at| at.plus(BODIES).from <= now.to);
                row.state == "done" && row.has_body && is_old
            }
            Self::Accept | Self::PruneRow => false,
        };
        is_allowed.then_some(after).into_iter().collect()
    }

    fn end(&self) -> Option<End> {
        match self {
            Self::Settle { .. } => Some(End::Recorded),
            Self::Release => Some(End::Released),
            Self::Abandon => Some(End::Abandoned),
            Self::Erase => Some(End::Erased),
            _ => None,
        }
    }
}

/// An operation that is under way.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    Accept {
        keys: Vec<String>,
    },
    Turn {
        process: String,
        /// How fast the process's clock goes.
        speed: f64,
        ended: Vec<Ended>,
        /// The rows that the process has in hand.
        known: Vec<String>,
    },
    Leave {
        process: String,
    },
    /// A handler commits its own transaction and its row.
    Commit {
        key: String,
        token: String,
    },
    Replay,
    Erase {
        key: String,
    },
    Prune,
    /// Somebody locks a row and changes nothing.
    Lock,
}

impl Operation {
    /// The changes of one commit to one row, in their order, that could lead to what is observed.
    fn changes(&self, key: &str, before: Option<&Row>, after: Option<&Row>) -> Vec<Vec<Change>> {
        let holder = before.and_then(|row| row.process.as_deref());
        match self {
            Self::Accept { keys } if keys.iter().any(|own| own == key) => {
                vec![vec![Change::Accept]]
            }
            Self::Turn {
                process,
                ended,
                known,
                ..
            } => {
                if holder.is_some_and(|holder| holder != process) {
                    return vec![vec![Change::Abandon]];
                }
                let token = before.and_then(|row| row.token.as_deref());
                let mut ended = ended.iter();
                let ended = ended.find(|ended| {
                    ended.claim.key.to_string() == key && Some(&*ended.claim.token) == token
                });
                let settle = ended.map(|ended| Change::Settle {
                    ending: ended.ending.clone(),
                    token: ended.claim.token.to_string(),
                });
                let is_unknown =
                    holder == Some(process.as_str()) && !known.iter().any(|known| known == key);
                let release = is_unknown.then_some(Change::Release);
                let token = after.and_then(|row| row.token.clone());
                let claim = token.map(|token| Change::Claim {
                    process: process.clone(),
                    token,
                    is_alone: known.is_empty(),
                });
                let freed = [settle, release].into_iter().flatten();
                let mut all: Vec<Vec<Change>> = freed.map(|change| vec![change]).collect();
                if let Some(claim) = claim {
                    for changes in all.clone() {
                        all.push([changes, vec![claim.clone()]].concat());
                    }
                    all.push(vec![claim]);
                }
                all
            }
            Self::Leave { process } if holder == Some(process.as_str()) => {
                vec![vec![Change::Release]]
            }
            Self::Commit { key: own, token } if own == key => vec![vec![Change::Settle {
                ending: Ending::Committed,
                token: token.clone(),
            }]],
            Self::Replay => vec![vec![Change::Replay]],
            Self::Erase { key: own } if own == key => vec![vec![Change::Erase]],
            Self::Prune => vec![vec![Change::PruneBody], vec![Change::PruneRow]],
            _ => Vec::new(),
        }
    }
}

/// What is in the database at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) rows: BTreeMap<String, Row>,
    /// The keys in the line of each subject, by their positions.
    pub(super) lines: BTreeMap<i64, BTreeMap<i64, String>>,
    pub(super) parked: HashSet<String>,
    /// The beats of the processes.
    pub(super) processes: BTreeMap<String, i64>,
    /// What handlers have written in their own transactions.
    pub(super) effects: usize,
    pub(super) now: i64,
}

/// What was observed so far.
#[derive(Default)]
pub(super) struct Reference {
    pub(super) table: Table,
    /// The operations that may have inserted a row last. One of them may say so.
    inserted: HashMap<String, HashSet<usize>>,
    /// How the attempts ended, by key and token. None: in progress.
    attempts: HashMap<(String, String), Option<End>>,
    /// When a process has beaten last, by a clock that stands still while nobody reaches the database.
    last_beats: HashMap<String, Duration>,
    /// The processes that were taken for gone.
    gone: HashSet<String>,
    commits: usize,
}

impl Reference {
    pub(super) fn new(table: Table) -> Self {
        Self {
            table,
            ..Self::default()
        }
    }

    /// Compares with what is there now. Every difference must follow from one of the operations under way, or
    /// from two, if two may have committed.
    pub(super) fn observe<'a>(
        &mut self,
        now: Table,
        operations: impl Iterator<Item = (usize, i64, &'a Operation)> + Clone,
        may_be_two: bool,
        reachable: Duration,
    ) -> Result<Vec<String>, Violation> {
        let mut story = Vec::new();
        let mut gone = self.observe_processes(&now, operations.clone(), reachable)?;
        story.extend(gone.iter().map(|process| format!("{process:.4} is gone")));
        let keys = self.table.rows.keys().chain(now.rows.keys());
        let keys: HashSet<String> = keys.cloned().collect();
        for key in keys {
            let (before, after) = (self.table.rows.get(&key), now.rows.get(&key));
            if before == after {
                continue;
            }
            let candidates = operations.clone().flat_map(|(number, began, operation)| {
                let all = operation.changes(&key, before, after).into_iter();
                all.map(move |changes| (vec![number], began, changes))
            });
            let candidates: Vec<_> = candidates.collect();
            let mut causes = explain(&candidates, before, after, now.now);
            if causes.is_empty() && may_be_two {
                let firsts = candidates.iter();
                let pairs = firsts.flat_map(|(first, began, changes)| {
                    let seconds = candidates.iter().filter(|(second, ..)| *second != *first);
                    seconds.map(|(second, later, more)| {
                        let both = [first.clone(), second.clone()].concat();
                        (both, *began.min(later), [&changes[..], more].concat())
                    })
                });
                causes = explain(&pairs.collect::<Vec<_>>(), before, after, now.now);
            }
            let numbers = causes.iter().flat_map(|(numbers, ..)| numbers.clone());
            let numbers: HashSet<usize> = numbers.collect();
            let Some((_, _, changes)) = causes.into_iter().next() else {
                violation!("no rule explains this change: {before:?} to {after:?}");
            };
            story.push(format!("{key:.4} {changes:?}"));
            let mut token = before.and_then(|row| row.token.clone());
            for change in changes {
                if let (Some(end), Some(token)) = (change.end(), token.take()) {
                    self.attempts.insert((key.clone(), token), Some(end));
                }
                match change {
                    Change::Accept => {
                        self.inserted.insert(key.clone(), numbers.clone());
                    }
                    Change::Claim {
                        token: claimed,
                        process,
                        ..
                    } => {
                        if self.gone.contains(&process) {
                            violation!("a process claimed a row after it was taken for gone");
                        }
                        token = Some(claimed.clone());
                        if self.attempts.insert((key.clone(), claimed), None).is_some() {
                            violation!("a token was used twice for a row");
                        }
                    }
                    Change::Settle {
                        ending: Ending::Committed,
                        ..
                    } => self.commits += 1,
                    Change::Abandon => {
                        let process = before.and_then(|row| row.process.as_deref());
                        let process = process.unwrap_or_default().to_owned();
                        self.check_gone(&process, operations.clone(), reachable)?;
                        gone.insert(process);
                    }
                    _ => {}
                }
            }
        }
        if now.effects != self.commits {
            let (effects, commits) = (now.effects, self.commits);
            violation!("{effects} effects of {commits} commits");
        }
        self.observe_lines(&now)?;
        self.gone.extend(gone);
        self.table = now;
        Ok(story)
    }

    /// Events in a line are in progress one after another. Who joins a line does so at its end, and who is in it
    /// stays in its place unless it has failed for long.
    fn observe_lines(&self, now: &Table) -> Result<(), Violation> {
        let nobody = BTreeMap::new();
        let subjects: HashSet<&i64> = self.table.lines.keys().chain(now.lines.keys()).collect();
        for subject in subjects {
            let line = now.lines.get(subject).unwrap_or(&nobody);
            let before = self.table.lines.get(subject).unwrap_or(&nobody);
            let last = before.last_key_value().map(|(position, _)| *position);
            let mut is_first = true;
            for (position, key) in line {
                let (row, row_before) = (now.rows.get(key), self.table.rows.get(key));
                let is_claimed = row.is_some_and(|row| row.token.is_some());
                if is_claimed && !is_first {
                    violation!("an event is in progress that has another one ahead of it");
                }
                is_first = false;
                if before.contains_key(position) {
                    continue;
                }
                if last.is_some_and(|last| *position <= last) {
                    violation!("an event came into a line before others");
                }
                let was_there = before.values().any(|other| other == key);
                let may_move = row_before.is_none_or(|row| {
                    let failed = row.failed.map(|failed| failed.plus(PASS_OVER_AFTER));
                    let is_failing = failed.is_some_and(|time| time.from <= now.now);
                    row.state != "waiting" || row.token.is_none() && is_failing
                });
                if was_there && !may_move {
                    violation!("an event lost its place");
                }
            }
            for (position, key) in before {
                let has_left = !line.contains_key(position);
                let row = now.rows.get(key);
                let waits = row.is_some_and(|row| row.state == "waiting");
                if has_left && waits && !line.values().any(|other| other == key) {
                    violation!("an event left its line before it was settled");
                }
            }
        }
        Ok(())
    }

    fn observe_processes<'a>(
        &mut self,
        now: &Table,
        operations: impl Iterator<Item = (usize, i64, &'a Operation)> + Clone,
        reachable: Duration,
    ) -> Result<HashSet<String>, Violation> {
        let turns = operations
            .clone()
            .filter_map(|(_, _, operation)| match operation {
                Operation::Turn { process, speed, .. } => Some((process, *speed)),
                _ => None,
            });
        for (process, beat) in &now.processes {
            if self.table.processes.get(process) != Some(beat) {
                if !turns.clone().any(|(own, _)| own == process) {
                    violation!("somebody else beat for a process");
                }
                self.last_beats.insert(process.clone(), reachable);
            }
        }
        let mut gone = HashSet::new();
        for process in self.table.processes.keys() {
            if now.processes.contains_key(process) {
                continue;
            }
            let leaves = operations.clone().any(|(_, _, operation)| {
                matches!(operation, Operation::Leave { process: own } if own == process)
            });
            if !leaves {
                self.check_gone(process, operations.clone(), reachable)?;
            }
            gone.insert(process.clone());
        }
        Ok(gone)
    }

    /// A process loses its rows only if it was silent for a lease while the database could be reached.
    fn check_gone<'a>(
        &self,
        process: &str,
        operations: impl Iterator<Item = (usize, i64, &'a Operation)>,
        reachable: Duration,
    ) -> Result<(), Violation> {
        let silence = reachable.saturating_sub(self.last_beats[process]);
        for (_, _, operation) in operations {
            if let Operation::Turn {
                process: judge,
                speed,
                ..
            } = operation
                && judge != process
                && silence.mul_f64(*speed) >= LEASE
            {
                return Ok(());
            }
        }
        violation!("a process was taken for gone that was silent for {silence:?} only");
    }

    /// An attempt that a process was told to start.
    pub(super) fn check_claimed(&self, key: &str, token: &str) -> Result<(), Violation> {
        match self.attempts.get(&(key.into(), token.into())) {
            Some(_) => Ok(()),
            None => violation!("an attempt was started that nobody has claimed"),
        }
    }

    pub(super) fn check_recorded(&self, key: &str, token: &str) -> Result<(), Violation> {
        match self.attempts.get(&(key.into(), token.into())) {
            Some(Some(End::Recorded)) => Ok(()),
            end => violation!("a result counts as recorded, and the attempt is {end:?}"),
        }
    }

    pub(super) fn check_fenced(&self, key: &str, token: &str) -> Result<(), Violation> {
        match self.attempts.get(&(key.into(), token.into())) {
            Some(Some(_)) => Ok(()),
            end => violation!("a result counts as fenced, and the attempt is {end:?}"),
        }
    }

    /// A delivery that was acknowledged is there. Only one operation can say that it is new.
    pub(super) fn check_accepted(
        &mut self,
        key: &str,
        number: usize,
        is_new: bool,
    ) -> Result<(), Violation> {
        let Some(inserted) = self.inserted.get_mut(key) else {
            violation!("a delivery was acknowledged that is not in the table");
        };
        if is_new && !inserted.contains(&number) {
            violation!("two deliveries of an event were new");
        }
        if is_new {
            inserted.clear();
        }
        Ok(())
    }

    /// Whether a row can be claimed.
    pub(super) fn has_due(&self) -> bool {
        let mut rows = self.table.rows.values();
        rows.any(|row| {
            row.state == "waiting" && row.token.is_none() && row.due.from <= self.table.now
        })
    }

    /// Nothing is left to be done.
    pub(super) fn check_settled(&self) -> Result<(), Violation> {
        let Table { lines, parked, .. } = &self.table;
        for (key, row) in &self.table.rows {
            if row.state == "waiting" {
                violation!(
                    "a row still waits after everything was quiet for long: {key:.4} {row:?}, lines {lines:?}, parked {parked:?}"
                );
            }
        }
        Ok(())
    }
}

/// Who may have done it, since when, and what.
type Cause = (Vec<usize>, i64, Vec<Change>);

fn explain(causes: &[Cause], before: Option<&Row>, after: Option<&Row>, now: i64) -> Vec<Cause> {
    let causes = causes.iter().filter(|(_, began, changes)| {
        let during = Time {
            from: *began,
            to: now,
        };
        leads_to(changes, before, after, during)
    });
    causes.cloned().collect()
}

fn leads_to(changes: &[Change], before: Option<&Row>, after: Option<&Row>, during: Time) -> bool {
    let mut possible = vec![before.cloned()];
    for change in changes {
        let next = possible
            .iter()
            .flat_map(|row| change.apply(row.as_ref(), during));
        possible = next.collect();
    }
    possible.iter().any(|row| match (row, after) {
        (Some(row), Some(after)) => row.is_as(after),
        (None, None) => true,
        _ => false,
    })
}

impl Row {
    /// Whether the observed row is this one.
    fn is_as(&self, observed: &Self) -> bool {
        let has = |time: Option<Time>, observed: Option<Time>| match (time, observed) {
            (Some(time), Some(observed)) => time.has(observed),
            (None, None) => true,
            _ => false,
        };
        let times = Self {
            due: self.due,
            retry_until: self.retry_until,
            failed: self.failed,
            settled: self.settled,
            ..observed.clone()
        };
        times == *self
            && self.due.has(observed.due)
            && self.retry_until.has(observed.retry_until)
            && has(self.failed, observed.failed)
            && has(self.settled, observed.settled)
    }
}
