//! What is accepted is stored, once.

use std::{
    pin::pin,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use leadhook::Graphoid;
use leadhook_inbox::{Accepted, Filter, Page};
use tokio::{task::JoinSet, time::timeout};

use crate::support::{
    SOURCE,
    database::{self, DROP, Database, Db},
    delivery, on_both, until,
};

on_both![
    a_delivery_is_stored_as_received,
    concurrent_duplicates_are_stored_once,
    a_delivery_that_cannot_be_stored_fails_alone,
    migrating_at_once_is_harmless,
];

async fn a_delivery_is_stored_as_received<B: Db>(database: Database<B>) {
    let (inbox, source) = (&database.inbox, database.source());
    assert_eq!(source.accept(&delivery(1)).await.unwrap(), Accepted::New);
    assert_eq!(
        source.accept(&delivery(1)).await.unwrap(),
        Accepted::Duplicate
    );
    assert_eq!(source.accept(&delivery(2)).await.unwrap(), Accepted::New);

    let key = database.key(1);
    let body = inbox.body(key).await.unwrap().unwrap();
    assert_eq!(body, *delivery(1).body());
    until("the duplicate is counted", async || {
        database.duplicates().await == 1
    })
    .await;
    let rows = inbox
        .rows(&Filter::key(key), Page::first(10))
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (row.source.as_str(), row.provider.as_str()),
        (SOURCE, "graphoid")
    );
    assert_eq!(row.event.as_deref(), Some("lead.won"));
    assert_eq!(row.lead_id.as_deref(), Some("lead_1"));
    assert_eq!((&row.scope, row.matched_secret), (&None, None));
    assert_eq!((row.duplicates, row.attempts, row.has_body), (1, 0, true));
    let age = DateTime::<Utc>::from(SystemTime::now()) - row.accepted_at;
    assert!(age.num_seconds().abs() < 60, "{age:?}");
}

async fn concurrent_duplicates_are_stored_once<B: Db>(database: Database<B>) {
    let mut providers = JoinSet::new();
    for _ in 0..50 {
        let source = database.source();
        providers.spawn(async move { source.accept(&delivery(1)).await.unwrap() });
    }
    let accepted = providers.join_all().await;
    let new = accepted
        .iter()
        .filter(|accepted| **accepted == Accepted::New);
    assert_eq!(new.count(), 1);
    assert_eq!(database.count("TRUE").await, 1);
    until("they are counted", async || {
        database.duplicates().await == 49
    })
    .await;
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
        let name = if id == 42 { "refused" } else { SOURCE };
        let source = database.inbox.source::<Graphoid>(name);
        providers.spawn(async move { source.accept(&delivery(id)).await.is_ok() });
    }
    let accepted = providers.join_all().await;
    assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 49);
    assert_eq!(database.count("TRUE").await, 49);
}

/// A client that hangs up leaves its delivery to the writer, and disturbs nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_delivery_does_not_cancel_others() {
    const MOMENT: Duration = Duration::from_millis(200);
    let database = database::sqlite().await;
    let (inbox, source) = (&database.inbox, database.source());
    let lock = inbox.pool().begin_with("BEGIN EXCLUSIVE").await.unwrap();
    let deliveries = [0, 1, 2].map(delivery);
    let [being_stored, waiting, other] = deliveries.each_ref().map(|it| source.accept(it));
    let (mut being_stored, mut waiting) = (Box::pin(being_stored), Box::pin(waiting));
    let mut other = pin!(other);
    assert!(timeout(MOMENT, &mut being_stored).await.is_err());
    assert!(timeout(MOMENT, &mut waiting).await.is_err());
    assert!(timeout(MOMENT, &mut other).await.is_err());
    drop((being_stored, waiting));
    lock.rollback().await.unwrap();
    assert_eq!(other.await.unwrap(), Accepted::New);
    assert_eq!(database.count("TRUE").await, 3);
    // The providers retry.
    for delivery in &deliveries {
        assert_eq!(source.accept(delivery).await.unwrap(), Accepted::Duplicate);
    }
}

async fn migrating_at_once_is_harmless<B: Db>(database: Database<B>) {
    database.run(DROP).await;
    let mut openers = JoinSet::new();
    for _ in 0..8 {
        let url = database.url.clone();
        openers.spawn(async move { B::open(&url).await.check().await.unwrap() });
    }
    openers.join_all().await;
}
