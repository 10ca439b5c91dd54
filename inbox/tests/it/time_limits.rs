//! Handlers that are slow, block or never end.

use reqwest::{Client, StatusCode};

use crate::{
    server::{Server, event},
    support::{
        database::{Database, Db},
        on_both, until,
    },
};

on_both![
    slow_and_blocking_handlers_keep_their_lease,
    a_handler_past_its_timeout_is_dropped_and_retried,
];

async fn slow_and_blocking_handlers_keep_their_lease<B: Db>(database: Database<B>) {
    let client = Client::new();
    // Either would take what the other loses.
    let servers = [(); 2].map(|()| Server::start(&database));
    for (id, act) in ["sleep", "block", "sleep", "block", "block", "block"]
        .iter()
        .enumerate()
    {
        let status = servers[id % 2]
            .post(&client, &event(id, act, i64::MAX))
            .await
            .unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 6
    })
    .await;
    assert_eq!(database.count("attempts = 1 AND abandoned = 0").await, 6);
    assert_eq!(database.effects().await, 6);
}

async fn a_handler_past_its_timeout_is_dropped_and_retried<B: Db>(database: Database<B>) {
    let client = Client::new();
    let mut command = Server::command(&database.url);
    command.env("SERVE_TIMEOUT", "2");
    let server = Server::start_as(command);
    for (id, act) in ["pend", "block for ever"].into_iter().enumerate() {
        let status = server.post(&client, &event(id, act, 1)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    let failed = "error = 'timeout' OR state = 'done'";
    until("both have failed", async || {
        database.count(failed).await == 2
    })
    .await;
    until("both are done", async || {
        database.count("state = 'done'").await == 2
    })
    .await;
    assert_eq!(database.count("attempts = 2 AND abandoned = 0").await, 2);
    assert_eq!(database.effects().await, 2);
    assert!(server.is_ready(&client).await);
}
