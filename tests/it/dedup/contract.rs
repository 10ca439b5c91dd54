//! The contract of a store, as one suite that runs against every store.

use std::{future::Future, sync::Arc, time::Duration};

use leadhook::dedup::{ClaimStatus, Store, StoreError};
use tokio::sync::Barrier;

use super::support::{LONG, fresh, key};

/// A lease that ends while the suite waits.
const SHORT: Duration = Duration::from_millis(50);

/// Runs the suite. `pass` lets at least the given time pass in the store.
pub(crate) async fn run<S: Store + Clone, F: Future<Output = ()>>(
    store: S,
    pass: impl Fn(Duration) -> F,
) {
    one_claim_at_a_time(&store).await;
    a_release_frees_the_key(&store).await;
    a_done_key_stays_done(&store).await;
    a_lease_ends(&store, &pass).await;
    the_remaining_time_is_the_leases(&store).await;
    a_done_key_is_forgotten_in_time(&store, &pass).await;
    a_late_claim_touches_no_successor(&store, &pass).await;
    a_late_claim_touches_no_done_key(&store, &pass).await;
    a_late_success_is_recorded_where_the_key_is_free(&store, &pass).await;
    extreme_times_are_read(&store).await;
    one_of_many_concurrent_claims_succeeds(&store).await;
}

async fn is_held<S: Store>(store: &S, number: usize) -> bool {
    let claimed = store.claim(key(number), LONG).await.unwrap();
    matches!(claimed, ClaimStatus::Held { .. })
}

async fn is_done<S: Store>(store: &S, number: usize) -> bool {
    let claimed = store.claim(key(number), LONG).await.unwrap();
    matches!(claimed, ClaimStatus::Done)
}

async fn one_claim_at_a_time<S: Store>(store: &S) {
    let claim = fresh(store.claim(key(1), LONG).await.unwrap());
    assert!(is_held(store, 1).await);
    let other = fresh(store.claim(key(2), LONG).await.unwrap());
    store.release(claim).await.unwrap();
    store.release(other).await.unwrap();
}

async fn a_release_frees_the_key<S: Store>(store: &S) {
    for _ in 0..3 {
        let claim = fresh(store.claim(key(10), LONG).await.unwrap());
        store.release(claim).await.unwrap();
    }
}

async fn a_done_key_stays_done<S: Store>(store: &S) {
    let claim = fresh(store.claim(key(20), LONG).await.unwrap());
    store.complete(claim, LONG).await.unwrap();
    assert!(is_done(store, 20).await);
    assert!(is_done(store, 20).await);
}

async fn a_lease_ends<S: Store, F: Future<Output = ()>>(store: &S, pass: impl Fn(Duration) -> F) {
    let _late = fresh(store.claim(key(30), SHORT).await.unwrap());
    pass(SHORT).await;
    let claim = fresh(store.claim(key(30), LONG).await.unwrap());
    assert!(is_held(store, 30).await);
    store.release(claim).await.unwrap();
}

async fn the_remaining_time_is_the_leases<S: Store>(store: &S) {
    let claim = fresh(store.claim(key(40), LONG).await.unwrap());
    match store.claim(key(40), SHORT).await.unwrap() {
        ClaimStatus::Held { remaining } => {
            assert!(remaining > LONG / 2 && remaining <= LONG, "{remaining:?}");
        }
        ClaimStatus::Acquired(_) | ClaimStatus::Done => panic!("it is claimed"),
    }
    store.release(claim).await.unwrap();
}

async fn a_done_key_is_forgotten_in_time<S: Store, F: Future<Output = ()>>(
    store: &S,
    pass: impl Fn(Duration) -> F,
) {
    let claim = fresh(store.claim(key(50), LONG).await.unwrap());
    store.complete(claim, SHORT).await.unwrap();
    pass(SHORT).await;
    let claim = fresh(store.claim(key(50), LONG).await.unwrap());
    store.release(claim).await.unwrap();
}

async fn a_late_claim_touches_no_successor<S, F>(store: &S, pass: impl Fn(Duration) -> F)
where
    S: Store,
    F: Future<Output = ()>,
{
    let to_complete = fresh(store.claim(key(60), SHORT).await.unwrap());
    pass(SHORT).await;
    let to_release = fresh(store.claim(key(60), SHORT).await.unwrap());
    pass(SHORT).await;
    let to_drop = fresh(store.claim(key(60), SHORT).await.unwrap());
    pass(SHORT).await;
    let successor = fresh(store.claim(key(60), LONG).await.unwrap());

    let late = store.complete(to_complete, LONG).await;
    assert!(matches!(late, Err(StoreError::Superseded)), "{late:?}");
    assert!(is_held(store, 60).await);
    store.release(to_release).await.unwrap();
    assert!(is_held(store, 60).await);
    drop(to_drop);
    assert!(is_held(store, 60).await);

    store.complete(successor, LONG).await.unwrap();
    assert!(is_done(store, 60).await);
}

async fn a_late_claim_touches_no_done_key<S, F>(store: &S, pass: impl Fn(Duration) -> F)
where
    S: Store,
    F: Future<Output = ()>,
{
    let to_release = fresh(store.claim(key(70), SHORT).await.unwrap());
    pass(SHORT).await;
    let to_complete = fresh(store.claim(key(70), SHORT).await.unwrap());
    pass(SHORT).await;
    let successor = fresh(store.claim(key(70), LONG).await.unwrap());
    store.complete(successor, LONG).await.unwrap();

    store.release(to_release).await.unwrap();
    assert!(is_done(store, 70).await);
    store.complete(to_complete, LONG).await.unwrap();
    assert!(is_done(store, 70).await);
}

async fn a_late_success_is_recorded_where_the_key_is_free<S, F>(
    store: &S,
    pass: impl Fn(Duration) -> F,
) where
    S: Store,
    F: Future<Output = ()>,
{
    let late = fresh(store.claim(key(80), SHORT).await.unwrap());
    pass(SHORT).await;
    store.complete(late, LONG).await.unwrap();
    assert!(is_done(store, 80).await);
}

async fn extreme_times_are_read<S: Store>(store: &S) {
    let claim = fresh(store.claim(key(90), Duration::MAX).await.unwrap());
    assert!(is_held(store, 90).await);
    store.complete(claim, Duration::MAX).await.unwrap();
    assert!(is_done(store, 90).await);

    let claim = fresh(store.claim(key(91), Duration::ZERO).await.unwrap());
    store.complete(claim, Duration::ZERO).await.unwrap();
    let claim = fresh(store.claim(key(92), Duration::from_nanos(1)).await.unwrap());
    store.release(claim).await.unwrap();
}

async fn one_of_many_concurrent_claims_succeeds<S: Store + Clone>(store: &S) {
    const TASKS: usize = 32;

    for number in 100..110 {
        let barrier = Arc::new(Barrier::new(TASKS));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (store, barrier) = (store.clone(), barrier.clone());
                tokio::spawn(async move {
                    barrier.wait().await;
                    store.claim(key(number), LONG).await.unwrap()
                })
            })
            .collect();
        let mut claims = Vec::new();
        for task in tasks {
            match task.await.unwrap() {
                ClaimStatus::Acquired(claim) => claims.push(claim),
                ClaimStatus::Held { .. } => {}
                ClaimStatus::Done => panic!("nobody has completed {number}"),
            }
        }
        assert_eq!(claims.len(), 1);
        store.release(claims.remove(0)).await.unwrap();
    }
}
