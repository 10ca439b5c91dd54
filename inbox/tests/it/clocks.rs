//! Machines whose clocks differ by two hours.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use reqwest::{Client, StatusCode};

use crate::{
    server::{Server, event},
    support::{
        database::{self, Database, Db},
        delivery, on_both, recording, until,
    },
};

/// A server whose clock is off. None, and a message, where `faketime` is not installed.
fn start<B: Db>(database: &Database<B>, off: &str) -> Option<Server> {
    if Command::new("faketime").arg("--version").output().is_err() {
        eprintln!("SKIPPED: faketime is not found (Debian: apt-get install faketime)");
        return None;
    }
    let mut faketime = Command::new("faketime");
    faketime
        .args(["-f", off])
        .arg(std::env::current_exe().unwrap());
    let mut command = Server::command_of(faketime, &database.url);
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    command.env("SERVE_LOG", "error").stderr(Stdio::inherit());
    Some(Server::start_as(command))
}

/// Half of the handlers outlast their lease, the other half fail once.
async fn load<B: Db>(database: &Database<B>, servers: [&Server; 2]) {
    let client = Client::new();
    for id in 0..12 {
        let body = if id % 2 == 0 {
            event(id, "sleep", 1)
        } else {
            event(id, "fail", 1)
        };
        let status = servers[id / 2 % 2].post(&client, &body).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 12
    })
    .await;
    assert_eq!(database.effects().await, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_of_machines_do_not_matter_on_postgres() {
    let Some(database) = database::postgres().await else {
        return;
    };
    let (Some(ahead), Some(behind)) = (start(&database, "+1h"), start(&database, "-1h")) else {
        return;
    };
    load(&database, [&ahead, &behind]).await;
    assert_eq!(database.count("abandoned = 0").await, 12);
    assert_eq!(database.count("attempts = 1").await, 6);
    assert_eq!(database.count("attempts = 2").await, 6);
    let since = "accepted_at > (extract(epoch FROM now()) - 600) * 1000";
    assert_eq!(database.count(since).await, 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_clock_loses_nothing_on_sqlite() {
    let database = database::sqlite().await;
    let (Some(mut ahead), Some(behind)) = (start(&database, "+1h"), start(&database, "-1h")) else {
        return;
    };
    let client = Client::new();
    // It runs for longer than a lease, and no clock decides about that.
    let status = behind.post(&client, &event(100, "sleep", 1)).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    until("it is done", async || {
        database.count("state = 'done'").await == 1
    })
    .await;
    assert_eq!(database.count("attempts = 1 AND abandoned = 0").await, 1);
    assert_eq!(database.effects().await, 1);

    // It was accepted ahead of the clock that is left. It is due once its process is seen to be gone.
    // The process may be gone before it responds.
    let _ = ahead
        .post(&client, &event(101, "kill before the work", 1))
        .await;
    until("the process is gone", async || ahead.has_ended()).await;
    until("it is done", async || {
        database.count("state = 'done'").await == 2
    })
    .await;
    assert_eq!(database.count("attempts = 2").await, 1);
    assert_eq!(database.effects().await, 2);
}

on_both![a_clock_that_was_a_year_ahead_delays_nothing];

/// As it leaves rows behind: failed, and of a process that was gone.
async fn a_clock_that_was_a_year_ahead_delays_nothing<B: Db>(database: Database<B>) {
    let source = database.source();
    for id in 0..4 {
        source.accept(&delivery(id)).await.unwrap();
    }
    let year = 365_i64 * 24 * 3600 * 1000;
    database
        .run(&format!(
            "UPDATE leadhook_inbox SET due_at = due_at + {year}, attempts = 1, error = 'crm', first_failed_at = due_at"
        ))
        .await;
    let suspects = format!(
        "UPDATE leadhook_inbox SET abandoned = 1 WHERE key IN ('{}', '{}')",
        database.key(0),
        database.key(1)
    );
    database.run(&suspects).await;
    let workers = recording(&database.inbox).lease(Duration::from_secs(2));
    let workers = workers.start().await.unwrap();
    until("all are done", async || {
        database.count("state = 'done' AND attempts = 2").await == 4
    })
    .await;
    workers.shutdown(Duration::from_secs(5)).await;
}
