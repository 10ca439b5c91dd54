//! The loop that records results, claims rows, starts handlers and keeps their time limits.
//!
//! It runs on the inbox's own thread, and takes turns: each turn is one transaction that records what has
//! ended and claims into the slots that this frees. A slot is held until the result is committed, so a row
//! that is claimed is started, and after a SIGKILL at most `concurrency` rows run again.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::{
    sync::{
        mpsc::{self, UnboundedReceiver},
        oneshot, watch,
    },
    time,
};

use crate::{
    database::engine::Backend,
    error::Error,
    health::Vitals,
    log::log,
    operate::prune,
    random::{self, jitter},
    source::Rate,
    work::{
        backoff::Backoff,
        failure::{Failure, FailureKind},
        handler::{Handler, Outcome, Tools},
        process::{
            Claim, Claimed, Ended, Ending, Process, Settled, Share, Suspect, Suspects, Wanted,
        },
        settings::Settings,
        slots::{Finished, Slots},
    },
};

/// Between two prunings, and before the first.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);
const FIRST_PRUNE: Duration = Duration::from_mins(1);

/// The longest pause after the database failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Others lose at most one in so many to rows that processes left behind.
const SHARE_OF_OTHERS: u32 = 5;

/// What the workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Claim rows and handle them.
    Working,
    /// Claim no more, and finish those in progress.
    Draining,
    /// Cancel the handlers and release their rows. Handlers get until then to end.
    Stopping(Instant),
}

pub(crate) struct Control<B: Backend> {
    process: Process<B>,
    handlers: Vec<Handler<B>>,
    tools: Tools<B>,
    settings: Settings,
    slots: Slots,
    finished: UnboundedReceiver<Finished>,
    phase: watch::Receiver<Phase>,
    vitals: watch::Sender<Vitals>,
    running: HashMap<u64, Running>,
    next_number: u64,
    /// Attempts that block their threads long after they were cancelled.
    blocked: HashSet<u64>,
    /// Results that are not recorded yet, and since when.
    unrecorded: Vec<(Ended, Instant)>,
    /// When the latest attempts of each source with a rate began.
    begun: Vec<VecDeque<Instant>>,
    /// Whether each source may have more due rows: its last claim got all it wanted.
    more_due: Vec<bool>,
    next_poll: Instant,
    next_prune: Instant,
    suspects: Suspects,
    /// No row that a process left behind is claimed earlier.
    next_beside: Instant,
    next_alone: Instant,
    alone: Alone,
}

/// Whether a row has its last chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alone {
    No,
    /// Nothing is claimed, so that the row will be alone.
    Clearing {
        since: Instant,
    },
    Running {
        since: Instant,
    },
}

/// An attempt in progress.
struct Running {
    claim: Claim,
    began: Instant,
    suspect: Option<Suspect>,
    /// Dropped to cancel the attempt.
    cancel: Option<oneshot::Sender<()>>,
    cancelled: Option<Instant>,
}

impl<B: Backend> Control<B> {
    pub(crate) fn new(
        process: Process<B>,
        handlers: Vec<Handler<B>>,
        tools: Tools<B>,
        settings: Settings,
        runtime: tokio::runtime::Handle,
        phase: watch::Receiver<Phase>,
        vitals: watch::Sender<Vitals>,
    ) -> Self {
        let (results, finished) = mpsc::unbounded_channel();
        let now = Instant::now();
        Self {
            process,
            begun: handlers.iter().map(|_| VecDeque::new()).collect(),
            more_due: vec![true; handlers.len()],
            handlers,
            tools,
            settings,
            slots: Slots::new(runtime, results),
            finished,
            phase,
            vitals,
            running: HashMap::new(),
            next_number: 0,
            blocked: HashSet::new(),
            unrecorded: Vec::new(),
            next_poll: now,
            next_prune: now + FIRST_PRUNE.mul_f64(jitter()),
            suspects: Suspects::default(),
            next_beside: now,
            next_alone: now,
            alone: Alone::No,
        }
    }

    /// Runs until the phase ends it, and returns how many rows were released.
    pub(crate) async fn run(mut self) -> Result<u64, Error> {
        let mut changes = self.tools.database.changed().subscribe();
        let mut phase = self.phase.clone();
        let mut failures = 0_u32;
        let mut pause_until = None;
        loop {
            while let Ok(finished) = self.finished.try_recv() {
                self.end(finished);
            }
            let now = Instant::now();
            self.enforce_limits(now);
            let current = *phase.borrow_and_update();
            let current = match current {
                // If the channel is closed, nobody is left to say that it should end.
                Phase::Working if phase.has_changed().is_err() => Phase::Draining,
                current => current,
            };
            match current {
                Phase::Stopping(until) => return self.stop(until).await,
                Phase::Draining if self.running.is_empty() && self.unrecorded.is_empty() => {
                    return self.process.leave().await;
                }
                _ => {}
            }
            if pause_until.is_none_or(|until| until <= now) {
                let step = AssertUnwindSafe(self.step(now, current == Phase::Working));
                let step = step.catch_unwind().await.unwrap_or(Err(Error::Panicked));
                match step {
                    Ok(is_again) => {
                        failures = 0;
                        pause_until = None;
                        self.report();
                        if is_again {
                            continue;
                        }
                    }
                    Err(error) => {
                        failures += 1;
                        if failures.is_power_of_two() {
                            log(
                                || tracing::warn!(%error, failures, "the database can't be used; trying again"),
                            );
                        }
                        pause_until = Some(Instant::now() + self.pause(failures));
                        self.report();
                    }
                }
            }
            let wake = pause_until.unwrap_or_else(|| self.next_wake(current == Phase::Working));
            let wake = self.next_limit().map_or(wake, |limit| limit.min(wake));
            tokio::select! {
                _ = phase.changed() => {}
                Some(finished) = self.finished.recv() => self.end(finished),
                Ok(()) = changes.changed() => self.more_due.fill(true),
                () = time::sleep_until(wake.into()) => {}
            }
        }
    }

    /// Takes a turn if there is a reason for one, and returns whether there is one for the next.
    async fn step(&mut self, now: Instant, is_working: bool) -> Result<bool, Error> {
        let polls = is_working && self.next_poll <= now;
        if polls {
            self.suspects = self.process.suspects().await?;
            self.more_due.fill(true);
            self.next_poll = now + self.settings.poll_interval.mul_f64(jitter());
        }
        let wanted = if is_working {
            self.wanted(now)
        } else {
            Wanted::default()
        };
        let beats = self.process.next_beat().is_none_or(|next| next <= now);
        if self.unrecorded.is_empty() && !wanted.has_room() && !beats {
            return Ok(false);
        }
        let ended: Vec<Ended> = self
            .unrecorded
            .iter()
            .map(|(ended, _)| ended.clone())
            .collect();
        let turn = self.process.turn(&ended, &wanted, now).await?;
        if turn.was_gone {
            self.lose_everything();
            return Ok(true);
        }
        let mut settled = turn.settled.into_iter();
        self.unrecorded
            .retain(|(ended, _)| match settled.next().flatten() {
                Some(settled) => {
                    say(ended, settled);
                    false
                }
                None => true, // the row is locked by somebody else
            });
        for (handler, more_due) in self.handlers.iter().zip(&mut self.more_due) {
            *more_due &= !turn.exhausted.contains(&handler.source.name);
        }
        self.note_suspects(now, &wanted, &turn.claimed);
        for claimed in turn.claimed {
            self.start(claimed, now);
        }
        if beats {
            self.process.judge(now).await?;
            self.process.sweep().await?;
        }
        if is_working && self.next_prune <= now {
            self.next_prune = now + PRUNE_INTERVAL.mul_f64(jitter());
            self.prune();
        }
        // A backlog fills the slots at once.
        Ok(is_working && self.wanted(now).has_room())
    }

    /// What the slots can take.
    fn wanted(&self, now: Instant) -> Wanted {
        let mut wanted = Wanted::default();
        match self.alone {
            Alone::Running { .. } => return wanted,
            Alone::Clearing { .. } => {
                if self.running.is_empty() && self.unrecorded.is_empty() {
                    wanted.suspect = Some(Suspect::Alone);
                }
                return wanted;
            }
            Alone::No => {}
        }
        // Blocked threads are replaced, as often as there are slots.
        let beyond = self.blocked.len().saturating_sub(self.settings.concurrency);
        wanted.slots = self.settings.concurrency;
        wanted.taken = self.running.len() + self.unrecorded.len() + beyond;
        let mut running = self.running.values();
        let is_beside = running.any(|running| running.suspect == Some(Suspect::Beside));
        let has_slot = self.running.len() + beyond < wanted.slots;
        if self.suspects.beside && !is_beside && has_slot && self.next_beside <= now {
            wanted.suspect = Some(Suspect::Beside);
        }
        let handlers = self.handlers.iter().zip(&self.more_due).enumerate();
        let handlers = handlers.filter(|(_, (_, more_due))| **more_due);
        wanted.shares = handlers
            .map(|(index, (handler, _))| Share {
                source: handler.source.name.clone(),
                slots: self.limit_of(handler),
                taken: self.taken_by(&handler.source.name),
                left: self.left_of_rate(index, now),
            })
            .collect();
        wanted
    }

    /// How many slots a source has.
    fn taken_by(&self, source: &str) -> usize {
        let running = self.running.values().map(|running| &running.claim);
        let unrecorded = self.unrecorded.iter().map(|(ended, _)| &ended.claim);
        let claims = running.chain(unrecorded);
        claims.filter(|claim| *claim.source == *source).count()
    }

    /// A source without a limit leaves a slot to each other source, so that its hanging handlers stop nobody.
    fn limit_of(&self, handler: &Handler<B>) -> usize {
        let concurrency = self.settings.concurrency;
        let others = self.handlers.len() - 1;
        handler.source.concurrency.unwrap_or_else(|| {
            let leaves_one = concurrency.saturating_sub(others);
            leaves_one.max(concurrency / 2).max(1)
        })
    }

    fn left_of_rate(&self, handler: usize, now: Instant) -> usize {
        let Some((rate, begun)) = self.rate(handler) else {
            return usize::MAX;
        };
        let old = begun.partition_point(|begun| *begun + rate.per <= now);
        (rate.attempts as usize).saturating_sub(begun.len() - old)
    }

    fn rate(&self, handler: usize) -> Option<(Rate, &VecDeque<Instant>)> {
        let rate = self.handlers.get(handler)?.source.rate?;
        Some((rate, self.begun.get(handler)?))
    }

    fn start(&mut self, claimed: Claimed, now: Instant) {
        let claim = claimed.claim.clone();
        let mut handlers = self.handlers.iter().enumerate();
        let Some((index, handler)) =
            handlers.find(|(_, handler)| handler.source.name == claim.source)
        else {
            return; // only rows with a handler are claimed
        };
        if let (Some(rate), Some(begun)) = (handler.source.rate, self.begun.get_mut(index)) {
            begun.push_back(now);
            while begun.len() > rate.attempts as usize {
                begun.pop_front();
            }
        }
        let last = i64::from(self.settings.dead_after) - 1;
        let suspect = match claim.abandoned {
            0 => None,
            abandoned if abandoned < last => Some(Suspect::Beside),
            _ => Some(Suspect::Alone),
        };
        let attempt = handler.begin(claimed, self.tools.clone());
        let number = self.next_number;
        self.next_number += 1;
        match self.slots.start(number, attempt) {
            Ok(cancel) => {
                let running = Running {
                    claim,
                    began: now,
                    suspect,
                    cancel: Some(cancel),
                    cancelled: None,
                };
                self.running.insert(number, running);
            }
            Err(error) => {
                log(|| tracing::error!(%error, "a handler was not started"));
                let failure = Failure::retry("no thread").with_cause(error);
                self.record(claim, Outcome::Failed(failure), now);
            }
        }
    }

    /// Takes the result of an attempt.
    fn end(&mut self, finished: Finished) {
        let (number, outcome) = self.slots.free(finished);
        let now = Instant::now();
        if self.blocked.remove(&number) {
            log(|| {
                tracing::info!(
                    blocked = self.blocked.len(),
                    "a blocked thread is free again"
                );
            });
        }
        let Some(running) = self.running.remove(&number) else {
            return; // it was given up, or its row lost
        };
        self.end_suspicion(&running, now);
        self.record(running.claim, outcome, now);
    }

    fn record(&mut self, claim: Claim, outcome: Outcome, now: Instant) {
        if claim.is_ordered {
            self.more_due.fill(true); // those that waited for it
        }
        let ended = ending(claim, outcome, &self.settings.backoff);
        self.unrecorded.push((ended, now));
    }

    /// Cancels attempts at their timeout, and gives up those that go on nevertheless.
    fn enforce_limits(&mut self, now: Instant) {
        let mut given_up = Vec::new();
        for (number, running) in &mut self.running {
            match running.cancelled {
                None if now >= running.began + self.settings.timeout => {
                    running.cancel = None;
                    running.cancelled = Some(now);
                }
                Some(cancelled) if now >= cancelled + self.settings.lease => given_up.push(*number),
                _ => {}
            }
        }
        for number in given_up {
            let Some(running) = self.running.remove(&number) else {
                continue;
            };
            self.blocked.insert(number);
            let (source, key) = (&*running.claim.source, running.claim.key);
            let blocked = self.blocked.len();
            log(
                || tracing::error!(source, %key, blocked, "a handler blocks its thread and can't be stopped"),
            );
            self.end_suspicion(&running, now);
            self.record(running.claim, Outcome::Cancelled, now);
        }
    }

    fn next_limit(&self) -> Option<Instant> {
        let limits = self
            .running
            .values()
            .map(|running| match running.cancelled {
                None => running.began + self.settings.timeout,
                Some(cancelled) => cancelled + self.settings.lease,
            });
        limits.min()
    }

    fn next_wake(&self, is_working: bool) -> Instant {
        let now = Instant::now();
        let mut wake = self.process.next_beat().unwrap_or(now);
        if !self.unrecorded.is_empty() {
            // The row is locked by somebody else.
            wake = wake.min(now + Duration::from_millis(100));
        }
        if is_working {
            wake = wake.min(self.next_poll);
            let rates = (0..self.handlers.len()).filter_map(|index| {
                let (rate, begun) = self.rate(index)?;
                let is_used_up = self.left_of_rate(index, now) == 0;
                is_used_up.then(|| begun.front().map(|first| *first + rate.per))?
            });
            wake = rates.fold(wake, Instant::min);
        }
        wake
    }

    /// Grows with the failures in a row: 0.1 s, 0.2 s, …, 1 s, ± 20 %. It is at most half of the time between
    /// two beats, so that a short lease outlasts it as well.
    fn pause(&self, failures: u32) -> Duration {
        let doublings = failures.min(6).saturating_sub(1);
        let pause = Duration::from_millis(100).saturating_mul(1 << doublings);
        pause
            .min(LONGEST_PAUSE)
            .min(self.process.limit() / 2)
            .mul_f64(jitter())
    }

    fn note_suspects(&mut self, now: Instant, wanted: &Wanted, claimed: &[Claimed]) {
        let claimed = claimed.iter().any(|claimed| claimed.claim.abandoned > 0);
        match (wanted.suspect, self.alone) {
            (Some(Suspect::Alone), Alone::Clearing { since }) if claimed => {
                self.alone = Alone::Running { since };
            }
            (Some(Suspect::Alone), _) => {
                self.suspects.alone = false;
                self.alone = Alone::No;
            }
            (Some(Suspect::Beside), _) if !claimed => self.suspects.beside = false,
            _ => {}
        }
        if self.suspects.alone
            && self.alone == Alone::No
            && self.blocked.is_empty()
            && self.next_alone <= now
        {
            self.alone = Alone::Clearing { since: now };
        }
    }

    /// After a row that a process left behind has run, the others get their share of time.
    fn end_suspicion(&mut self, running: &Running, now: Instant) {
        match (running.suspect, self.alone) {
            (Some(Suspect::Alone), Alone::Running { since }) => {
                self.next_alone = now + (now - since) * (SHARE_OF_OTHERS - 1);
                self.alone = Alone::No;
            }
            (Some(Suspect::Beside), _) => {
                let slots = u32::try_from(self.settings.concurrency).unwrap_or(u32::MAX);
                let pause = (now - running.began) * SHARE_OF_OTHERS.saturating_sub(slots) / slots;
                self.next_beside = now + pause;
            }
            _ => {}
        }
    }

    /// Another process has taken this one for gone: the handlers are cancelled, and their results don't count.
    fn lose_everything(&mut self) {
        let lost = self.running.len() + self.unrecorded.len();
        log(|| {
            tracing::error!(
                lost,
                "the lease has ended, and other processes have the rows"
            );
        });
        self.running.clear();
        self.unrecorded.clear();
        self.alone = Alone::No;
    }

    fn prune(&self) {
        let database = self.tools.database.clone();
        let retention = self.settings.retention;
        let task = self.tools.database.thread().spawn(async move {
            let pruned = prune::all(&database, retention).await;
            if let Err(error) = &pruned {
                log(|| tracing::warn!(%error, "not pruned"));
            }
            pruned
        });
        drop(task);
    }

    /// Cancels the handlers, waits until they have ended, records what they have finished and releases the rest.
    async fn stop(mut self, until: Instant) -> Result<u64, Error> {
        for running in self.running.values_mut() {
            running.cancel = None;
        }
        while !self.running.is_empty() {
            let finished = self.finished.recv();
            let Ok(Some(finished)) = time::timeout_at(until.into(), finished).await else {
                break;
            };
            let (number, outcome) = self.slots.free(finished);
            let running = self.running.remove(&number);
            if let Some(running) = running.filter(|_| !matches!(outcome, Outcome::Cancelled)) {
                self.record(running.claim, outcome, Instant::now());
            }
        }
        let ended: Vec<Ended> = self
            .unrecorded
            .into_iter()
            .map(|(ended, _)| ended)
            .collect();
        if !ended.is_empty() {
            let (nothing, now) = (Wanted::default(), Instant::now());
            let turn = self.process.turn(&ended, &nothing, now).await?;
            for (ended, settled) in ended.iter().zip(turn.settled) {
                if let Some(settled) = settled {
                    say(ended, settled);
                }
            }
        }
        self.process.leave().await
    }

    fn report(&self) {
        self.vitals.send_modify(|vitals| {
            vitals.last_beat = self.process.last_beat();
            vitals.unrecorded_since = self.unrecorded.iter().map(|(_, since)| *since).min();
            vitals.blocked = self.blocked.len();
        });
    }
}

/// What is to be recorded of an attempt.
pub(crate) fn ending(claim: Claim, outcome: Outcome, backoff: &Backoff) -> Ended {
    let retry = |label: &str, after: Option<Duration>| Ending::Failed {
        label: label.into(),
        delay: after.unwrap_or_else(|| backoff.delay(claim.attempts, random::number())),
        give_up_after: backoff.give_up_after(),
    };
    let mut cause = None;
    let ending = match outcome {
        Outcome::Done { is_committed: true } => Ending::Committed,
        Outcome::Done { .. } => Ending::Done,
        Outcome::Unreadable(error) => Ending::Unreadable { error },
        Outcome::Cancelled => retry("timeout", None),
        Outcome::Failed(failure) => {
            cause = failure.causes();
            match failure.kind {
                FailureKind::Retry { label, after } => retry(label, after),
                FailureKind::Snooze { label, after } => Ending::Snoozed {
                    label: label.into(),
                    delay: after,
                },
                FailureKind::Dead { label } => Ending::Rejected {
                    label: label.into(),
                },
                // It is fenced again when it is recorded.
                FailureKind::Fenced => retry("fenced", None),
            }
        }
    };
    Ended {
        claim,
        ending,
        cause,
    }
}

/// Logs what became of an attempt.
pub(crate) fn say(ended: &Ended, settled: Settled) {
    let Claim {
        key,
        source,
        attempts,
        ..
    } = &ended.claim;
    let (source, attempt) = (&**source, *attempts);
    let cause = ended.cause.as_deref();
    match (&ended.ending, settled) {
        (_, Settled::Fenced) => {
            log(
                || tracing::warn!(source, %key, attempt, "another attempt has the row; nothing was recorded"),
            );
        }
        (_, Settled::Done) => log(|| tracing::info!(source, %key, attempt, "handled")),
        (Ending::Rejected { label }, _) => {
            log(
                || tracing::error!(source, %key, attempt, error = label, cause, reason = "rejected", "dead"),
            );
        }
        (Ending::Unreadable { error }, _) => {
            log(|| tracing::error!(source, %key, attempt, error, reason = "unreadable", "dead"));
        }
        (Ending::Snoozed { label, delay }, _) => {
            log(|| tracing::info!(source, %key, attempt, error = label, cause, ?delay, "put off"));
        }
        (Ending::Failed { label, .. }, Settled::Dead) => {
            log(
                || tracing::error!(source, %key, attempt, error = label, cause, reason = "failed", "dead"),
            );
        }
        (Ending::Failed { label, delay, .. }, _) => {
            log(|| tracing::warn!(source, %key, attempt, error = label, cause, ?delay, "failed"));
        }
        (Ending::Done | Ending::Committed, _) => {}
    }
    #[cfg(feature = "metrics")]
    count(ended, settled);
}

/// Counts what became of an attempt.
#[cfg(feature = "metrics")]
fn count(ended: &Ended, settled: Settled) {
    use crate::metrics;

    let source = &*ended.claim.source;
    let outcome = match (&ended.ending, settled) {
        (_, Settled::Fenced) => "fenced",
        (_, Settled::Done) => "done",
        (_, Settled::Dead) => "dead",
        (Ending::Snoozed { .. }, Settled::Waiting) => "put_off",
        (_, Settled::Waiting) => "failed",
    };
    metrics::attempt(source, outcome);
    match (&ended.ending, settled) {
        (_, Settled::Done) => metrics::done(source, ended.claim.accepted_at),
        (Ending::Rejected { .. }, Settled::Dead) => metrics::death(source, "rejected"),
        (Ending::Unreadable { .. }, Settled::Dead) => metrics::death(source, "unreadable"),
        (_, Settled::Dead) => metrics::death(source, "failed"),
        _ => {}
    }
}
