//! Many deliveries at once, and large ones.

use std::time::Instant;

use leadhook::{Delivery, Graphoid};
use leadhook_inbox::Accepted;
use tokio::task::JoinSet;

use crate::support::{
    database::{Database, Db},
    delivery, on_both,
};

on_both![
    two_thousand_deliveries_at_once_are_stored,
    three_hundred_of_a_megabyte_at_once_are_stored,
];

async fn two_thousand_deliveries_at_once_are_stored<B: Db>(database: Database<B>) {
    at_once(&database, 2000, delivery).await;
}

async fn three_hundred_of_a_megabyte_at_once_are_stored<B: Db>(database: Database<B>) {
    let filler = "x".repeat(1 << 20);
    let large = |id| {
        let body = format!(r#"{{"id":"evt_{id}","event":"lead.won","data":"{filler}"}}"#);
        Delivery::from_storage(body)
    };
    at_once(&database, 300, large).await;
    let sizes = "SELECT CAST(MIN(length(body)) AS BIGINT) FROM leadhook_inbox";
    assert!(B::count(database.inbox.pool(), sizes).await > 1 << 20);
}

async fn at_once<B: Db>(
    database: &Database<B>,
    deliveries: usize,
    delivery: impl Fn(usize) -> Delivery<Graphoid>,
) {
    let mut providers = JoinSet::new();
    let all: Vec<_> = (0..deliveries).map(delivery).collect();
    let began = Instant::now();
    for delivery in all {
        let source = database.source();
        providers.spawn(async move { source.accept(&delivery).await.unwrap() });
    }
    let accepted = providers.join_all().await;
    println!("{deliveries} in {:?}", began.elapsed());
    assert!(accepted.iter().all(|accepted| *accepted == Accepted::New));
    assert_eq!(
        database.count("TRUE").await,
        i64::try_from(deliveries).unwrap()
    );
}
