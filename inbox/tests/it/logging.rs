//! Logs that nobody reads, or that have no space, harm nothing.

use std::{
    fs::File,
    io,
    process::{Command, Stdio},
};

use reqwest::{Client, StatusCode};

use crate::{
    server::{Server, event},
    support::{database, until},
};

#[tokio::test(flavor = "multi_thread")]
async fn workers_survive_a_pipe_without_a_reader() {
    survives(|command| {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        command.stderr(writer);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_survive_a_full_disk_of_logs() {
    survives(|command| {
        command.stderr(File::options().write(true).open("/dev/full").unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_survive_closed_logs() {
    survives(|command| {
        command.stderr(Stdio::null());
    })
    .await;
}

async fn survives(redirect: impl FnOnce(&mut Command)) {
    let database = database::sqlite().await;
    let client = Client::new();
    let mut command = Server::command(&database.url);
    redirect(&mut command);
    let mut server = Server::start_as(command);
    for id in 0..100 {
        let act = if id % 2 == 0 { "fail" } else { "panic" };
        let status = server.post(&client, &event(id, act, 1)).await.unwrap();
        assert_eq!(status, StatusCode::OK);
    }
    until("all are done", async || {
        database.count("state = 'done'").await == 100
    })
    .await;
    assert_eq!(database.count("attempts = 2 AND abandoned = 0").await, 100);
    assert_eq!(database.effects().await, 100);
    assert!(server.is_ready(&client).await);
    server.signal("-TERM");
    assert!(server.wait().success());
}
