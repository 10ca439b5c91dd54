//! What is accepted is stored, once.

use leadhook_inbox::Accepted;
use tokio::task::JoinSet;

use crate::support::{
    SOURCE,
    database::{Database, Db},
    delivery, on_both,
};

on_both![
    a_delivery_is_stored_as_received,
    concurrent_duplicates_are_stored_once,
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

    let key = leadhook_inbox::Key::of(&delivery(1));
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
