//! What is accepted is stored, once.

use std::{pin::pin, time::Duration};

use leadhook_inbox::Accepted;
use tokio::{task::JoinSet, time::timeout};

use crate::support::{
    SOURCE,
    database::{self, Database, Db},
    delivery, on_both,
};

on_both![
    a_delivery_is_stored_as_received,
    concurrent_duplicates_are_stored_once,
    a_delivery_that_cannot_be_stored_fails_alone,
    migrating_at_once_is_harmless,
];

async fn a_delivery_is_stored_as_received<B: Db>(database: Database<B>) {
    let inbox = &database.inbox;
    assert_eq!(
        inbox.accept(SOURCE, &delivery(1)).await.unwrap(),
        Accepted::New
    );
    assert_eq!(
        inbox.accept(SOURCE, &delivery(1)).await.unwrap(),
        Accepted::Duplicate
    );
    assert_eq!(
        inbox.accept(SOURCE, &delivery(2)).await.unwrap(),
        Accepted::New
    );

    let key = delivery(1).key();
    let body = inbox.body(key).await.unwrap().unwrap();
    assert_eq!(body, *delivery(1).body());
    let rows = inbox
        .rows(&leadhook_inbox::Select::key(key), 10)
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].source.as_str(), rows[0].duplicates), (SOURCE, 1));
    let age = rows[0].received_at.elapsed().unwrap_or_default();
    assert!(age.as_secs() < 60, "{age:?}");
}

async fn concurrent_duplicates_are_stored_once<B: Db>(database: Database<B>) {
    let mut providers = JoinSet::new();
    for _ in 0..50 {
        let inbox = database.inbox.clone();
        providers.spawn(async move { inbox.accept(SOURCE, &delivery(1)).await.unwrap() });
    }
    let accepted = providers.join_all().await;
    let new = accepted
        .iter()
        .filter(|accepted| **accepted == Accepted::New);
    assert_eq!(new.count(), 1);
    assert_eq!(database.count("duplicates = 49").await, 1);
}

async fn a_delivery_that_cannot_be_stored_fails_alone<B: Db>(database: Database<B>) {
    let refuse = match B::BYTES {
        "BLOB" => {
            "CREATE TRIGGER refuse BEFORE INSERT ON leadhook_inbox WHEN NEW.source = 'refused'
             BEGIN SELECT RAISE(ABORT, 'refused'); END"
        }
        _ => "ALTER TABLE leadhook_inbox ADD CHECK (source <> 'refused')",
    };
    database.run(refuse).await;
    let mut providers = JoinSet::new();
    for id in 0..50 {
        let inbox = database.inbox.clone();
        let source = if id == 42 { "refused" } else { SOURCE };
        providers.spawn(async move { inbox.accept(source, &delivery(id)).await.is_ok() });
    }
    let accepted = providers.join_all().await;
    assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 49);
    assert_eq!(database.count("TRUE").await, 49);
}

/// SQLite stores deliveries that come together in one transaction, which one of them runs for all.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_delivery_does_not_cancel_others() {
    const MOMENT: Duration = Duration::from_millis(200);
    let database = database::sqlite().await;
    let inbox = &database.inbox;
    let lock = inbox.pool().begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let deliveries = [0, 1, 2].map(delivery);
    let [has_turn, next, other] = deliveries.each_ref().map(|it| inbox.accept(SOURCE, it));
    let (mut has_turn, mut next) = (Box::pin(has_turn), Box::pin(next));
    let mut other = pin!(other);
    assert!(timeout(MOMENT, &mut has_turn).await.is_err());
    assert!(timeout(MOMENT, &mut next).await.is_err());
    assert!(timeout(MOMENT, &mut other).await.is_err());
    drop(has_turn);
    assert!(timeout(MOMENT, &mut next).await.is_err()); // it begins for both
    drop(next);
    assert!(timeout(MOMENT, &mut other).await.is_err());
    lock.rollback().await.unwrap();
    assert_eq!(other.await.unwrap(), Accepted::New);
    let key = deliveries[2].key();
    assert_eq!(database.count(&format!("key = '{key}'")).await, 1);
}

async fn migrating_at_once_is_harmless<B: Db>(database: Database<B>) {
    database
        .run("DROP TABLE leadhook_inbox; DROP TABLE leadhook_inbox_meta")
        .await;
    let mut openers = JoinSet::new();
    for _ in 0..8 {
        let url = database.url.clone();
        openers.spawn(async move { B::open(&url).await.check().await.unwrap() });
    }
    openers.join_all().await;
}
