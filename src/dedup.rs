//! Deduplication, which makes sure that an event delivered several times is handled only once.
//!
//! Needs the `dedup` feature. [`Dedup::once`] claims the [`Key`] of a delivery in a [`Store`], runs your
//! work, and marks the key as done if the work succeeded. If the work failed, it releases the key, so that
//! the provider's retry, if there is one, runs the work again.
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
//! let first = dedup.once(&delivery, save(&delivery)).await?;
//! assert!(matches!(first, Outcome::Handled(())));
//!
//! let duplicate = dedup.once(&delivery, save(&delivery)).await?;
//! assert!(matches!(duplicate, Outcome::AlreadyHandled));
//! assert_eq!(duplicate.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # Responses
//!
//! | result | status |
//! |---|---|
//! | handled now or before ([`Outcome::Handled`], [`Outcome::AlreadyHandled`]) | 200 |
//! | handled now, but not recorded ([`Outcome::HandledUnrecorded`]) | 200 |
//! | in progress elsewhere ([`Outcome::InProgress`]) | 409 with `Retry-After` |
//! | the lease ended before the work did ([`Outcome::LeaseExpired`]) | 503 |
//! | the store can't be reached or is full ([`OnceError::Store`]) | 503 |
//! | the work failed ([`OnceError::Failed`]) | your error's own status |
//!
//! # Guarantees
//!
//! - **No false success.** leadhook never responds with 200 before your work has succeeded. A provider that
//!   retries then sends the event until it is handled or the provider gives up. If a provider is not known
//!   to retry, as Tomba for `save_lead`, store the delivery first, with
//!   [`leadhook-inbox`](https://docs.rs/leadhook-inbox).
//! - **One claim at a time.** A key never has two live claims, as long as the store keeps its data. The
//!   work is dropped before its key is free, even if it fails, panics or is cancelled.
//! - **Once.** The work succeeds exactly once if it ends within its lease, the store can be reached, and
//!   the key is remembered for as long as the provider retries.
//!
//! # Limits
//!
//! An event can be handled twice, or a delivery can wrongly be treated as a duplicate, in these cases:
//!
//! - **Unrecorded success.** The work succeeded, but the store could not record it
//!   ([`Outcome::HandledUnrecorded`]), or the process ended before that. A retry is handled again.
//! - **Work beyond its lease.** Work that is still running when its lease ends is cancelled at its next
//!   poll. Side effects are not undone, and the next delivery starts from scratch. Work that blocks its
//!   thread can't be cancelled, so the next delivery can run at the same time.
//! - **Forgotten keys.** A store forgets a key after its retention, or earlier if the store is full or
//!   restarts. A later retry is handled again.
//! - **False duplicates.** Two different events can have equal keys; see [`Key`].
//! - **Clocks.** A lease is measured twice: by the store, and by this process with a monotonic clock,
//!   which may stand still while the machine sleeps. If the clock of a Redis server jumps ahead, leases
//!   end early and an event can be in progress twice. If it jumps back, duplicates wait longer.
//!
//! # Log events
//!
//! With the `tracing` feature, `once` logs the result of each delivery and each failure of the store. The
//! guide has [the list](https://docs.rs/leadhook/latest/leadhook/guide/metrics/). With the `metrics` feature, it
//! counts the results.

use alloc::{boxed::Box, sync::Arc};
use core::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use std::time::Instant;

use crate::delivery::Delivery;
use crate::provider::Provider;

mod any_store;
mod clock;
pub(crate) mod key;
mod memory;
pub(crate) mod outcome;
#[cfg(feature = "redis")]
mod redis;
pub(crate) mod store;
mod trace;

use any_store::{AnyClaim, AnyStore};
use clock::Clock;
pub use key::{Key, KeyError};
pub use memory::{MemoryClaim, MemoryStore};
pub use outcome::{OnceError, Outcome};
pub use store::{ClaimStatus, Store, StoreError};

#[cfg(feature = "redis")]
pub use self::redis::{RedisClaim, RedisStore};

/// A guard that runs your work once for each event.
///
/// It needs no runtime and starts no thread. Clones share their store.
///
/// The store is any [`Store`], chosen at run time:
///
/// ```
/// use leadhook::dedup::{Dedup, MemoryStore, StoreError};
///
/// # #[cfg(feature = "redis")]
/// async fn dedup(redis_url: Option<&str>) -> Result<Dedup, StoreError> {
///     Ok(match redis_url {
///         Some(url) => Dedup::new(leadhook::dedup::RedisStore::connect(url).await?),
///         None => Dedup::new(MemoryStore::default()),
///     })
/// }
/// ```
#[derive(Clone)]
pub struct Dedup {
    store: Arc<dyn AnyStore>,
    lease: Duration,
    retention: Option<Duration>,
    clock: Clock,
}

impl Dedup {
    /// Creates a guard on a store, with leases of 60 seconds.
    #[must_use]
    pub fn new(store: impl Store) -> Self {
        Self {
            store: Arc::new(store),
            lease: Duration::from_secs(60),
            retention: None,
            clock: Clock::default(),
        }
    }

    /// Sets how long the work on an event may take. The default is 60 seconds.
    ///
    /// While the work runs, duplicates get a 409. If a process dies, its claim in a shared store holds until
    /// the lease ends. The default ends before Graphoid's first retry after 5 minutes (its webhook
    /// documentation) and before `ScoreApp`'s second resend after 110 seconds (assumed).
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how long an event that [`once`](Self::once) has handled is remembered.
    ///
    /// The default is the time in which the provider may retry, [`Provider::RETRY_WINDOW`]. With a shorter
    /// retention, late retries are handled again. With a longer one, more
    /// [false duplicates](Key#false-duplicates) are possible.
    #[must_use]
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Replaces the clock that measures leases, for tests. The default is [`Instant::now`].
    ///
    /// A [`MemoryStore`] has its own clock.
    #[must_use]
    pub fn with_clock(mut self, now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        self.clock = Clock::new(now);
        self
    }

    /// Runs a future unless the event of a delivery was handled before or is in progress.
    ///
    /// The future is the work. It is polled only after the delivery's [key](Delivery::key) is claimed. If
    /// it succeeds, the key is marked as done. If it fails, the key is released, and the next delivery
    /// runs its work again. Two different events of one person may run at the same time; `one_at_a_time` of
    /// `leadhook-inbox` handles them one after another.
    ///
    /// The work is cancelled if it is polled after its lease has ended. There is no timer. Instead, the
    /// clock is read before each poll of the future, and the future is dropped if the lease has ended.
    /// A future that nothing wakes is not polled. To cancel such work in time, wrap it in your runtime's
    /// timeout within `once`. The future then fails, and the key is released at once.
    ///
    /// If this future is dropped or the work panics, the work is dropped, and then its claim. A
    /// [`MemoryStore`] then frees the key at once, and Redis frees it when the lease ends. No part of the
    /// work is left when the next delivery begins.
    ///
    /// ```
    /// use std::time::Duration;
    /// use leadhook::{Delivery, Grader, dedup::{Dedup, OnceError, Outcome}};
    ///
    /// /// Returns the status of the response, and how long the provider should wait.
    /// async fn respond(dedup: &Dedup, delivery: &Delivery<Grader>) -> (u16, Option<Duration>) {
    ///     let work = async {
    ///         // Notify everybody who needs to know about the lead.
    ///         Ok::<_, std::io::Error>("notified")
    ///     };
    ///     match dedup.once(delivery, work).await {
    ///         Ok(Outcome::Handled("notified")) => (200, None),
    ///         Ok(outcome) => (outcome.status(), outcome.retry_after()),
    ///         Err(OnceError::Store(error)) => (error.status(), None),
    ///         Err(_) => (500, None),
    ///     }
    /// }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let delivery = Delivery::<Grader>::from_storage("{}");
    /// # assert_eq!(respond(&Dedup::default(), &delivery).await, (200, None));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`OnceError::Failed`] with the future's own error, and [`OnceError::Store`] if the store can't
    /// be reached or is full. In the second case, the future was not polled.
    pub async fn once<P: Provider, T, E>(
        &self,
        delivery: &Delivery<P>,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<Outcome<T>, OnceError<E>> {
        let retention = self.retention.unwrap_or(P::RETRY_WINDOW);
        let result = self.run(delivery.key(), retention, future).await;
        trace::count(Some(P::NAME), &result);
        result
    }

    /// Runs a future as [`once`](Self::once) does, for a key that you choose.
    ///
    /// If the future succeeds, the key is remembered for `retention`, whatever
    /// [`with_retention`](Self::with_retention) says. [`Key::from_parts`] makes a key from values of the
    /// event.
    ///
    /// ```
    /// use leadhook::{Delivery, Graphoid, Provider, dedup::{Dedup, Key, Outcome}};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let body = r#"{"event":"lead.won","data":{"lead":{"id":"lead_1"}}}"#;
    /// # let delivery = Delivery::<Graphoid>::from_storage(body);
    /// # let dedup = Dedup::default();
    /// // Each lead is welcomed once, whichever of its events comes first.
    /// if let Some(id) = delivery.read()?.lead().and_then(|lead| lead.id) {
    ///     let key = Key::from_parts(&delivery, &["welcome", &id]);
    ///     let welcome = async { Ok::<_, std::io::Error>("welcome") };
    ///     let outcome = dedup.once_as(key, Graphoid::RETRY_WINDOW, welcome).await?;
    /// #   assert!(matches!(outcome, Outcome::Handled("welcome")));
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`once`](Self::once).
    pub async fn once_as<T, E>(
        &self,
        key: Key,
        retention: Duration,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<Outcome<T>, OnceError<E>> {
        let result = self.run(key, retention, future).await;
        trace::count(None, &result);
        result
    }

    async fn run<T, E>(
        &self,
        key: Key,
        retention: Duration,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<Outcome<T>, OnceError<E>> {
        // The claim is declared before the work, and so dropped after it: no part of the work outlives its
        // claim, even if this future is dropped or the work panics.
        let claim;
        let mut work = pin!(Some(future));

        // Read before the claim is made, so that the lease ends here no later than in the store.
        let end = self.clock.now().checked_add(self.lease);
        let status = self.store.clone().claim_any(key, self.lease).await;
        let result = match status.inspect_err(|error| trace::store_failed(key, "claim", error))? {
            ClaimStatus::Acquired(acquired) => {
                claim = acquired;
                let ended = self.run_until(end, work.as_mut()).await;
                work.set(None);
                settle(key, claim, retention, ended).await
            }
            ClaimStatus::Done => Ok(Outcome::AlreadyHandled),
            ClaimStatus::Held { remaining } => Ok(Outcome::InProgress { remaining }),
        };
        trace::outcome(key, &result);
        result
    }

    /// Runs the work until its lease ends, and returns `None` at the first poll after that.
    async fn run_until<F: Future>(
        &self,
        end: Option<Instant>,
        mut work: Pin<&mut Option<F>>,
    ) -> Option<F::Output> {
        poll_fn(|context| {
            if end.is_some_and(|end| self.clock.now() >= end) {
                return Poll::Ready(None);
            }
            match work.as_mut().as_pin_mut() {
                Some(work) => work.poll(context).map(Some),
                None => Poll::Ready(None),
            }
        })
        .await
    }
}

/// Completes a claim if its work succeeded, and releases it if the work failed or has not ended.
async fn settle<T, E>(
    key: Key,
    claim: Box<dyn AnyClaim>,
    retention: Duration,
    ended: Option<Result<T, E>>,
) -> Result<Outcome<T>, OnceError<E>> {
    let unhandled = match ended {
        Some(Ok(value)) => {
            return Ok(match claim.complete(retention).await {
                Ok(()) => Outcome::Handled(value),
                Err(error) => {
                    trace::store_failed(key, "complete", &error);
                    Outcome::HandledUnrecorded { value, error }
                }
            });
        }
        Some(Err(error)) => Err(OnceError::Failed(error)),
        None => Ok(Outcome::LeaseExpired),
    };
    // A claim that can't be released ends with its lease.
    if let Err(error) = claim.release().await {
        trace::store_failed(key, "release", &error);
    }
    unhandled
}

/// Creates a guard on a [`MemoryStore`] of the default capacity.
impl Default for Dedup {
    fn default() -> Self {
        Self::new(MemoryStore::default())
    }
}

impl fmt::Debug for Dedup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dedup")
            .field("lease", &self.lease)
            .field("retention", &self.retention)
            .finish_non_exhaustive()
    }
}
