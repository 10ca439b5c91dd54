//! The rows that this process has claimed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use leadhook::dedup::Key;

use crate::{
    backend::Backend,
    claim::{Claim, Rows},
};

/// The rows in progress, shared by the poller and the heartbeat.
#[derive(Default)]
pub(crate) struct Held {
    rows: Mutex<HashMap<Key, Row>>,
}

struct Row {
    lease: Arc<str>,
    /// Until then the handler may run.
    deadline: Instant,
    /// Until then the lease is extended: some time is left to settle the row.
    extend_until: Instant,
}

/// A row in progress, until it is dropped.
pub(crate) struct Hold {
    held: Arc<Held>,
    key: Key,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.lock().remove(&self.key);
    }
}

impl Held {
    /// Holds a row until the returned value is dropped.
    pub(crate) fn insert<B: Backend>(
        held: &Arc<Self>,
        claim: &Claim<B>,
        deadline: Duration,
        settle: Duration,
    ) -> Hold {
        let deadline = Instant::now() + deadline;
        let row = Row {
            lease: claim.lease.clone(),
            deadline,
            extend_until: deadline + settle,
        };
        held.lock().insert(claim.key, row);
        Hold {
            held: held.clone(),
            key: claim.key,
        }
    }

    /// How many handlers run, without those that are past their deadline.
    pub(crate) fn running(&self) -> usize {
        let now = Instant::now();
        self.lock()
            .values()
            .filter(|row| row.deadline > now)
            .count()
    }

    /// The rows whose lease is to be extended.
    pub(crate) fn alive(&self) -> Rows {
        let now = Instant::now();
        self.rows(|row| row.extend_until > now)
    }

    pub(crate) fn all(&self) -> Rows {
        self.rows(|_| true)
    }

    fn rows(&self, which: impl Fn(&Row) -> bool) -> Rows {
        let rows = self.lock();
        let rows = rows.iter().filter(|(_, row)| which(row));
        let (keys, leases) = rows.map(|(key, row)| (*key, row.lease.clone())).unzip();
        Rows {
            leases,
            keys: Some(keys),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Row>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
