//! From a stored row to a handled event.

use std::{
    fmt,
    future::Future,
    time::{Duration, Instant},
};

use leadhook::Event;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle, time};

use crate::{
    cipher::Bodies,
    database::{Database, engine::Backend, schema},
    error::Error,
    health::{Health, Vitals},
    log::log,
    operate::prune::Retention,
    source::Source,
};

pub(crate) mod backoff;
pub(crate) mod control;
pub(crate) mod failure;
pub(crate) mod handler;
pub(crate) mod job;
pub(crate) mod process;
pub(crate) mod settings;
pub(crate) mod slots;

use backoff::Backoff;
use control::{Control, Phase};
use failure::Failure;
use handler::{Handler, Tools};
use job::{Done, Job};
use process::Process;
use settings::Settings;

/// The handlers of an inbox and their settings, before they [start](Self::start).
///
/// Several sets of workers can run in one process, with settings of their own.
#[must_use = "start them"]
pub struct Workers<B: Backend> {
    pub(crate) database: Database<B>,
    pub(crate) bodies: Bodies,
    pub(crate) handlers: Vec<Handler<B>>,
    pub(crate) settings: Settings,
}

impl<B: Backend> Workers<B> {
    pub(crate) fn new(database: Database<B>, bodies: Bodies) -> Self {
        Self {
            database,
            bodies,
            handlers: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Handles the events of a source. Rows of sources without a handler here stay as they are, for another
    /// process.
    pub fn on<E, F, Fut>(mut self, source: &Source<E::Provider, B>, handler: F) -> Self
    where
        E: Event + Send + 'static,
        F: Fn(Job<E, B>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Done, Failure>> + Send + 'static,
    {
        self.handlers.push(Handler::new(source.named(), handler));
        self
    }

    /// Sets how many handlers run at the same time: 8 by default, 1 to 256. Each runs on a thread of its own.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.settings.concurrency = handlers;
        self
    }

    /// Sets how long an attempt may take: 60 s by default. Then the handler is dropped and the attempt has
    /// failed.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Sets how long a handler's transaction may be open in SQLite, where it keeps all other writers waiting:
    /// 1 s by default. Then the handler is dropped and the attempt has failed.
    pub fn transaction_timeout(mut self, timeout: Duration) -> Self {
        self.settings.transaction_timeout = timeout;
        self
    }

    /// Sets the lease of this process: 18 s by default. If it dies, others take its rows after 5/3 of that.
    /// While it lives, handlers may run for longer than the lease. A database outage of up to one lease
    /// costs it no rows.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets how often the database is asked for due rows: every second by default. Deliveries that this process
    /// accepts are handled at once.
    pub fn poll_interval(mut self, interval: Duration) -> Self {
        self.settings.poll_interval = interval;
        self
    }

    /// Sets after how many attempts whose process died a row is dead: 3 by default, at least 2. The last of them
    /// runs while nothing else does, so that no other row can be the cause.
    pub fn dead_after(mut self, abandoned_attempts: u32) -> Self {
        self.settings.dead_after = abandoned_attempts;
        self
    }

    /// Sets how long a failing event may keep others waiting at sources that handle
    /// [one at a time](Source::one_at_a_time): 1 h by default.
    pub fn pass_over_after(mut self, failing: Duration) -> Self {
        self.settings.pass_over_after = failing;
        self
    }

    /// Sets when failed jobs are retried, and when they are given up.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.settings.backoff = backoff;
        self
    }

    /// Sets how long handled events are kept. The workers remove the others, once an hour.
    pub fn retention(mut self, retention: Retention) -> Self {
        self.settings.retention = retention;
        self
    }

    /// Starts the workers. Handlers run within the current tokio runtime.
    ///
    /// # Errors
    ///
    /// If the inbox fails its [`check`](crate::Inbox::check), a setting is invalid, there is no handler or
    /// two for one source, or keys would be kept for less than a provider's retry window.
    pub async fn start(self) -> Result<RunningWorkers<B>, Error> {
        self.validate()?;
        schema::check(&self.database).await?;
        for handler in &self.handlers {
            handler.source.set_handled();
        }
        let process = self.process(self.settings.lease)?;
        let tools = self.tools();
        let Self {
            database,
            handlers,
            settings,
            ..
        } = self;
        let (phase, phases) = watch::channel(Phase::Working);
        let (vitals, health) = watch::channel(Vitals {
            lease: settings.lease,
            last_beat: None,
            unrecorded_since: None,
            blocked: 0,
            concurrency: settings.concurrency,
        });
        let control = Control::new(
            process,
            handlers,
            tools,
            settings,
            Handle::current(),
            phases,
            vitals,
        );
        let ended = database.thread().spawn(control.run())?;
        Ok(RunningWorkers {
            health: Health::new(health),
            phase,
            ended: tokio::spawn(ended),
            database,
        })
    }

    /// These workers in the database.
    pub(crate) fn process(&self, lease: Duration) -> Result<Process<B>, Error> {
        let sources = self.handlers.iter().map(|handler| &handler.source);
        let names = sources.map(|source| source.name.clone());
        Process::new(
            &self.database,
            lease,
            self.settings.dead_after,
            self.settings.pass_over_after,
            names.collect(),
        )
    }

    /// What their handlers need.
    pub(crate) fn tools(&self) -> Tools<B> {
        Tools {
            database: self.database.clone(),
            bodies: self.bodies.clone(),
            transaction_limit: B::ONE_WRITER.then_some(self.settings.transaction_timeout),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), Error> {
        if self.handlers.is_empty() {
            return Err(Error::NoHandler);
        }
        self.settings.check()?;
        for (index, handler) in self.handlers.iter().enumerate() {
            let source = &handler.source;
            let mut earlier = self.handlers.iter().take(index);
            if earlier.any(|other| other.source.name == source.name) {
                return Err(Error::TwoHandlers(source.name.to_string()));
            }
            source.check()?;
            settings::check_source(source)?;
            let retention = self.settings.retention;
            retention.check(&source.name, handler.retry_window)?;
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
    health: Health,
    phase: watch::Sender<Phase>,
    ended: JoinHandle<Result<u64, Error>>,
    /// Its thread lives at least as long.
    database: Database<B>,
}

impl<B: Backend> RunningWorkers<B> {
    /// Stops claiming rows, waits for the handlers, and releases the rows that are left, so that other
    /// processes can claim them at once. Returns how many were released. Their attempts are not counted.
    ///
    /// It returns within `limit`, whatever handlers and the database do. Of that, up to 2 s are reserved for
    /// releasing. A handler that blocks its thread can't be stopped, but the process can exit.
    pub async fn shutdown(self, limit: Duration) -> u64 {
        let limit = limit.min(Duration::from_hours(24));
        let reserve = (limit / 4).min(Duration::from_secs(2));
        let end = Instant::now() + limit;
        let drained = Instant::now() + limit.saturating_sub(reserve);
        self.phase.send_replace(Phase::Draining);
        let mut ended = self.ended;
        let mut released = time::timeout_at(drained.into(), &mut ended).await;
        if released.is_err() {
            self.phase
                .send_replace(Phase::Stopping(drained + reserve / 2));
            released = time::timeout_at(end.into(), &mut ended).await;
        }
        let released = released.unwrap_or(Ok(Err(Error::Timeout)));
        drop(self.database);
        match released.unwrap_or(Err(Error::Panicked)) {
            Ok(released) => released,
            Err(error) => {
                log(
                    || tracing::warn!(%error, "rows not released; they are free when the lease has ended"),
                );
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

impl<B: Backend> fmt::Debug for Workers<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources = self.handlers.iter().map(|handler| &handler.source.name);
        f.debug_struct("Workers")
            .field("sources", &sources.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

impl<B: Backend> fmt::Debug for RunningWorkers<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningWorkers")
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}
