//! The loop that claims due rows and starts their handlers.

use std::{io, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;

use tokio::{
    sync::watch,
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    backend::Backend,
    backoff::random,
    claim::{Claim, Claimed, Kind, Rows},
    error::Error,
    handler::{Handler, Outcome, settle},
    held::Held,
    inbox::Inbox,
    log::log,
    workers::{Health, Settings},
};

/// Between two prunings.
const PRUNE_INTERVAL: Duration = Duration::from_hours(1);

/// The longest pause after the database failed.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What the workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Claim rows and handle them.
    Working,
    /// Claim no more, and finish those in progress.
    Draining,
    /// Drop the handlers and record nothing more.
    Stopped,
}

pub(crate) struct Poller<B: Backend> {
    inbox: Inbox<B>,
    handlers: Arc<[Handler<B>]>,
    sources: Vec<Arc<str>>,
    settings: Settings,
    held: Arc<Held>,
    phase: watch::Receiver<Phase>,
    polled: watch::Sender<Option<Instant>>,
    /// The heartbeat ends when it is dropped.
    _heartbeat: watch::Sender<()>,
    tasks: JoinSet<()>,
    turn: Turn,
    /// Leases of claims whose result never arrived: the database may have granted them.
    lost: Vec<Arc<str>>,
}

/// Whose turn it is. A row whose earlier worker was gone is handled alone, so that only it is blamed if the
/// process dies again. Such rows and the others take turns, so that neither blocks the other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Normal,
    /// A suspect row is due: nothing else is claimed until the handlers in progress have ended.
    Suspect,
    /// A suspect row is in progress.
    Alone,
}

/// What follows a step.
enum Next {
    Step,
    /// Wait until something happens.
    Wait,
}

impl<B: Backend> Poller<B> {
    pub(crate) fn new(
        inbox: Inbox<B>,
        handlers: Vec<Handler<B>>,
        settings: Settings,
        held: Arc<Held>,
        phase: watch::Receiver<Phase>,
        heartbeat: watch::Sender<()>,
    ) -> Self {
        let sources = handlers.iter().map(|handler| handler.source.clone());
        Self {
            inbox,
            sources: sources.collect(),
            handlers: handlers.into(),
            settings,
            held,
            phase,
            polled: watch::Sender::new(None),
            _heartbeat: heartbeat,
            tasks: JoinSet::new(),
            turn: Turn::Normal,
            lost: Vec::new(),
        }
    }

    pub(crate) fn health(&self) -> Health {
        Health(self.polled.subscribe())
    }

    pub(crate) async fn run(mut self) {
        let mut next_poll = Instant::now();
        let mut next_prune = next_poll + PRUNE_INTERVAL;
        let mut failures = 0;
        let mut phase = self.phase.clone();
        // If the channel is closed, nobody is left to say that it should end.
        while *phase.borrow_and_update() == Phase::Working && phase.has_changed().is_ok() {
            // sqlx logs, too, and a subscriber may panic: see `log`.
            let step = AssertUnwindSafe(self.step(&mut next_poll)).catch_unwind();
            match step.await {
                Ok(Ok(Next::Step)) => continue,
                Ok(Ok(Next::Wait)) => {
                    failures = 0;
                    self.polled.send_replace(Some(Instant::now()));
                }
                failed => {
                    if let Ok(Err(error)) = failed {
                        log(|| tracing::warn!(%error, "rows not claimed"));
                    }
                    failures += 1;
                    let pause = pause(failures);
                    let _ = time::timeout(pause, phase.wait_for(|phase| *phase != Phase::Working))
                        .await;
                    continue;
                }
            }
            if next_prune <= Instant::now() {
                next_prune += PRUNE_INTERVAL;
                self.prune();
            }
            tokio::select! {
                _ = phase.changed() => {}
                Some(_) = self.tasks.join_next() => while self.tasks.try_join_next().is_some() {},
                () = self.inbox.woken() => {}
                () = time::sleep_until(next_poll) => {}
            }
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Claims what is due, and every poll interval looks for rows that were abandoned.
    async fn step(&mut self, next_poll: &mut Instant) -> Result<Next, Error> {
        if *next_poll <= Instant::now() {
            self.recover().await?;
            *next_poll = Instant::now() + self.settings.poll_interval.mul_f64(jitter());
        }
        let running = self.held.running();
        match self.turn {
            Turn::Normal => {
                let free = self.settings.concurrency.saturating_sub(running);
                if free > 0 {
                    self.claim(Kind::Normal, free).await?;
                }
            }
            Turn::Suspect if running == 0 => {
                let claimed = self.claim(Kind::Suspect, 1).await?;
                self.turn = if claimed > 0 {
                    Turn::Alone
                } else {
                    Turn::Normal
                };
            }
            Turn::Alone if running == 0 => {
                self.claim(Kind::Normal, self.settings.concurrency).await?;
                self.turn = self.next_turn().await?;
                return Ok(Next::Step);
            }
            Turn::Suspect | Turn::Alone => {}
        }
        Ok(Next::Wait)
    }

    async fn recover(&mut self) -> Result<(), Error> {
        if !self.lost.is_empty() {
            let rows = Rows {
                leases: self.lost.clone(),
                keys: None,
            };
            self.inbox.release(rows).await?;
            self.lost.clear();
        }
        let own = self.held.alive().keys.unwrap_or_default();
        let dead_after = self.settings.dead_after_abandoned;
        for row in self.inbox.recover(&self.sources, own, dead_after).await? {
            let (key, source, times) = (row.key, row.source, row.times);
            if row.is_dead {
                log(|| tracing::error!(source, key, times, reason = "abandoned", "dead"));
            } else {
                log(|| tracing::warn!(source, key, times, "abandoned; it will be handled alone"));
            }
        }
        if self.turn == Turn::Normal {
            self.turn = self.next_turn().await?;
        }
        Ok(())
    }

    async fn next_turn(&self) -> Result<Turn, Error> {
        let is_due = self.inbox.is_suspect_due(&self.sources).await?;
        Ok(if is_due { Turn::Suspect } else { Turn::Normal })
    }

    async fn claim(&mut self, kind: Kind, limit: usize) -> Result<usize, Error> {
        let lease = lease()?;
        self.lost.push(lease.clone());
        let time = self.settings.lease;
        let claimed = self.inbox.claim(kind, &self.sources, &lease, time, limit);
        let claimed = claimed.await?;
        self.lost.pop(); // the result has arrived
        let count = claimed.len();
        for claimed in claimed {
            self.start(claimed);
        }
        Ok(count)
    }

    fn start(&mut self, claimed: Claimed<B>) {
        let Settings {
            deadline, lease, ..
        } = self.settings;
        let claim = claimed.claim.clone();
        let hold = Held::insert(&self.held, &claim, deadline, lease);
        let handlers = self.handlers.clone();
        let settings = self.settings;
        let mut phase = self.phase.clone();
        self.tasks.spawn(async move {
            let _hold = hold;
            tokio::select! {
                () = handle(&handlers, claimed, &claim, &settings) => {}
                Ok(_) = phase.wait_for(|phase| *phase == Phase::Stopped) => {}
            }
        });
    }

    fn prune(&mut self) {
        let inbox = self.inbox.clone();
        let keep = self.settings.keep;
        let mut phase = self.phase.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                pruned = inbox.prune(keep) => if let Err(error) = pruned {
                    log(|| tracing::warn!(%error, "not pruned"));
                },
                _ = phase.wait_for(|phase| *phase != Phase::Working) => {}
            }
        });
    }
}

/// Runs a row's handler until its deadline, and records the result, however long the database is gone.
pub(crate) async fn handle<B: Backend>(
    handlers: &Arc<[Handler<B>]>,
    claimed: Claimed<B>,
    claim: &Claim<B>,
    settings: &Settings,
) {
    let source = claim.source.clone();
    let handlers = handlers.clone();
    // A task of its own, so that the deadline holds although the handler blocks its thread.
    let mut running = Aborted(tokio::spawn(async move {
        match handlers.iter().find(|handler| handler.source == source) {
            Some(handler) => handler.run(claimed).await,
            None => Outcome::PANICKED, // only rows with a handler are claimed
        }
    }));
    let outcome = match time::timeout(settings.deadline, &mut running.0).await {
        Ok(outcome) => outcome.unwrap_or(Outcome::PANICKED),
        Err(_) => Outcome::PAST_DEADLINE,
    };
    drop(running);
    let mut failures = 0;
    while let Err(error) = settle(claim, &outcome, &settings.backoff).await {
        log(
            || tracing::warn!(source = &*claim.source, key = %claim.key, %error, "not recorded; trying again"),
        );
        failures += 1;
        time::sleep(pause(failures)).await;
    }
}

/// A task that is aborted when it is dropped.
struct Aborted<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Aborted<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A token that no other claim has.
pub(crate) fn lease() -> Result<Arc<str>, Error> {
    let random = || getrandom::u64().map_err(|error| Error::Randomness(io::Error::other(error)));
    Ok(format!("{:016x}{:016x}", random()?, random()?).into())
}

/// Grows with the failures in a row: 0.1 s, 0.2 s, …, 5 s, ± 20 %.
fn pause(failures: u32) -> Duration {
    let pause = Duration::from_millis(100).saturating_mul(1 << failures.min(6).saturating_sub(1));
    pause.min(LONGEST_PAUSE).mul_f64(jitter())
}

/// From 0.8 to 1.2.
fn jitter() -> f64 {
    0.8 + 0.4 * f64::from(random()) / f64::from(u32::MAX)
}
