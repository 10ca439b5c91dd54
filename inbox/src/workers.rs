//! The workers, their handlers and their settings.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use leadhook::Event;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{self, Instant},
};

use crate::{
    backend::Backend,
    backoff::Backoff,
    error::Error,
    failure::Failure,
    handler::Handler,
    heartbeat,
    held::Held,
    inbox::Inbox,
    job::{Done, Job},
    log::log,
    poller::{Phase, Poller},
    prune::Keep,
};

/// The handlers of an inbox and their settings, before they [start](Self::start).
#[must_use = "start them"]
pub struct Workers<B: Backend> {
    pub(crate) inbox: Inbox<B>,
    pub(crate) handlers: Vec<Handler<B>>,
    pub(crate) settings: Settings,
}

#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) concurrency: usize,
    pub(crate) deadline: Duration,
    pub(crate) lease: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) dead_after_abandoned: u32,
    pub(crate) backoff: Backoff,
    pub(crate) keep: Keep,
}

impl<B: Backend> Inbox<B> {
    /// Returns workers for this inbox, to be given handlers and settings and then started.
    pub fn workers(&self) -> Workers<B> {
        Workers {
            inbox: self.clone(),
            handlers: Vec::new(),
            settings: Settings {
                concurrency: 8,
                deadline: Duration::from_mins(1),
                lease: Duration::from_secs(30),
                poll_interval: Duration::from_secs(1),
                dead_after_abandoned: 3,
                backoff: Backoff::default(),
                keep: Keep::default(),
            },
        }
    }
}

impl<B: Backend> Workers<B> {
    /// Handles the events of a source. Rows of sources without a handler here stay as they are, for
    /// another process.
    pub fn on<E, F, Fut>(mut self, source: &str, handler: F) -> Self
    where
        E: Event + Send + 'static,
        F: Fn(Job<E, B>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Done, Failure>> + Send + 'static,
    {
        self.handlers.push(Handler::new(source, handler));
        self
    }

    /// Sets how many handlers run at the same time: 8 by default, at least 1.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.settings.concurrency = handlers.max(1);
        self
    }

    /// Sets for how long a handler may run: 60 s by default. Then it is dropped and the job has failed.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// Sets how soon after a process was killed its rows are claimed by others: 30 s by default. A handler may
    /// run for longer, because a heartbeat extends the lease.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets how often the database is asked for due rows: every second by default. Deliveries that this
    /// process accepts are handled at once.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.settings.poll_interval = interval;
        self
    }

    /// Sets after how many abandoned claims a row is dead: 3 by default, at least 1. A claim is abandoned if its process
    /// was gone before the row was settled.
    pub fn dead_after_abandoned(mut self, claims: u32) -> Self {
        self.settings.dead_after_abandoned = claims.max(1);
        self
    }

    /// Sets when failed jobs are tried again, and when no more.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets what is kept of handled events. The workers prune the rest, once an hour.
    pub fn keep(mut self, keep: Keep) -> Self {
        self.settings.keep = keep;
        self
    }

    /// Starts the workers on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If the inbox fails its [`check`](Inbox::check), there is no handler or two for one source, or keys would be kept for
    /// less than a provider's retry window.
    pub async fn start(self) -> Result<RunningWorkers<B>, Error> {
        self.validate()?;
        self.inbox.check().await?;
        let Self {
            inbox,
            handlers,
            settings,
        } = self;
        for handler in &handlers {
            inbox.add_handled(&handler.source);
        }
        let (phase, phases) = watch::channel(Phase::Working);
        let held = Arc::new(Held::default());
        let heartbeat = heartbeat::start(inbox.clone(), held.clone(), settings.lease)?;
        let poller = Poller::new(
            inbox.clone(),
            handlers,
            settings,
            held.clone(),
            phases,
            heartbeat,
        );
        let health = poller.health();
        Ok(RunningWorkers {
            inbox,
            held,
            health,
            phase,
            poller: tokio::spawn(poller.run()),
        })
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.handlers.is_empty() {
            return Err(Error::NoHandler);
        }
        for (index, handler) in self.handlers.iter().enumerate() {
            let earlier = self.handlers.iter().take(index);
            if earlier
                .into_iter()
                .any(|other| other.source == handler.source)
            {
                return Err(Error::TwoHandlers(handler.source.to_string()));
            }
            self.settings
                .keep
                .check(&handler.source, handler.retry_window)?;
        }
        Ok(())
    }
}

/// The running workers of an inbox.
///
/// If it is dropped, no more rows are claimed, and the handlers in progress run to their end. Call
/// [`shutdown`](Self::shutdown) to wait for them.
#[must_use = "the workers stop when it is dropped"]
pub struct RunningWorkers<B: Backend> {
    inbox: Inbox<B>,
    held: Arc<Held>,
    health: Health,
    phase: watch::Sender<Phase>,
    poller: JoinHandle<()>,
}

impl<B: Backend> RunningWorkers<B> {
    /// Claims no more rows, waits for the handlers, and releases the rest, which others may claim at once.
    /// Returns how many were released.
    ///
    /// It returns within `limit`, whatever handlers and the database do. Of that, up to 2 s are reserved
    /// for releasing. A handler that blocks its thread can't be stopped, but the process can exit:
    /// don't wait for the runtime (`Runtime::shutdown_background`).
    pub async fn shutdown(self, limit: Duration) -> u64 {
        let end = Instant::now() + limit;
        let reserve = (limit / 4).min(Duration::from_secs(2));
        self.phase.send_replace(Phase::Draining);
        let mut poller = self.poller;
        if time::timeout_at(end - reserve, &mut poller).await.is_ok() {
            return 0;
        }
        let rows = self.held.all();
        self.phase.send_replace(Phase::Stopped);
        match time::timeout_at(end, self.inbox.release(rows)).await {
            Ok(Ok(released)) => released,
            Ok(Err(error)) => {
                log(
                    || tracing::warn!(%error, "rows not released; they are free when their lease ends"),
                );
                0
            }
            Err(_) => {
                log(|| {
                    tracing::warn!(
                        "rows not released in time; they are free when their lease ends"
                    );
                });
                0
            }
        }
    }

    /// Returns a view of the workers' health.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }
}

/// A view of the workers' health, for readiness probes.
#[derive(Clone)]
pub struct Health(pub(crate) watch::Receiver<Option<Instant>>);

/// So long after the last successful poll the workers count as unhealthy.
const SILENCE: Duration = Duration::from_secs(15);

impl Health {
    /// Returns whether the workers run, and have reached the database within the last 15 s.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let is_recent = self.0.borrow().is_some_and(|last| last.elapsed() < SILENCE);
        is_recent && self.0.has_changed().is_ok()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.is_ready()).finish()
    }
}

impl<B: Backend> fmt::Debug for Workers<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<_> = self
            .handlers
            .iter()
            .map(|handler| &handler.source)
            .collect();
        f.debug_struct("Workers")
            .field("sources", &sources)
            .finish_non_exhaustive()
    }
}

impl<B: Backend> fmt::Debug for RunningWorkers<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningWorkers")
            .field("running", &self.held.running())
            .finish_non_exhaustive()
    }
}
