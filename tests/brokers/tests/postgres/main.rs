//! The guide's store, with a PostgreSQL server in a temporary directory.

use std::time::Duration;

use leadhook::dedup::{ClaimStatus, Dedup, Key, Outcome, Store, StoreError};
use sqlx::PgPool;
use store::Postgres;

// The server of the inbox's tests.
#[path = "../../../../inbox/tests/it/support/postgres.rs"]
#[expect(dead_code, reason = "the inbox's tests need more of it")]
mod server;
mod store;

const LEASE: Duration = Duration::from_secs(60);
const RETENTION: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(50);

#[test]
fn the_guide_shows_the_store_as_it_is() {
    let guide = include_str!("../../../../docs/guide/postgres.md");
    assert!(guide.contains(include_str!("store.rs")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_keeps_the_contract() {
    let server = server::Server::start(&[]).expect("Debian's postgresql is installed");
    let pool = PgPool::connect(&server.url("postgres")).await.unwrap();
    let store = Postgres::new(pool.clone()).await.unwrap();
    let key = |byte| Key::from_bytes([byte; 32]);

    // A key has one claim, and is done for its retention.
    let ClaimStatus::Acquired(claim) = store.claim(key(1), LEASE).await.unwrap() else {
        panic!("the key is free");
    };
    let held = store.claim(key(1), LEASE).await.unwrap();
    assert!(
        matches!(held, ClaimStatus::Held { remaining } if remaining > LEASE / 2 && remaining <= LEASE)
    );
    store.complete(claim, SHORT).await.unwrap();
    let done = store.claim(key(1), LEASE).await.unwrap();
    assert!(matches!(done, ClaimStatus::Done));
    tokio::time::sleep(SHORT * 2).await;
    let free = store.claim(key(1), LEASE).await.unwrap();
    assert!(matches!(free, ClaimStatus::Acquired(_)));

    // A released key is free, and a claim whose lease has ended can't take it away from another.
    let ClaimStatus::Acquired(late) = store.claim(key(2), SHORT).await.unwrap() else {
        panic!("the key is free");
    };
    let ClaimStatus::Acquired(late_too) = store.claim(key(3), SHORT).await.unwrap()
    else {
        panic!("the key is free");
    };
    tokio::time::sleep(SHORT * 2).await;
    let ClaimStatus::Acquired(next) = store.claim(key(2), LEASE).await.unwrap() else {
        panic!("the lease has ended");
    };
    let superseded = store.complete(late, RETENTION).await;
    assert!(matches!(superseded, Err(StoreError::Superseded)));
    store.release(next).await.unwrap();
    let free = store.claim(key(2), LEASE).await.unwrap();
    assert!(matches!(free, ClaimStatus::Acquired(_)));
    store.complete(late_too, RETENTION).await.unwrap();

    // Of many claims at once, one succeeds.
    let mut claims = Vec::new();
    for _ in 0..20 {
        let store = Postgres::new(pool.clone()).await.unwrap();
        claims.push(tokio::spawn(async move {
            store.claim(Key::from_bytes([4; 32]), LEASE).await.unwrap()
        }));
    }
    let mut acquired = 0;
    for claim in claims {
        acquired +=
            usize::from(matches!(claim.await.unwrap(), ClaimStatus::Acquired(_)));
    }
    assert_eq!(acquired, 1);

    // Pruning removes what is free, and nothing else.
    let ClaimStatus::Acquired(_) = store.claim(key(5), SHORT).await.unwrap() else {
        panic!("the key is free");
    };
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(store.prune().await.unwrap(), 1);
    let done = store.claim(key(3), LEASE).await.unwrap();
    assert!(matches!(done, ClaimStatus::Done));

    // It is a store as any other.
    let dedup = Dedup::new(store);
    let work = || async { Ok::<_, StoreError>(()) };
    let first = dedup.once_as(key(6), RETENTION, work()).await.unwrap();
    assert!(matches!(first, Outcome::Handled(())));
    let second = dedup.once_as(key(6), RETENTION, work()).await.unwrap();
    assert!(matches!(second, Outcome::AlreadyHandled));
    let longest = dedup.once_as(key(7), Duration::MAX, work()).await.unwrap();
    assert!(matches!(longest, Outcome::Handled(())));
}
