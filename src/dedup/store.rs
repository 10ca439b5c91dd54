//! The storage interface for deduplication keys.

use alloc::boxed::Box;
use core::{error::Error, future::Future, time::Duration};

use super::key::Key;

/// A store that remembers which events are in progress and which are handled.
///
/// [`MemoryStore`](super::MemoryStore) and `RedisStore` implement it, and so can your database. A key
/// is free, claimed or done. A claim holds the key until its lease ends, and a done key is remembered
/// until its retention ends. Then the key is free again.
///
/// Every method is atomic, even across processes that share the store. A method returns `Ok` only if
/// the store has confirmed the change, because a delivery that is wrongly reported as a duplicate is
/// lost. [`Dedup`](super::Dedup) logs every error.
///
/// ```
/// use std::{collections::HashMap, sync::{Mutex, PoisonError}, time::Duration};
/// use leadhook::dedup::{ClaimStatus, Dedup, Key, Store, StoreError};
///
/// /// Leases and retentions never end in this store. The value is whether the key is done.
/// #[derive(Default)]
/// struct Forever(Mutex<HashMap<Key, bool>>);
///
/// impl Store for Forever {
///     type Claim = Key; // leases never end, so a key never has a second claim
///
///     async fn claim(
///         &self,
///         key: Key,
///         lease: Duration,
///     ) -> Result<ClaimStatus<Key>, StoreError> {
///         let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         Ok(match keys.get(&key) {
///             Some(true) => ClaimStatus::Done,
///             Some(false) => ClaimStatus::Held { remaining: lease },
///             None => {
///                 keys.insert(key, false);
///                 ClaimStatus::Acquired(key)
///             }
///         })
///     }
///
///     async fn complete(&self, claim: Key, _: Duration) -> Result<(), StoreError> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(claim, true);
///         Ok(())
///     }
///
///     async fn release(&self, claim: Key) -> Result<(), StoreError> {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&claim);
///         Ok(())
///     }
/// }
///
/// let dedup = Dedup::new(Forever::default());
/// ```
pub trait Store: Send + Sync + 'static {
    /// A claim to a key, with a token that no other claim to that key has ever had.
    ///
    /// A claim that is dropped is given up. A store that can free the key without waiting should do so
    /// in `Drop`. In any other store, the key is free when the lease ends.
    type Claim: Send + 'static;

    /// Claims a key until a lease ends, if the key is free.
    ///
    /// # Errors
    ///
    /// [`StoreError::Full`] and [`StoreError::Unavailable`].
    fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> impl Future<Output = Result<ClaimStatus<Self::Claim>, StoreError>> + Send;

    /// Marks the key of a claim as done, and remembers it until its retention ends.
    ///
    /// A claim whose lease has ended can still be completed unless another claim holds the key,
    /// because the event was handled.
    ///
    /// # Errors
    ///
    /// [`StoreError::Superseded`] if another claim holds the key, which then stays as it is. Also
    /// [`StoreError::Full`] and [`StoreError::Unavailable`].
    fn complete(
        &self,
        claim: Self::Claim,
        retention: Duration,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Frees the key of a claim. A key that the claim no longer holds stays as it is.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`]. The claim then ends with its lease.
    fn release(&self, claim: Self::Claim) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// The result of claiming a key.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "these are all the states of a key")]
pub enum ClaimStatus<C> {
    /// The key was free and is claimed now.
    Acquired(C),
    /// The event was handled before.
    Done,
    /// Another claim holds the key.
    Held {
        /// The rest of that claim's lease.
        remaining: Duration,
    },
}

impl<C> ClaimStatus<C> {
    pub(super) fn map<D>(self, convert: impl FnOnce(C) -> D) -> ClaimStatus<D> {
        match self {
            Self::Acquired(claim) => ClaimStatus::Acquired(convert(claim)),
            Self::Done => ClaimStatus::Done,
            Self::Held { remaining } => ClaimStatus::Held { remaining },
        }
    }
}

/// The error returned when a store could not claim, complete or release a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store holds as many claims as it can, and every one is live.
    #[error("the store is full of live claims; raise its capacity")]
    Full,
    /// The store can't be reached, did not respond in time, or returned an error.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The lease had ended, and another claim holds the key.
    #[error("the lease ended, and another claim holds the key; use a longer lease")]
    Superseded,
}

impl StoreError {
    /// Creates an [`Unavailable`](Self::Unavailable) error from its cause.
    pub fn unavailable(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// Returns the HTTP status of the response, 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        503
    }
}
