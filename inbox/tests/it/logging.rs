//! Logs that nobody reads, or that have no space, harm nothing.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io,
    path::Path,
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

/// The front page lists every event that the sources log, and no other.
#[test]
fn the_front_page_lists_each_log_event() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let page = fs::read_to_string(source.join("lib.rs")).unwrap();
    let table = page.split("# Log events").nth(1).unwrap();
    let table = table.split("# Features").next().unwrap();
    let rows = table.lines().filter_map(|line| line.split('|').nth(2));
    let listed: BTreeSet<String> = rows
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(ToOwned::to_owned)
        .collect();
    let mut logged = BTreeSet::new();
    for text in sources(&source) {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let code = code.collect::<Vec<_>>().join("\n");
        for call in code.split("tracing::").skip(1) {
            let is_event =
                ["error!(", "warn!(", "info!(", "debug!("].map(|level| call.starts_with(level));
            if is_event.contains(&true) {
                // The message is the last argument.
                let parts: Vec<&str> = call.split('"').collect();
                let ends = |part: &&[&str]| part[1].trim_start().starts_with(')');
                let message = parts.windows(2).skip(1).step_by(2).find(ends).unwrap();
                logged.insert(message[0].to_owned());
            }
        }
    }
    assert_eq!(listed, logged);
}

/// The text of all files in a folder.
fn sources(folder: &Path) -> Vec<String> {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![fs::read_to_string(path).unwrap()]
            }
        })
        .collect()
}
