//! A store of any type, chosen at run time.

use alloc::{boxed::Box, sync::Arc};
use core::{future::Future, pin::Pin, time::Duration};

use super::key::Key;
use super::store::{ClaimStatus, Store, StoreError};

type BoxFuture<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

/// A [`Store`] of any type.
pub(super) trait AnyStore: Send + Sync {
    fn claim_any(
        self: Arc<Self>,
        key: Key,
        lease: Duration,
    ) -> BoxFuture<ClaimStatus<Box<dyn AnyClaim>>>;
}

/// A claim together with its store, so it can't be passed to another store.
pub(super) trait AnyClaim: Send {
    fn complete(self: Box<Self>, retention: Duration) -> BoxFuture<()>;
    fn release(self: Box<Self>) -> BoxFuture<()>;
}

struct StoreClaim<S: Store> {
    store: Arc<S>,
    claim: S::Claim,
}

impl<S: Store> AnyStore for S {
    fn claim_any(
        self: Arc<Self>,
        key: Key,
        lease: Duration,
    ) -> BoxFuture<ClaimStatus<Box<dyn AnyClaim>>> {
        Box::pin(async move {
            let status = self.claim(key, lease).await?;
            Ok(status
                .map(|claim| -> Box<dyn AnyClaim> { Box::new(StoreClaim { store: self, claim }) }))
        })
    }
}

impl<S: Store> AnyClaim for StoreClaim<S> {
    fn complete(self: Box<Self>, retention: Duration) -> BoxFuture<()> {
        Box::pin(async move { self.store.complete(self.claim, retention).await })
    }

    fn release(self: Box<Self>) -> BoxFuture<()> {
        Box::pin(async move { self.store.release(self.claim).await })
    }
}
