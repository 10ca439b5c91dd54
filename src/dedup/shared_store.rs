//! A store of any type, chosen at run time.

use alloc::{boxed::Box, sync::Arc};
use core::{future::Future, pin::Pin, time::Duration};

use super::key::Key;
use super::store::{ClaimStatus, Store, StoreError};

/// A shared store of any type, which implements [`Store`] itself.
#[derive(Clone)]
pub(super) struct SharedStore(Arc<dyn ErasedStore>);

impl SharedStore {
    pub(super) fn new(store: impl Store) -> Self {
        Self(Arc::new(store))
    }
}

impl Store for SharedStore {
    type Claim = Box<dyn ErasedClaim>;

    async fn claim(
        &self,
        key: Key,
        lease: Duration,
    ) -> Result<ClaimStatus<Self::Claim>, StoreError> {
        self.0.clone().claim_boxed(key, lease).await
    }

    async fn complete(&self, claim: Self::Claim, retention: Duration) -> Result<(), StoreError> {
        claim.complete_boxed(retention).await
    }

    async fn release(&self, claim: Self::Claim) -> Result<(), StoreError> {
        claim.release_boxed().await
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

trait ErasedStore: Send + Sync {
    fn claim_boxed(
        self: Arc<Self>,
        key: Key,
        lease: Duration,
    ) -> BoxFuture<ClaimStatus<Box<dyn ErasedClaim>>>;
}

/// A claim together with its store, so it can't be passed to another store.
pub(super) trait ErasedClaim: Send {
    fn complete_boxed(self: Box<Self>, retention: Duration) -> BoxFuture<()>;
    fn release_boxed(self: Box<Self>) -> BoxFuture<()>;
}

struct StoreClaim<S: Store> {
    store: Arc<S>,
    claim: S::Claim,
}

impl<S: Store> ErasedStore for S {
    fn claim_boxed(
        self: Arc<Self>,
        key: Key,
        lease: Duration,
    ) -> BoxFuture<ClaimStatus<Box<dyn ErasedClaim>>> {
        Box::pin(async move {
            Ok(match self.claim(key, lease).await? {
                ClaimStatus::Acquired(claim) => {
                    let claim: Box<dyn ErasedClaim> = Box::new(StoreClaim { store: self, claim });
                    ClaimStatus::Acquired(claim)
                }
                ClaimStatus::Done => ClaimStatus::Done,
                ClaimStatus::Held { remaining } => ClaimStatus::Held { remaining },
            })
        })
    }
}

impl<S: Store> ErasedClaim for StoreClaim<S> {
    fn complete_boxed(self: Box<Self>, retention: Duration) -> BoxFuture<()> {
        Box::pin(async move { self.store.complete(self.claim, retention).await })
    }

    fn release_boxed(self: Box<Self>) -> BoxFuture<()> {
        Box::pin(async move { self.store.release(self.claim).await })
    }
}
