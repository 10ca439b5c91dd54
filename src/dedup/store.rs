//! What a store of keys has to do.

use alloc::boxed::Box;
use core::{error::Error, future::Future, time::Duration};

use super::Key;

/// A store that remembers which events are in work, and which are done.
///
/// [`MemoryStore`](super::MemoryStore) and `RedisStore` implement it, and your database can. A key
/// is free, claimed, or done. A claim holds until its lease ends, and a done key until its time ends;
/// then the key is free again.
///
/// Every method is atomic, also between processes that share a store. None may tell a success that
/// it isn't sure of: what can't be reached is an error.
///
/// ```
/// use std::{collections::HashMap, sync::{Mutex, PoisonError}, time::Duration};
/// use leadhook::dedup::{Claimed, Key, Store, StoreError};
///
/// /// Leases and times never end in this one: true once done.
/// #[derive(Default)]
/// struct Forever(Mutex<HashMap<Key, bool>>);
///
/// impl Store for Forever {
///     type Claim = Key; // leases never end, so that one key has one claim
///
///     async fn claim(&self, key: Key, lease: Duration) -> Result<Claimed<Key>, StoreError> {
///         let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         Ok(match keys.get(&key) {
///             Some(true) => Claimed::Done,
///             Some(false) => Claimed::Busy { left: lease },
///             None => {
///                 keys.insert(key, false);
///                 Claimed::Fresh(key)
///             }
///         })
///     }
///
///     async fn complete(&self, claim: Key, _keep: Duration) -> Result<(), StoreError> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(claim, true);
///         Ok(())
///     }
///
///     async fn release(&self, claim: Key) -> Result<(), StoreError> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&claim);
///         Ok(())
///     }
/// }
/// ```
pub trait Store: Send + Sync + 'static {
    /// A claim to a key, with a token that no other claim to that key has ever had.
    ///
    /// A claim that is dropped is given up: a store that can free the key without waiting should do
    /// so; if it can't, the claim ends with its lease.
    type Claim: Send;

    /// Claims a key for the time of a lease, if it is free.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] and [`StoreError::Unavailable`].
    fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> impl Future<Output = Result<Claimed<Self::Claim>, StoreError>> + Send;

    /// Marks the key of a claim as done, and keeps it so for a time.
    ///
    /// A claim whose lease has ended can still be completed, as long as no other claim holds the key:
    /// the work is done, after all.
    ///
    /// # Errors
    ///
    /// [`StoreError::Superseded`] where another claim holds the key, which is left to it;
    /// [`StoreError::Full`] and [`StoreError::Unavailable`].
    fn complete(
        &self,
        claim: Self::Claim,
        keep: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Frees the key of a claim. A key that the claim doesn't hold any more is left as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]; the claim then ends with its lease.
    fn release(&self, claim: Self::Claim) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// What a store says to one who claims a key.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "these are all the states of a key")]
pub enum Claimed<C> {
    /// The key was free, and is claimed now.
    Fresh(C),
    /// The event was handled before.
    Done,
    /// Another claim holds the key.
    Busy {
        /// What is left of its lease.
        left: Duration,
    },
}

/// Why a store can't do what it is asked for. Where it answers a delivery, the HTTP status is 503,
/// so that the sender retries.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// As many events are in work as the store can hold.
    #[error("the store is full of live claims")]
    Full,
    /// The store can't be reached, doesn't answer in time, or refuses.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The lease had ended, and another claim holds the key.
    #[error("the lease has ended, and another claim holds the key")]
    Superseded,
}

impl StoreError {
    /// The store is unavailable, for a reason.
    pub fn unavailable(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(reason.into())
    }

    /// The HTTP status that answers the delivery: 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        503
    }
}
