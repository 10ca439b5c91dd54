//! The table's promises, on both databases.
#![allow(clippy::unwrap_used)]

mod common;

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use common::{Database, Postgres, count};
use durable_inbox::inbox::Inbox;
use leadhook::{Delivery, Graphoid};
use tokio::task::JoinSet;

const LEASE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn sqlite() {
    a_repeat_is_stored_once(Database::sqlite()).await;
    a_row_is_taken_by_one_at_a_time(Database::sqlite()).await;
    who_outruns_the_lease_records_nothing(Database::sqlite()).await;
    a_failed_row_comes_back_when_it_is_due(Database::sqlite()).await;
    an_unreadable_row_is_kept_and_left_alone(Database::sqlite()).await;
    many_open_at_once(Database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres() {
    let Some(server) = Postgres::start() else {
        return;
    };
    a_repeat_is_stored_once(server.database("a").await).await;
    a_row_is_taken_by_one_at_a_time(server.database("b").await).await;
    who_outruns_the_lease_records_nothing(server.database("c").await).await;
    a_failed_row_comes_back_when_it_is_due(server.database("d").await).await;
    an_unreadable_row_is_kept_and_left_alone(server.database("e").await).await;
    many_open_at_once(server.database("f").await).await;
}

fn delivery(id: usize) -> Delivery<Graphoid> {
    Delivery::from_storage(format!(r#"{{"id":"evt_{id}","event":"lead.won"}}"#))
}

async fn a_repeat_is_stored_once(database: Database) {
    let inbox = Inbox::open(&database.url).await.unwrap();
    let now = SystemTime::now();
    let mut senders = JoinSet::new();
    for _ in 0..20 {
        let inbox = inbox.clone();
        senders.spawn(async move { inbox.store("graphoid", &delivery(1), now).await.unwrap() });
    }
    senders.join_all().await;

    let row = inbox.take(now, LEASE).await.unwrap().unwrap();
    assert_eq!((row.source.as_str(), row.tries), ("graphoid", 1));
    assert_eq!(row.body, *delivery(1).body());
    assert!(inbox.finish(&row, "{}", now).await.unwrap());

    // After the work, too.
    inbox.store("graphoid", &delivery(1), now).await.unwrap();
    assert!(inbox.take(now + LEASE, LEASE).await.unwrap().is_none());
    let look = database.look().await;
    assert_eq!(count(&look, "SELECT count(*) FROM inbox").await, 1);
}

async fn a_row_is_taken_by_one_at_a_time(database: Database) {
    const ROWS: usize = 300;
    let now = SystemTime::now();
    let inbox = Inbox::open(&database.url).await.unwrap();
    for id in 0..ROWS {
        inbox.store("graphoid", &delivery(id), now).await.unwrap();
    }

    let mut takers = JoinSet::new();
    for _ in 0..3 {
        // Connections of its own, as another process has.
        let inbox = Inbox::open(&database.url).await.unwrap();
        for _ in 0..4 {
            let inbox = inbox.clone();
            takers.spawn(async move {
                let mut taken = Vec::new();
                while let Some(row) = inbox.take(now, LEASE).await.unwrap() {
                    taken.push(row.body);
                    assert!(taken.len() <= ROWS);
                }
                taken
            });
        }
    }
    let taken = takers.join_all().await.concat();
    assert_eq!(taken.len(), ROWS);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), ROWS);
}

async fn who_outruns_the_lease_records_nothing(database: Database) {
    let inbox = Inbox::open(&database.url).await.unwrap();
    let now = SystemTime::now();
    inbox.store("graphoid", &delivery(1), now).await.unwrap();

    let late = inbox.take(now, LEASE).await.unwrap().unwrap();
    let just_before = now + LEASE - Duration::from_millis(1);
    assert!(inbox.take(just_before, LEASE).await.unwrap().is_none());
    let next = inbox.take(now + LEASE, LEASE).await.unwrap().unwrap();

    assert!(!inbox.finish(&late, "late", now).await.unwrap());
    assert!(!inbox.retry(&late, "late", now).await.unwrap());
    assert!(!inbox.set_aside(&late, "late").await.unwrap());
    assert!(inbox.finish(&next, "next", now).await.unwrap());
    assert!(!inbox.finish(&next, "twice", now).await.unwrap());

    let look = database.look().await;
    let worked = "SELECT count(*) FROM worked";
    assert_eq!(count(&look, worked).await, 1);
    let worked = "SELECT count(*) FROM worked WHERE line = 'next'";
    assert_eq!(count(&look, worked).await, 1);
}

async fn a_failed_row_comes_back_when_it_is_due(database: Database) {
    let inbox = Inbox::open(&database.url).await.unwrap();
    let now = SystemTime::now();
    let due = now + Duration::from_secs(5);
    inbox.store("graphoid", &delivery(1), now).await.unwrap();
    let row = inbox.take(now, LEASE).await.unwrap().unwrap();
    assert!(inbox.retry(&row, "no CRM", due).await.unwrap());

    let just_before = due - Duration::from_millis(1);
    assert!(inbox.take(just_before, LEASE).await.unwrap().is_none());
    // One that came later, but is due earlier, goes first.
    inbox
        .store("graphoid", &delivery(2), just_before)
        .await
        .unwrap();
    let first = inbox.take(due, LEASE).await.unwrap().unwrap();
    assert_eq!(first.body, *delivery(2).body());
    let again = inbox.take(due, LEASE).await.unwrap().unwrap();
    assert_eq!(again.body, *delivery(1).body());
    assert_eq!(again.tries, 2);

    let look = database.look().await;
    let failed = "SELECT count(*) FROM inbox WHERE error = 'no CRM' AND state = 'waiting'";
    assert_eq!(count(&look, failed).await, 1);
    assert!(inbox.finish(&again, "{}", now).await.unwrap());
    assert_eq!(count(&look, failed).await, 0);
}

async fn an_unreadable_row_is_kept_and_left_alone(database: Database) {
    let inbox = Inbox::open(&database.url).await.unwrap();
    let now = SystemTime::now();
    let bytes = [0, 0xff, b'{', b'\n'].as_slice();
    let delivery = Delivery::<Graphoid>::from_storage(bytes);
    inbox.store("graphoid", &delivery, now).await.unwrap();
    let row = inbox.take(now, LEASE).await.unwrap().unwrap();
    assert!(inbox.set_aside(&row, "not UTF-8").await.unwrap());
    assert!(inbox.take(now + 2 * LEASE, LEASE).await.unwrap().is_none());

    let look = database.look().await;
    let kept = "SELECT body FROM inbox WHERE state = 'unreadable' AND error = 'not UTF-8'";
    let body: Vec<u8> = sqlx::query_scalar(kept).fetch_one(&look).await.unwrap();
    assert_eq!(body, bytes);
}

async fn many_open_at_once(database: Database) {
    let mut openers = JoinSet::new();
    for _ in 0..8 {
        let url = database.url.clone();
        openers.spawn(async move { Inbox::open(&url).await.map(drop).unwrap() });
    }
    openers.join_all().await;
}
