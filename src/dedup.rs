//! Each event handled once, although it is delivered many times. Needs the `dedup` feature.
//!
//! [`Dedup::once`] claims the [`Key`] of a delivery in a [`Store`], runs your work, and marks the key
//! as done when the work has succeeded. Work that fails releases the key, so that the sender's retry
//! is processed: no event is lost.
//!
//! ```
//! use leadhook::{Delivery, ScoreApp, dedup::{Dedup, OnceError, Outcome}};
//!
//! # async fn save(_: &Delivery<ScoreApp>) -> Result<(), std::io::Error> { Ok(()) }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), OnceError<std::io::Error>> {
//! # let delivery = Delivery::<ScoreApp>::from_storage(r#"{"event_name":"QUIZ_STARTED"}"#);
//! let dedup = Dedup::default();
//!
//! let first = dedup.once(delivery.key(), save(&delivery)).await?;
//! assert!(matches!(first, Outcome::Handled(())));
//!
//! let again = dedup.once(delivery.key(), save(&delivery)).await?;
//! assert!(matches!(again, Outcome::HandledBefore));
//! assert_eq!(again.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # What the sender is told
//!
//! | what came of the delivery | status |
//! |---|---|
//! | handled now, or before ([`Outcome::Handled`], [`Outcome::HandledBefore`]) | 200 |
//! | handled now, but not recorded ([`Outcome::NotRecorded`]) | 200 |
//! | in work elsewhere ([`Outcome::InWork`]) | 409, with `Retry-After` |
//! | the lease ended before the work did ([`Outcome::LeaseLost`]) | 503 |
//! | the store is unavailable or full ([`OnceError::Store`]) | 503 |
//! | the work has failed ([`OnceError::Failed`]) | what your error says |
//!
//! # What is promised
//!
//! A 200 is never told before the work has succeeded, so that no event is lost as long as its sender
//! retries. A key has one live claim at a time, as long as the store keeps what it was told. The work
//! succeeds exactly once wherever it ends within its lease and the store answers. Else, these are the
//! limits:
//!
//! - A repeat is handled again where the store could not be told of the success
//!   ([`Outcome::NotRecorded`]), and where the process died, or `once` was dropped, between the two.
//! - Work that outlives its lease is dropped at its first poll after it. What it has done until then
//!   stays done, and a repeat begins anew. Work that blocks its thread is not polled and can't be
//!   stopped: a repeat may be in work beside it.
//! - A key is forgotten at the end of its time, or before by a store that is full or restarts: a repeat
//!   that comes later counts as a new event.
//! - Two events with equal [keys](Key) count as one: a sender's test delivery that is sent twice, or an
//!   update back to an earlier state (A, B, A) from a sender that sends neither id nor time.
//! - A lease is measured by the store's clock and by that of this process. Here it is a monotonic one,
//!   which nobody can set, but which may stand still while the machine sleeps. A clock of a Redis
//!   server that jumps ahead ends leases early, so that two deliveries of an event may be in work at
//!   once; one that jumps back makes repeats wait.

use core::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};
use std::time::Instant;

mod clock;
pub(crate) mod key;
mod memory;
pub(crate) mod outcome;
#[cfg(feature = "redis")]
mod redis;
pub(crate) mod store;

use clock::Clock;
pub use key::Key;
pub use memory::{MemoryClaim, MemoryStore};
pub use outcome::{OnceError, Outcome};
pub use store::{Claimed, Store, StoreError};

#[cfg(feature = "redis")]
pub use self::redis::{RedisClaim, RedisStore};

/// The guard that lets each event be handled once.
///
/// It needs no runtime and starts no thread. Cloning it, where its store can be cloned, gives another
/// handle to the same store.
#[derive(Clone)]
pub struct Dedup<S = MemoryStore> {
    store: S,
    lease: Duration,
    keep: Option<Duration>,
    clock: Clock,
}

impl<S: Store> Dedup<S> {
    /// Remembers in a store which events were handled, with leases of 60 seconds.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self {
            store,
            lease: Duration::from_secs(60),
            keep: None,
            clock: Clock::default(),
        }
    }

    /// For how long the work on an event may take: 60 seconds by default.
    ///
    /// It is for how long a repeat is turned away while the work goes on, and where the store can't
    /// tell that a process has died, for how long its claim stands. The default ends before the
    /// retries after 5 minutes that Graphoid documents, and before ScoreApp's second one, assumed at
    /// 110 seconds.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How long a handled event is remembered. By default it is for as long as its sender may repeat
    /// it, which is [`Provider::RETRY_WINDOW`](crate::Provider::RETRY_WINDOW).
    ///
    /// A shorter time takes fewer deliveries for repeats: retries that come late are handled again. A
    /// longer time takes more, also those that only look like repeats (see [`Key`]).
    #[must_use]
    pub fn with_retention(mut self, keep: Duration) -> Self {
        self.keep = Some(keep);
        self
    }

    /// Measures leases by another clock than [`Instant::now`], for tests. The [`MemoryStore`] has a
    /// clock of its own.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Runs a future, unless the event with this key was handled before or is in work elsewhere.
    ///
    /// The future is the work. It is polled only once the key is claimed. If it succeeds, the key is
    /// marked as done; if it fails, the key is released, and a repeat is processed.
    ///
    /// The work does not outrun its lease. There is no timer: each time the future is to be polled,
    /// the clock is read first, and once the lease is over, the future is dropped instead. A future
    /// that nothing wakes is not polled. To end it in time, let your runtime's timeout make the
    /// future fail, inside of `once`: the key is then released at once.
    ///
    /// If this future is dropped or the work panics, the work is dropped with it, and its claim is
    /// given up: at once in a [`MemoryStore`], with its lease in Redis.
    ///
    /// ```
    /// use leadhook::{Delivery, Grader, dedup::{Dedup, OnceError, Outcome}};
    ///
    /// /// The status that answers a delivery, and how many seconds the sender shall wait.
    /// async fn answer(dedup: &Dedup, delivery: &Delivery<Grader>) -> (u16, Option<u64>) {
    ///     let work = async {
    ///         // Call whoever has to hear of the lead.
    ///         Ok::<_, std::io::Error>("called")
    ///     };
    ///     match dedup.once(delivery.key(), work).await {
    ///         Ok(Outcome::Handled("called")) => (200, None),
    ///         Ok(outcome) => (outcome.status(), outcome.retry_after()),
    ///         Err(OnceError::Store(error)) => (error.status(), None),
    ///         Err(_) => (500, None),
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let delivery = Delivery::<Grader>::from_storage("{}");
    /// # assert_eq!(answer(&Dedup::default(), &delivery).await, (200, None));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`OnceError::Failed`] with the future's own error, and [`OnceError::Store`] where the store
    /// can't be reached or is full; the future was not polled then.
    pub async fn once<T, E>(
        &self,
        key: Key,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<Outcome<T>, OnceError<E>> {
        // Read before the claim is made, so that the lease ends here no later than in the store.
        let end = self.clock.now().checked_add(self.lease);
        let claim = match self.store.claim(key, self.lease).await.inspect_err(trace)? {
            Claimed::Fresh(claim) => claim,
            Claimed::Done => return Ok(Outcome::HandledBefore),
            Claimed::Busy { left } => return Ok(Outcome::InWork { left }),
        };
        let not_handled = match self.run_until(end, future).await {
            Some(Ok(value)) => {
                let keep = self.keep.unwrap_or(key.repeats_within());
                return Ok(
                    match self.store.complete(claim, keep).await.inspect_err(trace) {
                        Ok(()) => Outcome::Handled(value),
                        Err(error) => Outcome::NotRecorded { value, error },
                    },
                );
            }
            Some(Err(error)) => Err(OnceError::Failed(error)),
            None => Ok(Outcome::LeaseLost),
        };
        // A claim that can't be released ends with its lease.
        let _ = self.store.release(claim).await.inspect_err(trace);
        not_handled
    }

    /// Runs a future, and drops it at the first poll after the end.
    async fn run_until<F: Future>(&self, end: Option<Instant>, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|context| match end {
            Some(end) if self.clock.now() >= end => Poll::Ready(None),
            _ => future.as_mut().poll(context).map(Some),
        })
        .await
    }
}

/// Tells the operator what the store's answer hides.
#[cfg(feature = "tracing")]
fn trace(error: &StoreError) {
    let cause = core::error::Error::source(error).map(tracing::field::display);
    tracing::warn!(reason = %error, cause, "the store of handled events failed");
}

#[cfg(not(feature = "tracing"))]
fn trace(_: &StoreError) {}

/// Remembers in a [`MemoryStore`].
impl Default for Dedup {
    fn default() -> Self {
        Self::new(MemoryStore::default())
    }
}

impl<S: fmt::Debug> fmt::Debug for Dedup<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedup")
            .field("store", &self.store)
            .field("lease", &self.lease)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}
