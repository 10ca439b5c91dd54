//! The health of running workers.

use std::{
    fmt,
    time::{Duration, Instant},
};

use tokio::sync::watch;

/// A view of the workers' health, for readiness probes.
#[derive(Clone)]
pub struct Health(watch::Receiver<Vitals>);

/// What the workers know of themselves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vitals {
    pub(crate) lease: Duration,
    /// When the database has last confirmed that this process lives.
    pub(crate) last_beat: Option<Instant>,
    /// Since when the oldest result waits to be recorded.
    pub(crate) unrecorded_since: Option<Instant>,
    /// How many threads are blocked by handlers that were to end long ago.
    pub(crate) blocked: usize,
    /// How many may be.
    pub(crate) concurrency: usize,
}

/// Why workers are not healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The workers have ended.
    Ended,
    /// The database was not reached for half a lease.
    NotReached,
    /// A result could not be recorded for a lease.
    NotRecorded,
    /// Handlers that were to end long ago block as many threads as there are slots.
    Blocked,
}

impl Health {
    pub(crate) fn new(vitals: watch::Receiver<Vitals>) -> Self {
        Self(vitals)
    }

    /// Returns whether the workers can handle events now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.problem().is_none()
    }

    /// Returns why the workers can't handle events, if they can't.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        let vitals = *self.0.borrow();
        let is_older =
            |since: Option<Instant>, limit| since.is_some_and(|since| since.elapsed() > limit);
        if self.0.has_changed().is_err() {
            Some(Problem::Ended)
        } else if vitals.last_beat.is_none() || is_older(vitals.last_beat, vitals.lease / 2) {
            Some(Problem::NotReached)
        } else if is_older(vitals.unrecorded_since, vitals.lease) {
            Some(Problem::NotRecorded)
        } else if vitals.blocked >= vitals.concurrency {
            Some(Problem::Blocked)
        } else {
            None
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "the workers have ended",
            Self::NotReached => "the workers do not reach the database",
            Self::NotRecorded => "a result can't be recorded",
            Self::Blocked => "handlers block all threads; restart the process",
        })
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.problem()).finish()
    }
}
